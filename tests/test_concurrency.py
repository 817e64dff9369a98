"""Many processes and threads at once: all succeed, and each migration runs once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from crowd import IN_PARTS, MIGRATIONS, Crowd, crowd, start
from places import FILE, MARIA, PG, Place, place_of

from ormmigrate import LockTimeout

ROUNDS = 20


@pytest.fixture(scope="module")
def sixteen() -> Iterator[Crowd]:
    with crowd() as found:
        yield found


@pytest.mark.parametrize("kind", [FILE, PG, MARIA])
def test_sixteen_processes_start_at_once_and_each_migration_runs_once(sixteen: Crowd, kind: str, tmp_path: Path):
    ids = [migration.id for migration in MIGRATIONS]
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with place_of(kind, folder) as place:
            answers = sixteen.start_all(place.url)
            assert [trouble for _, _, trouble in answers if trouble] == []
            reports = [report for _, report, _ in answers if report is not None]
            assert [report["applied"] for report in reports if report["applied"]] == [ids]
            assert [report["created_tables"] for report in reports if report["created_tables"]] == [["note"]]
            check(place, ids)


@pytest.mark.parametrize("kind", [FILE, PG, MARIA])
def test_sixteen_processes_start_at_once_and_a_batch_in_parts_runs_once(sixteen: Crowd, kind: str, tmp_path: Path):
    for number in range(ROUNDS // 4):
        folder = tmp_path / str(number)
        folder.mkdir()
        with place_of(kind, folder) as place:
            answers = sixteen.start_all(place.url, IN_PARTS)
            assert [trouble for _, _, trouble in answers if trouble] == []
            # On SQLite another process may go on with what one has begun.
            assert any(report["applied"] for _, report, _ in answers if report is not None)
            check(place, [migration.id for migration in IN_PARTS], n=131)


def check(place: Place, ids: list[str], n: int = 1) -> None:
    database = place.database()
    with database.connection_context():
        assert database.execute_sql("SELECT n, word FROM counter").fetchall() in ([(n, "x")], ((n, "x"),))
        assert database.execute_sql("SELECT COUNT(*) FROM ormmigrate_journal").fetchone()[0] == 0
        rows = database.execute_sql(
            "SELECT migration, state FROM ormmigrate_history WHERE registry = 'app' ORDER BY seq"
        ).fetchall()
        assert [tuple(row) for row in rows] == [(id, "done") for id in ids]


def test_threads_that_start_at_once_do_not_disturb_each_other(shared_place: Place):
    barrier = threading.Barrier(6)
    reports, troubles = [], []

    def run() -> None:
        barrier.wait()
        try:
            reports.append(start(shared_place.url))
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert len([report for report in reports if report["applied"]]) == 1
    check(shared_place, [migration.id for migration in MIGRATIONS])


def test_threads_that_share_one_database_object_do_not_disturb_each_other(shared_place: Place):
    database = shared_place.database(MIGRATIONS)
    barrier = threading.Barrier(6)
    reports, troubles = [], []

    def run() -> None:
        barrier.wait()
        try:
            reports.append(database.register_models([]))
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert len([report for report in reports if report]) == 1


def test_a_lock_that_is_not_let_go_is_an_error_that_says_who_holds_it(shared_place: Place):
    holder = shared_place.database(MIGRATIONS)
    waiter = shared_place.database(MIGRATIONS, lock_timeout_s=0.3)
    holder.connect()
    from ormmigrate.dialects import dialect_of

    caught: list[LockTimeout] = []

    def wait() -> None:
        with pytest.raises(LockTimeout) as info:
            waiter.register_models([])
        caught.append(info.value)

    with dialect_of(holder.obj).exclusive(holder.obj, 5):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(20)
    assert caught[0].timeout_s == 0.3
    if not shared_place.is_sqlite:
        assert "user" in str(caught[0].holder)
    assert waiter.register_models([])
