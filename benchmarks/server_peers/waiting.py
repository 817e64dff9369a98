"""Sixteen starts at once, of which the one that holds the lock is killed: how long the others still wait."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from server_peers import hosts

SIZE = 16
ROUNDS = 3
MANNERS = {"idle": "while the server waits for it", "statement": "while the server is in a statement"}
MOST_S = 1.0
KILLED_AFTER_S = 0.5  # of holding
PATIENCE_S = 90.0
CONNECTED = {
    hosts.PG: "SELECT 1 FROM pg_stat_activity WHERE pid = %s",
    hosts.MARIA: "SELECT 1 FROM information_schema.processlist WHERE id = %s",
}


@dataclass
class Round:
    """What was seen, in seconds.

    Attributes:
        noticed_s: from the kill until the server had noticed.
        next_s: from then until the next one had the lock.
        all_s: from then until all of the others had ended their starts.
        ends: how they ended.
        counted: what the migration's counter says; 1 if it has run once.
    """

    noticed_s: float = 0.0
    next_s: float = 0.0
    all_s: float = 0.0
    ends: Counter[str] = field(default_factory=Counter)
    counted: int | None = None

    @property
    def is_right(self) -> bool:
        return self.all_s <= MOST_S and self.ends == {"done": SIZE - 1} and self.counted == 1


class Crowd:
    """Processes that stand ready, and what they say."""

    def __init__(self, url: str, mark: Path, manner: str) -> None:
        self.said: queue.Queue[tuple[int, float, str]] = queue.Queue()
        command = [sys.executable, "-m", "server_peers.holding", url, str(mark), manner]
        self._processes = [self._started(command) for _ in range(SIZE)]
        self.connections = [int(self._line(process).split()[1]) for process in self._processes]
        for number, process in enumerate(self._processes):
            threading.Thread(target=self._listen, args=(number, process), daemon=True).start()

    def _started(self, command: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=hosts.BENCHMARKS,
            env=hosts.ENVIRONMENT,
            start_new_session=True,
        )

    def _line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            self.end()
            raise RuntimeError("a start died before it began, see above")
        return line

    def _listen(self, number: int, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            at, _, word = line.strip().partition(" ")
            self.said.put((number, float(at), word))

    def go(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def kill(self, number: int) -> None:
        self._processes[number].kill()

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()


def measure_waiting(kind: str) -> bool:
    """Some rounds in each manner; print them; whether all were right."""
    is_right = True
    for manner, words in MANNERS.items():
        for _ in range(ROUNDS):
            found = one_round(kind, manner)
            ends = ", ".join(f"{count} {end}" for end, count in found.ends.items())
            print(
                f"  killed {words:<35} noticed after {found.noticed_s:6.3f} s; then the next has the lock after "
                f"{found.next_s:6.3f} s, all have ended after {found.all_s:6.3f} s, at most {MOST_S:.1f}  "
                f"{'ok' if found.is_right else 'OVER'}\n    {ends}; migrated {found.counted} times",
                flush=True,
            )
            is_right &= found.is_right
    return is_right


def one_round(kind: str, manner: str) -> Round:
    with hosts.own_database(hosts.URLS[kind]) as url, TemporaryDirectory(prefix="lock_") as folder:
        crowd = Crowd(url, Path(folder, "held"), manner)
        try:
            crowd.go()
            said: list[tuple[int, float, str]] = []
            holder = wait_for(crowd, said, "holding")
            time.sleep(KILLED_AFTER_S)
            crowd.kill(holder)
            killed = time.monotonic()
            noticed = wait_until_noticed(kind, crowd.connections[holder])
            wait_for_the_others(crowd, said, holder)
        finally:
            crowd.end()
        got = [at for number, at, word in said if word == "got" and number != holder and at >= killed]
        ended = [(at, word) for number, at, word in said if number != holder and word.startswith(("done", "failed"))]
        return Round(
            noticed_s=noticed - killed,
            next_s=max(0.0, min(got, default=noticed) - noticed),
            all_s=max(0.0, max((at for at, _ in ended), default=noticed) - noticed),
            ends=Counter(word for _, word in ended),
            counted=counted(url),
        )


def wait_for(crowd: Crowd, said: list[tuple[int, float, str]], word: str) -> int:
    """Who says that word first."""
    while True:
        said.append(crowd.said.get(timeout=PATIENCE_S))
        if said[-1][2] == word:
            return said[-1][0]


def wait_for_the_others(crowd: Crowd, said: list[tuple[int, float, str]], holder: int) -> None:
    """Until each of them has ended, or nobody says anything any more."""
    with suppress(queue.Empty):
        while len({number for number, _, word in said if word.startswith(("done", "failed"))} - {holder}) < SIZE - 1:
            said.append(crowd.said.get(timeout=PATIENCE_S))


def wait_until_noticed(kind: str, connection: int) -> float:
    """When the server has no such connection any more."""
    server = hosts.connected(hosts.URLS[kind])
    deadline = time.monotonic() + PATIENCE_S
    while server.execute_sql(CONNECTED[kind], (connection,)).fetchone():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the server still has the connection {connection}")
        time.sleep(0.002)
    server.close()
    return time.monotonic()


def counted(url: str) -> int | None:
    database = hosts.connected(url)
    try:
        row = database.execute_sql("SELECT n FROM counter").fetchone()
    finally:
        database.close()
    return None if row is None else int(row[0])
