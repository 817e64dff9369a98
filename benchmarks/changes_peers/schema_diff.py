"""playhouse.schema_diff: models against the database, written and run by playhouse.migrations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peewee import SqliteDatabase
from playhouse.migrations import Runner, template
from playhouse.schema_diff import SchemaDiff, diff_models

from changes_peers.peewee_models import models
from changes_peers.states import State
from changes_peers.tool import Tool


class SchemaDifference(Tool):
    tables = ("schema_migration",)

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.database = SqliteDatabase(self.path, pragmas={"foreign_keys": 1})
        self.found = SchemaDiff([], [], [], [], [])

    def create(self, state: State) -> None:
        made = models(state)
        self.database.bind(made)
        self.database.create_tables(made)

    def differences(self, state: State, renamed: str | None = None) -> Sequence[str]:
        made = models(state)
        self.database.bind(made)
        self.found = diff_models(self.database, made)
        return str(self.found).splitlines()

    def apply(self) -> None:
        runner = Runner(self.database, str(self.folder / "migrations"))
        runner.create("change", template(self.found))
        runner.up()
