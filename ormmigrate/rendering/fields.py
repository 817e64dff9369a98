"""Fields as source, with what means something to the database or for filling rows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import peewee
from peewee import AutoField, BigAutoField, Field, ForeignKeyField, Model

from ormmigrate.fields import RawField
from ormmigrate.migration import Reference
from ormmigrate.operations import UNDECIDED, fills_itself
from ormmigrate.rendering import defaults, values
from ormmigrate.rendering.expressions import NONE, Call, Expression, Import, Keyword, Text, Word
from ormmigrate.rendering.likening import Likeness, likeness
from ormmigrate.rendering.values import Unwritable

#: What turns values into what is stored: needed only where there is a default to be turned.
CONVERTING = {"formats", "auto_round", "rounding", "compression_level", "algorithm"}
#: What every field takes; the rest is about the type.
COMMON = set(inspect.signature(Field.__init__).parameters)


def expression(field: Field) -> Expression:
    """A field as source.

    Raises:
        Unwritable: it makes no column, or an argument of it has no source.
    """
    found = likeness(field)
    default = defaults.expression(field, found.field)
    left_out = CONVERTING if default is None else set()
    said = {name: value for name, value in found.arguments.items() if name not in left_out}
    keywords = [] if default == defaults.expression(found.field, found.field) else [Keyword("default", default or NONE)]
    return _call(found, said, *keywords)


def with_decision(field: Field) -> Field:
    """A field for rows that are there: with UNDECIDED, where they need its default and it cannot be written."""
    if field.default is None or defaults.expression(field, likeness(field).field) is not None:
        return field
    asked: Field = field.clone()
    asked.default = None
    if not fills_itself(asked):
        asked.default = UNDECIDED
    return asked


def _call(found: Likeness, said: Mapping[str, Any], *more: Keyword) -> Call:
    keywords = [Keyword(name, values.expression(value)) for name, value in said.items() if name != "field_class"]
    return Call(_class(type(found.field)), (*_first(found), *keywords, *more))


def _first(found: Likeness) -> list[Expression]:
    """What a class has to be given, or usually is, in front."""
    if isinstance(found.field, RawField):
        return [Text(found.field.column_type)]
    if isinstance(found.field, ForeignKeyField):
        return _target(found.field)
    return [_class(found.arguments["field_class"])] if "field_class" in found.arguments else []


def _class(cls: type) -> Word:
    """A class by its name; by its module and its name where peewee has one of the same name."""
    module, name = cls.__module__, cls.__name__
    if cls is RawField:
        return Word(name, Import("ormmigrate", name))
    if module != "peewee" and hasattr(peewee, name):
        package, _, home = module.rpartition(".")
        return Word(f"{home}.{name}", Import(package, home))
    return Word(name, Import(module, name))


# -- foreign keys -------------------------------------------------------------------------------


def _target(field: ForeignKeyField) -> list[Expression]:
    """What a foreign key refers to, as its first arguments."""
    target = field.rel_model
    if target == "self":
        return [Text("self"), *([Text(field.rel_field)] if field.rel_field is not None else [])]
    if isinstance(target, type) and issubclass(target, Model):
        meta: Any = target._meta
        key = meta.fields[field.rel_field] if isinstance(field.rel_field, str) else field.rel_field or meta.primary_key
        target = Reference(meta.table_name, key.column_name, key, meta.schema)
    if not isinstance(target, Reference):
        raise Unwritable.value(target)
    return [_reference(target)]


def _reference(target: Reference) -> Call:
    """`reference("user")`, with whatever is not as usual."""
    said: list[Expression] = [Text(target.table)]
    said += [Text(target.column)] if target.column != "id" else []
    key = target.field
    while isinstance(key, ForeignKeyField) and isinstance(key.rel_model, Reference):
        key = key.rel_model.field  # of the type of what it refers to itself
    # Any of those that number rows stands for an INT, except one.
    if not isinstance(key, AutoField) or isinstance(key, BigAutoField):
        said.append(Keyword("field", _type_alone(key)))
    said += [Keyword("schema", Text(target.schema))] if target.schema else []
    return Call(Word("reference", Import("ormmigrate", "reference")), tuple(said))


def _type_alone(field: Field) -> Call:
    """A field that says its type only."""
    found = likeness(field)
    left_out = COMMON | CONVERTING
    return _call(found, {name: value for name, value in found.arguments.items() if name not in left_out})
