"""What stands beside the tables of an SQLite database, as the statements that made it."""

from __future__ import annotations

from collections.abc import Iterable

from peewee import Database

from ormmigrate.dialects.sqlite.tables import ask
from ormmigrate.dialects.sqlite.tokens import folded, quoted, significant, unquoted
from ormmigrate.operations import Operation, Sql
from ormmigrate.schema import Schema

# In the order in which they were made: it is the order in which triggers fire.
OBJECTS = "SELECT type, name, sql FROM main.sqlite_master WHERE type IN ('view', 'trigger', 'table') ORDER BY rowid"

VIRTUAL = "CREATE VIRTUAL TABLE "  # so SQLite keeps it


def statements(database: Database, schema: Schema) -> list[Operation]:
    """What makes the views and triggers of a schema, and the virtual tables that these use."""
    wanted = {("view", one.name) for one in schema.views} | {("trigger", one.name) for one in schema.triggers}
    objects = ask(database, OBJECTS)
    found = [(kind, name, text) for kind, name, text in objects if (kind, name) in wanted]
    used = {word for _, _, text in found for word in _names(text)}
    virtual = [
        ("table", name, text)
        for kind, name, text in objects
        if kind == "table" and text.startswith(VIRTUAL) and folded(name) in used
    ]
    # A trigger may stand on a view.
    ordered = [*virtual, *(one for one in found if one[0] == "view"), *(one for one in found if one[0] == "trigger")]
    return [Sql(text, reverse_text=f"DROP {kind.upper()} {quoted(name)}") for kind, name, text in ordered]


def _names(text: str) -> Iterable[str]:
    return (folded(unquoted(token.text)) for token in significant(text))
