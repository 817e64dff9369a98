"""ormmigrate: two databases that are there, and models against a database."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from changes_peers.peewee_models import models
from peewee import Model, SqliteDatabase

from autogenerate_peers.schema import Found, after
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import Difference, diff
from ormmigrate.operations import AlterTable, Operation
from ormmigrate.sources import of_database, of_models

#: An operation in the words of the list of changes, and where its column stands.
WORDS = {
    "create_table": "table added",
    "drop_table": "table dropped",
    "add_column": "column added",
    "drop_column": "column dropped",
    "alter_column_type": "type",
    "add_not_null": "null",
    "backfill": "null",  # what it needs ahead
    "add_column_default": "default",
    "add_index": "index added",
    "add_foreign_key_constraint": "foreign key",
    "drop_foreign_key_constraint": "foreign key",
    "add_constraint": "check added",
}


class Reading:
    """Both databases read, and compared."""

    files: ClassVar[tuple[str, str]] = ("before.db", "after.db")

    def __init__(self, folder: Path) -> None:
        self.databases = [SqliteDatabase(folder / name) for name in self.files]
        self.difference = Difference()

    def compare(self) -> None:
        schemas = []
        for database in self.databases:
            with database.connection_context():
                schemas.append(dialect_of(database).inspect(database))
        self.difference = diff(*schemas)

    def found(self) -> set[Found]:
        operations = [one for operation in self.difference.operations for one in _parts(operation)]
        return {*map(_words, operations), *((text, "", "") for text in self.difference.unexpressed)}


class WithoutQuotes(Reading):
    """The same where one side has other spaces, and no quotes around names."""

    files = ("before.db", "without_quotes.db")


class ByAPerson(Reading):
    """The same where one side is written as peewee writes it, and the other as people write."""

    files = ("before.db", "after_by_a_person.db")


class BothByAPerson(Reading):
    files = ("before_by_a_person.db", "after_by_a_person.db")


class Check(Reading):
    """What `check` does: the models' tables made on a scratch database, both read, compared."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.models: list[type[Model]] = models(after(folder))

    def compare(self) -> None:
        database = self.databases[0]
        dialect = dialect_of(database)
        before, after = of_database(database, dialect), of_models(database, dialect, self.models)
        self.difference = diff(before, after)


class Making:
    """What of that is peewee's part: `create_tables` of the models in memory."""

    def __init__(self, folder: Path) -> None:
        self.database = SqliteDatabase(":memory:")
        self.models = models(after(folder))
        self.database.bind(self.models)

    def compare(self) -> None:
        self.database.create_tables(self.models)

    def found(self) -> set[Found]:
        return set()


def _parts(operation: Operation) -> tuple[Operation, ...]:
    return operation.changes if isinstance(operation, AlterTable) else (operation,)


def _words(operation: Operation) -> Found:
    found = vars(operation)
    column = found.get("column") or ", ".join(getattr(operation, "names", found.get("values", ())))
    if operation.kind == "add_constraint":
        column = str(found["name"]).rpartition("__")[2]
    return WORDS.get(operation.kind, operation.describe()), found["table"], column
