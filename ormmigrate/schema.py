"""What a database is made of, as frozen values.

A dialect reads them (`dialect.inspect(database)`), `diff` compares them. Every text is in the form that the dialect's
reader gives it, the same for everything that means the same, so that two values are equal exactly where nothing
differs. What does not count is no part of the comparison: the names of indexes and constraints (an index is what it
covers), and whether a plain unique index belongs to a UNIQUE constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Protocol

from peewee import Field

NO_ACTION = "NO ACTION"


class Kind(Protocol):
    """What a schema asks the dialect that it was read by."""

    @property
    def name(self) -> str: ...

    @property
    def allows_forward_references(self) -> bool:
        """Whether a table may name another in a foreign key before that one exists."""

    @property
    def doubles_percent(self) -> bool:
        """Whether the driver takes `%` in a statement for a parameter even where there are none."""

    def folded(self, name: str) -> str:
        """A table's name as the database compares it."""

    def folded_column(self, name: str) -> str:
        """A column's name as the database compares it."""

    def quoted(self, name: str) -> str:
        """A name as it is written in SQL."""

    def field_of(self, column: Column) -> Field:
        """A field whose DDL is the column's type, arguments included, and nothing else: neither NULL nor a default."""

    def numbers_rows(self, table: Table, column: Column) -> bool:
        """Whether a primary key of one column gets numbers without anything that says so."""

    def comment_clause(self, text: str) -> str:
        """What gives a column a comment where it is defined; nothing where that is a statement of its own."""

    def options_text(self, options: Sequence[str]) -> str:
        """Those of a table's options that can be said when it is made, as SQL behind the closing parenthesis."""

    def unsaid_options(self, options: Sequence[str]) -> list[str]:
        """Those that cannot."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        type: all of it as the database spells it, `character varying(20)`; empty where it has none (SQLite).
        default: the SQL of its default in the database, not in parentheses; None where it has none.
        collation: its own, where that is not the one that it would have anyway.
        generated: the SQL of the expression that it is generated from, not in parentheses.
        stored: whether a generated one is stored.
        identity: how it numbers rows: `AUTOINCREMENT` (SQLite), `SERIAL`, `ALWAYS`, `BY DEFAULT` (PostgreSQL),
            `AUTO_INCREMENT` (MariaDB, MySQL).
        on_update: the SQL that MariaDB and MySQL set it to when its row is changed.
        field: the field that it was made from, where that is known.
    """

    name: str
    type: str
    null: bool = True
    default: str | None = None
    collation: str | None = None
    generated: str | None = None
    stored: bool = False
    identity: str | None = None
    on_update: str | None = None
    comment: str | None = None
    field: Field | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Part:
    """A part of an index.

    Attributes:
        text: the name of a column, or the SQL of an expression.
        is_expression: whether it is one.
        suffix: what is said of it besides, where that is not what it would be anyway: `DESC`, `COLLATE NOCASE`,
            `text_pattern_ops`; `(10)` for the start of a column on MariaDB and MySQL.
    """

    text: str
    is_expression: bool = False
    suffix: str = ""


@dataclass(frozen=True)
class Index:
    """An index, or a UNIQUE constraint.

    Attributes:
        method: where that is not the database's usual one: `gin`, `FULLTEXT`.
        where: the SQL of its predicate.
        nulls_distinct: False for NULLS NOT DISTINCT.
        include: the columns that it carries without being ordered by them.
        deferrable: of a constraint that is checked late: `INITIALLY DEFERRED` or `INITIALLY IMMEDIATE`.
        is_valid: False for what an interrupted CREATE INDEX CONCURRENTLY left.
        is_constraint: whether it belongs to a UNIQUE constraint.
        name: None for a constraint without one (SQLite).
    """

    parts: tuple[Part, ...]
    unique: bool = False
    method: str | None = None
    where: str | None = None
    nulls_distinct: bool = True
    include: tuple[str, ...] = ()
    deferrable: str | None = None
    is_valid: bool = True
    is_constraint: bool = field(default=False, compare=False)
    name: str | None = field(default=None, compare=False)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The names of its columns, where it is made of whole columns in their usual order; None where it is not."""
        if any(part.is_expression or part.suffix for part in self.parts):
            return None
        return tuple(part.text for part in self.parts)

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing but which columns it covers, and whether it is unique."""
        return self.columns is not None and self == Index(self.parts, self.unique)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key.

    Attributes:
        table: the one that it refers to, with its schema in front where that is another one.
        on_delete, on_update: NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT.
        deferrable: `INITIALLY DEFERRED` or `INITIALLY IMMEDIATE`; None where it is not.
        is_valid: False for NOT VALID.
    """

    columns: tuple[str, ...]
    table: str
    target_columns: tuple[str, ...]
    on_delete: str = NO_ACTION
    on_update: str = NO_ACTION
    deferrable: str | None = None
    is_valid: bool = True
    name: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Check:
    """A CHECK.

    Attributes:
        expression: its SQL, not in parentheses.
        columns: those that it names.
        key: what it is compared by, where a database spells the same expression in several ways.
    """

    expression: str = field(compare=False)
    columns: tuple[str, ...] = field(default=(), compare=False)
    name: str | None = field(default=None, compare=False)
    key: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", self.expression)


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        primary_key: its columns in their order; empty where it has none.
        checks: those of its columns among them.
        options: what is said of it besides, in a fixed order: `STRICT`, `WITHOUT ROWID`, `ENGINE=InnoDB`; and what
            has no place elsewhere, in words: an EXCLUDE constraint.
    """

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    options: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True)
class View:
    """A view; `text` is its SELECT, or all of its definition."""

    name: str
    text: str


