"""An application's models: which there are, and what they say of a schema that was made from them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import peewee
from peewee import Database, DeferredForeignKey, Model, ModelIndex

from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import ConfigurationError, listed
from ormmigrate.operations import index_name
from ormmigrate.schema import Index, Schema, Table
from ormmigrate.sync import with_through_models

# -- which there are ----------------------------------------------------------------------------


def known_models(database: Database, registered: Sequence[type[Model]]) -> list[type[Model]]:
    """The models of an application: those that it registered, else all that imported modules define for a database.

    Raises:
        ConfigurationError: there are none, or one refers to a model that there is not.
    """
    found = list(registered) or defined_models(database)
    if not found:
        _refuse_strangers()
        raise ConfigurationError(
            "The application has no models that are known: register_models() was not called while it was imported, "
            "and no module that was imported defines one for its database.",
            'name the modules that define them in pyproject.toml: [tool.ormmigrate] models = "shop.models"',
        )
    _refuse_unresolved(found)
    return found


def defined_models(database: Database) -> list[type[Model]]:
    """The models that imported modules define for a database.

    A class that others derive from counts as their base and has no table, unless a foreign key refers to it.
    """
    mine = [
        model
        for model in _derived(Model)
        if _is_defined(model) and model._meta.get_database_instance() is database and model._meta.fields
    ]
    bases = {base for model in mine for base in model.__mro__[1:]}
    bases -= {target for model in mine for target in model._meta.refs.values() if target is not model}
    return [model for model in mine if model not in bases]


def _refuse_strangers() -> None:
    """Where all models belong to another database than the application's, say which."""
    strangers = [
        model
        for model in _derived(Model)
        if _is_defined(model) and model._meta.database is not None and not model.__module__.startswith("playhouse.")
    ]
    if strangers:
        names, modules = listed([model.__name__ for model in strangers]), {model.__module__ for model in strangers}
        raise ConfigurationError(
            f"No model belongs to the application's database; {names} ({listed(sorted(modules))}) have another one.",
            "let them take the application's Database, in place of a peewee database of their own: "
            "from .db import db, and class Meta: database = db; or derive them from db.Model.",
        )


def _derived(cls: type[Model]) -> list[type[Model]]:
    found: dict[type[Model], None] = {}
    for model in cls.__subclasses__():
        found |= dict.fromkeys([model, *_derived(model)])
    return list(found)


def _is_defined(model: type[Model]) -> bool:
    """Whether it is what its module holds under its name: neither a function's, nor of a module that was read anew."""
    found: Any = sys.modules.get(model.__module__)
    for name in model.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is model


def _refuse_unresolved(models: Sequence[type[Model]]) -> None:
    for field in tuple(DeferredForeignKey._unresolved):  # type: ignore[attr-defined]
        if getattr(field, "model", None) in models:
            raise ConfigurationError(
                f"{field.model.__name__}.{field.name} refers to {field.rel_model_name!r}, and there is no such model.",
                "name the module that defines it in pyproject.toml, [tool.ormmigrate] models, or correct the name.",
            )


def with_referred(models: Iterable[type[Model]]) -> list[type[Model]]:
    """The models, the tables of their many-to-many fields, and all that they refer to, each once."""
    found = with_through_models(models)
    while more := [
        target for model in found for target in model._meta.refs.values() if target not in found and target is not model
    ]:
        found = with_through_models([*found, *dict.fromkeys(more)])
    return found


def is_virtual(model: type[Model]) -> bool:
    """Whether its table is a virtual one (playhouse.sqlite_ext: FTS5Model and the like)."""
    return hasattr(model._meta, "extension_module")


def elsewhere(dialect: Dialect, models: Iterable[type[Model]]) -> list[str]:
    """The models whose tables are in another schema than the migrations', in words."""
    found: dict[str, list[str]] = {}
    for model in models:
        if not is_here(dialect, model):
            found.setdefault(str(model._meta.schema), []).append(model.__name__)
    return [
        f"{listed(names)}: in the schema {name}, not in that of the migrations (which Database(..., schema=...) says)"
        for name, names in found.items()
    ]


