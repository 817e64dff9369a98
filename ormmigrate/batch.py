"""The batch: everything that happens under the lock, once there is something to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from peewee import Database, Model, PeeweeException

from ormmigrate import failures, history, journal
from ormmigrate.bookkeeping import Books
from ormmigrate.checksum import checksums_of
from ormmigrate.connection import batch_lock
from ormmigrate.continuing import Continuation
from ormmigrate.dialects.base import CommitLost, Dialect, LockLost, ensure_still_held
from ormmigrate.dialects.engine import Outcome
from ormmigrate.environments import Environment
from ormmigrate.errors import MigrationError, UnfinishedMigration
from ormmigrate.events import (
    BatchCommitted,
    BatchFailed,
    BatchPlanned,
    MigrationApplied,
    MigrationStarted,
    Noted,
    NothingPending,
    OperationRun,
    RowsFilled,
    Warned,
    logger,
    notify,
)
from ormmigrate.integrity import Integrity
from ormmigrate.journal import Entry
from ormmigrate.journaling import Journal, KeptJournal
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import DONE, BaseMigration
from ormmigrate.migrations import registry as builtin
from ormmigrate.migrator import Migrator
from ormmigrate.operations import Operation
from ormmigrate.plan import AppliedMigration, Plan, errors_in, own_rows, pending, raise_or_warn
from ormmigrate.recording import reverse_of
from ormmigrate.registry import Registries
from ormmigrate.report import Report
from ormmigrate.stepping import RunsInParts, Step
from ormmigrate.sync import create_missing_tables

if TYPE_CHECKING:
    from ormmigrate.events import Event, Observer

#: The rows and whether the database has tables of its own, to what will run.
Planner = Callable[[Sequence[AppliedMigration], bool], Plan]

T = TypeVar("T")


@dataclass
class Batch:
    """One run of the loop on one database.

    Attributes:
        created, warnings, applied, reverted: what has been done so far, for the report.
        committed: the labels of migrations that a later failure of the batch leaves as they are.
        is_in_parts: whether the lock that is held outlasts a transaction.
    """

    database: Database
    dialect: Dialect
    registries: Registries
    environment: Environment
    observers: Sequence[Observer]
    application_version: str | None
    lock_timeout_s: float
    warnings: list[str] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    reverted: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    checksums: dict[tuple[str, str], str | None] = field(default_factory=dict)
    committed: list[str] = field(default_factory=list)
    is_in_parts: bool = False
    _planned_last: tuple[Plan, list[AppliedMigration]] = (Plan("up", ()), [])

    def __post_init__(self) -> None:
        self.books = Books(self.database, self.dialect, self.application_version)

    def run(self, planner: Planner, models: Sequence[type[Model]] = ()) -> Report:
        """Lock, plan, check, run, record, sync, check, commit.

        Raises:
            MigrationError: the batch was rolled back or taken back, or the error says what was not.
        """
        began = time.perf_counter()
        # Read here, for it takes longer than the batch of a small application, and needs no lock.
        self.checksums = checksums_of(self.registries.migrations)
        with self._telling_failures():
            try:
                plan, rows = self._locked(lambda: self._run_all(planner, models))
            except CommitLost as lost:
                plan, rows = self._looked_up(lost)
        duration_ms = (time.perf_counter() - began) * 1000
        if plan or self.created:
            self._tell(BatchCommitted(plan.direction, plan.labels, tuple(self.created), duration_ms))
        elif not self.applied and not self.reverted:
            # Somebody else's batch had done it when our turn came.
            self._tell(NothingPending(len(own_rows(self.registries, rows))))
        return self._report(tuple(migration.label for migration in plan.baseline), duration_ms)

    def resume(self) -> Report:
        """Go on with the migration that was interrupted, behind the last operation that is done.

        Raises:
            ConfigurationError: nothing was interrupted, or it is not certain where to go on.
        """
        began = time.perf_counter()
        with self._telling_failures():
            self._locked(lambda: Continuation(self).resume())
        return self._report((), (time.perf_counter() - began) * 1000)

    def undo(self, confirm: Callable[[Sequence[str]], None]) -> Report:
        """Take back what an interrupted batch has done, whatever of it cannot come back.

        Args:
            confirm: called with that, in words, before anything is touched; raises to stop.
        """
        began = time.perf_counter()
        with self._telling_failures():
            self._locked(lambda: Continuation(self).undo(confirm))
        return self._report((), (time.perf_counter() - began) * 1000)

    @contextmanager
    def _telling_failures(self) -> Iterator[None]:
        """Tell observers of what comes out, and give what is the database's own error the form of ours."""
        try:
            yield
        except (PeeweeException, CommitLost) as error:
            wrapped = failures.outside_of_migrations(error, self.dialect, self.committed)
            self._tell(BatchFailed(wrapped))
            raise wrapped from error
        except BaseException as error:
            self._tell(BatchFailed(error))
            raise

    def _report(self, stamped: tuple[str, ...], duration_ms: float) -> Report:
        return Report(
            applied=tuple(self.applied),
            reverted=tuple(self.reverted),
            stamped=stamped,
            created_tables=tuple(self.created),
            warnings=tuple(self.warnings),
            duration_ms=duration_ms,
        )

    def _locked(self, work: Callable[[], T]) -> T:
        """Work under the lock: in one transaction, and in parts where it turns out that it cannot be one."""
        with batch_lock(self.database):
            try:
                with self.dialect.exclusive(self.database, self.lock_timeout_s):
                    return work()
            except RunsInParts:
                self.is_in_parts = True
                self.warnings.clear()
            except KeyboardInterrupt:
                self._take_back_afterwards()
                raise
            with self.dialect.exclusive_in_parts(self.database, self.lock_timeout_s):
                return work()

    def _looked_up(self, lost: CommitLost) -> tuple[Plan, list[AppliedMigration]]:
        """Whether the batch whose COMMIT got no answer was committed, as the history says."""
        plan, rows = self._planned_last
        try:
            self.database.close()
            self.database.connect()
            # Under the lock: the server's side of the old connection may still be at it.
            with self.dialect.exclusive(self.database, self.lock_timeout_s):
                rows_now = history.read(self.database, self.dialect)
                tables = self.dialect.table_names(self.database, self.dialect.schema)
        except (PeeweeException, MigrationError) as error:
            raise failures.commit_unknown(lost, error) from lost
        present = {row.key for row in rows_now if row.state == DONE}
        if self.is_in_parts:
            said = [f"{row.label}: {row.state}" for row in rows_now if row.label in plan.labels]
            raise failures.commit_lost_in_parts(lost, said or ["none of its migrations"]) from lost
        keys = {migration.key for migration in plan.migrations}
        made = {self.dialect.folded(name) for name in self.created} <= tables
        if not (made and (keys <= present if plan.direction == "up" else not keys & present)):
            raise failures.commit_lost(lost) from lost
        self.warn("The connection was lost during COMMIT; the history says that the batch was committed.")
        return plan, rows

    def _take_back_afterwards(self) -> None:
        """Ctrl-C may cost the connection, so that what had been done is taken back on another."""
        if self.dialect.transactional_ddl:
            return
        try:
            with self.dialect.exclusive(self.database, self.lock_timeout_s):
                Continuation(self).take_back_what_was_left()
        except UnfinishedMigration as unfinished:
            self.warn(str(unfinished))
        except (PeeweeException, MigrationError) as error:
            self.warn(f"What the batch had done was not taken back yet; the next start does. {error}")

    def under_lock(self, change: Callable[[list[AppliedMigration]], None]) -> None:
        """Change the history and nothing else, under the lock; `change` is given the rows."""
        try:
            with batch_lock(self.database), self.dialect.exclusive(self.database, self.lock_timeout_s):
                rows = history.read(self.database, self.dialect)
                self._upgrade_history(rows)
                change(rows)
        except PeeweeException as error:
            raise failures.outside_of_migrations(error, self.dialect) from error

    def _run_all(self, planner: Planner, models: Sequence[type[Model]]) -> tuple[Plan, list[AppliedMigration]]:
        rows = history.read(self.database, self.dialect)
        while Continuation(self).take_back_or_go_on(rows):
            # Where no lock outlasts a transaction, another process may have begun the next one meanwhile.
            rows = history.read(self.database, self.dialect)
        plan = self._planned(planner, rows)
        self._planned_last = plan, rows
        steps = [self.step(plan.direction, migration, rows) for migration in plan.migrations]
        integrity = Integrity(self.database, self.dialect, self.environment)
        if plan.migrations and self.environment.backs_up:
            self._tell(Noted("No backup was made before this batch: backups are not part of this version."))
        integrity.look()
        if plan.migrations:
            self._tell(BatchPlanned(plan.direction, plan.labels, self.environment.name))
        self._run_plan(plan, steps, integrity, max((row.batch for row in rows), default=0) + 1)
        try:
            self._sync(models)
            for text in integrity.check():
                self.warn(text)
        except Exception as error:
            self._take_back_after(error)
            raise
        self.books.finish()
        return plan, rows

    # -- planning ---------------------------------------------------------------------------

    def _planned(self, planner: Planner, rows: list[AppliedMigration]) -> Plan:
        """Plan by the rows, read now that nobody else can write; run the built-in migrations."""
        has_tables = history.has_other_tables(self.database, self.dialect)
        for text in raise_or_warn(errors_in(self.registries, rows, self.checksums), self.environment):
            self.warn(text)
        plan = planner(rows, has_tables)
        if not self.is_in_parts and any(not migration.transactional for migration in plan.migrations):
            raise RunsInParts
        self._upgrade_history(rows)
        return plan

    def _upgrade_history(self, rows: Sequence[AppliedMigration]) -> None:
        """Run the built-in migrations that are pending; each is idempotent, and all are recorded afterwards."""
        todo = pending(builtin, rows)
        for migration in todo:
            migration.up(LiveMigrator(self.database, self.dialect, lambda *_: None))
        for migration in todo:
            self.books.record(migration, 0)

    def step(
        self,
        direction: str,
        migration: BaseMigration,
        rows: Sequence[AppliedMigration],
        done: Sequence[Entry] = (),
        interrupted: Entry | None = None,
        *,
        alone: bool | None = None,
    ) -> Step:
        """How a migration will run, and go on behind what is `done`. What cannot is refused here, before anything."""
        adopted: Sequence[str] = ()
        reverses: list[Operation] | None = None
        if direction == "down":
            row = next(row for row in rows if row.key == migration.key)
            adopted = row.details.get("adopted", ())
            if not migration.writes_down:
                reverses = reverse_of(self.database, self.dialect, migration)
        # One that goes on does so as it was begun, whatever it says by now.
        alone = not migration.transactional if alone is None else alone
        is_kept = alone or not self.dialect.transactional_ddl
        keeping = Journal()
        if is_kept:
            keeping = KeptJournal(
                self.database, self.dialect, migration.key, direction, alone=alone, done=done, interrupted=interrupted
            )
        migrator = LiveMigrator(
            self.database,
            self.dialect,
            self._operation_of(migration),
            # Only a derived down() leaves what was adopted: one that is written says what it means.
            keep=adopted if reverses is not None else (),
            guard=self._guard(alone),
            on_adopted=self._adoption_of(direction, migration, is_kept, alone),
            on_progress=lambda *facts: self._tell(RowsFilled(migration.label, *facts)),
            journal=keeping,
        )
        if direction == "up" and (done or interrupted):
            # What it had adopted before it was interrupted is still not its own.
            migrator.adopted += next(row.details.get("adopted", ()) for row in rows if row.key == migration.key)
        return Step(direction, migration, migrator, is_kept, alone, reverses)

    def _adoption_of(
        self, direction: str, migration: BaseMigration, is_kept: bool, alone: bool
    ) -> Callable[[list[str]], None]:
        """Note an adopted table at once where a kill would leave it adopted: a later down() must not drop it."""
        if not is_kept:
            return lambda _: None
        kept = {"kept": direction, "alone": alone}
        return lambda adopted: history.update(self.database, migration.key, {"details": {**kept, "adopted": adopted}})

    def _guard(self, alone: bool) -> Callable[[], None]:
        connection = self.database.connection()
        in_transaction = not alone
        return lambda: ensure_still_held(self.dialect, self.database, connection, in_transaction=in_transaction)

    def _operation_of(self, migration: BaseMigration) -> Callable[[Operation, Outcome, tuple[str, ...], float], None]:
        is_heard = bool(self.observers) or logger.isEnabledFor(logging.DEBUG)

        def tell(operation: Operation, outcome: Outcome, sql: tuple[str, ...], duration_ms: float) -> None:
            if is_heard:
                words, strategy, rows = operation.describe(), outcome.strategy, outcome.rows_rewritten
                self._tell(OperationRun(migration.label, words, sql, duration_ms, strategy, rows))

        return tell

    # -- running ----------------------------------------------------------------------------

    def _run_plan(self, plan: Plan, steps: Sequence[Step], integrity: Integrity, number: int) -> None:
        for migration in plan.baseline:
            self.books.record(migration, number)
        for position, step in enumerate(steps, 1):
            if step.is_alone:
                integrity.check()
            self.run_step(step, number, position, len(steps))

    def run_step(self, step: Step, number: int, position: int = 1, total: int = 1, *, is_begun: bool = False) -> None:
        """Run a migration, in the batch's transaction or outside of it, and record it.

        Args:
            is_begun: whether the history has it as running, because an earlier start was interrupted in it.
        """
        label = step.migration.label
        if not self.dialect.holds_lock(self.database):
            raise LockLost
        if self.committed and not is_begun and self._is_done_meanwhile(step):
            return
        self._tell(MigrationStarted(step.direction, label, step.migration.title, position, total))
        began = time.perf_counter()
        if step.is_alone:
            # What came before it is committed, and so is it when it has run.
            if not is_begun:
                self.books.finish()
                # Committed with that: where no lock outlasts a transaction, others then know that it runs.
                self.books.begin(step, number)
            self.committed = [*self.applied, *self.reverted]
            with self.dialect.outside_transaction(self.database):
                self._run_and_record(step, number)
                self.books.finish()
            self.committed = [*self.applied, *self.reverted]
        else:
            if not is_begun:
                self.books.begin(step, number)
            self._run_and_record(step, number)
        self._tell(MigrationApplied(step.direction, label, (time.perf_counter() - began) * 1000))

    def _is_done_meanwhile(self, step: Step) -> bool:
        """Whether another process has run it, where no lock is held between two transactions."""
        if self.dialect.lock_outlasts_transaction:
            return False
        while Continuation(self).take_back_or_go_on(history.read(self.database, self.dialect)):
            pass
        state = history.state_of(self.database, step.migration.key)
        return (state is not None) if step.direction == "up" else (state is None)

    def _run_and_record(self, step: Step, number: int) -> None:
        began = time.perf_counter()
        try:
            step.run()
        except Exception as error:
            raise self._failed(step, error) from error
        duration_ms = (time.perf_counter() - began) * 1000
        self.books.ran(step, number, duration_ms)
        (self.applied if step.direction == "up" else self.reverted).append(step.migration.label)

    # -- failing ----------------------------------------------------------------------------

    def _failed(self, step: Step, error: Exception) -> BaseException:
        """What to raise where a migration raised: the one place where a database's error is wrapped."""
        if self.dialect.is_interrupt(error):
            return KeyboardInterrupt()
        label = step.migration.label
        if step.is_alone:
            outcome, advice = failures.goes_on(label, error)
        elif self.dialect.transactional_ddl:
            outcome, advice = failures.rolled_back(label, error, self.dialect)
        else:
            outcome, advice = self._taken_back(label, error)
        outcome = failures.with_committed(outcome, self.committed)
        return failures.migration_failed(step.migration, step.migrator, error, outcome, advice)

    def _take_back_after(self, error: Exception) -> None:
        """Take the batch back after an error outside of its migrations, where nothing rolls it back.

        Raises:
            UnfinishedMigration: it could not be, and this is how it stands.
        """
        if self.dialect.transactional_ddl or not self._can_take_back():
            return
        try:
            Continuation(self).take_back_what_was_left()
        except UnfinishedMigration as unfinished:
            raise failures.kept_after(error, unfinished) from error.__cause__ or error
        except PeeweeException as lost:
            self.warn(f"What the batch had done could not be taken back: {lost}")

    def _can_take_back(self) -> bool:
        """Whether the connection is still there, and the lock still its own."""
        try:
            return (
                not self.database.is_closed()
                and self.dialect.is_reachable(self.database)
                and self.dialect.holds_lock(self.database)
            )
        except PeeweeException:
            return False

    def _taken_back(self, label: str, error: Exception) -> tuple[str, str]:
        """Take back what the batch has done, so that it is as if it had been one transaction."""
        if not self._can_take_back():
            return failures.left_to_next_start(label)
        try:
            Continuation(self).take_back_what_was_left()
        except UnfinishedMigration as unfinished:
            return failures.kept(unfinished)
        except PeeweeException as lost:
            self.warn(f"What the batch had done could not be taken back: {lost}")
            return failures.left_to_next_start(label)
        return failures.taken_back(label, error)

    # -- afterwards -------------------------------------------------------------------------

    def _sync(self, models: Sequence[type[Model]]) -> None:
        self.created += self._create_missing_tables(models)
        if self.created:
            self.warn(
                f"After all migrations there was no table {', '.join(self.created)}: made from the models. Where no "
                "migration creates a table, a fresh installation runs later migrations before it exists: write one "
                f"(python -m ormmigrate new create_{self.created[0]}). Where one does, the table was dropped since."
            )

    def _create_missing_tables(self, models: Sequence[type[Model]]) -> list[str]:
        if self.dialect.transactional_ddl:
            return create_missing_tables(self.database, self.dialect, models, self._tell)
        # An operation like any other, so that it is taken back where it fails halfway.
        created: list[str] = []
        kept = KeptJournal(self.database, self.dialect, journal.SYNC, "up")
        migrator = LiveMigrator(self.database, self.dialect, lambda *_: None, journal=kept)

        def create_tables_of_models(_: Migrator) -> None:
            created.extend(create_missing_tables(self.database, self.dialect, models, self._tell))

        if models:
            with kept.watching():
                migrator.run(create_tables_of_models)
        return created

    def _tell(self, event: Event) -> None:
        notify(self.observers, event)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self._tell(Warned(text))
