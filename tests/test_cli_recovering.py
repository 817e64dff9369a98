"""resume and undo: what they say and do about a migration that was interrupted outside of a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import Place
from test_cli import FIRST, SECOND, THIRD, Project, standing_in

KEPT = """
class Kept(BaseMigration):
    id = "20240104_000000_kept"

    def up(self, migrator):
        migrator.sql("UPDATE person SET email = UPPER(email)")
        migrator.create_table("half", {"id": AutoField()})
        migrator.sql("SELECT * FROM nowhere")

registry = Registry([Users, Bios, People, Kept])
"""
ALONE = KEPT.replace("def up(", "transactional = False\n\n    def up(")
ID = "20240104_000000_kept"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mysql_place: Place) -> Iterator[Project]:
    """A project on MariaDB, three migrations of which have run."""
    with standing_in(tmp_path, monkeypatch, mysql_place.url) as made:
        made.done("up")
        yield made


def failing(project: Project, text: str) -> None:
    project.write("migrations", (project.root / project.package / "migrations.py").read_text() + text)
    result = project.run("up")
    assert result.exit_code == 2
    assert "could not be taken back" in result.stderr or "It runs outside of a transaction" in result.stderr, (
        result.stderr
    )


def test_status_and_up_say_how_an_interrupted_migration_stands(project: Project) -> None:
    failing(project, KEPT)
    result = project.run("up")
    assert result.exit_code == 2
    assert "gives no reverse of this: run the SQL: UPDATE person" in result.stderr
    assert "create the table half (id)" in result.stderr
    assert "python -m ormmigrate resume" in result.stderr
    assert project.run("status").exit_code == 1


def test_resume_goes_on_after_the_failure_was_corrected(project: Project) -> None:
    failing(project, KEPT)
    project.replace("migrations", "FROM nowhere", "FROM person")
    out = project.done("resume")
    assert f"Applied {ID}" in out
    assert project.applied() == [FIRST, SECOND, THIRD, ID]
    assert "half" in project.tables()
    assert project.done("up") == "Nothing pending.\n"
    nothing = project.run("resume")
    assert nothing.exit_code == 2
    assert "nothing to take back or to go on with" in nothing.stderr


def test_undo_says_what_cannot_come_back_and_asks(project: Project) -> None:
    failing(project, KEPT)
    unasked = project.run("undo")
    assert unasked.exit_code == 2
    assert "there is no terminal to ask on" in unasked.stderr
    assert "half" in project.tables()
    result = project.run("undo", "--yes")
    assert result.exit_code == 0, result.output
    assert "gives no reverse of this: run the SQL: UPDATE person" in result.stdout
    assert "Took back 1 migration." in result.stdout
    assert "half" not in project.tables()
    assert project.applied() == [FIRST, SECOND, THIRD]


def test_undo_asks_nothing_where_nothing_is_lost(project: Project) -> None:
    failing(project, ALONE.replace('UPPER(email)")', 'UPPER(email)", reverse="SELECT 1")'))
    assert "half" in project.tables()
    report = project.json("undo")
    assert report["reverted"] == [ID]
    assert "half" not in project.tables()


def test_up_goes_on_with_a_migration_outside_of_a_transaction(project: Project) -> None:
    failing(project, ALONE)
    project.replace("migrations", "FROM nowhere", "FROM person")
    assert "Applied 1 migration" in project.done("up")
    assert project.applied() == [FIRST, SECOND, THIRD, ID]
