"""Foreign keys: what they refer to, and whether the types on both sides are the same."""

from __future__ import annotations

from peewee import Field, ForeignKeyField

from ormmigrate.dialects.mysql.definition import Column, Table, folded, quoted
from ormmigrate.dialects.mysql.drafts import Draft
from ormmigrate.dialects.mysql.reading import Reader
from ormmigrate.dialects.mysql.refusals import SAME_TYPES, Refused, not_there
from ormmigrate.dialects.mysql.words import integer_kind
from ormmigrate.operations import AddForeignKeyConstraint, constraint_name


def foreign_key_words(reader: Reader, draft: Draft, operation: AddForeignKeyConstraint) -> str:
    """CONSTRAINT ... FOREIGN KEY ... REFERENCES ...

    Raises:
        Refused: what it refers to is not there, has no index, or is of another type.
    """
    column = draft.find(operation.column)
    if column is None:
        raise not_there("column", operation.column, [one.name for one in draft.columns], f"in {draft.name}")
    target = quoted(operation.rel)
    if operation.rel_schema:
        target = f"{quoted(operation.rel_schema)}.{target}"
    else:
        table = draft.table if operation.rel == draft.name else reader.table(operation.rel)
        _refuse_unfit(draft.name, column.column, table, operation.rel_column)
    rules = [f"ON DELETE {operation.on_delete}"] if operation.on_delete else []
    rules += [f"ON UPDATE {operation.on_update}"] if operation.on_update else []
    words = (
        *("CONSTRAINT", quoted(foreign_key_name(operation)), f"FOREIGN KEY ({quoted(operation.column)})"),
        *("REFERENCES", target, f"({quoted(operation.rel_column)})", *rules),
    )
    return " ".join(words)


def foreign_key_name(operation: AddForeignKeyConstraint) -> str:
    """What an operation calls the foreign key that it makes."""
    usual = f"fk_{operation.table}_{operation.column}_refs_{operation.rel}"
    return constraint_name(operation.constraint_name or usual)


def _refuse_unfit(table: str, column: Column, target: Table, target_column: str) -> None:
    referred = _column_of(target, target_column)
    if integer_kind(column.type) != integer_kind(referred.type):
        raise Refused(
            f"{table}.{column.name} is {column.type}, and {target.name}.{referred.name}, which it would refer to, "
            f"is {referred.type}.",
            SAME_TYPES,
        )
    first = [key.columns[0] for key in target.keys]
    if folded(referred.name) not in (folded(name) for name in first if name is not None):
        raise Refused(
            f"There is no index on {target.name} that begins with {referred.name}, so nothing can refer to it.",
            f"add one first: migrator.add_index({target.name!r}, ({referred.name!r},), unique=True).",
        )


def _column_of(table: Table, name: str) -> Column:
    for column in table.columns:
        if folded(column.name) == folded(name):
            return column
    raise not_there("column", name, [column.name for column in table.columns], f"in {table.name}")


def target_type(reader: Reader, field: Field) -> Column | None:
    """The column that a foreign key refers to, whose type it takes; None for other fields."""
    if not isinstance(field, ForeignKeyField) or field.rel_model._meta.schema:
        return None
    referred = _column_of(reader.table(field.rel_model._meta.table_name), field.rel_field.column_name)
    kept = tuple(clause for clause in referred.clauses if clause[0] in ("CHARSET", "COLLATE"))
    return Column(field.column_name, referred.type, kept)
