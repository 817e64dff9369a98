"""The only reader and writer of the journal: what a batch that cannot be rolled back has done so far.

A row for each operation, and one for each DDL statement of it where DDL cannot be rolled back. Rows are written
ahead of what they tell of, and are gone when the batch has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from peewee import Database

from ormmigrate.dialects.base import Dialect, quoted
from ormmigrate.migration import label_of

TABLE = "ormmigrate_journal"
#: What stands for (registry, id) where tables are created from models.
SYNC = ("", "the tables of the models")
#: Kinds of rows: an operation, a DDL statement of one, a query that the migration sent itself.
OPERATION, STATEMENT, QUERY = "operation", "statement", "query"
#: Begun, finished, being taken back, taken back.
BEGUN, DONE, UNDOING, UNDONE = "begun", "done", "undoing", "undone"
#: How an operation is taken back: by a text that is kept here, or by what the migration's code says.
BY_TEXT, BY_CODE = "text:", "code:"


@dataclass(frozen=True)
class Entry:
    """A row of the journal.

    Attributes:
        seq: the running number by which rows are ordered.
        direction: `up` or `down`.
        position: the operation's place in its migration, from 0; of a statement, that of its operation.
        kind, state: see above.
        description: the operation, in words; of a query, its statement.
        statement: the DDL statement; of an operation, its SQL if it is one.
        found, made: what the tables that it names were before and after it, as the dialect keeps that.
        changes_rows: whether the operation changed rows that were there before it.
        reversal: what takes the operation back: `text:` and a script, `code:` where the migration's own says it,
            None where nothing does.
        progress: how far a backfill is.
    """

    seq: int
    registry: str
    migration: str
    direction: str
    position: int
    kind: str
    state: str
    description: str
    statement: str
    found: str | None
    made: str | None
    changes_rows: bool
    reversal: str | None
    progress: str | None

    @property
    def key(self) -> tuple[str, str]:
        return self.registry, self.migration

    @property
    def label(self) -> str:
        return label_of(self.registry, self.migration)


def read(database: Database, dialect: Dialect) -> list[Entry]:
    """The rows, oldest first; none where there is no table yet."""
    if not dialect.has_table(database, TABLE):
        return []
    names = tuple(Entry.__dataclass_fields__)
    columns = ", ".join(quoted(database, name) for name in names)
    rows = database.execute_sql(f"SELECT {columns} FROM {dialect.qualified(database, TABLE)} ORDER BY seq").fetchall()
    return [Entry(**{**dict(zip(names, row)), "changes_rows": bool(row[names.index("changes_rows")])}) for row in rows]


def insert(database: Database, values: Mapping[str, Any]) -> int:
    """Add a row; return its number."""
    row = {"description": "", "statement": "", "changes_rows": False, **values}
    columns = ", ".join(quoted(database, name) for name in row)
    marks = ", ".join([database.param] * len(row))
    database.execute_sql(f"INSERT INTO {_table(database)} ({columns}) VALUES ({marks})", tuple(row.values()))
    # Nobody else writes here: the batch has the lock.
    return int(database.execute_sql(f"SELECT MAX(seq) FROM {_table(database)}").fetchone()[0])


def update(database: Database, seq: int, values: Mapping[str, Any]) -> None:
    """Set columns of a row."""
    sets = ", ".join(f"{quoted(database, name)} = {database.param}" for name in values)
    database.execute_sql(
        f"UPDATE {_table(database)} SET {sets} WHERE seq = {database.param}", (*values.values(), seq)
    )  # fmt: skip


def operation_at(database: Database, key: tuple[str, str], position: int) -> tuple[int, str] | None:
    """The number and state of the row of an operation; None where it has none yet."""
    names = {name: quoted(database, name) for name in ("registry", "migration", "position", "kind")}
    conditions = " AND ".join(f"{name} = {database.param}" for name in names.values())
    query = f"SELECT seq, state FROM {_table(database)} WHERE {conditions}"
    row = database.execute_sql(query, (*key, position, OPERATION)).fetchone()
    return row and (int(row[0]), str(row[1]))


def progress_of(database: Database, seq: int) -> tuple[str | None, str | None]:
    """The state of a backfill's row, and how far it is; None where the row is gone."""
    query = f"SELECT state, progress FROM {_table(database)} WHERE seq = {database.param}"
    row = database.execute_sql(query, (seq,)).fetchone()
    return (None, None) if row is None else (row[0], row[1])


def delete(database: Database, seq: int) -> None:
    database.execute_sql(f"DELETE FROM {_table(database)} WHERE seq = {database.param}", (seq,))


def clear(database: Database, keys: Iterable[tuple[str, str]]) -> None:
    """Forget those of (registry, id): they have ended, and the history says how."""
    names = [quoted(database, name) for name in ("registry", "migration")]
    conditions = " AND ".join(f"{name} = {database.param}" for name in names)
    for key in keys:
        database.execute_sql(f"DELETE FROM {_table(database)} WHERE {conditions}", key)


def _table(database: Database) -> str:
    return quoted(database, TABLE)
