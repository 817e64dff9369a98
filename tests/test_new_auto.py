"""new --auto: the migration that the models need, what is asked about it, and what it does to rows."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from places import Place
from test_cli import FIRST, HEAD, USERS, Project, standing_in
from test_cli_processes import Terminal, plain

from ormmigrate.generating import name_of
from ormmigrate.operations import (
    AddColumn,
    AddIndex,
    AlterTable,
    CreateTable,
    DropColumn,
    DropTable,
    RenameColumn,
    RenameTable,
    Sql,
)

MODELS = """\
from peewee import *
from .db import db


class User(db.Model):
    email = CharField()
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with one migration, which makes what its one model describes; it has not run."""
    with standing_in(tmp_path, monkeypatch) as made:
        made.write("models", MODELS)
        made.write("migrations", HEAD + USERS + "\nregistry = Registry([Users])\n")
        settings(made)
        yield made


def settings(project: Project, more: str = "") -> None:
    text = f'[tool.ormmigrate]\napp = "{project.package}.db:db"\nmodels = "{project.package}.models"\n{more}'
    (project.root / "pyproject.toml").write_text(text)


def fields(project: Project, *lines: str, more: str = "") -> None:
    """Let the model have these fields, and the module more models."""
    body = "".join(f"    {line}\n" for line in lines)
    project.write("models", MODELS.replace("    email = CharField()\n", body) + more)


def written(project: Project) -> list[Path]:
    return sorted((project.root / project.package).glob("m2*.py"))


def source(project: Project) -> str:
    return written(project)[-1].read_text()


def rows(project: Project) -> list[tuple[object, ...]]:
    return project.query('SELECT * FROM "user"')


def filled(project: Project) -> None:
    project.done("up")
    project.query("""INSERT INTO "user" (email) VALUES ('ann@example.org')""")


# -- what is written ----------------------------------------------------------------------------


def test_what_the_models_have_and_the_migrations_lack_is_written_and_registered(project: Project) -> None:
    filled(project)
    fields(project, "email = CharField(index=True)", "bio = TextField(null=True)")
    out = project.done("new", "--auto")
    assert "  - add the column user.bio (TextField, null)\n" in out
    assert "  - add the index user_email on user (email)\n" in out
    (path,) = written(project)
    assert path.stem.endswith("_change_user")
    assert "Registered ChangeUser in " in out
    assert "Tried: run behind the others on empty tables, it makes what the models describe." in out
    assert "user_email" not in source(project)  # a name that nobody chose
    assert project.done("check") == "Nothing missing.\n"
    project.done("up")
    assert rows(project) == [(1, "ann@example.org", None)]
    assert project.done("drift").startswith("No drift")
    project.done("down", "--yes")
    assert rows(project) == [(1, "ann@example.org")]


def test_the_first_migration_is_made_from_nothing(project: Project) -> None:
    project.write("migrations", HEAD + "registry = Registry([])\n")
    fields(
        project, "email = CharField(unique=True)", more="\n\nclass Pet(db.Model):\n    owner = ForeignKeyField(User)\n"
    )
    project.done("new", "--auto")
    (path,) = written(project)
    assert path.stem.endswith("_initial")
    project.done("up")
    assert project.tables() == {"user", "pet"}
    assert project.done("diff", "database", "models") == "No difference.\n"


def test_it_works_on_each_database(project: Project, shared_place: Place) -> None:
    at = ("--database", shared_place.url)
    project.url = shared_place.url
    project.done(*at, "up")
    user = "`user`" if not shared_place.rolls_back_ddl else '"user"'
    project.query(f"INSERT INTO {user} (email) VALUES ('ann@example.org')")
    fields(
        project,
        "address = CharField(unique=True)",
        "age = IntegerField(null=True)",
        more="\n\nclass Pet(db.Model):\n    owner = ForeignKeyField(User, on_delete='CASCADE')\n",
    )
    project.done(*at, "new", "--auto", "--rename", "user.email=user.address")
    assert project.done(*at, "check") == "Nothing missing.\n"
    project.done(*at, "up")
    assert project.query(f"SELECT * FROM {user}") == [(1, "ann@example.org", None)]
    assert project.done(*at, "drift").startswith("No drift")
    project.done(*at, "down", "--yes")
    assert project.query(f"SELECT * FROM {user}") == [(1, "ann@example.org")]
    assert project.done(*at, "drift").startswith("No drift")


def test_nothing_missing_writes_nothing(project: Project) -> None:
    assert project.done("new", "anything", "--auto") == "Nothing missing. Nothing was written.\n"
    assert written(project) == []
    assert project.json("new", "--auto")["path"] is None


def test_it_neither_opens_nor_makes_a_database_file(project: Project) -> None:
    fields(project, "email = CharField()", "bio = TextField(null=True)")
    project.done("new", "--auto", "--database", "sqlite:///no/such/folder/app.db")
    assert not (project.root / "app.db").exists()


def test_a_name_that_is_given_is_taken_and_a_wrong_one_refused_before_anything_else(project: Project) -> None:
    fields(project, "email = CharField()", "bio = TextField(null=True)")
    result = project.run("new", "größe", "--auto")
    assert result.exit_code == 2
    assert "English letters" in result.stderr
    project.done("new", "tell", "more", "--auto")
    assert written(project)[0].stem.endswith("_tell_more")


def test_pending_migrations_count_as_there(project: Project) -> None:
    fields(project, "email = CharField()", "bio = TextField(null=True)")
    project.done("new", "--auto")
    fields(project, "email = CharField()", "bio = TextField(null=True)", "age = IntegerField(null=True)")
    out = project.done("new", "--auto")
    assert "user.age" in out
    assert "user.bio" not in out
    assert len(written(project)) == 2
    project.done("up")
    assert rows(project) == []


def test_as_json_everything_is_one_object(project: Project) -> None:
    fields(project, "email = CharField()", "bio = TextField(null=True)")
    found = project.json("new", "--auto")
    assert found["registered"] is True
    assert [one["kind"] for one in found["operations"]] == ["add_column"]
    assert (found["todo"], found["lacks"], found["unexpressed"]) == (False, [], [])
    assert Path(str(found["path"])).exists()


def test_a_registry_that_cannot_be_edited_exits_with_1_and_prints_the_two_lines(project: Project) -> None:
    project.replace("migrations", "Registry([Users])", "Registry(sorted([Users], key=lambda cls: cls.id))")
    fields(project, "email = CharField()", "bio = TextField(null=True)")
    result = project.run("new", "--auto")
    assert result.exit_code == 1
    assert f"from .{written(project)[0].stem} import AddUserBio" in result.stdout


def test_with_several_registries_the_one_that_is_named_gets_it(project: Project) -> None:
    project.replace(
        "migrations",
        "registry = Registry([Users])",
        "app = Registry([Users])\nbilling = Registry([], name='billing')\nregistry = [app, billing]",
    )
    fields(project, "email = CharField()", more="\n\nclass Invoice(db.Model):\n    total = IntegerField()\n")
    assert project.run("new", "--auto").exit_code == 2
    assert "Registered CreateInvoice" in project.done("new", "--auto", "--registry", "billing")
    assert project.done("check") == "Nothing missing.\n"


def test_tables_of_others_are_left_alone(project: Project) -> None:
    settings(project, 'unmanaged = ["spatial"]\n')
    fields(project, "email = CharField()", more="\n\nclass Spatial(db.Model):\n    pass\n")
    assert project.done("new", "--auto").startswith("Nothing missing.")


# -- renames ------------------------------------------------------------------------------------


def test_a_rename_that_is_answered_keeps_the_values(project: Project) -> None:
    filled(project)
    fields(project, "address = CharField()")
    out = project.done("new", "--auto", "--rename", "user.email=user.address")
    assert "  - rename the column user.email to address\n" in out
    assert "drop" not in out
    assert written(project)[0].stem.endswith("_rename_user_email_to_address")
    project.done("up")
    assert rows(project) == [(1, "ann@example.org")]
    assert project.done("diff", "database", "models") == "No difference.\n"


def test_a_table_is_renamed_first_and_its_columns_under_its_new_name(project: Project) -> None:
    filled(project)
    text = MODELS.replace("class User", "class Person").replace(
        "email = CharField()", "address = CharField(unique=True)"
    )
    project.write("models", text)
    answers = ("--rename", "person.email=person.address", "--rename", "user=person")
    out = project.done("new", "--auto", *answers)
    assert out.index("rename the table user to person") < out.index("rename the column person.email to address")
    project.done("up")
    assert project.query("SELECT * FROM person") == [(1, "ann@example.org")]
    project.done("down", "--yes")
    assert rows(project) == [(1, "ann@example.org")]


def test_without_an_answer_and_without_a_terminal_it_refuses_with_the_two_commands(project: Project) -> None:
    fields(project, "e_mail = CharField()")
    result = project.run("new", "better", "--auto", input="y\n")
    assert result.exit_code == 2
    assert "user.email -> user.e_mail" in result.stderr
    assert written(project) == []
    renamed, dropped = [
        line[line.index("python -m ormmigrate") :] for line in result.stderr.splitlines() if "ormmigrate new" in line
    ]
    assert shlex.split(dropped)[3:] == ["new", "better", "--auto", "--no-renames"]
    assert shlex.split(renamed)[3:] == ["new", "better", "--auto", "--rename", "user.email=user.e_mail"]
    assert "rename the column user.email to e_mail" in project.done(*shlex.split(renamed)[3:])
    assert project.done("check") == "Nothing missing.\n"


def test_the_command_that_is_printed_answers_for_tables_and_their_columns_at_once(project: Project) -> None:
    text = MODELS.replace("class User", "class Users").replace("email =", "name = TextField(null=True)\n    e_mail =")
    project.replace("migrations", '"email"', '"name": TextField(null=True), "email"')
    project.write("models", text)
    result = project.run("new", "--auto")
    assert result.exit_code == 2
    assert "--rename user=users --rename users.email=users.e_mail" in result.stderr


def test_no_renames_drops_and_adds(project: Project) -> None:
    fields(project, "e_mail = CharField(null=True)")
    out = project.done("new", "--auto", "--no-renames")
    assert "  - drop the column user.email and its values  (loses user.email with its values)\n" in out
    assert "  - add the column user.e_mail" in out
    project.done("up")
    project.done("down", "--yes")


@pytest.mark.parametrize(
    "answer", ["user.nothing=user.e_mail", "user.email=user.nothing", "nonsense", "person=user", "user.email=e_mail"]
)
def test_an_answer_that_names_what_there_is_not_says_what_there_is(project: Project, answer: str) -> None:
    fields(project, "e_mail = CharField()")
    result = project.run("new", "--auto", "--no-renames", "--rename", answer)
    assert result.exit_code == 2
    assert f"--rename {answer}" in result.stderr
    assert "No longer there: user.email\n" in result.stderr
    assert "New: user.e_mail\n" in result.stderr
    assert written(project) == []


def test_two_answers_of_one_name_are_refused(project: Project) -> None:
    fields(project, "e_mail = CharField()", "mail = CharField()")
    answers = ("--rename", "user.email=user.e_mail", "--rename", "user.email=user.mail")
    result = project.run("new", "--auto", *answers)
    assert result.exit_code == 2
    assert "--rename user.email=user.mail" in result.stderr


def test_answers_without_auto_are_refused(project: Project) -> None:
    assert project.run("new", "more", "--rename", "a=b").exit_code == 2
    assert project.run("new", "more", "--no-renames").exit_code == 2
    assert written(project) == []


@pytest.mark.parametrize(("key", "expected"), [("y", "rename_column"), ("n", "drop_column")])
def test_on_a_terminal_it_asks_and_losses_are_red(project: Project, key: str, expected: str) -> None:
    fields(project, "e_mail = CharField(null=True)")
    terminal = Terminal("new", "--auto")
    terminal.wait_for("Was user.email renamed to user.e_mail? (")
    terminal.wait_for("% alike)")
    terminal.type(f"{key}\r")
    assert terminal.exit_code() == 0
    assert expected in source(project)
    assert ("\x1b[31m  (loses user.email" in terminal.shown) is (key == "n")
    assert "Registered" in plain(terminal.shown)


# -- what is left to people -----------------------------------------------------------------------


def test_what_only_a_person_can_decide_is_pointed_out_and_does_not_run_before(project: Project) -> None:
    filled(project)
    fields(project, "email = CharField()", "age = IntegerField()")
    result = project.run("new", "--auto")
    assert result.exit_code == 1
    assert "To do: " in result.stdout
    assert "TODO" in source(project)
    assert project.json("status", exit_code=1)["pending"] == 1
    before = project.snapshot()
    result = project.run("up")
    assert result.exit_code == 2
    assert project.snapshot() == before
    result = project.run("check")
    assert result.exit_code == 2
    assert "write what it is to do" in result.stderr


def test_what_no_operation_does_is_written_down_for_a_person(project: Project) -> None:
    fields(project, "email = CharField()", more="\n    class Meta:\n        without_rowid = True\n")
    result = project.run("new", "options", "--auto")
    assert result.exit_code == 1
    assert "WITHOUT ROWID" in result.stdout
    assert "(no operation does this)" in result.stdout
    assert "WITHOUT ROWID" in source(project)
    assert project.run("up").exit_code == 2


def test_a_migration_that_would_not_run_is_not_written(project: Project) -> None:
    billing = """
