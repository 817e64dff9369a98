"""The migration lock of PostgreSQL: an advisory lock of the transaction, or of the session for a batch in parts.

Nobody waits for it inside a transaction for long: CREATE INDEX CONCURRENTLY waits for all transactions that were
open before it, and with one that waits for the lock of the same batch it would be a deadlock.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import Database, PeeweeException

from ormmigrate.dialects.base import end_quietly
from ormmigrate.dialects.postgresql.codes import sqlstate
from ormmigrate.errors import ConfigurationError, LockTimeout

LOCK_NOT_AVAILABLE = "55P03"
#: How long a transaction waits for the lock before it ends and tries again, and the pause between two tries.
WAIT_S = 0.2
PAUSE_S = (0.005, 0.05)
#: The same for the lock of a session, which is asked for and never waited for.
POLL_S = (0.05, 0.25)
HOLDER = """
SELECT 'process ' || a.pid || ', user ' || coalesce(a.usename, '?')
    || coalesce(', from ' || host(a.client_addr), '')
    || ', since ' || date_trunc('second', coalesce(a.xact_start, a.query_start, a.backend_start))
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = %s
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# Unlocking what is not held would be a warning in the server's log.
HELD = (
    "locktype = 'advisory' AND objsubid = 1 AND granted AND pid = pg_backend_pid() "
    "AND (classid::bigint << 32 | objid::bigint) = {}"
)
# Killing the client leaves its statement running, with the lock, until the server looks; it can only on Unix, from 14.
CAN_LOOK = (
    "current_setting('client_connection_check_interval', true) IS NOT NULL AND version() !~* 'mingw|visual|windows'"
)
LOOK = f"SELECT set_config('client_connection_check_interval', '200ms', true) WHERE {CAN_LOOK}"
LOOK_IN_SESSION = "SET SESSION client_connection_check_interval = '200ms'"
SETTINGS = f"SELECT current_setting('lock_timeout'), current_schema(), {CAN_LOOK}"


def lock_key(schema: str | None) -> int:
    """The number of the lock of a schema: advisory locks are 64-bit numbers, and each schema has its own history."""
    digest = hashlib.sha256(f"ormmigrate.{schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_transaction(database: Database, timeout_s: float, schema: str | None) -> bool:
    """Take the lock for the open transaction; False where somebody else has it, and the transaction is aborted."""
    before, current, can_look = database.execute_sql(SETTINGS).fetchone()
    wait_ms = max(1, int(min(timeout_s, WAIT_S) * 1000))
    database.execute_sql("SELECT set_config('lock_timeout', %s, true)", (f"{wait_ms}ms",))
    try:
        database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (lock_key(schema or current),))
    except PeeweeException as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        return False
    database.execute_sql("SELECT set_config('lock_timeout', %s, true)", (before,))
    if can_look:
        database.execute_sql(LOOK)
    return True


@contextmanager
def session_lock(database: Database, timeout_s: float, schema: str | None) -> Iterator[int]:
    """Hold the lock for the session; gives the server's process that has it.

    Raises:
        ConfigurationError: behind a pooler that gives each transaction another session, which makes it useless.
        LockTimeout
    """
    process = process_of(database)
    info = getattr(database.connection(), "info", None)
    if info is not None and info.backend_pid != process:
        raise ConfigurationError(
            "This batch is not one transaction (transactional = False), so its lock must belong to a session; and "
            "this connection goes through a pooler that gives each transaction another one (pgbouncer in "
            "transaction mode). Nothing was changed.",
            "run the migrations on a direct connection to the server: python -m ormmigrate --database URL up.",
        )
    _, current, can_look = database.execute_sql(SETTINGS).fetchone()
    key = lock_key(schema or current)
    connection = database.connection()
    (path_before,) = database.execute_sql("SELECT current_setting('search_path')").fetchone()
    try:
        # Inside: Ctrl-C right behind it must not leave the lock.
        _poll(database, key, timeout_s, schema)
        if schema is not None:
            database.execute_sql("SELECT set_config('search_path', %s, false)", (path(database, schema),))
        if can_look:
            database.execute_sql(LOOK_IN_SESSION)
        yield process
    finally:
        # Where the connection is gone, so is the lock.
        if not database.is_closed() and database.connection() is connection and database.is_connection_usable():
            if can_look:
                end_quietly("Resetting the session", database, "RESET client_connection_check_interval")
            if schema is not None:
                set_path = "SELECT set_config('search_path', %s, false)"
                end_quietly("Resetting the session", database, set_path, (path_before,))
            unlock = f"SELECT pg_advisory_unlock({key}) FROM pg_locks WHERE {HELD.format(key)} LIMIT 1"
            end_quietly("Giving the lock back", database, unlock)


def _poll(database: Database, key: int, timeout_s: float, schema: str | None) -> None:
    deadline = time.monotonic() + timeout_s
    while not database.execute_sql("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()[0]:
        if time.monotonic() >= deadline:
            raise LockTimeout(timeout_s=timeout_s, holder=holder(database, schema))
        time.sleep(random.uniform(*POLL_S))


def holder(database: Database, schema: str | None) -> str | None:
    """Who has the lock, in words."""
    (current,) = database.execute_sql("SELECT current_schema()").fetchone()
    row = database.execute_sql(HOLDER, (lock_key(schema or current),)).fetchone()
    return row and str(row[0])


def process_of(database: Database) -> int:
    """The server's process behind the connection, as the server says."""
    return int(database.execute_sql("SELECT pg_backend_pid()").fetchone()[0])


def path(database: Database, schema: str) -> str:
    """The search_path with a schema in front."""
    (before,) = database.execute_sql("SELECT current_setting('search_path')").fetchone()
    quoted = '"' + schema.replace('"', '""') + '"'
    if before.startswith(quoted):
        return str(before)
    return f"{quoted}, {before}" if before else quoted
