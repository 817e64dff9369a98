"""ormmigrate: models against the database, a migration's file of what differs, run as a batch."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from changes_peers.peewee_models import models
from changes_peers.states import State
from changes_peers.tool import Tool
from ormmigrate import Runner
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import Difference, diff, renames
from ormmigrate.generating import has_todo
from ormmigrate.render import render
from ormmigrate.schema import Schema
from ormmigrate.sources import of_database, of_models
from ormmigrate.urls import database_from_url

ID = "20240601_120000_change"


class Ours(Tool):
    tables = ("ormmigrate_history", "ormmigrate_journal")
    reads_all = True

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.database = database_from_url(url)
        if url.startswith("sqlite"):
            self.database.init(self.database.database, pragmas={"foreign_keys": 1})
        self.dialect = dialect_of(self.database)
        self.found = Difference()

    def create(self, state: State) -> None:
        with self.database.connection_context():
            self._make(state)

    def differences(self, state: State, renamed: str | None = None) -> Sequence[str]:
        before, after = of_database(self.database, self.dialect), self._wanted(state)
        self.found = diff(before, after)
        for rename in renames(before, after):
            if rename.answer == renamed:
                self.found, self.has_asked = Difference((rename.operation,)), True
        return [*(operation.describe() for operation in self.found.operations), *self.found.unexpressed]

    def apply(self) -> None:
        if not self.found.operations:
            return
        source = render(self.found.operations, ID, "Change", "Change", self.found.unexpressed)
        if has_todo(source):
            source, self.has_asked = decided(source), True
        module = ModuleType("change")
        exec(source, vars(module))
        Runner(self.database, [module.Change], environment="test").up()

    def _wanted(self, state: State) -> Schema:
        """What models say; where there is more than they can, it is made for once."""
        if not state.sql:
            return of_models(self.database, self.dialect, models(state))
        with self.database.connection_context(), self.dialect.scratch(self.database):
            self._make(state)
            return self.dialect.inspect(self.database).without(self.tables)

    def _make(self, state: State) -> None:
        made = models(state)
        for model in made:
            model.bind(self.database, bind_refs=False, bind_backrefs=False)
        self.database.create_tables(made)
        for statement in state.sql:
            self.database.execute_sql(statement)


def decided(source: str) -> str:
    """A migration as a person leaves it who is asked what rows get: a value for each `...`, nothing that refuses."""

    class Decided(ast.NodeTransformer):
        def visit_Raise(self, node: ast.Raise) -> None:
            return None

        def visit_Constant(self, node: ast.Constant) -> ast.Constant:
            return ast.Constant("1") if node.value is ... else node

    return ast.unparse(Decided().visit(ast.parse(source)))
