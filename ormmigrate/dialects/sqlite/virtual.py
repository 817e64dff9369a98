"""Virtual tables, and the tables in which their modules keep what they hold."""

from __future__ import annotations

from collections.abc import Mapping

from peewee import Database, DatabaseError

from ormmigrate.dialects.sqlite.tables import ask
from ormmigrate.dialects.sqlite.tokens import folded, significant, unquoted

#: What SQLite's own modules append to the name of the virtual table.
SHADOWS = {
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "rtree": ("node", "rowid", "parent"),
    "rtree_i32": ("node", "rowid", "parent"),
    "geopoly": ("node", "rowid", "parent"),
}


def belonging_to_modules(database: Database, tables: Mapping[str, str]) -> set[str]:
    """The virtual tables, folded, with the tables that belong to them.

    Args:
        tables: the texts of all tables by their names.
    """
    virtual = {name: text for name, text in tables.items() if text.startswith("CREATE VIRTUAL")}  # so SQLite keeps it
    if not virtual:
        return set()
    found = {folded(name) for name in virtual}
    for name, text in virtual.items():
        found |= {folded(f"{name}_{shadow}") for shadow in SHADOWS.get(_module(text), ())}
    try:
        # The modules that this connection knows say it themselves; from 3.37 on.
        rows = ask(database, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
    except DatabaseError:
        rows = []
    return found | {folded(name) for (name,) in rows}


def _module(text: str) -> str:
    """The module that a virtual table is made with, folded."""
    tokens = significant(text)
    place = next((place for place, token in enumerate(tokens) if token.is_word("USING")), None)
    return folded(unquoted(tokens[place + 1].text)) if place is not None else ""
