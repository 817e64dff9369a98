"""Indexes, constraints, generated columns and collations in every form that SQLite has, there and back on rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from peewee import (
    SQL,
    AutoField,
    CharField,
    Check,
    Field,
    ForeignKeyField,
    IntegerField,
    SqliteDatabase,
    TextField,
)
from places import FILE, NEWEST, NewestDatabase

from ormmigrate import IntegrityCheckFailed, RawField, UnsupportedOperation, reference
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.sqlite import inspecting
from ormmigrate.operations import (
    AddColumn,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AlterColumnType,
    AlterTable,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    Operation,
    RenameColumn,
)
from ormmigrate.schema import Check as CheckFacts
from ormmigrate.schema import Column, ForeignKey, Index, Part, Schema, Table

SETUP = (
    "CREATE TABLE city (x INT, y TEXT, id INTEGER PRIMARY KEY, UNIQUE (x, y))",
    "INSERT INTO city VALUES (1, 'a', 1), (2, 'b', 2)",
    """CREATE TABLE person (
        id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER, b TEXT, email TEXT COLLATE NOCASE NOT NULL,
        created DATETIME, loose
    )""",
    "CREATE INDEX by_a ON person (a)",
    "CREATE TABLE log (word TEXT)",
    "CREATE TRIGGER logged AFTER UPDATE ON person BEGIN INSERT INTO log VALUES (new.email); END",
    "INSERT INTO person VALUES (1, 1, 'a', 'Ann', '2020', 1), (2, 2, 'b', 'bob', '2021', 2.5)",
    "INSERT INTO person VALUES (7, NULL, NULL, 'cid', NULL, NULL)",
)
KEY = "FOREIGN KEY (a, b) REFERENCES city (x, y) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"


@pytest.fixture(params=[FILE, NEWEST])
def database(request: pytest.FixtureRequest) -> Iterator[SqliteDatabase]:
    inspecting.known.clear()
    found = (NewestDatabase if request.param == NEWEST else SqliteDatabase)(":memory:")
    found.connect()
    for statement in SETUP:
        found.execute_sql(statement)
    yield found
    found.close()


def run(database: SqliteDatabase, *operations: Operation) -> None:
    with database.atomic():
        for operation in operations:
            dialect_of(database).engine(database).run(operation)
    assert database.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute_sql("SELECT count(*) FROM log").fetchone() == (0,)


def read(database: SqliteDatabase) -> Schema:
    return dialect_of(database).inspect(database)


def person(database: SqliteDatabase) -> Table:
    found = read(database).table("person")
    assert found is not None
    return found


def column(database: SqliteDatabase, name: str) -> Column:
    return next(one for one in person(database).columns if one.name == name)


def rows(database: SqliteDatabase, names: str = "*") -> list[Any]:
    return list(database.execute_sql(f"SELECT {names} FROM person ORDER BY id").fetchall())


def there_and_back(database: SqliteDatabase, operation: Operation) -> Table:
    """Run an operation and its reverse, which must leave no trace; the table in between."""
    before = read(database), rows(database)
    run(database, operation)
    between = person(database)
    assert read(database) != before[0]
    reverses = operation.reverse()
    assert reverses is not None
    run(database, *reverses)
    assert (read(database), rows(database)) == before
    run(database, operation)
    assert person(database) == between
    return between


# -- indexes ------------------------------------------------------------------------------------

INDEXES: dict[str, tuple[AddIndex, Index]] = {
    "an order": (AddIndex("person", (SQL('"created" DESC'),)), Index((Part("created", suffix="DESC"),))),
    "an expression": (
        AddIndex("person", (SQL("lower(email)"), "a")), Index((Part("lower(email)", is_expression=True), Part("a"))),
    ),
    "a collation": (
        AddIndex("person", ("a", SQL("b COLLATE NOCASE"))), Index((Part("a"), Part("b", suffix="COLLATE NOCASE"))),
    ),
    "all of it": (
        AddIndex(
            "person", (SQL("length(b) DESC"), SQL("email COLLATE BINARY DESC")),
            unique=True, where=SQL('"a" > 1'), name="i j",
        ),
        Index(
            (Part("length(b)", is_expression=True, suffix="DESC"), Part("email", suffix="COLLATE BINARY DESC")),
            unique=True,
            where="a > 1",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INDEXES)
def test_an_index_of_more_than_columns_is_added_and_dropped(database: SqliteDatabase, name: str):
    operation, index = INDEXES[name]
    assert index in there_and_back(database, operation).indexes
    run(database, DropIndex("person", operation.index))
    assert index not in person(database).indexes


@pytest.mark.parametrize("name", INDEXES)
def test_such_an_index_stands_in_a_group(database: SqliteDatabase, name: str):
    operation, index = INDEXES[name]
    group = AlterTable(
        "person", (operation, DropNotNull("person", "email"), AddColumn("person", "c", TextField(null=True)))
    )
    found = there_and_back(database, group)
    assert index in found.indexes
    assert found.columns[-1] == Column("c", "TEXT")
    run(database, AlterTable("person", (DropIndex("person", operation.index), DropColumn("person", "c"))))
    assert index not in person(database).indexes


def test_an_index_says_what_the_same_group_renames_or_adds(database: SqliteDatabase):
    operation = AlterTable(
        "person",
        (
            AddIndex("person", (SQL("lower(email)"),), name="before"),
            RenameColumn("person", "email", "mail"),
            AddColumn("person", "note", TextField(null=True)),
            AddIndex("person", (SQL("lower(mail)"), SQL("note DESC")), where=SQL("note <> 'email'"), name="behind"),
        ),
    )
    found = {index.name: index for index in there_and_back(database, operation).indexes}
    assert found["before"].parts == (Part("lower(mail)", is_expression=True),)
    assert found["behind"].parts == (Part("lower(mail)", is_expression=True), Part("note", suffix="DESC"))
    assert found["behind"].where == "note <> 'email'"


def test_an_index_goes_with_the_column_that_it_is_about(database: SqliteDatabase):
    added = AddIndex("person", (SQL("lower(b)"),))
    run(database, AlterTable("person", (added, DropColumn("person", "b", cascade=True))))
    assert [index.name for index in person(database).indexes] == ["by_a"]


def test_an_index_on_what_is_no_column_is_refused(database: SqliteDatabase):
    """SQLite would take it for a text."""
    with pytest.raises(UnsupportedOperation, match="no column emial"):
        run(database, AddIndex("person", (SQL('lower("emial")'),)))


# -- constraints --------------------------------------------------------------------------------

CONSTRAINTS: dict[str, tuple[Any, tuple[str, ...], Any]] = {
    "CHECK": (Check("a > 0"), ("a",), CheckFacts("a > 0")),
    "CHECK over two columns": (Check("a <> b OR (a IS NULL)"), ("a", "b"), CheckFacts("a <> b or (a is null)")),
    "UNIQUE": (SQL('UNIQUE ("a", "b")'), ("a", "b"), Index((Part("a"), Part("b")), unique=True)),
    "UNIQUE with more": (
        SQL("UNIQUE (email COLLATE BINARY, b DESC)"), ("email", "b"),
        Index((Part("email", suffix="COLLATE BINARY"), Part("b", suffix="DESC")), unique=True),
    ),
    "a foreign key": (
        SQL("FOREIGN KEY (a) REFERENCES city (id) ON UPDATE SET NULL"), ("a",),
        ForeignKey(("a",), "city", ("id",), on_update="SET NULL"),
    ),
    "a foreign key over two columns": (
        SQL(KEY), ("a", "b"),
        ForeignKey(("a", "b"), "city", ("x", "y"), on_delete="CASCADE", deferrable="INITIALLY DEFERRED"),
    ),
}  # fmt: skip


def constraints_of(found: Table) -> list[Any]:
    return [*found.checks, *found.indexes, *found.foreign_keys]


@pytest.mark.parametrize("called", [None, "a name"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_a_constraint_is_added_and_dropped_with_and_without_a_name(
    database: SqliteDatabase, name: str, called: str | None
):
    constraint, columns, meant = CONSTRAINTS[name]
    found = constraints_of(there_and_back(database, AddConstraint("person", called, constraint)))
    assert [one.name for one in found if one == meant] == [called]
    # By its columns and what it says, as it has to be where it has no name.
    drop = DropConstraint("person", None, constraint, columns=columns)
    assert meant not in constraints_of(there_and_back(database, drop))


WRITTEN = """CREATE TABLE person (
    id INTEGER PRIMARY KEY, "a" INT CHECK ((A>0)) REFERENCES city DEFERRABLE INITIALLY DEFERRED, b TEXT UNIQUE,
    email TEXT, created CHECK("created"!='no' ) , UNIQUE(a,[b]), FOREIGN KEY(a,b)REFERENCES City(X,Y) /* both */
)"""
#: What a comparison says of the constraints above.
SAID = (
    (Check("a > 0"), ("a",)),
    (Check("created <> 'no'"), ("created",)),
    (SQL('UNIQUE ("b")'), ("b",)),
    (SQL('UNIQUE ("a", "b")'), ("a", "b")),
    (SQL('FOREIGN KEY ("a") REFERENCES "city" ("id") DEFERRABLE INITIALLY DEFERRED'), ("a",)),
    (SQL('FOREIGN KEY ("a", "b") REFERENCES "city" ("x", "y")'), ("a", "b")),
)


@pytest.mark.parametrize("place", range(len(SAID)))
def test_a_constraint_is_found_by_what_it_means(database: SqliteDatabase, place: int):
    constraint, columns = SAID[place]
    for statement in (
        "DROP TABLE person",
        WRITTEN,
        "INSERT INTO person VALUES (1, 1, 'a', 'Ann', 'x'), (2, 2, 'b', 'bob', 'y')",
    ):
        database.execute_sql(statement)
    before = constraints_of(person(database))
    assert len(before) == len(SAID)
    after = constraints_of(there_and_back(database, DropConstraint("person", None, constraint, columns=columns)))
    assert len(after) == len(SAID) - 1
    assert all(one in before for one in after)


def test_constraints_without_names_stand_in_a_group(database: SqliteDatabase):
    operation = AlterTable(
        "person",
        (
            AddConstraint("person", None, Check("a > 0")),
            AddConstraint("person", None, SQL(KEY)),
            RenameColumn("person", "a", "c"),
            AddConstraint("person", None, SQL('UNIQUE ("c", "b")')),
            DropConstraint("person", None, Check("c > 0"), columns=("c",)),
        ),
    )
    found = there_and_back(database, operation)
    assert found.checks == ()
    assert [key.columns for key in found.foreign_keys] == [("c", "b")]
    assert Index((Part("c"), Part("b")), unique=True) in found.indexes


def test_a_constraint_on_what_is_no_column_is_not_found(database: SqliteDatabase):
    database.execute_sql('CREATE TABLE "{odd}" ("{0}" INT UNIQUE, b INT)')
    for constraint in (SQL("UNIQUE (nothing COLLATE NOCASE)"), Check("nothing > 0"), SQL("no constraint")):
        with pytest.raises(UnsupportedOperation, match="no constraint"):
            run(database, DropConstraint("{odd}", None, constraint))
    run(database, DropConstraint("{odd}", None, SQL('UNIQUE ("{0}")')))
    found = read(database).table("{odd}")
    assert found is not None
    assert found.indexes == ()


def test_of_several_that_say_the_same_one_goes(database: SqliteDatabase):
    run(database, AddConstraint("person", "named", Check("a > 0")), AddConstraint("person", None, Check("a > 0")))
    run(database, DropConstraint("person", None, Check('"A">0')))
    assert [check.name for check in person(database).checks] == ["named"]


def test_of_several_keys_of_a_column_the_one_that_is_meant_goes(database: SqliteDatabase):
    database.execute_sql("CREATE TABLE town (id INTEGER PRIMARY KEY)")
    database.execute_sql("INSERT INTO town VALUES (1), (2)")
    keys = [SQL("FOREIGN KEY (a) REFERENCES city (id)"), SQL("FOREIGN KEY (a) REFERENCES town (id)")]
    run(database, *(AddConstraint("person", None, key) for key in keys))
    added = AddForeignKeyConstraint("person", "a", "city", "id")
    found = there_and_back(database, DropForeignKeyConstraint("person", "a", replaces=added))
    assert [key.table for key in found.foreign_keys] == ["town"]


@pytest.mark.parametrize(
    ("constraint", "finding"),
    [
        (Check("a > 1"), "1 row"),
        (SQL("UNIQUE (a)"), "more than once"),
        (SQL("FOREIGN KEY (b) REFERENCES city (y)"), "unique"),
    ],
)
def test_rows_that_do_not_fulfil_a_constraint_are_shown(database: SqliteDatabase, constraint: Any, finding: str):
    database.execute_sql("INSERT INTO person (id, a, email) VALUES (9, 2, 'dan')")
    before = read(database), rows(database)
    with pytest.raises((IntegrityCheckFailed, UnsupportedOperation), match=finding):
        run(database, AddConstraint("person", None, constraint))
    assert (read(database), rows(database)) == before


# -- columns ------------------------------------------------------------------------------------


def raw(type_: str, *constraints: str, **arguments: Any) -> Field:
    return RawField(type_, null=True, constraints=[SQL(one) for one in constraints], **arguments)


COLUMNS: dict[str, tuple[Field, Column, list[Any]]] = {
    "stored": (
        raw("INTEGER", "GENERATED ALWAYS AS (a + 1) STORED"),
        Column("c", "INTEGER", generated="a + 1", stored=True), [2, 3, None],
    ),
    "virtual": (
        raw("INTEGER", "GENERATED ALWAYS AS (a + 1) VIRTUAL"), Column("c", "INTEGER", generated="a + 1"), [2, 3, None],
    ),
    "generated without a type": (raw("", "AS (a || b)"), Column("c", "", generated="a || b"), ["1a", "2b", None]),
    "generated, and NULL forbidden": (
        RawField("INT", constraints=[SQL("GENERATED ALWAYS AS (coalesce(a, 0)) VIRTUAL")]),
        Column("c", "INT", null=False, generated="coalesce(a, 0)"), [1, 2, 0],
    ),
    "stored, and NULL forbidden": (
        RawField("INT", constraints=[SQL("GENERATED ALWAYS AS (coalesce(a, 0)) STORED")]),
        Column("c", "INT", null=False, generated="coalesce(a, 0)", stored=True), [1, 2, 0],
    ),
    "a default": (raw("TEXT", "DEFAULT 'x'"), Column("c", "TEXT", default="'x'"), ["x"] * 3),
    "an expression as default": (
        raw("TEXT", "DEFAULT (lower('X'))"), Column("c", "TEXT", default="lower('X')"), ["x"] * 3,
    ),
    "a default, and another for the rows": (
        CharField(default="y", constraints=[SQL("DEFAULT 'x'")]),
        Column("c", "VARCHAR(255)", null=False, default="'x'"), ["y"] * 3,
    ),
    "a collation": (TextField(null=True, collation="RTRIM"), Column("c", "TEXT", collation="RTRIM"), [None] * 3),
    "no type": (raw(""), Column("c", ""), [None] * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_form_is_added_and_dropped(database: SqliteDatabase, name: str):
    field, meant, values = COLUMNS[name]
    assert there_and_back(database, AddColumn("person", "c", field)).columns[-1] == meant
    assert [value for (value,) in rows(database, "c")] == values


CONSTRAINED: dict[str, tuple[Field, Any]] = {
    "CHECK": (IntegerField(null=True, constraints=[Check("c > 0")]), CheckFacts("c > 0")),
    "CHECK of another column as well": (IntegerField(null=True, constraints=[Check("c > a")]), CheckFacts("c > a")),
    "UNIQUE": (raw("INT", "UNIQUE"), Index((Part("c"),), unique=True)),
    "REFERENCES": (
        raw("INT", "REFERENCES city ON DELETE SET NULL"), ForeignKey(("c",), "city", ("id",), on_delete="SET NULL"),
    ),
    "a foreign key": (
        ForeignKeyField(
            reference("city"), null=True, index=False,
            on_delete="CASCADE", on_update="RESTRICT", deferrable="INITIALLY DEFERRED",
        ),
        ForeignKey(
            ("c",), "city", ("id",), on_delete="CASCADE", on_update="RESTRICT", deferrable="INITIALLY DEFERRED"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRAINED)
def test_a_column_comes_and_goes_with_its_constraints(database: SqliteDatabase, name: str):
    field, meant = CONSTRAINED[name]
    assert meant in constraints_of(there_and_back(database, AddColumn("person", "c", field)))


@pytest.mark.parametrize("storage", ["STORED", "VIRTUAL"])
@pytest.mark.parametrize(
    ("null", "check", "finding"),
    [(False, [], "cannot forbid NULL"), (True, [Check("c > 2")], "cannot be added")],
)
def test_what_is_generated_from_the_rows_must_fit(
    database: SqliteDatabase, storage: str, null: bool, check: list[Check], finding: str
):  # fmt: skip
    generated = SQL(f"GENERATED ALWAYS AS (a + 1) {storage}")
    field = RawField("INT", null=null, constraints=[generated, *check])
    before = read(database), rows(database)
    # What is stored is seen when the rows are copied.
    with pytest.raises(IntegrityCheckFailed, match=finding if storage == "VIRTUAL" else "does not fit"):
        run(database, AddColumn("person", "c", field))
    assert (read(database), rows(database)) == before


def test_the_collation_of_a_column_goes_and_comes_with_its_type(database: SqliteDatabase):
    to_nocase = AlterColumnType("person", "b", CharField(collation="NOCASE"), replaces=TextField())
    assert there_and_back(database, to_nocase).columns[2] == Column("b", "VARCHAR(255)", collation="NOCASE")
    to_binary = AlterColumnType("person", "email", CharField(), replaces=TextField(collation="NOCASE"))
    assert there_and_back(database, to_binary).columns[3] == Column("email", "VARCHAR(255)", null=False)


def test_a_collation_stays_where_nobody_speaks_of_it(database: SqliteDatabase):
    run(database, AlterColumnType("person", "email", CharField(), replaces=TextField()))
    assert column(database, "email") == Column("email", "VARCHAR(255)", null=False, collation="NOCASE")


def test_a_type_goes_and_comes(database: SqliteDatabase):
    found = there_and_back(database, AlterColumnType("person", "a", RawField(""), replaces=IntegerField()))
    assert found.columns[1] == Column("a", "")
    run(database, AlterColumnType("person", "loose", RawField("TEXT"), replaces=RawField("")))
    assert column(database, "loose") == Column("loose", "TEXT")
    assert [value for (value,) in rows(database, "loose")] == ["1", "2.5", None]


# -- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("is_text", [True, False])
def test_a_table_is_created_with_a_constraint(database: SqliteDatabase, name: str, is_text: bool):
    constraint, _, meant = CONSTRAINTS[name]
    if is_text:
        context = database.get_sql_context()
        constraint = f'CONSTRAINT "na me" {context.sql(constraint).query()[0]}'
    columns = {
        "id": AutoField(),
        "a": IntegerField(null=True),
        "b": TextField(null=True),
        "email": TextField(collation="NOCASE"),
        "g": raw("INT", "GENERATED ALWAYS AS (a * 2) STORED"),
    }
    before = read(database)
    create = CreateTable("fresh", columns, constraints=[constraint])
    run(database, create)
    found = read(database).table("fresh")
    assert found is not None
    assert [one.name for one in constraints_of(found)] == ["na me" if is_text else None]
    assert constraints_of(found) == [meant]
    assert found.columns[-1] == Column("g", "INT", generated="a * 2", stored=True)
    database.execute_sql("INSERT INTO fresh (a, b, email) VALUES (1, 'a', 'x')")
    run(database, *create.reverse())
    assert read(database) == before


@pytest.mark.parametrize("option", ["STRICT", "WITHOUT ROWID"])
def test_the_options_of_a_table_outlast_every_form(database: SqliteDatabase, option: str):
    if option == "STRICT" and database.server_version < (3, 37):
        pytest.skip("this SQLite has no STRICT tables")
    for statement in (
        "DROP TABLE person",
        f"CREATE TABLE person (id INTEGER PRIMARY KEY, a INT, b TEXT, email TEXT COLLATE NOCASE) {option}",
        "INSERT INTO person VALUES (1, 1, 'a', 'x'), (2, 2, 'b', 'y')",
    ):
        database.execute_sql(statement)
    for operation, _ in INDEXES.values():
        if "created" not in operation.index:
            assert there_and_back(database, operation).options == (option,)
    for constraint, _, _ in CONSTRAINTS.values():
        assert there_and_back(database, AddConstraint("person", None, constraint)).options == (option,)
    field = raw("INT", "GENERATED ALWAYS AS (a + 1) STORED")
    assert there_and_back(database, AddColumn("person", "c", field)).options == (option,)
