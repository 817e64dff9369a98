"""Where schemas come from: the models, the migrations replayed, the database, and what somebody names.

Models and migrations are really built, in a scratch place of the same kind, and read there as the database is: text
that a server has normalised can only be compared with text that it has normalised as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from pathlib import Path

from peewee import Database, Model, PeeweeException

from ormmigrate.connection import UNWRAPPED, connected
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import ConfigurationError, MigrationError, MigrationFailed, retyped
from ormmigrate.history import OWN_TABLES
from ormmigrate.migration import BaseMigration
from ormmigrate.models import is_here, is_virtual, placed, with_models, with_referred
from ormmigrate.operations import DropTable, Operation, Script
from ormmigrate.registry import Registries
from ormmigrate.replay import Performed, perform, replay, replayed
from ormmigrate.schema import Schema, from_dict
from ormmigrate.sync import create_missing_tables
from ormmigrate.urls import PLAIN_SQLITE, database_from_url


class NoScratchPlace(ConfigurationError):
    """This account may not make a scratch place, so neither models nor migrations can be built."""


# -- the three ------------------------------------------------------------------------------------


def of_models(
    database: Database,
    dialect: Dialect,
    models: Iterable[type[Model]],
    unmanaged: Sequence[str] = (),
    migrations: Sequence[BaseMigration] = (),
) -> Schema:
    """The schema that models describe, with all that they refer to; columns know their fields.

    Models of virtual tables, and of another schema than the migrations', are left out. Models are not changed.

    Args:
        migrations: those that make what models may need beside tables: a type of PostgreSQL, a function.

    Raises:
        NoScratchPlace
        MigrationError: which model has no table that can be created.
    """
    chosen = [model for model in with_referred(models) if is_here(dialect, model) and not is_virtual(model)]
    try:
        return _built(database, dialect, chosen, unmanaged, ())
    except NoScratchPlace:
        raise
    except MigrationError:
        if migrations:
            with suppress(MigrationError):
                return _built(database, dialect, chosen, unmanaged, migrations)
        raise


def _built(
    database: Database,
    dialect: Dialect,
    models: Sequence[type[Model]],
    unmanaged: Sequence[str],
    migrations: Sequence[BaseMigration],
) -> Schema:
    """The schema of models that are created where migrations have left everything but tables."""
    with in_scratch(database, dialect, unmanaged) as inside, placed(database, models):
        if migrations:
            replay(database, inside, migrations)
            tables = inside.inspect(database).without(unmanaged).tables
            perform(database, inside, [DropTable(table.name, cascade=True) for table in tables])
        create_missing_tables(database, inside, models, lambda event: None)
        return with_models(_read(database, inside, unmanaged), models)


def of_migrations(
    database: Database,
    dialect: Dialect,
    registries: Registries,
    unmanaged: Sequence[str] = (),
    ahead: Sequence[Operation] = (),
) -> Schema:
    """The schema that all migrations make of an empty database.

    Args:
        ahead: operations to run behind them.

    Raises:
        NoScratchPlace
        MigrationFailed: a migration does not run on empty tables.
    """
    return of_replay(database, dialect, registries.migrations, unmanaged, ahead)


def of_replay(
    database: Database,
    dialect: Dialect,
    migrations: Sequence[BaseMigration],
    unmanaged: Sequence[str] = (),
    ahead: Sequence[Operation] = (),
) -> Schema:
    """The schema that some migrations make of an empty database; see `of_migrations`."""

    def made_among(others: Sequence[str]) -> Schema:
        with in_scratch(database, dialect, others) as inside:
            replay(database, inside, migrations)
            perform(database, inside, ahead)
            return _read(database, inside, unmanaged)

    try:
        return made_among(unmanaged)
    except MigrationFailed:
        # Where a migration makes such a table itself, it is in its way.
        if unmanaged:
            with suppress(MigrationError):
                return made_among(())
        raise


def operations_of(
    database: Database, dialect: Dialect, registries: Registries, wanted: BaseMigration
) -> list[Performed]:
    """The operations of one migration with their SQL, after everything before it was replayed.

    Raises:
        NoScratchPlace
        MigrationFailed: a migration does not run on empty tables.
    """
    migrations = registries.migrations
    with in_scratch(database, dialect) as inside:
        replay(database, inside, migrations[: migrations.index(wanted)])
        return replayed(database, inside, wanted)


def of_database(database: Database, dialect: Dialect, unmanaged: Sequence[str] = ()) -> Schema:
    """The schema that the database has; an empty one where connecting would make it.

    Raises:
        ConfigurationError: it cannot be reached.
    """
    if not dialect.exists(database):
        return Schema(kind=dialect)
    with connected(database, dialect):
        try:
            return _read(database, dialect, unmanaged)
        except PeeweeException as error:
            raise dialect.explain_connection(database, error) from error


# -- what somebody names ----------------------------------------------------------------------------


def of_place(text: str, database: Database, dialect: Dialect, unmanaged: Sequence[str] = ()) -> Schema:
    """The schema of a URL or a file: a database, a script in SQL, or what `schema --format json` has written.

    Args:
        database: the application's, for which a script is run in a scratch place.

    Raises:
        ConfigurationError: there is no such file, or it is of another kind of database than the application's.
    """
    if "://" in text:
        return _of_url(text, dialect, unmanaged)
    path = Path(text)
    if not path.is_file():
        raise ConfigurationError(
            f"There is no file {text}, and it is neither a URL nor one of models, migrations and database.",
            "name a database's file or URL, a script that ends in .sql, or a file that ends in .json.",
        )
    if path.suffix == ".json":
        return _of_document(path, dialect).without((*OWN_TABLES, *unmanaged))
    if path.suffix == ".sql":
        return _of_script(path, database, dialect, unmanaged)
    # Whatever else it is, the database says.
    return _of_url(f"{PLAIN_SQLITE}{path}", dialect, unmanaged)


def _of_url(url: str, dialect: Dialect, unmanaged: Sequence[str]) -> Schema:
    other = database_from_url(url)
    its_dialect = dialect_of(other)
    _require_same_kind(its_dialect.label(other), its_dialect.name, dialect.name)
    if not its_dialect.exists(other):
        raise ConfigurationError(f"There is no database {its_dialect.label(other)}.", "correct the URL.")
    return of_database(other, its_dialect, unmanaged)


def _of_script(path: Path, database: Database, dialect: Dialect, unmanaged: Sequence[str]) -> Schema:
    with in_scratch(database, dialect, unmanaged) as inside:
        try:
            inside.engine(database).run(Script(path.read_text(encoding="utf-8")))
        except (PeeweeException, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{path} does not run on an empty {dialect.name} database: {type(error).__name__}: {error}",
                "correct the script; it is run as it stands, from the first statement on.",
            ) from error
        return _read(database, inside, unmanaged)


def _of_document(path: Path, dialect: Dialect) -> Schema:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        _require_same_kind(str(path), document["database"], dialect.name)
        return from_dict(document, dialect)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds no schema: {type(error).__name__}: {error}",
            "write it with: python -m ormmigrate schema --format json > schema.json",
        ) from error


def _require_same_kind(label: str, its_kind: str, kind: str) -> None:
    if its_kind != kind:
        raise ConfigurationError(
            f"{label} is {its_kind}, and what it is compared with is {kind}: their schemas are never the same.",
            f"name a {kind} database, or let --database URL say which one the application is to have.",
        )


# -- the scratch place ------------------------------------------------------------------------------


@contextmanager
def in_scratch(database: Database, dialect: Dialect, unmanaged: Sequence[str] = ()) -> Iterator[Dialect]:
    """Be in a scratch place, with the dialect to be used there. Where it needs a connection, one is opened.

    Raises:
        NoScratchPlace
        ConfigurationError: a transaction is open, or the database cannot be reached.
    """
    if database.in_transaction() or dialect.in_transaction(database):
        raise ConfigurationError(
            "A transaction is open on this connection, and a scratch place would end it.",
            "compare schemas outside `with db:` and db.atomic().",
        )
    with ExitStack() as stack:
        stack.enter_context(_connecting_late(database, dialect))
        try:
            stack.enter_context(dialect.scratch(database, unmanaged))
        except ConfigurationError as error:
            raise retyped(error, NoScratchPlace) from error
        except (PeeweeException, *UNWRAPPED) as error:
            raise dialect.explain_connection(database, error) from error
        inside = copy(dialect)
        # It is the only one there.
        inside.schema = None
        yield inside


@contextmanager
def _connecting_late(database: Database, dialect: Dialect) -> Iterator[None]:
    """Let whoever needs a connection open one, and close it afterwards where there was none.

    A scratch place in memory needs none: connecting would make a file that is not there.
    """
    was_closed, connects = database.is_closed(), database.autoconnect
    database.autoconnect = True
    try:
        yield
    finally:
        database.autoconnect = connects
        if was_closed and not database.is_closed() and not dialect.lives_in_connection(database):
            database.close()


def _read(database: Database, dialect: Dialect, unmanaged: Sequence[str]) -> Schema:
    return dialect.inspect(database).without((*OWN_TABLES, *unmanaged))