class Invoices(BaseMigration):
    id = "29990101_000000_invoices"

    def up(self, migrator):
        migrator.create_table("invoice", {"id": AutoField()})

billing = Registry([Invoices], name="billing")
"""
    (project.root / project.package / "billing").mkdir()
    project.write("billing/__init__", HEAD + billing)
    project.replace("db", "registry)", "[registry, billing])")
    project.replace("db", "import registry", "import registry\nfrom .billing import billing")
    text = "\n\nclass Invoice(db.Model):\n    note = TextField(null=True)\n"
    fields(project, "email = CharField()", more=text)
    # Its id is earlier than that of the migration which makes the table.
    result = project.run("new", "--auto", "--registry", "app")
    assert result.exit_code == 2
    assert "Nothing was written: the migration that would be written does not run" in result.stderr
    assert "invoice" in result.stderr
    assert written(project) == []


def test_migrations_that_do_not_build_the_schema_are_named(project: Project) -> None:
    project.replace("migrations", 'migrator.create_table("user"', 'migrator.drop_table("nothing")\n        dict("user"')
    result = project.run("new", "--auto")
    assert result.exit_code == 2
    assert FIRST in result.stderr
    assert written(project) == []


# -- names --------------------------------------------------------------------------------------

FIELD = peewee.TextField(null=True)


@pytest.mark.parametrize(
    ("operations", "name"),
    [
        ([CreateTable("order", {})], "create_order"),
        ([CreateTable("order", {}), AddIndex("order", ("id",))], "create_order"),
        ([CreateTable("a", {}), CreateTable("b", {}), CreateTable("c", {})], "create_a_b_c"),
        ([CreateTable(name, {}) for name in "abcd"], "changes"),
        ([DropTable("order")], "drop_order"),
        ([RenameTable("user", "person")], "rename_user_to_person"),
        ([RenameColumn("user", "name", "full_name")], "rename_user_name_to_full_name"),
        ([AddColumn("user", "bio", FIELD)], "add_user_bio"),
        ([AlterTable("user", (AddColumn("user", "bio", FIELD),))], "add_user_bio"),
        ([DropColumn("user", "bio")], "drop_user_bio"),
        ([AddIndex("user", ("email", "age"))], "index_user_email_age"),
        ([AddIndex("user", (peewee.SQL("lower(email)"),))], "change_user"),
        ([AddColumn("user", "bio", FIELD), DropColumn("user", "age")], "change_user"),
        ([AddColumn("user", "bio", FIELD), DropColumn("pet", "age")], "changes"),
        ([AddColumn("Größe", "a b", FIELD)], "add_Gr_e_a_b"),
        ([CreateTable("x" * 99, {})], "changes"),
        ([Sql("SELECT 1")], "changes"),
        ([], "changes"),
    ],
)
def test_a_migration_is_called_after_what_it_does(operations: list[object], name: str) -> None:
    assert name_of(operations, is_first=False) == name  # type: ignore[arg-type]
    assert name_of(operations, is_first=True) == "initial"  # type: ignore[arg-type]
