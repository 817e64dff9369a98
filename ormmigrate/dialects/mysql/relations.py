"""Reading tables and views with their triggers from MariaDB and MySQL, as the server shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import Database

from ormmigrate.dialects.mysql.restoring import Relation, State
from ormmigrate.dialects.mysql.restoring_text import quoted

TABLES = (
    "SELECT table_name, table_type FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_type <> 'TEMPORARY'"
)
TRIGGERS = (
    "SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE trigger_schema = DATABASE() "
    "ORDER BY event_object_table, action_timing, event_manipulation, action_order"
)


def read_state(database: Database, names: Iterable[str]) -> State:
    """Read the relations of those names, and the tables of the triggers of those names.

    Ask for them again by the names of what was found, for a trigger that is gone leads to no table.

    Args:
        database: a connected one of peewee.

    Returns:
        By name, as the server writes it, each with its text and its triggers in the order in which they act;
        None for a name that is of none.
    """
    known = dict(_rows(database, TABLES))
    triggers = _rows(database, TRIGGERS)
    ((folds,),) = _rows(database, "SELECT @@lower_case_table_names")
    written = {name.lower(): name for name in known} if folds else {}
    owners = dict(triggers)
    state: dict[str, Relation | None] = {}
    for name in sorted({*names}):
        found = name if name in known else written.get(name.lower(), name)
        for one in (found, owners.get(name)):
            if one is not None and one not in state:
                own = [trigger for trigger, table in triggers if table == one]
                state[one] = _relation(database, one, known[one] == "VIEW", own) if one in known else None
    return state


def _relation(database: Database, name: str, is_view: bool, triggers: Sequence[str]) -> Relation:
    text = _rows(database, f"SHOW CREATE TABLE {quoted(name)}")[0][1]
    statements = {trigger: _rows(database, f"SHOW CREATE TRIGGER {quoted(trigger)}")[0][2] for trigger in triggers}
    return Relation(text, is_view, statements)


def _rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    # Drivers take a `%` for a placeholder.
    rows: Sequence[tuple[Any, ...]] = database.execute_sql(query.replace("%", "%%")).fetchall()
    return list(rows)
