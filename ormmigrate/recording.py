"""The migrator that keeps operations and runs none, and the reverse of a migration that is derived from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from peewee import Database

from ormmigrate.connection import stand_in
from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import IrreversibleMigration
from ormmigrate.migration import BaseMigration
from ormmigrate.migrator import Migrator
from ormmigrate.operations import AlterTable, DropTable, Operation

Method = Callable[[Migrator], object]


class RecordingMigrator(Migrator):
    """Keeps the operations, and runs none."""

    def __init__(self, database: Database, dialect: Dialect) -> None:
        super().__init__(database, dialect)
        self.operations: list[Operation] = []

    def _perform(self, operation: Operation) -> None:
        self.operations.append(operation)


class _QueryRefused(Exception):
    """Raised by the connection that stands in while `up` is recorded."""


class _RefusingConnection:
    """Refuses everything, and remembers that it was asked, even where the exception is swallowed."""

    def __init__(self) -> None:
        object.__setattr__(self, "asked", False)

    def __getattr__(self, name: str) -> Any:
        object.__setattr__(self, "asked", True)
        raise _QueryRefused

    def __setattr__(self, name: str, value: object) -> None:
        getattr(self, f"set {name}")


def record(
    database: Database, dialect: Dialect, migration: BaseMigration, method: Method | None = None
) -> list[Operation]:
    """The operations of a migration's `up`, without running any, and without letting a query through.

    Args:
        method: another of its methods.

    Raises:
        IrreversibleMigration: it queries the database itself, or raises.
    """
    migrator = RecordingMigrator(database, dialect)
    connection = _RefusingConnection()
    failure: Exception | None = None
    with stand_in(database, connection):
        try:
            (method or migration.up)(migrator)
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the cause
            failure = error
    if connection.asked:
        raise IrreversibleMigration(
            migration=migration.label,
            operation="its up() queries the database, so what it would do cannot be known beforehand",
            advice="write down(), or move that code into a function: migrator.run(fill, reverse=empty).",
        ) from failure
    if failure is not None:
        raise IrreversibleMigration(
            migration=migration.label,
            operation=f"its up() raises {type(failure).__name__}: {failure}",
            advice="correct it, or write down().",
        ) from failure
    return migrator.operations


def reverse_of(database: Database, dialect: Dialect, migration: BaseMigration) -> list[Operation]:
    """The operations that take a migration back, derived from its `up`.

    Raises:
        IrreversibleMigration: which operation has no reverse, and what to write.
    """
    reverses: list[Operation] = []
    for operation in reversed(record(database, dialect, migration)):
        taken_back = operation.reverse()
        if taken_back is None:
            raise _irreversible(migration, operation)
        reverses += taken_back
    return reverses


def expected(
    database: Database, dialect: Dialect, migration: BaseMigration, direction: str, adopted: Sequence[str] = ()
) -> list[Operation]:
    """All operations of a migration in one direction, those of before() and after() among them.

    Args:
        adopted: tables that were there before it, which a derived `down` leaves.

    Raises:
        IrreversibleMigration: they cannot be known beforehand.
    """
    if direction == "up":
        middle = record(database, dialect, migration)
    elif migration.writes_down:
        middle = record(database, dialect, migration, migration.down)
    else:
        left = {dialect.folded(name) for name in adopted}
        middle = [
            operation
            for operation in reverse_of(database, dialect, migration)
            if not (isinstance(operation, DropTable) and dialect.folded(operation.table) in left)
        ]
    before = record(database, dialect, migration, migration.before)
    return before + middle + record(database, dialect, migration, migration.after)


def _irreversible(migration: BaseMigration, operation: Operation) -> IrreversibleMigration:
    culprit = operation
    if isinstance(operation, AlterTable):
        culprit = next(change for change in operation.changes if change.reverse() is None)
    return IrreversibleMigration(migration=migration.label, operation=culprit.describe(), advice=culprit.advice)
