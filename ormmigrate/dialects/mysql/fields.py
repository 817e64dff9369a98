"""Which of peewee's fields makes a column's type on MariaDB and MySQL."""

from __future__ import annotations

import re
from collections.abc import Callable

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DecimalField,
    DoubleField,
    Field,
    FixedCharField,
    FloatField,
    IntegerField,
    JSONField,
    SmallIntegerField,
    TextField,
    TimeField,
)

from ormmigrate.fields import RawField

#: MySQL tells no width of numbers from 8.0.19 on, but that of what stands for true and false.
FIELDS: dict[str, type[Field]] = {
    **dict.fromkeys(("int(11)", "int"), IntegerField),
    **dict.fromkeys(("bigint(20)", "bigint"), BigIntegerField),
    **dict.fromkeys(("smallint(6)", "smallint"), SmallIntegerField),
    "tinyint(1)": BooleanField,
    "float": FloatField,
    "double": DoubleField,
    "text": TextField,
    "blob": BlobField,
    "date": DateField,
    "time": TimeField,
    "datetime": DateTimeField,
    "json": JSONField,
}
#: Those with arguments, which stand in parentheses.
WITH_ARGUMENTS: tuple[tuple[str, Callable[..., Field]], ...] = (
    (r"varchar\(([1-9]\d*)\)", CharField),
    (r"char\(([1-9]\d*)\)", FixedCharField),
    (r"decimal\(([1-9]\d*),(\d+)\)", DecimalField),
)


def field_of(type_: str) -> Field:
    """A field whose DDL is this type; a RawField where none of peewee's makes exactly that."""
    if type_ in FIELDS:
        return FIELDS[type_]()
    for pattern, make in WITH_ARGUMENTS:
        found = re.fullmatch(pattern, type_)
        if found is not None:
            return make(*map(int, found.groups()))
    return RawField(type_)
