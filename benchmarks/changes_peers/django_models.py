"""Django's models of a state, as its migrations hold them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import F, Q
from django.db.models.functions import Lower, Upper

from changes_peers.states import CannotBeSaid, State, attribute, python_default
from ormmigrate.schema import Column, ForeignKey, Index, Table

APP = "shop"
FIELDS: dict[str, type[models.Field[Any, Any]]] = {
    "INTEGER": models.IntegerField,
    "BIGINT": models.BigIntegerField,
    "REAL": models.FloatField,
    "TEXT": models.TextField,
    "DATE": models.DateField,
    "DATETIME": models.DateTimeField,
    "BOOLEAN": models.BooleanField,
    "VARCHAR": models.CharField,
    "DECIMAL": models.DecimalField,
}
ARGUMENTS = {"VARCHAR": ("max_length",), "DECIMAL": ("max_digits", "decimal_places")}
ACTIONS = {
    "NO ACTION": models.DO_NOTHING,
    "RESTRICT": models.RESTRICT,
    "CASCADE": models.CASCADE,
    "SET NULL": models.SET_NULL,
}
FUNCTIONS = {"lower": Lower, "upper": Upper}


def project_state(state: State) -> ProjectState:
    """SQL behind the tables is no part of it."""
    found = ProjectState()
    for table in state.tables:
        found.add_model(ModelState(APP, table.name.title(), fields(table), options(table)))
    return found


def expression(text: str) -> Any:
    """SQL of the states as Django's users write it: `pages > 9`, `pages * 2`, `lower(title)`."""
    if text.endswith(")"):
        name, _, column = text.rstrip(")").partition("(")
        return FUNCTIONS[name](column)
    column, sign, number = text.split()
    return Q(**{f"{column}__gt": int(number)}) if sign == ">" else F(column) * int(number)


def _key(table: Table, column: Column) -> ForeignKey | None:
    return next((key for key in table.foreign_keys if key.columns == (column.name,)), None)


def fields(table: Table) -> list[tuple[str, Any]]:
    found = [(attribute(column.name), _field(table, column)) for column in table.columns]
    if len(table.primary_key) > 1:
        found.insert(0, ("pk", models.CompositePrimaryKey(*table.primary_key)))
    return found


def _field(table: Table, column: Column) -> Any:
    if column.identity == "AUTOINCREMENT":
        raise CannotBeSaid("always there")
    own = [index for index in table.indexes if _is_of_field(index) and index.columns == (column.name,)]
    options: dict[str, Any] = {
        "null": column.null,
        "db_index": bool(own) and not any(index.unique for index in own),
        "unique": any(index.unique for index in own),
    }
    if column.name != attribute(column.name):
        options["db_column"] = column.name
    if python_default(column) is not None:
        options["default"] = python_default(column)
    if column.default is not None:
        options["db_default"] = column.default.strip("'") if column.default.startswith("'") else int(column.default)
    key = _key(table, column)
    if key is not None:
        if key.deferrable:
            raise CannotBeSaid("always deferred")
        target = "self" if key.table == table.name else f"{APP}.{key.table.title()}"
        if options.pop("unique"):
            return models.OneToOneField(target, ACTIONS[key.on_delete], related_name="+", null=column.null)
        return models.ForeignKey(target, ACTIONS[key.on_delete], related_name="+", **options)
    if table.primary_key == ("id",) == (column.name,):
        return models.AutoField(primary_key=True)
    if table.primary_key == (column.name,):
        options = {"primary_key": True}
    if column.collation:
        options["db_collation"] = column.collation
    word, _, numbers = column.type.rstrip(")").partition("(")
    if numbers:
        options.update(zip(ARGUMENTS[word], map(int, numbers.split(","))))
    if column.generated is not None:
        options = {"expression": expression(column.generated), "db_persist": column.stored}
        return models.GeneratedField(output_field=FIELDS[word](null=True), **options)
    return FIELDS[word](**options)


def options(table: Table) -> dict[str, Any]:
    if table.options:
        raise CannotBeSaid(table.options[0])
    if any(len(key.columns) > 1 for key in table.foreign_keys):
        raise CannotBeSaid("a foreign key over several columns")
    constraints: list[Any] = [
        models.CheckConstraint(condition=expression(check.expression), name=check.name) for check in table.checks
    ]
    indexes = []
    for index in table.indexes:
        if _is_of_field(index):
            continue
        name = index.name or "_".join((table.name, *(index.columns or ())))
        condition = {"condition": expression(index.where)} if index.where else {}
        if index.parts[0].is_expression:
            indexes.append(models.Index(expression(index.parts[0].text), name=name))
        elif index.unique:
            fields = [attribute(part.text) for part in index.parts]
            constraints.append(models.UniqueConstraint(fields=fields, name=name, **condition))
        else:
            fields = [("-" if part.suffix == "DESC" else "") + attribute(part.text) for part in index.parts]
            indexes.append(models.Index(fields=fields, name=name, **condition))
    return {"db_table": table.name, "indexes": indexes, "constraints": constraints}


def _is_of_field(index: Index) -> bool:
    return index.is_plain and not index.is_constraint and not index.name and len(index.parts) == 1
