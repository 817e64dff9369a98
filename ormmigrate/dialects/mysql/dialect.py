"""MariaDB and MySQL: a named lock, and no transaction, for every DDL statement commits."""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager

from peewee import Database, PeeweeException

from ormmigrate.connection import held_open, internals
from ormmigrate.dialects.base import Dialect, end_quietly
from ormmigrate.dialects.mysql.codes import number_of
from ormmigrate.errors import ConfigurationError, LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from peewee import Field

    from ormmigrate.dialects.base import ColumnFacts, Listener, Undoing
    from ormmigrate.dialects.engine import Engine
    from ormmigrate.operations import CreateTable, Operation
    from ormmigrate.schema import Column, Schema, Table

logger = logging.getLogger("ormmigrate")

NO_SUCH_TABLE, BAD_FIELD = 1146, 1054
IN_TRANSACTION, AUTOCOMMIT = 1, 2  # SERVER_STATUS_IN_TRANS, SERVER_STATUS_AUTOCOMMIT of the protocol
LOCK_NAME_MAX_LENGTH = 64
SETTINGS = "SELECT @@foreign_key_checks, @@unique_checks, @@sql_mode"
HOLDER = (
    "SELECT CONCAT('connection ', id, ', user ', user, ', from ', host, ', for ', time, ' s') "
    "FROM information_schema.processlist WHERE id = IS_USED_LOCK(%s)"
)


