"""Running a migration's operations one by one so that a later start can tell what has been done.

`Journal` keeps nothing: where DDL can be rolled back, a batch needs no record of its parts. `KeptJournal` writes
down each operation, in the transaction that runs it wherever there can be one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Database, PeeweeException

from ormmigrate import history, journal
from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.engine import Engine
from ormmigrate.errors import ConfigurationError
from ormmigrate.journal import BEGUN, BY_CODE, BY_TEXT, DONE, OPERATION, QUERY, STATEMENT, Entry
from ormmigrate.migration import RUNNING
from ormmigrate.operations import Backfill, Operation, Run, Script, Sql, first_line

#: Operations that may change rows which were there before; what the others change goes with their columns.
CHANGE_ROWS = (Sql, Script, Run, Backfill)
OUTSIDE = -1


class Journal:
    """Keeps nothing."""

    #: The row of the operation that is running, where that commits in parts, and how far it is.
    in_parts: int | None = None
    progress: str | None = None

    @contextmanager
    def around(self, engine: Engine, operation: Operation) -> Iterator[bool]:
        """Around an operation that is not part of another; gives whether it is to be run."""
        yield True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around a migration."""
        yield


class KeptJournal(Journal):
    """Writes each operation into the journal, and skips those that were done before an interruption.

    Args:
        key: (registry, id) of the migration.
        direction: `up` or `down`.
        alone: whether no transaction is open around the migration, so that operations may begin their own.
        done: the rows of operations that an earlier start had finished, in their order.
        interrupted: the row of the one behind those, which is run again.
    """

    def __init__(
        self,
        database: Database,
        dialect: Dialect,
        key: tuple[str, str],
        direction: str,
        *,
        alone: bool = False,
        done: Sequence[Entry] = (),
        interrupted: Entry | None = None,
    ) -> None:
        self._database, self._dialect = database, dialect
        self._key = key
        self._of = {"registry": key[0], "migration": key[1], "direction": direction}
        self._alone = alone
        self._done, self._interrupted = done, interrupted
        self._next = 0
        self._row: int | None = None
        self._operation: Operation | None = None
        #: Whether it has changed rows; whether the transaction that does is the one that its row is in.
        self._changes_rows = False
        self._is_in_transaction = False
        self._has_noted_query = False
        self._listens = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        with self._dialect.watched(self._database, self):
            self._listens = True
            try:
                yield
            finally:
                self._listens = False

    # -- operations -------------------------------------------------------------------------

    @contextmanager
    def around(self, engine: Engine, operation: Operation) -> Iterator[bool]:
        position, self._next = self._next, self._next + 1
        if position < len(self._done):
            _refuse_another(self._done[position], operation)
            yield False
            return
        listened, self._listens = self._listens, False
        engine.resumes, self.progress = self._interrupted is not None, None
        self._operation, self._changes_rows, self._has_noted_query = operation, False, False
        try:
            if self._alone and (isinstance(operation, Backfill) or engine.runs_alone(operation)):
                with self._dialect.transaction(self._database):
                    self._row = self.in_parts = self._claimed(position, operation)
                yield self._row is not None
                self._end()
            else:
                with self._dialect.transaction(self._database):
                    self._row = self._claimed(position, operation)
                    self._is_in_transaction, self._listens = True, listened
                    yield self._row is not None
                    self._listens = False
                    self._end()
        finally:
            self._listens = listened
            self._row = self._operation = self.in_parts = None
            self._is_in_transaction = engine.resumes = False

    def _claimed(self, position: int, operation: Operation) -> int | None:
        """The operation's row; None where another process, which goes on with the same migration, has run it."""
        interrupted, self._interrupted = self._interrupted, None
        if interrupted is not None:
            _refuse_another(interrupted, operation)
            self.progress = interrupted.progress
        if not self._dialect.lock_outlasts_transaction:
            found = journal.operation_at(self._database, self._key, position)
            if found is not None:
                return found[0] if found[1] == BEGUN else None
            if history.state_of(self._database, self._key) != RUNNING:
                return None
        elif interrupted is not None:
            return interrupted.seq
        return self._insert(
            OPERATION, BEGUN, position, description=operation.describe(), reversal=_reversal_of(operation)
        )

    def _end(self) -> None:
        if self._row is not None:
            journal.update(self._database, self._row, {"state": DONE, "changes_rows": self._changes_rows})

    def _insert(self, kind: str, state: str, position: int, **values: Any) -> int:
        return journal.insert(
            self._database, {**self._of, "kind": kind, "state": state, "position": position, **values}
        )

    # -- statements, where DDL commits ------------------------------------------------------

    def before_rows(self, statement: str) -> None:
        """A statement that changes rows comes next."""
        if not self._listens:
            return
        if self._operation is None:
            with self._unheard():
                self._note_query(statement)
        elif isinstance(self._operation, CHANGE_ROWS) and not self._changes_rows:
            self._changes_rows = True
            if not self._is_in_transaction:
                self._note_changed_rows()

    def before_end(self) -> None:
        """A statement of the operation's own that ends the transaction comes next."""
        if self._listens and self._operation is not None:
            self._note_changed_rows()
            self._is_in_transaction = False

    @contextmanager
    def around_definition(self, statement: str) -> Iterator[None]:
        """Around a DDL statement, which commits: what its tables are is written down before and after."""
        if not self._listens:
            yield
            return
        with self._unheard():
            found = self._dialect.state_of(self._database, statement)
            self._note_changed_rows()
            position = OUTSIDE if self._operation is None else self._next - 1
            row = self._insert(STATEMENT, BEGUN, position, statement=statement, found=found)
            if self._is_in_transaction:
                self._database.commit()
        try:
            yield
        except Exception:
            self._forget_unless_run(row, statement, found)
            raise
        with self._unheard():
            made = self._dialect.state_of(self._database, statement)
            journal.update(self._database, row, {"state": DONE, "made": made})
            self._begin_again()

    def _forget_unless_run(self, row: int, statement: str, found: str) -> None:
        """A statement that failed took no effect; where that cannot be seen, its row stays, and is looked at later."""
        try:
            with self._unheard():
                if self._dialect.state_of(self._database, statement) == found:
                    journal.delete(self._database, row)
                self._begin_again()
        except PeeweeException:
            # The connection is gone. What is raised already says why.
            self._is_in_transaction = False

    def _begin_again(self) -> None:
        if self._is_in_transaction:
            self._database.begin()

    def _note_query(self, statement: str) -> None:
        """The migration sends a query of its own: once between two operations is enough."""
        if not self._has_noted_query:
            self._insert(QUERY, DONE, OUTSIDE, description=first_line(statement))
            self._has_noted_query = True

    def _note_changed_rows(self) -> None:
        if self._changes_rows and self._row is not None:
            with self._unheard():
                journal.update(self._database, self._row, {"changes_rows": True})

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        before, self._listens = self._listens, False
        try:
            yield
        finally:
            self._listens = before


def _reversal_of(operation: Operation) -> str | None:
    if isinstance(operation, (Sql, Script)):
        return None if operation.reverse_text is None else BY_TEXT + operation.reverse_text
    return None if operation.reverse() is None else BY_CODE


def _refuse_another(entry: Entry, operation: Operation) -> None:
    if entry.description != operation.describe():
        raise ConfigurationError(
            f"The migration {entry.label} is not the one that was interrupted: its operation {entry.position + 1} was "
            f"to {entry.description}, and is to {operation.describe()} now.",
            "start the version of the application that was interrupted; or look at the database, bring it to one "
            f"side, and say which: python -m ormmigrate settle {entry.label} --applied | --undone.",
        )
