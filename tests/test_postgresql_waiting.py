"""A statement that takes a strong lock keeps nobody waiting longer than the limit, and says who was in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import peewee
import pytest
from making import assert_helps
from peewee import IntegerField
from places import Place
from postgresql_catalogue import state
from postgresql_places import batch, connected, engine_of, perform

from ormmigrate import LockTimeout, UnsupportedOperation
from ormmigrate.operations import DropTable, RenameTable, Script, Sql

THING = (
    "CREATE TABLE other (id INT PRIMARY KEY)",
    "CREATE TABLE thing (id INT PRIMARY KEY, n INT)",
    "INSERT INTO thing VALUES (1, 2)",
)
QUICK = {"ddl_lock_timeout_s": 0.1, "ddl_tries": 3}


@contextmanager
def reader(place: Place, for_s: float | None = None, statement: str = "SELECT * FROM thing") -> Iterator[int]:
    """Somebody whose transaction has used the table, and stays open: for so long, or until the block ends."""
    database = connected(place)
    database.execute_sql("BEGIN")
    database.execute_sql(statement)
    pid = database.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
    database.execute_sql(statement)
    connection = database.connection()
    timer = threading.Timer(for_s or 1000, lambda: connection.cursor().execute("ROLLBACK"))
    timer.start()
    try:
        yield pid
    finally:
        timer.cancel()
        timer.join()
        database.close()


def named(pid: int) -> AbstractContextManager[object]:
    """Inside, it fails in the end, and that process was in the way."""
    return pytest.raises(LockTimeout, match=f"process {pid}")


def lock_timeout(database: peewee.Database) -> str:
    return str(database.execute_sql("SHOW lock_timeout").fetchone()[0])


@pytest.mark.parametrize("in_batch", [True, False])
def test_a_change_behind_a_reader_fails_in_the_end_with_who_was_in_the_way(postgresql_place: Place, in_batch: bool):
    database = connected(postgresql_place, *THING)
    before = state(database)
    engine = engine_of(database, **QUICK)
    around = batch(database) if in_batch else nullcontext()
    with reader(postgresql_place) as pid, pytest.raises(LockTimeout) as caught, around:
        perform(engine, "thing", lambda t: t.add_column("m", IntegerField(default=1)))
    assert_helps(caught.value, f"process {pid}", "user postgres", "since 20", "SELECT * FROM thing", "3 tries of 0.1 s")
    assert state(database) == before
    assert lock_timeout(database) == "0"


def test_later_readers_wait_no_longer_than_the_limit(postgresql_place: Place):
    database = connected(postgresql_place, *THING)
    engine = engine_of(database, ddl_lock_timeout_s=0.2, ddl_tries=4)
    stalls, done = [], threading.Event()

    def read() -> None:
        mine = connected(postgresql_place)
        while not done.is_set():
            began = time.perf_counter()
            mine.execute_sql("SELECT * FROM thing").fetchall()
            stalls.append(time.perf_counter() - began)
        mine.close()

    thread = threading.Thread(target=read)
    with reader(postgresql_place):
        thread.start()
        with pytest.raises(LockTimeout):
            perform(engine, "thing", lambda t: t.add_column("m", IntegerField(null=True)))
        done.set()
        thread.join()
    # There were stalls, for otherwise nothing was shown.
    assert 0.1 < max(stalls) < 0.6


@pytest.mark.parametrize("in_batch", [True, False])
def test_a_change_succeeds_when_the_reader_ends_in_between_and_the_batch_goes_on(
    postgresql_place: Place, in_batch: bool
):
    database = connected(postgresql_place, *THING)
    engine = engine_of(database, ddl_lock_timeout_s=0.1, ddl_tries=9)
    with reader(postgresql_place, for_s=0.25):
        if in_batch:
            with batch(database):
                database.execute_sql("INSERT INTO thing VALUES (2, 3)")
                perform(engine, "thing", lambda t: t.add_column("m", IntegerField(default=1)))
                database.execute_sql("INSERT INTO thing VALUES (3, 4, 5)")
                assert lock_timeout(database) == "0"
        else:
            perform(engine, "thing", lambda t: t.add_column("m", IntegerField(default=1)))
    expected = [(1, 2, 1), (2, 3, 1), (3, 4, 5)] if in_batch else [(1, 2, 1)]
    assert list(database.execute_sql("SELECT id, n, m FROM thing ORDER BY id").fetchall()) == expected


OPERATIONS = {
    "rename": RenameTable("thing", "things"),
    "drop": DropTable("thing"),
    "sql": Sql("/* of mine */ ALTER TABLE thing ADD COLUMN x INT CHECK (x % 2 = 0)"),
    "script": Script("INSERT INTO other VALUES (1); -- and\nTRUNCATE thing; INSERT INTO other VALUES (2)"),
    "comment": Sql("  COMMENT ON TABLE thing IS 'x'"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_that_takes_a_strong_lock_is_tried_again(postgresql_place: Place, name: str):
    database = connected(postgresql_place, *THING)
    before = state(database)
    engine = engine_of(database, **QUICK)
    statement = "LOCK TABLE thing IN SHARE ROW EXCLUSIVE MODE" if name == "comment" else "SELECT * FROM thing"
    with reader(postgresql_place, statement=statement) as pid, named(pid), batch(database):
        engine.run(OPERATIONS[name])
    assert state(database) == before
    with reader(postgresql_place, for_s=0.15, statement=statement), batch(database):
        engine.run(OPERATIONS[name])
    assert state(database) != before


def test_an_index_waits_for_writers_and_not_for_readers(postgresql_place: Place):
    database = connected(postgresql_place, *THING)
    engine = engine_of(database, **QUICK)
    with reader(postgresql_place), batch(database):
        perform(engine, "thing", lambda t: t.add_index(("n",)))
    with reader(postgresql_place, statement="UPDATE thing SET n = 3") as pid, named(pid), batch(database):
        perform(engine, "thing", lambda t: t.add_index(("id",)))


def test_who_uses_the_other_table_of_a_foreign_key_is_named(postgresql_place: Place):
    database = connected(postgresql_place, *THING, "UPDATE thing SET n = NULL")
    engine = engine_of(database, **QUICK)
    with reader(postgresql_place, statement="DELETE FROM other") as pid, named(pid), batch(database):
        perform(engine, "thing", lambda t: t.add_foreign_key_constraint("n", "other", "id"))


def test_rows_are_changed_with_the_patience_that_the_application_has(postgresql_place: Place):
    database = connected(postgresql_place, *THING)
    engine = engine_of(database, **QUICK)
    with reader(postgresql_place, for_s=0.5, statement="UPDATE thing SET n = 3"), batch(database):
        began = time.perf_counter()
        engine.run(Sql("UPDATE thing SET n = n + 1"))
        assert time.perf_counter() - began > 0.3
    assert database.execute_sql("SELECT n FROM thing").fetchone() == (3,)


def test_the_limit_of_the_session_is_as_it_was(postgresql_place: Place):
    database = connected(postgresql_place, *THING, "SET lock_timeout = '7s'")
    engine = engine_of(database)
    perform(engine, "thing", lambda t: t.add_column("a", IntegerField(null=True)))
    engine.run(Sql("ALTER TABLE thing ADD COLUMN b INT"))
    with batch(database):
        perform(engine, "thing", lambda t: t.add_column("c", IntegerField(null=True)))
        assert lock_timeout(database) == "7s"
        with pytest.raises(UnsupportedOperation):
            perform(engine, "thing", lambda t: t.add_column_default("c", "no number'"))
        assert lock_timeout(database) == "7s"
    assert lock_timeout(database) == "7s"
