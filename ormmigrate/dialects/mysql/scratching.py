"""A database for a while, in which models and migrations are really built. Gone afterwards, whatever happens."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peewee import Database, PeeweeException

from ormmigrate.connection import stand_in
from ormmigrate.dialects.base import end_quietly, quoted
from ormmigrate.dialects.mysql.confined import Confined
from ormmigrate.dialects.mysql.dialect import SETTINGS, MySQLDialect, end_thread
from ormmigrate.errors import ConfigurationError

logger = logging.getLogger("ormmigrate")

PREFIX = "ormmigrate_scratch_"
SESSION = """
SELECT DATABASE(), CONNECTION_ID(), @@character_set_database, @@collation_database,
    CONCAT_WS(' ', @@hostname, @@port, @@server_id)
"""
#: Those that CREATE TABLE ... LIKE takes.
TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
"""
RESTORE = "SET foreign_key_checks = %s, unique_checks = %s, sql_mode = %s"
#: How long the end waits for a statement that the lost connection has left running.
LEFT_RUNNING_S = 30


@dataclass(frozen=True)
class Session:
    """The connection as it was, and the scratch database that it makes.

    Attributes:
        settings: those that a script may have changed.
        server: what tells the servers of a cluster apart, which share databases, and no locks.
    """

    home: str
    thread_id: int
    charset: str
    collation: str
    server: str
    settings: tuple[Any, ...]
    scratch: str


def _session(database: Database) -> Session:
    home, thread_id, charset, collation, server = database.execute_sql(SESSION).fetchone()
    settings = database.execute_sql(SETTINGS).fetchone()
    own = PREFIX + hashlib.sha256(str(server).encode()).hexdigest()[:8]
    return Session(home, thread_id, charset, collation, own, settings, f"{own}_{uuid.uuid4().hex[:16]}")


@contextmanager
def scratch(dialect: MySQLDialect, database: Database, unmanaged: Sequence[str]) -> Iterator[None]:
    """Inside, the connection is in a database of its own, with the home database's character set and collation.

    A lock of its name is held as long as it is in use. What a lost connection left behind is told by that nobody
    holds such a lock on this server, and is dropped.

    Raises:
        ConfigurationError: this account may not make one.
    """
    session = _session(database)
    try:
        database.execute_sql("SELECT GET_LOCK(%s, 0)", (session.scratch,)).fetchone()
        _create(database, session)
        names = [name for (name,) in database.execute_sql("SHOW DATABASES").fetchall()]
        _sweep(database, session, names)
        _copy(database, session, unmanaged)
        others = [name for name in names if name != session.scratch]
        with stand_in(database, Confined(database.connection(), others)):
            yield
    finally:
        _leave(dialect, database, session)


def _create(database: Database, session: Session) -> None:
    try:
        database.execute_sql(
            f"CREATE DATABASE `{session.scratch}` CHARACTER SET {session.charset} COLLATE {session.collation}"
        )
    except PeeweeException as error:
        raise ConfigurationError(
            f"A scratch database cannot be made here: {error}",
            f"let an administrator run: GRANT ALL ON `{PREFIX}%`.* TO this account; or use a server on which it may "
            "CREATE DATABASE: --database URL.",
        ) from error


def _sweep(database: Database, session: Session, names: Sequence[str]) -> None:
    """Drop the scratch databases of this server that nobody uses any more."""
    left = [name for name in names if name.startswith(f"{session.server}_") and name != session.scratch]
    for name in left:
        # Taken before such a database is made, and held until it is dropped.
        if database.execute_sql("SELECT GET_LOCK(%s, 0)", (name,)).fetchone()[0]:
            end_quietly("Dropping a scratch database that was left", database, f"DROP DATABASE IF EXISTS `{name}`")
            end_quietly("Releasing its lock", database, "SELECT RELEASE_LOCK(%s)", (name,))


def _copy(database: Database, session: Session, unmanaged: Sequence[str]) -> None:
    """Make the tables of others that there are at home; their foreign keys are not copied."""
    there = {name for (name,) in database.execute_sql(TABLES).fetchall()} if unmanaged else set()
    home = quoted(database, session.home)
    database.execute_sql(f"USE `{session.scratch}`")
    for name in dict.fromkeys(unmanaged):
        if name in there:
            table = quoted(database, name)
            database.execute_sql(f"CREATE TABLE {table} LIKE {home}.{table}".replace("%", "%%"))


def _leave(dialect: MySQLDialect, database: Database, session: Session) -> None:
    drop = f"DROP DATABASE IF EXISTS `{session.scratch}`"
    if not dialect.is_reachable(database):
        _drop_from_elsewhere(database, session, drop)
        return
    dialect.end_what_is_open(database, session.home)
    end_quietly("Restoring the session", database, RESTORE, session.settings)
    end_quietly("Dropping the scratch database", database, drop)
    end_quietly("Releasing its lock", database, "SELECT RELEASE_LOCK(%s)", (session.scratch,))


def _drop_from_elsewhere(database: Database, session: Session, drop: str) -> None:
    """Drop it from another connection, where the one that made it is lost; its statement may still run."""
    end_thread(database, session.thread_id)
    try:
        (before,) = database.execute_sql("SELECT @@SESSION.lock_wait_timeout").fetchone()
        database.execute_sql("SET SESSION lock_wait_timeout = %s", (LEFT_RUNNING_S,))
    except PeeweeException as error:
        logger.warning("The scratch database %s is left, and the next one sweeps it: %s", session.scratch, error)
        return
    end_quietly("Dropping the scratch database", database, drop)
    end_quietly("Restoring the session", database, "SET SESSION lock_wait_timeout = %s", (before,))
