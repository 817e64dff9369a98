"""A schema of PostgreSQL for the history and the application's tables: Database(..., schema=...)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from making import assert_helps, migration, started_at_once
from peewee import SQL, AutoField, CharField, ForeignKeyField, IntegerField, TextField
from places import POSTGRESQL, Place

from ormmigrate import ConfigurationError, Database, Migrator, Runner, reference
from ormmigrate.urls import database_from_url

NAME = "Bill ing"


def create(m: Migrator) -> None:
    m.create_table("owner", {"id": AutoField(), "name": CharField(unique=True), "n": IntegerField(null=True)})
    m.sql("INSERT INTO owner (name, n) VALUES ('Ann', 1), ('Bob', 2)")


def more(m: Migrator) -> None:
    m.create_table("pet", {"id": AutoField(), "owner_id": ForeignKeyField(reference("owner"))})
    m.add_column("owner", "code", IntegerField(default=1))
    m.add_index("owner", ("n",))
    owner = m.table("owner")
    owner.update(n=SQL("n + 1")).execute()
    m.rename_table("pet", "animal")


def alone(m: Migrator) -> None:
    m.add_index("owner", ("code",), concurrently=True)
    m.backfill("owner", {"code": 5}, batch_size=1)
    m.add_not_null("owner", "n", online=True)


CREATE = migration("20240101_000000_create", create)
MORE = migration("20240102_000000_more", more)
ALONE = migration("20240103_000000_alone", alone, transactional=False)


@pytest.fixture
def billing(postgresql_place: Place) -> Iterator[Place]:
    """A place whose connections know nothing of the schema that is asked for."""
    yield postgresql_place
    server = database_from_url(POSTGRESQL)
    server.execute_sql('DROP SCHEMA IF EXISTS "Bill ing" CASCADE')
    server.close()


def application(place: Place, migrations: list[Any], **options: object) -> tuple[Database, list[Any]]:
    database = place.database(migrations, schema=NAME, **options)

    class Note(database.Model):
        text = TextField(index=True)

    return database, [Note]


def tables_of(database: Database, schema: str) -> set[str]:
    query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
    return {name for (name,) in database.execute_sql(query, (schema,)).fetchall()}


def test_history_operations_and_models_live_in_the_schema_that_is_named(billing: Place):
    database, models = application(billing, [CREATE, MORE, ALONE])
    report = database.register_models(models)
    assert report.applied == (CREATE.id, MORE.id, ALONE.id)
    assert tables_of(database, NAME) == {"ormmigrate_history", "ormmigrate_journal", "owner", "animal", "note"}
    home = database.execute_sql("SELECT current_schema()").fetchone()[0]
    assert tables_of(database, home) == set()
    assert database.execute_sql('SELECT name, n, code FROM "Bill ing".owner ORDER BY id').fetchall() == [
        ("Ann", 2, 5),
        ("Bob", 3, 5),
    ]
    assert models[0].create(text="x").id == 1
    assert not database.register_models(models)
    assert [one.state for one in database.migrations.status().migrations] == ["applied"] * 3


def test_a_start_with_nothing_pending_is_one_query(billing: Place):
    database, models = application(billing, [CREATE])
    database.register_models(models)
    again, models = application(billing, [CREATE], environment="production")
    seen: list[str] = []
    again.obj.query_hooks.append(lambda event: seen.append(event.sql))
    assert not again.register_models(models)
    assert len(seen) == 1


def test_what_was_done_is_taken_back_there(billing: Place):
    pet = {"id": AutoField(), "owner_id": ForeignKeyField(reference("owner"))}
    make = migration("20240102_000000_make", lambda m: m.create_table("pet", pet))
    database, _ = application(billing, [CREATE, make])
    database.register_models([])
    assert "pet" in tables_of(database, NAME)
    database.migrations.down(to=CREATE.id)
    assert tables_of(database, NAME) == {"ormmigrate_history", "ormmigrate_journal", "owner"}


def test_eight_starts_make_the_schema_once(billing: Place):
    answers = started_at_once(8, lambda: application(billing, [CREATE, MORE]))
    assert answers == [()] * 7 + [(CREATE.id, MORE.id)]


def test_two_schemas_of_one_database_have_a_history_each(billing: Place):
    database, _ = application(billing, [CREATE])
    other = billing.database([CREATE])
    assert database.register_models([]).applied == other.register_models([]).applied == (CREATE.id,)


def test_the_search_path_of_the_application_is_as_before(billing: Place):
    database, _ = application(billing, [CREATE, MORE, ALONE])
    database.connect()
    before = database.execute_sql("SHOW search_path").fetchone()
    database.register_models([])
    assert database.execute_sql("SHOW search_path").fetchone() == before


def test_a_database_without_schemas_says_so(file_place: Place):
    runner = Runner(file_place.database().obj, [CREATE], schema="billing")
    with pytest.raises(ConfigurationError) as caught:
        runner.up()
    assert_helps(caught.value, "SQLite has no schemas")
