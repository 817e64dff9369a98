"""Operations as plain values: how a migrator is asked for them, and what takes them back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import peewee
from sqlite_tables import Tokens
from sqlite_text import Surface

from ormmigrate import Migrator, reference

#: What peewee calls the types of fields on SQLite.
TYPES: dict[str, tuple[str, ...]] = {
    "TextField": ("TEXT",),
    "IntegerField": ("INTEGER",),
    "FloatField": ("REAL",),
    "BlobField": ("BLOB",),
    "CharField": ("VARCHAR", "(", "9", ")"),
    "DecimalField": ("DECIMAL", "(", "7", ",", "2", ")"),
    "DateField": ("DATE",),
    "ForeignKeyField": ("INTEGER",),
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "CharField": {"max_length": 9},
    "DecimalField": {"max_digits": 7, "decimal_places": 2},
}


@dataclass(frozen=True)
class Calls:
    """A default that is a function and gives another number each time."""

    first: int = 100


@dataclass(frozen=True)
class FieldSpec:
    """A peewee field.

    Attributes:
        target: of a ForeignKeyField, the table and the column.
        on_delete: of a ForeignKeyField.
    """

    kind: str
    null: bool = False
    default: Any = None
    index: bool = False
    unique: bool = False
    target: tuple[str, str] | None = None
    on_delete: str | None = None

    @property
    def type(self) -> tuple[str, ...]:
        return TYPES[self.kind]

    def made(self) -> peewee.Field:
        options: dict[str, Any] = {"null": self.null, "index": self.index, "unique": self.unique}
        options["default"] = self.default
        if isinstance(self.default, Calls):
            numbers = itertools.count(self.default.first)
            options["default"] = lambda: next(numbers)
        if self.target is not None:
            return peewee.ForeignKeyField(reference(*self.target), on_delete=self.on_delete, **options)
        return getattr(peewee, self.kind)(**ARGUMENTS.get(self.kind, {}), **options)


@dataclass(frozen=True)
class Change:
    """An operation on a table, with the arguments that the migrator's method of that name takes."""

    kind: str
    table: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = [repr(one) for one in (self.table, *self.arguments)]
        return f"{self.kind}({', '.join(parts + [f'{key}={value!r}' for key, value in self.options.items()])})"

    @property
    def column(self) -> str:
        return self.arguments[0]

    def perform(self, migrator: Migrator) -> None:
        getattr(migrator, self.kind)(self.table, *self._arguments(), **self._options())

    def perform_in_group(self, group: Any) -> None:
        getattr(group, self.kind)(*self._arguments(), **self._options())

    def _arguments(self) -> list[Any]:
        return [_given(one) for one in self.arguments]

    def _options(self) -> dict[str, Any]:
        return {key: _given(value) for key, value in self.options.items()}

    def undone(self) -> Change | None:
        """What takes it back, None where that is not said."""
        return UNDONE[self.kind](self)


@dataclass(frozen=True)
class Group:
    """Changes of one table that belong together."""

    table: str
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"alter_table({self.table!r})[{', '.join(map(repr, self.changes))}]"

    def perform(self, migrator: Migrator) -> None:
        with migrator.alter_table(self.table) as group:
            for change in self.changes:
                change.perform_in_group(group)

    def undone(self) -> Group | None:
        undone = [change.undone() for change in reversed(self.changes)]
        known = tuple(one for one in undone if one is not None)
        return Group(self.table, known) if len(known) == len(undone) else None


@dataclass(frozen=True)
class CheckSpec:
    """A condition on a row."""

    tokens: Tokens

    @property
    def text(self) -> str:
        return Surface().text(self.tokens)

    def __repr__(self) -> str:
        return f"Check({self.text!r})"


def _given(argument: Any) -> Any:
    if isinstance(argument, FieldSpec):
        return argument.made()
    return peewee.Check(argument.text) if isinstance(argument, CheckSpec) else argument


