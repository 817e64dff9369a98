"""Operations as the file of a migration: read back they are the same, and ruff finds nothing to mend."""

from __future__ import annotations

import ast
import datetime
import enum
import importlib.util
import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import assert_helps
from peewee import (
    SQL,
    AutoField,
    BooleanField,
    CharField,
    Check,
    DateTimeField,
    DecimalField,
    Field,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from playhouse import apsw_ext, mysql_ext, postgres_ext, sqlite_ext
from playhouse import fields as more_fields
from render_strategies import CLASSES, DIFFERENCES, OPERATIONS, Color, facts

from ormmigrate import ConfigurationError, IrreversibleMigration, RawField, reference
from ormmigrate.dialects import dialect_of
from ormmigrate.operations import (
    UNDECIDED,
    AddColumn,
    AddConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    AlterTable,
    Backfill,
    CreateTable,
    DropColumn,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    Run,
    Script,
    Sql,
)
from ormmigrate.recording import record, reverse_of
from ormmigrate.render import render

ID = "20240602_130000_add_user_preferences"
RULES = "E,F,W,I,B,UP,C4,SIM,RUF,PIE,RET"
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SOME_OPERATIONS = st.lists(OPERATIONS, min_size=1, max_size=4)
needs_ruff = pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")


def rendered(*operations: Operation, unexpressed: Sequence[str] = ()) -> str:
    return render(operations, ID, "AddUserPreferences", "Add user preferences", unexpressed)


def said(field: Field) -> str:
    """A field as it is written where no rows need it, without the line's indentation."""
    source = rendered(DropColumn("t", "c", field=field))
    found = ast.parse(source).body[-1].body[-1].body[0]  # type: ignore[attr-defined]
    return ast.unparse(found.value.keywords[0].value)


def compiled(source: str) -> Any:
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(source, "written.py", "exec"), names)
    return names["AddUserPreferences"]()


def recorded(source: str) -> list[Operation]:
    """The operations of a file, as if a person had deleted the line that refuses."""
    tree = ast.parse(source)
    up = tree.body[-1].body[-1]  # type: ignore[attr-defined]
    up.body = up.body[1:] if isinstance(up.body[0], ast.Raise) else up.body
    database = SqliteDatabase(":memory:")
    return record(database, dialect_of(database), compiled(ast.unparse(tree)))


