"""playhouse.migrate, and ours with the same interface; ours also as a batch of one migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from peewee import CharField, Check, Field, SqliteDatabase, TextField

from alter_peers.operations import CannotDo, Change, Operation
from alter_peers.orders import TABLE


def field_of(type_: str, **options: Any) -> Field:
    if type_ == "TEXT":
        return TextField(**options)
    return CharField(max_length=int(type_.removeprefix("VARCHAR(").rstrip(")")), **options)


class Playhouse:
    has_groups = False

    def __init__(self, path: Path) -> None:
        self.database = SqliteDatabase(path)
        self.database.connect()
        self.migrator = self.migrator_class()(self.database)

    def migrator_class(self) -> Any:
        from playhouse.migrate import SqliteMigrator

        return SqliteMigrator

    def perform(self, operation: Operation) -> None:
        if operation.is_grouped and not self.has_groups:
            raise CannotDo("no groups")
        # Keys off and a transaction, as its documentation advises.
        with self.migrator.migration_context():
            changes = [call(self.migrator, change, TABLE) for change in operation.changes]
            self.migrator.migrate(*([self.migrator.alter_table(TABLE, *changes)] if operation.is_grouped else changes))

    def close(self) -> None:
        self.database.close()


class Ormmigrate(Playhouse):
    has_groups = True

    def migrator_class(self) -> Any:
        from ormmigrate import SqliteMigrator

        return SqliteMigrator


class Batch:
    """As an application runs it, in production: lock, history, foreign keys and quick_check before and after."""

    operation: ClassVar[Operation]

    def __init__(self, path: Path) -> None:
        from ormmigrate import Runner

        self.database = SqliteDatabase(path)
        self.database.connect()
        self.runner = Runner(self.database, [migration()], environment="production")

    def perform(self, operation: Operation) -> None:
        Batch.operation = operation
        self.runner.up()

    def close(self) -> None:
        self.database.close()


def migration() -> Any:
    from ormmigrate import BaseMigration

    class ChangeOrders(BaseMigration):
        id = "20240601_120000_change_orders"

        def up(self, migrator: Any) -> None:
            if not Batch.operation.is_grouped:
                for change in Batch.operation.changes:
                    call(migrator, change, TABLE)
                return
            with migrator.alter_table(TABLE) as table:
                for change in Batch.operation.changes:
                    call(table, change)

    return ChangeOrders


def call(migrator: Any, change: Change, *table: str) -> Any:
    """The method of that change; with the table in front, or without it within a group."""
    kind, arguments = change
    if kind == "add_column":
        return migrator.add_column(*table, arguments[0], field_of(arguments[1], null=True))
    if kind == "add_filled_column":
        column, type_, value = arguments
        return migrator.add_column(*table, column, field_of(type_, default=value))
    if kind == "alter_column_type":
        return migrator.alter_column_type(*table, arguments[0], field_of(arguments[1]))
    if kind == "add_check":
        return migrator.add_constraint(*table, arguments[0], Check(arguments[1]))
    if kind == "drop_check":
        return migrator.drop_constraint(*table, *arguments)
    if kind == "add_index":
        return migrator.add_index(*table, arguments, False)
    if kind == "add_foreign_key":
        return migrator.add_foreign_key_constraint(*table, *arguments, "id")
    if kind == "drop_foreign_key":
        return migrator.drop_foreign_key_constraint(*table, arguments[0])
    return getattr(migrator, kind)(*table, *arguments)
