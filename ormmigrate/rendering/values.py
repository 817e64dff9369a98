"""Values of Python as source: those that mean the same wherever they are read."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from importlib import import_module
from itertools import count
from typing import Any
from uuid import UUID

from peewee import SQL, Entity, Node, NodeList

from ormmigrate.operations import Undecided
from ormmigrate.rendering.expressions import (
    ELLIPSIS,
    Brackets,
    Call,
    Entry,
    Expression,
    Import,
    Keyword,
    Text,
    Word,
    listing,
    row,
)

#: The modules of Python whose functions a default may be.
STANDARD = (
    "builtins",
    "calendar",
    "collections",
    "datetime",
    "decimal",
    "getpass",
    "platform",
    "random",
    "secrets",
    "socket",
    "string",
    "time",
    "uuid",
)


class Unwritable(Exception):
    """Something that has no source: a function or an object of the application."""

    @classmethod
    def value(cls, value: object) -> Unwritable:
        return cls(f"{value!r}, a {type(value).__name__}, means nothing in a file")


def expression(value: Any) -> Expression:
    """A value as source.

    Raises:
        Unwritable: it is, or holds, something that has none.
    """
    if isinstance(value, Undecided):
        return ELLIPSIS
    if isinstance(value, Enum):
        return expression(value.value)
    if value is None or isinstance(value, bool):
        return Word(repr(value))
    for kind, write in _KINDS:
        if isinstance(value, kind):
            return write(value)
    return _function(value)


def _number(value: int) -> Expression:
    return Word(int.__repr__(value))


def _float(value: float) -> Expression:
    text = float.__repr__(value)
    return Word(text.replace("e+", "e")) if math.isfinite(value) else _call("float", Text(text))


def _bytearray(value: bytearray) -> Expression:
    return _call("bytearray", Text(bytes(value)))


def _decimal(value: Decimal) -> Expression:
    return Call(Word("Decimal", Import("decimal", "Decimal")), (Text(str(value)),))


def _uuid(value: UUID) -> Expression:
    return _of_module("uuid", "UUID", Text(str(value)))


# -- times --------------------------------------------------------------------------------------


def _datetime(value: datetime.datetime) -> Expression:
    if value.tzinfo is not None:
        return _of_module("datetime", "datetime.fromisoformat", Text(value.isoformat()))
    day = [value.year, value.month, value.day]
    clock = _without_zeros([value.hour, value.minute, value.second, value.microsecond], 0)
    fold = (Keyword("fold", Word("1")),) if value.fold else ()
    return _of_module("datetime", "datetime", *map(_number, [*day, *clock]), *fold)


def _date(value: datetime.date) -> Expression:
    return _of_module("datetime", "date", *map(_number, [value.year, value.month, value.day]))


def _time(value: datetime.time) -> Expression:
    if value.tzinfo is not None:
        return _of_module("datetime", "time.fromisoformat", Text(value.isoformat()))
    clock = _without_zeros([value.hour, value.minute, value.second, value.microsecond], 2)
    fold = (Keyword("fold", Word("1")),) if value.fold else ()
    return _of_module("datetime", "time", *map(_number, clock), *fold)


def _timedelta(value: datetime.timedelta) -> Expression:
    parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
    said = (Keyword(name, _number(part)) for name, part in parts.items() if part)
    return _of_module("datetime", "timedelta", *said)


def _without_zeros(numbers: list[int], least: int) -> list[int]:
    """Numbers without the zeros at their end, but at least so many."""
    while len(numbers) > least and not numbers[-1]:
        numbers.pop()
    return numbers


# -- several ------------------------------------------------------------------------------------


def _list(value: list[Any]) -> Expression:
    return listing(*map(expression, value))


def _tuple(value: tuple[Any, ...]) -> Expression:
    return row(*map(expression, value))


def _set(value: Iterable[Any]) -> Expression:
    # In the order of their texts: a set has none that is the same the next time.
    items = tuple(sorted(map(expression, value), key=lambda item: item.flat() or ""))
    return Brackets("{", items, "}") if items else _call("set")


def _frozenset(value: frozenset[Any]) -> Expression:
    return _call("frozenset", _set(value)) if value else _call("frozenset")


def _mapping(value: Mapping[Any, Any]) -> Expression:
    entries = (Entry(expression(key), expression(one)) for key, one in value.items())
    return Brackets("{", tuple(entries), "}")


# -- functions ----------------------------------------------------------------------------------


def _function(value: Any) -> Expression:
    """A function of Python's own or of peewee, by its import."""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, count) and value.__name__ == "__next__":
        return Word(f"{owner!r}.__next__", Import("itertools", "count"))
    module, name = _address(value, owner)
    if module not in (*STANDARD, "peewee") or _found(module, name) != value:
        raise Unwritable.value(value)
    if module == "builtins":
        return Word(name)
    return Word(name, Import(module, name)) if module == "peewee" else Word(f"{module}.{name}", Import(module))


