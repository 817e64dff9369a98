"""Where schemas come from: models, migrations, the database, and what somebody names. And which models there are."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import peewee
import pytest
from making import assert_helps, migration
from peewee import (
    SQL,
    AutoField,
    CharField,
    DeferredForeignKey,
    Field,
    ForeignKeyField,
    IntegerField,
    ManyToManyField,
    TextField,
)
from places import MARIA, MYSQL, PG, POSTGRESQL, Place, quoted
from playhouse.sqlite_ext import FTS5Model, SearchField

from ormmigrate import ConfigurationError, Database, MigrationError, MigrationFailed, Migrator, reference
from ormmigrate.comparison import drift_of, lines_of, missing_from_migrations
from ormmigrate.connection import inner
from ormmigrate.diff import Difference, diff
from ormmigrate.dumping import script_of, statements_of
from ormmigrate.models import defined_models, elsewhere, known_models
from ormmigrate.operations import RenameColumn, RenameTable
from ormmigrate.schema import Index, Schema, Table
from ormmigrate.sources import NoScratchPlace, of_database, of_migrations, of_models, of_place
from ormmigrate.urls import database_from_url

NOTHING = Difference()


def create(m: Migrator) -> None:
    m.create_table("user", {"id": AutoField(), "email": CharField(unique=True), "name": TextField(null=True)})
    m.create_table("pet", {"id": AutoField(), "owner_id": ForeignKeyField(reference("user"), on_delete="CASCADE")})
    m.add_index("pet", ("owner_id", "id"), unique=True)


CREATE = migration("20240101_000000_create", create)


def models_of(database: Database) -> list[type[peewee.Model]]:
    class User(database.Model):
        email = CharField(unique=True)
        nick = CharField(index=True, default="x")

        class Meta:
            indexes = ((("nick", "email"), False),)

    class Pet(database.Model):
        owner = ForeignKeyField(User, on_delete="CASCADE")

    return [User, Pet]


def target(database: Database) -> tuple[Any, Any]:
    return database.migrations._target()


def models_schema(database: Database, models: list[type[peewee.Model]], unmanaged: tuple[str, ...] = ()) -> Schema:
    return of_models(*target(database), models, unmanaged)


def migrations_schema(database: Database, *more: Any) -> Schema:
    return of_migrations(*target(database), database.migrations.registries, *more)


def table(schema: Schema, name: str) -> Table:
    found = schema.table(name)
    assert found is not None, [one.name for one in schema.tables]
    return found


def index_over(found: Table, *columns: str) -> Index:
    (index,) = [index for index in found.indexes if index.columns == columns]
    return index


# -- the three ----------------------------------------------------------------------------------


def test_models_are_what_sync_makes_of_them(place: Place):
    database = place.database()
    models = models_of(database)
    before = models_schema(database, models)
    database.register_models(models)
    assert diff(of_database(*target(database)), before) == NOTHING
    assert {one.name for one in before.tables} == {"user", "pet"}


def test_migrations_are_what_they_make_of_the_database(place: Place):
    database = place.database([CREATE])
    expected = migrations_schema(database)
    assert {one.name for one in expected.tables} == {"user", "pet"}
    assert of_database(*target(database)).tables == ()
    database.migrations.up()
    assert diff(expected, of_database(*target(database))) == NOTHING


def test_asking_leaves_nothing_behind_and_the_connection_as_it_was(place: Place):
    database = place.database([CREATE])
    models = models_of(database)
    for is_open in (False, True):
        if is_open:
            database.connect()
        models_schema(database, models)
        migrations_schema(database)
        assert database.is_closed() is not is_open
    assert not database.in_transaction()
    assert database.get_tables() == []


def test_operations_ahead_run_behind_the_migrations(place: Place):
    database = place.database([CREATE])
    ahead = [RenameTable("user", "person"), RenameColumn("person", "name", "full_name")]
    found = migrations_schema(database, (), ahead)
    assert [column.name for column in table(found, "person").columns] == ["id", "email", "full_name"]
    assert found.table("user") is None


def test_operations_ahead_that_do_not_run_are_said(place: Place):
    database = place.database([CREATE])
    with pytest.raises(ConfigurationError) as caught:
        migrations_schema(database, (), [RenameColumn("user", "nothing", "something")])
    assert_helps(caught.value, "rename the column user.nothing to something")


def test_a_migration_that_does_not_run_from_nothing_is_named(place: Place):
    database = place.database([migration("20240101_000000_more", lambda m: m.add_column("user", "x", TextField()))])
    with pytest.raises(MigrationFailed) as caught:
        migrations_schema(database)
    assert_helps(caught.value, "20240101_000000_more", "the database was not touched")


def test_a_migration_that_is_not_written_yet_says_so(place: Place):
    def up(m: Migrator) -> None:
        raise NotImplementedError("write what this migration does")

    with pytest.raises(MigrationFailed) as caught:
        migrations_schema(place.database([migration("20240101_000000_more", up)]))
    assert_helps(caught.value, "20240101_000000_more", "write what this migration does")
    assert caught.value.advice.startswith("write what it is to do")


def test_tables_of_others_are_left_out_everywhere(place: Place):
    database = place.database([CREATE])
    models = models_of(database)
    database.register_models([])
    assert {one.name for one in migrations_schema(database, ("pet",)).tables} == {"user"}
    assert {one.name for one in models_schema(database, models, ("pet",)).tables} == {"user"}
    assert {one.name for one in of_database(*target(database), ("pet", "user")).tables} == set()


def test_a_file_that_is_not_there_is_neither_opened_nor_made(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/app.db", migrations=[CREATE])
    nowhere = Database("sqlite:///does/not/exist.db", migrations=[CREATE])
    for one in (database, nowhere):
        assert models_schema(one, models_of(one)).tables
        assert migrations_schema(one).tables
        assert one.is_closed()
    assert of_database(*target(database)).tables == ()
    assert list(tmp_path.iterdir()) == []


def test_inside_a_transaction_nothing_is_compared(place: Place):
    database = place.database([CREATE])
    with database.atomic():
        with pytest.raises(ConfigurationError) as caught:
            migrations_schema(database)
        assert database.in_transaction()
    assert_helps(caught.value, "A transaction is open")


def test_a_database_that_connects_only_when_it_is_told_to_is_connected(server_place: Place):
    plain = database_from_url(server_place.url)
    plain.autoconnect = False
    database = Database(plain, migrations=[CREATE])
    assert migrations_schema(database).tables
    assert database.is_closed()
    assert plain.autoconnect is False


def test_a_server_that_cannot_be_reached_is_explained(server_place: Place):
    scheme = server_place.url.partition("://")[0]
    database = Database(f"{scheme}://nobody:secret@127.0.0.1:1/nowhere", migrations=[CREATE])
    with pytest.raises(ConfigurationError) as caught:
        migrations_schema(database)
    assert_helps(caught.value, "cannot be used")
    assert "secret" not in str(caught.value)


# -- models -------------------------------------------------------------------------------------


def test_columns_know_the_fields_of_the_models(place: Place):
    database = place.database()
    user, pet = models_of(database)
    schema = models_schema(database, [user, pet])
    fields = {column.name: column.field for column in table(schema, "user").columns}
    assert fields["nick"] is user.nick
    assert fields["id"] is user.id
    assert [column.field for column in table(schema, "pet").columns] == [pet.id, pet.owner]


def test_an_index_that_nobody_named_has_the_name_that_a_migration_gives_it(place: Place):
    database = place.database()

    class Person(database.Model):
        email = CharField(unique=True)
        nick = CharField()
        age = IntegerField()

        class Meta:
            table_name = "user"
            indexes = ((("nick", "email"), False),)

    Person.add_index(Person.age, name="by_age")
    found = table(models_schema(database, [Person]), "user")
    assert index_over(found, "email").name == "user_email"
    assert index_over(found, "nick", "email").name == "user_nick_email"
    assert index_over(found, "age").name == "by_age"
    assert "person_email" in str([index._name for index in Person._meta.fields_to_index()])


def test_a_name_that_another_index_has_stays_with_it(place: Place):
    database = place.database()

    class Person(database.Model):
        email = CharField(index=True)
        nick = CharField()

        class Meta:
            table_name = "user"

    Person.add_index(Person.nick, name="user_email")
    found = table(models_schema(database, [Person]), "user")
    assert index_over(found, "nick").name == "user_email"
    assert index_over(found, "email").name == "person_email"


def test_what_models_refer_to_is_there_as_well(place: Place):
    database = place.database()

    class Country(database.Model):
        name = TextField()

    class Tag(database.Model):
        name = TextField()

    class User(database.Model):
        country = ForeignKeyField(Country)
        boss = ForeignKeyField("self", null=True)
        tags = ManyToManyField(Tag)

    schema = models_schema(database, [User])
    assert {one.name for one in schema.tables} == {"user", "country", "tag", "user_tag_through"}


def test_models_that_refer_to_each_other_are_built(place: Place):
    database = place.database()

    class Author(database.Model):
        favourite = DeferredForeignKey("FavouriteBook", null=True)

    class FavouriteBook(database.Model):
        author = ForeignKeyField(Author)

    schema = models_schema(database, [Author, FavouriteBook])
    assert [key.table for key in table(schema, "author").foreign_keys] == ["favouritebook"]
    assert [key.table for key in table(schema, "favouritebook").foreign_keys] == ["author"]


def test_models_of_virtual_tables_are_left_out(file_place: Place):
    database = file_place.database()

    class Note(database.Model):
        text = TextField()

    class NoteIndex(FTS5Model):
        text = SearchField()

    NoteIndex.bind(inner(database))
    assert {one.name for one in models_schema(database, [Note, NoteIndex]).tables} == {"note"}


def test_a_model_whose_table_cannot_be_created_is_named(place: Place):
    database = place.database()

    class User(database.Model):
        email = CharField(constraints=[SQL("NO SUCH WORD")])

    with pytest.raises(MigrationError) as caught:
        models_schema(database, [User])
    assert_helps(caught.value, "User")


def test_models_of_another_database_are_built_here_and_stay_there(place: Place):
    other = peewee.SqliteDatabase(None)

    class User(peewee.Model):
        name = TextField()

        class Meta:
            database = other

    assert table(models_schema(place.database(), [User]), "user").columns
    assert User._meta.database is other


@pytest.mark.parametrize("column", ["TEXT", "NO SUCH TYPE AT ALL ("])
def test_models_are_as_before_afterwards(postgresql_place: Place, column: str):
    home = inner(postgresql_place.database()).execute_sql("SELECT current_schema()").fetchone()[0]
    database = postgresql_place.database(schema=home)

    class AnyField(Field):
        field_type = column

    class User(database.Model):
        email = CharField(index=True)
        other = AnyField()

        class Meta:
            schema = home

    User.add_index(User.email, User.id, unique=True)
    tables = User._meta.table, User._meta.indexes[0]._table
    sql = User.select().sql()
    try:
        schema = models_schema(database, [User])
    except MigrationError:
        assert column != "TEXT"
    else:
        assert {one.columns for one in table(schema, "user").indexes} == {("email",), ("email", "id")}
    assert User._meta.schema == home
    assert User._meta.database is database
    assert tables[1]._schema == home
    assert tables[1]._path == (home, "user")
    assert User.select().sql() == sql


def test_models_of_another_schema_are_left_out_and_said(server_place: Place):
    database = server_place.database()

    class User(database.Model):
        name = TextField()

    class Invoice(database.Model):
        name = TextField()

        class Meta:
            schema = "billing"

    assert {one.name for one in models_schema(database, [User, Invoice]).tables} == {"user"}
    (line,) = elsewhere(target(database)[1], [User, Invoice])
    assert "Invoice" in line
    assert "billing" in line


def test_a_schema_of_its_own_is_the_one_that_is_compared(postgresql_place: Place):
    name = f"Bill ing {uuid.uuid4().hex[:8]}"
    database = postgresql_place.database([CREATE], schema=name)
    models = models_of(database)[:1]
    database.register_models([])
    try:
        assert drift_of(database.migrations) == NOTHING
        assert {one.name for one in of_database(*target(database)).tables} == {"user", "pet"}
        missing = missing_from_migrations(database.migrations, models)
        assert "drop the table pet and its rows" in lines_of(missing)
        database.execute_sql(f'CREATE INDEX by_hand ON "{name}"."user" (name)')
        assert lines_of(drift_of(database.migrations)) == ["add the index by_hand on user (name)"]
    finally:
        database.execute_sql(f'DROP SCHEMA "{name}" CASCADE')


def test_a_type_that_a_migration_makes_is_there_for_the_models(postgresql_place: Place):
    mood = f"mood_{uuid.uuid4().hex[:8]}"

    def up(m: Migrator) -> None:
        m.sql(f"CREATE TYPE {mood} AS ENUM ('sad', 'glad')")
        m.sql(f"CREATE TABLE person (id serial PRIMARY KEY, feels {mood} NOT NULL)")

    database = postgresql_place.database([migration("20240101_000000_moods", up)])

    class MoodField(Field):
        field_type = mood

    class Person(database.Model):
        feels = MoodField()

    migrations = database.migrations.registries.migrations
    schema = of_models(*target(database), [Person], (), migrations)
    assert diff(migrations_schema(database), schema) == NOTHING
    with pytest.raises(MigrationError, match=mood):
        models_schema(database, [Person])
    assert database.register_models([Person]).applied
    assert not database.register_models([Person])


# -- an account that may not ----------------------------------------------------------------------


@contextmanager
def restricted(place: Place) -> Iterator[str]:
    """The URL of an account that may do everything in the place, and make no other."""
    name = f"r_{uuid.uuid4().hex[:12]}"
    server = database_from_url(POSTGRESQL if place.kind == PG else MYSQL)
    inside = database_from_url(place.url)
    if place.kind == PG:
        (schema,) = inside.execute_sql("SELECT current_schema()").fetchone()
        server.execute_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        server.execute_sql(f'GRANT ALL ON SCHEMA "{schema}" TO {name}')
    else:
        server.execute_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'secret'")
        server.execute_sql(f"GRANT ALL ON `{inside.database}`.* TO {name}@'%%'")
    inside.close()
    scheme, _, rest = place.url.partition("://")
    try:
        yield f"{scheme}://{name}:secret@{rest.rpartition('@')[2]}"
    finally:
        if place.kind == PG:
            server.execute_sql(f"DROP OWNED BY {name} CASCADE")
            server.execute_sql(f"DROP ROLE {name}")
        else:
            server.execute_sql(f"DROP USER {name}@'%%'")
        server.close()


def test_an_account_that_may_make_no_scratch_place_is_told_so(server_place: Place):
    with restricted(server_place) as url:
        database = Database(url, migrations=[CREATE])
        with pytest.raises(NoScratchPlace) as caught:
            migrations_schema(database)
        assert_helps(caught.value, "scratch")


def test_such_an_account_has_its_models_compared_by_their_columns(server_place: Place):
    with restricted(server_place) as url:
        database = Database(url, migrations=[CREATE], environment="development")

        class User(database.Model):
            email = CharField(unique=True)
            name = TextField(null=True)
            shoe_size = IntegerField()

        (warning,) = database.register_models([User]).warnings
        assert "shoe_size" in warning
        assert "Only columns were compared." in warning
        assert "scratch" in warning
        database.close()


# -- what somebody names ---------------------------------------------------------------------------


def test_a_url_is_the_database_that_it_names(shared_place: Place):
    database = shared_place.database([CREATE])
    database.register_models([])
    expected = of_database(*target(database))
    assert diff(of_place(shared_place.url, *target(database)), expected) == NOTHING


def test_a_file_is_a_database_or_what_was_written_of_one(place: Place, tmp_path: Path):
    database = place.database([CREATE])
    expected = migrations_schema(database)
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(expected.to_dict()))
    assert diff(of_place(str(path), *target(database)), expected) == NOTHING
    assert {one.name for one in of_place(str(path), *target(database), ("pet",)).tables} == {"user"}


def test_a_script_is_run_in_a_scratch_place(place: Place, tmp_path: Path):
    database = place.database()
    user = quoted(inner(database), "user")
    path = tmp_path / "schema.sql"
    path.write_text(
        f"CREATE TABLE {user} (id INTEGER, name VARCHAR(20)); -- a comment; and more\nCREATE TABLE b (x INT)"
    )
    schema = of_place(str(path), *target(database))
    assert {one.name for one in schema.tables} == {"user", "b"}
    assert database.get_tables() == []


#: On PostgreSQL a trigger calls a function, which is no part of a schema.
TRIGGERS = {
    MARIA: "CREATE TRIGGER late BEFORE INSERT ON user FOR EACH ROW BEGIN SET NEW.n = 5; SET NEW.name = 'x'; END",
    PG: "SELECT 1",
}


def test_the_statements_of_a_schema_make_it_again(place: Place, tmp_path: Path):
    database = place.database()
    user = quoted(inner(database), "user")
    columns = "id INTEGER PRIMARY KEY, name VARCHAR(20) DEFAULT 'a;b', n INTEGER CHECK (n > 1)"
    database.execute_sql(f"CREATE TABLE {user} ({columns})")
    database.execute_sql(f"CREATE VIEW early AS SELECT id, name FROM {user} WHERE n > 5")
    sqlite = "CREATE TRIGGER late BEFORE INSERT ON user BEGIN SELECT 1; SELECT 2; END"
    database.execute_sql(TRIGGERS.get(place.kind, sqlite))
    found = of_database(*target(database))
    statements, unsaid = statements_of(found, *target(database))
    assert unsaid == []
    path = tmp_path / "schema.sql"
    path.write_text("\n".join(script_of(statements, target(database)[1])))
    assert diff(of_place(str(path), *target(database)), found) == NOTHING
    assert (len(found.tables), len(found.views), len(found.triggers)) == (1, 1, place.kind != PG)


def test_a_database_file_is_read_and_stays_as_it_is(file_place: Place, tmp_path: Path):
    other = peewee.SqliteDatabase(tmp_path / "other.db")
    other.execute_sql("CREATE TABLE word (id INTEGER)")
    other.close()
    before = (tmp_path / "other.db").read_bytes()
    schema = of_place(str(tmp_path / "other.db"), *target(file_place.database()))
    assert [one.name for one in schema.tables] == ["word"]
    assert (tmp_path / "other.db").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "text", "culprit"),
    [
        ("nothing.db", None, "no file"),
        ("broken.json", "{", "holds no schema"),
        ("list.json", "[]", "holds no schema"),
        ("short.json", '{"database": "SQLite", "tables": [{}], "views": [], "triggers": []}', "holds no schema"),
        ("other.json", '{"database": "Oracle", "tables": [], "views": [], "triggers": []}', "is Oracle"),
        ("broken.sql", "CREATE TABLE t (id INTEGER); CREATE NONSENSE", "broken.sql does not run"),
        ("text.txt", "Dear diary\n" * 1000, "not an SQLite database"),
    ],
)
def test_what_cannot_be_read_is_said(file_place: Place, tmp_path: Path, name: str, text: str | None, culprit: str):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        of_place(str(tmp_path / name), *target(file_place.database()))
    assert_helps(caught.value, culprit)


def test_schemas_of_different_kinds_of_databases_are_not_compared(server_place: Place):
    database = Database("sqlite:///does/not/exist.db")
    with pytest.raises(ConfigurationError) as caught:
        of_place(server_place.url, *target(database))
    assert_helps(caught.value, "SQLite", {PG: "PostgreSQL", MARIA: "M"}[server_place.kind])


# -- which models there are -----------------------------------------------------------------------


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An imported module with nothing in it."""
    module = ModuleType(f"shop_{uuid.uuid4().hex[:8]}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def defined(module: ModuleType, database: Database, text: str) -> None:
    exec("from peewee import *", vars(module))
    vars(module)["db"] = database
    exec(text, vars(module))


def test_models_that_modules_define_are_found_and_bases_are_not(shop: ModuleType):
    database = Database("sqlite:///:memory:")
    text = """
class Stamped(db.Model):
    created = DateTimeField()
class User(Stamped):
    name = TextField()
class Employee(User):
    salary = IntegerField()
class Pet(Stamped):
    owner = ForeignKeyField(User)
def local():
    class Hidden(db.Model):
        pass
    return Hidden
kept = local()
"""
    defined(shop, database, text)
    assert {model.__name__ for model in defined_models(inner(database))} == {"User", "Employee", "Pet"}
    assert {model.__name__ for model in known_models(inner(database), [])} == {"User", "Employee", "Pet"}


def test_models_that_were_registered_are_those_that_count(shop: ModuleType):
    database = Database("sqlite:///:memory:")
    defined(shop, database, "class User(db.Model):\n    pass\n\n\nclass Pet(db.Model):\n    pass\n")
    assert database.models == ()
    database.register_models([shop.User])
    database.register_models([shop.User])
    assert database.models == (shop.User,)
    assert known_models(inner(database), database.models) == [shop.User]


def test_through_models_count_as_registered(place: Place):
    database = place.database()

    class Tag(database.Model):
        name = TextField()

    class User(database.Model):
        tags = ManyToManyField(Tag)

    database.register_models([User, Tag])
    assert [model._meta.table_name for model in database.models] == ["user", "user_tag_through", "tag"]


def test_models_of_another_database_and_modules_that_were_read_anew_do_not_count(shop: ModuleType):
    database, other = Database("sqlite:///:memory:"), Database("sqlite:///:memory:")
    text = "class User(db.Model):\n    created = DateTimeField()\n"
    defined(shop, database, text)
    kept = shop.User
    defined(shop, database, text)
    assert defined_models(inner(database)) == [shop.User] != [kept]
    assert defined_models(inner(other)) == []


def test_no_models_at_all_is_an_error_that_says_what_to_write():
    code = (
        "from ormmigrate import Database; from ormmigrate.connection import inner\n"
        "from ormmigrate.models import known_models\n"
        "known_models(inner(Database('sqlite:///:memory:')), [])"
    )
    # In a process of its own: other tests define models.
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    assert "has no models that are known" in said
    assert 'models = "shop.models"' in said


def test_models_that_all_have_another_database_are_named(shop: ModuleType):
    defined(shop, peewee.SqliteDatabase("other.db"), "class Parcel(Model):\n    class Meta:\n        database = db\n")
    with pytest.raises(ConfigurationError) as caught:
        known_models(inner(Database("sqlite:///:memory:")), [])
    assert_helps(caught.value, "No model belongs to the application's database", "Parcel")


def test_a_model_that_refers_to_one_that_is_not_there_is_named(shop: ModuleType):
    database = Database("sqlite:///:memory:")
    defined(shop, database, "class Parcel(db.Model):\n    sender = DeferredForeignKey('NobodyKnows')\n")
    try:
        with pytest.raises(ConfigurationError) as caught:
            known_models(inner(database), [])
        assert_helps(caught.value, "Parcel.sender", "nobodyknows")
    finally:
        DeferredForeignKey._unresolved.clear()


def test_the_operations_of_a_migration_are_told_without_making_a_file(tmp_path: Path):
    create = migration("20240101_000000_create", lambda migrator: migrator.create_table("t", {"id": AutoField()}))
    database = Database(f"sqlite:///{tmp_path}/shop.db", migrations=[create])
    ((operation, _),) = database.migrations.operations(create.id)
    assert operation.kind == "create_table"
    assert list(tmp_path.iterdir()) == []
