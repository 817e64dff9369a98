"""What observers and the log are told of a batch."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest
from making import migration
from peewee import AutoField, CharField, IntegerField, TextField
from places import MARIA, Place
from snapshot import HISTORY

from ormmigrate import (
    BaseMigration,
    ChecksumMismatch,
    Database,
    DatabaseAhead,
    IntegrityCheckFailed,
    MigrationError,
    MigrationFailed,
    Runner,
)
from ormmigrate.connection import inner
from ormmigrate.events import (
    BatchCommitted,
    BatchFailed,
    BatchPlanned,
    Event,
    MigrationApplied,
    MigrationStarted,
    NothingPending,
    OperationRun,
    TableCreated,
    Warned,
)


class Create(BaseMigration):
    """Users."""

    id = "20240101_000000_create"
    name = "Create the users"

    def up(self, migrator):
        migrator.create_table("user", {"id": AutoField(), "email": CharField(unique=True)})
        migrator.run(fill, reverse=empty)


class Extend(BaseMigration):
    id = "20240102_000000_extend"

    def up(self, migrator):
        migrator.add_column("user", "age", IntegerField(null=True))
        with migrator.alter_table("user") as user:
            user.add_column("bio", TextField(null=True))
            user.rename_column("age", "years")
        migrator.sql("UPDATE user_copy SET years = 5 WHERE email = '100 %'".replace("user_copy", "stats"))

    def down(self, migrator):
        migrator.drop_column("user", "bio")
        migrator.drop_column("user", "years")


class Stats(BaseMigration):
    id = "20240101_120000_stats"

    def up(self, migrator):
        migrator.create_table("stats", {"id": AutoField(), "email": CharField(), "years": IntegerField()})


def fill(migrator):
    migrator.table("user").insert_many([{"email": f"{number}@example.org"} for number in range(3)]).execute()


def empty(migrator):
    migrator.sql("DELETE FROM stats")


MIGRATIONS = [Create, Stats, Extend]


class Heard(list):
    """An observer that keeps what it hears."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self]


def opened(place: Place, migrations: object = MIGRATIONS, **options: object) -> tuple[Database, Heard]:
    heard = Heard()
    database = place.database(migrations, observers=[heard], **options)
    database.connect()
    return database, heard


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


# -- observers ----------------------------------------------------------------------------------


def test_a_batch_is_told_in_order(place: Place):
    database, heard = opened(place)

    class Word(database.Model):
        text = CharField()

    report = database.register_models([Word])
    assert heard.kinds == [
        "BatchPlanned",
        "MigrationStarted", "OperationRun", "OperationRun", "MigrationApplied",
        "MigrationStarted", "OperationRun", "MigrationApplied",
        "MigrationStarted", "OperationRun", "OperationRun", "OperationRun", "MigrationApplied",
        "TableCreated", "Warned",
        "BatchCommitted",
    ]  # fmt: skip
    ids = tuple(one.id for one in MIGRATIONS)
    assert heard[0] == BatchPlanned("up", ids, "test")
    assert [(event.migration, event.title, event.number, event.total) for event in heard.of(MigrationStarted)] == [
        (Create.id, "Create the users", 1, 3),
        (Stats.id, "Stats", 2, 3),
        (Extend.id, "Extend", 3, 3),
    ]
    assert [event.migration for event in heard.of(MigrationApplied)] == list(ids)
    assert heard.of(TableCreated) == [TableCreated("word")]
    assert heard.of(Warned) == [Warned(report.warnings[0])]
    (committed,) = heard.of(BatchCommitted)
    assert (committed.direction, committed.migrations, committed.tables) == ("up", ids, ("word",))