def complaints(folder: Path, sources: Sequence[str]) -> str:
    """What ruff says of files: of their layout, and of what stands in them."""
    for number, source in enumerate(sources):
        (folder / f"m{number}.py").write_text(source, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    form = [*ruff, "format", "--isolated", "--diff", "."]
    rules = [*ruff, "check", "--isolated", "--select", RULES, "--output-format", "concise", "."]
    runs = [subprocess.run(one, cwd=folder, capture_output=True, text=True) for one in (form, rules)]
    return "\n".join(run.stdout for run in runs if run.returncode)


# -- whatever it is ---------------------------------------------------------------------------------


@given(SOME_OPERATIONS, DIFFERENCES)
@MANY
def test_a_file_records_as_the_operations_that_were_rendered(operations, unexpressed):
    source = rendered(*operations, unexpressed=unexpressed)
    assert [facts(one) for one in recorded(source)] == [facts(one) for one in operations], source


@needs_ruff
def test_ruff_finds_nothing_to_mend(tmp_path: Path):
    sources = []

    @given(SOME_OPERATIONS, DIFFERENCES)
    @settings(MANY, database=None)
    def collect(operations, unexpressed):
        sources.append(rendered(*operations, unexpressed=unexpressed))

    collect()
    assert complaints(tmp_path, sources) == ""


@needs_ruff
def test_a_long_name_leaves_nothing_to_mend_either(tmp_path: Path):
    words = "add_" + "a_" * 36 + "column"
    cls, title = "".join(map(str.capitalize, words.split("_"))), words.replace("_", " ").capitalize()
    operation = AddColumn("user", "bio", TextField(null=True))
    source = render([operation], f"20240602_130000_{words}", cls, title * 2)
    assert complaints(tmp_path, [source]) == ""
    assert ast.literal_eval(ast.parse(source).body[-1].body[0].value) == f"20240602_130000_{words}"  # type: ignore[attr-defined]


@given(SOME_OPERATIONS)
@MANY
def test_the_same_operations_give_the_same_file(operations):
    assert rendered(*operations) == rendered(*operations)


def test_every_class_of_peewee_that_makes_a_column_is_tried():
    others = {
        *("Field", "PrimaryKeyField", "DeferredForeignKey", "MetaField", "ManyToManyField", "VirtualField"),
        *("CompositeKey", "FieldAlias", "ForeignKeyField", "ArrayField", "EnumField", "IntEnumField"),
        "SearchField",  # of virtual tables, which no operation makes
    }
    modules = (peewee, more_fields, sqlite_ext, postgres_ext, mysql_ext, apsw_ext)
    found = [one for module in modules for one in vars(module).values() if isinstance(one, type)]
    classes = {one for one in found if issubclass(one, Field) and not one.__name__.startswith("_")}
    assert {one for one in classes if one.__name__ not in others} == set(CLASSES)


# -- as a person would have written it --------------------------------------------------------------


def test_tables_are_created_as_a_person_would_write_it():
    source = rendered(
        CreateTable(
            "customer",
            {
                "id": AutoField(),
                "email": CharField(max_length=100, unique=True, help_text="never shown", choices=[("a", "b")]),
                "referrer_id": ForeignKeyField(reference("customer"), null=True, on_delete="SET NULL"),
                "country_code": ForeignKeyField(
                    reference("country", "code", CharField(max_length=2)), backref="customers", index=False
                ),
                "balance": DecimalField(12, 2, default=Decimal("0"), constraints=[Check("balance >= 0")]),
                "joined": DateTimeField(default=datetime.datetime.now),
            },
            indexes=((("country_code", "joined"), False),),
            constraints=(Check("email LIKE '%@%'"),),
        ),
        AddIndex("customer", (SQL("lower(email)"),), unique=True, name="customer_email"),
    )
    assert source == (
        """\
import datetime
from decimal import Decimal

from ormmigrate import BaseMigration, reference
from peewee import (
    SQL,
    AutoField,
    CharField,
    Check,
    DateTimeField,
    DecimalField,
    ForeignKeyField,
)


class AddUserPreferences(BaseMigration):
    id = "20240602_130000_add_user_preferences"
    name = "Add user preferences"

    def up(self, migrator):
        migrator.create_table(
            "customer",
            {
                "id": AutoField(),
                "email": CharField(max_length=100, unique=True),
                "referrer_id": ForeignKeyField(
                    reference("customer"), on_delete="SET NULL", null=True
                ),
                "country_code": ForeignKeyField(
                    reference("country", "code", field=CharField(max_length=2)),
                    index=False,
                ),
                "balance": DecimalField(
                    max_digits=12,
                    decimal_places=2,
                    constraints=[Check("balance >= 0")],
                    default=Decimal("0"),
                ),
                "joined": DateTimeField(default=datetime.datetime.now),
            },
            indexes=[(("country_code", "joined"), False)],
            constraints=[Check("email LIKE '%@%'")],
        )
        migrator.add_index(
            "customer", (SQL("lower(email)"),), unique=True, name="customer_email"
        )
"""
    )


def test_changes_of_a_table_stand_in_a_block_and_say_what_they_destroy():
    was = CreateTable("note", {"id": AutoField(), "text": TextField()})
    source = rendered(
        RenameTable("person", "user"),
        AlterTable(
            "user",
            (
                RenameColumn("user", "mail", "email"),
                AddColumn("user", "newsletter", BooleanField(default=False)),
                DropColumn("user", "age", field=IntegerField(null=True)),
                AlterColumnType("user", "name", CharField(max_length=50), replaces=CharField()),
                AddUnique("user", ("email", "name")),
            ),
        ),
        DropTable("note", replaces=was),
    )
    assert source == (
        """\
from ormmigrate import BaseMigration
from peewee import AutoField, BooleanField, CharField, IntegerField, TextField


class AddUserPreferences(BaseMigration):
    id = "20240602_130000_add_user_preferences"
    name = "Add user preferences"

    def up(self, migrator):
        migrator.rename_table("person", "user")
        with migrator.alter_table("user") as user:
            user.rename_column("mail", "email")
            user.add_column("newsletter", BooleanField(default=False))
            # Destroys: user.age with its values
            user.drop_column("age", field=IntegerField(null=True))
            # Destroys: values of user.name that do not fit VARCHAR(50) (it was
            # VARCHAR(255))
            user.alter_column_type(
                "name", CharField(max_length=50), replaces=CharField()
            )
            user.add_unique("email", "name")
        # Destroys: the table note with its rows
        migrator.drop_table(
            "note",
            columns={
                "id": AutoField(),
                "text": TextField(),
            },
        )
"""
    )


def test_what_a_person_has_to_decide_is_said_and_refused():
    source = rendered(
        AddColumn("user", "token", TextField(default=lambda: "secret")),
        Backfill("user", {"plan": UNDECIDED, "seats": 1}, SQL("plan IS NULL"), reverse_values={}),
        AddNotNull("user", "plan"),
    )
    assert source == (
        """\
from ormmigrate import BaseMigration
from peewee import TextField


class AddUserPreferences(BaseMigration):
    id = "20240602_130000_add_user_preferences"
    name = "Add user preferences"

    def up(self, migrator):
        raise NotImplementedError(
            "say what rows get in user.token, user.plan, in place of `...`, and delete "
            "this line"
        )
        # TODO: say what the rows that are there get in user.token, in place of `...`.
        migrator.add_column("user", "token", TextField(default=...))
        # TODO: say what the rows that are there get in user.plan, in place of `...`.
        migrator.backfill(
            "user", {"plan": ..., "seats": 1}, where="plan IS NULL", reverse={}
        )
        migrator.add_not_null("user", "plan")
"""
    )
    database = SqliteDatabase(":memory:")
    with pytest.raises(IrreversibleMigration, match=r"say what rows get in user\.token, user\.plan"):
        record(database, dialect_of(database), compiled(source))


def test_what_no_operation_expresses_is_left_to_people():
    source = rendered(
        AddColumn("user", "bio", TextField(null=True)),
        unexpressed=["the view active_users: it differs", "user: primary key: id -> uuid, which takes " + "long " * 12],
    )
    assert source == (
        """\
from ormmigrate import BaseMigration
from peewee import TextField


class AddUserPreferences(BaseMigration):
    id = "20240602_130000_add_user_preferences"
    name = "Add user preferences"

    # Not expressed by operations, and left to you:
    # - the view active_users: it differs
    # - user: primary key: id -> uuid, which takes long long long long long long long
    #   long long long long long

    def up(self, migrator):
        raise NotImplementedError(
            "write what is left to you above, with migrator.sql(...) say, and delete "
            "this line"
        )
        migrator.add_column("user", "bio", TextField(null=True))
"""
    )


@pytest.mark.parametrize("unexpressed", [[], ["the view v differs"]])
def test_a_migration_without_operations_refuses_to_run(unexpressed: list[str]):
    with pytest.raises(NotImplementedError, match="write what"):
        compiled(rendered(unexpressed=unexpressed)).up(None)


def test_a_statement_is_cut_between_words_and_lines_and_stays_the_same_to_the_byte():
    text = "UPDATE user\nSET name = 'an unusually long name that no line has room for, %, \\ and \"all\"',\n  age = 1\n"
    source = rendered(Script(text), Sql("SELECT 1", reverse_text="DELETE FROM user WHERE name = '" + "x" * 80 + "'"))
    assert source.partition("migrator):\n")[2] == (
        r"""        migrator.script(
            "UPDATE user\n"
            "SET name = 'an unusually long name that no line has room for, %, \\ and "
            '"all"\',\n'
            "  age = 1\n"
        )
        migrator.sql(
            "SELECT 1",
            reverse=(
                "DELETE FROM user WHERE name = "
                "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                "xxxxxxxxxxx'"
            ),
        )
"""
    )


# -- blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "variable"),
    [
        ("user", "user"),
        ("match", "match"),
        ("User", "table"),
        ("order line", "table"),
        ("class", "table"),
        ("list", "table"),
        ("l", "table"),
        ("_user", "table"),
        ("self", "table"),
        ("migrator", "table"),
        ("uuid", "table"),
        ("reference", "table"),
    ],
)
def test_a_block_has_the_name_of_its_table_where_that_is_free(table: str, variable: str):
    changes = (
        AddColumn(table, "token", UUIDField(default=uuid.uuid4)),
        AddColumn(table, "user_id", ForeignKeyField(reference("user"), null=True)),
    )
    source = rendered(AlterTable(table, changes))
    assert f'with migrator.alter_table("{table}") as {variable}:' in source
    assert f'{variable}.add_column("token"' in source


