"""Online forms: in steps that stall nobody, resumed where they were interrupted, nothing left where they fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import peewee
import pytest
from making import assert_helps
from peewee import SQL, Check
from places import Place
from postgresql_catalogue import State, differences, state
from postgresql_places import batch, connected, engine_of, operation_of, statements_of

from ormmigrate import UnsupportedOperation
from ormmigrate.dialects.postgresql.engine import PostgresqlEngine
from ormmigrate.operations import AlterTable, Operation, Sql

START = (
    "CREATE TABLE other (id INT PRIMARY KEY)",
    "INSERT INTO other SELECT generate_series(1, 50)",
    "CREATE TABLE thing (id SERIAL PRIMARY KEY, n INT, m INT, s TEXT)",
    "INSERT INTO thing (n, m, s) SELECT i, i % 50 + 1, 's' || i FROM generate_series(1, 100) AS i",
    "CREATE INDEX there ON thing (s)",
)
ACTS: dict[str, Callable[[Any], object]] = {
    "add_index": lambda t: t.add_index(("m", "s"), concurrently=True),
    "add_index unique": lambda t: t.add_index(
        ("n",), unique=True, where=SQL("n > %s", [3]), name="own", concurrently=True
    ),
    "drop_index": lambda t: t.drop_index("there", columns=("s",), concurrently=True),
    "add_not_null": lambda t: t.add_not_null("n", online=True),
    "add_constraint": lambda t: t.add_constraint("few", Check("n % 1000 < 500"), online=True),
    "add_unique": lambda t: t.add_unique("n", "s", online=True),
    "add_foreign_key": lambda t: t.add_foreign_key_constraint("m", "other", "id", on_delete="CASCADE", online=True),
}


class Killed(BaseException):
    """The process ends here."""


def started(place: Place) -> peewee.PostgresqlDatabase:
    return connected(place, *START)


def run(engine: PostgresqlEngine, operation: Operation, *, dies_at: int | None = None) -> int:
    """Run it; the number of statements that it sent. Ends where that one would be sent."""
    sent = 0
    execute = engine.execute

    def counting(text: str, params: Any = None) -> None:
        nonlocal sent
        if sent == dies_at:
            raise Killed
        sent += 1
        execute(text, params)

    engine.execute = counting  # type: ignore[method-assign]
    try:
        engine.run(operation)
    finally:
        engine.execute = execute  # type: ignore[method-assign]
    return sent


def plainly(place: Place, act: Callable[[Any], object]) -> State:
    """What the plain form comes to."""
    database = started(place)
    engine = engine_of(database)
    engine.runs_online = False
    with batch(database):
        engine.run(operation_of("thing", act))
    found = state(database)
    database.execute_sql("DROP TABLE thing, other")
    database.close()
    return found


@pytest.mark.parametrize("name", ACTS)
def test_an_online_form_comes_to_what_the_plain_one_does(postgresql_place: Place, name: str):
    meant = plainly(postgresql_place, ACTS[name])
    database = started(postgresql_place)
    engine = engine_of(database)
    operation = operation_of("thing", ACTS[name])
    assert engine.runs_alone(operation)
    engine.run(operation)
    assert differences(meant, state(database)) == {}


@pytest.mark.parametrize("name", ACTS)
def test_an_online_form_goes_on_where_it_was_interrupted(postgresql_place: Place, name: str):
    meant = plainly(postgresql_place, ACTS[name])
    operation = operation_of("thing", ACTS[name])
    step = 0
    while True:
        database = started(postgresql_place)
        engine = engine_of(database)
        try:
            run(engine, operation, dies_at=step)
        except Killed:
            engine = engine_of(database)
            engine.resumes = True
            run(engine, operation)
            assert differences(meant, state(database)) == {}, step
        else:
            break
        database.execute_sql("DROP TABLE thing, other")
        database.close()
        step += 1
    assert step >= 1
    engine.resumes = True
    run(engine, operation)  # killed behind the last step, before that was noted
    assert differences(meant, state(database)) == {}


@pytest.mark.parametrize("name", [name for name in ACTS if name not in ("drop_index", "add_not_null")])
def test_what_is_there_in_a_first_run_is_not_taken_for_its_own(postgresql_place: Place, name: str):
    database = started(postgresql_place)
    operation = operation_of("thing", ACTS[name])
    engine_of(database).run(operation)
    before = state(database)
    with pytest.raises(UnsupportedOperation) as caught:
        engine_of(database).run(operation)
    assert_helps(caught.value, "already")
    assert state(database) == before


OTHERS = {
    "add_index": "CREATE INDEX thing_m_s ON thing (s, m)",
    "add_index unique": "CREATE UNIQUE INDEX own ON thing (n) WHERE n > 4",
    "add_constraint": "ALTER TABLE thing ADD CONSTRAINT few CHECK (n % 1000 < 501) NOT VALID",
    "add_unique": "ALTER TABLE thing ADD CONSTRAINT uniq_n_s UNIQUE (s, n)",
    "add_foreign_key": "ALTER TABLE thing ADD CONSTRAINT fk_thing_m_refs_other FOREIGN KEY (m) REFERENCES other (id)",
}


@pytest.mark.parametrize("resumes", [True, False])
@pytest.mark.parametrize("name", OTHERS)
def test_something_else_under_the_same_name_is_not_taken_for_it(postgresql_place: Place, name: str, resumes: bool):
    database = started(postgresql_place)
    database.execute_sql(OTHERS[name].replace("%", "%%"))
    before = state(database)
    engine = engine_of(database)
    engine.resumes = resumes
    with pytest.raises(UnsupportedOperation, match="already"):
        engine.run(operation_of("thing", ACTS[name]))
    assert state(database) == before


@pytest.mark.parametrize("name", ["add_index", "add_unique"])
def test_a_build_that_was_killed_is_cleared_away_and_begun_again(postgresql_place: Place, name: str):
    meant = plainly(postgresql_place, ACTS[name])
    database, holder = started(postgresql_place), connected(postgresql_place)
    holder.execute_sql("BEGIN")
    holder.execute_sql("UPDATE thing SET n = n WHERE id = 1")
    pids: list[int] = []
    errors: list[BaseException] = []
    thread = threading.Thread(target=build_in, args=(postgresql_place, name, pids, errors))
    thread.start()
    wait_for(lambda: is_invalid(database))
    database.execute_sql("SELECT pg_terminate_backend(%s)", (pids[0],))
    thread.join()
    holder.execute_sql("ROLLBACK")
    assert errors
    assert is_invalid(database)
    engine = engine_of(database)
    engine.resumes = True
    engine.run(operation_of("thing", ACTS[name]))
    assert differences(meant, state(database)) == {}


def build_in(place: Place, name: str, pids: list[int], errors: list[BaseException]) -> None:
    database = connected(place)
    pids.append(database.execute_sql("SELECT pg_backend_pid()").fetchone()[0])
    try:
        engine_of(database).run(operation_of("thing", ACTS[name]))
    except BaseException as error:
        errors.append(error)
    finally:
        database.close()


def is_invalid(database: peewee.Database) -> bool:
    query = "SELECT 1 FROM pg_index WHERE indrelid = to_regclass('thing') AND NOT indisvalid"
    return database.execute_sql(query).fetchone() is not None


def wait_for(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_build_that_goes_on_behind_its_client_is_waited_for_and_taken(postgresql_place: Place):
    meant = plainly(postgresql_place, ACTS["add_index"])
    database, holder = started(postgresql_place), connected(postgresql_place)
    holder.execute_sql("BEGIN")
    holder.execute_sql("UPDATE thing SET n = n WHERE id = 1")
    pids: list[int] = []
    errors: list[BaseException] = []
    builder = threading.Thread(target=build_in, args=(postgresql_place, "add_index", pids, errors))
    builder.start()
    wait_for(lambda: is_invalid(database))
    engine = engine_of(database)
    with pytest.raises(UnsupportedOperation, match="right now"):
        engine.run(operation_of("thing", ACTS["add_index"]))
    connection = holder.connection()
    threading.Timer(0.3, lambda: connection.cursor().execute("ROLLBACK")).start()
    engine.resumes = True
    engine.run(operation_of("thing", ACTS["add_index"]))
    builder.join()
    assert not errors
    assert differences(meant, state(database)) == {}


def test_a_build_waits_for_old_transactions_longer_than_for_a_lock(postgresql_place: Place):
    database, holder = started(postgresql_place), connected(postgresql_place)
    database.execute_sql("SET lock_timeout = '50ms'")  # as a role may have it
    holder.execute_sql("BEGIN")
    holder.execute_sql("UPDATE thing SET n = n WHERE id = 1")
    connection = holder.connection()
    threading.Timer(0.5, lambda: connection.cursor().execute("ROLLBACK")).start()
    engine = engine_of(database, ddl_lock_timeout_s=0.05, ddl_tries=1)
    began = time.perf_counter()
    with statements_of(database) as sent:
        engine.run(operation_of("thing", ACTS["add_index"]))
        engine.run(Sql("CREATE INDEX CONCURRENTLY raw ON thing (n) WHERE s LIKE '%'"))
    assert time.perf_counter() - began > 0.4
    assert len(sent) == 2
    assert ("indexes", "thing", "raw") in state(database)
    assert database.execute_sql("SHOW lock_timeout").fetchone() == ("50ms",)


@pytest.mark.parametrize("name", ["add_index unique", "add_unique"])
def test_values_that_are_there_twice_are_named_and_nothing_is_left(postgresql_place: Place, name: str):
    database = started(postgresql_place)
    database.execute_sql("INSERT INTO thing (n, s) VALUES (7, 's7'), (NULL, NULL), (NULL, NULL)")
    before = state(database)
    with pytest.raises(UnsupportedOperation) as caught:
        engine_of(database).run(operation_of("thing", ACTS[name]))
    assert_helps(caught.value, "(7,s7) 2 times" if name == "add_unique" else "(7) 2 times")
    assert state(database) == before


BAD_ROWS = {
    "add_not_null": ("INSERT INTO thing (n) VALUES (NULL)", "1 rows hold NULL"),
    "add_constraint": ("INSERT INTO thing (n) VALUES (777)", "few"),
    "add_foreign_key": ("INSERT INTO thing (m) VALUES (777)", "777"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_rows_that_do_not_fit_leave_nothing_behind(postgresql_place: Place, name: str):
    statement, words = BAD_ROWS[name]
    database = started(postgresql_place)
    database.execute_sql(statement)
    before = state(database)
    with pytest.raises((UnsupportedOperation, peewee.IntegrityError), match=words):
        engine_of(database).run(operation_of("thing", ACTS[name]))
    assert state(database) == before


@pytest.mark.parametrize("name", ACTS)
def test_an_online_form_is_refused_in_a_transaction_and_in_a_group(postgresql_place: Place, name: str):
    database = started(postgresql_place)
    before = state(database)
    operation = operation_of("thing", ACTS[name])
    with pytest.raises(UnsupportedOperation) as caught, batch(database):
        engine_of(database).run(operation)
    assert_helps(caught.value)
    assert "transactional = False" in caught.value.advice
    with pytest.raises(UnsupportedOperation) as caught, batch(database):
        engine_of(database).run(AlterTable("thing", (operation,)))
    assert_helps(caught.value, "group")
    assert state(database) == before


def test_partitioned_tables_are_told_what_to_do(postgresql_place: Place):
    database = connected(postgresql_place, "CREATE TABLE thing (n INT, m INT, s TEXT) PARTITION BY RANGE (n)")
    for name in ("add_index", "add_unique"):
        with pytest.raises(UnsupportedOperation) as caught:
            engine_of(database).run(operation_of("thing", ACTS[name]))
        assert_helps(caught.value, "partitioned")


ALONE = {
    "CREATE INDEX CONCURRENTLY i ON t (a)": True,
    "/* x */ create unique index\n-- CONCURRENTLY\nconcurrently i ON t (a)": True,
    "DROP INDEX CONCURRENTLY i": True,
    "REINDEX TABLE CONCURRENTLY t": True,
    "REINDEX DATABASE x": True,
    "VACUUM (ANALYZE) t": True,
    "CREATE DATABASE x": True,
    "DROP TABLESPACE x": True,
    "ALTER SYSTEM SET x = 1": True,
    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY": True,
    "CREATE INDEX i ON t (a) -- CONCURRENTLY": False,
    "REFRESH MATERIALIZED VIEW CONCURRENTLY v": False,
    "SELECT 'VACUUM'": False,
    "INSERT INTO t VALUES ('CREATE DATABASE')": False,
    "COMMENT ON TABLE t IS 'CONCURRENTLY'": False,
    "": False,
}


@pytest.mark.parametrize("statement", ALONE)
def test_what_cannot_run_in_a_transaction_is_known_by_its_words(postgresql_place: Place, statement: str):
    engine = engine_of(connected(postgresql_place))
    assert engine.runs_alone(Sql(statement)) is ALONE[statement]
    engine.runs_online = False
    assert not engine.runs_alone(Sql(statement))


def test_a_replay_runs_plain_forms(postgresql_place: Place):
    database = started(postgresql_place)
    engine = engine_of(database)
    engine.runs_online = False
    with batch(database):
        engine.run(Sql("CREATE INDEX CONCURRENTLY raw ON thing (n)"))
        engine.run(Sql("VACUUM thing"))
        engine.run(AlterTable("thing", (operation_of("thing", ACTS["add_not_null"]),)))
    assert ("indexes", "thing", "raw") in state(database)
    assert state(database)["columns", "thing", "n"][1] is True
