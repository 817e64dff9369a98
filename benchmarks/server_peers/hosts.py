"""The servers that are measured, and databases of our own on them, dropped whatever happens."""

from __future__ import annotations

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

import peewee

from ormmigrate.urls import database_from_url

PG, MARIA = "postgresql", "mysql"
URLS = {
    PG: os.environ.get("ORMMIGRATE_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/test"),
    MARIA: os.environ.get("ORMMIGRATE_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test"),
}
BENCHMARKS = Path(__file__).parent.parent
#: What a process of ours needs to find these modules and the checkout.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(BENCHMARKS), str(BENCHMARKS.parent)))}


def kind_of(url: str) -> str:
    return PG if url.startswith("postgres") else MARIA


def with_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def connected(url: str) -> peewee.Database:
    database = database_from_url(url)
    database.connect()
    return database


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """The URL of a new database on that server, which is dropped afterwards, also on Ctrl-C."""
    name = f"benchmark_{uuid.uuid4().hex[:12]}"
    create(url, name)
    try:
        yield with_database(url, name)
    finally:
        drop(url, name)


def create(url: str, name: str, template: str | None = None) -> None:
    """Create a database; on PostgreSQL as a copy of `template`."""
    server = connected(url)
    like = f" TEMPLATE {template}" if template else ""
    server.execute_sql(f"CREATE DATABASE {name}{like}")
    server.close()


def drop(url: str, name: str) -> None:
    server = connected(url)
    force = " WITH (FORCE)" if kind_of(url) == PG else ""
    server.execute_sql(f"DROP DATABASE IF EXISTS {name}{force}")
    server.close()


def clean_up_when_ended() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what was made is taken away."""

    def leave(*_: object) -> NoReturn:
        sys.exit(143)

    with suppress(ValueError):
        signal.signal(signal.SIGTERM, leave)


def version_of(url: str) -> str:
    server = connected(url)
    text = str(server.execute_sql("SELECT version()").fetchone()[0])
    server.close()
    return " ".join(text.split()[:2]) if kind_of(url) == PG else f"MariaDB {text.partition('-')[0]}"
