"""What PostgreSQL, MariaDB and MySQL would lose without a word is kept, or refused before anything is touched."""

from __future__ import annotations

import peewee
import pytest
from making import assert_helps, migration
from peewee import SQL, AutoField, BlobField, CharField, Check, IntegerField, TextField
from places import MARIA, PG, Place
from snapshot import HISTORY, rows, schema, snapshot

from ormmigrate import Database, MigrationFailed, UnsupportedOperation
from ormmigrate.connection import inner


def prepared(place: Place, *statements: str) -> Database:
    """A database on which those ran; its connection is open."""
    database = place.database([])
    database.connect()
    for statement in statements:
        inner(database).execute_sql(statement.replace("%", "%%"))
    return database


def change(database: Database, up) -> Database:
    """The same database after one more migration."""
    known = [type(one) for one in database.migrations.registries.migrations]
    later = migration(f"2024010{len(known) + 1}_000000_change", up)
    database = Database(database.obj, migrations=[*known, later])
    database.register_models([])
    return database


def assert_refused(database: Database, up, *culprits: str) -> None:
    """Refused with those words, and everything is as it was."""
    before = snapshot(database, without=(HISTORY,))
    with pytest.raises(MigrationFailed) as caught:
        change(database, up)
    refusal = caught.value.__cause__
    assert isinstance(refusal, UnsupportedOperation), refusal
    assert_helps(refusal, *culprits)
    assert snapshot(database, without=(HISTORY,)) == before


# -- drop_column --------------------------------------------------------------------------------

POSTGRESQL_THING = (
    "CREATE TABLE other (x INT, y INT, UNIQUE (x, y))",
    "CREATE TABLE thing (id SERIAL PRIMARY KEY, a INT DEFAULT 3, b INT, name TEXT)",
    "INSERT INTO thing (a, b, name) VALUES (1, 2, 'Ann'), (2, 3, 'Bob')",
)
SHARED = {
    "check": "ALTER TABLE thing ADD CONSTRAINT shared CHECK (a < b)",
    "unique": "ALTER TABLE thing ADD CONSTRAINT shared UNIQUE (b, a)",
    "foreign key": "ALTER TABLE thing ADD CONSTRAINT shared FOREIGN KEY (a, b) REFERENCES other (x, y) NOT VALID",
    "index": "CREATE INDEX shared ON thing (b, a)",
    "covering index": "CREATE INDEX shared ON thing (b) INCLUDE (a)",
    "partial index of another column": "CREATE INDEX shared ON thing (b) WHERE a > 0",
    "partial index of its own": "CREATE INDEX shared ON thing (a) WHERE b > 0",
    "expression index": "CREATE INDEX shared ON thing ((a + b))",
    "index with another's expression": "CREATE UNIQUE INDEX shared ON thing (a, lower(name))",
    "generated column": "ALTER TABLE thing ADD COLUMN shared INT GENERATED ALWAYS AS (a + 1) STORED",
    "statistics": "CREATE STATISTICS shared ON a, b FROM thing",
}


@pytest.mark.parametrize("statement", SHARED.values(), ids=SHARED)
def test_a_column_is_not_dropped_with_what_stands_on_others_too(postgresql_place: Place, statement: str):
    database = prepared(postgresql_place, *POSTGRESQL_THING, statement)
    assert_refused(database, lambda m: m.drop_column("thing", "a"), "shared")


@pytest.mark.parametrize("statement", SHARED.values(), ids=SHARED)
def test_a_column_is_dropped_with_all_that_when_cascade_is_said(postgresql_place: Place, statement: str):
    database = prepared(postgresql_place, *POSTGRESQL_THING, statement)
    change(database, lambda m: m.drop_column("thing", "a", cascade=True))
    assert "shared" not in str(schema(database))


