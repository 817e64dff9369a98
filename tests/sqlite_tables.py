"""Tables, indexes, triggers and views as plain values, in which every mention of a column is known as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Ref:
    """A column, where an expression, a key or a trigger mentions it.

    Attributes:
        prefix: what stands in front: "", "table" (the table's own name), "NEW" or "OLD".
    """

    table: str
    column: str
    prefix: str = ""


@dataclass(frozen=True)
class Tab:
    """A table (or view), where something mentions it."""

    table: str


@dataclass(frozen=True)
class Name:
    """Any other identifier."""

    text: str


Token = str | Ref | Tab | Name
Tokens = tuple[Token, ...]


@dataclass(frozen=True)
class Constraint:
    """A clause of a column or of a table.

    Attributes:
        kind: NOT NULL, DEFAULT, COLLATE, CHECK, UNIQUE, PRIMARY KEY, FOREIGN KEY or GENERATED.
        tokens: all of it, without its name.
        name: behind CONSTRAINT.
        columns: of a table's constraint, the columns that it is a key of.
    """

    kind: str
    tokens: Tokens
    name: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    name: str
    type: tuple[str, ...]
    constraints: tuple[Constraint, ...] = ()

    def all(self, kind: str) -> list[Constraint]:
        return [one for one in self.constraints if one.kind == kind]

    def has(self, kind: str) -> bool:
        return bool(self.all(kind))

    def without(self, kind: str) -> Column:
        return replace(self, constraints=tuple(one for one in self.constraints if one.kind != kind))

    def with_(self, constraint: Constraint) -> Column:
        return replace(self, constraints=(*self.constraints, constraint))

    @property
    def type_name(self) -> str:
        return " ".join(self.type).upper()


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        options: what stands behind the closing parenthesis: STRICT, WITHOUT ROWID.
        late: how many of the columns ALTER TABLE adds once there are rows.
    """

    name: str
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    options: tuple[str, ...] = ()
    late: int = 0

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if folded(column.name) == folded(name))

    def has(self, name: str) -> bool:
        return any(folded(column.name) == folded(name) for column in self.columns)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def stored(self) -> list[str]:
        """The columns that a row is inserted with."""
        return [column.name for column in self.columns if not column.has("GENERATED")]

    @property
    def primary_key(self) -> tuple[str, ...]:
        for column in self.columns:
            if column.has("PRIMARY KEY"):
                return (column.name,)
        return next((one.columns for one in self.constraints if one.kind == "PRIMARY KEY"), ())

    @property
    def rowid_alias(self) -> str | None:
        """The column that is the rowid: INTEGER PRIMARY KEY, unless DESC stands there (a quirk of SQLite's)."""
        key = self.primary_key
        if len(key) != 1 or not self.has_rowid or self.column(key[0]).type_name != "INTEGER":
            return None
        of_column = self.column(key[0]).all("PRIMARY KEY")
        return None if of_column and "DESC" in of_column[0].tokens else key[0]

    @property
    def has_rowid(self) -> bool:
        return "WITHOUT ROWID" not in self.options

    @property
    def is_strict(self) -> bool:
        return "STRICT" in self.options

    @property
    def rowid_name(self) -> str | None:
        """A name by which the implicit rowid can be asked for."""
        if not self.has_rowid or self.rowid_alias:
            return None
        return next((name for name in ("rowid", "_rowid_", "oid") if not self.has(name)), None)

    def with_column(self, changed: Column) -> Table:
        """The table with that column in the place of the one of the same name."""
        return replace(
            self, columns=tuple(changed if one.name == changed.name else one for one in self.columns)
        )  # fmt: skip


@dataclass(frozen=True)
class Index:
    """An index.

    Attributes:
        tokens: behind the name of the table: the columns in parentheses, and WHERE.
        columns: that are its whole key, where no part of it is an expression.
    """

    name: str
    table: str
    tokens: Tokens
    columns: tuple[str, ...] = ()
    unique: bool = False

    @property
    def is_partial(self) -> bool:
        return "WHERE" in self.tokens


