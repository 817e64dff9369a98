"""`diff` held against random pairs of schemas with rows: what it gives leads from one to the other, and back again."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import MARIA, PG, place_of
from random_schemas import (
    IDS,
    MARIADB,
    POSTGRESQL,
    SQLITE,
    Language,
    Pair,
    Schema,
    late_keys,
    pairs,
    rows,
    statements,
    value,
)

from ormmigrate import BaseMigration, Database, Registry
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import diff
from ormmigrate.history import OWN_TABLES
from ormmigrate.operations import UNDECIDED, AddColumn, AlterTable, Backfill, Operation
from ormmigrate.render import render
from ormmigrate.schema import Schema as Read

ID = "20260101_000000_changed"
# As many as the issue asks for, where somebody has the time: ORMMIGRATE_EXAMPLES=2000.
EXAMPLES = int(os.environ.get("ORMMIGRATE_EXAMPLES", "150"))
ON_SERVERS = int(os.environ.get("ORMMIGRATE_EXAMPLES", "12"))
quietly = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]


def fill(database: peewee.Database, schema: Schema, language: Language) -> None:
    for statement in statements(schema, language):
        database.execute_sql(statement)
    mark = database.param
    for table in schema.values():
        for row in rows(table):
            names, marks = ", ".join(map(language.quoted, row)), ", ".join([mark] * len(row))
            database.execute_sql(
                f"INSERT INTO {language.quoted(table.name)} ({names}) VALUES ({marks})", list(row.values())
            )
    for statement in late_keys(schema, language):
        database.execute_sql(statement)


def read(database: Database) -> Read:
    found = inner(database)
    if found.is_closed():
        found.connect()
    return dialect_of(found).inspect(found).without(OWN_TABLES)


def migrated_by(operations: tuple[Operation, ...]) -> type[BaseMigration]:
    class Changed(BaseMigration):
        id = ID

        def up(self, migrator: Any) -> None:
            for operation in operations:
                migrator._perform(operation)

    return Changed


def rendered(operations: tuple[Operation, ...]) -> type[BaseMigration]:
    """The migration out of the file that would be written, as an import makes it."""
    source = render(operations, ID, "Changed", "Changed")
    module = ModuleType(f"rendered_{uuid.uuid4().hex}")
    sys.modules[module.__name__] = module
    exec(compile(source, f"<{module.__name__}>", "exec"), vars(module))
    found: type[BaseMigration] = module.Changed
    return found


def decided(operations: tuple[Operation, ...], after: Schema) -> tuple[Operation, ...]:
    """What a person decides: the one row that holds NULL gets what no other has, new columns a value for each row."""

    def one(operation: Operation) -> Operation:
        if isinstance(operation, AlterTable):
            return replace(operation, changes=tuple(map(one, operation.changes)))
        if isinstance(operation, AddColumn) and operation.field.default is UNDECIDED:
            operation.field.default = chosen(operation.field)
        if isinstance(operation, Backfill):
            columns = {column.name: column for column in after[operation.table].columns}
            missing = {name: value(columns[name], IDS[-1]) for name, it in operation.values.items() if it is UNDECIDED}
            return replace(operation, values={**operation.values, **missing})
        return operation

    return tuple(map(one, operations))


def chosen(made: peewee.Field) -> Any:
    if isinstance(made, peewee.ForeignKeyField):
        return 1
    if isinstance(made, (peewee.DateField, peewee.DateTimeField)):
        return "2023-03-01"
    if isinstance(made, peewee.BlobField) or "binary" in getattr(made, "column_type", ""):
        return b"x"
    return count(5).__next__


def values(database: Database, table: str, columns: list[str], language: Language) -> list[tuple[Any, ...]]:
    """Rows in the order of their keys, so that 1, 1.00 and '1' are the same."""
    names = ", ".join(map(language.quoted, columns))
    key = language.quoted("id")
    found = inner(database).execute_sql(f"SELECT {names} FROM {language.quoted(table)} ORDER BY {key}").fetchall()
    return [tuple(map(plain, row)) for row in found]


def plain(found: Any) -> Any:
    if found is None or isinstance(found, (bytes, memoryview)):
        return found and bytes(found)
    text = str(found).removesuffix(" 00:00:00").strip()
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def survivors(pair: Pair) -> Iterator[tuple[str, list[str]]]:
    """The tables that stay, with the columns that stay and that no fill touches."""
    for name, table in pair.before.items():
        if name in pair.after:
            there = {column.name: column for column in pair.after[name].columns}
            kept = [
                column.name
                for column in table.columns
                if column.name in there and not column.generated and not (column.null and not there[column.name].null)
            ]
            yield name, ["id", *kept]


def check_pair(pair: Pair, places: Callable[[], Any]) -> None:
    with places() as first, places() as second, places() as wanted:
        for database, schema in ((first, pair.before), (second, pair.before), (wanted, pair.after)):
            fill(inner(database), schema, pair.language)
        before, after = read(first), read(wanted)
        found = diff(before, after)
        assert found.unexpressed == ()
        if not found:
            assert described(diff(after, before)) == []
            return
        operations = decided(found.operations, pair.after)
        for database, migration in ((first, migrated_by(operations)), (second, rendered(operations))):
            kept = {name: values(database, name, columns, pair.language) for name, columns in survivors(pair)}
            database.migrations.registries = Registry([migration])
            lead(database, migration, before, after, pair, kept)


def lead(database: Database, migration: Any, before: Read, after: Read, pair: Pair, kept: dict[str, Any]) -> None:
    moved = Database(inner(database), migrations=Registry([migration]))
    moved.migrations.up()
    assert described(diff(read(moved), after)) == []
    assert described(diff(after, read(moved))) == []
    assert {name: values(moved, name, columns, pair.language) for name, columns in survivors(pair)} == kept
    moved.migrations.down()
    assert described(diff(read(moved), before)) == []
    assert {name: values(moved, name, columns, pair.language) for name, columns in survivors(pair)} == kept


def described(difference: Any) -> list[str]:
    return [operation.describe() for operation in difference.operations] + list(difference.unexpressed)


@contextmanager
def in_memory() -> Iterator[Database]:
    database = Database("sqlite:///:memory:")
    inner(database).connect()
    try:
        yield database
    finally:
        inner(database).close()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=quietly, derandomize=EXAMPLES == 150)
@given(pairs(SQLITE))
def test_on_sqlite_what_differs_leads_to_the_other_schema_and_back_with_every_row(pair: Pair):
    check_pair(pair, in_memory)


@pytest.mark.parametrize(("kind", "language"), [(PG, POSTGRESQL), (MARIA, MARIADB)], ids=["postgresql", "mariadb"])
def test_on_a_server_what_differs_leads_to_the_other_schema_and_back(kind: str, language: Language, tmp_path: Path):
    @contextmanager
    def places() -> Iterator[Database]:
        with place_of(kind, tmp_path) as place:
            database = place.database()
            inner(database).connect(reuse_if_open=True)
            try:
                yield database
            finally:
                inner(database).close()

    @settings(max_examples=ON_SERVERS, deadline=None, suppress_health_check=quietly, derandomize=ON_SERVERS == 12)
    @given(st.data())
    def run(data: Any) -> None:
        check_pair(data.draw(pairs(language)), places)

    run()
