"""What playhouse.migrate needs on SQLite.

It rebuilds tables with regular expressions, and then loses triggers, STRICT, WITHOUT ROWID, sequences,
implicit rowids and constraints, or cannot read the table at all. Here each rebuild is watched: triggers are
carried over, and where anything else would be lost the operation is refused and the batch rolled back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from typing import TypeVar

import playhouse.migrate as playhouse
from peewee import Field, ForeignKeyField, OperationalError, PeeweeException

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import SCRATCH_TABLE, Engine, constant_of, declares_default, default_of
from ormmigrate.dialects.sqlite import quoted
from ormmigrate.dialects.sqlite_watch import differences, find_outside, read_facts
from ormmigrate.errors import UnsupportedOperation
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AlterColumnType,
    DropColumn,
    DropColumnDefault,
    DropNotNull,
    DropTable,
    Operation,
)

NATIVE_DROP_COLUMN = (3, 35, 0)
REBUILT_NAME = "__tmp__"  # what playhouse appends, and drops if it is there

#: What a rebuild does to one column.
ColumnOperation = TypeVar(
    "ColumnOperation", AddNotNull, DropNotNull, AddColumnDefault, DropColumnDefault, AlterColumnType
)


class SqliteEngine(Engine):
    migrator_class = playhouse.SqliteMigrator

    def unsupported(self, operation: Operation, reason: str, advice: str | None = None) -> UnsupportedOperation:
        return super().unsupported(
            operation,
            reason,
            advice or "create a table with the new definition, copy the rows with migrator.sql(...), and rename it.",
        )

    def _drop_scratch(self) -> str:
        return f'DROP TABLE temp."{SCRATCH_TABLE}"'

    def row_keys(self, table: str) -> list[str]:
        # A primary key may hold NULL in SQLite (sqlite.org/lang_createtable.html#the_primary_key), rowid never.
        columns = self.dialect.columns(self.database, table)
        for name in ("rowid", "_rowid_", "oid"):
            if name not in columns:
                try:
                    self.database.execute_sql(f"SELECT {name} FROM {quoted(table)} LIMIT 0")
                except OperationalError:
                    break  # WITHOUT ROWID, whose key never holds NULL
                return [name]
        return super().row_keys(table)

    def add_column(self, operation: AddColumn) -> None:
        if operation.field.null or operation.allow_not_null or operation.field.default is None:
            super().add_column(operation)
            return
        # No trigger of the table must see the fill.
        with self._watched(operation, operation.table, operation.column):
            if self._may_edit_schema():
                self._add_filled(operation, self.prepared(operation))
            else:
                super().add_column(operation)

    def _may_edit_schema(self) -> bool:
        """Some builds forbid it (macOS's own)."""
        try:
            with self._writable_schema():
                self.database.execute_sql("UPDATE sqlite_master SET sql = sql WHERE 0")
        except PeeweeException:
            return False
        return True

    @contextmanager
    def _writable_schema(self) -> Iterator[None]:
        self.database.execute_sql("PRAGMA writable_schema = ON")
        try:
            yield
        finally:
            self.database.execute_sql("PRAGMA writable_schema = OFF")

    def _add_filled(self, operation: AddColumn, field: Field) -> None:
        """Add a NOT NULL column by SQLite's own ALTER, with a default that goes again once every row holds it.

        No rebuild, so nothing can be lost, whatever the table is like.
        """
        table = self.quoted(operation.table)
        context = self.database.get_sql_context()
        context.sql(field.ddl(context))
        if isinstance(field, ForeignKeyField):
            self.playhouse.add_inline_fk_sql(context, field)
        definition, _ = context.query()
        literal = self.database.execute_sql("SELECT quote(?)", (default_of(field),)).fetchone()[0]
        default = "" if declares_default(field) else f" DEFAULT {literal}"
        self.database.execute_sql(f"ALTER TABLE {table} ADD COLUMN {definition}{default}")
        # Rows older than the column take its value from the schema: each must hold it before the default goes.
        self.fill(operation.table, operation.column, field)
        if default:
            self._edit_schema(operation, definition + default, definition)
        self.finish_column(operation, field)

    def _edit_schema(self, operation: AddColumn, old: str, new: str) -> None:
        """Replace what ALTER TABLE has just put into the text of CREATE TABLE, which it keeps byte for byte."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
        name, text = self.database.execute_sql(query, (operation.table,)).fetchone()
        before, found, after = text.rpartition(old)
        if not found:
            raise self.unsupported(operation, "SQLite did not keep the text of the column as it was given.")
        with self._writable_schema():
            self.database.execute_sql(
                "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (before + new + after, name)
            )
        # The schema is read again, here and by others, when its version is another
        # (sqlite.org/pragma.html#pragma_writable_schema).
        version = self.database.execute_sql("PRAGMA schema_version").fetchone()[0]
        self.database.execute_sql(f"PRAGMA schema_version = {version + 1}")

    def drop_column(self, operation: DropColumn) -> None:
        self._refuse_unknown_columns(operation, operation.table, [operation.column])
        self.refuse_shared_indexes(operation)
        if operation.cascade or operation.field is not None:
            self._drop_indexes(operation)
        if self.playhouse.sqlite_version >= NATIVE_DROP_COLUMN:
            try:
                self.playhouse.drop_column(operation.table, operation.column).run()
            except OperationalError as error:
                raise self.unsupported(
                    operation,
                    f"SQLite refuses: {error}.",
                    "drop what uses the column first; for an index of its own say what it was (field=CharField("
                    "index=True)) or cascade=True; a column in a table constraint goes only with a new table.",
                ) from error
            return
        with self._watched(operation, operation.table, operation.column):
            self.playhouse.drop_column(operation.table, operation.column).run()

    def _drop_indexes(self, operation: DropColumn) -> None:
        """Indexes of this column alone go with it, as they do by themselves on servers; with cascade, all on it."""
        column = self.dialect.folded_column(operation.column)
        for index in self.database.get_indexes(operation.table):
            covered = [self.dialect.folded_column(str(name)) for name in index.columns]
            if index.sql and (covered == [column] or (operation.cascade and column in covered)):
                self.database.execute_sql(f"DROP INDEX {quoted(index.name)}")

    def alter_column_type(self, operation: AlterColumnType) -> None:
        self.refuse_cast(operation)
        operation = self._as_written(operation)
        field = ddl.prepared(operation.field, operation.table, operation.column)
        there = self.dialect.columns(self.database, operation.table)
        _, field.null, _ = there[self.dialect.folded_column(operation.column)]
        # playhouse writes the name itself, and expects a field that has none yet.
        field.name = field.column_name = None
        with self._watched(operation, operation.table, operation.column):
            self.playhouse.alter_column_type(operation.table, operation.column, field, cast=operation.cast).run()

    def add_not_null(self, operation: AddNotNull) -> None:
        operation = self._as_written(operation)
        with self._watched(operation, operation.table, operation.column):
            super().add_not_null(operation)

    def drop_not_null(self, operation: DropNotNull) -> None:
        self._rewrite(self._as_written(operation), "NOT NULL")

    def add_column_default(self, operation: AddColumnDefault) -> None:
        operation = self._as_written(operation)
        present = self._default_text(operation)
        if present is not None:
            raise self.unsupported(
                operation,
                f"The column has the default {present} already.",
                "drop that one first, naming it so that it comes back: "
                f"migrator.drop_column_default({operation.table!r}, {operation.column!r}, default={present}).",
            )
        default = constant_of(operation.default)
        if default is not None and not isinstance(default, (int, float)):
            # playhouse pastes numbers as they are, and a text that ends in a quote as it stands.
            value = default if isinstance(default, (str, bytes)) else str(default)
            literal = self.database.execute_sql("SELECT quote(?)", (value,)).fetchone()[0]
            if any(mark in literal for mark in ",()"):
                raise self.unsupported(
                    operation, f"A table with the default {literal} could not be rebuilt again by this version."
                )
            operation = replace(operation, default=literal)
        with self._watched(operation, operation.table, operation.column):
            super().add_column_default(operation)

    def drop_column_default(self, operation: DropColumnDefault) -> None:
        operation = self._as_written(operation)
        self._rewrite(operation, f"DEFAULT {self._default_text(operation)}")

    def _default_text(self, operation: AddColumnDefault | DropColumnDefault) -> str | None:
        """The column's default as CREATE TABLE says it, None where there is none."""
        rows = self.database.execute_sql(f"PRAGMA table_xinfo({quoted(operation.table)})").fetchall()
        return next((row[4] for row in rows if row[1] == operation.column), None)

    def _rewrite(self, operation: DropNotNull | DropColumnDefault, words: str) -> None:
        """Rebuild the table without some words of one column's definition.

        The rebuild is playhouse's; where the words stand is not left to its replacing all that look like them.
        """

        def without(_: str, definition: str) -> str:
            start = find_outside(definition, words)
            if start is None:
                raise self.unsupported(operation, f"{words} does not stand in its definition as such: {definition}")
            return (definition[:start].rstrip() + definition[start + len(words) :]).strip()

        with self._watched(operation, operation.table, operation.column):
            self.playhouse._update_column(operation.table, operation.column, without).run()

    def _as_written(self, operation: ColumnOperation) -> ColumnOperation:
        """The operation with its column's name as the table has it: playhouse does nothing where the case differs."""
        self._refuse_unknown_columns(operation, operation.table, [operation.column])
        folded = self.dialect.folded_column(operation.column)
        rows = self.database.execute_sql(f"PRAGMA table_xinfo({quoted(operation.table)})").fetchall()
        names = {self.dialect.folded_column(row[1]): row[1] for row in rows}
        return replace(operation, column=names.get(folded, operation.column))

    def add_index(self, operation: AddIndex) -> None:
        if operation.using is not None or operation.nulls_distinct is not None:
            raise self.unsupported(
                operation,
                "SQLite has one kind of index, and no NULLS DISTINCT.",
                "leave using= and nulls_distinct= out.",
            )
        # It takes a name in double quotes that is no column for a text, and would index that.
        self._refuse_unknown_columns(operation, operation.table, operation.columns)
        super().add_index(operation)

    def _refuse_unknown_columns(self, operation: Operation, table: str, columns: Collection[str]) -> None:
        """Name the columns that a table has, where one is meant that it has not."""
        there = self.dialect.columns(self.database, table)
        unknown = [name for name in columns if self.dialect.folded_column(name) not in there]
        if there and unknown:
            similar = get_close_matches(unknown[0], there, n=1)
            raise self.unsupported(
                operation,
                f"The table {table} has no column {', '.join(unknown)}; it has {', '.join(there)}.",
                f"did you mean {similar[0]}?" if similar else "correct the name.",
            )

    def add_foreign_key_constraint(self, operation: AddForeignKeyConstraint) -> None:
        raise self.unsupported(operation, "SQLite cannot add a foreign key to a table that exists.")

    def drop_table(self, operation: DropTable) -> None:
        if operation.cascade:
            raise self.unsupported(operation, "SQLite has no DROP TABLE ... CASCADE.", "drop what depends on it first.")
        super().drop_table(operation)

    @contextmanager
    def _watched(self, operation: Operation, table: str, column: str) -> Iterator[None]:
        """Carry triggers over a rebuild, and refuse it where it lost anything else."""
        if self.dialect.has_table(self.database, table + REBUILT_NAME):
            raise self.unsupported(
                operation,
                f"A rebuild would destroy the table {table}{REBUILT_NAME}.",
                f"rename {table}{REBUILT_NAME} first.",
            )
        triggers = self._triggers(table)
        before = read_facts(self.database, table)
        for name, _ in triggers:
            self.database.execute_sql(f"DROP TRIGGER {quoted(name)}")
        # Around the renaming of a rebuild: views and triggers elsewhere stay as they are.
        self.database.execute_sql("PRAGMA legacy_alter_table = ON")
        try:
            yield
        except (AttributeError, TypeError, OperationalError) as error:
            if self.dialect.next_step(error) or self.dialect.is_interrupt(error) or self.dialect.is_busy(error):
                raise
            # playhouse's regular expressions did not understand the table.
            raise self.unsupported(
                operation, f"The table is written in a way that this version cannot rebuild ({error})."
            ) from error
        finally:
            self.database.execute_sql("PRAGMA legacy_alter_table = OFF")
        for _, text in triggers:
            self.database.execute_sql(text)
        problems = differences(operation, column, before, read_facts(self.database, table))
        if isinstance(operation, AddColumn):
            problems += self._not_as_meant(operation)
        if problems:
            raise self.unsupported(operation, f"Rebuilding the table would do this: {'; '.join(problems)}.")

    def _not_as_meant(self, operation: AddColumn) -> list[str]:
        """Whether the new column is there, forbids NULL, and has no default that its field does not declare."""
        meant = (operation.column, 1, None)
        rows = self.database.execute_sql(f"PRAGMA table_xinfo({quoted(operation.table)})").fetchall()
        there = [(row[1], row[3], None if declares_default(operation.field) else row[4]) for row in rows]
        return [] if meant in there else ["the new column is not as it was meant"]

    def _triggers(self, table: str) -> list[tuple[str, str]]:
        rows = self.database.execute_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid",
            (table,),
        ).fetchall()
        return [(name, text) for name, text in rows]
