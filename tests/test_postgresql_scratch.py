"""A scratch schema of PostgreSQL: empty, gone afterwards, and in nobody's way."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import peewee
import pytest
from making import assert_helps
from peewee import AutoField, ForeignKeyField, IntegerField
from places import Place
from postgresql_places import connected, engine_of, in_own_database

from ormmigrate import ConfigurationError, RawField, UnsupportedOperation, reference
from ormmigrate.dialects import dialect_of
from ormmigrate.operations import AddColumn, AlterTable, CreateTable, DropTable, RenameTable
from ormmigrate.schema import Column, ForeignKey, Schema

TYPES = ("mood", '"Few """', "pair", "moods")


def names_of(schema: Schema) -> set[str]:
    return {table.name for table in schema.tables}


@pytest.fixture
def own_database(postgresql_place: Place) -> Iterator[peewee.Database]:
    """A database of its own, for what belongs to a whole database; in its schema public."""
    with in_own_database(postgresql_place) as database:
        yield database


def test_it_is_empty_and_leaves_nothing_behind(postgresql_place: Place):
    database = connected(postgresql_place, "CREATE TABLE live (n INT)")
    dialect = dialect_of(database)
    path = database.execute_sql("SHOW search_path").fetchone()
    with dialect.scratch(database):
        assert dialect.inspect(database) == Schema(kind=dialect)
        assert not dialect.has_table(database, "live")
        engine_of(database).run(CreateTable("live", {"id": AutoField(), "n": IntegerField()}))
        assert names_of(dialect.inspect(database)) == {"live"}
        assert dialect.has_table(database, "live")
    assert dialect.inspect(database).table("live").columns == (Column("n", "integer"),)
    assert database.execute_sql("SHOW search_path").fetchone() == path
    assert not dialect.in_transaction(database)
    assert not database.in_transaction()


def test_what_fails_inside_leaves_nothing_behind(postgresql_place: Place):
    database = connected(postgresql_place, "CREATE TABLE live (n INT)")
    dialect = dialect_of(database)
    with pytest.raises(peewee.ProgrammingError), dialect.scratch(database):
        database.execute_sql("DROP TABLE live")
    assert names_of(dialect.inspect(database)) == {"live"}
    assert not dialect.in_transaction(database)


def test_two_at_the_same_moment_do_not_wait_for_each_other(postgresql_place: Place):
    one, other = connected(postgresql_place), connected(postgresql_place, "SET lock_timeout = '500ms'")
    with dialect_of(one).scratch(one):
        one.execute_sql("CREATE TABLE t (n INT)")
        dialect = dialect_of(other)
        with dialect.scratch(other):
            other.execute_sql("CREATE TABLE t (n INT)")
            assert names_of(dialect.inspect(other)) == {"t"}


def test_a_table_of_others_is_there_and_its_own_is_not_locked(postgresql_place: Place):
    statements = (
        "CREATE TABLE land (id SERIAL PRIMARY KEY, code TEXT UNIQUE)",
        "INSERT INTO land (code) VALUES ('at')",
    )
    database = connected(postgresql_place, *statements)
    beside = connected(postgresql_place, "SET lock_timeout = '500ms'")
    dialect = dialect_of(database)
    with dialect.scratch(database, ("land", "not there")):
        made = CreateTable("town", {"id": AutoField(), "land": ForeignKeyField(reference("land"))})
        engine_of(database).run(made)
        found = dialect.inspect(database)
        assert names_of(found) == {"land", "town"}
        assert found.table("town").foreign_keys == (ForeignKey(("land",), "land", ("id",)),)
        assert database.execute_sql("SELECT count(*) FROM land").fetchone() == (0,)
        beside.execute_sql("INSERT INTO land (code) VALUES ('de')")
    assert database.execute_sql("SELECT count(*) FROM land").fetchone() == (2,)


def test_types_of_the_schema_are_there_and_may_be_made_again(postgresql_place: Place):
    database = connected(
        postgresql_place,
        "CREATE TYPE mood AS ENUM ('sad', 'it''s %s')",
        'CREATE DOMAIN "Few """ AS INT DEFAULT 3 NOT NULL CHECK (VALUE < 9)',
        "CREATE TYPE pair AS (a mood, b NUMERIC(7, 2))",
        "CREATE DOMAIN moods AS mood[] CHECK (cardinality(VALUE) > 0)",
        "CREATE FUNCTION is_few(n INT) RETURNS boolean LANGUAGE sql AS 'SELECT n < 9'",
        "CREATE DOMAIN guarded AS INT CHECK (is_few(VALUE))",  # which needs more than types
    )
    dialect = dialect_of(database)
    columns = {f"c{number}": RawField(type_, null=True) for number, type_ in enumerate(TYPES)}
    with dialect.scratch(database):
        engine_of(database).run(CreateTable("t", columns))
        assert [one.type for one in dialect.inspect(database).tables[0].columns] == list(TYPES)
        assert dialect.inspect(database).tables[0].options == ()
        with pytest.raises(peewee.IntegrityError), database.atomic():
            database.execute_sql("INSERT INTO t (c1) VALUES (10)")
        # As a migration makes it.
        database.execute_sql("CREATE TYPE mood AS ENUM ('other')")
        database.execute_sql("CREATE TABLE u (m mood DEFAULT 'other')")
        assert dialect.inspect(database).table("u").columns == (Column("m", "mood", default="'other'"),)


