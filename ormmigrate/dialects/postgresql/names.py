"""Names as PostgreSQL cuts and makes them, and which of them follow a table or column that is renamed. Pure."""

from __future__ import annotations

from collections.abc import Sequence, Set

from ormmigrate.operations import index_name

#: NAMEDATALEN - 1, in bytes. What is longer is cut without a word (postgresql.org/docs/current/limits.html).
LONGEST = 63
#: What PostgreSQL puts behind the names of a table and its columns (ChooseConstraintName, ChooseRelationName).
LABELS = ("pkey", "key", "fkey", "check", "excl", "seq", "idx")


def clipped(name: str, size: int = LONGEST) -> str:
    """A name as the server keeps it: it cuts bytes, never in the middle of a character."""
    return name.encode()[:size].decode(errors="ignore")


def object_name(table: str, columns: str, label: str) -> str:
    """The name that PostgreSQL gives what is made without one: `user_email_key` (makeObjectName).

    Where it would be too long, the longer of the first two is cut.
    """
    available = LONGEST - len(label) - (2 if columns else 1)
    sizes = [len(table.encode()), len(columns.encode())]
    while sum(sizes) > available:
        sizes[0 if sizes[0] > sizes[1] else 1] -= 1
    parts = [clipped(table, sizes[0]), clipped(columns, sizes[1]), label]
    return "_".join(part for part in parts if part)


def following(name: str, columns: Sequence[str | None], was: str, now: str) -> str | None:
    """What something of a table is called when that is renamed; None where its name says nothing of the table.

    Args:
        columns: what it stands on, None for an expression.
        was, now: the names of the table.
    """
    named = [column for column in columns if column is not None]
    if named == list(columns):
        conventional = following_columns(name, was, named, now, named)
        if conventional is not None:
            return conventional
    label = name.rpartition("_")[2]
    # A table or its columns may be cut in the name. A number stands behind one that was taken.
    if label.rstrip("0123456789") in LABELS:
        for part in ("_".join(named), ""):
            if name == object_name(was, part, label):
                return object_name(now, part, label)
    return clipped(now + name[len(was) :]) if name.startswith(f"{was}_") else None


def following_columns(name: str, was: str, columns: Sequence[str], now: str, new_columns: Sequence[str]) -> str | None:
    """What an index is called afterwards that peewee named: by the table, or the model, which has no underscores."""
    for old, new in ((was, now), (was.replace("_", ""), now.replace("_", ""))):
        if columns and name == clipped(index_name(old, columns)):
            return clipped(index_name(new, new_columns))
    return None


def free(name: str, taken: Set[str]) -> str:
    """The name, or with a number behind it where it is taken, as PostgreSQL itself makes them."""
    found, number = name, 0
    while found in taken:
        number += 1
        found = clipped(name, LONGEST - len(str(number))) + str(number)
    return found
