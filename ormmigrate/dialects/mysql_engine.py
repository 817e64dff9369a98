"""What playhouse.migrate needs on MariaDB and MySQL.

It rebuilds a column's definition from DESCRIBE, and so loses DEFAULT, COMMENT, character set, collation and
more. Renaming and adding are done here with statements that lose nothing; where MODIFY is all there is, it
is refused when the column has anything that MODIFY would lose.
"""

from __future__ import annotations

from typing import Any

import playhouse.migrate as playhouse
from peewee import SQL, Context, Entity, Field, callable_

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import SCRATCH_TABLE, Engine, declares_default, default_of
from ormmigrate.operations import (
    AddColumn,
    AddNotNull,
    AlterColumnType,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    Operation,
    RenameColumn,
)

# The first versions with ALTER TABLE ... RENAME COLUMN.
RENAME_COLUMN_SINCE = {"mariadb": (10, 5, 2), "mysql": (8, 0, 0)}
TEXT_TYPES = ("TEXT", "BLOB", "JSON")


class MySQLEngine(Engine):
    migrator_class = playhouse.MySQLMigrator

    def _drop_scratch(self) -> str:
        return f"DROP TEMPORARY TABLE `{SCRATCH_TABLE}`"

    def add_column(self, operation: AddColumn) -> None:
        field = self.prepared(operation)
        if field.null or operation.allow_not_null or field.default is None:
            super().add_column(operation)
            return
        # NOT NULL with a default from the start, and the default dropped again: one ALTER fills every row,
        # and no MODIFY follows that would strip what the field says.
        declares = declares_default(field)
        context = self._add_not_null_column(operation, field)
        statement, params = context.query()
        if not declares:
            mark = "(%s)" if field.field_type in TEXT_TYPES else "%s"
            statement, params = f"{statement} DEFAULT {mark}", [*params, default_of(field)]
        self.database.execute_sql(statement, params)
        if callable_(field.default):
            self.fill(operation.table, operation.column, field)
        if not declares:
            table, column = self.quoted(operation.table), self.quoted(operation.column)
            self.database.execute_sql(f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")
        self.finish_column(operation, field)

    def _add_not_null_column(self, operation: AddColumn, field: Field) -> Context:
        context = self.database.get_sql_context()
        context.literal("ALTER TABLE ").sql(Entity(operation.table)).literal(" ADD COLUMN ").sql(field.ddl(context))
        return context

    def rename_column(self, operation: RenameColumn) -> None:
        version = self.database.execute_sql("SELECT VERSION()").fetchone()[0]
        kind = "mariadb" if "mariadb" in version.lower() else "mysql"
        if tuple(self.database.server_version) < RENAME_COLUMN_SINCE[kind]:
            self._refuse_loss(operation, operation.table, operation.column)
            super().rename_column(operation)
            return
        table, column, new_name = map(self.quoted, (operation.table, operation.column, operation.new_name))
        self.database.execute_sql(f"ALTER TABLE {table} RENAME COLUMN {column} TO {new_name}")

    def drop_foreign_key_constraint(self, operation: DropForeignKeyConstraint) -> None:
        name = self.playhouse.get_foreign_key_constraint(operation.table, operation.column)
        super().drop_foreign_key_constraint(operation)
        if operation.replaces is None:
            return
        # ADD CONSTRAINT made an index of the constraint's name where there was none; DROP leaves it behind.
        for index in self.database.get_indexes(operation.table):
            if index.name == name and list(index.columns) == [operation.column]:
                self.drop_index(DropIndex(operation.table, name))

    def add_not_null(self, operation: AddNotNull) -> None:
        self._refuse_loss(operation, operation.table, operation.column)
        super().add_not_null(operation)

    def drop_not_null(self, operation: DropNotNull) -> None:
        self._refuse_loss(operation, operation.table, operation.column)
        super().drop_not_null(operation)

    def alter_column_type(self, operation: AlterColumnType) -> None:
        self.refuse_cast(operation)
        self._refuse_loss(operation, operation.table, operation.column)
        field = ddl.prepared(operation.field, operation.table, operation.column)
        # MODIFY says NULL and NOT NULL anew: what the column had stays, whatever the field says.
        field.null = self._described(operation.table, operation.column)["Null"] == "YES"
        field.constraints = [*(field.constraints or ()), *([SQL("NULL")] if field.null else [])]
        context = self.database.get_sql_context()
        self.send(
            context.literal("ALTER TABLE ").sql(Entity(operation.table)).literal(" MODIFY ").sql(field.ddl(context))
        )

    def _refuse_loss(self, operation: Operation, table: str, column: str) -> None:
        facts = self._described(table, column)
        has = [name.lower() for name in ("Default", "Extra", "Comment") if facts.get(name)]
        if facts.get("Collation") and facts["Collation"] != self._table_collation(table):
            has.append("collation")
        if facts.get("Key") == "UNI":
            has.append("unique index")
        if has:
            raise self.unsupported(
                operation,
                f"Changing the column would lose its {' and its '.join(has)}.",
                "write the statement with the whole definition: migrator.sql('ALTER TABLE ... MODIFY ...').",
            )

    def _described(self, table: str, column: str) -> dict[str, Any]:
        cursor = self.database.execute_sql(f"SHOW FULL COLUMNS FROM {self.quoted(table)}")
        names = [item[0] for item in cursor.description]
        for row in cursor.fetchall():
            if row[0].lower() == column.lower():
                return dict(zip(names, row))
        return {}

    def _table_collation(self, table: str) -> Any:
        query = (
            "SELECT table_collation FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
        )
        row = self.database.execute_sql(query, (table,)).fetchone()
        return row and row[0]
