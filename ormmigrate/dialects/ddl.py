"""CREATE TABLE from fields, each rendered by its own DDL, in the order written; no Model class is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import (
    SCOPE_VALUES,
    SQL,
    Context,
    Database,
    DeferredForeignKey,
    EnclosedNodeList,
    Entity,
    Field,
    FieldDatabaseHook,
    ForeignKeyField,
    Model,
    Node,
    NodeList,
)

from ormmigrate.errors import ConfigurationError
from ormmigrate.fields import RawField
from ormmigrate.migration import Reference
from ormmigrate.operations import CreateTable


def create_table(database: Database, operation: CreateTable) -> Context:
    """The statement that makes the table, without its indexes."""
    fields = [
        prepared(field, operation.table, column, operation.columns) for column, field in operation.columns.items()
    ]
    ctx = _context(database)
    parts: list[Node] = [field.ddl(ctx) for field in fields]
    if operation.primary_key:
        parts.append(NodeList((SQL("PRIMARY KEY"), _names(operation.primary_key))))
    parts += [foreign_key(field) for field in fields if isinstance(field, ForeignKeyField)]
    parts += [SQL(item) if isinstance(item, str) else item for item in operation.constraints]
    ctx.literal("CREATE TABLE ").sql(Entity(operation.table)).literal(" ").sql(EnclosedNodeList(parts))
    return ctx.literal(f" {operation.options}") if operation.options else ctx


def create_temporary_table(
    database: Database, name: str, fields: Sequence[Field], primary_key: Sequence[str]
) -> Context:
    """The same columns under another name, without keys and checks: to read back how the database spells them."""
    ctx = _context(database)
    parts: list[Node] = [_without_checks(field).ddl(ctx) for field in fields]
    if primary_key:
        parts.append(NodeList((SQL("PRIMARY KEY"), _names(primary_key))))
    ctx.literal("CREATE TEMPORARY TABLE ").sql(Entity(name)).literal(" ").sql(EnclosedNodeList(parts))
    return ctx


def _without_checks(field: Field) -> Field:
    """A field without what says nothing of its type, and what a temporary table may not say."""
    bare = field.clone()
    bare.constraints = [
        item
        for item in field.constraints or ()
        if not str(getattr(item, "sql", item)).lstrip().upper().startswith(("CHECK", "REFERENCES", "CONSTRAINT"))
    ]
    return bare


def foreign_key(field: ForeignKeyField) -> NodeList:
    """FOREIGN KEY (...) REFERENCES ..., for a prepared field."""
    named = [SQL("CONSTRAINT"), Entity(field.constraint_name)] if field.constraint_name else []
    return NodeList((*named, SQL("FOREIGN KEY"), _names([field.column_name]), *references(field)))


def references(field: ForeignKeyField) -> list[Node]:
    """REFERENCES table (column) and what follows, for a prepared field."""
    target = field.rel_model._meta
    parts: list[Node] = [
        SQL("REFERENCES"),
        Entity(target.schema, target.table_name) if target.schema else Entity(target.table_name),
        _names([field.rel_field.column_name]),
    ]
    parts += [SQL(f"ON DELETE {field.on_delete}")] if field.on_delete else []
    parts += [SQL(f"ON UPDATE {field.on_update}")] if field.on_update else []
    parts += [SQL(f"DEFERRABLE {field.deferrable}")] if field.deferrable else []
    return parts


def prepared(field: Field, table: str, column: str, columns: object = None) -> Field:
    """A copy of a field that knows its column and, if it is a foreign key, the column that it refers to.

    Args:
        columns: the other columns of the table being made, for `ForeignKeyField("self")`.

    Raises:
        ConfigurationError: what stands there is no field, or a foreign key whose target is not known.
    """
    if isinstance(field, DeferredForeignKey) or not isinstance(field, Field):
        raise ConfigurationError(
            f"{table}.{column} is {field!r}, which is no field that a table can be made of.",
            'write a peewee field: TextField(null=True), ForeignKeyField(reference("user")).',
        )
    ready = field.clone()
    ready.name = ready.column_name = column
    if isinstance(ready, FieldDatabaseHook):
        hooked: Any = ready
        hooked._db_hook(None)  # what becoming a model's would do, so that it can convert its default
    if isinstance(ready, ForeignKeyField):
        _resolve(ready, table, columns if isinstance(columns, dict) else {})
    return ready


def _resolve(field: ForeignKeyField, table: str, columns: dict[str, Field]) -> None:
    target = field.rel_model
    if target == "self":
        keys = {name: column for name, column in columns.items() if column.primary_key}
        name = field.rel_field if isinstance(field.rel_field, str) else next(iter(keys), "id")
        target = field.rel_model = Reference(table, name, columns.get(name) or keys.get(name) or _auto(), None)
    if isinstance(target, Reference):
        field.rel_field = target.field
    elif isinstance(target, type) and issubclass(target, Model):
        if isinstance(field.rel_field, str):
            field.rel_field = target._meta.fields[field.rel_field]
        field.rel_field = field.rel_field or target._meta.primary_key
    else:
        raise ConfigurationError(
            f"The foreign key {table}.{field.column_name} refers to {target!r}.",
            'name the table: ForeignKeyField(reference("user")), or reference("user", "uuid", field=UUIDField()).',
        )
    if isinstance(field.rel_field, RawField):
        # peewee asks for its name of the type and its arguments, and a RawField has neither.
        field.ddl_datatype = field.rel_field.ddl_datatype  # type: ignore[method-assign]


def _auto() -> Field:
    from peewee import AutoField

    return AutoField()


def _names(columns: Sequence[str]) -> Node:
    return EnclosedNodeList([Entity(column) for column in columns])


def _context(database: Database) -> Context:
    return database.get_sql_context(scope=SCOPE_VALUES)
