"""Each operation on SQLite: which way it is done, that every way gives the same, and what it leaves alone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apsw
import pytest
from making import migration
from peewee import (
    SQL,
    BlobField,
    BooleanField,
    CharField,
    Check,
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Table,
    TextField,
    UUIDField,
)
from places import NEWEST, Place
from snapshot import HISTORY, OURS, snapshot

from ormmigrate import Database, IntegrityCheckFailed, MigrationFailed, Migrator, UnsupportedOperation, reference
from ormmigrate.dialects.sqlite.dialect import SqliteDialect
from ormmigrate.dialects.sqlite.engine import SqliteEngine
from ormmigrate.dialects.sqlite.strategies import STRATEGIES
from ormmigrate.events import Event, OperationRun

SETUP = """
CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE "person" (
    "id" INTEGER PRIMARY KEY AUTOINCREMENT, -- never the same twice
    "email" VARCHAR(40) NOT NULL, /* lower case, please */
    "age" INTEGER CHECK (age > 0),
    "note" TEXT DEFAULT 'NOT NULL',
    "town" INTEGER,
    CONSTRAINT "short" CHECK (length(email) < 100)
);
CREATE INDEX "person_email" ON "person" ("email");
CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;
CREATE TABLE pet (id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE);
CREATE TABLE log (word TEXT);
CREATE TABLE free (number INT);
INSERT INTO free VALUES (1), (NULL);
CREATE TRIGGER zebra AFTER UPDATE ON person BEGIN INSERT INTO log VALUES ('zebra'); END;
CREATE TRIGGER ape AFTER INSERT ON pet BEGIN UPDATE person SET note = 'has a pet' WHERE id = new.person_id; END;
CREATE VIEW adults AS SELECT id, email FROM person WHERE age >= 18;
INSERT INTO city VALUES (1, 'Oslo'), (2, 'Rome');
INSERT INTO person (id, email, age, note, town) VALUES
    (1, 'ann@x', 30, 'a', 1), (2, 'bob@x', 17, NULL, 2), (7, 'cid@x', 44, 'c', NULL), (90, 'gone', 1, 'd', NULL);
DELETE FROM person WHERE id = 90;
INSERT INTO pet VALUES (1, 1), (2, 1), (3, 7);
DELETE FROM log;
"""


def opened(place: Place, *ups: Callable[[Migrator], object], setup: str = SETUP) -> Database:
    """A database that was made by hand, and one migration for each `up`."""
    database = place.database(
        [migration(f"20240101_00000{number}_change", up) for number, up in enumerate(ups, 1)], environment="production"
    )
    database.connect()
    for statement in statements(setup):
        database.execute_sql(statement)
    return database


def statements(setup: str) -> Iterator[str]:
    """Split at the ends of lines: triggers stand on one."""
    for part in setup.strip().split(";\n"):
        yield part.removesuffix(";") + (";" if "BEGIN" in part and not part.endswith(";") else "")


def text(database: Database, name: str = "person") -> str:
    return str(database.execute_sql("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchall()[0][0])


def values(database: Database, query: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in database.execute_sql(query).fetchall()]


def all_of(database: Database) -> dict[str, Any]:
    """Schema to the letter, rows, and what the pragmas say."""
    query = f"SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name NOT IN {OURS} ORDER BY name"
    texts = values(database, query)
    return {"texts": texts, "all": snapshot(database, without=(HISTORY,))}


def refused(place: Place, up: Callable[[Migrator], object], setup: str = SETUP) -> BaseException:
    """Run a migration that must be refused and must not have changed anything; what it was refused with."""
    database = opened(place, up, setup=setup)
    before = all_of(database)
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert all_of(database) == before
    cause = caught.value.__cause__
    assert isinstance(cause, (UnsupportedOperation, IntegrityCheckFailed)), caught.value
    assert cause.advice in str(caught.value)
    assert "None" not in cause.advice
    return cause


# -- which way -----------------------------------------------------------------------------------

NATIVE, IN_PLACE, REBUILD = "native", "in place", "rebuild"
#: (operation, the way, rows rewritten) with a table of three rows.
WAYS: dict[str, tuple[Callable[[Migrator], object], str | None, int]] = {
    "add_column": (lambda m: m.add_column("person", "bio", TextField(null=True)), NATIVE, 0),
    "add_column with a default of the database": (
        lambda m: m.add_column("person", "size", IntegerField(constraints=[SQL("DEFAULT 5")])), NATIVE, 0,
    ),
    "add_column that forbids NULL": (lambda m: m.add_column("person", "size", IntegerField(default=5)), IN_PLACE, 3),
    "add_column with a default of the database that changes": (
        lambda m: m.add_column("person", "at", DateTimeField(null=True, constraints=[SQL("DEFAULT CURRENT_TIME")])),
        REBUILD, 3,
    ),
    "drop_column": (lambda m: m.drop_column("person", "note", field=TextField(null=True)), None, 0),  # a trigger's
    "drop_column of its own": (lambda m: m.drop_column("city", "name", cascade=True), REBUILD, 2),
    "rename_column": (lambda m: m.rename_column("person", "town", "city"), NATIVE, 0),
    "rename_table": (lambda m: m.rename_table("person", "people"), NATIVE, 0),
    "drop_not_null": (lambda m: m.drop_not_null("person", "email"), IN_PLACE, 0),
    "add_not_null": (lambda m: m.add_not_null("person", "age"), IN_PLACE, 0),
    "alter_column_type, the same affinity": (
        lambda m: m.alter_column_type("person", "email", CharField(max_length=200)), IN_PLACE, 0,
    ),
    "alter_column_type, another affinity": (
        lambda m: m.alter_column_type("person", "age", TextField(null=True)), REBUILD, 3,
    ),
    "alter_column_type, another affinity where nothing but rows holds the column": (
        lambda m: m.alter_column_type("free", "number", TextField(null=True)), IN_PLACE, 2,
    ),
    "alter_column_type, another collation": (
        lambda m: m.alter_column_type("person", "email", CharField(max_length=40, collation="NOCASE")), REBUILD, 3,
    ),
    "add_column_default": (lambda m: m.add_column_default("person", "town", 1), REBUILD, 3),
    "add_column_default where every row holds the column": (
        lambda m: m.add_column_default("person", "email", "?"), IN_PLACE, 0,
    ),
    "drop_column_default": (lambda m: m.drop_column_default("person", "note"), REBUILD, 3),
    "add_constraint, CHECK": (lambda m: m.add_constraint("person", "old", Check("age < 200")), IN_PLACE, 0),
    "add_constraint, UNIQUE": (lambda m: m.add_constraint("person", "one", SQL("UNIQUE (email)")), REBUILD, 3),
    "add_unique": (lambda m: m.add_unique("person", "email", "age"), REBUILD, 3),
    "drop_constraint, CHECK": (lambda m: m.drop_constraint("person", "short"), IN_PLACE, 0),
    "drop_constraint, UNIQUE": (lambda m: m.drop_constraint("city", columns=("name",)), REBUILD, 2),
    "add_foreign_key_constraint": (
        lambda m: m.add_foreign_key_constraint("person", "town", "city", "id", "SET NULL"), IN_PLACE, 0,
    ),
    "drop_foreign_key_constraint": (lambda m: m.drop_foreign_key_constraint("pet", "person_id"), IN_PLACE, 0),
    "add_index": (lambda m: m.add_index("person", ("note",)), NATIVE, 0),
    "drop_index": (lambda m: m.drop_index("person", "person_email"), NATIVE, 0),
    "create_table": (lambda m: m.create_table("t", {"id": IntegerField(primary_key=True)}), NATIVE, 0),
    "nothing to do": (lambda m: m.drop_not_null("person", "age"), None, 0),
    "sql": (lambda m: m.sql("UPDATE person SET age = age"), None, 0),
}  # fmt: skip
#: SQLite 3.53 and later have an ALTER TABLE of their own for these.
SINCE_3_53 = {"drop_not_null", "add_not_null", "add_constraint, CHECK", "drop_constraint, CHECK"}


@pytest.mark.parametrize("name", [name for name in WAYS if name != "drop_column"])
def test_an_operation_takes_the_cheapest_way_that_is_safe_and_says_which(sqlite_place: Place, name: str):
    up, way, rows = WAYS[name]
    events: list[Event] = []
    database = opened(sqlite_place, up)
    database.migrations.observers = (*database.migrations.observers, events.append)
    database.register_models([])
    (event,) = [event for event in events if isinstance(event, OperationRun)]
    if name in SINCE_3_53 and database.server_version >= (3, 53, 0):
        way = NATIVE
    assert (event.strategy, event.rows_rewritten) == (way, rows)
    assert values(database, "PRAGMA integrity_check") == ["ok"]
    assert values(database, "PRAGMA foreign_key_check") == []
    assert values(database, "SELECT count(*) FROM pet") == [3]
    assert values(database, "SELECT word FROM log") == (["zebra"] * 3 if name == "sql" else [])


@contextmanager
def forced(database: Database, allowed: tuple[str, ...]) -> Iterator[SqliteEngine]:
    """An engine that may take these ways only, in a transaction of its own."""
    dialect = SqliteDialect()
    with dialect.exclusive(database.obj, 5.0):
        yield SqliteEngine(dialect, database.obj, allowed=allowed)


FORCED: dict[str, Callable[[Migrator], object]] = {
    name: up
    for name, (up, _, _) in WAYS.items()
    if name.startswith(("add_", "drop_", "alter_")) and "index" not in name
}
FORCED |= {
    "drop_column": lambda m: m.drop_column("person", "town", cascade=True),
    "several": lambda m: m.add_not_null("person", "age"),
}


class Recorder(Migrator):
    """Keeps the one operation that is called."""

    def _perform(self, operation: object) -> None:
        self.operation = operation


@pytest.mark.parametrize("name", FORCED)
def test_every_way_gives_the_same(sqlite_place: Place, tmp_path: Any, name: str):
    """Native, in place and rebuilt, on an SQLite that has all three and on one that lacks some."""
    recorder = Recorder.__new__(Recorder)
    FORCED[name](recorder)
    results = {}
    setup = SETUP.replace("CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;\n", "")
    for way in (NATIVE, IN_PLACE, REBUILD):
        place = Place(sqlite_place.kind, f"sqlite:///{tmp_path / way}.db")
        database = opened(place, setup=setup)
        try:
            with forced(database, (way,)) as engine:
                outcome = engine.run(recorder.operation)
        except UnsupportedOperation:
            assert way != REBUILD, "a rebuild can do everything"
        else:
            assert outcome.strategy == way
            results[way] = comparable(database)
        database.close()
    assert results[REBUILD]
    for way, result in results.items():
        assert result == results[REBUILD], way


def comparable(database: Database) -> dict[str, Any]:
    """All but what RENAME spells its own way: quotes, and where ADD COLUMN puts spaces."""
    found = all_of(database)
    words = [
        (kind, name, "".join(str(sql).replace('"', "").split()) if kind == "table" else sql)
        for kind, name, _, sql in found["texts"]
    ]
    sequence = values(database, "SELECT name, seq FROM sqlite_sequence")
    return {"words": words, "sequence": sequence, "all": found["all"]}


@pytest.mark.parametrize("name", [name for name in FORCED if name != "several"])
def test_where_the_schema_must_not_be_edited_all_is_done_all_the_same(tmp_path: Any, name: str):
    """In defensive mode, as in macOS's own build, sqlite_master may not be modified."""
    recorder = Recorder.__new__(Recorder)
    FORCED[name](recorder)
    setup = SETUP.replace("CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;\n", "")
    results = []
    for is_defensive in (False, True):
        database = opened(Place(NEWEST, f"sqlite:///{tmp_path / str(is_defensive)}.db"), setup=setup)
        if is_defensive:
            database.connection().config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        with forced(database, STRATEGIES) as engine:
            assert engine.ways.edits_schema != is_defensive
            engine.ways.__dict__.pop("edits_schema")
            outcome = engine.run(recorder.operation)
        assert outcome.strategy in ((NATIVE, REBUILD) if is_defensive else (NATIVE, IN_PLACE, REBUILD))
        results.append(comparable(database))
        database.close()
    assert results[0] == results[1]