def test_a_column_is_dropped_with_what_is_its_own_and_nothing_else_is_lost(postgresql_place: Place):
    others = (
        "ALTER TABLE thing ADD CONSTRAINT others CHECK (b > 0 AND name <> '')",
        "CREATE INDEX others_index ON thing (b) WHERE name <> ''",
    )
    database = prepared(postgresql_place, *POSTGRESQL_THING, *others)
    before = snapshot(database)
    for statement in (
        'ALTER TABLE thing ADD COLUMN "o%dd" SERIAL CHECK ("o%dd" > 0) UNIQUE',
        "CREATE UNIQUE INDEX single ON other (x)",
        'ALTER TABLE thing ADD CONSTRAINT fk FOREIGN KEY ("o%dd") REFERENCES other (x) NOT VALID',
        'CREATE INDEX own ON thing ("o%dd" DESC)',
    ):
        inner(database).execute_sql(statement.replace("%", "%%"))
    database = change(database, lambda m: m.sql('ALTER TABLE thing RENAME COLUMN "o%dd" TO odd'))
    change(database, lambda m: m.drop_column("thing", "odd"))
    inner(database).execute_sql("DROP INDEX single")
    assert snapshot(database, without=(HISTORY,)) == before


def test_mariadb_does_not_shrink_an_index_over_several_columns(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (a INT, b INT, c INT, KEY shared (a, b), KEY own (c))",
        "INSERT INTO thing VALUES (1, 2, 3)",
    )
    assert_refused(database, lambda m: m.drop_column("thing", "B"), "shared")
    change(database, lambda m: m.drop_column("thing", "c"))
    assert rows(database)["thing"] == ["(1, 2)"]


# -- types --------------------------------------------------------------------------------------

COLLATIONS = """
SELECT a.attname, c.collname FROM pg_attribute AS a JOIN pg_collation AS c ON c.oid = a.attcollation
WHERE a.attrelid = 'thing'::regclass AND a.attnum > 0 AND c.collname <> 'default'
"""


def test_a_change_of_type_keeps_the_collation_unless_the_field_names_one(postgresql_place: Place):
    database = prepared(
        postgresql_place,
        "CREATE COLLATION \"My 'own' %\" (locale = 'C')",
        'CREATE TABLE thing (kept VARCHAR(9) COLLATE "C", own VARCHAR(9) COLLATE "My \'own\' %", plain VARCHAR(9), '
        'named TEXT COLLATE "C", n TEXT COLLATE "C")',
        "INSERT INTO thing VALUES ('b', 'c', 'd', 'e', '7')",
    )

    def up(m):
        for name in ("kept", "own", "plain"):
            m.alter_column_type("thing", name, TextField())
        m.alter_column_type("thing", "named", CharField(20, collation='"POSIX"'))
        m.alter_column_type("thing", "n", IntegerField(), cast="n::int % 5")

    change(database, up)
    assert dict(database.execute_sql(COLLATIONS).fetchall()) == {
        "kept": "C",
        "own": "My 'own' %",
        "named": "POSIX",
    }
    assert rows(database)["thing"] == ["('b', 'c', 'd', 'e', 2)"]


def test_mariadb_keeps_null_when_the_type_of_a_column_changes_and_the_field_has_constraints(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (a VARCHAR(20), b VARCHAR(20) NOT NULL)",
        "INSERT INTO thing VALUES (NULL, 'bb'), ('aa', 'b')",
    )
    field = CharField(30, collation="utf8mb4_bin", constraints=[SQL("COMMENT '10 %'"), Check("a <> 'x%'")])
    before = rows(database)["thing"]
    change(database, lambda m: [m.alter_column_type("thing", "a", field), m.alter_column_type("thing", "b", field)])
    text = schema(database, without=(HISTORY,))[0][1]
    assert "`a` varchar(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT '10 %' CHECK" in text
    assert "`b` varchar(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT '10 %' CHECK" in text
    assert rows(database)["thing"] == before


