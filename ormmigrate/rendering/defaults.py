"""The default of a field as source, in a form that the field which stands in for it stores as the same."""

from __future__ import annotations

from copy import copy
from itertools import count
from typing import Any

from peewee import Context, Field, FieldDatabaseHook, ForeignKeyField, Node, callable_

from ormmigrate.operations import Undecided
from ormmigrate.rendering import values
from ormmigrate.rendering.expressions import Expression
from ormmigrate.rendering.values import Unwritable

#: Functions that always give the same, so that it may stand in their place.
CONSTANT = (dict, list, set, tuple, str, bytes, int, float, bool)


def expression(field: Field, stand_in: Field) -> Expression | None:
    """A field's default; None where it has none, or none that can be written.

    Args:
        stand_in: the field that is written in place of it.
    """
    default = field.default
    if default is None:
        return None
    try:
        if isinstance(default, Undecided) or isinstance(field, ForeignKeyField) or _store_alike(field, stand_in):
            return values.expression(default)
        return values.expression(_for(stand_in, field))
    except Unwritable:
        return None


def _for(stand_in: Field, field: Field) -> Any:
    """The default that another field stores as this one stores its own."""
    default = field.default
    if callable_(default) and default not in CONSTANT:
        values.expression(default)  # nothing of the application's is called
        sample = _called(default)
        if _is_same(_stored(field, sample), _stored(stand_in, sample)):
            return default
        raise Unwritable.value(default)
    value = default() if callable_(default) else default
    stored = _stored(field, value)
    for form in (_plain(stored), value):
        if _is_same(stored, _stored(stand_in, form)):
            return form
    raise Unwritable.value(default)


def _plain(stored: Any) -> Any:
    return bytes(stored) if isinstance(stored, bytearray) else stored


def _store_alike(field: Field, stand_in: Field) -> bool:
    one, other = type(field), type(stand_in)
    return one.db_value is other.db_value and one.adapt is other.adapt


def _called(function: Any) -> Any:
    owner = getattr(function, "__self__", None)
    # The numbers that it counts are for rows.
    return next(copy(owner)) if isinstance(owner, count) else function()


def _stored(field: Field, value: Any) -> Any:
    """What a field makes of a value for the database.

    Raises:
        Unwritable: it needs its model for that, or cannot at all.
    """
    ready = field.clone()
    try:
        if isinstance(ready, FieldDatabaseHook):
            hooked: Any = ready
            hooked._db_hook(None)
        return ready.db_value(value)
    except Exception as error:  # it is the application's code, which raises whatever it likes
        raise Unwritable.value(value) from error


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Node):
        # peewee's nodes answer == with an expression, which is always true.
        return bool(Context().sql(one).query() == Context().sql(other).query())
    return bool(one == other)
