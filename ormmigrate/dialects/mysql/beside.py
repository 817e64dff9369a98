"""What stands beside the tables of MariaDB and MySQL, as statements; and comments, which stand inside of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from peewee import SQL, Field

from ormmigrate.dialects.beside import views_in_order
from ormmigrate.dialects.mysql.definition import quoted
from ormmigrate.dialects.mysql.inspecting_text import literal
from ormmigrate.operations import CreateTable, Operation, Sql
from ormmigrate.schema import Schema, Table, View


def statements(schema: Schema) -> list[Operation]:
    """What makes the views, sequences and triggers of a schema."""
    return [*map(_view, views_in_order(schema.views)), *(
        Sql(trigger.text, reverse_text=f"DROP TRIGGER {quoted(trigger.name)}") for trigger in schema.triggers
    )]  # fmt: skip


def _view(view: View) -> Sql:
    kind = "SEQUENCE" if view.text.upper().startswith("CREATE SEQUENCE") else "VIEW"
    return Sql(view.text, reverse_text=f"DROP {kind} {quoted(view.name)}")


def with_comments(operation: CreateTable, table: Table) -> CreateTable:
    """A CREATE TABLE that says the comments too."""
    comments = {column.name: column.comment for column in table.columns if column.comment}
    columns: Mapping[str, Field] = {
        name: _commented(field, comments[name]) if name in comments else field
        for name, field in operation.columns.items()
    }
    options = operation.options
    if table.comment:
        options = f"{options} COMMENT={literal(table.comment)}".strip()
    return replace(operation, columns=columns, options=options)


def _commented(field: Field, comment: str) -> Field:
    made: Field = field.clone()
    made.constraints = [*(field.constraints or ()), SQL(f"COMMENT {literal(comment)}")]
    return made
