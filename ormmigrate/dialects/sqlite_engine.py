"""What playhouse.migrate needs on SQLite.

It rebuilds tables with regular expressions, and then loses triggers, STRICT, WITHOUT ROWID, sequences,
implicit rowids and constraints, or cannot read the table at all. Here each rebuild is watched: triggers are
carried over, and where anything else would be lost the operation is refused and the batch rolled back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import compress
from typing import Any

import playhouse.migrate as playhouse
from peewee import Database, Field, ForeignKeyField, OperationalError, PeeweeException

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import SCRATCH_TABLE, Engine, constant_of, declares_default, default_of
from ormmigrate.dialects.sqlite import quoted
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
COLUMN_FACTS = ("name", "type", "not_null", "default", "in_key", "hidden")  # of PRAGMA table_xinfo, from its second
#: What each rebuild changes in the column that it is about; nothing named: the column comes or goes.
CHANGES = {
    "add_not_null": ("not_null",),
    "drop_not_null": ("not_null",),
    "add_column_default": ("default",),
    "drop_column_default": ("default",),
    "alter_column_type": ("type",),
}
WATCHED_WORDS = ("CHECK", "COLLATE", "GENERATED", "AUTOINCREMENT", "DEFERRABLE", "CONSTRAINT", "REFERENCES", "CONFLICT")


@dataclass(frozen=True)
class TableFacts:
    """What a rebuild must leave as it is. Each field is compared, and named when it differs."""

    columns: tuple[tuple[Any, ...], ...]
    indexes: tuple[tuple[Any, ...], ...]
    foreign_keys: tuple[tuple[Any, ...], ...]
    options: tuple[Any, ...]
    constraints: tuple[int, ...]
    rows: tuple[Any, ...]
    rowids: tuple[Any, ...]
    sequence: tuple[Any, ...]

    def without(self, column: str, changes: Collection[str]) -> TableFacts:
        """The facts that stay when one column's definition changes in those respects, or altogether."""
        folded = column.lower()
        if changes:
            blank = tuple(name not in changes for name in COLUMN_FACTS)
            return replace(
                self,
                columns=tuple(
                    tuple(compress(fact, blank)) if fact[0].lower() == folded else fact for fact in self.columns
                ),
            )
        return replace(
            self,
            columns=tuple(fact for fact in self.columns if fact[0].lower() != folded),
            rows=tuple(count for count in self.rows if str(count[0]).lower() != folded),
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
        # WITHOUT ROWID tables always have a primary key.
        return super().row_keys(table) or ["rowid"]

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
        self._refuse_unknown_columns(operation, operation.table, [operation.column])
        field = ddl.prepared(operation.field, operation.table, operation.column)
        there = self.dialect.columns(self.database, operation.table)
        _, field.null, _ = there[self.dialect.folded_column(operation.column)]
        # playhouse writes the name itself, and expects a field that has none yet.
        field.name = field.column_name = None
        with self._watched(operation, operation.table, operation.column):
            self.playhouse.alter_column_type(operation.table, operation.column, field, cast=operation.cast).run()

    def add_not_null(self, operation: AddNotNull) -> None:
        with self._watched(operation, operation.table, operation.column):
            super().add_not_null(operation)

    def drop_not_null(self, operation: DropNotNull) -> None:
        with self._watched(operation, operation.table, operation.column):
            super().drop_not_null(operation)

    def add_column_default(self, operation: AddColumnDefault) -> None:
        default = constant_of(operation.default)
        if default is not None:
            # playhouse pastes what it is given; a text that ends in a quote as it stands.
            value = default if isinstance(default, (int, float, str, bytes)) else str(default)
            literal = self.database.execute_sql("SELECT quote(?)", (value,)).fetchone()[0]
            operation = replace(operation, default=literal if isinstance(literal, str) else str(literal))
        with self._watched(operation, operation.table, operation.column):
            super().add_column_default(operation)

    def drop_column_default(self, operation: DropColumnDefault) -> None:
        with self._watched(operation, operation.table, operation.column):
            super().drop_column_default(operation)

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
        changes = CHANGES.get(operation.kind, ())
        before = read_facts(self.database, table).without(column, changes)
        for name, _ in triggers:
            self.database.execute_sql(f"DROP TRIGGER {quoted(name)}")
        # Around the renaming of a rebuild: views and triggers elsewhere stay as they are.
        self.database.execute_sql("PRAGMA legacy_alter_table = ON")
        try:
            yield
        finally:
            self.database.execute_sql("PRAGMA legacy_alter_table = OFF")
        for _, text in triggers:
            self.database.execute_sql(text)
        self._refuse_loss(operation, before, read_facts(self.database, table).without(column, changes), column)

    def _refuse_loss(self, operation: Operation, before: TableFacts, after: TableFacts, column: str) -> None:
        lost = [fact.name for fact in fields(TableFacts) if getattr(before, fact.name) != getattr(after, fact.name)]
        if isinstance(operation, AddColumn):
            # The new column may bring its own foreign key, CHECK and index along.
            lost = [name for name in lost if name not in ("constraints", "foreign_keys", "indexes")]
            lost += self._not_as_meant(operation)
        if lost:
            raise self.unsupported(
                operation,
                f"Rebuilding the table for {column} would change its {' and its '.join(lost).replace('_', ' ')}.",
            )

    def _not_as_meant(self, operation: AddColumn) -> list[str]:
        """Whether the new column is there, forbids NULL, and has no default that its field does not declare."""
        meant = (operation.column, 1, None)
        rows = self.database.execute_sql(f"PRAGMA table_xinfo({quoted(operation.table)})").fetchall()
        there = [(row[1], row[3], None if declares_default(operation.field) else row[4]) for row in rows]
        return [] if meant in there else ["new_column"]

    def _triggers(self, table: str) -> list[tuple[str, str]]:
        rows = self.database.execute_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE ORDER BY rowid",
            (table,),
        ).fetchall()
        return [(name, text) for name, text in rows]


