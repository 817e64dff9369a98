"""What changes one table into another of the same name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any, TypeVar

from peewee import (
    SQL,
    Check,
)

from ormmigrate.building import Builder
from ormmigrate.facts import add_index, columns_of, drop_foreign_key, drop_index, without_twin
from ormmigrate.filling import default_value, fill_of, fills_alike, must_be_distinct, placeholder
from ormmigrate.literals import words_of
from ormmigrate.operations import (
    UNDECIDED,
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddNotNull,
    AlterColumnType,
    AlterTable,
    Backfill,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropNotNull,
    Operation,
    fills_itself,
)
from ormmigrate.schema import Check as CheckFacts
from ormmigrate.schema import Column, ForeignKey, Index, Schema, Table

Value = TypeVar("Value")
Named = TypeVar("Named", Index, ForeignKey, CheckFacts)
Predicate = Callable[[ForeignKey], bool]


@dataclass
class Alteration:
    """What changes a table, in the order in which it runs; `first` runs ahead of other tables, `last` behind them."""

    table: str
    first: list[Operation] = field(default_factory=list)
    early: list[Operation] = field(default_factory=list)
    middle: list[Operation] = field(default_factory=list)
    fills: list[Backfill] = field(default_factory=list)
    late: list[Operation] = field(default_factory=list)
    last: list[Operation] = field(default_factory=list)
    unexpressed: list[str] = field(default_factory=list)

    def operations(self) -> Iterator[Operation]:
        retyped = {one.column for one in self.middle if isinstance(one, AlterColumnType)}
        if any(column in retyped for fill in self.fills for column in fill.values):
            # The values are of the new type.
            yield from grouped([*self.early, *self.middle])
            yield from self.fills
            yield from grouped(self.late)
            return
        yield from self.fills
        yield from grouped([*self.early, *self.middle, *self.late])


def grouped(operations: Sequence[Any]) -> Iterator[Operation]:
    """Changes, those of one table that stand side by side as a group."""
    pending: list[Any] = []
    for operation in operations:
        if pending and pending[0].table != operation.table:
            yield pending[0] if len(pending) == 1 else AlterTable(pending[0].table, tuple(pending))
            pending = []
        pending.append(operation)
    if pending:
        yield pending[0] if len(pending) == 1 else AlterTable(pending[0].table, tuple(pending))


def alter(before: Schema, after: Schema, was: Table, is_: Table, is_in_motion: Predicate) -> Alteration:
    """What changes a table.

    Args:
        is_in_motion: whether something changes at one of a foreign key's ends, so that it goes before and comes after.
    """
    return _Altering(before, after, was, is_, is_in_motion).altered()


class _Altering:
    def __init__(self, before: Schema, after: Schema, was: Table, is_: Table, is_in_motion: Predicate) -> None:
        self.old, self.new = Builder(before), Builder(after)
        self.was, self.is_ = was, is_
        self.is_in_motion = is_in_motion
        self.fold = after.kind.folded_column
        self.found = Alteration(was.name)
        there = {self.fold(column.name): column for column in was.columns}
        wanted = {self.fold(column.name): column for column in is_.columns}
        self.pairs = [(there[name], column) for name, column in wanted.items() if name in there]
        self.remade = self._remade()
        self.dropped = [column for name, column in there.items() if name not in wanted]
        self.added = [column for name, column in wanted.items() if name not in there]
        facts: tuple[Index | ForeignKey | CheckFacts, ...] = (
            *was.checks,
            *was.foreign_keys,
            *was.indexes,
            *is_.checks,
            *is_.foreign_keys,
            *is_.indexes,
        )
        #: The names that no constraint may be given.
        self.taken = {self.fold(fact.name) for fact in facts if fact.name}
        #: The facts that fields say.
        self.said: set[int] = set()
        #: The names of what was there and stays, which a server may have given.
        self.staying: set[str] = set()

    def altered(self) -> Alteration:
        columns = [*self._dropped_columns()]
        added = [*self._added_columns()]
        gone = self._gone_facts()
        was: tuple[Index | ForeignKey | CheckFacts, ...]
        was = (*self.was.checks, *self.was.foreign_keys, *self.was.indexes)
        self.staying = {self.fold(one.name) for one in was if one.name and id(one) not in gone | self.said}
        self.found.early += [self._drop_column(one) for one, _ in self.remade]
        for one, other in self.pairs:
            if not any(one is remade for remade, _ in self.remade):
                self._column(one, other)
        self.found.middle += added
        self.found.late += columns
        self._new_facts()
        self._table()
        return self.found

    # -- columns ----------------------------------------------------------------------------

    def _remade(self) -> list[tuple[Column, Column]]:
        """Generated columns that are dropped and added: they differ, or what they are made from changes its type."""
        retyped = {self.fold(one.name) for one, other in self.pairs if _is_retyped(one, other)}
        return [
            (one, other)
            for one, other in self.pairs
            if one.generated is not None
            and other.generated is not None
            and (_generation(one) != _generation(other) or self._uses(one, retyped))
        ]

    def _uses(self, column: Column, names: set[str]) -> bool:
        return bool(names & {self.fold(word) for word in words_of(column.generated or "")})

    def _dropped_columns(self) -> Iterator[Operation]:
        # What is made from a column goes ahead of it.
        for column in sorted(self.dropped, key=lambda one: one.generated is None):
            if self._shares_default(self.old, self.was, column, self.was.columns):
                self.found.early.append(
                    DropColumnDefault(self.was.name, column.name, default=default_value(column.default))
                )
                column = replace(column, default=None)
            yield self._drop_column(column)

    def _shares_default(self, builder: Builder, table: Table, column: Column, beside: Sequence[Column]) -> bool:
        """Whether rows would all get the default of a column that is added, where no two may hold the same.

        Where NULL is allowed they hold that, and the default comes behind.
        """
        has_default = column.null and column.default is not None
        return has_default and must_be_distinct(builder, table, column, beside)

    def _drop_column(self, column: Column) -> DropColumn:
        early = [key for key in self.was.foreign_keys if self.is_in_motion(key)]
        built = self.old.field(self.was, column, early)
        self.said |= {id(fact) for fact in built.said}
        made = built.field
        is_unique = must_be_distinct(self.old, self.was, column, self.was.columns)
        if not fills_itself(made) or (is_unique and fills_alike(made, column)):
            made.default = placeholder(made, column, is_unique=is_unique)
        return DropColumn(self.was.name, column.name, field=made)

    def _added_columns(self) -> Iterator[Operation]:
        late = [key for key in self.is_.foreign_keys if self.is_in_motion(key)]
        # A generated column may be made from one that comes with it.
        for column in sorted([*self.added, *(other for _, other in self.remade)], key=lambda one: one.generated or ""):
            if self._shares_default(self.new, self.is_, column, self.added):
                self.found.late.append(AddColumnDefault(self.was.name, column.name, default_value(column.default)))
                column = replace(column, default=None)
            built = self.new.field(self.is_, column, late)
            self.said |= {id(fact) for fact in built.said}
            is_unique = must_be_distinct(self.new, self.is_, column, self.added)
            if not fills_itself(built.field) or (is_unique and fills_alike(built.field, column)):
                built.field.default = UNDECIDED
            yield AddColumn(self.was.name, column.name, built.field)

    def _column(self, one: Column, other: Column) -> None:
        table, name = self.was.name, one.name
        if (one.generated is None) != (other.generated is None):
            self._unexpressed(name, "generated", one.generated, other.generated)
            return
        is_retyped = _is_retyped(one, other)
        if one.default != other.default and one.default is not None and (other.default is None or is_retyped):
            self.found.early.append(DropColumnDefault(table, name, default=default_value(one.default)))
        if is_retyped:
            self.found.middle.append(
                AlterColumnType(table, name, self.new.retyped(other), replaces=self.old.retyped(one))
            )
        if one.default != other.default and other.default is not None:
            replaces = None if one.default is None or is_retyped else default_value(one.default)
            self.found.late.append(AddColumnDefault(table, name, default_value(other.default), replaces))
        self._nullable(one, other)
        for what in ("identity", "on_update", "comment"):
            if getattr(one, what) != getattr(other, what):
                self._unexpressed(name, what.replace("_", " "), getattr(one, what), getattr(other, what))

    def _nullable(self, one: Column, other: Column) -> None:
        if one.null and not other.null:
            fill = Backfill(
                self.was.name,
                {one.name: fill_of(other)},
                SQL(f"{self.old.kind.quoted(one.name)} IS NULL"),
                reverse_values={},
            )
            self.found.fills.append(fill)
            self.found.late.append(AddNotNull(self.was.name, one.name))
        elif other.null and not one.null:
            self.found.middle.append(DropNotNull(self.was.name, one.name))

    # -- indexes and constraints --------------------------------------------------------------

    def _gone_facts(self) -> set[int]:
        gone: set[int] = set()
        moved = {self.fold(one.name) for one, _ in self.remade}
        builder, table = self.old, self.was
        for key in self._gone(table.foreign_keys, self.is_.foreign_keys, self._key_of_key, moved):
            gone.add(id(key))
            target = self.found.first if self.is_in_motion(key) else self.found.early
            target.append(drop_foreign_key(builder, table, key))
        for check in self._gone(table.checks, self.is_.checks, lambda check: check.key, moved):
            gone.add(id(check))
            columns = () if check.name else check.columns
            self.found.early.append(
                DropConstraint(table.name, check.name, constraint=Check(check.expression), columns=columns)
            )
        for index in self._gone(table.indexes, self.is_.indexes, self._key_of_index, moved):
            gone.add(id(index))
            self.found.early.append(drop_index(builder, table, index))
        return gone

    def _new_facts(self) -> None:
        moved = {self.fold(one.name) for one, _ in self.remade}
        builder, table = self.new, self.is_
        for index in self._gone(table.indexes, self.was.indexes, self._key_of_index, moved):
            if index.is_constraint or index.name is not None:
                columns = [part.text for part in index.parts if not part.is_expression]
                index = self._with_name(index, columns, "key" if index.is_constraint else "idx")
            self.found.late.append(replace(add_index(builder, table, index), table=self.was.name))
        for check in self._gone(table.checks, self.was.checks, lambda check: check.key, moved):
            name = self._with_name(check, check.columns, "check").name
            self.found.late.append(AddConstraint(self.was.name, name, Check(check.expression)))
        for key in self._gone(table.foreign_keys, self.was.foreign_keys, self._key_of_key, moved):
            target = self.found.last if self.is_in_motion(key) else self.found.late
            operation = builder.add_foreign_key(table, self._with_name(key, key.columns, "fkey"))
            target.append(replace(operation, table=self.was.name))

    def _with_name(self, fact: Named, columns: Iterable[str], what: str) -> Named:
        """What is added has a name, so that it can be dropped by that, and none that something else has."""
        if fact.name is not None and self.fold(fact.name) not in self.staying:
            return fact
        stem = "_".join((self.was.name, *columns, what))
        names = chain([stem], (f"{stem}{number}" for number in count(1)))
        name = next(name for name in names if self.fold(name) not in self.taken)
        self.taken.add(self.fold(name))
        return replace(fact, name=name)

    def _gone(
        self,
        facts: Sequence[Value],
        others: Sequence[Value],
        key: Callable[[Value], object],
        moved: set[str],
    ) -> Iterator[Value]:
        """The facts that the others lack, and those that name a column which is made anew."""
        missing = {id(fact) for fact in without_twin(facts, others, key)}
        for fact in facts:
            names = {self.fold(name) for name in columns_of(fact)}
            is_changed = id(fact) in missing or moved & names or self._is_forced(fact)
            if is_changed and id(fact) not in self.said:
                yield fact

    def _is_forced(self, fact: object) -> bool:
        """Whether a foreign key that stays has to go and come back, for what changes at one of its ends."""
        return isinstance(fact, ForeignKey) and self.is_in_motion(fact)

    def _key_of_index(self, index: Index) -> object:
        parts = tuple(
            replace(part, text=part.text if part.is_expression else self.fold(part.text)) for part in index.parts
        )
        return replace(index, parts=parts, include=tuple(map(self.fold, index.include)))

    def _key_of_key(self, key: ForeignKey) -> object:
        return replace(
            key,
            columns=tuple(map(self.fold, key.columns)),
            table=self.new.kind.folded(key.table),
            target_columns=tuple(map(self.fold, key.target_columns)),
        )

    # -- what no operation changes --------------------------------------------------------------

    def _table(self) -> None:
        was, is_ = tuple(map(self.fold, self.was.primary_key)), tuple(map(self.fold, self.is_.primary_key))
        if was != is_:
            self._differs("primary key", ", ".join(self.was.primary_key), ", ".join(self.is_.primary_key))
        if self.was.comment != self.is_.comment:
            self._differs("comment", self.was.comment, self.is_.comment)
        gone = [option for option in self.was.options if option not in self.is_.options]
        new = [option for option in self.is_.options if option not in self.was.options]
        if gone or new:
            self._differs("options", ", ".join(gone), ", ".join(new))

    def _unexpressed(self, column: str, what: str, was: object, is_: object) -> None:
        self.found.unexpressed.append(f"{self.was.name}.{column}: {what}: {_shown(was)} -> {_shown(is_)}")

    def _differs(self, what: str, was: object, is_: object) -> None:
        self.found.unexpressed.append(f"{self.was.name}: {what}: {_shown(was)} -> {_shown(is_)}")


def _generation(column: Column) -> tuple[object, ...]:
    return column.type, column.null, column.collation, column.generated, column.stored


def _is_retyped(one: Column, other: Column) -> bool:
    return one.generated is None and (one.type, one.collation) != (other.type, other.collation)


def _shown(value: object) -> str:
    return str(value) if value not in (None, "") else "none"
