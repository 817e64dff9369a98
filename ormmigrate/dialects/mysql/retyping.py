"""A column's definition with another type. Pure."""

from __future__ import annotations

from dataclasses import replace

from ormmigrate.dialects.mysql.definition import Column, quoted, tokens, words
from ormmigrate.dialects.mysql.words import is_textual

#: What a field may say besides its type, which then takes the place of what the column says.
REPLACED = ("DEFAULT", "ON UPDATE", "COMMENT", "CHECK", "INVISIBLE", "AUTO_INCREMENT", "GENERATED")
#: What is set for characters, and has no meaning for other types.
OF_CHARACTERS = ("CHARSET", "COLLATE")


def with_type(column: Column, type_: Column, field: Column) -> Column:
    """The column with another type: all that does not belong to a type stays.

    Args:
        type_: which type, and its character set and collation where it has some.
        field: what the field says besides.
    """
    if _is_json(column):
        # JSON of MariaDB is a text with a collation and a CHECK, which go when it becomes something else.
        for kind in (*OF_CHARACTERS, "CHECK"):
            column = column.saying(kind, None)
    after = replace(column, type=type_.type)
    if not is_textual(type_) or any(type_.says(kind) for kind in OF_CHARACTERS):
        after = _without(after, *OF_CHARACTERS)
        after = replace(after, clauses=tuple(one for one in after.clauses if "COMPRESSED" not in one[1].upper()[:24]))
    for kind in OF_CHARACTERS:
        if type_.says(kind) is not None:
            after = after.saying(kind, type_.says(kind))
    for kind in REPLACED:
        if field.says(kind) is not None:
            after = after.saying(kind, field.says(kind))
    return after


def without_collation(column: Column) -> Column:
    """The column with its table's collation."""
    return _without(column, *OF_CHARACTERS)


def _without(column: Column, *kinds: str) -> Column:
    for kind in kinds:
        column = column.saying(kind, None)
    return column


def _is_json(column: Column) -> bool:
    check = words(tokens(column.says("CHECK") or ""))
    return column.kind == "longtext" and check == words(tokens(f"CHECK (json_valid({quoted(column.name)}))"))