def test_mariadb_keeps_the_check_of_a_column_whose_type_changes(mysql_place: Place):
    database = prepared(
        mysql_place, "CREATE TABLE thing (a INT CHECK (a > 0), b INT, CHECK (b > 0))", "INSERT INTO thing VALUES (1, 2)"
    )
    change(database, lambda m: m.alter_column_type("thing", "a", CharField()))
    text = schema(database, without=(HISTORY,))[-1][1]
    assert "`a` varchar(255) DEFAULT NULL CHECK (`a` > 0)" in text
    assert rows(database)["thing"] == ["('1', 2)"]


def test_mariadb_cuts_no_value_to_size_whatever_the_mode_of_the_session(mysql_place: Place):
    database = prepared(mysql_place, "CREATE TABLE thing (a VARCHAR(20))", "INSERT INTO thing VALUES ('0123456789')")
    database.execute_sql("SET SESSION sql_mode = 'ANSI_QUOTES'")
    before = snapshot(database, without=(HISTORY,))
    with pytest.raises(MigrationFailed, match="truncated"):
        change(database, lambda m: m.alter_column_type("thing", "a", CharField(3)))
    assert snapshot(database, without=(HISTORY,)) == before
    assert database.execute_sql("SELECT @@SESSION.sql_mode").fetchone() == ("ANSI_QUOTES",)


# -- NULL and NOT NULL ----------------------------------------------------------------------------

#: Definitions of a column, and a value that fits.
COLUMNS = {
    "plain": ("INT", "1"),
    "with a default": ("INT DEFAULT 5", "1"),
    "with a comment": ("INT COMMENT 'is NOT NULL, DEFAULT NULL; it''s \\\\ 100 % `c` CHECK ('", "1"),
    "with a text for default": ("VARCHAR(40) DEFAULT 'NOT NULL COMMENT (' COMMENT 'NULL'", "'a'"),
    "with the text NULL for default": ("VARCHAR(40) DEFAULT 'NULL'", "'a'"),
    "with an expression for default": ("INT DEFAULT (7 IS NOT NULL)", "1"),
    "enumeration": ("ENUM('NOT NULL', 'NULL', 'a,b)', 'DEFAULT NULL') DEFAULT 'NULL'", "'a,b)'"),
    "with a collation": ("VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'x'", "'a'"),
    "moment": ("TIMESTAMP NULL DEFAULT NULL", "'2024-01-02 03:04:05'"),
    "moment of change": ("TIMESTAMP NULL DEFAULT NOW() ON UPDATE NOW()", "'2024-01-02 03:04:05'"),
    "precise moment": ("DATETIME(3) DEFAULT NOW(3) ON UPDATE NOW(3) COMMENT 'now'", "'2024-01-02 03:04:05.678'"),
    "with a check": (
        "VARCHAR(20) DEFAULT 'a' COMMENT 'c' CHECK (c IS NOT NULL OR c LIKE '%NULL' OR c <> ')')",
        "'b'",
    ),
    "with a check alone": ("INT CHECK (c > 0)", "1"),
    "unique": ("INT UNIQUE", "1"),
    "unsigned": ("INT(7) UNSIGNED ZEROFILL DEFAULT 3", "1"),
    "json": ("JSON", "'[1]'"),
    "long text": ("TEXT DEFAULT ('it''s')", "'a'"),
    "bytes": ("BLOB", "'a'"),
    "decimal": ("DECIMAL(7,2) DEFAULT 1.50", "2.25"),
    "invisible": ("INT INVISIBLE DEFAULT 3", "1"),
    "foreign key": ("INT REFERENCES other (id) ON DELETE CASCADE", "1"),
}


def bare(text: str) -> str:
    for words in (" NOT NULL", " DEFAULT NULL", " NULL"):
        text = text.replace(words, "")
    return text