# -- what stays ----------------------------------------------------------------------------------


def test_a_rebuild_changes_the_words_that_it_is_about_and_nothing_else(sqlite_place: Place):
    database = opened(sqlite_place, lambda m: m.alter_column_type("person", "age", TextField(null=True)))
    before = all_of(database)
    database.register_models([])
    after = all_of(database)
    (was,) = [sql for kind, name, _, sql in before["texts"] if (kind, name) == ("table", "person")]
    assert text(database) == was.replace('"age" INTEGER', '"age" TEXT')
    others = [[row for row in state["texts"] if row[1] != "person"] for state in (before, after)]
    assert others[1] == others[0]
    assert values(database, "SELECT id, typeof(age), age FROM person") == [
        (1, "text", "30"), (2, "text", "17"), (7, "text", "44"),
    ]  # fmt: skip
    assert values(database, "SELECT seq FROM sqlite_sequence WHERE name = 'person'") == [90]
    database.execute_sql("INSERT INTO pet VALUES (9, 2)")
    assert values(database, "SELECT note FROM person WHERE id = 2") == ["has a pet"]
    database.execute_sql("DELETE FROM person WHERE id = 1")
    assert values(database, "SELECT id FROM pet ORDER BY id") == [3, 9]


def test_triggers_fire_in_the_order_in_which_they_were_made(sqlite_place: Place):
    database = opened(sqlite_place, lambda m: m.add_unique("person", "email"))
    for name in ("second", "first"):
        database.execute_sql(
            f"CREATE TRIGGER {name} AFTER UPDATE ON person BEGIN INSERT INTO log VALUES ('{name}'); END"
        )
    database.execute_sql("UPDATE person SET age = 5 WHERE id = 1")
    fired = values(database, "SELECT word FROM log ORDER BY rowid")
    database.register_models([])
    database.execute_sql("DELETE FROM log")
    database.execute_sql("UPDATE person SET age = 6 WHERE id = 1")
    assert values(database, "SELECT word FROM log ORDER BY rowid") == fired
    assert set(fired) == {"zebra", "first", "second"}


