"""Schemas as the source of models: what it says, and that the models make the same schema again."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, settings
from places import MARIA, MEMORY, PG, place_of
from random_schemas import MARIADB, POSTGRESQL, SQLITE, Language, late_keys, pairs, statements

from ormmigrate import Database, sources
from ormmigrate.comparison import against_models, lines_of
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.diff import diff
from ormmigrate.initial import initial
from ormmigrate.modelling.names import attribute_names, class_names
from ormmigrate.modelling.source import Source, source_of
from ormmigrate.registry import Registries, Registry
from ormmigrate.render import render
from ormmigrate.rendering.expressions import Import
from ormmigrate.schema import Column, ForeignKey, Index, Part, Schema, Table

HOME = Import(".db", "db")
RULES = "E,F,W,I,B,UP,C4,SIM,RUF,PIE,RET"
EXAMPLES = int(os.environ.get("ORMMIGRATE_EXAMPLES", "60"))
ON_SERVERS = int(os.environ.get("ORMMIGRATE_EXAMPLES", "6"))
quietly = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
needs_ruff = pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")

#: What people have made of SQLite, and what peewee has no words of its own for.
NASTY = """
CREATE TABLE "user" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, email VARCHAR(50) NOT NULL UNIQUE COLLATE NOCASE, "class" TEXT, "save" int,
    "first name" text DEFAULT 'x''y', n NUMERIC DEFAULT (1+2) CHECK (n > 0), "select" BOOLEAN DEFAULT 1, notype,
    made TIMESTAMP DEFAULT CURRENT_TIMESTAMP, _id text, id_ text, l int);
CREATE TABLE node (
    id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES node (id) ON DELETE CASCADE, code TEXT UNIQUE,
    ref TEXT REFERENCES node (code), parent int);
CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INTEGER REFERENCES b (id));
CREATE TABLE b (
    id INTEGER PRIMARY KEY,
    a_id INTEGER NOT NULL REFERENCES a (id) ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE comp (x INT, y INT, z TEXT, PRIMARY KEY (y, x)) WITHOUT ROWID;
CREATE TABLE child (
    id INT PRIMARY KEY, x INT, y INT, owner INT REFERENCES user, o2 INTEGER REFERENCES "user" (id),
    o3 BIGINT REFERENCES user (id), mail VARCHAR(50) REFERENCES user (email),
    FOREIGN KEY (y, x) REFERENCES comp (y, x) ON DELETE CASCADE, CONSTRAINT positive CHECK (x > 0 AND y > 0));
CREATE TABLE nokey (
    v DECIMAL(5,2), w DOUBLE, u UNSIGNED BIG INT, b BLOB, j JSON, g UUID, vb VARBINARY(16), c CHAR(3),
    t2 DATETIME2(7), u1 NUMERIC(7), d date, ti time, m MONEY, f FLOAT, i8 INT8, tt TINYTEXT, cl CLOB);
CREATE TABLE gen (
    id INTEGER PRIMARY KEY, w INT, h INT, area INT GENERATED ALWAYS AS (w * h) STORED, dbl INT AS (w * 2) VIRTUAL,
    label TEXT NOT NULL DEFAULT 'a "quoted" 100% text');
CREATE TABLE ix (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c INT, a_b int);
CREATE INDEX ix_ab ON ix (a, b);
CREATE UNIQUE INDEX ix_lower ON ix (lower(a));
CREATE INDEX ix_part ON ix (c) WHERE c > 10 AND b LIKE '%x%';
CREATE INDEX ix_desc ON ix (a DESC, b);
CREATE INDEX ix_nocase ON ix (b COLLATE NOCASE);
CREATE INDEX plain_name ON ix (c);
CREATE INDEX twice ON ix (c);
CREATE INDEX underscore ON ix (a_b);
CREATE TABLE "ix_a_b" (id INTEGER PRIMARY KEY);
CREATE TABLE "weird name!" (
    id INTEGER PRIMARY KEY, "a-b" TEXT, "a b" TEXT, "1st" TEXT, "ü" TEXT, "def" TEXT, "Meta" TEXT,
    "DoesNotExist" TEXT);
CREATE TABLE text_field (id INTEGER PRIMARY KEY, v text);
CREATE TABLE "SQL" (id INTEGER PRIMARY KEY);
CREATE TABLE "o" (id INTEGER PRIMARY KEY);
CREATE TABLE orphan (id INTEGER PRIMARY KEY, gone INTEGER REFERENCES nowhere (id));
CREATE TABLE txtkey (code TEXT PRIMARY KEY, v INT);
CREATE TABLE txtref (
    code TEXT PRIMARY KEY REFERENCES txtkey, other NVARCHAR(5) REFERENCES txtkey (code), UNIQUE (code, other),
    UNIQUE (other));
CREATE TABLE m1 (
    id INTEGER PRIMARY KEY, u1 INTEGER REFERENCES user (id), u2 INTEGER REFERENCES user (id), user_set INT,
    u1_id int);
CREATE TABLE two_fk (id INTEGER PRIMARY KEY, u INTEGER REFERENCES user (id) REFERENCES node (id));
CREATE TABLE pk_last (name TEXT, id INTEGER PRIMARY KEY);
CREATE TABLE conf (id INTEGER PRIMARY KEY, u TEXT UNIQUE ON CONFLICT REPLACE);
CREATE TABLE autoc (id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 5), v);
CREATE VIEW v_user AS SELECT id, email FROM user;
CREATE TRIGGER t_user AFTER INSERT ON user BEGIN UPDATE user SET n = 1 WHERE id = NEW.id; END;
"""


def modelled(schema: Schema) -> str:
    return source_of(schema, HOME).text


def classes_of(source: Source, database: Any) -> list[type[peewee.Model]]:
    """The models of a source, whose Database is the one given."""
    package, home, module = (ModuleType(f"modelled{end}") for end in ("", ".db", ".models"))
    package.__path__, module.__package__ = [], "modelled"
    home.db = database  # type: ignore[attr-defined]
    names = {one.__name__: one for one in (package, home, module)}
    sys.modules.update(names)
    try:
        exec(compile(source.text, "models.py", "exec"), vars(module))
    finally:
        for name in names:
            del sys.modules[name]
    return [vars(module)[name] for name in source.classes.values()]


def difference(database: Database) -> list[str]:
    """How the models of a database, and the initial migration, differ from it, in words."""
    found = inner(database)
    dialect = dialect_of(found)
    schema = sources.of_database(found, dialect)
    source = source_of(schema, HOME)
    wanted = sources.of_models(found, dialect, classes_of(source, database))
    found.connect(reuse_if_open=True)
    first = initial(schema, dialect, *dialect.beside(found, schema))
    names: dict[str, Any] = {}
    exec(render(first.operations, "20240101_000000_initial", "Initial", "Initial"), names)
    made = sources.of_migrations(found, dialect, Registries([Registry([names["Initial"]])]))
    return lines_of(against_models(schema, wanted)) + lines_of(diff(made, schema))


@pytest.fixture
def sqlite() -> Iterator[Any]:
    """How a schema is read that is given as SQL."""
    database = peewee.SqliteDatabase(":memory:")
    database.connect()

    def read(script: str) -> Schema:
        database.connection().executescript(script)
        return dialect_of(database).inspect(database)

    yield read
    database.close()


def kind() -> Any:
    return dialect_of(peewee.SqliteDatabase(":memory:"))


# -- what it says -------------------------------------------------------------------------------


def test_a_small_schema_reads_as_a_person_would_have_written_it():
    people = Table(
        "Person",
        (Column("PersonId", "INTEGER", null=False), Column("FullName", "NVARCHAR(120)"), Column("team_id", "INTEGER")),
        ("PersonId",),
        indexes=(Index((Part("team_id"),), name="by_team"),),
        foreign_keys=(ForeignKey(("team_id",), "team", ("id",), "CASCADE"),),
    )
    team = Table(
        "team",
        (Column("id", "INTEGER", null=False), Column("name", "TEXT", null=False, default="'?'")),
        ("id",),
        indexes=(Index((Part("name"),), unique=True, is_constraint=True),),
    )
    assert (
        modelled(Schema((people, team), kind=kind()))
        == '''\
"""The tables of the database as models."""

from peewee import SQL, AutoField, CharField, ForeignKeyField, TextField

from .db import db


class NVarCharField(CharField):
    field_type = "NVARCHAR"


class Team(db.Model):
    id = AutoField()
    name = TextField(unique=True, constraints=[SQL("DEFAULT '?'")])

    class Meta:
        table_name = "team"


class Person(db.Model):
    person_id = AutoField(column_name="PersonId")
    full_name = NVarCharField(column_name="FullName", max_length=120, null=True)
    team = ForeignKeyField(Team, on_delete="CASCADE", null=True)

    class Meta:
        table_name = "Person"
'''
    )


@pytest.mark.parametrize(
    ("type_", "field"),
    [
        ("", "BareField(null=True)"),
        ("TEXT", "TextField(null=True)"),
        ("VARCHAR(20)", "CharField(max_length=20, null=True)"),
        ("NVARCHAR(20)", "NVarCharField(max_length=20, null=True)"),
        ("CLOB", "ClobField(null=True)"),
        ("DECIMAL(10, 2)", "DecimalField(decimal_places=2, null=True)"),
        ("NUMERIC(7, 2)", "NumericField(max_digits=7, decimal_places=2, null=True)"),
        ("NUMERIC", 'RawField("NUMERIC", null=True)'),
        ("MONEY", 'RawField("MONEY", null=True)'),
        ("UUID", 'RawField("UUID", null=True)'),
        ("INT", "IntField(null=True)"),
        ("TIMESTAMP", "PlainTimestampField(null=True)"),
        ("BOOLEAN", "PlainBooleanField(null=True)"),
        ("DATETIME2(7)", "DateTime2_7Field(null=True)"),
        ("JSON", "JsonField(null=True)"),
        ("VARBINARY(16)", "VarBinary16Field(null=True)"),
        ("UNSIGNED BIG INT", "UnsignedBigIntField(null=True)"),
    ],
)
def test_a_type_has_the_class_whose_conversions_fit(type_: str, field: str):
    table = Table("t", (Column("id", "INTEGER", null=False), Column("c", type_)), ("id",))
    assert f"    c = {field}\n" in modelled(Schema((table,), kind=kind()))


def test_a_type_that_peewee_would_replace_is_spelled_so_that_it_stays():
    table = Table("t", (Column("c", "INT"), Column("d", "DOUBLE")))
    source = modelled(Schema((table,), kind=kind()))
    assert 'class IntField(IntegerField):\n    field_type = "int"\n' in source
    assert 'class PlainDoubleField(FloatField):\n    field_type = "double"\n' in source


def test_only_classes_that_are_used_are_defined(sqlite):
    source = modelled(sqlite("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p_id INT REFERENCES p)"))
    assert "class IntForeignKeyField(ForeignKeyField):" in source
    assert "class IntField" not in source


def test_generated_columns_are_not_written_by_the_models(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    with database.connection_context():
        database.connection().executescript(
            "CREATE TABLE box (id INTEGER PRIMARY KEY, w INT, area INT AS (w * w) STORED);"
            "INSERT INTO box (w) VALUES (2)"
        )
        source = source_of(dialect_of(database.obj).inspect(database.obj), HOME)
        (box,) = classes_of(source, database)
        found = box.get()
        found.w = 3
        found.save()
        box.create(w=5)
        assert database.execute_sql("SELECT w, area FROM box").fetchall() == [(3, 9), (5, 25)]


def test_what_refers_twice_to_a_table_has_two_names_there(sqlite):
    source = modelled(
        sqlite(
            "CREATE TABLE u (id INTEGER PRIMARY KEY); CREATE TABLE m (x INTEGER REFERENCES u, y INTEGER REFERENCES u)"
        )
    )
    assert 'y = ForeignKeyField(U, column_name="y", backref="m_y_set", null=True, index=False)' in source.replace(
        "(\n        U", "(U"
    ).replace("False\n    )", "False)")


def test_what_no_model_says_is_told(sqlite):
    schema = sqlite("CREATE TABLE t (id INTEGER PRIMARY KEY ON CONFLICT REPLACE, v)")
    assert source_of(schema, HOME).unsaid == ("t: PRIMARY KEY (id) ON CONFLICT REPLACE",)


def test_comments_are_kept_as_far_as_models_have_them():
    long = "Those who may log in, and those who once did; never delete a row, for invoices go by it for years."
    table = Table("user", (Column("id", "INTEGER", null=False, comment="a number"),), ("id",), comment=long)
    source = modelled(Schema((table,), kind=kind()))
    assert '    """Those who may log in, and those who once did; never delete a row, for invoices\n    go by' in source
    assert 'id = AutoField(help_text="a number")' in source


