"""Places for databases: one fixture, five kinds, each test with a schema or database of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import peewee
import pytest
from playhouse.apsw_ext import APSWDatabase

from ormmigrate import Database
from ormmigrate.urls import database_from_url

POSTGRESQL = os.environ.get("ORMMIGRATE_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test")
MYSQL = os.environ.get("ORMMIGRATE_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test")
REQUIRED = os.environ.get("ORMMIGRATE_TEST_SERVERS") == "required"

MEMORY, FILE, NEWEST, PG, MARIA = "sqlite-memory", "sqlite-file", "sqlite-newest", "postgresql", "mysql"
KINDS = (MEMORY, FILE, NEWEST, PG, MARIA)


class NewestDatabase(APSWDatabase):
    """peewee's database for apsw, which takes dates as parameters as Python's sqlite3 does."""

    def _connect(self) -> object:
        connection = super()._connect()
        connection.convert_binding = lambda cursor, number, value: str(value)
        return connection


@dataclass(frozen=True)
class Place:
    """Somewhere a test keeps its database.

    Attributes:
        kind: one of KINDS.
        url: what Database(...) takes.
    """

    kind: str
    url: str

    @property
    def rolls_back_ddl(self) -> bool:
        return self.kind != MARIA

    @property
    def is_sqlite(self) -> bool:
        return self.kind in (MEMORY, FILE, NEWEST)

    def database(self, migrations: object = (), **options: object) -> Database:
        """A Database of ours on this place; in `test`, models are compared with their tables."""
        options.setdefault("environment", "test")
        # Python's own SQLite is what it was built with; the package apsw carries the newest.
        target = NewestDatabase(self.url.removeprefix("sqlite:///")) if self.kind == NEWEST else self.url
        database = Database(target, migrations=migrations, **options)
        if self.is_sqlite:
            # As an application that cares would have it.
            database.obj.init(database.obj.database, pragmas={"foreign_keys": 1})
        return database


def quoted(database: peewee.Database, name: str) -> str:
    return name.join(database.quote) if len(database.quote) == 2 else name


@contextmanager
def place_of(kind: str, folder: Path) -> Iterator[Place]:
    """A fresh, empty place; gone afterwards. Skips the test where there is no server, unless it is required."""
    if kind == MEMORY:
        yield Place(kind, "sqlite:///:memory:")
    elif kind in (FILE, NEWEST):
        yield Place(kind, f"sqlite:///{folder / 'app.db'}")
    elif kind == PG:
        with _schema() as url:
            yield Place(kind, url)
    else:
        with _mysql_database() as url:
            yield Place(kind, url)


@contextmanager
def _schema() -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    server = _server(POSTGRESQL, "ORMMIGRATE_TEST_POSTGRESQL")
    server.execute_sql(f'CREATE SCHEMA "{name}"')
    try:
        joint = "&" if "?" in POSTGRESQL else "?"
        yield f"{POSTGRESQL}{joint}options={quote(f'-csearch_path={name}')}"
    finally:
        server.execute_sql(f'DROP SCHEMA "{name}" CASCADE')
        server.close()


@contextmanager
def _mysql_database() -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    server = _server(MYSQL, "ORMMIGRATE_TEST_MYSQL")
    server.execute_sql(f"CREATE DATABASE `{name}`")
    try:
        yield f"{MYSQL.rpartition('/')[0]}/{name}"
    finally:
        server.execute_sql(f"DROP DATABASE IF EXISTS `{name}`")
        server.close()


def _server(url: str, variable: str) -> peewee.Database:
    try:
        server = database_from_url(url)
        server.connect()
    except Exception as error:
        reason = f"no database server answers at {variable} ({type(error).__name__}: {error})"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return server
