"""Models against their tables, where the environment asks for it: columns, their types, NULL and the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from peewee import Database, Model

from ormmigrate.connection import connected, inner
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import ConfigurationError, bulleted
from ormmigrate.events import Warned, notify

if TYPE_CHECKING:
    from ormmigrate.report import Report
    from ormmigrate.runner import Runner


def compare_models(runner: Runner, models: Sequence[type[Model]], report: Report) -> Report:
    """The report, with a warning where a model differs from its table.

    Raises:
        ConfigurationError: the same, where the environment makes it an error.
    """
    database = inner(runner._database)
    dialect = dialect_of(database)
    with connected(database, dialect):
        tables = dialect.plain_tables(database)
        lines = [
            f"{model._meta.table_name}: {line}"
            for model in models
            if dialect.folded(model._meta.table_name) in tables
            for line in differences_of(database, dialect, model)
        ]
    if not lines:
        return report
    problem = "Models differ from their tables:\n" + bulleted(lines)
    advice = "write a migration for it: python -m ormmigrate new NAME; or correct the model."
    if runner.environment.compare_models == "error":
        raise ConfigurationError(problem, advice)
    text = f"{problem}\n  Next: {advice}"
    notify(runner.observers, Warned(text))
    return replace(report, warnings=(*report.warnings, text))


def differences_of(database: Database, dialect: Dialect, model: type[Model]) -> list[str]:
    """How a model's table differs from it, in words; tables of other schemas are not looked at."""
    meta = model._meta
    if meta.schema is not None:
        return []
    keys = [field.column_name for field in meta.get_primary_keys()] if meta.composite_key else []
    return dialect.engine(database).column_differences(meta.table_name, meta.sorted_fields, keys)
