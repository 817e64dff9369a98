"""Migrations with transactional = False: they split the batch, and go on where they were interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peewee
import pytest
from making import assert_helps, migration
from peewee import SQL, AutoField, CharField, IntegerField, TextField
from places import FILE, PG, Place, place_of
from snapshot import HISTORY, snapshot

from ormmigrate import ConfigurationError, Database, MigrationFailed, Migrator, Registry, UnfinishedMigration
from ormmigrate.connection import inner

OURS = (HISTORY, "ormmigrate_journal")
ROWS = 25


def create(m: Migrator) -> None:
    m.create_table("owner", {"id": AutoField(), "name": TextField(), "n": IntegerField(null=True)})
    for number in range(1, ROWS + 1):
        m.sql(f"INSERT INTO owner (name, n) VALUES ('o{number}', {number})")


CREATE = migration("20240101_000000_create", create)
BEFORE = migration("20240102_000000_before", lambda m: m.add_column("owner", "early", IntegerField(default=1)))


def alone(up: Any, id: str = "20240103_000000_alone", **attributes: Any) -> Any:
    return migration(id, up, transactional=False, **attributes)


def online(m: Migrator) -> None:
    m.add_index("owner", ("n",), concurrently=True)
    m.add_column("owner", "code", IntegerField(null=True))
    m.backfill("owner", {"code": SQL("n * 10")}, where="code IS NULL", batch_size=10)
    m.add_not_null("owner", "code", online=True)


AFTER = migration("20240104_000000_after", lambda m: m.add_column("owner", "late", CharField(default="x")))
LAST = migration("20240105_000000_last", lambda m: m.sql("INSERT INTO nowhere VALUES (1)"))


def started(place: Place, migrations: list[Any]) -> Database:
    """A populated database, and an application of those migrations on it."""
    first = place.database([CREATE])
    first.register_models([])
    first.connect(reuse_if_open=True)
    return Database(first.obj, migrations=migrations, environment="production", lock_timeout_s=10)


def labels(database: Database) -> list[str]:
    return [row.id for row in database.migrations.history() if row.registry == "app" and row.state == "done"]


def journal_rows(database: Database) -> int:
    return database.execute_sql("SELECT COUNT(*) FROM ormmigrate_journal").fetchone()[0]


def codes(database: Database) -> list[Any]:
    return [row[0] for row in database.execute_sql("SELECT code FROM owner ORDER BY id").fetchall()]


def test_a_batch_with_a_migration_outside_of_a_transaction_runs(place: Place):
    database = started(place, [CREATE, BEFORE, alone(online), AFTER])
    report = database.register_models([])
    assert report.applied == (BEFORE.id, "20240103_000000_alone", AFTER.id)
    assert labels(database) == [CREATE.id, BEFORE.id, "20240103_000000_alone", AFTER.id]
    assert codes(database) == [number * 10 for number in range(1, ROWS + 1)]
    assert "owner_n" in {index.name for index in inner(database).get_indexes("owner")}
    assert journal_rows(database) == 0
    assert not database.register_models([])
    with pytest.raises(peewee.PeeweeException, match="code"):
        database.execute_sql("INSERT INTO owner (name, early, late) VALUES ('x', 1, 'y')")


def test_it_is_taken_back_like_any_other(place: Place):
    def reversible(m: Migrator) -> None:
        m.add_index("owner", ("n",), concurrently=True)
        m.add_column("owner", "code", IntegerField(null=True))
        m.backfill("owner", {"code": SQL("n * 10")}, batch_size=10, reverse={})
        m.add_not_null("owner", "code", online=True)

    database = started(place, [CREATE, BEFORE, alone(reversible)])
    before = snapshot(database, without=OURS)
    database.register_models([])
    report = database.migrations.down(to=CREATE.id)
    assert report.reverted == ("20240103_000000_alone", BEFORE.id)
    assert snapshot(database, without=OURS) == before
    assert journal_rows(database) == 0


def test_what_comes_behind_it_fails_alone(place: Place):
    database = started(place, [CREATE, BEFORE, alone(online), AFTER, LAST])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, LAST.id, f"kept: {BEFORE.id}, 20240103_000000_alone")
    assert labels(database) == [CREATE.id, BEFORE.id, "20240103_000000_alone"]
    assert "late" not in {column.name for column in inner(database).get_columns("owner")}


def test_after_a_failure_it_goes_on_behind_what_is_done(place: Place):
    calls: list[str] = []

    def up(m: Migrator) -> None:
        m.add_column("owner", "code", IntegerField(null=True))
        m.sql("UPDATE owner SET n = n + 1")
        m.run(lambda m: fill(m))
        m.add_index("owner", ("code",))

    def fill(m: Migrator) -> None:
        m.sql("UPDATE owner SET code = n")
        calls.append("fill")
        if len(calls) == 1:
            raise RuntimeError("not this time")

    database = started(place, [CREATE, alone(up), AFTER])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, "not this time", "the operations before that are done and stay")
    status = database.migrations.status()
    assert [one.state for one in status.migrations if one.label == "20240103_000000_alone"] == ["running"]
    assert database.register_models([]).applied == ("20240103_000000_alone", AFTER.id)
    # Neither twice nor not at all.
    assert codes(database) == [number + 1 for number in range(1, ROWS + 1)]
    assert calls == ["fill", "fill"]
    assert journal_rows(database) == 0


def test_a_backfill_goes_on_where_it_stopped(place: Place):
    seen: list[tuple[int, int]] = []

    def stop(event: object) -> None:
        if type(event).__name__ == "RowsFilled":
            seen.append((event.rows, event.estimated_rows))

    def up(m: Migrator) -> None:
        m.add_column("owner", "code", IntegerField(null=True))
        m.backfill("owner", {"code": SQL("COALESCE(code, 0) + n")}, batch_size=10)

    class Stop(BaseException):
        pass

    database = started(place, [CREATE, alone(up)])
    real = inner(database).execute_sql
    sent = []

    def execute_sql(sql: str, params: Any = None) -> Any:
        if str(sql).startswith("UPDATE") and "COALESCE" in str(sql):
            sent.append(sql)
            if len(sent) == 2:
                raise Stop
        return real(sql, params)

    inner(database).execute_sql = execute_sql  # a process that ends between two batches
    with pytest.raises(Stop):
        database.register_models([])
    del inner(database).execute_sql
    database.migrations.observers.append(stop)
    assert database.register_models([]).applied == ("20240103_000000_alone",)
    assert codes(database) == list(range(1, ROWS + 1))
    assert [rows for rows, _ in seen] == [20]


def test_a_backfill_takes_every_kind_of_key(place: Place):
    def make(m: Migrator) -> None:
        m.create_table(
            "pair",
            {"a": IntegerField(), "b": CharField(max_length=20), "v": IntegerField(null=True)},
            primary_key=("a", "b"),
        )
        for number in range(ROWS):
            m.sql(f"INSERT INTO pair (a, b) VALUES ({number // 4}, 'it''s {number}')")

    fill = alone(lambda m: m.backfill("pair", {"v": 7}, where="a <> 2", batch_size=3))
    database = started(place, [CREATE, migration("20240102_000000_make", make), fill])
    database.register_models([])
    found = database.execute_sql("SELECT a, v FROM pair").fetchall()
    assert {tuple(row) for row in found} == {(a, None if a == 2 else 7) for a in range(7)}
    assert len(found) == ROWS


@pytest.mark.parametrize(
    ("up", "words"),
    [
        (lambda m: m.backfill("bare", {"v": 1}), "no primary key"),
        (lambda m: m.backfill("owner", {"id": 1}), "would change its primary key"),
    ],
)
def test_what_cannot_be_filled_in_batches_is_refused(place: Place, up: Any, words: str):
    database = started(place, [CREATE, alone(up)])
    database.execute_sql("CREATE TABLE bare (v INTEGER)")
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert_helps(caught.value.__cause__, words)


def test_a_backfill_in_a_transaction_is_one_statement(place: Place):
    fill = migration(
        "20240102_000000_fill", lambda m: m.backfill("owner", {"n": 0, "name": SQL("name")}, where="n > 5")
    )
    database = started(place, [CREATE, fill])
    database.register_models([])
    assert database.execute_sql("SELECT COUNT(*) FROM owner WHERE n = 0").fetchone()[0] == ROWS - 5


def test_what_sqlite_refuses_in_a_transaction_runs_outside_of_one(file_place: Place):
    def shrink(m: Migrator) -> None:
        m.sql("DELETE FROM owner WHERE id > 5")
        m.sql("-- once\nVACUUM")
        m.sql("PRAGMA journal_mode = WAL")

    database = started(file_place, [CREATE, alone(shrink), AFTER])
    assert database.register_models([]).applied == ("20240103_000000_alone", AFTER.id)
    assert database.execute_sql("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute_sql("PRAGMA freelist_count").fetchone() == (0,)


@pytest.mark.parametrize(
    ("kind", "statement"),
    [(FILE, "VACUUM"), (PG, "VACUUM owner"), (PG, "CREATE INDEX CONCURRENTLY i ON owner (n)")],
)
def test_what_needs_it_says_so(tmp_path: Path, kind: str, statement: str):
    with place_of(kind, tmp_path) as place:
        database = started(place, [CREATE, migration("20240102_000000_in", lambda m: m.sql(statement))])
        with pytest.raises(MigrationFailed) as caught:
            database.register_models([])
        assert "transactional = False" in caught.value.advice
        database.close()


def test_it_does_not_go_on_by_itself_where_that_is_not_certain(place: Place):
    def asks(m: Migrator) -> None:
        m.add_column("owner", "code", IntegerField(null=True))
        if m.has_table("owner"):
            m.sql("INSERT INTO nowhere VALUES (1)")

    database = started(place, [CREATE, alone(asks)])
    with pytest.raises(MigrationFailed):
        database.register_models([])
    before = snapshot(database)
    with pytest.raises(UnfinishedMigration) as caught:
        database.register_models([])
    assert caught.value.effects == ("add the column owner.code (IntegerField, null)",)
    assert not caught.value.can_resume
    assert snapshot(database) == before
    database.migrations.settle("20240103_000000_alone", "applied")
    assert not database.register_models([])


def test_what_it_has_done_can_be_undone(place: Place):
    def up(m: Migrator) -> None:
        m.add_column("owner", "code", IntegerField(null=True))
        m.add_index("owner", ("n",), concurrently=True)
        m.sql("UPDATE owner SET n = n + 1", reverse="UPDATE owner SET n = n - 1")
        m.sql("INSERT INTO nowhere VALUES (1)")

    database = started(place, [CREATE, alone(up)])
    before = snapshot(database, without=OURS)
    with pytest.raises(MigrationFailed):
        database.register_models([])
    assert snapshot(database, without=OURS) != before
    told: list[Any] = []
    database.migrations.undo(told.extend)
    assert told == []
    assert snapshot(database, without=OURS) == before
    assert labels(database) == [CREATE.id]
    assert journal_rows(database) == 0


def test_another_text_than_the_interrupted_one_does_not_go_on(place: Place):
    def first(m: Migrator) -> None:
        m.add_column("owner", "code", IntegerField(null=True))
        m.sql("INSERT INTO nowhere VALUES (1)")

    def second(m: Migrator) -> None:
        m.add_column("owner", "another", IntegerField(null=True))

    database = started(place, [CREATE, alone(first)])
    with pytest.raises(MigrationFailed):
        database.register_models([])
    edited = Database(database.obj, migrations=[CREATE, alone(second)], environment="test")
    with pytest.raises(UnfinishedMigration, match="was another when it ran"):
        edited.register_models([])


def test_an_adopted_table_stays_adopted_when_the_migration_goes_on(place: Place):
    def adopts(m: Migrator) -> None:
        m.create_table("precious", {"id": AutoField(), "name": TextField()})
        m.sql("SELECT * FROM later")

    database = started(place, [CREATE, alone(adopts)])
    columns = {"id": AutoField(), "name": TextField()}
    theirs = Registry([migration("20230101_000000_make", lambda m: m.create_table("precious", columns))], name="theirs")
    Database(database.obj, migrations=theirs, environment="test").register_models([])
    database.execute_sql("INSERT INTO precious (name) VALUES ('a row of the user')")
    with pytest.raises(MigrationFailed):
        database.register_models([])
    database.execute_sql("CREATE TABLE later (id INTEGER)")
    assert database.register_models([]).applied == ("20240103_000000_alone",)
    row = next(row for row in database.migrations.history() if row.id == "20240103_000000_alone")
    assert row.details["adopted"] == ["precious"]


class Died(BaseException):
    """A process that ends; nothing may handle it."""


@pytest.mark.parametrize("size", [10, 100])
def test_a_process_may_die_at_every_statement_of_a_backfill(shared_place: Place, size: int):
    def up(m: Migrator) -> None:
        m.backfill("owner", {"n": SQL("n + 1")}, batch_size=size)

    first = started(shared_place, [CREATE])
    (total,) = first.execute_sql("SELECT SUM(n) FROM owner").fetchone()
    is_over = False
    for number in range(1, 200):
        migrations = [CREATE, alone(up, f"2025{1 + number // 28:02}{1 + number % 28:02}_000000_alone")]
        database = shared_place.database(migrations, environment="development")
        is_over = not dies(database, number)
        again = shared_place.database(migrations, environment="development")
        again.register_models([])
        again.execute_sql(f"DELETE FROM {HISTORY} WHERE batch > 1")
        again.close()
        (now,) = first.execute_sql("SELECT SUM(n) FROM owner").fetchone()
        assert now - total == ROWS, f"died at {number}"
        total = now
        if is_over:
            break
    assert is_over


def dies(database: Database, number: int) -> bool:
    """A start that dies ahead of one of its statements; whether it did."""
    target = inner(database)
    real, sent = target.execute_sql, [0]

    def execute_sql(sql: str, params: Any = None) -> Any:
        sent[0] += 1
        if sent[0] >= number:
            raise Died
        return real(sql, params)

    target.execute_sql = execute_sql  # what a process sends before it ends
    try:
        database.register_models([])
    except Died:
        return True
    finally:
        del target.execute_sql
        target.close()  # what was not committed is gone
    return False