def test_a_group_that_no_block_can_be_is_an_error():
    for change in (AddNotNull("other", "a"), Sql("SELECT 1"), AlterTable("user", ())):
        with pytest.raises(ConfigurationError) as caught:
            rendered(AlterTable("user", (change,)))
        assert_helps(caught.value, "user")


def test_a_group_of_nothing_is_left_out():
    assert "alter_table" not in rendered(AlterTable("user", ()), RenameTable("a", "b"))


# -- what can be taken back -------------------------------------------------------------------------


@given(SOME_OPERATIONS)
@MANY
def test_what_could_be_taken_back_still_can_be(operations):
    source = rendered(*operations)
    if "raise NotImplementedError" in source or any(one.reverse() is None for one in operations):
        return
    database = SqliteDatabase(":memory:")
    wanted = [facts(found) for one in reversed(operations) for found in one.reverse() or ()]
    found = reverse_of(database, dialect_of(database), compiled(source))
    assert [facts(one) for one in found] == wanted


@pytest.mark.parametrize("added", [AddConstraint("t", "c", Check("a > 0")), AddUnique("t", ("a", "b"))])
def test_a_constraint_that_is_taken_back_can_be_added_again(added: Operation):
    (dropped,) = added.reverse() or ()
    (found,) = recorded(rendered(dropped))
    (again,) = found.reverse() or ()
    assert facts(again) == facts(added)


