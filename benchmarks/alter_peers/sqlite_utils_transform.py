"""sqlite-utils: `table.transform(...)`, which copies the table once for any number of changes that it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlite_utils import Database

from alter_peers.operations import CannotDo, Change, Operation
from alter_peers.orders import TABLE


class SqliteUtils:
    def __init__(self, path: Path) -> None:
        self.database = Database(path)

    def perform(self, operation: Operation) -> None:
        groups = [operation.changes] if operation.is_grouped else [(change,) for change in operation.changes]
        with self.database.atomic():
            for changes in groups:
                self._run(changes)

    def _run(self, changes: tuple[Change, ...]) -> None:
        """What has a method of its own first, the rest by one transform."""
        arguments: dict[str, Any] = {}
        table = self.database.table(TABLE)
        for change in changes:
            if change.kind in ALONE:
                ALONE[change.kind](self.database, table, *change.arguments)
            if change.kind not in ALONE or change.kind == "add_filled_column":
                keyword, value = transformed(*change)
                arguments[keyword] = {**arguments.get(keyword, {}), **value} if isinstance(value, dict) else value
        if arguments:
            table.transform(**arguments)

    def close(self) -> None:
        self.database.close()


ALONE: dict[str, Any] = {
    "add_column": lambda database, table, column, type_: table.add_column(column, str),
    "add_filled_column": lambda database, table, column, type_, value: table.add_column(
        column, str, not_null_default=value
    ),
    "rename_table": lambda database, table, new: database.rename_table(TABLE, new),
    "add_index": lambda database, table, column: table.create_index([column], f"{TABLE}_{column}"),
    "drop_index": lambda database, table, name: table.drop_index(name),
}


def transformed(kind: str, arguments: tuple[str, ...]) -> tuple[str, Any]:
    """The argument of transform() for a change. It knows no length of a text, so every VARCHAR becomes TEXT."""
    match kind, *arguments:
        case "drop_column", column:
            return "drop", {column}
        case "rename_column", old, new:
            return "rename", {old: new}
        case "drop_not_null", column:
            return "not_null", {column: False}
        case "add_not_null", column:
            return "not_null", {column: True}
        case "alter_column_type", column, _:
            return "types", {column: str}
        case "add_column_default", column, value:
            return "defaults", {column: value}
        case "drop_column_default" | "add_filled_column", column, *_:
            return "defaults", {column: None}
        case "add_foreign_key", column, rel:
            return "add_foreign_keys", [(column, rel, "id")]
        case "drop_foreign_key", column, _:
            return "drop_foreign_keys", [column]
    raise CannotDo(f"sqlite-utils has no {kind}")
