"""What every dialect answers."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext

from peewee import Database, ImproperlyConfigured, PeeweeException, _transaction

from ormmigrate.connection import held_open, internals
from ormmigrate.errors import ConfigurationError, MigrationError
from ormmigrate.limits import Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, ClassVar, Protocol

    from peewee import Field

    from ormmigrate.dialects.engine import Engine
    from ormmigrate.dialects.violations import Violation
    from ormmigrate.operations import CreateTable, Operation
    from ormmigrate.schema import Column, Schema, Table

    class Listener(Protocol):
        """Who is told of a statement ahead of it."""

        def before_rows(self, statement: str) -> None:
            """It changes rows."""

        def before_end(self) -> None:
            """It ends a transaction that may be open."""

        def after_rollback(self) -> None:
            """The server has rolled the transaction back by itself."""

        def around_definition(self, statement: str) -> AbstractContextManager[None]:
            """It is DDL, and commits."""

        def around_unknown(self, statement: str) -> AbstractContextManager[None]:
            """It may commit, and change whatever it likes."""

    class Undoing(Protocol):
        """What takes DDL statements back, by what their tables were before (`found`) and after (`made`)."""

        def changed_since(self, states: Sequence[str]) -> list[str]:
            """The tables that are not what those states, oldest first, say that they were in the end."""

        def losses(self, statement: str, found: str | None, made: str | None) -> list[str]:
            """What would not come back, in words; without `made` it is what is there now that counts."""

        def unseen(self, statement: str, found: str | None, made: str | None) -> list[str]:
            """What its tables do not show, or not how to take back, in words."""

        def filled(self, found: str | None, made: str | None) -> list[str]:
            """The tables that were not there before, and hold rows now."""

        def restore(self, statement: str, found: str | None) -> None:
            """Bring the tables back to what they were. Can be done again where it was interrupted."""

    #: (type as the database spells it, whether NULL is allowed, whether it is in the primary key)
    ColumnFacts = tuple[str, bool, bool]

logger = logging.getLogger("ormmigrate")
STEP = "ormmigrate_step"


class Dialect:
    """The questions; a subclass for each kind of database has the answers."""

    name: ClassVar[str]
    #: Whether DDL can be rolled back; where it cannot, a failed batch leaves what it had done.
    transactional_ddl: ClassVar[bool] = True
    #: Whether the lock of a batch is held between two of its transactions.
    lock_outlasts_transaction: ClassVar[bool] = True
    #: Whether a table may name another in a foreign key before that one exists.
    allows_forward_references: ClassVar[bool] = False
    #: Whether the driver takes `%` in a statement for a parameter even where there are none.
    doubles_percent: ClassVar[bool] = False
    #: How long a statement may keep others waiting, and what it may copy.
    limits: Limits = Limits()
    #: The schema in which the history and the operations live, where that is not the connection's own.
    schema: str | None = None

    # -- connections ------------------------------------------------------------------------

    def exists(self, database: Database) -> bool:
        """Whether there is something to connect to, where connecting would make it."""
        return True

    def lives_in_connection(self, database: Database) -> bool:
        """Whether closing the connection would destroy the database."""
        return False

    def in_transaction(self, database: Database) -> bool:
        """Whether the driver has a transaction open on this thread's connection; asks no server."""
        raise NotImplementedError

    def explain_connection(self, database: Database, error: BaseException) -> ConfigurationError:
        """Why the database cannot be reached or read, with what to do; never with a password."""
        if isinstance(error, ImproperlyConfigured):
            return ConfigurationError(
                f"No driver for {self.name} is installed, so {self.label(database)} cannot be reached.",
                f'pip install "ormmigrate[{self.name.lower()}]"',
            )
        return ConfigurationError(
            f"The database {self.label(database)} cannot be used: {str(error).strip()}",
            "check the URL, and that the server runs and accepts this user from here.",
        )

    def label(self, database: Database) -> str:
        """The database for people: kind and name, never a password."""
        params = database.connect_params
        host = params.get("host") or "localhost"
        user = f"{params['user']}@" if params.get("user") else ""
        return f"{self.name} {user}{host}/{database.database}"

    def use_schema(self, schema: str) -> None:
        """Let the history and the operations live in that schema.

        Raises:
            ConfigurationError: this kind of database has none.
        """
        raise ConfigurationError(
            f"schema={schema!r} was given, and {self.name} has no schemas inside of a database.",
            "leave it out, and name the database in the URL.",
        )

    def qualified(self, database: Database, table: str) -> str:
        """A table of ours, quoted, with the schema where one is set."""
        return (
            quoted(database, table)
            if self.schema is None
            else f"{quoted(database, self.schema)}.{quoted(database, table)}"
        )

    # -- reading ----------------------------------------------------------------------------

    def folded(self, name: str) -> str:
        """A table's name as the database compares it."""
        return name

    def folded_column(self, name: str) -> str:
        """A column's name as the database compares it."""
        return self.folded(name)

    def start_query(self, history: str) -> str:
        """One query: (registry, migration, state) of the history, then (NULL, name, NULL) of tables and views."""
        raise NotImplementedError

    def is_missing(self, error: BaseException) -> bool:
        """Whether an error says that a table or column is not there."""
        raise NotImplementedError

    def is_busy(self, error: BaseException) -> bool:
        """Whether an error says that somebody else's lock is in the way."""
        return False

    def is_interrupt(self, error: BaseException) -> bool:
        """Whether an error is how Ctrl-C came out of the driver."""
        return False

    def refuses_transaction(self, error: BaseException) -> bool:
        """Whether an error says that the statement cannot run in a transaction."""
        return False

    def next_step(self, error: BaseException) -> str | None:
        """What to do about an error that is not the migration's fault: a full disk, say."""
        return None

    def has_user_tables(self, database: Database, own: tuple[str, str]) -> bool:
        """Whether there is a table beside the package's own; views and what extensions bring do not count."""
        raise NotImplementedError

    def table_names(self, database: Database, schema: str | None = None) -> set[str]:
        """The tables and views of a schema, folded."""
        names = [*database.get_tables(schema=schema), *(view.name for view in database.get_views(schema=schema))]
        return {self.folded(name) for name in names}

    def as_sent(self, statement: str, params: object) -> str:
        """A statement as the driver must be given it, so that the server sees it as it is written."""
        return statement.replace("%", "%%") if self.doubles_percent and not params else statement

    def plain_tables(self, database: Database) -> set[str]:
        """The tables of the default schema, folded, without views and whatever else only looks like one."""
        return {self.folded(name) for name in database.get_tables()}

    def estimated_rows(self, database: Database, table: str) -> int:
        """About how many rows a table has; counted where the database keeps no estimate."""
        (count,) = database.execute_sql(f"SELECT COUNT(*) FROM {quoted(database, table)}").fetchone()
        return int(count)

    def has_table(self, database: Database, table: str) -> bool:
        return self.folded(table) in self.table_names(database, self.schema)

    def columns(self, database: Database, table: str, *, temporary: bool = False) -> Mapping[str, ColumnFacts]:
        """The columns of a table by folded name; of a temporary one where that is asked for."""
        raise NotImplementedError

    def let_hold_any_text(self, database: Database, table: str, long_columns: Sequence[str] = ()) -> None:
        """Make a table hold every character, where that depends on a setting: the history keeps sources."""

    # -- the batch --------------------------------------------------------------------------

    def exclusive(self, database: Database, timeout_s: float) -> AbstractContextManager[None]:
        """The lock and, where DDL is transactional, the transaction around a batch.

        COMMIT when the block ends, ROLLBACK when it raises; either way connection settings are as before.

        Raises:
            LockTimeout: somebody else had the lock for `timeout_s`.
            ConfigurationError: the database cannot be written.
        """
        raise NotImplementedError

    @contextmanager
    def step(self, database: Database) -> Iterator[None]:
        """Around one migration: notice where it ended the batch's transaction, even if it began another.

        Raises:
            TransactionEnded
        """
        # A savepoint belongs to its transaction: if that has ended, it is not there.
        database.execute_sql(f"SAVEPOINT {STEP}")
        try:
            yield
        except Exception as error:
            if not self.is_reachable(database):
                raise  # the connection is lost, and the server rolls back what it had
            if not self.is_rolled_back_by(error) and not self._ends(database, f"ROLLBACK TO SAVEPOINT {STEP}"):
                raise TransactionEnded(error) from error
            raise
        if self.is_aborted(database):
            raise ConfigurationError(
                "The migration swallowed an error of the database, and the transaction goes no further after one.",
                "let the error out, or try the statement inside `with migrator.database.atomic():`.",
            )
        if not self._ends(database, f"RELEASE SAVEPOINT {STEP}"):
            raise TransactionEnded

    def _ends(self, database: Database, statement: str) -> bool:
        try:
            database.execute_sql(statement)
        except PeeweeException:
            return False
        return True

    def is_aborted(self, database: Database) -> bool:
        """Whether the open transaction takes no more statements, after an error in it."""
        return False

    def is_rolled_back_by(self, error: BaseException) -> bool:
        """Whether the database rolls the whole transaction back by itself on such an error: a full disk, say."""
        return self.next_step(error) is not None or self.is_interrupt(error)

    def holds_lock(self, database: Database) -> bool:
        """Whether a lock that is not part of a transaction is still this connection's; asks the server."""
        return True

    def is_migrating(self, database: Database) -> bool:
        """Whether somebody has the migration lock at this moment, as far as that can be told."""
        return False

    @contextmanager
    def transaction(self, database: Database) -> Iterator[None]:
        """A transaction of its own, under a lock that is held already. A driver's errors come out as they are."""
        database.begin()
        try:
            with peewee_transaction(database):
                yield
        except BaseException:
            internals(database)._clear_commit_callbacks()
            if not database.is_closed() and self.is_reachable(database):
                end_quietly("ROLLBACK", database, "ROLLBACK")
            raise
        database.commit()
        run_commit_callbacks(database)

    def is_reachable(self, database: Database) -> bool:
        """Whether the connection can still be used; asks no server."""
        return database.is_connection_usable()

    @contextmanager
    def outside_transaction(self, database: Database) -> Iterator[None]:
        """Inside `exclusive_in_parts`: commit, and begin another transaction when the block has ended well."""
        yield

    def exclusive_in_parts(self, database: Database, timeout_s: float) -> AbstractContextManager[None]:
        """`exclusive`, for a batch that is not one transaction: see `outside_transaction`."""
        return self.exclusive(database, timeout_s)

    # -- a batch that cannot be rolled back -----------------------------------------------------

    def watched(self, database: Database, listener: Listener) -> AbstractContextManager[None]:
        """Tell `listener` ahead of each statement, where DDL cannot be rolled back."""
        return nullcontext()

    def tables_without_rollback(self, database: Database) -> Collection[str]:
        """Tables of an engine that knows no transactions."""
        return ()

    def settle_session(self, database: Database) -> None:
        """Bring back what a statement outside of a transaction may have changed of the session."""

    def state_of(self, database: Database, statement: str) -> str:
        """What the tables that a DDL statement names are now, as a text that `undoing` can read."""
        raise NotImplementedError

    def undoing(self, database: Database) -> Undoing:
        """What takes DDL statements back."""
        raise NotImplementedError

    def still_holds(self, database: Database) -> bool:
        """Whether the transaction (where there is one) is still open; asks no server."""
        return not self.transactional_ddl or self.in_transaction(database)

    # -- a whole schema -------------------------------------------------------------------------

    def scratch(self, database: Database, unmanaged: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Inside, this thread's connection of `database` sees an empty database of the same kind.

        Everything done there is gone afterwards.

        Args:
            unmanaged: tables of others, which foreign keys may refer to: they stand there too, without rows.

        Raises:
            ConfigurationError: this account may not make one.
        """
        raise NotImplementedError

    def inspect(self, database: Database) -> Schema:
        """The whole schema, in a handful of queries; what belongs to extensions and virtual tables is left out."""
        raise NotImplementedError

    def field_of(self, column: Column) -> Field:
        """A field whose DDL is the column's type and nothing else; a RawField where no other makes it."""
        raise NotImplementedError

    def numbers_rows(self, table: Table, column: Column) -> bool:
        """Whether a primary key of one column gets numbers without anything that says so."""
        return False

    def beside(self, database: Database, schema: Schema) -> tuple[list[Operation], list[Operation]]:
        """What stands beside the tables of a schema that was read there: what comes ahead of them, and what behind."""
        raise NotImplementedError

    def with_comments(self, operation: CreateTable, table: Table) -> CreateTable:
        """A CREATE TABLE that says the comments too, where they stand inside of it."""
        return operation

    def comment_clause(self, text: str) -> str:
        """What gives a column a comment where it is defined; nothing where that is a statement of its own."""
        return ""

    def options_text(self, options: Sequence[str]) -> str:
        """Those of a table's options that can be said when it is made, as SQL behind the closing parenthesis."""
        return ""

    def unsaid_options(self, options: Sequence[str]) -> list[str]:
        """Those that cannot."""
        return list(options)

    def quoted(self, name: str) -> str:
        """A name as it is written in SQL."""
        return '"' + name.replace('"', '""') + '"'

    def engine(self, database: Database) -> Engine:
        """What runs operations."""
        raise NotImplementedError

    def foreign_key_violations(self, database: Database) -> Sequence[Violation]:
        """Rows that refer to nothing; only where the database does not see to that itself."""
        return ()

    def broken_definitions(self, database: Database) -> Mapping[str, str]:
        """Views and triggers that do not compile, and why; only where the database does not see to that itself."""
        return {}

    def quick_check(self, database: Database) -> Sequence[str]:
        """What the database's own check finds broken; only where it has one."""
        return ()

    def is_damage(self, finding: str) -> bool:
        """Whether what a check found is the file's fault, and not that of rows that were there before."""
        return True


@contextmanager
def peewee_transaction(database: Database) -> Iterator[None]:
    """Tell peewee that a transaction is open, so that `atomic()` inside makes a savepoint.

    Nothing is begun or ended here: with db.atomic() around a batch, a COMMIT that meets a reader is rolled
    back instead of tried again, and SQLite's own rollbacks come out as "no transaction is active".
    """
    depth = database.transaction_depth()
    database.push_transaction(_transaction(database))
    try:
        with held_open(database):
            yield
    finally:
        del internals(database)._state.transactions[depth:]


@contextmanager
def outside_peewee_transaction(database: Database) -> Iterator[None]:
    """Tell peewee that no transaction is open, until the block has ended well."""
    transactions = internals(database)._state.transactions
    saved = list(transactions)
    transactions.clear()
    yield
    transactions[:] = saved


def run_commit_callbacks(database: Database) -> None:
    """What the application gave to after_commit(). The batch is committed, whatever they do."""
    try:
        internals(database)._run_commit_callbacks()
    except Exception:
        logger.exception("A function given to after_commit() raised. The batch is committed all the same.")


class CommitLost(Exception):
    """The connection was lost during COMMIT, so that the batch may be applied or not."""


class TransactionEnded(ConfigurationError):
    """What a migration ran ended the batch's transaction, or replaced its connection."""

    def __init__(self, behind: BaseException | None = None) -> None:
        failed = f" Behind that it failed: {type(behind).__name__}: {behind}" if behind is not None else ""
        super().__init__(
            f"The batch's transaction ended in the middle of it.{failed}",
            "take COMMIT, ROLLBACK, close() and executescript() out of the migration (migrator.script() runs "
            "several statements safely), look at the schema, then run python -m ormmigrate status.",
        )


class LockLost(MigrationError):
    """The connection was lost between two migrations, and the lock with it."""

    def __init__(self) -> None:
        super().__init__(
            "The connection that held the migration lock was lost, so the batch stops here.",
            "start again; if it happens again, look at what ends connections: the server's timeouts, a proxy, a pool.",
        )


def ensure_still_held(dialect: Dialect, database: Database, connection: Any, *, in_transaction: bool = True) -> None:
    """Ask whether the batch's connection and transaction are still there, before more is written.

    Raises:
        TransactionEnded
    """
    is_same = not database.is_closed() and same_connection(database.connection(), connection)
    if not is_same or (in_transaction and not dialect.still_holds(database)):
        raise TransactionEnded


def same_connection(one: Any, other: Any) -> bool:
    """Whether two are the same connection, one of which may be watched."""
    return getattr(one, "watched_connection", one) is getattr(other, "watched_connection", other)


def quoted(database: Database, name: str) -> str:
    """An identifier as the database quotes it."""
    opening, closing = tuple(database.quote)
    return opening + name.replace(closing, closing * 2) + closing


def end_quietly(action: str, database: Database, statement: str, params: Sequence[Any] = ()) -> None:
    """Run a statement that tidies up; its failure is logged and never hides the first error."""
    try:
        database.execute_sql(statement, params)
    except PeeweeException as error:
        logger.warning("%s failed: %s", action, error)
