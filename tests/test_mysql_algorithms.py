"""ALTER TABLE in the least blocking way that the server takes; a large table is copied only if that was said."""

from __future__ import annotations

import pytest
from mysql_running import assert_refused, change, prepared, statements
from peewee import BigIntegerField, CharField, Check, IntegerField, TextField
from places import Place

from ormmigrate import Database
from ormmigrate.dialects.mysql.algorithms import Sizes
from ormmigrate.dialects.mysql.reading import Reader
from ormmigrate.dialects.mysql.server import Server, server_of
from ormmigrate.limits import Limits

NONE = Limits(copy_limit_bytes=0)
ROWS = "INSERT INTO thing (a, b) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
ROWS += "SELECT i, REPEAT('x', 200) FROM n"


@pytest.fixture
def filled(mysql_place: Place) -> Database:
    return prepared(
        mysql_place,
        "CREATE TABLE thing (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(255), c INT)",
        ROWS.format(900),
    )


#: Operations, and what the last statement says of how.
STRATEGIES = {
    "a column": (lambda m: m.add_column("thing", "x", IntegerField(null=True)), "INSTANT", "instant"),
    "a rename": (lambda m: m.rename_column("thing", "a", "x"), "INSTANT", "instant"),
    "a default": (lambda m: m.add_column_default("thing", "a", 4), "INSTANT", "instant"),
    "a longer text": (lambda m: m.alter_column_type("thing", "b", CharField(300)), "INSTANT", "instant"),
    "an index": (lambda m: m.add_index("thing", ("a",)), "NOCOPY, LOCK=NONE", "in place"),
    "a table": (lambda m: m.rename_table("thing", "things"), "INSTANT", "instant"),
    "NOT NULL": (lambda m: m.add_not_null("thing", "a"), "INPLACE, LOCK=NONE", "in place"),
}


@pytest.mark.parametrize(("up", "algorithm", "strategy"), STRATEGIES.values(), ids=STRATEGIES)
def test_a_large_table_is_changed_in_the_way_that_blocks_least(filled: Database, up, algorithm: str, strategy: str):
    if not server_of(filled).is_mariadb:
        pytest.skip("MySQL has no NOCOPY, and other things that are instant.")
    outcomes = []
    with statements(filled) as heard:
        change(filled, lambda m: outcomes.append(run(m, up)), NONE)
    assert heard[-1].endswith(f", ALGORITHM={algorithm}")
    assert outcomes == [[strategy]]


def run(migrator, up) -> list[str | None]:
    """The strategies of the operations."""
    found = []
    original = migrator.engine.run

    def noting(operation):
        outcome = original(operation)
        found.append(outcome.strategy)
        return outcome

    migrator.engine.run = noting
    up(migrator)
    return found


COPIES = {
    "type": lambda m, **how: m.alter_column_type("thing", "a", BigIntegerField(), **how),
    "check": lambda m, **how: m.add_constraint("thing", "c", Check("a > 0"), **how),
    "fulltext": lambda m, **how: m.add_index("thing", ("b",), using="FULLTEXT", **how),
}


@pytest.mark.parametrize("up", COPIES.values(), ids=COPIES)
def test_a_large_table_is_not_copied_unless_that_is_said(filled: Database, up):
    assert_refused(filled, up, "copy thing", "write", limits=NONE)
    outcomes = []
    change(filled, lambda m: outcomes.append(run(m, lambda m: up(m, allow_copy=True))), NONE)
    assert outcomes == [["copy"]]


def test_a_group_that_may_copy_does(filled: Database):
    def up(m):
        with m.alter_table("thing", allow_copy=True) as table:
            table.alter_column_type("a", BigIntegerField())
            table.add_column("x", TextField(null=True))
            table.add_index(("a", "c"))
            table.drop_not_null("b")

    with statements(filled) as heard:
        change(filled, up, NONE)
    tried = {statement.rpartition(", ALGORITHM=")[0] for statement in heard[:-1]}
    assert tried == {heard[-1]}


def test_a_small_or_an_empty_table_is_changed_by_one_statement(filled: Database):
    with statements(filled) as heard:
        change(filled, lambda m: m.alter_column_type("thing", "a", BigIntegerField()))
        filled.execute_sql("DELETE FROM thing")
        change(filled, lambda m: m.alter_column_type("thing", "a", IntegerField()), NONE)
    assert len(heard) == 2
    assert "ALGORITHM" not in str(heard)


def test_a_table_is_large_though_its_statistics_are_old(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(255)) STATS_AUTO_RECALC=0",
        ROWS.format(900),
        "INSERT INTO thing (a, b) SELECT x.a, x.b FROM thing AS x, (SELECT a FROM thing LIMIT 10) AS y",
    )
    query = "SELECT data_length FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'thing'"
    assert database.execute_sql(query).fetchone()[0] < 2**20
    sizes = Sizes(database, server_of(database))
    table = Reader(database).table("thing")
    assert sizes.larger_than(table, 2**20) is not None
    assert sizes.larger_than(table, 2**22) is None
    limits = Limits(copy_limit_bytes=2**20)
    assert_refused(database, lambda m: m.alter_column_type("thing", "a", BigIntegerField()), "copy", limits=limits)


def test_mysql_is_asked_for_what_it_has():
    mysql = Server(False, (8, 0, 36))
    assert [clause for clause, _ in mysql.algorithms] == ["ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE"]
    assert {1845, 1846, 4092} <= mysql.refuses_algorithms_with
    assert 4092 not in Server(True, (10, 11, 8)).refuses_algorithms_with
