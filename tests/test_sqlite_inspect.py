"""What is read of an SQLite schema, however it is written: the same where nothing differs, and nothing else."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import SqliteDatabase
from places import FILE, NEWEST, NewestDatabase
from sqlite_starts import Start, make, starts
from sqlite_text import KEYWORDS

from ormmigrate import RawField
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.sqlite import inspecting
from ormmigrate.schema import Check, Column, ForeignKey, Index, Part, Schema, Table, Trigger, View, from_dict

CHINOOK = Path(__file__).resolve().parents[2] / "shared" / "data" / "chinook.sqlite"
KINDS = {FILE: SqliteDatabase, NEWEST: NewestDatabase}
Read = Callable[..., Schema]


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    """What another test has read must not answer here."""
    inspecting.known.clear()


@pytest.fixture(params=[FILE, NEWEST])
def database(request: pytest.FixtureRequest) -> Iterator[SqliteDatabase]:
    found = KINDS[request.param](":memory:", pragmas={"foreign_keys": 1})
    found.connect()
    yield found
    found.close()


@pytest.fixture(params=[FILE, NEWEST])
def read(request: pytest.FixtureRequest) -> Read:
    """Reads the schema that statements make."""
    return lambda *statements: read_from(KINDS[request.param](":memory:"), *statements)


def read_from(database: SqliteDatabase, *statements: str) -> Schema:
    database.connect()
    try:
        for statement in statements:
            database.execute_sql(statement)
        return schema_of(database)
    finally:
        database.close()


def schema_of(database: SqliteDatabase) -> Schema:
    return dialect_of(database).inspect(database)


def table(schema: Schema, name: str = "t") -> Table:
    found = schema.table(name)
    assert found is not None
    return found


def column(schema: Schema, name: str) -> Column:
    return next(one for one in table(schema).columns if one.name == name)


# -- all of it ------------------------------------------------------------------------------------

PARENT = 'create table "P q" ([x y] text collate nocase not null, z int, primary key (z, [x y]))'
NASTY = """create table t ( -- CHECK (nothing > 0), a comment
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    "Order" varchar( 20 ) /* width */ collate "nocase" not null default hello,
    [a b] decimal(10 ,2) default ( - 5 ), `c` constraint "named, (c)" check ((c != 'it''s, (so)')),
    total AS ("Order" || c) VIRTUAL, size int generated always as (length(`order`)) stored unique,
    u int references T deferrable initially deferred,
    constraint "u q" unique ("Order" desc, c collate rtrim), check (t."a b" == 5 and U between 1 and - -2)
    constraint fk foreign key (u, c) references "P Q" on delete set null not deferrable initially deferred
) -- and STRICT"""
NASTY_INDEX = """create unique index "i x" on T (lower("Order" || '(,') desc, `a B` asc, c collate nocase)
    where "Order" is not null"""


def test_a_table_written_nastily_is_read_completely(read: Read):
    found = table(read(PARENT, NASTY, NASTY_INDEX))
    assert found.columns == (
        Column("id", "INTEGER", null=False, identity="AUTOINCREMENT"),
        Column("Order", "VARCHAR(20)", null=False, default="'hello'", collation="NOCASE"),
        Column("a b", "DECIMAL(10, 2)", default="-5"),
        Column("c", ""),
        Column("total", "", generated='"order" || c'),
        Column("size", "INT", generated='length("order")', stored=True),
        Column("u", "INT"),
    )
    assert found.primary_key == ("id",)
    assert found.indexes == (
        Index((Part("Order", suffix="DESC"), Part("c", suffix="COLLATE RTRIM")), unique=True),
        Index(
            (
                Part("lower(\"order\" || '(,')", is_expression=True, suffix="DESC"),
                Part("a b"),
                Part("c", suffix="COLLATE NOCASE"),
            ),
            unique=True,
            where='"order" is not null',
        ),
        Index((Part("size"),), unique=True),
    )
    assert found.foreign_keys == (
        ForeignKey(("u",), "t", ("id",), deferrable="INITIALLY DEFERRED"),
        ForeignKey(("u", "c"), "P q", ("z", "x y"), on_delete="SET NULL"),
    )
    assert found.checks == (Check('"a b" = 5 and u between 1 and - -2'), Check("c <> 'it''s, (so)'"))
    assert found.options == ()


def test_what_does_not_count_is_read_too(read: Read):
    found = table(read(PARENT, NASTY, NASTY_INDEX))
    assert [(index.name, index.is_constraint) for index in found.indexes] == [
        ("u q", True),
        ("i x", False),
        (None, True),
    ]
    assert [key.name for key in found.foreign_keys] == [None, "fk"]
    assert [(check.name, check.columns) for check in found.checks] == [(None, ("a b", "u")), ("named, (c)", ("c",))]


def test_views_and_triggers_are_read_with_what_stands_behind_their_names(read: Read):
    schema = read(
        "CREATE TABLE t (a INT, [b c] TEXT)",
        'CREATE VIEW "V w" (One, "T wo") AS SELECT /* no */ A, [B C] AS Text FROM "t" WHERE "no column" <> 1',
        "CREATE TRIGGER [i f] BEFORE UPDATE OF `b c` ON T FOR EACH ROW WHEN new.A == 1 BEGIN SELECT 'A;B' ; END",
        'CREATE TRIGGER [instead] INSTEAD OF INSERT ON [v W] BEGIN INSERT INTO T VALUES (1, "A"); END',
    )
    assert schema.views == (
        View("V w", '(One, "T wo") as select a, "b c" as Text from t where "no column" <> 1'),
    )  # fmt: skip
    assert schema.triggers == (
        Trigger("i f", "t", "update of \"b c\" on t when new.a = 1 begin select 'A;B'; end"),
        Trigger("instead", "V w", 'instead of insert on "v w" begin insert into t values (1, a); end'),
    )


def test_what_is_not_the_applications_is_left_out(database: SqliteDatabase, tmp_path: Path):
    database.execute_sql(f"ATTACH '{tmp_path / 'other.db'}' AS other")
    for statement in (
        "CREATE TABLE docs_notes (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "INSERT INTO docs_notes DEFAULT VALUES",
        "CREATE VIRTUAL TABLE docs USING fts5 (body)",
        "CREATE VIRTUAL TABLE 'old docs' USING [fts4](body)",
        "CREATE VIRTUAL TABLE area USING rtree (id, x, y)",
        "CREATE TEMP TABLE docs_notes (other)",
        "CREATE TEMP VIEW seen AS SELECT 1",
        "CREATE TABLE other.elsewhere (a)",
        "ANALYZE",
    ):
        database.execute_sql(statement)
    schema = schema_of(database)
    assert [(one.name, one.primary_key) for one in schema.tables] == [("docs_notes", ("id",))]
    assert (schema.views, schema.triggers) == ((), ())


def test_the_sample_database_is_read_and_written_as_a_document():
    if not CHINOOK.exists():
        pytest.skip(f"the sample database is not at {CHINOOK}")
    database = SqliteDatabase(f"file:{CHINOOK}?mode=ro", uri=True)
    schema = read_from(database)
    assert len(schema.tables) == 11
    line = table(schema, "invoiceline")
    assert [key.target_columns for key in line.foreign_keys] == [("InvoiceId",), ("TrackId",)]
    assert next(one for one in line.columns if one.name == "UnitPrice").type == "NUMERIC(10, 2)"
    assert from_dict(json.loads(json.dumps(schema.to_dict())), schema.kind) == schema


# -- the same, and not the same -------------------------------------------------------------------

P = "CREATE TABLE p (id INTEGER PRIMARY KEY, a INT UNIQUE, b TEXT)"
#: Each a pair of what means the same.
SAME: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "quotes, spaces, comments and case": (
        ('CREATE TABLE t ("a" INTEGER NOT NULL, "b" VARCHAR(20) DEFAULT \'x\')',),
        ("CREATE TABLE t(a/**/integer\nNOT  null,[b] varchar ( 20 ) default'x' --\n)",),
    ),
    "brackets, backticks and words in lower case": (
        (P, 'CREATE TABLE "t" ("id" INTEGER NOT NULL PRIMARY KEY, "a" INT, FOREIGN KEY ("a") REFERENCES "p" ("id"))',
         'CREATE INDEX "t_a" ON "t" ("a")'),
        (P, "create table [t] ( -- it's\n [id] integer not null primary key,`a` int, foreign key([a])references p(id))",
         "create index [t a] on `t` ([a]) -- it's so"),
    ),
    "a rowid that says NOT NULL": (
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, a)",), ("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a)",),
    ),
    "a rowid that the table says": (
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)",), ("CREATE TABLE t (id INTEGER, PRIMARY KEY (id DESC))",),
    ),
    "NOT NULL in a key WITHOUT ROWID": (
        ("CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID",),
        ("CREATE TABLE t (a TEXT NOT NULL, PRIMARY KEY (a)) WITHOUT ROWID",),
    ),
    "DEFAULT NULL": (("CREATE TABLE t (a DEFAULT NULL)",), ("CREATE TABLE t (a NULL)",)),
    "a default in parentheses": (
        ("CREATE TABLE t (a DEFAULT ((5)), b DEFAULT ('x'), c DEFAULT (CURRENT_TIMESTAMP))",),
        ("CREATE TABLE t (a DEFAULT 5, b DEFAULT x, c DEFAULT current_timestamp)",),
    ),
    "COLLATE BINARY": (("CREATE TABLE t (a COLLATE BINARY)",), ("CREATE TABLE t (a COLLATE NOCASE COLLATE binary)",)),
    "a collation that the column has": (
        ("CREATE TABLE t (a COLLATE nocase)", "CREATE INDEX i ON t (a)"),
        ("CREATE TABLE t (a COLLATE NOCASE)", 'CREATE INDEX j ON t ("a" collate "NoCase" asc)'),
    ),
    "a CHECK of the column and of the table": (
        ("CREATE TABLE t (a CHECK (a > 0), b)",), ('CREATE TABLE t (a, b, CONSTRAINT c CHECK (("t"."A">0)))',),
    ),
    "UNIQUE of the column and of the table": (
        ("CREATE TABLE t (a UNIQUE, b)",), ("CREATE TABLE t (a, b, CONSTRAINT u UNIQUE ([A]))",),
    ),
    "UNIQUE and a unique index": (
        ("CREATE TABLE t (a UNIQUE)",), ("CREATE TABLE t (a)", "CREATE UNIQUE INDEX i ON t (a)"),
    ),
    "constraints in another order": (
        ("CREATE TABLE t (a, b, CHECK (a > 0), CHECK (b > 0), UNIQUE (a), UNIQUE (b))",),
        ("CREATE TABLE t (a, b, UNIQUE (b), CHECK (b > 0), UNIQUE (a), CHECK (a > 0))",),
    ),
    "a foreign key that names no columns": (
        (P, "CREATE TABLE t (a REFERENCES p)"), (P, 'CREATE TABLE t (a, FOREIGN KEY (a) REFERENCES "P" (Id))'),
    ),
    "MATCH and INITIALLY IMMEDIATE, which SQLite does not heed": (
        (P, "CREATE TABLE t (a REFERENCES p MATCH FULL DEFERRABLE INITIALLY IMMEDIATE)"),
        (P, "CREATE TABLE t (a REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED)"),
    ),
    "NO ACTION": ((P, "CREATE TABLE t (a REFERENCES p ON DELETE NO ACTION)"), (P, "CREATE TABLE t (a REFERENCES p)")),
    "ON CONFLICT ABORT, and of a CHECK": (
        ("CREATE TABLE t (a NOT NULL ON CONFLICT ABORT, CHECK (a > 0) ON CONFLICT IGNORE)",),
        ("CREATE TABLE t (a NOT NULL, CHECK (a > 0))",),
    ),
    "DEFERRABLE behind another column": (
        (P, "CREATE TABLE t (a REFERENCES p, b DEFERRABLE INITIALLY DEFERRED)"),
        (P, "CREATE TABLE t (a REFERENCES p DEFERRABLE INITIALLY DEFERRED, b)"),
    ),
    "GENERATED ALWAYS, VIRTUAL and a comment": (
        ("CREATE TABLE t (a, b INT GENERATED ALWAYS AS (a+1) VIRTUAL)",),
        ("CREATE TABLE t (a, b INT /* no */ AS ((a + 1)))",),
    ),
    "operators with two spellings": (
        ("CREATE TABLE t (a, CHECK (a == 1 OR a != 2))",), ("CREATE TABLE t (a, CHECK (a = 1 OR a <> 2))",),
    ),
    "a type in quotes": (('CREATE TABLE t (a "varchar( 9 )", b \'int\')',), ("CREATE TABLE t (a VARCHAR(9), b INT)",)),
    "a column called like a keyword": (
        ("CREATE TABLE t (\"key\", \"end\", CHECK (key > 0 AND end > 0))",),
        ("CREATE TABLE t (\"key\", \"end\", CHECK (\"KEY\" > 0 AND [End] > 0))",),
    ),
    "a trigger with what goes without saying": (
        ("CREATE TABLE t (a)", "CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END"),
        ("CREATE TABLE t (a)", "CREATE TRIGGER r BEFORE INSERT ON \"t\" FOR EACH ROW BEGIN SELECT 1; END"),
    ),
    "the name of an index": (
        ("CREATE TABLE t (a, b)", "CREATE INDEX i ON t (a, b)"),
        ("CREATE TABLE t (a, b)", 'CREATE INDEX "j k" ON "T"("A",b)'),
    ),
    "AUTOINCREMENT of the table": (
        ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",),
        ("CREATE TABLE t (id INTEGER, PRIMARY KEY (id AUTOINCREMENT))",),
    ),
}  # fmt: skip
#: Each a pair of what does not.
DIFFERENT: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a text and a number": (("CREATE TABLE t (a DEFAULT '5')",), ("CREATE TABLE t (a DEFAULT 5)",)),
    "texts that differ in spaces": (("CREATE TABLE t (a DEFAULT 'x  y')",), ("CREATE TABLE t (a DEFAULT 'x y')",)),
    "texts that differ in case": (("CREATE TABLE t (a DEFAULT X)",), ("CREATE TABLE t (a DEFAULT x)",)),
    "the word and the time": (
        ("CREATE TABLE t (a DEFAULT current_time)",), ('CREATE TABLE t (a DEFAULT "current_time")',),
    ),
    "true and its name": (("CREATE TABLE t (a DEFAULT true)",), ('CREATE TABLE t (a DEFAULT "true")',)),
    "a rowid and a key that is none": (
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)",), ("CREATE TABLE t (id INTEGER PRIMARY KEY DESC)",),
    ),
    "a rowid and a key that a UNIQUE hides": (
        ("CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY)",),
        ("CREATE TABLE t (id INTEGER NOT NULL UNIQUE PRIMARY KEY DESC)",),
    ),
    "INT and INTEGER": (("CREATE TABLE t (id INT PRIMARY KEY)",), ("CREATE TABLE t (id INTEGER PRIMARY KEY)",)),
    "a key with a collation of its own": (
        ("CREATE TABLE t (a TEXT, PRIMARY KEY (a))",), ("CREATE TABLE t (a TEXT, PRIMARY KEY (a COLLATE NOCASE))",),
    ),
    "the order of a key": (
        ("CREATE TABLE t (a, b, PRIMARY KEY (a, b))",), ("CREATE TABLE t (a, b, PRIMARY KEY (b, a))",),
    ),
    "WITHOUT ROWID": (
        ("CREATE TABLE t (a INT PRIMARY KEY NOT NULL)",),
        ("CREATE TABLE t (a INT PRIMARY KEY NOT NULL) WITHOUT ROWID",),
    ),
    "AUTOINCREMENT": (
        ("CREATE TABLE t (id INTEGER PRIMARY KEY)",), ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",),
    ),
    "a column and a text in double quotes": (
        ("CREATE TABLE t (a, b, CHECK (a <> \"b\"))",), ("CREATE TABLE t (a, b, CHECK (a <> 'b'))",),
    ),
    "texts in double quotes": (
        ('CREATE TABLE t (a, CHECK (a <> "B"))',), ('CREATE TABLE t (a, CHECK (a <> "b"))',),
    ),
    "a column and a text in double quotes, indexed": (
        ("CREATE TABLE t (a, b)", 'CREATE INDEX i ON t (lower("b"))'),
        ("CREATE TABLE t (a, b)", "CREATE INDEX i ON t (lower('b'))"),
    ),
    "the time and a column of its name": (
        ("CREATE TABLE t (a, \"current_date\", CHECK (a > current_date))",),
        ("CREATE TABLE t (a, \"current_date\", CHECK (a > \"current_date\"))",),
    ),
    "STORED": (("CREATE TABLE t (a, b AS (a))",), ("CREATE TABLE t (a, b AS (a) STORED)",)),
    "a collation": (("CREATE TABLE t (a)",), ("CREATE TABLE t (a COLLATE NOCASE)",)),
    "an index with another collation": (
        ("CREATE TABLE t (a COLLATE NOCASE)", "CREATE INDEX i ON t (a)"),
        ("CREATE TABLE t (a COLLATE NOCASE)", "CREATE INDEX i ON t (a COLLATE BINARY)"),
    ),
    "an index with another order": (
        ("CREATE TABLE t (a)", "CREATE INDEX i ON t (a)"), ("CREATE TABLE t (a)", "CREATE INDEX i ON t (a DESC)"),
    ),
    "a predicate": (
        ("CREATE TABLE t (a)", "CREATE INDEX i ON t (a) WHERE a > 1"),
        ("CREATE TABLE t (a)", "CREATE INDEX i ON t (a) WHERE a > 2"),
    ),
    "DEFERRED": (
        (P, "CREATE TABLE t (a REFERENCES p DEFERRABLE INITIALLY DEFERRED)"), (P, "CREATE TABLE t (a REFERENCES p)"),
    ),
    "what a key refers to": ((P, "CREATE TABLE t (a REFERENCES p (a))"), (P, "CREATE TABLE t (a REFERENCES p)")),
    "one key of two columns and two of one": (
        (P, "CREATE TABLE t (x, y, FOREIGN KEY (x, y) REFERENCES p (a, b))"),
        (P, "CREATE TABLE t (x, y, FOREIGN KEY (x) REFERENCES p (a), FOREIGN KEY (y) REFERENCES p (b))"),
    ),
    "NOT NULL ON CONFLICT": (
        ("CREATE TABLE t (a NOT NULL ON CONFLICT IGNORE)",), ("CREATE TABLE t (a NOT NULL)",),
    ),
    "UNIQUE ON CONFLICT": (("CREATE TABLE t (a UNIQUE ON CONFLICT REPLACE)",), ("CREATE TABLE t (a UNIQUE)",)),
    "PRIMARY KEY ON CONFLICT": (
        ("CREATE TABLE t (a PRIMARY KEY ON CONFLICT REPLACE)",), ("CREATE TABLE t (a PRIMARY KEY)",),
    ),
    "names that only Python takes for the same": (("CREATE TABLE t (É)",), ("CREATE TABLE t (é)",)),
    "a space that belongs to the name": (("CREATE TABLE t (a\u00a0b)",), ("CREATE TABLE t (a b)",)),
    "two texts and one with a quote in it": (
        ("CREATE TABLE t (a 'x' 'y')",), ("CREATE TABLE t (a 'x''y')",),
    ),
    "two columns and a type": (('CREATE TABLE t ("a", "b")',), ('CREATE TABLE t ("a" "b")',)),
    "a quote in a name": (('CREATE TABLE t ("a""b")',), ('CREATE TABLE t ("a" "b")',)),
    "what a type in quotes hides": (('CREATE TABLE t (a "VARCHAR"(9))',), ("CREATE TABLE t (a VARCHAR(9))",)),
    "the names that a view gives": (
        ("CREATE TABLE t (a)", "CREATE VIEW v AS SELECT a AS Name FROM t"),
        ("CREATE TABLE t (a)", "CREATE VIEW v AS SELECT a AS name FROM t"),
    ),
    "when a trigger fires": (
        ("CREATE TABLE t (a)", "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END"),
        ("CREATE TABLE t (a)", "CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT 1; END"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_what_means_the_same_reads_the_same(read: Read, name: str):
    one, other = (read(*statements) for statements in SAME[name])
    assert one == other


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_does_not_mean_the_same_reads_different(read: Read, name: str):
    one, other = (read(*statements) for statements in DIFFERENT[name])
    assert one != other


def test_strict_tables_read_different(database: SqliteDatabase):
    if database.server_version < (3, 37):
        pytest.skip("this SQLite has no STRICT tables")
    kind = type(database)
    one = read_from(kind(":memory:"), "CREATE TABLE t (a INT PRIMARY KEY) without rowid, STRICT")
    other = read_from(kind(":memory:"), "CREATE TABLE t (a INT PRIMARY KEY) STRICT")
    assert [table(schema).options for schema in (one, other)] == [("STRICT", "WITHOUT ROWID"), ("STRICT",)]


def started(start: Start, seed: int) -> SqliteDatabase:
    """A random database, written by another hand for each seed; by a plain one for 0."""
    database = SqliteDatabase(":memory:")
    database.connect()
    make(replace(start, seed=seed, rows=()), database.connection())
    return database


#: SQLite refuses some of the tables: two constraints of the same columns that say different things ON CONFLICT.
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(starts(), st.integers(1, 2**16))
def test_however_it_is_written_it_reads_the_same(start: Start, seed: int):
    try:
        one, other = started(start, 0), started(start, seed)
    except sqlite3.OperationalError:
        return
    assert schema_of(one) == schema_of(other)
    one.close()
    other.close()


# -- what is read can be written --------------------------------------------------------------------


def written(found: Table) -> list[str]:
    """The statements that make a table from what was read of it."""
    key = next((option for option in found.options if option.startswith("PRIMARY KEY (")), None)
    alone = next((one for one in found.columns if found.primary_key == (one.name,)), None)
    inside = alone.identity if alone else None
    if alone and alone.type == "INTEGER" and key and key.endswith(" DESC)"):
        inside = "DESC"  # only the column itself can say that it is not the rowid
    parts = [column_words(one, inside if one is alone else None) for one in found.columns]
    if found.primary_key and inside is None:
        parts.append(key or f"PRIMARY KEY ({names(found.primary_key)})")
    constraints = [one for one in found.indexes if one.is_constraint]
    parts += [f"UNIQUE ({', '.join(map(part_words, one.parts))})" for one in constraints]
    parts += [f"CHECK ({one.expression})" for one in found.checks]
    parts += [key_words(one) for one in found.foreign_keys]
    options = [option for option in found.options if option in ("STRICT", "WITHOUT ROWID")]
    statements = [f"CREATE TABLE {quoted(found.name)} ({', '.join(parts)}) {', '.join(options)}"]
    for number, one in enumerate(one for one in found.indexes if not one.is_constraint):
        where = f"WHERE {one.where}" if one.where else ""
        listed = ", ".join(map(part_words, one.parts))
        unique, name = "UNIQUE" if one.unique else "", quoted(f"{found.name} {number}")
        statements.append(f"CREATE {unique} INDEX {name} ON {quoted(found.name)} ({listed}) {where}")
    return statements


def column_words(one: Column, key: str | None) -> str:
    words = [quoted(one.name), one.type, f"COLLATE {one.collation}" if one.collation else ""]
    words += [] if one.null else ["NOT NULL"]
    words += [f"PRIMARY KEY {key}"] if key else []
    words += [f"DEFAULT ({one.default})"] if one.default else []
    words += [f"AS ({one.generated}) {'STORED' if one.stored else 'VIRTUAL'}"] if one.generated else []
    return " ".join(words)


def key_words(key: ForeignKey) -> str:
    deferred = f"DEFERRABLE {key.deferrable}" if key.deferrable else ""
    actions = f"ON DELETE {key.on_delete} ON UPDATE {key.on_update}"
    target = f"{quoted(key.table)} ({names(key.target_columns)})" if key.target_columns else quoted(key.table)
    return f"FOREIGN KEY ({names(key.columns)}) REFERENCES {target} {actions} {deferred}"


def part_words(part: Part) -> str:
    return f"{part.text if part.is_expression else quoted(part.text)} {part.suffix}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def names(columns: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, columns))


def without_conflicts(schema: Schema) -> list[Table]:
    """The tables without what is done ON CONFLICT, which has no other place than in words."""
    return [
        replace(one, options=tuple(option for option in one.options if "ON CONFLICT" not in option))
        for one in schema.tables
    ]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(starts())
def test_what_is_read_can_be_written_and_reads_the_same_again(start: Start):
    try:
        database = started(start, start.seed)
    except sqlite3.OperationalError:
        return
    schema = schema_of(database)
    database.close()
    tables = without_conflicts(schema)
    again = read_from(SqliteDatabase(":memory:"), *(text for one in tables for text in written(one)))
    assert list(again.tables) == tables


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_a_column_may_be_called_like_any_keyword(word: str):
    inside = (
        f'CREATE TABLE t ("{word}" INT, a INT, CHECK ("{word}" > 0), CHECK (a <> "{word}" OR "{word}" BETWEEN 1 AND 5))'
    )
    schema = read_from(SqliteDatabase(":memory:"), inside, f'CREATE INDEX i ON t ("{word}") WHERE "{word}" > a')
    assert sorted(one.columns for one in table(schema).checks) == [(word,), (word, "a")]
    assert read_from(SqliteDatabase(":memory:"), *written(table(schema))) == schema


CONDITIONS = (
    "{0} > 0", "a <> {0} OR {0} BETWEEN 1 AND 5", "CASE {0} WHEN {0} THEN {0} ELSE {0} END", "abs({0}) IN ({0}, -{0})",
    "NOT {0} AND {0} IS NOT NULL", "{0} LIKE 'x' || {0} COLLATE NOCASE",
)  # fmt: skip


@pytest.mark.parametrize("word", sorted(KEYWORDS - {"NULL", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"}))
def test_such_a_column_reads_the_same_with_and_without_quotes(word: str):
    for condition in CONDITIONS:
        start = f'CREATE TABLE t ("{word}" INT, a INT, CHECK ('
        in_quotes = read_from(SqliteDatabase(":memory:"), f"{start}{condition.format(quoted(word))}))")
        assert read_from(SqliteDatabase(":memory:"), *written(table(in_quotes))) == in_quotes
        try:
            bare = read_from(SqliteDatabase(":memory:"), f"{start}{condition.format(word)}))")
        except peewee.DatabaseError:  # it needs them there
            continue
        assert bare == in_quotes


# -- how it is read ---------------------------------------------------------------------------------


def statements_of(database: SqliteDatabase) -> list[str]:
    """What is sent to read the schema."""
    sent: list[str] = []
    database.query_hooks.append(lambda sql, *_: sent.append(sql))
    schema_of(database)
    database.query_hooks.clear()
    return sent


def state(database: SqliteDatabase) -> tuple[Any, ...]:
    pragmas = ("schema_version", "data_version", "foreign_keys", "legacy_alter_table", "user_version")
    rows = [database.execute_sql(f"SELECT * FROM {name}").fetchall() for name in ("sqlite_master", "t")]
    return rows, [database.pragma(one) for one in pragmas], database.connection().in_transaction


def test_reading_changes_nothing(database: SqliteDatabase):
    for statement in (PARENT, NASTY, NASTY_INDEX, 'INSERT INTO t ("a b", c) VALUES (5, 1)'):
        database.execute_sql(statement)
    before = state(database)
    schema = schema_of(database)
    assert state(database) == before
    with database.atomic() as transaction:
        database.execute_sql("CREATE TABLE more (a)")
        assert schema_of(database).table("more") is not None
        assert database.connection().in_transaction
        transaction.rollback()
    assert state(database)[0] == before[0]
    assert schema_of(database) == schema


def test_a_read_only_file_can_be_read(tmp_path: Path):
    path = tmp_path / "app.db"
    schema = read_from(SqliteDatabase(str(path)), PARENT, NASTY, NASTY_INDEX)
    inspecting.known.clear()
    assert read_from(SqliteDatabase(f"file:{path}?mode=ro", uri=True)) == schema


@pytest.mark.parametrize("number", [1, 30, 900])
def test_a_handful_of_queries_reads_any_number_of_tables(database: SqliteDatabase, number: int):
    for place in range(number):
        database.execute_sql(f"CREATE TABLE t{place} (a TEXT COLLATE NOCASE UNIQUE REFERENCES t0 (b), b INT)")
    assert (
        len(statements_of(database)) <= 6
    )  # one for what is there, three for what the texts do not say, and a savepoint
    assert len(schema_of(database).tables) == number
    assert len(statements_of(database)) == 3  # it is known


def test_a_table_that_is_changed_is_read_anew(database: SqliteDatabase):
    for statement in ("CREATE TABLE t (a INT)", "CREATE TABLE u (a INT REFERENCES t)"):
        database.execute_sql(statement)
    before = schema_of(database)
    database.execute_sql("ALTER TABLE t ADD COLUMN b TEXT")
    database.execute_sql("CREATE INDEX i ON t (b)")
    assert [one.name for one in table(schema_of(database)).columns] == ["a", "b"]
    assert table(schema_of(database)).indexes == (Index((Part("b"),)),)
    database.execute_sql("ALTER TABLE t RENAME TO v")
    (key,) = table(schema_of(database), "u").foreign_keys
    assert (key.table, before.table("v")) == ("v", None)


def test_a_build_without_pragma_functions_is_read_all_the_same():
    statements = (PARENT, NASTY, NASTY_INDEX, "CREATE TABLE u (a TEXT UNIQUE REFERENCES t (id) ON DELETE CASCADE)")
    database = SqliteDatabase(":memory:")
    database.connect()
    for statement in statements:
        database.execute_sql(statement)
    database.connection().set_authorizer(
        lambda action, table, *_: (
            sqlite3.SQLITE_DENY
            if action == sqlite3.SQLITE_READ and str(table).startswith("pragma_")
            else sqlite3.SQLITE_OK
        )
    )
    with pytest.raises(peewee.DatabaseError):
        database.execute_sql("SELECT * FROM pragma_table_xinfo('t')")
    found = schema_of(database)
    database.close()
    inspecting.known.clear()
    assert found == read_from(SqliteDatabase(":memory:"), *statements)


#: Tables of which the texts are enough, and some that look like them.
DEFINITIONS = (
    "id INTEGER NOT NULL PRIMARY KEY", '"id" INTEGER PRIMARY KEY ASC', "id INTEGER PRIMARY KEY DESC",
    "id INT PRIMARY KEY",
    '"name" VARCHAR(40) NOT NULL', "name varchar (40)not null", "price DECIMAL(10, 2) DEFAULT 5", "a INT DEFAULT -5",
    "b TEXT DEFAULT 'it''s'", "b TEXT DEFAULT 'a, (b)'", "c DEFAULT (1 + 1)", 'd TEXT DEFAULT "D"', "d TEXT DEFAULT D",
    "e INT NULL", "e INT CHECK (e > 0)", 'e INT CONSTRAINT "c" CHECK ("e" IN (1, 2))', 'e TEXT CHECK (e IN ("x", "y"))',
    "f INT CHECK (f <> true)", "f INT GENERATED ALWAYS AS (1)", "f INT GENERATED ALWAYS", "generated_at DATETIME",
    "description TEXT", "conflict INT NOT NULL ON CONFLICT IGNORE", "g INT REFERENCES t (id)", "h DOUBLE PRECISION",
    "[o p] INT", "[q] [int]", "`r` text not null", '"s" "INT"', "[t] INT CHECK ([t] > 0)", "u TEXT DEFAULT '--'",
    "v TEXT DEFAULT '/*'", 'w TEXT CHECK (w <> "--")', '"x-y" INT', "z INT /* of [it] */ NOT NULL", "\u00e4 INT",
    "i TEXT COLLATE NOCASE", "j INT UNIQUE", "k INT NOT NULL DEFAULT 1 DEFAULT 2", "l 'INT'", 'm "INT"', '"key" TEXT',
    "n INT CONSTRAINT x NOT NULL",
)  # fmt: skip
CONSTRAINTS = (
    "CHECK (name <> 'x')", 'CONSTRAINT "ck" CHECK ("name" <> \'(,\')', "CHECK(name > 1) CHECK (name > 2)",
    "CONSTRAINT a CONSTRAINT b CHECK (name > 0)", "CHECK (t.name > 0)", "CHECK (nothing IS NULL OR \"nothing\" > 0)",
    'FOREIGN KEY ("name") REFERENCES "t" ("id")',
    "CONSTRAINT fk FOREIGN KEY (name) REFERENCES T(ID) ON DELETE SET NULL",
    "FOREIGN KEY (NAME) REFERENCES t (id)", "FOREIGN KEY (name) REFERENCES t", "UNIQUE (name)", "PRIMARY KEY (name)",
    "FOREIGN KEY (name) REFERENCES t (id) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED CHECK (name > 3)",
    "FOREIGN KEY (name, name) REFERENCES u (a, b) MATCH FULL NOT DEFERRABLE",
)  # fmt: skip
INDEXES = (
    "CREATE INDEX i1 ON t (name)", 'CREATE UNIQUE INDEX "i2" ON "t" ("name")', "CREATE INDEX i3 ON t(name, NAME desc)",
    "CREATE INDEX [i 4] ON t (name COLLATE NOCASE)", "CREATE INDEX i5 ON t (name) WHERE (name) > 1",
    "CREATE INDEX i6 ON t ('name', lower(name))", 'CREATE INDEX "i""7" ON t ( "name" )',
    "CREATE INDEX i8 ON t ((name))",
)  # fmt: skip


COMMAS = (
    ", ", ", ", ",", " ,\n", ", -- so\n", ", -- it's\n", ", -- 'tis 'so, (x\n", ", /* so, (too) */ ", ", /* it's */",
    ",/*'*/--'\n",
)  # fmt: skip


def create(parts: list[str], chance: random.Random) -> str:
    return f"CREATE TABLE t ({''.join(f'{chance.choice(COMMAS)}{part}' for part in parts).partition(',')[2]})"


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_what_the_texts_tell_is_what_the_pragmas_tell(seed: int):
    chance = random.Random(seed)
    columns = ["name TEXT", *chance.sample(DEFINITIONS, chance.randint(0, 4))]
    chance.shuffle(columns)
    parts = [*columns, *chance.sample(CONSTRAINTS, chance.randint(0, 2))]
    indexes = chance.sample(INDEXES, chance.randint(0, 2))
    database = SqliteDatabase(":memory:")
    database.connect()
    try:
        for statement in (create(parts, chance), *indexes):
            database.execute_sql(statement)
    except peewee.DatabaseError:  # two columns of one name, a type that is none
        return
    inspecting.known.clear()
    found = table(schema_of(database))
    assert table(read_from(SqliteDatabase(":memory:"), create(parts, chance), *indexes)) == found
    rows = database.execute_sql(inspecting.OBJECTS).fetchall()
    (stored,) = inspecting.stored_tables(rows, ())
    told = inspecting.told(database, {("t",): stored})["t",]
    database.close()
    assert inspecting.referring(told, {"t": told}) == found


# -- fields -----------------------------------------------------------------------------------------

TYPES = {
    "INTEGER": "IntegerField", "REAL": "FloatField", "TEXT": "TextField", "BLOB": "BlobField", "DATE": "DateField",
    "TIME": "TimeField", "DATETIME": "DateTimeField", "VARCHAR(20)": "CharField", "VARCHAR": "CharField",
    "CHAR(3)": "FixedCharField", "CHAR": "FixedCharField", "DECIMAL(8, 3)": "DecimalField", "DECIMAL(5, 0)": "RawField",
    "": "RawField", "BIGINT": "RawField", "SMALLINT": "RawField", "UUID": "RawField", "BOOLEAN": "RawField",
    "NUMERIC(10, 2)": "RawField", "DOUBLE PRECISION": "RawField", "VARCHAR(0)": "RawField", "VARCHAR(9, 1)": "RawField",
    "INT(-1, +5)": "RawField", "JSON": "RawField", "UNSIGNED BIG INT": "RawField", '"not null"': "RawField",
    "[my, type (]": "RawField", "'a''b'": "RawField", "varchar ( 007 )": "RawField", "INTEGER(5)": "RawField",
    '"x ""y"""': "RawField", "int /* so */ (5)": "RawField", "ANY": "RawField",
}  # fmt: skip