# -- fields of the application ------------------------------------------------------------------------


class Email(CharField):
    """As its base, but for what the application does with it."""

    def python_value(self, value):
        return value.lower()


class Short(CharField):
    def get_modifiers(self):
        return [7]


class Upper(TextField):
    def db_value(self, value):
        return value.upper()


class Tags(TextField):
    def db_value(self, value):
        return json.dumps(value)


class Chosen(CharField):
    def db_value(self, value):
        return value.value


class Needy(TextField):
    def db_value(self, value):
        return self.model.prefix + value


class CiText(Field):
    field_type = "CITEXT"


class Sized(Field):
    field_type = "VARBINARY"

    def get_modifiers(self):
        return [16]


class Key(Field):
    field_type = "UUID"


class Money(Field):
    field_type = "DECIMAL"

    def get_modifiers(self):
        return [12, 2]


class Point(Field):
    field_type = "POINT"

    def ddl_datatype(self, ctx):
        return SQL("geometry(POINT)")


class Touched(DateTimeField):
    def ddl(self, ctx):
        return peewee.NodeList((super().ddl(ctx), SQL("ON UPDATE CURRENT_TIMESTAMP")))


class Owner(ForeignKeyField):
    pass


@pytest.mark.parametrize(
    ("field", "source"),
    [
        (Email(max_length=9), "CharField(max_length=9)"),
        (Short(null=True), "CharField(max_length=7, null=True)"),
        (CiText(unique=True), "RawField('CITEXT', unique=True)"),
        (Sized(), "RawField('VARBINARY(16)')"),
        (Key(), "UUIDField()"),
        (Money(), "DecimalField(max_digits=12, decimal_places=2)"),
        (Point(), "RawField('geometry(POINT)')"),
        (Touched(null=True), "DateTimeField(null=True, constraints=[SQL('ON UPDATE CURRENT_TIMESTAMP')])"),
        (more_fields.EnumField(Color, max_length=9), "CharField(max_length=9)"),
        (peewee.SmallIntegerField(), "SmallIntegerField()"),
        (postgres_ext.ArrayField(Email, {"max_length": 9}), "ArrayField(CharField, field_kwargs={'max_length': 9})"),
        (postgres_ext.ArrayField(CiText), "ArrayField(RawField, field_kwargs={'column_type': 'CITEXT'})"),
        (postgres_ext.JSONField(), "postgres_ext.JSONField()"),
        (peewee.JSONField(), "JSONField()"),
        (Owner(reference("user")), "ForeignKeyField(reference('user'))"),
        (ForeignKeyField(reference("user", field=Email())), "ForeignKeyField(reference('user', field=CharField()))"),
        (RawField("citext"), "RawField('citext')"),
    ],
)
def test_a_class_of_the_application_is_written_as_one_of_peewee_with_the_same_column(field: Field, source: str):
    assert said(field) == source