@pytest.mark.parametrize(("definition", "value"), COLUMNS.values(), ids=COLUMNS)
def test_mariadb_forbids_null_and_allows_it_again_and_changes_nothing_else(
    mysql_place: Place, definition: str, value: str
):
    database = prepared(
        mysql_place,
        "CREATE TABLE other (id INT PRIMARY KEY)",
        "INSERT INTO other VALUES (1)",
        f"CREATE TABLE `a b` (k INT AUTO_INCREMENT PRIMARY KEY, `C` {definition}, d INT COMMENT '`c` INT', "
        "INDEX `C (` (d, k)) COMMENT 'NULL'",
        f"INSERT INTO `a b` (k, c, d) VALUES (7, {value}, 3)",
    )
    before, text = snapshot(database), schema(database)[0][1]
    columns = full_columns(database)

    database = change(database, lambda m: m.add_not_null("a b", "c"))
    assert full_columns(database) == {**columns, "C": {**columns["C"], "Null": "NO"}}
    assert bare(schema(database)[0][1]) == bare(text)
    assert rows(database, without=(HISTORY,)) == before["rows"]

    change(database, lambda m: m.drop_not_null("a b", "c"))
    assert schema(database, without=(HISTORY,)) == before["schema"]
    assert rows(database, without=(HISTORY,)) == before["rows"]


def full_columns(database: Database) -> dict[str, dict[str, object]]:
    cursor = inner(database).execute_sql("SHOW FULL COLUMNS FROM `a b`")
    names = [column[0] for column in cursor.description]
    return {row[0]: dict(zip(names, row)) for row in cursor.fetchall()}


@pytest.mark.parametrize("mode", ["", "STRICT_ALL_TABLES", "ANSI_QUOTES"])
def test_null_is_not_forbidden_where_there_is_some(server_place: Place, mode: str):
    database = prepared(
        server_place, "CREATE TABLE thing (a INT DEFAULT 5, b INT)", "INSERT INTO thing VALUES (NULL, 1), (2, 2)"
    )
    if server_place.kind == MARIA:
        database.execute_sql(f"SET SESSION sql_mode = '{mode}'")
        assert_refused(database, lambda m: m.add_not_null("thing", "a"), "NULL")
    before = snapshot(database, without=(HISTORY,))
    with pytest.raises(MigrationFailed):
        change(database, lambda m: m.add_not_null("thing", "a"))
    assert snapshot(database, without=(HISTORY,)) == before
    change(database, lambda m: m.add_not_null("thing", "b"))
    with pytest.raises(peewee.DatabaseError):
        database.execute_sql("INSERT INTO thing VALUES (1, NULL)")


@pytest.mark.parametrize("event", ["DELETE", "UPDATE"])
def test_mariadb_does_not_forbid_null_where_a_foreign_key_sets_it(mysql_place: Place, event: str):
    database = prepared(
        mysql_place,
        "CREATE TABLE other (id INT PRIMARY KEY)",
        "INSERT INTO other VALUES (1)",
        f"CREATE TABLE thing (a INT, CONSTRAINT to_other FOREIGN KEY (a) REFERENCES other (id) ON {event} SET NULL)",
        "INSERT INTO thing VALUES (1)",
    )
    assert_refused(database, lambda m: m.add_not_null("thing", "a"), "to_other", "SET NULL")


def test_mariadb_refuses_what_can_or_must_not_be_null(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (id INT PRIMARY KEY, a INT, b INT GENERATED ALWAYS AS (a + 1) STORED)",
        "INSERT INTO thing (id, a) VALUES (1, 1)",
    )
    assert_refused(database, lambda m: m.drop_not_null("thing", "id"), "primary key")
    assert_refused(database, lambda m: m.add_not_null("thing", "b"), "generated")
    assert_refused(database, lambda m: m.drop_not_null("thing", "nothing"), "no column nothing")


