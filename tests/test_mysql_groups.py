"""Groups of changes are one ALTER TABLE where that can be, and always what the changes come to one by one."""

from __future__ import annotations

import pytest
from mysql_catalogue import catalogue, difference
from mysql_everything import EVERYTHING
from mysql_running import assert_refused, change, prepared, statements
from peewee import SQL, BigIntegerField, CharField, Check, ForeignKeyField, IntegerField, TextField
from places import Place, place_of

from ormmigrate import reference


def default_for_each() -> int:
    return 7


#: Changes, and in how many statements they are made.
GROUPS = {
    "columns, indexes, constraints": (
        (
            lambda t: t.add_column("x", IntegerField(null=True, index=True)),
            lambda t: t.drop_not_null("title"),
            lambda t: t.alter_column_type("n", BigIntegerField()),
            lambda t: t.rename_column("hidden", "shown"),
            lambda t: t.drop_index("by_title"),
            lambda t: t.add_index(("kind", "shown")),
            lambda t: t.drop_constraint("title_given"),
            lambda t: t.add_unique("at", "id"),
        ),
        1,
    ),
    "one column several times": (
        (
            lambda t: t.alter_column_type("title", CharField(80)),
            lambda t: t.add_column_default("title", "x"),
            lambda t: t.drop_not_null("title"),
            lambda t: t.rename_column("title", "head"),
        ),
        1,
    ),
    "types in turn": (
        (lambda t: t.alter_column_type("kind", CharField(9)), lambda t: t.alter_column_type("kind", TextField())),
        2,
    ),
    "a column that is added and changed": (
        (
            lambda t: t.add_column("x", IntegerField(null=True)),
            lambda t: t.add_column_default("x", 5),
            lambda t: t.rename_column("x", "y"),
            lambda t: t.add_index(("y",)),
        ),
        2,
    ),
    "not null with a default": (
        (
            lambda t: t.add_column("x", IntegerField(default=1)),
            lambda t: t.add_column("y", CharField(default="a", index=True)),
            lambda t: t.drop_column("hidden"),
        ),
        2,
    ),
    "filled in the middle": (
        (
            lambda t: t.rename_column("hidden", "shown"),
            lambda t: t.add_column("x", IntegerField(default=default_for_each, unique=False, index=True)),
            lambda t: t.add_not_null("flag"),
        ),
        2,
    ),
    "names that change hands": (
        (
            lambda t: t.rename_column("hidden", "old"),
            lambda t: t.rename_column("expr", "hidden"),
            lambda t: t.drop_column("old"),
            lambda t: t.add_column("old", TextField(null=True)),
        ),
        None,
    ),
    "a foreign key": (
        (
            lambda t: t.drop_foreign_key_constraint("owner_id"),
            lambda t: t.alter_column_type("owner_id", BigIntegerField()),
            lambda t: t.rename_column("owner_id", "boss_id"),
            lambda t: t.add_foreign_key_constraint("boss_id", "owner", "id"),
        ),
        None,
    ),
    "a column of a foreign key is renamed among others": (
        (
            lambda t: t.alter_column_type("n", BigIntegerField()),
            lambda t: t.rename_column("owner_id", "boss_id"),
            lambda t: t.rename_column("id", "number"),
            lambda t: t.drop_not_null("title"),
        ),
        None,
    ),
    "an index is dropped and made again": (
        (lambda t: t.drop_index("thing_n"), lambda t: t.add_index(("n", "kind"), name="thing_n")),
        1,
    ),
    "an index is made and its column renamed": (
        (lambda t: t.add_index(("kind",)), lambda t: t.rename_column("kind", "sort")),
        1,
    ),
    "a check is made and its column renamed": (
        (lambda t: t.add_constraint("c", Check("n < 999")), lambda t: t.rename_column("n", "m")),
        2,
    ),
    "a column is renamed and checked": (
        (lambda t: t.rename_column("n", "m"), lambda t: t.add_constraint("c", Check("m < 999"))),
        2,
    ),
    "a constraint is made and dropped": (
        (lambda t: t.add_constraint("c", Check("n < 999")), lambda t: t.drop_constraint("C")),
        2,
    ),
    "a generated column and what it is made of": (
        (
            lambda t: t.drop_column("doubled"),
            lambda t: t.drop_column("stored"),
            lambda t: t.alter_column_type("n", BigIntegerField()),
            lambda t: t.add_column("thrice", IntegerField(null=True, constraints=[SQL("AS (n * 3) VIRTUAL")])),
        ),
        1,
    ),
    "a foreign key comes with its column": (
        (
            lambda t: t.add_column("x", ForeignKeyField(reference("owner", field=BigIntegerField()), null=True)),
            lambda t: t.add_column("y", ForeignKeyField(reference("owner", field=BigIntegerField()), null=True)),
        ),
        1,
    ),
}


@pytest.mark.parametrize(("steps", "count"), GROUPS.values(), ids=GROUPS)
def test_a_group_comes_to_what_its_changes_come_to_one_by_one(mysql_place: Place, tmp_path, steps, count: int | None):
    together = prepared(mysql_place, *EVERYTHING)

    def up(m):
        with m.alter_table("thing") as table:
            for step in steps:
                step(table)

    with statements(together) as heard:
        change(together, up)
    assert count is None or len(heard) == count, heard
    with place_of(mysql_place.kind, tmp_path) as other:
        apart = prepared(other, *EVERYTHING)
        change(apart, lambda m: [step(m._of("thing")) for step in steps])
        assert without_trigger_rows(difference(catalogue(apart), catalogue(together))) == {}


def without_trigger_rows(found: dict) -> dict:
    return {key: value for key, value in found.items() if key != ("rows", "log")}


def test_a_group_that_is_refused_changes_nothing(mysql_place: Place):
    database = prepared(mysql_place, *EVERYTHING)

    def up(m):
        with m.alter_table("thing") as table:
            table.add_column("x", IntegerField(default=1))
            table.add_not_null("n")

    assert_refused(database, up, "forbid NULL in thing.n")


def test_a_group_on_a_column_that_only_forbids_null_later_is_refused_as_it_would_be_alone(mysql_place: Place):
    database = prepared(mysql_place, *EVERYTHING)

    def up(m):
        with m.alter_table("thing") as table:
            table.add_column("x", IntegerField(null=True))
            table.add_not_null("x")

    assert_refused(database, up, "forbid NULL in thing.x")
