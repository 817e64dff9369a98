"""Foreign-key violations before and after a batch: which of them are new. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """A row that refers to nothing.

    Attributes:
        table: the table that the row is in.
        parent: the table that it refers to.
        columns: the columns by which it refers.
        values: of those columns, as text; empty where the key itself does not fit its parent.
        row: how to find it.
    """

    table: str
    parent: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    row: str

    def __str__(self) -> str:
        if not self.values:
            return f"{self.table}: {self.row}"
        words = ", ".join(f"{column} = {value}" for column, value in zip(self.columns, self.values))
        return f"{self.table} ({self.row}) refers to {self.parent} ({words}), which is not there"


def new_violations(before: Iterable[Violation], after: Iterable[Violation]) -> list[Violation]:
    """Those of `after` that were not there before.

    Rows are matched by their tables and the values that they refer with; then by where they stand, for a value may
    have another type now; then by values alone with old violations whose tables are gone: they were renamed.
    """
    before, after = list(before), list(after)
    old, new = _without_pairs(before, after, lambda one: (one.table, one.parent, one.values))
    old, new = _without_pairs(old, new, lambda one: (one.table, one.parent, one.row) if one.values else None)
    present = {(one.table, one.parent) for one in after}
    gone = [one for one in old if (one.table, one.parent) not in present]
    return _without_pairs(gone, new, lambda one: one.values)[1]


def _without_pairs(
    old: Sequence[Violation], new: Sequence[Violation], key: Callable[[Violation], object]
) -> tuple[list[Violation], list[Violation]]:
    """Both without those that have the same key, one for one; None is no key."""
    there = Counter(key(one) for one in old)
    left = []
    for one in new:
        if key(one) is not None and there[key(one)]:
            there[key(one)] -= 1
        else:
            left.append(one)
    unmatched = []
    for one in old:
        if there[key(one)]:
            there[key(one)] -= 1
            unmatched.append(one)
    return unmatched, left
