"""What rows that are there hold in a column that comes, comes back, or forbids NULL from now on. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from peewee import (
    SQL,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    FloatField,
    ForeignKeyField,
    IntegerField,
    TextField,
    TimeField,
    UUIDField,
    callable_,
)

from ormmigrate.building import Builder
from ormmigrate.facts import columns_of
from ormmigrate.fields import RawField
from ormmigrate.literals import literal_of
from ormmigrate.operations import UNDECIDED
from ormmigrate.schema import Column, Table

PLAIN_VALUES = (bool, int, float, str, bytes, Decimal, date, time, uuid.UUID)
#: What a column that forbids NULL holds after it came back without its values, by what peewee calls its type.
PLACEHOLDERS: dict[str, Any] = {
    **dict.fromkeys(("JSON", "JSONB", "HSTORE"), dict),
    "INTERVAL": timedelta(0),
    "UUID": uuid.uuid4,
    "UUIDB": uuid.uuid4,
}
#: The same by its class.
CLASS_PLACEHOLDERS: tuple[tuple[type[Field], Any], ...] = (
    (BooleanField, False),
    (IntegerField, 0),
    (DecimalField, Decimal(0)),
    (FloatField, 0.0),
    (DateTimeField, datetime(1970, 1, 1)),
    (DateField, date(1970, 1, 1)),
    (TimeField, time(0)),
    (BlobField, b""),
    (CharField, ""),
    (TextField, ""),
)
NUMBERS = ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "real", "double", "float", "bool", "boolean")
TEXTS = ("", "text", "varchar", "char", "character", "nvarchar", "nchar", "clob", "citext", "tinytext", "mediumtext")
#: By the first word of a type that no field makes. What is not here cannot come back without its values.
RAW_PLACEHOLDERS: dict[str, Any] = {
    **dict.fromkeys((*NUMBERS, "numeric", "decimal", "number", "smallserial"), 0),
    **dict.fromkeys((*TEXTS, "longtext", "tsvector"), ""),
    **dict.fromkeys(("blob", "bytea", "binary", "varbinary", "tinyblob", "mediumblob", "longblob"), b""),
    **dict.fromkeys(("datetime", "timestamp", "timestamptz"), "1970-01-01 00:00:00"),
    **dict.fromkeys(("json", "jsonb"), "{}"),
    "date": "1970-01-01",
    "time": "00:00:00",
    "year": 1970,
    "interval": "0",
    "inet": "0.0.0.0",
    "set": "",
}


def must_be_distinct(builder: Builder, table: Table, column: Column, beside: Sequence[Column]) -> bool:
    """Whether rows that all get the same in a column would be alike where no two may be.

    Args:
        beside: the columns in which rows are alike then.
    """
    fold = builder.kind.folded_column
    columns = {fold(one.name) for one in table.columns}
    alike = {fold(one.name) for one in beside}
    for index in table.indexes:
        names = {fold(name) for name in columns_of(index)} & columns
        if index.unique and fold(column.name) in names and names <= alike:
            return True
    return False


def fills_alike(made: Field, column: Column) -> bool:
    """Whether rows that are there would all get the same in a column that is added."""
    said = column.default is not None or (made.default is not None and not callable_(made.default))
    return said and not column.null


def placeholder(made: Field, column: Column, *, is_unique: bool) -> Any:
    """What rows hold in a column that came back without its values; None where nothing can be said."""
    if isinstance(made, ForeignKeyField):
        return None  # no row that it could refer to is known
    if is_unique and not isinstance(made, (UUIDField, DateField, DateTimeField, TimeField, BlobField)):
        return count(1).__next__
    if hasattr(made, "dimensions"):  # of playhouse.postgres_ext.ArrayField
        return list
    if "JSON" in type(made).__name__:
        return dict
    if isinstance(made, RawField):
        return _raw_placeholder(column.type.lower())
    for kind, value in CLASS_PLACEHOLDERS:
        if isinstance(made, kind):
            return value
    return PLACEHOLDERS.get(made.field_type)


def _raw_placeholder(type_: str) -> Any:
    word, _, arguments = type_.partition("(")
    if type_.endswith("[]"):
        return "{}"
    if word == "enum":
        return literal_of(arguments.rpartition(")")[0].split(",")[0])  # its first label
    return RAW_PLACEHOLDERS.get((word.split() or [""])[0])


def default_value(text: str | None) -> Any:
    """A default of the database as a constant, or as SQL."""
    constant = literal_of(text or "")
    return SQL(text) if constant is None else constant


def fill_of(column: Column) -> Any:
    """What rows that hold NULL get in a column that forbids it."""
    made = column.field
    if made is not None and made.default is not None and not callable_(made.default):
        value = made.db_value(made.default)
        if isinstance(value, PLAIN_VALUES):
            return value
    return UNDECIDED if column.default is None else default_value(column.default)
