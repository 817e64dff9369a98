"""The definitions of columns in the text of SHOW CREATE TABLE, and how they say NULL. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from ormmigrate.dialects import script

BEHIND_NULL = ("DEFAULT", "COMMENT", "CHECK")


def tokens(text: str) -> list[str]:
    """Words, quoted texts, comments, and each other character for itself."""
    return [token for _, token in script.tokens(text, "MySQL")]


def definitions(create_table: str) -> list[list[str]]:
    """The tokens, spaces among them, of each column and key in the text of SHOW CREATE TABLE."""
    found: list[list[str]] = [[]]
    depth = 0
    for token in tokens(create_table):
        depth -= token == ")"
        if depth == 1 and token == ",":
            found.append([])
        elif depth:
            found[-1].append(token)
        elif token == ")":
            break  # what follows are options of the table
        depth += token == "("
    return found


def _depths(tokens: Sequence[str]) -> Iterator[int]:
    return accumulate((token == "(") - (token == ")") for token in tokens)


def outside_parentheses(definition: Sequence[str]) -> list[str]:
    return [token for token, depth in zip(definition, _depths(definition)) if not depth]


def without_null(definition: Sequence[str]) -> list[str]:
    """A column's definition without NULL, NOT NULL and DEFAULT NULL."""
    kept: list[str] = []
    for token, depth in zip(definition, _depths(definition)):
        if depth or token != "NULL":
            kept.append(token)
            continue
        while kept[-1].isspace() or kept[-1] in ("NOT", "DEFAULT"):
            kept.pop()
    return kept


def saying_null(definition: Sequence[str], words: str) -> str:
    """A column's definition with NULL or NOT NULL, in place of what it said of that."""
    kept = without_null(definition)
    outside = [(index, token) for index, (token, depth) in enumerate(zip(kept, _depths(kept))) if not depth]
    place = next((index for index, token in outside if token in BEHIND_NULL), len(kept))
    return f"{''.join(kept[:place]).strip()} {words} {''.join(kept[place:])}".rstrip()
