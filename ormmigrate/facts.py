"""Indexes, foreign keys and checks of tables that are there: what adds and drops them, and which are the same. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ormmigrate.building import Builder
from ormmigrate.literals import words_of
from ormmigrate.operations import (
    AddConstraint,
    AddForeignKeyConstraint,
    AddUnique,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
)
from ormmigrate.schema import ForeignKey, Index, Table

Value = TypeVar("Value")


def drop_foreign_key(builder: Builder, table: Table, key: ForeignKey) -> DropForeignKeyConstraint | DropConstraint:
    """The operation that drops a foreign key, with what it was."""
    added = builder.add_foreign_key(table, key)
    if isinstance(added, AddForeignKeyConstraint):
        return DropForeignKeyConstraint(table.name, key.columns[0], replaces=added)
    columns = () if key.name else key.columns
    return DropConstraint(table.name, key.name, constraint=added.constraint, columns=columns)


def drop_index(builder: Builder, table: Table, index: Index) -> DropIndex | DropConstraint:
    """The operation that drops an index or a UNIQUE constraint, with what it was."""
    if not index.is_constraint:
        added = builder.add_index(table.name, index)
        return DropIndex(table.name, index.name or added.index, replaces=added)
    columns = () if index.name else tuple(part.text for part in index.parts)
    return DropConstraint(table.name, index.name, constraint=builder.unique(index), columns=columns)


def add_index(builder: Builder, table: Table, index: Index) -> Any:
    """The operation that adds an index or a UNIQUE constraint."""
    if not index.is_constraint:
        return builder.add_index(table.name, index)
    if index.is_plain and index.columns and index.name == AddUnique(table.name, index.columns).name:
        return AddUnique(table.name, index.columns)
    return AddConstraint(table.name, index.name, builder.unique(index))


def columns_of(fact: object) -> Iterable[str]:
    """The columns that a fact names, or may name."""
    if isinstance(fact, Index):
        expressions = [fact.where or "", *(part.text for part in fact.parts if part.is_expression)]
        names = {part.text for part in fact.parts if not part.is_expression}
        return names.union(fact.include, *map(words_of, expressions))
    return getattr(fact, "columns", ())


def without_twin(facts: Sequence[Value], others: Sequence[Value], key: Callable[[Value], object]) -> list[Value]:
    """The facts that the others lack. Of several that say the same, first those of the same name are one."""

    def is_same(one: Any, other: Any) -> bool:
        return key(one) == key(other)

    def is_itself(one: Any, other: Any) -> bool:
        kinds = getattr(one, "is_constraint", None) == getattr(other, "is_constraint", None)
        return kinds and one.name == other.name and is_same(one, other)

    missing, left = list(facts), list(others)
    for is_twin in (is_itself, is_same):
        rest = []
        for fact in missing:
            place = next((place for place, other in enumerate(left) if is_twin(fact, other)), None)
            if place is None:
                rest.append(fact)
            else:
                del left[place]
        missing = rest
    return missing
