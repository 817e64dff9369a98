"""What the next batch does about one that did not end: takes it back, goes on with it, or says what is in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from peewee import PeeweeException

from ormmigrate import history, journal
from ormmigrate.errors import ConfigurationError, MigrationError
from ormmigrate.migration import DONE
from ormmigrate.recovery import Recovery
from ormmigrate.stepping import RunsInParts

if TYPE_CHECKING:
    from ormmigrate.batch import Batch
    from ormmigrate.plan import AppliedMigration


class Continuation:
    """Under the lock of a batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._database, self._dialect = batch.database, batch.dialect

    def take_back_or_go_on(self, rows: Sequence[AppliedMigration]) -> bool:
        """Deal with what an earlier batch left, where it is certain how; whether there was anything.

        Args:
            rows: the history's, read under the lock.

        Raises:
            UnfinishedMigration: it is not.
        """
        recovery = self._recovery(rows)
        if recovery is None:
            return False
        if recovery.is_alone:
            self._ensure_in_parts(recovery)
            hindrances = recovery.all_hindrances()
            if hindrances:
                raise recovery.unfinished(hindrances)
            self._go_on(recovery)
            return True
        self._take_back(recovery)
        labels = ", ".join(row.label for row in recovery.rows) or "the creation of tables from models"
        self._batch.warn(f"An earlier batch had been interrupted. What it had done was taken back: {labels}.")
        return True

    def take_back_what_was_left(self) -> None:
        """Take back the batch that has just failed.

        Raises:
            UnfinishedMigration: not all of it can be, so all of it is kept.
        """
        recovery = self._recovery()
        if recovery is not None and not recovery.is_alone:
            self._take_back(recovery)

    def resume(self) -> None:
        """Go on behind the last operation that is done.

        Raises:
            ConfigurationError: nothing was interrupted, or it is not certain where to go on.
        """
        recovery = self._needed()
        self._ensure_in_parts(recovery)
        row, hindrances = recovery.interrupted(), recovery.all_hindrances()
        if row is not None and hindrances:
            raise ConfigurationError(
                f"It is not certain where to go on in {row.label}: {'; '.join(hindrances)}.",
                "python -m ormmigrate undo takes back what can be; or bring the schema to one side by hand, and say "
                f"which: python -m ormmigrate settle {row.label} --applied | --undone.",
            )
        self._go_on(recovery)

    def undo(self, confirm: Callable[[Sequence[str]], None]) -> None:
        """Take back what can be; `confirm` is given what cannot, before anything is touched.

        Raises:
            ConfigurationError: nothing was interrupted.
            UnfinishedMigration: something failed on the way back.
        """
        recovery = self._needed()
        self._ensure_in_parts(recovery)
        confirm(recovery.obstacles())
        labels = [row.label for row in recovery.rows if row.details.get("kept") == "up"]
        with self._outside(recovery):
            self._undo(recovery)
        self._batch.reverted += labels

    # -- parts ------------------------------------------------------------------------------

    def _recovery(self, found: Sequence[AppliedMigration] | None = None) -> Recovery | None:
        if found is None:
            found = history.read(self._database, self._dialect)
        rows = [row for row in found if row.state != DONE and row.details.get("kept")]
        # Where DDL can be rolled back, only a migration that has such a row is written into the journal.
        entries = []
        if rows or not self._dialect.transactional_ddl:
            entries = journal.read(self._database, self._dialect)
        if not rows and not entries:
            return None
        return Recovery(self._database, self._dialect, self._batch.registries, rows, entries)

    def _needed(self) -> Recovery:
        recovery = self._recovery()
        if recovery is None:
            raise ConfigurationError(
                "No migration was interrupted, so there is nothing to take back or to go on with.",
                "python -m ormmigrate status says what is applied; up applies what is pending.",
            )
        return recovery

    def _ensure_in_parts(self, recovery: Recovery) -> None:
        if recovery.is_alone and not self._batch.is_in_parts:
            raise RunsInParts

    def _outside(self, recovery: Recovery) -> AbstractContextManager[None]:
        return self._dialect.outside_transaction(self._database) if recovery.is_alone else nullcontext()

    def _take_back(self, recovery: Recovery) -> None:
        obstacles = recovery.obstacles()
        if obstacles:
            raise recovery.unfinished(obstacles)
        self._undo(recovery)

    def _undo(self, recovery: Recovery) -> None:
        try:
            recovery.undo()
        except (PeeweeException, MigrationError) as error:
            if not self._dialect.is_reachable(self._database):
                raise
            now = self._recovery() or recovery
            reason = error.problem if isinstance(error, MigrationError) else f"{type(error).__name__}: {error}"
            raise now.unfinished([reason]) from error

    def _go_on(self, recovery: Recovery) -> None:
        """Run the rest of the interrupted migration, and end its batch."""
        batch = self._batch
        row = recovery.interrupted()
        batch.books.take_over([ran for ran in recovery.rows if ran is not row])
        recovery.take_back_unfinished_tables()
        if row is None:
            # It had run, and only its end was not written down.
            with self._outside(recovery):
                batch.books.finish()
            return
        done, begun = recovery.take_back_interrupted(row)
        migration, alone = recovery.migration(row.key), bool(row.details.get("alone"))
        step = batch.step(row.details["kept"], migration, recovery.rows, done, begun, alone=alone)
        batch.run_step(step, row.batch, is_begun=True)
        batch.books.finish()
