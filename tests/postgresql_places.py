"""Driving the engine of PostgreSQL directly."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import peewee
from places import POSTGRESQL, Place

from ormmigrate import Database
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.postgresql.engine import PostgresqlEngine
from ormmigrate.migrator import TableMigrator
from ormmigrate.operations import Operation


def connected(place: Place, *statements: str) -> peewee.PostgresqlDatabase:
    """A database on which those ran, in autocommit."""
    database = inner(place.database([]))
    database.connect()
    for statement in statements:
        database.execute_sql(statement.replace("%", "%%"))
    return database


def engine_of(database: peewee.Database | Database, **limits: Any) -> PostgresqlEngine:
    engine = dialect_of(inner(database)).engine(inner(database))
    assert isinstance(engine, PostgresqlEngine)
    if limits:
        engine.dialect.limits = replace(engine.dialect.limits, **limits)
    return engine


def perform(engine: PostgresqlEngine, table: str, act: Callable[[TableMigrator], object]) -> None:
    """Run the changes of a table as they are called."""
    act(TableMigrator(table, engine.run))


def operation_of(table: str, act: Callable[[TableMigrator], object]) -> Operation:
    found: list[Operation] = []
    act(TableMigrator(table, found.append))
    (operation,) = found
    return operation


@contextmanager
def batch(database: peewee.Database) -> Iterator[None]:
    """A transaction that is committed, as a batch has one."""
    with dialect_of(database).exclusive(database, 10):
        yield


@contextmanager
def statements_of(database: peewee.Database) -> Iterator[list[str]]:
    """What is sent meanwhile, reading and what begins and ends left out."""
    found: list[str] = []

    def hear(event: Any) -> None:
        words = ("SELECT", "WITH", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "SET")
        if not str(event.sql).strip().upper().startswith(words):
            found.append(str(event.sql).replace("%%", "%"))

    database.query_hooks.append(hear)
    try:
        yield found
    finally:
        database.query_hooks.remove(hear)


@contextmanager
def in_own_database(place: Place) -> Iterator[peewee.Database]:
    """A database of its own, in its schema public."""
    name, server = f"d_{uuid.uuid4().hex[:12]}", connected(place)
    server.execute_sql(f'CREATE DATABASE "{name}"')
    try:
        url, mark, options = POSTGRESQL.partition("?")
        database = inner(replace(place, url=f"{url.rpartition('/')[0]}/{name}{mark}{options}").database())
        database.connect()
        yield database
        database.close()
    finally:
        server.execute_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
