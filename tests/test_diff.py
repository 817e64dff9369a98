"""`diff` on schemas written as values: which operations, in which order, with what they replace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import peewee
import pytest
from peewee import Check

from ormmigrate import RawField
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import diff, losses, renames
from ormmigrate.operations import UNDECIDED, AlterColumnType, AlterTable, DropColumn, Operation
from ormmigrate.schema import Check as CheckFacts
from ormmigrate.schema import Column, ForeignKey, Index, Part, Schema, Table, Trigger, View, from_dict

SQLITE = dialect_of(peewee.SqliteDatabase(None))
POSTGRESQL = dialect_of(peewee.PostgresqlDatabase(None))
ID = Column("id", "INTEGER", null=False)
PG_ID = Column("id", "integer", null=False, identity="SERIAL")


class Plain:
    """Fields for the types that stand here, as a dialect has them; nothing is asked of a database."""

    name = "plain"
    allows_forward_references = False
    doubles_percent = False

    def folded(self, name: str) -> str:
        return name

    folded_column = folded

    def quoted(self, name: str) -> str:
        return f'"{name}"'

    def comment_clause(self, text: str) -> str:
        return ""

    def options_text(self, options: Any) -> str:
        return ""

    def unsaid_options(self, options: Any) -> list[str]:
        return list(options)

    def field_of(self, column: Column) -> peewee.Field:
        kinds = {"integer": peewee.IntegerField, "bigint": peewee.BigIntegerField, "text": peewee.TextField}
        return kinds[column.type]()


PLAIN = Plain()


def schema(*tables: Table, kind: Any = PLAIN, **beside: Any) -> Schema:
    return Schema(tables, kind=kind, **beside)


def table(name: str, *columns: Column, **facts: Any) -> Table:
    return Table(name, (PG_ID, *columns), ("id",), **facts)


def key(column: str, target: str, **said: Any) -> ForeignKey:
    return ForeignKey((column,), target, ("id",), **said)


def kinds(operations: Any) -> list[str]:
    """What is done, in words: `create_table b`, `alter_table a: add_column, add_index`."""
    found = []
    for operation in operations:
        inside = f": {', '.join(one.kind for one in operation.changes)}" if isinstance(operation, AlterTable) else ""
        found.append(f"{operation.kind} {operation.table}{inside}")
    return found


def steps(before: Schema, after: Schema) -> list[str]:
    return kinds(diff(before, after).operations)


def only(before: Schema, after: Schema) -> Operation:
    (operation,) = diff(before, after).operations
    return operation


def test_a_schema_does_not_differ_from_itself():
    one = schema(table("user", Column("email", "text")), views=(View("v", "SELECT 1"),))
    assert not diff(one, one)


def test_names_of_indexes_and_constraints_are_no_difference():
    parts = (Part("email"),)
    one = table("user", Column("email", "text"), indexes=(Index(parts, name="user_email"),))
    other = replace(one, indexes=(Index(parts, name="users_by_email"),))
    assert not diff(schema(one), schema(other))


def test_a_unique_constraint_and_a_plain_unique_index_are_no_difference():
    parts = (Part("email"),)
    one = table("user", Column("email", "text"), indexes=(Index(parts, unique=True, is_constraint=True),))
    other = replace(one, indexes=(Index(parts, unique=True, name="user_email"),))
    assert not diff(schema(one), schema(other))


def test_new_tables_come_parents_first_and_cycles_are_closed_afterwards():
    a = table("a", Column("b", "integer"), foreign_keys=(key("b", "b"),))
    b = table("b", Column("a", "integer"), foreign_keys=(key("a", "a"),))
    c = table("c", Column("a", "integer"), foreign_keys=(key("a", "a"),))
    assert steps(schema(), schema(c, a, b)) == [
        "create_table b",
        "create_table a",
        "create_table c",
        "add_foreign_key_constraint b",
    ]


def test_where_the_database_allows_it_a_cycle_is_made_at_once():
    a = Table("a", (ID, Column("b", "INTEGER")), ("id",), foreign_keys=(key("b", "b"),))
    b = Table("b", (ID, Column("a", "INTEGER")), ("id",), foreign_keys=(key("a", "a"),))
    found = diff(schema(kind=SQLITE), schema(a, b, kind=SQLITE)).operations
    assert kinds(found) == ["create_table b", "create_table a"]


def test_tables_go_children_first_and_behind_everything_else():
    parent = table("parent")
    child = table("child", Column("of", "integer"), foreign_keys=(key("of", "parent"),))
    assert steps(schema(parent, child), schema(table("other"))) == [
        "create_table other",
        "drop_table child",
        "drop_table parent",
    ]


def test_tables_of_a_cycle_lose_the_key_that_is_in_the_way_first():
    a = table("a", Column("b", "integer"), foreign_keys=(key("b", "b"),))
    b = table("b", Column("a", "integer"), foreign_keys=(key("a", "a"),))
    first, *rest = diff(schema(a, b), schema()).operations
    assert first.kind == "drop_foreign_key_constraint"
    assert [one.kind for one in rest] == ["drop_table", "drop_table"]
    reverse = [one for operation in reversed(diff(schema(a, b), schema()).operations) for one in operation.reverse()]
    assert [one.kind for one in reverse] == ["create_table", "create_table", "add_foreign_key_constraint"]


def test_the_changes_of_a_table_are_one_group():
    before = table("user", Column("email", "text"), Column("note", "text"))
    after = table("user", Column("email", "text", null=True, default="'x'"), Column("age", "integer"))
    assert steps(schema(before), schema(after)) == ["alter_table user: add_column, add_column_default, drop_column"]


def test_a_column_becomes_not_null_behind_its_fill():
    before = table("user", Column("age", "integer"))
    after = table("user", Column("age", "integer", null=False, field=peewee.IntegerField(default=18)))
    fill, change = diff(schema(before), schema(after)).operations
    assert (fill.kind, fill.values, fill.where.sql, change.kind) == (
        "backfill",
        {"age": 18},
        '"age" IS NULL',
        "add_not_null",
    )


def test_where_nobody_said_what_rows_hold_a_person_has_to_decide():
    before = table("user", Column("age", "integer"))
    after = table("user", Column("age", "integer", null=False), Column("name", "text", null=False))
    fill, group = diff(schema(before), schema(after)).operations
    assert fill.values == {"age": UNDECIDED}
    assert group.changes[0].field.default is UNDECIDED


def test_a_fill_of_the_new_type_stands_behind_the_change_of_type():
    before = table("user", Column("age", "text"))
    after = table("user", Column("age", "integer", null=False, field=peewee.IntegerField(default=18)))
    assert steps(schema(before), schema(after)) == ["alter_column_type user", "backfill user", "add_not_null user"]


def test_an_index_goes_before_its_column_and_one_over_it_alone_goes_with_it():
    indexes = (
        Index((Part("a"),), unique=True, name="t_a"),
        Index((Part("a"), Part("b")), name="t_a_b"),
    )
    before = table("t", Column("a", "integer"), Column("b", "integer"), indexes=indexes)
    after = table("t", Column("b", "integer"))
    group = only(schema(before), schema(after))
    assert [one.kind for one in group.changes] == ["drop_index", "drop_column"]
    assert group.changes[1].field.unique


def test_a_foreign_key_goes_first_and_comes_back_last_where_what_it_refers_to_changes_its_type():
    def with_keys(type_: str) -> Schema:
        parent = Table("parent", (Column("id", type_, null=False),), ("id",))
        child = table("child", Column("of", type_), foreign_keys=(key("of", "parent"),))
        return schema(parent, child)

    assert steps(with_keys("integer"), with_keys("bigint")) == [
        "drop_foreign_key_constraint child",
        "alter_column_type parent",
        "alter_column_type child",
        "add_foreign_key_constraint child",
    ]


def test_a_foreign_key_waits_for_the_unique_index_that_it_needs():
    columns = (Column("code", "text"),)
    before = schema(table("parent", *columns), table("child", *columns))
    after = schema(
        table("parent", *columns, indexes=(Index((Part("code"),), unique=True, name="parent_code"),)),
        table("child", *columns, foreign_keys=(ForeignKey(("code",), "parent", ("code",)),)),
    )
    assert steps(before, after) == ["add_index parent", "add_foreign_key_constraint child"]


@pytest.mark.parametrize(
    ("fact", "word"),
    [
        ({"foreign_keys": (ForeignKey(("a", "b"), "p", ("x", "y"), on_delete="CASCADE", name="k"),)}, "FOREIGN KEY"),
        ({"foreign_keys": (ForeignKey(("a",), "p", ("x",), deferrable="INITIALLY DEFERRED", name="k"),)}, "DEFERRABLE"),
        ({"indexes": (Index((Part("a"), Part("b")), unique=True, is_constraint=True, name="u"),)}, "UNIQUE"),
        ({"checks": (CheckFacts("a > b", ("a", "b"), "positive"),)}, "CHECK"),
    ],
)
def test_a_constraint_that_has_no_operation_of_its_own_comes_as_sql_and_goes_with_it(fact: Any, word: str):
    columns = (Column("a", "integer"), Column("b", "integer"))
    plain, constrained = table("t", *columns), table("t", *columns, **fact)
    added, dropped = only(schema(plain), schema(constrained)), only(schema(constrained), schema(plain))
    assert word in added.constraint.sql
    (back,) = dropped.reverse()
    assert (back.kind, back.name, back.constraint.sql) == (added.kind, added.name, added.constraint.sql)


def test_an_index_of_any_form_comes_back_as_it_was():
    parts = (Part("lower(a)", is_expression=True), Part("b", suffix="DESC"))
    index = Index(parts, unique=True, method="gin", where="a IS NOT NULL", nulls_distinct=False, name="odd")
    columns = (Column("a", "text"), Column("b", "integer"))
    dropped = only(schema(table("t", *columns, indexes=(index,))), schema(table("t", *columns)))
    (back,) = dropped.reverse()
    said = [part.sql for part in back.columns]
    assert (said, back.unique, back.using, back.where.sql) == (["lower(a)", '"b" DESC'], True, "gin", "a IS NOT NULL")
    assert (back.nulls_distinct, back.name) == (False, "odd")


def test_what_goes_is_written_with_what_it_was():
    column = Column("age", "integer", null=False, default="5", field=None)
    before = table("user", column, Column("note", "text"), checks=(CheckFacts("age > 0", ("age",)),))
    dropped = only(schema(before), schema(table("user", Column("note", "text"))))
    assert isinstance(dropped, DropColumn)
    assert [one.sql for one in dropped.field.constraints] == ["DEFAULT 5", "CHECK (age > 0)"]
    gone = only(schema(before), schema())
    assert list(gone.replaces.columns) == ["id", "age", "note"]


def test_a_column_that_forbids_null_comes_back_with_something_in_it():
    before = table("user", Column("age", "integer", null=False), Column("code", "text", null=False))
    unique = replace(before, indexes=(Index((Part("code"),), unique=True, name="user_code"),))
    group = only(schema(unique), schema(table("user", Column("x", "text"))))
    by_name = {one.column: one.field for one in group.changes if isinstance(one, DropColumn)}
    assert by_name["age"].default == 0
    assert [by_name["code"].default(), by_name["code"].default()] == [1, 2]
    assert group.reverse() is not None


def test_what_no_operation_changes_is_said_in_words():
    before = schema(
        Table("t", (Column("a", "integer", comment="old"),), ("a",), options=("ENGINE=Aria",), comment="x"),
        views=(View("v", "SELECT 1"), View("gone", "SELECT 2")),
        triggers=(Trigger("tr", "t", "BEGIN END"),),
    )
    after = schema(
        Table("t", (Column("a", "integer"),), (), options=(), comment=None),
        views=(View("v", "SELECT 3"),),
        triggers=(Trigger("new", "t", "BEGIN END"),),
    )
    found = diff(before, after)
    assert found.operations == ()
    assert found.unexpressed == (
        "t.a: comment: old -> none",
        "t: primary key: a -> none",
        "t: comment: x -> none",
        "t: options: ENGINE=Aria -> none",
        "the view v changes",
        "the view gone goes",
        "the trigger tr goes",
        "the trigger new comes",
    )
    assert bool(found)


def test_a_generated_column_that_changes_is_dropped_and_added_with_what_stands_on_it():
    def with_total(expression: str) -> Schema:
        total = Column("total", "integer", generated=expression, stored=True)
        index = Index((Part("total"), Part("a")), name="t_total_a")
        return schema(table("t", Column("a", "integer"), total, indexes=(index,)))

    group = only(with_total("a + 1"), with_total("a + 2"))
    assert [one.kind for one in group.changes] == ["drop_index", "drop_column", "add_column", "add_index"]
    assert losses(group) is None


def test_a_generated_column_becomes_no_plain_one_by_itself():
    generated = table("t", Column("a", "integer"), Column("b", "integer", generated="a", stored=True))
    plain = table("t", Column("a", "integer"), Column("b", "integer"))
    found = diff(schema(generated), schema(plain))
    assert found.operations == ()
    assert found.unexpressed == ("t.b: generated: a -> none",)


def test_the_fields_of_models_are_taken_over_as_they_were_written():
    price = peewee.DecimalField(max_digits=8, decimal_places=2, default=0, constraints=[Check("price >= 0")])
    column = Column("price", "numeric(8,2)", null=False, field=price)
    check = CheckFacts("price >= (0)::numeric", ("price",), "item_price_check")
    after = table("item", column, checks=(check,))
    made = only(schema(), schema(after)).columns["price"]
    assert type(made) is peewee.DecimalField
    assert (made.max_digits, made.default) == (8, 0)
    assert [one.sql for one in made.constraints] == ["CHECK (price >= 0)"]


# -- renames --------------------------------------------------------------------------------------


def test_a_column_that_resembles_one_that_went_may_have_been_renamed():
    before = schema(table("user", Column("name", "text"), Column("age", "integer")))
    after = schema(table("user", Column("full_name", "text"), Column("age", "integer")))
    (found,) = renames(before, after)
    assert (found.answer, found.operation.kind) == ("user.name=user.full_name", "rename_column")
    assert 0.5 < found.score < 1


def test_a_column_of_another_kind_was_not_renamed():
    before = schema(table("user", Column("name", "text", default="'x'")))
    after = schema(table("user", Column("born", "integer", null=False)))
    assert renames(before, after) == []


def test_a_table_with_the_same_columns_may_have_been_renamed():
    columns = (Column("email", "text"), Column("age", "integer"))
    (found,) = renames(schema(table("user", *columns)), schema(table("person", *columns)))
    assert (found.answer, found.operation.kind) == ("user=person", "rename_table")


def test_the_likeliest_comes_first():
    before = schema(table("user", Column("name", "text")))
    after = schema(table("user", Column("label", "text"), Column("fullname", "text")))
    assert next(one.new_name for one in renames(before, after)) == "fullname"


# -- losses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "is_lost"),
    [
        (peewee.CharField(max_length=40), peewee.CharField(max_length=20), True),
        (peewee.CharField(max_length=20), peewee.CharField(max_length=40), False),
        (peewee.CharField(), peewee.TextField(), False),
        (peewee.TextField(), peewee.CharField(), True),
        (peewee.IntegerField(), peewee.BigIntegerField(), False),
        (peewee.BigIntegerField(), peewee.IntegerField(), True),
        (peewee.DecimalField(10, 2), peewee.DecimalField(12, 2), False),
        (peewee.DecimalField(10, 2), peewee.DecimalField(10, 4), True),
        (peewee.TextField(), peewee.IntegerField(), True),
        (peewee.IntegerField(), peewee.TextField(), False),
        (peewee.FloatField(), peewee.DoubleField(), False),
    ],
)
def test_a_type_that_does_not_take_every_value_is_a_loss(old: peewee.Field, new: peewee.Field, is_lost: bool):
    assert bool(losses(AlterColumnType("t", "c", new, replaces=old))) is is_lost


# -- as JSON --------------------------------------------------------------------------------------


def test_a_schema_comes_back_from_what_it_was_written_as():
    facts = {
        "indexes": (Index((Part("a", suffix="DESC"),), unique=True, where="a > 0", include=("b",), name="i"),),
        "foreign_keys": (key("b", "t", on_delete="CASCADE", name="k"),),
        "checks": (CheckFacts("a > 0", ("a",), "c", "a>0"),),
        "options": ("STRICT",),
    }
    one = schema(
        table("t", Column("a", "text", default="'x'", field=peewee.TextField()), Column("b", "integer"), **facts),
        views=(View("v", "SELECT 1"),),
        triggers=(Trigger("tr", "t", "BEGIN END"),),
    )
    again = from_dict(one.to_dict(), PLAIN)
    assert again == one
    assert again.tables[0].indexes[0].name == "i"


# -- faults that reviews found ----------------------------------------------------------------------


def test_what_is_added_gets_no_name_that_something_staying_has():
    def checked(*said: tuple[str, str]) -> Schema:
        checks = tuple(CheckFacts(text, ("a", "b"), name) for text, name in said)
        return schema(table("t", Column("a", "integer"), Column("b", "integer"), checks=checks))

    before = checked(("a < b", "CONSTRAINT_1"), ("b < 9", "CONSTRAINT_2"))
    after = checked(("a < 5", "CONSTRAINT_1"), ("a < b", "CONSTRAINT_2"), ("b < 9", "CONSTRAINT_3"))
    added = only(before, after)
    assert added.name not in ("CONSTRAINT_1", "CONSTRAINT_2")


def test_an_index_whose_name_goes_over_to_another_is_no_obstacle():
    columns = (Column("a", "integer"), Column("b", "integer"))
    before = table("t", *columns, indexes=(Index((Part("a"),), name="i"),))
    after = table("t", *columns, indexes=(Index((Part("b"),), name="i"), Index((Part("a"),), name="j")))
    added = only(schema(before), schema(after))
    assert added.columns == ("b",)
    assert added.index != "i"


def test_a_table_that_was_renamed_with_its_columns_is_asked_about():
    before = schema(table("customer", Column("name", "text"), Column("mail", "text"), Column("phone", "integer")))
    after = schema(table("client", Column("full_name", "text"), Column("email", "text"), Column("phone", "integer")))
    assert [one.answer for one in renames(before, after)] == ["customer=client"]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("enum('a','b')", "a"),
        ("year(4)", 1970),
        ("inet", "0.0.0.0"),
        ("interval", "0"),
        ("jsonb", "{}"),
        ("integer[]", "{}"),
        ("point", None),
        ("int4range", None),
    ],
)
def test_a_column_of_an_unusual_type_comes_back_with_a_value_of_it_or_not_at_all(type_: str, value: object):
    from ormmigrate.filling import placeholder

    made = RawField(type_)
    assert placeholder(made, Column("c", type_, null=False), is_unique=False) == value


def test_sql_of_models_is_not_taken_over_where_it_spells_percent_signs_otherwise():
    class Doubling(Plain):
        doubles_percent = True

    column = Column(
        "a", "integer", default="'5%'", field=peewee.IntegerField(constraints=[peewee.SQL("DEFAULT '5%%'")])
    )
    made = only(schema(), schema(table("t", column), kind=Doubling())).columns["a"]
    assert [one.sql for one in made.constraints] == ["DEFAULT '5%'"]


def test_a_long_chain_of_tables_is_put_in_order():
    chain = [table("t0")]
    chain += [table(f"t{n}", Column("of", "integer"), foreign_keys=(key("of", f"t{n - 1}"),)) for n in range(1, 1500)]
    assert [one.table for one in diff(schema(), schema(*reversed(chain))).operations][:3] == ["t0", "t1", "t2"]
