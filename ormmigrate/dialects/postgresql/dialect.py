"""PostgreSQL: one transaction, and an advisory lock that ends with it."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager

from peewee import Database, PeeweeException

from ormmigrate.connection import internals
from ormmigrate.dialects.base import (
    CommitLost,
    Dialect,
    end_quietly,
    outside_peewee_transaction,
    peewee_transaction,
    run_commit_callbacks,
)
from ormmigrate.dialects.postgresql import locking
from ormmigrate.dialects.postgresql.codes import sqlstate
from ormmigrate.errors import LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from peewee import Field

    from ormmigrate.dialects.base import ColumnFacts
    from ormmigrate.dialects.engine import Engine
    from ormmigrate.dialects.postgresql.scratching import Scratch
    from ormmigrate.operations import Operation
    from ormmigrate.schema import Column, Schema

IDLE, IN_ERROR, UNKNOWN = 0, 3, 4  # libpq's PQtransactionStatus, as both drivers give it
UNDEFINED_TABLE, UNDEFINED_COLUMN, ACTIVE_SQL_TRANSACTION = "42P01", "42703", "25001"
#: What may stand behind the closing parenthesis of CREATE TABLE, in this order.
SAID_BEHIND = ("PARTITION BY ", "WITH (")
SESSION_SETTINGS = ("search_path", "session_replication_role")
SESSION = "SELECT current_setting('search_path'), current_setting('session_replication_role')"
RELATIONS = """
SELECT c.relname::text FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = coalesce(%s, current_schema()))
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
USER_TABLES = """
SELECT 1 FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = coalesce(%s, current_schema()))
    AND c.relkind IN ('r', 'p') AND c.relname NOT IN (%s, %s)
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
    #: The server's process that has the lock of a batch in parts.
    _lock_holder: int | None = None
    #: The search_path of such a batch.
    _path: str | None = None
    #: The scratch schema that the connection is in.
    scratch_schema: Scratch | None = None

    def in_transaction(self, database: Database) -> bool:
        return self._status(database) not in (IDLE, UNKNOWN)

    def _status(self, database: Database) -> int:
        """The transaction status of libpq, known without asking the server."""
        if database.is_closed():
            return UNKNOWN
        return int(internals(database)._adapter.txn_status(database.connection()))

    def use_schema(self, schema: str) -> None:
        self.schema = schema

    def start_query(self, history: str) -> str:
        home, table = "current_schema()", f'"{history}"'
        if self.schema is not None:
            home = "'" + self.schema.replace("'", "''").replace("%", "%%") + "'"
            table = '"' + self.schema.replace('"', '""').replace("%", "%%") + f'".{table}'
        return (
            f"SELECT registry, migration, state FROM {table} UNION ALL "
            "SELECT NULL, relname::text, NULL FROM pg_catalog.pg_class "
            f"WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = {home}) "
            "AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        )

    def refuses_transaction(self, error: BaseException) -> bool:
        return sqlstate(error) == ACTIVE_SQL_TRANSACTION

    def is_missing(self, error: BaseException) -> bool:
        return sqlstate(error) in (UNDEFINED_TABLE, UNDEFINED_COLUMN)

    def table_names(self, database: Database, schema: str | None = None) -> set[str]:
        return {name for (name,) in database.execute_sql(RELATIONS, (schema,)).fetchall()}

    def estimated_rows(self, database: Database, table: str) -> int:
        # -1 where nobody has counted yet.
        query = "SELECT reltuples FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)"
        row = database.execute_sql(query, ('"' + table.replace('"', '""') + '"',)).fetchone()
        if row is None or row[0] < 0:
            return super().estimated_rows(database, table)
        return int(row[0])

    def has_user_tables(self, database: Database, own: tuple[str, str]) -> bool:
        return database.execute_sql(USER_TABLES, (self.schema, *own)).fetchone() is not None

    def columns(self, database: Database, table: str, *, temporary: bool = False) -> Mapping[str, ColumnFacts]:
        schema = "pg_temp." if temporary else ""
        name = schema + '"' + table.replace('"', '""') + '"'
        rows = database.execute_sql(COLUMNS, (name,)).fetchall()
        return {column: (type_, null, in_key) for column, type_, null, in_key in rows}

    @contextmanager
    def exclusive(self, database: Database, timeout_s: float) -> Iterator[None]:
        with self._rolled_back_on_error(database):
            self._begin_locked(database, timeout_s)
            with peewee_transaction(database):
                yield
        self._commit(database)

    @contextmanager
    def exclusive_in_parts(self, database: Database, timeout_s: float) -> Iterator[None]:
        with locking.session_lock(database, timeout_s, self.schema) as process:
            self._lock_holder = process
            (self._path,) = database.execute_sql("SELECT current_setting('search_path')").fetchone()
            with self._rolled_back_on_error(database):
                self._begin(database)
                self._make_schema(database)
                with peewee_transaction(database):
                    yield
            self._commit(database)

    def _make_schema(self, database: Database) -> None:
        if self.schema is not None:
            name = self.schema.replace('"', '""').replace("%", "%%")
            database.execute_sql(f'CREATE SCHEMA IF NOT EXISTS "{name}"')

    @contextmanager
    def transaction(self, database: Database) -> Iterator[None]:
        with self._rolled_back_on_error(database):
            self._begin(database)
            with peewee_transaction(database):
                yield
        self._commit(database)

    @contextmanager
    def outside_transaction(self, database: Database) -> Iterator[None]:
        self._commit(database)
        with outside_peewee_transaction(database):
            yield
        self._begin(database)

    def settle_session(self, database: Database) -> None:
        if self._path is not None:
            database.execute_sql("SELECT set_config('search_path', %s, false)", (self._path,))

    def is_migrating(self, database: Database) -> bool:
        return locking.holder(database, self.schema) is not None

    def holds_lock(self, database: Database) -> bool:
        # The lock of a transaction is gone where the transaction is; that of a session, where the process is.
        return self._lock_holder is None or locking.process_of(database) == self._lock_holder

    def is_reachable(self, database: Database) -> bool:
        return self._status(database) != UNKNOWN

    @contextmanager
    def _rolled_back_on_error(self, database: Database) -> Iterator[None]:
        try:
            yield
        except BaseException:
            internals(database)._clear_commit_callbacks()
            if self.in_transaction(database):
                end_quietly("ROLLBACK", database, "ROLLBACK")
            raise

    def _begin(self, database: Database) -> None:
        # READ COMMITTED whatever the application's default: under REPEATABLE READ the statement that takes
        # the lock also takes the snapshot, and what others committed while we waited stays unseen.
        database.execute_sql("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
        if self.schema is not None:
            database.execute_sql("SELECT set_config('search_path', %s, true)", (locking.path(database, self.schema),))

    def _begin_locked(self, database: Database, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            self._begin(database)
            if locking.lock_transaction(database, deadline - time.monotonic(), self.schema):
                self._make_schema(database)
                return
            database.execute_sql("ROLLBACK")
            if time.monotonic() >= deadline:
                raise LockTimeout(timeout_s=timeout_s, holder=locking.holder(database, self.schema))
            time.sleep(random.uniform(*locking.PAUSE_S))

    def _commit(self, database: Database) -> None:
        try:
            database.execute_sql("COMMIT")
        except BaseException as error:
            is_lost = self._status(database) == UNKNOWN
            internals(database)._clear_commit_callbacks()
            if self.in_transaction(database):
                end_quietly("ROLLBACK", database, "ROLLBACK")
            if is_lost and isinstance(error, PeeweeException):
                raise CommitLost(str(error)) from error
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

    @contextmanager
    def scratch(self, database: Database, unmanaged: Sequence[str] = ()) -> Iterator[None]:
        from ormmigrate.dialects.postgresql.scratching import scratch_schema

        schema = self.schema
        with scratch_schema(self, database, unmanaged) as made:
            # Inside there is no other.
            self.schema, self.scratch_schema = None, made
            try:
                yield
            finally:
                self.schema, self.scratch_schema = schema, None

    def inspect(self, database: Database) -> Schema:
        from ormmigrate.dialects.postgresql.inspecting import inspected

        return inspected(self, database, self.scratch_schema.path if self.scratch_schema else ())

    def field_of(self, column: Column) -> Field:
        from ormmigrate.dialects.postgresql.fields import field_of_type

        return field_of_type(column.type)

    def beside(self, database: Database, schema: Schema) -> tuple[list[Operation], list[Operation]]:
        from ormmigrate.dialects.postgresql.beside import statements

        return statements(self, database, schema)

    def options_text(self, options: Sequence[str]) -> str:
        return " ".join(option for option in options if option.startswith(SAID_BEHIND))

    def unsaid_options(self, options: Sequence[str]) -> list[str]:
        return [option for option in options if not option.startswith(SAID_BEHIND)]

    def engine(self, database: Database) -> Engine:
        from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

        return PostgresqlEngine(self, database)
