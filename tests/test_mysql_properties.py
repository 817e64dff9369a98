"""Twenty random operations, alone and in groups: after each the table is as a model has it.

ORMMIGRATE_EXAMPLES=500 looks longer than the default does.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from making import migration
from mysql_catalogue import OWN, rows_of
from mysql_model import START, Change, State, created, possible
from places import MARIA, place_of

from ormmigrate import Database
from ormmigrate.connection import inner
from ormmigrate.urls import database_from_url

EXAMPLES = int(os.environ.get("ORMMIGRATE_EXAMPLES", "12"))
STEPS = 20
thorough = settings(
    max_examples=EXAMPLES,
    # The same examples each time, but for those who go looking.
    derandomize="ORMMIGRATE_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[phase for phase in Phase if phase not in (Phase.explain, Phase.shrink)],
)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory):
    """A place, and a second connection to it that looks on."""
    with place_of(MARIA, tmp_path_factory.mktemp("mysql")) as place:
        onlooker = database_from_url(place.url)
        onlooker.connect()
        if "MariaDB" not in onlooker.execute_sql("SELECT VERSION()").fetchone()[0]:
            pytest.skip("The model speaks MariaDB's words.")
        yield place, onlooker
        onlooker.close()


def emptied(onlooker: peewee.Database) -> None:
    onlooker.execute_sql("SET foreign_key_checks = 0")
    for table in onlooker.get_tables():
        onlooker.execute_sql(f"DROP TABLE `{table}`")
    onlooker.execute_sql("SET foreign_key_checks = 1")


def assert_is(onlooker: peewee.Database, state: State) -> None:
    text = onlooker.execute_sql(f"SHOW CREATE TABLE `{state.name}`").fetchone()[1]
    lines = [line.strip().rstrip(",") for line in text.split("\n")[1:-1]]
    columns, rest = state.lines
    assert lines[: len(columns)] == columns
    assert set(lines[len(columns) :]) == rest
    assert rows_of(onlooker, state.name) == sorted(repr(sorted(row.items())) for row in state.rows)


def drawn(data: Any) -> list[list[tuple[Change, State]]]:
    """Steps: each one change, or a group of them."""
    state, steps, count = START, [], 0
    while count < STEPS:
        size = data.draw(st.sampled_from((1, 1, 2, 3, 5)), label="size")
        group = []
        for _ in range(min(size, STEPS - count)):
            offered = possible(state)
            # Kinds first: there are more ways to do some than others.
            kinds = {kind: list(ones) for kind, ones in groupby(sorted(offered, key=kind_of), kind_of)}
            kind = data.draw(st.sampled_from(sorted(kinds)), label="kind")
            change, state = kinds[kind][data.draw(st.integers(0, len(kinds[kind]) - 1), label="which")]
            group.append((change, state))
        steps.append(group)
        count += len(group)
    return steps


def kind_of(one: tuple[Change, State]) -> str:
    return one[0][0]


def told(change: Change) -> str:
    """A change in words: a field by itself has none."""
    method, arguments, keywords = change
    words = [type(one).__name__ if isinstance(one, peewee.Node) else repr(one) for one in arguments]
    return f"{method}({', '.join(words)}, {keywords})"


def perform(table: Any, change: Change) -> None:
    method, arguments, keywords = change
    getattr(table, method)(*arguments, **keywords)


@thorough
@given(st.data())
def test_twenty_operations_change_what_they_say_and_nothing_else(watched, data: Any):
    place, onlooker = watched
    emptied(onlooker)
    for statement in created(START):
        onlooker.execute_sql(statement.replace("%", "%%"))
    assert_is(onlooker, START)
    steps = drawn(data)

    def up(m):
        for group in steps:
            note("; ".join(told(change) for change, _ in group))
            if len(group) == 1:
                perform(m._of(START.name), group[0][0])
            else:
                with m.alter_table(START.name) as table:
                    for change, _ in group:
                        perform(table, change)
            assert_is(onlooker, group[-1][1])

    database = place.database([migration("20240101_000000_change", up)])
    try:
        database.register_models([])
    finally:
        inner(database).close()
    assert all(name.startswith(OWN) or name in ("other", START.name) for name in onlooker.get_tables())
    assert isinstance(database, Database)
