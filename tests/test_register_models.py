"""register_models: what it binds, what it creates, what it never touches, and what it refuses."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from typing import Any

import peewee
import pytest
from making import assert_helps, migration
from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    CharField,
    Check,
    CompositeKey,
    DeferredForeignKey,
    DeferredThroughModel,
    ForeignKeyField,
    IntegerField,
    ManyToManyField,
    Model,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from places import MEMORY, PG, Place
from playhouse.sqlite_ext import FTS5Model, SearchField
from snapshot import HISTORY, OURS, snapshot

from ormmigrate import (
    BaseMigration,
    ConfigurationError,
    Database,
    MigrationError,
    MigrationFailed,
    Registry,
    Report,
    UnfinishedMigration,
)
from ormmigrate.connection import inner
from ormmigrate.events import MigrationApplied

WARNING = logging.WARNING


class CreateUser(BaseMigration):
    id = "20240101_000000_create_user"

    def up(self, migrator):
        migrator.create_table("user", {"id": AutoField(), "email": CharField(unique=True)})
        migrator.table("user").insert_many([{"email": f"{number}@example.org"} for number in range(20)]).execute()


class AddBio(BaseMigration):
    id = "20240102_000000_add_bio"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))


class Broken(BaseMigration):
    id = "20240103_000000_broken"

    def up(self, migrator):
        migrator.sql("UPDATE user_that_is_not_there SET bio = 'x'")


def opened(place: Place, migrations: object = (), **options: object) -> Database:
    database = place.database(migrations, **options)
    database.connect()
    return database


def tables(database: Database) -> set[str]:
    return set(database.get_tables()).difference(OURS)


def foreign_keys(database: Database, table: str) -> set[tuple[str, str, str]]:
    return {(key.column, key.dest_table, key.dest_column) for key in database.get_foreign_keys(table)}


def index_columns(database: Database, table: str) -> set[tuple[tuple[str, ...], bool]]:
    found = {(tuple(index.columns), bool(index.unique)) for index in database.get_indexes(table)}
    return found - {(tuple(database.get_primary_keys(table)), True)}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == WARNING]


# -- binding ------------------------------------------------------------------------------------


def test_models_without_a_database_are_bound_and_work(place: Place):
    class Word(Model):
        text = CharField()

    database = opened(place)
    database.register_models([Word])
    assert Word._meta.database is database
    Word.create(text="first")
    assert [word.text for word in Word.select()] == ["first"]


def test_only_the_models_that_are_given_are_bound(db: Database):
    class Parent(Model):
        text = CharField()

    class Child(Model):
        parent = ForeignKeyField(Parent)

    class Grandchild(Model):
        child = ForeignKeyField(Child)

    db.connect()
    db.register_models([Parent])
    assert Parent._meta.database is db
    assert Child._meta.database is None
    assert Grandchild._meta.database is None
    assert tables(db) == {"parent"}


def test_models_of_this_database_are_left_as_they_are(place: Place):
    database = opened(place)

    class Ours(database.Model):
        text = CharField()

    class Inner(inner(database).Model):
        text = CharField()

    report = database.register_models([Ours, Inner])
    assert set(report.created_tables) == {"ours", "inner"}
    assert Ours._meta.database is database
    assert Inner._meta.database is inner(database)


def test_a_model_bound_to_a_proxy_of_this_database_is_ours(place: Place):
    database = opened(place)
    proxy = peewee.DatabaseProxy()
    proxy.initialize(inner(database))

    class Word(Model):
        text = CharField()

        class Meta:
            database = proxy

    assert database.register_models([Word]).created_tables == ("word",)
    assert Word._meta.database is proxy


def other_database() -> Any:
    return SqliteDatabase(":memory:")


@pytest.mark.parametrize(
    "other",
    [
        other_database,
        lambda: Database("sqlite:///:memory:"),
        peewee.DatabaseProxy,
        lambda: peewee.PostgresqlDatabase("shop", user="u", password="s3cr3t"),
        lambda: Database("postgresql://u:s3cr3t@host/shop"),
    ],
    ids=["sqlite", "Database", "uninitialized proxy", "postgresql", "postgresql Database"],
)
def test_a_model_of_another_database_is_refused_before_anything_is_touched(place: Place, other: Any):
    class Ours(Model):
        text = CharField()

    class Theirs(Model):
        text = CharField()

        class Meta:
            database = other()

    database = opened(place, [CreateUser])
    before = snapshot(database)
    with pytest.raises(ConfigurationError) as caught:
        database.register_models([Ours, Theirs])
    assert_helps(caught.value, "Theirs")
    assert "s3cr3t" not in str(caught.value)
    assert snapshot(database) == before
    assert Ours._meta.database is None


def test_models_follow_the_database_to_another_one(place: Place):
    elsewhere = Database("sqlite:///:memory:", migrations=[CreateUser], environment="test")

    class User(elsewhere.Model):
        email = CharField(unique=True)

    elsewhere.initialize(inner(place.database()))
    elsewhere.connect()
    assert elsewhere.register_models([User]).applied == (CreateUser.id,)
    assert User.select().count() == 20
    assert "user" in tables(elsewhere)


@pytest.mark.parametrize(
    "models",
    [["User"], [None], [5], [object()], [dict], [SqliteDatabase(":memory:")], "User", [[]], [TextField()]],
    ids=["name", "None", "number", "object", "dict", "database", "text", "list", "field"],
)
def test_what_is_no_model_is_refused_before_anything_is_touched(file_place: Place, models: Any):
    class Word(Model):
        text = CharField()

    database = opened(file_place, [CreateUser])
    with pytest.raises(ConfigurationError) as caught:
        database.register_models([Word, *models])
    assert_helps(caught.value, repr(models[0]))
    assert tables(database) == set()
    assert Word._meta.database is None


@pytest.mark.parametrize("models", [None, 5], ids=["None", "number"])
def test_what_is_no_list_of_models_is_refused(file_place: Place, models: Any):
    with pytest.raises(ConfigurationError) as caught:
        opened(file_place, [CreateUser]).register_models(models)
    assert_helps(caught.value, repr(models))


def test_a_model_in_place_of_a_list_is_refused_and_not_queried(place: Place):
    database = opened(place, [CreateUser])

    class User(database.Model):
        email = CharField(unique=True)

    with pytest.raises(ConfigurationError) as caught:
        database.register_models(User)
    assert_helps(caught.value, "User")
    assert "[User]" in caught.value.advice
    assert tables(database) == set()


def test_an_instance_of_a_model_is_refused(db: Database):
    class Word(db.Model):
        text = CharField()

    with pytest.raises(ConfigurationError) as caught:
        db.register_models([Word(text="x")])
    assert_helps(caught.value)


def test_models_may_come_from_a_generator_a_set_or_twice(place: Place):
    database = opened(place)

    class Word(database.Model):
        text = CharField(index=True)

    class Line(database.Model):
        text = CharField()

    assert set(database.register_models(model for model in (Word, Word, Line)).created_tables) == {"word", "line"}
    assert not database.register_models({Word, Line})
    assert not database.register_models((Word, Line, Word))


# -- creating -----------------------------------------------------------------------------------


def test_missing_tables_are_created_with_their_indexes_constraints_and_keys(place: Place):
    database = opened(place)

    class Category(database.Model):
        id = UUIDField(primary_key=True, default=uuid.uuid4)
        name = CharField(unique=True)

    class Product(database.Model):
        category = ForeignKeyField(Category, on_delete="CASCADE", null=True)
        parent = ForeignKeyField("self", null=True)
        code = CharField(max_length=20)
        cents = IntegerField(constraints=[Check("cents >= 0")], default=0)

        class Meta:
            indexes = ((("category", "code"), True),)
            constraints = [SQL("UNIQUE (code, cents)")]

    class Stock(database.Model):
        product = ForeignKeyField(Product)
        place = CharField(max_length=20)

        class Meta:
            primary_key = CompositeKey("product", "place")

    report = database.register_models([Stock, Product, Category])
    assert report.created_tables == ("category", "product", "stock")
    assert foreign_keys(database, "product") == {("category_id", "category", "id"), ("parent_id", "product", "id")}
    assert foreign_keys(database, "stock") == {("product_id", "product", "id")}
    assert (("category_id", "code"), True) in index_columns(database, "product")
    assert (("code", "cents"), True) in index_columns(database, "product")
    assert (("name",), True) in index_columns(database, "category")
    assert database.get_primary_keys("stock") == ["product_id", "place"]
    assert [column.name for column in database.get_columns("product")] == [
        "id", "category_id", "parent_id", "code", "cents",
    ]  # fmt: skip

    category = Category.create(name="pens")
    Product.create(category=category, code="x", cents=1)
    with pytest.raises((peewee.IntegrityError, peewee.OperationalError)):
        Product.create(category=category, code="y", cents=-1)
    with pytest.raises(peewee.IntegrityError):
        Product.create(category=uuid.uuid4(), code="z", cents=1)
    category.delete_instance()
    assert Product.select().count() == 0


def test_tables_are_created_in_the_order_of_their_dependencies(place: Place):
    database = opened(place)

    class Zero(database.Model):
        pass

    class Aunt(database.Model):
        zero = ForeignKeyField(Zero)

    class Zebra(database.Model):
        aunt = ForeignKeyField(Aunt)

    class Ant(database.Model):
        zebra = ForeignKeyField(Zebra)
        zero = ForeignKeyField(Zero)

    report = database.register_models([Ant, Zebra, Aunt, Zero])
    assert report.created_tables == ("zero", "aunt", "zebra", "ant")
    assert foreign_keys(database, "ant") == {("zebra_id", "zebra", "id"), ("zero_id", "zero", "id")}


def test_a_table_made_by_a_migration_is_a_parent_of_one_made_by_sync(place: Place):
    database = opened(place, [CreateUser])

    class User(database.Model):
        email = CharField(unique=True)

    class Post(database.Model):
        user = ForeignKeyField(User)

    report = database.register_models([Post, User])
    assert report.applied == (CreateUser.id,)
    assert report.created_tables == ("post",)
    Post.create(user=User.get(email="3@example.org"))
    assert [post.user.email for post in Post.select()] == ["3@example.org"]


def test_two_models_that_refer_to_each_other_both_get_their_constraint(place: Place):
    database = opened(place)
    name = f"Chief{uuid.uuid4().hex[:8]}"

    class Office(database.Model):
        chief = DeferredForeignKey(name, null=True, on_delete="SET NULL")
        city = CharField()

    person = type(
        name,
        (database.Model,),
        {
            "office": ForeignKeyField(Office),
            "Meta": type("Meta", (), {"table_name": "person"}),
            "__module__": __name__,
        },
    )
    report = database.register_models([Office, person])
    assert set(report.created_tables) == {"office", "person"}
    assert foreign_keys(database, "office") == {("chief_id", "person", "id")}
    assert foreign_keys(database, "person") == {("office_id", "office", "id")}

    office = Office.create(city="Bern")
    chief = person.create(office=office)
    office.chief = chief
    office.save()
    with pytest.raises(peewee.IntegrityError):
        Office.create(city="Rome", chief=4711)
    assert not database.register_models([Office, person])


def test_a_deferred_key_to_a_table_that_is_there_gets_its_constraint(place: Place):
    database = opened(place, [CreateUser])
    name = f"User{uuid.uuid4().hex[:8]}"

    class Post(database.Model):
        user = DeferredForeignKey(name)

    user = type(
        name,
        (database.Model,),
        {"email": CharField(unique=True), "Meta": type("Meta", (), {"table_name": "user"}), "__module__": __name__},
    )
    assert database.register_models([user, Post]).created_tables == ("post",)
    assert foreign_keys(database, "post") == {("user_id", "user", "id")}


def test_a_deferred_key_that_nobody_resolved_is_refused_by_name(place: Place):
    database = opened(place)

    class Fine(database.Model):
        text = CharField()

    class Waiting(database.Model):
        other = DeferredForeignKey(f"Nobody{uuid.uuid4().hex[:8]}")

    before = snapshot(database)
    with pytest.raises(ConfigurationError) as caught:
        database.register_models([Fine, Waiting])
    assert_helps(caught.value, "Waiting", "other")
    assert snapshot(database) == before


def test_three_models_in_a_circle_all_get_their_constraint(place: Place):
    database = opened(place)
    name = f"First{uuid.uuid4().hex[:8]}"

    class Third(database.Model):
        first = DeferredForeignKey(name, null=True)

    class Second(database.Model):
        third = ForeignKeyField(Third, null=True)

    model = type(
        name,
        (database.Model,),
        {
            "second": ForeignKeyField(Second, null=True),
            "Meta": type("Meta", (), {"table_name": "first"}),
            "__module__": __name__,
        },
    )
    database.register_models([Second, model, Third])
    assert foreign_keys(database, "first") == {("second_id", "second", "id")}
    assert foreign_keys(database, "second") == {("third_id", "third", "id")}
    assert foreign_keys(database, "third") == {("first_id", "first", "id")}


def test_tables_of_many_to_many_fields_are_created(place: Place):
    database = opened(place)

    class Tag(database.Model):
        word = CharField()

    class Note(database.Model):
        text = TextField()
        tags = ManyToManyField(Tag, backref="notes")

    through = Note.tags.get_through_model()
    report = database.register_models([Note, Tag])
    assert set(report.created_tables) == {"note", "tag", through._meta.table_name}
    assert foreign_keys(database, through._meta.table_name) == {("note_id", "note", "id"), ("tag_id", "tag", "id")}
    note = Note.create(text="x")
    note.tags.add([Tag.create(word="a"), Tag.create(word="b")])
    assert sorted(tag.word for tag in note.tags) == ["a", "b"]
    assert not database.register_models([Tag, Note])


def test_tables_of_many_to_many_fields_are_created_for_models_without_a_database(place: Place):
    class Tag(Model):
        word = CharField()

    class Note(Model):
        tags = ManyToManyField(Tag, backref="notes")

    database = opened(place)
    database.register_models([Note, Tag])
    note = Note.create()
    note.tags.add([Tag.create(word="a")])
    assert [tag.word for tag in note.tags] == ["a"]


def test_a_through_model_of_ones_own_is_created_once(place: Place):
    database = opened(place)
    deferred = DeferredThroughModel()

    class Tag(database.Model):
        word = CharField()

    class Note(database.Model):
        tags = ManyToManyField(Tag, backref="notes", through_model=deferred)

    class Tagging(database.Model):
        note = ForeignKeyField(Note)
        tag = ForeignKeyField(Tag)

    deferred.set_model(Tagging)
    report = database.register_models([Note, Tag, Tagging])
    assert sorted(report.created_tables) == ["note", "tag", "tagging"]


def test_two_models_of_one_table_create_it_once(place: Place):
    database = opened(place)

    class Word(database.Model):
        text = CharField(index=True)

    class ShortWord(database.Model):
        text = CharField(index=True)

        class Meta:
            table_name = "word"

    report = database.register_models([Word, ShortWord])
    assert report.created_tables == ("word",)
    assert not database.register_models([Word, ShortWord])


def test_models_of_other_schemas_are_created_there_on_postgresql(postgresql_place: Place):
    database = opened(postgresql_place)
    schema = f"S {uuid.uuid4().hex[:8]}"
    database.execute_sql(f'CREATE SCHEMA "{schema}"')
    try:

        class Event(database.Model):
            kind = CharField(index=True)

            class Meta:
                table_name = "event"

        class Archived(database.Model):
            event = ForeignKeyField(Event)
            kind = CharField(unique=True)

            class Meta:
                table_name = "event"

        Archived._meta.set_table_name("event")
        Archived._meta.schema = schema
        report = database.register_models([Archived, Event])
        assert report.created_tables.count("event") == 2
        names = {name: inner(database).get_tables(schema=name) for name in (schema,)}
        assert names == {schema: ["event"]}
        Archived.create(event=Event.create(kind="a"), kind="b")
        assert Archived.select().count() == Event.select().count() == 1
        assert not database.register_models([Event, Archived])
    finally:
        database.execute_sql(f'DROP SCHEMA "{schema}" CASCADE')


def test_a_schema_whose_name_has_capitals_is_the_default_one_on_postgresql(postgresql_place: Place):
    name = f"Tenant {uuid.uuid4().hex[:8]}"
    database = opened(postgresql_place, [CreateUser])
    database.execute_sql(f'CREATE SCHEMA "{name}"')
    try:
        database.execute_sql(f'SET search_path TO "{name}"')

        class Word(database.Model):
            text = CharField()

        assert database.register_models([Word])
        assert set(database.get_tables(schema=name)) == {*OURS, "user", "word"}
        assert not database.register_models([Word])
    finally:
        database.execute_sql(f'DROP SCHEMA "{name}" CASCADE')


def test_a_history_in_another_schema_of_the_search_path_is_not_ours(postgresql_place: Place):
    database = opened(postgresql_place, [CreateUser])
    database.register_models([])
    (home,) = database.execute_sql("SELECT current_schema()").fetchone()
    name = f"tenant_{uuid.uuid4().hex[:8]}"
    database.execute_sql(f'CREATE SCHEMA "{name}"')
    try:
        database.execute_sql(f'SET search_path TO "{name}", "{home}"')
        assert database.register_models([]).applied == (CreateUser.id,)
        assert set(database.get_tables(schema=name)) == {*OURS, "user"}
        assert not database.register_models([])
    finally:
        database.execute_sql(f'DROP SCHEMA "{name}" CASCADE')


def test_a_full_text_table_of_sqlite_is_created_and_fits_its_model(file_place: Place):
    database = opened(file_place, environment="test")

    class Page(FTS5Model):
        title = SearchField()
        body = SearchField()

    Page.bind(inner(database))
    assert database.register_models([Page]).created_tables == ("page",)
    Page.insert(title="hello", body="world").execute()
    assert Page.select().where(Page.match("world")).count() == 1
    assert not database.register_models([Page])


# -- what exists is never touched ---------------------------------------------------------------


def test_a_table_that_exists_is_never_touched_its_indexes_included(place: Place):
    database = opened(place, [CreateUser], environment="production")
    database.register_models([])

    class User(database.Model):
        email = CharField(unique=True, index=True)
        shoe_size = IntegerField(index=True, default=0)

        class Meta:
            indexes = ((("email", "shoe_size"), True),)

    before = snapshot(database)
    assert not database.register_models([User])
    assert snapshot(database) == before


def test_a_table_that_exists_is_not_touched_while_others_are_made(place: Place):
    database = opened(place, [CreateUser], environment="production")
    database.register_models([])
    before = snapshot(database)

    class User(database.Model):
        email = TextField(index=True)
        shoe_size = IntegerField(index=True, default=0)

    class Post(database.Model):
        user = ForeignKeyField(User)

    assert database.register_models([User, Post]).created_tables == ("post",)
    assert snapshot(database, without=("post",)) == before


def test_an_index_that_a_model_has_and_its_table_lacks_is_not_made(place: Place):
    database = opened(place, [CreateUser], environment="production")

    class User(database.Model):
        email = CharField(unique=True)

        class Meta:
            indexes = ((("email", "id"), False),)

    database.register_models([User])
    assert index_columns(database, "user") == {(("email",), True)}


def test_names_of_tables_compare_without_case_on_sqlite(file_place: Place):
    database = opened(file_place)
    database.execute_sql("CREATE TABLE USER (id INTEGER NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL)")
    database.execute_sql("INSERT INTO USER (email) VALUES ('a')")

    class User(database.Model):
        email = CharField()

    assert database.register_models([User]).created_tables == ()
    assert User.get().email == "a"
    assert not database.register_models([User])


def test_names_that_differ_in_case_are_one_table_on_sqlite_and_two_on_servers(place: Place):
    database = opened(place, environment="production")

    class Upper(database.Model):
        text = CharField()

        class Meta:
            table_name = "Word"

    class Lower(database.Model):
        text = CharField()

        class Meta:
            table_name = "word"

    assert database.register_models([Upper]).created_tables == ("Word",)
    assert database.register_models([Upper, Lower]).created_tables == (() if place.is_sqlite else ("word",))
    assert not database.register_models([Upper, Lower])


@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_a_model_of_a_view_is_left_alone(place: Place, environment: str):
    class Views(BaseMigration):
        id = "20240102_000000_views"

        def up(self, migrator):
            quote = "`" if migrator.database.quote == "``" else '"'
            migrator.sql(f"CREATE VIEW early_user AS SELECT id, email FROM {quote}user{quote} WHERE id <= 5")

    database = opened(place, [CreateUser, Views], environment=environment)

    class EarlyUser(database.Model):
        email = CharField()

        class Meta:
            table_name = "early_user"

    report = database.register_models([EarlyUser])
    assert report.created_tables == ()
    assert report.warnings == ()
    assert EarlyUser.select().count() == 5
    assert not database.register_models([EarlyUser])


def test_a_table_with_an_odd_name_is_seen(place: Place):
    database = opened(place)

    class Odd(database.Model):
        text = CharField()

        class Meta:
            # peewee itself cannot query a table with a % in its name on servers.
            table_name = 'odd "table" 100 % ü' if place.is_sqlite else "odd 'table' 100 ü"

    assert database.register_models([Odd]).created_tables == (Odd._meta.table_name,)
    Odd.create(text="x")
    assert not database.register_models([Odd])


# -- what it says -------------------------------------------------------------------------------


def test_a_table_that_no_migration_creates_is_a_warning_in_the_report_and_in_the_log(
    place: Place, caplog: pytest.LogCaptureFixture
):
    database = opened(place, [CreateUser])

    class User(database.Model):
        email = CharField(unique=True)

    class Post(database.Model):
        user = ForeignKeyField(User)

    report = database.register_models([User, Post])
    (warning,) = report.warnings
    assert "post" in warning
    assert "python -m ormmigrate new create_post" in warning
    assert warnings(caplog) == [warning]

    caplog.clear()
    again = database.register_models([User, Post])
    assert again.warnings == ()
    assert warnings(caplog) == []


def test_a_report_is_false_when_nothing_ran_and_true_when_anything_did(place: Place):
    database = opened(place, [CreateUser])

    class Word(database.Model):
        text = CharField()

    assert database.register_models([])
    report = database.register_models([])
    assert not report
    assert report.applied == report.created_tables == report.warnings == ()
    assert report.error is None
    assert database.register_models([Word])
    assert not database.register_models([Word])


def test_a_report_is_ready_for_json(place: Place):
    database = opened(place, [CreateUser])

    class Word(database.Model):
        text = CharField()

    for _ in range(2):
        report = database.register_models([Word])
        found = json.loads(json.dumps(report.to_dict()))
        assert found["applied"] == list(report.applied)
        assert found["created_tables"] == list(report.created_tables)
        assert found["warnings"] == list(report.warnings)
        assert found["duration_ms"] >= 0
        assert found["error"] is None
        assert str(report)
    failed = Report(error=ConfigurationError("It broke.", "mend it."))
    assert json.loads(json.dumps(failed.to_dict()))["error"] == "It broke.\n  Next: mend it."
    assert not failed


def test_a_report_cannot_be_changed(db: Database):
    report = db.register_models([])
    with pytest.raises(AttributeError):
        report.applied = ("x",)  # type: ignore[misc]


# -- connections --------------------------------------------------------------------------------


def test_a_connection_that_was_closed_is_closed_again(shared_place: Place):
    database = shared_place.database([CreateUser])

    class Word(database.Model):
        text = CharField()

    for _ in range(3):
        assert database.is_closed()
        database.register_models([Word])
        assert database.is_closed()
    with database.connection_context():
        assert tables(database) == {"user", "word"}


def test_a_connection_that_was_closed_is_closed_again_after_a_failure(shared_place: Place):
    database = shared_place.database([CreateUser, Broken])
    with pytest.raises(MigrationFailed):
        database.register_models([])
    assert database.is_closed()


def test_a_connection_that_is_closed_is_closed_again_where_models_are_compared(shared_place: Place):
    for environment in ("development", "test"):
        database = shared_place.database([CreateUser], environment=environment)

        class User(database.Model):
            email = CharField(unique=True)

        database.register_models([User])
        assert database.is_closed()
        database.register_models([User])
        assert database.is_closed()


def test_a_connection_that_was_open_stays_open_and_is_the_same(place: Place):
    database = opened(place, [CreateUser])
    connection = database.connection()

    class Word(database.Model):
        text = CharField()

    for _ in range(2):
        database.register_models([Word])
        assert not database.is_closed()
        assert database.connection() is connection
        assert not database.in_transaction()
    assert database.execute_sql("SELECT 1").fetchone() == (1,)


def test_a_connection_that_was_open_stays_open_after_a_failure(place: Place):
    database = opened(place, [CreateUser, Broken])
    connection = database.connection()
    with pytest.raises(MigrationFailed):
        database.register_models([])
    assert database.connection() is connection
    assert not database.in_transaction()
    assert database.execute_sql("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "memory",
    [
        "sqlite:///:memory:",
        SqliteDatabase(":memory:"),
        SqliteDatabase("file::memory:", uri=True),
        SqliteDatabase(f"file:{uuid.uuid4()}?mode=memory&cache=shared", uri=True),
    ],
    ids=["URL", "name", "file::memory:", "shared"],
)
def test_a_database_in_memory_stays_open_with_its_rows(memory: Any):
    database = Database(memory, migrations=[CreateUser], environment="test")

    class User(database.Model):
        email = CharField(unique=True)

    database.register_models([User])
    assert not database.is_closed()
    assert User.select().count() == 20
    assert not database.register_models([User])
    database.close()


def test_settings_of_the_connection_are_as_before(place: Place):
    def settings(database: Database) -> list[Any]:
        if place.is_sqlite:
            names = ("foreign_keys", "busy_timeout", "legacy_alter_table", "writable_schema", "journal_mode")
            return [database.execute_sql(f"PRAGMA {name}").fetchone() for name in names]
        if place.kind == PG:
            names = ("lock_timeout", "search_path", "transaction_isolation", "statement_timeout")
            return [database.execute_sql(f"SHOW {name}").fetchone() for name in names]
        return list(
            database.execute_sql("SELECT @@autocommit, @@foreign_key_checks, @@sql_mode, DATABASE()").fetchone()
        )

    database = opened(place, [CreateUser])
    before = settings(database)
    database.register_models([])
    assert settings(database) == before
    failing = Database(inner(database), migrations=[CreateUser, Broken], environment="test")
    with pytest.raises(MigrationFailed):
        failing.register_models([])
    assert settings(database) == before


def test_foreign_keys_that_were_off_stay_off(file_place: Place):
    database = Database(file_place.url, migrations=[CreateUser], environment="test")
    database.connect()
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (0,)
    database.register_models([])
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (0,)
    database.close()


# -- transactions -------------------------------------------------------------------------------


def refused_inside(database: Database) -> None:
    with pytest.raises(ConfigurationError) as caught:
        database.register_models([])
    assert_helps(caught.value, "transaction")


def insert_other(database: Database) -> None:
    database.execute_sql("INSERT INTO other VALUES (1)")


@pytest.fixture
def with_other(place: Place) -> Any:
    """A database with a table of its own, and a migration pending."""
    database = opened(place, [CreateUser])
    database.execute_sql("CREATE TABLE other (n INTEGER)")
    yield database
    if not database.is_closed():
        database.close()


def test_a_call_inside_atomic_is_refused_and_nothing_changed(with_other: Database):
    with with_other.atomic():
        insert_other(with_other)
        refused_inside(with_other)
        assert with_other.in_transaction()
    assert tables(with_other) == {"other"}
    assert with_other.execute_sql("SELECT n FROM other").fetchall() in ([(1,)], ((1,),))


def test_a_call_inside_a_nested_atomic_is_refused(with_other: Database):
    with with_other.atomic(), with_other.atomic():
        refused_inside(with_other)
    assert tables(with_other) == {"other"}


def test_a_call_inside_the_drivers_own_transaction_is_refused_and_it_goes_on(with_other: Database):
    cursor = with_other.connection().cursor()
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO other VALUES (1)")
    refused_inside(with_other)
    cursor.execute("ROLLBACK")
    assert tables(with_other) == {"other"}
    assert len(with_other.execute_sql("SELECT n FROM other").fetchall()) == 0
    assert with_other.register_models([])


def test_a_call_inside_manual_commit_is_refused(with_other: Database):
    with with_other.manual_commit():
        with_other.begin()
        insert_other(with_other)
        refused_inside(with_other)
        with_other.rollback()
    assert tables(with_other) == {"other"}
    assert len(with_other.execute_sql("SELECT n FROM other").fetchall()) == 0


def test_a_call_inside_with_database_is_refused(shared_place: Place):
    database = shared_place.database([CreateUser])
    with database:
        refused_inside(database)
    with database.connection_context():
        assert tables(database) == set()


def test_a_call_inside_with_database_is_refused_where_nothing_is_pending_as_well(shared_place: Place):
    database = shared_place.database([CreateUser])
    database.register_models([])
    with database:
        refused_inside(database)


def test_a_call_inside_a_transaction_of_another_thread_is_not(shared_place: Place):
    database = shared_place.database([CreateUser])
    reports = []
    with database:
        if not shared_place.is_sqlite:
            database.execute_sql("SELECT 1")
        thread = threading.Thread(target=lambda: reports.append(database.register_models([])))
        thread.start()
        thread.join()
    assert [report.applied for report in reports] == [(CreateUser.id,)]


def test_a_call_from_inside_a_migration_is_refused_and_the_batch_rolled_back(place: Place):
    calls: list[BaseException] = []

    class Recursive(BaseMigration):
        id = "20240102_000000_recursive"

        def up(self, migrator):
            try:
                database.register_models([])
            except MigrationError as error:
                calls.append(error)
                raise

    database = opened(place, [CreateUser, Recursive])
    before = snapshot(database)
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, Recursive.id)
    error = calls[0]
    assert isinstance(error, ConfigurationError)
    assert "inside a migration" in error.problem
    assert "remove" in error.advice
    if place.rolls_back_ddl:
        assert len(calls) == 1
        assert snapshot(database) == before
    else:
        # A model's own INSERT is nothing that the journal could take back.
        assert tables(database) == {"user"}
        assert "INSERT INTO `user`" in caught.value.outcome


def test_a_call_of_another_database_object_from_inside_a_migration_is_refused(place: Place):
    class Recursive(BaseMigration):
        id = "20240102_000000_recursive"

        def up(self, migrator):
            Database(migrator.database, migrations=[AddBio], environment="test").register_models([])

    database = opened(place, [CreateUser, Recursive])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert "inside a migration" in str(caught.value)


def test_a_migration_may_migrate_another_database(place: Place):
    other = Database("sqlite:///:memory:", migrations=[CreateUser], environment="test")

    def elsewhere(migrator):
        other.register_models([])

    database = opened(place, [CreateUser, migration("20240102_000000_elsewhere", elsewhere)])
    assert len(database.register_models([]).applied) == 2
    assert other.execute_sql("SELECT count(*) FROM user").fetchone() == (20,)
    other.close()


def test_a_call_from_inside_an_observer_is_refused_and_the_batch_commits(place: Place):
    errors: list[BaseException] = []

    def observe(event: object) -> None:
        if not isinstance(event, MigrationApplied):
            return
        try:
            database.register_models([])
        except MigrationError as error:
            errors.append(error)

    database = opened(place, [CreateUser], observers=[observe])
    assert database.register_models([]).applied == (CreateUser.id,)
    (error,) = errors
    assert isinstance(error, ConfigurationError)
    assert tables(database) == {"user"}


# -- threads ------------------------------------------------------------------------------------


def test_two_threads_at_once_migrate_once_and_both_succeed(shared_place: Place):
    database = shared_place.database([CreateUser, AddBio])

    class User(database.Model):
        email = CharField(unique=True)
        bio = TextField(null=True)

    class Word(database.Model):
        text = CharField()

    barrier = threading.Barrier(2)
    reports: list[Report] = []
    states: list[bool] = []

    def start() -> None:
        barrier.wait()
        reports.append(database.register_models([User, Word]))
        states.append(database.is_closed())

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((report.applied, report.created_tables) for report in reports) == [
        ((), ()),
        ((CreateUser.id, AddBio.id), ("word",)),
    ]
    assert states == [True, True]
    with database.connection_context():
        assert User.select().count() == 20


# -- failure ------------------------------------------------------------------------------------


def test_a_failed_batch_can_be_left_to_the_application(place: Place, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="ormmigrate")
    first = opened(place, [CreateUser])
    first.register_models([])
    before = snapshot(first)
    database = Database(inner(first), migrations=[CreateUser, Broken], environment="test", on_failure="continue")

    class User(database.Model):
        email = CharField(unique=True)

    class Word(database.Model):
        text = CharField()

    report = database.register_models([User, Word])
    assert isinstance(report.error, MigrationFailed)
    assert_helps(report.error, Broken.id)
    assert not report
    assert report.applied == report.created_tables == ()
    assert Broken.id in json.dumps(report.to_dict())
    assert Broken.id in str(report)
    assert [record for record in caplog.records if record.levelno == logging.ERROR and Broken.id in record.getMessage()]
    assert tables(database) == {"user"}
    assert User.select().count() == 20
    if place.rolls_back_ddl:
        assert snapshot(database) == before
        assert isinstance(database.register_models([User, Word]).error, MigrationFailed)


def test_a_failed_batch_raises_where_nothing_else_was_asked_for(place: Place):
    database = opened(place, [CreateUser, Broken])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, Broken.id)
    assert isinstance(caught.value.__cause__, peewee.PeeweeException)


@pytest.mark.parametrize("on_failure", ["ignore", "", None, True])
def test_any_other_way_to_fail_is_refused(on_failure: Any):
    with pytest.raises(ConfigurationError) as caught:
        Database("sqlite:///:memory:", on_failure=on_failure)
    assert_helps(caught.value, repr(on_failure))


def table_that_fails(database: Database) -> type[Model]:
    class Bad(database.Model):
        text = CharField(constraints=[SQL("THIS IS NO SQL")])

    return Bad


def test_a_table_that_cannot_be_created_rolls_everything_back_with_an_error_of_ours(place: Place):
    database = opened(place, [CreateUser])

    class Aardvark(database.Model):
        text = CharField()

    bad = table_that_fails(database)
    before = snapshot(database)
    with pytest.raises(MigrationError) as caught:
        database.register_models([Aardvark, bad])
    assert_helps(caught.value, "bad")
    assert isinstance(caught.value.__cause__, peewee.PeeweeException)
    if place.rolls_back_ddl:
        assert snapshot(database) == before
    assert not database.in_transaction()


def test_a_table_that_cannot_be_created_can_be_left_to_the_application(place: Place):
    database = opened(place, [CreateUser], on_failure="continue")
    report = database.register_models([table_that_fails(database)])
    assert isinstance(report.error, MigrationError)
    assert "bad" in report.error.problem


def test_a_key_to_a_model_that_was_not_registered_is_an_error_of_ours_on_servers(shared_place: Place):
    database = opened(shared_place)

    class Parent(database.Model):
        text = CharField()

    class Child(database.Model):
        parent = ForeignKeyField(Parent)

    if shared_place.is_sqlite:
        assert database.register_models([Child]).created_tables == ("child",)
        return
    with pytest.raises(MigrationError) as caught:
        database.register_models([Child])
    assert_helps(caught.value, "child")
    if shared_place.rolls_back_ddl:
        assert tables(database) == set()


def test_a_check_that_only_commit_makes_fails_as_an_error_of_ours(postgresql_place: Place):
    def orphan(migrator):
        migrator.sql("CREATE TABLE a (id INT PRIMARY KEY, b INT REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)")
        migrator.sql("INSERT INTO a VALUES (1, 4711)")

    database = opened(postgresql_place, [CreateUser, migration("20240102_000000_orphan", orphan)])
    before = snapshot(database)
    with pytest.raises(MigrationError) as caught:
        database.register_models([])
    assert_helps(caught.value, "4711")
    assert snapshot(database) == before
    assert not database.in_transaction()


def test_the_advice_for_an_interrupted_migration_leaves_other_registries_alone(mysql_place: Place):
    def fails(migrator):
        migrator.create_table("word", {"id": AutoField()})
        migrator.sql("NO SQL")

    billing = Registry([CreateUser], name="billing")
    broken = [billing, Registry([migration(AddBio.id, fails)])]
    database = opened(mysql_place, broken)
    with pytest.raises(MigrationFailed):
        database.register_models([])
    with pytest.raises(UnfinishedMigration) as caught:
        database.register_models([])
    database.execute_sql("DROP TABLE word")
    database.migrations.settle(caught.value.migration, "undone")
    rows = database.execute_sql(f"SELECT registry, migration FROM {HISTORY} WHERE registry <> 'ormmigrate'").fetchall()
    assert list(rows) == [("billing", CreateUser.id)]


def test_the_advice_for_an_interrupted_late_migration_settles_that_one_alone(mysql_place: Place):
    def fails(migrator):
        migrator.create_table("word", {"id": AutoField()})
        # The journal knows no way back from this, so that everything stays as it is.
        migrator.database.execute_sql("INSERT INTO word VALUES (1)")
        migrator.sql("NO SQL")

    late = migration(AddBio.id, fails)
    last = migration("20240103_000000_last", lambda migrator: migrator.create_table("last", {"id": AutoField()}))

    def applied_after(outcome: str) -> set[str]:
        """Interrupt a migration that is older than an applied one, follow the advice, and look at the history."""
        opened(mysql_place, [CreateUser, late, last]).migrations.stamp(None)
        database = opened(mysql_place, [CreateUser, last])
        for table in ("user", "last", "word"):
            database.execute_sql(f"DROP TABLE IF EXISTS `{table}`")
        database.register_models([])
        merged = Database(inner(database), migrations=[CreateUser, late, last], environment="development")
        with pytest.raises(MigrationFailed):
            merged.register_models([])
        with pytest.raises(UnfinishedMigration) as caught:
            merged.register_models([])
        merged.migrations.settle(caught.value.migration, outcome)
        return {row.label for row in merged.migrations.status().applied}

    assert applied_after("applied") == {CreateUser.id, late.id, last.id}
    assert applied_after("undone") == {CreateUser.id, last.id}


@pytest.mark.parametrize("kind", ["BigAutoField", "UUIDField"])
def test_a_key_has_the_type_of_what_it_refers_to(place: Place, kind: str):
    database = opened(place)
    key = BigAutoField() if kind == "BigAutoField" else UUIDField(primary_key=True, default=uuid.uuid4)
    made = type("Parent", (database.Model,), {"id": key, "text": CharField(default=""), "__module__": __name__})

    class Child(database.Model):
        parent = ForeignKeyField(made)

    database.register_models([Child, made])
    row = made(text="x")
    row.save(force_insert=kind == "UUIDField")
    Child.create(parent=row)
    assert Child.get().parent.text == "x"


def test_register_models_on_a_plain_peewee_database_given_migrations_is_noticed(file_place: Place):
    path = file_place.url.removeprefix("sqlite:///")
    wrong = SqliteDatabase(path, migrations=[CreateUser])
    database = Database(wrong, migrations=[CreateUser])
    with pytest.raises(ConfigurationError) as caught:
        database.register_models([])
    assert_helps(caught.value, "migrations=")


def test_a_database_that_is_not_initialized_is_an_error():
    database = Database("sqlite:///:memory:")
    database.initialize(None)
    with pytest.raises(ConfigurationError) as caught:
        database.register_models([])
    assert_helps(caught.value, "not initialized")


def test_an_in_memory_database_serves_every_kind_of_call():
    database = Place(MEMORY, "sqlite:///:memory:").database([CreateUser, AddBio])

    class Note(database.Model):
        text = CharField()

    database.register_models([Note])
    Note.create(text="x")
    assert database.migrations.status()
    assert database.migrations.down(steps=1).reverted == (AddBio.id,)
    assert database.register_models([Note]).applied == (AddBio.id,)
    assert Note.select().count() == 1
    database.close()
