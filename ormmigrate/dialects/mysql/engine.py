"""What playhouse.migrate needs on MariaDB and MySQL.

It rebuilds a column's definition from DESCRIBE, and so loses DEFAULT, COMMENT, character set, collation and
more. Here a column is renamed, added, and made to allow or forbid NULL with statements that lose nothing; a
change of type is refused when the column has anything that MODIFY would lose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import playhouse.migrate as playhouse
from peewee import SQL, Context, Entity, Field, callable_

from ormmigrate.dialects import ddl
from ormmigrate.dialects.base import end_quietly
from ormmigrate.dialects.engine import (
    SCRATCH_TABLE,
    Engine,
    Outcome,
    column_indexes,
    declares_default,
    default_of,
    table_indexes,
)
from ormmigrate.dialects.mysql.definition import definitions, outside_parentheses, saying_null, without_null
from ormmigrate.errors import ConfigurationError
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddIndex,
    AddNotNull,
    AlterColumnType,
    CreateTable,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    Operation,
    RenameColumn,
    Sql,
)

# The first versions with ALTER TABLE ... RENAME COLUMN.
RENAME_COLUMN_SINCE = {"mariadb": (10, 5, 2), "mysql": (8, 0, 0)}
TEXT_TYPES = ("TEXT", "BLOB", "JSON")
INDEX_MAX_BYTES = 3072  # of one column, in InnoDB's default row format
DEFAULT_MARK = "\0default\0"
SET_NULL_KEYS = """
SELECT k.constraint_name FROM information_schema.key_column_usage AS k
JOIN information_schema.referential_constraints AS r ON r.constraint_schema = k.constraint_schema
    AND r.table_name = k.table_name AND r.constraint_name = k.constraint_name
WHERE k.table_schema = DATABASE() AND k.table_name = %s AND k.column_name = %s
    AND 'SET NULL' IN (r.delete_rule, r.update_rule)
"""
LONG_COLUMNS = """
SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
    AND (data_type LIKE '%%text' OR data_type LIKE '%%blob' OR character_octet_length > %s)