# -- percent signs --------------------------------------------------------------------------------


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg3", "pymysql"])
def test_a_percent_sign_in_a_constraint_is_sent_as_written(request: pytest.FixtureRequest, driver: str):
    place = request.getfixturevalue("mysql_place" if driver == "pymysql" else "postgresql_place")
    pytest.importorskip({"psycopg3": "psycopg"}.get(driver, driver), reason=f"{driver} is not installed")
    if driver == "psycopg3":
        place = Place(PG, f"{place.url}&prefer_psycopg3=true")
    database = prepared(place, "CREATE TABLE thing (n INT, note VARCHAR(20))", "INSERT INTO thing (n) VALUES (4)")

    def up(m):
        m.add_column("thing", "s", CharField(default="a 100 %", constraints=[Check("s LIKE 'a%'")]))
        m.add_column("thing", "u", CharField(null=True, constraints=[SQL("DEFAULT '5 %s'"), Check("u LIKE '%s'")]))
        m.add_column("thing", "v", CharField(default="%s", constraints=[SQL("DEFAULT '%s'"), Check("v LIKE '%'")]))
        m.add_constraint("thing", "even", Check("n % 2 = 0"))
        m.add_column_default("thing", "note", "'7 %'")

    change(database, up)
    insert = "INSERT INTO thing (n, s) VALUES (%s, %s)"
    database.execute_sql(insert, (2, "ab"))
    for wrong in ((2, "b"), (3, "a")):
        with pytest.raises((peewee.IntegrityError, peewee.OperationalError)):
            database.execute_sql(insert, wrong)
    assert list(database.execute_sql("SELECT n, s, u, v, note FROM thing ORDER BY n").fetchall()) == [
        (2, "ab", "5 %s", "%s", "7 %"),
        (4, "a 100 %", "5 %s", "%s", None),
    ]


def test_a_percent_sign_in_the_predicate_of_an_index_is_sent_as_written(postgresql_place: Place):
    database = prepared(postgresql_place, "CREATE TABLE thing (s TEXT)", "INSERT INTO thing VALUES ('a'), ('a'), ('b')")
    change(database, lambda m: m.add_index("thing", ("s",), unique=True, where=SQL("s LIKE 'b%'"), name="b"))
    assert "'b%'" in str(schema(database))
    with pytest.raises(peewee.IntegrityError):
        database.execute_sql("INSERT INTO thing VALUES ('b')")


# -- indexes of long columns ----------------------------------------------------------------------

TOO_LONG = {
    "add_index": lambda m: m.add_index("thing", ("n", "T")),
    "add_index of a long varchar": lambda m: m.add_index("thing", ("v",)),
    "add_column": lambda m: m.add_column("thing", "t2", TextField(null=True, index=True)),
    "add_column with a default": lambda m: m.add_column("thing", "b", BlobField(default=b"x", index=True)),
    "create_table": lambda m: m.create_table("more", {"id": AutoField(), "t": TextField(index=True)}),
    "create_table with an index": lambda m: m.create_table("more", {"t": TextField()}, indexes=[(("t",), False)]),
}


@pytest.mark.parametrize("up", TOO_LONG.values(), ids=TOO_LONG)
def test_mariadb_makes_no_index_of_the_start_of_a_long_column(mysql_place: Place, up):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (n INT, t TEXT, v VARCHAR(1000)) CHARACTER SET utf8mb4",
        "INSERT INTO thing VALUES (1, 'x', 'y')",
    )
    assert_refused(database, up, "too long for an index")


def test_an_index_that_holds_all_of_a_column_is_made(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (n INT, t TEXT, v VARCHAR(255)) CHARACTER SET utf8mb4",
        "INSERT INTO thing VALUES (1, 'x', 'y')",
    )
    version = database.execute_sql("SELECT VERSION()").fetchone()[0]
    database = change(database, lambda m: m.add_index("thing", ("v", "n")))
    if "MariaDB" in version:
        change(database, lambda m: m.add_index("thing", ("t",), unique=True))
        assert "UNIQUE KEY `thing_t` (`t`) USING HASH" in schema(database, without=(HISTORY,))[0][1]
    assert "KEY `thing_v_n` (`v`,`n`)" in schema(database, without=(HISTORY,))[0][1]
