"""What SQLite's pragmas say, of many tables with one query (sqlite.org/pragma.html#pragfunc)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from peewee import Database, DatabaseError

from ormmigrate.dialects.sqlite.tables import ask
from ormmigrate.dialects.sqlite.tokens import quoted

#: Up to so many tables are named in the query, which costs time for each; otherwise all are asked for.
NAMED = 400
PLAIN_TABLES = "(SELECT name FROM main.sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%')"
#: Each row ends with the name of the table that it is about.
COLUMNS = (
    'SELECT x.name, x.type, x."notnull", x.dflt_value, x.pk, x.hidden, t.name '
    "FROM {tables} AS t CROSS JOIN pragma_table_xinfo(t.name, 'main') AS x"
)
INDEXES = (
    'SELECT l.name, l."unique", l.origin, l.partial, x.cid, x.name, x."desc", x.coll, t.name '
    "FROM {tables} AS t CROSS JOIN pragma_index_list(t.name, 'main') AS l "
    "CROSS JOIN pragma_index_xinfo(l.name, 'main') AS x WHERE x.\"key\""
)
KEYS = (
    'SELECT k.id, k."table", k."from", k."to", k.on_update, k.on_delete, t.name '
    "FROM {tables} AS t CROSS JOIN pragma_foreign_key_list(t.name, 'main') AS k"
)
Row = tuple[Any, ...]


def columns_of(database: Database, tables: Collection[str]) -> dict[str, list[Row]]:
    """By table, of each column: name, type, whether it forbids NULL, default, place in the key, hidden."""
    return _rows(database, COLUMNS, tables, _columns_of)


def indexes_of(database: Database, tables: Collection[str]) -> dict[str, list[Row]]:
    """By table, of each part of each index: name, whether it is unique, origin, whether it is partial; number and
    name of the column, whether it descends, its collation."""
    return _rows(database, INDEXES, tables, _indexes_of)


def keys_of(database: Database, tables: Collection[str]) -> dict[str, list[Row]]:
    """By table, of each column of each foreign key: number, table referred to, column, column referred to,
    ON UPDATE, ON DELETE."""
    return _rows(database, KEYS, tables, _keys_of)


def _rows(
    database: Database, query: str, tables: Collection[str], one: Callable[[Database, str], Iterable[Row]]
) -> dict[str, list[Row]]:
    if not tables:
        return {}
    named = list(tables) if len(tables) <= NAMED else []
    source = f"(SELECT column1 AS name FROM (VALUES {', '.join(['(?)'] * len(named))}))" if named else PLAIN_TABLES
    found: dict[str, list[Row]] = {}
    try:
        for row in ask(database, query.format(tables=source), *named):
            found.setdefault(row[-1], []).append(row)
    except DatabaseError:  # a build without these functions
        return {table: [(*row, table) for row in one(database, table)] for table in tables}
    return found


# -- one by one ---------------------------------------------------------------------------------


def _columns_of(database: Database, table: str) -> Iterable[Row]:
    return [row[1:] for row in ask(database, f"PRAGMA main.table_xinfo({quoted(table)})")]


def _indexes_of(database: Database, table: str) -> Iterable[Row]:
    for _, name, unique, origin, partial in ask(database, f"PRAGMA main.index_list({quoted(table)})"):
        for _, number, column, descends, collation, is_key in ask(database, f"PRAGMA main.index_xinfo({quoted(name)})"):
            if is_key:
                yield name, unique, origin, partial, number, column, descends, collation


def _keys_of(database: Database, table: str) -> Iterable[Row]:
    for row in ask(database, f"PRAGMA main.foreign_key_list({quoted(table)})"):
        number, _, target, column, target_column, on_update, on_delete, _ = row
        yield number, target, column, target_column, on_update, on_delete