"""


class MySQLEngine(Engine):
    migrator_class = playhouse.MySQLMigrator

    def _drop_scratch(self) -> str:
        return f"DROP TEMPORARY TABLE `{SCRATCH_TABLE}`"

    def create_table(self, operation: CreateTable) -> Outcome:
        fields = {
            column: ddl.prepared(field, operation.table, column, operation.columns)
            for column, field in operation.columns.items()
        }
        self._refuse_long(operation, table_indexes(operation), self._text_columns(fields))
        return super().create_table(operation)

    def add_column(self, operation: AddColumn) -> None:
        field = self.prepared(operation)
        indexes = column_indexes(operation.table, operation.column, field)
        self._refuse_long(operation, indexes, self._text_columns({operation.column: field}))
        if field.null or operation.allow_not_null or field.default is None:
            super().add_column(operation)
            return
        # NOT NULL with a default from the start, and the default dropped again: one ALTER fills every row,
        # and no MODIFY follows that would strip what the field says.
        declares = declares_default(field)
        if not declares:
            # Before the others: nothing may follow a CHECK.
            field.constraints = [SQL(f"DEFAULT {DEFAULT_MARK}"), *(field.constraints or ())]
        statement, params = self._add_not_null_column(operation, field).query()
        statement = self.dialect.as_sent(statement, params)
        if not declares:
            mark = "(%s)" if field.field_type in TEXT_TYPES else "%s"
            statement, params = statement.replace(DEFAULT_MARK, mark), [default_of(field), *params]
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

    def _is_mariadb(self) -> bool:
        return "mariadb" in self.database.execute_sql("SELECT VERSION()").fetchone()[0].lower()

    def row_keys(self, table: str) -> list[str]:
        keys = super().row_keys(table)
        types = self.dialect.columns(self.database, table)
        floating = [key for key in keys if types[key.lower()][0].startswith(("float", "double"))]
        if floating:
            raise ConfigurationError(
                f"Rows of {table} cannot be found again by {', '.join(floating)}, a floating-point number.",
                "add the column with null=True, and fill it with one UPDATE: migrator.sql(...).",
            )
        return keys

    def check_filled(self, table: str, key: Sequence[Any], row_count: int) -> None:
        """The server counts only rows that got another value: nothing can be learned from that."""

    def rename_column(self, operation: RenameColumn) -> None:
        kind = "mariadb" if self._is_mariadb() else "mysql"
        if tuple(self.database.server_version) < RENAME_COLUMN_SINCE[kind]:
            self._refuse_loss(operation, operation.table, operation.column)
            super().rename_column(operation)
            return
        table, column, new_name = map(self.quoted, (operation.table, operation.column, operation.new_name))
        self.sql(Sql(f"ALTER TABLE {table} RENAME COLUMN {column} TO {new_name}"))

    def add_column_default(self, operation: AddColumnDefault) -> None:
        # The text of an expression may have a `%` in it.
        self.send_rendered(self.playhouse.add_column_default(operation.table, operation.column, operation.default))

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
        table, column = self.quoted(operation.table), self.quoted(operation.column)
        keys = self.database.execute_sql(SET_NULL_KEYS, (operation.table, operation.column)).fetchall()
        if keys:
            raise self.unsupported(
                operation,
                f"Its foreign key {keys[0][0]} sets it to NULL (ON DELETE or ON UPDATE SET NULL).",
                "drop that key first, and add it again with another rule: migrator.drop_foreign_key_constraint, "
                "migrator.add_foreign_key_constraint.",
            )
        if self._rows(f"SELECT 1 FROM {table} WHERE {column} IS NULL LIMIT 1"):
            raise self.unsupported(
                operation,
                "There are rows that have NULL in it.",
                "give them a value first, in a migration before this one: migrator.sql('UPDATE ...').",
            )
        if self._is_mariadb() and "GENERATED" in self._described(operation.table, operation.column).get("Extra", ""):
            raise self.unsupported(operation, "On MariaDB a generated column cannot forbid NULL.")
        self._say_null(operation, "NOT NULL")

    def drop_not_null(self, operation: DropNotNull) -> None:
        if self._described(operation.table, operation.column).get("Key") == "PRI":
            raise self.unsupported(operation, "It is in the primary key, which forbids NULL.")
        self._say_null(operation, "NULL")

    def _say_null(self, operation: AddNotNull | DropNotNull, words: str) -> None:
        """MODIFY with the column's own line of SHOW CREATE TABLE, but for what it says of NULL."""
        before = self._definition(operation, operation.table, operation.column)
        modify = f"ALTER TABLE {self.quoted(operation.table)} MODIFY "
        with self._strictly():
            self.sql(Sql(modify + saying_null(before, words)))
        after = self._definition(operation, operation.table, operation.column)
        is_so = self._described(operation.table, operation.column)["Null"] == ("YES" if words == "NULL" else "NO")
        if is_so and "".join(without_null(after)).split() == "".join(without_null(before)).split():
            return
        self.sql(Sql(modify + "".join(before)))
        raise self.unsupported(operation, f"It came out as {''.join(after).strip()}, so it was put back as it was.")

    def _definition(self, operation: Operation, table: str, column: str) -> list[str]:
        """The tokens of a column's line in SHOW CREATE TABLE."""
        text = self._rows(f"SHOW CREATE TABLE {self.quoted(table)}")[0][1]
        names = (self.quoted(column).lower(), '"' + column.replace('"', '""').lower() + '"')  # the latter: ANSI_QUOTES
        for definition in definitions(text):
            if "".join(definition).strip().lower().startswith(names):
                return definition
        raise self.unsupported(operation, f"{table} has no column {column}.")

    @contextmanager
    def _strictly(self) -> Iterator[None]:
        """MODIFY cuts values to what fits, without a word, in a session whose mode is not strict."""
        (mode,) = self.database.execute_sql("SELECT @@SESSION.sql_mode").fetchone()
        self.database.execute_sql("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')")
        try:
            yield
        finally:
            end_quietly("Resetting sql_mode", self.database, f"SET SESSION sql_mode = '{mode}'")

    def alter_column_type(self, operation: AlterColumnType) -> None:
        self.refuse_cast(operation)
        self._refuse_loss(operation, operation.table, operation.column)
        field = ddl.prepared(operation.field, operation.table, operation.column)
        # MODIFY says NULL and NOT NULL anew: what the column had stays, whatever the field says.
        field.null = self._described(operation.table, operation.column)["Null"] == "YES"
        first = [SQL("NULL")] if field.null else []
        first += [SQL(f"COLLATE {field.collation}")] if field.collation else []
        # Nothing may follow a CHECK, and the field itself would say its collation last.
        field.constraints, field.collation = [*first, *(field.constraints or ())], None
        context = self.database.get_sql_context()
        context.literal("ALTER TABLE ").sql(Entity(operation.table)).literal(" MODIFY ").sql(field.ddl(context))
        with self._strictly():
            self.send(context)

    def add_index(self, operation: AddIndex) -> None:
        rows = self.database.execute_sql(LONG_COLUMNS, (operation.table, INDEX_MAX_BYTES)).fetchall()
        self._refuse_long(operation, [operation], {name for (name,) in rows})
        super().add_index(operation)

    def _text_columns(self, fields: Mapping[str, Field]) -> set[str]:
        context = self.database.get_sql_context()
        kinds = {column: getattr(field.ddl_datatype(context), "sql", None) or "" for column, field in fields.items()}
        return {column for column, kind in kinds.items() if kind.partition("(")[0].upper().endswith(TEXT_TYPES[:2])}

    def _refuse_long(self, operation: Operation, indexes: Iterable[AddIndex], columns: Iterable[str]) -> None:
        """MariaDB puts only the start of a long column into an index, without a word; MySQL fails.

        A unique one is whole on MariaDB: it is made of hashes.
        """
        folded = {self.dialect.folded_column(column) for column in columns}
        for index in indexes:
            long = [column for column in index.columns if self.dialect.folded_column(column) in folded]
            if long and not (index.unique and self._is_mariadb()):
                raise self.unsupported(
                    operation,
                    f"{', '.join(long)} is too long for an index, which would hold only the start of each value.",
                    "make it a CharField that fits, or say how much of it the index holds: "
                    f"migrator.sql('CREATE INDEX ... ON {index.table} ({long[0]}(100))').",
                )

    def _refuse_loss(self, operation: Operation, table: str, column: str) -> None:
        facts = self._described(table, column)
        has = [name.lower() for name in ("Default", "Extra", "Comment") if facts.get(name)]
        if facts.get("Collation") and facts["Collation"] != self._table_collation(table):
            has.append("collation")
        if facts.get("Key") == "UNI":
            has.append("unique index")
        if "CHECK" in outside_parentheses(self._definition(operation, table, column)):
            has.append("check")
        if has:
            raise self.unsupported(
                operation,
                f"Changing the column would lose its {' and its '.join(has)}.",
                "write the statement with the whole definition: migrator.sql('ALTER TABLE ... MODIFY ...').",
            )

    def _described(self, table: str, column: str) -> dict[str, Any]:
        text = f"SHOW FULL COLUMNS FROM {self.quoted(table)}"
        cursor = self.database.execute_sql(self.dialect.as_sent(text, None))
        names = [item[0] for item in cursor.description]
        for row in cursor.fetchall():
            if row[0].lower() == column.lower():
                return dict(zip(names, row))
        return {}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.database.execute_sql(self.dialect.as_sent(query, None)).fetchall()
        return rows

    def _table_collation(self, table: str) -> Any:
        query = (
            "SELECT table_collation FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s"
        )
        row = self.database.execute_sql(query, (table,)).fetchone()
        return row and row[0]
