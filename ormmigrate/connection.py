"""peewee's connection state: who is connected, who is in a batch, and standing in for a connection."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import peewee
from peewee import Database, PeeweeException, Proxy

from ormmigrate.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from ormmigrate.dialects.base import Dialect

#: peewee turns a driver's errors into its own in execute(), and not in fetchall(), where SQLite still reads the file.
driver_errors_wrapped: AbstractContextManager[None] = peewee.__exception_wrapper__  # type: ignore[attr-defined]

# What drivers raise as it is: unknown parameters of a URL, a package that an authentication needs, the network.
UNWRAPPED = (OSError, TypeError, ValueError, RuntimeError)

# Keyed by the inner database: a proxy cannot be weakly referenced, and two proxies may share one.
_batch_locks: WeakKeyDictionary[Database, BatchLock] = WeakKeyDictionary()
_batch_locks_guard = threading.Lock()


def inner(database: Database | Proxy) -> Database:
    """The peewee Database behind a proxy, or the database itself.

    Raises:
        ConfigurationError: a proxy that was not initialized, or a plain peewee Database that was given
            `migrations=` (which it takes without complaint, and ignores).
    """
    found = database.obj if isinstance(database, Proxy) else database
    if found is None or found.deferred:
        raise ConfigurationError(
            "The database is not initialized.",
            "call initialize(...) with a peewee database, or init(...) with the database's name, first.",
        )
    if "migrations" in getattr(found, "connect_params", ()):
        raise ConfigurationError(
            f"A plain peewee {type(found).__name__} was given migrations=, which it ignores.",
            "import Database from ormmigrate after `from peewee import *`, or write ormmigrate.Database(...).",
        )
    return found


def internals(database: Database) -> Any:
    """The database, with what peewee's stubs do not name: `_state`, `_adapter`, `_run_commit_callbacks`."""
    return database


@contextmanager
def connected(database: Database, dialect: Dialect) -> Iterator[None]:
    """Be connected: open a connection if this thread has none, and close it again if it was opened here.

    A database that lives in its connection (SQLite in memory) stays open.

    Raises:
        ConfigurationError: why the connection could not be had, with what to do.
    """
    if not database.is_closed():
        yield
        return
    try:
        database.connect()
    except (PeeweeException, *UNWRAPPED) as error:
        if type(error).__name__ == "MaxConnectionsExceeded":
            raise ConfigurationError(
                "The connection pool has no connection left.",
                "close one, or allow more: max_connections=; a batch needs one for itself.",
            ) from error
        raise dialect.explain_connection(database, error) from error
    try:
        yield
    finally:
        if not dialect.lives_in_connection(database):
            database.close()


class BatchLock:
    """One batch at a time for the threads of this process, and never one inside another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner: int | None = None

    def refuse_owner(self) -> None:
        """Refuse the thread whose batch is running: it would wait for itself.

        Raises:
            ConfigurationError
        """
        if self._owner == threading.get_ident():
            raise ConfigurationError(
                "Migrations were started from inside a migration.",
                "remove the call of register_models() or up() from the migration: the batch that is running "
                "creates the tables when it ends.",
            )

    def __enter__(self) -> None:
        self.refuse_owner()
        self._lock.acquire()
        self._owner = threading.get_ident()

    def __exit__(self, *exc_info: object) -> None:
        self._owner = None
        self._lock.release()


def batch_lock(database: Database) -> BatchLock:
    """The lock that all threads of this process share for that database."""
    with _batch_locks_guard:
        return _batch_locks.setdefault(database, BatchLock())


@contextmanager
def stand_in(database: Database, connection: Any) -> Iterator[None]:
    """This thread's connection of `database` is `connection` until the block ends; other threads are unaffected.

    `reset` is shadowed too, so that a close() inside cannot make peewee reconnect to the real database.
    """
    state = internals(database)._state
    saved = (state.closed, state.conn, state.ctx, state.transactions, state.commit_callbacks)
    state.closed, state.conn, state.ctx, state.transactions, state.commit_callbacks = False, connection, [], [], []
    state.reset = lambda: None
    try:
        yield
    finally:
        del state.reset
        state.closed, state.conn, state.ctx, state.transactions, state.commit_callbacks = saved


@contextmanager
def held_open(database: Database) -> Iterator[None]:
    """Keep `with database.connection_context()` inside a migration from closing the batch's connection."""
    sentinel = object()
    state = internals(database)._state
    state.ctx.append(sentinel)
    try:
        yield
    finally:
        if sentinel in state.ctx:
            state.ctx.remove(sentinel)