def test_a_trigger_of_the_connection_alone_survives_a_rebuild(sqlite_place: Place):
    database = opened(sqlite_place, lambda m: m.add_unique("person", "email"))
    database.execute_sql(
        "CREATE TEMP TRIGGER mine AFTER UPDATE ON main.person BEGIN INSERT INTO log VALUES ('mine'); END"
    )
    database.register_models([])
    database.execute_sql("UPDATE person SET age = 5 WHERE id = 1")
    assert "mine" in values(database, "SELECT word FROM log")


def test_statistics_survive_a_rebuild(sqlite_place: Place):
    database = opened(sqlite_place, lambda m: m.drop_column_default("person", "note"))
    database.execute_sql("ANALYZE")
    before = values(database, "SELECT * FROM sqlite_stat1 ORDER BY tbl, idx")
    database.register_models([])
    assert values(database, "SELECT * FROM sqlite_stat1 ORDER BY tbl, idx") == before


def test_rowids_that_no_column_holds_stay(sqlite_place: Place):
    setup = """
CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER);
CREATE TABLE odd (id INTEGER PRIMARY KEY DESC, b INTEGER);
INSERT INTO t (rowid, a, b) VALUES (-5, 'x', 1), (1000, 'y', 2);
INSERT INTO odd (rowid, id, b) VALUES (50, 1, 1), (7, 2, 2);
"""

    def up(m: Migrator) -> None:
        m.alter_column_type("t", "b", TextField(null=True))
        m.alter_column_type("odd", "b", TextField(null=True))

    database = opened(sqlite_place, up, setup=setup)
    database.register_models([])
    assert values(database, "SELECT rowid, a, b FROM t ORDER BY rowid") == [(-5, "x", "1"), (1000, "y", "2")]
    assert values(database, "SELECT rowid, id, b FROM odd ORDER BY id") == [(50, 1, "1"), (7, 2, "2")]


def test_a_check_that_names_its_own_table_and_a_key_to_itself_survive_a_rebuild(sqlite_place: Place):
    setup = """
CREATE TABLE t (id INTEGER PRIMARY KEY, up INT REFERENCES t (id), a INT, CHECK (t.a > 0), CHECK ([t].id > t . a - 100));
CREATE VIEW v AS SELECT t.a FROM t;
CREATE TABLE o (x);
CREATE TRIGGER g AFTER INSERT ON o BEGIN UPDATE t SET a = a + 1; END;
INSERT INTO t VALUES (1, NULL, 5), (2, 1, 6);
"""
    database = opened(sqlite_place, lambda m: m.alter_column_type("t", "a", TextField(null=True)), setup=setup)
    before = text(database, "t")
    database.register_models([])
    assert text(database, "t") == before.replace("a INT,", "a TEXT,")
    assert values(database, "SELECT a FROM v") == ["5", "6"]
    assert values(database, "SELECT \"table\" FROM pragma_foreign_key_list('t')") == ["t"]
    database.execute_sql("INSERT INTO o VALUES (1)")
    assert values(database, "SELECT a FROM t") == ["6", "7"]


def test_what_was_broken_before_is_no_matter(sqlite_place: Place):
    setup = SETUP + "CREATE VIEW lost AS SELECT a FROM nowhere;\n"

    def up(m: Migrator) -> None:
        m.rename_column("person", "email", "mail")
        m.add_column_default("person", "town", 1)
        m.drop_column("person", "age", cascade=True)
        m.rename_table("person", "people")

    database = opened(sqlite_place, up, setup=setup.replace("CREATE VIEW adults AS SELECT id, email FROM person WHERE age >= 18;\n", "").replace("CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;\n", ""))  # fmt: skip  # noqa: E501
    database.register_models([])
    assert text(database, "lost") == "CREATE VIEW lost AS SELECT a FROM nowhere"
    assert [column.name for column in database.get_columns("people")] == ["id", "mail", "note", "town"]
    database.execute_sql("INSERT INTO pet VALUES (9, 2)")
    assert values(database, "SELECT note FROM people WHERE id = 2") == ["has a pet"]


# -- adding columns ------------------------------------------------------------------------------


def test_a_default_that_is_a_function_is_called_once_for_each_row(sqlite_place: Place):
    setup = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);\n" + "".join(
        f"INSERT INTO t VALUES ({number}, 'x');\n" for number in range(16)
    )
    called = []

    def token() -> uuid.UUID:
        called.append(uuid.uuid4())
        return called[-1]

    database = opened(sqlite_place, lambda m: m.add_column("t", "token", UUIDField(default=token)), setup=setup)
    database.register_models([])
    found = [uuid.UUID(one) for one in values(database, "SELECT token FROM t ORDER BY id")]
    assert found == called
    assert len(set(found)) == 16
    assert "DEFAULT" not in text(database, "t")


def test_an_error_of_a_default_is_the_one_that_is_told(sqlite_place: Place):
    def fails() -> int:
        raise LookupError("no number is left")

    database = opened(sqlite_place, lambda m: m.add_column("person", "number", IntegerField(default=fails)))
    before = all_of(database)
    with pytest.raises(MigrationFailed, match="no number is left"):
        database.register_models([])
    assert all_of(database) == before


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        (TextField(default="it's \0 'quoted'"), "it's \0 'quoted'"),
        (BlobField(default=b"\0'"), b"\0'"),
        (BooleanField(default=True), 1),
        (CharField(default=lambda: "DEFAULT"), "DEFAULT"),
    ],
)
def test_rows_that_are_there_hold_the_default_and_the_schema_does_not(sqlite_place: Place, field: Any, stored: Any):
    database = opened(sqlite_place, lambda m: m.add_column("person", "new", field))
    database.register_models([])
    assert values(database, "SELECT new FROM person") == [stored] * 3
    (column,) = [column for column in database.get_columns("person") if column.name == "new"]
    assert (column.null, column.default) == (False, None)


def test_a_foreign_key_arrives_with_its_actions_and_its_deferrability(sqlite_place: Place):
    key = ForeignKeyField(
        reference("city"), null=True, on_delete="SET NULL", on_update="CASCADE", deferrable="INITIALLY DEFERRED"
    )
    database = opened(sqlite_place, lambda m: m.add_column("person", "city_id", key))
    database.register_models([])
    rows = values(
        database, 'SELECT "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(\'person\')'
    )
    assert rows == [("city", "city_id", "id", "CASCADE", "SET NULL")]
    assert "DEFERRABLE INITIALLY DEFERRED" in text(database)
    assert ["city_id"] in [index.columns for index in database.get_indexes("person")]


# -- names ---------------------------------------------------------------------------------------


def test_indexes_that_bear_the_old_name_by_convention_follow_a_rename(sqlite_place: Place):
    def up(m: Migrator) -> None:
        m.add_index("person", ("age", "note"))
        m.add_index("person", ("note",), name="mine")
        m.rename_column("person", "age", "years")
        m.rename_table("person", "people")
        m.create_table("person", {"id": IntegerField(primary_key=True), "email": CharField(index=True)})

    database = opened(sqlite_place, up)
    database.register_models([])
    names = {index.name: index.columns for index in database.get_indexes("people")}
    assert names == {
        "people_email": ["email"], "people_years_note": ["years", "note"], "mine": ["note"],
        "by_age_and_town": ["years", "town"],
    }  # fmt: skip
    assert [index.name for index in database.get_indexes("person")] == ["person_email"]
    assert values(database, "SELECT email FROM people INDEXED BY people_email ORDER BY email") == [
        "ann@x", "bob@x", "cid@x",
    ]  # fmt: skip
    assert values(database, "PRAGMA integrity_check") == ["ok"]


