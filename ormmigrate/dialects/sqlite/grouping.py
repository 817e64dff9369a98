"""Several changes of one table, at the price of one rewrite at most."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from peewee import Node

from ormmigrate.dialects.engine import Outcome, column_indexes
from ormmigrate.dialects.sqlite import words
from ormmigrate.dialects.sqlite.drafting import drafted
from ormmigrate.dialects.sqlite.drafts import Draft, draft_of
from ormmigrate.dialects.sqlite.edits import rename_in_index
from ormmigrate.dialects.sqlite.findings import keys_fitting
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.strategies import NATIVE, STRATEGIES, undoable
from ormmigrate.dialects.sqlite.tables import Index, find, indexes_of, not_there
from ormmigrate.dialects.sqlite.tokens import folded, quoted
from ormmigrate.dialects.sqlite.using import refuse_left_behind, refuse_used, unbroken
from ormmigrate.operations import (
    AddColumn,
    AddIndex,
    AlterColumnType,
    AlterTable,
    DropColumn,
    DropIndex,
    Operation,
    RenameColumn,
)

if TYPE_CHECKING:
    from ormmigrate.dialects.sqlite.engine import SqliteEngine


def run_group(engine: SqliteEngine, operation: AlterTable) -> Outcome:
    """Run changes of one table, all of them or none.

    They are one draft, unless all that writes rows is one DROP COLUMN, which SQLite does itself at half the price of
    a rebuild: then they run one after the other.
    """
    with ExitStack() as stack:
        group = _Group(engine, operation.table, stack)
        for change in operation.changes:
            group.take(change)
        if not group.runs_in_turn:
            return group.run()
    outcomes = []
    with undoable(engine.database):
        outcomes = [engine.run(change) for change in operation.changes]
    slowest = max((one.strategy for one in outcomes if one.strategy), key=STRATEGIES.index, default=None)
    return Outcome(slowest, sum(one.rows_rewritten for one in outcomes))


class _Group:
    """Changes folded into one draft, with what happens to indexes beside it."""

    def __init__(self, engine: SqliteEngine, table: str, stack: ExitStack) -> None:
        self.engine = engine
        self.stack = stack
        self.draft: Draft = draft_of(find(engine.database, table))
        self.indexes: list[Index] = indexes_of(engine.database, self.draft.table.name)
        self.before = tuple(self.indexes)
        self.dropped: list[str] = []
        self.added: list[AddIndex] = []
        self.rewriting: list[Operation] = []
        self.dropped_columns: list[str] = []
        self.altered: set[str] = set()
        self.in_turn = False

    @property
    def runs_in_turn(self) -> bool:
        """Whether the changes are better run one by one: where all that writes rows is one DROP COLUMN, say."""
        is_one_drop = len(self.rewriting) == 1 and isinstance(self.rewriting[0], DropColumn)
        return self.in_turn or (is_one_drop and self.engine.ways.edits_schema)

    def take(self, change: Operation) -> None:
        if isinstance(change, AddIndex):
            self._add_index(change)
        elif isinstance(change, DropIndex):
            there = [index.name for index in self.indexes]
            if folded(change.index) not in map(folded, there):
                raise not_there("index", change.index, there, f"on {change.table}")
            self._drop_index(change.index)
        else:
            self._change(change)

    def _change(self, change: Operation) -> None:
        if isinstance(change, DropColumn):
            for index in refuse_used(self.engine.database, self.draft, change, self.indexes):
                self._drop_index(index.name)
            self.dropped_columns.append(change.column)
        if isinstance(change, RenameColumn):
            old = self.draft.kept.get(folded(change.column))
            if old is not None:
                refuse_left_behind(self.engine.database, self.draft.table.name, old)
        if isinstance(change, AlterColumnType):
            # Values go through each type in turn: to REAL and on to TEXT, 1 becomes '1.0'.
            self.in_turn = self.in_turn or folded(change.column) in self.altered
            self.altered.add(folded(change.column))
        after = drafted(
            self.engine.database, replace(self.draft, must_rewrite=False), change, self.stack, lambda: self.indexes
        )
        written = (after.must_rewrite, after.filled, after.converted)
        if after.writes_rows and written != (False, self.draft.filled, self.draft.converted):
            self.rewriting.append(change)
        self.draft = replace(after, must_rewrite=after.must_rewrite or self.draft.must_rewrite)
        if isinstance(change, AddColumn):
            for declared in column_indexes(change.table, change.column, self.engine.prepared(change)):
                self._add_index(declared)
        elif isinstance(change, RenameColumn):
            self._rename(change.column, change.new_name)

    def _add_index(self, change: AddIndex) -> None:
        columns = [self.draft.column(part).name if isinstance(part, str) else part for part in change.columns]
        change = replace(change, columns=tuple(columns))
        if folded(change.index) in {folded(index.name) for index in self.indexes}:
            raise Refused(f"There is an index {change.index} already.", "drop that one first, or give this one a name.")
        self.added.append(change)
        listed = words.index_words(self.engine.database, change)
        text = f"CREATE INDEX {quoted(change.index)} ON {quoted(change.table)} {listed}"
        names = tuple(part if isinstance(part, str) else None for part in columns)
        self.indexes.append(Index(change.index, change.unique, "c", change.where is not None, names, (), text))

    def _drop_index(self, name: str) -> None:
        pending = [index for index in self.added if folded(index.index) == folded(name)]
        self.added = [index for index in self.added if index not in pending]
        if not pending:
            self.dropped.append(name)
        self.indexes = [index for index in self.indexes if folded(index.name) != folded(name)]

    def _rename(self, old: str, new: str) -> None:
        def renamed(name: str | None) -> str | None:
            return new if name is not None and folded(name) == folded(old) else name

        def renamed_part(part: str | Node) -> str | Node:
            return renamed(part) or part if isinstance(part, str) else part

        # What an index to come says in SQL says the old name.
        self.in_turn = self.in_turn or any(
            index.where is not None or len(index.names) < len(index.columns) for index in self.added
        )
        self.indexes = [
            replace(
                index,
                columns=tuple(map(renamed, index.columns)),
                text=None if index.text is None else rename_in_index(index.text, old, new),
            )
            for index in self.indexes
        ]
        self.added = [replace(index, columns=tuple(map(renamed_part, index.columns))) for index in self.added]

    def run(self) -> Outcome:
        """Put the draft into force, and the indexes behind it."""
        engine, table = self.engine, self.draft.table.name
        with undoable(engine.database), keys_fitting(engine.database, table):
            for name in self.dropped:
                engine.database.execute_sql(f"DROP INDEX {quoted(name)}")
            with unbroken(engine.database, f"without {', '.join(self.dropped_columns) or 'what is changed'}"):
                outcome = engine.ways.put_in_force(self.draft)
            engine.carry_names(table, self.before, table)
            for index in self.added:
                engine.add_index(index)
        return outcome if outcome.strategy or not (self.dropped or self.added) else replace(outcome, strategy=NATIVE)
