"""Places of their own for tests: in memory, in a file, in a schema or a database of a server. Gone afterwards."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import peewee
from peewee import Database, PeeweeException, PostgresqlDatabase, SqliteDatabase

from ormmigrate.connection import connected, internals
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.base import quoted
from ormmigrate.errors import ConfigurationError
from ormmigrate.urls import database_from_url

#: What every place is called, so that what a killed test left behind can be told from everything else.
PREFIX = "ormmigrate_test_"
#: From here on a database of this kind is shared by all connections of a process and locked like a file
#: (sqlite.org/changes.html, 3.36.0).
SHARED_MEMORY = (3, 36, 0)
#: How long to wait for whoever still uses a place that is to be removed.
REMOVAL_TIMEOUT_S = 10


def runs_in_memory(database: Database | None) -> bool:
    """Whether an application's SQL is that of a database in memory; it is not known of one that is made later."""
    return database is None or isinstance(database, SqliteDatabase)


@contextmanager
def in_memory(own: Database | None) -> Iterator[Database]:
    """An empty database in memory. It is there until the block ends, for all threads, whoever closes what.

    Args:
        own: the application's. Where that is SQLite too: with its pragmas, functions and collations.
    """
    place, keeper = _in_memory(own)
    keeper.connect()
    try:
        yield place
    finally:
        close_for_good(place)
        keeper.close()


@contextmanager
def copied(place: Database) -> Iterator[Database]:
    """A copy of what `in_memory` gave, in a place of its own."""
    with in_memory(place) as copy_of_it:
        place.connection().backup(copy_of_it.connection())
        yield copy_of_it


@contextmanager
def of_url(url: str, own: Database | None, folder: Path, schemas: Collection[str] = ()) -> Iterator[Database]:
    """An empty place of that kind; never the very database that the URL names.

    SQLite: in memory, or a file of that name in `folder`. PostgreSQL: a schema. MariaDB and MySQL: a database.

    Args:
        own: the application's database.
        schemas: those that the application names itself: then it needs a whole database on PostgreSQL as well.

    Raises:
        ConfigurationError: the URL names no database, none that can be reached, or none where a place can be made.
    """
    place = database_from_url(url)
    if isinstance(place, SqliteDatabase):
        in_place = in_memory(own) if dialect_of(place).lives_in_connection(place) else _in_file(place, own, folder)
    elif isinstance(place, PostgresqlDatabase) and not schemas:
        in_place = _in_schema(place, database_from_url(url))
    else:
        in_place = _in_database(place, database_from_url(url))
    with in_place as found:
        yield found


def close_for_good(database: Database) -> None:
    """Close this thread's connection, and those that a pool keeps."""
    if not database.is_closed():
        database.close()
    if hasattr(database, "close_all"):
        database.close_all()


# -- SQLite ---------------------------------------------------------------------------------------


@contextmanager
def _in_file(place: SqliteDatabase, own: Database | None, folder: Path) -> Iterator[Database]:
    """A file of the same name."""
    name = str(folder / Path(place.database).name)
    if type(place) is SqliteDatabase:
        place = _like(own, name)
    else:  # a pool, another driver
        place.init(name)
    try:
        yield place
    finally:
        close_for_good(place)


def _in_memory(own: Database | None) -> tuple[SqliteDatabase, SqliteDatabase]:
    """A database in memory, and another one that is the same."""
    name = f"{PREFIX}{uuid.uuid4().hex}"
    is_shared = peewee.sqlite3.sqlite_version_info >= SHARED_MEMORY  # type: ignore[attr-defined]
    form = "file:/{}?vfs=memdb" if is_shared else "file:{}?mode=memory&cache=shared"
    pair = _like(own, form.format(name)), _like(own, form.format(name))
    for database in pair:
        attached = internals(database)._attached
        internals(database)._attached = {other: form.format(f"{name}_{other}") for other in attached}
    return pair


def _like(own: Database | None, name: str) -> SqliteDatabase:
    """A database of that name with the settings of the application's own, where that is SQLite as well."""
    if not isinstance(own, SqliteDatabase):
        # What every other kind of database sees to.
        return SqliteDatabase(name, pragmas={"foreign_keys": 1}, uri=True)
    if type(own)._connect is SqliteDatabase._connect:  # type: ignore[attr-defined]
        twin: Any = copy(own)
    else:  # a pool, another driver
        twin = SqliteDatabase(None)
        for registered in ("_pragmas", "_aggregates", "_collations", "_functions", "_window_functions", "_extensions"):
            setattr(twin, registered, copy(getattr(own, registered)))
    fresh = internals(SqliteDatabase(None))
    twin._state, twin._lock, twin.thread_safe = fresh._state, threading.Lock(), True
    twin.query_hooks, twin.connect_params = list(twin.query_hooks), dict(twin.connect_params)
    vars(twin).pop("_Model", None)
    twin.init(name, timeout=own.timeout, uri=True)
    return twin  # type: ignore[no-any-return]


# -- servers --------------------------------------------------------------------------------------


@contextmanager
def _in_schema(place: Database, server: Database) -> Iterator[Database]:
    """`place` in a schema of its own. It sees no other, unless its URL names some."""
    name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    given = place.connect_params.get("options", "")
    with _connected(server):
        server.execute_sql(f"SET lock_timeout = '{REMOVAL_TIMEOUT_S}s'")
        (path,) = server.execute_sql("SELECT current_setting('search_path')").fetchone()
        behind = f",{path.replace(' ', '')}" if "search_path" in given else ""
        _create(server, f'SCHEMA "{name}"')
        place.connect_params["options"] = f"{given} -csearch_path={name}{behind}".strip()
        try:
            yield place
        finally:
            close_for_good(place)
            server.execute_sql(f'DROP SCHEMA "{name}" CASCADE')


@contextmanager
def _in_database(place: Database, server: Database) -> Iterator[Database]:
    """`place` in a database of its own."""
    name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    with _connected(server):
        _create(server, f"DATABASE {quoted(server, name)}")
        place.database = name
        try:
            yield place
        finally:
            close_for_good(place)
            # Other threads may have left connections behind.
            force = (
                " WITH (FORCE)" if isinstance(server, PostgresqlDatabase) and server.server_version >= 130000 else ""
            )
            server.execute_sql(f"DROP DATABASE {quoted(server, name)}{force}")


def _create(server: Database, place: str) -> None:
    try:
        server.execute_sql(f"CREATE {place}")
    except PeeweeException as error:
        raise ConfigurationError(
            f"No place for a test can be made on {dialect_of(server).label(server)}: {str(error).strip()}",
            "give this account the right to create one there, or name another server for tests.",
        ) from error


@contextmanager
def _connected(server: Database) -> Iterator[None]:
    with connected(server, dialect_of(server)):
        try:
            yield
        finally:
            close_for_good(server)
