"""A connection for replays: USE leads to the scratch database, and no statement may lead out of it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from ormmigrate.dialects.mysql.definition import tokens
from ormmigrate.errors import ConfigurationError

# Only to be looked up, as peewee's own introspection does.
READ_ONLY = "information_schema"


class Confined:
    """A driver's connection whose statements may not name another database.

    Args:
        others: the names of all databases but the one that may be used.
    """

    def __init__(self, connection: Any, others: Sequence[str]) -> None:
        self._connection = connection
        self._others = {name.lower() for name in others} - {READ_ONLY}

    def cursor(self, *arguments: Any) -> ConfinedCursor:
        return ConfinedCursor(self._connection.cursor(*arguments), self._others)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class ConfinedCursor:
    def __init__(self, cursor: Any, others: set[str]) -> None:
        self._cursor, self._others = cursor, others

    def execute(self, statement: str, params: Any = None) -> Any:
        refuse_leaving(statement, self._others)
        return self._cursor.execute(statement, params)

    def executemany(self, statement: str, params: Any) -> Any:
        refuse_leaving(statement, self._others)
        return self._cursor.executemany(statement, params)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


def refuse_leaving(statement: str, others: set[str]) -> None:
    """Raise ConfigurationError where a statement says USE, or names a table of another database."""
    words = [token.strip("`").lower() for token in tokens(statement) if not token.isspace()]
    named = [word for word, behind in pairwise(words) if behind == "." and word in others]
    if named or words[:1] == ["use"]:
        raise ConfigurationError(
            f"This statement leads to another database, which a replay must not reach: {statement}",
            "leave the name of the database out of the statement; it is that of the connection.",
        )
