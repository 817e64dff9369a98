"""Values in the words of the schema, which takes no parameters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from importlib import import_module
from json import dumps
from typing import Any
from uuid import UUID

from peewee import SCOPE_VALUES, SQL, Context, Database, Node, callable_

from ormmigrate.dialects.engine import constant_of
from ormmigrate.dialects.postgresql.statements import significant

#: What a text in quotes says for any type that a column may have.
PLAIN = (str, bool, int, float, Decimal, UUID, datetime, date, time)


class LiteralContext(Context):
    """peewee's context, with values as literals. Its own `value_literals` pastes those of SQL(...) behind the text."""

    __slots__ = ("database",)

    def __init__(self, database: Database) -> None:
        self.database = database
        options: dict[str, Any] = database.get_context_options()
        super().__init__(scope=SCOPE_VALUES, **options)

    def sql(self, obj: Any) -> Context:
        if isinstance(obj, SQL) and obj.params:
            return self.literal(interpolated(self.database, obj.sql, obj.params))
        inherited: Any = super()
        found: Context = inherited.sql(obj)
        return found

    def value(self, value: Any, converter: Any = None, add_param: bool = True) -> Context:
        inherited: Any = super()
        kept: Any = self
        count = len(kept._values)
        inherited.value(value, converter, add_param)
        if len(kept._values) > count:
            kept._sql[-1] = literal(self.database, kept._values.pop())
        return self


def rendered(database: Database, node: Node | str) -> str:
    """A node as SQL, without parameters."""
    if isinstance(node, str):
        return node
    text, _ = LiteralContext(database).sql(node).query()
    return str(text)


def interpolated(database: Database, text: str, params: Sequence[Any]) -> str:
    """A text with `%s` in it, as the driver would send it with its parameters."""
    cursor: Any = database.connection().cursor()
    values = [str(one) if isinstance(one, UUID) else one for one in params]  # psycopg2 has no UUID of its own
    if not hasattr(cursor, "mogrify"):  # psycopg 3, whose usual cursor has the server fill them in
        from psycopg import ClientCursor

        return str(ClientCursor(database.connection()).mogrify(text, values)).strip()
    sent: bytes = cursor.mogrify(text, values)
    encodings = import_module("psycopg2.extensions").encodings
    return sent.decode(encodings[database.connection().encoding]).strip()


def literal(database: Database, value: Any) -> str:
    return interpolated(database, "%s", (value,))


def quoted_text(text: str) -> str:
    """A text as a literal, whatever standard_conforming_strings says."""
    doubled = text.replace("'", "''")
    return f"E'{doubled}'".replace("\\", "\\\\") if "\\" in text else f"'{doubled}'"


def constant(database: Database, value: Any, type_: str = "") -> str:
    """A value as a literal that takes the type of its column: in quotes, so that no cast stays in the schema.

    Args:
        type_: the type, where that is known: a list is an array there, or JSON.
    """
    if isinstance(value, Node):
        return rendered(database, value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return quoted_text(str(value).lower())
    if isinstance(value, PLAIN):
        return quoted_text(str(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return quoted_text("\\x" + bytes(value).hex())
    if isinstance(value, dict) or (isinstance(value, (list, tuple)) and type_ in ("json", "jsonb")):
        return quoted_text(dumps(value))
    return literal(database, value)


def default_words(database: Database, default: Any, type_: str) -> str:
    """A default of the database: a literal, or the expression that it is."""
    found = constant_of(default)
    if found is not None:
        return constant(database, found, type_)
    value: Any = default
    value = value() if callable_(value) else value
    return rendered(database, value)


def without_cast(expression: str) -> str:
    """A default as the server tells it, without the cast of its old type where it is a constant; else as it is.

    `'light'::character varying` is `'light'`, `(0)::numeric` is `'0'`, and `now()` is `now()`.
    """
    found = _constant_in(significant(expression))
    return expression if found is None else found


def _constant_in(tokens: list[str]) -> str | None:
    if tokens and tokens[0] == "(":
        end = _closing(tokens)
        rest = tokens[end + 1 :]
        return _constant_in(tokens[1:end]) if not rest or _is_cast(rest) else None
    if tokens and tokens[0].upper() == "E" and len(tokens) > 1 and tokens[1].startswith("'"):
        return "E" + tokens[1] if not tokens[2:] or _is_cast(tokens[2:]) else None
    if tokens and tokens[0].startswith("'"):
        return tokens[0] if not tokens[1:] or _is_cast(tokens[1:]) else None
    if ":" in tokens and _is_cast(tokens[tokens.index(":") :]):
        return _constant_in(tokens[: tokens.index(":")])
    if len(tokens) == 1 and tokens[0].upper() in ("TRUE", "FALSE"):
        return quoted_text(tokens[0].lower())
    if len(tokens) == 1 and tokens[0].upper() == "NULL":
        return "NULL"
    number = "".join(tokens)
    try:
        float(number)
    except ValueError:
        return None
    return quoted_text(number) if number.lstrip("-")[:1].isdigit() or number[:1] == "." else None


def _closing(tokens: list[str]) -> int:
    """Where the parenthesis closes that the tokens begin with."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if not depth:
            return place
    return len(tokens)


def _is_cast(tokens: list[str]) -> bool:
    """Whether that is `::` and the name of a type, to the end."""
    if tokens[:2] != [":", ":"] or len(tokens) < 3:
        return False
    return all(
        token in ("(", ")", "[", "]", ",", ".") or token[0].isalnum() or token[0] in '_"' for token in tokens[2:]
    )
