"""Values that a column will probably take, by its type and by what CHECKs say of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from ormmigrate.schema import Check, Column

#: The literals of an expression. Whatever else they find costs one try more.
TEXTS = re.compile(r"'((?:[^']|'')*)'")
NUMBERS = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?")
SIZES = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")
#: No column of a test needs a longer one.
LONGEST_TEXT = 1000

Sizes = Sequence[int]


def candidates(column: Column, checks: Iterable[Check], number: int) -> list[object]:
    """Values to try for a column, likeliest first.

    Args:
        checks: those of the column's table.
        number: that of the row, from 1; the likeliest of two rows differ, where the type has as many values.
    """
    plain = plain_value(column, number)
    found: list[object] = [*_rotated(_texts(column.type), number)]
    for check in checks:
        if column.name in check.columns:
            found += _suggested(check.expression, plain, number)
    # A text is compared with others most of the time, a number with limits.
    found = [*found, plain] if isinstance(plain, str) else [plain, *found]
    return list({repr(value): value for value in found}.values())


def plain_value(column: Column, number: int) -> object:
    """A value of the column's type, which no two numbers share where there are as many."""
    type_ = TEXTS.sub("", column.type.lower())
    found = SIZES.search(type_)
    sizes = [int(size) for size in found.groups() if size is not None] if found else []
    for words, make in KINDS:
        if any(word in type_ for word in words):
            return make(number, sizes)
    return _text(number, sizes)


def _text(number: int, sizes: Sizes) -> str:
    # Digits alone can be cast to most of what a text may become.
    return str(number)[-sizes[0] :] if sizes and sizes[0] else str(number)


def _decimal(number: int, sizes: Sizes) -> object:
    """One below 1 where the type has no room for more."""
    return number / 10 ** sizes[1] if len(sizes) == 2 and sizes[0] == sizes[1] else number


#: Words of types, and what makes a value of such a type; the first that fits. All others take a text.
KINDS: tuple[tuple[tuple[str, ...], Callable[[int, Sizes], object]], ...] = (
    (("enum", "set("), _text),
    (("[]", "array"), lambda number, _: "{}"),
    (("range",), lambda number, _: "empty"),
    (("bool",), lambda number, _: number % 2 == 1),
    (("interval",), lambda number, _: f"{number} days"),
    (("point",), lambda number, _: f"({number},{number})"),
    (("int", "serial"), lambda number, _: number),
    (("year",), lambda number, _: 2000 + number % 100),
    (("dec", "num", "real", "double", "float", "money"), _decimal),
    (("timestamp", "datetime"), lambda number, _: f"2024-01-01 00:00:{number % 60:02}"),
    (("date",), lambda number, _: f"2024-01-{number % 28 + 1:02}"),
    (("time",), lambda number, _: f"00:00:{number % 60:02}"),
    (("uuid",), lambda number, _: str(UUID(int=number))),
    (("json",), lambda number, _: _json(number)),
    (("bytea", "blob", "binary"), lambda number, _: str(number).encode()),
    (("bit",), lambda number, _: "1"),
    (("inet", "cidr"), lambda number, _: f"10.0.0.{number % 256}"),
    (("macaddr",), lambda number, _: f"08:00:2b:01:02:{number % 100:02}"),
    (("xml",), lambda number, _: f"<n>{number}</n>"),
)


def _json(number: int) -> str:
    return f'{{"n": {number}}}'


def _suggested(expression: str, plain: object, number: int) -> list[object]:
    """What the literals of a CHECK suggest: `IN ('a', 'b')`, `> 10`, `LIKE '%@%'`, `length(x) = 3`."""
    limits = [float(found) if "." in found else int(found) for found in NUMBERS.findall(TEXTS.sub("", expression))]
    if isinstance(plain, str):
        return list(_suggested_texts(expression, limits, plain, number))
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        return []
    return [value for limit in limits for value in (limit + number, limit - number, limit)]


def _suggested_texts(expression: str, limits: Sequence[float], plain: str, number: int) -> Iterator[str]:
    texts = _texts(expression)
    yield from _rotated(texts, number)
    yield from (text.replace("%", plain).replace("_", plain[-1:]) for text in texts)
    if "json" in expression.lower():
        yield _json(number)
    for limit in limits:
        if 0 < limit < LONGEST_TEXT:
            yield plain.rjust(int(limit), "0")[-int(limit) :]


def _texts(expression: str) -> list[str]:
    return [text.replace("''", "'") for text in TEXTS.findall(expression)]


def _rotated(texts: Sequence[str], number: int) -> list[str]:
    """The same, from another one on for each number."""
    first = (number - 1) % len(texts) if texts else 0
    return [*texts[first:], *texts[:first]]