def test_types_of_extensions_are_found_wherever_they_are(own_database: peewee.Database):
    for statement in (
        "CREATE EXTENSION citext",
        'CREATE SCHEMA "Ext ra"',
        'CREATE EXTENSION hstore SCHEMA "Ext ra"',
        "CREATE TABLE live (n INT)",
    ):
        own_database.execute_sql(statement)
    dialect = dialect_of(own_database)
    dialect.use_schema("app")
    columns = {"c": RawField("citext"), "h": RawField('"Ext ra".hstore')}
    with dialect.scratch(own_database):
        engine = dialect.engine(own_database)
        engine.run(CreateTable("t", columns))
        engine.run(CreateTable("live", {"id": AutoField()}))
        found = dialect.inspect(own_database)
        assert [one.type for one in found.table("t").columns] == ["citext", "hstore"]
        engine.run(RenameTable("live", "gone"))
        engine.run(DropTable("gone"))
    assert own_database.execute_sql("SELECT to_regclass('public.live')::text").fetchone() == ("live",)


def test_what_an_extension_shows_of_the_application_is_not_touched(own_database: peewee.Database):
    own_database.execute_sql("CREATE EXTENSION citext")
    own_database.execute_sql("CREATE TABLE live (id INT PRIMARY KEY)")
    dialect = dialect_of(own_database)
    refused = (
        CreateTable("t", {"id": AutoField(), "live": ForeignKeyField(reference("live"))}),
        AddColumn("live", "n", IntegerField(null=True)),
        AlterTable("live", (AddColumn("live", "n", IntegerField(null=True)),)),
        RenameTable("live", "gone"),
        DropTable("live"),
    )
    for operation in refused:
        with pytest.raises(UnsupportedOperation) as caught, dialect.scratch(own_database):
            dialect.engine(own_database).run(operation)
        assert_helps(caught.value, "There is no table live. There are: none.")
    with dialect.scratch(own_database):
        engine = dialect.engine(own_database)
        engine.run(DropTable("live", safe=True))
        assert own_database.execute_sql("SELECT to_regclass('live')::text").fetchone() == ("live",)
        engine.run(CreateTable("live", {"id": AutoField(), "live": ForeignKeyField(reference("live"))}))
        engine.run(AddColumn("live", "n", IntegerField(null=True)))
        engine.run(DropTable("live"))


def test_the_schema_that_a_database_was_given_means_the_scratch_schema_inside(postgresql_place: Place):
    database = connected(postgresql_place)
    home, dialect = f"s {uuid.uuid4().hex[:8]}", dialect_of(database)
    database.execute_sql(f'CREATE SCHEMA "{home}"')
    try:
        database.execute_sql(f'CREATE TABLE "{home}".live (id INT PRIMARY KEY)')
        dialect.use_schema(home)
        with dialect.scratch(database, ("live",)):
            assert dialect.has_table(database, "live")
            assert not dialect.has_table(database, "t")
            engine = dialect.engine(database)
            engine.run(CreateTable("t", {"id": AutoField(), "live": ForeignKeyField(reference("live"))}))
            assert dialect.has_table(database, "t")
            database.execute_sql(f"INSERT INTO {dialect.qualified(database, 'live')} VALUES (1)")
            assert dialect.inspect(database).table("t").foreign_keys == (ForeignKey(("live",), "live", ("id",)),)
        assert dialect.schema == home
        assert names_of(dialect.inspect(database)) == {"live"}
        assert database.execute_sql(f'SELECT count(*) FROM "{home}".live').fetchone() == (0,)
    finally:
        database.execute_sql(f'DROP SCHEMA "{home}" CASCADE')


def test_a_role_that_may_not_make_one_is_told_so(postgresql_place: Place):
    database, role = connected(postgresql_place), f"r_{uuid.uuid4().hex[:12]}"
    dialect = dialect_of(database)
    database.execute_sql(f'CREATE ROLE "{role}"')
    try:
        database.execute_sql(f'SET ROLE "{role}"')
        with pytest.raises(ConfigurationError) as caught, dialect.scratch(database):
            raise AssertionError("it may")
        assert_helps(caught.value, "A scratch schema cannot be made here", "permission denied")
        assert "CREATE SCHEMA" in caught.value.advice
        assert not dialect.in_transaction(database)
    finally:
        database.execute_sql("RESET ROLE")
        database.execute_sql(f'DROP ROLE "{role}"')


def test_a_table_of_others_that_may_not_be_read_is_named(own_database: peewee.Database):
    role, dialect = f"r_{uuid.uuid4().hex[:12]}", dialect_of(own_database)
    own_database.execute_sql("CREATE TABLE secret (n INT)")
    own_database.execute_sql(f'CREATE ROLE "{role}"')
    try:
        own_database.execute_sql(f'GRANT CREATE ON DATABASE "{own_database.database}" TO "{role}"')
        own_database.execute_sql(f'SET ROLE "{role}"')
        with pytest.raises(ConfigurationError) as caught, dialect.scratch(own_database, ("secret",)):
            raise AssertionError("it may")
        assert_helps(caught.value, "secret", "permission denied")
        with dialect.scratch(own_database):
            own_database.execute_sql("CREATE TABLE mine (n INT)")
    finally:
        own_database.execute_sql("RESET ROLE")
        own_database.execute_sql(f'DROP OWNED BY "{role}"')
        own_database.execute_sql(f'DROP ROLE "{role}"')