def test_operations_are_told_in_words_with_their_sql(place: Place):
    database, heard = opened(place)
    database.register_models([])
    told = heard.of(OperationRun)
    assert [event.operation for event in told] == [
        "create the table user (id, email)",
        "run the function fill()",
        "create the table stats (id, email, years)",
        "add the column user.age (IntegerField, null)",
        "alter user: add the column user.bio (TextField, null); rename the column user.age to years",
        "run the SQL: UPDATE stats SET years = 5 WHERE email = '100 %'",
    ]
    assert [event.migration for event in told] == [Create.id] * 2 + [Stats.id] + [Extend.id] * 3
    create, filled, _, added, altered, updated = (event.sql for event in told)
    assert create[0].startswith("CREATE TABLE ")
    if place.kind == MARIA:
        assert len(create) == 1
        assert "UNIQUE INDEX " in create[0]
    else:
        assert any(statement.startswith("CREATE UNIQUE INDEX ") for statement in create[1:])
    assert any(statement.startswith("INSERT INTO ") for statement in filled)
    assert len(added) == 1
    assert added[0].startswith("ALTER TABLE ")
    assert len(altered) == (1 if place.kind == MARIA else 2)
    assert updated == ("UPDATE stats SET years = 5 WHERE email = '100 %'",)


def test_rows_that_a_function_writes_are_not_told(place: Place):
    def secrets(migrator):
        migrator.table("user").insert(email="secret@example.org").execute()

    database, heard = opened(place, [Create, migration("20240102_000000_secrets", lambda m: m.run(secrets))])
    database.register_models([])
    assert "secret@example.org" not in repr(heard)


def test_durations_are_in_milliseconds_and_fit_into_each_other(place: Place):
    database, heard = opened(place)
    report = database.register_models([])
    operations = sum(event.duration_ms for event in heard.of(OperationRun))
    applied = sum(event.duration_ms for event in heard.of(MigrationApplied))
    (committed,) = heard.of(BatchCommitted)
    assert all(event.duration_ms > 0 for event in heard.of(OperationRun))
    assert 0 < operations <= applied <= committed.duration_ms
    assert committed.duration_ms == pytest.approx(report.duration_ms, abs=50)
    assert committed.duration_ms < 60_000


def test_events_are_frozen_values(place: Place):
    database, heard = opened(place)

    class Word(database.Model):
        text = CharField()

    database.register_models([Word])
    database.register_models([Word])
    assert {type(event) for event in heard} == {
        BatchPlanned, MigrationStarted, OperationRun, MigrationApplied, TableCreated, Warned, BatchCommitted,
        NothingPending,
    }  # fmt: skip
    for event in heard:
        assert isinstance(event, Event)
        for field in dataclasses.fields(event):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(event, field.name, None)
            assert not isinstance(getattr(event, field.name), list)


def test_the_way_down_is_told_as_well(place: Place):
    database, heard = opened(place)
    database.register_models([])
    heard.clear()
    database.migrations.down(steps=2)
    assert heard.kinds == [
        "BatchPlanned",
        "MigrationStarted", "OperationRun", "OperationRun", "MigrationApplied",
        "MigrationStarted", "OperationRun", "MigrationApplied",
        "BatchCommitted",
    ]  # fmt: skip
    assert heard[0] == BatchPlanned("down", (Extend.id, Stats.id), "test")
    assert {event.direction for event in heard if hasattr(event, "direction")} == {"down"}
    assert heard.of(OperationRun)[-1].operation == "drop the table stats and its rows"


def test_every_observer_is_told_and_a_runner_has_observers_of_its_own(place: Place):
    first, second = Heard(), Heard()
    database = place.database(MIGRATIONS, observers=[first, second])
    database.connect()
    database.register_models([])
    assert first == second
    assert first
    third = Heard()
    Runner(inner(database), MIGRATIONS, environment="test", observers=[third]).up()
    assert third.kinds == ["NothingPending"]
    assert len(first) == len(second)


