"""What information_schema tells of a whole database, one query for each of its tables, as plain rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from peewee import Database

from ormmigrate.dialects.mysql.server import Server

# Nothing that a statistic stands for is asked: MariaDB would open every table for it.
TABLES = """
SELECT table_name, table_type, engine, table_collation, create_options, table_comment
FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name
"""
COLUMNS = """
SELECT table_name, column_name, column_default, is_nullable, data_type, column_type, collation_name, extra,
    column_comment, generation_expression, {srs_id}
FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position
"""
INDEXES = """
SELECT table_name, index_name, non_unique, column_name, collation, sub_part, index_type, index_comment, {hidden},
    {expression}
FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index
"""
KEYS = """
SELECT table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name,
    referenced_column_name
FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
ORDER BY table_name, constraint_name, ordinal_position
"""
RULES = """
SELECT table_name, constraint_name, delete_rule, update_rule
FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()
"""
CHECKS = {
    "MariaDB": """
SELECT table_name, constraint_name, {level}, check_clause, 'YES'
FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()
""",
    "MySQL": """
SELECT t.table_name, c.constraint_name, 'Table', c.check_clause, t.enforced
FROM information_schema.check_constraints AS c JOIN information_schema.table_constraints AS t
    ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
WHERE c.constraint_schema = DATABASE() AND t.constraint_type = 'CHECK'
""",
}
VIEWS = """
SELECT table_name, view_definition, check_option, security_type, {algorithm}
FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY table_name
"""
TRIGGERS = """
SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_statement
FROM information_schema.triggers WHERE trigger_schema = DATABASE()
ORDER BY event_object_table, action_timing, event_manipulation, action_order
"""
HOME = "SELECT DATABASE(), @@default_storage_engine, @@collation_database"


class TableRow(NamedTuple):
    name: str
    kind: str
    engine: str | None
    collation: str | None
    options: str
    comment: str


class ColumnRow(NamedTuple):
    table: str
    name: str
    default: str | None
    nullable: str
    data_type: str
    type: str
    collation: str | None
    extra: str
    comment: str
    generated: str | None
    srs_id: int | None


class IndexRow(NamedTuple):
    table: str
    name: str
    non_unique: int
    column: str | None
    order: str | None
    sub_part: int | None
    type: str
    comment: str
    is_hidden: int
    expression: str | None


class KeyRow(NamedTuple):
    table: str
    name: str
    column: str
    target_schema: str
    target: str
    target_column: str


class RuleRow(NamedTuple):
    table: str
    name: str
    on_delete: str
    on_update: str


class CheckRow(NamedTuple):
    table: str
    name: str
    level: str
    clause: str
    enforced: str


class ViewRow(NamedTuple):
    name: str
    text: str
    check_option: str
    security: str
    algorithm: str


class TriggerRow(NamedTuple):
    name: str
    table: str
    timing: str
    event: str
    statement: str


@dataclass(frozen=True)
class Catalogue:
    """All rows, by table where they are of one.

    Attributes:
        home: the database's name.
        engine, collation: those that a table gets which says nothing of them.
    """

    home: str
    engine: str
    collation: str
    tables: list[TableRow]
    columns: dict[str, list[ColumnRow]]
    indexes: dict[str, list[IndexRow]]
    keys: dict[str, list[KeyRow]]
    rules: dict[str, list[RuleRow]]
    checks: dict[str, list[CheckRow]]
    views: list[ViewRow]
    triggers: list[TriggerRow]


Row = TypeVar("Row", bound=Any)


def catalogue(database: Database, server: Server) -> Catalogue:
    """Read it all; inside a plain session only."""

    def ask(row: Callable[..., Row], query: str) -> list[Row]:
        return [row(*map(_decoded, values)) for values in database.execute_sql(query).fetchall()]

    srs_id = "srs_id" if server.tells_spatial_references else "NULL"
    parts = {"hidden": server.hidden_indexes, "expression": "expression" if server.indexes_expressions else "NULL"}
    algorithm = "algorithm" if server.is_mariadb else "'UNDEFINED'"
    home, engine, collation = database.execute_sql(HOME).fetchone()
    return Catalogue(
        home,
        engine,
        collation,
        ask(TableRow, TABLES),
        _by_table(ask(ColumnRow, COLUMNS.format(srs_id=srs_id))),
        _by_table(ask(IndexRow, INDEXES.format(**parts))),
        _by_table(ask(KeyRow, KEYS)),
        _by_table(ask(RuleRow, RULES)),
        _by_table(ask(CheckRow, CHECKS[server.name].format(level=server.check_level)) if server.has_checks else []),
        ask(ViewRow, VIEWS.format(algorithm=algorithm)),
        ask(TriggerRow, TRIGGERS),
    )


def _decoded(value: Any) -> Any:
    # Some drivers give MySQL's long texts as bytes.
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


def _by_table(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.table, []).append(row)
    return found
