"""What peewee's fields, nodes and Python's values are in the words of ALTER TABLE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from peewee import SCOPE_VALUES, Context, Database, Field, Node, callable_

from ormmigrate.dialects.engine import constant_of
from ormmigrate.dialects.mysql.definition import Column, is_enclosed, quoted, read_column, tokens, words
from ormmigrate.dialects.mysql.refusals import Refused

LONG = ("text", "blob", "json")
TEXTUAL = ("char", "text", "enum", "set")
#: What stands for the present moment: MySQL takes it without parentheses, unlike every other function.
NOW = ("CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP")


@dataclass(frozen=True)
class Spelling:
    """How SQL of the application is written in its sessions.

    Attributes:
        ansi_quotes: whether "..." is a name.
        backslash: whether a backslash escapes in a text.
    """

    ansi_quotes: bool = False
    backslash: bool = True

    def plain(self, text: str) -> str:
        """The same SQL as it is written where sql_mode says neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES."""
        if not self.ansi_quotes and self.backslash:
            return text
        return "".join(map(self._plain_token, tokens(text, backslash=self.backslash)))

    def _plain_token(self, token: str) -> str:
        if self.ansi_quotes and token.startswith('"'):
            return quoted(token[1:-1].replace('""', '"'))
        return token.replace("\\", "\\\\") if token[0] in "'\"" and not self.backslash else token

    def literal(self, value: Any) -> str:
        """A value as it is written in SQL."""
        if value is None:
            return "NULL"
        if isinstance(value, (bool, int)):
            return str(int(value))
        if isinstance(value, float) and not math.isfinite(value):
            raise Refused(f"{value} is no number that a column can hold.", "give it another value.")
        if isinstance(value, float):
            return repr(value)
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"X'{bytes(value).hex()}'"
        return self._text(_moment(value))

    def _text(self, text: str) -> str:
        text = text.replace("'", "''")
        return "'" + (text.replace("\\", "\\\\") if self.backslash else text) + "'"


def _moment(value: Any) -> str:
    """A value as text; a moment without its offset, as drivers send it."""
    if isinstance(value, (datetime, time)):
        return str(value.replace(tzinfo=None))
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
        return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return value.isoformat() if isinstance(value, date) else str(value)


class Writer:
    """Writes SQL for a session in plain spelling.

    Args:
        spelling: that of the application, in which its own SQL is written.
    """

    def __init__(self, database: Database, spelling: Spelling) -> None:
        self.database = database
        self.spelling = spelling

    def value(self, value: Any) -> str:
        return Spelling().literal(value)

    def rendered(self, node: Node | str) -> str:
        """A node of the application; values in it as literals, for a schema takes no parameters."""
        if isinstance(node, str):
            return self.spelling.plain(node)
        return self.finished(self.database.get_sql_context(scope=SCOPE_VALUES).sql(node))

    def finished(self, context: Context) -> str:
        """What was rendered, values in it as literals."""
        text, params = context.query()
        if not params:
            return self.spelling.plain(str(text))
        literals: Sequence[str] = [self.spelling.literal(value) for value in params]
        try:
            return self.spelling.plain(str(text) % tuple(literals))
        except (TypeError, ValueError) as error:
            raise Refused(
                f"Its SQL cannot be put together with its parameters: {text} ({error}).",
                "where there are parameters, write %% for a percent sign.",
            ) from error

    def column(self, field: Field) -> Column:
        """A prepared field as the definition of a column, its foreign key not included."""
        context = self.database.get_sql_context(scope=SCOPE_VALUES)
        return read_column(tokens(self.rendered(field.ddl(context)))).in_order

    def constant_default(self, column: Column, value: Any, *, encloses_long: bool) -> str:
        """DEFAULT ..., for a value."""
        literal = self.value(value)
        is_enclosed = encloses_long and is_long(column) and value is not None
        return f"DEFAULT ({literal})" if is_enclosed else f"DEFAULT {literal}"

    def default(self, column: Column, default: Any, *, encloses_long: bool) -> str:
        """DEFAULT ..., for a constant or an expression."""
        value: Any = default() if callable_(default) else default
        constant: Any = constant_of(value)
        if constant is not None or value is None:
            return self.constant_default(column, constant, encloses_long=encloses_long)
        text = self.rendered(value).strip()
        stands_alone = _is_literal(text) and not (encloses_long and is_long(column))
        return f"DEFAULT {text}" if stands_alone or _is_now(text) or is_enclosed(tokens(text)) else f"DEFAULT ({text})"

    def type_of(self, field: Field) -> Column:
        """What a field says of its type, and besides."""
        bare = field.clone()
        bare.null = True
        return self.column(bare)


def is_long(column: Column) -> bool:
    return column.kind.endswith(LONG) or column.kind in ("geometry", "point", "polygon")


def is_textual(column: Column) -> bool:
    return column.kind.endswith(TEXTUAL) or column.kind in ("national", "character")


def integer_kind(type_: str) -> tuple[str, bool] | None:
    """The name of a type of whole numbers, and whether it is unsigned; None for others."""
    parts = [token.lower() for token in words(tokens(type_))]
    kind = {"integer": "int", "bool": "tinyint", "boolean": "tinyint"}.get(parts[0], parts[0]) if parts else ""
    if kind not in ("tinyint", "smallint", "mediumint", "int", "bigint"):
        return None
    return kind, "unsigned" in parts or "zerofill" in parts


def enclosing(text: str, column: Column) -> str:
    """DEFAULT with a constant, in the parentheses that long columns ask for on MySQL."""
    value = text[len("DEFAULT") :].strip()
    is_constant = _is_literal(value) and value.upper() != "NULL"
    return f"DEFAULT ({value})" if is_constant and is_long(column) else text


def _significant(text: str) -> list[str]:
    return words(tokens(text))


def _is_literal(text: str) -> bool:
    parts = _significant(text)
    if parts and parts[0] in "+-":
        parts = parts[1:]
    number = "".join(parts)
    is_text = len(parts) == 1 and (parts[0][0] in "'\"" or parts[0].upper() in ("NULL", "TRUE", "FALSE"))
    is_marked = len(parts) == 2 and parts[0].lower() in ("b", "x", "n") and parts[1].startswith("'")
    return is_text or is_marked or (number[:1].isdigit() and number.replace(".", "", 1).replace("e", "", 1).isdigit())


def _is_now(text: str) -> bool:
    parts = _significant(text)
    return bool(parts) and parts[0].upper() in NOW and (len(parts) == 1 or (parts[1] == "(" and parts[-1] == ")"))


def is_settable(default: str) -> bool:
    """Whether ALTER COLUMN ... SET DEFAULT takes it: a constant, or an expression in parentheses."""
    value = default[len("DEFAULT") :].strip()
    return _is_literal(value) or is_enclosed(tokens(value))
