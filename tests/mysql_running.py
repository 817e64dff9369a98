"""A database on which statements ran, and operations run on it through a whole migration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from making import assert_helps, migration
from mysql_catalogue import OWN, catalogue, difference
from places import Place

from ormmigrate import Database, MigrationFailed, Migrator, UnsupportedOperation
from ormmigrate.connection import inner
from ormmigrate.limits import Limits

Difference = dict[tuple[str, ...], tuple[object, object]]
Up = Callable[[Migrator], object]


def prepared(place: Place, *statements: str) -> Database:
    """A database on which those ran; its connection is open."""
    database = place.database([])
    database.connect()
    for statement in statements:
        inner(database).execute_sql(statement.replace("%", "%%"))
    return database


def change(database: Database, up: Up, limits: Limits | None = None) -> Database:
    """The same database after one migration, which is forgotten again."""
    one = migration("20240101_000000_change", up)
    after = Database(database.obj, migrations=[one], limits=limits)
    try:
        after.register_models([])
    finally:
        for table in database.obj.get_tables():
            if table.startswith(OWN):
                database.execute_sql(f"DROP TABLE `{table}`")
    return after


def changes(database: Database, up: Up, limits: Limits | None = None) -> Difference:
    """What one migration changes in the whole catalogue."""
    before = catalogue(database)
    change(database, up, limits)
    return difference(before, catalogue(database))


def assert_refused(database: Database, up: Up, *culprits: str, limits: Limits | None = None) -> None:
    """Refused with those words, and everything is as it was."""
    before = catalogue(database)
    with pytest.raises(MigrationFailed) as caught:
        change(database, up, limits)
    refusal = caught.value.__cause__
    assert isinstance(refusal, UnsupportedOperation), refusal
    assert_helps(refusal, *culprits)
    assert difference(before, catalogue(database)) == {}


def as_text(found: Difference, table: str) -> tuple[set[str], set[str]]:
    """The lines of SHOW CREATE TABLE that went, and those that came."""
    lines = [key[2] for key in found if key[:2] == ("text", table)]
    gone = {line for line in lines if found["text", table, line][0]}
    return gone, set(lines) - gone


def kinds(found: Difference) -> set[str]:
    return {key[0] for key in found}


@contextmanager
def statements(database: Database, *words: str) -> Iterator[list[str]]:
    """The statements that begin with one of those words, ALTER unless others are given."""
    heard: list[str] = []

    def hear(event: object) -> None:
        text = str(event.sql)
        if text.startswith(words or ("ALTER",)) and "ormmigrate_" not in text:
            heard.append(text)

    hooks = inner(database).query_hooks
    hooks.append(hear)
    try:
        yield heard
    finally:
        hooks.remove(hear)
