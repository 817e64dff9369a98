"""Running a migration's operations one by one so that a later start can tell what has been done.

`Journal` keeps nothing: where DDL can be rolled back, a batch needs no record of its parts. `KeptJournal` writes
down each operation, in the transaction that runs it wherever there can be one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Database, PeeweeException

from ormmigrate import history, journal
from ormmigrate.dialects.base import Dialect, TransactionEnded
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

    #: The row of the operation that is running, where that commits in parts.
    in_parts: int | None = None
    #: Whether what is sent now is the journal's own.
    is_busy = False

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
        #: Whether that is written down: of an operation, or of a query of the migration's own.
        self._is_noted = False
        self._without_rollback: Collection[str] | None = None
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
        listened, self._listens, self.is_busy = self._listens, False, True
        engine.resumes = self._interrupted is not None
        self._operation, self._changes_rows, self._is_noted = operation, False, False
        self._without_rollback = None
        try:
            in_parts = self._alone and (isinstance(operation, Backfill) or engine.runs_alone(operation))
            with self._dialect.transaction(self._database):
                # Committed ahead of what it does, so that no ROLLBACK of the operation's own takes it along.
                self._row = self._claimed(position, operation, in_parts=in_parts)
            if self._row is None:
                yield False
            elif in_parts:
                self.in_parts = self._row
                self.is_busy = False
                yield True
                self.is_busy = True
                self._dialect.settle_session(self._database)
                self._end(self._row)
            else:
                with self._in_transaction(self._row):
                    is_open = self._is_open(position)
                    self._is_in_transaction, self._listens, self.is_busy = True, listened, False
                    yield is_open
                    self._listens, self.is_busy = False, True
                    if is_open:
                        self._dialect.settle_session(self._database)
                        self._end(self._row)
        finally:
            self._listens, self.is_busy = listened, False
            self._row = self._operation = self.in_parts = None
            self._is_in_transaction = self._is_noted = engine.resumes = False

    @contextmanager
    def _in_transaction(self, row: int) -> Iterator[None]:
        """A transaction for an operation; where it is ended inside of it, a part may have been committed."""
        if not self._dialect.transactional_ddl:
            with self._dialect.transaction(self._database):
                yield
            return
        try:
            with self._dialect.transaction(self._database), self._dialect.step(self._database):
                yield
        except TransactionEnded as error:
            try:
                journal.update(self._database, row, {"changes_rows": True})
            except PeeweeException:
                raise error from None  # the connection is gone, and the transaction with it
            raise

    def _is_open(self, position: int) -> bool:
        """Whether it is still to be run: where no lock outlasts a transaction, somebody else may have done it."""
        if self._dialect.lock_outlasts_transaction:
            return True
        found = journal.operation_at(self._database, self._key, position)
        return found is not None and found[1] == BEGUN

    def _claimed(self, position: int, operation: Operation, *, in_parts: bool) -> int | None:
        """The operation's row; None where another process, which goes on with the same migration, has run it."""
        interrupted, self._interrupted = self._interrupted, None
        begun = None if interrupted is None else interrupted.seq
        if not self._dialect.lock_outlasts_transaction:
            found = journal.operation_at(self._database, self._key, position)
            if found is not None and found[1] != BEGUN:
                return None
            if found is None and history.state_of(self._database, self._key) != RUNNING:
                return None
            begun = found and found[0]
        text = operation.text if isinstance(operation, Sql) else ""
        row = {"description": operation.describe(), "statement": text, "reversal": _reversal_of(operation)}
        # That it may commit in parts is known by this, however far it comes.
        progress = {"progress": ""} if in_parts else {}
        if begun is None:
            return self._insert(OPERATION, BEGUN, position, **row, **progress)
        if interrupted is not None and interrupted.progress:
            _refuse_another(interrupted, operation)
        elif interrupted is not None:
            # Nothing is left of it, or what the engine knows to clear away: it may have been corrected.
            journal.update(self._database, begun, {**row, **progress})
        return begun

    def _end(self, row: int) -> None:
        journal.update(self._database, row, {"state": DONE, "changes_rows": self._changes_rows})

    def _insert(self, kind: str, state: str, position: int, **values: Any) -> int:
        return journal.insert(
            self._database, {**self._of, "kind": kind, "state": state, "position": position, **values}
        )

    # -- statements, where DDL commits ------------------------------------------------------

    def before_rows(self, statement: str) -> None:
        """A statement that changes rows comes next."""
        if not self._listens:
            return
        with self._unheard():
            if self._operation is None:
                self._note_query(statement)
            elif isinstance(self._operation, CHANGE_ROWS):
                self._changes_rows = True
                if not self._is_in_transaction:
                    self._note_changed_rows()
                elif not self._rolls_back(statement):
                    self._leave_transaction()

    def before_end(self) -> None:
        """A statement of the migration's own that ends a transaction comes next, or commits it."""
        if not self._listens:
            return
        with self._unheard():
            self._note_changed_rows()
        self.after_rollback()

    def after_rollback(self) -> None:
        """A transaction is over, and what was noted in it may be gone."""
        if self._listens:
            self._is_in_transaction = self._is_noted = False

    @contextmanager
    def around_unknown(self, statement: str) -> Iterator[None]:
        """Around a statement that may commit, and change whatever it likes."""
        if self._listens:
            with self._unheard():
                if self._operation is None:
                    self._note_query(statement)
                else:
                    self._changes_rows = True
                    self._leave_transaction()
        yield

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
                self._is_noted = self._changes_rows
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

    def _leave_transaction(self) -> None:
        """Go on without one: what comes next does not keep to it."""
        self._note_changed_rows()
        if self._is_in_transaction:
            self._database.commit()
        self._is_in_transaction = False
        self._is_noted = True

    def _rolls_back(self, statement: str) -> bool:
        """Whether the tables that a statement names can be rolled back; those of some engines cannot."""
        if self._without_rollback is None:
            self._without_rollback = self._dialect.tables_without_rollback(self._database)
        return not any(name in statement for name in self._without_rollback)

    def _note_query(self, statement: str) -> None:
        """The migration sends a query of its own: once between two operations is enough."""
        if not self._is_noted:
            self._insert(QUERY, DONE, OUTSIDE, description=first_line(statement))
            self._is_noted = True

    def _note_changed_rows(self) -> None:
        if self._changes_rows and not self._is_noted and self._row is not None:
            journal.update(self._database, self._row, {"changes_rows": True})
            # In a transaction it may be rolled back; `after_rollback` says so.
            self._is_noted = True

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        before, self._listens, self.is_busy = (self._listens, self.is_busy), False, True
        try:
            yield
        finally:
            self._listens, self.is_busy = before


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
