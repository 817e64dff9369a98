"""Rows for any of the states, and what is left of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from changes_peers.states import State
from ormmigrate.schema import Column, Table

ROWS = 5
Execute = Callable[..., Any]  # (sql, params) -> cursor


def fill(state: State, execute: Execute, placeholder: str = "?") -> None:
    """Insert rows that meet every constraint, parents first."""
    for table in state.tables:
        columns = [column for column in table.columns if column.generated is None]
        names = ", ".join(column.name for column in columns)
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({', '.join([placeholder] * len(columns))})"
        for number in range(1, ROWS + 1):
            execute(statement, [value(state, table, column, number) for column in columns])


def value(state: State, table: Table, column: Column, number: int) -> Any:
    """What stands in that column of row `number`; a foreign key refers to the row of the same number."""
    for found in table.foreign_keys:
        if column.name in found.columns:
            target = state.table(found.table)
            name = found.target_columns[found.columns.index(column.name)]
            return value(state, target, next(one for one in target.columns if one.name == name), number)
    word = column.type.partition("(")[0]
    if word in ("INTEGER", "BIGINT"):
        return number
    if word == "DECIMAL":
        return f"{number}.25"
    if word == "DATE":
        return f"2024-01-0{number}"
    return f"text {number}"


def read(state: State, execute: Execute) -> dict[str, list[dict[str, Any]]]:
    """All rows by table, each by column."""
    found = {}
    for table in state.tables:
        names = [column.name for column in table.columns if column.generated is None]
        rows = execute(f"SELECT {', '.join(names)} FROM {table.name}", []).fetchall()
        found[table.name] = [dict(zip(names, map(_plain, row))) for row in rows]
    return found


def lost(
    before: dict[str, list[dict[str, Any]]], state: State, there: Collection[str], renamed: str | None, execute: Execute
) -> list[str]:
    """What of the rows is not there any more, though its table and column are; in words.

    Args:
        there: the tables that there are.
    """
    old, _, new = (renamed or "").partition("=")
    found = []
    for name, rows in before.items():
        table = new if name == old else name
        is_left_alone = table != name and name in there
        if is_left_alone or table not in [one.name for one in state.tables]:
            continue
        if table not in there:
            found.append(f"{table}: 0 of {len(rows)} rows are left")
            continue
        names = {column: new.partition(".")[2] if f"{name}.{column}" == old else column for column in rows[0]}
        kept = {column: now for column, now in names.items() if now in [one.name for one in state.table(table).columns]}
        wanted = [tuple(row[column] for column in kept) for row in rows]
        kept_rows = execute(f"SELECT {', '.join(kept.values())} FROM {table}", []).fetchall()
        if sorted(map(repr, wanted)) != sorted(repr(tuple(map(_plain, row))) for row in kept_rows):
            found.append(f"{table}: {_words(wanted, kept_rows)}")
    return found


def _words(wanted: Sequence[Any], there: Sequence[Any]) -> str:
    if len(wanted) != len(there):
        return f"{len(there)} of {len(wanted)} rows are left"
    return "other values than before"


def _plain(found: Any) -> Any:
    """A value, without what its type makes of it: 1, '1' and Decimal('1.00') are the same."""
    try:
        return Decimal(str(found)).normalize()
    except InvalidOperation:
        return str(found)
