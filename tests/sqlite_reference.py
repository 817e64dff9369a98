"""Databases built anew from plain values, and what SQLite says of a database, to compare two of them."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from snapshot import OURS
from sqlite_changes import Calls, Change
from sqlite_model import Refused, changed
from sqlite_tables import Schema, Table, folded
from sqlite_text import Surface, dependants_text, lexemes, table_text

TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid"
ROWID = ""
Row = dict[str, Any]


def quoted(name: str) -> str:
    return Surface().identifier(name)


@dataclass(frozen=True)
class State:
    """A database as it should be.

    Attributes:
        rows: of each table, by the names of their columns; ROWID is the implicit rowid.
        sequences: what AUTOINCREMENT has reached.
        broken: how many rows of each table refer to nothing; -1 where its keys do not fit their parents.
        called: columns that a function filled, in no particular order.
    """

    schema: Schema
    rows: dict[str, list[Row]]
    sequences: dict[str, int]
    broken: dict[str, int]
    called: frozenset[tuple[str, str]] = frozenset()

    def database(self) -> sqlite3.Connection:
        """It, built anew.

        Raises:
            sqlite3.IntegrityError: the rows do not fit the schema.
        """
        connection = sqlite3.connect(":memory:", isolation_level=None)
        for table in self.schema.tables:
            connection.execute(table_text(replace(table, late=0), Surface()).text)
            insert(connection, table, self.rows[table.name])
        for table, last in self.sequences.items():
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))
        for statement in dependants_text(self.schema, Surface()):
            connection.execute(statement)
        return connection


def insert(connection: sqlite3.Connection, table: Table, rows: Iterable[Row], *, verb: str = "INSERT OR ABORT") -> None:
    """Rows into a table; those that name no rowid get one."""
    for row in rows:
        names = [name for name in table.stored if name in row]
        values = [row[name] for name in names]
        if ROWID in row and table.rowid_name:
            names, values = [table.rowid_name, *names], [row[ROWID], *values]
        # Text goes as bytes, for not all of it is UTF-8.
        marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, str) else "?" for value in values)
        given = [value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value for value in values]
        columns = ", ".join(map(quoted, names))
        connection.execute(f"{verb} INTO {quoted(table.name)} ({columns}) VALUES ({marks})", given)


def read_rows(connection: sqlite3.Connection, table: Table) -> list[Row]:
    """Every column of every row, and the implicit rowid."""
    names = [*([table.rowid_name] if table.rowid_name else []), *table.names]
    shown = [*([ROWID] if table.rowid_name else []), *table.names]
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        found = connection.execute(f"SELECT {', '.join(map(quoted, names))} FROM {quoted(table.name)}").fetchall()
    finally:
        connection.text_factory = str
    return [dict(zip(shown, values)) for values in found]


def read_state(connection: sqlite3.Connection, schema: Schema, called: Iterable[tuple[str, str]] = ()) -> State:
    rows = {table.name: read_rows(connection, table) for table in schema.tables}
    sequences = {}
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        sequences = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        for table in OURS:
            sequences.pop(table, None)
    broken = {table.name: _broken_rows(connection, table) for table in schema.tables}
    return State(schema, rows, sequences, broken, frozenset(called))


def _broken_rows(connection: sqlite3.Connection, table: Table) -> int:
    try:
        return len(connection.execute(f"PRAGMA foreign_key_check({quoted(table.name)})").fetchall())
    except sqlite3.OperationalError:
        return -1


def following(state: State, change: Change) -> State:
    """The state after an operation.

    Raises:
        Refused: the schema does not allow it, or the rows do not.
    """
    schema = changed(state.schema, change)
    if change.kind == "rename_column":
        _refuse_as_sqlite_does(state, change)
    after = replace(_moved(state, change, schema), schema=schema)
    try:
        connection = after.database()
    except sqlite3.IntegrityError as error:
        raise Refused(str(error)) from error
    try:
        # What a virtual column of a STRICT table comes to is not looked at by INSERT.
        if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise Refused("a value does not fit its type")
        after = read_state(connection, schema, after.called)
    finally:
        connection.close()
    if _is_worse(_renamed(state.broken, change), after.broken):
        raise Refused("rows would refer to nothing")
    return after


def _refuse_as_sqlite_does(state: State, change: Change) -> None:
    """SQLite itself cannot rename every column: one that is both UNIQUE and INTEGER PRIMARY KEY, say."""
    old, new = change.arguments
    with closing(state.database()) as connection:
        try:
            connection.execute(f"ALTER TABLE {quoted(change.table)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        except sqlite3.OperationalError as error:
            raise Refused(str(error)) from error


def _is_worse(before: dict[str, int], after: dict[str, int]) -> bool:
    return any(count > max(before[table], 0) or (count < 0 <= before[table]) for table, count in after.items())


def _renamed(by_table: dict[str, Any], change: Change) -> dict[str, Any]:
    if change.kind != "rename_table":
        return by_table
    old, new = folded(change.table), change.arguments[0]
    return {new if folded(name) == old else name: value for name, value in by_table.items()}


def _moved(state: State, change: Change, schema: Schema) -> State:
    """The rows as they go into the new schema."""
    table = state.schema.table(change.table)
    rows = dict(state.rows)
    called = set(state.called)
    if change.kind == "rename_table":
        new = change.arguments[0]
        called = {(new if owner == table.name else owner, column) for owner, column in called}
        return replace(
            state,
            rows=_renamed(rows, change),
            sequences=_renamed(state.sequences, change),
            broken=_renamed(state.broken, change),
            called=frozenset(called),
        )
    if change.kind == "rename_column":
        old, new = table.column(change.column).name, change.arguments[1]
        rows[table.name] = [
            {new if key == old else key: value for key, value in row.items()} for row in rows[table.name]
        ]
        called = {(owner, new if (owner, column) == (table.name, old) else column) for owner, column in called}
    if change.kind == "alter_column_type":
        rows[table.name] = _with_rowids(rows[table.name], table, schema.table(table.name))
    if change.kind == "drop_column":
        called.discard((table.name, table.column(change.column).name))
    if change.kind == "add_column":
        name, field = change.arguments
        value = None if field.null else field.default
        numbers = itertools.count(value.first) if isinstance(value, Calls) else itertools.repeat(value)
        rows[table.name] = [{**row, name: next(numbers)} for row in rows[table.name]]
        called |= {(table.name, name)} if isinstance(value, Calls) else set()
    return replace(state, rows=rows, called=frozenset(called))


def _with_rowids(rows: list[Row], before: Table, after: Table) -> list[Row]:
    """A key that stops being the rowid leaves its values there; one that begins to be it must have a value."""
    was, is_ = before.rowid_alias, after.rowid_alias
    if was and not is_:
        return [{**row, ROWID: row[was]} for row in rows]
    if is_ and any(row[is_] is None for row in rows):
        raise Refused("a row has no key that could be its rowid")
    return rows


# -- comparing ----------------------------------------------------------------------------------


def facts(connection: sqlite3.Connection, schema: Schema) -> dict[str, Any]:
    """Everything that SQLite says of a schema, without what does not count: spelling, and the order of constraints."""
    found: dict[str, Any] = {"objects": _objects(connection)}
    for table in schema.tables:
        name = quoted(table.name)
        found[table.name] = {
            "columns": [
                # A type is compared without white space, a default without spelling.
                (column, "".join(type_.upper().split()), not_null, default and lexemes(default), key, hidden)
                for _, column, type_, not_null, default, key, hidden in connection.execute(
                    f"PRAGMA table_xinfo({name})"
                )
            ],
            "keys": _keys(connection, name),
            "indexes": _indexes(connection, name),
            "options": connection.execute(f"PRAGMA table_list({name})").fetchone()[2:],
            "triggers": connection.execute(TRIGGERS, (table.name,)).fetchall(),
        }
    return found


def _objects(connection: sqlite3.Connection) -> dict[str, Any]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"
    found: dict[str, Any] = {}
    for kind, name, table, text in connection.execute(query).fetchall():
        words: Any = " ".join(lexemes(text))
        if kind == "table":
            # Clauses may stand in any order, and between constraints commas may be missing.
            words = dict(Counter(word for word in lexemes(text) if word != ","))
        if not {name, table} & set(OURS):
            found[f"{kind} {name}"] = {"on": folded(table), "words": words}
    return found


def _keys(connection: sqlite3.Connection, name: str) -> list[Any]:
    parts: dict[int, list[Any]] = {}
    for number, _, parent, column, to, *actions in connection.execute(f"PRAGMA foreign_key_list({name})"):
        parts.setdefault(number, []).append((folded(parent), folded(column), folded(to or ""), *actions))
    return sorted(parts.values())


def _indexes(connection: sqlite3.Connection, name: str) -> list[Any]:
    found = []
    for _, index, unique, origin, partial in connection.execute(f"PRAGMA index_list({name})").fetchall():
        columns = connection.execute(f"PRAGMA index_xinfo({quoted(index)})").fetchall()
        # The name of an index that a constraint makes is a number.
        found.append((index if origin == "c" else "", unique, origin, partial, str(columns).upper()))
    return sorted(found)


def contents(state: State) -> dict[str, Any]:
    """The rows as they can be compared: types and all, in no order; what was called for on its own."""
    found: dict[str, Any] = {"sequences": state.sequences, "broken": state.broken}
    for table, rows in state.rows.items():
        called = [column for owner, column in state.called if owner == table]
        found[table] = _counted({key: row[key] for key in row if key not in called} for row in rows)
        found |= {f"{table}.{column}": _counted({column: row[column]} for row in rows) for column in called}
    return found


def _counted(rows: Iterable[Row]) -> Counter[str]:
    # repr tells 1 from 1.0, and text from a blob.
    return Counter(repr(sorted(row.items())) for row in rows)


def differences(said: dict[str, Any], meant: dict[str, Any]) -> list[str]:
    """What differs, a line each."""
    found = []
    for key in {**said, **meant}:
        one, other = said.get(key), meant.get(key)
        if one == other:
            continue
        if isinstance(one, dict) and isinstance(other, dict):
            found += [f"{key}: {line}" for line in differences(one, other)]
        elif isinstance(one, list) and isinstance(other, list):
            found += [f"{key}: there is {item}" for item in one if item not in other]
            found += [f"{key}: there should be {item}" for item in other if item not in one]
            found += [] if sorted(map(str, one)) != sorted(map(str, other)) else [f"{key}: {one} is not in order"]
        else:
            found.append(f"{key}: is {one}, should be {other}")
    return found


def everything(connection: sqlite3.Connection, tables: Sequence[str]) -> list[Any]:
    """A database byte for byte: the texts of its schema, and all rows in their order."""
    connection.text_factory = bytes
    try:
        texts = connection.execute("SELECT rowid, type, name, tbl_name, sql FROM sqlite_master").fetchall()
        rows = [connection.execute(f"SELECT * FROM {quoted(table)}").fetchall() for table in tables]
    finally:
        connection.text_factory = str
    return [texts, rows]
