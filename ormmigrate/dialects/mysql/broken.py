"""Views and triggers that do not work any more: neither server keeps anybody from taking their columns away."""

from __future__ import annotations

from peewee import Database, PeeweeException

from ormmigrate.dialects.mysql.codes import number_of
from ormmigrate.dialects.mysql.definition import folded, quoted, tokens, unquoted, words
from ormmigrate.dialects.mysql.refusals import said

VIEWS = "SELECT table_name FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY 1"
INVALID_VIEW = 1356
TRIGGERS = """
SELECT trigger_name, event_object_table, action_statement FROM information_schema.triggers
WHERE trigger_schema = DATABASE() ORDER BY 1
"""
COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
ROWS = ("NEW", "OLD")


def broken_definitions(database: Database) -> dict[str, str]:
    """Views that cannot be opened, and triggers that name a column which their table does not have; and why."""
    found = {}
    for (view,) in database.execute_sql(VIEWS).fetchall():
        try:
            # information_schema does not notice that a column is gone.
            database.execute_sql(f"SHOW COLUMNS FROM {quoted(view)}".replace("%", "%%"))
        except PeeweeException as error:
            if number_of(error) != INVALID_VIEW:
                raise
            found[f"view {view}"] = said(error)
    triggers = database.execute_sql(TRIGGERS).fetchall()
    if not triggers:
        return found
    columns = {(table, folded(column)) for table, column in database.execute_sql(COLUMNS).fetchall()}
    for name, table, statement in triggers:
        missing = sorted(column for column in named_by(statement) if (table, column) not in columns)
        if missing:
            found[f"trigger {name}"] = f"{table} has no column {', '.join(missing)}"
    return found


def named_by(statement: str) -> set[str]:
    """The columns that a trigger's statement names with NEW and OLD, folded."""
    found = words(tokens(statement))
    places = range(len(found) - 2)
    return {
        folded(unquoted(found[place + 2]))
        for place in places
        if found[place].upper() in ROWS and found[place + 1] == "." and found[max(place - 1, 0)] != "."
    }
