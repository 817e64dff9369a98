"""One change while clients use the table: the longest that each of them had to wait."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from server_peers.hosts import BENCHMARKS, ENVIRONMENT
from server_peers.tables import CHANGED, TWIN, Tables

ROLES = ("reader", "writer")
WARM_S, QUIET_S = 0.5, 3.0
#: A change that takes 2 ms is still looked at for so long: a longest operation of two says nothing.
LEAST_S = 1.0
PATIENCE_S = 600.0  # after which a change counts as hanging


@dataclass
class Measured:
    """What was seen during one change, once for each repeat; times in ms, by role.

    Attributes:
        stall: the longest operation on the table that is changed.
        twin: the longest one, in the same moments, on a table like it that nobody changes.
        quiet: the longest one on the table before anything happened.
        errors: what the clients were refused, and how often.
    """

    duration_s: list[float] = field(default_factory=list)
    stall: dict[str, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})
    twin: dict[str, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})
    quiet: dict[str, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})
    is_rewritten: bool = False
    errors: Counter[str] = field(default_factory=Counter)
    failed: str | None = None

    def more(self, role: str) -> list[float]:
        """How much longer than normal the longest operation took, in each repeat."""
        return [stall - twin for stall, twin in zip(self.stall[role], self.twin[role])]

    def middle(self, what: str, role: str) -> float:
        found: dict[str, list[float]] = getattr(self, what)
        return median(found[role])


@dataclass(frozen=True)
class Seen:
    """What one client saw."""

    samples: list[tuple[float, float]]
    errors: dict[str, int]

    def longest_ms(self, began: float, ended: float) -> float:
        """The longest operation of which any moment lies in between."""
        return max(ms for start, ms in self.samples if start <= ended and start + ms / 1000 >= began)


def repeat(measurement: Callable[[], None], measured: Measured) -> None:
    """Measure once more, unless it failed before."""
    if not measured.failed:
        try:
            measurement()
        except DiedError as error:
            measured.failed = str(error)


def measure(tables: Tables, way: str, change: str, name: str, measured: Measured) -> None:
    """One repeat, added to what was measured in earlier ones."""
    tables.fresh()
    before = tables.storage()
    seen: dict[tuple[str, str], Seen] = {}
    with clients(tables, seen), Performer(tables.url, way, change, name) as performer:
        time.sleep(WARM_S)
        quiet = (time.monotonic(), time.monotonic() + QUIET_S)
        time.sleep(QUIET_S)
        answer = performer.perform()
        time.sleep(max(0.0, answer["began"] + LEAST_S - time.monotonic()))
    measured.failed = answer["failed"]
    if measured.failed:
        return
    window = (answer["began"], max(answer["ended"], answer["began"] + LEAST_S))
    measured.duration_s.append(answer["ended"] - answer["began"])
    for role in ROLES:
        measured.stall[role].append(seen[CHANGED, role].longest_ms(*window))
        measured.twin[role].append(seen[TWIN, role].longest_ms(*window))
        measured.quiet[role].append(seen[CHANGED, role].longest_ms(*quiet))
        measured.errors.update(seen[CHANGED, role].errors)
    measured.is_rewritten |= before.is_rewritten_in(tables.storage())


def timed(tables: Tables, way: str, name: str, measured: Measured) -> None:
    """One change on a fresh table that nobody uses."""
    tables.fresh()
    before = tables.storage()
    with Performer(tables.url, way, "", name) as performer:
        answer = performer.perform()
    measured.failed = answer["failed"]
    measured.duration_s.append(answer["ended"] - answer["began"])
    measured.is_rewritten |= before.is_rewritten_in(tables.storage())


@contextmanager
def clients(tables: Tables, seen: dict[tuple[str, str], Seen]) -> Iterator[None]:
    """A reader and a writer on the table that is changed, and on its twin; `seen` has afterwards what they saw."""
    started: dict[tuple[str, str], subprocess.Popen[str]] = {}
    try:
        for table in (CHANGED, TWIN):
            for role in ROLES:
                started[table, role] = _started("load", tables.url, table, role, str(tables.rows))
        for process in started.values():
            _line(process)
        yield
        for key, process in started.items():
            found = json.loads(process.communicate("stop\n", timeout=PATIENCE_S)[0])
            seen[key] = Seen([(began, ms) for began, ms in found["samples"]], found["errors"])
    finally:
        for process in started.values():
            _end(process)


class DiedError(Exception):
    """A process ended before it was ready."""


class Performer:
    """A process that stands ready to run one change."""

    def __init__(self, url: str, way: str, change: str, name: str) -> None:
        self._process = _started("perform", url, way, change, name)

    def __enter__(self) -> Performer:
        try:
            _line(self._process)
        except DiedError:
            _end(self._process)
            raise
        return self

    def perform(self) -> dict[str, Any]:
        began = time.monotonic()
        try:
            answer: dict[str, Any] = json.loads(self._process.communicate("go\n", timeout=PATIENCE_S)[0])
        except subprocess.TimeoutExpired:
            return {"began": began, "ended": time.monotonic(), "failed": f"hangs for {PATIENCE_S:.0f} s"}
        except json.JSONDecodeError:
            return {"began": began, "ended": time.monotonic(), "failed": "the process died, see above"}
        return answer

    def __exit__(self, *_: object) -> None:
        _end(self._process)


def _started(module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"server_peers.{module}", *arguments]
    # A session of its own: Ctrl-C ends us, and we end it.
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=BENCHMARKS,
        env=ENVIRONMENT,
        start_new_session=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise DiedError("a process died before it was ready, see above")
    return line


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
