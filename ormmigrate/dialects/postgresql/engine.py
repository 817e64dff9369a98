"""What playhouse.migrate needs on PostgreSQL."""

from __future__ import annotations

import playhouse.migrate as playhouse
from peewee import SQL, Context, Entity, ForeignKeyField, Node

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import Engine, constant_of
from ormmigrate.operations import AddColumnDefault, AlterColumnType, Sql

# What DROP COLUMN takes along without a word is what depends on the column automatically ('a' in pg_depend).
SHARED = """
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend AS d
JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
LEFT JOIN pg_index AS i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_attrdef AS e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND a.attrelid = to_regclass(%s) AND a.attname = %s AND (
    cardinality(c.conkey) > 1
    OR i.indnatts > 1 OR i.indpred IS NOT NULL OR i.indexprs IS NOT NULL
    -- Generated columns; before PostgreSQL 15 it is they themselves that depend on it.
    OR e.adnum <> a.attnum OR (d.classid = 'pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid <> 0)
    OR d.classid = 'pg_statistic_ext'::regclass)
ORDER BY 1
"""
OWN_COLLATION = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_collation AS c ON c.oid = a.attcollation JOIN pg_namespace AS n ON n.oid = c.collnamespace
WHERE a.attrelid = to_regclass(%s) AND a.attname = %s AND a.attcollation <> t.typcollation
"""
IS_COLLATABLE = "SELECT typcollation <> 0 FROM pg_type WHERE oid = to_regtype(%s)"


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
            self.send_rendered(self.playhouse.add_column_default(operation.table, operation.column, operation.default))
            return
        # psycopg 3 binds on the server, and DDL takes no parameters. A quoted literal fits every type.
        text = str(default).lower() if isinstance(default, bool) else str(default)
        literal = self.database.execute_sql("SELECT quote_literal(%s)", (text,)).fetchone()[0]
        table, column = self.quoted(operation.table), self.quoted(operation.column)
        self.sql(Sql(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {literal}"))

    def row_keys(self, table: str) -> list[str]:
        return super().row_keys(table) or ["tableoid", "ctid"]

    def shared_with(self, table: str, column: str) -> list[str]:
        return [name for (name,) in self.database.execute_sql(SHARED, (self.quoted(table), column)).fetchall()]

    def alter_column_type(self, operation: AlterColumnType) -> None:
        # TYPE without COLLATE puts the collation of the new type in place of the column's own.
        field = ddl.prepared(operation.field, operation.table, operation.column)
        context = self.database.get_sql_context()
        kind = field.ddl_datatype(context)
        collation = field.collation or self._own_collation(operation, kind.sql)
        context.literal("ALTER TABLE ").sql(Entity(operation.table)).literal(" ALTER COLUMN ")
        context.sql(Entity(operation.column)).literal(" TYPE ").sql(kind)
        if collation:
            context.literal(f" COLLATE {collation}")
        if operation.cast is not None:
            cast = operation.cast if isinstance(operation.cast, Node) else SQL(operation.cast)
            context.literal(" USING ").sql(cast)
        self.send(context)

    def _own_collation(self, operation: AlterColumnType, kind: str) -> str | None:
        """The collation of a column, if it is not that of its type, and the new type has collations at all."""
        place = (self.quoted(operation.table), operation.column)
        found = self.database.execute_sql(OWN_COLLATION, place).fetchone()
        if not found:
            return None
        collatable = self.database.execute_sql(IS_COLLATABLE, (kind,)).fetchone()
        return found[0] if collatable and collatable[0] else None
