"""What tables and columns are called in Python, as pwiz calls them: `InvoiceLine`, `invoice_line_id`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import chain, count
from keyword import iskeyword

from peewee import make_snake_case  # type: ignore[attr-defined]

from ormmigrate.tables import attributes_of

#: Names that look like numbers (ruff E741, E742).
AMBIGUOUS = ("l", "I", "O")


def class_names(tables: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """A class for each table. No two are the same, not even without case: peewee finds deferred ones so."""
    used = {name.lower() for name in (*taken, *AMBIGUOUS)}
    found = {}
    for table in tables:
        wanted = _class_name(table)
        numbered = chain([wanted, f"{wanted}Model"], (f"{wanted}{number}" for number in count(2)))
        found[table] = next(name for name in numbered if name.lower() not in used and not iskeyword(name))
        used.add(found[table].lower())
    return found


def _class_name(table: str) -> str:
    name = "".join(word.title() for word in re.sub(r"\W+", "_", make_snake_case(table)).split("_"))
    return name if name[:1].isalpha() else f"T{name}"


def attribute_names(columns: Iterable[str], referring: Collection[str]) -> dict[str, str]:
    """An attribute for each column: in snake case, without the `_id` of a foreign key.

    Args:
        referring: the columns that are foreign keys.
    """
    columns = list(columns)
    lowered = {column.lower() for column in columns}
    wanted = {column: _attribute(column, column in referring, lowered) for column in columns}
    found: dict[str, str] = {}
    used: set[str] = set()
    # A column that can keep its name has it, whatever comes before.
    for column in sorted(columns, key=lambda column: wanted[column] != column):
        name = attributes_of([wanted[column]])[wanted[column]]
        while name in used or name in AMBIGUOUS:
            name += "_"
        found[column] = name
        used.add(name)
    return {column: found[column] for column in columns}


def _attribute(column: str, is_referring: bool, lowered: Collection[str]) -> str:
    name = str(make_snake_case(column.strip()))
    if is_referring and name.endswith("_id") and len(name) > len("_id"):
        short = name.removesuffix("_id")
        name = name if short in lowered else short
    return re.sub(r"\W+", "_", name)
