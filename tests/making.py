"""Migrations made in one line, and what every error of the package promises."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from ormmigrate import BaseMigration, Database, MigrationError, Migrator


def nothing(self: BaseMigration, migrator: Migrator) -> None:
    """An `up` that changes nothing."""


def migration(
    id: object, up: Callable[[Migrator], object] | None = None, name: str = "Made", **attributes: Any
) -> type[BaseMigration]:
    """A class with that id; `up` is a function of the migrator."""
    body = nothing if up is None else lambda self, migrator: up(migrator)
    return type(name, (BaseMigration,), {"id": id, "up": body, **attributes})


def assert_helps(error: MigrationError, *culprits: str) -> None:
    """The message names each culprit and ends with a next step."""
    text = str(error)
    for culprit in culprits:
        assert culprit in error.problem, text
    first, separator, advice = text.rpartition("\n  Next: ")
    assert separator, text
    assert first == error.problem
    assert advice == error.advice
    assert advice.strip(), text
    assert "None" not in advice, text


def started_at_once(count: int, make: Callable[[], tuple[Database, list[Any]]]) -> list[tuple[str, ...]]:
    """What as many threads apply that start an application at once, each its own; sorted.

    Args:
        make: makes a thread's database and models.
    """
    barrier = threading.Barrier(count)
    answers: list[Any] = []

    def start() -> None:
        database, models = make()
        barrier.wait()
        try:
            answers.append(database.register_models(models).applied)
        except BaseException as error:
            answers.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer for answer in answers if isinstance(answer, BaseException)] == []
    return sorted(answers)


def everything_said(error: BaseException) -> str:
    """All that may reach a log: the whole chain as a traceback, texts, representations and facts."""
    parts = ["".join(traceback.format_exception(error))]
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            parts += [str(one), repr(one), repr(one.args)]
            if isinstance(one, MigrationError):
                # A driver's own error may hold the connection, as psycopg's does; nobody prints that.
                parts.append(repr(vars(one)))
            waiting += [one.__cause__, one.__context__]
    return "\n".join(parts)
