"""Sixteen processes that start an application at the same moment, again and again."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import SQL, AutoField, CharField, IntegerField, TextField

from ormmigrate import BaseMigration, Database

SIZE = 16
TIMEOUT_S = 90


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("counter", {"id": AutoField(), "n": IntegerField()})
        migrator.sql("INSERT INTO counter (n) VALUES (0)")


class Count(BaseMigration):
    id = "20240102_000000_count"

    def up(self, migrator):
        counter = migrator.table("counter")
        counter.update(n=counter.n + 1).execute()


class Alter(BaseMigration):
    id = "20240103_000000_alter"

    def up(self, migrator):
        migrator.add_column("counter", "word", CharField(default="x"))
        migrator.add_index("counter", ("word",))


class Alone(BaseMigration):
    """Each operation commits by itself, so that on SQLite the others get in between."""

    id = "20240104_000000_alone"
    transactional = False

    def up(self, migrator):
        for _ in range(3):
            migrator.sql("UPDATE counter SET n = n + 10")
        migrator.backfill("counter", {"n": SQL("n + 100")}, batch_size=1)
        migrator.add_index("counter", ("n",), concurrently=True)


MIGRATIONS = [Create, Count, Alter]
IN_PARTS = [*MIGRATIONS, Alone]


def start(url: str, migrations: list[type[BaseMigration]] = MIGRATIONS) -> dict[str, Any]:
    """What one process does: a new application on that database."""
    db = Database(url, migrations=migrations)

    class Counter(db.Model):
        n = IntegerField()
        word = CharField(index=True)

    class Note(db.Model):
        counter = IntegerField(index=True)
        text = TextField()

    return db.register_models([Counter, Note]).to_dict()


def work(number: int, orders: Any, answers: Any, barrier: Any) -> None:
    while (order := orders.get()) is not None:
        barrier.wait(TIMEOUT_S)
        try:
            answers.put((number, start(*order), None))
        except BaseException:
            answers.put((number, None, traceback.format_exc()))


class Crowd:
    """Processes that wait for the URL of a database, and then all start at once."""

    def __init__(self, context: Any, size: int) -> None:
        self.size = size
        self.orders = [context.Queue() for _ in range(size)]
        self.answers = context.Queue()
        # Kept: its semaphore is gone with it, and the processes open it by name when they start.
        self.barrier = context.Barrier(size)
        self.processes = [
            context.Process(target=work, args=(number, self.orders[number], self.answers, self.barrier), daemon=True)
            for number in range(size)
        ]
        for process in self.processes:
            process.start()

    def start_all(
        self, url: str, migrations: list[type[BaseMigration]] = MIGRATIONS
    ) -> list[tuple[int, dict[str, Any] | None, str | None]]:
        for queue in self.orders:
            queue.put((url, migrations))
        return [self.answers.get(timeout=TIMEOUT_S) for _ in range(self.size)]

    def end(self) -> None:
        for queue in self.orders:
            queue.put(None)
        for process in self.processes:
            process.join(10)


@contextmanager
def crowd(size: int = SIZE) -> Iterator[Crowd]:
    found = Crowd(multiprocessing.get_context("spawn"), size)
    try:
        yield found
    finally:
        found.end()
