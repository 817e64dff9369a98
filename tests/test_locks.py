"""Locks and connections on servers: nobody waits for ever, nobody deadlocks, and what is lost is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import peewee
import pytest
from making import assert_helps, migration, started_at_once
from peewee import AutoField, IntegerField, TextField
from places import PG, Place
from snapshot import HISTORY, snapshot

from ormmigrate import Database, Limits, LockTimeout, MigrationError, MigrationFailed, Migrator, TableInUse
from ormmigrate.connection import inner
from ormmigrate.urls import database_from_url

OURS = (HISTORY, "ormmigrate_journal")


def create(m: Migrator) -> None:
    m.create_table("owner", {"id": AutoField(), "name": TextField(), "n": IntegerField(null=True)})
    m.sql("INSERT INTO owner (name, n) VALUES ('Ann', 1), ('Bob', 2)")


CREATE = migration("20240101_000000_create", create)
ADD = migration("20240102_000000_add", lambda m: m.add_column("owner", "code", IntegerField(default=1)))


def started(place: Place, migrations: list[Any], **options: object) -> Database:
    """A populated database with one open connection, and an application of those migrations on it."""
    first = place.database([CREATE])
    first.register_models([])
    first.close()
    database = place.database(migrations, **options)
    database.connect()
    return database


def other_session(place: Place) -> peewee.Database:
    database = database_from_url(place.url)
    database.connect()
    return database


# -- tables that are in use -----------------------------------------------------------------------


def test_an_alter_behind_a_long_reader_lets_later_readers_through_and_says_who_was_in_the_way(server_place: Place):
    limits = Limits(ddl_lock_timeout_s=1, ddl_tries=2)
    database = started(server_place, [CREATE, ADD], limits=limits)
    before = snapshot(database, without=OURS)
    reader, later = other_session(server_place), other_session(server_place)
    reader.begin()
    bystander = other_session(server_place)
    bystander.execute_sql("CREATE TABLE elsewhere (id INTEGER)")
    bystander.begin()
    bystander.execute_sql("SELECT * FROM elsewhere").fetchall()
    reader.execute_sql("SELECT COUNT(*) FROM owner").fetchall()
    which = "SELECT pg_backend_pid()" if server_place.kind == PG else "SELECT CONNECTION_ID()"
    (number,), (innocent,) = (session.execute_sql(which).fetchone() for session in (reader, bystander))
    longest: list[float] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            began = time.monotonic()
            later.execute_sql("SELECT COUNT(*) FROM owner").fetchall()
            longest.append(time.monotonic() - began)
            time.sleep(0.01)

    thread = threading.Thread(target=in_thread(later, server_place, read))
    thread.start()
    try:
        with pytest.raises(MigrationFailed) as caught:
            database.register_models([])
    finally:
        is_over.set()
        thread.join()
        reader.rollback()
        bystander.rollback()
        bystander.execute_sql("DROP TABLE elsewhere")
    refusal = caught.value.__cause__
    assert isinstance(refusal, TableInUse)
    assert_helps(refusal, "2 tries", str(number))
    if server_place.kind == PG:
        assert refusal.holder is not None
        assert f"process {number}," in refusal.holder
        assert str(innocent) not in refusal.holder
    else:
        # Without its plugin MariaDB does not tell; nobody is accused.
        assert refusal.holder is not None or any(f"connection {number}," in one for one in refusal.suspects)
    # A second for the lock, and what two busy cores add; not the two tries and what the reader takes.
    assert max(longest) < 1.8
    assert snapshot(database, without=OURS) == before
    assert database.register_models([]).applied == (ADD.id,)


def in_thread(database: peewee.Database, place: Place, function: Any) -> Any:
    """A function for another thread, on a connection of that thread's own."""

    def run() -> None:
        database.connect(reuse_if_open=True)
        function()
        database.close()

    return run


def test_an_alter_waits_for_a_reader_that_ends(server_place: Place):
    limits = Limits(ddl_lock_timeout_s=1, ddl_tries=5)
    database = started(server_place, [CREATE, ADD], limits=limits)
    reader = other_session(server_place)
    reader.begin()
    reader.execute_sql("SELECT COUNT(*) FROM owner").fetchall()
    connection = reader.connection()
    threading.Timer(1.5, lambda: connection.cursor().execute("ROLLBACK")).start()
    assert database.register_models([]).applied == (ADD.id,)


# -- Ctrl-C and lost connections ------------------------------------------------------------------


def slow(m: Migrator) -> None:
    m.add_column("owner", "extra", IntegerField(null=True))
    m.sql("SELECT SLEEP(30)" if m.dialect.name == "MySQL" else "SELECT pg_sleep(30)")


SLOW = migration("20240103_000000_slow", slow)
START = """
import sys
sys.path.insert(0, {folder!r})
import test_locks
from ormmigrate import Database
Database(sys.argv[1], migrations=[test_locks.CREATE, test_locks.ADD, test_locks.SLOW]).register_models([])
"""


def starting(place: Place) -> subprocess.Popen[str]:
    """A process that is in the middle of the slow migration."""
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(folder=str(Path(__file__).parent)), place.url],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    looker = other_session(place)
    query = (
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%%'"
        if place.url.startswith("mysql")
        else "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%%' AND state = 'active'"
    )
    deadline = time.monotonic() + 30
    while looker.execute_sql(query).fetchone()[0] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    looker.close()
    return process


