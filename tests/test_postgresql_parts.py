"""Indexes of all kinds, constraints of all kinds and generated columns: made on PostgreSQL, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee
import pytest
from making import assert_helps
from peewee import SQL, Check, ForeignKeyField, IntegerField, TextField
from places import Place
from postgresql_catalogue import differences, state
from postgresql_places import batch, connected, engine_of, operation_of, perform, statements_of

from ormmigrate import Database, UnsupportedOperation, reference
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import diff
from ormmigrate.operations import AddConstraint, AlterTable, DropConstraint
from ormmigrate.schema import Check as CheckFacts
from ormmigrate.schema import Column, ForeignKey, Index, Part, Table

START = (
    "CREATE TABLE other (x INT, y INT, PRIMARY KEY (x, y))",
    "INSERT INTO other VALUES (1, 1), (2, 2)",
    'CREATE TABLE t (id INT PRIMARY KEY, n INT, email TEXT, "Made %" TIMESTAMP, a INT, b INT)',
    "INSERT INTO t VALUES (1, 1, 'A@x', now(), 1, 1), (2, 2, 'b@x', NULL, 2, 2), (3, NULL, NULL, NULL, NULL, NULL)",
)


def started(place: Place, *more: str) -> peewee.PostgresqlDatabase:
    return connected(place, *START, *more)


def table_of(database: peewee.Database) -> Table:
    found = dialect_of(database).inspect(database).table("t")
    assert found is not None
    return found


def run(database: peewee.Database, act: Callable[[Any], object]) -> None:
    with batch(database):
        perform(engine_of(database), "t", act)


def back_and_forth(database: peewee.Database, act: Callable[[Any], object]) -> Table:
    """The table behind an operation, which is then taken back, done again, and taken back again."""
    before, operation = state(database), operation_of("t", act)
    found = []
    for _ in range(2):
        with batch(database):
            engine_of(database).run(operation)
        found.append(table_of(database))
        with batch(database):
            for reverse in operation.reverse() or ():
                engine_of(database).run(reverse)
        assert differences(before, state(database)) == {}
    assert found[0] == found[1]
    return found[0]


# -- indexes ------------------------------------------------------------------------------------

INDEXES: dict[str, tuple[Callable[[Any], object], Index]] = {
    "order": (
        lambda t: t.add_index((SQL('"Made %" DESC NULLS LAST'), "n"), name="i"),
        Index((Part("Made %", suffix="DESC NULLS LAST"), Part("n"))),
    ),
    "function": (
        lambda t: t.add_index((SQL("lower(email)"),), unique=True, name="i"),
        Index((Part("lower(email)", is_expression=True),), unique=True),
    ),
    "operator": (
        lambda t: t.add_index((SQL("(n + 1) DESC"), SQL("n * 2")), name="i"),
        Index((Part("(n + 1)", is_expression=True, suffix="DESC"), Part("(n * 2)", is_expression=True))),
    ),
    "operator class": (
        lambda t: t.add_index((SQL('email COLLATE "C" text_pattern_ops'),), name="i"),
        Index((Part("email", suffix='COLLATE "C" text_pattern_ops'),)),
    ),
    "method": (lambda t: t.add_index(("n",), using="hash", name="i"), Index((Part("n"),), method="hash")),
    "predicate": (
        lambda t: t.add_index((SQL("email"), "n"), where=SQL("email LIKE '% %'"), name="i"),
        Index((Part("email"), Part("n")), where="email ~~ '% %'"),
    ),
    "nulls": (
        lambda t: t.add_index((SQL("n DESC"),), unique=True, nulls_distinct=False, name="i"),
        Index((Part("n", suffix="DESC"),), unique=True, nulls_distinct=False),
    ),
    "parameters": (
        lambda t: t.add_index((SQL("coalesce(email, %s)", ["it's 5 %"]),), name="i"),
        Index((Part("COALESCE(email, 'it''s 5 %'::text)", is_expression=True),)),
    ),
}


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_is_made_of_any_parts_and_taken_back(postgresql_place: Place, name: str):
    act, meant = INDEXES[name]
    assert back_and_forth(started(postgresql_place), act).indexes == (meant,)


@pytest.mark.parametrize("name", INDEXES)
def test_such_an_index_is_made_concurrently_as_well_and_resumed(postgresql_place: Place, name: str):
    act, meant = INDEXES[name]
    database, online = started(postgresql_place), operation_of("t", act)
    object.__setattr__(online, "concurrently", True)
    before, engine = state(database), engine_of(database)
    engine.run(online)
    assert table_of(database).indexes == (meant,)
    engine.resumes = True
    engine.run(online)
    for reverse in online.reverse():
        engine.run(reverse)
    assert differences(before, state(database)) == {}
    engine.resumes = False
    engine.run(online)
    with pytest.raises(UnsupportedOperation, match="already"):
        engine.run(online)


def test_an_index_without_a_name_is_called_after_its_parts(postgresql_place: Place):
    database = started(postgresql_place)
    found = back_and_forth(database, lambda t: t.add_index((SQL("lower(email)"), "n")))
    assert [one.name for one in found.indexes] == ["t_lower(email)_n"]


def test_an_index_that_says_what_it_covered_is_dropped_and_made_again(postgresql_place: Place):
    database = started(postgresql_place, "CREATE UNIQUE INDEX i ON t (n DESC, lower(email)) WHERE n > 0")
    before, there = state(database), table_of(database).indexes
    operation = operation_of(
        "t",
        lambda t: t.drop_index("i", columns=(SQL("n DESC"), SQL("lower(email)")), unique=True, where=SQL("n > 0")),
    )
    with batch(database):
        engine_of(database).run(operation)
    assert table_of(database).indexes == ()
    with batch(database):
        for reverse in operation.reverse() or ():
            engine_of(database).run(reverse)
    assert table_of(database).indexes == there
    assert differences(before, state(database)) == {}


def test_values_that_are_there_twice_are_told_of_an_expression_as_well(postgresql_place: Place):
    database = started(postgresql_place, "INSERT INTO t (id, email) VALUES (4, 'a@X'), (5, 'B@x')")
    before = state(database)
    act = operation_of("t", lambda t: t.add_index((SQL("lower(email) DESC"),), unique=True, concurrently=True))
    with pytest.raises(UnsupportedOperation) as caught:
        engine_of(database).run(act)
    assert_helps(caught.value, "(a@x) 2 times", "(b@x) 2 times")
    assert differences(before, state(database)) == {}


def test_a_group_makes_indexes_of_what_it_has_made(postgresql_place: Place):
    database = started(postgresql_place)
    changes: list[Any] = []
    for act in (
        lambda t: t.add_column("c", TextField(default="X")),
        lambda t: t.add_index((SQL("lower(c) DESC"), "n"), name="i"),
        lambda t: t.rename_column("c", "d"),
        lambda t: t.add_index((SQL("d"), SQL("n DESC")), name="j"),
        lambda t: t.drop_index("i"),
    ):
        changes.append(operation_of("t", act))
    with batch(database):
        engine_of(database).run(AlterTable("t", tuple(changes)))
    assert table_of(database).indexes == (Index((Part("d"), Part("n", suffix="DESC"))),)


# -- constraints ----------------------------------------------------------------------------------

CONSTRAINTS: dict[str, tuple[Any, dict[str, tuple[Any, ...]]]] = {
    "unique": (
        SQL('UNIQUE (n, "Made %") DEFERRABLE INITIALLY DEFERRED'),
        {"indexes": (Index((Part("n"), Part("Made %")), unique=True, deferrable="INITIALLY DEFERRED"),)},
    ),
    "unique with one NULL": (
        SQL("UNIQUE NULLS NOT DISTINCT (id, n) INCLUDE (email)"),
        {"indexes": (Index((Part("id"), Part("n")), unique=True, nulls_distinct=False, include=("email",)),)},
    ),
    "foreign key": (
        SQL("FOREIGN KEY (a, b) REFERENCES other (x, y) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"),
        {"foreign_keys": (
            ForeignKey(("a", "b"), "other", ("x", "y"), "CASCADE", deferrable="INITIALLY DEFERRED"),
        )},
    ),
    "check": (Check("n % 100 <> 50"), {"checks": (CheckFacts("(n % 100) <> 50"),)}),
    "check of two": (SQL("CHECK (n > 0 OR a > %s)", [0]), {"checks": (CheckFacts("(n > 0) OR (a > 0)"),)}),
    "exclusion": (SQL("EXCLUDE USING btree (id WITH =)"), {"options": ("EXCLUDE USING btree (id WITH =)",)}),
}  # fmt: skip


@pytest.mark.parametrize("called", ['My "own" %', None])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_of_any_kind_is_added_and_taken_back(postgresql_place: Place, name: str, called: str | None):
    node, meant = CONSTRAINTS[name]
    found = back_and_forth(started(postgresql_place), lambda t: t.add_constraint(called, node))
    assert {kind: getattr(found, kind) for kind in meant} == meant


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_that_is_named_is_dropped_and_comes_back(postgresql_place: Place, name: str):
    node, meant = CONSTRAINTS[name]
    database = started(postgresql_place)
    run(database, lambda t: t.add_constraint("mine", node))
    before = state(database)
    operation = operation_of("t", lambda t: t.drop_constraint("mine", constraint=node))
    with batch(database):
        engine_of(database).run(operation)
    assert not any(getattr(table_of(database), kind) for kind in meant)
    with batch(database):
        for reverse in operation.reverse() or ():
            engine_of(database).run(reverse)
    assert differences(before, state(database)) == {}


ALIKE = {
    "CHECK ((n > 0))": Check("n > 0"),
    "CHECK ((n < 100))": Check("n < 100"),
    "UNIQUE (n)": SQL("UNIQUE (n)"),
    "UNIQUE (n) DEFERRABLE": SQL("UNIQUE (n) DEFERRABLE"),
    "FOREIGN KEY (a, b) REFERENCES other(x, y)": SQL("FOREIGN KEY (a, b) REFERENCES other"),
    "FOREIGN KEY (a, b) REFERENCES other(x, y) ON DELETE CASCADE": SQL(
        "FOREIGN KEY (a, b) REFERENCES other ON DELETE CASCADE"
    ),
}


@pytest.mark.parametrize("words", ALIKE)
def test_the_constraint_without_a_name_is_told_from_those_beside_it(postgresql_place: Place, words: str):
    database = started(postgresql_place)
    for node in ALIKE.values():
        run(database, lambda t, node=node: t.add_constraint(None, node))
    before = state(database)
    with batch(database):
        engine_of(database).run(DropConstraint("t", None, constraint=ALIKE[words]))
    changes = differences(before, state(database))
    assert [was[1] for key, (was, _) in changes.items() if key[0] == "constraints"] == [words]
    assert {key[0] for key in changes} <= {"constraints", "indexes"}


def test_a_constraint_is_found_by_its_columns_and_what_it_says(postgresql_place: Place):
    database = started(postgresql_place)
    run(database, lambda t: t.add_constraint("few", Check("n < 100")))
    run(database, lambda t: t.add_constraint("some", Check("n > 0")))
    run(database, lambda t: t.drop_constraint(columns=("n",), constraint=Check("n > 0")))
    assert [one.name for one in table_of(database).checks] == ["few"]
    before = state(database)
    for other in (Check("a > 0"), Check("n < 101"), Check("nope > 0"), SQL("UNIQUE (n)")):
        with pytest.raises(UnsupportedOperation) as caught:
            run(database, lambda t, other=other: t.drop_constraint(constraint=other))
        assert_helps(caught.value, "no such constraint", "few CHECK")
    with pytest.raises(UnsupportedOperation, match="no constraint of"):
        run(database, lambda t: t.drop_constraint(columns=("n",), constraint=SQL("UNIQUE (n)")))
    assert state(database) == before


def test_one_that_is_alike_twice_is_not_guessed(postgresql_place: Place):
    database = started(postgresql_place)
    run(database, lambda t: t.add_constraint("one", Check("n > 0")))
    run(database, lambda t: t.add_constraint("two", Check("n > 0")))
    before = state(database)
    with pytest.raises(UnsupportedOperation) as caught, batch(database):
        engine_of(database).run(AddConstraint("t", None, Check("n > 0")).reverse()[0])
    assert_helps(caught.value, "several", "one", "two")
    assert state(database) == before


@pytest.mark.parametrize(
    "node",
    [SQL("FOREIGN KEY (a, b) REFERENCES other (x, y)"), Check("id < 9"), SQL("UNIQUE NULLS NOT DISTINCT (email)")],
)
def test_a_constraint_that_rows_do_not_meet_is_not_added(postgresql_place: Place, node: Any):
    database = started(postgresql_place, "INSERT INTO t (id, a, b) VALUES (9, 7, 7)")
    before = state(database)
    with pytest.raises(peewee.IntegrityError):
        run(database, lambda t: t.add_constraint(None, node))
    assert state(database) == before


# -- columns ------------------------------------------------------------------------------------


def test_a_generated_column_is_added_and_taken_back(postgresql_place: Place):
    database = started(postgresql_place)
    field = IntegerField(null=True, constraints=[SQL("GENERATED ALWAYS AS (n * 2) STORED")])
    found = back_and_forth(database, lambda t: t.add_column("twice", field))
    assert found.columns[-1] == Column("twice", "integer", generated="n * 2", stored=True)
    run(database, lambda t: t.add_column("twice", field))
    assert database.execute_sql("SELECT twice FROM t ORDER BY id").fetchall() == [(2,), (4,), (None,)]


def test_a_generated_column_that_forbids_null_needs_no_default(postgresql_place: Place):
    database = started(postgresql_place)
    field = TextField(index=True, constraints=[SQL("GENERATED ALWAYS AS (coalesce(email, '100 %')) STORED")])
    run(database, lambda t: t.add_column("said", field))
    assert table_of(database).columns[-1].null is False
    assert database.execute_sql("SELECT said FROM t ORDER BY id").fetchall() == [("A@x",), ("b@x",), ("100 %",)]


def test_a_column_that_a_generated_one_needs_is_not_dropped_alone(postgresql_place: Place):
    database = started(postgresql_place, "ALTER TABLE t ADD COLUMN twice INT GENERATED ALWAYS AS (n * 2) STORED")
    with pytest.raises(UnsupportedOperation, match="twice"):
        run(database, lambda t: t.drop_column("n"))
    with batch(database):
        act = [operation_of("t", lambda t: t.drop_column("twice")), operation_of("t", lambda t: t.drop_column("n"))]
        engine_of(database).run(AlterTable("t", tuple(act)))
    assert [one.name for one in table_of(database).columns] == ["id", "email", "Made %", "a", "b"]


def test_a_column_with_all_that_can_be_said_of_one(postgresql_place: Place):
    database = started(postgresql_place, "CREATE TABLE land (code TEXT PRIMARY KEY)", "INSERT INTO land VALUES ('at')")
    land = ForeignKeyField(
        reference("land", "code", field=TextField()), on_delete="SET NULL", on_update="CASCADE", null=True,
        deferrable="INITIALLY DEFERRED", constraints=[SQL("DEFAULT 'at'")],
    )  # fmt: skip
    said = TextField(
        collation='"C"', unique=True, null=True, constraints=[SQL("DEFAULT '100 %'"), Check("\"Sa id\" <> '%'")]
    )

    with statements_of(database) as sent:
        found = back_and_forth(database, lambda t: t.add_column("land", land))
    assert [one for one in sent if one.startswith("UPDATE")] == []
    assert found.columns[-1] == Column("land", "text", default="'at'")
    assert found.foreign_keys == (
        ForeignKey(("land",), "land", ("code",), "SET NULL", "CASCADE", "INITIALLY DEFERRED"),
    )
    database.execute_sql("DELETE FROM t WHERE id > 1")
    found = back_and_forth(database, lambda t: t.add_column("Sa id", said))
    assert found.columns[-1] == Column("Sa id", "text", default="'100 %'", collation='"C"')
    assert found.checks == (CheckFacts("\"Sa id\" <> '%'"),)
    assert found.indexes == (Index((Part("Sa id"),), unique=True),)


def test_an_index_carries_columns_and_comes_back_with_them(postgresql_place: Place):
    database = Database(postgresql_place.url)
    with inner(database).connection_context():
        dialect = dialect_of(inner(database))
        database.execute_sql("CREATE TABLE carried (id serial PRIMARY KEY, a int, b int)")
        database.execute_sql("INSERT INTO carried (a, b) SELECT n, n FROM generate_series(1, 100) AS n")
        plain = dialect.inspect(inner(database))
        database.execute_sql("CREATE INDEX carrying ON carried (a) INCLUDE (b)")
        carrying = dialect.inspect(inner(database))
        for before, after in ((carrying, plain), (plain, carrying)):
            for operation in diff(before, after).operations:
                dialect.engine(inner(database)).run(operation)
            assert dialect.inspect(inner(database)) == after
        (dropped,) = diff(carrying, plain).operations
        (back,) = dropped.reverse() or ()
        dialect.engine(inner(database)).run(dropped)
        dialect.engine(inner(database)).run(back)
        assert dialect.inspect(inner(database)) == carrying
