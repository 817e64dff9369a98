"""Two schemas -> the operations that lead from one to the other. Pure.

In this order, which runs on every database: foreign keys that are in the way; new tables, parents first; each table
that changes, as one group; foreign keys that had to wait; tables that go, children first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ormmigrate.altering import Alteration, alter, grouped
from ormmigrate.building import Builder
from ormmigrate.facts import drop_foreign_key, drop_index
from ormmigrate.likeness import Rename, renames
from ormmigrate.losses import losses
from ormmigrate.operations import DropTable, Operation
from ormmigrate.schema import Column, ForeignKey, Schema, Table, Trigger, View, by_name, parents_first

__all__ = ["Difference", "Rename", "diff", "losses", "renames"]

#: A type and a collation.
Type = tuple[str, str | None]


@dataclass(frozen=True)
class Difference:
    """How two schemas differ.

    Attributes:
        operations: what leads from one to the other, in an order that runs.
        unexpressed: what differs and no operation changes, in words: views, triggers, primary keys, options.
    """

    operations: tuple[Operation, ...] = ()
    unexpressed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operations or self.unexpressed)


def diff(before: Schema, after: Schema) -> Difference:
    """What leads from one schema to the other; both read by the same kind of database.

    What is dropped is named with all that it was, so that the operations can be reversed. A value that only a person
    can choose is `operations.UNDECIDED`: what existing rows hold in a column that forbids NULL.
    """
    return _Comparison(before, after).difference()


class _Comparison:
    def __init__(self, before: Schema, after: Schema) -> None:
        self.before, self.after, self.kind = before, after, after.kind
        was, is_ = by_name(before.tables, self.kind.folded), by_name(after.tables, self.kind.folded)
        self.gone: list[Table] = [table for name, table in was.items() if name not in is_]
        self.new: list[Table] = [table for name, table in is_.items() if name not in was]
        self.new_names = {self.kind.folded(table.name) for table in self.new}
        #: By folded name, those that are on both sides, before and after.
        self.kept: dict[str, tuple[Table, Table]] = {name: (was[name], is_[name]) for name in is_ if name in was}
        #: Foreign keys of new tables to tables that come after them.
        self.late_keys: list[Operation] = []

    def difference(self) -> Difference:
        altered = [self._altered(*pair) for pair in self.kept.values() if pair[0] != pair[1]]
        created = list(self._created())
        unbound, dropped = self._dropped()
        first = [*(one for table in altered for one in table.first), *unbound]
        last = [*self.late_keys, *(one for table in altered for one in table.last)]
        operations = (
            *grouped(first),
            *created,
            *(one for table in altered for one in table.operations()),
            *grouped(last),
            *dropped,
        )
        unexpressed = [line for table in altered for line in table.unexpressed]
        return Difference(operations, (*unexpressed, *self._said_of_new(), *self._beside()))

    def _altered(self, was: Table, is_: Table) -> Alteration:
        return alter(self.before, self.after, was, is_, lambda key: self._is_in_motion(was, key))

    # -- foreign keys -------------------------------------------------------------------------

    def _is_in_motion(self, owner: Table, key: ForeignKey) -> bool:
        """Whether something changes at one of a foreign key's ends, so that it must not be there meanwhile."""
        if self.kind.allows_forward_references:
            return False  # which checks nothing while tables change
        target = self.kept.get(self.kind.folded(key.table))
        own = self.kept.get(self.kind.folded(owner.name))
        if own is not None and any(one and other and one != other for one, other in self._types(own, key.columns)):
            return True
        return target is not None and (
            any(one != other for one, other in self._types(target, key.target_columns)) or self._unbound(target, key)
        )

    def _types(self, pair: tuple[Table, Table], columns: Sequence[str]) -> Iterator[tuple[Type | None, Type | None]]:
        """The types of columns before and after; None where there is no such column."""
        was, is_ = (by_name(table.columns, self.kind.folded_column) for table in pair)
        for name in map(self.kind.folded_column, columns):
            one, other = (_type_of(side[name]) if name in side else None for side in (was, is_))
            yield one, other

    def _unbound(self, pair: tuple[Table, Table], key: ForeignKey) -> bool:
        """Whether what makes the referenced columns unique comes or goes."""
        there, wanted = (set(self._unique_columns(table)) for table in pair)
        columns = frozenset(map(self.kind.folded_column, key.target_columns))
        return (columns in there) != (columns in wanted)

    def _unique_columns(self, table: Table) -> Iterator[frozenset[str]]:
        fold = self.kind.folded_column
        yield frozenset(map(fold, table.primary_key))
        for index in table.indexes:
            if index.unique and index.columns and index.where is None:
                yield frozenset(map(fold, index.columns))

    # -- tables that come ---------------------------------------------------------------------

    def _created(self) -> Iterator[Operation]:
        builder = Builder(self.after)
        there: set[str] = set()
        for table in parents_first(self.new, self.kind.folded):
            there.add(self.kind.folded(table.name))
            waiting = [key for key in table.foreign_keys if not self._is_ready(table, key, there)]
            operation, indexes = builder.create_table(table, waiting)
            yield operation
            yield from indexes
            self.late_keys += [builder.add_foreign_key(table, key) for key in waiting]

    def _is_ready(self, table: Table, key: ForeignKey, there: Collection[str]) -> bool:
        """Whether a new table can name what a key refers to."""
        if self.kind.allows_forward_references:
            return True
        target = self.kind.folded(key.table)
        if target == self.kind.folded(table.name):
            return self._is_unique_at_once(table, key)
        return target in there if target in self.new_names else not self._is_in_motion(table, key)

    def _is_unique_at_once(self, table: Table, key: ForeignKey) -> bool:
        """Whether what a table refers to in itself is unique when it is made: by no index that comes behind it."""
        fold = self.kind.folded_column
        columns = frozenset(map(fold, key.target_columns))
        return columns == frozenset(map(fold, table.primary_key)) or any(
            index.is_constraint and columns == frozenset(map(fold, index.columns or ())) for index in table.indexes
        )

    # -- tables that go -----------------------------------------------------------------------

    def _dropped(self) -> tuple[list[Operation], list[Operation]]:
        """The foreign keys that have to go first, and what drops the tables."""
        builder = Builder(self.before)
        unbound: list[Operation] = []
        dropped: list[Operation] = []
        behind: set[str] = set()
        for table in reversed(parents_first(self.gone, self.kind.folded)):
            keys = [key for key in table.foreign_keys if self._has_to_go(key, behind)]
            unbound += [drop_foreign_key(builder, table, key) for key in keys]
            operation, indexes = builder.create_table(table, keys)
            beside = {index.index for index in indexes}
            dropped += [drop_index(builder, table, index) for index in table.indexes if index.name in beside]
            dropped.append(DropTable(table.name, replaces=operation))
            behind.add(self.kind.folded(table.name))
        return unbound, dropped

    def _has_to_go(self, key: ForeignKey, behind: Collection[str]) -> bool:
        """Whether a foreign key refers to a table that is dropped ahead of its own."""
        return not self.kind.allows_forward_references and self.kind.folded(key.table) in behind

    # -- what no operation changes --------------------------------------------------------------

    def _said_of_new(self) -> Iterator[str]:
        """What a new table has that create_table cannot say."""
        for table in self.new:
            for option in self.kind.unsaid_options(table.options):
                yield f"{table.name}: options: none -> {option}"
            if table.comment:
                yield f"{table.name}: comment: none -> {table.comment}"
            for column in table.columns:
                if column.comment and not self.kind.comment_clause(column.comment):
                    yield f"{table.name}.{column.name}: comment: none -> {column.comment}"

    def _beside(self) -> Iterator[str]:
        yield from self._named("view", self.before.views, self.after.views)
        yield from self._named("trigger", self.before.triggers, self.after.triggers)

    def _named(self, what: str, was: Sequence[View | Trigger], is_: Sequence[View | Trigger]) -> Iterator[str]:
        old, new = by_name(was, self.kind.folded), by_name(is_, self.kind.folded)
        for name in [*old, *(name for name in new if name not in old)]:
            if name not in new:
                yield f"the {what} {old[name].name} goes"
            elif name not in old:
                yield f"the {what} {new[name].name} comes"
            elif old[name].text != new[name].text:
                yield f"the {what} {new[name].name} changes"


def _type_of(column: Column) -> Type:
    return column.type, column.collation
