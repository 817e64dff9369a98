"""SQLAlchemy's metadata of a state."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from changes_peers.states import State, python_default
from ormmigrate.schema import Column, Index, Table

TYPES = {
    "INTEGER": sa.Integer,
    "BIGINT": sa.BigInteger,
    "REAL": sa.Float,
    "TEXT": sa.Text,
    "DATE": sa.Date,
    "DATETIME": sa.DateTime,
    "BOOLEAN": sa.Boolean,
    "VARCHAR": sa.String,
    "DECIMAL": sa.Numeric,
}
#: As Alembic's documentation advises, so that each constraint can be dropped.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata(state: State) -> sa.MetaData:
    """SQL behind the tables is no part of it."""
    found = sa.MetaData(naming_convention=NAMING)
    for table in state.tables:
        _table(found, table)
    return found


def _table(found: sa.MetaData, table: Table) -> None:
    options: dict[str, Any] = {}
    if "STRICT" in table.options:
        options["sqlite_strict"] = True
    if "WITHOUT ROWID" in table.options:
        options["sqlite_with_rowid"] = False
    if any(column.identity == "AUTOINCREMENT" for column in table.columns):
        options["sqlite_autoincrement"] = True
    made = sa.Table(table.name, found, *(_column(table, column) for column in table.columns), **options)
    for key in table.foreign_keys:
        made.append_constraint(
            sa.ForeignKeyConstraint(
                key.columns,
                [f"{key.table}.{name}" for name in key.target_columns],
                name=key.name,
                ondelete=None if key.on_delete == "NO ACTION" else key.on_delete,
                onupdate=None if key.on_update == "NO ACTION" else key.on_update,
                deferrable=True if key.deferrable else None,
                initially=key.deferrable.partition(" ")[2] if key.deferrable else None,
            )
        )
    for check in table.checks:
        made.append_constraint(sa.CheckConstraint(check.expression, name=check.name))
    for index in table.indexes:
        if index.is_constraint:
            made.append_constraint(sa.UniqueConstraint(*(index.columns or ()), name=index.name))
        else:
            _index(made, index)


def _column(table: Table, column: Column) -> sa.Column[Any]:
    word, _, numbers = column.type.rstrip(")").partition("(")
    arguments = [int(number) for number in numbers.split(",")] if numbers else []
    collation = {"collation": column.collation} if column.collation else {}
    behind: list[Any] = []
    if column.generated is not None:
        behind.append(sa.Computed(column.generated, persisted=column.stored))
    return sa.Column(
        column.name,
        TYPES[word](*arguments, **collation),
        *behind,
        primary_key=column.name in table.primary_key,
        nullable=column.null,
        default=python_default(column),
        server_default=None if column.default is None else sa.text(column.default),
    )


def _index(made: sa.Table, index: Index) -> None:
    parts = [
        sa.text(part.text)
        if part.is_expression
        else made.c[part.text].desc()
        if part.suffix == "DESC"
        else made.c[part.text]
        for part in index.parts
    ]
    options = {"sqlite_where": sa.text(index.where)} if index.where else {}
    sa.Index(index.name, *parts, unique=index.unique, _table=made, **options)
