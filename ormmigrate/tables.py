"""A model class made from a table as it is at this moment, for data migrations."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Mapping

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

# What a model class, a field's descriptor and Model(**values) have for themselves.
TAKEN = ("Meta", "model", "self", "cls")


def model_of(database: Database, dialect: Dialect, table: str, given: Mapping[str, Field]) -> type[Model]:
    """A model of a table: fields that are given are taken as they are, the others come from the database.

    A column whose name a model cannot have as an attribute (`save`, `_meta`, `class`) gets an underscore
    behind it; what no name in Python can hold becomes one (`first name` is `first_name`).

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
    names = attributes_of(columns)
    key = list(database.get_primary_keys(table))
    # The class's name is one that no DeferredForeignKey of the application can be waiting for.
    attributes: dict[str, object] = {"__module__": __name__}
    for name, column in columns.items():
        chosen_field = chosen.get(dialect.folded_column(name))
        field = _field(column) if chosen_field is None else _given(chosen_field, table, name)
        field.primary_key = key == [name]
        attributes[names[name]] = field
    options: dict[str, object] = {"database": database, "table_name": table}
    if not key:
        options["primary_key"] = False
    elif len(key) > 1:
        options["primary_key"] = CompositeKey(*(names[name] for name in key))
    attributes["Meta"] = type("Meta", (), options)
    model: type[Model] = type(f"<table {table}>", (Model,), attributes)
    return model


def attributes_of(columns: Iterable[str]) -> dict[str, str]:
    """The attribute under which a model has each column; no two are the same."""
    names = {column: column for column in columns if _as_identifier(column) == column and not _is_taken(column)}
    used = set(names)
    for column in columns:
        if column not in names:
            name = _as_identifier(column)
            while name in used or name == column.lstrip("_") or _is_taken(name):
                name += "_"
            names[column] = name
            used.add(name)
    return names


def _as_identifier(column: str) -> str:
    # peewee itself reads the names of a row's values so that only letters, digits and underscores are left.
    name = "".join(character if character.isalnum() else "_" for character in column).lstrip("_")
    return f"column_{name}" if not name or name[0].isdecimal() else name


def _is_taken(name: str) -> bool:
    return keyword.iskeyword(name) or hasattr(Model, name) or name in TAKEN


def _given(field: Field, table: str, column: str) -> Field:
    """A field as given; a foreign key as a plain column, since the table it refers to has no model."""
    ready = ddl.prepared(field, table, column)
    if not isinstance(ready, ForeignKeyField):
        return ready
    target = ready.rel_field
    if isinstance(target, AutoField):
        target = BigIntegerField() if isinstance(target, BigAutoField) else IntegerField()
    plain = target.clone()
    plain.column_name, plain.null = column, ready.null
    return plain  # type: ignore[no-any-return]


def _field(column: object) -> Field:
    """A field of the kind that playhouse finds for the column, without a default or index of its own."""
    kind = column.field_class if column.field_class is not UnknownField else BareField  # type: ignore[attr-defined]
    options: dict[str, object] = {"column_name": column.column_name, "null": column.nullable}  # type: ignore[attr-defined]
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
