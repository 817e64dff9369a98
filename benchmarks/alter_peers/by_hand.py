"""Plain sqlite3, and the best statements that we know for each operation: what the others are compared with.

Native ALTER TABLE where there is one; else an edit of the table's text with one look at the rows that it might
forbid; else one rebuild. All in one transaction, on a connection as `sqlite3.connect` gives it.

`ByUpdate` shows what a type of another affinity costs without the rebuild: the text edited, then every row written
again by UPDATE. It is right only where no index, trigger, CHECK, generated column or foreign key uses the column,
and where the old type was not REAL (whose whole numbers are stored as integers, and would come out as such).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from alter_peers.operations import Change, Operation
from alter_peers.orders import SCHEMA, TABLE


@dataclass
class Plan:
    """What one transaction does to the table, in this order."""

    native: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)  # conditions that no row may meet
    edits: list[tuple[str, str]] = field(default_factory=list)  # of the text of CREATE TABLE
    values: dict[str, str] = field(default_factory=dict)  # what columns are filled with
    converted: list[str] = field(default_factory=list)  # columns whose affinity is another afterwards
    is_rebuild: bool = False


class ByHand:
    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)

    def perform(self, operation: Operation) -> None:
        groups = [operation.changes] if operation.is_grouped else [(change,) for change in operation.changes]
        self.connection.execute("BEGIN IMMEDIATE")
        for changes in groups:
            self._run(planned(changes))
        self.connection.execute("COMMIT")

    def close(self) -> None:
        self.connection.close()

    def _needs_rebuild(self, plan: Plan) -> bool:
        return plan.is_rebuild or bool(plan.converted)

    def _run(self, plan: Plan) -> None:
        execute = self.connection.execute
        for statement in plan.native:
            execute(statement)
        if plan.forbidden:
            rows = execute(f"SELECT 1 FROM {TABLE} WHERE {' OR '.join(plan.forbidden)} LIMIT 1").fetchall()
            assert not rows, plan.forbidden
        if not plan.edits:
            return
        (text,) = execute("SELECT sql FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()
        for old, new in plan.edits:
            assert text.count(old) == 1, (text, old)
            text = text.replace(old, new)
        columns = self._columns()
        if self._needs_rebuild(plan):
            self._rebuild(text, columns, plan.values)
            return
        self._edit(text)
        assert self._columns() == columns
        values = {**plan.values, **{name: f'"{name}"' for name in plan.converted}}
        if values:
            execute(f"UPDATE {TABLE} SET {', '.join(f'{name} = {value}' for name, value in values.items())}")

    def _columns(self) -> list[str]:
        return [row[1] for row in self.connection.execute(f"PRAGMA table_xinfo({TABLE})")]

    def _edit(self, text: str) -> None:
        execute = self.connection.execute
        execute("PRAGMA writable_schema = ON")
        execute("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", (text, TABLE))
        version = execute("PRAGMA schema_version").fetchone()[0]
        execute(f"PRAGMA schema_version = {version + 1}")
        execute("PRAGMA writable_schema = OFF")

    def _rebuild(self, text: str, columns: list[str], values: dict[str, str]) -> None:
        execute = self.connection.execute
        query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL ORDER BY rowid"
        indexes = [row[0] for row in execute(query, (TABLE,))]
        execute(text.replace(f'CREATE TABLE "{TABLE}"', 'CREATE TABLE "orders_new"'))
        names = ", ".join(f'"{name}"' for name in columns)
        sources = ", ".join(values.get(name, f'"{name}"') for name in columns)
        execute(f'INSERT INTO "orders_new" ({names}) SELECT {sources} FROM "{TABLE}"')
        execute(f'DROP TABLE "{TABLE}"')
        execute("PRAGMA legacy_alter_table = ON")
        execute(f'ALTER TABLE "orders_new" RENAME TO "{TABLE}"')
        execute("PRAGMA legacy_alter_table = OFF")
        for index in indexes:
            execute(index)


class ByUpdate(ByHand):
    def _needs_rebuild(self, plan: Plan) -> bool:
        return plan.is_rebuild


def planned(changes: tuple[Change, ...]) -> Plan:
    plan = Plan()
    for kind, arguments in changes:
        globals()[kind](plan, *arguments)
    return plan


def add_column(plan: Plan, column: str, type_: str) -> None:
    plan.native.append(f'ALTER TABLE "{TABLE}" ADD COLUMN "{column}" {type_}')


def add_filled_column(plan: Plan, column: str, type_: str, value: str) -> None:
    add_column(plan, column, type_)
    plan.edits.append((f'"{column}" {type_}', f'"{column}" {type_} NOT NULL'))
    plan.values[column] = f"'{value}'"


def drop_column(plan: Plan, column: str) -> None:
    plan.native.append(f'ALTER TABLE "{TABLE}" DROP COLUMN "{column}"')


def rename_column(plan: Plan, old: str, new: str) -> None:
    plan.native.append(f'ALTER TABLE "{TABLE}" RENAME COLUMN "{old}" TO "{new}"')


def rename_table(plan: Plan, new: str) -> None:
    plan.native.append(f'ALTER TABLE "{TABLE}" RENAME TO "{new}"')


def drop_not_null(plan: Plan, column: str) -> None:
    line = line_of(column)
    plan.edits.append((line, line.replace(" NOT NULL", "")))


def add_not_null(plan: Plan, column: str) -> None:
    plan.forbidden.append(f'"{column}" IS NULL')
    plan.edits.append((line_of(column), f"{line_of(column)} NOT NULL"))


def alter_column_type(plan: Plan, column: str, type_: str) -> None:
    old = type_of(column)
    plan.edits.append((f'"{column}" {old}', f'"{column}" {type_}'))
    if old == "INTEGER":
        plan.converted.append(column)


def add_column_default(plan: Plan, column: str, value: str) -> None:
    # Rows older than the column take their value from the text: it may not be edited in place.
    plan.edits.append((line_of(column), f"{line_of(column)} DEFAULT '{value}'"))
    plan.is_rebuild = True


def drop_column_default(plan: Plan, column: str) -> None:
    line = line_of(column)
    plan.edits.append((line, line.partition(" DEFAULT ")[0]))
    plan.is_rebuild = True


def add_check(plan: Plan, name: str, condition: str) -> None:
    plan.forbidden.append(f"NOT ({condition})")
    plan.edits.append(("\n)", f',\n  CONSTRAINT "{name}" CHECK ({condition})\n)'))


def drop_check(plan: Plan, name: str) -> None:
    plan.edits.append((f',\n  CONSTRAINT "{name}" CHECK ("quantity" > 0)', ""))


def add_unique(plan: Plan, column: str) -> None:
    plan.edits.append(("\n)", f',\n  CONSTRAINT "uniq_{column}" UNIQUE ("{column}")\n)'))
    plan.is_rebuild = True


def add_foreign_key(plan: Plan, column: str, rel: str) -> None:
    plan.forbidden.append(f'"{column}" NOT IN (SELECT "id" FROM "{rel}")')
    key = f'CONSTRAINT "fk_{TABLE}_{column}_refs_{rel}" FOREIGN KEY ("{column}") REFERENCES "{rel}" ("id")'
    plan.edits.append(("\n)", f",\n  {key}\n)"))


def drop_foreign_key(plan: Plan, column: str, name: str) -> None:
    key = f'CONSTRAINT "{name}" FOREIGN KEY ("{column}") REFERENCES "warehouse" ("id")'
    plan.edits.append((f",\n  {key}", ""))


def add_index(plan: Plan, column: str) -> None:
    plan.native.append(f'CREATE INDEX "{TABLE}_{column}" ON "{TABLE}" ("{column}")')


def drop_index(plan: Plan, name: str) -> None:
    plan.native.append(f'DROP INDEX "{name}"')


def line_of(column: str) -> str:
    """The column's definition as CREATE TABLE has it, without the comma."""
    return next(line.rstrip(",") for line in SCHEMA[2].split("\n") if line.startswith(f'  "{column}" '))


def type_of(column: str) -> str:
    return line_of(column).split()[1]
