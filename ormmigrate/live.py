"""The migrator that runs each operation as it is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import get_ident

from peewee import Database, QueryEvent

from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.engine import SCRATCH_TABLE, Outcome
from ormmigrate.migrator import Migrator
from ormmigrate.operations import AlterTable, DropTable, Operation, Run, Script, Sql, first_line

# A function given to run() may send any number of statements; an event carries the first of them.
STATEMENTS_KEPT = 1000
LOOK_UPS = ("SELECT", "PRAGMA", "SHOW", "DESCRIBE", "EXPLAIN")
CONTROL = ("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET")
EFFECTS_KEPT = 50
#: Operations that consist of others.
GROUPS = (Run, AlterTable)


class LiveMigrator(Migrator):
    """Runs each operation as it is called, and tells what it came to.

    Attributes:
        on_adopted: called with all that was adopted so far, as soon as another table is.
        guard: called ahead of each operation; raises where the batch's transaction is gone.
        current: the operation that is running, or that failed.
        statement: the statement that failed, if the last one did.
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
    ) -> None:
        super().__init__(database, dialect)
        self.engine = dialect.engine(database)
        self.on_operation = on_operation
        self.current: Operation | None = None
        self.adopted: list[str] = list(keep)
        self.guard = guard
        self.on_adopted = on_adopted
        self._keep = {dialect.folded(name) for name in keep}
        self._calls_functions = calls_functions
        self.statement: str | None = None
        self._statements: list[str] = []
        self._effects: list[Operation | str] = []
        self._first = 0
        self._thread = get_ident()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear every statement of this thread while a migration runs."""
        hooks = self._database.query_hooks
        hooks.append(self._hear)
        try:
            yield
        finally:
            hooks.remove(self._hear)

    def _hear(self, event: QueryEvent) -> None:
        # Hooks belong to the database, and other threads use it too.
        if get_ident() != self._thread or SCRATCH_TABLE in str(event.sql):
            return
        failed = event.exception is not None
        self.statement = self._as_written(event) if failed else None
        if failed:
            return
        if self.current is not None and len(self._statements) < STATEMENTS_KEPT and _is_told(self.current, event.sql):
            self._statements.append(self._with_params(event))
        if (self.current is None or isinstance(self.current, GROUPS)) and _has_effect(event.sql):
            self._note(f"the statement {first_line(self._as_written(event))}")

    def _note(self, effect: Operation | str) -> None:
        if len(self._effects) < EFFECTS_KEPT:
            self._effects.append(effect)
        elif len(self._effects) == EFFECTS_KEPT:
            self._effects.append("and more")

    def effects(self) -> list[str]:
        """What took effect so far, in words, oldest first; of the operation that failed, the statements that ran."""
        words = [effect.describe() if isinstance(effect, Operation) else effect for effect in self._effects]
        if self.current is not None and not isinstance(self.current, GROUPS):
            parts = [statement for statement in self._statements[self._first :] if _has_effect(statement)]
            words += [f"of what failed, the statement {first_line(statement)}" for statement in parts]
        return words

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
        outer, self.current = self.current, operation
        if outer is None:
            self._statements.clear()
        first = self._first = len(self._statements)
        began = time.perf_counter()
        outcome = self._run(operation)
        duration_ms = (time.perf_counter() - began) * 1000
        self.current = outer
        if outcome.adopted:
            self.adopted.append(outcome.adopted)
            self.on_adopted(self.adopted)
            self._note(f"adopt the table {outcome.adopted}, which was there before")
        elif not isinstance(operation, (*GROUPS, Sql)) or (isinstance(operation, Sql) and _has_effect(operation.text)):
            self._note(operation)
        if not isinstance(outer, AlterTable):
            # A group is told as the one operation that it is meant to be.
            self.on_operation(operation, outcome, tuple(self._statements[first:]), duration_ms)

    def _run(self, operation: Operation) -> Outcome:
        if isinstance(operation, AlterTable) and not self.engine.runs_groups:
            self.replay(operation.changes)
        elif not isinstance(operation, Run):
            return self.engine.run(operation)
        elif self._calls_functions:
            operation.function(self)
        return Outcome()

    def replay(self, operations: Sequence[Operation]) -> None:
        """Run operations that were recorded."""
        for operation in operations:
            self._perform(operation)


def _has_effect(statement: str) -> bool:
    """Whether a statement that ran may have changed something."""
    return not statement.lstrip().upper().startswith((*LOOK_UPS, *CONTROL))


def _is_told(operation: Operation, statement: str) -> bool:
    """Whether a statement is worth telling: what an operation of ours only looks up is not."""
    if isinstance(operation, (Sql, Script, Run)):
        return True
    return not statement.lstrip().upper().startswith((*LOOK_UPS, *CONTROL))
