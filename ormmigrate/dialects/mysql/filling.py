"""Values for a new column of rows that are there, from a function that is called for each."""

from __future__ import annotations

from peewee import Field

from ormmigrate.dialects.engine import default_of
from ormmigrate.dialects.mysql.definition import Table, quoted
from ormmigrate.dialects.mysql.reading import Reader
from ormmigrate.dialects.mysql.refusals import Refused

ADVICE = "add the column with null=True, and fill it with one UPDATE: migrator.sql(...)."


def row_keys(table: Table) -> list[str]:
    """The columns by which a row can be found again.

    Raises:
        Refused: there are none.
    """
    primary = next((key for key in table.keys if key.name == "PRIMARY"), None)
    names = [name for name in primary.columns if name is not None] if primary else []
    if not names:
        raise Refused(
            f"{table.name} has no primary key, so its rows cannot be filled one by one from a function.", ADVICE
        )
    floating = [column.name for column in table.columns if column.name in names and column.kind in ("float", "double")]
    if floating:
        raise Refused(
            f"Rows of {table.name} cannot be found again by {', '.join(floating)}, a floating-point number.", ADVICE
        )
    return names


def fill(reader: Reader, table: Table, column: str, field: Field) -> None:
    """Set a column in every row. Triggers see these updates, as they see any."""
    keys = row_keys(table)
    # A column that notes the moment of a change would note this one.
    kept = [one.name for one in table.columns if one.says("ON UPDATE")]
    assigned = [f"{_sent(column)} = %s", *(f"{_sent(name)} = {_sent(name)}" for name in kept)]
    match = " AND ".join(f"{_sent(key)} = %s" for key in keys)
    update = f"UPDATE {_sent(table.name)} SET {', '.join(assigned)} WHERE {match}"
    for row in reader.rows(f"SELECT {', '.join(map(quoted, keys))} FROM {quoted(table.name)}"):
        reader.database.execute_sql(update, (default_of(field), *row))


def _sent(name: str) -> str:
    # The driver takes every percent sign for a parameter, those in names too.
    return quoted(name).replace("%", "%%")
