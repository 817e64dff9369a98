"""What playhouse.migrate needs on PostgreSQL."""

from __future__ import annotations

import playhouse.migrate as playhouse
from peewee import SQL, Context, Entity, ForeignKeyField

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import Engine


class Migrator(playhouse.PostgresqlMigrator):  # type: ignore[misc]
    """playhouse's own loses the name and the deferrability of a foreign key in ADD COLUMN."""

    def add_inline_fk_sql(self, ctx: Context, field: ForeignKeyField) -> Context:
        if field.constraint_name:
            ctx.literal(" ").sql(SQL("CONSTRAINT")).literal(" ").sql(Entity(field.constraint_name))
        for part in ddl.references(field):
            ctx.literal(" ").sql(part)
        return ctx


class PostgresqlEngine(Engine):
    migrator_class = Migrator

    def row_keys(self, table: str) -> list[str]:
        return super().row_keys(table) or ["ctid"]
