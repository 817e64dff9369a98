"""Migrations replayed on empty tables in a scratch place, where nothing lasts."""

from __future__ import annotations

from peewee import Database

from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.engine import Outcome
from ormmigrate.errors import MigrationFailed
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import BaseMigration
from ormmigrate.operations import Operation
from ormmigrate.registry import Registries

Performed = tuple[Operation, tuple[str, ...]]


def operations_of(
    database: Database, dialect: Dialect, registries: Registries, wanted: BaseMigration
) -> list[Performed]:
    """The operations of one migration with their SQL, after everything before it was replayed.

    Raises:
        MigrationFailed: a migration does not run on empty tables.
    """
    performed: list[Performed] = []
    with dialect.scratch(database):
        for migration in registries.migrations:
            performed.clear()
            _replay(database, dialect, migration, performed)
            if migration is wanted:
                break
    return performed


def _replay(database: Database, dialect: Dialect, migration: BaseMigration, performed: list[Performed]) -> None:
    def keep(operation: Operation, outcome: Outcome, sql: tuple[str, ...], duration_ms: float) -> None:
        performed.append((operation, sql))

    migrator = LiveMigrator(database, dialect, keep, calls_functions=False)
    # One transaction, which nobody else can see.
    migrator.engine.runs_online = False
    try:
        with migrator.listening():
            migration.before(migrator)
            migration.up(migrator)
            migration.after(migrator)
    except Exception as error:
        operation = migrator.failed_at(error)
        raise MigrationFailed(
            migration=migration.label,
            operation=operation.describe() if operation else None,
            statement=migrator.statement,
            cause=error,
            outcome="This was a replay on empty tables, from the first migration on; the database was not touched.",
            advice="a list of migrations must build the schema from nothing: add what it leaves out, or let "
            "up() ask migrator.has_table(...) first.",
        ) from error
