"""A whole schema as the operations of a first migration. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from peewee import SQL

from ormmigrate.building import Builder
from ormmigrate.dialects.base import Dialect
from ormmigrate.diff import Difference, diff
from ormmigrate.operations import CreateTable, Operation
from ormmigrate.schema import Index, Schema, Table, by_name

#: Options that can stand among a table's constraints.
CONSTRAINTS = ("UNIQUE (", "EXCLUDE ")
#: What MariaDB and MySQL call a kind of index rather than a method.
KINDS = ("FULLTEXT", "SPATIAL")


def initial(schema: Schema, dialect: Dialect, before: Sequence[Operation], behind: Sequence[Operation]) -> Difference:
    """What makes a schema of nothing.

    Args:
        before, behind: what stands beside its tables, by `dialect.beside`.
    """
    plain = [without_said(table) for table in schema.tables]
    made = diff(Schema(kind=dialect), Schema(tuple(plain), kind=dialect))
    tables = by_name(schema.tables, dialect.folded)
    operations: list[Operation] = [*before]
    for operation in made.operations:
        if isinstance(operation, CreateTable):
            operation = _complete(operation, tables[dialect.folded(operation.table)], dialect)
        operations.append(operation)
    unsaid = [f"{table.name}: {option}" for table in plain for option in dialect.unsaid_options(table.options)]
    return Difference((*operations, *behind), tuple(unsaid))


def said_options(table: Table) -> list[str]:
    """Those of a table's options that are constraints."""
    return [option for option in table.options if option.startswith(CONSTRAINTS)]


def without_said(table: Table) -> Table:
    """A table without the options that are constraints, and without the indexes that these make."""
    said = said_options(table)
    if not said:
        return table
    made = {_plain(option.partition("(")[2].partition(")")[0]) for option in said if option.startswith("UNIQUE (")}
    indexes = [
        index
        for index in table.indexes
        if not (index.is_constraint and _plain(", ".join(part.text for part in index.parts)) in made)
    ]
    return replace(
        table, indexes=tuple(indexes), options=tuple(option for option in table.options if option not in said)
    )


def index_sql(builder: Builder, table: Table, index: Index, name: str) -> str:
    """The CREATE INDEX of an index."""
    quoted = builder.kind.quoted
    parts = ", ".join(
        quoted(part) if isinstance(part, str) else str(getattr(part, "sql", ""))
        for part in builder.add_index(table.name, index).columns
    )
    kind = f"{index.method} " if index.method in KINDS else "UNIQUE " if index.unique else ""
    using = f"USING {index.method} " if index.method and index.method not in KINDS else ""
    behind = f" INCLUDE ({builder.names(index.include)})" if index.include else ""
    behind += "" if index.nulls_distinct else " NULLS NOT DISTINCT"
    behind += f" WHERE {index.where}" if index.where else ""
    return f"CREATE {kind}INDEX {quoted(name)} ON {quoted(table.name)} {using}({parts}){behind}"


def _plain(names: str) -> str:
    return names.replace('"', "").lower()


def _complete(operation: CreateTable, table: Table, dialect: Dialect) -> CreateTable:
    more = tuple(SQL(option) for option in said_options(table))
    return dialect.with_comments(replace(operation, constraints=(*operation.constraints, *more)), table)
