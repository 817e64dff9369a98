"""create_table, migrator.table, run and script: what a migration builds, adopts and fills, on every database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import peewee
import pytest
from making import assert_helps, migration
from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Check,
    CompositeKey,
    DateField,
    DateTimeField,
    DecimalField,
    DeferredForeignKey,
    DoubleField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    SmallIntegerField,
    TextField,
    TimeField,
    UUIDField,
)
from places import MARIA, PG, Place
from snapshot import HISTORY, OURS, snapshot

from ormmigrate import ConfigurationError, Database, MigrationFailed, Migrator, UnsupportedOperation, reference
from ormmigrate.connection import inner

Up = Callable[[Migrator], object]


def migrated(place: Place, *ups: Up) -> Database:
    """A database on which those ran as migrations of one batch; its connection is open."""
    migrations = [migration(f"2024010{number}_000000_step", up) for number, up in enumerate(ups, 1)]
    database = place.database(migrations)
    database.connect()
    database.register_models([])
    return database


def after(database: Database, *ups: Up) -> Database:
    """The same database after more of them."""
    known = [type(one) for one in database.migrations.registries.migrations]
    more = [migration(f"20240{number}01_000000_later", up) for number, up in enumerate(ups, 2)]
    later = Database(inner(database), migrations=[*known, *more], environment="test")
    later.register_models([])
    return later


def failure(place_or_database: Place | Database, *ups: Up) -> BaseException:
    """Why it failed; where DDL is transactional nothing was changed by it."""
    if isinstance(place_or_database, Place):
        database = place_or_database.database()
        database.connect()
        database.register_models([])
    else:
        database = place_or_database
    before = snapshot(database)
    with pytest.raises(MigrationFailed) as caught:
        after(database, *ups)
    if database.obj.__class__.__name__ != "MySQLDatabase":
        assert snapshot(database) == before
    else:
        assert snapshot(database, without=(HISTORY,)) == snapshot_without_history(before)
    return caught.value.__cause__


def snapshot_without_history(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": [row for row in found["schema"] if HISTORY not in str(row)],
        "rows": {table: rows for table, rows in found["rows"].items() if table != HISTORY},
    }


def columns(database: Database, table: str) -> list[str]:
    return [column.name for column in database.get_columns(table)]


def indexes(database: Database, table: str) -> dict[str, tuple[tuple[str, ...], bool]]:
    keys = tuple(database.get_primary_keys(table))
    return {
        index.name: (tuple(index.columns), bool(index.unique))
        for index in database.get_indexes(table)
        if not (index.unique and tuple(index.columns) == keys)
    }


def keys_of(database: Database, table: str) -> set[tuple[str, str, str]]:
    return {(key.column, key.dest_table, key.dest_column) for key in database.get_foreign_keys(table)}


def insert(database: Database, table: str, **values: Any) -> None:
    quote = "`" if database.quote == "``" else '"'
    names = ", ".join(f"{quote}{name}{quote}" for name in values)
    marks = ", ".join([database.param] * len(values))
    database.execute_sql(f"INSERT INTO {quote}{table}{quote} ({names}) VALUES ({marks})", tuple(values.values()))


REFUSED = (peewee.IntegrityError, peewee.OperationalError)  # MariaDB reports a failed CHECK as the latter


# -- columns ------------------------------------------------------------------------------------


def every_kind() -> dict[str, peewee.Field]:
    return {
        "id": AutoField(),
        "big": BigIntegerField(),
        "small": SmallIntegerField(null=True),
        "price": DecimalField(max_digits=12, decimal_places=3),
        "ratio": DoubleField(),
        "weight": FloatField(null=True),
        "flag": BooleanField(),
        "code": FixedCharField(max_length=3),
        "word": CharField(max_length=40),
        "text": TextField(null=True),
        "blob": BlobField(),
        "token": UUIDField(),
        "day": DateField(),
        "moment": DateTimeField(),
        "hour": TimeField(null=True),
    }


def test_every_kind_of_field_becomes_a_column_in_the_order_written(place: Place):
    kinds = every_kind()
    database = migrated(place, lambda m: m.create_table("thing", kinds))
    assert columns(database, "thing") == list(kinds)
    nullable = {column.name for column in database.get_columns("thing") if column.null}
    assert nullable == {"small", "weight", "text", "hour"}
    assert database.get_primary_keys("thing") == ["id"]


def test_the_order_is_that_of_the_dict_not_that_in_which_fields_were_made(place: Place):
    third, first, second = IntegerField(), AutoField(), TextField()
    database = migrated(place, lambda m: m.create_table("thing", {"first": first, "second": second, "third": third}))
    assert columns(database, "thing") == ["first", "second", "third"]


def test_a_fields_default_stays_out_of_the_database(place: Place):
    def up(migrator):
        migrator.create_table(
            "thing",
            {
                "id": AutoField(),
                "number": IntegerField(default=5),
                "word": CharField(default="x"),
                "made": DateTimeField(default=datetime.now),
                "kept": IntegerField(constraints=[SQL("DEFAULT 7")]),
            },
        )

    database = migrated(place, up)
    defaults = {column.name: column.default for column in database.get_columns("thing") if column.name != "id"}
    assert {name for name, default in defaults.items() if default not in (None, "NULL")} == {"kept"}
    with pytest.raises(REFUSED):
        insert(database, "thing", word="a", made=datetime(2024, 1, 1))
    insert(database, "thing", number=1, word="a", made=datetime(2024, 1, 1))
    assert database.execute_sql("SELECT kept FROM thing").fetchone() == (7,)


def test_fields_are_not_changed_and_may_be_used_again(place: Place):
    word, key = CharField(unique=True), AutoField()

    def up(migrator):
        migrator.create_table("first", {"id": key, "word": word, "other": word})
        migrator.create_table("second", {"number": key, "text": word})

    database = migrated(place, up)
    assert columns(database, "first") == ["id", "word", "other"]
    assert columns(database, "second") == ["number", "text"]
    assert not hasattr(word, "name")
    assert word.column_name is None


def test_a_column_is_named_by_its_place_in_the_dict_alone(place: Place):
    database = migrated(
        place, lambda m: m.create_table("thing", {"id": AutoField(), "word": CharField(column_name="other")})
    )
    assert columns(database, "thing") == ["id", "word"]


def test_names_may_hold_anything_that_can_be_quoted(place: Place):
    table = "odd table's"
    names = ["id", "first name", "order", "select", "Größe", "it's", "a.b", "x-y", "1st", "(", "100"]
    fields: dict[str, peewee.Field] = {"id": AutoField(), **{name: IntegerField(index=True) for name in names[1:]}}
    database = migrated(place, lambda m: m.create_table(table, fields))
    assert columns(database, table) == names
    assert {found[0][0] for found in indexes(database, table).values()} == set(names[1:])
    insert(database, table, **{name: number for number, name in enumerate(names, 1)})


def test_a_percent_sign_is_sent_as_written(place: Place):
    def up(migrator):
        migrator.create_table(
            "rate",
            {
                "id": AutoField(),
                "even": IntegerField(constraints=[Check("even % 2 = 0")]),
                "unit": CharField(constraints=[SQL("DEFAULT '100 %'")]),
                "mail": CharField(null=True),
            },
            constraints=[Check("mail LIKE '%@%'"), SQL("CHECK (even % 3 = 0)"), "CHECK (unit NOT LIKE '%s')"],
        )

    database = migrated(place, up)
    insert(database, "rate", even=6, mail="a@b")
    assert database.execute_sql("SELECT unit FROM rate").fetchone() == ("100 %",)
    for wrong in ({"even": 3}, {"even": 4}, {"even": 6, "mail": "ab"}, {"even": 6, "unit": "%s"}):
        with pytest.raises(REFUSED):
            insert(database, "rate", **wrong)


def test_a_table_with_a_percent_sign_can_be_adopted_and_compared_with_its_model(place: Place):
    def up(migrator):
        migrator.create_table("rate", {"id": AutoField(), "even": IntegerField(constraints=[Check("even % 2 = 0")])})

    database = after(migrated(place, up), up)
    assert details(database) == [{}, {"adopted": ["rate"]}]

    class Rate(database.Model):
        # peewee itself wants it doubled on servers.
        even = IntegerField(constraints=[Check("even % 2 = 0" if place.is_sqlite else "even %% 2 = 0")])

    assert not database.register_models([Rate])
    insert(database, "rate", even=6)


# -- indexes, constraints, keys -----------------------------------------------------------------


def test_indexes_of_fields_and_of_the_table_are_made(place: Place):
    def up(migrator):
        migrator.create_table(
            "thing",
            {
                "id": AutoField(),
                "mail": CharField(unique=True),
                "city": CharField(index=True),
                "year": IntegerField(),
                "other_id": ForeignKeyField(reference("thing"), null=True),
            },
            indexes=[(("city", "year"), True), (("year", "mail"), False), ("year", False)],
        )

    database = migrated(place, up)
    assert indexes(database, "thing") == {
        "thing_mail": (("mail",), True),
        "thing_city": (("city",), False),
        "thing_other_id": (("other_id",), False),
        "thing_city_year": (("city", "year"), True),
        "thing_year_mail": (("year", "mail"), False),
        "thing_year": (("year",), False),
    }
    insert(database, "thing", mail="a", city="x", year=1)
    for wrong in ({"mail": "a", "city": "y", "year": 2}, {"mail": "b", "city": "x", "year": 1}):
        with pytest.raises(peewee.IntegrityError):
            insert(database, "thing", **wrong)


def test_an_index_without_a_foreign_keys_own_can_be_asked_for(place: Place):
    if place.kind == MARIA:
        return  # MariaDB makes one for every foreign key
    database = migrated(
        place,
        lambda m: m.create_table(
            "thing", {"id": AutoField(), "other_id": ForeignKeyField(reference("thing"), null=True, index=False)}
        ),
    )
    assert indexes(database, "thing") == {}


def test_constraints_may_be_checks_sql_or_text(place: Place):
    def up(migrator):
        migrator.create_table(
            "span",
            {"id": AutoField(), "low": IntegerField(constraints=[Check("low > 0")]), "high": IntegerField()},
            constraints=[Check("low <= high"), SQL("UNIQUE (low, high)"), "CONSTRAINT high_enough CHECK (high > 10)"],
        )

    database = migrated(place, up)
    insert(database, "span", low=5, high=20)
    for low, high in ((0, 20), (30, 20), (5, 20), (5, 9)):
        with pytest.raises(REFUSED):
            insert(database, "span", low=low, high=high)


def test_a_primary_key_may_span_columns(place: Place):
    database = migrated(
        place,
        lambda m: m.create_table(
            "seat",
            {"room": CharField(max_length=10), "note": TextField(null=True), "number": IntegerField()},
            primary_key=("number", "room"),
        ),
    )
    assert sorted(database.get_primary_keys("seat")) == ["number", "room"]
    insert(database, "seat", room="a", number=1)
    insert(database, "seat", room="a", number=2)
    with pytest.raises(peewee.IntegrityError):
        insert(database, "seat", room="a", number=1)


def test_a_table_may_have_a_key_that_is_no_number_or_none_at_all(place: Place):
    def up(migrator):
        migrator.create_table("country", {"code": FixedCharField(max_length=2, primary_key=True), "name": TextField()})
        migrator.create_table("log", {"line": TextField(), "n": IntegerField(null=True)})

    database = migrated(place, up)
    assert database.get_primary_keys("country") == ["code"]
    assert database.get_primary_keys("log") == []
    insert(database, "country", code="ch", name="Switzerland")
    insert(database, "log", line="x")
    insert(database, "log", line="x")


# -- foreign keys -------------------------------------------------------------------------------


def test_a_table_may_refer_to_itself(place: Place):
    def up(migrator):
        migrator.create_table(
            "node", {"id": AutoField(), "parent_id": ForeignKeyField("self", null=True, on_delete="CASCADE")}
        )
        migrator.create_table(
            "page", {"slug": CharField(max_length=20, primary_key=True), "parent": ForeignKeyField("self", null=True)}
        )
        migrator.create_table(
            "item",
            {
                "id": AutoField(),
                "code": CharField(max_length=20, constraints=[SQL("UNIQUE")]),
                "like": ForeignKeyField("self", field="code", null=True),
            },
        )

    database = migrated(place, up)
    assert keys_of(database, "node") == {("parent_id", "node", "id")}
    assert keys_of(database, "page") == {("parent", "page", "slug")}
    assert keys_of(database, "item") == {("like", "item", "code")}
    insert(database, "node", id=1)
    insert(database, "node", id=2, parent_id=1)
    insert(database, "page", slug="a")
    insert(database, "page", slug="b", parent="a")
    insert(database, "item", code="x")
    insert(database, "item", code="y", like="x")
    database.execute_sql("DELETE FROM node WHERE id = 1")
    assert database.execute_sql("SELECT count(*) FROM node").fetchone() == (0,)
    for table, values in (("node", {"parent_id": 9}), ("page", {"slug": "c", "parent": "z"})):
        with pytest.raises(peewee.IntegrityError):
            insert(database, table, **values)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (lambda: BigAutoField(), 2**40),
        (lambda: UUIDField(primary_key=True), uuid.uuid4()),
        (lambda: CharField(max_length=30, primary_key=True), "ch"),
        (lambda: BigIntegerField(primary_key=True), 2**41),
        (lambda: FixedCharField(max_length=4, primary_key=True), "abcd"),
        (lambda: SmallIntegerField(primary_key=True), 7),
    ],
    ids=["BigAutoField", "UUIDField", "CharField", "BigIntegerField", "FixedCharField", "SmallIntegerField"],
)
def test_a_reference_takes_the_type_of_what_it_refers_to(place: Place, key: Any, value: Any):
    def up(migrator):
        migrator.create_table("parent", {"id": key(), "n": IntegerField(null=True)})
        migrator.create_table(
            "child", {"id": AutoField(), "parent_id": ForeignKeyField(reference("parent", field=key()), null=True)}
        )
        parent = migrator.table("parent", id=key())
        parent.insert(id=value).execute()
        child = migrator.table("child", parent_id=ForeignKeyField(reference("parent", field=key()), null=True))
        child.insert(parent_id=value).execute()
        assert child.get().parent_id == value

    database = migrated(place, up)
    assert keys_of(database, "child") == {("parent_id", "parent", "id")}
    types = {
        name: next(column.data_type for column in database.get_columns(name[0]) if column.name == name[1])
        for name in (("parent", "id"), ("child", "parent_id"))
    }
    if not place.is_sqlite:
        assert len(set(types.values())) == 1


def test_foreign_keys_have_their_actions_their_column_and_their_name(place: Place):
    def up(migrator):
        migrator.create_table(
            "user", {"id": AutoField(), "mail": CharField(max_length=50, constraints=[SQL("UNIQUE")])}
        )
        migrator.create_table(
            "post",
            {
                "id": AutoField(),
                "owner_id": ForeignKeyField(reference("user"), on_delete="CASCADE", constraint_name="post_owner"),
                "editor_id": ForeignKeyField(reference("user"), null=True, on_delete="SET NULL"),
                "mail": ForeignKeyField(
                    reference("user", "mail", field=CharField(max_length=50)), null=True, on_update="CASCADE"
                ),
            },
        )

    database = migrated(place, up)
    assert keys_of(database, "post") == {
        ("owner_id", "user", "id"),
        ("editor_id", "user", "id"),
        ("mail", "user", "mail"),
    }
    assert "post_owner" in str(snapshot(database)["schema"]) or "post_owner" in _create_text(database, "post")
    for number in (1, 2):
        insert(database, "user", id=number, mail=f"{number}@x")
    insert(database, "post", owner_id=1, editor_id=2, mail="1@x")
    quote = "`" if place.kind == MARIA else '"'
    database.execute_sql(f"UPDATE {quote}user{quote} SET mail = 'new@x' WHERE id = 1")
    database.execute_sql(f"DELETE FROM {quote}user{quote} WHERE id = 2")
    assert database.execute_sql("SELECT owner_id, editor_id, mail FROM post").fetchone() == (1, None, "new@x")
    database.execute_sql("UPDATE post SET mail = NULL")
    database.execute_sql(f"DELETE FROM {quote}user{quote} WHERE id = 1")
    assert database.execute_sql("SELECT count(*) FROM post").fetchone() == (0,)


def _create_text(database: Database, table: str) -> str:
    return str(database.execute_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0])


def test_a_foreign_key_may_wait_for_the_commit_where_the_database_can(place: Place):
    def up(migrator):
        migrator.create_table("a", {"id": AutoField()})
        migrator.create_table(
            "b", {"id": AutoField(), "a_id": ForeignKeyField(reference("a"), deferrable="INITIALLY DEFERRED")}
        )

    if place.kind == MARIA:
        database = place.database([migration("20240101_000000_step", up)])
        with pytest.raises(MigrationFailed) as caught:
            database.register_models([])
        assert_helps(caught.value, "create the table b")
        return
    database = migrated(place, up)
    with database.atomic():
        insert(database, "b", a_id=7)
        insert(database, "a", id=7)
    with pytest.raises(peewee.IntegrityError), database.atomic():
        insert(database, "b", a_id=8)


def test_a_reference_may_name_another_schema_on_postgresql(postgresql_place: Place):
    schema = f"Other {uuid.uuid4().hex[:8]}"

    def up(migrator):
        migrator.sql(f'CREATE SCHEMA "{schema}"')
        migrator.sql(f'CREATE TABLE "{schema}".account (id INT PRIMARY KEY)')
        migrator.create_table(
            "session", {"id": AutoField(), "account_id": ForeignKeyField(reference("account", schema=schema))}
        )
        migrator.add_column(
            "session", "other_id", ForeignKeyField(reference("account", schema=schema), null=True, on_delete="CASCADE")
        )

    database = migrated(postgresql_place, up)
    try:
        query = (
            "SELECT confrelid::regclass::text FROM pg_constraint WHERE conrelid = 'session'::regclass AND contype = 'f'"
        )
        assert database.execute_sql(query).fetchall() == [(f'"{schema}".account',)] * 2
    finally:
        database.execute_sql(f'DROP SCHEMA "{schema}" CASCADE')


def test_a_foreign_key_may_name_a_model(place: Place):
    class Account(Model):
        number = CharField(max_length=20, primary_key=True)

        class Meta:
            table_name = "bank_account"

    def up(migrator):
        migrator.create_table("bank_account", {"number": CharField(max_length=20, primary_key=True)})
        migrator.create_table("payment", {"id": AutoField(), "account": ForeignKeyField(Account)})

    database = migrated(place, up)
    assert keys_of(database, "payment") == {("account", "bank_account", "number")}


# -- wrong arguments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [None, int, "text", CharField, DeferredForeignKey(f"Nobody{uuid.uuid4().hex[:8]}")],
    ids=["None", "int", "text", "a class", "DeferredForeignKey"],
)
def test_what_is_no_field_is_refused_by_name(file_place: Place, field: Any):
    error = failure(file_place, lambda m: m.create_table("thing", {"id": AutoField(), "word": field}))
    assert isinstance(error, ConfigurationError)
    assert_helps(error, "thing.word")


def test_a_foreign_key_to_a_name_is_refused_with_what_to_write(file_place: Place):
    field = ForeignKeyField("self")
    field.rel_model = "user"
    error = failure(file_place, lambda m: m.create_table("thing", {"id": AutoField(), "user_id": field}))
    assert isinstance(error, ConfigurationError)
    assert_helps(error, "thing.user_id", "'user'")
    assert 'reference("user")' in error.advice


# -- adoption -----------------------------------------------------------------------------------


def create_user(migrator: Migrator) -> None:
    migrator.create_table(
        "user",
        {
            "id": AutoField(),
            "mail": CharField(unique=True),
            "city": CharField(index=True),
            "age": IntegerField(null=True),
        },
        indexes=[(("city", "age"), False)],
    )


def with_user_table(place: Place) -> Database:
    """A database that somebody else made, with rows."""
    database = place.database()
    database.connect()
    key = {"postgresql": "SERIAL NOT NULL PRIMARY KEY", "mysql": "INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT"}
    quote = "`" if place.kind == MARIA else '"'
    database.execute_sql(
        f"CREATE TABLE {quote}user{quote} (id {key.get(place.kind, 'INTEGER NOT NULL PRIMARY KEY')}, "
        "mail VARCHAR(255) NOT NULL, city VARCHAR(255) NOT NULL, age INTEGER)"
    )
    database.execute_sql(f"CREATE INDEX by_city ON {quote}user{quote} (city)")
    for number in range(5):
        insert(database, "user", mail=f"{number}@x", city="Bern", age=number)
    return database


def details(database: Database) -> list[dict[str, Any]]:
    query = f"SELECT details FROM {HISTORY} WHERE registry = 'app' ORDER BY seq"
    return [json.loads(text) for (text,) in database.execute_sql(query).fetchall()]


def test_a_table_that_is_there_with_the_same_columns_is_adopted_with_its_rows(place: Place):
    database = after(with_user_table(place), create_user)
    quote = "`" if place.kind == MARIA else '"'
    assert database.execute_sql(f"SELECT count(*) FROM {quote}user{quote}").fetchone() == (5,)
    assert details(database) == [{"adopted": ["user"]}]


def test_the_indexes_that_an_adopted_table_lacks_are_added_and_the_others_left(place: Place):
    database = after(with_user_table(place), create_user)
    assert indexes(database, "user") == {
        "by_city": (("city",), False),
        "user_mail": (("mail",), True),
        "user_city_age": (("city", "age"), False),
    }


def test_down_leaves_an_adopted_table_and_drops_the_others(place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.create_table("extra", {"id": AutoField()})

    database = after(with_user_table(place), up)
    assert set(database.get_tables()) == {"user", "extra", *OURS}
    database.migrations.down()
    assert set(database.get_tables()) == {"user", *OURS}
    quote = "`" if place.kind == MARIA else '"'
    assert database.execute_sql(f"SELECT count(*) FROM {quote}user{quote}").fetchone() == (5,)
    assert database.register_models([]).applied
    assert details(database) == [{"adopted": ["user"]}]


def test_a_table_that_was_not_adopted_is_dropped_on_the_way_down(place: Place):
    database = after(migrated(place), create_user)
    assert details(database) == [{}]
    database.migrations.down()
    assert database.get_tables() == [*OURS]


def test_a_table_that_sync_made_from_a_model_is_adopted_by_the_migration_written_later(place: Place):
    database = place.database()
    database.connect()
    kinds = every_kind()

    class Parent(database.Model):
        key = UUIDField(primary_key=True, default=uuid.uuid4)

    body = {name: field.clone() for name, field in every_kind().items()}
    body["parent"] = ForeignKeyField(Parent, on_delete="CASCADE")
    body["mail"] = CharField(unique=True)
    body["Meta"] = type("Meta", (), {"indexes": ((("word", "day"), True),), "table_name": "thing"})
    thing = type("Thing", (database.Model,), {**body, "__module__": __name__})

    class Pair(database.Model):
        left = IntegerField()
        right = CharField(max_length=20)

        class Meta:
            primary_key = CompositeKey("left", "right")

    database.register_models([thing, Parent, Pair])
    before = snapshot(database)

    def up(migrator):
        migrator.create_table("parent", {"key": UUIDField(primary_key=True)})
        migrator.create_table(
            "thing",
            {
                **kinds,
                "parent_id": ForeignKeyField(
                    reference("parent", "key", field=UUIDField(primary_key=True)), on_delete="CASCADE"
                ),
                "mail": CharField(unique=True),
            },
            indexes=[(("word", "day"), True)],
        )
        migrator.create_table(
            "pair", {"left": IntegerField(), "right": CharField(max_length=20)}, primary_key=("left", "right")
        )

    later = after(database, up)
    assert details(later) == [{"adopted": ["parent", "thing", "pair"]}]
    assert snapshot(later, without=(HISTORY,)) == snapshot_without_history(before)


DIFFERENCES = {
    "a column that the table lacks": ({"nick": CharField(null=True)}, (), ["no column nick"]),
    "a column that the table has as well": ({}, ("age",), ["a column age as well"]),
    "another type": ({"age": TextField(null=True)}, (), ["age is ", "and should be "]),
    "another length": ({"city": CharField(max_length=99)}, (), ["city is ", "99"]),
    "NULL": ({"city": CharField(null=True)}, (), ["city is ", "NOT NULL, and should be "]),
    "NOT NULL": ({"age": IntegerField()}, (), ["age is ", "NULL, and should be "]),
    "another key": ({"id": IntegerField(), "mail": CharField(primary_key=True)}, (), ["mail is ", "primary key"]),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_table_that_differs_is_an_error_that_shows_the_difference(place: Place, name: str):
    database = with_user_table(place)
    database.register_models([])
    changes, left_out, shown = DIFFERENCES[name]
    fields: dict[str, peewee.Field] = {
        "id": AutoField(), "mail": CharField(), "city": CharField(), "age": IntegerField(null=True), **changes
    }  # fmt: skip
    error = failure(
        database,
        lambda m: m.create_table("user", {key: field for key, field in fields.items() if key not in left_out}),
    )
    assert isinstance(error, UnsupportedOperation)
    assert_helps(error, "create the table user", "exists already", *shown)
    assert "stamp" in error.advice


def test_all_differences_are_shown_at_once(place: Place):
    database = with_user_table(place)
    database.register_models([])
    error = failure(
        database, lambda m: m.create_table("user", {"id": AutoField(), "city": TextField(), "nick": TextField()})
    )
    lines = [line for line in str(error).splitlines() if line.startswith("    - ")]
    assert len(lines) == 4


def test_columns_compare_without_case_on_sqlite_and_tables_as_well(file_place: Place):
    database = file_place.database()
    database.connect()
    database.execute_sql('CREATE TABLE "User" ("ID" integer not null primary key, "Mail" varchar(255) not null)')
    later = after(database, lambda m: m.create_table("user", {"id": AutoField(), "mail": CharField()}))
    assert details(later) == [{"adopted": ["user"]}]
    later.migrations.down()
    assert "User" in later.get_tables()


def test_a_view_is_not_adopted_as_a_table(place: Place):
    database = with_user_table(place)
    quote = "`" if place.kind == MARIA else '"'
    database.execute_sql(f"CREATE VIEW ages AS SELECT age FROM {quote}user{quote}")
    database.register_models([])
    error = failure(database, lambda m: m.create_table("ages", {"age": IntegerField(null=True)}))
    assert isinstance(error, UnsupportedOperation)
    assert_helps(error, "ages", "view")


def test_a_second_table_of_one_name_in_one_batch_is_adopted_or_refused_like_any_other(place: Place):
    database = migrated(place, create_user, create_user)
    assert details(database) == [{}, {"adopted": ["user"]}]
    database.migrations.down()
    assert "user" in database.get_tables()


def test_an_adopted_table_may_be_changed_in_the_same_migration(place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.add_column("user", "bio", TextField(null=True))
        migrator.rename_table("user", "person")

    database = after(with_user_table(place), up)
    assert "bio" in columns(database, "person")
    database.migrations.down()
    assert columns(database, "user") == ["id", "mail", "city", "age"]
    assert "person" not in database.get_tables()


def test_adoption_is_remembered_where_an_interrupted_migration_was_settled_by_hand(mysql_place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.add_column("user", "bio", TextField(null=True))

    def fails(migrator):
        up(migrator)
        # The journal knows no way back from this, so that everything stays as it is.
        migrator.database.execute_sql("UPDATE `user` SET bio = 'x'")
        migrator.sql("NO SQL")

    database = with_user_table(mysql_place)
    id = "20240201_000000_later"
    broken = Database(inner(database), migrations=[migration(id, fails)], environment="test")
    with pytest.raises(MigrationFailed):
        broken.register_models([])
    assert columns(database, "user") == ["id", "mail", "city", "age", "bio"]
    settled = Database(inner(database), migrations=[migration(id, up)], environment="test")
    settled.migrations.stamp(id)
    settled.migrations.down()
    assert columns(database, "user") == ["id", "mail", "city", "age"]
    assert database.execute_sql("SELECT count(*) FROM `user`").fetchone() == (5,)


def test_adoption_is_remembered_where_a_way_down_was_interrupted_and_settled_by_hand(mysql_place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.create_table("extra", {"id": AutoField()})
        migrator.create_table("other", {"id": AutoField()})

    database = after(with_user_table(mysql_place), up)
    (id,) = [one.id for one in database.migrations.registries.migrations]
    # What cannot come back once it is dropped, so that the way down stays where it ended.
    database.execute_sql("INSERT INTO other VALUES (1)")
    database.execute_sql("CREATE TABLE child (extra_id INTEGER, FOREIGN KEY (extra_id) REFERENCES extra (id))")
    with pytest.raises(MigrationFailed):
        database.migrations.down()
    assert set(database.get_tables()) == {"user", "extra", "child", *OURS}
    database.execute_sql("DROP TABLE child")
    database.execute_sql("CREATE TABLE other (id INTEGER)")
    database.migrations.stamp(id)
    database.migrations.down()
    assert set(database.get_tables()) == {"user", *OURS}
    assert database.execute_sql("SELECT count(*) FROM `user`").fetchone() == (5,)


# -- migrator.table -----------------------------------------------------------------------------


ODD = [
    "save", "insert", "alias", "c", "class", "_meta", "first name", "order", "Meta", "model", "select", "update",
    "delete", "get", "create", "DoesNotExist", "_schema", "__data__", "dirty_fields", "pk", "bind", "name", "def",
    "None", "1st", "self", "cls", "Größe", "_hidden", "save_", "class_", "filter", "noop", "table_name",
]  # fmt: skip


def test_a_model_of_a_table_has_every_column_whatever_its_name(place: Place):
    seen: list[Any] = []

    def up(migrator):
        migrator.create_table("odd", {"id": AutoField(), **{name: IntegerField(null=True) for name in ODD}})
        odd = migrator.table("odd")
        fields = {field.column_name: field for field in odd._meta.sorted_fields}
        seen.append(list(fields))
        odd.insert({fields[name]: number for number, name in enumerate(ODD)}).execute()
        row = odd.get()
        seen.append([getattr(row, fields[name].name) for name in ODD])
        odd.update({fields[name]: fields[name] + 100 for name in ODD}).where(fields["save"] == 0).execute()
        row = odd.select().where(fields["class"] == 104).get()
        setattr(row, fields["insert"].name, 7)
        assert row.save() == 1
        row = odd.get_by_id(row.id)
        seen.append([getattr(row, fields[name].name) for name in ODD])
        assert row.delete_instance() == 1

    database = migrated(place, up)
    assert seen[0] == ["id", *ODD]
    assert seen[1] == list(range(len(ODD)))
    assert seen[2] == [7 if name == "insert" else number + 100 for number, name in enumerate(ODD)]
    assert database.execute_sql("SELECT count(*) FROM odd").fetchone() == (0,)


def test_a_column_that_a_model_cannot_have_gets_an_underscore_and_the_others_keep_their_names(place: Place):
    def up(migrator):
        migrator.create_table(
            "odd", {"id": AutoField(), "save": IntegerField(), "c": IntegerField(), "_x": IntegerField()}
        )
        odd = migrator.table("odd")
        odd.create(save_=1, c=2, x_=3)
        row = odd.get(odd.c == 2)
        assert (row.save_, row.c, row.x_) == (1, 2, 3)

    migrated(place, up)


def test_what_no_name_in_python_can_hold_becomes_an_underscore(place: Place):
    def up(migrator):
        names = ("first name", "a.b", "1st", "x-y", "(", "_1", "first_name")
        migrator.create_table("odd", {"id": AutoField(), **{name: IntegerField() for name in names}})
        odd = migrator.table("odd")
        values = {"first_name_": 0, "a_b": 1, "column_1st": 2, "x_y": 3, "column_": 4, "column_1": 5, "first_name": 6}
        odd.create(**values)
        row = odd.get(odd.x_y == 3)
        assert {name: getattr(row, name) for name in values} == values

    migrated(place, up)


def test_two_columns_whose_attributes_would_be_the_same_are_both_there(place: Place):
    def up(migrator):
        names = ("save", "save_", "_x", "x_", "x", "__x")
        migrator.create_table("odd", {"id": AutoField(), **{name: IntegerField() for name in names}})
        odd = migrator.table("odd")
        fields = {field.column_name: field for field in odd._meta.sorted_fields}
        assert list(fields) == ["id", *names]
        assert len({field.name for field in fields.values()}) == 7
        odd.insert({fields[name]: number for number, name in enumerate(names)}).execute()
        row = odd.get()
        assert [getattr(row, fields[name].name) for name in names] == list(range(6))
        assert row.save_ == 1
        assert row.x_ == 3

    migrated(place, up)


def test_a_model_of_a_table_with_a_composite_key_reads_writes_and_deletes(place: Place):
    def up(migrator):
        migrator.create_table(
            "seat",
            {"room": CharField(max_length=10), "number": IntegerField(), "taken": IntegerField(null=True)},
            primary_key=("room", "number"),
        )
        seat = migrator.table("seat")
        seat.insert_many([{"room": room, "number": number} for room in "ab" for number in range(3)]).execute()
        seat.create(room="c", number=1, taken=5)
        row = seat.get((seat.room == "a") & (seat.number == 2))
        row.taken = 1
        assert row.save() == 1
        assert seat.get_by_id(("b", 1)).delete_instance() == 1

    database = migrated(place, up)
    assert database.execute_sql("SELECT count(*), count(taken), sum(taken) FROM seat").fetchone() == (6, 2, 6)


def test_a_model_of_a_table_without_a_key_reads_and_writes(place: Place):
    def up(migrator):
        migrator.create_table("log", {"line": TextField(), "n": IntegerField(null=True)})
        log = migrator.table("log")
        log.insert_many([{"line": "a"}, {"line": "b"}]).execute()
        log.create(line="c")
        log.update(n=1).where(log.line == "a").execute()
        log.delete().where(log.line == "b").execute()
        assert sorted(row.line for row in log.select()) == ["a", "c"]

    database = migrated(place, up)
    assert database.execute_sql("SELECT count(*), sum(n) FROM log").fetchone() == (2, 1)


def test_a_model_of_a_view_reads(place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.table("user").create(mail="a", city="Bern", age=3)
        quote = "`" if place.kind == MARIA else '"'
        migrator.sql(f"CREATE VIEW city AS SELECT city, age FROM {quote}user{quote}")
        assert [(row.city, row.age) for row in migrator.table("city").select()] == [("Bern", 3)]

    migrated(place, up)


def test_values_come_back_as_they_went_in(place: Place):
    values = {
        "big": 2**50,
        "small": None,
        "price": Decimal("12.345"),
        "ratio": 0.1,
        "weight": None,
        "flag": True,
        "code": "abc",
        "word": "100 % ü",
        "text": None,
        "blob": b"\x00\xff",
        "token": uuid.uuid4(),
        "day": date(2024, 2, 29),
        "moment": datetime(2024, 2, 29, 12, 30),
        "hour": None,
    }

    def up(migrator):
        kinds = every_kind()
        migrator.create_table("thing", kinds)
        thing = migrator.table("thing", **{name: kinds[name] for name in ("flag", "token", "price", "blob")})
        made = thing.create(**values)
        assert made.id == 1
        row = thing.get_by_id(1)
        found = {name: getattr(row, name) for name in values}
        assert {**found, "blob": bytes(found["blob"])} == values
        assert found["flag"] is True

    migrated(place, up)


def test_fields_that_are_named_are_taken_as_given(place: Place):
    def up(migrator):
        migrator.create_table(
            "thing",
            {"id": AutoField(), "flag": IntegerField(), "moment": CharField(), "user_id": IntegerField(null=True)},
        )
        plain = migrator.table("thing")
        plain.create(flag=1, moment="2024-01-01 00:00:00", user_id=4)
        thing = migrator.table(
            "thing", flag=BooleanField(), moment=DateTimeField(), user_id=ForeignKeyField(reference("user"), null=True)
        )
        row = thing.get()
        assert row.flag is True
        assert row.moment == datetime(2024, 1, 1)
        assert row.user_id == 4
        assert plain.get().moment == "2024-01-01 00:00:00"

    migrated(place, up)


def test_a_named_field_that_is_no_column_is_refused(file_place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.table("user", activ=BooleanField())

    error = failure(file_place, up)
    assert isinstance(error, ConfigurationError)
    assert_helps(error, "user", "activ", "mail")


def test_a_named_field_that_is_no_field_is_refused(file_place: Place):
    def up(migrator):
        create_user(migrator)
        migrator.table("user", mail=CharField)

    error = failure(file_place, up)
    assert isinstance(error, ConfigurationError)
    assert_helps(error, "user.mail")


def test_a_table_that_is_not_there_is_refused(place: Place):
    error = failure(place, lambda m: m.table("nobody"))
    assert isinstance(error, ConfigurationError)
    assert_helps(error, "nobody")


def test_a_model_of_a_table_is_as_the_table_is_at_that_moment(place: Place):
    def up(migrator):
        create_user(migrator)
        before = migrator.table("user")
        migrator.add_column("user", "bio", TextField(null=True))
        migrator.rename_column("user", "age", "years")
        later = migrator.table("user")
        assert "bio" not in before._meta.columns
        assert "bio" in later._meta.columns
        assert "years" in later._meta.columns
        later.create(mail="a", city="b", bio="c", years=4)

    migrated(place, up)


@pytest.mark.parametrize("name", ["user", "User", "account"])
def test_a_deferred_key_of_the_application_is_not_resolved_by_it(place: Place, name: str):
    target = f"{name}{uuid.uuid4().hex[:8]}"

    class Post(Model):
        author = DeferredForeignKey(target)

    def up(migrator):
        migrator.create_table(target, {"id": AutoField()})
        migrator.table(target).create()
        migrator.create_table(target.lower() + "_2", {"id": AutoField(), "other": ForeignKeyField(reference(target))})

    migrated(place, up)
    assert isinstance(Post._meta.fields["author"], DeferredForeignKey)

    user = type(target, (Model,), {"__module__": __name__})
    assert Post.author.rel_model is user


def test_models_of_tables_leave_no_trace_in_the_applications_models(place: Place):
    database = place.database()

    class User(database.Model):
        mail = CharField()

    class Post(database.Model):
        user = ForeignKeyField(User, backref="posts")

    before = (dict(User._meta.refs), dict(User._meta.backrefs), dict(Post._meta.refs))

    def up(migrator):
        create_user(migrator)
        migrator.create_table("post", {"id": AutoField(), "user_id": ForeignKeyField(User)})
        migrator.table("post", user_id=ForeignKeyField(User))
        migrator.table("user")

    migrated(place, up)
    assert (dict(User._meta.refs), dict(User._meta.backrefs), dict(Post._meta.refs)) == before


# -- run, sql and script ------------------------------------------------------------------------


def test_run_calls_the_function_with_the_migrator_inside_the_transaction(place: Place):
    calls: list[Migrator] = []

    def fill(migrator):
        calls.append(migrator)
        if place.rolls_back_ddl:
            assert migrator.database.in_transaction()
        migrator.add_column("user", "bio", TextField(null=True))
        user = migrator.table("user")
        user.create(mail="a", city="b", bio="c")

    def up(migrator):
        create_user(migrator)
        migrator.run(fill, reverse=lambda m: m.drop_column("user", "bio"))

    database = migrated(place, up)
    assert "bio" in columns(database, "user")
    database.migrations.down()
    assert len(calls) == 1
    assert database.get_tables() == [*OURS]


def test_run_may_be_nested_and_takes_whatever_can_be_called(place: Place):
    class Filler:
        def __init__(self, mail: str) -> None:
            self.mail = mail

        def __call__(self, migrator: Migrator) -> None:
            migrator.table("user").create(mail=self.mail, city="x")

    def outer(migrator):
        migrator.run(Filler("inner"))
        migrator.run(lambda m: m.run(Filler("innermost")))

    def up(migrator):
        create_user(migrator)
        migrator.run(outer)

    database = migrated(place, up)
    quote = "`" if place.kind == MARIA else '"'
    mails = database.execute_sql(f"SELECT mail FROM {quote}user{quote} ORDER BY id").fetchall()
    assert [mail for (mail,) in mails] == ["inner", "innermost"]


def test_a_function_that_raises_fails_its_migration_by_name(place: Place):
    def explode(migrator):
        raise ValueError("no luck")

    database = place.database([migration("20240101_000000_step", lambda m: m.run(explode))])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, "20240101_000000_step", "explode()", "no luck")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_run_without_a_reverse_is_named_on_the_way_down(place: Place):
    def fill(migrator):
        migrator.table("user").create(mail="a", city="b")

    def up(migrator):
        create_user(migrator)
        migrator.run(fill)

    from ormmigrate import IrreversibleMigration

    database = migrated(place, up)
    before = snapshot(database)
    with pytest.raises(IrreversibleMigration) as caught:
        database.migrations.down()
    assert_helps(caught.value, "fill()")
    assert "reverse=" in caught.value.advice
    assert snapshot(database) == before


def test_sql_takes_parameters_in_the_databases_own_form(place: Place):
    def up(migrator):
        create_user(migrator)
        quote = "`" if place.kind == MARIA else '"'
        mark = migrator.database.param
        migrator.sql(f"INSERT INTO {quote}user{quote} (mail, city) VALUES ({mark}, {mark})", ["100 %", "it's"])
        migrator.sql(f"UPDATE {quote}user{quote} SET age = 5 WHERE mail LIKE '%'")

    database = migrated(place, up)
    quote = "`" if place.kind == MARIA else '"'
    assert database.execute_sql(f"SELECT mail, city, age FROM {quote}user{quote}").fetchone() == ("100 %", "it's", 5)


def test_a_script_is_split_and_belongs_to_the_batch(place: Place):
    def up(migrator):
        migrator.script(
            """
            -- a table; and rows
            CREATE TABLE word (id INTEGER PRIMARY KEY, text VARCHAR(50));
            INSERT INTO word VALUES (1, 'a;b'), (2, '100 %'); /* and ; more */
            INSERT INTO word VALUES (3, 'it''s -- fine');;
            """
        )

    database = migrated(place, up)
    texts = database.execute_sql("SELECT text FROM word ORDER BY id").fetchall()
    assert [text for (text,) in texts] == ["a;b", "100 %", "it's -- fine"]


def test_a_script_that_fails_in_the_middle_leaves_nothing_behind(place: Place):
    def up(migrator):
        migrator.script(
            "CREATE TABLE word (id INTEGER); INSERT INTO word VALUES (1); NO SQL; INSERT INTO word VALUES (2)"
        )

    database = place.database([migration("20240101_000000_step", up)])
    database.connect()
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert_helps(caught.value, "NO SQL")
    assert "word" not in database.get_tables()
    assert not database.migrations.status().applied


def test_a_script_with_triggers_on_sqlite(file_place: Place):
    def up(migrator):
        migrator.script(
            """
            CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER);
            CREATE TABLE log (text TEXT);
            CREATE TRIGGER a_insert AFTER INSERT ON a WHEN CASE new.n WHEN 0 THEN 0 ELSE 1 END
            BEGIN
                -- END; is not the end
                INSERT INTO log VALUES (CASE WHEN new.n > 5 THEN 'many; END' ELSE 'few' END);
                UPDATE a SET n = CASE WHEN CASE new.n WHEN 1 THEN 1 END THEN 2 ELSE n END WHERE id = new.id;
            END;
            CREATE TEMP TRIGGER a_delete AFTER DELETE ON a BEGIN INSERT INTO log VALUES ('gone'); END;
            INSERT INTO a (n) VALUES (0), (1), (9);
            DELETE FROM a WHERE n = 9
            """
        )

    database = migrated(file_place, up)
    assert [text for (text,) in database.execute_sql("SELECT text FROM log").fetchall()] == ["few", "many; END", "gone"]
    assert database.execute_sql("SELECT n FROM a ORDER BY id").fetchall() == [(0,), (2,)]


def test_a_script_with_functions_on_postgresql(postgresql_place: Place):
    def up(migrator):
        migrator.script(
            r"""
            CREATE TABLE a (id SERIAL PRIMARY KEY, n INT, text TEXT);
            CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN
                new.n := new.n * 2; -- it's; doubled
                new.text := $$a;b$$ || '100 %';
                RETURN new;
            END;
            $body$;
            CREATE TRIGGER twice BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION twice();
            /* outer /* inner; */ still; */
            DO $$ BEGIN INSERT INTO a (n) VALUES (21); END $$;
            CREATE FUNCTION both_of(i int) RETURNS int LANGUAGE sql
                BEGIN ATOMIC SELECT CASE WHEN i > 0 THEN 1 ELSE 0 END; SELECT i + 1; END;
            INSERT INTO a (n, text) SELECT both_of(1), E'it\'s;';
            """
        )

    database = migrated(postgresql_place, up)
    assert database.execute_sql("SELECT n, text FROM a ORDER BY id").fetchall() == [(42, "a;b100 %"), (4, "a;b100 %")]


def test_a_script_with_delimiters_on_mariadb(mysql_place: Place):
    def up(migrator):
        migrator.script(
            r"""
            CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, n INT, text TEXT); # a; comment
            DELIMITER //
            CREATE TRIGGER twice BEFORE INSERT ON a FOR EACH ROW
            BEGIN
                SET new.n = new.n * 2; -- it's; doubled
                SET new.text = CONCAT('a\';b', "100 %");
            END//
            CREATE PROCEDURE fill() BEGIN INSERT INTO a (n) VALUES (21); INSERT INTO a (n) VALUES (2); END//
            DELIMITER ;
            CALL fill();
            INSERT INTO a (n) VALUES (5);
            """
        )

    database = migrated(mysql_place, up)
    found = database.execute_sql("SELECT n, text FROM a ORDER BY id").fetchall()
    assert list(found) == [(42, "a';b100 %"), (4, "a';b100 %"), (10, "a';b100 %")]


def test_a_scripts_reverse_is_a_script(place: Place):
    def up(migrator):
        migrator.script(
            "CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER)", reverse="DROP TABLE b; DROP TABLE a"
        )

    database = migrated(place, up)
    assert set(database.get_tables()) == {"a", "b", *OURS}
    database.migrations.down()
    assert database.get_tables() == [*OURS]


def test_questions_are_answered_as_the_database_compares_names(place: Place):
    def up(migrator):
        create_user(migrator)
        assert migrator.has_table("user")
        assert migrator.has_table("USER") is place.is_sqlite
        assert not migrator.has_table("nobody")
        assert migrator.has_column("user", "mail")
        assert migrator.has_column("user", "MAIL") is (place.kind != PG)
        assert not migrator.has_column("user", "nothing")
        assert not migrator.has_column("nobody", "mail")

    migrated(place, up)
