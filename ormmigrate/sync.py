"""Creating the tables that models still lack. A table that exists is never touched, its indexes included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import peewee
from peewee import Database, DeferredThroughModel, ForeignKeyField, Model, PeeweeException

from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import MigrationError
from ormmigrate.events import Event, TableCreated


def with_through_models(models: Iterable[type[Model]]) -> list[type[Model]]:
    """The models and the tables of their many-to-many fields, each once."""
    found: dict[type[Model], None] = {}
    for model in models:
        found[model] = None
        for field in model._meta.manytomany.values():
            if not isinstance(field.through_model, DeferredThroughModel):
                found[field.through_model] = None
    return list(found)


def missing_models(
    dialect: Dialect, models: Iterable[type[Model]], tables: dict[str | None, set[str]]
) -> list[type[Model]]:
    """A model for each table that is not among `tables`, the folded names by schema (None is the default one)."""
    missing: dict[tuple[str | None, str], type[Model]] = {}
    for model in models:
        if dialect.folded(model._meta.table_name) not in tables[model._meta.schema]:
            missing.setdefault(_place(dialect, model), model)
    return list(missing.values())


def schemas_of(models: Iterable[type[Model]]) -> set[str | None]:
    """The schemas that models name, None for the default one."""
    return {model._meta.schema for model in models}


def create_missing_tables(
    database: Database, dialect: Dialect, models: Sequence[type[Model]], tell: Callable[[Event], None]
) -> list[str]:
    """Create the tables that are missing, with their indexes, parents first; return their names.

    A foreign key whose table does not exist yet (two models that refer to each other, a DeferredForeignKey)
    is added afterwards; SQLite takes it at once.
    """
    if not models:
        return []
    tables = {schema: dialect.table_names(database, schema) for schema in schemas_of(models)}
    missing = missing_models(dialect, _parents_first(models), tables)
    there = {(schema, name) for schema, names in tables.items() for name in names}
    late: list[ForeignKeyField] = []
    for model in missing:
        there.add(_place(dialect, model))
        with _named(model):
            late += _create(database, dialect, model, there)
        tell(TableCreated(model._meta.table_name))
    for field in late:
        with _named(field.model):
            _schema_manager(field.model).create_foreign_key(field)
    return [model._meta.table_name for model in missing]


@contextmanager
def _named(model: type[Model]) -> Iterator[None]:
    """Say of which model a database's error comes."""
    try:
        yield
    except (PeeweeException, IndexError, TypeError, ValueError) as error:
        is_formatting = not isinstance(error, PeeweeException)  # of the driver, which takes % for a parameter
        raise MigrationError(
            f"The table {model._meta.table_name} could not be created from the model {model.__name__}: "
            f"{type(error).__name__}: {error}",
            "correct the model: on this database SQL in a model has %% for a percent sign."
            if is_formatting
            else "correct the model, or register those that it refers to as well.",
        ) from error


def _parents_first(models: Sequence[type[Model]]) -> list[type[Model]]:
    ordered: list[type[Model]] = peewee.sort_models(models)  # type: ignore[attr-defined]
    return ordered


def _schema_manager(model: type[Model]) -> Any:
    return model._schema  # type: ignore[attr-defined]


def _place(dialect: Dialect, model: type[Model]) -> tuple[str | None, str]:
    return model._meta.schema, dialect.folded(model._meta.table_name)


def _create(
    database: Database, dialect: Dialect, model: type[Model], there: set[tuple[str | None, str]]
) -> list[ForeignKeyField]:
    """Create one table; return the foreign keys that have to wait."""
    keys = [field for field in model._meta.sorted_fields if isinstance(field, ForeignKeyField)]
    late = [
        field
        for field in keys
        if not dialect.allows_forward_references and _place(dialect, field.rel_model) not in there
    ]
    manager = type(_schema_manager(model))(model, database)
    with _said_inline(keys, late):
        manager.create_sequences()
        manager.create_table(safe=False)
    manager.create_indexes(safe=False)
    return late


@contextmanager
def _said_inline(keys: Iterable[ForeignKeyField], late: Sequence[ForeignKeyField]) -> Iterator[None]:
    """peewee leaves out what it calls deferred: say that of those that have to wait, and of no other."""
    saved = [(field, field.deferred) for field in keys]
    try:
        for field, _ in saved:
            field.deferred = any(field is waiting for waiting in late)
        yield
    finally:
        for field, deferred in saved:
            field.deferred = deferred
