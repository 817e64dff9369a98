"""A column of another type on PostgreSQL: it reads as if the table had been made so, and no row is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import peewee
import pytest
from making import assert_helps
from peewee import BigAutoField, BigIntegerField, CharField, DecimalField, IntegerField, TextField
from places import Place
from playhouse.postgres_ext import ArrayField
from postgresql_catalogue import differences, state
from postgresql_places import batch, connected, engine_of, operation_of, perform

from ormmigrate import RawField, UnsupportedOperation
from ormmigrate.dialects import dialect_of
from ormmigrate.operations import AlterColumnType, AlterTable
from ormmigrate.schema import Column, Table


def table_of(database: peewee.Database) -> Table:
    (found,) = dialect_of(database).inspect(database).tables
    return found


def retyped(database: peewee.Database, type_: str, **arguments: Any) -> None:
    with batch(database):
        perform(engine_of(database), "t", lambda t: t.alter_column_type("x", RawField(type_), **arguments))


NUMBERS = (
    "x > 0 AND x <> -5", "x IN (1, 2, -3)", "x BETWEEN 1 AND 100 OR abs(x) < 1000", "x > 0.5",
    "x + 1 <> 7 OR coalesce(x, 0) = 3",
)  # fmt: skip
TEXTS = ("x <> ''", "x IN ('abc', 'b')", "length(x) < 100", "x LIKE 'a%' OR lower(x) = 'b'", "coalesce(x, 'a') <> 'q'")
MOMENTS = ("x > '2000-01-01'", "x <> '2001-02-03'")
#: What else stands on the column: a default, a value, a part of an index that is an expression.
AROUND = {
    NUMBERS: ("1", "2", "(x + 1)"),
    TEXTS: ("'abc'", "'abc'", "lower(x)"),
    MOMENTS: ("'2024-01-01'", "'2024-02-02'", "x"),
}
CHANGES = [
    *((NUMBERS, was, now) for was, now in (
        ("INT", "BIGINT"), ("BIGINT", "INT"), ("INT", "NUMERIC(9, 2)"), ("NUMERIC(9, 2)", "INT"), ("NUMERIC", "BIGINT"),
        ("SMALLINT", "NUMERIC"), ("INT", "REAL"), ("FLOAT8", "INT"), ("NUMERIC(5, 1)", "NUMERIC(9, 4)"),
        ("REAL", "FLOAT8"),
    )),
    *((TEXTS, was, now) for was, now in (
        ("VARCHAR(9)", "TEXT"), ("TEXT", "VARCHAR(9)"), ("VARCHAR(9)", "VARCHAR(30)"), ("CHAR(5)", "VARCHAR(9)"),
        ("VARCHAR(9)", "CHAR(5)"), ("TEXT", "CHAR(5)"), ("CHAR(5)", "TEXT"),
    )),
    *((MOMENTS, was, now) for was, now in (
        ("DATE", "TIMESTAMP"), ("TIMESTAMP", "DATE"), ("TIMESTAMP", "TIMESTAMPTZ"), ("TIMESTAMPTZ", "DATE"),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("expressions", "was", "now"), CHANGES)
def test_what_stands_on_the_column_reads_as_if_it_had_been_made_so(
    postgresql_place: Place, expressions: Sequence[str], was: str, now: str
):
    default, value, part = AROUND[expressions]

    def made(type_: str) -> list[str]:
        checks = ", ".join(f"CHECK ({text})" for text in expressions)
        return [
            f"CREATE TABLE t (id INT, x {type_} DEFAULT {default} NOT NULL UNIQUE, {checks})",
            f"CREATE INDEX i ON t ({part} DESC, id) WHERE {expressions[0]}",
            f"CREATE UNIQUE INDEX j ON t (id) INCLUDE (x) WHERE {expressions[1]}",
            "CREATE INDEX k ON t (x)",
        ]

    database = connected(postgresql_place, *made(was), f"INSERT INTO t VALUES (1, {value})")
    before = table_of(database)
    (row,) = database.execute_sql("SELECT * FROM t").fetchall()
    retyped(database, now)
    after = table_of(database)
    assert database.execute_sql(f"SELECT id, x::{was} FROM t").fetchall() == [row]
    retyped(database, was)
    assert table_of(database) == before
    assert database.execute_sql("SELECT * FROM t").fetchall() == [row]
    assert after == table_of(connected_anew(database, *made(now)))


def connected_anew(database: peewee.Database, *statements: str) -> peewee.Database:
    for statement in ("DROP TABLE t", *statements):
        database.execute_sql(statement.replace("%", "%%"))
    return database


def test_what_is_made_again_is_what_it_was(postgresql_place: Place):
    database = connected(
        postgresql_place,
        "CREATE TABLE t (id INT, x NUMERIC, CONSTRAINT \"My %\" CHECK (x > 0) NO INHERIT)",
        "INSERT INTO t VALUES (1, 77)",
        "ALTER TABLE t ADD CONSTRAINT loose CHECK (x < 10) NOT VALID",
        "COMMENT ON CONSTRAINT \"My %\" ON t IS 'it''s \\ 100 %'",
        'CREATE INDEX "I %" ON t (x) WHERE x > 1',
        "COMMENT ON INDEX \"I %\" IS 'few'",
        "CREATE INDEX counted ON t ((x + 1))",
        "ALTER INDEX counted ALTER COLUMN 1 SET STATISTICS 77",
    )  # fmt: skip
    before = state(database)
    retyped(database, "INT")
    retyped(database, "NUMERIC")
    assert differences(before, state(database)) == {}


def test_checks_of_children_and_partitions_follow(postgresql_place: Place):
    database = connected(
        postgresql_place,
        "CREATE TABLE t (x NUMERIC, CONSTRAINT own CHECK (x > 0), CONSTRAINT shared CHECK (x > 1))",
        "CREATE TABLE child (y INT, CONSTRAINT shared CHECK (x > 1)) INHERITS (t)",
        "CREATE TABLE event (x NUMERIC NOT NULL, n NUMERIC CHECK (n > 0)) PARTITION BY LIST (x)",
        "CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1)",
        "CREATE INDEX few ON event (n) WHERE n > 5",
        "INSERT INTO child VALUES (2, 3)",
        "INSERT INTO event VALUES (1, 2)",
    )
    retyped(database, "INT")
    with batch(database):
        perform(engine_of(database), "event", lambda t: t.alter_column_type("n", IntegerField()))
    checks = {(key[1], key[2]): facts[1] for key, facts in state(database).items() if key[0] == "constraints"}
    assert checks["t", "own"] == checks["child", "own"] == "CHECK ((x > 0))"
    assert checks["t", "shared"] == checks["child", "shared"]
    assert checks["event", "event_n_check"] == checks["event_1", "event_n_check"] == "CHECK ((n > 0))"
    assert database.execute_sql("SELECT x, y FROM child").fetchall() == [(2, 3)]
    assert database.execute_sql("SELECT n FROM event_1").fetchall() == [(2,)]


def test_a_cast_that_means_something_stays(postgresql_place: Place):
    checks = "CHECK (x::bigint * 1000 > 5), CHECK (x / 2::numeric > 0.4), CHECK ((x::text || 'a') <> 'b')"
    made = "CREATE TABLE t (x INT, " + checks + ")"
    database = connected(postgresql_place, made, "INSERT INTO t VALUES (1)")
    before = table_of(database)
    retyped(database, "NUMERIC")
    retyped(database, "INT")
    assert table_of(database) == before


def test_a_check_that_the_group_drops_is_not_made_again(postgresql_place: Place):
    made = ("CREATE TABLE t (x NUMERIC CONSTRAINT c CHECK (x > 0), y NUMERIC, CONSTRAINT d CHECK (x > 1 AND y > 1))",)
    database = connected(postgresql_place, *made)
    changes: list[Any] = []
    for act in (
        lambda t: t.drop_constraint("c"),
        lambda t: t.alter_column_type("x", IntegerField()),
        lambda t: t.alter_column_type("y", IntegerField()),
    ):
        changes.append(operation_of("t", act))
    with batch(database):
        engine_of(database).run(AlterTable("t", tuple(changes)))
    database.execute_sql("ALTER TABLE t RENAME TO old")
    database.execute_sql("CREATE TABLE t (x INT, y INT, CONSTRAINT d CHECK (x > 1 AND y > 1))")
    found = {one.name: replace(one, name="") for one in dialect_of(database).inspect(database).tables}
    assert found["t"] == found["old"]


def test_a_generated_column_of_another_type_reads_as_if_it_had_been_made_so(postgresql_place: Place):
    made = "CREATE TABLE t (n INT, s TEXT, x {} GENERATED ALWAYS AS ({}) STORED)"
    for text, was, now in (
        ("n * 2", "INT", "BIGINT"),
        ("'y'", "TEXT", "VARCHAR(9)"),
        ("s || 'z'", "VARCHAR(9)", "TEXT"),
    ):
        database = connected(postgresql_place, made.format(was, text), "INSERT INTO t (n, s) VALUES (1, 'a')")
        (before,) = database.execute_sql("SELECT x FROM t").fetchone()
        retyped(database, now)
        after = table_of(database)
        assert database.execute_sql("SELECT x FROM t").fetchone() == (before,)
        assert after == table_of(connected_anew(database, made.format(now, text)))
        database.execute_sql("DROP TABLE t")


# -- collations -----------------------------------------------------------------------------------


def test_a_collation_stays_unless_the_field_names_another(postgresql_place: Place):
    database = connected(postgresql_place, 'CREATE TABLE t (x VARCHAR(9) COLLATE "C")', "INSERT INTO t VALUES ('a')")
    retyped(database, "TEXT")
    assert table_of(database).columns == (Column("x", "text", collation='"C"'),)
    field = TextField(collation='"POSIX"')
    with batch(database):
        perform(engine_of(database), "t", lambda t: t.alter_column_type("x", field))
    assert table_of(database).columns == (Column("x", "text", collation='"POSIX"'),)


def test_a_collation_goes_where_the_field_replaces_one_that_named_it(postgresql_place: Place):
    database = connected(postgresql_place, "CREATE TABLE t (x TEXT)", "CREATE INDEX i ON t (x, lower(x))")
    before = table_of(database)
    operation = AlterColumnType("t", "x", TextField(collation='"C"'), replaces=TextField())
    engine = engine_of(database)
    with batch(database):
        engine.run(operation)
    made = table_of(database)
    assert made.columns == (Column("x", "text", collation='"C"'),)
    assert made.indexes == before.indexes
    with batch(database):
        for reverse in operation.reverse() or ():
            engine.run(reverse)
    assert table_of(database) == before


def test_a_collation_goes_where_the_type_has_none(postgresql_place: Place):
    database = connected(postgresql_place, 'CREATE TABLE t (x TEXT COLLATE "C")', "INSERT INTO t VALUES ('5')")
    retyped(database, "INT")
    assert table_of(database).columns == (Column("x", "integer"),)


# -- values ---------------------------------------------------------------------------------------

#: type, default, values; type, default, values as the driver gives them.
CONVERSIONS: dict[str, tuple[str, str, list[str], str, str, list[Any]]] = {
    "text to int": ("TEXT", "'5'", ["'1'", "' 23 '"], "INT", "5", [1, 23]),
    "text to bool": ("VARCHAR(9)", "'yes'", ["'true'", "'f'"], "BOOLEAN", "true", [True, False]),
    "int to bool": ("INT", "1", ["0", "1"], "BOOLEAN", "true", [False, True]),
    "bool to int": ("BOOLEAN", "true", ["false", "true"], "INT", "1", [0, 1]),
    "bool to numeric": ("BOOLEAN", "false", ["true", "NULL"], "NUMERIC(5, 2)", "0", [1, None]),
    "text to jsonb": ("TEXT", "'{}'", ["'[1]'", "'2'"], "JSONB", "'{}'", [[1], 2]),
    "text to array": ("TEXT", "'{}'", ["'{1,2}'", "'{}'"], "INT[]", "'{}'", [[1, 2], []]),
    "array to array": ("TEXT[]", "'{1}'", ["'{1,2}'", "NULL"], "BIGINT[]", "'{1}'", [[1, 2], None]),
    "array to wider": ("INT[]", "'{1}'", ["'{1,2}'", "NULL"], "BIGINT[]", "'{1}'", [[1, 2], None]),
    "array to text": ("INT[]", "'{1}'", ["'{1,2}'", "NULL"], "TEXT", "'{1}'", ["{1,2}", None]),
    "text to enum": ("TEXT", "'sad'", ["'sad'", "'glad'"], "mood", "'sad'", ["sad", "glad"]),
    "enum to enum": ("mood", "'sad'", ["'sad'", "'glad'"], "feeling", "'sad'", ["sad", "glad"]),
    "enum to text": ("mood", "'sad'", ["'sad'", "'glad'"], "VARCHAR(9)", "'sad'", ["sad", "glad"]),
    "enums to enums": ("mood[]", "'{sad}'", ["'{sad,glad}'", "NULL"], "feeling[]", "'{sad}'", ["{sad,glad}", None]),
    "int to text": ("INT", "7", ["1", "-2"], "TEXT", "'7'", ["1", "-2"]),
    "text to bits": ("TEXT", "'101'", ["'111'", "'000'"], "BIT(3)", "'101'", ["111", "000"]),
    "text to domain": ("TEXT", "'1'", ["'3'", "'4'"], "few", "'1'", [3, 4]),
    "uuid to text": ("UUID", "NULL", ["NULL", "NULL"], "TEXT", "NULL", [None, None]),
}  # fmt: skip
TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE TYPE feeling AS ENUM ('glad', 'sad')",
    "CREATE DOMAIN few AS INT CHECK (VALUE < 9)",
)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_values_are_converted_and_the_default_with_them(postgresql_place: Place, name: str):
    was, default, values, now, meant, found = CONVERSIONS[name]
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    database = connected(
        postgresql_place, *TYPES, f"CREATE TABLE t (id INT, x {was} DEFAULT {default})", f"INSERT INTO t VALUES {rows}"
    )
    retyped(database, now)
    assert [value for (value,) in database.execute_sql("SELECT x FROM t ORDER BY id").fetchall()] == found
    after = table_of(database)
    assert after == table_of(connected_anew(database, f"CREATE TABLE t (id INT, x {now} DEFAULT {meant})"))


LOUD = {
    "text that is no number": ("TEXT", "'1', 'x'", "INT"),
    "number that is no truth": ("INT", "1, 2", "BOOLEAN"),
    "text that is no label": ("TEXT", "'sad', 'mad'", "mood"),
    "label that is missing": ("wide", "'sad', 'mad'", "mood"),
    "text that is too long": ("TEXT", "'abcdef'", "VARCHAR(5)"),
    "bits that are too many": ("TEXT", "'1111'", "BIT(3)"),
    "number that is too large": ("BIGINT", "5000000000", "INT"),
    "text that is no list": ("TEXT", "'1'", "INT[]"),
    "value that the domain forbids": ("TEXT", "'10'", "few"),
}


@pytest.mark.parametrize("name", LOUD)
def test_what_cannot_be_converted_is_an_error_and_loses_nothing(postgresql_place: Place, name: str):
    was, values, now = LOUD[name]
    rows = ", ".join(f"({value})" for value in values.split(", "))
    database = connected(
        postgresql_place,
        *TYPES,
        "CREATE TYPE wide AS ENUM ('sad', 'mad')",
        f"CREATE TABLE t (x {was})",
        f"INSERT INTO t VALUES {rows}",
    )
    before = state(database)
    with pytest.raises((peewee.DataError, peewee.IntegrityError)):
        retyped(database, now)
    assert state(database) == before


def test_a_check_that_does_not_fit_the_new_type_is_an_error(postgresql_place: Place):
    database = connected(
        postgresql_place, "CREATE TABLE t (x TEXT CHECK (lower(x) <> 'a'))", "INSERT INTO t VALUES ('1')"
    )
    before = state(database)
    with pytest.raises(UnsupportedOperation) as caught:
        retyped(database, "INT")
    assert_helps(caught.value, "lower(integer)")
    assert state(database) == before


def test_a_cast_that_is_told_is_used(postgresql_place: Place):
    database = connected(postgresql_place, "CREATE TABLE t (x TEXT)", "INSERT INTO t VALUES ('abc')")
    retyped(database, "INT", cast="length(x)")
    assert database.execute_sql("SELECT x FROM t").fetchall() == [(3,)]


def test_a_conversion_is_taken_back_the_same_way(postgresql_place: Place):
    database = connected(
        postgresql_place, "CREATE TABLE t (x TEXT DEFAULT '7' UNIQUE)", "INSERT INTO t VALUES ('1'), ('2')"
    )
    before = state(database)
    operation = AlterColumnType("t", "x", IntegerField(), replaces=TextField())
    engine = engine_of(database)
    with batch(database):
        engine.run(operation)
        assert database.execute_sql("SELECT x FROM t ORDER BY x").fetchall() == [(1,), (2,)]
        for reverse in operation.reverse() or ():
            engine.run(reverse)
    assert differences(before, state(database)) == {}


@pytest.mark.parametrize(
    "identity", ["SERIAL", "INT GENERATED ALWAYS AS IDENTITY", "INT GENERATED BY DEFAULT AS IDENTITY"]
)
def test_a_column_that_numbers_rows_goes_on_in_its_new_type(postgresql_place: Place, identity: str):
    database = connected(
        postgresql_place, f"CREATE TABLE t (x {identity} PRIMARY KEY, n INT)", "INSERT INTO t (n) VALUES (1)"
    )
    before = table_of(database)
    operation = operation_of("t", lambda t: t.alter_column_type("x", BigAutoField(), replaces=IntegerField()))
    engine = engine_of(database)
    with batch(database):
        engine.run(operation)
    after = table_of(database)
    database.execute_sql("INSERT INTO t (n) VALUES (2)")
    assert database.execute_sql("SELECT x, n FROM t ORDER BY n").fetchall() == [(1, 1), (2, 2)]
    with batch(database):
        for reverse in operation.reverse() or ():
            engine.run(reverse)
    assert table_of(database) == before
    made = f"CREATE TABLE t (x {identity} PRIMARY KEY, n INT)".replace("INT ", "BIGINT ").replace("SERIAL", "BIGSERIAL")
    assert after == table_of(connected_anew(database, made))


def test_fields_of_peewee_make_the_types_that_they_name(postgresql_place: Place):
    fields = {
        "character varying(7)": CharField(7),
        "numeric(6,1)": DecimalField(6, 1),
        "bigint": BigIntegerField(),
        "bigint[]": ArrayField(BigIntegerField, index=False),
    }
    database = connected(postgresql_place, "CREATE TABLE t (x TEXT)", "INSERT INTO t VALUES (NULL)")
    for type_, field in fields.items():
        with batch(database):
            perform(engine_of(database), "t", lambda t, field=field: t.alter_column_type("x", field))
        assert table_of(database).columns == (Column("x", type_),)