def unique_name(columns: tuple[str, ...]) -> str:
    """As playhouse.migrate names a constraint."""
    return "uniq_" + "_".join(columns)


def key_name(table: str, column: str, rel: str) -> str:
    """As playhouse.migrate names a foreign key."""
    return f"fk_{table}_{column}_refs_{rel}"


def index_name(table: str, columns: tuple[str, ...]) -> str:
    """As playhouse.migrate names an index; short ones."""
    return "_".join((table, *columns))


def _undo_rename_table(change: Change) -> Change:
    return Change("rename_table", change.arguments[0], (change.table,))


def _undo_rename_column(change: Change) -> Change:
    old, new = change.arguments
    return Change("rename_column", change.table, (new, old))


def _undo_add_column(change: Change) -> Change:
    return Change("drop_column", change.table, (change.column,), {"field": change.arguments[1]})


def _undo_drop_column(change: Change) -> Change | None:
    given: FieldSpec | None = change.options.get("field")
    if given is None or not (given.null or given.default is not None):
        return None
    return Change("add_column", change.table, (change.column, given))


def _undo_alter_column_type(change: Change) -> Change | None:
    replaced = change.options.get("replaces")
    if replaced is None:
        return None
    column, given = change.arguments
    return Change("alter_column_type", change.table, (column, replaced), {"replaces": given})


def _undo_drop_column_default(change: Change) -> Change | None:
    default = change.options.get("default")
    return None if default is None else Change("add_column_default", change.table, (change.column, default))


def _undo_add_column_default(change: Change) -> Change:
    column, default = change.arguments
    return Change("drop_column_default", change.table, (column,), {"default": default})


def _undo_add_index(change: Change) -> Change:
    columns, unique = change.arguments
    name = change.options.get("name") or index_name(change.table, columns)
    return Change("drop_index", change.table, (name,), {"columns": columns, "unique": unique})


def _undo_drop_index(change: Change) -> Change | None:
    columns = change.options.get("columns")
    if not columns:
        return None
    unique = change.options.get("unique", False)
    return Change("add_index", change.table, (columns, unique), {"name": change.arguments[0]})


def _undo_add_constraint(change: Change) -> Change:
    name, check = change.arguments
    return Change("drop_constraint", change.table, (name,), {"constraint": check})


def _undo_drop_constraint(change: Change) -> Change | None:
    check = change.options.get("constraint")
    return None if check is None else Change("add_constraint", change.table, (change.arguments[0], check))


def _undo_add_unique(change: Change) -> Change:
    return Change("drop_constraint", change.table, (unique_name(change.arguments),))


def _undo_add_key(change: Change) -> Change:
    column, rel, rel_column = change.arguments
    return Change(
        "drop_foreign_key_constraint", change.table, (column,), {"rel": rel, "rel_column": rel_column, **change.options}
    )


def _undo_drop_key(change: Change) -> Change | None:
    options = dict(change.options)
    rel = options.pop("rel", None)
    if rel is None:
        return None
    arguments = (change.column, rel, options.pop("rel_column", "id"))
    return Change("add_foreign_key_constraint", change.table, arguments, options)


UNDONE = {
    "rename_table": _undo_rename_table,
    "rename_column": _undo_rename_column,
    "add_column": _undo_add_column,
    "drop_column": _undo_drop_column,
    "alter_column_type": _undo_alter_column_type,
    "add_not_null": lambda change: Change("drop_not_null", change.table, change.arguments),
    "drop_not_null": lambda change: Change("add_not_null", change.table, change.arguments),
    "add_column_default": _undo_add_column_default,
    "drop_column_default": _undo_drop_column_default,
    "add_index": _undo_add_index,
    "drop_index": _undo_drop_index,
    "add_constraint": _undo_add_constraint,
    "drop_constraint": _undo_drop_constraint,
    "add_unique": _undo_add_unique,
    "add_foreign_key_constraint": _undo_add_key,
    "drop_foreign_key_constraint": _undo_drop_key,
}
