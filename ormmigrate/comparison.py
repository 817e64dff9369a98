"""Two schemas of one application held against each other: models, migrations and database."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from peewee import Database, Model

from ormmigrate import sources
from ormmigrate.connection import connected
from ormmigrate.dialects.base import Dialect
from ormmigrate.diff import Difference, diff
from ormmigrate.errors import ConfigurationError, MigrationError, bulleted
from ormmigrate.events import Warned, notify
from ormmigrate.operations import Backfill, flat
from ormmigrate.schema import Column, Schema, Table, by_name

if TYPE_CHECKING:
    from ormmigrate.migration import BaseMigration
    from ormmigrate.report import Report
    from ormmigrate.runner import Runner

logger = logging.getLogger("ormmigrate")
ADVICE = (
    "write the migration: python -m ormmigrate new NAME --auto; or correct the model. Where the migrations say it "
    "already, the database was changed by hand: python -m ormmigrate drift."
)


# -- the questions --------------------------------------------------------------------------------


def missing_from_migrations(runner: Runner, models: Iterable[type[Model]], unmanaged: Sequence[str] = ()) -> Difference:
    """What migrations lack to make what models describe: the operations of the migration that is missing.

    Raises:
        MigrationFailed: a migration does not run on empty tables.
        MigrationError: a model's table cannot be created, or the account may not make a scratch place.
    """
    database, dialect = runner._target()
    wanted = sources.of_models(database, dialect, models, unmanaged, runner.registries.migrations)
    return against_models(sources.of_migrations(database, dialect, runner.registries, unmanaged), wanted)


def drift_of(runner: Runner, unmanaged: Sequence[str] = ()) -> Difference:
    """What somebody has done to the database beside the migrations that are applied: the operations that do it.

    Raises:
        HistoryError: the history says something that leaves open what the database should be.
        MigrationFailed: a migration does not run on empty tables.
    """
    database, dialect = runner._target()
    expected = sources.of_replay(database, dialect, applied(runner), unmanaged)
    return diff(expected, sources.of_database(database, dialect, unmanaged))


def applied(runner: Runner) -> list[BaseMigration]:
    """The migrations that the history says are applied, in the order in which they were.

    Raises:
        DatabaseAhead: it has some that this program does not know.
        UnfinishedMigration: one is half there.
    """
    from ormmigrate.errors import DatabaseAhead, UnfinishedMigration

    for error in runner.status().errors:
        if isinstance(error, (DatabaseAhead, UnfinishedMigration)):
            raise error
    known = {migration.key: migration for migration in runner.registries.migrations}
    found = [known[row.key] for row in runner.history() if row.key in known]
    # What counts as applied because the database was there first is written down by the next batch.
    return [*runner.plan().baseline, *found]


def against_models(schema: Schema, models: Schema) -> Difference:
    """What leads from a schema to that of models, as far as models have a say."""
    return diff(*on_equal_terms(schema, models))


def from_models(models: Schema, schema: Schema) -> Difference:
    """The other way round."""
    there, models = on_equal_terms(schema, models)
    return diff(models, there)


def on_equal_terms(schema: Schema, models: Schema) -> tuple[Schema, Schema]:
    """A schema and that of models, without what models have no say in: views, triggers and comments.

    A model may stand for a view, and then has no table.
    """
    models = models.without([view.name for view in schema.views])
    return replace(_commented_as(schema, models), views=(), triggers=()), models


def _commented_as(schema: Schema, models: Schema) -> Schema:
    """A schema without the comments that models do not have."""
    wanted = by_name(models.tables, models.kind.folded)
    tables = [_uncommented(table, wanted.get(models.kind.folded(table.name)), models) for table in schema.tables]
    return replace(schema, tables=tuple(tables))


def _uncommented(table: Table, wanted: Table | None, models: Schema) -> Table:
    fold = models.kind.folded_column
    commented = {fold(column.name) for column in wanted.columns if column.comment} if wanted else set()

    def without(column: Column) -> Column:
        return column if fold(column.name) in commented or not column.comment else replace(column, comment=None)

    comment = table.comment if wanted and wanted.comment else None
    return replace(table, columns=tuple(map(without, table.columns)), comment=comment)


# -- in words -------------------------------------------------------------------------------------


def lines_of(difference: Difference) -> list[str]:
    """A difference in words, a line for each change of the schema, and what no operation does behind them."""
    changes = [one for one in flat(difference.operations) if not isinstance(one, Backfill)]
    return [change.describe() for change in changes] + list(difference.unexpressed)


# -- after sync -----------------------------------------------------------------------------------


def compare_models(runner: Runner, models: Sequence[type[Model]], report: Report) -> Report:
    """The report, with a warning where models differ from their tables.

    Raises:
        ConfigurationError: the same, where the environment makes it an error.
    """
    if not models:
        return report
    database, dialect = runner._target()
    note = ""
    with connected(database, dialect):
        try:
            lines = _differences(database, dialect, models, runner.registries.migrations)
        except MigrationError as error:
            # No reason not to start: what can be compared is.
            lines = _column_differences(database, dialect, models)
            note = f"\n  Only columns were compared. {error.problem}"
            logger.info("Models are compared with their tables by their columns alone. %s", error.problem)
    if not lines:
        return report
    problem = f"Models differ from their tables:\n{bulleted(lines)}{note}"
    if runner.environment.compare_models == "error":
        raise ConfigurationError(problem, ADVICE)
    text = f"{problem}\n  Next: {ADVICE}"
    notify(runner.observers, Warned(text))
    return replace(report, warnings=(*report.warnings, text))


def _differences(
    database: Database, dialect: Dialect, models: Sequence[type[Model]], migrations: Sequence[BaseMigration]
) -> list[str]:
    """What the tables of models lack, in words; tables of others, and what only looks like one, are not looked at."""
    tables = sources.of_database(database, dialect).only([model._meta.table_name for model in models])
    wanted = sources.of_models(database, dialect, models, (), migrations).only([table.name for table in tables.tables])
    return lines_of(against_models(tables, wanted))


def _column_differences(database: Database, dialect: Dialect, models: Sequence[type[Model]]) -> list[str]:
    """The columns alone, by way of temporary tables."""
    tables = dialect.plain_tables(database)
    return [
        f"{model._meta.table_name}: {line}"
        for model in models
        if dialect.folded(model._meta.table_name) in tables and model._meta.schema is None
        for line in _differences_of_columns(database, dialect, model)
    ]


def _differences_of_columns(database: Database, dialect: Dialect, model: type[Model]) -> list[str]:
    meta = model._meta
    keys = [field.column_name for field in meta.get_primary_keys()] if meta.composite_key else []
    return dialect.engine(database).column_differences(meta.table_name, meta.sorted_fields, keys)
