"""SQL as a server tells it, in one form for all that means the same. Pure.

MariaDB tells a default, a CHECK and the expression of a generated column as SQL. MySQL tells a constant default as a
bare value, and everything else in more parentheses, with the character set in front of every text, and with each
quote and backslash of it escaped once more (dev.mysql.com/doc/refman/8.4/en/information-schema-columns-table.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ormmigrate.dialects.mysql.definition import is_enclosed, tokens, unquoted
from ormmigrate.dialects.mysql.server import Server

NUMERIC = ("int", "decimal", "float", "double", "year", "bit")
#: Behind these stands a table, so that a database may stand in front of it; NEXTVAL takes a sequence.
BEFORE_TABLE = ("FROM", "JOIN", "STRAIGHT_JOIN", "INTO", "UPDATE", "TABLE", "NEXTVAL", "LASTVAL", "SETVAL", "FOR")
ESCAPED = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}
ESCAPES = {"\\": "\\\\", "'": "''", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"}


@dataclass(frozen=True)
class Told:
    """How a server's texts are to be taken.

    Attributes:
        home: the database, whose own name means nothing in front of a table.
    """

    server: Server
    home: str

    def expression(self, text: str) -> str:
        """An expression, not in parentheses."""
        parts = self._plain(text if self.server.is_mariadb else unescaped(text))
        while is_enclosed(parts):
            parts = parts[parts.index("(") + 1 : len(parts) - 1 - parts[::-1].index(")")]
        return "".join(parts).strip()

    def default(self, text: str | None, type_: str, *, is_expression: bool) -> str | None:
        """A default as SQL; None for NULL, which is none.

        Args:
            type_: the column's type without what belongs to it.
            is_expression: whether MySQL says so (DEFAULT_GENERATED).
        """
        if text is None or (self.server.is_mariadb and text.upper() == "NULL"):
            return None
        if self.server.is_mariadb or is_expression:
            found = text if text.isdecimal() else self.expression(text)
            # On MySQL `DEFAULT (now())` and `DEFAULT CURRENT_TIMESTAMP` are the same.
            return found if self.server.is_mariadb else re.sub(r"^now\((\d*)\)$", _current, found)
        if type_.endswith(NUMERIC) or (type_.endswith("binary") and text.startswith("0x")):
            return text
        return literal(text)

    def statement(self, text: str) -> str:
        """A view's query or a trigger's statement: without comments, and with one space where there are more."""
        parts = [token for token in self._plain(text) if token.startswith(("/*!", "/*M!")) or not _is_comment(token)]
        return "".join(" " if token.isspace() else token for token in _single_spaced(parts)).strip(" ;")

    def _plain(self, text: str) -> list[str]:
        parts = list(without_database(tokens(text), self.home))
        if not self.server.is_mariadb:
            parts = list(_without_introducers(parts))
        return [literal(value_of(token)) if token[0] in "'\"" else token for token in parts]


def _current(found: re.Match[str]) -> str:
    return f"CURRENT_TIMESTAMP({found[1]})" if found[1] else "CURRENT_TIMESTAMP"


# -- texts ----------------------------------------------------------------------------------------


def literal(value: str) -> str:
    """A text in single quotes."""
    return "'" + "".join(ESCAPES.get(character, character) for character in value) + "'"


def value_of(token: str) -> str:
    """The text that a token in quotes means."""
    quote, found, position = token[0], [], 1
    while position < len(token) - 1:
        character = token[position]
        if character == "\\":
            escaped = token[position + 1]
            # These two mean something to LIKE, which wants the backslash.
            found.append(f"\\{escaped}" if escaped in "%_" else ESCAPED.get(escaped, escaped))
            position += 2
        else:
            found.append(character)
            position += 2 if character == quote else 1
    return "".join(found)


def unescaped(text: str) -> str:
    """What MySQL's information_schema means: every quote in an expression stands behind a backslash there."""
    if re.search(r"(?<!\\)'", text):
        return text  # as it is meant
    return re.sub(r"\\(.)", lambda found: ESCAPED.get(found[1], found[1]), text, flags=re.DOTALL)


# -- tokens ---------------------------------------------------------------------------------------


def without_database(parts: Sequence[str], home: str) -> Iterator[str]:
    """SQL without the name of the database in front of its tables."""
    places = [place for place, token in enumerate(parts) if not token.isspace()]
    found = [parts[place] for place in places]
    left_out: set[int] = set()
    for index, place in enumerate(places):
        if unquoted(found[index]) == home and _stands_for_database(found, index):
            left_out |= {place, places[index + 1]}
    return (token for place, token in enumerate(parts) if place not in left_out)


def _stands_for_database(found: Sequence[str], index: int) -> bool:
    """Whether a name stands in front of a table's: an alias or a table may be called like the database."""
    behind = [*found[index + 1 : index + 5], "", "", "", ""]
    if behind[0] != "." or (index and found[index - 1] == "."):
        return False
    if behind[2] in (".", "("):
        return True  # database.table.column, or database.function(
    before = index
    while before and found[before - 1] == "(":
        before -= 1
    return before > 0 and found[before - 1].upper() in BEFORE_TABLE


def _without_introducers(parts: Sequence[str]) -> Iterator[str]:
    """SQL without the character sets that MySQL writes in front of texts: they are those of whoever created it."""
    for token, behind in zip(parts, [*parts[1:], ""]):
        is_utf8 = token.lower() in ("_utf8mb4", "_utf8mb3", "_utf8")
        if not (token.startswith("_") and behind[:1] == "'" and (is_utf8 or behind.isascii())):
            yield token


def _is_comment(token: str) -> bool:
    return token.startswith(("/*", "#")) or (token.startswith("--") and len(token) > 1)


def _single_spaced(parts: Sequence[str]) -> Iterator[str]:
    was_space = False
    for token in parts:
        if not (token.isspace() and was_space):
            yield token
        was_space = token.isspace()
