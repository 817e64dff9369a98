"""The same statements run on two databases: constraints, defaults, keys and triggers are compared by what they do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlite_reference import quoted
from sqlite_tables import Schema, Table

VALUES = (None, "b", 99, 1.5, "bad, (one) 'or", 1, b"\x00", "12", 5, "a", -5, "B ", "zz", 2)


def outcomes(connection: sqlite3.Connection, schema: Schema) -> dict[str, str]:
    """What becomes of each statement: how many rows it changed, or what kind of error it was."""
    connection.execute("PRAGMA foreign_keys = ON")
    return {
        f"{number}. {text} {values}": _outcome(connection, text, values)
        for number, (text, values) in enumerate(_probes(schema), 1)
    }


def _outcome(connection: sqlite3.Connection, statement: str, parameters: list[Any]) -> str:
    try:
        return str(connection.execute(statement, parameters).rowcount)
    except sqlite3.Error as error:
        # Behind the colon stands what failed, by its name or its text.
        return str(error).partition(":")[0]


def _probes(schema: Schema) -> Iterator[tuple[str, list[Any]]]:
    tables = schema.tables[:3]
    for table in tables:
        name = quoted(table.name)
        yield f"INSERT INTO {name} DEFAULT VALUES", []
        columns = ", ".join(map(quoted, table.stored))
        marks = ", ".join("?" * len(table.stored))
        for number in range(6):
            yield f"INSERT INTO {name} ({columns}) VALUES ({marks})", _values(table, number)
    for table in tables:
        name = quoted(table.name)
        for number, column in enumerate(table.stored):
            for value in (None, VALUES[number], VALUES[-number]):
                yield f"UPDATE {name} SET {quoted(column)} = ?", [value]
            yield f"UPDATE OR REPLACE {name} SET {quoted(column)} = ? || {quoted(column)}", [1]
        yield f"DELETE FROM {name} WHERE {quoted(table.names[0])} IN (1, 'a', 2.0)", []
    for table in tables:
        yield f"DELETE FROM {quoted(table.name)}", []


def _values(table: Table, number: int) -> list[Any]:
    return [VALUES[(number * 3 + place) % len(VALUES)] for place in range(len(table.stored))]
