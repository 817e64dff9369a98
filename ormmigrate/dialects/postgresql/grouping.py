"""Changes of one table in as few ALTER TABLE as their order allows: each of them locks it, and may rewrite it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ormmigrate.dialects.postgresql.drafting import adds_constraint, drafted, names_of
from ormmigrate.dialects.postgresql.drafts import Draft, altering
from ormmigrate.errors import UnsupportedOperation
from ormmigrate.operations import AddIndex, Change, DropIndex, Operation, RenameColumn

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

#: Statements of their own.
ALONE = (AddIndex, DropIndex, RenameColumn)


def run_changes(engine: PostgresqlEngine, table: str, changes: Sequence[Operation]) -> None:
    """Run changes in their order; those that stand beside each other and can be one ALTER TABLE are."""
    pending = _Pending(engine, table)
    for change in changes:
        if not isinstance(change, Change):
            raise engine.unsupported(change, "It is no change of one table.", "take it out of the group.")
        pending.take(change)
    pending.run()


class _Pending:
    """What is drafted and has not run."""

    def __init__(self, engine: PostgresqlEngine, table: str) -> None:
        self.engine, self.table = engine, table
        self.clauses: list[str] = []
        self.after: list[str] = []
        self.names: frozenset[str] = frozenset()

    def take(self, change: Change) -> None:
        names = names_of(self.engine, change) if self.clauses else frozenset()
        if isinstance(change, ALONE) or (names & self.names and not adds_constraint(change)):
            # What it has to read, and what PostgreSQL does first in one ALTER TABLE, depends on those.
            self.run()
        draft = self._draft(change)
        if draft.names & self.names:
            self.run()
            draft = self._draft(change)
        self.clauses += draft.clauses
        self.after += draft.after
        self.names |= draft.names | (names or names_of(self.engine, change))
        if draft.steps:
            self.run()
            for step in draft.steps:
                if isinstance(step, str):
                    self.engine.execute(step)
                else:
                    step()

    def _draft(self, change: Change) -> Draft:
        try:
            return drafted(self.engine, change)
        except UnsupportedOperation:
            if not self.clauses:
                raise
        # What stands in its way may be what goes before it.
        self.run()
        return drafted(self.engine, change)

    def run(self) -> None:
        for clauses in (self.clauses, self.after):
            if clauses:
                self.engine.execute(altering(self.engine, self.table, clauses))
        self.clauses, self.after, self.names = [], [], frozenset()
