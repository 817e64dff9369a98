"""The batch: everything that happens under the lock, once there is something to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from peewee import Database, Model, PeeweeException

from ormmigrate import failures, history
from ormmigrate.checksum import checksums_of, fingerprint_of
from ormmigrate.connection import batch_lock
from ormmigrate.dialects.base import Dialect, ensure_still_held
from ormmigrate.dialects.engine import Outcome
from ormmigrate.dialects.violations import Violation, new_violations
from ormmigrate.environments import Environment
from ormmigrate.errors import IntegrityCheckFailed
from ormmigrate.events import (
    BatchCommitted,
    BatchFailed,
    BatchPlanned,
    MigrationApplied,
    MigrationStarted,
    Noted,
    NothingPending,
    OperationRun,
    Warned,
    logger,
    notify,
)
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import DONE, RUNNING, BaseMigration
from ormmigrate.migrations import registry as builtin
from ormmigrate.operations import Operation
from ormmigrate.plan import AppliedMigration, Plan, errors_in, own_rows, pending, raise_or_warn
from ormmigrate.recording import reverse_of
from ormmigrate.registry import Registries
from ormmigrate.report import Report
from ormmigrate.sync import create_missing_tables
from ormmigrate.version import VERSION

if TYPE_CHECKING:
    from ormmigrate.events import Event, Observer

#: The rows and whether the database has tables of its own, to what will run.
Planner = Callable[[Sequence[AppliedMigration], bool], Plan]

VERSION_MAX_LENGTH = 100
NAME_MAX_LENGTH = 255


@dataclass
class Batch:
    """One run of the loop on one database.

    Attributes:
        created, warnings, applied, reverted: what has been done so far, for the report.
        found_before: what the database's own check found of rows before anything was changed.
        broken_before: views and triggers that did not compile then.
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
    found_before: Sequence[str] = ()
    broken_before: Mapping[str, str] = field(default_factory=dict)

    def run(self, planner: Planner, models: Sequence[type[Model]] = ()) -> Report:
        """Lock, plan, check, run, record, sync, check, commit.

        Raises:
            MigrationError: the batch was rolled back where DDL is transactional; the error says so.
        """
        began = time.perf_counter()
        # Read here, for it takes longer than the batch of a small application, and needs no lock.
        self.checksums = checksums_of(self.registries.migrations)
        try:
            with batch_lock(self.database), self.dialect.exclusive(self.database, self.lock_timeout_s):
                plan, rows = self._planned(planner)
                steps = self._steps(plan, rows)
                before = self._checked(plan)
                self._run_plan(plan, steps, max((row.batch for row in rows), default=0) + 1)
                self._sync(models)
                self._check_integrity(before)
        except PeeweeException as error:
            wrapped = failures.outside_of_migrations(error, self.dialect)
            self._tell(BatchFailed(wrapped))
            raise wrapped from error
        except BaseException as error:
            self._tell(BatchFailed(error))
            raise
        duration_ms = (time.perf_counter() - began) * 1000
        if plan or self.created:
            self._tell(BatchCommitted(plan.direction, plan.labels, tuple(self.created), duration_ms))
        else:
            # Somebody else's batch had done it when our turn came.
            self._tell(NothingPending(len(own_rows(self.registries, rows))))
        return Report(
            applied=tuple(self.applied),
            reverted=tuple(self.reverted),
            stamped=tuple(migration.label for migration in plan.baseline),
            created_tables=tuple(self.created),
            warnings=tuple(self.warnings),
            duration_ms=duration_ms,
        )

    def under_lock(self, change: Callable[[list[AppliedMigration]], None]) -> None:
        """Change the history and nothing else, under the lock; `change` is given the rows."""
        try:
            with batch_lock(self.database), self.dialect.exclusive(self.database, self.lock_timeout_s):
                rows = history.read(self.database, self.dialect)
                self._upgrade_history(rows)
                change(rows)
        except PeeweeException as error:
            raise failures.outside_of_migrations(error, self.dialect) from error

    # -- planning ---------------------------------------------------------------------------

    def _planned(self, planner: Planner) -> tuple[Plan, list[AppliedMigration]]:
        """Read again, now that nobody else can write; run the built-in migrations; plan."""
        has_tables = history.has_other_tables(self.database, self.dialect)
        rows = history.read(self.database, self.dialect)
        self._refuse_what_is_wrong(rows)
        plan = planner(rows, has_tables)
        self._upgrade_history(rows)
        return plan, rows

    def _refuse_what_is_wrong(self, rows: Sequence[AppliedMigration]) -> None:
        for text in raise_or_warn(errors_in(self.registries, rows, self.checksums), self.environment):
            self._warn(text)

    def _upgrade_history(self, rows: Sequence[AppliedMigration]) -> None:
        """Run the built-in migrations that are pending; each is idempotent, and all are recorded afterwards."""
        todo = pending(builtin, rows)
        for migration in todo:
            migration.up(LiveMigrator(self.database, self.dialect, lambda *_: None))
        for migration in todo:
            self._record(migration, number=0, duration_ms=0.0)

    def _steps(self, plan: Plan, rows: Sequence[AppliedMigration]) -> list[Step]:
        """How each migration will run. What cannot is refused here, before anything is touched."""
        for migration in plan.migrations:
            if not migration.transactional:
                raise failures.split_is_unsupported(migration)
        return [self._step(plan, migration, rows) for migration in plan.migrations]

    def _step(self, plan: Plan, migration: BaseMigration, rows: Sequence[AppliedMigration]) -> Step:
        adopted: Sequence[str] = ()
        reverses: list[Operation] | None = None
        if plan.direction == "down":
            row = next(row for row in rows if row.key == migration.key)
            adopted = row.details.get("adopted", ())
            if not migration.writes_down:
                reverses = reverse_of(self.database, self.dialect, migration)
        migrator = LiveMigrator(
            self.database,
            self.dialect,
            self._operation_of(migration),
            # Only a derived down() leaves what was adopted: one that is written says what it means.
            keep=adopted if reverses is not None else (),
            guard=self._guard(),
            on_adopted=self._adoption_of(migration),
        )
        return Step(plan.direction, migration, migrator, reverses)

    def _adoption_of(self, migration: BaseMigration) -> Callable[[list[str]], None]:
        """Note an adopted table at once where a kill would leave it adopted: a later down() must not drop it."""
        if self.dialect.transactional_ddl:
            return lambda _: None
        return lambda adopted: history.update(self.database, migration.key, {"details": {"adopted": adopted}})

    def _guard(self) -> Callable[[], None]:
        connection = self.database.connection()
        return lambda: ensure_still_held(self.dialect, self.database, connection)

    def _operation_of(self, migration: BaseMigration) -> Callable[[Operation, Outcome, tuple[str, ...], float], None]:
        is_heard = bool(self.observers) or logger.isEnabledFor(logging.DEBUG)

        def tell(operation: Operation, outcome: Outcome, sql: tuple[str, ...], duration_ms: float) -> None:
            if is_heard:
                words, strategy, rows = operation.describe(), outcome.strategy, outcome.rows_rewritten
                self._tell(OperationRun(migration.label, words, sql, duration_ms, strategy, rows))

        return tell

    def _checked(self, plan: Plan) -> list[Violation]:
        """What is broken before anything is touched; say what will run."""
        if plan.migrations and self.environment.backs_up:
            self._tell(Noted("No backup was made before this batch: backups are not part of this version."))
        self.found_before = self._quick_check()
        damage = [finding for finding in self.found_before if self.dialect.is_damage(finding)]
        if damage:
            raise IntegrityCheckFailed(
                problem="The database is damaged, so nothing was changed.",
                findings=damage,
                advice="restore it from a backup first.",
            )
        self.broken_before = self.dialect.broken_definitions(self.database)
        before = list(self.dialect.foreign_key_violations(self.database))
        if plan.migrations:
            self._tell(BatchPlanned(plan.direction, plan.labels, self.environment.name))
        return before

    # -- running ----------------------------------------------------------------------------

    def _run_plan(self, plan: Plan, steps: Sequence[Step], number: int) -> None:
        for migration in plan.baseline:
            self._record(migration, number=number, duration_ms=0.0)
        for position, step in enumerate(steps, 1):
            self._tell(
                MigrationStarted(plan.direction, step.migration.label, step.migration.title, position, len(steps))
            )
            began = time.perf_counter()
            if plan.direction == "up":
                self._apply(step, number, began)
            else:
                self._revert(step)
            duration_ms = (time.perf_counter() - began) * 1000
            self._tell(MigrationApplied(plan.direction, step.migration.label, duration_ms))

    def _apply(self, step: Step, number: int, began: float) -> None:
        is_recorded_first = not self.dialect.transactional_ddl
        if is_recorded_first:
            self._record(step.migration, number=number, duration_ms=0.0, state=RUNNING)
        try:
            step.run()
        except Exception as error:
            raise self._failed(step, error, self.applied) from error
        duration_ms = (time.perf_counter() - began) * 1000
        details = {"adopted": step.migrator.adopted} if step.migrator.adopted else {}
        if is_recorded_first:
            values = {"state": DONE, "duration_ms": duration_ms, "details": details}
            history.update(self.database, step.migration.key, values)
        else:
            self._record(step.migration, number=number, duration_ms=duration_ms, details=details)
        self.applied.append(step.migration.label)

    def _revert(self, step: Step) -> None:
        if not self.dialect.transactional_ddl:
            history.update(self.database, step.migration.key, {"state": RUNNING})
        try:
            step.run()
        except Exception as error:
            raise self._failed(step, error, self.reverted) from error
        history.delete(self.database, [step.migration.key])
        self.reverted.append(step.migration.label)

    def _failed(self, step: Step, error: Exception, earlier: Sequence[str]) -> BaseException:
        """What to raise where a migration raised: the one place where a database's error is wrapped."""
        if self.dialect.is_interrupt(error):
            return KeyboardInterrupt()
        if not self.dialect.transactional_ddl:
            effects = step.migrator.effects()
            self._note_effects(step, effects)
            outcome, advice = failures.kept(step.migration.label, effects, earlier)
        else:
            outcome, advice = failures.rolled_back(step.migration.label, error, self.dialect.next_step(error))
        return failures.migration_failed(step.migration, step.migrator, error, outcome, advice)

    def _note_effects(self, step: Step, effects: Sequence[str]) -> None:
        """Leave in the history what took effect, and no trace if nothing did.

        If that fails, the first error is still the one to see.
        """
        key = step.migration.key
        try:
            if effects:
                # What was adopted must outlive the repair by hand: a later down() would drop it.
                history.update(self.database, key, {"details": {"effects": effects, "adopted": step.migrator.adopted}})
            elif step.direction == "down":
                history.update(self.database, key, {"state": DONE})
            else:
                history.delete(self.database, [key])
        except PeeweeException as error:
            self._warn(f"What took effect could not be noted in the history: {error}")

    def _record(
        self,
        migration: BaseMigration,
        *,
        number: int,
        duration_ms: float,
        state: str = DONE,
        details: dict[str, Any] | None = None,
    ) -> None:
        history.insert(self.database, self.row_of(migration, number, duration_ms, state, details))

    def row_of(
        self,
        migration: BaseMigration,
        number: int,
        duration_ms: float = 0.0,
        state: str = DONE,
        details: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The history's row of a migration."""
        known = fingerprint_of(migration)
        return {
            "registry": migration.registry,
            "migration": migration.id,
            "name": migration.title[:NAME_MAX_LENGTH],
            "description": migration.description,
            "checksum": known.checksum if known else None,
            "source": known.source if known else None,
            "batch": number,
            "duration_ms": duration_ms,
            "state": state,
            "application_version": self.application_version and self.application_version[:VERSION_MAX_LENGTH],
            "package_version": VERSION,
            "details": details or {},
        }

    # -- afterwards -------------------------------------------------------------------------

    def _sync(self, models: Sequence[type[Model]]) -> None:
        self.created += create_missing_tables(self.database, self.dialect, models, self._tell)
        if self.created:
            self._warn(
                f"After all migrations there was no table {', '.join(self.created)}: made from the models. Where no "
                "migration creates a table, a fresh installation runs later migrations before it exists: write one "
                f"(python -m ormmigrate new create_{self.created[0]}). Where one does, the table was dropped since."
            )

    def _check_integrity(self, before: Sequence[Violation]) -> None:
        broken = new_violations(before, self.dialect.foreign_key_violations(self.database))
        if broken:
            raise IntegrityCheckFailed(
                problem="The batch would leave rows that refer to nothing. Everything was rolled back.",
                findings=[str(violation) for violation in broken],
                advice="delete or correct these rows in the migration that orphans them. Foreign keys are off "
                "during a batch, so a DELETE there does not cascade: delete the children first.",
            )
        definitions = self.dialect.broken_definitions(self.database)
        lost = [f"{name}: {error}" for name, error in definitions.items() if name not in self.broken_before]
        if lost:
            raise IntegrityCheckFailed(
                problem="The batch would leave views or triggers that do not compile. Everything was rolled back.",
                findings=lost,
                advice="drop them in the migration, before what breaks them, and make them anew afterwards.",
            )
        found = self._quick_check()
        findings = [finding for finding in found if finding not in self.found_before]
        # A table that was renamed has the same rows under another name.
        if len(found) > len(self.found_before) or any(map(self.dialect.is_damage, findings)):
            raise IntegrityCheckFailed(
                problem="The batch would leave the database damaged. Everything was rolled back.",
                findings=findings,
                advice="this should not happen: keep the file and report it; check the disk.",
            )

    def _quick_check(self) -> Sequence[str]:
        return self.dialect.quick_check(self.database) if self.environment.quick_check else ()

    def _tell(self, event: Event) -> None:
        notify(self.observers, event)

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        self._tell(Warned(text))


@dataclass(frozen=True)
class Step:
    """A migration, the migrator that runs it and, where `down` is derived, the operations it comes to."""

    direction: str
    migration: BaseMigration
    migrator: LiveMigrator
    reverses: list[Operation] | None = None

    def run(self) -> None:
        migration, migrator = self.migration, self.migrator
        with migrator.dialect.step(migrator.database), migrator.listening():
            migration.before(migrator)
            if self.direction == "up":
                migration.up(migrator)
            elif self.reverses is None:
                migration.down(migrator)
            else:
                migrator.replay(self.reverses)
            migration.after(migrator)
            migrator.guard()
