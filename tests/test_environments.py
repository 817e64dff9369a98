"""The matrix of environments, cell by cell, through register_models on a real database."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from making import assert_helps, migration
from peewee import AutoField, CharField, IntegerField, TextField
from places import Place
from snapshot import HISTORY, rows, snapshot

from ormmigrate import (
    BaseMigration,
    ChecksumMismatch,
    ConfigurationError,
    Database,
    DatabaseAhead,
    HistoryError,
    IntegrityCheckFailed,
    OutOfOrder,
    Runner,
)

ENVIRONMENTS = ("development", "test", "production")


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("user", {"id": AutoField(), "email": CharField(unique=True)})
        migrator.table("user").insert_many([{"email": f"{number}@example.org"} for number in range(20)]).execute()


class Edited(BaseMigration):
    """The same migration after somebody edited it."""

    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("user", {"id": AutoField(), "email": CharField(unique=True), "name": TextField()})


class Between(BaseMigration):
    id = "20240102_000000_between"

    def up(self, migrator):
        migrator.add_column("user", "city", TextField(null=True))


class Later(BaseMigration):
    id = "20240103_000000_later"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))


class Last(BaseMigration):
    id = "20240104_000000_last"

    def up(self, migrator):
        migrator.add_column("user", "age", IntegerField(null=True))


def started(place: Place, *migrations: type[BaseMigration]) -> Database:
    """A database in which those were applied, with its connection open."""
    database = place.database(migrations)
    database.connect()
    database.register_models([])
    return database


def again(database: Database, *migrations: type[BaseMigration], **options: object) -> Database:
    """The next version of the application, on the same connection."""
    return Database(database.obj, migrations=migrations, **options)


def columns(database: Database) -> list[str]:
    return [column.name for column in database.get_columns("user")]


def assert_refused(database: Database, error: type[HistoryError], *culprits: str) -> None:
    before = snapshot(database)
    with pytest.raises(error) as caught:
        database.register_models([])
    assert_helps(caught.value, *culprits)
    assert snapshot(database) == before


# -- the history --------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["development", "test"])
def test_a_changed_migration_is_a_warning_outside_production(
    place: Place, environment: str, caplog: pytest.LogCaptureFixture
):
    database = again(started(place, Create), Edited, Later, environment=environment)
    report = database.register_models([])
    assert report.applied == (Later.id,)
    (warning,) = report.warnings
    assert Create.id in warning
    assert f"accept {Create.id}" in warning
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [warning]
    assert "bio" in columns(database)
    assert "name" not in columns(database)


def test_a_changed_migration_is_an_error_in_production(place: Place):
    database = again(started(place, Create), Edited, Later, environment="production")
    assert_refused(database, ChecksumMismatch, Create.id)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_start_with_nothing_pending_compares_no_checksums(place: Place, environment: str):
    database = again(started(place, Create), Edited, environment=environment)
    report = database.register_models([])
    assert not report
    assert report.warnings == ()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_unchanged_migration_is_no_matter(place: Place, environment: str):
    report = again(started(place, Create), Create, Later, environment=environment).register_models([])
    assert report.applied == (Later.id,)
    assert report.warnings == ()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_changed_migration_that_was_accepted_is_no_matter(place: Place, environment: str):
    database = again(started(place, Create), Edited, Later, environment=environment)
    database.migrations.accept(Create.id)
    assert database.register_models([]).warnings == ()


@pytest.mark.parametrize("environment", ["development", "test"])
def test_out_of_order_is_allowed_outside_production(place: Place, environment: str):
    database = again(started(place, Create, Later), Create, Between, Later, Last, environment=environment)
    report = database.register_models([])
    assert report.applied == (Between.id, Last.id)
    assert report.warnings == ()
    assert columns(database) == ["id", "email", "bio", "city", "age"]


def test_out_of_order_is_an_error_in_production(place: Place):
    database = again(started(place, Create, Later), Create, Between, Later, Last, environment="production")
    assert_refused(database, OutOfOrder, Between.id, Later.id)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_database_that_is_ahead_is_an_error_everywhere(place: Place, environment: str):
    database = started(place, Create, Later)
    assert_refused(again(database, Create, environment=environment), DatabaseAhead, Later.id)
    assert_refused(again(database, Create, Last, environment=environment), DatabaseAhead, Later.id)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_wrong_refuses_the_missing_tables_as_well(place: Place, environment: str):
    database = again(started(place, Create, Later), Create, environment=environment)

    class Extra(database.Model):
        word = CharField()

    before = snapshot(database)
    with pytest.raises(DatabaseAhead):
        database.register_models([Extra])
    assert snapshot(database) == before


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_wrong_refuses_the_way_down_as_well(place: Place, environment: str):
    database = again(started(place, Create, Later), Create, environment=environment)
    before = snapshot(database)
    with pytest.raises(DatabaseAhead):
        database.migrations.down()
    assert snapshot(database) == before


# -- which environment --------------------------------------------------------------------------


def environment_of(**options: object) -> str:
    return Database("sqlite:///:memory:", **options).migrations.environment.name


def test_production_is_what_nobody_has_to_ask_for():
    assert environment_of() == "production"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_variable_chooses_and_the_argument_beats_it(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORMMIGRATE_ENV", name)
    assert environment_of() == name
    for argument in ENVIRONMENTS:
        assert environment_of(environment=argument) == argument


def test_an_empty_variable_chooses_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ORMMIGRATE_ENV", "")
    assert environment_of() == "production"


def test_the_variable_decides_what_a_changed_migration_comes_to(file_place: Place, monkeypatch: pytest.MonkeyPatch):
    database = started(file_place, Create)
    monkeypatch.setenv("ORMMIGRATE_ENV", "production")
    assert_refused(again(database, Edited, Later), ChecksumMismatch, Create.id)
    monkeypatch.setenv("ORMMIGRATE_ENV", "development")
    assert_refused(again(database, Edited, Later, environment="production"), ChecksumMismatch, Create.id)
    assert again(database, Edited, Later).register_models([]).warnings


@pytest.mark.parametrize("name", ["staging", "Production", "prod", " production", "dev"])
def test_an_unknown_environment_is_refused(name: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigurationError) as caught:
        Database("sqlite:///:memory:", environment=name)
    assert_helps(caught.value, repr(name), "environment=")
    assert "development, test or production" in caught.value.advice
    monkeypatch.setenv("ORMMIGRATE_ENV", name)
    with pytest.raises(ConfigurationError) as caught:
        Runner(Database("sqlite:///:memory:", environment="test"), [])
    assert_helps(caught.value, repr(name), "ORMMIGRATE_ENV")


def test_an_environment_that_is_no_text_is_refused():
    for name in (5, ["test"], object()):
        with pytest.raises(ConfigurationError) as caught:
            Database("sqlite:///:memory:", environment=name)
        assert_helps(caught.value, repr(name))


# -- models against tables ----------------------------------------------------------------------


def model_that_differs(database: Database) -> type:
    class User(database.Model):
        email = CharField(unique=True)
        shoe_size = IntegerField()

    return User


def model_that_fits(database: Database) -> type:
    class User(database.Model):
        email = CharField(unique=True)

    return User


def test_development_warns_once_of_a_model_that_differs_with_the_command(
    place: Place, caplog: pytest.LogCaptureFixture
):
    database = again(started(place, Create), Create, Later, environment="development")
    user = model_that_differs(database)
    before = rows(database, without=(HISTORY,))
    report = database.register_models([user])
    (warning,) = report.warnings
    assert "user" in warning
    assert "shoe_size" in warning
    assert "python -m ormmigrate new" in warning
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [warning]
    assert database.execute_sql(f"SELECT count(*) FROM {HISTORY} WHERE migration = '{Later.id}'").fetchone() == (1,)
    assert rows(database, without=(HISTORY,)).keys() == before.keys()

    caplog.clear()
    assert database.register_models([user]).warnings == ()
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


def test_development_compares_models_that_are_registered_later(file_place: Place):
    database = file_place.database(environment="development")
    database.execute_sql("CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY)")
    database.execute_sql("CREATE TABLE b (id INTEGER NOT NULL PRIMARY KEY)")

    class A(database.Model):
        pass

    class B(database.Model):
        more = CharField(null=True)

    assert database.register_models([A]).warnings == ()
    (warning,) = database.register_models([B]).warnings
    assert "b.more" in warning


def test_development_warns_where_nothing_is_pending_as_well(place: Place):
    database = again(started(place, Create), Create, environment="development")
    report = database.register_models([model_that_differs(database)])
    assert not report
    assert len(report.warnings) == 1


def test_in_test_a_model_that_differs_is_an_error_each_time(place: Place):
    database = again(started(place, Create), Create, environment="test")
    user = model_that_differs(database)
    before = snapshot(database)
    for _ in range(2):
        with pytest.raises(ConfigurationError) as caught:
            database.register_models([user])
        assert_helps(caught.value, "user", "shoe_size")
        assert "python -m ormmigrate new" in caught.value.advice
        assert snapshot(database) == before


def test_production_does_not_compare_models(place: Place):
    database = again(started(place, Create), Create, environment="production")
    user = model_that_differs(database)
    statements: list[str] = []
    database.query_hooks.append(lambda event: statements.append(event.sql))
    report = database.register_models([user])
    assert not report
    assert report.warnings == ()
    assert len(statements) == 1


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_model_that_fits_its_table_is_no_matter(place: Place, environment: str):
    database = again(started(place, Create), Create, environment=environment)
    assert database.register_models([model_that_fits(database)]).warnings == ()


def test_a_comparison_leaves_nothing_behind(place: Place):
    database = again(started(place, Create), Create, environment="development")
    before = snapshot(database)
    database.register_models([model_that_differs(database)])
    assert snapshot(database) == before
    assert not database.in_transaction()
    if place.is_sqlite:
        assert database.execute_sql("SELECT name FROM sqlite_temp_master").fetchall() == []
        assert not database.connection().in_transaction


def test_every_way_in_which_a_column_can_differ_is_shown(place: Place):
    class Wide(BaseMigration):
        id = "20240101_000000_wide"

        def up(self, migrator):
            migrator.create_table(
                "wide",
                {
                    "id": AutoField(),
                    "a": IntegerField(),
                    "b": IntegerField(null=True),
                    "c": TextField(),
                    "d": TextField(),
                },
            )

    database = again(started(place, Wide), Wide, environment="development")

    class Wide(database.Model):
        a = TextField()
        b = IntegerField()
        c = TextField(null=True)
        e = TextField()

    (warning,) = database.register_models([Wide]).warnings
    lines = [line.removeprefix("    - ") for line in warning.splitlines() if line.startswith("    - ")]
    assert sorted(line.partition(" (")[0] for line in lines) == [
        "add the column wide.e",
        "allow NULL in wide.c",
        "change the type of wide.a to TextField",
        "drop the column wide.d and its values",
        "forbid NULL in wide.b",
    ]


# -- backups and checks -------------------------------------------------------------------------


def backup_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "backup" in record.getMessage().lower()]


def test_production_says_once_that_no_backup_was_made(place: Place, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="ormmigrate")
    database = again(started(place, Create), Create, Between, Later, environment="production")
    assert len(database.register_models([]).applied) == 2
    assert len(backup_lines(caplog)) == 1
    database.register_models([])
    assert len(backup_lines(caplog)) == 1


@pytest.mark.parametrize("environment", ["development", "test"])
def test_nobody_else_is_told_of_backups(place: Place, environment: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="ormmigrate")
    database = again(started(place, Create), Create, Later, environment=environment)
    assert database.register_models([])
    assert backup_lines(caplog) == []


def damaged(place: Place) -> Path:
    """A file with a history and a table of many pages, one of which is garbage."""
    database = started(place, Create)
    database.execute_sql("CREATE TABLE heap (id INTEGER PRIMARY KEY, text TEXT)")
    with database.atomic():
        for number in range(400):
            database.execute_sql("INSERT INTO heap (text) VALUES (?)", (f"{number:5} " * 100,))
    assert rows(database)["heap"]
    (page_size,) = database.execute_sql("PRAGMA page_size").fetchone()
    (pages,) = database.execute_sql("PRAGMA page_count").fetchone()
    database.close()
    assert pages > 40
    path = Path(place.url.removeprefix("sqlite:///"))
    with path.open("r+b") as file:
        file.seek((pages - 20) * page_size)
        file.write(b"\xff" * 200)
    return path


def test_production_refuses_a_damaged_file_before_anything_is_touched(file_place: Place):
    path = damaged(file_place)
    before = path.read_bytes()
    database = file_place.database([Create, Later], environment="production")
    with pytest.raises(IntegrityCheckFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, "damaged")
    assert caught.value.findings
    assert "backup" in caught.value.advice
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == [path]
    database.connect()
    assert "bio" not in columns(database)
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)
    database.execute_sql("BEGIN IMMEDIATE")
    database.execute_sql("ROLLBACK")
    database.close()


def test_production_refuses_a_damaged_file_that_has_no_history(file_place: Place):
    path = damaged(file_place)
    database = file_place.database([Create], environment="production")
    database.connect()
    database.execute_sql(f"DROP TABLE {HISTORY}")
    database.close()
    before = path.read_bytes()
    with pytest.raises(IntegrityCheckFailed):
        database.register_models([])
    assert path.read_bytes() == before


@pytest.mark.parametrize("environment", ["development", "test"])
def test_nobody_else_runs_the_quick_check(file_place: Place, environment: str):
    damaged(file_place)
    database = file_place.database([Create, Later], environment=environment)
    statements: list[str] = []
    database.query_hooks.append(lambda event: statements.append(event.sql))
    assert database.register_models([]).applied == (Later.id,)
    assert not [statement for statement in statements if "quick_check" in statement]


def test_production_checks_before_and_after(file_place: Place):
    database = again(started(file_place, Create), Create, Later, environment="production")
    statements: list[str] = []
    database.query_hooks.append(lambda event: statements.append(event.sql))
    database.register_models([])
    checks = [position for position, statement in enumerate(statements) if "quick_check" in statement]
    (added,) = [position for position, statement in enumerate(statements) if "ADD COLUMN" in statement]
    assert len(checks) == 2
    assert checks[0] < added < checks[1]


def test_a_batch_that_damages_the_file_is_rolled_back_in_production(file_place: Place):
    def damage(migrator):
        # What a wrong edit of the schema does: the index no longer stands for the column that it is on.
        migrator.sql("PRAGMA writable_schema = ON")
        migrator.sql(
            'UPDATE sqlite_master SET sql = \'CREATE TABLE "user" (id INTEGER PRIMARY KEY, email TEXT NOT NULL, '
            "age INTEGER NOT NULL)' WHERE name = 'user'"
        )
        migrator.sql("PRAGMA schema_version = 9999")
        migrator.sql("PRAGMA writable_schema = OFF")

    damaging = migration("20240102_000000_damage", damage)
    database = again(started(file_place, Create), Create, damaging, environment="production")
    before = snapshot(database)
    with pytest.raises(IntegrityCheckFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, "rolled back")
    assert snapshot(database) == before


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_foreign_keys_are_checked_everywhere(file_place: Place, environment: str):
    class Orphan(BaseMigration):
        id = "20240102_000000_orphan"

        def up(self, migrator):
            migrator.sql("CREATE TABLE post (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES user (id))")
            migrator.sql("INSERT INTO post (user_id) VALUES (1), (4711)")

    database = again(started(file_place, Create), Create, Orphan, environment=environment)
    before = snapshot(database)
    with pytest.raises(IntegrityCheckFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, "post", "4711")
    assert len(caught.value.findings) == 1
    assert snapshot(database) == before
