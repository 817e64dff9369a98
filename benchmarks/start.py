"""What migrations cost: at every start with nothing pending, and when they are applied to an empty file.

    python benchmarks/start.py [--rounds 7] [--check]

Prints ratios of medians; the peers take turns within each round. `--check` exits 1 where a bound is not met.
For figures of a whole process use an environment without database drivers: `import peewee` imports each.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import peewee
import workload

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parent.parent
SIZES = (200, 1000)
PROCESSES_PER_ROUND = 3
DRIVERS = ("psycopg", "psycopg2", "pymysql", "MySQLdb")
#: What only a batch or the command line needs, and no start may import.
NEEDLESS = (
    *("click", "rich", "playhouse", "unittest", "argparse"),
    *(f"ormmigrate.{name}" for name in ("batch", "checksum", "cli", "migrator", "operations", "project", "replay")),
    *(f"ormmigrate.{name}" for name in ("status", "sync", "tables")),
    *(f"ormmigrate.dialects.{name}" for name in ("ddl", "engine", "script", "sqlite.engine", "violations")),
)
CLOCK = """\
start    In one process, everything imported and the registry built: a new Database, 10 models bound, open the
         file, one query, compare, close; against sqlite3: connect, the same query, fetchall, close.
process  A whole process: import peewee, the models and the migrations' modules, then that start; against the
         same imports, then that query through sqlite3. The registry is built inside our clock.
apply    Three statements a migration into an empty file. Ours: modules imported and one migration run in
         memory beforehand; inside the clock are open, lock, checksums, checks, commit, close. sqlite3: open,
         the statements and history rows that ours sent, in one transaction, close. playhouse.migrations: open,
         load each file (compiled already), run, commit each, close."""

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Line:
    """One ratio: the first peer's median over the second's, and what it may be."""

    what: str
    ours_ms: float
    peer: str
    peer_ms: float
    bound: float
    is_at_least: bool = False

    @property
    def ratio(self) -> float:
        return self.peer_ms / self.ours_ms if self.is_at_least else self.ours_ms / self.peer_ms

    @property
    def is_met(self) -> bool:
        return self.ratio >= self.bound if self.is_at_least else self.ratio <= self.bound

    def __str__(self) -> str:
        words = "times faster, at least" if self.is_at_least else "times as long, at most"
        return (
            f"{self.what:<14} {self.ours_ms:9.2f} {self.peer:>12} {self.peer_ms:9.2f} {self.ratio:6.2f} {words:<22} "
            f"{self.bound:4.1f}  {'ok' if self.is_met else 'OVER'}"
        )


def main() -> None:
    options = parse()
    print(header(options.rounds))
    print(f"\n{'':14} {'ours, ms':>9} {'peer':>12} {'its ms':>9} {'ratio':>6} {'':22} bound")
    is_met = True
    with TemporaryDirectory(prefix="ormmigrate_benchmark_") as temporary:
        for size in SIZES:
            folder = Path(temporary, str(size))
            workload.write(folder, size)
            run("prepare.py", folder)
            modules, needless = imports_of_a_start(folder)
            verdict = f"OVER, needless: {', '.join(needless)}" if needless else "ok, nothing that only a batch needs"
            print(f"imports {size:<6} {len(modules)} modules more than the peer of `process`: {verdict}")
            is_met &= not needless
            for line in measure(folder, size, options.rounds):
                print(line, flush=True)
                is_met &= line.is_met
    print(f"\n{CLOCK}")
    if options.check and not is_met:
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bound is not met")
    return parser.parse_args()


def header(rounds: int) -> str:
    drivers = ", ".join(name for name in DRIVERS if find_spec(name)) or "none"
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, peewee {peewee.__version__}, "
        f"{os.cpu_count()} cores; drivers that peewee imports: {drivers}\nMedians of {rounds} rounds"
    )


def measure(folder: Path, size: int, rounds: int) -> Iterator[Line]:
    start = starts(folder, rounds)
    yield Line(f"start {size}", *pair(start, "sqlite3"), bound=2.0)
    process = processes(folder, rounds)
    yield Line(f"process {size}", *pair(process, "sqlite3"), bound=1.1)
    apply = applies(folder, rounds)
    yield Line(f"apply {size}", *pair(apply, "sqlite3"), bound=1.8)
    yield Line(f"apply {size}", *pair(apply, "playhouse"), bound=5.0, is_at_least=True)
    # The floor under the last line: nobody who sends these statements can be faster than sqlite3.
    floor = median(apply["playhouse"]) / median(apply["sqlite3"])
    print(f"{'':14} sqlite3 itself is {floor:.2f} times faster than playhouse.migrations")


def pair(samples: Samples, peer: str) -> tuple[float, str, float]:
    return median(samples["ormmigrate"]), peer, median(samples[peer])


def starts(folder: Path, rounds: int) -> Samples:
    samples: Samples = defaultdict(list)
    for _ in range(rounds):
        for peer, time_ms in json.loads(run("start.py", folder)).items():
            samples[peer].append(time_ms)
    return samples


def processes(folder: Path, rounds: int) -> Samples:
    samples: Samples = defaultdict(list)
    for _ in range(rounds * PROCESSES_PER_ROUND):
        for peer in ("ormmigrate", "sqlite3"):
            began = time.perf_counter()
            run(f"process_{peer}.py", folder)
            samples[peer].append((time.perf_counter() - began) * 1000)
    return samples


def applies(folder: Path, rounds: int) -> Samples:
    apply(folder, "playhouse")  # compiles its files
    samples: Samples = defaultdict(list)
    for _ in range(rounds):
        for peer in ("ormmigrate", "sqlite3", "playhouse"):
            samples[peer].append(apply(folder, peer))
    return samples


def apply(folder: Path, peer: str) -> float:
    database = folder / "applied.db"
    database.unlink(missing_ok=True)
    return float(run(f"apply_{peer}.py", folder, str(database)))


def imports_of_a_start(folder: Path) -> tuple[set[str], list[str]]:
    """The modules that a start imports beyond the application's own, and those that it should not."""
    ours, plain = (set(run(f"process_{peer}.py", folder, "--modules").split()) for peer in ("ormmigrate", "sqlite3"))
    return ours - plain, sorted(name for name in ours if any(f"{name}.".startswith(f"{top}.") for top in NEEDLESS))


def run(peer: str, folder: Path, *arguments: str) -> str:
    """Run a peer in a process of its own; return what it printed."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))),
        "ORMMIGRATE_ENV": "production",
        # Modules are compiled once, as on any machine, also where this shell says that they shall not be.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    command = [sys.executable, str(PEERS / peer), str(folder), *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
