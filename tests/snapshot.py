"""Everything that a database holds, as one value: two of them are equal only if nothing differs."""

from __future__ import annotations

import re
from typing import Any

import peewee

from ormmigrate.connection import inner

HISTORY = "ormmigrate_history"
#: What it says is of one batch, and it is empty between two.
JOURNAL = "ormmigrate_journal"
#: The tables of the package, in the order of their names.
OURS = (HISTORY, JOURNAL)

PG_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attcollation
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    AND c.relkind IN ('r', 'v', 'S')
ORDER BY 1, 2
"""
PG_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace ORDER BY 1, 2
"""
PG_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2"
PG_TRIGGERS = """
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT tgisinternal ORDER BY 1, 2
"""


def snapshot(database: peewee.Database, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Schema and rows of every table, except those named in `without` and the journal."""
    database = inner(database)
    database.connect(reuse_if_open=True)
    return {"schema": schema(database, without=without), "rows": rows(database, without=without)}


def rows(database: peewee.Database, *, without: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """The rows of every table but the journal, in no particular order."""
    database = inner(database)
    opening, closing = tuple(database.quote)
    return {
        table: sorted(map(repr, database.execute_sql(f"SELECT * FROM {opening}{table}{closing}").fetchall()))
        for table in database.get_tables()
        if table not in (*without, JOURNAL)
    }


def schema(database: peewee.Database, *, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """The schema in the database's own words, without the journal."""
    database = inner(database)
    if isinstance(database, peewee.SqliteDatabase):
        found = _sqlite(database)
    elif isinstance(database, peewee.PostgresqlDatabase):
        found = [
            (kind, *row)
            for kind, query in enumerate((PG_COLUMNS, PG_CONSTRAINTS, PG_INDEXES, PG_TRIGGERS))
            for row in database.execute_sql(query).fetchall()
        ]
    else:
        found = [
            (table, _without_counter(database.execute_sql(f"SHOW CREATE TABLE `{table}`").fetchone()[1]))
            for table in database.get_tables()
        ]
    return [row for row in found if not any(name in str(row) for name in (*without, JOURNAL))]


def _without_counter(text: str) -> str:
    """SHOW CREATE TABLE without the next number of the key, which says how many rows there have been."""
    return re.sub(r" AUTO_INCREMENT=\d+", "", text)


def _sqlite(database: peewee.Database) -> list[tuple[Any, ...]]:
    """What SQLite's own pragmas say, so that spacing in CREATE TABLE does not count, and the texts of the rest."""
    found: list[tuple[Any, ...]] = []
    for kind, name, text in database.execute_sql("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall():
        if kind != "table":
            found.append((kind, name, text))
            continue
        # No pragma tells of these.
        found.append((name, "checks", text.upper().count("CHECK")))
        quoted = '"' + name.replace('"', '""') + '"'
        for pragma in ("table_xinfo", "foreign_key_list", "index_list"):
            details = database.execute_sql(f"PRAGMA {pragma}({quoted})").fetchall()
            # An index's place in the list says when it was made, and nothing else.
            found += [(name, pragma, *(row[1:] if pragma == "index_list" else row)) for row in sorted(details, key=str)]
    return found
