"""The command line as a process: on a terminal, in a pipe, and ended with Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import FILE, MARIA, PG, Place, place_of
from snapshot import OURS
from test_cli import BIOS, FIRST, SECOND, THIRD, USERS, Project, standing_in

import ormmigrate
from ormmigrate.urls import database_from_url

TIMEOUT_S = 30
SOON_S = 10
SLOW = f"""
class Slow(BaseMigration):
    id = "{SECOND}"

    def up(self, migrator):
        migrator.create_table("half", {{"id": AutoField()}})
        %s

registry = Registry([Users, Slow])
"""
LONG_QUERY = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c"
WAITS = {
    "a statement on SQLite": (FILE, f'migrator.sql("{LONG_QUERY}")'),
    "Python on SQLite": (FILE, "__import__('time').sleep(60)"),
    "a statement on PostgreSQL": (PG, 'migrator.sql("SELECT pg_sleep(60)")'),
    "a statement on MariaDB": (MARIA, 'migrator.sql("SELECT SLEEP(60)")'),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with three migrations, none of which has run; the test stands in its folder."""
    monkeypatch.setenv("PYTHONPATH", str(Path(ormmigrate.__file__).parent.parent))
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    with standing_in(tmp_path, monkeypatch) as made:
        yield made


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ormmigrate", *arguments]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT_S,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
    )


class Terminal:
    """A process on a terminal of 80 columns: what it shows, and keys for it."""

    def __init__(self, *arguments: str) -> None:
        pid, self._terminal = pty.fork()
        if pid == 0:
            os.environ["COLUMNS"] = "80"
            os.execv(sys.executable, command(*arguments))
        self._pid = pid
        self.shown = ""

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), f"ended without {text!r}: {self.shown}"

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], 0.1)[0]:
            return True
        try:
            self.shown += os.read(self._terminal, 65536).decode()
        except OSError:  # the other side is closed
            return False
        return True

    def type(self, text: str) -> None:
        # What comes between the question and the wait for its answer can be lost.
        time.sleep(0.3)
        os.write(self._terminal, text.encode())

    def exit_code(self) -> int:
        """Wait for its end."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read():
            assert time.monotonic() < deadline, self.shown
        _, status = os.waitpid(self._pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def plain(text: str) -> str:
    """Without colors."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# -- a process ----------------------------------------------------------------------------------


def test_exit_codes_tell_done_from_pending_from_error(project: Project) -> None:
    assert run("status").returncode == 1
    assert run("up").returncode == 0
    assert run("status").returncode == 0
    assert run("up", "--to", "nothing").returncode == 2
    assert run("nothing").returncode == 2


def test_the_log_does_not_say_again_what_is_printed(project: Project) -> None:
    project.replace("migrations", 'migrator.rename_table("user", "person")', 'migrator.sql("SELECT * FROM nowhere")')
    result = run("up")
    assert result.returncode == 2
    assert result.stderr.startswith("Error: ")
    assert "batch failed" not in result.stderr


def test_a_stream_that_cannot_say_the_marks_gets_plain_ones(project: Project) -> None:
    project.replace("migrations", "The first table", "Die Einträge")
    run("up", "--to", FIRST)
    result = run("status", PYTHONIOENCODING="ascii")
    assert result.returncode == 1
    assert "\n+ 2" in result.stdout
    assert "\n. pending" in result.stdout
    assert "Die Eintr\\xe4ge" in run("show", FIRST, PYTHONIOENCODING="ascii").stdout