@dataclass(frozen=True)
class Trigger:
    """A trigger; `tokens` is all that stands behind its name."""

    name: str
    table: str
    tokens: Tokens


@dataclass(frozen=True)
class View:
    """A view; `tokens` is its SELECT."""

    name: str
    tokens: Tokens


@dataclass(frozen=True)
class Schema:
    tables: tuple[Table, ...]
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    views: tuple[View, ...] = ()

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if folded(table.name) == folded(name))

    def has(self, name: str) -> bool:
        """Whether a table, view or index is called that."""
        named = (*self.tables, *self.views, *self.indexes)
        return any(folded(one.name) == folded(name) for one in named)

    def with_table(self, changed: Table) -> Schema:
        return replace(self, tables=tuple(changed if one.name == changed.name else one for one in self.tables))

    def of(self, table: str) -> list[Index]:
        return [index for index in self.indexes if index.table == table]

    def dependants(self, table: str) -> Iterator[Tokens]:
        """The texts that may mention a table from outside its own definition."""
        yield from (index.tokens for index in self.indexes)
        yield from (trigger.tokens for trigger in self.triggers)
        yield from (view.tokens for view in self.views)
        for other in self.tables:
            if other.name != table:
                yield from (one.tokens for one in clauses(other))


def folded(name: str) -> str:
    """A name as SQLite compares it: ASCII alone has no case."""
    return "".join(character.lower() if character.isascii() else character for character in name)


def clauses(table: Table) -> Iterator[Constraint]:
    """Every constraint of a table and of its columns."""
    for column in table.columns:
        yield from column.constraints
    yield from table.constraints


def mentions(tokens: Iterable[Token], table: str, column: str) -> bool:
    return any(isinstance(one, Ref) and (one.table, one.column) == (table, column) for one in tokens)


def mentioned(tokens: Iterable[Token], table: str) -> set[str]:
    """The columns of a table that are mentioned."""
    return {one.column for one in tokens if isinstance(one, Ref) and one.table == table}


def mapped(schema: Schema, token: Callable[[Token], Token], column: Callable[[str, str], str]) -> Schema:
    """A schema with every mention replaced; `column(table, name)` says what a column is called."""

    def all_(tokens: Tokens) -> Tokens:
        return tuple(map(token, tokens))

    def table_name(name: str) -> str:
        changed = token(Tab(name))
        assert isinstance(changed, Tab)
        return changed.table

    def of_table(table: Table) -> Table:
        def constraint(one: Constraint) -> Constraint:
            columns = tuple(column(table.name, name) for name in one.columns)
            return replace(one, tokens=all_(one.tokens), columns=columns)

        columns = tuple(
            replace(one, name=column(table.name, one.name), constraints=tuple(map(constraint, one.constraints)))
            for one in table.columns
        )
        constraints = tuple(map(constraint, table.constraints))
        return replace(table, name=table_name(table.name), columns=columns, constraints=constraints)

    def of_index(index: Index) -> Index:
        columns = tuple(column(index.table, name) for name in index.columns)
        return replace(index, table=table_name(index.table), tokens=all_(index.tokens), columns=columns)

    return Schema(
        tuple(map(of_table, schema.tables)),
        tuple(map(of_index, schema.indexes)),
        tuple(replace(one, table=table_name(one.table), tokens=all_(one.tokens)) for one in schema.triggers),
        tuple(replace(one, tokens=all_(one.tokens)) for one in schema.views),
    )


def with_column_renamed(schema: Schema, table: str, old: str, new: str) -> Schema:
    def token(one: Token) -> Token:
        if isinstance(one, Ref) and (one.table, one.column) == (table, old):
            return replace(one, column=new)
        return one

    return mapped(schema, token, lambda owner, name: new if (owner, name) == (table, old) else name)


def with_table_renamed(schema: Schema, old: str, new: str) -> Schema:
    def token(one: Token) -> Token:
        if isinstance(one, Ref | Tab) and one.table == old:
            return replace(one, table=new)
        return one

    return mapped(schema, token, lambda _, name: name)
