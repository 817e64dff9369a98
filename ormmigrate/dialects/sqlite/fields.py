"""Which of peewee's fields makes a column's type on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import (
    BlobField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    FixedCharField,
    FloatField,
    IntegerField,
    TextField,
    TimeField,
)

from ormmigrate.dialects.sqlite.tokens import NUMBER, significant
from ormmigrate.fields import RawField

# peewee's stubs do not know all that these take.
VARCHAR: Any = CharField
CHAR: Any = FixedCharField
#: By the type and the number of its arguments. BIGINT and SMALLINT are not among them: on SQLite peewee's fields of
#: these names make INTEGER, and its UUIDField makes TEXT.
FIELDS: dict[tuple[str, int], Callable[..., Field]] = {
    ("INTEGER", 0): IntegerField,
    ("REAL", 0): FloatField,
    ("TEXT", 0): TextField,
    ("BLOB", 0): BlobField,
    ("DATE", 0): DateField,
    ("TIME", 0): TimeField,
    ("DATETIME", 0): DateTimeField,
    ("VARCHAR", 0): lambda: VARCHAR(max_length=None),
    ("VARCHAR", 1): lambda length: VARCHAR(max_length=length),
    ("CHAR", 0): lambda: CHAR(max_length=None),
    ("CHAR", 1): lambda length: CHAR(max_length=length),
    ("DECIMAL", 2): lambda digits, places: DecimalField(max_digits=digits, decimal_places=places),
}


def field_of(type_: str) -> Field:
    """A field whose DDL is this type; a RawField where none of peewee's makes exactly that."""
    numbers = [token.text for token in significant(type_) if token.kind == NUMBER]
    name = type_.partition("(")[0]
    make = FIELDS.get((name, len(numbers)))
    if make is None or type_ != _spelled(name, numbers) or not all(map(_is_count, numbers)):
        return RawField(type_)
    return make(*map(int, numbers))


def _spelled(name: str, numbers: list[str]) -> str:
    return f"{name}({', '.join(numbers)})" if numbers else name


def _is_count(number: str) -> bool:
    """Whether it comes out again as it is: neither 0, which stands for none, nor with zeros in front."""
    return number.isascii() and number.isdigit() and number[0] != "0"
