"""What SQLite itself says of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from peewee import Database

from ormmigrate.dialects.sqlite.definition import TableDefinition
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tokens import folded, is_enclosed, quoted, squeezed

ROWID_NAMES = ("rowid", "_rowid_", "oid")
STATISTICS = ("sqlite_stat1", "sqlite_stat3", "sqlite_stat4")
GENERATED = (2, 3)  # `hidden` of PRAGMA table_xinfo: virtual, stored


@dataclass(frozen=True)
class Column:
    """A line of PRAGMA table_xinfo (sqlite.org/pragma.html#pragma_table_xinfo).

    Attributes:
        default: its text, None where there is none.
        key: its place in the primary key from 1 on, 0 where it is not in it.
        hidden: 0, or 2 and 3 for generated columns, virtual and stored.
    """

    name: str
    type: str
    not_null: bool
    default: str | None
    key: int
    hidden: int

    @property
    def is_generated(self) -> bool:
        return self.hidden in GENERATED

    @property
    def words(self) -> tuple[Any, ...]:
        """What is compared: neither spaces and comments, nor the case of a type, nor parentheses around all of a
        default, which SQLite leaves out."""
        default = squeezed(self.default or "")
        while is_enclosed(default):
            default = default[1:-1]
        type_ = squeezed(self.type).upper()
        if self.is_generated:
            type_ = type_.removesuffix("GENERATEDALWAYS")  # up to 3.34 it is there; later versions leave it out
        return (self.name, type_, self.not_null, default, self.key, self.hidden)


@dataclass(frozen=True)
class Index:
    """A line of PRAGMA index_list.

    Attributes:
        origin: `c` for CREATE INDEX, `u` for UNIQUE, `pk` for PRIMARY KEY.
        columns: None for the rowid and for expressions.
        collations: of each, in capitals.
        text: its CREATE INDEX; None for what belongs to a constraint.
    """

    name: str
    is_unique: bool
    origin: str
    is_partial: bool
    columns: tuple[str | None, ...]
    collations: tuple[str, ...]
    text: str | None


@dataclass(frozen=True)
class Table:
    """A table as it is: its name and text as they are stored, and its columns as SQLite understands them."""

    name: str
    text: str
    columns: tuple[Column, ...]

    @cached_property
    def definition(self) -> TableDefinition:
        """Its text, read.

        Raises:
            UnreadableTable
        """
        definition = read_table(self.text)
        there = [column.name for column in self.columns]
        if [column.name for column in definition.columns] != there:
            raise UnreadableTable(f"SQLite sees the columns {', '.join(there)} in it")
        return definition

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if folded(column.name) == folded(name)), None)

    @property
    def quoted(self) -> str:
        return quoted(self.name)


def read(database: Database, name: str) -> Table | None:
    """A table of the main database; None where there is none of that name."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return next((_made(database, *row) for row in ask(database, query, name)), None)


def _made(database: Database, name: str, text: str | None) -> Table:
    return Table(name, text or "", columns_of(database, name))


def find(database: Database, name: str) -> Table:
    """A table that can be changed.

    Raises:
        Refused: there is none; the most similar name is said.
    """
    query = (
        "SELECT name, sql, 0 FROM sqlite_master WHERE type = 'table' AND name = ?1 COLLATE NOCASE UNION ALL "
        "SELECT name, sql, 1 FROM sqlite_temp_master WHERE type <> 'trigger' AND name = ?1 COLLATE NOCASE"
    )
    rows = ask(database, query, name)
    if any(is_temporary for _, _, is_temporary in rows):
        raise Refused(
            f"A temporary table or view of this connection is called {name} too, and hides the table.",
            "drop that one first, or migrate on another connection.",
        )
    if not rows:
        if folded(name) in map(folded, names_of(database, "view")):
            raise Refused(f"{name} is a view.", "change it with migrator.sql('DROP VIEW ...') and a new one.")
        raise not_there("table", name, names_of(database, "table"))
    table = _made(database, *rows[0][:2])
    if table.text.upper().startswith("CREATE VIRTUAL"):
        raise Refused(f"{name} is a virtual table.", "its module decides what can be changed: migrator.sql(...).")
    return table


def not_there(kind: str, name: str, there: Sequence[str], where: str = "") -> Refused:
    """The refusal of a name that is not there, with the most similar one."""
    similar = nearest(name, there)
    place = f" {where}" if where else ""
    return Refused(f"There is no {kind} {name}{place}.", f"did you mean {similar}?" if similar else "correct the name.")


def text_of(database: Database, table: str) -> str:
    """The text of a table as it is now."""
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return str(ask(database, query, table)[0][0])


def rowid_of(table: Table) -> str | None:
    """A name by which a table's rowid can be had that is not a column's alias; None where there is none."""
    if not table.definition.has_rowid:
        return None
    taken = {folded(column.name) for column in table.columns}
    return next((name for name in ROWID_NAMES if name not in taken), None)


def statistics_tables(database: Database) -> list[str]:
    marks = ", ".join("?" * len(STATISTICS))
    query = f"SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ({marks})"
    return [name for (name,) in ask(database, query, *STATISTICS)]


def columns_of(database: Database, table: str, schema: str = "main") -> tuple[Column, ...]:
    rows = ask(database, f"PRAGMA {schema}.table_xinfo({quoted(table)})")
    return tuple(Column(row[1], row[2], bool(row[3]), row[4], row[5], row[6]) for row in rows)


def indexes_of(database: Database, table: str) -> list[Index]:
    """In the order in which they were made."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid"
    listed = {row[1]: row for row in ask(database, f"PRAGMA index_list({quoted(table)})")}
    found = []
    for name, text in ask(database, query, table):
        _, _, unique, origin, partial = listed[name]
        keys = [row for row in ask(database, f"PRAGMA index_xinfo({quoted(name)})") if row[5]]
        columns, collations = tuple(row[2] for row in keys), tuple(row[4].upper() for row in keys)
        found.append(Index(name, bool(unique), origin, bool(partial), columns, collations, text))
    return found


def ask(database: Database, query: str, *params: Any) -> list[tuple[Any, ...]]:
    """All rows of a query: a half-read cursor would block DROP TABLE."""
    return list(database.execute_sql(query, params).fetchall())


def names_of(database: Database, *kinds: str) -> list[str]:
    marks = ", ".join("?" * len(kinds))
    return [name for (name,) in ask(database, f"SELECT name FROM sqlite_master WHERE type IN ({marks})", *kinds)]


def nearest(name: str, there: Sequence[str]) -> str | None:
    """The name most like another, whatever its case."""
    by_folded = {folded(one): one for one in there}
    found = get_close_matches(folded(name), by_folded, n=1)
    return by_folded[found[0]] if found else None
