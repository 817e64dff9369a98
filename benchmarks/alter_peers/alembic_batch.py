"""alembic's batch mode: `with op.batch_alter_table(...)`, which copies the table once for each block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, String, Text, create_engine

from alter_peers.operations import Operation
from alter_peers.orders import TABLE


class Alembic:
    def __init__(self, path: Path) -> None:
        self.engine = create_engine(f"sqlite:///{path}")
        self.connection = self.engine.connect()

    def perform(self, operation: Operation) -> None:
        groups = [operation.changes] if operation.is_grouped else [(change,) for change in operation.changes]
        with self.connection.begin():
            op = Operations(MigrationContext.configure(self.connection))
            for changes in groups:
                if changes[0].kind == "rename_table":
                    op.rename_table(TABLE, *changes[0].arguments)
                elif changes[0].kind == "add_filled_column":
                    self._add_filled_column(op, *changes[0].arguments)
                else:
                    with op.batch_alter_table(TABLE) as batch:
                        for kind, arguments in changes:
                            globals()[kind](batch, *arguments)

    def _add_filled_column(self, op: Any, column: str, type_: str, value: str) -> None:
        with op.batch_alter_table(TABLE) as batch:
            batch.add_column(Column(column, type_of(type_), nullable=False, server_default=value))
        with op.batch_alter_table(TABLE) as batch:
            batch.alter_column(column, server_default=None)

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()


def type_of(text: str) -> Any:
    return Text() if text == "TEXT" else String(int(text.removeprefix("VARCHAR(").rstrip(")")))


def add_column(batch: Any, column: str, type_: str) -> None:
    batch.add_column(Column(column, type_of(type_), nullable=True))


def drop_column(batch: Any, column: str) -> None:
    batch.drop_column(column)


def rename_column(batch: Any, old: str, new: str) -> None:
    batch.alter_column(old, new_column_name=new)


def drop_not_null(batch: Any, column: str) -> None:
    batch.alter_column(column, nullable=True)


def add_not_null(batch: Any, column: str) -> None:
    batch.alter_column(column, nullable=False)


def alter_column_type(batch: Any, column: str, type_: str) -> None:
    batch.alter_column(column, type_=type_of(type_))


def add_column_default(batch: Any, column: str, value: str) -> None:
    batch.alter_column(column, server_default=value)


def drop_column_default(batch: Any, column: str) -> None:
    batch.alter_column(column, server_default=None)


def add_check(batch: Any, name: str, condition: str) -> None:
    batch.create_check_constraint(name, condition)


def drop_check(batch: Any, name: str) -> None:
    batch.drop_constraint(name, type_="check")


def add_unique(batch: Any, column: str) -> None:
    batch.create_unique_constraint(f"uniq_{column}", [column])


def add_foreign_key(batch: Any, column: str, rel: str) -> None:
    batch.create_foreign_key(f"fk_{TABLE}_{column}_refs_{rel}", rel, [column], ["id"])


def drop_foreign_key(batch: Any, column: str, name: str) -> None:
    batch.drop_constraint(name, type_="foreignkey")


def add_index(batch: Any, column: str) -> None:
    batch.create_index(f"{TABLE}_{column}", [column])


def drop_index(batch: Any, name: str) -> None:
    batch.drop_index(name)
