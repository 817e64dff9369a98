"""Tables and columns that may have been renamed: what went and what came, and how alike they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ormmigrate.operations import Operation, RenameColumn, RenameTable
from ormmigrate.schema import Column, Schema, Table, by_name

#: From this score on a person is asked.
WORTH_ASKING = 0.5


@dataclass(frozen=True)
class Rename:
    """A table or column that may have been renamed.

    Attributes:
        column: None where the table itself is meant.
        score: from 0 to 1, how much the two resemble each other.
    """

    table: str
    column: str | None
    new_name: str
    score: float = 1.0

    @property
    def operation(self) -> Operation:
        if self.column is None:
            return RenameTable(self.table, self.new_name)
        return RenameColumn(self.table, self.column, self.new_name)

    @property
    def answer(self) -> str:
        """`user.name=user.full_name`, `user=person`."""
        if self.column is None:
            return f"{self.table}={self.new_name}"
        return f"{self.table}.{self.column}={self.table}.{self.new_name}"


def renames(before: Schema, after: Schema) -> list[Rename]:
    """What may have been renamed, likeliest first; one that went or came may stand in several.

    A table is compared by its columns, a column by its type, what is said of it, its place, and its name.
    """
    fold = after.kind.folded
    was, is_ = by_name(before.tables, fold), by_name(after.tables, fold)
    gone, new = _only_in(was, is_), _only_in(is_, was)
    found = [Rename(one.name, None, other.name, _alike_tables(one, other)) for one in gone for other in new]
    for name in was:
        if name in is_:
            found += _columns(was[name], is_[name], after)
    return sorted((one for one in found if one.score >= WORTH_ASKING), key=lambda one: -one.score)


def _only_in(tables: dict[str, Table], others: dict[str, Table]) -> list[Table]:
    return [table for name, table in tables.items() if name not in others]


def _columns(was: Table, is_: Table, after: Schema) -> Iterable[Rename]:
    fold = after.kind.folded_column
    old, new = by_name(was.columns, fold), by_name(is_.columns, fold)
    gone = [column for name, column in old.items() if name not in new]
    come = [column for name, column in new.items() if name not in old]
    for one in gone:
        for other in come:
            yield Rename(was.name, one.name, other.name, _alike_columns(was, one, is_, other))


def _alike_tables(one: Table, other: Table) -> float:
    """Mostly by their columns, each with the one that it resembles most, whatever they are called."""
    left = list(other.columns)
    total = 0.0
    for column in one.columns:
        scores = [_alike_columns(one, column, other, its) for its in left]
        if scores:
            total += max(scores)
            del left[scores.index(max(scores))]
    columns = total / max(len(one.columns), len(other.columns))
    return round(0.8 * columns + 0.2 * _alike(one.name, other.name), 2)


def _alike_columns(was: Table, one: Column, is_: Table, other: Column) -> float:
    if (one.generated is None) != (other.generated is None):
        return 0.0
    score = 0.35 * _alike_types(one.type, other.type)
    score += 0.05 * (one.null == other.null) + 0.05 * (one.default == other.default)
    score += 0.15 * (_constraints(was, one) == _constraints(is_, other))
    score += 0.05 * (_place(was.columns, one) == _place(is_.columns, other))
    return round(score + 0.35 * _alike(one.name, other.name), 2)


def _alike_types(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return 0.6 if one.partition("(")[0] == other.partition("(")[0] else 0.0


def _constraints(table: Table, column: Column) -> tuple[object, ...]:
    """What stands on a column, by kind: whether it is a key, its indexes, what it refers to, its checks."""
    indexes = sorted(index.unique for index in table.indexes if column.name in [part.text for part in index.parts])
    keys = sorted((key.table, key.target_columns) for key in table.foreign_keys if column.name in key.columns)
    checks = sum(column.name in check.columns for check in table.checks)
    return column.name in table.primary_key, tuple(indexes), tuple(keys), checks


def _place(columns: Sequence[Column], wanted: Column) -> int:
    return next(place for place, column in enumerate(columns) if column is wanted)


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower()).ratio()
