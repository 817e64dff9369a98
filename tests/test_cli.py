"""The command line, called in this process on projects that stand in a folder of the test's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import peewee
import pytest
from click.testing import CliRunner, Result
from places import Place
from snapshot import HISTORY, OURS, snapshot

from ormmigrate.cli import cli
from ormmigrate.cli.output import MARKS, counted, duration
from ormmigrate.urls import database_from_url

FIRST, SECOND, THIRD = "20240101_000000_users", "20240102_000000_bios", "20240103_000000_people"

HEAD = """\
from peewee import *
from ormmigrate import *
from ormmigrate import BaseMigration, Registry

"""
USERS = f'''
class Users(BaseMigration):
    """Everybody who may log in."""

    id = "{FIRST}"
    name = "The first table"

    def up(self, migrator):
        migrator.create_table("user", {{"id": AutoField(), "email": CharField()}})
'''
BIOS = f"""
class Bios(BaseMigration):
    id = "{SECOND}"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))
"""
PEOPLE = f"""
class People(BaseMigration):
    id = "{THIRD}"

    def up(self, migrator):
        migrator.rename_table("user", "person")
"""
NO_UP = "    def up(self, migrator):\n        pass\n"
THREE = USERS + BIOS + PEOPLE + "\nregistry = Registry([Users, Bios, People])\n"


class Project:
    """An application in a folder, and its database in a file (or where `url` says)."""

    def __init__(self, root: Path, url: str = "sqlite:///app.db") -> None:
        self.root = root
        self.url = url
        self.package = f"shop_{uuid4().hex[:12]}"
        (root / self.package).mkdir()
        (root / self.package / "__init__.py").touch()
        (root / "pyproject.toml").write_text(f'[tool.ormmigrate]\napp = "{self.package}.db:db"\n')
        self.write(
            "db",
            f"from ormmigrate import Database\nfrom .migrations import registry\ndb = Database({url!r}, registry)\n",
        )
        self.write("migrations", HEAD + THREE)

    def write(self, module: str, text: str) -> None:
        path = self.root / self.package / f"{module}.py"
        path.write_text(text, encoding="utf-8")

    def migrations(self, text: str) -> None:
        """What the application's migrations are from now on."""
        self.write("migrations", HEAD + text)

    def replace(self, module: str, old: str, new: str) -> None:
        text = (self.root / self.package / f"{module}.py").read_text()
        assert old in text
        self.write(module, text.replace(old, new))

    def run(self, *arguments: str, input: str | None = None) -> Result:
        """Call the command line as a new process would."""
        self.forget()
        return CliRunner().invoke(cli, arguments, input=input, catch_exceptions=False)

    def forget(self) -> None:
        """Let the next import read the files again."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]

    def done(self, *arguments: str) -> str:
        """The same where it has to succeed; what it printed."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str, exit_code: int = 0) -> dict[str, object]:
        """The same with --json; the one object on standard output."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == exit_code, result.output
        found = json.loads(result.stdout)
        assert isinstance(found, dict)
        return found

    def database(self) -> peewee.Database:
        path = self.root / self.url.removeprefix("sqlite:///")
        database = peewee.SqliteDatabase(path) if self.url.startswith("sqlite") else database_from_url(self.url)
        database.connect()
        return database

    def query(self, sql: str) -> list[tuple[object, ...]]:
        database = self.database()
        try:
            cursor = database.execute_sql(sql)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            database.close()

    def tables(self) -> set[str]:
        database = self.database()
        try:
            return set(database.get_tables()).difference(OURS)
        finally:
            database.close()

    def applied(self) -> list[str]:
        rows = self.query(f"SELECT migration FROM {HISTORY} WHERE registry <> 'ormmigrate' ORDER BY seq")
        return [str(row[0]) for row in rows]

    def forge(self, id: str, *, like: str) -> None:
        """Let the history say that another one was applied, in a batch of its own."""
        values = "seq + 1, registry, ?, name, description, NULL, NULL, batch + 1, applied_at, 1, state, NULL, '1', '{}'"
        database = self.database()
        database.execute_sql(f"INSERT INTO {HISTORY} SELECT {values} FROM {HISTORY} WHERE migration = ?", (id, like))
        database.close()

    def snapshot(self) -> object:
        database = self.database()
        try:
            return snapshot(database)
        finally:
            database.close()


@contextmanager
def standing_in(root: Path, monkeypatch: pytest.MonkeyPatch, url: str = "sqlite:///app.db") -> Iterator[Project]:
    """A project with three migrations, none of which has run; the test stands in its folder."""
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Project(root, url)
    yield made
    made.forget()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with standing_in(tmp_path, monkeypatch) as made:
        yield made


def lines_with(text: str, part: str) -> list[str]:
    return [line for line in text.splitlines() if part in line]


# -- status -------------------------------------------------------------------------------------


def test_status_marks_what_is_pending_and_exits_with_1(project: Project) -> None:
    project.run("up", "--to", FIRST)
    result = project.run("status")
    assert result.exit_code == 1
    assert lines_with(result.stdout, FIRST)[0].startswith("✓ 2")
    assert lines_with(result.stdout, SECOND)[0].startswith("· pending")
    assert "1 applied, 2 pending" in result.stdout
    assert "python -m ormmigrate up" in result.stdout


def test_status_of_a_database_where_everything_is_applied_exits_with_0(project: Project) -> None:
    project.run("up")
    result = project.run("status")
    assert result.exit_code == 0
    assert "3 applied, 0 pending." in result.stdout
    assert result.stderr == ""


def test_status_says_which_database_and_which_environment_it_is_about(project: Project) -> None:
    assert "SQLite app.db (production)" in project.run("status").stdout
    assert (
        "SQLite other.db (test)"
        in project.run("status", "--database", "sqlite:///other.db", "--environment", "test").stdout
    )


def test_status_names_everything_that_is_wrong_with_the_next_step(project: Project) -> None:
    project.run("up")
    project.forge("20250101_000000_newer", like=THIRD)
    project.query(f"UPDATE {HISTORY} SET state = 'running' WHERE migration = '{THIRD}'")
    project.query(f"UPDATE {HISTORY} SET checksum = '1:0' WHERE migration = '{SECOND}'")
    project.query(f"UPDATE {HISTORY} SET checksum = NULL WHERE migration = '{FIRST}'")
    project.replace("migrations", "[Users, Bios, People]", "[Users, Bios, Late, People]")
    project.replace(
        "migrations", "class People", 'class Late(Users):\n    id = "20240102_000001_late"\n\n\nclass People'
    )
    project.replace("migrations", "class Late(Users):", "class Late(Users):\n    def up(self, migrator): pass")
    result = project.run("status")
    assert result.exit_code == 1
    assert lines_with(result.stdout, FIRST)[0].endswith("(unverified)")
    assert lines_with(result.stdout, SECOND)[0].startswith("! ")
    assert lines_with(result.stdout, THIRD)[0].startswith("✗ ")
    assert lines_with(result.stdout, "20250101_000000_newer")[0].startswith("? ")
    assert lines_with(result.stdout, "20240102_000001_late")[0].startswith("· ")
    assert len(lines_with(result.stdout, "Wrong: ")) == 4
    assert f"python -m ormmigrate accept {SECOND}" in result.stdout
    assert f"python -m ormmigrate settle {THIRD} --undone" in result.stdout
    assert "4 things to look at" in result.stdout


def test_status_says_what_an_environment_lets_pass(project: Project) -> None:
    project.run("up")
    project.query(f"UPDATE {HISTORY} SET checksum = '1:0' WHERE migration = '{SECOND}'")
    result = project.run("status", "--environment", "development")
    assert result.exit_code == 1
    assert "To look at: " in result.stdout
    assert "Wrong: " not in result.stdout


def test_status_as_json_is_one_object(project: Project) -> None:
    project.run("up", "--to", FIRST)
    found = project.json("status", exit_code=1)
    assert found["database"] == "SQLite app.db (production)"
    assert (found["applied"], found["pending"], found["errors"]) == (1, 2, [])
    assert [one["state"] for one in found["migrations"]] == ["applied", "pending", "pending"]


def test_a_long_id_is_never_cut(project: Project) -> None:
    long = "20240104_000000_" + "_".join(["word"] * 36)
    project.replace("migrations", "[Users, Bios, People]", "[Users, Bios, People, Long]")
    project.replace("migrations", "registry =", f'class Long(Users):\n    id = "{long}"\n{NO_UP}\n\nregistry =')
    assert long in project.run("status").stdout
    assert long in project.done("up")
    assert long in project.done("down", "--yes")


def test_asking_changes_nothing(project: Project) -> None:
    project.run("up", "--to", FIRST)
    before = project.snapshot()
    project.run("status")
    project.run("show", SECOND)
    project.run("down")
    project.run("accept", FIRST)
    assert project.snapshot() == before


def test_importing_the_application_never_migrates_it(project: Project) -> None:
    project.replace(
        "db", "registry)\n", "registry)\n\n\nclass Note(db.Model):\n    pass\n\n\ndb.register_models([Note])\n"
    )
    project.run("status")
    assert project.tables() == set()
    project.done("up")
    assert project.tables() == {"person"}  # the migrations alone; models are the application's to sync


# -- show ---------------------------------------------------------------------------------------


def test_show_says_the_operations_in_words_and_as_sql(project: Project) -> None:
    out = project.done("show", FIRST)
    assert f"{FIRST}  The first table" in out
    assert "Everybody who may log in." in out
    assert "create the table user (id, email)" in out
    assert 'CREATE TABLE "user"' in out
    assert project.tables() == set()


def test_show_does_not_call_functions_and_says_so(project: Project) -> None:
    project.replace(
        "migrations",
        'migrator.rename_table("user", "person")',
        'migrator.run(lambda m: m.sql("DELETE FROM user"))',
    )
    out = project.done("show", THIRD)
    assert "were not called" in out
    assert "DELETE" not in out


def test_show_as_json_lists_the_operations(project: Project) -> None:
    found = project.json("show", SECOND)
    (operation,) = found["operations"]
    assert operation["kind"] == "add_column"
    assert operation["sql"] == ['ALTER TABLE main."user" ADD COLUMN "bio" TEXT']


def test_show_speaks_the_sql_of_the_database_that_is_asked(project: Project, shared_place: Place) -> None:
    out = project.done("show", SECOND, "--database", shared_place.url)
    quote = "`" if not shared_place.rolls_back_ddl else '"'
    table = f"{'main.' if shared_place.is_sqlite else ''}{quote}user{quote}"
    assert f"ALTER TABLE {table} ADD COLUMN {quote}bio{quote} TEXT" in out


# -- init and new -------------------------------------------------------------------------------


def test_init_and_new_make_a_project_that_migrates(tmp_path: Path, project: Project) -> None:
    root = tmp_path / "fresh"
    package = f"fresh_{uuid4().hex[:8]}"
    (root / package).mkdir(parents=True)
    (root / package / "__init__.py").touch()
    (root / package / "db.py").write_text(
        "from ormmigrate import Database\nfrom .migrations import registry\n"
        "db = Database('sqlite:///fresh.db', registry)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        out = project.done("init")
        assert str(Path(package, "migrations", "__init__.py")) in out
        assert "pyproject.toml" in out
        out = project.done("new", "add", "Notes")
        assert "Registered AddNotes in " in out
        (path,) = (root / package / "migrations").glob("m*_add_notes.py")
        assert str(path.relative_to(root)) in out
        _forget(package)
        # Until it is written it refuses to run, and nothing is recorded.
        assert "write what this migration does" in project.run("up").stderr
        text = path.read_text().replace(
            'raise NotImplementedError("write what this migration does")', 'migrator.sql("CREATE TABLE notes (x INT)")'
        )
        path.write_text(text)
        _forget(package)
        assert "Applied 1 migration " in project.done("up")
        _forget(package)


def _forget(package: str) -> None:
    """As a new process would, not know a package's modules."""
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def test_new_that_cannot_edit_the_registry_prints_the_two_lines_and_exits_with_1(project: Project) -> None:
    project.replace(
        "migrations",
        "Registry([Users, Bios, People])",
        "Registry(sorted([Users, Bios, People], key=lambda cls: cls.id))",
    )
    before = (project.root / project.package / "migrations.py").read_text()
    result = project.run("new", "more")
    assert result.exit_code == 1
    (path,) = project.root.rglob("m*_more.py")
    assert f"from .{path.stem} import More" in result.stdout
    assert "\n  More,\n" in result.stdout
    assert (project.root / project.package / "migrations.py").read_text() == before
    assert project.json("new", "again", exit_code=1)["registered"] is False


