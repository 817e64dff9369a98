"""What taking migrations back would lose, said before it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from peewee import SQL, Database, PeeweeException, Table, fn

from ormmigrate.connection import connected
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import IrreversibleMigration
from ormmigrate.migration import BaseMigration
from ormmigrate.migrator import Migrator
from ormmigrate.operations import (
    AlterColumnType,
    CreateTable,
    DropColumn,
    DropTable,
    Operation,
    RenameTable,
    Run,
    Script,
    Sql,
    flat,
)
from ormmigrate.plan import AppliedMigration, Plan
from ormmigrate.recording import record, reverse_of

#: What may lose something that is only known by reading it.
OPAQUE = (AlterColumnType, Run, Script, Sql)


@dataclass(frozen=True)
class Preview:
    """A migration that would be taken back.

    Attributes:
        losses: what would be lost, or may be, in words; none where only structure without rows goes.
    """

    migration: BaseMigration
    losses: tuple[str, ...]


def previews(database: Database, plan: Plan, rows: Sequence[AppliedMigration]) -> list[Preview]:
    """What each migration of a plan would lose, in the plan's order. Reads, and changes nothing.

    Raises:
        IrreversibleMigration: one has no `down` and no reverse can be derived.
    """
    dialect = dialect_of(database)
    by_key = {row.key: row for row in rows}
    with connected(database, dialect):
        tables = _Tables(database, dialect)
        return [
            Preview(migration, tuple(_losses(dialect, tables, migration, by_key[migration.key])))
            for migration in plan.migrations
        ]


def _losses(dialect: Dialect, tables: _Tables, migration: BaseMigration, row: AppliedMigration) -> Iterator[str]:
    adopted = {dialect.folded(name) for name in row.details.get("adopted", ())}
    if not migration.writes_down:
        operations = reverse_of(tables.database, dialect, migration)
    else:
        try:
            operations = record(tables.database, dialect, _Down(migration))
        except IrreversibleMigration:
            yield "whatever its own down() takes away: it asks the database, so it cannot be said beforehand"
            return
    for operation in flat(operations):
        if isinstance(operation, DropTable):
            if dialect.folded(operation.table) in adopted:
                continue  # it was there before the migration, and stays
            yield operation.describe() + tables.rows_in_words(operation.table)
        elif isinstance(operation, (DropColumn, *OPAQUE)):
            yield operation.describe()
        tables.follow(operation)


class _Down(BaseMigration):
    """A written `down` in the place of `up`, so that it can be recorded."""

    def __init__(self, migration: BaseMigration) -> None:
        self.id, self.registry = migration.id, migration.registry
        self._migration = migration

    def up(self, migrator: Migrator) -> None:
        self._migration.down(migrator)


class _Tables:
    """The tables as they are now, by the names that operations give them on the way back."""

    def __init__(self, database: Database, dialect: Dialect) -> None:
        self.database = database
        self._dialect = dialect
        #: Names that mean another table than now; None for one that is not there yet.
        self._present: dict[str, str | None] = {}

    def follow(self, operation: Operation) -> None:
        folded = self._dialect.folded
        if isinstance(operation, RenameTable):
            self._present[folded(operation.new_name)] = self._now(operation.table)
        elif isinstance(operation, (CreateTable, DropTable)):
            self._present[folded(operation.table)] = None

    def _now(self, name: str) -> str | None:
        return self._present.get(self._dialect.folded(name), name)

    def rows_in_words(self, name: str) -> str:
        present = self._now(name)
        # A view of that name, or no right to read: the count is a courtesy.
        with suppress(PeeweeException):
            if present is not None and self._dialect.has_table(self.database, present):
                number = Table(present).select(fn.COUNT(SQL("*"))).scalar(self.database)
                return f" ({number:,} row{'' if number == 1 else 's'})"
        return ""
