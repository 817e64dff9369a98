"""up, down, stamp and accept: what they do to the database, say and refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from snapshot import HISTORY
from test_cli import FIRST, SECOND, THIRD, THREE, Project, standing_in

BROKEN = """
class Broken(BaseMigration):
    id = "20240104_000000_broken"

    def up(self, migrator):
        migrator.create_table("half", {"id": AutoField()})
        migrator.sql("SELECT * FROM nowhere")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with three migrations, none of which has run; the test stands in its folder."""
    with standing_in(tmp_path, monkeypatch) as made:
        yield made


# -- up -----------------------------------------------------------------------------------------


def test_up_applies_what_is_pending_and_then_says_that_nothing_is(project: Project) -> None:
    out = project.done("up")
    assert "Applying 3 migrations to SQLite app.db (production)" in out
    assert f"2/3  {SECOND}  " in out
    assert "Applied 3 migrations in " in out
    assert project.applied() == [FIRST, SECOND, THIRD]
    assert project.tables() == {"person"}
    assert project.done("up") == "Nothing pending.\n"


def test_up_to_an_id_applies_what_comes_before_it_and_it(project: Project) -> None:
    project.done("up", "--to", SECOND)
    assert project.applied() == [FIRST, SECOND]
    assert project.done("up", "--to", FIRST) == f"Nothing pending up to {FIRST}.\n"


def test_up_to_an_unknown_id_is_an_error_that_names_the_nearest(project: Project) -> None:
    result = project.run("up", "--to", SECOND[:-1])
    assert result.exit_code == 2
    assert f"did you mean {SECOND}" in result.stderr
    assert project.tables() == set()


def test_up_as_json_prints_the_report_and_nothing_else(project: Project) -> None:
    project.replace("migrations", 'id = "' + SECOND, 'print("from the migration")\n    id = "' + SECOND)
    report = project.json("up")
    assert report["applied"] == [FIRST, SECOND, THIRD]
    assert project.json("up")["applied"] == []


def test_verbose_prints_each_operation_and_its_sql_as_it_runs(project: Project) -> None:
    out = project.done("up", "-v")
    assert "add the column user.bio (TextField, null)" in out
    assert 'ALTER TABLE main."user" ADD COLUMN "bio" TEXT' in out
    result = project.run("down", "--yes", "--json", "-v")
    assert json.loads(result.stdout)["reverted"] == [THIRD]
    assert "RENAME TO" in result.stderr


def test_a_migration_that_fails_is_an_error_with_the_next_step_and_leaves_nothing(project: Project) -> None:
    project.run("up")
    before = project.snapshot()
    project.migrations(THREE.replace("registry =", BROKEN + "\nregistry =").replace("People])", "People, Broken])"))
    result = project.run("up")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: The migration 20240104_000000_broken failed")
    assert "SELECT * FROM nowhere" in result.stderr
    assert "  Next: " in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("nowhere") == 3  # the operation, the database's words, the statement: said once
    assert project.snapshot() == before
    assert "Traceback" in project.run("up", "-v").stderr


def test_an_error_with_json_is_an_object(project: Project) -> None:
    project.migrations(THREE.replace("registry =", BROKEN + "\nregistry =").replace("People])", "People, Broken])"))
    error = project.json("up", exit_code=2)["error"]
    assert error["kind"] == "MigrationFailed"
    assert "nowhere" in error["problem"]
    assert error["advice"]
    assert project.json("up", "--nonsense", exit_code=2)["error"]["kind"] == "NoSuchOption"
    assert project.json("nonsense", exit_code=2)["error"]["problem"].startswith("No such command")


def test_a_warning_is_said_once(project: Project) -> None:
    project.run("up", "--to", FIRST)
    project.query(f"UPDATE {HISTORY} SET checksum = '1:0' WHERE migration = '{FIRST}'")
    result = project.run("up", "--environment", "development")
    assert result.exit_code == 0
    assert result.output.count("Changed since") == 1
    assert result.stderr.startswith("Warning: Changed since")
    assert project.applied() == [FIRST, SECOND, THIRD]


def test_an_edited_migration_stops_up_in_production(project: Project) -> None:
    project.run("up", "--to", FIRST)
    project.replace("migrations", "CharField()", "TextField()")
    result = project.run("up")
    assert result.exit_code == 2
    assert f"python -m ormmigrate accept {FIRST}" in result.stderr
    assert project.applied() == [FIRST]


# -- down ---------------------------------------------------------------------------------------


def test_down_takes_back_the_last_one(project: Project) -> None:
    project.run("up")
    out = project.done("down", "--yes")
    assert "Took back 1 migration in " in out
    assert project.applied() == [FIRST, SECOND]
    assert project.tables() == {"user"}


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--steps", "2"], [FIRST]),
        (["--to", FIRST], [FIRST]),
        (["--to", SECOND], [FIRST, SECOND]),
        (["--batch"], [FIRST]),
        (["--all"], []),
        ([THIRD], [FIRST, SECOND]),
    ],
)
def test_down_takes_back_what_was_said(project: Project, arguments: list[str], left: list[str]) -> None:
    project.run("up", "--to", FIRST)
    project.run("up")
    project.done("down", *arguments, "--yes")
    assert project.applied() == left


def test_down_with_two_selections_is_refused(project: Project) -> None:
    project.run("up")
    for arguments in (["--all", "--batch"], [THIRD, "--steps", "1"], ["--to", FIRST, "--steps", "1"], ["--steps", "0"]):
        assert project.run("down", *arguments, "--yes").exit_code == 2
    assert project.applied() == [FIRST, SECOND, THIRD]


def test_down_of_one_in_the_middle_is_refused_with_the_later_ones(project: Project) -> None:
    project.run("up")
    result = project.run("down", FIRST, "--yes")
    assert result.exit_code == 2
    assert SECOND in result.stderr
    assert THIRD in result.stderr
    assert "down --steps 3" in result.stderr
    assert project.applied() == [FIRST, SECOND, THIRD]


def test_down_without_a_terminal_says_what_would_be_lost_and_the_command_to_run(project: Project) -> None:
    project.run("up")
    project.query("INSERT INTO person (email) VALUES ('ann@example.com'), ('bob@example.com')")
    before = project.snapshot()
    result = project.run("down", "--all")
    assert result.exit_code == 2
    assert "drop the column user.bio and its values" in result.stdout
    # The table is called person until the first of the three is taken back.
    assert "drop the table user and its rows (2 rows)" in result.stdout
    assert "loses no data" in result.stdout
    assert "python -m ormmigrate down --all --yes" in result.stderr
    assert project.snapshot() == before


def test_the_command_to_run_keeps_the_database_and_not_its_password(project: Project) -> None:
    project.run("up", "--database", "sqlite:///other.db")
    result = project.run("--database", "sqlite:///other.db", "down")
    assert "python -m ormmigrate --database sqlite:///other.db down --yes" in result.stderr
    result = project.run("--database", "postgresql://me:secret@127.0.0.1:1/x", "down", "-v")
    assert result.exit_code == 2
    assert "secret" not in result.output


def test_a_table_that_was_adopted_is_not_among_the_losses(project: Project) -> None:
    project.query("CREATE TABLE user (id INTEGER NOT NULL PRIMARY KEY, email VARCHAR(255) NOT NULL)")
    project.run("up", "--to", FIRST)
    assert "loses no data" in project.run("down").stdout
    project.done("down", "--yes")
    assert project.tables() == {"user"}


def test_a_written_down_is_looked_into(project: Project) -> None:
    project.migrations(
        THREE.replace(
            "class Bios", '    def down(self, migrator):\n        migrator.drop_table("user")\n\n\nclass Bios', 1
        )
    )
    project.run("up", "--to", FIRST)
    assert "drop the table user and its rows (0 rows)" in project.run("down").stdout


def test_a_written_down_that_queries_is_said_to_be_unknown_and_not_run(project: Project) -> None:
    deletes = '        migrator.table("user").delete().execute()\n        migrator.drop_table("user")\n'
    down = f"    def down(self, migrator):\n{deletes}"
    project.migrations(THREE.replace("class Bios", down + "\n\nclass Bios", 1))
    project.run("up", "--to", FIRST)
    result = project.run("down")
    assert "its own down()" in result.stdout
    assert project.tables() == {"user"}
    project.done("down", "--yes")
    assert project.tables() == set()


def test_what_cannot_be_reversed_is_named_before_anything_is_asked(project: Project) -> None:
    project.replace("migrations", 'migrator.rename_table("user", "person")', 'migrator.sql("UPDATE user SET bio = 1")')
    project.run("up")
    before = project.snapshot()
    result = project.run("down", "--all")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: The migration {THIRD} cannot be reversed")
    assert "UPDATE user" in result.stderr
    assert project.snapshot() == before


def test_down_over_a_migration_that_the_program_lacks_is_refused(project: Project) -> None:
    project.run("up")
    project.replace("migrations", "[Users, Bios, People]", "[Users, Bios]")
    result = project.run("down", "--all", "--yes")
    assert result.exit_code == 2
    assert THIRD in result.stderr
    assert project.tables() == {"person"}


def test_down_with_nothing_applied_has_nothing_to_do(project: Project) -> None:
    assert project.done("down", "--batch") == "Nothing to take back.\n"
    assert project.json("down", "--all", "--yes")["reverted"] == []


# -- stamp and accept ---------------------------------------------------------------------------


def test_stamp_writes_the_history_and_runs_nothing(project: Project) -> None:
    out = project.done("stamp", SECOND)
    assert f"Counts as applied now: {FIRST}" in out
    assert project.applied() == [FIRST, SECOND]
    assert project.tables() == set()
    assert f"No longer counts as applied: {SECOND}" in project.done("stamp", FIRST)
    assert project.done("stamp", FIRST).startswith("Nothing changed")
    assert project.json("stamp", "--none")["removed"] == [FIRST]
    assert project.applied() == []


def test_stamp_takes_an_id_or_none_and_not_both(project: Project) -> None:
    assert project.run("stamp").exit_code == 2
    assert project.run("stamp", FIRST, "--none").exit_code == 2
    assert project.tables() == set()


def test_accept_shows_the_edit_and_takes_it(project: Project) -> None:
    project.run("up")
    project.replace("migrations", "CharField()", "TextField()")
    result = project.run("accept", FIRST)
    assert result.exit_code == 2
    assert '-        migrator.create_table("user", {"id": AutoField(), "email": CharField()})' in result.stdout
    assert '+        migrator.create_table("user", {"id": AutoField(), "email": TextField()})' in result.stdout
    assert f"accept {FIRST} --yes" in result.stderr
    assert project.run("status").exit_code == 1
    assert "accepted" in project.done("accept", FIRST, "--yes")
    assert project.run("status").exit_code == 0
    ((source,),) = project.query(f"SELECT source FROM {HISTORY} WHERE migration = '{FIRST}'")
    assert "TextField()" in str(source)


def test_accept_of_what_is_not_changed_says_so(project: Project) -> None:
    project.run("up")
    before = project.snapshot()
    assert "not changed" in project.done("accept", FIRST)
    assert project.json("accept", FIRST) == {"migration": FIRST, "accepted": False}
    assert project.snapshot() == before


def test_accept_of_what_is_not_applied_is_an_error(project: Project) -> None:
    result = project.run("accept", FIRST)
    assert result.exit_code == 2
    assert "is not applied" in result.stderr


def interrupt(project: Project, id: str) -> None:
    """As a process that was killed would leave a migration where DDL cannot be rolled back."""
    project.query(f"UPDATE {HISTORY} SET state = 'running' WHERE migration = '{id}'")


def test_settle_says_how_an_interrupted_migration_stands(project: Project) -> None:
    project.done("up")
    label = project.json("status")["migrations"][-1]["migration"]
    refused = project.run("settle", label, "--applied")
    assert refused.exit_code == 2
    assert "was not interrupted" in refused.stderr
    assert project.run("settle", label).exit_code == 2

    interrupt(project, label)
    assert project.run("up").exit_code == 2
    assert "applied" in project.done("settle", label, "--applied")
    assert project.json("status")["pending"] == 0

    interrupt(project, label)
    assert project.json("settle", label, "--undone") == {"migration": label, "settled": "undone"}
    assert project.json("status", exit_code=1)["pending"] == 1
