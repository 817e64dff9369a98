"""Models that use every field with every argument, made by sync, do not differ from themselves."""

from __future__ import annotations

import datetime
import enum
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import peewee
import playhouse.fields
import playhouse.mysql_ext
import playhouse.postgres_ext
import playhouse.sqlite_ext
import pytest
from peewee import SQL, Check, Model
from places import MARIA, PG, Place

from ormmigrate import Database, RawField, Registry
from ormmigrate.comparison import drift_of
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import diff
from ormmigrate.sources import of_database, of_migrations, of_models


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


def everywhere() -> dict[str, peewee.Field]:
    """Every field that a column can be made of on any database."""
    return {
        "integer": peewee.IntegerField(default=5),
        "big": peewee.BigIntegerField(null=True, index=True),
        "bits": peewee.BitField(),
        "stamp": peewee.TimestampField(resolution=1000, utc=True),
        "address": peewee.IPField(null=True, unique=True),
        "small": peewee.SmallIntegerField(constraints=[Check("small > 0")]),
        "real": peewee.FloatField(constraints=[SQL("DEFAULT 1.5")]),
        "double": peewee.DoubleField(null=True),
        "money": peewee.DecimalField(max_digits=12, decimal_places=3, auto_round=True, default=Decimal("0.5")),
        "name": peewee.CharField(max_length=40, unique=True, help_text="who", verbose_name="Name"),
        "code": peewee.FixedCharField(max_length=8, choices=[("a", "A")], index=True),
        "note": peewee.TextField(null=True),
        "said": peewee.CharField(column_name="what was said", constraints=[SQL("DEFAULT 'a (b), c'")]),
        "blob": peewee.BlobField(null=True),
        "many": peewee.BigBitField(null=True),
        "uid": peewee.UUIDField(default=uuid.uuid4),
        "binary_uid": peewee.BinaryUUIDField(null=True),
        "moment": peewee.DateTimeField(default=datetime.datetime.now, formats=["%Y"], index=True),
        "day": peewee.DateField(constraints=[SQL("DEFAULT '2024-01-01'")]),
        "hour": peewee.TimeField(null=True),
        "flag": peewee.BooleanField(default=False, index=True),
        "json": peewee.JSONField(null=True),
        "level": playhouse.fields.IntEnumField(Level, default=Level.LOW),
        "color": playhouse.fields.EnumField(Color, max_length=20),
        "pickled": playhouse.fields.PickleField(null=True),
        "compressed": playhouse.fields.CompressedField(null=True),
    }


def of_sqlite() -> dict[str, peewee.Field]:
    return {
        "anything": peewee.AnyField(null=True),
        "bare": peewee.BareField(null=True),
        "decimal_text": playhouse.sqlite_ext.TDecimalField(null=True),
        "json_text": playhouse.sqlite_ext.JSONField(null=True),
        "json_blob": playhouse.sqlite_ext.JSONBField(null=True),
        "iso": playhouse.sqlite_ext.ISODateTimeField(null=True),
        "nick": peewee.TextField(collation="NOCASE", index=True),
        "raw": RawField("FANCY TYPE(3)", null=True),
        "doubled": RawField("INTEGER", null=True, constraints=[SQL('GENERATED ALWAYS AS ("integer" * 2) STORED')]),
        "either": peewee.TextField(null=True, constraints=[SQL("CONSTRAINT odd CHECK (either IN ('a', 'b, c'))")]),
    }


def of_postgresql() -> dict[str, peewee.Field]:
    return {
        "numbers": playhouse.postgres_ext.ArrayField(peewee.IntegerField, dimensions=2, null=True),
        "words": playhouse.postgres_ext.ArrayField(peewee.CharField, field_kwargs={"max_length": 20}, null=True),
        "zoned": playhouse.postgres_ext.DateTimeTZField(null=True, index=True),
        "lasting": playhouse.postgres_ext.IntervalField(null=True),
        "plain_json": playhouse.postgres_ext.JSONField(null=True),
        "binary_json": playhouse.postgres_ext.BinaryJSONField(null=True, index=True),
        "searched": playhouse.postgres_ext.TSVectorField(null=True),
        "nick": peewee.TextField(collation='"C"', unique=True),
        "among": peewee.TextField(null=True, constraints=[Check("among IN ('a', 'b') AND length(among) < 1e3")]),
        "numbered": RawField("integer", constraints=[SQL("GENERATED ALWAYS AS IDENTITY")]),
        "doubled": RawField("integer", null=True, constraints=[SQL('GENERATED ALWAYS AS ("integer" * 2) STORED')]),
        "now": peewee.DateTimeField(constraints=[SQL("DEFAULT now()")]),
        "raw": RawField("point", null=True),
    }


