"""peewee-migrate: models against its migrations (`create --auto`), and `migrate`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from peewee import SqliteDatabase
from peewee_migrate import Router
from peewee_migrate.router import compile_migrations

from changes_peers.peewee_models import models
from changes_peers.states import State
from changes_peers.tool import Tool


class PeeweeMigrate(Tool):
    tables = ("migratehistory",)

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        logging.getLogger("peewee_migrate").setLevel(logging.CRITICAL)
        self.database = SqliteDatabase(self.path, pragmas={"foreign_keys": 1})
        self.state = State(())

    def create(self, state: State) -> None:
        """As peewee makes them, with a first migration that is written by it and counts as run (`migrate --fake`)."""
        made = models(state)
        self.database.bind(made)
        self.database.create_tables(made)
        self._router().create("first", auto=made)
        self._router().run(fake=True)

    def differences(self, state: State, renamed: str | None = None) -> Sequence[str]:
        self.state = state
        found = compile_migrations(self._router().migrator, self._models())
        return [line.strip() for line in found.splitlines() if line.strip()]

    def apply(self) -> None:
        self._router().create("change", auto=self._models())
        self._router().run()

    def _models(self) -> list[type]:
        made = models(self.state)
        self.database.bind(made)
        return made

    def _router(self) -> Router:
        return Router(self.database, migrate_dir=self.folder / "migrations")
