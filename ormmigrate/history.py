"""The only reader and writer of the history table."""

from __future__ import annotations

import json
from datetime import datetime, timezone

from peewee import Database, PeeweeException

from ormmigrate.connection import driver_errors_wrapped
from ormmigrate.dialects.base import quoted
from ormmigrate.migration import DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ormmigrate.dialects.base import Dialect
    from ormmigrate.plan import AppliedMigration

TABLE = "ormmigrate_history"
#: The tables that the package keeps for itself.
OWN_TABLES = (TABLE, "ormmigrate_journal")
SOURCE_MAX_LENGTH = 16_000


class Start:
    """What the one query of a start found.

    Attributes:
        rows: (registry, id, state) of each row of the history.
        tables: the names of the tables and views of the default schema, folded as the database compares them.
    """

    __slots__ = ("rows", "tables")

    def __init__(self, found: Sequence[Any], dialect: Dialect) -> None:
        self.rows = [row for row in found if row[0] is not None]
        self.tables = {dialect.folded(row[1]) for row in found if row[0] is None}


def read_start(database: Database, dialect: Dialect) -> Start | None:
    """The history's ids and the tables' names in one query; None where it has to be looked at under the lock.

    That is where the history table is missing or has an older layout, or where somebody's batch is in the way.
    """
    try:
        cursor = database.execute_sql(dialect.start_query(TABLE))
        with driver_errors_wrapped:
            found = cursor.fetchall()
    except PeeweeException as error:
        if dialect.is_missing(error) or dialect.is_busy(error):
            return None
        raise dialect.explain_connection(database, error) from error
    start = Start(found, dialect)
    # The history of another schema of the search path is not ours.
    return start if dialect.folded(TABLE) in start.tables else None


def read(database: Database, dialect: Dialect) -> list[AppliedMigration]:
    """The rows in the order in which they were applied; none where there is no table.

    Any layout is read: columns that are missing are empty, columns of a newer layout are left alone.
    """
    if not dialect.has_table(database, TABLE):
        return []
    # Imported here: the start of an application reads ids alone.
    from ormmigrate.plan import AppliedMigration

    cursor = database.execute_sql(f"SELECT * FROM {dialect.qualified(database, TABLE)} ORDER BY seq")
    names = [column[0] for column in cursor.description]
    return [AppliedMigration(**_row(dict(zip(names, values)))) for values in cursor.fetchall()]


def has_other_tables(database: Database, dialect: Dialect) -> bool:
    """Whether the database has tables beside the package's own, so that somebody was here before."""
    return dialect.has_user_tables(database, OWN_TABLES)


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "seq": values["seq"],
        "registry": values["registry"],
        "id": values["migration"],
        "name": values.get("name") or "",
        "description": values.get("description") or "",
        "checksum": values.get("checksum"),
        "source": values.get("source"),
        "batch": values.get("batch") or 0,
        "applied_at": _moment(values.get("applied_at")),
        "duration_ms": values.get("duration_ms") or 0.0,
        "state": values.get("state") or DONE,
        "application_version": values.get("application_version"),
        "package_version": values.get("package_version"),
        "details": json.loads(values.get("details") or "{}"),
    }


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value) if value else datetime(1970, 1, 1)


def insert(database: Database, values: Mapping[str, Any]) -> None:
    """Add a row; `details` is a mapping, `applied_at` is set here."""
    row = dict(values, applied_at=_now(), details=json.dumps(values["details"]))
    # TEXT holds 64 KB on MySQL, and a character may take four bytes. It is kept to be shown, nothing else.
    row["source"] = row["source"] and row["source"][:SOURCE_MAX_LENGTH]
    columns = ", ".join(quoted(database, name) for name in row)
    marks = ", ".join([database.param] * len(row))
    database.execute_sql(f"INSERT INTO {_table(database)} ({columns}) VALUES ({marks})", tuple(row.values()))


def update(database: Database, key: tuple[str, str], values: Mapping[str, Any], *, only_if: str | None = None) -> None:
    """Set columns of the row of (registry, id); with `only_if`, where that is its state."""
    row = dict(values)
    if "details" in row:
        row["details"] = json.dumps(row["details"])
    if row.get("source"):
        row["source"] = row["source"][:SOURCE_MAX_LENGTH]
    sets = ", ".join(f"{quoted(database, name)} = {database.param}" for name in row)
    condition = "" if only_if is None else f" AND {quoted(database, 'state')} = {database.param}"
    params = (*row.values(), *key) if only_if is None else (*row.values(), *key, only_if)
    database.execute_sql(f"UPDATE {_table(database)} SET {sets} WHERE {_key(database)}{condition}", params)


def state_of(database: Database, key: tuple[str, str]) -> str | None:
    """The state of the row of (registry, id); None where there is none."""
    row = database.execute_sql(f"SELECT state FROM {_table(database)} WHERE {_key(database)}", key).fetchone()
    return row and str(row[0])


def delete(database: Database, keys: Sequence[tuple[str, str]]) -> None:
    """Remove the rows of those (registry, id)."""
    for key in keys:
        database.execute_sql(f"DELETE FROM {_table(database)} WHERE {_key(database)}", key)


def _now() -> str:
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _key(database: Database) -> str:
    registry, migration = quoted(database, "registry"), quoted(database, "migration")
    return f"{registry} = {database.param} AND {migration} = {database.param}"


def _table(database: Database) -> str:
    return quoted(database, TABLE)