def read_facts(database: Database, table: str) -> TableFacts:
    """What can be known of a table without reading its CREATE TABLE, and its rows counted."""

    def ask(query: str, *params: Any) -> list[tuple[Any, ...]]:
        return list(database.execute_sql(query, params).fetchall())

    name = quoted(table)
    columns = tuple(tuple(row[1:]) for row in ask(f"PRAGMA table_xinfo({name})"))
    indexes = []
    for _, index, unique, origin, partial in ask(f"PRAGMA index_list({name})"):
        keys = tuple(row[2:] for row in ask(f"PRAGMA index_xinfo({quoted(index)})") if row[5])
        indexes.append((index if origin == "c" else "", unique, origin, partial, repr(keys)))
    text = (ask("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", table) or [("",)])[0][
        0
    ]
    return TableFacts(
        columns=columns,
        indexes=tuple(sorted(indexes)),
        foreign_keys=tuple(sorted(row[2:] for row in ask(f"PRAGMA foreign_key_list({name})"))),
        options=tuple(row[4:] for row in ask(f"PRAGMA table_list({name})") if row[0] == "main"),
        constraints=tuple(text.upper().count(word) for word in WATCHED_WORDS),
        rows=_counts(database, table, [column[0] for column in columns if column[5] == 0]),
        rowids=_rowids(database, table),
        sequence=_sequence(database, table),
    )


def _counts(database: Database, table: str, columns: list[str]) -> tuple[Any, ...]:
    counts = "".join(f", count({quoted(column)})" for column in columns)
    found = database.execute_sql(f"SELECT count(*){counts} FROM {quoted(table)}").fetchone()
    return found[:1], *zip(columns, found[1:])


def _rowids(database: Database, table: str) -> tuple[Any, ...]:
    try:
        query = f"SELECT min(rowid), max(rowid), total(rowid) FROM {quoted(table)}"
        return tuple(database.execute_sql(query).fetchone())
    except PeeweeException:
        return ()  # WITHOUT ROWID


def _sequence(database: Database, table: str) -> tuple[Any, ...]:
    if database.execute_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone() is None:
        return ()
    return tuple(
        database.execute_sql("SELECT seq FROM sqlite_sequence WHERE name = ? COLLATE NOCASE", (table,)).fetchall()
    )
