"""PostgreSQL: one transaction, and an advisory lock that ends with it."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager

from peewee import Database, PeeweeException

from ormmigrate.connection import internals
from ormmigrate.dialects.base import Dialect, end_quietly, peewee_transaction, run_commit_callbacks
from ormmigrate.errors import ConfigurationError, LockTimeout, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ormmigrate.dialects.base import ColumnFacts
    from ormmigrate.dialects.engine import Engine

IDLE, IN_ERROR, UNKNOWN = 0, 3, 4  # libpq's PQtransactionStatus, as both drivers give it
UNDEFINED_TABLE, UNDEFINED_COLUMN, LOCK_NOT_AVAILABLE = "42P01", "42703", "55P03"

SESSION_SETTINGS = ("search_path", "session_replication_role")
SESSION = "SELECT current_setting('search_path'), current_setting('session_replication_role')"
HOLDER = """
SELECT 'process ' || a.pid || ', user ' || coalesce(a.usename, '?')
    || coalesce(', from ' || host(a.client_addr), '') || ', since ' || date_trunc('second', a.xact_start)
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = %s
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
RELATIONS = """
SELECT c.relname::text FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = coalesce(%s, current_schema()))
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
USER_TABLES = """
SELECT 1 FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())
    AND c.relkind IN ('r', 'p') AND c.relname <> %s
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
LIMIT 1
"""
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
    coalesce(a.attnum = ANY (i.indkey), false)
FROM pg_attribute AS a LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


class PostgresqlDialect(Dialect):
    name = "PostgreSQL"
    doubles_percent = True

    def in_transaction(self, database: Database) -> bool:
        return self._status(database) not in (IDLE, UNKNOWN)

    def _status(self, database: Database) -> int:
        """The transaction status of libpq, known without asking the server."""
        if database.is_closed():
            return UNKNOWN
        return int(internals(database)._adapter.txn_status(database.connection()))

    def start_query(self, history: str) -> str:
        return (
            f'SELECT registry, migration, state FROM "{history}" UNION ALL '
            "SELECT NULL, relname::text, NULL FROM pg_catalog.pg_class "
            "WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema()) "
            "AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        )

    def is_missing(self, error: BaseException) -> bool:
        return _sqlstate(error) in (UNDEFINED_TABLE, UNDEFINED_COLUMN)

    def table_names(self, database: Database, schema: str | None = None) -> set[str]:
        return {name for (name,) in database.execute_sql(RELATIONS, (schema,)).fetchall()}

    def has_user_tables(self, database: Database, history: str) -> bool:
        return database.execute_sql(USER_TABLES, (history,)).fetchone() is not None

    def columns(self, database: Database, table: str, *, temporary: bool = False) -> Mapping[str, ColumnFacts]:
        schema = "pg_temp." if temporary else ""
        name = schema + '"' + table.replace('"', '""') + '"'
        rows = database.execute_sql(COLUMNS, (name,)).fetchall()
        return {column: (type_, null, in_key) for column, type_, null, in_key in rows}

    @contextmanager
    def exclusive(self, database: Database, timeout_s: float) -> Iterator[None]:
        # READ COMMITTED whatever the application's default: under REPEATABLE READ the statement that takes
        # the lock also takes the snapshot, and what others committed while we waited stays unseen.
        try:
            database.execute_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
            with peewee_transaction(database):
                self._lock(database, timeout_s)
                yield
        except BaseException:
            self._roll_back(database)
            raise
        try:
            database.execute_sql("COMMIT")
        except BaseException as error:
            is_lost = self._status(database) == UNKNOWN
            self._roll_back(database)
            if is_lost and isinstance(error, PeeweeException):
                raise MigrationError(
                    f"The connection was lost during COMMIT, so the batch may be applied or not: {error}",
                    "see which: python -m ormmigrate status; then start again, which runs what is not applied.",
                ) from error
            raise
        run_commit_callbacks(database)

    @contextmanager
    def step(self, database: Database) -> Iterator[None]:
        # A script made by pg_dump empties the search_path, and the history would be looked for elsewhere.
        before = database.execute_sql(SESSION).fetchone()
        with super().step(database):
            yield
        for (name, value), now in zip(zip(SESSION_SETTINGS, before), database.execute_sql(SESSION).fetchone()):
            if now != value:
                database.execute_sql("SELECT set_config(%s, %s, false)", (name, value))

    def is_aborted(self, database: Database) -> bool:
        return self._status(database) == IN_ERROR

    def _lock(self, database: Database, timeout_s: float) -> None:
        query = "SELECT current_setting('lock_timeout'), current_schema()"
        before, schema = database.execute_sql(query).fetchone()
        key = lock_key(schema)
        set_timeout = "SELECT set_config('lock_timeout', %s, true)"
        database.execute_sql(set_timeout, (f"{max(1, int(timeout_s * 1000))}ms",))
        try:
            database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (key,))
        except PeeweeException as error:
            if _sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
            database.execute_sql("ROLLBACK")
            holder = database.execute_sql(HOLDER, (key,)).fetchone()
            raise LockTimeout(timeout_s=timeout_s, holder=holder and holder[0]) from error
        database.execute_sql(set_timeout, (before,))

    def _roll_back(self, database: Database) -> None:
        internals(database)._clear_commit_callbacks()
        if self.in_transaction(database):
            end_quietly("ROLLBACK", database, "ROLLBACK")

    @contextmanager
    def scratch(self, database: Database) -> Iterator[None]:
        schema = '"ormmigrate_scratch"'
        database.execute_sql("BEGIN")
        try:
            with peewee_transaction(database):
                try:
                    database.execute_sql(f"CREATE SCHEMA {schema}")
                except PeeweeException as error:
                    raise ConfigurationError(
                        f"A scratch schema cannot be made here: {error}",
                        "use a database in which this user may CREATE SCHEMA: --database URL.",
                    ) from error
                database.execute_sql(f"SET LOCAL search_path TO {schema}")
                yield
        finally:
            self._roll_back(database)

    def engine(self, database: Database) -> Engine:
        from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

        return PostgresqlEngine(self, database)


def lock_key(schema: str | None) -> int:
    """The number of the lock of a schema: advisory locks are 64-bit numbers, and each schema has its own history."""
    digest = hashlib.sha256(f"ormmigrate.{schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _sqlstate(error: BaseException) -> str | None:
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return None if state is None else str(state)
