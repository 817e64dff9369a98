"""A backfill in batches, each a transaction of its own, which goes on where it was interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from peewee import Database

from ormmigrate import journal
from ormmigrate.dialects import backfilling
from ormmigrate.dialects.backfilling import Key
from ormmigrate.dialects.base import Dialect, quoted
from ormmigrate.dialects.engine import Engine
from ormmigrate.errors import ConfigurationError
from ormmigrate.operations import Backfill

#: (rows that were looked at, the table's rows as far as known, seconds that are left as far as known)
Progress = Callable[[int, int, float], None]


def run_in_batches(engine: Engine, operation: Backfill, row: int, tell: Progress) -> None:
    """Fill by primary key, `operation.batch_size` rows in a transaction.

    Args:
        row: the operation's row in the journal, where each batch notes how far it came, in its own transaction; an
            interrupted run goes on behind that.

    Raises:
        ConfigurationError: the table has no primary key, or the values change it.
    """
    database, dialect = engine.database, engine.dialect
    keys = _keys(database, dialect, operation)
    _, done_before = _decoded(journal.progress_of(database, row)[1])
    estimated = dialect.estimated_rows(database, operation.table)
    began = time.monotonic()
    while True:
        with dialect.transaction(database):
            # Where no lock outlasts a transaction, another process may go on with the same one.
            state, noted = journal.progress_of(database, row)
            if state != journal.BEGUN:
                return
            after, done = _decoded(noted)
            last = _last_key(database, dialect, operation, keys, after)
            engine.send(backfilling.update_between(database, operation, keys, after, last))
            done += operation.batch_size
            # In the same transaction, so that no batch is run twice; the last one as well.
            journal.update(database, row, {"progress": _encoded(last, done)} if last else {"state": journal.DONE})
        if last is None:
            return
        each_s = (time.monotonic() - began) / (done - done_before)
        tell(done, max(done, estimated), each_s * max(0, estimated - done))
        time.sleep(operation.pause_s)


def _keys(database: Database, dialect: Dialect, operation: Backfill) -> list[str]:
    keys = list(database.get_primary_keys(operation.table))
    if keys and _has_nulls(database, dialect, operation.table, keys):
        raise ConfigurationError(
            f"The primary key of {operation.table} holds NULL in some rows, by which they cannot be found in order.",
            "fill it with one statement: migrator.sql('UPDATE ...').",
        )
    if not keys:
        raise ConfigurationError(
            f"{operation.table} has no primary key, so it cannot be filled in batches.",
            "fill it with one statement: migrator.sql('UPDATE ...').",
        )
    if set(keys) & set(operation.values):
        raise ConfigurationError(
            f"The backfill of {operation.table} would change its primary key, by which it finds its rows.",
            "change the key with one statement: migrator.sql('UPDATE ...').",
        )
    return keys


def _has_nulls(database: Database, dialect: Dialect, table: str, keys: Sequence[str]) -> bool:
    """Whether a key is NULL somewhere, which SQLite allows."""
    missing = " OR ".join(f"{quoted(database, key)} IS NULL" for key in keys)
    query = f"SELECT 1 FROM {quoted(database, table)} WHERE {missing} LIMIT 1"
    return database.execute_sql(dialect.as_sent(query, None)).fetchone() is not None


def _last_key(
    database: Database, dialect: Dialect, operation: Backfill, keys: Sequence[str], after: Key | None
) -> Key | None:
    query = backfilling.last_key(database, operation.table, keys, after, operation.batch_size)
    statement, params = query.query()
    row = database.execute_sql(dialect.as_sent(statement, params), params).fetchone()
    return tuple(row) if row else None


def _encoded(key: Key, done: int) -> str:
    return json.dumps({"key": [_as_json(value) for value in key], "rows": done})


def _as_json(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    # Dates, decimals and UUIDs: the database takes their texts for them.
    return value if isinstance(value, (int, float, str)) else str(value)


def _decoded(progress: str | None) -> tuple[Key | None, int]:
    if not progress:
        return None, 0
    noted = json.loads(progress)
    return tuple(bytes.fromhex(part["bytes"]) if isinstance(part, dict) else part for part in noted["key"]), noted[
        "rows"
    ]