def test_new_without_a_name_and_without_a_terminal_is_an_error(project: Project) -> None:
    result = project.run("new", input="a name\n")
    assert result.exit_code == 2
    assert "needs a name" in result.stderr
    assert not list(project.root.rglob("m2*.py"))


def test_new_with_several_registries_asks_which(project: Project) -> None:
    project.replace(
        "migrations",
        "registry = Registry([Users, Bios, People])",
        "app = Registry([Users, Bios, People])\nbilling = Registry([], name='billing')\nregistry = [app, billing]",
    )
    result = project.run("new", "more")
    assert result.exit_code == 2
    assert "app, billing" in result.stderr
    assert "There is no registry 'other'" in project.run("new", "more", "--registry", "other").stderr
    assert "Registered More" in project.done("new", "more", "--registry", "billing")


# -- all of them --------------------------------------------------------------------------------


def test_shared_options_may_stand_before_the_command_and_behind_it(project: Project) -> None:
    project.done("--database", "sqlite:///one.db", "up")
    project.done("up", "--database", "sqlite:///two.db")
    assert project.tables() == set()
    for name in ("one.db", "two.db"):
        assert "person" in peewee.SqliteDatabase(project.root / name).get_tables()


def test_app_on_the_command_line_beats_the_file(project: Project) -> None:
    project.write("other", "from ormmigrate import Database\nother = Database('sqlite:///other.db', [])\n")
    assert "SQLite other.db" in project.done("--app", f"{project.package}.other:other", "status")