def test_a_name_in_another_case_is_the_same_name(sqlite_place: Place):
    def up(m: Migrator) -> None:
        m.drop_not_null("PERSON", "EMail")
        m.rename_column("Person", "AGE", "Age")
        m.rename_table("person", "Person")

    database = opened(sqlite_place, up)
    database.register_models([])
    assert values(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'Person'") == ["Person"]
    assert [column.name for column in database.get_columns("Person")][2] == "Age"
    assert values(database, "SELECT \"notnull\" FROM pragma_table_info('person') WHERE name = 'email'") == [0]


# -- groups --------------------------------------------------------------------------------------


def grouped(place: Place, change: Callable[[Any], None], setup: str = SETUP) -> tuple[Database, OperationRun]:
    def up(m: Migrator) -> None:
        with m.alter_table("person") as person:
            change(person)

    events: list[Event] = []
    database = opened(place, up, setup=setup)
    database.migrations.observers = (*database.migrations.observers, events.append)
    database.register_models([])
    (event,) = [event for event in events if isinstance(event, OperationRun)]
    assert values(database, "PRAGMA integrity_check") == ["ok"]
    return database, event


def test_a_group_of_changes_writes_the_rows_once(sqlite_place: Place):
    def change(person: Any) -> None:
        person.alter_column_type("age", TextField(null=True))
        person.rename_column("age", "years")
        person.add_column("active", BooleanField(default=True, index=True))
        person.add_unique("email")
        person.drop_constraint("short")
        person.add_constraint("real", Check("years <> ''"))
        person.add_not_null("years")
        person.add_column_default("years", "0")
        person.add_index(("years", "note"))
        person.drop_index("person_email")

    database, event = grouped(sqlite_place, change)
    assert (event.strategy, event.rows_rewritten) == ("rebuild", 3)
    rebuilt = [statement for statement in event.sql if statement.startswith('INSERT OR ABORT INTO "ormmigrate_new')]
    assert len(rebuilt) == 1
    assert values(database, "SELECT id, email, years, active FROM person ORDER BY id") == [
        (1, "ann@x", "30", 1), (2, "bob@x", "17", 1), (7, "cid@x", "44", 1),
    ]  # fmt: skip
    assert {index.name for index in database.get_indexes("person") if index.sql} == {
        "by_age_and_town", "person_active", "person_years_note",
    }  # fmt: skip
    assert "SELECT id, email FROM person WHERE years >= 18" in text(database, "adults").replace('"', "")
    assert values(database, "SELECT id FROM adults") == [1, 7]


def test_names_may_change_places_in_a_group(sqlite_place: Place):
    def change(person: Any) -> None:
        person.rename_column("age", "spare")
        person.rename_column("town", "age")
        person.rename_column("spare", "town")
        person.add_unique("email")

    setup = SETUP.replace("CHECK (age > 0)", "").replace("WHERE age > 1", "")
    database, event = grouped(sqlite_place, change, setup)
    assert event.strategy == "rebuild"
    assert values(database, "SELECT id, town, age FROM person ORDER BY id") == [(1, 30, 1), (2, 17, 2), (7, 44, None)]
    assert [column.name for column in database.get_columns("person")] == ["id", "email", "town", "note", "age"]
    assert {index.name: index.columns for index in database.get_indexes("person")}["by_age_and_town"] == ["town", "age"]


def test_a_dropped_column_may_be_replaced_in_the_same_group(sqlite_place: Place):
    setup = SETUP.replace("CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;\n", "")

    def change(person: Any) -> None:
        person.drop_column("town")
        person.rename_column("age", "town")
        person.add_column("age", CharField(default="?"))

    database, event = grouped(sqlite_place, change, setup)
    assert (event.strategy, event.rows_rewritten) == ("rebuild", 3)
    assert values(database, "SELECT id, town, age FROM person") == [(1, 30, "?"), (2, 17, "?"), (7, 44, "?")]
    assert values(database, "SELECT id FROM adults") == [1, 7]


IN_GROUPS: dict[str, Callable[[Any], object]] = {
    "a default behind the column": lambda t: [
        t.add_column("c", TextField(null=True)), t.rename_column("c", "d"), t.add_column_default("d", "y"),
    ],
    "a default dropped behind the column": lambda t: [
        t.add_column("c", TextField(null=True, constraints=[SQL("DEFAULT 'dd'")])), t.drop_column_default("c"),
    ],
    "a default changed behind the column": lambda t: [
        t.add_column("c", TextField(null=True, constraints=[SQL("DEFAULT 'dd'")])), t.add_column_default("c", "y"),
    ],
    "a type changed twice": lambda t: [
        t.alter_column_type("town", FloatField(null=True)), t.alter_column_type("town", TextField(null=True)),
    ],
    "an index there and gone again": lambda t: [
        t.add_index(("note",)), t.drop_index("person_note"), t.add_not_null("age"),
    ],
    "a type and a CHECK of it": lambda t: [
        t.alter_column_type("town", TextField(null=True)), t.add_constraint("text", Check("typeof(town) <> 'integer'")),
    ],
    "a column filled and a CHECK of it": lambda t: [
        t.add_column("c", IntegerField(default=5)), t.add_constraint("five", Check("c = 5")),
    ],
    "a column with a default and a CHECK of its own": lambda t: [
        t.add_column("c", IntegerField(null=True, constraints=[SQL("DEFAULT 5 CHECK (c = 5)")])),
        t.drop_not_null("email"),
    ],
    "a CHECK of a column that is renamed then": lambda t: [
        t.add_constraint("c", Check("age > 0")), t.rename_column("age", "years"),
    ],
    "a column with a CHECK that is renamed then": lambda t: [
        t.add_column("x", IntegerField(default=1, constraints=[Check("x > 0")])), t.rename_column("x", "y"),
    ],
    "a column with a CHECK that goes again": lambda t: [
        t.add_column("x", IntegerField(default=1, constraints=[Check("x > 0")])), t.drop_column("x", cascade=True),
        t.drop_not_null("email"),
    ],
    "a key that is new and filled": lambda t: [
        t.add_column("c", ForeignKeyField(reference("city"), default=1)), t.drop_constraint("short"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("change", IN_GROUPS.values(), ids=IN_GROUPS)
def test_a_group_comes_to_the_same_as_its_changes_one_by_one(sqlite_place: Place, change: Callable[[Any], object]):
    setup = SETUP.replace("CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;\n", "")
    one_by_one = opened(
        Place(sqlite_place.kind, sqlite_place.url.replace("app.db", "single.db")), lambda m: change(m._of("person")),
        setup=setup,
    )  # fmt: skip
    one_by_one.register_models([])
    together, _ = grouped(sqlite_place, change, setup)
    assert comparable(together) == comparable(one_by_one)


def test_a_column_may_go_and_come_again_in_a_group(sqlite_place: Place):
    def change(person: Any) -> None:
        person.drop_column("note", cascade=True)
        person.add_column("note", TextField(default="new"))

    setup = SETUP.replace("UPDATE person SET note = 'has a pet' WHERE id = new.person_id", "SELECT 1")
    database, event = grouped(sqlite_place, change, setup)
    assert values(database, "SELECT note FROM person") == ["new"] * 3
    assert event.rows_rewritten == 3


def test_an_index_under_a_name_that_changed_in_the_group_is_seen(sqlite_place: Place):
    setup = """
CREATE TABLE person (id INTEGER PRIMARY KEY, a TEXT, b INT);
CREATE INDEX some ON person (b) WHERE a < '6';
CREATE INDEX text_in_quotes ON person ('b');
INSERT INTO person VALUES (1, '5', 1), (2, '50', 1), (3, '7', 1);
"""

    def change(person: Any) -> None:
        person.rename_column("a", "z")
        person.rename_column("b", "y")
        person.alter_column_type("z", IntegerField(null=True))
        person.alter_column_type("y", TextField(null=True))

    database, event = grouped(sqlite_place, change, setup)
    assert event.strategy == "rebuild"
    query = "SELECT id FROM person {} WHERE z < '6' AND y = '1'"
    assert values(database, query.format("INDEXED BY some")) == values(database, query.format("NOT INDEXED")) == [1]
    assert {index.name: index.columns for index in database.get_indexes("person")} == {
        "some": ["y"], "text_in_quotes": ["y"],
    }  # fmt: skip


def test_a_column_that_is_renamed_and_dropped_in_a_group_is_looked_for_under_its_old_name(sqlite_place: Place):
    def up(m: Migrator) -> None:
        with m.alter_table("person") as person:
            person.rename_column("town", "city")
            person.drop_column("city", cascade=True)
            person.add_column_default("age", 1)

    setup = SETUP.replace("CREATE INDEX by_age_and_town ON person (age, town DESC) WHERE age > 1;\n", "")
    watched = setup + "CREATE TRIGGER watch AFTER UPDATE OF town ON person BEGIN SELECT 1; END;\n"
    assert "trigger watch" in refused(sqlite_place, up, watched).problem


def test_a_rowid_keeps_its_value_when_a_column_takes_its_name(sqlite_place: Place):
    setup = """
CREATE TABLE person (a TEXT);
INSERT INTO person (rowid, a) VALUES (10, 'x'), (20, 'y');
"""

    def change(person: Any) -> None:
        person.add_column("rowid", IntegerField(null=True))
        person.add_column_default("a", "k")

    database, _ = grouped(sqlite_place, change, setup)
    assert values(database, "SELECT _rowid_, a FROM person") == [(10, "x"), (20, "y")]


def test_a_function_is_called_once_for_a_row_also_where_its_foreign_key_is_checked(sqlite_place: Place):
    called = []

    def city() -> int:
        called.append(1)
        return len(called)

    setup = SETUP + "INSERT INTO city VALUES (3, 'Bonn');\n"

    def change(person: Any) -> None:
        person.add_column("city_id", ForeignKeyField(reference("city"), default=city))
        person.add_column_default("town", 1)

    database, event = grouped(sqlite_place, change, setup)
    assert event.strategy == "rebuild"
    assert values(database, "SELECT city_id FROM person ORDER BY id") == [1, 2, 3]
    assert len(called) == 3


def test_a_group_that_need_not_rewrite_does_not(sqlite_place: Place):
    def change(person: Any) -> None:
        person.drop_not_null("email")
        person.alter_column_type("email", TextField(null=True))
        person.add_constraint("old", Check("age < 200"))
        person.add_not_null("age")
        person.add_column("bio", TextField(null=True))
        person.rename_column("town", "city")

    _, event = grouped(sqlite_place, change)
    assert event.strategy == "in place"
    assert event.rows_rewritten == 0


def test_a_group_writes_the_rows_once_where_the_schema_may_not_be_edited(sqlite_place: Place):
    def up(m: Migrator) -> None:
        with m.alter_table("person") as person:
            person.drop_column("note", cascade=True)
            person.drop_not_null("email")
            person.alter_column_type("town", TextField(null=True))
            person.add_constraint("old", Check("age < 200"))

    setup = SETUP.replace("UPDATE person SET note = 'has a pet' WHERE id = new.person_id", "SELECT 1")
    database = opened(sqlite_place, setup=setup)
    recorder = Recorder.__new__(Recorder)
    up(recorder)
    with forced(database, (NATIVE, REBUILD)) as engine:
        outcome = engine.run(recorder.operation)
    assert (outcome.strategy, outcome.rows_rewritten) == (REBUILD, 3)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.drop_index("nope"), "no index nope"),
        (lambda t: [t.add_index(("note",)), t.add_index(("note",))], "index person_note already"),
        (lambda t: t.rename_column("nope", "x"), "no column nope"),
    ],
)
def test_what_a_group_cannot_do_is_refused_as_it_is_alone(sqlite_place: Place, change: Any, problem: str):
    def up(m: Migrator) -> None:
        with m.alter_table("person") as person:
            change(person)

    assert problem in refused(sqlite_place, up).problem


def test_a_group_that_fails_leaves_nothing_of_it_behind(sqlite_place: Place):
    def up(m: Migrator) -> None:
        with m.alter_table("person") as person:
            person.add_column("bio", TextField(null=True))
            person.drop_not_null("email")
            person.add_not_null("note")

    refused(sqlite_place, up)


# -- errors --------------------------------------------------------------------------------------

MISSING = {
    "a table": (lambda m: m.drop_not_null("persn", "email"), "no table persn", "person"),
    "a table to rename": (lambda m: m.rename_table("persons", "people"), "no table persons", "person"),
    "a table to drop": (lambda m: m.drop_table("persn"), "no table persn", "person"),
    "a table for a column": (lambda m: m.add_column("persn", "x", TextField(null=True)), "no table persn", "person"),
    "a table for an index": (lambda m: m.add_index("persn", ("email",)), "no table persn", "person"),
    "a column": (lambda m: m.drop_column("person", "emial"), "no column emial", "email"),
    "a column to rename": (lambda m: m.rename_column("person", "emial", "mail"), "no column emial", "email"),
    "a column for an index": (lambda m: m.add_index("person", ("emial",)), "no column emial", "email"),
    "a column for UNIQUE": (lambda m: m.add_unique("person", "emial"), "no column emial", "email"),
    "an index": (lambda m: m.drop_index("person", "person_emial"), "no index person_emial", "person_email"),
    "the table of a key": (
        lambda m: m.add_foreign_key_constraint("person", "town", "cities", "id"), "no table cities", "city",
    ),
    "the column of a key": (
        lambda m: m.add_foreign_key_constraint("person", "town", "city", "nam"), "no column nam", "name",
    ),
    "a view": (lambda m: m.drop_not_null("adults", "email"), "adults is a view", "VIEW"),
}  # fmt: skip


@pytest.mark.parametrize(("up", "problem", "nearest"), MISSING.values(), ids=MISSING)
def test_what_is_not_there_is_named_with_the_nearest_name(sqlite_place: Place, up: Any, problem: str, nearest: str):
    error = refused(sqlite_place, up)
    assert problem in error.problem
    assert nearest in error.advice


IN_THE_WAY = {
    "NULL": (lambda m: m.add_not_null("person", "note"), "1 row of person holds NULL", "id = 2"),
    "two NULLs": (
        lambda m: [m.sql("UPDATE person SET note = NULL WHERE id = 7"), m.add_not_null("person", "note")],
        "2 rows of person hold NULL", "id = 7",
    ),
    "a CHECK": (lambda m: m.add_constraint("person", "grown", Check("age > 17")), "1 row of person does", "id = 2"),
    "duplicates": (
        lambda m: [m.sql("UPDATE person SET email = 'same@x' WHERE id < 5"), m.add_unique("person", "email")],
        "1 value is there more than once", "email = 'same@x': 2 rows",
    ),
    "duplicates for an index": (
        lambda m: [
            m.sql("UPDATE person SET email = 'same@x' WHERE id < 5"),
            m.add_index("person", ("email",), unique=True, name="one"),
        ],
        "1 value is there more than once", "email = 'same@x': 2 rows",
    ),
    "orphans": (
        lambda m: [
            m.sql("UPDATE person SET town = 99 WHERE id = 7"),
            m.add_foreign_key_constraint("person", "town", "city", "id"),
        ],
        "1 row refers to nothing in city", "id = 7, town = 99",
    ),
    "a type and a CHECK": (
        lambda m: [
            m.add_constraint("person", "number", Check("typeof(age) = 'integer'")),
            m.alter_column_type("person", "age", TextField(null=True)),
        ],
        "does not fit the new definition: CHECK", "id = 1",
    ),
    "a type and UNIQUE": (
        lambda m: [
            m.sql("UPDATE person SET note = '0' || id WHERE id = 1"),
            m.sql("UPDATE person SET note = '1' WHERE id = 7"),
            m.add_unique("person", "note"),
            m.alter_column_type("person", "note", IntegerField(null=True)),
        ],
        "does not fit the new definition: UNIQUE", "note = '1'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("up", "problem", "example"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_rows_in_the_way_are_counted_and_shown(sqlite_place: Place, up: Any, problem: str, example: str):
    error = refused(sqlite_place, up)
    assert isinstance(error, IntegrityCheckFailed)
    assert problem in error.problem
    assert any(example in finding for finding in error.findings), error.findings


def test_a_constraint_that_ignores_or_replaces_loses_no_row_in_a_rebuild(sqlite_place: Place):
    setup = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE ON CONFLICT REPLACE, b TEXT UNIQUE ON CONFLICT IGNORE);
INSERT INTO t VALUES (1, '1', '1'), (2, '01', '01');
"""
    for column in ("a", "b"):
        place = Place(sqlite_place.kind, sqlite_place.url.replace("app.db", f"{column}.db"))
        error = refused(
            place, lambda m, column=column: m.alter_column_type("t", column, IntegerField(null=True)), setup
        )
        assert "UNIQUE" in error.problem


def test_a_value_that_strict_does_not_take_is_shown(sqlite_place: Place):
    setup = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT) STRICT;\nINSERT INTO t VALUES (1, '5'), (2, 'five');\n"
    error = refused(sqlite_place, lambda m: m.alter_column_type("t", "a", IntegerField(null=True)), setup)
    assert isinstance(error, IntegrityCheckFailed)
    assert "cannot store TEXT value in INTEGER column t.a" in error.problem
    assert "id = 2, a = 'five'" in error.findings[0]


def test_a_type_that_strict_does_not_know_is_refused_with_those_it_knows(sqlite_place: Place):
    setup = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT) STRICT;\n"
    for up in (
        lambda m: m.alter_column_type("t", "a", CharField(null=True)),
        lambda m: m.add_column("t", "b", CharField(null=True)),
    ):
        place = Place(sqlite_place.kind, sqlite_place.url.replace("app.db", f"{id(up)}.db"))
        assert "INT, INTEGER, REAL, TEXT, BLOB, ANY" in refused(place, up, setup).problem


def test_a_key_of_a_strict_table_may_change_its_type(sqlite_place: Place):
    setup = "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT;\nINSERT INTO t VALUES (5, 'x');\n"
    database = opened(
        sqlite_place,
        lambda m: m.alter_column_type("t", "a", TextField()),
        lambda m: m.alter_column_type("t", "a", IntegerField()),
        setup=setup,
    )
    database.migrations.up(to="20240101_000001_change")
    assert values(database, "SELECT a, typeof(a), b FROM t") == [("5", "text", "x")]
    database.register_models([])
    assert values(database, "SELECT rowid, a, b FROM t") == [(5, 5, "x")]


def test_no_key_is_invented(sqlite_place: Place):
    setup = "CREATE TABLE t (a INT PRIMARY KEY, b TEXT);\nINSERT INTO t VALUES (NULL, 'x'), (5, 'y');\n"
    error = refused(sqlite_place, lambda m: m.alter_column_type("t", "a", IntegerField()), setup)
    assert "1 row holds NULL" in error.problem


def test_names_with_a_dot_are_names(sqlite_place: Place):
    def up(m: Migrator) -> None:
        m.add_index("t.u", ("a.b",))
        m.add_index("t.u", ("a.b",), name="some", where=SQL('"a.b" > 5'))
        m.drop_index("t.u", "t.u_a.b")
        m.rename_table("t.u", "v.w")
        m.drop_table("v.w")

    database = opened(sqlite_place, up, setup='CREATE TABLE "t.u" ("a.b" INT);\n')
    assert database.register_models([]).applied


def test_an_old_orphan_whose_type_changes_is_still_the_old_one(sqlite_place: Place):
    setup = """
PRAGMA foreign_keys = 0;
CREATE TABLE p (code TEXT UNIQUE);
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT REFERENCES p (code));
INSERT INTO t VALUES (1, '77');
PRAGMA foreign_keys = 1;
"""
    database = opened(sqlite_place, lambda m: m.alter_column_type("t", "a", FloatField(null=True)), setup=setup)
    assert database.register_models([]).applied
    assert values(database, "SELECT a FROM t") == [77.0]


def test_a_key_to_what_is_not_unique_is_refused_with_the_way_out(sqlite_place: Place):
    setup = SETUP.replace("name TEXT NOT NULL UNIQUE", "name TEXT NOT NULL")
    error = refused(sqlite_place, lambda m: m.add_foreign_key_constraint("person", "note", "city", "name"), setup)
    assert "add_unique" in error.advice


USED = {
    "an index over several columns": ("age", True, "index by_age_and_town"),
    "an index of its own": ("email", False, "index person_email"),
    "a CHECK of its own": ("age", False, "CHECK (age > 0)"),
    "a CHECK of the table": ("email", False, 'CONSTRAINT "short" CHECK (length(email) < 100)'),
    "a trigger elsewhere": ("note", True, "trigger ape"),
    "a view": ("email", True, "view adults"),
    "a key of another table": ("id", True, "foreign key pet (person_id)"),
    "the primary key": ("id", True, "PRIMARY KEY"),
}


@pytest.mark.parametrize(("column", "cascade", "user"), USED.values(), ids=USED)
def test_a_column_that_is_used_is_not_dropped_and_all_that_use_it_are_named(
    sqlite_place: Place, column: str, cascade: bool, user: str
):
    error = refused(sqlite_place, lambda m: m.drop_column("person", column, cascade=cascade))
    assert user in error.problem


def test_cascade_drops_what_is_the_columns_own_and_keeps_the_rest(sqlite_place: Place):
    setup = SETUP.replace("CREATE VIEW adults AS SELECT id, email FROM person WHERE age >= 18;\n", "")
    database = opened(sqlite_place, lambda m: m.drop_column("person", "email", cascade=True), setup=setup)
    database.register_models([])
    assert text(database) == (
        'CREATE TABLE "person" (\n    "id" INTEGER PRIMARY KEY AUTOINCREMENT, -- never the same twice\n'
        '    /* lower case, please */\n    "age" INTEGER CHECK (age > 0),\n    "note" TEXT DEFAULT \'NOT NULL\',\n'
        '    "town" INTEGER\n)'
    )
    assert [index.name for index in database.get_indexes("person")] == ["by_age_and_town"]
    assert values(database, "SELECT * FROM person WHERE id = 1") == [(1, 30, "has a pet", 1)]


def test_all_that_uses_a_column_is_named_at_once_with_what_to_do_about_each(sqlite_place: Place):
    error = refused(sqlite_place, lambda m: m.drop_column("person", "age"))
    for words in ("index by_age_and_town", "CHECK (age > 0)", "view adults"):
        assert words in error.problem
    for remedy in ("drop_index('person', 'by_age_and_town')", "DROP VIEW adults", "cascade=True"):
        assert remedy in error.advice


@pytest.mark.parametrize("constraint", [Check("agee > 0"), SQL('CHECK ("agee" > 0)'), Check("typeof(aeg) = 'x'")])
def test_a_check_of_a_column_that_is_not_there_is_refused(sqlite_place: Place, constraint: Any):
    """In double quotes SQLite takes the name for a text, and the CHECK is always true."""
    error = refused(sqlite_place, lambda m: m.add_constraint("person", "c", constraint))
    assert "no column a" in error.problem
    assert error.advice == "did you mean age?"


def test_a_check_that_sqlite_cannot_compile_is_an_error_of_ours(sqlite_place: Place):
    assert "no such function" in refused(
        sqlite_place, lambda m: m.add_constraint("person", "c", Check("nofunction(age)"))
    ).problem  # fmt: skip


def test_a_trigger_on_update_of_a_column_is_named_too(sqlite_place: Place):
    setup = SETUP + "CREATE TRIGGER watch AFTER UPDATE OF town ON person BEGIN SELECT 1; END;\n"
    error = refused(sqlite_place, lambda m: m.drop_column("person", "town", cascade=True), setup)
    assert "trigger watch" in error.problem


@pytest.mark.parametrize("unique", ["", " UNIQUE"])
@pytest.mark.parametrize(
    "user",
    [
        'CREATE VIEW said AS SELECT "a" FROM t',
        'CREATE TRIGGER said AFTER INSERT ON o BEGIN UPDATE t SET b = 1 WHERE "a" = 1; END',
        'CREATE VIEW every AS SELECT * FROM t;\nCREATE VIEW said AS SELECT "a" FROM every',
    ],
)
def test_a_name_in_double_quotes_does_not_silently_become_a_text(sqlite_place: Place, user: str, unique: str):
    """`"a"` is the column, and the text 'a' as soon as there is no such column: nothing fails to compile."""
    setup = f"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT{unique}, b INT);\nCREATE TABLE o (x);\n{user};\n"
    error = refused(sqlite_place, lambda m: m.drop_column("t", "a", cascade=True), setup)
    assert f"{'trigger' if 'TRIGGER' in user else 'view'} said" in error.problem


def test_the_predicate_of_an_index_may_be_peewees(sqlite_place: Place):
    person = Table("person")
    database = opened(
        sqlite_place,
        lambda m: m.add_index("person", ("note",), where=(person.c.age == 30) & (person.c.note != "it's"), name="some"),
    )
    database.register_models([])
    assert text(database, "some").endswith("""WHERE (("age" = 30) AND ("note" != 'it''s'))""")
    assert "no column agee" in refused(
        Place(sqlite_place.kind, sqlite_place.url.replace("app.db", "other.db")),
        lambda m: m.add_index("person", ("note",), where=person.c.agee == 30),
    ).problem  # fmt: skip


def test_an_index_does_not_come_to_stand_on_a_text(sqlite_place: Place):
    def up(m: Migrator) -> None:
        with m.alter_table("t") as t:
            t.rename_column("a", "z")
            t.drop_column("z", cascade=True)
            t.drop_column("b")

    setup = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT, c INT);
CREATE INDEX "by a" ON t ("a");
CREATE INDEX by_c ON t (c);
"""
    database = opened(sqlite_place, up, setup=setup)
    database.register_models([])
    assert [index.name for index in database.get_indexes("t")] == ["by_c"]


@pytest.mark.parametrize(
    "hiding", ["CREATE TEMP VIEW person AS SELECT * FROM main.person WHERE 0", "CREATE TEMP TABLE person (a)"]
)
def test_a_temporary_table_or_view_of_the_same_name_is_not_taken_for_the_table(sqlite_place: Place, hiding: str):
    for number, up in enumerate((
        lambda m: m.add_not_null("person", "note"),
        lambda m: m.drop_table("person"),
        lambda m: m.add_column("person", "x", TextField(default="")),
    )):  # fmt: skip
        place = Place(sqlite_place.kind, sqlite_place.url.replace("app.db", f"{number}.db"))
        database = opened(place, up)
        database.execute_sql(hiding)
        with pytest.raises(MigrationFailed, match="hides the table"):
            database.register_models([])
        database.execute_sql(f"DROP {hiding.split()[2]} temp.person")
        assert [column.name for column in database.get_columns("person")] == ["id", "email", "age", "note", "town"]
        database.close()


@pytest.mark.parametrize("hiding", ["CREATE TEMP VIEW free AS SELECT 1 AS a", "CREATE TEMP TABLE free (number)"])
def test_a_column_and_an_index_are_added_to_the_table_that_is_hidden(sqlite_place: Place, hiding: str):
    def up(m: Migrator) -> None:
        m.add_column("free", "x", TextField(null=True))
        m.add_index("free", ("number",))

    database = opened(sqlite_place, up)
    database.execute_sql(hiding)
    database.register_models([])
    assert [column.name for column in database.get_columns("free", schema="main")] == ["number", "x"]
    assert values(database, "SELECT tbl_name FROM main.sqlite_master WHERE name = 'free_number'") == ["free"]


@pytest.mark.parametrize(
    "user",
    [
        "CREATE TRIGGER put AFTER INSERT ON log BEGIN INSERT INTO free VALUES (1); END",
        "CREATE VIEW both AS SELECT * FROM free UNION ALL SELECT 1",
    ],
)
def test_a_batch_does_not_leave_a_view_or_trigger_that_does_not_compile(sqlite_place: Place, user: str):
    def up(m: Migrator) -> None:
        m.add_column("free", "x", TextField(null=True))

    name = "trigger put" if "TRIGGER" in user else "view both"
    setup = SETUP + user + ";\n"
    database = opened(sqlite_place, up, setup=setup)
    before = all_of(database)
    with pytest.raises(IntegrityCheckFailed, match=name):
        database.register_models([])
    assert all_of(database) == before

    def mends(m: Migrator) -> None:
        up(m)
        m.sql(f"DROP {name}")

    again = Place(sqlite_place.kind, sqlite_place.url.replace("app.db", "again.db"))
    assert opened(again, mends, setup=setup).register_models([]).applied


def test_what_would_not_follow_a_rename_is_named(sqlite_place: Place):
    setup = SETUP + (
        "CREATE VIEW every AS SELECT * FROM person;\n"
        "CREATE TRIGGER watch INSTEAD OF UPDATE OF town ON every BEGIN SELECT 1; END;\n"
    )
    assert "trigger watch" in refused(sqlite_place, lambda m: m.rename_column("person", "town", "city"), setup).problem


def test_an_external_index_is_not_left_without_its_content(sqlite_place: Place):
    setup = SETUP + "CREATE VIRTUAL TABLE found USING fts5(email, content='person', content_rowid='id');\n"
    for number, up in enumerate((
        lambda m: m.rename_table("person", "people"),
        lambda m: m.rename_column("person", "email", "mail"),
        lambda m: m.drop_column("person", "email", cascade=True),
    )):  # fmt: skip
        place = Place(sqlite_place.kind, sqlite_place.url.replace("app.db", f"{number}.db"))
        assert "table found" in refused(place, up, setup).problem


def test_rows_that_violated_a_check_before_do_not_block_another_change(sqlite_place: Place):
    setup = """
CREATE TABLE t (a INT CHECK (a > 0), b INT);
PRAGMA ignore_check_constraints = 1;
INSERT INTO t VALUES (-1, 5), (2, 6);
PRAGMA ignore_check_constraints = 0;
"""
    database = opened(sqlite_place, lambda m: m.add_column_default("t", "b", 1), setup=setup)
    database.register_models([])
    assert values(database, "SELECT a, b FROM t") == [(-1, 5), (2, 6)]


def test_an_old_violation_does_not_hide_what_is_new(sqlite_place: Place):
    setup = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a INT CHECK (a > 0), b TEXT UNIQUE);
