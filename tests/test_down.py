"""Taking migrations back: derived from `up`, or as written, and named before anything is touched if impossible."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import pytest
from peewee import (
    AutoField,
    BooleanField,
    CharField,
    Check,
    DateTimeField,
    FloatField,
    ForeignKeyField,
    IntegerField,
    TextField,
)
from places import Place
from snapshot import HISTORY, OURS, rows, schema, snapshot

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
    assert database.get_tables() == [*OURS]


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
    assert database.get_tables() == ["a", "b", *OURS]


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
    assert database.get_tables() == ["a", "b", "c", *OURS]


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
    assert database.get_tables() == ["a", "b", "c", *OURS]


def test_unknown_ids_are_refused_with_the_nearest_one(place: Place):
    runner = three(place).migrations
    for call in (lambda: runner.up(to="20240203_000000_d"), lambda: runner.down(to="20240203_000000_d")):
        with pytest.raises(UnknownMigration, match=C.id):
            call()


def test_down_with_nothing_applied_changes_nothing(place: Place):
    database = place.database([A])
    database.connect()
    database.execute_sql("CREATE TABLE other (x INT)")
    database.execute_sql("INSERT INTO other VALUES (1)")
    before = snapshot(database, without=(HISTORY,))
    for take_back in (database.migrations.down, database.migrations.down_batch, database.migrations.down_all):
        assert not take_back()
        assert snapshot(database, without=(HISTORY,)) == before
        assert [status.state for status in database.migrations.status().migrations] == ["pending"]


def test_a_table_that_was_adopted_stays(place: Place):
    database = place.database([A])
    database.connect()

    class Existing(database.Model):
        class Meta:
            table_name = "a"

    Existing.create_table()
    database.execute_sql("INSERT INTO a (id) VALUES (1), (2)")
    before = snapshot(database)
    assert database.register_models([]).applied == (A.id,)
    assert database.migrations.down().reverted == (A.id,)
    assert snapshot(database, without=(HISTORY,)) == before


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
    "a negative number": (IntegerField, -5, -5),
    "a fraction": (FloatField, 1.5, 1.5),
    "a letter": (CharField, "x", "x"),
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


# -- SQLite: tables that a person wrote ---------------------------------------------------------


@dataclass(frozen=True)
class ByHand:
    """A change of the column `size` in a table as a person writes it.

    Attributes:
        definition: the column's, in CREATE TABLE.
        change: given the migrator, and the names of the table and of the column.
        facts: what PRAGMA table_xinfo then says otherwise of the column.
        removed: the words that go from the text of CREATE TABLE.
        added: the words that come, in upper case; in their place, where there are both.
    """

    definition: str
    change: Callable[[Any, str, str], object]
    facts: Mapping[str, object]
    removed: str = ""
    added: str = ""


def allow_null(definition: str, removed: str = "not null") -> ByHand:
    return ByHand(definition, lambda m, table, column: m.drop_not_null(table, column), {"not_null": 0}, removed)


def forbid_null(definition: str) -> ByHand:
    return ByHand(definition, lambda m, table, column: m.add_not_null(table, column), {"not_null": 1}, added="NOT NULL")


def set_default(definition: str, default: object, literal: str) -> ByHand:
    return ByHand(
        definition,
        lambda m, table, column: m.add_column_default(table, column, default),
        {"default": literal},
        added=f"DEFAULT {literal}".upper(),
    )


def drop_default(definition: str, default: object, removed: str) -> ByHand:
    return ByHand(
        definition,
        lambda m, table, column: m.drop_column_default(table, column, default=default),
        {"default": None},
        removed,
    )


def to_text(definition: str) -> ByHand:
    return ByHand(
        definition,
        lambda m, table, column: m.alter_column_type(table, column, TextField(), replaces=IntegerField()),
        {"type": "TEXT"},
        "integer",
        "TEXT",
    )


def renamed(definition: str) -> ByHand:
    return ByHand(
        definition,
        lambda m, table, column: m.rename_column(table, column, "height"),
        {"name": "height"},
        "size",
        "HEIGHT",
    )


#: To refuse these would be too easy: they have to be done.
PLAIN = {
    "allow NULL, in capitals": allow_null("size INT NOT NULL", "NOT NULL"),
    "forbid NULL": forbid_null("size int"),
    "forbid NULL with a negative default": forbid_null("size int default -5"),
    "forbid NULL with a fraction as default": forbid_null("size real default 1.5"),
    "forbid NULL with a text as default": forbid_null("size text default 'x'"),
    "set a negative default": set_default("size int", -5, "-5"),
    "set a fraction as default": set_default("size real not null", 1.5, "1.5"),
    "set a text as default": set_default("size text", "x", "'x'"),
    "set a text that looks like a number as default": set_default("size text", "-5", "'-5'"),
    "drop a text as default": drop_default("size text not null default 'x'", "x", "default 'x'"),
    "change the type": to_text("size integer"),
    "rename": renamed("size int not null default -5"),
}
#: What is hard to find in the text: it is done right, or refused.
ODD = {
    "allow NULL": allow_null("size int not null"),
    "allow NULL before a default": allow_null("size int not null default -5"),
    "allow NULL after a default": allow_null("size text default 'x' not null"),
    "drop a negative default": drop_default("size int default -5", -5, "default -5"),
    "drop a fraction as default": drop_default("size real default 1.5 not null", 1.5, "default 1.5"),
    "allow NULL before a CHECK of it": allow_null("size int not null check (size is not null)"),
    "allow NULL after a CHECK of it": allow_null("size int check (size is not null) not null"),
    "allow NULL beside a text in a CHECK": allow_null("size int NOT NULL check (size <> 'is NOT NULL')", "NOT NULL"),
    "allow NULL beside a default": allow_null("size text default 'is NOT NULL' not null"),
    "allow NULL beside a default in capitals": allow_null("size text DEFAULT 'is not null' NOT NULL", "NOT NULL"),
    "allow NULL over two lines": allow_null("size int not\n    null", "not\n    null"),
    "allow NULL beside a comment": allow_null("size int not null -- never NOT NULL, I said\n"),
    "allow NULL with a quoted name": allow_null("[size] int not null"),
    "allow NULL before another column": allow_null("size int not null, other int not null default 0"),
    "allow NULL before a CHECK of the table": allow_null("size int not null, x int default 0 check (x is not null)"),
    "forbid NULL beside a CHECK": forbid_null("size int check (size is not null)"),
    "forbid NULL beside a text in a CHECK": forbid_null("size text check (size <> 'not null')"),
    "forbid NULL beside a default": forbid_null("size text default 'is not null, ever'"),
    "forbid NULL before a comment": forbid_null("size int -- not null)\n"),
    "set a default beside a CHECK": set_default("size int check (size <> 'default 1')", -5, "-5"),
    "set a default that says NOT NULL": set_default("size text", "is not null", "'is not null'"),
    "set a default with a comma and a bracket": set_default("size text not null", "a, (b", "'a, (b'"),
    "drop a default that says NOT NULL": drop_default(
        "size text default 'is not null'", "is not null", "default 'is not null'"
    ),
    "drop a default that says DEFAULT": drop_default(
        "size text default 'the default 1'", "the default 1", "default 'the default 1'"
    ),
    "drop a default beside a CHECK": drop_default("size int check (size <> 'default 1') default -5", -5, "default -5"),
    "drop an expression": drop_default("size int default (1 + (2 * 3))", "(1 + (2 * 3))", "default (1 + (2 * 3))"),
    "drop a default without a blank": drop_default("size text default'x'not null", "x", "default'x'"),
    "change a type beside a default and NOT NULL": to_text("size integer default -5 not null"),
    "change a type beside a CHECK": to_text("size integer check (size <> 'integer')"),
    "allow NULL beside two blanks in a default": allow_null("size text default 'not  null' not null"),
    "set a default beside two blanks in another's": set_default("size int, x text default 'a  b'", -5, "-5"),
    "forbid NULL beside a line end in a text": forbid_null("size int, x text default 'a\nb'"),
    "set a default over another": ByHand(
        "size text default 'x'",
        lambda m, table, column: m.add_column_default(table, column, "y", replaces="x"),
        {"default": "'y'"},
        "'x'",
        "'Y'",
    ),
    "rename beside a text": renamed("size text not null default 'size'"),
}
NAMES = {"as written": ("item", "size"), "in other case": ("ITEM", "Size")}
XINFO = ("number", "name", "type", "not_null", "default", "in_key", "hidden")


def by_hand(place: Place, case: ByHand, names: tuple[str, str]) -> Database:
    database = migrated(place, lambda m: case.change(m, *names))
    database.execute_sql(f"create table item (\n    id integer primary key,\n    {case.definition},\n    last text\n)")
    database.execute_sql("insert into item (id, size, last) values (1, 'three', 'a'), (5, 'four', 'not  null')")
    database.execute_sql("create index by_last on item (last)")
    return database


def texts_and_rows(database: Database) -> tuple[list, dict]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid"
    return database.execute_sql(query).fetchall(), rows(database)


def words_of_item(database: Database) -> list[str]:
    """CREATE TABLE in its words, texts and comments as they are; blanks and quotes around names do not count."""
    (text,) = database.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'item'").fetchone()
    return words(text)


def words(text: str) -> list[str]:
    found = re.findall(r"""'(?:[^']|'')*'|"[^"]*"|\[[^]]*\]|`[^`]*`|--[^\n]*|/\*.*?\*/|\w+|\S""", text, re.DOTALL)
    return [word[1:-1] if word[0] in '"[`' else word for word in found]


