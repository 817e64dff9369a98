"""playhouse.schema_diff and Alembic: models against a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autogenerate_peers.schema import Found, after


class SchemaDiff:
    def __init__(self, folder: Path) -> None:
        from changes_peers.peewee_models import models
        from peewee import SqliteDatabase

        self.database = SqliteDatabase(folder / "before.db")
        self.models = models(after(folder))
        self.database.bind(self.models)
        self.difference: Any = None

    def compare(self) -> None:
        from playhouse.schema_diff import diff_models

        with self.database.connection_context():
            self.difference = diff_models(self.database, self.models)

    def found(self) -> set[Found]:
        difference = self.difference
        return {
            *(("table added", model._meta.table_name, "") for model in difference.create_tables),
            *(("column added", one.model._meta.table_name, one.column_name) for one in difference.add_columns),
            *(("column dropped", table, column) for table, column in difference.drop_columns),
            *(("index added", one.table, ", ".join(one.columns)) for one in difference.add_indexes),
            *(("index dropped", one.table, ", ".join(one.columns)) for one in difference.drop_indexes),
        }


class Alembic:
    """`compare_metadata` with every comparison that it has switched on."""

    def __init__(self, folder: Path) -> None:
        import sqlalchemy as sa
        from changes_peers.alembic_autogenerate import OPTIONS
        from changes_peers.sqlalchemy_metadata import metadata

        self.engine = sa.create_engine(f"sqlite:///{folder / 'alembic.db'}")
        self.metadata = metadata(after(folder))
        self.options = OPTIONS
        self.difference: list[Any] = []

    def compare(self) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        with self.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts=self.options)
            self.difference = compare_metadata(context, self.metadata)

    def found(self) -> set[Found]:
        flat = [one for found in self.difference for one in (found if isinstance(found, list) else [found])]
        words = {_alembic_words(*one) for one in flat}
        # The indexes of a table come and go with it.
        tables = {table for what, table, _ in words if what.startswith("table")}
        return {
            (what, table, column) for what, table, column in words if what.startswith("table") or table not in tables
        }


def _alembic_words(kind: str, *rest: Any) -> Found:
    words = {"modify_type": "type", "modify_nullable": "null", "modify_default": "default"}
    if kind in words:
        return words[kind], rest[1], rest[2]
    if kind in ("add_table", "remove_table"):
        return "table added" if kind == "add_table" else "table dropped", rest[0].name, ""
    if kind in ("add_column", "remove_column"):
        return "column added" if kind == "add_column" else "column dropped", rest[1], rest[2].name
    if kind in ("add_fk", "remove_fk"):
        return "foreign key", rest[0].parent.name, ", ".join(rest[0].column_keys)
    if kind in ("add_index", "remove_index"):
        what = "index added" if kind == "add_index" else "index dropped"
        return what, rest[0].table.name, ", ".join(rest[0].columns.keys())
    if kind == "add_constraint":
        return "check added", rest[0].table.name, str(rest[0].name).rpartition("__")[2]
    return kind, str(rest), ""
