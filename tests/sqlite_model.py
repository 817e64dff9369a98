"""What each operation should come to: a schema before, a schema after, or a refusal. Nothing here asks a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlite_changes import Change, FieldSpec, index_name, key_name, unique_name
from sqlite_tables import (
    Column,
    Constraint,
    Index,
    Ref,
    Schema,
    Tab,
    Table,
    Tokens,
    clauses,
    folded,
    mentioned,
    mentions,
    with_column_renamed,
    with_table_renamed,
)

STRICT_TYPES = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")
#: What can be dropped with its column, and only with cascade=True.
OWN = ("CHECK", "UNIQUE", "FOREIGN KEY")


class Refused(Exception):
    """The operation cannot be done, or not without losing what it was not told to drop."""


def changed(schema: Schema, change: Change) -> Schema:
    """The schema after an operation.

    Raises:
        Refused
    """
    if not any(folded(table.name) == folded(change.table) for table in schema.tables):
        raise Refused("there is no such table")
    return CHANGED[change.kind](schema, schema.table(change.table), change)


def _column(table: Table, name: str) -> Column:
    if not table.has(name):
        raise Refused("there is no such column")
    return table.column(name)


# -- tables and columns -------------------------------------------------------------------------


def _rename_table(schema: Schema, table: Table, change: Change) -> Schema:
    (new,) = change.arguments
    if folded(new) != folded(table.name) and schema.has(new):
        raise Refused("the name is taken")
    after = with_table_renamed(schema, table.name, new)
    return _with_index_names(schema, after, lambda owner: new if owner == table.name else owner)


def _rename_column(schema: Schema, table: Table, change: Change) -> Schema:
    old, new = _column(table, change.column).name, change.arguments[1]
    if folded(old) != folded(new) and table.has(new):
        raise Refused("the name is taken")
    after = with_column_renamed(schema, table.name, old, new)
    return _with_index_names(schema, after, lambda owner: owner)


def _with_index_names(before: Schema, after: Schema, called: Callable[[str], str]) -> Schema:
    """Indexes that are called by their table and columns are called so again."""
    indexes = []
    for was, is_ in zip(before.indexes, after.indexes):
        follows = bool(was.columns) and was.name == index_name(was.table, was.columns)
        indexes.append(replace(is_, name=index_name(called(was.table), is_.columns)) if follows else is_)
    return replace(after, indexes=tuple(indexes))


def _add_column(schema: Schema, table: Table, change: Change) -> Schema:
    name, field = change.arguments
    if table.has(name):
        raise Refused("the name is taken")
    if not field.null and field.default is None:
        raise Refused("existing rows would have nothing to hold")
    _refuse_type(table, field)
    constraints = () if field.null else (Constraint("NOT NULL", ("NOT", "NULL")),)
    if field.target is not None:
        clause = ("ON", "DELETE", *field.on_delete.split()) if field.on_delete else ()
        constraints += (Constraint("FOREIGN KEY", (*references(*field.target), *clause)),)
    after = replace(table, columns=(*table.columns, Column(name, field.type, constraints)))
    schema = schema.with_table(after)
    if field.index or field.unique:
        schema = _with_index(schema, after, (name,), unique=field.unique)
    return schema


def references(table: str, *columns: str) -> Tokens:
    key: list[Any] = []
    for column in columns:
        key += [",", Ref(table, column)]
    return ("REFERENCES", Tab(table), "(", *key[1:], ")") if columns else ("REFERENCES", Tab(table))


def _refuse_type(table: Table, field: FieldSpec) -> None:
    if table.is_strict and " ".join(field.type) not in STRICT_TYPES:
        raise Refused("a STRICT table has no such type")


def _drop_column(schema: Schema, table: Table, change: Change) -> Schema:
    column = _column(table, change.column)
    if column.name in table.primary_key:
        raise Refused("it is in the primary key")
    if table.stored == [column.name]:
        raise Refused("no column would be left")
    takes_own = bool(change.options.get("cascade")) or "field" in change.options
    own = {id(one) for one in _own(table, column)}
    gone = {id(one) for one in _own_indexes(schema, table, column)}
    if not takes_own and (own or gone):
        raise Refused("something of its own is there, and cascade=True was not said")
    if any(one.kind in OWN and id(one) not in own for one in column.constraints):
        raise Refused("a constraint of its own uses other columns as well")
    kept = [one for other in table.columns if other is not column for one in other.constraints]
    for one in (*kept, *(one for one in table.constraints if id(one) not in own)):
        if column.name in one.columns or mentions(one.tokens, table.name, column.name):
            raise Refused("a constraint or a generated column uses it")
    for tokens in schema.dependants(table.name):
        if mentions(tokens, table.name, column.name) and not any(
            tokens is index.tokens for index in schema.indexes if id(index) in gone
        ):
            raise Refused("an index, a view, a trigger or another table uses it")
    after = replace(
        table,
        columns=tuple(other for other in table.columns if other is not column),
        constraints=tuple(one for one in table.constraints if id(one) not in own),
    )
    indexes = tuple(index for index in schema.indexes if id(index) not in gone)
    return replace(schema.with_table(after), indexes=indexes)


def _own(table: Table, column: Column) -> Iterator[Constraint]:
    """The constraints over this column alone."""
    for one in (*column.constraints, *table.constraints):
        if one.kind == "CHECK":
            is_own = mentioned(one.tokens, table.name) == {column.name}
        else:
            is_own = one.columns == (column.name,) or any(one is other for other in column.constraints)
        if one.kind in OWN and is_own:
            yield one


def _own_indexes(schema: Schema, table: Table, column: Column) -> Iterator[Index]:
    for index in schema.of(table.name):
        if mentioned(index.tokens, table.name) == {column.name}:
            yield index


def _alter_column_type(schema: Schema, table: Table, change: Change) -> Schema:
    field = change.arguments[1]
    column = _column(table, change.column)
    _refuse_type(table, field)
    if any("AUTOINCREMENT" in one.tokens for one in column.constraints) and field.type != ("INTEGER",):
        raise Refused("AUTOINCREMENT goes with INTEGER alone")
    return schema.with_table(table.with_column(replace(column, type=field.type)))


def _add_not_null(schema: Schema, table: Table, change: Change) -> Schema:
    column = _column(table, change.column)
    if column.has("NOT NULL") or implies_not_null(table, column.name):
        return schema
    # NULL beside NOT NULL would only confuse.
    return schema.with_table(table.with_column(column.without("NULL").with_(Constraint("NOT NULL", ("NOT", "NULL")))))


def implies_not_null(table: Table, column: str) -> bool:
    """Whether the primary key forbids NULL; in an ordinary table it does not (a quirk of SQLite's)."""
    return column in table.primary_key and (not table.has_rowid or (table.is_strict and table.rowid_alias != column))


def _drop_not_null(schema: Schema, table: Table, change: Change) -> Schema:
    column = _column(table, change.column)
    if implies_not_null(table, column.name):
        raise Refused("the primary key forbids NULL")
    return schema.with_table(table.with_column(column.without("NOT NULL")))


def _add_column_default(schema: Schema, table: Table, change: Change) -> Schema:
    column = _column(table, change.column)
    if column.has("GENERATED"):
        raise Refused("a generated column has no default")
    default = Constraint("DEFAULT", ("DEFAULT", *literal(change.arguments[1])))
    return schema.with_table(table.with_column(column.without("DEFAULT").with_(default)))


def literal(value: Any) -> Tokens:
    """A constant in SQL. A text that ends in ) or ' is SQL already."""
    if isinstance(value, bytes):
        return (f"X'{value.hex()}'",)
    if isinstance(value, str):
        return (value,) if value.endswith((")", "'")) else ("'" + value.replace("'", "''") + "'",)
    return ("-", repr(-value)) if value < 0 else (repr(value),)


def _drop_column_default(schema: Schema, table: Table, change: Change) -> Schema:
    return schema.with_table(table.with_column(_column(table, change.column).without("DEFAULT")))


# -- indexes and constraints --------------------------------------------------------------------


def _add_index(schema: Schema, table: Table, change: Change) -> Schema:
    columns, unique = change.arguments
    names = tuple(_column(table, name).name for name in columns)
    return _with_index(schema, table, names, unique=unique, name=change.options.get("name"))


def _with_index(
    schema: Schema, table: Table, columns: tuple[str, ...], *, unique: bool, name: str | None = None
) -> Schema:
    name = name or index_name(table.name, columns)
    if schema.has(name):
        raise Refused("the name is taken")
    return replace(
        schema, indexes=(*schema.indexes, Index(name, table.name, keys(table.name, columns), columns, unique))
    )


def keys(table: str, columns: tuple[str, ...]) -> Tokens:
    """Columns in parentheses."""
    inside: list[Any] = []
    for column in columns:
        inside += [",", Ref(table, column)]
    return ("(", *inside[1:], ")")


def _drop_index(schema: Schema, table: Table, change: Change) -> Schema:
    (name,) = change.arguments
    left = tuple(index for index in schema.indexes if folded(index.name) != folded(name))
    if len(left) == len(schema.indexes):
        raise Refused("there is no such index")
    return replace(schema, indexes=left)


def _with_constraint(schema: Schema, table: Table, constraint: Constraint) -> Schema:
    if constraint.name is not None and _named(table, constraint.name):
        raise Refused("the name is taken")
    return schema.with_table(replace(table, constraints=(*table.constraints, constraint)))


def _named(table: Table, name: str) -> list[Constraint]:
    return [one for one in clauses(table) if one.name is not None and folded(one.name) == folded(name)]


def _add_constraint(schema: Schema, table: Table, change: Change) -> Schema:
    name, check = change.arguments
    return _with_constraint(schema, table, Constraint("CHECK", ("CHECK", "(", *check.tokens, ")"), name))


def _add_unique(schema: Schema, table: Table, change: Change) -> Schema:
    columns = tuple(_column(table, name).name for name in change.arguments)
    tokens = ("UNIQUE", *keys(table.name, columns))
    return _with_constraint(schema, table, Constraint("UNIQUE", tokens, unique_name(change.arguments), columns))


def _add_key(schema: Schema, table: Table, change: Change) -> Schema:
    name, rel, rel_column = change.arguments
    column = _column(table, name).name
    actions: list[str] = []
    for option, words in (("on_delete", ("ON", "DELETE")), ("on_update", ("ON", "UPDATE"))):
        if change.options.get(option):
            actions += [*words, *change.options[option].split()]
    tokens = ("FOREIGN", "KEY", *keys(table.name, (column,)), *references(rel, rel_column), *actions)
    called = change.options.get("constraint_name") or key_name(table.name, name, rel)
    constraint = Constraint("FOREIGN KEY", tokens, called, (column,))
    return _with_constraint(schema, table, constraint)


def _drop_constraint(schema: Schema, table: Table, change: Change) -> Schema:
    found = _named(table, change.arguments[0])
    if not found:
        raise Refused("there is no such constraint")
    if any(one.kind not in OWN for one in found):
        raise Refused("it is more than a constraint that can be dropped")
    return schema.with_table(_without(table, found))


def keys_of(table: Table, column: str) -> list[Constraint]:
    """The foreign keys that a column is in."""
    of_table = [one for one in table.constraints if one.kind == "FOREIGN KEY" and column in one.columns]
    return of_table + table.column(column).all("FOREIGN KEY")


def _drop_key(schema: Schema, table: Table, change: Change) -> Schema:
    column = _column(table, change.column)
    found = keys_of(table, column.name)
    if len(found) != 1:
        raise Refused("there is no such foreign key, or more than one")
    return schema.with_table(_without(table, found))


def _without(table: Table, gone: list[Constraint]) -> Table:
    def left(constraints: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
        return tuple(one for one in constraints if not any(one is other for other in gone))

    columns = tuple(replace(column, constraints=left(column.constraints)) for column in table.columns)
    return replace(table, columns=columns, constraints=left(table.constraints))


CHANGED = {
    "rename_table": _rename_table,
    "rename_column": _rename_column,
    "add_column": _add_column,
    "drop_column": _drop_column,
    "alter_column_type": _alter_column_type,
    "add_not_null": _add_not_null,
    "drop_not_null": _drop_not_null,
    "add_column_default": _add_column_default,
    "drop_column_default": _drop_column_default,
    "add_index": _add_index,
    "drop_index": _drop_index,
    "add_constraint": _add_constraint,
    "drop_constraint": _drop_constraint,
    "add_unique": _add_unique,
    "add_foreign_key_constraint": _add_key,
    "drop_foreign_key_constraint": _drop_key,
}
