"""What a start does about a batch that could not be rolled back and did not end: takes it back, or goes on.

Under the lock. A batch is taken back only as a whole: where something in it cannot be, everything stays, and the
error says what stands in the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ormmigrate import history, journal
from ormmigrate.errors import UnsupportedOperation
from ormmigrate.interrupted import InterruptedBatch, Part
from ormmigrate.journal import BEGUN, BY_TEXT, DONE, UNDOING, UNDONE, Entry
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import DONE as FINISHED
from ormmigrate.operations import Operation, Script
from ormmigrate.plan import AppliedMigration


class Recovery(InterruptedBatch):
    """The ways back and on."""

    def undo(self) -> None:
        """Take everything back, newest first, and forget the batch.

        Raises:
            MigrationError, peewee.PeeweeException: why it went no further; what was taken back is noted.
        """
        for part in reversed(self.parts):
            self._undo_part(part)
        with self._dialect.transaction(self._database):
            self._forget()

    def _undo_part(self, part: Part) -> None:
        entry = part.entry
        if entry is not None and entry.state != UNDONE and self._has_reverse(part, entry):
            self._reverse(part, entry)
            return
        self._restore(part)
        if entry is not None:
            journal.update(self._database, entry.seq, {"state": UNDONE})

    def _restore(self, part: Part) -> None:
        for statement in part.open_statements:
            journal.update(self._database, statement.seq, {"state": UNDOING})
            self._undoing.restore(statement.statement, statement.found)
            journal.update(self._database, statement.seq, {"state": UNDONE})

    def _has_reverse(self, part: Part, entry: Entry) -> bool:
        if entry.state == BEGUN and not self._dialect.transactional_ddl:
            return False
        if part.is_reversed_by_itself or self._dialect.transactional_ddl:
            return entry.progress is None or entry.state == DONE or not entry.progress
        return entry.state == DONE and bool(self._unseen_in(part)) and not self._without_reverse(entry)

    def _reverse(self, part: Part, entry: Entry) -> None:
        """Run an operation's reverse, in the transaction that notes it; one that commits is noted ahead of that."""
        if self._without_reverse(entry):
            return
        migrator = LiveMigrator(self._database, self._dialect, lambda *_: None)
        # Of what was interrupted, a part may not be there.
        migrator.engine.resumes = entry.state == BEGUN
        back = self._back(entry)
        alone = [operation for operation in back if migrator.engine.runs_alone(operation)]
        if entry.state == BEGUN and not alone:
            return  # it was in a transaction, and nothing is left of it
        for operation in alone:
            try:
                migrator.replay([operation])
            except UnsupportedOperation:
                if entry.state != BEGUN:
                    raise
        with self._dialect.transaction(self._database), self._dialect.watched(self._database, _Committing(self, entry)):
            migrator.replay([operation for operation in back if operation not in alone])
            journal.update(self._database, entry.seq, {"state": UNDONE})
            # The reverse is of all of it, and what tables were in between says nothing any more.
            for statement in part.statements:
                journal.delete(self._database, statement.seq)

    def _back(self, entry: Entry) -> Sequence[Operation]:
        if entry.reversal is not None and entry.reversal.startswith(BY_TEXT):
            return (Script(entry.reversal.removeprefix(BY_TEXT)),)
        return self._operation(entry).reverse() or ()

    def note_undoing(self, entry: Entry) -> None:
        """A reverse is about to commit before it has ended."""
        journal.update(self._database, entry.seq, {"state": UNDOING})

    def _forget(self) -> None:
        for row in self.rows:
            if row.details.get("kept") == "down":
                details = {name: row.details[name] for name in row.details if name not in ("kept", "alone")}
                history.update(self._database, row.key, {"state": FINISHED, "details": details})
            else:
                history.delete(self._database, [row.key])
        journal.clear(self._database, {entry.key for entry in self.entries} | {journal.SYNC})

    def take_back_unfinished_tables(self) -> None:
        """Take back the creation of tables from models, where that was interrupted: a start makes them again."""
        for part in self.parts:
            if part.entry is not None and part.entry.state == BEGUN and part.entry.key == journal.SYNC:
                self._undo_part(part)

    def take_back_interrupted(self, row: AppliedMigration) -> tuple[list[Entry], Entry | None]:
        """The operations that are done, and the one to run again, of which nothing is left then."""
        parts = [part for part in self.parts if part.entry is not None and part.entry.key == row.key]
        begun: Entry | None = None
        for part in parts:
            if part.entry is not None and part.entry.state == BEGUN:
                begun = part.entry
                self._restore(part)
                for statement in part.statements:
                    journal.delete(self._database, statement.seq)
        return [part.entry for part in parts if part.entry is not None and part.entry.state == DONE], begun


class _Committing:
    """Hears whether a reverse commits in the middle, after which it must not be run again."""

    def __init__(self, recovery: Recovery, entry: Entry) -> None:
        self._recovery, self._entry = recovery, entry
        self._is_noted = False

    def before_rows(self, statement: str) -> None:
        """In the transaction that notes it."""

    def before_end(self) -> None:
        if not self._is_noted:
            self._is_noted = True
            self._recovery.note_undoing(self._entry)

    def after_rollback(self) -> None:
        """Nothing of it is left."""

    @contextmanager
    def around_definition(self, statement: str) -> Iterator[None]:
        self.before_end()
        yield

    around_unknown = around_definition
