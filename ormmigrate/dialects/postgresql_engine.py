"""What playhouse.migrate needs on PostgreSQL."""

from __future__ import annotations

import playhouse.migrate as playhouse
from peewee import SQL, Context, Entity, ForeignKeyField

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import Engine, constant_of
from ormmigrate.operations import AddColumnDefault, Sql


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

    def add_column_default(self, operation: AddColumnDefault) -> None:
        default = constant_of(operation.default)
        if default is None:
            super().add_column_default(operation)
            return
        # psycopg 3 binds on the server, and DDL takes no parameters. A quoted literal fits every type.
        text = str(default).lower() if isinstance(default, bool) else str(default)
        literal = self.database.execute_sql("SELECT quote_literal(%s)", (text,)).fetchone()[0]
        table, column = self.quoted(operation.table), self.quoted(operation.column)
        self.sql(Sql(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {literal}"))

    def row_keys(self, table: str) -> list[str]:
        return super().row_keys(table) or ["ctid"]