def is_here(dialect: Dialect, model: type[Model]) -> bool:
    """Whether a model's table is where the migrations' are."""
    return model._meta.schema in (None, dialect.schema)


# -- making their tables elsewhere ----------------------------------------------------------------


@contextmanager
def placed(database: Database, models: Sequence[type[Model]]) -> Iterator[None]:
    """Inside, the models are those of a database, and name no schema; afterwards they are as before."""
    strangers = [model for model in models if model._meta.get_database_instance() is not database]
    schemas = [(model._meta, model._meta.schema) for model in models if model._meta.schema is not None]
    # An index that a model was given holds the table as it was called at that time.
    tables = {id(table): (table, table._schema) for model in models for table in _tables_of_indexes(model)}
    with database.bind_ctx(strangers, bind_refs=False, bind_backrefs=False):
        try:
            for meta, _ in schemas:
                meta.schema = None
            for table, _ in tables.values():
                _move(table, None)
            yield
        finally:
            for meta, schema in schemas:
                meta.schema = schema
            for table, schema in tables.values():
                _move(table, schema)


def _move(table: Any, schema: str | None) -> None:
    table._schema = schema
    table._path = (schema, table.__name__) if schema else (table.__name__,)


def _tables_of_indexes(model: type[Model]) -> list[Any]:
    found: list[Any] = [index for index in model._meta.indexes if isinstance(index, peewee.Index)]
    return [index._table for index in found if isinstance(index._table, peewee.Table)]


# -- what they say of a schema ----------------------------------------------------------------------


def with_models(schema: Schema, models: Iterable[type[Model]]) -> Schema:
    """A schema that was made from models: columns know their fields, and indexes have the migrator's names.

    peewee names an index after the class; nobody chose that, so no migration should spell it. A name that is an
    index's already stays with it.
    """
    fold = schema.kind.folded
    by_table: dict[str, type[Model]] = {}
    for model in models:
        by_table.setdefault(fold(model._meta.table_name), model)
    taken = {index.name for table in schema.tables for index in table.indexes}
    tables = [_with_fields(schema, table, by_table.get(fold(table.name))) for table in schema.tables]
    tables = [_with_names(table, by_table.get(fold(table.name)), taken) for table in tables]
    return replace(schema, tables=tuple(tables))


def _with_fields(schema: Schema, table: Table, model: type[Model] | None) -> Table:
    if model is None:
        return table
    fold = schema.kind.folded_column
    fields = {fold(field.column_name): field for field in model._meta.sorted_fields}
    columns = [replace(column, field=fields.get(fold(column.name))) for column in table.columns]
    return replace(table, columns=tuple(columns))


def _with_names(table: Table, model: type[Model] | None, taken: set[str | None]) -> Table:
    if model is None:
        return table
    automatic = _automatic_names(model)
    indexes = []
    for index in table.indexes:
        name = index.name
        usual = _usual_name(table, index)
        if name in automatic and usual is not None and usual not in taken:
            taken.add(usual)
            index = replace(index, name=usual)
        indexes.append(index)
    return replace(table, indexes=tuple(indexes))


def _automatic_names(model: type[Model]) -> set[str]:
    """The names that peewee makes of the class and the fields."""
    return {
        index._name  # type: ignore[attr-defined]
        for index in model._meta.fields_to_index()
        if isinstance(index, ModelIndex) and index._name == _automatic_name(model, index)  # type: ignore[attr-defined]
    }


def _automatic_name(model: type[Model], index: Any) -> str | None:
    try:
        return str(index._generate_name_from_fields(model, index._expressions))
    except ValueError:  # made of expressions alone, it has none
        return None


def _usual_name(table: Table, index: Index) -> str | None:
    """The migrator's; None where an expression is among the parts."""
    if any(part.is_expression for part in index.parts):
        return None
    return index_name(table.name, [part.text for part in index.parts])
