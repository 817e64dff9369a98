"""Schemas said neutrally: each tool's models are made from them, each in its own way.

The values are those of ormmigrate.schema. Types are written as `VARCHAR(20)`; an index or CHECK that needs a name has
one. What no models say (views, triggers, comments) is SQL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ormmigrate.schema import Check, Column, ForeignKey, Index, Part, Table

SQLITE, PG, MARIA = "sqlite", "postgresql", "mysql"


class CannotBeSaid(Exception):
    """The models of a tool have no word for it."""


@dataclass(frozen=True)
class State:
    """A schema: tables, and what is made behind them."""

    tables: tuple[Table, ...]
    sql: tuple[str, ...] = ()

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)

    def having(self, *tables: Table) -> State:
        """The same with these tables, in place of those of the same names."""
        given = {table.name: table for table in tables}
        kept = [given.pop(table.name, table) for table in self.tables]
        return replace(self, tables=(*kept, *given.values()))

    def without(self, name: str) -> State:
        return replace(self, tables=tuple(table for table in self.tables if table.name != name))


@dataclass(frozen=True)
class Change:
    """One change of a schema.

    Attributes:
        renamed: what a user answers who is asked: `book.title=book.heading`, `editor=person`.
    """

    name: str
    before: State
    after: State
    renamed: str | None = None

    @property
    def slug(self) -> str:
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")


def attribute(column: str) -> str:
    """`author` for the column `author_id`, as is usual; it stays so when the column becomes a foreign key."""
    return column.removesuffix("_id")


def python_default(column: Column) -> Any:
    """The default of its model alone, which the database does not know."""
    return None if column.field is None else column.field.default


def id_column() -> Column:
    return Column("id", "INTEGER", null=False)


def parts(*columns: str) -> tuple[Part, ...]:
    """Columns of an index; `title DESC` is one with a suffix."""
    return tuple(Part(name, suffix=suffix) for name, _, suffix in (column.partition(" ") for column in columns))


def index(*columns: str, unique: bool = False, where: str | None = None, name: str | None = None) -> Index:
    return Index(parts(*columns), unique, where=where, name=name)


def unique_constraint(*columns: str, name: str) -> Index:
    return Index(parts(*columns), unique=True, is_constraint=True, name=name)


def expression_index(expression: str, name: str) -> Index:
    return Index((Part(expression, is_expression=True),), name=name)


def key(column: str, table: str, on_delete: str = "NO ACTION", deferrable: str | None = None) -> ForeignKey:
    return ForeignKey((column,), table, ("id",), on_delete, deferrable=deferrable)


def with_column(table: Table, column: Column) -> Table:
    """The table with that column, in place of the one of its name or as the last."""
    names = [found.name for found in table.columns]
    if column.name not in names:
        return replace(table, columns=(*table.columns, column))
    return replace(table, columns=tuple(column if found.name == column.name else found for found in table.columns))


def without_column(table: Table, name: str) -> Table:
    return replace(table, columns=tuple(column for column in table.columns if column.name != name))


def with_parts(
    table: Table,
    *,
    indexes: Sequence[Index] = (),
    foreign_keys: Sequence[ForeignKey] = (),
    checks: Sequence[Check] = (),
) -> Table:
    """The table with these besides."""
    return replace(
        table,
        indexes=(*table.indexes, *indexes),
        foreign_keys=(*table.foreign_keys, *foreign_keys),
        checks=(*table.checks, *checks),
    )
