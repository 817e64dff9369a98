"""check, drift, diff and schema: what they say, and that they change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import Place
from test_cli import FIRST, SECOND, THIRD, Project, standing_in

MODELS = """\
from peewee import *
from .db import db


class Person(db.Model):
    email = CharField()
    bio = TextField(null=True)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose models are what its three migrations make, and none of them has run."""
    with standing_in(tmp_path, monkeypatch) as made:
        made.write("models", MODELS)
        settings(made)
        yield made


def settings(project: Project, more: str = "") -> None:
    text = f'[tool.ormmigrate]\napp = "{project.package}.db:db"\nmodels = "{project.package}.models"\n{more}'
    (project.root / "pyproject.toml").write_text(text)


def change_models(project: Project) -> None:
    project.replace("models", "    bio = TextField(null=True)\n", "    age = IntegerField(null=True)\n")


# -- check --------------------------------------------------------------------------------------


def test_check_says_that_nothing_is_missing_and_opens_no_database(project: Project) -> None:
    assert project.done("check") == "Nothing missing.\n"
    assert not (project.root / "app.db").exists()
    assert project.done("--database", "sqlite:///no/such/folder/app.db", "check") == "Nothing missing.\n"


def test_check_names_what_is_missing_the_command_and_exits_with_1(project: Project) -> None:
    change_models(project)
    result = project.run("check")
    assert result.exit_code == 1
    assert "  - add the column person.age (IntegerField, null)\n" in result.stdout
    assert "  - drop the column person.bio and its values  (loses person.bio with its values)\n" in result.stdout
    assert "python -m ormmigrate new NAME --auto" in result.stdout
    assert not (project.root / "app.db").exists()


def test_check_as_json_lists_the_operations(project: Project) -> None:
    assert project.json("check") == {"operations": [], "unexpressed": []}
    change_models(project)
    found = project.json("check", exit_code=1)
    assert {one["kind"]: one["loses"] for one in found["operations"]} == {
        "add_column": None,
        "drop_column": "person.bio with its values",
    }


def test_check_says_what_no_operation_does(project: Project) -> None:
    project.replace("models", "    bio =", "    class Meta:\n        without_rowid = True\n\n    bio =")
    result = project.run("check")
    assert result.exit_code == 1
    assert "WITHOUT ROWID" in result.stdout
    assert "(no operation does this)" in result.stdout


def test_models_have_no_say_in_views_and_triggers(project: Project) -> None:
    project.replace(
        "migrations",
        'migrator.rename_table("user", "person")',
        'migrator.rename_table("user", "person")\n'
        '        migrator.sql("CREATE VIEW early AS SELECT id, email FROM person")\n'
        '        migrator.sql("CREATE TRIGGER t AFTER INSERT ON person BEGIN SELECT 1; END")',
    )
    text = MODELS + "\n\nclass Early(db.Model):\n    email = CharField()\n"
    project.write("models", text)
    assert project.done("check") == "Nothing missing.\n"


def test_check_takes_the_models_that_are_registered_where_there_are_some(project: Project) -> None:
    text = MODELS + "\n\nclass Other(db.Model):\n    pass\n\n\ndb.register_models([Person])\n"
    project.write("models", text)
    assert project.done("check") == "Nothing missing.\n"


def test_check_leaves_tables_of_others_alone(project: Project) -> None:
    text = MODELS + "\n\nclass SpatialRef(db.Model):\n    pass\n"
    project.write("models", text)
    assert project.run("check").exit_code == 1
    settings(project, 'unmanaged = ["spatialref"]\n')
    assert project.done("check") == "Nothing missing.\n"


def test_check_without_models_is_an_error_that_says_what_to_write(project: Project) -> None:
    (project.root / "pyproject.toml").write_text(f'[tool.ormmigrate]\napp = "{project.package}.db:db"\n')
    result = project.run("check")
    assert result.exit_code == 2
    assert 'models = "shop.models"' in result.stderr


def test_check_of_migrations_that_do_not_build_the_schema_from_nothing_names_the_one(project: Project) -> None:
    project.replace("migrations", "[Users, Bios, People]", "[Bios, People]")
    result = project.run("check")
    assert result.exit_code == 2
    assert SECOND in result.stderr
    assert "the database was not touched" in result.stderr
    assert "  Next: " in result.stderr


def test_check_works_on_each_database(project: Project, shared_place: Place) -> None:
    at = ("--database", shared_place.url)
    assert project.done(*at, "check") == "Nothing missing.\n"
    change_models(project)
    assert "add the column person.age" in project.run(*at, "check").stdout


# -- drift --------------------------------------------------------------------------------------


def test_drift_is_what_somebody_did_to_the_database(project: Project) -> None:
    project.done("up")
    assert project.done("drift").startswith("No drift: SQLite app.db (production) ")
    project.query("CREATE INDEX by_hand ON person (email)")
    project.query("ALTER TABLE person ADD COLUMN age INTEGER")
    before = project.snapshot()
    result = project.run("drift")
    assert result.exit_code == 1
    assert "  - add the column person.age" in result.stdout
    assert "  - add the index by_hand on person (email)" in result.stdout
    assert project.snapshot() == before
    kinds = [one["kind"] for one in project.json("drift", exit_code=1)["operations"]]
    assert sorted(kinds) == ["add_column", "add_index"]


def test_drift_sees_views_and_triggers(project: Project) -> None:
    project.done("up")
    project.query("CREATE VIEW early AS SELECT id FROM person")
    result = project.run("drift")
    assert result.exit_code == 1
    assert "view early" in result.stdout


def test_drift_looks_at_the_migrations_that_are_applied(project: Project) -> None:
    project.done("up", "--to", SECOND)
    assert project.run("drift").exit_code == 0
    project.done("stamp", THIRD)
    assert "rename" not in project.run("drift").stdout
    assert project.run("drift").exit_code == 1


def test_drift_of_a_file_that_is_not_there_makes_none(project: Project) -> None:
    assert project.run("drift").exit_code == 0
    assert not (project.root / "app.db").exists()


def test_drift_refuses_where_the_history_does_not_say_what_should_be_there(project: Project) -> None:
    project.done("up")
    project.forge("20250101_000000_newer", like=THIRD)
    result = project.run("drift")
    assert result.exit_code == 2
    assert "20250101_000000_newer" in result.stderr


def test_drift_works_on_each_database(project: Project, shared_place: Place) -> None:
    at = ("--database", shared_place.url)
    project.done(*at, "up")
    assert "No drift" in project.done(*at, "drift")
    project.url = shared_place.url
    project.query("ALTER TABLE person ADD COLUMN age INTEGER")
    assert "add the column person.age" in project.run(*at, "drift").stdout


# -- diff ---------------------------------------------------------------------------------------


def test_diff_says_what_leads_from_one_to_the_other(project: Project) -> None:
    assert project.done("diff", "migrations", "models") == "No difference.\n"
    result = project.run("diff", "database", "migrations")
    assert result.exit_code == 1
    assert result.stdout == "  - create the table person (id, email, bio)\n"
    assert "drop the table person" in project.run("diff", "models", "database").stdout
    project.done("up", "--to", FIRST)
    project.done("up", "--database", "sqlite:///copy.db")
    assert "create the table person" in project.run("diff", "database", "sqlite:///copy.db").stdout
    assert project.done("diff", "copy.db", "models") == "No difference.\n"


@pytest.mark.parametrize("source", ["models", "migrations", "database"])
def test_what_schema_prints_is_read_again(project: Project, shared_place: Place, source: str) -> None:
    at = ("--database", shared_place.url)
    project.done(*at, "up")
    (project.root / "schema.json").write_text(project.done(*at, "schema", source, "--format", "json"))
    (project.root / "schema.sql").write_text(project.done(*at, "schema", source))
    assert project.done(*at, "diff", source, "schema.json") == "No difference.\n"
    assert project.done(*at, "diff", "schema.sql", source) == "No difference.\n"


def test_diff_of_something_that_is_not_there_is_an_error(project: Project) -> None:
    result = project.run("diff", "models", "nothing.db")
    assert result.exit_code == 2
    assert "There is no file nothing.db" in result.stderr


# -- schema -------------------------------------------------------------------------------------


def test_schema_prints_the_statements_that_make_the_database(project: Project) -> None:
    assert project.done("schema") == ""
    project.done("up")
    project.query("CREATE VIEW early AS SELECT id FROM person")
    project.query("CREATE TRIGGER t AFTER INSERT ON person BEGIN SELECT 1; END")
    out = project.done("schema")
    assert 'CREATE TABLE "person"' in out
    assert "CREATE VIEW" in out
    assert "CREATE TRIGGER" in out
    assert "ormmigrate" not in out
    (project.root / "schema.sql").write_text(out)
    assert project.done("diff", "schema.sql", "database") == "No difference.\n"


def test_schema_as_json_is_one_object(project: Project) -> None:
    found = json.loads(project.done("schema", "models", "--format", "json"))
    assert [one["name"] for one in found["tables"]] == ["person"]
    assert project.json("schema", "models") == found
    assert "CREATE TABLE" in project.json("schema", "models", "--format", "sql")["statements"][0]