class MySQLDialect(Dialect):
    name = "MySQL"
    #: The name of the lock that the batch holds, and the database that it is for.
    _lock = ""
    _home = ""
    #: What the tables of the schema that was read last have where nothing is said of it.
    _usual_options: tuple[str, ...] = ()
    transactional_ddl = False
    doubles_percent = True

    def in_transaction(self, database: Database) -> bool:
        if database.is_closed():
            return False
        return bool(getattr(database.connection(), "server_status", 0) & IN_TRANSACTION)

    def folded_column(self, name: str) -> str:
        return name.lower()

    def start_query(self, history: str) -> str:
        return (
            f"SELECT registry, migration, state FROM `{history}` UNION ALL "
            "SELECT NULL, table_name, NULL FROM information_schema.tables WHERE table_schema = DATABASE()"
        )

    def is_missing(self, error: BaseException) -> bool:
        return number_of(error) in (NO_SUCH_TABLE, BAD_FIELD)

    def table_names(self, database: Database, schema: str | None = None) -> set[str]:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = COALESCE(%s, DATABASE())"
        return {name for (name,) in database.execute_sql(query, (schema,)).fetchall()}

    def estimated_rows(self, database: Database, table: str) -> int:
        query = "SELECT table_rows FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
        row = database.execute_sql(query, (table,)).fetchone()
        return int(row[0] or 0) if row else 0

    def has_user_tables(self, database: Database, own: tuple[str, str]) -> bool:
        query = (
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' "
            "AND table_name NOT IN (%s, %s) LIMIT 1"
        )
        return database.execute_sql(query, own).fetchone() is not None

    def columns(self, database: Database, table: str, *, temporary: bool = False) -> Mapping[str, ColumnFacts]:
        name = table.replace("`", "``").replace("%", "%%")
        try:
            rows = database.execute_sql(f"SHOW COLUMNS FROM `{name}`").fetchall()
        except PeeweeException as error:
            if self.is_missing(error):
                return {}
            raise
        return {self.folded_column(row[0]): (row[1], row[2] == "YES", row[3] == "PRI") for row in rows}

    def let_hold_any_text(self, database: Database, table: str, long_columns: Sequence[str] = ()) -> None:
        database.execute_sql(f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4, ENGINE=InnoDB")
        for column in long_columns:
            # TEXT holds 64 KB, and what SHOW CREATE TABLE says of a few tables is more.
            database.execute_sql(f"ALTER TABLE `{table}` MODIFY `{column}` LONGTEXT")

    @contextmanager
    def exclusive(self, database: Database, timeout_s: float) -> Iterator[None]:
        # No peewee transaction: DDL would commit it, and a savepoint in it then fails with 1305.
        name = self._lock = _lock_name(database)
        self._home = database.execute_sql("SELECT DATABASE()").fetchone()[0]
        thread_id = database.execute_sql("SELECT CONNECTION_ID()").fetchone()[0]
        connection = database.connection()
        settings = database.execute_sql(SETTINGS).fetchone()
        try:
            # Inside: Ctrl-C right behind it must not leave the lock.
            if not database.execute_sql("SELECT GET_LOCK(%s, %s)", (name, timeout_s)).fetchone()[0]:
                holder = database.execute_sql(HOLDER, (name,)).fetchone()
                raise LockTimeout(timeout_s=timeout_s, holder=holder and holder[0])
            with held_open(database):
                yield
        finally:
            # A dump sets these for its session, and a pool would hand the session on.
            if not database.is_closed() and database.connection() is connection:
                restore = "SET foreign_key_checks = %s, unique_checks = %s, sql_mode = %s"
                end_quietly("Restoring the session", database, restore, settings)
            self._release(database, connection, name, thread_id)

    def is_migrating(self, database: Database) -> bool:
        return database.execute_sql("SELECT IS_USED_LOCK(%s)", (_lock_name(database),)).fetchone()[0] is not None

    def holds_lock(self, database: Database) -> bool:
        # By the name as it was: a migration may have said USE.
        query = "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()"
        return bool(database.execute_sql(query, (self._lock,)).fetchone()[0])

    def is_reachable(self, database: Database) -> bool:
        if database.is_closed():
            return False
        connection = database.connection()
        try:
            # Without an argument PyMySQL 1.1 connects again, and the lock is somebody else's then.
            connection.ping(*([False] if hasattr(connection, "server_status") else []))
        except Exception:  # noqa: BLE001 - drivers raise their own
            return False
        return True

    def watched(self, database: Database, listener: Listener) -> AbstractContextManager[None]:
        from ormmigrate.dialects.mysql.watched import watched

        return watched(database, listener, self.limits)

    def tables_without_rollback(self, database: Database) -> Collection[str]:
        query = (
            "SELECT t.table_name FROM information_schema.tables AS t JOIN information_schema.engines AS e "
            "ON e.engine = t.engine WHERE t.table_schema = DATABASE() AND e.transactions <> 'YES'"
        )
        return {name for (name,) in database.execute_sql(query).fetchall()}

    def state_of(self, database: Database, statement: str) -> str:
        from ormmigrate.dialects.mysql.undoing import state_text

        return state_text(database, statement)

    def undoing(self, database: Database) -> Undoing:
        from ormmigrate.dialects.mysql.undoing import MySQLUndoing

        return MySQLUndoing(database)

    def broken_definitions(self, database: Database) -> Mapping[str, str]:
        from ormmigrate.dialects.mysql.broken import broken_definitions

        return broken_definitions(database)

    @contextmanager
    def step(self, database: Database) -> Iterator[None]:
        """Around one migration: what it left open must swallow neither the history's rows nor the application's."""
        try:
            yield
        except BaseException:
            self.end_what_is_open(database, self._home)
            raise
        if self.end_what_is_open(database, self._home):
            raise ConfigurationError(
                "The migration left a transaction open, and what it had changed in it was rolled back.",
                "end what you begin: with migrator.database.atomic(): ..., or COMMIT in the script.",
            )

    def end_what_is_open(self, database: Database, home: str) -> bool:
        """Roll back an open transaction, go home and switch autocommit on again; whether there was one."""
        if database.is_closed():
            return False
        status = getattr(database.connection(), "server_status", AUTOCOMMIT)
        if not self.is_reachable(database):
            return False
        if status & IN_TRANSACTION:
            end_quietly("ROLLBACK", database, "ROLLBACK")
        if database.execute_sql("SELECT DATABASE()").fetchone()[0] != home:
            end_quietly("Going home", database, f"USE {self.quoted(home)}".replace("%", "%%"))
        end_quietly("UNLOCK TABLES", database, "UNLOCK TABLES")
        if not status & AUTOCOMMIT:
            end_quietly("Switching autocommit on", database, "SET autocommit = 1")
        return bool(status & IN_TRANSACTION)

    def _release(self, database: Database, connection: object, name: str, thread_id: int) -> None:
        """Give the lock back; where the connection is gone, end the server's side of it, which holds the lock."""
        if not database.is_closed() and database.connection() is connection:
            try:
                database.execute_sql("SELECT RELEASE_LOCK(%s)", (name,)).fetchone()
            except PeeweeException as error:
                logger.warning("The connection of the batch is lost: %s", error)
            else:
                return
        end_thread(database, thread_id)

    def scratch(self, database: Database, unmanaged: Sequence[str] = ()) -> AbstractContextManager[None]:
        from ormmigrate.dialects.mysql.scratching import scratch

        return scratch(self, database, unmanaged)

    def inspect(self, database: Database) -> Schema:
        from ormmigrate.dialects.mysql.inspecting import inspect

        schema, self._usual_options = inspect(database, self)
        return schema

    def field_of(self, column: Column) -> Field:
        from ormmigrate.dialects.mysql.fields import field_of

        return field_of(column.type)

    def beside(self, database: Database, schema: Schema) -> tuple[list[Operation], list[Operation]]:
        from ormmigrate.dialects.mysql.beside import statements

        return [], statements(schema)

    def with_comments(self, operation: CreateTable, table: Table) -> CreateTable:
        from ormmigrate.dialects.mysql.beside import with_comments

        return with_comments(operation, table)

    def comment_clause(self, text: str) -> str:
        from ormmigrate.dialects.mysql.inspecting_text import literal

        return f"COMMENT {literal(text)}"

    def options_text(self, options: Sequence[str]) -> str:
        from ormmigrate.dialects.mysql.inspecting import options_text

        return options_text(options, self._usual_options)

    def unsaid_options(self, options: Sequence[str]) -> list[str]:
        from ormmigrate.dialects.mysql.inspecting import unsaid_options

        return unsaid_options(options)

    def quoted(self, name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def engine(self, database: Database) -> Engine:
        from ormmigrate.dialects.mysql.engine import MySQLEngine

        return MySQLEngine(self, database)


def end_thread(database: Database, thread_id: int) -> None:
    """Connect anew, and end the server's side of a connection that is lost: it goes on with its statement."""
    try:
        # A pool counts it as in use until it is closed by hand.
        getattr(database, "manual_close", lambda: None)()
        internals(database)._state.reset()
        database.connect()
        database.execute_sql(f"KILL {int(thread_id)}")
    except Exception as error:  # noqa: BLE001 - drivers and pools raise their own
        # It may have ended by itself (1094); what happened to the batch is the error that is on its way.
        logger.info("The server's thread %s was not ended: %s", thread_id, error)


def _lock_name(database: Database) -> str:
    home = database.execute_sql("SELECT DATABASE()").fetchone()[0]
    name = f"ormmigrate.{home}"
    if len(name) <= LOCK_NAME_MAX_LENGTH:
        return name
    return f"ormmigrate.{hashlib.sha256(str(home).encode()).hexdigest()[:40]}"