@dataclass(frozen=True)
class Trigger:
    """A trigger; `text` is all of its definition."""

    name: str
    table: str
    text: str


@dataclass(frozen=True)
class Schema:
    """A whole schema.

    Attributes:
        kind: the dialect that it was read by.
    """

    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    kind: Kind = field(kw_only=True, compare=False, repr=False)

    def table(self, name: str) -> Table | None:
        """The table of that name, however it is written."""
        return self._by_name.get(self.kind.folded(name))

    @cached_property
    def _by_name(self) -> dict[str, Table]:
        return by_name(self.tables, self.kind.folded)

    def without(self, names: Collection[str]) -> Schema:
        """The same without these tables and views, and without the triggers on them."""
        left = set(map(self.kind.folded, names))
        return self._kept(lambda name: self.kind.folded(name) not in left)

    def only(self, names: Collection[str]) -> Schema:
        """These tables and views, and the triggers on them."""
        kept = set(map(self.kind.folded, names))
        return self._kept(lambda name: self.kind.folded(name) in kept)

    def _kept(self, is_kept: Callable[[str], bool]) -> Schema:
        return replace(
            self,
            tables=tuple(table for table in self.tables if is_kept(table.name)),
            views=tuple(view for view in self.views if is_kept(view.name)),
            triggers=tuple(trigger for trigger in self.triggers if is_kept(trigger.table)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The schema in what JSON has; `from_dict` reads it. What is as usual is left out."""
        return {
            "database": self.kind.name,
            "tables": [_table_dict(table) for table in sorted(self.tables, key=lambda table: table.name)],
            "views": [asdict(view) for view in sorted(self.views, key=lambda view: view.name)],
            "triggers": [asdict(trigger) for trigger in sorted(self.triggers, key=lambda trigger: trigger.name)],
        }


def _table_dict(table: Table) -> dict[str, Any]:
    found = _said(table)
    for name in ("columns", "indexes", "foreign_keys", "checks"):
        found[name] = [_said(one) for one in getattr(table, name)]
    for index, said in zip(table.indexes, found["indexes"]):
        said["parts"] = [_said(part) for part in index.parts]
    return found


def _said(value: Any) -> dict[str, Any]:
    """What a value says that is not as usual, a peewee field left out."""
    return {
        one.name: getattr(value, one.name)
        for one in fields(value)
        if one.name != "field" and getattr(value, one.name) != one.default
    }


def from_dict(document: Mapping[str, Any], kind: Kind) -> Schema:
    """The schema that `Schema.to_dict` wrote.

    Raises:
        KeyError, TypeError: it is no such document.
    """
    return Schema(
        tuple(_table(dict(table)) for table in document["tables"]),
        tuple(View(**view) for view in document["views"]),
        tuple(Trigger(**trigger) for trigger in document["triggers"]),
        kind=kind,
    )


def _table(said: dict[str, Any]) -> Table:
    said["columns"] = tuple(Column(**column) for column in said["columns"])
    said["indexes"] = tuple(
        Index(**_tuples({**index, "parts": [Part(**part) for part in index["parts"]]})) for index in said["indexes"]
    )
    said["foreign_keys"] = tuple(ForeignKey(**_tuples(key)) for key in said["foreign_keys"])
    said["checks"] = tuple(Check(**_tuples(check)) for check in said["checks"])
    return Table(**_tuples(said))


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}


def parents_first(tables: Iterable[Table], folded: Callable[[str], str]) -> list[Table]:
    """Tables in an order in which each stands behind those that it refers to, as far as there is one."""
    waiting = by_name(tables, folded)
    ordered: list[Table] = []
    for name in list(waiting):
        path = [waiting.pop(name)] if name in waiting else []
        while path:
            parent = next((key for key in path[-1].foreign_keys if folded(key.table) in waiting), None)
            if parent is None:
                ordered.append(path.pop())
            else:
                path.append(waiting.pop(folded(parent.table)))
    return ordered


def by_name(values: Iterable[Any], folded: Callable[[str], str]) -> dict[str, Any]:
    """Values by their folded names."""
    return {folded(value.name): value for value in values}
