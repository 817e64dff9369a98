"""Each operation as a change of a draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from peewee import Field, ForeignKeyField, callable_

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import NO_USING, UNFILLED, WITHOUT_USING, column_indexes, declares_default, default_of
from ormmigrate.dialects.mysql import drafts
from ormmigrate.dialects.mysql.constraining import ConstraintDrafter
from ormmigrate.dialects.mysql.definition import Column, folded, quoted
from ormmigrate.dialects.mysql.drafts import Draft
from ormmigrate.dialects.mysql.dropping import drop_column
from ormmigrate.dialects.mysql.referring import target_type
from ormmigrate.dialects.mysql.refusals import Later, Refused
from ormmigrate.dialects.mysql.retyping import with_type, without_collation
from ormmigrate.dialects.mysql.words import enclosing, is_long
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddForeignKeyConstraint,
    AddNotNull,
    AlterColumnType,
    DropColumn,
    DropColumnDefault,
    DropNotNull,
    Operation,
    RenameColumn,
    RenameTable,
)

GENERATED_NOT_NULL = (
    "On MariaDB a generated column cannot forbid NULL.",
    "say null=True, and put a CHECK in its place.",
)


def is_filled_by_function(operation: Operation) -> bool:
    """Whether rows that are there get their value from a function, called for each."""
    if not isinstance(operation, AddColumn):
        return False
    field = operation.field
    return callable_(field.default) and not field.null and not operation.allow_not_null


class Drafter(ConstraintDrafter):
    """Drafts operations; a method for each kind."""

    def take(self, draft: Draft, operation: Operation) -> Draft:
        """The draft with the operation's change.

        Raises:
            Refused: it cannot be done, or not without losing something.
            Later: what was drafted before has to be put in force first.
        """
        if draft.is_closed:
            raise Later
        change: Callable[[Draft, Any], Draft] = getattr(self, operation.kind)
        return change(draft, operation)

    def rename_table(self, draft: Draft, operation: RenameTable) -> Draft:
        return drafts.rename_table(draft, operation.new_name)

    def long_columns(self, fields: Mapping[str, Field]) -> set[str]:
        return {column for column, field in fields.items() if is_long(self.writer.column(field))}

    # -- columns ----------------------------------------------------------------------------

    def add_column(self, draft: Draft, operation: AddColumn) -> Draft:
        field = ddl.prepared(operation.field, operation.table, operation.column)
        column = self.writer.column(field)
        if column.says("GENERATED") and column.forbids_null and not self.server.generated_may_forbid_null:
            raise Refused(*GENERATED_NOT_NULL)
        fills_itself = column.says("AUTO_INCREMENT") or column.says("GENERATED")
        must_fill = not field.null and not operation.allow_not_null and not fills_itself
        declares = declares_default(field)
        if must_fill and field.default is None and not declares:
            raise Refused(*UNFILLED)
        drops_default = must_fill and not declares and field.default is not None
        if drops_default:
            # NOT NULL with a default from the start, and the default dropped again: one ALTER fills every row.
            column = column.saying(
                "DEFAULT", self.writer.constant_default(column, default_of(field), encloses_long=True)
            )
        after = self._finished(drafts.add_column(draft, column), operation, field)
        return replace(after, without_default=(*after.without_default, column.name)) if drops_default else after

    def add_empty_column(self, draft: Draft, operation: AddColumn) -> Draft:
        """The column of an operation with NULL in all rows, to be filled; `finish_filled` makes the rest of it."""
        field = ddl.prepared(operation.field, operation.table, operation.column)
        field.null = True
        after = drafts.add_column(draft, self.writer.column(field))
        self._finished(after, operation, field)  # or refuse, before the column is there
        return after

    def finish_filled(self, draft: Draft, operation: AddColumn) -> Draft:
        field = ddl.prepared(operation.field, operation.table, operation.column)
        filled = drafts.redefine(draft, operation.column, _forbidding_null)
        return self._finished(filled, operation, field)

    def _finished(self, draft: Draft, operation: AddColumn, field: Field) -> Draft:
        """With the column's index, and its foreign key."""
        for index in column_indexes(operation.table, operation.column, field):
            draft = self.add_index(draft, index)
        if isinstance(field, ForeignKeyField):
            target = field.rel_model._meta
            key = AddForeignKeyConstraint(
                *(operation.table, operation.column, target.table_name, field.rel_field.column_name),
                *(field.on_delete, field.on_update, field.constraint_name, target.schema),
            )
            draft = self.add_foreign_key_constraint(draft, key)
        return draft

    def drop_column(self, draft: Draft, operation: DropColumn) -> Draft:
        return drop_column(draft, operation)

    def rename_column(self, draft: Draft, operation: RenameColumn) -> Draft:
        return drafts.rename_column(draft, operation.column, operation.new_name)

    def alter_column_type(self, draft: Draft, operation: AlterColumnType) -> Draft:
        if operation.cast is not None:
            raise Refused(f"{self.server.name} {NO_USING}", WITHOUT_USING)
        old = draft.placed(operation.column)
        if old.origin is not None and old.column.type != old.origin.type:
            raise Later  # values go through each type in turn
        if len(draft.foreign_keys) < len(draft.table.foreign_keys):
            raise Later  # the server still finds the key
        field = ddl.prepared(operation.field, operation.table, operation.column)
        new = target_type(self.reader, field) or self.writer.type_of(field)
        gives_back = operation.replaces is not None and operation.replaces.collation and not field.collation

        def define(column: Column) -> Column:
            before = without_collation(column) if gives_back else column
            typed = with_type(before, new, self.writer.type_of(field))
            default = typed.says("DEFAULT")
            if default is None or not self.server.encloses_long_defaults:
                return typed
            return typed.saying("DEFAULT", enclosing(default, typed))

        after = drafts.redefine(draft, operation.column, define)
        self._refuse_cut_indexes(after, old.name)
        return after

    def _refuse_cut_indexes(self, draft: Draft, column: str) -> None:
        """Of a column that becomes too long, an index would be cut to its start."""
        placed = draft.find(column)
        if placed is None or not is_long(placed.column) or placed.origin is None or is_long(placed.origin):
            return
        for index in draft.indexes:
            if column in index.whole:
                raise Refused(
                    f"The index {index.name} holds the whole column, and could hold only the start of the new type.",
                    "drop that index first, or make the column a CharField that fits.",
                )

    def add_not_null(self, draft: Draft, operation: AddNotNull) -> Draft:
        placed = draft.placed(operation.column)
        for key in draft.foreign_keys:
            if key.sets_null and folded(placed.name) in map(folded, key.columns):
                raise Refused(
                    f"Its foreign key {key.name} sets it to NULL (ON DELETE or ON UPDATE SET NULL).",
                    "drop that key first, and add it again with another rule: migrator.drop_foreign_key_constraint, "
                    "migrator.add_foreign_key_constraint.",
                )
        if placed.column.says("GENERATED") and not self.server.generated_may_forbid_null:
            raise Refused(*GENERATED_NOT_NULL)
        assert placed.origin is not None
        was = quoted(placed.origin.name)
        if self.reader.rows(f"SELECT 1 FROM {quoted(draft.name)} WHERE {was} IS NULL LIMIT 1"):
            raise Refused(
                "There are rows that have NULL in it.",
                "give them a value first, in a migration before this one: migrator.sql('UPDATE ...').",
            )
        return drafts.redefine(draft, placed.name, _forbidding_null)

    def drop_not_null(self, draft: Draft, operation: DropNotNull) -> Draft:
        placed = draft.placed(operation.column)
        primary = draft.index("PRIMARY")
        if primary is not None and placed.name in primary.columns:
            raise Refused("It is in the primary key, which forbids NULL.", "give the table another key first.")
        if not placed.column.forbids_null:
            return draft
        return drafts.redefine(draft, placed.name, lambda column: column.saying("NULL", "NULL"))

    def add_column_default(self, draft: Draft, operation: AddColumnDefault) -> Draft:
        def define(column: Column) -> Column:
            long = self.server.encloses_long_defaults
            return column.saying("DEFAULT", self.writer.default(column, operation.default, encloses_long=long))

        return drafts.redefine(draft, operation.column, define)

    def drop_column_default(self, draft: Draft, operation: DropColumnDefault) -> Draft:
        def define(column: Column) -> Column:
            if column.says("DEFAULT") is None:
                return column
            return column.saying("DEFAULT", None if column.forbids_null else "DEFAULT NULL")

        return drafts.redefine(draft, operation.column, define)


def _forbidding_null(column: Column) -> Column:
    if (column.says("DEFAULT") or "").upper() == "DEFAULT NULL":
        column = column.saying("DEFAULT", None)
    return column.saying("NULL", "NOT NULL")
