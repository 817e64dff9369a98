"""What is read from MariaDB and MySQL: equal meaning reads equal, what differs reads different."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import peewee
import pytest
from making import assert_helps
from mysql_everything import EVERYTHING
from mysql_running import change, prepared, statements
from peewee import SQL, AutoField, BigIntegerField, CharField, Check, ForeignKeyField, IntegerField, TextField
from places import MYSQL, Place

from ormmigrate import ConfigurationError, Database, RawField, reference
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.mysql.inspecting_text import Told
from ormmigrate.dialects.mysql.server import Server
from ormmigrate.history import OWN_TABLES
from ormmigrate.schema import Column, ForeignKey, Index, Part, Schema, Table, from_dict
from ormmigrate.sync import create_missing_tables
from ormmigrate.urls import database_from_url

HOME = "probe"


def read(database: Database) -> Schema:
    return dialect_of(inner(database)).inspect(inner(database)).without(OWN_TABLES)


def table_of(database: Database, *sql: str, name: str = "t") -> Table:
    """The table of that name after those statements, which make all that there is."""
    for other in reversed(inner(database).get_tables()):
        database.execute_sql("SET foreign_key_checks = 0")
        database.execute_sql(f"DROP TABLE `{other}`".replace("%", "%%"))
        database.execute_sql("SET foreign_key_checks = 1")
    for statement in sql:
        database.execute_sql(statement.replace("%", "%%"))
    found = read(database).table(name)
    assert found is not None
    return found


def column_of(database: Database, words: str, behind: str = "") -> Column:
    return table_of(database, f"CREATE TABLE t (x {words}) {behind}").columns[0]


@pytest.fixture
def empty(mysql_place: Place) -> Database:
    database = prepared(mysql_place)
    if "MariaDB" not in database.execute_sql("SELECT VERSION()").fetchone()[0]:
        pytest.skip("The words below are MariaDB's.")
    return database


@pytest.fixture
def everything(empty: Database) -> Database:
    for statement in EVERYTHING:
        empty.execute_sql(statement.replace("%", "%%"))
    return empty


# -- a whole database -------------------------------------------------------------------------------


def test_a_table_with_everything_is_read_in_full(everything: Database):
    thing = read(everything).table("thing")
    assert thing is not None
    columns = {column.name: column for column in thing.columns}
    assert columns["id"] == Column("id", "int(10) unsigned", False, identity="AUTO_INCREMENT")
    assert columns["title"] == Column(
        "title",
        "varchar(40)",
        False,
        "'it''s 100 % \\\\ \"x\"'",
        "latin1_bin",
        comment="NOT NULL, DEFAULT 'x' (a) `b` 50 %",
    )
    assert columns["amount"] == Column("amount", "decimal(10,2)", False, "1.50")
    assert columns["small"] == Column("small", "smallint(5) unsigned zerofill")
    assert columns["at"] == Column(
        *("at", "datetime(3)", False, "current_timestamp(3)"), on_update="current_timestamp(3)", comment="when"
    )
    assert columns["kind"] == Column("kind", "enum('a,b)','c''d','NULL')", False, "'c''d'")
    assert columns["flag"] == Column("flag", "bit(3)", default="b'101'")
    assert columns["data"] == Column("data", "json")
    assert columns["doubled"] == Column("doubled", "int(11)", generated="`n` * 2", comment="twice")
    assert columns["stored"] == Column("stored", "int(11)", generated="`n` + `small`", stored=True)
    assert columns["expr"] == Column("expr", "int(11)", default="1 + 2")
    assert thing.primary_key == ("id",)
    assert thing.comment == "everything, (even) 'this'"
    assert {check.key: check.columns for check in thing.checks} == {
        "`amount` > 0 and `n` < 1000000": ("amount", "n"),
        "`n` > -100": ("n",),
        "`title` <> ''": ("title",),
    }
    assert thing.foreign_keys == (ForeignKey(("owner_id",), "owner", ("id",), "SET NULL", "CASCADE"),)
    assert [index.name for index in thing.indexes if index.unique] == ["thing_small", "uq_title"]
    indexes = {index.name: index for index in thing.indexes}
    assert indexes["by_title"] == Index((Part("title", suffix="(10)"), Part("amount", suffix="DESC")))
    assert indexes["words"] == Index((Part("body"),), method="FULLTEXT")
    assert thing.options == (
        *("ENGINE=InnoDB", "COLLATE=utf8mb4_general_ci", "COLUMN `hidden` INVISIBLE"),
        "INDEX (`title`, `n`) COMMENT 'both'",
    )


def test_everything_reads_the_same_in_a_database_of_another_name(everything: Database):
    at_home = read(everything)
    with dialect_of(inner(everything)).scratch(inner(everything)):
        for statement in EVERYTHING:
            everything.execute_sql(statement.replace("%", "%%"))
        elsewhere = read(everything)
    assert elsewhere == at_home
    assert from_dict(json.loads(json.dumps(at_home.to_dict())), at_home.kind) == at_home


def test_the_number_of_queries_does_not_grow_with_the_tables(empty: Database):
    counts = []
    for number in (1, 12):
        for one in range(number):
            empty.execute_sql(
                f"CREATE TABLE IF NOT EXISTS t{one} (id INT PRIMARY KEY, n INT CHECK (n > 0), UNIQUE (n))"
            )
        with statements(empty, "SELECT", "SHOW", "\n", "SET") as heard:
            read(empty)
        counts.append(len(heard))
    assert counts[0] == counts[1] < 15


def test_how_the_session_writes_sql_does_not_matter(everything: Database):
    before = read(everything)
    for mode in ("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", "NO_FIELD_OPTIONS,NO_KEY_OPTIONS,NO_TABLE_OPTIONS", ""):
        everything.execute_sql("SET SESSION sql_mode = %s, SESSION sql_quote_show_create = 0", (mode,))
        assert read(everything) == before
        (now,) = everything.execute_sql("SELECT @@sql_mode").fetchone()
        assert set(now.split(",")) == set(mode.split(","))


# -- columns ----------------------------------------------------------------------------------------

TYPES = (
    *("int", "int(10) unsigned", "int(5) unsigned zerofill", "bigint", "bigint unsigned", "smallint", "mediumint"),
    *("tinyint(1)", "tinyint", "varchar(1)", "varchar(255)", "char(36)", "char(0)", "decimal(10,5)", "decimal(8,0)"),
    *("decimal(9,2) unsigned", "float", "float(7,3)", "double", "double(9,2)", "text", "tinytext", "mediumtext"),
    *("longtext", "blob", "tinyblob", "mediumblob", "longblob", "binary(16)", "varbinary(16)", "varchar(40)", "date"),
    *("time", "time(3)", "datetime", "datetime(6)", "timestamp", "year", "bit(1)", "bit(8)", "json", "uuid", "inet6"),
    *("enum('a','b''c','50 %')", "set('x','y')", "geometry", "point", "varchar(100) COMPRESSED"),
)


@pytest.mark.parametrize("type_", TYPES)
def test_a_field_of_a_column_makes_exactly_that_type(empty: Database, type_: str):
    there = column_of(empty, f"{type_} NULL")
    field = dialect_of(inner(empty)).field_of(there)
    field.null = True
    empty.execute_sql("DROP TABLE t")
    change(empty, lambda m: m.create_table("t", {"x": field}))
    made = read(empty).table("t")
    assert made is not None
    assert made.columns == (there,)


def test_peewees_own_fields_come_back_as_themselves(empty: Database):
    fields = {
        "a": peewee.CharField(30, null=True),
        "b": peewee.FixedCharField(5, null=True),
        "c": peewee.DecimalField(12, 3, null=True),
        "d": peewee.BooleanField(null=True),
        "e": peewee.DateTimeField(null=True),
        "f": peewee.DoubleField(null=True),
        "g": peewee.JSONField(null=True),
        "h": peewee.BigIntegerField(null=True),
        "i": peewee.TextField(null=True),
    }
    change(empty, lambda m: m.create_table("t", fields))
    made = read(empty).table("t")
    assert made is not None
    kind = dialect_of(inner(empty))
    found = {column.name: type(kind.field_of(column)) for column in made.columns}
    assert found == {name: type(field) for name, field in fields.items()}


DEFAULTS = {
    "none": ("int", None),
    "null": ("int DEFAULT NULL", None),
    "null in parentheses": ("varchar(5) DEFAULT (NULL)", None),
    "the text NULL": ("varchar(5) DEFAULT 'NULL'", "'NULL'"),
    "number": ("int DEFAULT 7", "7"),
    "negative": ("int DEFAULT (-7)", "-7"),
    "text of digits": ("varchar(5) DEFAULT 007", "'7'"),
    "decimal": ("decimal(5,2) DEFAULT 1.5", "1.50"),
    "truth": ("bool DEFAULT true", "1"),
    "text": ("varchar(20) DEFAULT 'it\\'s \\\\ \\n \"x\" %'", "'it''s \\\\ \\n \"x\" %'"),
    "long text": ("text DEFAULT 'it''s \\\\ \\n \"x\" %'", "'it''s \\\\ \\n \"x\" %'"),
    "empty": ("varchar(20) DEFAULT ''", "''"),
    "bytes": ("varbinary(3) DEFAULT 'a\\0'", "'a\\0'"),
    "bits": ("bit(4) DEFAULT 5", "b'101'"),
    "moment": ("datetime DEFAULT '2024-01-02'", "'2024-01-02 00:00:00'"),
    "now": ("datetime DEFAULT now()", "current_timestamp()"),
    "now to the millisecond": ("datetime(3) DEFAULT CURRENT_TIMESTAMP(3)", "current_timestamp(3)"),
    "expression": ("int DEFAULT ((1 + 2) * 3)", "(1 + 2) * 3"),
    "function": ("varchar(9) DEFAULT (concat('a', \"b\"))", "concat('a','b')"),
    "sequence": ("bigint DEFAULT NEXTVAL(s)", "nextval(`s`)"),
}


@pytest.mark.parametrize(("words", "default"), DEFAULTS.values(), ids=DEFAULTS)
def test_a_default_is_sql_that_gives_the_same_default_again(empty: Database, words: str, default: str | None):
    empty.execute_sql("CREATE SEQUENCE s")
    empty.execute_sql(f"CREATE TABLE t (x {words})".replace("%", "%%"))
    (found,) = read(empty).tables[-1].columns
    assert found.default == default
    if default is not None:
        empty.execute_sql(f"CREATE TABLE u (x {found.type} DEFAULT ({default}))".replace("%", "%%"))
        assert read(empty).tables[-1].columns == (found,)


ALIKE = {
    "null": ("int", "int NULL DEFAULT NULL"),
    "default": ("int DEFAULT 3", "int DEFAULT (3)"),
    "quoted default": ("int DEFAULT '3'", "int DEFAULT 3"),
    "now": ("datetime DEFAULT now()", "datetime DEFAULT (CURRENT_TIMESTAMP)"),
    "boolean": ("bool", "tinyint(1)"),
    "integer": ("integer", "int(11)"),
    "collation of the table": ("varchar(5)", "varchar(5) COLLATE utf8mb4_general_ci"),
    "character set": ("varchar(5) CHARACTER SET latin1", "varchar(5) COLLATE latin1_swedish_ci"),
    "generated": ("int AS (1+1) STORED", "int GENERATED ALWAYS AS ((1 + 1)) PERSISTENT"),
    "json": ("json", "longtext COLLATE utf8mb4_bin CHECK (json_valid(x))"),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_what_means_the_same_in_a_column_reads_the_same(empty: Database, one: str, other: str):
    assert table_of(empty, f"CREATE TABLE t (x {one})") == table_of(empty, f"CREATE TABLE t (x {other})")


DIFFERENT = {
    "null": ("int", "int NOT NULL"),
    "sign": ("int", "int unsigned"),
    "length": ("varchar(5)", "varchar(6)"),
    "precision": ("datetime", "datetime(3)"),
    "values": ("enum('a')", "enum('b')"),
    "default": ("int", "int DEFAULT 0"),
    "text in place of an expression": ("varchar(20) DEFAULT 'now()'", "varchar(20) DEFAULT (now())"),
    "collation": ("varchar(5)", "varchar(5) COLLATE utf8mb4_bin"),
    "character set": ("varchar(5)", "varchar(5) CHARACTER SET latin1"),
    "generated": ("int AS (1) STORED", "int AS (2) STORED"),
    "stored": ("int AS (1) STORED", "int AS (1) VIRTUAL"),
    "identity": ("int PRIMARY KEY", "int AUTO_INCREMENT PRIMARY KEY"),
    "on update": ("timestamp DEFAULT now()", "timestamp DEFAULT now() ON UPDATE now()"),
    "comment": ("int", "int COMMENT 'x'"),
    "invisible": ("int, y int", "int INVISIBLE, y int"),
    "json": ("longtext", "json"),
    "check": ("int", "int CHECK (x > 0)"),
    "compressed": ("varchar(5)", "varchar(5) COMPRESSED"),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_in_a_column_reads_different(empty: Database, one: str, other: str):
    assert table_of(empty, f"CREATE TABLE t (x {one})") != table_of(empty, f"CREATE TABLE t (x {other})")


def test_a_collation_is_told_where_it_is_not_the_tables(empty: Database):
    assert column_of(empty, "varchar(5) COLLATE latin1_bin", "COLLATE latin1_bin").collation is None
    assert column_of(empty, "varchar(5) COLLATE utf8mb4_bin", "COLLATE latin1_bin").collation == "utf8mb4_bin"
    assert column_of(empty, "enum('a') COLLATE utf8mb4_bin").collation == "utf8mb4_bin"
    assert column_of(empty, "json", "COLLATE latin1_bin") == column_of(empty, "json", "COLLATE utf8mb4_bin")


def test_json_with_a_check_of_its_own_is_no_json_here_either(empty: Database):
    table = table_of(empty, "CREATE TABLE t (x json CHECK (length(x) < 9), y json, CHECK (json_valid(x)))")
    assert [(column.type, column.collation) for column in table.columns] == [
        ("longtext", "utf8mb4_bin"),
        ("json", None),
    ]
    assert sorted(check.key for check in table.checks) == ["json_valid(`x`)", "octet_length(`x`) < 9"]


# -- indexes ----------------------------------------------------------------------------------------

TEXTS = "a INT, b INT, c VARCHAR(20), d TEXT"


def indexes_of(database: Database, words: str, behind: str = "") -> tuple[Index, ...]:
    return table_of(database, f"CREATE TABLE t ({TEXTS}, {words}) {behind}").indexes


INDEXES = {
    "plain": ("INDEX (a)", Index((Part("a"),))),
    "unique constraint": ("CONSTRAINT named UNIQUE (b, a)", Index((Part("b"), Part("a")), True)),
    "descending": ("INDEX (a ASC, b DESC)", Index((Part("a"), Part("b", suffix="DESC")))),
    "start": ("INDEX (d(10))", Index((Part("d", suffix="(10)"),))),
    "start, descending": ("INDEX (c(3) DESC)", Index((Part("c", suffix="(3) DESC"),))),
    "words": ("FULLTEXT (c, d)", Index((Part("c"), Part("d")), method="FULLTEXT")),
    "unique over a long text": ("UNIQUE (d)", Index((Part("d"),), True)),
    "said to be what it is": ("INDEX USING BTREE (a)", Index((Part("a"),))),
}


@pytest.mark.parametrize(("words", "index"), INDEXES.values(), ids=INDEXES)
def test_an_index_is_what_it_covers(empty: Database, words: str, index: Index):
    (found,) = indexes_of(empty, words)
    assert found == index
    assert not found.is_constraint


def test_indexes_are_the_same_in_any_order_and_by_any_name(empty: Database):
    one = indexes_of(empty, "INDEX x (a), INDEX y (b), UNIQUE z (a)")
    assert one == indexes_of(empty, "UNIQUE x (a), INDEX z (a), INDEX y (b)")


def test_what_an_index_says_besides_is_found(empty: Database):
    plain = table_of(empty, f"CREATE TABLE t ({TEXTS}, INDEX (a))")
    for words, remark in (("COMMENT 'it''s'", "INDEX (`a`) COMMENT 'it''s'"), ("IGNORED", "INDEX (`a`) IGNORED")):
        found = table_of(empty, f"CREATE TABLE t ({TEXTS}, INDEX (a) {words})")
        assert found != plain
        assert found.options == (*plain.options, remark)
    assert indexes_of(empty, "INDEX (a)", "ENGINE=MEMORY".replace("MEMORY", "Aria")) == plain.indexes


def test_an_index_of_another_kind_than_the_engines_usual_one_is_told(empty: Database):
    empty.execute_sql("CREATE TABLE m (a INT, INDEX h USING HASH (a), INDEX b USING BTREE (a)) ENGINE=MEMORY")
    methods = {index.name: index.method for index in read(empty).tables[0].indexes}
    assert methods == {"h": None, "b": "BTREE"}


def test_a_primary_key_over_the_start_of_a_column_is_told(empty: Database):
    plain = table_of(empty, "CREATE TABLE t (c VARCHAR(20) NOT NULL, a INT NOT NULL, PRIMARY KEY (c, a))")
    other = table_of(empty, "CREATE TABLE t (c VARCHAR(20) NOT NULL, a INT NOT NULL, PRIMARY KEY (c(5), a DESC))")
    assert plain.primary_key == other.primary_key == ("c", "a")
    assert other.options == (*plain.options, "PRIMARY KEY (`c` (5), `a` DESC)")


# -- foreign keys and the indexes that they make ----------------------------------------------------

OWNER = "CREATE TABLE owner (id INT PRIMARY KEY, a INT, b INT, UNIQUE (a, b))"


def test_foreign_keys_are_told_with_their_actions_and_in_full(empty: Database):
    table = table_of(
        empty,
        OWNER,
        """
        CREATE TABLE t (x INT, y INT, z INT,
            FOREIGN KEY (x, y) REFERENCES owner (a, b) ON DELETE CASCADE ON UPDATE NO ACTION,
            CONSTRAINT named FOREIGN KEY (z) REFERENCES owner (id) ON DELETE RESTRICT ON UPDATE SET NULL)
        """,
    )
    assert table.foreign_keys == (
        ForeignKey(("x", "y"), "owner", ("a", "b"), on_delete="CASCADE"),
        ForeignKey(("z",), "owner", ("id",), on_update="SET NULL"),
    )
    assert [key.name for key in table.foreign_keys] == ["t_ibfk_1", "named"]


def test_a_foreign_key_to_another_database_names_it(empty: Database, mysql_place: Place):
    elsewhere = f"{mysql_place.url.rpartition('/')[2]}_2"
    empty.execute_sql(f"CREATE DATABASE `{elsewhere}`")
    try:
        empty.execute_sql(f"CREATE TABLE `{elsewhere}`.owner (id INT PRIMARY KEY)")
        empty.execute_sql(f"CREATE TABLE t (x INT, FOREIGN KEY (x) REFERENCES `{elsewhere}`.owner (id))")
        assert read(empty).tables[0].foreign_keys == (ForeignKey(("x",), f"{elsewhere}.owner", ("id",)),)
        empty.execute_sql("DROP TABLE t")
    finally:
        empty.execute_sql(f"DROP DATABASE `{elsewhere}`")


class Owner(peewee.Model):
    name = CharField(max_length=20)


class Thing(peewee.Model):
    owner = ForeignKeyField(Owner, null=True)
    n = IntegerField(null=True)


def by_models(database: Database) -> None:
    found = inner(database)
    with found.bind_ctx([Owner, Thing]):
        create_missing_tables(found, dialect_of(found), [Owner, Thing], lambda event: None)


OWNER_COLUMNS = {"id": AutoField(), "name": CharField(20)}
N = IntegerField(null=True)


def by_create_table(m: Any) -> None:
    m.create_table("owner", OWNER_COLUMNS)
    m.create_table("thing", {"id": AutoField(), "owner_id": ForeignKeyField(reference("owner"), null=True), "n": N})


def by_create_table_without_index(m: Any) -> None:
    m.create_table("owner", OWNER_COLUMNS)
    key = ForeignKeyField(reference("owner"), null=True, index=False)
    m.create_table("thing", {"id": AutoField(), "owner_id": key, "n": N})


def by_add_column(m: Any) -> None:
    m.create_table("owner", OWNER_COLUMNS)
    m.create_table("thing", {"id": AutoField()})
    m.add_column("thing", "owner_id", ForeignKeyField(reference("owner"), null=True))
    m.add_column("thing", "n", N)


def by_add_constraint(m: Any) -> None:
    m.create_table("owner", OWNER_COLUMNS)
    m.create_table("thing", {"id": AutoField(), "owner_id": N, "n": N})
    m.add_foreign_key_constraint("thing", "owner_id", "owner", "id")


def by_constraint_of_sql(m: Any) -> None:
    m.create_table("owner", OWNER_COLUMNS)
    m.create_table("thing", {"id": AutoField(), "owner_id": N, "n": N})
    m.add_constraint("thing", None, SQL("FOREIGN KEY (owner_id) REFERENCES owner (id)"))


def by_hand(m: Any) -> None:
    m.sql("CREATE TABLE owner (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) NOT NULL)")
    m.sql(
        "CREATE TABLE thing (id INT AUTO_INCREMENT PRIMARY KEY, owner_id INT, n INT, "
        "CONSTRAINT any_name FOREIGN KEY (owner_id) REFERENCES owner (id))"
    )


def by_hand_with_an_index(m: Any) -> None:
    by_hand(m)
    m.sql("ALTER TABLE thing ADD INDEX its_own (owner_id)")


BY_MIGRATIONS = (
    *(by_create_table, by_create_table_without_index, by_add_column, by_add_constraint, by_constraint_of_sql),
    *(by_hand, by_hand_with_an_index),
)


@pytest.mark.parametrize("make", BY_MIGRATIONS)
def test_a_foreign_key_reads_like_that_of_a_model_however_it_was_made(empty: Database, make: Callable[[Any], None]):
    by_models(empty)
    of_models = read(empty)
    empty.execute_sql("DROP TABLE thing, owner")
    change(empty, make)
    assert read(empty) == of_models


def test_the_index_that_a_key_made_for_itself_has_the_usual_name(empty: Database):
    change(empty, by_hand)
    assert [index.name for index in read(empty).tables[1].indexes] == ["thing_owner_id"]


def test_a_key_that_lives_on_another_index_has_none_of_its_own(empty: Database):
    def up(m: Any) -> None:
        by_create_table_without_index(m)
        m.add_index("thing", (SQL("owner_id"), SQL("n DESC")), name="both")

    change(empty, up)
    assert [index.name for index in read(empty).tables[1].indexes] == ["both"]


def test_two_keys_over_one_column_share_their_index(empty: Database):
    table = table_of(
        empty,
        OWNER,
        "CREATE TABLE other (id INT PRIMARY KEY)",
        "CREATE TABLE t (x INT, FOREIGN KEY (x) REFERENCES owner (id), FOREIGN KEY (x) REFERENCES other (id))",
    )
    assert table.indexes == (Index((Part("x"),)),)
    assert len(table.foreign_keys) == 2


# -- checks -----------------------------------------------------------------------------------------


def test_a_check_reads_the_same_behind_a_column_and_behind_all(empty: Database):
    one = table_of(empty, "CREATE TABLE t (x INT CHECK (x>0 AND x in (1,2)))")
    other = table_of(empty, "CREATE TABLE t (x INT, CONSTRAINT named CHECK (((x > 0) AND (x IN (1, 2)))))")
    assert one == other
    assert [check.name for check in (*one.checks, *other.checks)] == ["x", "named"]


def test_a_check_behind_a_column_bears_the_name_that_the_column_has_now(empty: Database):
    table = table_of(
        empty,
        "CREATE TABLE t (x INT CHECK (x > 0), y INT CHECK (y > x), z INT)",
        "ALTER TABLE t RENAME COLUMN x TO w, RENAME COLUMN z TO x",
    )
    assert {check.name: check.key for check in table.checks} == {"w": "`w` > 0", "y": "`y` > `w`"}
    change(empty, lambda m: m.drop_constraint("t", "w"))
    assert [check.key for check in read(empty).tables[0].checks] == ["`y` > `w`"]


def test_characters_that_information_schema_does_not_know_are_read_all_the_same(empty: Database):
    table = table_of(empty, "CREATE TABLE t (x VARCHAR(9) CHECK (x <> '\U0001f600'), y VARCHAR(9) AS ('\U0001f601'))")
    assert table.checks[0].expression == "`x` <> '\U0001f600'"
    assert table.columns[1].generated == "'\U0001f601'"


# -- options ----------------------------------------------------------------------------------------

OPTIONS = {
    "engine": ("ENGINE=Aria", ("ENGINE=Aria", "COLLATE=utf8mb4_general_ci", "TRANSACTIONAL=1")),
    "collation": ("COLLATE latin1_bin", ("ENGINE=InnoDB", "COLLATE=latin1_bin")),
    "character set": ("CHARSET latin1", ("ENGINE=InnoDB", "COLLATE=latin1_swedish_ci")),
    "row format": ("ROW_FORMAT=dynamic", ("ENGINE=InnoDB", "COLLATE=utf8mb4_general_ci", "ROW_FORMAT=DYNAMIC")),
    "versions": ("WITH SYSTEM VERSIONING", ("ENGINE=InnoDB", "COLLATE=utf8mb4_general_ci", "WITH SYSTEM VERSIONING")),
    "counter": ("AUTO_INCREMENT=50", ("ENGINE=InnoDB", "COLLATE=utf8mb4_general_ci")),
    "partitions": (
        "PARTITION BY RANGE (x) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN MAXVALUE)",
        (
            *("ENGINE=InnoDB", "COLLATE=utf8mb4_general_ci"),
            "PARTITION BY RANGE ( `x` ) ( PARTITION `a` VALUES LESS THAN ( 10 ) ENGINE = InnoDB , "
            "PARTITION `b` VALUES LESS THAN MAXVALUE ENGINE = InnoDB )",
        ),
    ),
}


@pytest.mark.parametrize(("words", "options"), OPTIONS.values(), ids=OPTIONS)
def test_the_options_of_a_table_are_told_and_make_it_again(empty: Database, words: str, options: tuple[str, ...]):
    there = table_of(empty, f"CREATE TABLE t (x INT AUTO_INCREMENT PRIMARY KEY) {words}")
    if "TRANSACTIONAL=1" in options and len(there.options) == 2:
        options = options[:2]
    assert there.options == options
    kind = dialect_of(inner(empty))
    kind.inspect(inner(empty))
    text = kind.options_text(there.options)
    assert "ENGINE=InnoDB" not in text
    empty.execute_sql("DROP TABLE t")
    change(empty, lambda m: m.create_table("t", {"x": AutoField()}, options=text))
    assert read(empty).tables == (there,)


def test_what_cannot_be_said_when_a_table_is_made_is_told_apart(empty: Database):
    table = table_of(
        empty,
        """
        CREATE TABLE t (a INT, s DATE, e DATE, h INT INVISIBLE, INDEX (a) IGNORED,
            since TIMESTAMP(6) AS ROW START, until TIMESTAMP(6) AS ROW END, PERIOD FOR SYSTEM_TIME (since, until),
            PERIOD FOR p (s, e), UNIQUE (a, p WITHOUT OVERLAPS)) WITH SYSTEM VERSIONING
        """,
    )
    kind = dialect_of(inner(empty))
    kind.inspect(inner(empty))
    assert kind.options_text(table.options) == "WITH SYSTEM VERSIONING"
    assert kind.unsaid_options(table.options) == [
        "COLUMN `since` GENERATED ALWAYS AS ROW START",
        "COLUMN `until` GENERATED ALWAYS AS ROW END",
        "COLUMN `h` INVISIBLE",
        "INDEX (`a`) IGNORED",
        "PERIOD FOR SYSTEM_TIME ( `since` , `until` )",
        "PERIOD FOR `p` ( `s` , `e` )",
        "UNIQUE KEY ( `a` , `until` , `p` WITHOUT OVERLAPS )",
    ]
    assert [column.name for column in table.columns] == ["a", "s", "e", "h"]
    assert table.checks == ()


def test_partitions_counted_from_when_they_were_made_read_the_same_later(empty: Database):
    empty.execute_sql("SET timestamp = 1700000000")
    words = "PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH (PARTITION a HISTORY, PARTITION b CURRENT)"
    before = table_of(empty, f"CREATE TABLE t (x INT) WITH SYSTEM VERSIONING {words}")
    empty.execute_sql("SET timestamp = DEFAULT")
    assert table_of(empty, f"CREATE TABLE t (x INT) WITH SYSTEM VERSIONING {words}") == before


# -- beside tables ----------------------------------------------------------------------------------


def test_a_view_is_its_whole_definition_without_the_databases_name(empty: Database):
    home = empty.execute_sql("SELECT DATABASE()").fetchone()[0]
    for statement in (
        "CREATE TABLE t (x INT, text VARCHAR(99))",
        f"CREATE TABLE `{home}` (id INT)",
        f"CREATE VIEW a AS SELECT `{home}`.x FROM t AS `{home}` WHERE text <> '`{home}`.t'",
        f"CREATE VIEW b AS SELECT t.x, `{home}`.id FROM (t JOIN `{home}` ON t.x = `{home}`.id) LEFT JOIN a USING (x)",
        "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW c AS SELECT x FROM t WHERE x > 1 WITH LOCAL CHECK OPTION",
    ):
        empty.execute_sql(statement)
    texts = {view.name: view.text for view in read(empty).views}
    assert (
        texts["a"]
        == f"CREATE VIEW `a` AS select `{home}`.`x` AS `x` from `t` `{home}` where `{home}`.`text` <> '`{home}`.t'"
    )
    assert texts["c"] == (
        "CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW `c` AS select `t`.`x` AS `x` from `t` where `t`.`x` > 1 "
        "WITH LOCAL CHECK OPTION"
    )
    assert f"from ((`t` join `{home}` on(" in texts["b"]
    before = read(empty)
    for name, text in texts.items():
        empty.execute_sql(f"DROP VIEW {name}")
        empty.execute_sql(text)
    assert read(empty) == before


def test_triggers_are_told_in_the_order_in_which_they_act(empty: Database):
    for statement in (
        "CREATE TABLE t (x INT)",
        "CREATE TRIGGER b BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1",
        "CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW BEGIN\n  -- why\n  SET NEW.x =   2; SET @a = 'x  y';\nEND",
        "CREATE TRIGGER c AFTER DELETE ON t FOR EACH ROW DELETE FROM t WHERE x = OLD.x",
    ):
        empty.execute_sql(statement)
    before = read(empty)
    assert {trigger.name: trigger.text for trigger in before.triggers} == {
        "b": "CREATE TRIGGER `b` BEFORE INSERT ON `t` FOR EACH ROW SET NEW.x = 1",
        "a": "CREATE TRIGGER `a` BEFORE INSERT ON `t` FOR EACH ROW FOLLOWS `b` "
        "BEGIN SET NEW.x = 2; SET @a = 'x  y'; END",
        "c": "CREATE TRIGGER `c` AFTER DELETE ON `t` FOR EACH ROW DELETE FROM t WHERE x = OLD.x",
    }
    for trigger in before.triggers:
        empty.execute_sql(f"DROP TRIGGER {trigger.name}")
    for trigger in before.triggers:
        empty.execute_sql(trigger.text)
    assert read(empty) == before


def test_a_sequence_stands_among_the_views(empty: Database):
    empty.execute_sql("CREATE SEQUENCE s START 3 INCREMENT 2")
    (found,) = read(empty).views
    assert (found.name, read(empty).tables) == ("s", ())
    assert found.text.startswith("CREATE SEQUENCE `s` start with 3 ")
    empty.execute_sql("SELECT NEXTVAL(s)")
    assert read(empty).views == (found,)


def test_a_view_that_the_account_may_not_see_is_no_empty_one(empty: Database, mysql_place: Place):
    empty.execute_sql("CREATE VIEW v AS SELECT 1 AS x")
    server = database_from_url(MYSQL)
    host = server.execute_sql("SELECT SUBSTRING_INDEX(USER(), '@', -1)").fetchone()[0]
    name = mysql_place.url.rpartition("/")[2]
    server.execute_sql(f"CREATE USER '{name}'@'{host}' IDENTIFIED BY 'x'")
    try:
        server.execute_sql(f"GRANT SELECT ON `{name}`.* TO '{name}'@'{host}'")
        other = Database(mysql_place.url.replace(mysql_place.url.split("//")[1].split("@")[0], f"{name}:x", 1))
        other.connect()
        with pytest.raises(ConfigurationError) as caught:
            read(other)
        assert_helps(caught.value, "the view v")
        other.close()
    finally:
        server.execute_sql(f"DROP USER '{name}'@'{host}'")
        server.close()


# -- a change reads like the table made anew ----------------------------------------------------------

START = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, n INT, s VARCHAR(20) COLLATE utf8mb4_bin, j JSON, o INT)"
ROWS = "INSERT INTO t (n, s, j, o) VALUES (1, 'a', '[1]', 1), (2, 'b', NULL, NULL)"
ID, AND_N, AND_S, AND_J, AND_O = START.removeprefix("CREATE TABLE t (").removesuffix(")").split(", ")

CHANGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "column with everything": (
        lambda m: m.add_column(
            "t",
            "x",
            CharField(
                9, collation="latin1_bin", constraints=[SQL("DEFAULT 'it''s'"), Check("x <> ''"), SQL("COMMENT 'c'")]
            ),
        ),
        "x VARCHAR(9) COLLATE latin1_bin NOT NULL DEFAULT 'it''s' COMMENT 'c' CHECK (x <> '')",
    ),
    "moment": (
        lambda m: m.add_column(
            "t", "x", RawField("datetime(3)", constraints=[SQL("DEFAULT now(3)"), SQL("ON UPDATE now(3)")])
        ),
        "x DATETIME(3) NOT NULL DEFAULT now(3) ON UPDATE now(3)",
    ),
    "stored": (
        lambda m: m.add_column(
            "t", "x", RawField("int(11)", null=True, constraints=[SQL("GENERATED ALWAYS AS (n + 1) STORED")])
        ),
        "x INT AS (n + 1) STORED",
    ),
    "virtual, with an index": (
        lambda m: m.add_column(
            "t", "x", RawField("int", null=True, index=True, constraints=[SQL("GENERATED ALWAYS AS (n + 1) VIRTUAL")])
        ),
        "x INT AS (n + 1) VIRTUAL, INDEX (x)",
    ),
    "expression": (
        lambda m: m.add_column("t", "x", IntegerField(constraints=[SQL("DEFAULT (1 + 2)")])),
        "x INT NOT NULL DEFAULT (1 + 2)",
    ),
    "json": (lambda m: m.add_column("t", "x", peewee.JSONField(null=True)), "x JSON"),
    "foreign key": (
        lambda m: m.add_column(
            "t", "x", ForeignKeyField(reference("t"), null=True, on_delete="SET NULL", on_update="CASCADE")
        ),
        "x INT, FOREIGN KEY (x) REFERENCES t (id) ON DELETE SET NULL ON UPDATE CASCADE",
    ),
    "check": (lambda m: m.add_constraint("t", None, Check("n > 0 OR n IS NULL")), "CHECK (n > 0 OR n IS NULL)"),
    "unique": (lambda m: m.add_constraint("t", None, SQL("UNIQUE (n, s)")), "UNIQUE (n, s)"),
    "order": (lambda m: m.add_index("t", ("n", SQL("`s` DESC"))), "INDEX (n, s DESC)"),
    "start": (lambda m: m.add_index("t", (SQL("`s`(3)"), "n"), unique=True), "UNIQUE (s(3), n)"),
    "words": (lambda m: m.add_index("t", ("s",), using="FULLTEXT"), "FULLTEXT (s)"),
}


@pytest.mark.parametrize(("up", "words"), CHANGES.values(), ids=CHANGES)
def test_what_an_operation_added_reads_like_the_table_made_anew(empty: Database, up: Any, words: str):
    anew = table_of(empty, f"{START.removesuffix(')')}, {words})")
    table_of(empty, START, ROWS)
    change(empty, up)
    assert read(empty).tables == (anew,)
    assert empty.execute_sql("SELECT id, n FROM t").fetchall() == ((1, 1), (2, 2))


RETYPED: dict[str, tuple[Callable[[Any], None], str]] = {
    "wider": (lambda m: m.alter_column_type("t", "n", BigIntegerField(null=True)), START.replace("n INT", "n BIGINT")),
    "another collation": (
        lambda m: m.alter_column_type("t", "s", CharField(20, null=True, collation="latin1_bin")),
        START.replace("utf8mb4_bin", "latin1_bin"),
    ),
    "back to the table's collation": (
        lambda m: m.alter_column_type(
            "t", "s", CharField(20, null=True), replaces=CharField(20, null=True, collation="utf8mb4_bin")
        ),
        START.replace(" COLLATE utf8mb4_bin", ""),
    ),
    "the collation stays": (
        lambda m: m.alter_column_type("t", "s", CharField(30, null=True), replaces=CharField(20, null=True)),
        START.replace("20", "30"),
    ),
    "from json": (lambda m: m.alter_column_type("t", "j", TextField(null=True)), START.replace("JSON", "TEXT")),
    "to json": (lambda m: m.alter_column_type("t", "s", peewee.JSONField(null=True)), START.replace(AND_S, "s JSON")),
}


@pytest.mark.parametrize(("up", "anew"), RETYPED.values(), ids=RETYPED)
def test_a_change_of_type_reads_like_the_table_made_anew(empty: Database, up: Any, anew: str):
    wanted = table_of(empty, anew)
    table_of(empty, START, ROWS.replace("'a'", "'1'").replace("'b'", "'2'"))
    change(empty, up)
    assert read(empty).tables == (wanted,)


def test_a_renamed_column_reads_like_the_table_made_anew(empty: Database):
    words = "INDEX (n), CHECK (n > 0), FOREIGN KEY (o) REFERENCES t (id), UNIQUE (s, n)"
    anew = f"{START.removesuffix(')')}, {words})".replace(" n INT", " m INT").replace("(n", "(m").replace(" n)", " m)")
    wanted = table_of(empty, anew.replace("o INT", "p INT").replace("(o)", "(p)"))
    table_of(empty, f"{START.removesuffix(')')}, {words})", ROWS)

    def up(m: Any) -> None:
        m.rename_column("t", "n", "m")
        m.rename_column("t", "o", "p")

    change(empty, up)
    assert read(empty).tables == (wanted,)


# -- MySQL, by its documentation ----------------------------------------------------------------------

MYSQL_8 = Told(Server(False, (8, 4, 0)), HOME)

#: What information_schema has, of which type, whether it says DEFAULT_GENERATED, and the SQL that it means.
MYSQL_DEFAULTS = {
    "number": ("5", "int", False, "5"),
    "decimal": ("1.50", "decimal", False, "1.50"),
    "bits": ("b'101'", "bit", False, "b'101'"),
    "text": ("it's \\ x", "varchar", False, "'it''s \\\\ x'"),
    "digits": ("007", "varchar", False, "'007'"),
    "value": ("a", "enum", False, "'a'"),
    "moment": ("2024-01-02 00:00:00", "datetime", False, "'2024-01-02 00:00:00'"),
    "bytes": ("0x610000", "binary", False, "0x610000"),
    "now": ("CURRENT_TIMESTAMP(3)", "datetime", True, "CURRENT_TIMESTAMP(3)"),
    "now as an expression": ("now(3)", "datetime", True, "CURRENT_TIMESTAMP(3)"),
    "expression": ("concat(_utf8mb4\\'a\\\\\\\\\\',_latin1\\'b\\')", "varchar", True, "concat('a\\\\','b')"),
    "text as an expression": ("_utf8mb4\\'it\\\\\\'s\\'", "text", True, "'it''s'"),
    "sum": ("(1 + 2)", "int", True, "1 + 2"),
    "nothing": (None, "int", False, None),
    "the text NULL": ("NULL", "varchar", False, "'NULL'"),
}


@pytest.mark.parametrize(("text", "type_", "is_expression", "sql"), MYSQL_DEFAULTS.values(), ids=MYSQL_DEFAULTS)
def test_a_default_of_mysql_becomes_sql(text: str | None, type_: str, is_expression: bool, sql: str | None):
    assert MYSQL_8.default(text, type_, is_expression=is_expression) == sql


def test_expressions_of_mysql_lose_what_it_adds():
    assert MYSQL_8.expression("((`n` > 0) and (`s` <> _utf8mb4\\'x\\'))") == "(`n` > 0) and (`s` <> 'x')"
    assert MYSQL_8.expression("json_valid(`j`)") == "json_valid(`j`)"
    assert MYSQL_8.expression("(lower(`email`))") == "lower(`email`)"
    assert MYSQL_8.expression("(`s` <> _latin1'\xe9')") == "`s` <> _latin1'\xe9'"


def test_a_database_is_told_from_what_is_called_like_it():
    told = Told(Server(True, (10, 11, 0)), HOME)
    for text, meant in {
        "select `probe`.`t`.`x` AS `x` from `probe`.`t`": "select `t`.`x` AS `x` from `t`",
        "select `probe`.`x` AS `x` from `probe`.`t` `probe`": "select `probe`.`x` AS `x` from `t` `probe`",
        "select `probe`.`f`(1) AS `x`": "select `f`(1) AS `x`",
        "select 'probe.t' AS `probe`": "select 'probe.t' AS `probe`",
        "INSERT INTO probe.log SELECT 1 FROM probe.t": "INSERT INTO log SELECT 1 FROM t",
        "select 1 from (`probe`.`a` join `probe`.`b`)": "select 1 from (`a` join `b`)",
        "select nextval(`probe`.`s`) AS `n`": "select nextval(`s`) AS `n`",
    }.items():
        assert told.statement(text) == meant


def test_columns_compare_without_the_fields_that_made_them(empty: Database):
    column = column_of(empty, "int")
    assert replace(column, field=IntegerField()) == column
