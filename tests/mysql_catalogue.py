"""The whole catalogue of a MariaDB or MySQL database as one value, in which a difference says where it is."""

from __future__ import annotations

import re
from typing import Any

import peewee

from ormmigrate.connection import inner

#: What the package keeps for itself.
OWN = "ormmigrate_"
Facts = dict[tuple[str, ...], Any]

TABLES = "SELECT table_name, engine, table_collation, table_comment, create_options FROM information_schema.tables"
COLUMNS = """
SELECT table_name, column_name, ordinal_position, column_default, is_nullable, column_type, character_set_name,
    collation_name, column_key, extra, column_comment, generation_expression FROM information_schema.columns
"""
STATISTICS = """
SELECT table_name, index_name, seq_in_index, non_unique, column_name, collation, sub_part, index_type, index_comment
FROM information_schema.statistics
"""
CONSTRAINTS = "SELECT table_name, constraint_name, constraint_type FROM information_schema.table_constraints"
KEYS = """
SELECT table_name, constraint_name, ordinal_position, column_name, referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage
"""
RULES = """
SELECT table_name, constraint_name, unique_constraint_name, update_rule, delete_rule, referenced_table_name
FROM information_schema.referential_constraints
"""
CHECKS = "SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints"
TRIGGERS = """
SELECT event_object_table, trigger_name, action_timing, event_manipulation, action_statement
FROM information_schema.triggers
"""
VIEWS = "SELECT table_name, view_definition FROM information_schema.views"
#: Where each is found, its query, how many of its columns are its name, and the column that says which database.
SOURCES = (
    ("column", COLUMNS, 2, "table_schema"),
    ("table", TABLES, 1, "table_schema"),
    ("index", STATISTICS, 3, "table_schema"),
    ("constraint", CONSTRAINTS, 3, "table_schema"),
    ("key", KEYS, 3, "table_schema"),
    ("rule", RULES, 2, "constraint_schema"),
    ("check", CHECKS, 2, "constraint_schema"),
    ("trigger", TRIGGERS, 2, "trigger_schema"),
    ("view", VIEWS, 1, "table_schema"),
)


def catalogue(database: peewee.Database) -> Facts:
    """All that there is, by what it is and what it is called; the package's own tables are left out."""
    database = inner(database)
    database.connect(reuse_if_open=True)
    found: Facts = {}
    for kind, query, names, schema in SOURCES:
        cursor = database.execute_sql(f"{query} WHERE {schema} = DATABASE()")
        titles = [column[0].lower() for column in cursor.description]
        for row in cursor.fetchall():
            if not str(row[0]).startswith(OWN):
                for title, value in zip(titles[names:], row[names:]):
                    found[(kind, *map(str, row[:names]), title)] = value
    (home,) = database.execute_sql("SELECT DATABASE()").fetchone()
    for key in [key for key in found if key[0] == "view"]:
        found[key] = str(found[key]).replace(f"`{home}`.", "")
    views = {key[1] for key in found if key[0] == "view"}
    for table in [key[1] for key in found if key[0] == "table" and key[2] == "engine" and key[1] not in views]:
        _add_table(database, found, table)
    return found


def _add_table(database: peewee.Database, found: Facts, table: str) -> None:
    name = "`" + table.replace("`", "``").replace("%", "%%") + "`"
    text = database.execute_sql(f"SHOW CREATE TABLE {name}").fetchone()[1]
    counter = re.search(r" AUTO_INCREMENT=(\d+)", text)
    for line in text.replace(counter[0] if counter else "\0", "").split("\n"):
        found["text", table, line.strip().rstrip(",")] = True
    found["next number", table] = int(counter[1]) if counter else None
    found["rows", table] = rows_of(database, table)


def rows_of(database: peewee.Database, table: str) -> list[str]:
    """The rows, columns in the order of their names."""
    # INVISIBLE columns are not in SELECT *.
    name = "`" + table.replace("`", "``").replace("%", "%%") + "`"
    titles = sorted(row[0] for row in inner(database).execute_sql(f"SHOW COLUMNS FROM {name}").fetchall())
    listed = ", ".join("`" + title.replace("`", "``").replace("%", "%%") + "`" for title in titles)
    rows = inner(database).execute_sql(f"SELECT {listed} FROM {name}").fetchall()
    return sorted(repr(sorted(zip(titles, row))) for row in rows)


def difference(before: Facts, after: Facts) -> dict[tuple[str, ...], tuple[Any, Any]]:
    """What is not the same, before and after."""
    keys = sorted({*before, *after})
    return {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}
