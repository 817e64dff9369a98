"""The field that a migration may name in place of another: of a class of peewee's, with the same column.

A class of the application, or of somebody else, may change after the migration was written. In its place stands the
nearest of its bases that is peewee's and asks for the same type, or else a RawField.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import peewee
from peewee import SQL, Context, DeferredForeignKey, Field, ForeignKeyField, MetaField, Node

from ormmigrate.fields import RawField
from ormmigrate.rendering.values import Unwritable

#: What constructors take that says nothing of the column, and what is read in another way.
LEFT_OUT = {
    *("self", "default", "column_name", "db_column", "help_text", "verbose_name", "choices", "_hidden"),
    *("model", "field", "backref", "related_name", "rel_model", "to_field", "object_id_name", "lazy_load", "_deferred"),
    *("adapt", "dumps", "loads", "json_dumps", "json_loads", "column_type", "field_class", "field_kwargs"),
}
#: The numbers behind a type, by where they stand there: a class may fix them.
NUMBERS = {"max_length": 0, "max_digits": 0, "decimal_places": 1}
#: What makes no column, or is there to be subclassed.
NO_COLUMNS = (MetaField, DeferredForeignKey, peewee.FieldAlias)
NOT_TO_BE_NAMED = (Field, peewee.PrimaryKeyField, *NO_COLUMNS)
#: For a class that derives from none of peewee's which asks for the same type.
STAND_INS = (
    *(peewee.IntegerField, peewee.BigIntegerField, peewee.SmallIntegerField, peewee.FloatField, peewee.DoubleField),
    *(peewee.DecimalField, peewee.CharField, peewee.FixedCharField, peewee.TextField, peewee.BlobField),
    *(peewee.UUIDField, peewee.BinaryUUIDField, peewee.DateTimeField, peewee.DateField, peewee.TimeField),
    *(peewee.BooleanField, peewee.JSONField, peewee.AnyField, peewee.AutoField, peewee.BigAutoField),
)


@dataclass(frozen=True)
class Likeness:
    """A field with the same column as another, without its default.

    Attributes:
        arguments: what made it, besides what its class has to be given.
    """

    field: Field
    arguments: dict[str, Any]


def likeness(field: Field) -> Likeness:
    """The field that may be named in place of one.

    Raises:
        Unwritable: it makes no column.
    """
    if isinstance(field, NO_COLUMNS):
        raise Unwritable(f"{type(field).__name__} makes no column")
    if isinstance(field, ForeignKeyField):
        return _made(field, ForeignKeyField, field.rel_model, field.rel_field)
    wanted = type_text(field)
    for candidate in _candidates(type(field)):
        try:
            found = _made(field, candidate)
        except (TypeError, ValueError):
            continue  # it has to be given what is the application's, an Enum, or refuses what the field says
        if type_text(found.field) == wanted:
            return found
    return _made(field, RawField, wanted)


def type_text(field: Field) -> str:
    """The type that a field asks for, in peewee's words."""
    datatype = field.ddl_datatype(Context())
    return "" if datatype is None else _sql(datatype)


def _candidates(cls: type[Field]) -> Iterator[type[Field]]:
    yield from (base for base in cls.__mro__ if _may_be_named(base))
    if cls.ddl_datatype is Field.ddl_datatype:
        yield from STAND_INS


def _may_be_named(cls: type) -> bool:
    if not issubclass(cls, Field) or cls in NOT_TO_BE_NAMED or cls.__name__.startswith("_"):
        return False
    if cls.__module__ != "peewee" and not cls.__module__.startswith("playhouse."):
        return False
    return getattr(import_module(cls.__module__), cls.__name__, None) is cls


def _made(field: Field, cls: Callable[..., Field], *given: Any) -> Likeness:
    """A field of a class, which has to be given something first, that says what another does."""
    blank = cls(*given)
    arguments = _particular(field, blank)
    for name in _parameters(type(blank)):  # type: ignore[arg-type]  # a class can be hashed, whatever its instances can
        value = _said(field, name, blank)
        if _differs(value, _said(blank, name, blank)):
            arguments[name] = value
    found = cls(*given, **arguments)
    more = _said_behind(field, found)
    if not more:
        return Likeness(found, arguments)
    arguments["constraints"] = [*(field.constraints or ()), SQL(more)]
    return Likeness(cls(*given, **arguments), arguments)


def _said_behind(field: Field, found: Field) -> str:
    """What a class adds behind the DDL of the one that stands in for it."""
    if type(field).ddl is type(found).ddl or isinstance(field, ForeignKeyField):
        return ""
    said, usual = _ddl(field), _ddl(found)
    return said.removeprefix(usual).strip() if said.startswith(usual) else ""


def _ddl(field: Field) -> str:
    named = field.clone()
    named.name = named.column_name = "x"
    return _sql(named.ddl(Context()))


def _sql(node: Node) -> str:
    return str(Context().sql(node).query()[0])


# -- arguments ----------------------------------------------------------------------------------


@cache
def _parameters(cls: type[Field]) -> tuple[str, ...]:
    """The names of what a class's constructor takes, those of its bases behind its own."""
    # A TimestampField takes these out of its keywords.
    names = ["resolution", "utc"] if issubclass(cls, peewee.TimestampField) else []
    for base in cls.__mro__:
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            names += [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    return tuple(name for name in dict.fromkeys(names) if name not in LEFT_OUT)


def _said(field: Field, name: str, blank: Field) -> Any:
    """What a field says for an argument of the blank one's class, as far as it knows it."""
    if name in NUMBERS and hasattr(blank, name):
        numbers = field.get_modifiers() or ()
        return numbers[NUMBERS[name]] if len(numbers) > NUMBERS[name] else None
    # Not getattr of the field: a foreign key takes what it lacks from the model that it refers to.
    value = vars(field).get(name, getattr(type(field), name, vars(blank).get(name)))
    return (list(value) if value else None) if name == "constraints" else value


def _differs(value: Any, usual: Any) -> bool:
    # peewee's nodes answer == with an expression, which is always true.
    return value is not usual and (isinstance(value, Node) or type(value) is not type(usual) or value != usual)


def _particular(field: Field, blank: Field) -> dict[str, Any]:
    """What a class does not keep under the name of the argument."""
    if isinstance(blank, peewee.IdentityField):
        return {"generate_always": True} if " ALWAYS " in field.field_type else {}
    if isinstance(_element(blank), Field):
        return _array(likeness(_element(field)))
    is_compressed = hasattr(type(blank), "algorithm_to_import")
    return {"algorithm": "bz2"} if is_compressed and vars(field)["compress"].__module__ == "bz2" else {}


def _element(field: Field) -> Any:
    """The field that an array's elements are of."""
    return vars(field).get("_ArrayField__field")


def _array(inner: Likeness) -> dict[str, Any]:
    cls, arguments = type(inner.field), inner.arguments
    if isinstance(inner.field, RawField):
        arguments = {"column_type": inner.field.column_type, **arguments}
    found: dict[str, Any] = {} if cls is peewee.IntegerField else {"field_class": cls}
    return {**found, "field_kwargs": arguments} if arguments else found
