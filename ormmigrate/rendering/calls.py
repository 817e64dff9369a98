"""Operations as calls of the migrator's methods, with no argument that is as usual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

from peewee import SQL, Field, Node

from ormmigrate.errors import ConfigurationError
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    AlterTable,
    Backfill,
    CreateTable,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    Script,
    Sql,
)
from ormmigrate.rendering import fields as field_source
from ormmigrate.rendering import values
from ormmigrate.rendering.expressions import ELLIPSIS, Brackets, Entry, Expression, Keyword, Text, listing, row
from ormmigrate.rendering.values import Unwritable

#: What stands in front, without names. Whatever else an operation says is a keyword, of the same name or of another.
POSITIONAL: dict[type[Operation], tuple[str, ...]] = {
    CreateTable: ("table", "columns"),
    DropTable: ("table",),
    RenameTable: ("table", "new_name"),
    AddColumn: ("table", "column", "field"),
    DropColumn: ("table", "column"),
    RenameColumn: ("table", "column", "new_name"),
    AlterColumnType: ("table", "column", "field"),
    AddNotNull: ("table", "column"),
    DropNotNull: ("table", "column"),
    AddColumnDefault: ("table", "column", "default"),
    DropColumnDefault: ("table", "column"),
    AddIndex: ("table", "columns"),
    DropIndex: ("table", "index"),
    AddConstraint: ("table", "name", "constraint"),
    AddUnique: ("table",),
    DropConstraint: ("table",),
    AddForeignKeyConstraint: ("table", "column", "rel", "rel_column"),
    DropForeignKeyConstraint: ("table", "column"),
    AlterTable: ("table",),
    Backfill: ("table", "values"),
    Sql: ("text",),
    Script: ("text",),
}
NAMES = {"reverse_text": "reverse", "reverse_values": "reverse"}
#: Whose methods take no `allow_copy`.
NEVER_COPY = (
    RenameColumn,
    AddColumnDefault,
    DropColumnDefault,
    DropIndex,
    DropConstraint,
    DropForeignKeyConstraint,
)
Arguments = list[Expression]


def arguments(operation: Operation) -> tuple[Expression, ...]:
    """What the method that makes an operation is given, its table in front.

    Raises:
        ConfigurationError: the operation holds what has no source, or what no argument says.
    """
    try:
        if isinstance(operation, NEVER_COPY) and operation.allow_copy:
            raise Unwritable("its method takes no allow_copy")
        return tuple(_WRITERS.get(type(operation), _plain)(operation))
    except Unwritable as error:
        raise ConfigurationError(
            f"This cannot be written into a file: {operation.describe()}: {error}.",
            "write that part of the migration by hand; functions and objects of the application have no place in it.",
        ) from error


# -- the usual way ------------------------------------------------------------------------------


def _plain(operation: Operation, *left_out: str) -> Arguments:
    """All that an operation says: in front what always stands there, then what is not as usual, by its name."""
    if type(operation) not in POSITIONAL:
        raise Unwritable("a function stands in the migration itself")
    first = POSITIONAL[type(operation)]
    found = [_argument(getattr(operation, name)) for name in first]
    return found + _keywords(operation, *first, *left_out)


def _keywords(operation: Operation, *left_out: str) -> Arguments:
    # What every Change takes comes first among its fields, and last among the arguments.
    ordered = sorted(fields(operation), key=lambda one: bool(one.kw_only))
    return [
        Keyword(NAMES.get(one.name, one.name), _argument(getattr(operation, one.name)))
        for one in ordered
        if one.name not in left_out and not _is_usual(getattr(operation, one.name), one.default)
    ]


def _is_usual(value: Any, usual: object) -> bool:
    if usual is MISSING:
        return False
    # peewee's nodes answer == with an expression, which is always true.
    return value is usual or (not isinstance(value, (Node, Field)) and bool(value == usual))


def _argument(value: Any) -> Expression:
    if isinstance(value, Field):
        return field_source.expression(value)
    if isinstance(value, Mapping) and any(isinstance(one, Field) for one in value.values()):
        return _columns(value)
    return values.expression(value)


def _columns(columns: Mapping[str, Field]) -> Brackets:
    """The columns of a table, each on a line of its own where there are several."""
    found = tuple(Entry(Text(column), field_source.expression(field)) for column, field in columns.items())
    return Brackets("{", found, "}", always_broken=len(found) > 1)


# -- others -------------------------------------------------------------------------------------


def _create_table(operation: CreateTable) -> Arguments:
    return [Text(operation.table), _columns(operation.columns), *_of_table(operation)]


def _of_table(operation: CreateTable) -> Arguments:
    """What a table has besides its columns."""
    lists: dict[str, Arguments] = {
        "indexes": [row(row(*map(Text, columns)), values.expression(unique)) for columns, unique in operation.indexes],
        "constraints": [values.expression(one) for one in operation.constraints],
    }
    said = [Keyword(name, listing(*items)) for name, items in lists.items() if items]
    if operation.primary_key:
        said.append(Keyword("primary_key", row(*map(Text, operation.primary_key))))
    return said + _keywords(operation, "table", "columns", "primary_key", *lists)


def _alter_table(operation: AlterTable) -> Arguments:
    return _plain(operation, "changes")


def _drop_table(operation: DropTable) -> Arguments:
    found = _plain(operation, "replaces")
    was = operation.replaces
    return found if was is None else [*found, Keyword("columns", _columns(was.columns)), *_of_table(was)]


def _add_column(operation: AddColumn) -> Arguments:
    field = field_source.with_decision(operation.field)
    return [
        Text(operation.table),
        Text(operation.column),
        field_source.expression(field),
        *_keywords(operation, "table", "column", "field"),
    ]


def _drop_index(operation: DropIndex) -> Arguments:
    found: Arguments = [Text(operation.table), Text(operation.index)]
    if operation.replaces is not None:
        was = operation.replaces
        found += [Keyword("columns", values.expression(was.columns))]
        found += _keywords(was, "table", "columns", "name", "concurrently", "allow_copy")
    return found + _keywords(operation, "table", "index", "replaces")


def _add_unique(operation: AddUnique) -> Arguments:
    return [Text(operation.table), *map(Text, operation.columns), *_keywords(operation, "table", "columns")]


def _drop_constraint(operation: DropConstraint) -> Arguments:
    found: Arguments = [Text(operation.table)]
    found += [] if operation.name is None else [Text(operation.name)]
    found += _keywords(operation, "table", "name", "constraint", "replaces")
    was = operation.replaces
    if isinstance(was, AddUnique):
        return [*found, Keyword("unique", row(*map(Text, was.columns)))]
    constraint = was.constraint if isinstance(was, AddConstraint) else operation.constraint
    return found if constraint is None else [*found, Keyword("constraint", values.expression(constraint))]


def _drop_foreign_key_constraint(operation: DropForeignKeyConstraint) -> Arguments:
    found: Arguments = [Text(operation.table), Text(operation.column)]
    was = operation.replaces
    if was is None:
        return found
    found.append(Keyword("rel", Text(was.rel)))
    found += [] if was.rel_column == "id" else [Keyword("rel_column", Text(was.rel_column))]
    return found + _keywords(was, "table", "column", "rel", "rel_column", "online", "allow_copy")


def _backfill(operation: Backfill) -> Arguments:
    found: Arguments = [Text(operation.table), _decided(operation.values)]
    where = operation.where
    if isinstance(where, SQL) and not where.params:
        found.append(Keyword("where", Text(where.sql)))
    elif where is not None:
        found.append(Keyword("where", values.expression(where)))
    found += _keywords(operation, "table", "values", "where", "reverse_values")
    if operation.reverse_values is not None:
        found.append(Keyword("reverse", _decided(operation.reverse_values)))
    return found


def _decided(wanted: Mapping[str, Any]) -> Brackets:
    """Values for columns, those that cannot be written to be decided."""
    return Brackets("{", tuple(Entry(Text(column), _value(value)) for column, value in wanted.items()), "}")


def _value(value: Any) -> Expression:
    try:
        return values.expression(value)
    except Unwritable:
        return ELLIPSIS


_WRITERS: dict[type[Operation], Callable[[Any], Arguments]] = {
    CreateTable: _create_table,
    AlterTable: _alter_table,
    DropTable: _drop_table,
    AddColumn: _add_column,
    DropIndex: _drop_index,
    AddUnique: _add_unique,
    DropConstraint: _drop_constraint,
    DropForeignKeyConstraint: _drop_foreign_key_constraint,
    Backfill: _backfill,
}