PRAGMA ignore_check_constraints = 1;
INSERT INTO t VALUES (1, -1, '1'), (2, 2, '01');
PRAGMA ignore_check_constraints = 0;
"""
    error = refused(sqlite_place, lambda m: m.alter_column_type("t", "b", IntegerField(null=True)), setup)
    assert isinstance(error, IntegrityCheckFailed)


def test_a_table_that_sqlites_check_takes_for_damaged_is_no_matter(sqlite_place: Place):
    """3.40 sees NULL where there is none, in a table WITHOUT ROWID whose key does not come first."""
    setup = (
        "CREATE TABLE t (b TEXT NOT NULL, o TEXT, PRIMARY KEY (o)) WITHOUT ROWID;\nINSERT INTO t VALUES ('x', 'y');\n"
    )
    database = opened(sqlite_place, lambda m: m.rename_table("t", "u"), setup=setup)
    assert database.register_models([]).applied


def test_names_in_double_quotes_that_mean_something_else_are_no_matter(sqlite_place: Place):
    setup = SETUP.replace("UPDATE person SET note = 'has a pet' WHERE id = new.person_id", "SELECT 1") + (
        'CREATE TABLE other ("note" TEXT);\n'
        'CREATE VIEW named AS SELECT "o"."note" AS "note" FROM person JOIN other AS "o";\n'
        'CREATE TRIGGER puts AFTER DELETE ON person BEGIN INSERT INTO "other" ("note") VALUES (\'x\'); END;\n'
        'CREATE TRIGGER sets AFTER DELETE ON person BEGIN UPDATE "other" SET "note" = 1; END;\n'
    )
    database = opened(sqlite_place, lambda m: m.drop_column("person", "note", cascade=True), setup=setup)
    database.register_models([])
    assert "note" not in [column.name for column in database.get_columns("person")]


def test_an_infinite_default_is_a_number(sqlite_place: Place):
    def up(m: Migrator) -> None:
        m.add_column("free", "most", FloatField(default=float("inf")))
        m.add_column_default("free", "number", float("-inf"))

    database = opened(sqlite_place, up)
    database.register_models([])
    database.execute_sql("INSERT INTO free (most) VALUES (1)")
    assert values(database, "SELECT most FROM free") == [float("inf")] * 2 + [1.0]
    assert values(database, "SELECT number FROM free WHERE most = 1") == [float("-inf")]


def test_a_table_that_a_view_needs_is_not_dropped(sqlite_place: Place):
    error = refused(sqlite_place, lambda m: [m.drop_table("pet"), m.drop_table("person")])
    assert "view adults" in error.problem


def test_a_rename_that_would_break_a_trigger_is_refused(sqlite_place: Place):
    setup = SETUP + (
        "CREATE TRIGGER put INSTEAD OF INSERT ON adults BEGIN INSERT INTO person (email) VALUES (new.email); END;\n"
    )
    assert "trigger put" in refused(sqlite_place, lambda m: m.rename_column("person", "email", "mail"), setup).problem


def test_a_constraint_is_found_by_its_name_or_its_columns_and_never_guessed(sqlite_place: Place):
    setup = """
CREATE TABLE t (a INT UNIQUE, b INT, c INT CHECK (c > 0), UNIQUE (b, a), CHECK (a < b), CHECK (b > a));
INSERT INTO t VALUES (1, 2, 3);
"""
    error = refused(sqlite_place, lambda m: m.drop_constraint("t", columns=("a", "b")), setup)
    assert "more than one constraint" in error.problem
    for change, gone in {
        lambda m: m.drop_constraint("t", columns=("a", "b"), constraint=Check("b > a")): ", CHECK (b > a)",
        lambda m: m.drop_constraint("t", columns=("c",)): " CHECK (c > 0)",
        lambda m: m.drop_constraint("t", "uniq_b_a"): ", UNIQUE (b, a)",
        lambda m: m.drop_constraint("t", "any", constraint=Check("a<b")): ", CHECK (a < b)",
    }.items():
        place = Place(sqlite_place.kind, sqlite_place.url.replace("app.db", f"{id(change)}.db"))
        database = opened(place, change, setup=setup)
        before = text(database, "t")
        database.register_models([])
        assert text(database, "t") == before.replace(gone, "")
        database.close()


def test_an_operation_that_was_refused_and_caught_has_left_nothing(sqlite_place: Place):
    """A migration may go on behind a refusal; nothing of what was refused may then be committed."""

    def up(m: Migrator) -> None:
        for change in (
            lambda: m.add_not_null("person", "note"),
            lambda: m.add_foreign_key_constraint("pet", "id", "city", "id"),
            lambda: m.drop_column("person", "note", cascade=True),
            lambda: m.add_column("person", "token", IntegerField(default=1, unique=True)),
            lambda: m.alter_column_type("pet", "person_id", IntegerField(), cast="1"),
        ):
            with pytest.raises((UnsupportedOperation, IntegrityCheckFailed)):
                change()

    database = opened(sqlite_place, up)
    before = all_of(database)
    assert database.register_models([]).applied
    assert all_of(database) == before
