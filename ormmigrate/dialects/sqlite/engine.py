"""How each operation is done on SQLite: by its own ALTER, by an edit of the schema, or by a rebuild.

SQLite's own where this version has it and it is right; an edit of the schema in place where rows as they are
stored mean the same under the new text, and the build allows it; a rebuild otherwise. Whichever it was, the
columns are compared with what was meant before the batch goes on, and what differs is undone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from peewee import Database, DatabaseError, Field, IntegrityError

from ormmigrate.dialects.engine import SCRATCH_TABLE, Engine, Outcome, column_indexes
from ormmigrate.dialects.sqlite import drafts, words
from ormmigrate.dialects.sqlite.altering import alter, set_text, unused_name
from ormmigrate.dialects.sqlite.definition import own_constraints
from ormmigrate.dialects.sqlite.dialect import SqliteDialect
from ormmigrate.dialects.sqlite.drafting import constraint, drafted, is_filled, ready
from ormmigrate.dialects.sqlite.drafts import Demand, Draft, draft_of
from ormmigrate.dialects.sqlite.findings import check_rows, keys_fitting
from ormmigrate.dialects.sqlite.grouping import run_group
from ormmigrate.dialects.sqlite.index_names import carry_over
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.strategies import NATIVE, STRATEGIES, NotAsMeant, Strategies, tried, undoable
from ormmigrate.dialects.sqlite.tables import (
    Index,
    Table,
    columns_of,
    find,
    indexes_of,
    names_of,
    not_there,
    read,
    statistics_tables,
)
from ormmigrate.dialects.sqlite.tokens import folded, quoted, significant
from ormmigrate.dialects.sqlite.using import refuse_left_behind, refuse_used, unbroken
from ormmigrate.errors import UnsupportedOperation
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    AlterTable,
    CreateTable,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    Sql,
)

SPARE_TABLE = "ormmigrate_old_{}"
NATIVE_DROP_COLUMN = (3, 35, 0)
NATIVE_LOOKS_AT_ROWS = (3, 37, 0)  # whether they fulfil a CHECK that comes with ADD COLUMN
NATIVE_CONSTRAINTS = (3, 53, 0)


OUTSIDE_OF_TRANSACTIONS = ("VACUUM", "PRAGMA", "ATTACH", "DETACH")


class SqliteEngine(Engine):
    """Runs operations on SQLite.

    Args:
        carries_names: whether indexes that are named by peewee's convention follow what is renamed.
        allowed: the ways that may be used, of `strategies.STRATEGIES`; all unless a test wants to see one.
    """

    def __init__(
        self,
        dialect: SqliteDialect,
        database: Database,
        *,
        carries_names: bool = True,
        allowed: Collection[str] = STRATEGIES,
    ) -> None:
        super().__init__(dialect, database)
        self.carries_names = carries_names
        self.ways = Strategies(dialect, database, allowed)

    def run(self, operation: Operation) -> Outcome:
        try:
            outcome = super().run(operation)
        except Refused as error:
            raise self.unsupported(operation, error.reason, error.advice) from error
        except UnreadableTable as error:
            raise self.unsupported(operation, f"What it says cannot be read: {error}.", "correct the SQL.") from error
        return outcome

    def runs_alone(self, operation: Operation) -> bool:
        """Whether SQLite refuses it inside of a transaction, or does nothing there: VACUUM, PRAGMA journal_mode."""
        if not isinstance(operation, Sql):
            return False
        words = significant(operation.text)
        return bool(words) and any(words[0].is_word(word) for word in OUTSIDE_OF_TRANSACTIONS)

    def unsupported(self, operation: Operation, reason: str, advice: str | None = None) -> UnsupportedOperation:
        return super().unsupported(
            operation,
            reason,
            advice or "create a table with the new definition, copy the rows with migrator.sql(...), and rename it.",
        )

    def _drop_scratch(self) -> str:
        return f'DROP TABLE temp."{SCRATCH_TABLE}"'

    # -- tables -----------------------------------------------------------------------------

    def drop_table(self, operation: DropTable) -> Outcome:
        if operation.cascade:
            raise self.unsupported(operation, "SQLite has no DROP TABLE ... CASCADE.", "drop what depends on it first.")
        if not operation.safe or self.dialect.has_table(self.database, operation.table):
            self.ways.refuse_drop(_existing(self.database, operation.table))
        with undoable(self.database), unbroken(self.database, f"without the table {operation.table}"):
            self.database.execute_sql(f"DROP TABLE {'IF EXISTS ' if operation.safe else ''}{quoted(operation.table)}")
        return Outcome(NATIVE)

    def create_table(self, operation: CreateTable) -> Outcome:
        with undoable(self.database):
            return replace(super().create_table(operation), strategy=NATIVE)

    def rename_table(self, operation: RenameTable) -> Outcome:
        table = find(self.database, operation.table)
        old, new = table.name, operation.new_name
        is_same = folded(old) == folded(new)
        if not is_same and folded(new) in map(folded, names_of(self.database, "table", "view", "index")):
            raise Refused(f"There is a table, view or index {new} already.", "drop or rename that one first.")
        indexes = indexes_of(self.database, old)
        refuse_left_behind(self.database, old, None)
        with undoable(self.database):
            # SQLite finds the new name taken if it is the old one in another case.
            steps = [unused_name(self.database, SPARE_TABLE), new] if is_same else [new]
            for source, target in zip([old, *steps], steps):
                self._native(f"ALTER TABLE {quoted(source)} RENAME TO {quoted(target)}")
            for statistics in statistics_tables(self.database):
                self.database.execute_sql(f"UPDATE {statistics} SET tbl = ? WHERE tbl = ? COLLATE NOCASE", (new, old))
            self.carry_names(old, indexes, new)
        return Outcome(NATIVE)

    def carry_names(self, was: str, indexes: Sequence[Index], now: str) -> None:
        """Let indexes follow that bear the old name of a table or column by peewee's convention."""
        if self.carries_names:
            carry_over(self.database, was, indexes, now, edits_schema=lambda: self.ways.edits_schema)

    # -- columns ----------------------------------------------------------------------------

    def add_column(self, operation: AddColumn) -> Outcome:
        field = ready(operation)
        indexes = column_indexes(operation.table, operation.column, field)
        if not indexes:
            return self._append(operation, field) or self._alter(operation)
        with undoable(self.database):
            outcome = self._append(operation, field) or self._alter(operation)
            for index in indexes:
                self.add_index(index)
        return outcome

    def _append(self, operation: AddColumn, field: Field) -> Outcome | None:
        """Add a column by SQLite's own ALTER; None where that is not enough or fails, and why is to be found."""
        if NATIVE not in self.ways.allowed or is_filled(operation, field):
            return None
        definition = words.column_words(self.database, field)
        alone = read_table(f"CREATE TABLE t ({definition})")
        column = alone.columns[0]
        refers = column.of_kind("FOREIGN KEY") and column.of_kind("DEFAULT")  # rows have to be looked at
        restricts = column.of_kind("CHECK") or (column.of_kind("GENERATED") and column.of_kind("NOT NULL"))
        is_unseen = restricts and self.database.server_version < NATIVE_LOOKS_AT_ROWS
        if refers or is_unseen or not drafts.can_be_appended(alone, column):
            return None
        try:
            with undoable(self.database):
                self.database.execute_sql(f"ALTER TABLE main.{quoted(operation.table)} ADD COLUMN {definition}")
                there = columns_of(self.database, operation.table)
                if there[-1].words != drafts.column_of(alone, alone.columns[0]).words:
                    raise NotAsMeant(there[-1].words)
        except (DatabaseError, NotAsMeant) as error:
            if self.dialect.is_rolled_back_by(error) or self.dialect.is_busy(error):
                raise
            return None
        return Outcome(NATIVE)

    def rename_column(self, operation: RenameColumn) -> Outcome:
        table = find(self.database, operation.table)
        draft = draft_of(table)
        meant = drafts.rename_column(draft, operation.column, operation.new_name)
        refuse_left_behind(self.database, table.name, draft.column(operation.column).name)
        indexes = indexes_of(self.database, table.name)
        with undoable(self.database):
            old, new = quoted(operation.column), quoted(operation.new_name)
            self._native(f"ALTER TABLE {table.quoted} RENAME COLUMN {old} TO {new}")
            self.ways.verify(meant, spells_too=False)
            self.carry_names(table.name, indexes, table.name)
        return Outcome(NATIVE)

    def _native(self, statement: str) -> None:
        """Run SQLite's own ALTER TABLE where there is no other way."""
        try:
            alter(self.database, statement)
        except DatabaseError as error:
            if self.dialect.is_rolled_back_by(error) or self.dialect.is_busy(error):
                raise
            raise Refused(f"SQLite refuses: {error}.", "drop or change what stands in the way first.") from error

    def drop_column(self, operation: DropColumn) -> Outcome:
        table = find(self.database, operation.table)
        draft = draft_of(table)
        column = draft.column(operation.column).name
        own_indexes = refuse_used(self.database, draft, operation, indexes_of(self.database, table.name))
        after = drafts.drop_column(draft, column)
        statement = f"ALTER TABLE {table.quoted} DROP COLUMN {quoted(column)}"
        has_native = self.database.server_version >= NATIVE_DROP_COLUMN and not _is_constrained(table, column)
        with undoable(self.database):
            for index in own_indexes:
                self.database.execute_sql(f"DROP INDEX {quoted(index.name)}")
            if has_native and self.ways.edits_schema:
                # On the schema alone, since SQLite's own stops at the first that it finds.
                with tried(self.database), unbroken(self.database, f"without {table.name}.{column}"):
                    set_text(self.database, table.name, after.text)
                return self.ways.put_in_force(after, statement)
            with unbroken(self.database, f"without {table.name}.{column}"):
                return self.ways.put_in_force(after)

    def alter_column_type(self, operation: AlterColumnType) -> Outcome:
        return self._alter(operation)

    def add_not_null(self, operation: AddNotNull) -> Outcome:
        return self._alter(operation, f"ALTER COLUMN {quoted(operation.column)} SET NOT NULL")

    def drop_not_null(self, operation: DropNotNull) -> Outcome:
        return self._alter(operation, f"ALTER COLUMN {quoted(operation.column)} DROP NOT NULL")

    def add_column_default(self, operation: AddColumnDefault) -> Outcome:
        return self._alter(operation)

    def drop_column_default(self, operation: DropColumnDefault) -> Outcome:
        return self._alter(operation)

    # -- indexes and constraints ------------------------------------------------------------

    def add_index(self, operation: AddIndex) -> Outcome:
        if operation.using is not None or operation.nulls_distinct is not None or operation.include:
            raise self.unsupported(
                operation,
                "SQLite has one kind of index, and neither NULLS DISTINCT nor INCLUDE.",
                "leave using=, nulls_distinct= and include= out.",
            )
        # It takes a name in double quotes that is no column for a text, and would index that.
        columns = columns_of(self.database, operation.table)
        table = Table(operation.table, "", columns) if columns else find(self.database, operation.table)
        draft = Draft(table, "", table.columns, {})
        names = tuple(draft.column(name).name for name in operation.names)
        listed = words.index_words(self.database, operation)
        drafts.check_names(draft, listed)
        unique = "UNIQUE " if operation.unique else ""
        try:
            # Not by playhouse, which takes a dot in a name for that of a schema.
            self.database.execute_sql(f"CREATE {unique}INDEX main.{quoted(operation.index)} ON {table.quoted} {listed}")
        except IntegrityError:
            if operation.where is None and len(names) == len(operation.columns):
                draft = replace(draft, demands=(Demand("UNIQUE", names),))
                check_rows(self.database, draft, table.quoted)
            raise
        except DatabaseError as error:
            if "already exists" in str(error) or "already an" in str(error):
                raise Refused(f"SQLite says: {error}.", "drop that one first, or give this one a name.") from error
            raise
        return Outcome(NATIVE)

    def drop_index(self, operation: DropIndex) -> Outcome:
        there = [index.name for index in indexes_of(self.database, operation.table)]
        if folded(operation.index) not in map(folded, there):
            raise not_there("index", operation.index, there, f"on {operation.table}")
        with undoable(self.database), keys_fitting(self.database, operation.table):
            self.database.execute_sql(f"DROP INDEX {quoted(operation.index)}")
        return Outcome(NATIVE)

    def add_constraint(self, operation: AddConstraint) -> Outcome:
        return self._alter(operation, f"ADD {constraint(self.database, operation)}")

    def add_unique(self, operation: AddUnique) -> Outcome:
        return self._alter(operation)

    def drop_constraint(self, operation: DropConstraint) -> Outcome:
        with undoable(self.database), keys_fitting(self.database, operation.table):
            return self._alter(operation, f"DROP CONSTRAINT {quoted(operation.name)}" if operation.name else None)

    def add_foreign_key_constraint(self, operation: AddForeignKeyConstraint) -> Outcome:
        return self._alter(operation)

    def drop_foreign_key_constraint(self, operation: DropForeignKeyConstraint) -> Outcome:
        return self._alter(operation)

    def alter_table(self, operation: AlterTable) -> Outcome:
        return run_group(self, operation)

    def _alter(self, operation: Any, native: str | None = None) -> Outcome:
        """Change a table by its draft.

        Args:
            native: what SQLite 3.53 and later say behind ALTER TABLE for it.
        """
        with ExitStack() as stack:
            table = find(self.database, operation.table)
            draft = drafted(
                self.database, draft_of(table), operation, stack, lambda: indexes_of(self.database, table.name)
            )
            has_native = native is not None and self.database.server_version >= NATIVE_CONSTRAINTS
            is_key = any(demand.kind == "FOREIGN KEY" for demand in draft.demands)
            is_native = has_native and not draft.must_rewrite and not is_key
            return self.ways.put_in_force(draft, f"ALTER TABLE {draft.table.quoted} {native}" if is_native else None)


def _existing(database: Database, name: str) -> str:
    """The name of a table as it is stored; a virtual table may be dropped as well.

    Raises:
        Refused: there is none.
    """
    table = read(database, name)
    is_virtual = table is not None and table.text.upper().startswith("CREATE VIRTUAL")
    return table.name if table is not None and is_virtual else find(database, name).name


def _is_constrained(table: Table, column: str) -> bool:
    """Whether constraints go with a column that SQLite's own DROP COLUMN does not take along."""
    definition = table.definition
    own = definition.column(column).constraints
    return bool(own_constraints(definition, column)) or any(one.kind == "UNIQUE" for one in own)