def test_ctrl_c_ends_the_statement_on_the_server_and_leaves_nothing_behind(server_place: Place):
    database = started(server_place, [CREATE])
    if type(getattr(inner(database), "_adapter", None)).__name__.startswith("Psycopg2"):
        pytest.skip("psycopg2 hears Ctrl-C when the statement ends; psycopg 3 is what ormmigrate[postgresql] installs")
    before = snapshot(database, without=OURS)
    process = starting(server_place)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in said
    assert snapshot(database, without=OURS) == before
    again = server_place.database([CREATE, ADD], lock_timeout_s=2)
    assert again.register_models([]).applied == (ADD.id,)
    assert again.migrations.history()[-1].state == "done"


def test_a_killed_process_keeps_the_others_waiting_no_longer_than_the_server_needs(server_place: Place):
    started(server_place, [CREATE]).close()
    process = starting(server_place)
    process.kill()
    process.communicate()
    began = time.monotonic()
    if server_place.url.startswith("mysql"):
        # MariaDB notices when the statement ends, which is long.
        admin = other_session(server_place)
        query = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%%'"
        for (number,) in admin.execute_sql(query).fetchall():
            admin.execute_sql(f"KILL {number}")
    again = server_place.database([CREATE, ADD], lock_timeout_s=20)
    assert again.register_models([]).applied == (ADD.id,)
    assert time.monotonic() - began < 5


def test_a_connection_that_is_lost_in_the_middle_costs_nothing(server_place: Place):
    def cut(m: Migrator) -> None:
        m.add_column("owner", "extra", IntegerField(null=True))
        admin = other_session(server_place)
        if m.dialect.name == "MySQL":
            number = m.database.execute_sql("SELECT CONNECTION_ID()").fetchone()[0]
            admin.execute_sql(f"KILL {number}")
        else:
            number = m.database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
            admin.execute_sql("SELECT pg_terminate_backend(%s)", (number,))
        admin.close()
        m.add_column("owner", "never", IntegerField(null=True))

    database = started(server_place, [CREATE, ADD, migration("20240103_000000_cut", cut)])
    before = snapshot(database, without=OURS)
    with pytest.raises(MigrationError) as caught:
        database.register_models([])
    assert_helps(caught.value)
    database.close()
    again = server_place.database([CREATE, ADD])
    assert again.register_models([]).applied == (ADD.id,)
    again.migrations.down()
    assert snapshot(again, without=OURS) == before


class Wire:
    """A connection to PostgreSQL that is lost at COMMIT."""

    def __init__(self, database: peewee.Database, *, arrives: bool) -> None:
        self._database, self._real, self._arrives = database, database.execute_sql, arrives
        database.execute_sql = self.execute_sql  # the one place that a COMMIT passes

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if sql != "COMMIT":
            return self._real(sql, params)
        del self._database.execute_sql
        if self._arrives:
            self._real(sql, params)
        self._database.connection().close()
        return self._real("SELECT 1")


@pytest.mark.parametrize("arrives", [True, False])
def test_after_a_lost_commit_the_history_says_what_happened(postgresql_place: Place, arrives: bool):
    database = started(postgresql_place, [CREATE, ADD])
    before = snapshot(database, without=OURS)
    Wire(inner(database), arrives=arrives)
    if arrives:
        report = database.register_models([])
        assert report.applied == (ADD.id,)
        assert "the history says that the batch was committed" in report.warnings[0]
    else:
        with pytest.raises(MigrationError, match="was not committed"):
            database.register_models([])
        assert snapshot(database, without=OURS) == before
    database.connect(reuse_if_open=True)
    assert bool(database.register_models([])) is not arrives


# -- the migration lock ---------------------------------------------------------------------------

CONCURRENT = migration(
    "20240102_000000_concurrent", lambda m: m.add_index("owner", ("n",), concurrently=True), transactional=False
)


def test_starts_that_wait_do_not_deadlock_with_an_index_that_is_made_concurrently(postgresql_place: Place):
    started(postgresql_place, [CREATE]).close()
    slow_one = migration("20240103_000000_more", lambda m: m.sql("SELECT pg_sleep(0.5)"))
    answers = started_at_once(9, lambda: (postgresql_place.database([CREATE, CONCURRENT, slow_one]), []))
    assert answers == [()] * 8 + [(CONCURRENT.id, slow_one.id)]
    # One that knows of no such migration waits inside of a transaction, but never for long.
    again = postgresql_place.database([CREATE])
    assert "owner_n" in {index.name for index in inner(again).get_indexes("owner")}


def test_the_lock_of_a_batch_in_parts_says_who_holds_it(postgresql_place: Place):
    database = started(postgresql_place, [CREATE, CONCURRENT], lock_timeout_s=0.5)
    holder = other_session(postgresql_place)
    schema = holder.execute_sql("SELECT current_schema()").fetchone()[0]
    from ormmigrate.dialects.postgresql.locking import lock_key

    holder.execute_sql("SELECT pg_advisory_lock(%s)", (lock_key(schema),))
    with pytest.raises(LockTimeout) as caught:
        database.register_models([])
    assert caught.value.holder is not None
    assert "process " in caught.value.holder
    holder.execute_sql("SELECT pg_advisory_unlock_all()")
    assert database.register_models([]).applied == (CONCURRENT.id,)


def test_the_lock_that_is_gone_is_noticed_before_the_next_migration(server_place: Place):
    def lose(m: Migrator) -> None:
        if m.dialect.name == "MySQL":
            m.database.execute_sql("SELECT RELEASE_ALL_LOCKS()")
        else:
            m.database.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    lost = migration("20240102_000000_lose", lose, transactional=False)
    database = started(server_place, [CREATE, lost, migration("20240103_000000_later", lambda m: None)])
    with pytest.raises(MigrationError) as caught:
        database.register_models([])
    assert_helps(caught.value)
    database.close()