def test_an_observer_that_raises_is_logged_and_the_batch_commits(place: Place, caplog: pytest.LogCaptureFixture):
    def broken(event: Event) -> None:
        raise RuntimeError(f"no {type(event).__name__}")

    heard = Heard()
    database = place.database(MIGRATIONS, observers=[broken, heard])
    database.connect()
    assert len(database.register_models([]).applied) == 3
    assert heard.of(BatchCommitted)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == len(heard)
    assert {record.name for record in errors} == {"ormmigrate"}
    assert "no BatchPlanned" in str(errors[0].exc_info[1])
    assert "BatchPlanned" in errors[0].getMessage()
    assert database.execute_sql(f"SELECT count(*) FROM {HISTORY} WHERE registry = 'app'").fetchone() == (3,)


def test_an_observer_that_raises_does_not_hide_why_a_batch_failed(place: Place):
    def broken(event: Event) -> None:
        raise RuntimeError("no")

    failing = migration("20240101_000000_failing", lambda migrator: migrator.sql("NO SQL"))
    with pytest.raises(MigrationFailed):
        place.database([failing], observers=[broken]).register_models([])


def test_an_observer_may_ask_the_database_what_the_batch_has_done_so_far(place: Place):
    seen: list[bool] = []

    def look(event: Event) -> None:
        if isinstance(event, MigrationApplied):
            seen.append(database.table_exists("user"))

    database = place.database([Create, Stats], observers=[look])
    database.connect()
    database.register_models([])
    assert seen == [True, True]


# -- failure ------------------------------------------------------------------------------------


def test_a_batch_that_fails_is_told_with_its_error_and_nothing_after_it(place: Place):
    failing = migration("20240102_000000_failing", lambda migrator: migrator.sql("NO SQL"))
    database, heard = opened(place, [Create, failing])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert heard.kinds[-2:] == ["MigrationStarted", "BatchFailed"]
    assert heard[-1].error is caught.value
    assert len(heard.of(BatchFailed)) == 1
    assert not heard.of(BatchCommitted)


def test_a_history_that_is_wrong_is_told_as_a_failed_batch(place: Place):
    first, _ = opened(place, [Create, Stats])
    first.register_models([])
    heard = Heard()
    database = Database(inner(first), migrations=[Create], environment="test", observers=[heard])
    with pytest.raises(DatabaseAhead) as caught:
        database.register_models([])
    assert heard.kinds == ["BatchFailed"]
    assert heard[0].error is caught.value


def test_rows_that_a_batch_orphans_are_told_as_a_failed_batch(file_place: Place):
    def orphan(migrator):
        migrator.sql("CREATE TABLE post (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES user (id))")
        migrator.sql("INSERT INTO post (user_id) VALUES (4711)")

    database, heard = opened(file_place, [Create, migration("20240102_000000_orphan", orphan)])
    with pytest.raises(IntegrityCheckFailed) as caught:
        database.register_models([])
    assert heard.kinds[-1] == "BatchFailed"
    assert heard[-1].error is caught.value


def test_what_only_commit_finds_is_told_as_a_failed_batch(postgresql_place: Place):
    def orphan(migrator):
        migrator.sql("CREATE TABLE a (id INT PRIMARY KEY, b INT REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)")
        migrator.sql("INSERT INTO a VALUES (1, 4711)")

    database, heard = opened(postgresql_place, [migration("20240102_000000_orphan", orphan)])
    with pytest.raises(MigrationError) as caught:
        database.register_models([])
    assert heard.kinds[-1] == "BatchFailed"
    assert heard[-1].error is caught.value
    assert not heard.of(BatchCommitted)


# -- logging ------------------------------------------------------------------------------------


def test_nothing_pending_is_said_once_per_start_at_info(place: Place, caplog: pytest.LogCaptureFixture):
    database, heard = opened(place)
    database.register_models([])
    caplog.clear()
    caplog.set_level(logging.INFO, logger="ormmigrate")
    heard.clear()
    for start in range(1, 4):
        database.register_models([])
        assert [record.getMessage() for record in caplog.records] == [
            "Nothing pending: 3 migrations are applied."
        ] * start
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert {record.name for record in caplog.records} == {"ormmigrate"}
    assert heard == [NothingPending(3)] * 3