def of_mariadb() -> dict[str, peewee.Field]:
    return {
        "mysql_json": playhouse.mysql_ext.MySQLJSONField(null=True),
        "nick": peewee.CharField(collation="utf8mb4_bin", index=True),
        "unsigned": RawField("int unsigned", constraints=[SQL("DEFAULT 7")]),
        "kind": RawField("enum('a','b')", null=True),
        "said_twice": peewee.CharField(constraints=[SQL("COMMENT 'it''s'")]),
        "changed": peewee.DateTimeField(constraints=[SQL("DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")]),
        "doubled": RawField("int", null=True, constraints=[SQL("GENERATED ALWAYS AS (`integer` * 2) STORED")]),
    }


def models_for(place: Place) -> list[type[Model]]:
    """One model with every field, and some that refer to each other and say all that Meta can."""
    more = of_postgresql() if place.kind == PG else of_mariadb() if place.kind == MARIA else of_sqlite()
    everything = type("Everything", (Model,), {**everywhere(), **more})

    class Parent(Model):
        code = peewee.CharField(max_length=30, unique=True)
        up = peewee.ForeignKeyField("self", null=True, on_delete="SET NULL")

    class Child(Model):
        parent = peewee.ForeignKeyField(Parent, on_delete="CASCADE", on_update="CASCADE", backref="children")
        named = peewee.ForeignKeyField(
            Parent, field="code", null=True, constraint_name="by_code", column_name="of_code", unique=True
        )
        first = peewee.CharField()
        second = peewee.IntegerField()

        class Meta:
            table_name = "children table"
            indexes = ((("first", "second"), True), (("second",), False))
            constraints = [Check("second > 0"), SQL("CONSTRAINT first_alone UNIQUE (first)")]

    class Linked(Model):
        one = peewee.ForeignKeyField(Parent)
        other = peewee.ForeignKeyField(Child)

        class Meta:
            primary_key = peewee.CompositeKey("one", "other")

    class UserProfile(Model):
        key = peewee.CharField(primary_key=True)
        born = peewee.DateField(null=True)

        class Meta:
            legacy_table_names = False

    class Keyless(Model):
        what = peewee.TextField()

        class Meta:
            primary_key = False

    class Wide(Model):
        id = peewee.BigAutoField()

    class Referring(Model):
        wide = peewee.ForeignKeyField(Wide, index=False)

    UserProfile.add_index(UserProfile.born.desc(), name="by_birth")
    if place.kind != MARIA:
        UserProfile.add_index(UserProfile.index(UserProfile.born, where=UserProfile.born.is_null(False), name="born"))
        UserProfile.add_index(SQL("CREATE INDEX lowered ON user_profile (lower(key))"))
    models = [everything, Parent, Child, Linked, UserProfile, Keyless, Wide, Referring]
    if place.kind == PG:
        models.append(_identity_model())
    if place.is_sqlite:
        models.append(_sqlite_model())
    return models


def _identity_model() -> type[Model]:
    class Numbered(Model):
        id = peewee.IdentityField(generate_always=True)
        parent = peewee.IntegerField(sequence="numbered_parents")

    return Numbered


def _sqlite_model() -> type[Model]:
    class Strict(Model):
        id = playhouse.sqlite_ext.AutoIncrementField()
        what = peewee.TextField()

        class Meta:
            strict_tables = True

    return Strict


@pytest.fixture
def synced(place: Place) -> Iterator[tuple[Database, list[type[Model]]]]:
    """A database whose tables sync made from the models."""
    models = models_for(place)
    database = place.database(environment="production")
    inner(database).connect()  # which keeps one in memory
    database.register_models(models)
    yield database, models
    inner(database).close()


def described(difference: Any) -> list[str]:
    return [operation.describe() for operation in difference.operations] + list(difference.unexpressed)


def test_models_do_not_differ_from_the_tables_that_sync_made_of_them(synced: tuple[Database, list[type[Model]]]):
    database, models = synced
    found = inner(database)
    dialect = dialect_of(found)
    made, there = of_models(found, dialect, models), of_database(found, dialect)
    assert {table.name for table in made.tables} == {table.name for table in there.tables}
    assert described(diff(made, there)) == []
    assert described(diff(there, made)) == []


def test_the_migration_that_makes_them_leads_to_what_sync_makes(synced: tuple[Database, list[type[Model]]]):
    from test_diff_properties import migrated_by, rendered

    database, models = synced
    found = inner(database)
    dialect = dialect_of(found)
    wanted = of_models(found, dialect, models)
    operations = diff(of_migrations(found, dialect, database.migrations.registries), wanted).operations
    for migration in (migrated_by(operations), rendered(operations)):
        replayed = of_migrations(found, dialect, Database(found, Registry([migration])).migrations.registries)
        assert described(diff(replayed, wanted)) == []


def test_a_database_that_sync_made_has_drifted_by_all_its_tables_and_no_more(
    synced: tuple[Database, list[type[Model]]],
):
    database, _ = synced
    assert {one.kind for one in drift_of(database.migrations).operations} <= {
        "create_table",
        "add_index",
        "add_foreign_key_constraint",
        "add_constraint",
    }
