"""A model class made from a table as it is at this moment, for data migrations."""

from __future__ import annotations

import keyword
from collections.abc import Mapping

from peewee import (
    AutoField,
    BareField,
    BigAutoField,
    BigIntegerField,
    CompositeKey,
    Database,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
)
from playhouse.reflection import Introspector, UnknownField

from ormmigrate.dialects import ddl
from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import ConfigurationError


def model_of(database: Database, dialect: Dialect, table: str, given: Mapping[str, Field]) -> type[Model]:
    """A model of a table: fields that are given are taken as they are, the others come from the database.

    A column whose name a model cannot have as an attribute (`save`, `_meta`, `class`) gets an underscore
    behind it.

    Raises:
        ConfigurationError: there is no such table, or a given field names no column of it.
    """
    if not dialect.has_table(database, table):
        raise ConfigurationError(
            f"There is no table {table} at this point of the migrations.",
            "check the name; a table that a later migration makes cannot be used yet.",
        )
    columns = Introspector.from_database(database).metadata.get_columns(table)
    _refuse_unknown(dialect, table, list(columns), list(given))
    chosen = {dialect.folded_column(name): field for name, field in given.items()}
    # The class's name is one that no DeferredForeignKey of the application can be waiting for.
    attributes: dict[str, object] = {"__module__": __name__}
    for name, column in columns.items():
        field = chosen.get(dialect.folded_column(name))
        attributes[attribute_of(name)] = _given(field, table, name) if field else _field(column)
    keys = [attribute_of(name) for name in database.get_primary_keys(table)]
    options: dict[str, object] = {"database": database, "table_name": table}
    if not keys:
        options["primary_key"] = False
    elif len(keys) > 1:
        options["primary_key"] = CompositeKey(*keys)
    attributes["Meta"] = type("Meta", (), options)
    model: type[Model] = type(f"<table {table}>", (Model,), attributes)
    return model


def attribute_of(column: str) -> str:
    """The attribute under which a model has that column."""
    taken = keyword.iskeyword(column) or column.startswith("_") or hasattr(Model, column) or column in ("Meta", "model")
    return f"{column.lstrip('_')}_" if taken else column


def _given(field: Field, table: str, column: str) -> Field:
    """A field as given; a foreign key as a plain column, since the table it refers to has no model."""
    ready = ddl.prepared(field, table, column)
    if not isinstance(ready, ForeignKeyField):
        return ready
    target = ready.rel_field
    if isinstance(target, AutoField):
        target = BigIntegerField() if isinstance(target, BigAutoField) else IntegerField()
    plain = target.clone()
    plain.column_name, plain.null, plain.primary_key = column, ready.null, ready.primary_key
    return plain  # type: ignore[no-any-return]


def _field(column: object) -> Field:
    """A field of the kind that playhouse finds for the column, without a default or index of its own."""
    kind = column.field_class if column.field_class is not UnknownField else BareField  # type: ignore[attr-defined]
    options: dict[str, object] = {"column_name": column.column_name, "null": column.nullable}  # type: ignore[attr-defined]
    if column.primary_key:  # type: ignore[attr-defined]
        options["primary_key"] = True
    if kind.field_type == "AUTO" or kind.field_type == "BIGAUTO":
        options.pop("null")
    field: Field = kind(**options)
    return field


def _refuse_unknown(dialect: Dialect, table: str, columns: list[str], given: list[str]) -> None:
    known = {dialect.folded_column(name) for name in columns}
    unknown = [name for name in given if dialect.folded_column(name) not in known]
    if unknown:
        raise ConfigurationError(
            f"The table {table} has no column {', '.join(unknown)}; it has {', '.join(columns)}.",
            "name the columns as the database has them: migrator.table(name, column=BooleanField()).",
        )
