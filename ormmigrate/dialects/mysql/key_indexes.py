"""The index that a foreign key makes for itself, and by what it is told from one that somebody made. Pure.

InnoDB wants an index that begins with a foreign key's columns. Where there is none it makes one, which bears the
key's name, or that of the key's first column where nobody named the key; and it drops that one again, without a word,
as soon as another index serves, even after the key is gone.

What is said of it here: it is an index over these columns like any other, and is called what peewee would call one.
So a key with nothing but its own index is the same as the key of a `ForeignKeyField`, which comes with an index; and
an operation may mean it by that name. The operations here never let it vanish: where another index would take its
place, or where the key goes and it is to stay, it is made again under the usual name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ormmigrate.dialects.mysql.definition import folded
from ormmigrate.operations import index_name


def is_made_for(table: str, key: str, columns: Sequence[str], index: str) -> bool:
    """Whether an index over exactly the columns of a foreign key has the name that the server gives its own.

    Args:
        key: the foreign key's name.
        index: the index's name.
    """
    if folded(index) == folded(key):
        return True
    return is_unnamed(table, key) and _is_numbered(folded(index), folded(columns[0]))


def is_unnamed(table: str, key: str) -> bool:
    """Whether the server gave a foreign key its name: `thing_ibfk_1`."""
    return re.fullmatch(rf"({re.escape(folded(table))}_ibfk_)?\d+", folded(key)) is not None


def _is_numbered(name: str, stem: str) -> bool:
    """Whether it is that name, or that with a number behind it, as where the name was taken."""
    return re.fullmatch(rf"{re.escape(stem)}(_\d+)?", name) is not None


def usual_name(table: str, columns: Sequence[str]) -> str:
    """What peewee calls an index over those columns."""
    return index_name(table, columns)
