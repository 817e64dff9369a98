"""One of sixteen starts. Whoever is the first in the second migration stays there, with the lock, to be killed.

Called with: the URL, a file that nobody has made yet, and what the holder does: `idle` or `statement`.
Prints `ready` and the server's number of its connection, waits for a line, then what happens, each with
time.monotonic(), which all processes share: `got` (the lock), `holding`, and at the end `done` or `failed: ...`.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from peewee import AutoField, IntegerField

from ormmigrate import BaseMigration, Database, Registry
from ormmigrate.dialects import dialect_of
from ormmigrate.events import BatchPlanned
from server_peers.hosts import PG, kind_of

HOLD_S = 4.0
CONNECTION = {True: "SELECT pg_backend_pid()", False: "SELECT CONNECTION_ID()"}
SLEEP = {True: f"SELECT pg_sleep({HOLD_S})", False: f"SELECT SLEEP({HOLD_S})"}


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator: Any) -> None:
        migrator.create_table("counter", {"id": AutoField(), "n": IntegerField()})
        migrator.sql("INSERT INTO counter (n) VALUES (0)", reverse="DELETE FROM counter")


def hold(migrator: Any) -> None:
    url, mark, manner = sys.argv[1:]
    try:
        open(mark, "x").close()
    except FileExistsError:
        return
    say("holding")
    if manner == "statement":
        migrator.sql(SLEEP[kind_of(url) == PG])
    else:
        time.sleep(HOLD_S)


def let_go(migrator: Any) -> None:
    """Nothing to take back."""


class Count(BaseMigration):
    id = "20240102_000000_count"

    def up(self, migrator: Any) -> None:
        migrator.sql("UPDATE counter SET n = n + 1", reverse="UPDATE counter SET n = n - 1")
        migrator.run(hold, reverse=let_go)


def main() -> None:
    url = sys.argv[1]
    logging.disable()
    database = Database(url, migrations=Registry([Create, Count]), observers=[tell])
    database.connect()
    dialect_of(database.obj).engine(database.obj)
    print("ready", database.execute_sql(CONNECTION[kind_of(url) == PG]).fetchone()[0], flush=True)
    sys.stdin.readline()
    try:
        database.register_models([])
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
        say(f"failed: {type(error).__name__}: {error}".splitlines()[0])
    else:
        say("done")


def tell(event: object) -> None:
    if isinstance(event, BatchPlanned):
        say("got")


def say(word: str) -> None:
    print(f"{time.monotonic()} {word}", flush=True)


if __name__ == "__main__":
    main()
