"""The corpus of SQLite cases, run against our engine:

    python ../shared/sqlite_corpus/run.py --adapter tests.sqlite_corpus_adapter:apply

An adapter is `apply(path, op)`: it does the abstract operation in one transaction, or raises and has changed nothing.
"""

from __future__ import annotations

from typing import Any

from peewee import SQL, Check, Field, SqliteDatabase
from playhouse.apsw_ext import APSWDatabase
from playhouse.migrate import Operation, migrate

from ormmigrate import SqliteMigrator


class Typed(Field):
    """A field of a type that is spelled out."""

    def __init__(self, type_: str, **options: Any) -> None:
        super().__init__(**options)
        self.type = type_

    def ddl_datatype(self, ctx: object) -> SQL:
        return SQL(self.type)


def apply(path: str, op: dict[str, Any]) -> None:
    """Do one operation of the corpus with Python's own SQLite."""
    _apply(SqliteDatabase(path, pragmas={"foreign_keys": 1}), op)


def apply_with_newest(path: str, op: dict[str, Any]) -> None:
    """Do one operation of the corpus with the SQLite that the package apsw carries."""
    _apply(APSWDatabase(path, pragmas={"foreign_keys": 1}), op)


def _apply(database: SqliteDatabase, op: dict[str, Any]) -> None:
    migrator = SqliteMigrator(database)
    try:
        with migrator.migration_context():
            for one in op["ops"] if op["op"] == "multi" else [op]:
                migrate(OPERATIONS[one["op"]](migrator, one))
    finally:
        database.close()


def _add_column(m: SqliteMigrator, op: dict[str, Any]) -> Operation:
    constraints = [] if op.get("default") is None else [SQL(f"DEFAULT {op['default']}")]
    field = Typed(op["type"], null=not op["not_null"], constraints=constraints)
    return m.add_column(op["table"], op["column"], field)


def _change_collation(m: SqliteMigrator, op: dict[str, Any]) -> Operation:
    table = op["table"].replace('"', '""')
    rows = m.database.execute_sql(f'PRAGMA table_xinfo("{table}")').fetchall()
    type_ = next(row[2] for row in rows if row[1].lower() == op["column"].lower())
    return m.alter_column_type(op["table"], op["column"], Typed(type_, collation=op["collation"]))


def _add_unique(m: SqliteMigrator, op: dict[str, Any]) -> Operation:
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in op["columns"])
    return m.add_constraint(op["table"], op["name"], SQL(f"UNIQUE ({names})"))


OPERATIONS = {
    "drop_not_null": lambda m, op: m.drop_not_null(op["table"], op["column"]),
    "add_not_null": lambda m, op: m.add_not_null(op["table"], op["column"]),
    "change_type": lambda m, op: m.alter_column_type(op["table"], op["column"], Typed(op["type"])),
    "change_collation": _change_collation,
    "drop_column": lambda m, op: m.drop_column(op["table"], op["column"], cascade=True),
    "rename_column": lambda m, op: m.rename_column(op["table"], op["column"], op["new_name"]),
    "set_default": lambda m, op: m.add_column_default(op["table"], op["column"], SQL(op["default"])),
    "drop_default": lambda m, op: m.drop_column_default(op["table"], op["column"]),
    "add_check": lambda m, op: m.add_constraint(op["table"], op["name"], Check(op["expr"])),
    "drop_check": lambda m, op: m.drop_constraint(op["table"], op["name"]),
    "add_unique": _add_unique,
    "drop_unique": lambda m, op: m.drop_constraint(op["table"], op["name"]),
    "add_foreign_key": lambda m, op: m.add_foreign_key_constraint(
        op["table"], op["column"], op["ref_table"], op["ref_column"], on_delete=op.get("on_delete")
    ),
    "drop_foreign_key": lambda m, op: m.drop_foreign_key_constraint(op["table"], op["column"]),
    "add_column": _add_column,
    "rename_table": lambda m, op: m.rename_table(op["table"], op["new_name"]),
}
