"""Reading a whole schema from SQLite: one query for what is there, three for what its texts do not tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from peewee import Database

from ormmigrate.dialects.sqlite import plain
from ormmigrate.dialects.sqlite.canonical import statement_words
from ormmigrate.dialects.sqlite.interpreting import index_of, table_of
from ormmigrate.dialects.sqlite.ordering import indexes_in_order
from ormmigrate.dialects.sqlite.pragmas import columns_of, indexes_of, keys_of
from ormmigrate.dialects.sqlite.stored import Stored, clear_table, stored_tables
from ormmigrate.dialects.sqlite.tables import ask
from ormmigrate.dialects.sqlite.tokens import folded
from ormmigrate.dialects.sqlite.virtual import belonging_to_modules
from ormmigrate.schema import ForeignKey, Kind, Schema, Table, Trigger, View

SNAPSHOT = "ormmigrate_inspect"
OBJECTS = "SELECT type, name, tbl_name, sql FROM main.sqlite_master"
KEPT = 20_000
Row = tuple[Any, ...]
Key = tuple[Any, ...]

#: What was read before. The texts of a table and its indexes say all of it, so what two schemas have is read once.
known: dict[Key, Table] = {}


def inspect(database: Database, kind: Kind) -> Schema:
    """The schema of the main database, without what is temporary or attached."""
    with _snapshot(database):
        objects = ask(database, OBJECTS)
        texts = {name: text for type_, name, _, text in objects if type_ == "table"}
        stored = stored_tables(objects, belonging_to_modules(database, texts))
        tables = _tables_of(database, stored)
    by_name = {folded(table.name): table for table in tables}
    views, triggers = _views_and_triggers(objects, by_name)
    found = [referring(table, by_name) if table.foreign_keys else table for _, table in sorted(by_name.items())]
    return Schema(tuple(found), views, triggers, kind=kind)


@contextmanager
def _snapshot(database: Database) -> Iterator[None]:
    """All queries see the same schema, whoever changes it meanwhile."""
    database.execute_sql(f"SAVEPOINT {SNAPSHOT}")
    try:
        yield
    finally:
        database.execute_sql(f"RELEASE {SNAPSHOT}")


# -- tables -------------------------------------------------------------------------------------


def _tables_of(database: Database, stored: Sequence[Stored]) -> list[Table]:
    found: dict[Key, Table] = {}
    asked: dict[Key, Stored] = {}
    keys = [(one.name, one.text, *one.indexes) for one in stored]
    for one, key in zip(stored, keys):
        table = known.get(key)
        if table is None and (clear := clear_table(one)) is not None:
            table = known.get(clear) or (None if one.has_own else plain.table_of(clear))
            if table is not None:
                found[clear] = table
        if table is None:
            asked[key] = one
        else:
            found[key] = table
    found |= told(database, asked)
    if len(known) + len(found) > KEPT:
        known.clear()
    known.update(found)
    return [found[key] for key in keys]


def told(database: Database, asked: Mapping[Key, Stored]) -> dict[Key, Table]:
    """Tables that the pragmas have to tell of."""
    names = [one.name for one in asked.values()]
    columns, indexes, keys = columns_of(database, names), indexes_of(database, names), keys_of(database, names)
    found: dict[Key, Table] = {}
    for key, one in asked.items():
        rows = indexes.get(one.name, [])
        table = table_of(one.name, one.text, columns[one.name], rows, keys.get(one.name, []))
        if one.indexes:
            by_name = {name: list(own) for name, own in groupby(rows, itemgetter(0))}
            more = [index_of(name, text, by_name[name], table) for name, text in one.indexes]
            table = replace(table, indexes=indexes_in_order((*table.indexes, *more)))
        found[key] = table
        clear = clear_table(one)
        if clear is not None:
            found[clear] = table
    return found


# -- what refers to others ------------------------------------------------------------------------


def referring(table: Table, by_name: Mapping[str, Table]) -> Table:
    """A table whose foreign keys say what they refer to: the columns too, and all as it is spelled there."""
    keys = [_reaching(key, by_name.get(folded(key.table))) for key in table.foreign_keys]
    if all(now is before for now, before in zip(keys, table.foreign_keys)):
        return table
    return replace(table, foreign_keys=tuple(keys))


def _reaching(key: ForeignKey, parent: Table | None) -> ForeignKey:
    if parent is None or (parent.name == key.table and parent.primary_key == key.target_columns):
        return key
    spelled = {folded(column.name): column.name for column in parent.columns}
    columns = tuple(spelled.get(folded(name), name) for name in key.target_columns or parent.primary_key)
    if parent.name == key.table and columns == key.target_columns:
        return key
    return replace(key, table=parent.name, target_columns=columns)


# -- views and triggers ---------------------------------------------------------------------------


def _views_and_triggers(
    objects: Sequence[Row], by_name: Mapping[str, Table]
) -> tuple[tuple[View, ...], tuple[Trigger, ...]]:
    there = [row for row in objects if row[0] in ("view", "trigger")]
    if not there:
        return (), ()
    names = {name: table.name for name, table in by_name.items()}
    names |= {folded(name): name for kind, name, _, _ in there if kind == "view"}
    known = {*names, *(folded(column.name) for table in by_name.values() for column in table.columns)}
    views = [View(name, statement_words(text, known)) for kind, name, _, text in there if kind == "view"]
    triggers = [
        Trigger(name, names[folded(table)], statement_words(text, known))
        for kind, name, table, text in there
        if kind == "trigger" and folded(table) in names
    ]
    return tuple(sorted(views, key=_name)), tuple(sorted(triggers, key=_name))


def _name(one: View | Trigger) -> str:
    return folded(one.name)
