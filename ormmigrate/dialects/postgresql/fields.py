"""Which field makes a column of a type: the inverse of peewee's own DDL."""

from __future__ import annotations

from collections.abc import Callable

import peewee
from peewee import Field
from playhouse import postgres_ext

from ormmigrate.dialects.postgresql.expressions import closing, tokens_of
from ormmigrate.fields import RawField

#: Types without arguments. What peewee calls a FloatField is a `double precision`, and it has nothing for `real`.
PLAIN: dict[str, Callable[[], Field]] = {
    "bigint": peewee.BigIntegerField,
    "boolean": peewee.BooleanField,
    "bytea": peewee.BlobField,
    "character varying": lambda: peewee.CharField(max_length=None),  # type: ignore[call-overload]
    "date": peewee.DateField,
    "double precision": peewee.DoubleField,
    "real": peewee.FloatField,
    "hstore": lambda: postgres_ext.HStoreField(index=False),
    "integer": peewee.IntegerField,
    "interval": postgres_ext.IntervalField,
    "json": postgres_ext.JSONField,
    "jsonb": peewee.JSONField,
    "smallint": peewee.SmallIntegerField,
    "text": peewee.TextField,
    "time without time zone": peewee.TimeField,
    "timestamp with time zone": postgres_ext.DateTimeTZField,
    "timestamp without time zone": peewee.DateTimeField,
    "tsvector": lambda: postgres_ext.TSVectorField(index=False),
    "uuid": peewee.UUIDField,
}
#: Types with as many numbers as arguments.
WITH_ARGUMENTS: dict[tuple[str, int], Callable[..., Field]] = {
    ("character", 1): peewee.FixedCharField,
    ("character varying", 1): peewee.CharField,
    ("numeric", 2): peewee.DecimalField,
}
#: What they are called.
ARGUMENTS = ("max_length", "max_digits", "decimal_places")


def field_of_type(type_: str) -> Field:
    """A field whose DDL is that type and nothing else."""
    if type_.endswith("[]"):
        return _array(type_)
    if type_ in PLAIN:
        return PLAIN[type_]()
    name, arguments = _split(type_)
    make = WITH_ARGUMENTS.get((name, len(arguments)))
    return RawField(type_) if make is None else make(*arguments)


def _array(type_: str) -> Field:
    element = field_of_type(type_.removesuffix("[]"))
    if isinstance(element, RawField) or type(element).__module__ != "peewee":
        return RawField(type_)
    arguments = {name: getattr(element, name) for name in ARGUMENTS if hasattr(element, name)}
    made: Field = postgres_ext.ArrayField(type(element), arguments or None, index=False)
    return made


def _split(type_: str) -> tuple[str, list[int]]:
    """`numeric`, [7, 2] of `numeric(7,2)`; no arguments where they are no numbers, or stand in the middle."""
    tokens = tokens_of(type_)
    opening = next((number for number, one in enumerate(tokens) if one.text == "("), None)
    if opening is None or closing(tokens, opening) != len(tokens) - 1:
        return type_, []
    arguments = [one.text for one in tokens[opening + 1 : -1] if one.text != ","]
    if not all(one.isdigit() for one in arguments):
        return type_, []
    return type_[: tokens[opening].start], [int(one) for one in arguments]
