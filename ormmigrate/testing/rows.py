"""A few rows for every table, made up from its schema alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from peewee import Database, PeeweeException

from ormmigrate.dialects.base import Dialect
from ormmigrate.schema import Column, ForeignKey, Schema, Table, parents_first
from ormmigrate.testing.values import candidates

ROWS = 3
#: Numbers that rows are made from: others where a migration has put rows of its own there.
OFFSETS = (0, 100, 10_000)
#: How many combinations of values are tried for a row of a table with CHECKs.
TRIES = 100

Row = Mapping[str, object]


def fill(database: Database, dialect: Dialect, schema: Schema) -> dict[str, str]:
    """Put a few rows into every table that is empty, parents first.

    The last one holds nothing where nothing is required: NULL and defaults.

    Returns:
        The tables that took none, and why.
    """
    filler = Filler(database, dialect, schema)
    refused = {}
    for table in parents_first(schema.tables, schema.kind.folded):
        if filler.is_empty(table) and (reason := filler.fill(table)):
            refused[table.name] = reason
    return refused


class Filler:
    """Makes up rows, and keeps those that the database takes."""

    def __init__(self, database: Database, dialect: Dialect, schema: Schema) -> None:
        self._database, self._dialect, self._schema = database, dialect, schema

    def is_empty(self, table: Table) -> bool:
        query = f"SELECT 1 FROM {self._table(table.name)} LIMIT 1"
        return self._database.execute_sql(query, ()).fetchone() is None

    def fill(self, table: Table) -> str | None:
        """Put rows into a table; why it took none, where it took none."""
        everything, least = writable(table), required(table)
        first = self._insert_one(table, 1, [everything, least])
        if first is None:
            for number in range(2, ROWS):
                self._insert_one(table, number, [everything, least])
            self._insert_one(table, ROWS, [least])
        return first

    def _insert_one(self, table: Table, number: int, choices: Sequence[Sequence[Column]]) -> str | None:
        """Insert one row, of the first of the columns with which the database takes it; why not, where it does not."""
        reason = None
        # First let the database number the rows, where it may be one that does.
        for columns in [part for chosen in choices for part in (unnumbered(table, chosen), chosen)]:
            for offset in OFFSETS:
                for row in islice(self._made_up(table, columns, number, number + offset), TRIES):
                    reason = self._refusal(table, row)
                    if reason is None:
                        return None
        return reason or "it refers to a table that is empty"

    def _made_up(self, table: Table, columns: Sequence[Column], place: int, number: int) -> Iterator[Row]:
        """Rows to try: each combination of what its columns may hold."""
        given = self._references(table, columns, place)
        if given is None:
            return
        free = [column for column in columns if column.name not in given]
        for values in product(*(candidates(column, table.checks, number) for column in free)):
            yield {**given, **dict(zip((column.name for column in free), values))}

    def _references(self, table: Table, columns: Sequence[Column], place: int) -> dict[str, object] | None:
        """What the foreign keys hold; None where one must hold something and its table is empty."""
        given: dict[str, object] = {}
        named = {column.name: column for column in columns}
        for key in table.foreign_keys:
            mine = [name for name in key.columns if name in named]
            found = self._targets(key)
            if found:
                given.update(zip(key.columns, found[(place - 1) % len(found)]))
            elif any(not named[name].null for name in mine):
                return None
            else:
                given.update(dict.fromkeys(mine))
        return {name: value for name, value in given.items() if name in named}

    def _targets(self, key: ForeignKey) -> list[tuple[object, ...]]:
        """Values that a foreign key may hold."""
        if self._schema.table(key.table) is None:
            return []
        columns = ", ".join(map(self._column, key.target_columns))
        query = f"SELECT {columns} FROM {self._table(key.table)} LIMIT {ROWS}"
        return list(self._database.execute_sql(query, ()).fetchall())

    def _refusal(self, table: Table, row: Row) -> str | None:
        """Insert a row; what the database says where it does not take it."""
        names = ", ".join(map(self._column, row))
        marks = ", ".join([self._database.param] * len(row))
        reason = None
        # Databases write a row without values in one of two ways.
        for values in (f"({names}) VALUES ({marks})",) if row else ("DEFAULT VALUES", "() VALUES ()"):
            try:
                with self._database.atomic():
                    self._database.execute_sql(f"INSERT INTO {self._table(table.name)} {values}", tuple(row.values()))
            except PeeweeException as error:
                reason = reason or str(error).strip()
            else:
                return None
        return reason

    def _column(self, name: str) -> str:
        return self._sent(self._dialect.quoted(name))

    def _table(self, name: str) -> str:
        return self._sent(self._dialect.qualified(self._database, name))

    def _sent(self, name: str) -> str:
        """As it is written in a statement that is sent with parameters."""
        return name.replace("%", "%%") if self._dialect.doubles_percent else name


def writable(table: Table) -> list[Column]:
    """The columns that a row is given values for: not those that the database numbers or generates."""
    return [column for column in table.columns if column.generated is None and column.identity is None]


def required(table: Table) -> list[Column]:
    """The columns that a row must be given values for."""
    return [
        column
        for column in writable(table)
        if column.name in table.primary_key or (not column.null and column.default is None)
    ]


def unnumbered(table: Table, columns: Sequence[Column]) -> list[Column]:
    """The same without what SQLite may make the row's own number of (sqlite.org/lang_createtable.html#rowid)."""
    return [column for column in columns if table.primary_key != (column.name,) or column.type.upper() != "INTEGER"]
