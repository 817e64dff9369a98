"""`Runner`: status, plan, up, down, stamp, settle and accept on one database. The loop itself is in `batch`.

What a start without anything pending needs is here; the rest is imported when there is something to do.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager

from peewee import PeeweeException

from ormmigrate import history
from ormmigrate.connection import batch_lock, connected, inner
from ormmigrate.dialects import dialect_of
from ormmigrate.environments import environment_named
from ormmigrate.errors import ConfigurationError
from ormmigrate.migrations import registry as builtin
from ormmigrate.registry import as_registries, is_complete
from ormmigrate.report import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from peewee import Database, Model, Proxy

    from ormmigrate.batch import Batch, Planner
    from ormmigrate.dialects.base import Dialect
    from ormmigrate.diff import Difference
    from ormmigrate.events import Observer
    from ormmigrate.limits import Limits
    from ormmigrate.operations import Operation
    from ormmigrate.plan import AppliedMigration, Plan
    from ormmigrate.registry import Registries
    from ormmigrate.stamping import Outcome
    from ormmigrate.status import Status

LOCK_TIMEOUT_S = 60.0
logger = logging.getLogger("ormmigrate")
_binds_only = False


class Runner:
    """Migrations on one database; works on any peewee Database.

    Args:
        database: a peewee Database, or a proxy of one.
        registry: a Registry, a list of migrations, or a list of registries.
        environment: development, test or production; by default ORMMIGRATE_ENV, or production.
        version: the application's version, kept in the history.
        observers: callables that are given each event.
        lock_timeout_s: how long to wait for another process's batch, in seconds.
        limits: how long a statement may keep others waiting on a server, and what it may copy.
        schema: on PostgreSQL, the schema in which the history and the migrations' tables live; made if it is missing.

    Raises:
        RegistryError: the list of migrations is not valid.
        ConfigurationError: there is no such environment.

    Example:
        Runner(SqliteDatabase("shop.db"), registry).up()
    """

    def __init__(
        self,
        database: Database | Proxy,
        registry: object,
        *,
        environment: str | None = None,
        version: str | None = None,
        observers: Sequence[Observer] = (),
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        limits: Limits | None = None,
        schema: str | None = None,
    ) -> None:
        self._database = database
        self.registries: Registries = as_registries(registry)
        self.environment = environment_named(environment)
        self.version = version
        self.observers = list(observers)
        self.lock_timeout_s = lock_timeout_s
        self.limits = limits
        self.schema = schema

    # -- changing ---------------------------------------------------------------------------

    def up(self, to: str | None = None, *, models: Sequence[type[Model]] = ()) -> Report:
        """Run what is pending, up to and including `to`, in one transaction; then create what `models` lack.

        Where nothing is pending this costs one query.

        Args:
            to: an id (`"registry:id"` where the id alone is not clear); by default everything.
            models: whose missing tables are created in the same transaction.

        Raises:
            ConfigurationError: called inside a transaction, or the database cannot be used.
            HistoryError: the database and the program disagree.
            LockTimeout: somebody else's batch did not end.
            MigrationFailed: a migration raised.
            IntegrityCheckFailed: the batch would have left rows that refer to nothing.
        """
        if to is not None:
            self.registries.find(to)
        if is_binding_only():
            return Report()
        began = time.perf_counter()
        with self._connected() as (database, dialect):
            if self._is_current(database, dialect, models):
                self._say_nothing_pending()
                return Report(duration_ms=(time.perf_counter() - began) * 1000)
            return self._batch(database, dialect).run(self._upwards(to), models)

    def down(self, steps: int | None = None, *, to: str | None = None, only: str | None = None) -> Report:
        """Take migrations back, in the reverse of the order in which they were applied.

        Args:
            steps: how many; 1 unless `to` or `only` is given.
            to: the id that is the last applied one afterwards.
            only: exactly that one, which must be the last that was applied.

        Raises:
            IrreversibleMigration: before anything is touched.
            ConfigurationError: more than one of the arguments, or an id that is not applied.
            MigrationError: as for `up`.
        """
        from ormmigrate import plan

        if sum(argument is not None for argument in (steps, to, only)) > 1:
            raise ConfigurationError("down() was given more than one of steps, to and only.", "give it one of them.")
        if to is not None:
            self.registries.find(to)
            return self.down_by(lambda rows: plan.plan_down_to(self.registries, rows, to))
        if only is not None:
            self.registries.find(only)
            return self.down_by(lambda rows: plan.plan_down_only(self.registries, rows, only))
        return self.down_by(lambda rows: plan.plan_down_steps(self.registries, rows, 1 if steps is None else steps))

    def down_batch(self) -> Report:
        """Take back what the last batch applied."""
        from ormmigrate import plan

        return self.down_by(lambda rows: plan.plan_down_batch(self.registries, rows))

    def down_all(self) -> Report:
        """Take back everything."""
        from ormmigrate import plan

        return self.down_by(lambda rows: plan.plan_down_all(self.registries, rows))

    def down_by(self, planner: Callable[[Sequence[AppliedMigration]], Plan]) -> Report:
        """Take back what `planner` makes of the history's rows, read under the lock.

        Raises:
            MigrationError: as for `down`, and whatever the planner raises; nothing is touched then.
        """
        with self._connected() as (database, dialect):
            return self._batch(database, dialect).run(lambda rows, _: planner(rows))

    def stamp(self, to: str | None) -> Report:
        """Write the history so that everything up to `to`, and nothing after it, counts as applied; run nothing.

        Args:
            to: an id; only its registry's rows are written. None: no migration of any registry.

        Raises:
            UnknownMigration: `to` is in no registry.
            DatabaseAhead: the database has migrations that this program does not know.
        """
        from ormmigrate.stamping import stamp

        last = None if to is None else self.registries.find(to)
        with self._connected() as (database, dialect):
            return stamp(self._batch(database, dialect), last)

    def settle(self, id: str, outcome: Outcome) -> None:
        """Say how an interrupted migration stands, after its schema was repaired by hand; run nothing.

        Args:
            id: the migration that `UnfinishedMigration` names; this program need not have it.
            outcome: `applied`: all of it is there. `undone`: nothing of it is left.

        Raises:
            ConfigurationError: it was not interrupted, or is not in the history.
        """
        from ormmigrate.stamping import settle

        with self._connected() as (database, dialect):
            settle(self._batch(database, dialect), id, outcome)

    def resume(self) -> Report:
        """Go on with a migration that was interrupted outside of a transaction, behind what of it is done.

        Raises:
            ConfigurationError: nothing was interrupted, or it is not certain where to go on.
            MigrationError: as for `up`.
        """
        with self._connected() as (database, dialect):
            return self._batch(database, dialect).resume()

    def undo(self, confirm: Callable[[Sequence[str]], None] = lambda losses: None) -> Report:
        """Take back what an interrupted batch has done; a start does so by itself where nothing is lost by it.

        Args:
            confirm: called with what will not come back, in words, before anything is touched; raises to stop.

        Raises:
            ConfigurationError: nothing was interrupted.
            UnfinishedMigration: something went wrong on the way back; what is left is still noted.
        """
        with self._connected() as (database, dialect):
            return self._batch(database, dialect).undo(confirm)

    def accept(self, id: str) -> None:
        """Take the present checksum of an applied migration that was changed since.

        Raises:
            UnknownMigration: there is no such migration.
            ConfigurationError: it is not applied, or its source is not available.
        """
        from ormmigrate.stamping import accept

        migration = self.registries.find(id)
        with self._connected() as (database, dialect):
            accept(self._batch(database, dialect), migration)

    # -- asking -----------------------------------------------------------------------------

    def status(self) -> Status:
        """Everything that the history says: what is applied, what is pending, what is wrong. Read-only."""
        from ormmigrate.status import status_of

        rows, _ = self._look()
        found = status_of(self.registries, rows, self.environment)
        if not any(row.details.get("kept") for row in rows):
            return found
        from ormmigrate.interrupted import with_obstacles

        database, dialect = self._target()
        with connected(database, dialect):
            return with_obstacles(found, database, dialect, self.registries, rows)

    def history(self) -> list[AppliedMigration]:
        """The rows of the history, in the order in which they were applied. Read-only."""
        rows, _ = self._look()
        return rows

    def plan(self, to: str | None = None) -> Plan:
        """What `up(to)` would run or, where later ones than `to` are applied, what `down(to=to)` would. Read-only."""
        from ormmigrate.plan import own_rows, plan_down_to

        last = None if to is None else self.registries.find(to)
        rows, has_tables = self._look()
        own = own_rows(self.registries, rows)
        if last is not None and any(row.key == last.key for row in own[:-1]):
            return plan_down_to(self.registries, rows, last.label)
        return self._upwards(to)(rows, has_tables)

    def operations(self, id: str) -> list[tuple[Operation, tuple[str, ...]]]:
        """A migration's operations and the SQL that each comes to here, from a replay on a scratch database.

        Everything before it is replayed on empty tables first; functions given to `run` are not called.
        """
        from ormmigrate.sources import operations_of

        return operations_of(*self._target(), self.registries, self.registries.find(id))

    def missing(self, models: Iterable[type[Model]], unmanaged: Sequence[str] = ()) -> Difference:
        """What migrations lack to make what models describe; false where nothing is missing.

        Args:
            unmanaged: tables of others.

        Raises:
            MigrationError: models or migrations cannot be built in a scratch place.
        """
        from ormmigrate.comparison import missing_from_migrations

        return missing_from_migrations(self, models, unmanaged)

    def drift(self, unmanaged: Sequence[str] = ()) -> Difference:
        """What was done to the database beside the migrations that are applied; false where nothing was.

        Raises:
            HistoryError: the history leaves open what the database should be.
            MigrationFailed: a migration does not run on empty tables.
        """
        from ormmigrate.comparison import drift_of

        return drift_of(self, unmanaged)

    # -- parts ------------------------------------------------------------------------------

    def _look(self) -> tuple[list[AppliedMigration], bool]:
        """The history's rows, and whether the database has tables of its own. A missing file is not made."""
        database, dialect = self._target()
        if not dialect.exists(database):
            return [], False
        with connected(database, dialect):
            try:
                return history.read(database, dialect), history.has_other_tables(database, dialect)
            except PeeweeException as error:
                raise dialect.explain_connection(database, error) from error

    @contextmanager
    def _connected(self) -> Iterator[tuple[Database, Dialect]]:
        """Connected, and outside any transaction and batch of this thread."""
        database, dialect = self._target()
        with connected(database, dialect):
            batch_lock(database).refuse_owner()
            if database.in_transaction() or dialect.in_transaction(database):
                raise ConfigurationError(
                    "A transaction is open on this connection, and migrations need one of their own.",
                    "call register_models() before the application begins a transaction: at its start, outside "
                    "`with db:` and db.atomic().",
                )
            yield database, dialect

    def _target(self) -> tuple[Database, Dialect]:
        database = inner(self._database)
        dialect = dialect_of(database)
        if self.limits is not None:
            dialect.limits = self.limits
        if self.schema is not None:
            dialect.use_schema(self.schema)
        return database, dialect

    def _is_current(self, database: Database, dialect: Dialect, models: Sequence[type[Model]]) -> bool:
        """Whether nothing is pending, nothing is wrong and no model lacks its table. One query."""
        start = history.read_start(database, dialect)
        if start is None or not is_complete(self.registries, builtin, start.rows):
            return False
        tables: dict[str | None, set[str]] = {None: start.tables, dialect.schema: start.tables}
        for model in models:
            meta = model._meta
            if meta.schema not in tables:
                tables[meta.schema] = dialect.table_names(database, meta.schema)
            if dialect.folded(meta.table_name) not in tables[meta.schema]:
                return False
        return True

    def _upwards(self, to: str | None) -> Planner:
        from ormmigrate.plan import plan_up

        def planner(rows: Sequence[AppliedMigration], has_tables: bool) -> Plan:
            return plan_up(self.registries, rows, to=to, has_tables=has_tables)

        return planner

    def _batch(self, database: Database, dialect: Dialect) -> Batch:
        from ormmigrate.batch import Batch

        return Batch(
            database=database,
            dialect=dialect,
            registries=self.registries,
            environment=self.environment,
            observers=self.observers,
            application_version=self.version,
            lock_timeout_s=self.lock_timeout_s,
        )

    def _say_nothing_pending(self) -> None:
        # The events cost an import that a start can do without where nobody listens.
        if self.observers or logger.isEnabledFor(logging.INFO):
            from ormmigrate.events import NothingPending, notify

            notify(self.observers, NothingPending(len(self.registries.migrations)))


def is_binding_only() -> bool:
    """Whether the application is being imported by the command line."""
    return _binds_only


@contextmanager
def binding_only() -> Iterator[None]:
    """Inside, register_models() binds and up() does nothing: the command line imports the application so."""
    global _binds_only
    before, _binds_only = _binds_only, True
    try:
        yield
    finally:
        _binds_only = before