def columns_of_item(database: Database) -> list[dict[str, object]]:
    """Names and types as SQLite compares them: without regard to case."""
    found = database.execute_sql("PRAGMA table_xinfo(item)").fetchall()
    return [dict(zip(XINFO, row)) | {"name": row[1].lower(), "type": row[2].upper()} for row in found]


def everything_else(database: Database) -> object:
    return rows(database, without=(HISTORY,)), database.get_indexes("item")


def edit(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """What went and what came, between what both begin with and what both end with."""
    begin = number_of_same(before, after)
    before, after = before[begin:], after[begin:]
    end = number_of_same(before[::-1], after[::-1])
    return before[: len(before) - end], after[: len(after) - end]


def number_of_same(one: list[str], other: list[str]) -> int:
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other))))


def check_by_hand(place: Place, case: ByHand, names: tuple[str, str]) -> UnsupportedOperation | None:
    """Done: the facts say so, those words alone differ, and down gives the facts back. Refused: all is as it was."""
    database = by_hand(place, case, names)
    before, text, columns = texts_and_rows(database), words_of_item(database), columns_of_item(database)
    others = everything_else(database)
    try:
        applied = database.register_models([]).applied
    except MigrationFailed as error:
        refusal = error.__cause__
    else:
        refusal = None
    if refusal is not None:
        assert isinstance(refusal, UnsupportedOperation), refusal
        assert texts_and_rows(database) == before
        return refusal

    assert applied == ("20240102_000000_change",)
    meant = [column | case.facts if column["name"] == "size" else column for column in columns]
    assert columns_of_item(database) == meant
    removed, added = edit(text, words_of_item(database))
    assert (removed, [word.upper() for word in added]) == (words(case.removed), words(case.added))
    assert everything_else(database) == others
    assert database.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]

    assert database.migrations.down().reverted == ("20240102_000000_change",)
    assert columns_of_item(database) == columns
    assert everything_else(database) == others
    return None


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("case", PLAIN.values(), ids=PLAIN)
def test_a_table_written_by_hand_is_changed_in_those_words_alone_and_back(file_place: Place, case: ByHand, names):
    assert check_by_hand(file_place, case, names) is None


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("case", ODD.values(), ids=ODD)
def test_what_is_hard_to_read_is_changed_right_or_refused_and_left_as_it_was(file_place: Place, case: ByHand, names):
    check_by_hand(file_place, case, names)
