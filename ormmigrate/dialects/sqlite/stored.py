"""Tables and their indexes as sqlite_master has them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ormmigrate.dialects.sqlite.glances import Seen, clear
from ormmigrate.dialects.sqlite.tokens import folded

OWN = "sqlite_"  # what begins so is SQLite's
START, UNIQUE_START = "CREATE INDEX ", "CREATE UNIQUE INDEX "  # so SQLite keeps it


@dataclass
class Stored:
    """A table as it is stored.

    Attributes:
        indexes: the names and texts of its indexes.
        has_own: whether constraints of it have indexes, which have no text.
    """

    name: str
    text: str
    indexes: list[tuple[str, str]] = field(default_factory=list)
    has_own: bool = False


class ClearIndex(NamedTuple):
    """A CREATE INDEX that hides nothing; `text` is what stands behind the name of the table."""

    name: str
    unique: bool
    text: str


class ClearTable(NamedTuple):
    """A table that hides nothing; what is the same means the same, however it is written."""

    name: str
    text: str
    indexes: tuple[ClearIndex, ...]


def stored_tables(objects: Iterable[tuple[Any, ...]], left_out: Collection[str]) -> list[Stored]:
    """The tables, without those of SQLite itself.

    Args:
        objects: type, name, table and text of each.
        left_out: other tables that are no part of the schema, folded.
    """
    found: dict[str, Stored] = {}
    indexes = []
    for kind, name, table, text in objects:
        if kind == "index":
            indexes.append((table, name, text))
        elif kind == "table":
            key = folded(name)
            if key not in left_out and not key.startswith(OWN):
                found[name] = Stored(name, text)
    for table, name, text in indexes:
        if table in found:
            if text is None:
                found[table].has_own = True
            else:
                found[table].indexes.append((name, text))
    return list(found.values())


def clear_table(one: Stored) -> ClearTable | None:
    """A table without what may differ where nothing does; None where something is hidden in its texts."""
    text = clear(one.text)
    if text is None:
        return None
    indexes = []
    for name, index in one.indexes:
        found = _clear_index(one.name, name, index)
        if found is None:
            return None
        indexes.append(found)
    return ClearTable(one.name, text, tuple(indexes))


def _clear_index(table: str, name: str, text: str) -> ClearIndex | None:
    unique = text.startswith(UNIQUE_START)
    start = UNIQUE_START if unique else START
    for usual in (f'{start}"{name}" ON "{table}" ', f"{start}{name} ON {table} "):
        if text.startswith(usual):
            found = _behind_names[text[len(usual) :]]
            break
    else:
        spellings = (f'"{name}"', name, f"[{name}]", f"`{name}`")
        spelled = next((one for one in spellings if text.startswith(one, len(start))), None)
        found = None if spelled is None else clear(text[len(start) + len(spelled) :])
    return None if found is None else ClearIndex(name, unique, found[found.find("(") :])


_behind_names = Seen(clear)