# -- names --------------------------------------------------------------------------------------


def test_classes_are_called_as_pwiz_calls_them_and_no_two_the_same():
    tables = ["InvoiceLine", "invoice_line", "user", "2fa", "check", "größe", "O", "!"]
    assert class_names(tables, {"Check"}) == {
        "InvoiceLine": "InvoiceLine",
        "invoice_line": "InvoiceLineModel",
        "user": "User",
        "2fa": "T2Fa",
        "check": "CheckModel",
        "größe": "Größe",
        "O": "OModel",
        "!": "T",
    }


def test_attributes_are_called_as_pwiz_calls_them_and_no_two_the_same():
    columns = ["ArtistId", "FirstName", "first_name", "save", "class", "user_id", "user", "_id", "owner_id", "l"]
    assert attribute_names(columns, ["ArtistId", "user_id", "owner_id"]) == {
        "ArtistId": "artist",
        "FirstName": "first_name_",
        "first_name": "first_name",
        "save": "save_",
        "class": "class_",
        "user_id": "user_id",
        "user": "user",
        "_id": "id_",
        "owner_id": "owner",
        "l": "l_",
    }


# -- the same schema ----------------------------------------------------------------------------


def test_nasty_tables_of_sqlite_come_out_the_same(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    with database.connection_context():
        database.connection().executescript(NASTY)
    assert difference(database) == []


@contextmanager
def built(kind_of_place: str, schema: Any, language: Language, folder: Path) -> Iterator[Database]:
    with place_of(kind_of_place, folder) as place:
        database = place.database()
        found = inner(database)
        found.connect()
        for statement in (*statements(schema, language), *late_keys(schema, language)):
            found.execute_sql(dialect_of(found).as_sent(statement, None))
        yield database
        found.close()


@given(pairs(SQLITE))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=quietly)
def test_random_schemas_come_out_the_same_on_sqlite(tmp_path_factory, pair):
    with built(MEMORY, pair.before, SQLITE, tmp_path_factory.getbasetemp()) as database:
        assert difference(database) == []


