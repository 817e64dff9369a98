"""Taking migrations back: derived from `up`, or as written, and named before anything is touched if impossible."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import pytest
from peewee import AutoField, BooleanField, CharField, Check, DateTimeField, ForeignKeyField, IntegerField, TextField
from places import Place
from snapshot import HISTORY, rows, schema, snapshot

from ormmigrate import (
    BaseMigration,
    ConfigurationError,
    Database,
    DatabaseAhead,
    IrreversibleMigration,
    MigrationFailed,
    UnknownMigration,
    UnsupportedOperation,
    reference,
)


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table(
            "person",
            {
                "id": AutoField(),
                "name": CharField(),
                "age": IntegerField(null=True),
                "note": TextField(null=True),
                "city": CharField(null=True, index=True),
            },
        )
        migrator.create_table(
            "thing", {"id": AutoField(), "owner": IntegerField(null=True), "word": CharField(null=True)}
        )
        migrator.sql("INSERT INTO person (name, age) VALUES ('Ann', 30), ('Bob', 40)", reverse="DELETE FROM person")
        migrator.sql("INSERT INTO thing (owner, word) VALUES (1, 'pen')", reverse="DELETE FROM thing")


def grouped(migrator):
    with migrator.alter_table("person") as person:
        person.add_column("bio", TextField(null=True))
        person.rename_column("age", "years")
        person.drop_not_null("name")


REVERSIBLE = {
    "create_table": lambda m: m.create_table(
        "tag", {"id": AutoField(), "person": ForeignKeyField(reference("person"))}
    ),
    "drop_table": lambda m: m.drop_table(
        "thing",
        columns={"id": AutoField(), "owner": IntegerField(null=True), "word": CharField(null=True)},
    ),
    "rename_table": lambda m: m.rename_table("thing", "object"),
    "add_column": lambda m: m.add_column("person", "bio", TextField(null=True)),
    "add_column not null": lambda m: m.add_column("person", "active", BooleanField(default=True)),
    "add_column unique": lambda m: m.add_column("person", "code", IntegerField(null=True, unique=True)),
    "add_column foreign key": lambda m: m.add_column(
        "thing", "person_id", ForeignKeyField(reference("person"), null=True, on_delete="SET NULL")
    ),
    # The last column of its table: one that comes back stands at the end.
    "drop_column": lambda m: m.drop_column("thing", "word", field=CharField(null=True)),
    "drop_column with its index": lambda m: m.drop_column("person", "city", field=CharField(null=True, index=True)),
    "rename_column": lambda m: m.rename_column("person", "age", "years"),
    "alter_column_type": lambda m: m.alter_column_type("person", "name", TextField(), replaces=CharField()),
    "add_not_null": lambda m: m.add_not_null("person", "age"),
    "drop_not_null": lambda m: m.drop_not_null("person", "name"),
    "add_column_default": lambda m: m.add_column_default("person", "age", 5),
    "add_index": lambda m: m.add_index("person", ("name", "age"), unique=True),
    "add_index named": lambda m: m.add_index("person", ("name",), name="by_name"),
    "drop_index": lambda m: m.drop_index("person", "person_city", columns=("city",)),
    "alter_table": grouped,
    "sql": lambda m: m.sql("CREATE TABLE extra (x INT)", reverse="DROP TABLE extra"),
    "script": lambda m: m.script(
        "CREATE TABLE extra (x INT); CREATE TABLE more (y INT);", reverse="DROP TABLE more; DROP TABLE extra;"
    ),
    "run": lambda m: m.run(
        lambda m: m.sql("UPDATE person SET note = 'x'"), lambda m: m.sql("UPDATE person SET note = NULL")
    ),
}
ON_SERVERS = {
    "add_constraint": lambda m: m.add_constraint("person", "age_is_real", Check("age >= 0")),
    "add_unique": lambda m: m.add_unique("person", "name", "age"),
    "add_foreign_key_constraint": lambda m: m.add_foreign_key_constraint("thing", "owner", "person", "id", "CASCADE"),
}


def migrated(place: Place, change) -> Database:
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            change(migrator)

    first = place.database([Create])
    first.register_models([])
    first.connect(reuse_if_open=True)
    return Database(first.obj, migrations=[Create, Change])


@pytest.mark.parametrize("change", REVERSIBLE.values(), ids=REVERSIBLE)
def test_down_is_derived_and_the_schema_is_identical(place: Place, change):
    check_there_and_back(place, change)


@pytest.mark.parametrize("change", ON_SERVERS.values(), ids=ON_SERVERS)
def test_down_of_a_constraint_is_derived_on_servers(server_place: Place, change):
    check_there_and_back(server_place, change)


@pytest.mark.parametrize("change", ON_SERVERS.values(), ids=ON_SERVERS)
def test_a_constraint_that_sqlite_cannot_add_is_refused_and_nothing_changed(file_place: Place, change):
    if sqlite3.sqlite_version_info >= (3, 53) and change is ON_SERVERS["add_constraint"]:
        pytest.skip("this SQLite can add a CHECK")
    database = migrated(file_place, change)
    before = snapshot(database)
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert isinstance(caught.value.__cause__, UnsupportedOperation)
    assert snapshot(database) == before


def check_there_and_back(place: Place, change) -> None:
    """Up and down again: the schema is as it was, and so are the rows; and it goes up once more."""
    database = migrated(place, change)
    before = snapshot(database, without=(HISTORY,))
    assert database.register_models([]).applied
    assert snapshot(database, without=(HISTORY,)) != before
    report = database.migrations.down()

    assert report.reverted == ("20240102_000000_change",)
    assert schema(database, without=(HISTORY,)) == before["schema"]
    kept = rows(database, without=(HISTORY, "thing"))
    assert kept == {name: values for name, values in before["rows"].items() if name != "thing"}
    assert [status.state for status in database.migrations.status().migrations] == ["applied", "pending"]
    assert database.register_models([]).applied == ("20240102_000000_change",)


def test_all_the_way_down_leaves_nothing_but_the_history(place: Place):
    database = migrated(place, lambda m: m.add_column("person", "bio", TextField(null=True)))
    database.register_models([])
    assert database.migrations.down_all().reverted == ("20240102_000000_change", Create.id)
    assert database.get_tables() == [HISTORY]


IRREVERSIBLE = {
    "drop_table": (lambda m: m.drop_table("thing"), "drop the table thing", "columns="),
    "drop_column": (lambda m: m.drop_column("person", "note"), "drop the column person.note", "field="),
    "alter_column_type": (lambda m: m.alter_column_type("person", "name", TextField()), "person.name", "replaces="),
    "drop_index": (lambda m: m.drop_index("person", "person_city"), "person_city", "columns="),
    "sql": (lambda m: m.sql("UPDATE person SET note = 'x'"), "UPDATE person", "reverse="),
    "script": (lambda m: m.script("UPDATE person SET note = 'x';"), "UPDATE person", "reverse="),
    "run": (lambda m: m.run(lambda m: None), "run the function", "reverse="),
}


@pytest.mark.parametrize(("change", "culprit", "advice"), IRREVERSIBLE.values(), ids=IRREVERSIBLE)
def test_an_irreversible_operation_is_named_before_anything_is_touched(place: Place, change, culprit, advice):
    def both(migrator):
        migrator.add_column("person", "bio", TextField(null=True))
        change(migrator)

    database = migrated(place, both)
    database.register_models([])
    before = snapshot(database)
    with pytest.raises(IrreversibleMigration) as caught:
        database.migrations.down()
    assert culprit in caught.value.operation
    assert advice in caught.value.advice
    assert snapshot(database) == before


def test_an_up_that_queries_is_refused_without_having_changed_anything(place: Place):
    def queries(migrator):
        migrator.add_column("person", "bio", TextField(null=True))
        person = migrator.table("person")
        person.update(bio="x").execute()

    database = migrated(place, queries)
    database.register_models([])
    before = snapshot(database)
    with pytest.raises(IrreversibleMigration, match=r"migrator\.run"):
        database.migrations.down()
    assert snapshot(database) == before


def test_a_query_that_up_swallows_is_noticed_all_the_same(place: Place):
    def swallows(migrator):
        migrator.add_column("person", "bio", TextField(null=True))
        try:
            migrator.database.execute_sql("UPDATE person SET bio = 'x'")
        except Exception:
            migrator.database.close()

    database = migrated(place, lambda m: m.add_column("person", "bio", TextField(null=True)))
    database.register_models([])

    class Swallows(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            swallows(migrator)

    before = snapshot(database)
    with pytest.raises(IrreversibleMigration):
        Database(database.obj, migrations=[Create, Swallows], environment="development").migrations.down()
    assert snapshot(database) == before


def test_a_written_down_is_used(place: Place):
    class Written(BaseMigration):
        id = "20240102_000000_written"

        def up(self, migrator):
            migrator.sql("UPDATE person SET note = name")

        def down(self, migrator):
            migrator.sql("UPDATE person SET note = NULL")

    first = place.database([Create])
    first.register_models([])
    database = Database(first.obj, migrations=[Create, Written])
    database.register_models([])
    database.connect(reuse_if_open=True)
    assert database.execute_sql("SELECT count(note) FROM person").fetchone() == (2,)
    database.migrations.down()
    assert database.execute_sql("SELECT count(note) FROM person").fetchone() == (0,)


class Step(BaseMigration):
    table = ""

    def up(self, migrator):
        migrator.create_table(self.table, {"id": AutoField()})


class A(Step):
    id, table = "20240201_000000_a", "a"


class B(Step):
    id, table = "20240202_000000_b", "b"


class C(Step):
    id, table = "20240203_000000_c", "c"


def three(place: Place) -> Database:
    database = place.database([A, B, C])
    database.register_models([])
    database.connect(reuse_if_open=True)
    return database


def test_down_takes_back_the_last_one_by_default(place: Place):
    database = three(place)
    assert database.migrations.down().reverted == (C.id,)
    assert database.get_tables() == ["a", "b", HISTORY]


def test_down_steps_to_only_and_batch(place: Place):
    database = three(place)
    runner = database.migrations
    assert runner.down(2).reverted == (C.id, B.id)
    runner.up()
    assert runner.down(to=A.id).reverted == (C.id, B.id)
    runner.up(to=B.id)
    assert runner.down(only=B.id).reverted == (B.id,)
    runner.up()
    assert runner.down_batch().reverted == (C.id, B.id)


def test_down_only_is_refused_with_the_list_when_later_ones_are_applied(place: Place):
    database = three(place)
    with pytest.raises(ConfigurationError, match=rf"{B.id}, {C.id}"):
        database.migrations.down(only=A.id)
    assert database.get_tables() == ["a", "b", "c", HISTORY]


def test_down_goes_back_in_the_reverse_of_the_order_of_application(place: Place):
    database = place.database([A, C], environment="development")
    database.register_models([])
    late = Database(database.obj, migrations=[A, B, C], environment="development")
    assert late.register_models([]).applied == (B.id,)
    assert late.migrations.down(3).reverted == (B.id, C.id, A.id)


def test_down_over_a_migration_that_the_program_does_not_have_is_refused(place: Place):
    database = three(place)
    lacking = Database(database.obj, migrations=[A, B])
    with pytest.raises(DatabaseAhead, match=C.id):
        lacking.migrations.down()
    assert database.get_tables() == ["a", "b", "c", HISTORY]


def test_unknown_ids_are_refused_with_the_nearest_one(place: Place):
    runner = three(place).migrations
    for call in (lambda: runner.up(to="20240203_000000_d"), lambda: runner.down(to="20240203_000000_d")):
        with pytest.raises(UnknownMigration, match=C.id):
            call()


def test_down_with_nothing_applied_changes_nothing(place: Place):
    database = place.database([A])
    assert not database.migrations.down()
    assert not database.migrations.down_batch()
    assert not database.migrations.down_all()


def test_a_table_that_was_adopted_stays(place: Place):
    database = place.database([A])
    database.connect()
    database.execute_sql("CREATE TABLE other (x INT)")
    first = Database(database.obj, migrations=[])

    class Existing(database.Model):
        class Meta:
            table_name = "a"

    first.initialize(database.obj)
    Existing.create_table()
    Existing.insert_many([{}, {}]).execute() if False else database.execute_sql("INSERT INTO a (id) VALUES (1), (2)")
    assert database.register_models([]).applied == (A.id,)
    database.migrations.down()
    assert database.execute_sql("SELECT count(*) FROM a").fetchone() == (2,)


def test_a_default_is_dropped_and_set_again(place: Place):
    database = migrated(place, lambda m: m.drop_column_default("thing", "size", default=3))
    database.execute_sql("ALTER TABLE thing ADD COLUMN size INT DEFAULT 3")
    before = schema(database, without=(HISTORY,))
    database.register_models([])
    assert schema(database, without=(HISTORY,)) != before
    database.migrations.down()
    assert schema(database, without=(HISTORY,)) == before


def test_a_failing_reverse_is_named(transactional_place: Place):
    database = migrated(
        transactional_place, lambda m: m.sql("UPDATE person SET age = 1", reverse="UPDATE nobody SET age = 2")
    )
    database.register_models([])
    with pytest.raises(MigrationFailed, match="UPDATE nobody"):
        database.migrations.down()


DEFAULTS = {
    "a number": (IntegerField, 5, 5),
    "a truth value": (BooleanField, False, False),
    "a text": (CharField, 'it\'s 100 % "x"', 'it\'s 100 % "x"'),
    "a text that looks like a number": (CharField, "007", "007"),
    "a moment": (DateTimeField, datetime(2024, 1, 2, 3, 4, 5), datetime(2024, 1, 2, 3, 4, 5)),
    "an expression": (CharField, "'light'", "light"),
}


@pytest.mark.parametrize(("kind", "default", "stored"), DEFAULTS.values(), ids=DEFAULTS)
def test_a_default_of_the_database_is_what_was_said(place: Place, kind, default, stored):
    database = migrated(place, lambda m: m.add_column_default("person", "extra", default))

    class Extra(BaseMigration):
        id = "20240101_120000_extra"

        def up(self, migrator):
            migrator.add_column("person", "extra", kind(null=True))

    database = Database(database.obj, migrations=[Create, Extra, *database.migrations.registries.migrations[1:]])
    database.register_models([])
    database.execute_sql("INSERT INTO person (name) VALUES ('new')")

    class Person(database.Model):
        name = CharField()
        extra = kind(null=True)

    assert Person.get(Person.name == "new").extra == stored
    assert Person.get(Person.name == "Ann").extra is None
