"""The rows that the ready-made tests make up, on each kind of database; and what is said of rows that are gone."""

from __future__ import annotations

from collections.abc import Mapping

from peewee import (
    SQL,
    BigBitField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Check,
    CompositeKey,
    DateField,
    DateTimeField,
    DecimalField,
    DoubleField,
    FixedCharField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    IPField,
    SmallIntegerField,
    TextField,
    TimeField,
    TimestampField,
    UUIDField,
)

from ormmigrate import Database
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.base import quoted
from ormmigrate.dialects.sqlite.dialect import SqliteDialect
from ormmigrate.operations import AlterTable, DropColumn, DropTable, RenameColumn, RenameTable
from ormmigrate.schema import Column, Schema, Table
from ormmigrate.testing.rows import ROWS, fill
from ormmigrate.testing.survival import State, in_both, lost_rows, new_rows, survivors
from ormmigrate.testing.values import candidates


def filled(db: Database) -> dict[str, str]:
    """Fill every table; those that took no rows."""
    database = inner(db)
    database.connect(reuse_if_open=True)
    return fill(database, dialect_of(database), dialect_of(database).inspect(database))


def rows_of(db: Database, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    return list(db.execute_sql(f"SELECT {columns} FROM {quoted(inner(db), table)}").fetchall())


def test_every_type_takes_a_value(db: Database):
    class Everything(db.Model):
        big = BigIntegerField()
        bits = BigBitField()
        blob = BlobField()
        boolean = BooleanField()
        char = CharField(max_length=2, unique=True)
        date = DateField()
        moment = DateTimeField()
        decimal = DecimalField(max_digits=4, decimal_places=4)
        double = DoubleField()
        fixed = FixedCharField(max_length=3)
        floating = FloatField()
        integer = IntegerField(unique=True)
        ip = IPField()
        small = SmallIntegerField()
        text = TextField()
        time = TimeField()
        timestamp = TimestampField()
        uuid = UUIDField(unique=True)

    db.create_tables([Everything])
    assert filled(db) == {}
    assert len(rows_of(db, "everything")) == ROWS


def test_rows_refer_to_rows_and_keys_are_distinct(db: Database):
    class Person(db.Model):
        email = CharField(unique=True)
        boss = ForeignKeyField("self", null=True)

    class Club(db.Model):
        name = CharField(primary_key=True)
        founder = ForeignKeyField(Person, unique=True)

    class Member(db.Model):
        club = ForeignKeyField(Club)
        person = ForeignKeyField(Person)

        class Meta:
            primary_key = CompositeKey("club", "person")

    db.create_tables([Person, Club, Member])
    assert filled(db) == {}
    assert [len(rows_of(db, table)) for table in ("person", "club", "member")] == [ROWS] * 3
    assert not dialect_of(inner(db)).foreign_key_violations(inner(db))


def test_checks_are_kept(db: Database):
    class Ticket(db.Model):
        state = CharField(constraints=[Check("state IN ('open', 'closed')")])
        seats = IntegerField(constraints=[Check("seats >= 10 AND seats < 50")])
        email = CharField(constraints=[Check("email LIKE '%%@%%'" if db.param == "%s" else "email LIKE '%@%'")])
        code = CharField(constraints=[Check("length(code) = 5")])

    db.create_tables([Ticket])
    assert filled(db) == {}
    states = {state for (state,) in rows_of(db, "ticket", "state")}
    assert states == {"open", "closed"}
    assert len(rows_of(db, "ticket")) == ROWS


def test_the_last_row_holds_nothing_where_nothing_is_required(db: Database):
    class Note(db.Model):
        text = TextField(null=True)
        rank = IntegerField(constraints=[SQL("DEFAULT 7")])

    db.create_tables([Note])
    assert filled(db) == {}
    *others, last = Note.select().order_by(Note.id).tuples()
    assert all(None not in row for row in others)
    assert last[1:] == (None, 7)


def test_a_table_that_holds_rows_is_left_alone_and_others_refer_to_them(db: Database):
    class Role(db.Model):
        name = CharField(unique=True)

    class User(db.Model):
        role = ForeignKeyField(Role)

    db.create_tables([Role, User])
    admin = Role.create(name="admin")
    assert filled(db) == {}
    assert rows_of(db, "role", "name") == [("admin",)]
    assert {user.role_id for user in User.select()} == {admin.id}


def test_a_table_that_takes_no_rows_is_named_with_the_reason(db: Database):
    class Picky(db.Model):
        square = IntegerField(constraints=[Check("square * square = 1369")])

    class Child(db.Model):
        picky = ForeignKeyField(Picky)

    db.create_tables([Picky, Child])
    refused = filled(db)
    assert set(refused) == {"picky", "child"}
    assert refused["picky"]
    assert refused["child"] == "it refers to a table that is empty"
    assert rows_of(db, "picky") == []


def test_an_enum_takes_its_own_words():
    column = Column("size", "enum('small','large')", null=False)
    assert [candidates(column, (), number)[0] for number in (1, 2, 3)] == ["small", "large", "small"]


# -- what became of them --------------------------------------------------------------------------

KIND = SqliteDialect()
CUSTOMER = Table(
    "customer", (Column("id", "INTEGER"), Column("name", "TEXT"), Column("rank", "INTEGER")), primary_key=("id",)
)
ANN, BOB = {"id": "1", "name": "'Ann'", "rank": "7"}, {"id": "2", "name": "'Bob'", "rank": "8"}


def state(*rows: Mapping[str, str], table: Table = CUSTOMER) -> State:
    return State(Schema((table,), kind=KIND), {table.name: rows})


def test_rows_that_are_gone_and_values_that_changed_are_told_by_their_keys():
    before = state(ANN, BOB)
    kept = survivors(before.schema, before.schema, [], [])
    assert lost_rows(before, state(BOB, ANN), kept) == []
    assert lost_rows(before, state(ANN), kept) == ["customer: 1 of 2 rows is gone"]
    assert lost_rows(before, state(ANN, {**BOB, "name": "''"}), kept) == [
        "customer.name: 'Bob' became '' (where id = 2)"
    ]


def test_more_rows_are_no_loss():
    before, after = state(ANN), state(ANN, BOB)
    kept = survivors(before.schema, after.schema, [], [])
    assert lost_rows(before, after, kept) == []
    assert new_rows(before, after, kept) == ["customer: 2 rows, where there were 1"]


def test_without_a_key_rows_are_counted_as_they_are():
    table = Table("customer", CUSTOMER.columns)
    before = state(ANN, ANN, BOB, table=table)
    kept = survivors(before.schema, before.schema, [], [])
    assert lost_rows(before, state(BOB, ANN, ANN, table=table), kept) == []
    assert lost_rows(before, state(BOB, ANN, BOB, table=table), kept) == ["customer: 1 of 3 rows is gone, or changed"]


def test_tables_and_columns_are_followed_through_renames():
    person = Table(
        "Person", (Column("id", "INTEGER"), Column("title", "TEXT"), Column("rank", "INTEGER")), primary_key=("id",)
    )
    operations = [RenameTable("customer", "person"), AlterTable("person", (RenameColumn("person", "NAME", "title"),))]
    before, after = state(ANN), state({"id": "1", "title": "'Bob'", "rank": "7"}, table=person)
    kept = survivors(before.schema, after.schema, operations, [])
    assert lost_rows(before, after, kept) == ["customer.name: 'Ann' became 'Bob' (where id = 1)"]


def test_what_is_dropped_or_made_another_thing_does_not_count():
    after = Schema((Table("customer", (Column("id", "INTEGER"), Column("name", "INTEGER"))),), kind=KIND)
    (kept,) = survivors(Schema((CUSTOMER,), kind=KIND), after, [DropColumn("customer", "rank")], [])
    assert kept.columns == {"id": "id"}
    assert survivors(after, after, [DropTable("customer")], []) == []


def test_what_a_statement_of_the_migration_changes_does_not_count():
    schema = Schema((CUSTOMER,), kind=KIND)
    (kept,) = survivors(schema, schema, [], ['UPDATE "customer" SET "rank" = 0'])
    assert set(kept.columns) == {"id", "name"}
    for other in ("UPDATE orders SET rank = 0", "ALTER TABLE customer ADD rank INTEGER ON UPDATE CASCADE"):
        (kept,) = survivors(schema, schema, [], [other])
        assert set(kept.columns) == {"id", "name", "rank"}


def test_a_column_that_does_not_come_back_is_not_asked_for():
    before = state(ANN)
    without = Table("customer", CUSTOMER.columns[:2], primary_key=("id",))
    after = state({"id": "1", "name": "'Ann'"}, table=without)
    back = in_both(
        survivors(before.schema, before.schema, [], []), survivors(before.schema, after.schema, [], [])
    )  # fmt: skip
    assert lost_rows(before, after, back) == []
    assert in_both([], back) == []
