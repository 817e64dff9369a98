"""Foreign-key violations before and after a batch: which of them are new. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
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

    Rows are matched by their tables and the values that they refer with, for a rebuild may renumber rows.
    What is left is matched by values alone with old violations whose tables are gone: they were renamed.
    """
    before, after = list(before), list(after)
    left = Counter(map(_key, before))
    unmatched = []
    for new in after:
        key = _key(new)
        if left[key]:
            left[key] -= 1
        else:
            unmatched.append(new)
    present = {(new.table, new.parent) for new in after}
    renamed = Counter[tuple[str, ...]]()
    for (table, parent, values), count in left.items():
        if (table, parent) not in present:
            renamed[values] += count
    found = []
    for new in unmatched:
        if renamed[new.values]:
            renamed[new.values] -= 1
        else:
            found.append(new)
    return found


def _key(violation: Violation) -> tuple[str, str, tuple[str, ...]]:
    """What a row is known by: a type that changes puts its values in quotes, or takes these away."""
    return violation.table, violation.parent, tuple(value.strip("'") for value in violation.values)