def test_nothing_pending_is_not_said_where_nobody_listens(place: Place, caplog: pytest.LogCaptureFixture):
    database = place.database(MIGRATIONS)
    database.connect()
    database.register_models([])
    caplog.clear()
    database.register_models([])
    assert caplog.records == []


def test_a_start_that_waited_for_another_ones_batch_says_that_nothing_is_pending(
    shared_place: Place, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, logger="ormmigrate")
    running, go_on = threading.Event(), threading.Event()

    def wait(migrator):
        running.set()
        go_on.wait(10)

    migrations = [Create, migration("20240102_000000_wait", wait)]
    first = threading.Thread(target=shared_place.database(migrations).register_models, args=([],))
    first.start()
    running.wait(10)
    heard = Heard()
    waiting = shared_place.database(migrations, observers=[heard])
    second = threading.Thread(target=waiting.register_models, args=([],))
    second.start()
    second.join(0.1)
    assert second.is_alive()
    go_on.set()
    first.join()
    second.join()
    assert heard == [NothingPending(2)]
    # Each thread says so after it gave back the lock, in whichever order they come.
    assert lines(caplog, logging.INFO).count("Nothing pending: 2 migrations are applied.") == 1
    assert len([line for line in lines(caplog, logging.INFO) if line.startswith("Committed")]) == 1


def test_a_batch_is_logged_at_info_and_its_operations_at_debug(place: Place, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, logger="ormmigrate")
    database, _ = opened(place)
    database.register_models([])
    info = lines(caplog, logging.INFO)
    assert info[0] == "Applying 3 migrations (test)."
    assert [line.split(" in ")[0] for line in info[1:-1]] == [f"Applied {one.id}" for one in MIGRATIONS]
    assert info[-1].startswith("Committed: 3 migrations, 0 tables, ")
    debug = lines(caplog, logging.DEBUG)
    assert len(debug) == 6
    assert debug[0].startswith(f"{Create.id}: create the table user (id, email) (")
    assert {record.name for record in caplog.records} == {"ormmigrate"}


def test_the_way_down_is_logged(place: Place, caplog: pytest.LogCaptureFixture):
    database, _ = opened(place)
    database.register_models([])
    caplog.clear()
    caplog.set_level(logging.INFO, logger="ormmigrate")
    database.migrations.down()
    info = lines(caplog, logging.INFO)
    assert info[0] == "Taking back 1 migrations (test)."
    assert info[1].startswith(f"Took back {Extend.id} in ")


def test_a_failed_batch_is_logged_once_at_error(place: Place, caplog: pytest.LogCaptureFixture):
    failing = migration("20240102_000000_failing", lambda migrator: migrator.sql("NO SQL"))
    database, _ = opened(place, [failing])
    with pytest.raises(MigrationError) as caught:
        database.register_models([])
    assert lines(caplog, logging.ERROR) == [f"The batch failed: {caught.value}"]


def test_a_changed_migration_is_logged_as_a_warning(place: Place, caplog: pytest.LogCaptureFixture):
    first, _ = opened(place, [Create])
    first.register_models([])
    first.execute_sql(f"UPDATE {HISTORY} SET checksum = '1:0' WHERE registry = 'app'")
    heard = Heard()
    database = Database(inner(first), migrations=[Create, Stats], environment="development", observers=[heard])
    report = database.register_models([])
    assert report.warnings == (str(ChecksumMismatch(changed=[Create.id])),)
    assert lines(caplog, logging.WARNING) == list(report.warnings)
    assert heard.of(Warned) == [Warned(report.warnings[0])]


def test_the_package_adds_no_handler_and_sets_no_level():
    # A process of its own: the command line, which other tests run in this one, is an application and may.
    code = "import logging, ormmigrate.batch; log = logging.getLogger('ormmigrate'); print(log.handlers, log.level)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 0"