@pytest.mark.parametrize(
    ("field", "source"),
    [
        (Email(default="a@b"), "CharField(default='a@b')"),
        (Email(default=uuid.uuid4), "CharField(default=uuid.uuid4)"),
        (Upper(default="a"), "TextField(default='A')"),
        (Tags(default={"a": [1]}), "TextField(default='{\"a\": [1]}')"),
        (Tags(default=list), "TextField(default='[]')"),
        (Chosen(default=Color.RED), "CharField(default='red')"),
        (CharField(default=Color.RED), "CharField(default='red')"),
        (more_fields.EnumField(Color, default=Color.RED), "CharField(default='red')"),
        (Upper(default=uuid.uuid4), "TextField()"),
        (Needy(default="a"), "TextField()"),
        (Email(default=lambda: "a"), "CharField()"),
        (CharField(default=object()), "CharField()"),
        (Email(default=count(1).__next__), "CharField(default=count(1).__next__)"),
        (peewee.TimestampField(default=lambda: 1), "TimestampField(default=None)"),
        (peewee.TimestampField(utc=True), "TimestampField(utc=True)"),
        (peewee.BitField(default=None), "BitField(default=None)"),
        (DecimalField(auto_round=True), "DecimalField()"),
        (DecimalField(auto_round=True, default=1), "DecimalField(auto_round=True, default=1)"),
    ],
)
def test_a_default_is_written_as_the_column_holds_it_and_only_without_the_application(field: Field, source: str):
    assert said(field) == source


def test_counting_placeholders_are_not_used_up_by_writing_them():
    field = Email(default=count(1).__next__)
    assert said(field) == said(field)


@pytest.mark.parametrize(
    "field",
    [
        TextField(default=lambda: "a", null=True),
        TextField(default=lambda: "a", constraints=[SQL("DEFAULT 'a'")]),
    ],
)
def test_a_default_that_no_row_needs_is_no_decision(field: Field):
    source = rendered(AddColumn("user", "bio", field))
    assert "..." not in source
    assert "raise" not in source


@pytest.mark.parametrize("field", [Needy(default="a"), ForeignKeyField(reference("user"), default=lambda: 1)])
def test_a_default_that_rows_need_and_that_has_no_source_is_decided_by_a_person(field: Field):
    assert "default=..." in rendered(AddColumn("user", "bio", field))


def test_a_foreign_key_to_a_model_is_written_by_its_table():
    class Country(Model):
        code = CharField(max_length=2, primary_key=True)

        class Meta:
            table_name = "countries"

    class Visit(Model):
        country = ForeignKeyField(Country)

    wanted = "ForeignKeyField(reference('countries', 'code', field=CharField(max_length=2)))"
    assert said(Visit.country) == said(ForeignKeyField(Country)) == wanted
    assert said(ForeignKeyField("self")) == "ForeignKeyField('self')"
    assert said(ForeignKeyField("self", "uuid")) == "ForeignKeyField('self', 'uuid')"


def test_a_foreign_key_to_a_foreign_key_has_the_type_of_what_that_refers_to():
    key = ForeignKeyField(reference("account", "code", UUIDField()))
    wanted = "ForeignKeyField(reference('user', 'account_id', field=UUIDField()))"
    assert said(ForeignKeyField(reference("user", "account_id", key))) == wanted


# -- what has no source ---------------------------------------------------------------------------


class Where(enum.Enum):
    HERE = object()


@pytest.mark.parametrize(
    "operation",
    [
        Run(print),
        Sql("SELECT ?", [object()]),
        Sql("SELECT ?", [Where.HERE]),
        AddIndex("t", (peewee.fn.lower(SQL("a")),)),
        CreateTable("t", {"a": peewee.DeferredForeignKey("NobodyIsCalledThis")}),
        AddColumn("t", "a", TextField(null=True, constraints=[object()])),
        RenameColumn("t", "a", "b", allow_copy=True),
        ForeignKeyField,
    ],
)
def test_what_has_no_source_is_an_error(operation: Any):
    if operation is ForeignKeyField:
        operation = AddColumn("t", "a", ForeignKeyField("user", null=True))
    with pytest.raises(ConfigurationError) as caught:
        rendered(operation)
    assert_helps(caught.value, "cannot be written")
