"""Statements that take strong locks wait for them a short time only, and are tried again.

Everybody who comes behind a waiting ALTER TABLE waits as well, readers included: for as long as the oldest reader
in front of it takes, if nothing ends the wait.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from peewee import Database, PeeweeException

from ormmigrate.dialects.base import Dialect, end_quietly, peewee_transaction
from ormmigrate.dialects.postgresql.codes import sqlstate
from ormmigrate.errors import TableInUse
from ormmigrate.operations import first_line

Result = TypeVar("Result")

SAVEPOINT = "ormmigrate_try"
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
#: "because it has pending trigger events": a deferred key has not been looked at yet.
OBJECT_IN_USE = "55006"
#: The longest pause between two tries, as a multiple of the time that each waits.
LONGEST_PAUSE = 8

# The oldest transaction that holds something of the tables: of those named, and of those that belong to them.
HOLDERS = """
SELECT l.pid, a.usename::text, host(a.client_addr), date_trunc('second', a.xact_start)::text, a.state, a.query
FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
JOIN (
    WITH named AS (
        SELECT oid FROM pg_class WHERE relname::text = ANY (%s::text[]) AND pg_table_is_visible(oid)
    )
    SELECT 1 AS distance, oid FROM named
    UNION SELECT 2, indrelid FROM pg_index WHERE indexrelid IN (SELECT oid FROM named)
    UNION SELECT 2, inhrelid FROM pg_inherits WHERE inhparent IN (SELECT oid FROM named)
    UNION SELECT 2, inhparent FROM pg_inherits WHERE inhrelid IN (SELECT oid FROM named)
    UNION SELECT 3, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid IN (SELECT oid FROM named)
    UNION SELECT 3, conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid IN (SELECT oid FROM named)
) AS meant ON meant.oid = l.relation
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY meant.distance, l.mode = 'AccessShareLock', a.xact_start LIMIT 1
"""
DEFERRED = """
SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.conname)
FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
WHERE c.condeferred AND left(n.nspname, 3) <> 'pg_'
"""
SWITCH = "SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, %s)"
RESTORE = "SELECT set_config('lock_timeout', %s, %s)"


def patiently(dialect: Dialect, database: Database, names: Iterable[str], action: Callable[[], Result]) -> Result:
    """Run what takes strong locks as a whole or not at all: in a savepoint, or a transaction of its own.

    Args:
        names: of tables and indexes that are meant; other words do no harm.

    Raises:
        TableInUse: each try met somebody else's lock.
    """
    around = _in_savepoint if dialect.in_transaction(database) else _in_transaction
    return _tried(dialect, database, names, action, around)


def patiently_alone(dialect: Dialect, database: Database, names: Iterable[str], action: Callable[[], Result]) -> Result:
    """The same for one statement that may not run in a transaction."""
    return _tried(dialect, database, names, action, _in_session)


def _tried(
    dialect: Dialect,
    database: Database,
    names: Iterable[str],
    action: Callable[[], Result],
    around: Callable[..., object],
) -> Result:
    limits = dialect.limits
    holder: str | None = None
    fires_deferred = around is _in_savepoint
    tries = 0
    while True:
        tries += 1
        try:
            with around(dialect, database, limits.ddl_lock_timeout_s):  # type: ignore[attr-defined]
                return action()
        except PeeweeException as error:
            state = sqlstate(error)
            if state == OBJECT_IN_USE and fires_deferred:
                fires_deferred = False
                tries -= 1
                fire_deferred(database)
                continue
            if state not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                raise
            # While it is still there; the next try may meet nobody, and the last one somebody who has just gone.
            holder = holder_of(database, names) or holder
            if tries >= limits.ddl_tries:
                raise TableInUse(timeout_s=limits.ddl_lock_timeout_s, tries=tries, holder=holder) from error
        pause(limits.ddl_lock_timeout_s, tries)


def pause(timeout_s: float, tries: int) -> None:
    """Let those go on who had to wait, longer each time; at random, so that two who meet do not meet again."""
    time.sleep(timeout_s * min(2.0 ** (tries - 2), LONGEST_PAUSE) * random.uniform(0.5, 1.5))


def holder_of(database: Database, names: Iterable[str]) -> str | None:
    """Who is in the way: process, user, address, since when, and what it runs or ran last."""
    for pid, user, address, since, state, query in database.execute_sql(HOLDERS, (list(names),)).fetchall():
        if pid is None:
            return "a prepared transaction (see pg_prepared_xacts)"
        words = [f"process {pid}", f"user {user or '?'}"]
        words += [f"from {address}"] if address else []
        words += [f"in a transaction since {since}"] if since else []
        doing = "its last statement" if str(state).startswith("idle") else "it runs"
        return ", ".join(words) + (f", {doing}: {first_line(query)}" if query else "")
    return None


def fire_deferred(database: Database) -> None:
    """Have deferred keys looked at now, since ALTER TABLE refuses a table of which some are not; then defer again."""
    database.execute_sql("SET CONSTRAINTS ALL IMMEDIATE")
    names = [str(name) for (name,) in database.execute_sql(DEFERRED).fetchall()]
    if names:
        database.execute_sql(f"SET CONSTRAINTS {', '.join(names)} DEFERRED".replace("%", "%%"))


@contextmanager
def _in_savepoint(dialect: Dialect, database: Database, timeout_s: float) -> Iterator[None]:
    database.execute_sql(f"SAVEPOINT {SAVEPOINT}")
    try:
        before, _ = database.execute_sql(SWITCH, (_ms(timeout_s), True)).fetchone()
        yield
        if dialect.in_transaction(database):  # otherwise the batch is over, which it notices itself
            # What follows may be the application's own, and is to wait as long as ever.
            database.execute_sql(RESTORE, (before, True))
            database.execute_sql(f"RELEASE SAVEPOINT {SAVEPOINT}")
    except BaseException:
        if dialect.in_transaction(database):
            # It also puts lock_timeout back.
            end_quietly("ROLLBACK TO SAVEPOINT", database, f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
            end_quietly("RELEASE SAVEPOINT", database, f"RELEASE SAVEPOINT {SAVEPOINT}")
        raise


@contextmanager
def _in_transaction(dialect: Dialect, database: Database, timeout_s: float) -> Iterator[None]:
    database.execute_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    try:
        with peewee_transaction(database):
            database.execute_sql(SWITCH, (_ms(timeout_s), True))
            yield
        database.execute_sql("COMMIT")
    except BaseException:
        if dialect.in_transaction(database):
            end_quietly("ROLLBACK", database, "ROLLBACK")
        raise


@contextmanager
def unhurried(database: Database) -> Iterator[None]:
    """No lock_timeout, the role's own included: for what waits without keeping anybody else waiting."""
    before, _ = database.execute_sql(SWITCH, ("0", False)).fetchone()
    try:
        yield
    finally:
        end_quietly("Restoring lock_timeout", database, RESTORE, (before, False))


@contextmanager
def _in_session(dialect: Dialect, database: Database, timeout_s: float) -> Iterator[None]:
    before, _ = database.execute_sql(SWITCH, (_ms(timeout_s), False)).fetchone()
    try:
        yield
    finally:
        end_quietly("Restoring lock_timeout", database, RESTORE, (before, False))


def _ms(timeout_s: float) -> str:
    return f"{max(1, int(timeout_s * 1000))}ms"  # 0 would be for ever


def detail(error: BaseException) -> str:
    """What the server adds to an error: the key that is there twice, say."""
    diagnosis = getattr(getattr(error, "orig", None) or error, "diag", None)
    return str(getattr(diagnosis, "message_detail", None) or "")


def message(error: BaseException) -> str:
    """What the server says, on one line, without the place in the statement."""
    diagnosis = getattr(getattr(error, "orig", None) or error, "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error).strip()