def test_a_reader_that_goes_away_is_no_error(project: Project) -> None:
    for arguments in (("status",), ("up",), ("show", FIRST, "--json")):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.run(command(*arguments), stdout=writer, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        os.close(writer)
        assert process.returncode == 141
        assert process.stderr == b""
    assert project.applied() == [FIRST, SECOND, THIRD]  # nobody looked, and all the same it is done


def test_nothing_is_colored_in_a_pipe(project: Project) -> None:
    for arguments in (("status",), ("up", "-v"), ("down",), ("show", FIRST)):
        assert "\x1b" not in run(*arguments).stdout


# -- a terminal ---------------------------------------------------------------------------------


def test_down_asks_on_a_terminal_and_does_what_is_answered(project: Project) -> None:
    run("up")
    terminal = Terminal("down")
    terminal.wait_for("Take 1 migration back? [y/N]")
    terminal.type("\n")
    assert terminal.exit_code() == 1
    assert "Nothing was done." in terminal.shown
    assert project.tables() == {"person"}
    terminal = Terminal("down", "--all")
    terminal.wait_for("Take 3 migrations back?")
    terminal.type("y\n")
    assert terminal.exit_code() == 0
    assert project.tables() == set()


def test_ctrl_c_at_a_question_is_no_answer(project: Project) -> None:
    run("up")
    terminal = Terminal("down")
    terminal.wait_for("[y/N]")
    terminal.type("\x03")
    assert terminal.exit_code() == 130
    assert "Nothing was changed." in terminal.shown
    assert project.tables() == {"person"}


def test_down_does_not_take_back_what_was_not_shown(project: Project) -> None:
    run("up", "--to", SECOND)
    terminal = Terminal("down")
    terminal.wait_for("[y/N]")
    run("up")  # while the question stands there, another process goes on
    terminal.type("y\n")
    assert terminal.exit_code() == 2
    assert "Meanwhile" in terminal.shown
    assert project.applied() == [FIRST, SECOND, THIRD]


def test_accept_asks_on_a_terminal(project: Project) -> None:
    run("up")
    project.replace("migrations", "CharField()", "TextField()")
    terminal = Terminal("accept", FIRST)
    terminal.wait_for("[y/N]")
    assert '+        migrator.create_table("user"' in plain(terminal.shown)
    terminal.type("y\n")
    assert terminal.exit_code() == 0
    assert run("status").returncode == 0


def test_new_asks_for_a_name_on_a_terminal(project: Project) -> None:
    terminal = Terminal("new")
    terminal.wait_for("Name")
    terminal.type("add some notes\n")
    assert terminal.exit_code() == 0
    assert list(project.root.rglob("m*_add_some_notes.py"))


def test_a_batch_that_takes_long_shows_a_bar_which_goes_away(project: Project) -> None:
    project.replace("migrations", 'migrator.rename_table("user", "person")', "__import__('time').sleep(2)")
    terminal = Terminal("up")
    assert terminal.exit_code() == 0
    assert re.search(r"━+.*2/3.*0:00:01.*" + THIRD, plain(terminal.shown))
    after_the_bar = terminal.shown.rpartition("\x1b[2K")[2]  # "erase the line"
    assert "━" not in after_the_bar
    assert "Applied 3 migrations" in after_the_bar
    assert terminal.shown.count("\x1b[?25l") == terminal.shown.count("\x1b[?25h") == 1  # the cursor is back


def test_a_batch_that_is_quick_shows_no_bar(project: Project) -> None:
    terminal = Terminal("up")
    assert terminal.exit_code() == 0
    assert "━" not in terminal.shown


def test_no_color_is_respected(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("status")
    terminal.exit_code()
    assert "\x1b[33m" in terminal.shown
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal("status")
    assert terminal.exit_code() == 1
    assert "\x1b[33m" not in terminal.shown
    assert SECOND in terminal.shown


# -- Ctrl-C -------------------------------------------------------------------------------------


@pytest.fixture(params=WAITS, ids=list(WAITS))
def interrupted(request: pytest.FixtureRequest, project: Project, tmp_path: Path) -> Iterator[Place]:
    """A place where a batch was interrupted in the middle of its second migration."""
    kind, wait = WAITS[request.param]
    with place_of(kind, tmp_path) as place:
        project.migrations(USERS + SLOW % wait)
        with running("up", "--database", _interruptible(place)) as process:
            _wait_for_second(process)
            process.send_signal(signal.SIGINT)
            began = time.monotonic()
            _, said = process.communicate(timeout=TIMEOUT_S)
        assert time.monotonic() - began < SOON_S
        assert process.returncode == 130, said
        assert "Traceback" not in said
        words = (
            "What was not committed yet was rolled back."
            if place.rolls_back_ddl
            else "What had been done was taken back"
        )
        assert said.startswith("Interrupted. ")
        assert words in said
        project.migrations(USERS + BIOS + "\nregistry = Registry([Users, Bios])\n")
        yield place


def _interruptible(place: Place) -> str:
    # psycopg2, which peewee takes where it is installed, does not hear of Ctrl-C while a statement runs.
    return f"{place.url}&prefer_psycopg3=true" if place.kind == PG else place.url


def _wait_for_second(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    read = ""
    while SECOND not in read:
        part = os.read(process.stdout.fileno(), 4096).decode()
        assert part, process.communicate()
        read += part
    time.sleep(0.5)


def test_ctrl_c_in_a_batch_leaves_no_lock_and_nothing_half_done(interrupted: Place) -> None:
    at = ("--database", interrupted.url)
    database = database_from_url(interrupted.url)
    tables = set(database.get_tables())
    database.close()
    began = time.monotonic()
    result = run("up", *at)
    if interrupted.rolls_back_ddl:
        assert tables == set()
    else:
        # Taken back before the process ended, the migration that had run before it as well.
        assert tables == set(OURS)
    assert time.monotonic() - began < SOON_S
    assert result.returncode == 0, result.stderr
    assert run("status", *at).returncode == 0
