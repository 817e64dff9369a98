"""peewee's models of a state."""

from __future__ import annotations

from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    CompositeKey,
    DateField,
    DateTimeField,
    DecimalField,
    DoubleField,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
    ModelIndex,
    TextField,
)

from changes_peers.states import CannotBeSaid, State, attribute, python_default
from ormmigrate.schema import Column, ForeignKey, Index, Part, Table

FIELDS: dict[str, type[Field]] = {
    "INTEGER": IntegerField,
    "BIGINT": BigIntegerField,
    "REAL": DoubleField,
    "TEXT": TextField,
    "DATE": DateField,
    "DATETIME": DateTimeField,
    "BOOLEAN": BooleanField,
    "VARCHAR": CharField,
    "DECIMAL": DecimalField,
}
ARGUMENTS = {"VARCHAR": ("max_length",), "DECIMAL": ("max_digits", "decimal_places")}


def models(state: State) -> list[type[Model]]:
    """A model for each table, parents first. SQL behind the tables is nobody's."""
    made: dict[str, type[Model]] = {}
    for table in state.tables:
        made[table.name] = _model(table, made)
    return list(made.values())


def _model(table: Table, made: dict[str, type[Model]]) -> type[Model]:
    body: dict[str, Any] = {attribute(column.name): _field(table, column, made) for column in table.columns}
    # What a constraint written as SQL refers to must be there before.
    others = [made[key.table] for key in table.foreign_keys if len(key.columns) > 1]
    meta = {**_meta(table), "depends_on": others}
    model = type(table.name.title(), (Model,), {**body, "Meta": type("Meta", (), meta)})
    for index in table.indexes:
        if not _is_of_field(index) and not index.is_constraint and not _is_of_meta(index):
            model.add_index(_index(model, index))
    return model


def _key(table: Table, column: Column) -> ForeignKey | None:
    return next((key for key in table.foreign_keys if key.columns == (column.name,)), None)


def _field(table: Table, column: Column, made: dict[str, type[Model]]) -> Field:
    own = [index for index in table.indexes if _is_of_field(index) and index.columns == (column.name,)]
    options: dict[str, Any] = {
        "null": column.null,
        "column_name": column.name,
        "default": python_default(column),
        "index": bool(own),
        "unique": any(index.unique for index in own),
        "collation": column.collation,
        "constraints": _constraints(column),
    }
    key = _key(table, column)
    if key is not None:
        actions = {name: text for name in ("on_delete", "on_update") if (text := getattr(key, name)) != "NO ACTION"}
        target = "self" if key.table == table.name else made[key.table]
        return ForeignKeyField(target, backref="+", deferrable=key.deferrable, **actions, **options)
    if table.primary_key == (column.name,):
        return _primary_key(column)
    word, _, numbers = column.type.rstrip(")").partition("(")
    arguments = dict(zip(ARGUMENTS.get(word, ()), map(int, numbers.split(",")))) if numbers else {}
    return FIELDS[word](**arguments, **options)


def _primary_key(column: Column) -> Field:
    if column.type != "INTEGER":
        return CharField(max_length=int(column.type.rstrip(")").partition("(")[2]), primary_key=True)
    if column.identity == "AUTOINCREMENT":
        from playhouse.sqlite_ext import AutoIncrementField

        return AutoIncrementField()
    if column.identity == "BY DEFAULT":
        from playhouse.postgres_ext import IdentityField

        return IdentityField()
    return AutoField()


def _constraints(column: Column) -> list[SQL]:
    if column.comment:
        raise CannotBeSaid("comment")
    found = []
    if column.default is not None:
        found.append(SQL(f"DEFAULT {column.default}"))
    if column.generated is not None:
        found.append(SQL(f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}"))
    return found


def _meta(table: Table) -> dict[str, Any]:
    meta: dict[str, Any] = {"table_name": table.name, "constraints": [*_table_constraints(table)]}
    if len(table.primary_key) > 1:
        meta["primary_key"] = CompositeKey(*table.primary_key)
    meta["indexes"] = [
        (tuple(map(attribute, index.columns or ())), index.unique) for index in table.indexes if _is_of_meta(index)
    ]
    for option in table.options:
        if option == "STRICT":
            meta["strict_tables"] = True
        elif option == "WITHOUT ROWID":
            meta["without_rowid"] = True
        else:
            meta["table_settings"] = [option]
    return meta


def _table_constraints(table: Table) -> list[Any]:
    found: list[Any] = [Check(check.expression, check.name) for check in table.checks]
    for index in table.indexes:
        if index.is_constraint:
            found.append(SQL(f"CONSTRAINT {index.name} UNIQUE ({', '.join(index.columns or ())})"))
    for key in table.foreign_keys:
        if len(key.columns) > 1:
            columns, targets = ", ".join(key.columns), ", ".join(key.target_columns)
            found.append(SQL(f"CONSTRAINT {key.name} FOREIGN KEY ({columns}) REFERENCES {key.table} ({targets})"))
    return found


def _is_of_field(index: Index) -> bool:
    return index.is_plain and not index.is_constraint and not index.name and len(index.parts) == 1


def _is_of_meta(index: Index) -> bool:
    return index.is_plain and not index.is_constraint and not index.name and len(index.parts) > 1


def _index(model: type[Model], index: Index) -> ModelIndex:
    where = SQL(index.where) if index.where else None
    return ModelIndex(model, [_part(model, part) for part in index.parts], index.unique, where=where, name=index.name)


def _part(model: type[Model], part: Part) -> Any:
    if part.is_expression:
        return SQL(part.text)
    field = model._meta.fields[attribute(part.text)]
    return field.desc() if part.suffix == "DESC" else field
