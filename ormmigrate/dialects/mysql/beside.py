"""What stands beside the tables of MariaDB and MySQL, as statements; and comments, which stand inside of them."""

from __future__ import annotations

from dataclasses import replace

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
    """A CREATE TABLE that says the table's comment too; its columns say theirs already."""
    if not table.comment:
        return operation
    # In front: nothing may follow PARTITION BY.
    return replace(operation, options=f"COMMENT={literal(table.comment)} {operation.options}".strip())
