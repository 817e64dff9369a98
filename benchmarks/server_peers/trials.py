"""Batches that are killed, the starts after them, and what is counted."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from server_peers.eleven import OPERATIONS
from server_peers.homes import Home, State
from server_peers.hosts import BENCHMARKS, ENVIRONMENT
from server_peers.own_server import OwnServer

UNDISTURBED = 3  # runs that are timed, of each variant
LONGEST = 1.15  # of an undisturbed run
TIMED_AGAIN = 10  # after so many trials: what else the machine does changes
RECOVERIES = 3  # in every which trial the next start is killed as well
PATIENCE_S = 120.0
SUCCEEDS, FAILS = "nothing raises", "the last raises"
VARIANTS = (SUCCEEDS, FAILS)
BEFORE, AFTER, BETWEEN = "wholly before", "wholly after", "in between"
WANTED = {SUCCEEDS: AFTER, FAILS: BEFORE}


class Start:
    """A process that starts the application, and has said that it begins.

    Attributes:
        took_s: how long the start took, once it is finished; without that of Python.
    """

    took_s = 0.0

    def __init__(self, home: Home, variant: str) -> None:
        command = [sys.executable, "-m", "server_peers.eleven", home.url, *(["fails"] if variant == FAILS else [])]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=BENCHMARKS, env=ENVIRONMENT, start_new_session=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "begins\n":
            raise RuntimeError("a start died before it began, see above")

    def kill(self) -> str:
        """SIGKILL; when that was: before the first operation, in the middle, after the end."""
        self._process.kill()
        return self._when(self._rest())

    def finish(self) -> str:
        """What it says at the end, in words."""
        lines = self._rest().splitlines()
        if len(lines) < 2:
            return f"ended with {self._process.returncode}, without a word"
        self.took_s = float(lines[-2].removeprefix("took "))
        return lines[-1]

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def after_the_server(self) -> str:
        """Wait for the end, now that the server is gone; when that was."""
        return self._when(self._rest())

    def _rest(self) -> str:
        """All that it still says. One that hangs is killed."""
        # Not communicate(timeout=...), which misses what was read together with the first line.
        patience = threading.Timer(PATIENCE_S, self._process.kill)
        patience.start()
        try:
            return self._process.communicate()[0]
        finally:
            patience.cancel()

    def _when(self, said: str) -> str:
        lines = said.splitlines()
        if any(line == "done" or line.startswith(("failed", "refused")) for line in lines):
            return "after"
        return "in the middle" if "planned" in lines else "before"


@dataclass
class Counts:
    """What came out, over all trials."""

    kills: int = 0
    when: Counter[str] = field(default_factory=Counter)
    recovering: Counter[str] = field(default_factory=Counter)
    ended: dict[str, Counter[str]] = field(default_factory=lambda: {variant: Counter() for variant in VARIANTS})
    refused: int = 0
    twice: int = 0
    other: int = 0

    @property
    def is_whole(self) -> bool:
        wrong = sum(
            count for variant in VARIANTS for end, count in self.ended[variant].items() if end != WANTED[variant]
        )
        return not (wrong or self.refused or self.twice or self.other)

    def __str__(self) -> str:
        lines = [
            f"  {self.kills} trials; killed {listed(self.when, ('before', 'in the middle', 'after'))} the batch",
            f"  {sum(self.recovering.values())} killed again in the next start: "
            f"{listed(self.recovering, ('before', 'in the middle', 'after'))} its batch",
        ]
        for variant in VARIANTS:
            lines.append(f"  where {variant}: ended {listed(self.ended[variant], (BEFORE, AFTER, BETWEEN))}")
        lines.append(
            f"  {self.refused} refused by the last start, {self.twice} ran twice, {self.other} ended otherwise"
        )
        return "\n".join(lines)


def listed(counts: Counter[str], names: tuple[str, ...]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in (*names, *sorted(set(counts) - set(names))))


class Killing:
    """The database before and after the batch, and batches that are killed."""

    def __init__(self, home: Home, chance: random.Random) -> None:
        self.home, self.chance = home, chance
        self.is_sound = True
        home.reset()
        self.before = home.state()
        self.duration_s: dict[str, float] = {}
        self.after: State = {}
        self._time()

    def __str__(self) -> str:
        took = ", ".join(f"{took_s * 1000:.0f} ms where {variant}" for variant, took_s in self.duration_s.items())
        return f"  {OPERATIONS} operations; a start takes {took}, undisturbed"

    def kill(self, kills: int) -> Counts:
        """Kill a batch at so many moments."""
        counts = Counts(kills)
        moments = [(number + self.chance.random()) / kills * LONGEST for number in range(kills)]
        self.chance.shuffle(moments)
        for number, moment in enumerate(moments):
            if number and number % TIMED_AGAIN == 0:
                self._time()
            self._trial(VARIANTS[number % len(VARIANTS)], moment, number % RECOVERIES == 0, counts)
        counts.other += not self.is_sound
        return counts

    def _trial(self, variant: str, moment: float, is_killed_again: bool, counts: Counts) -> None:
        self.home.reset()
        moments = [moment]
        counts.when[self._strike(variant, moment)] += 1
        if is_killed_again:
            moments.append(self.chance.random() * LONGEST)
            counts.recovering[self._strike(variant, moments[1])] += 1
        said = Start(self.home, variant).finish()
        where = self._where()
        counts.ended[variant][where.partition(":")[0]] += 1
        twice = self.home.ran_twice()
        counts.twice += bool(twice)
        counts.refused += said.startswith("refused")
        expected = "done" if variant == SUCCEEDS else "failed"
        counts.other += not said.startswith(("refused", expected))
        if where != WANTED[variant] or twice or not said.startswith(expected):
            times = " and ".join(f"{moment * self.duration_s[variant] * 1000:.0f} ms" for moment in moments)
            print(f"    {variant}, killed after {times}: {where} {'; '.join(twice)}\n      said {said}", flush=True)

    def _strike(self, variant: str, moment: float) -> str:
        """Begin a batch and kill; when that was."""
        raise NotImplementedError

    def _where(self) -> str:
        found = self.home.state()
        if found == self.before:
            return BEFORE
        if found == self.after:
            return AFTER
        names = [name for name in {**found, **self.before} if found.get(name) != self.before.get(name)]
        names = [name for name in names if found.get(name) != self.after.get(name)] or names
        return f"{BETWEEN}: {', '.join(names)}"

    def _time(self) -> None:
        """How long each variant takes when nothing happens to it, and where it ends."""
        self.duration_s[SUCCEEDS] = self._undisturbed(SUCCEEDS, "done")
        if not self.after:
            self.after = self.home.state()
            check_end(self.before, self.after)
        self.duration_s[FAILS] = self._undisturbed(FAILS, "failed")

    def _undisturbed(self, variant: str, expected: str) -> float:
        took_s = []
        for _ in range(UNDISTURBED):
            self.home.reset()
            start = Start(self.home, variant)
            said = start.finish()
            took_s.append(start.took_s)
            if not said.startswith(expected):
                raise RuntimeError(f"an undisturbed batch, where {variant}, says {said}")
        if (where := self._where()) != WANTED[variant] and self.after:
            self.is_sound = False
            print(f"    {variant}, undisturbed: {where}", flush=True)
        return median(took_s)


class ClientKills(Killing):
    """The process of the application is killed."""

    def _strike(self, variant: str, moment: float) -> str:
        start = Start(self.home, variant)
        time.sleep(moment * self.duration_s[variant])
        return start.kill()


class ServerKills(Killing):
    """The server is killed under the application, and started again."""

    def __init__(self, home: Home, chance: random.Random, server: OwnServer) -> None:
        self._server = server
        super().__init__(home, chance)

    def _strike(self, variant: str, moment: float) -> str:
        start = Start(self.home, variant)
        time.sleep(moment * self.duration_s[variant])
        had_ended = start.has_ended()
        self._server.kill()
        when = start.after_the_server()
        # A batch that was being taken back says the same as one that has been.
        when = "in the middle" if when == "after" and not had_ended else when
        self._server.start()
        return when


def check_end(before: State, after: State) -> None:
    """That the batch is one worth killing: each of its operations shows."""
    assert after["rows of voucher"][0] == before["rows of customer"][0] // 10
    changed = {name for name in before if before[name] != after[name]}
    assert changed >= {"schema of customer", "schema of orders", "rows of customer", "rows of counter", "the history"}
    assert before["rows of orders"] == after["rows of orders"]
