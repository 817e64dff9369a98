"""SQLite: keys off, BEGIN IMMEDIATE, and the checks that the database leaves to us."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager

import peewee
from peewee import Database, DatabaseError, OperationalError, PeeweeException

from ormmigrate.connection import internals, stand_in
from ormmigrate.dialects.base import (
    Dialect,
    end_quietly,
    outside_peewee_transaction,
    peewee_transaction,
    run_commit_callbacks,
)
from ormmigrate.dialects.sqlite.tokens import folded, quoted
from ormmigrate.dialects.sqlite.values import rows_shown
from ormmigrate.errors import ConfigurationError, LockTimeout, MigrationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from peewee import Field

    from ormmigrate.dialects.base import ColumnFacts
    from ormmigrate.dialects.engine import Engine
    from ormmigrate.dialects.violations import Violation
    from ormmigrate.operations import Operation
    from ormmigrate.schema import Column, Schema, Table

# Virtual-machine instructions between looks for Ctrl-C: some milliseconds.
INTERRUPT_STEPS = 200_000
BUSY_MS = 200
ALLOW, DENY, ATTACH = 0, 1, 24  # SQLITE_OK, SQLITE_DENY, SQLITE_ATTACH (sqlite.org/c3ref/c_alter_table.html)
BUSY_PAUSE_S = 0.01
#: What may stand behind the closing parenthesis of CREATE TABLE.
SAID_BEHIND = ("STRICT", "WITHOUT ROWID")
ROWS_EXPLAINED = 500
# Rows that violate a CHECK or hold NULL may be what a migration is to mend. (And 3.40 sees NULL where there is none,
# in a table WITHOUT ROWID whose key does not come first.)
NO_DAMAGE = ("CHECK constraint failed in ", "NULL value in ")


class SqliteDialect(Dialect):
    name = "SQLite"
    #: How long to wait for others, in seconds; each batch says.
    _timeout_s: float = 60.0
    allows_forward_references = True
    lock_outlasts_transaction = False

    # -- connections ------------------------------------------------------------------------

    def lives_in_connection(self, database: Database) -> bool:
        path = str(database.database)
        return (
            path in (":memory:", "") or path.startswith("file::memory:") or "mode=memory" in path or "vfs=memdb" in path
        )

    def exists(self, database: Database) -> bool:
        path = os.fspath(database.database)
        if self.lives_in_connection(database) or path.startswith("file:") or os.path.exists(path):
            return True
        # Where not even the folder is there, connecting says so.
        return not os.path.isdir(os.path.dirname(os.path.abspath(path)))

    def in_transaction(self, database: Database) -> bool:
        return not database.is_closed() and bool(database.connection().in_transaction)

    def label(self, database: Database) -> str:
        return f"SQLite {database.database}"

    def explain_connection(self, database: Database, error: BaseException) -> ConfigurationError:
        path = _path(os.fspath(database.database))
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            return ConfigurationError(
                f"{path} is a directory, not a database file.", "add the name of a file to the path."
            )  # fmt: skip
        if "not a database" in str(error):
            return ConfigurationError(
                f"{path} is not an SQLite database (or it is encrypted). It was not touched.",
                "check the path; if the file was damaged, restore it from a backup.",
            )
        if "malformed" in str(error):
            return ConfigurationError(
                f"The database {path} is damaged: {error}", "restore it from a backup, or try sqlite3's .recover."
            )
        if "unable to open" in str(error) and not os.path.isdir(folder):
            return ConfigurationError(
                f"The folder {folder} does not exist, so {os.path.basename(path)} cannot be created there.",
                "create the folder, or correct the path.",
            )
        if "unable to open" in str(error):
            return ConfigurationError(
                f"{path} cannot be opened: {error}.", "check the permissions of the file and of its folder."
            )
        return ConfigurationError(f"The database {path} cannot be used: {error}", "check the file and its folder.")

    # -- reading ----------------------------------------------------------------------------

    def folded(self, name: str) -> str:
        return folded(name)

    def start_query(self, history: str) -> str:
        return (
            f'SELECT registry, migration, state FROM "{history}" UNION ALL '
            "SELECT NULL, name, NULL FROM sqlite_master WHERE type IN ('table', 'view')"
        )

    def is_missing(self, error: BaseException) -> bool:
        return "no such table" in str(error) or "no such column" in str(error)

    def is_busy(self, error: BaseException) -> bool:
        return isinstance(error, OperationalError) and (
            "database is locked" in str(error) or "table is locked" in str(error) or "schema is locked" in str(error)
        )  # fmt: skip

    def plain_tables(self, database: Database) -> set[str]:
        # The columns of a virtual table are its module's to name.
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        return {self.folded(name) for (name,) in database.execute_sql(query).fetchall()}

    def is_interrupt(self, error: BaseException) -> bool:
        return isinstance(error, OperationalError) and str(error) == "interrupted"

    def refuses_transaction(self, error: BaseException) -> bool:
        return "within a transaction" in str(error) or "wal mode from within" in str(error)

    def next_step(self, error: BaseException) -> str | None:
        text = str(error)
        if "disk is full" in text:
            return "free space on the disk (a rewrite of a table needs as much again, and its journal too)."
        if "disk I/O error" in text:
            return "look at the disk: it may be full, out of quota or damaged; then start again."
        if "malformed" in text:
            return "restore the database from a backup; python -m ormmigrate up then brings it forward."
        return None

    def has_user_tables(self, database: Database, own: tuple[str, str]) -> bool:
        query = (
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "AND name NOT IN (?, ?) LIMIT 1"
        )
        return database.execute_sql(query, own).fetchone() is not None

    def has_table(self, database: Database, table: str) -> bool:
        # A look-up by name, where sqlite_master would be read from end to end.
        return database.execute_sql(f"PRAGMA main.table_info({quoted(table)})").fetchone() is not None

    def columns(self, database: Database, table: str, *, temporary: bool = False) -> Mapping[str, ColumnFacts]:
        schema = "temp" if temporary else "main"
        rows = database.execute_sql(f"PRAGMA {schema}.table_xinfo({quoted(table)})").fetchall()
        return {
            self.folded(name): (" ".join(type_.upper().split()), not not_null and not in_key, bool(in_key))
            for _, name, type_, not_null, _, in_key, _ in rows
        }

    # -- the batch --------------------------------------------------------------------------

    @contextmanager
    def exclusive(self, database: Database, timeout_s: float) -> Iterator[None]:
        self._timeout_s = timeout_s
        with _settings(database):
            # BEGIN stands inside: Ctrl-C right behind it must not leave the transaction open.
            try:
                self._begin(database, timeout_s)
                with peewee_transaction(database), self._interruptible(database):
                    yield
            except BaseException as error:
                self._roll_back(database)
                # BEGIN IMMEDIATE does not complain: where nothing can be written it begins to read.
                if "readonly database" in str(error):
                    raise ConfigurationError(
                        f"{_path(os.fspath(database.database))} is read-only, and there is something to write. "
                        "It was not touched.",
                        "make the file and its folder writable for this user, or run the migrations as one who may.",
                    ) from error
                raise
            self._commit(database, timeout_s)

    @contextmanager
    def transaction(self, database: Database) -> Iterator[None]:
        try:
            self._begin(database, self._timeout_s)
            with peewee_transaction(database):
                yield
        except BaseException:
            self._roll_back(database)
            raise
        self._commit(database, self._timeout_s)

    @contextmanager
    def outside_transaction(self, database: Database) -> Iterator[None]:
        # Nothing locks a file between two transactions. Each operation notes in its own that it is done, so that
        # two processes that go on with the same migration do not run it twice.
        self._commit(database, self._timeout_s)
        with outside_peewee_transaction(database):
            yield
        self._begin(database, self._timeout_s)

    def _begin(self, database: Database, timeout_s: float) -> None:
        try:
            self._patiently(database, "BEGIN IMMEDIATE", timeout_s)
        except PeeweeException as error:
            if self.is_busy(error):
                raise LockTimeout(timeout_s=timeout_s) from error
            raise self.explain_connection(database, error) from error

    def _commit(self, database: Database, timeout_s: float) -> None:
        # With a rollback journal COMMIT waits for readers, and can still come back busy: the transaction
        # then stays open and COMMIT may be tried again (sqlite.org/lang_transaction.html).
        try:
            self._patiently(database, "COMMIT", timeout_s)
        except BaseException as error:
            self._roll_back(database)
            if self.is_busy(error):
                raise MigrationError(
                    f"COMMIT waited {timeout_s:g} s for a connection that reads. Everything was rolled back.",
                    "end what reads the database for so long, and start again; WAL mode lets readers be.",
                ) from error
            raise
        run_commit_callbacks(database)

    def _patiently(self, database: Database, statement: str, timeout_s: float) -> None:
        """Run a statement that may find somebody in the way, again and again until the time is over.

        SQLite's own waiting is kept short, for Ctrl-C is not heard during it.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                database.execute_sql(statement)
            except PeeweeException as error:
                if not self.is_busy(error) or time.monotonic() >= deadline:
                    raise
                time.sleep(BUSY_PAUSE_S)
            else:
                return

    def _roll_back(self, database: Database) -> None:
        internals(database)._clear_commit_callbacks()
        # SQLite has rolled back by itself where the disk is full, say, or on ON CONFLICT ROLLBACK.
        if self.in_transaction(database):
            end_quietly("ROLLBACK", database, "ROLLBACK")

    @contextmanager
    def _interruptible(self, database: Database) -> Iterator[None]:
        """Let Ctrl-C end a statement that runs long, not only the batch after it.

        Python raises KeyboardInterrupt between bytecodes, and SQLite runs none: a progress handler gives it a
        place to. It then comes out as OperationalError "interrupted", after SQLite rolled back.
        """
        connection = database.connection()
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or not hasattr(connection, "set_progress_handler"):
            yield
            return
        connection.set_progress_handler(lambda: 0, INTERRUPT_STEPS)
        try:
            yield
        except PeeweeException as error:
            if self.is_interrupt(error):
                raise KeyboardInterrupt from error
            raise
        finally:
            if not database.is_closed() and database.connection() is connection:
                connection.set_progress_handler(None, 0)

    @contextmanager
    def scratch(self, database: Database, unmanaged: Sequence[str] = ()) -> Iterator[None]:
        # Foreign keys may refer to tables that are not there, so those of others need not be.
        connection = _in_memory(database)
        try:
            with _attaching_nothing(database):
                internals(database)._add_conn_hooks(connection)
            # As in a batch; the application's own pragmas may have switched them on.
            connection.execute("PRAGMA foreign_keys = OFF")
            # ATTACH and VACUUM INTO would reach real files.
            connection.set_authorizer(lambda action, *_: DENY if action == ATTACH else ALLOW)
            with stand_in(database, connection):
                yield
        finally:
            connection.close()

    def inspect(self, database: Database) -> Schema:
        from ormmigrate.dialects.sqlite.inspecting import inspect

        return inspect(database, self)

    def field_of(self, column: Column) -> Field:
        from ormmigrate.dialects.sqlite.fields import field_of

        return field_of(column.type)

    def engine(self, database: Database) -> Engine:
        from ormmigrate.dialects.sqlite.engine import SqliteEngine

        return SqliteEngine(self, database)

    def numbers_rows(self, table: Table, column: Column) -> bool:
        # sqlite.org/lang_createtable.html#rowid
        return column.type == "INTEGER" and "WITHOUT ROWID" not in table.options

    def beside(self, database: Database, schema: Schema) -> tuple[list[Operation], list[Operation]]:
        from ormmigrate.dialects.sqlite.beside import statements

        return [], statements(database, schema)

    def options_text(self, options: Sequence[str]) -> str:
        return ", ".join(option for option in options if option in SAID_BEHIND)

    def unsaid_options(self, options: Sequence[str]) -> list[str]:
        return [option for option in options if option not in SAID_BEHIND]

    def foreign_key_violations(self, database: Database) -> Sequence[Violation]:
        try:
            found = database.execute_sql("PRAGMA foreign_key_check").fetchall()
        except OperationalError:
            # One key that does not fit its parent fails the whole check: look table by table.
            return self._violations_by_table(database)
        return self._explained(database, found)

    def _violations_by_table(self, database: Database) -> list[Violation]:
        violations: list[Violation] = []
        for (table,) in database.execute_sql("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            violations += self.table_violations(database, table)
        return violations

    def table_violations(self, database: Database, table: str) -> list[Violation]:
        """Rows of one table that refer to nothing; a key that does not fit its parent is one without values."""
        from ormmigrate.dialects.violations import Violation

        try:
            found = database.execute_sql(f"PRAGMA foreign_key_check({quoted(table)})").fetchall()
        except OperationalError as error:
            return [Violation(table, "", (), (), str(error))]
        return self._explained(database, found)

    def _explained(self, database: Database, found: Sequence[Any]) -> list[Violation]:
        """(table, rowid, parent, number of the key) with the values that the row refers with."""
        from ormmigrate.dialects.violations import Violation

        rows_of: dict[tuple[str, str, int], list[int | None]] = {}
        for table, rowid, parent, number in found:
            rows_of.setdefault((table, parent, number), []).append(rowid)
        violations = []
        for (table, parent, number), rowids in rows_of.items():
            columns = _key_columns(database, table, number)
            values_of = _values(database, table, columns, rowids)
            for rowid in rowids:
                values = values_of.get(rowid, ("?",) * len(columns))
                row = "a row" if rowid is None else f"row {rowid}"
                violations.append(Violation(table, parent, columns, values, row))
        return violations

    def broken_definitions(self, database: Database) -> Mapping[str, str]:
        from ormmigrate.dialects.sqlite.dependents import broken, dependents

        return broken(database, dependents(database))

    def quick_check(self, database: Database) -> Sequence[str]:
        try:
            found = [row[0] for row in database.execute_sql("PRAGMA quick_check").fetchall()]
        except (DatabaseError, peewee.sqlite3.DatabaseError) as error:  # type: ignore[attr-defined]
            # The driver's own, for peewee wraps what execute() raises and not what fetchall() does.
            return [str(error)]
        return [line for line in found if line != "ok"]

    def is_damage(self, finding: str) -> bool:
        return not finding.startswith(NO_DAMAGE)


def _in_memory(database: Database) -> Any:
    """A connection of the same driver to a database of its own."""
    if hasattr(database, "register_module"):  # playhouse.apsw_ext
        import apsw

        return apsw.Connection(":memory:")
    return peewee.sqlite3.connect(":memory:", isolation_level=None)  # type: ignore[attr-defined]


def _path(name: str) -> str:
    """The file of a name that may be a URI (sqlite.org/uri.html)."""
    if not name.startswith("file:"):
        return name
    from urllib.parse import unquote

    path = unquote(name[len("file:") :].partition("?")[0])
    return "/" + path[2:].partition("/")[2] if path.startswith("//") else path


@contextmanager
def _attaching_nothing(database: Database) -> Iterator[None]:
    """What the application attaches is empty and in memory as well: a replay must not reach the real files."""
    attached = internals(database)._attached
    internals(database)._attached = dict.fromkeys(attached, ":memory:")
    try:
        yield
    finally:
        internals(database)._attached = attached


@contextmanager
def _settings(database: Database) -> Iterator[None]:
    """Foreign keys off and the busy timeout set, and both as before in the end.

    Must surround BEGIN: the pragma is ignored inside a transaction (sqlite.org/pragma.html#pragma_foreign_keys).
    With keys on, dropping a table during a rebuild deletes its ON DELETE CASCADE children.
    """
    had_keys = database.execute_sql("PRAGMA foreign_keys").fetchone()[0]
    busy_ms = database.execute_sql("PRAGMA busy_timeout").fetchone()[0]
    legacy = database.execute_sql("PRAGMA legacy_alter_table").fetchone()[0]
    try:
        database.execute_sql("PRAGMA foreign_keys = OFF")
        if database.execute_sql("PRAGMA foreign_keys").fetchone()[0]:
            raise ConfigurationError(
                "Foreign keys could not be switched off: a transaction is open on this connection.",
                "call register_models() before the application begins one.",
            )
        database.execute_sql(f"PRAGMA busy_timeout = {BUSY_MS}")
        # Left on, it makes ALTER break triggers silently.
        database.execute_sql("PRAGMA legacy_alter_table = OFF")
        yield
    finally:
        if not database.is_closed():
            # Pragmas survive ROLLBACK.
            end_quietly("Resetting writable_schema", database, "PRAGMA writable_schema = OFF")
            end_quietly("Restoring legacy_alter_table", database, f"PRAGMA legacy_alter_table = {legacy}")
            end_quietly("Restoring the busy timeout", database, f"PRAGMA busy_timeout = {busy_ms}")
            end_quietly("Restoring foreign keys", database, f"PRAGMA foreign_keys = {had_keys}")


def _key_columns(database: Database, table: str, number: int) -> tuple[str, ...]:
    rows = database.execute_sql(f"PRAGMA foreign_key_list({quoted(table)})").fetchall()
    return tuple(row[3] for row in sorted(rows, key=lambda row: row[1]) if row[0] == number)


def _values(
    database: Database, table: str, columns: Sequence[str], rowids: Sequence[int | None]
) -> dict[int | None, tuple[str, ...]]:
    """The values of those columns by rowid; nothing for tables without rowid."""
    known = [rowid for rowid in rowids if rowid is not None]
    names = ["rowid", *map(quoted, columns)]
    values: dict[int | None, tuple[str, ...]] = {}
    for start in range(0, len(known), ROWS_EXPLAINED):
        some = known[start : start + ROWS_EXPLAINED]
        marks = ", ".join("?" * len(some))
        rest = f"FROM {quoted(table)} WHERE rowid IN ({marks})"
        for row in rows_shown(database, names, rest, some):
            values[int(row[0])] = tuple(row[1:])
    return values