@pytest.mark.parametrize("url", ["nonsense", "sqlite://app.db", "sqlite:////tmp", "sqlite:////no/such/folder/app.db"])
def test_a_url_that_is_no_database_is_an_error_with_the_next_step(project: Project, url: str) -> None:
    result = project.run("--database", url, "status")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "  Next: " in result.stderr


def test_a_migration_that_does_not_import_is_named_with_its_line(project: Project) -> None:
    project.write("migrations", "import nothing_of_that_name\n")
    result = project.run("status")
    assert result.exit_code == 2
    assert "migrations.py, line 1" in result.stderr


def test_without_an_application_the_error_says_how_to_name_it(project: Project) -> None:
    (project.root / "pyproject.toml").unlink()
    result = project.run("status")
    assert result.exit_code == 2
    assert "--app" in result.stderr


def test_every_command_explains_itself(project: Project) -> None:
    listing = project.done("--help")
    for name, command in cli.commands.items():
        assert f"  {name} " in listing
        text = project.done(name, "--help")
        assert "Example" in text
        assert command.get_short_help_str(300).endswith(".")
        assert "--json" in text
    assert "..." not in listing.replace("[ARGS]...", "")
    assert project.done("--version").startswith("ormmigrate, version ")


def test_the_main_commands_work_on_each_database(project: Project, shared_place: Place) -> None:
    at = ("--database", shared_place.url)
    project.done(*at, "up")
    assert project.run(*at, "status").exit_code == 0
    assert "drop the table user and its rows (0 rows)" in project.run(*at, "down", "--all").stdout
    project.done(*at, "down", "--all", "--yes")
    project.done(*at, "stamp", FIRST)
    assert project.run(*at, "status").exit_code == 1
    database = database_from_url(shared_place.url)
    assert set(database.get_tables()) == set(OURS)
    database.close()


def test_durations_and_numbers_are_in_words() -> None:
    assert [duration(ms) for ms in (0.04, 999.9, 999.96, 59_949, 60_000, 125_000)] == [
        "0.0 ms", "999.9 ms", "1.0 s", "59.9 s", "1 min 00 s", "2 min 05 s",
    ]  # fmt: skip
    assert [counted(number, "row") for number in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]


def test_every_mark_has_a_plain_form() -> None:
    assert all(plain.isascii() for _, plain, _ in MARKS.values())
    assert len({mark for mark, _, _ in MARKS.values()}) == len({plain for _, plain, _ in MARKS.values()}) == len(MARKS)


def test_an_application_that_migrates_when_it_is_imported_is_not_migrated_by_asking(project: Project) -> None:
    module = next(project.root.rglob("db.py"), None) or next(
        path for path in project.root.rglob("*.py") if "Database(" in path.read_text()
    )
    module.write_text(module.read_text() + "\ndb.register_models([])\ndb.migrations.up()\n")
    project.run("status")
    assert project.tables() == set()
    assert "Applied 3 migrations" in project.done("up")