@pytest.mark.parametrize("type_", TYPES)
def test_the_field_of_a_column_makes_the_type_that_was_read(database: SqliteDatabase, type_: str):
    database.execute_sql(f"CREATE TABLE t (c {type_})")
    dialect = dialect_of(database)
    (before,) = table(schema_of(database)).columns
    field = dialect.field_of(before)
    field.null, field.column_name = True, "c"
    assert type(field).__name__ == TYPES[type_]
    database.execute_sql("DROP TABLE t")
    words, params = database.get_sql_context().sql(field.ddl(database.get_sql_context())).query()
    database.execute_sql(f"CREATE TABLE t ({words})", params)
    assert table(schema_of(database)).columns == (before,)


def test_each_of_peewees_fields_is_found_again_by_what_it_makes(database: SqliteDatabase):
    dialect = dialect_of(database)
    made = [
        peewee.CharField(max_length=7), peewee.FixedCharField(max_length=2), peewee.DecimalField(12, 4),
        peewee.BigIntegerField(), peewee.SmallIntegerField(), peewee.BooleanField(), peewee.UUIDField(),
        peewee.DoubleField(), peewee.TimestampField(), peewee.IPField(), peewee.BigBitField(), RawField("citext"),
    ]  # fmt: skip
    for field in made:
        context = database.get_sql_context()
        field.column_name = "c"
        words, _ = context.sql(field.ddl_datatype(context)).query()
        (found,) = table(read_from(type(database)(":memory:"), f"CREATE TABLE t (c {words})")).columns
        again = dialect.field_of(found)
        text, _ = database.get_sql_context().sql(again.ddl_datatype(database.get_sql_context())).query()
        assert text.upper() == words.upper()