@given(pairs(POSTGRESQL))
@settings(max_examples=ON_SERVERS, deadline=None, suppress_health_check=quietly)
def test_random_schemas_come_out_the_same_on_postgresql(tmp_path_factory, pair):
    with built(PG, pair.before, POSTGRESQL, tmp_path_factory.getbasetemp()) as database:
        assert difference(database) == []


@given(pairs(MARIADB))
@settings(max_examples=ON_SERVERS, deadline=None, suppress_health_check=quietly)
def test_random_schemas_come_out_the_same_on_mariadb(tmp_path_factory, pair):
    with built(MARIA, pair.before, MARIADB, tmp_path_factory.getbasetemp()) as database:
        assert difference(database) == []


# -- how it looks -------------------------------------------------------------------------------


@needs_ruff
def test_ruff_finds_nothing_to_mend(tmp_path: Path, sqlite):
    (tmp_path / "nasty.py").write_text(modelled(sqlite(NASTY)), encoding="utf-8")

    @given(pairs(SQLITE))
    @settings(max_examples=20, deadline=None, suppress_health_check=quietly, database=None)
    def collect(pair):
        with built(MEMORY, pair.before, SQLITE, tmp_path) as database:
            found = inner(database)
            text = modelled(dialect_of(found).inspect(found))
        (tmp_path / f"m{len(list(tmp_path.iterdir()))}.py").write_text(text, encoding="utf-8")

    collect()
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--isolated", "--diff", "."], ["check", "--isolated", "--select", RULES, "."]):
        run = subprocess.run([*ruff, *command], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout
