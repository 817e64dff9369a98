"""Commands that compare schemas and change nothing: check, drift, diff, schema."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ormmigrate.cli.group import DONE, FOUND, as_json
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import BAD, DOUBTFUL, GOOD, QUIET, Output

if TYPE_CHECKING:
    from peewee import Model

    from ormmigrate.diff import Difference
    from ormmigrate.schema import Schema

MODELS, MIGRATIONS, DATABASE = "models", "migrations", "database"


# -- what is compared -----------------------------------------------------------------------------


def unmanaged_of(invocation: Invocation) -> tuple[str, ...]:
    """The tables that belong to others, by pyproject.toml."""
    from ormmigrate.application import load_settings

    return load_settings(Path.cwd(), os.environ, invocation.app).unmanaged


def models_of(invocation: Invocation) -> list[type[Model]]:
    """The application's models; it is said which of them are left out.

    Raises:
        ConfigurationError: there are none.
    """
    from ormmigrate.models import elsewhere, known_models

    application = invocation.application
    database, dialect = application.migrations._target()
    models = known_models(database, application.models)
    for line in elsewhere(dialect, models):
        invocation.output.warn(f"not compared: {line}.")
    return models


def _schema_of(invocation: Invocation, text: str) -> Schema:
    """The schema of what was named on the command line."""
    from ormmigrate import sources

    runner, unmanaged = invocation.runner, unmanaged_of(invocation)
    database, dialect = runner._target()
    if text == MODELS:
        migrations = runner.registries.migrations
        return sources.of_models(database, dialect, models_of(invocation), unmanaged, migrations)
    if text == MIGRATIONS:
        return sources.of_migrations(database, dialect, runner.registries, unmanaged)
    if text == DATABASE:
        return sources.of_database(database, dialect, unmanaged)
    return sources.of_place(text, database, dialect, unmanaged)


# -- the commands ---------------------------------------------------------------------------------


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate check
  python -m ormmigrate check --json

\b
The models are those that the application gives to register_models() while it is imported; where
it gives none, all that it defines. More modules to import: [tool.ormmigrate] models = "shop.models"
Exit code: 1 when a migration is missing."""
)
@as_json
@click.pass_obj
def check(invocation: Invocation) -> int:
    """Say whether a migration is missing: models against migrations.

    Both are built in a scratch place of the same kind of database; on SQLite that is in memory, and the
    application's own database is not opened.
    """
    from ormmigrate.comparison import missing_from_migrations

    found = missing_from_migrations(invocation.runner, models_of(invocation), unmanaged_of(invocation))
    if invocation.output.as_json:
        invocation.output.write_json(as_dict(found))
    elif not found:
        invocation.output.say(("Nothing missing.", GOOD))
    else:
        invocation.output.say("Missing in the migrations, for what the models describe:")
        say_difference(invocation.output, found)
        invocation.output.say(_next_of_check(found))
    return FOUND if found else DONE


def _next_of_check(found: Difference) -> str:
    if found.operations:
        return "python -m ormmigrate new NAME --auto writes the migration."
    return "Write a migration for it: python -m ormmigrate new NAME. Or correct the models."


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate drift
  python -m ormmigrate --database postgresql://shop@host/shop drift

\b
Tables of others are left alone: [tool.ormmigrate] unmanaged = ["spatial_ref_sys"].
Exit code: 1 when something was changed."""
)
@as_json
@click.pass_obj
def drift(invocation: Invocation) -> int:
    """Say what somebody changed by hand: database against migrations.

    The migrations that are applied are replayed in a scratch place; what is said is what was done to the database
    besides.
    """
    from ormmigrate.comparison import drift_of

    found = drift_of(invocation.runner, unmanaged_of(invocation))
    if invocation.output.as_json:
        invocation.output.write_json(as_dict(found))
    elif not found:
        invocation.output.say((f"No drift: {invocation.place} is what the applied migrations make.", GOOD))
    else:
        invocation.output.say(f"Done to {invocation.place}, and by no migration that is applied:")
        say_difference(invocation.output, found)
        invocation.output.say(
            "Take it back there, or write a migration for it that looks first: python -m ormmigrate new"
        )
    return FOUND if found else DONE


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate diff database models
  python -m ormmigrate diff migrations sqlite:///copy.db
  python -m ormmigrate diff before.json database

\b
A and B are each one of: models, migrations, database, a URL, a database's file, a script in SQL
(.sql), or what schema --format json has written (.json).
Exit code: 1 when they differ."""
)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@as_json
@click.pass_obj
def diff(invocation: Invocation, a: str, b: str) -> int:
    """Say what leads from A to B."""
    from ormmigrate import comparison
    from ormmigrate.diff import diff as difference

    before, after = _schema_of(invocation, a), _schema_of(invocation, b)
    if a != MODELS and b == MODELS:
        found = comparison.against_models(before, after)
    elif a == MODELS and b != MODELS:
        found = comparison.from_models(before, after)
    else:
        found = difference(before, after)
    if invocation.output.as_json:
        invocation.output.write_json(as_dict(found))
    elif not found:
        invocation.output.say(("No difference.", GOOD))
    else:
        say_difference(invocation.output, found)
    return FOUND if found else DONE


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate schema
  python -m ormmigrate schema models
  python -m ormmigrate schema migrations --format json > schema.json

\b
SOURCE is one of: models, migrations, database, a URL, a database's file, a script in SQL (.sql), or
what schema --format json has written (.json)."""
)
@click.argument("source", metavar="[SOURCE]", default=DATABASE)
@click.option("--format", "form", type=click.Choice(["sql", "json"]), help="sql, unless something is said.")
@as_json
@click.pass_obj
def schema(invocation: Invocation, source: str, form: str | None) -> int:
    """Print a schema: of the database, unless another SOURCE is named.

    As SQL: the statements that make it. As JSON: what diff reads again; --json is --format json.
    """
    found = _schema_of(invocation, source)
    if form == "json" or (form is None and invocation.output.as_json):
        invocation.output.write_json(found.to_dict())
        return DONE
    from ormmigrate.dumping import script_of, statements_of

    database, dialect = invocation.runner._target()
    statements, unsaid = statements_of(found, database, dialect)
    if invocation.output.as_json:
        invocation.output.write_json({"statements": statements, "unexpressed": unsaid})
        return DONE
    for text in script_of(statements, dialect):
        invocation.output.say(text)
    for line in unsaid:
        invocation.output.say((f"-- Not in these statements: {line}", QUIET))
    return DONE


# -- a difference ---------------------------------------------------------------------------------


def say_difference(output: Output, found: Difference) -> None:
    """A line for each operation, what is lost by it in red, and then what no operation does."""
    from ormmigrate.diff import losses
    from ormmigrate.operations import flat

    for operation in flat(found.operations):
        lost = losses(operation)
        output.say("  - ", operation.describe(), (f"  (loses {lost})" if lost else "", BAD))
    say_unexpressed(output, found.unexpressed)


def say_unexpressed(output: Output, lines: Sequence[str]) -> None:
    for line in lines:
        output.say("  - ", line, ("  (no operation does this)", DOUBTFUL))


def as_dict(found: Difference) -> dict[str, object]:
    from ormmigrate.diff import losses
    from ormmigrate.operations import flat

    return {
        "operations": [
            {"kind": one.kind, "description": one.describe(), "loses": losses(one)} for one in flat(found.operations)
        ],
        "unexpressed": list(found.unexpressed),
    }
