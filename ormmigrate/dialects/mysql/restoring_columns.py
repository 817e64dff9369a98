"""The columns of one table: which is which, what has lost its values, how each is brought back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ormmigrate.dialects.mysql.restoring_statement import Said
from ormmigrate.dialects.mysql.restoring_text import Part, Table, is_generated, mentions, quoted, texts, translated
from ormmigrate.dialects.mysql.restoring_types import loss, type_of


@dataclass(frozen=True)
class Pairing:
    """Two forms of a table, and which column of the one is which of the other.

    Attributes:
        columns: of each column's name as it was, in lower case, the column that it is now; nothing for a dropped one.
        remade: names of generated columns, as they were, which are dropped and added, for no server turns one kind
            into another.
        gone: names, as they are now, of columns that are dropped, those that are added again among them.
    """

    before: Table
    now: Table
    columns: Mapping[str, Part]
    remade: frozenset[str]
    gone: frozenset[str]

    @property
    def former_names(self) -> dict[str, str]:
        """Of names as they are now, in lower case, those that they were; only of columns renamed."""
        return {
            column.folded: self.before.columns[name].name
            for name, column in self.columns.items()
            if column.name != self.before.columns[name].name
        }

    def hinders(self, part: Part, is_remade: bool) -> bool:
        """Whether what computes with columns must go while they change.

        Args:
            is_remade: whether the statement dropped it and added it again. Where it renamed a column that this
                computes with, MySQL made it do so, and wants it again on the way back; MariaDB follows by itself.
        """
        return mentions(part, self.gone | (self.former_names.keys() if is_remade else set()))


def paired(before: Table, now: Table, said: Said) -> Pairing:
    """Find the columns of a table again, which `said` may have renamed."""
    columns = _matched(before, now, said)
    kept = {column.folded for column in columns.values()}
    found = Pairing(before, now, columns, frozenset(), frozenset(now.columns.keys() - kept))
    while True:
        more = {name for name in columns if name not in found.remade and _is_remade(name, found, said)}
        if not more:
            return found
        gone = found.gone | {columns[name].folded for name in more}
        found = replace(found, remade=found.remade | more, gone=gone)


def _matched(before: Table, now: Table, said: Said) -> dict[str, Part]:
    renamed: dict[str, str] = {}
    # A step back restores all columns at once: where they are as they were, the renaming is undone already.
    if texts(before.columns) != texts(now.columns):
        renamed = {old: new for old, new in said.columns.items() if old in before.columns and new in now.columns}
    taken = set(renamed.values())
    matched = {}
    for name in before.columns:
        if name in renamed:
            matched[name] = now.columns[renamed[name]]
        elif name in now.columns and name not in taken:
            matched[name] = now.columns[name]
    return matched


def _is_remade(name: str, pairing: Pairing, said: Said) -> bool:
    was, now = pairing.before.columns[name], pairing.columns[name]
    if not is_generated(was) and not is_generated(now):
        return False
    if translated(now, pairing.former_names, "") != was.text:
        return True
    return is_generated(now) and pairing.hinders(now, name in said.remade)


def column_losses(name: str, before: Table, now: Table, said: Said) -> Iterator[str]:
    """In words, which values of the table's columns would not come back."""
    columns = paired(before, now, said).columns
    for folded, column in before.columns.items():
        found = columns.get(folded)
        if is_generated(column):
            continue
        if found is None or is_generated(found) or (folded in said.remade and folded not in said.columns):
            yield f"the values of {name}.{column.name}"
            continue
        lost = loss(type_of(column, before), type_of(found, now))
        if lost is not None:
            yield f"what {name}.{column.name} held {lost}"


def renaming(pairing: Pairing, said: Said) -> list[str]:
    """The clauses that only rename columns back, and drop the generated ones that stand in the way.

    Nothing where that cannot be a step of its own: where a column that is to go has the name now, or where
    columns have changed names with each other, so that nobody could tell afterwards that it was done.
    """
    former = pairing.former_names
    renamed = [column for column in pairing.columns.values() if column.folded in former]
    for column in renamed:
        old = former[column.folded].lower()
        if old != column.folded and (old in pairing.now.columns or column.folded in pairing.before.columns):
            return []
    clauses = [f"DROP COLUMN {quoted(pairing.now.columns[name].name)}" for name in computing(pairing)]
    for column in renamed:
        if column.folded in said.by_word:
            clauses.append(f"RENAME COLUMN {quoted(column.name)} TO {quoted(former[column.folded])}")
        else:
            clauses.append(f"CHANGE COLUMN {quoted(column.name)} {translated(column, former, '')}")
    return clauses


def computing(pairing: Pairing) -> list[str]:
    """The names, as they are now, of columns that are to go and compute with renamed ones."""
    found: list[str] = []
    while True:
        used = {*pairing.former_names, *found}
        more = [
            name
            for name, column in pairing.now.columns.items()
            if name in pairing.gone and name not in found and is_generated(column) and mentions(column, used)
        ]
        if not more:
            return found
        found += more


def column_clauses(pairing: Pairing, said: Said) -> list[str]:
    """The clauses that bring every column back, each in its place."""
    kept = pairing.now.columns.keys() - pairing.gone
    clauses = [f"DROP COLUMN {quoted(column.name)}" for name, column in pairing.now.columns.items() if name not in kept]
    staying = _staying(pairing, kept)
    place = "FIRST"
    for name, column in pairing.before.columns.items():
        found = pairing.columns.get(name)
        if found is None or name in pairing.remade:
            clauses.append(f"ADD COLUMN {column.text} {place}")
        else:
            clauses += _column_clause(column, found, pairing, said, "" if name in staying else f" {place}")
        place = f"AFTER {quoted(column.name)}"
    return clauses


def _column_clause(before: Part, now: Part, pairing: Pairing, said: Said, place: str) -> list[str]:
    is_same = translated(now, pairing.former_names, "") == before.text
    if before.name == now.name:
        return [] if is_same and not place else [f"MODIFY COLUMN {before.text}{place}"]
    if is_same and not place and now.folded in said.by_word:
        return [f"RENAME COLUMN {quoted(now.name)} TO {quoted(before.name)}"]
    # Servers that know RENAME COLUMN know CHANGE as well, older ones only that.
    return [f"CHANGE COLUMN {quoted(now.name)} {before.text}{place}"]


def _staying(pairing: Pairing, kept: set[str]) -> set[str]:
    """The names, as they were, of columns that need not move: as many as stand in the right order already."""
    places = {column.folded: name for name, column in pairing.columns.items() if column.folded in kept}
    order = list(pairing.before.columns)
    names = [places[name] for name in pairing.now.columns if name in places]
    chains: list[list[str]] = [[]]
    for name in names:
        shorter = [chain for chain in chains if not chain or order.index(chain[-1]) < order.index(name)]
        longest = max(shorter, key=len)
        chains.append([*longest, name])
    longest = max(chains, key=len)
    return set(longest)
