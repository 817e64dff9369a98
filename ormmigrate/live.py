"""The migrator that runs each operation as it is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import get_ident

from peewee import Database, QueryEvent

from ormmigrate.backfills import run_in_batches
from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.engine import SCRATCH_TABLE, Outcome
from ormmigrate.history import OWN_TABLES
from ormmigrate.journaling import Journal
from ormmigrate.migrator import Migrator
from ormmigrate.operations import AlterTable, Backfill, DropTable, Operation, Run, Script, Sql

# A function given to run() may send any number of statements; an event carries the first of them.
STATEMENTS_KEPT = 1000
LOOK_UPS = ("SELECT", "PRAGMA", "SHOW", "DESCRIBE", "EXPLAIN")
#: The history, the journal, and the table by which columns are compared.
OURS = (*OWN_TABLES, SCRATCH_TABLE)
OUR_PREFIX = "ormmigrate_"
#: Operations of which every statement is the migration's own.
AS_WRITTEN = (Sql, Script, Run)
CONTROL = ("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET")


class LiveMigrator(Migrator):
    """Runs each operation as it is called, and tells what it came to.

    Attributes:
        on_operation: called with each operation that was run, its outcome, its SQL and its milliseconds.
        on_adopted: called with all that was adopted so far, as soon as another table is.
        on_progress: called while a backfill runs: table, rows, the table's rows as far as known, seconds left.
        guard: called ahead of each operation; raises where the batch's transaction is gone.
        journal: what keeps a record of the operations, where that is needed.
        current: the operation that is running.
        failure: the operation that failed last, and its error.
        statement: the statement that failed, if one did.
        adopted: tables that were there already.
    """

    def __init__(
        self,
        database: Database,
        dialect: Dialect,
        on_operation: Callable[[Operation, Outcome, tuple[str, ...], float], None],
        *,
        keep: Sequence[str] = (),
        calls_functions: bool = True,
        guard: Callable[[], None] = lambda: None,
        on_adopted: Callable[[list[str]], None] = lambda _: None,
        on_progress: Callable[[str, int, int, float], None] = lambda *_: None,
        journal: Journal | None = None,
    ) -> None:
        super().__init__(database, dialect)
        self.engine = dialect.engine(database)
        self.on_operation = on_operation
        self.on_adopted = on_adopted
        self.on_progress = on_progress
        self.current: Operation | None = None
        self.failure: tuple[Operation, BaseException] | None = None
        self.adopted: list[str] = list(keep)
        self.guard = guard
        self.journal = journal or Journal()
        self._keep = {dialect.folded(name) for name in keep}
        self._calls_functions = calls_functions
        self.statement: str | None = None
        self._statements: list[str] = []
        self._thread = get_ident()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear every statement of this thread while a migration runs."""
        hooks = self._database.query_hooks
        hooks.append(self._hear)
        try:
            with self.journal.watching():
                yield
        finally:
            hooks.remove(self._hear)

    def _hear(self, event: QueryEvent) -> None:
        # Hooks belong to the database, and other threads use it too. What is ours is not the migration's.
        sql = str(event.sql)
        if get_ident() != self._thread or self.journal.is_busy or _is_ours(sql):
            return
        if event.exception is not None:
            self.statement = self._as_written(event)
            return
        has_effect = _has_effect(sql)
        if has_effect:
            self.statement = None
        # What an operation of ours only looks up is not worth telling.
        is_told = has_effect or isinstance(self.current, AS_WRITTEN)
        if self.current is not None and is_told and len(self._statements) < STATEMENTS_KEPT:
            self._statements.append(self._with_params(event))

    def _as_written(self, event: QueryEvent) -> str:
        """The statement as the server sees it: without parameters, % was doubled for the driver alone."""
        text = str(event.sql)
        return text.replace("%%", "%") if self._dialect.doubles_percent and not event.params else text

    def _with_params(self, event: QueryEvent) -> str:
        """The statement, with its parameters where they are part of the schema, not rows."""
        if not event.params or isinstance(self.current, Run):
            return self._as_written(event)
        return f"{event.sql}  -- {', '.join(map(repr, event.params))}"

    def _perform(self, operation: Operation) -> None:
        if isinstance(operation, DropTable) and self._dialect.folded(operation.table) in self._keep:
            return
        self.guard()
        self.statement = None
        if self.current is not None:
            self._perform_now(operation)
            return
        self._statements.clear()
        with self.journal.around(self.engine, operation) as is_to_run:
            if is_to_run:
                self._perform_now(operation)

    def _perform_now(self, operation: Operation) -> None:
        outer, self.current = self.current, operation
        first = len(self._statements)
        began = time.perf_counter()
        try:
            outcome = self._run(operation)
        except BaseException as error:
            if self.failure is None or self.failure[1] is not error:
                self.failure = operation, error
            raise
        finally:
            # An error may be caught by the migration, and other operations follow.
            self.current = outer
        duration_ms = (time.perf_counter() - began) * 1000
        if outcome.adopted:
            self.adopted.append(outcome.adopted)
            self.on_adopted(self.adopted)
        if not isinstance(outer, AlterTable):
            # A group is told as the one operation that it is meant to be.
            self.on_operation(operation, outcome, tuple(self._statements[first:]), duration_ms)

    def _run(self, operation: Operation) -> Outcome:
        if isinstance(operation, Backfill) and self.journal.in_parts is not None:
            tell = partial(self.on_progress, operation.table)
            run_in_batches(self.engine, operation, self.journal.in_parts, tell)
        elif not isinstance(operation, Run):
            return self.engine.run(operation)
        elif self._calls_functions:
            operation.function(self)
        return Outcome()

    def failed_at(self, error: BaseException) -> Operation | None:
        """The innermost operation that an error came out of."""
        return self.failure[0] if self.failure is not None and self.failure[1] is error else None

    def replay(self, operations: Sequence[Operation]) -> None:
        """Run operations that were recorded."""
        for operation in operations:
            self._perform(operation)


def _is_ours(sql: str) -> bool:
    return OUR_PREFIX in sql and any(name in sql for name in OURS)


def _has_effect(statement: str) -> bool:
    return not statement.lstrip().upper().startswith((*LOOK_UPS, *CONTROL))
