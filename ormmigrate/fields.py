"""Fields that peewee lacks."""

from __future__ import annotations

from typing import Any

from peewee import SQL, Field


class RawField(Field):
    """A column of any type, said as the database says it; values pass as they are.

    For migrations: a type that no field of peewee makes, or one whose field is the application's own and may change.

    Args:
        column_type: the type with its arguments, `"citext"`, `"NVARCHAR(160)"`; empty for none (SQLite).

    Example:
        migrator.add_column("user", "nick", RawField("citext", null=True))
    """

    field_type = ""

    def __init__(self, column_type: str, **arguments: Any) -> None:
        self.column_type = column_type
        super().__init__(**arguments)

    def ddl_datatype(self, ctx: object) -> SQL:
        return SQL(self.column_type)
