"""Migrations replayed on empty tables in a scratch place, where nothing lasts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from peewee import Database

from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.engine import Outcome
from ormmigrate.errors import ConfigurationError, MigrationError, MigrationFailed
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import BaseMigration
from ormmigrate.operations import Operation

Performed = tuple[Operation, tuple[str, ...]]
OUTCOME = "This was a replay on empty tables, from the first migration on; the database was not touched."
FROM_NOTHING = (
    "a list of migrations must build the schema from nothing: add what it leaves out, or let up() ask "
    "migrator.has_table(...) first."
)
UNWRITTEN = "write what it is to do, or take it out of the registry: until then nothing can be built with it."


def replay(database: Database, dialect: Dialect, migrations: Iterable[BaseMigration]) -> None:
    """Run migrations in the scratch place that the connection is in.

    Raises:
        MigrationFailed: one does not run on empty tables.
    """
    for migration in migrations:
        replayed(database, dialect, migration)


def perform(database: Database, dialect: Dialect, operations: Sequence[Operation]) -> list[Performed]:
    """Run operations in the scratch place that the connection is in; each with its SQL.

    Raises:
        ConfigurationError: one does not run.
    """
    migrator, performed = _migrator(database, dialect)
    try:
        with migrator.listening():
            migrator.replay(operations)
    except (Exception, SystemExit) as error:
        operation = migrator.failed_at(error)
        what = operation.describe() if operation else "an operation"
        reason = error.problem if isinstance(error, MigrationError) else f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"This does not run on empty tables: {what}: {reason}",
            error.advice if isinstance(error, MigrationError) else "leave it out, and write that migration by hand.",
        ) from error
    return performed


def _migrator(database: Database, dialect: Dialect) -> tuple[LiveMigrator, list[Performed]]:
    """A migrator for a scratch place, and the list in which it keeps what it has done."""
    performed: list[Performed] = []

    def keep(operation: Operation, outcome: Outcome, sql: tuple[str, ...], duration_ms: float) -> None:
        performed.append((operation, sql))

    migrator = LiveMigrator(database, dialect, keep, calls_functions=False)
    # One transaction, which nobody else can see.
    migrator.engine.runs_online = False
    return migrator, performed


def replayed(database: Database, dialect: Dialect, migration: BaseMigration) -> list[Performed]:
    """A migration's operations with their SQL, after they were run."""
    migrator, performed = _migrator(database, dialect)
    try:
        with migrator.listening():
            migration.before(migrator)
            migration.up(migrator)
            migration.after(migrator)
    except (Exception, SystemExit) as error:
        operation = migrator.failed_at(error)
        raise MigrationFailed(
            migration=migration.label,
            operation=operation.describe() if operation else None,
            statement=migrator.statement,
            cause=error,
            outcome=OUTCOME,
            advice=UNWRITTEN if isinstance(error, NotImplementedError) else FROM_NOTHING,
        ) from error
    return performed
