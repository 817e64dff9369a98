"""What each operation makes of a draft, its fields and nodes put into words of SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from peewee import Database, Field

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import NO_USING, UNFILLED, WITHOUT_USING, declares_default
from ormmigrate.dialects.sqlite import constraining, drafts, sought, words
from ormmigrate.dialects.sqlite.drafts import Draft, draft_of
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import Index, find
from ormmigrate.dialects.sqlite.tokens import quoted, significant
from ormmigrate.dialects.sqlite.using import uses_of
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKeyConstraint,
    DropNotNull,
    RenameColumn,
    constraint_name,
)


def ready(operation: AddColumn) -> Field:
    """The field of a new column, prepared.

    Raises:
        Refused: rows that are there would have nothing to hold.
    """
    field = ddl.prepared(operation.field, operation.table, operation.column)
    if field.primary_key:
        raise Refused(
            "A primary key cannot be added to a table that is there.",
            "create a table with the key, copy the rows with migrator.sql(...), and rename it.",
        )
    has_values = field.default is not None or declares_default(field) or _is_generated(field)
    if not field.null and not has_values and not operation.allow_not_null:
        raise Refused(*UNFILLED)
    return field


def _is_generated(field: Field) -> bool:
    """Whether a field's constraints say what its column is generated from, so that rows have a value."""
    said = [significant(str(getattr(item, "sql", item))) for item in field.constraints or ()]
    return any(tokens and tokens[0].is_word("GENERATED", "AS") for tokens in said)


def drafted(
    database: Database, draft: Draft, operation: Any, stack: ExitStack, indexes: Callable[[], Sequence[Index]]
) -> Draft:
    """What an operation makes of a draft.

    Args:
        stack: keeps what the draft needs while it is put into force.
        indexes: finds those of the table, with the names that columns have in the draft.
    """
    match operation:
        case AddColumn():
            field = ready(operation)
            definition = words.column_words(database, field)
            fills = is_filled(operation, field)
            value = stack.enter_context(words.filling(database, field)) if fills else None
            return drafts.add_column(draft, operation.column, definition, value)
        case DropColumn():
            return drafts.drop_column(draft, operation.column)
        case RenameColumn():
            return drafts.rename_column(draft, operation.column, operation.new_name)
        case AlterColumnType():
            _refuse_cast(operation)
            field = ddl.prepared(operation.field, operation.table, operation.column)
            type_ = words.type_words(database, field)
            collation = field.collation
            if collation is None and operation.replaces is not None and operation.replaces.collation:
                collation = "BINARY"  # on the way back to a field that named none
            name = draft.column(operation.column).name
            return drafts.alter_column_type(
                draft, name, type_, collation, lambda: not uses_of(database, draft, name, indexes())
            )
        case AddNotNull():
            return drafts.add_not_null(draft, operation.column)
        case DropNotNull():
            return drafts.drop_not_null(draft, operation.column)
        case AddColumnDefault():
            if operation.default is None:
                raise Refused("None is no default.", "drop the default: migrator.drop_column_default(...).")
            return drafts.set_default(draft, operation.column, words.default_words(database, operation.default))
        case DropColumnDefault():
            return drafts.drop_default(draft, operation.column)
        case AddConstraint() | AddUnique():
            return constraining.add_constraint(draft, constraint(database, operation))
        case AddForeignKeyConstraint():
            return constraining.add_constraint(draft, _foreign_key(database, operation))
        case DropConstraint() | DropForeignKeyConstraint():
            return constraining.drop_constraint(draft, _sought(database, operation))
    raise Refused(f"{operation.describe()} is no change of one table.", "take it out of the group.")


def constraint(database: Database, operation: AddConstraint | AddUnique) -> str:
    if isinstance(operation, AddUnique):
        columns = ", ".join(map(quoted, operation.columns))
        return words.constraint_words(database, operation.name, f"UNIQUE ({columns})")
    return words.constraint_words(database, operation.name, operation.constraint)


def _foreign_key(database: Database, operation: AddForeignKeyConstraint) -> str:
    if operation.rel_schema is not None:
        raise Refused("A foreign key of SQLite stays in its database.", "leave rel_schema= out.")
    target = find(database, operation.rel)
    column = draft_of(target).column(operation.rel_column).name
    parts = [f"FOREIGN KEY ({quoted(operation.column)}) REFERENCES {target.quoted} ({quoted(column)})"]
    parts += [f"ON DELETE {operation.on_delete}"] if operation.on_delete else []
    parts += [f"ON UPDATE {operation.on_update}"] if operation.on_update else []
    return words.constraint_words(database, _key_name(operation), " ".join(parts))


def _key_name(operation: AddForeignKeyConstraint) -> str:
    """As playhouse names it."""
    return constraint_name(
        operation.constraint_name or f"fk_{operation.table}_{operation.column}_refs_{operation.rel}"
    )  # fmt: skip


def _sought(database: Database, operation: DropConstraint | DropForeignKeyConstraint) -> constraining.Sought:
    """Which constraint is meant, and how that is said."""
    table = operation.table
    if isinstance(operation, DropForeignKeyConstraint):
        advice = f"name it: migrator.drop_constraint({table!r}, ...)."
        kinds, fits = ("FOREIGN KEY",), sought.key_of(operation.column)
        if operation.replaces is not None:
            added = operation.replaces
            fits = sought.key_called(operation.column, _key_name(added), added.rel, added.rel_column)
        return constraining.Sought(fits, f"foreign key of {operation.column}", advice, kinds)
    meant = None
    if operation.constraint is not None:
        meant = words.constraint_words(database, None, operation.constraint)
    if operation.name is None and not operation.columns and meant is None:
        raise Refused(
            "It says neither the name of a constraint nor its columns.",
            f'write drop_constraint({table!r}, "name"), or drop_constraint({table!r}, columns=("email",)).',
        )
    advice = "say which: constraint=Check('...') or constraint=SQL('UNIQUE (...)') beside the columns."
    if operation.columns:
        wanted = f"constraint of ({', '.join(operation.columns)})" + (f" that says {meant}" if meant else "")
        return constraining.Sought(sought.about(operation.columns, meant), wanted, advice, is_exact=meant is not None)
    if operation.name is None:
        return constraining.Sought(sought.saying(meant or ""), f"constraint that says {meant}", advice, is_exact=True)
    return constraining.Sought(sought.called(operation.name, meant), f"constraint {operation.name}", advice)


def is_filled(operation: AddColumn, field: Field) -> bool:
    """Whether rows that are there get the field's default; where NULL is allowed they are left alone."""
    return not field.null and field.default is not None and not operation.allow_not_null


def _refuse_cast(operation: AlterColumnType) -> None:
    if operation.cast is not None:
        raise Refused(f"SQLite {NO_USING}", WITHOUT_USING)