def _address(value: Any, owner: object) -> tuple[str, str]:
    """The module and the name under which a function is found, if it is."""
    name = str(getattr(value, "__qualname__", ""))
    if isinstance(owner, type):
        return owner.__module__.lstrip("_"), f"{owner.__qualname__}.{value.__name__}"
    module = getattr(value, "__module__", None)
    if module is None:
        # random.random is a method of an object that the module keeps for itself.
        return type(owner).__module__, name.rpartition(".")[2]
    return str(module).lstrip("_"), name


def _found(module: str, name: str) -> object:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _call(name: str, *arguments: Expression) -> Expression:
    return Call(Word(name), arguments)


def _of_module(module: str, name: str, *arguments: Expression) -> Expression:
    return Call(Word(f"{module}.{name}", Import(module)), arguments)


# -- SQL ----------------------------------------------------------------------------------------


def _node(value: Node) -> Expression:
    """`SQL(...)`, or `Check(...)` where it is one."""
    if isinstance(value, NodeList) and _is_named_check(value):
        _, name, check = value.nodes
        return _check(check.sql, Keyword("name", Text(name._path[0])))
    if not isinstance(value, SQL):
        raise Unwritable.value(value)
    if not value.params and _is_check(value.sql):
        return _check(value.sql)
    params = (_list(list(value.params)),) if value.params else ()
    return Call(Word("SQL", Import("peewee", "SQL")), (Text(value.sql), *params))


def _check(text: str, *said: Keyword) -> Expression:
    return Call(Word("Check", Import("peewee", "Check")), (Text(text[len("CHECK (") : -1]), *said))


def _is_named_check(value: NodeList) -> bool:
    """Whether it is what `Check(..., name=...)` makes."""
    kinds = [type(node) for node in value.nodes]
    return kinds == [SQL, Entity, SQL] and value.nodes[2].sql.startswith("CHECK (")


def _is_check(text: str) -> bool:
    """Whether it is a CHECK and nothing behind it: no parenthesis but the last closes the first."""
    depth, quote = 0, ""
    for character in text[len("CHECK") : -1]:
        if quote or character in "'\"`":
            quote = quote or character if character != quote else ""
        else:
            depth += (character == "(") - (character == ")")
            if depth == 0 and character == ")":
                return False
    return text.startswith("CHECK (") and text.endswith(")") and depth == 1 and not quote


# datetime is a date, and so comes first.
_KINDS: tuple[tuple[type, Callable[[Any], Expression]], ...] = (
    (int, _number),
    (float, _float),
    (str, Text),
    (bytes, Text),
    (bytearray, _bytearray),
    (Decimal, _decimal),
    (UUID, _uuid),
    (datetime.datetime, _datetime),
    (datetime.date, _date),
    (datetime.time, _time),
    (datetime.timedelta, _timedelta),
    (list, _list),
    (tuple, _tuple),
    (set, _set),
    (frozenset, _frozenset),
    (Mapping, _mapping),
    (Node, _node),
)
