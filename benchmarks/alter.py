"""What changing a table costs on SQLite: time, memory and the size of the file, beside what others need.

    pip install -e ".[bench]"
    python benchmarks/alter.py [--rows 1000000] [--rounds 3] [--only 'six*'] [--peers alembic,batch] [--memory]

The base is plain `sqlite3` doing by hand the best statements that we know (alter_peers/by_hand.py). The peers take
turns, each in a process of its own on a fresh copy of the same file, which is on the disk and in the page cache
before the clock starts; what is timed is the operation with its COMMIT, after a first run on twenty rows. Times
are medians; what takes milliseconds is measured three times as often. Exits 1 where one of the bounds, printed
last, does not hold.

Peers: ormmigrate (SqliteMigrator), playhouse (its migrate module), alembic (batch mode), sqlite-utils (transform);
and when asked for, batch (ormmigrate's Runner as in production, with its history and its checks) and update (by
hand, but a type changed by UPDATE in place of a rebuild).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from alter_peers import orders
from alter_peers.measure import PEERS
from alter_peers.operations import OPERATIONS

ROOT = Path(__file__).parent.parent
BASE, OURS = "sqlite3", "ormmigrate"
#: What a peer needs to be installed, beside ormmigrate.
DISTRIBUTIONS = {"playhouse": "peewee", "alembic": "alembic", "sqlite-utils": "sqlite-utils"}
DEFAULT_PEERS = (OURS, *DISTRIBUTIONS)
MB = 1024 * 1024
#: SQLite's page cache holds 2 MB (PRAGMA cache_size = -2000), and the sorter of CREATE INDEX as much again, with
#: as much for merging. A table of ten times the rows may fill those better, and needs nothing else: its rows alone
#: would be 130 MB more.
MEMORY_GROWTH_MB = 8
#: What takes milliseconds is measured so many times as often: its median would be chance.
QUICK_MS, QUICK_ROUNDS = 20, 3
IN_PLACE = ("make nullable", "add CHECK", "widen VARCHAR")


@dataclass
class Measured:
    """What one peer needed for one operation, once for each round."""

    ms: list[float] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)
    size_bytes: list[int] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    refused: str | None = None

    @property
    def is_quick(self) -> bool:
        return bool(self.ms) and median(self.ms) < QUICK_MS

    def differs_from(self, base: Measured) -> list[str]:
        """What is not as it is when the change is made by hand."""
        return [name for name, value in base.facts.items() if value != self.facts.get(name)] if self.facts else []


@dataclass(frozen=True)
class Bound:
    what: str
    value: float | None  # None: not measured, or not possible
    most: float

    @property
    def is_met(self) -> bool:
        return self.value is not None and self.value <= self.most

    def __str__(self) -> str:
        value = "      -" if self.value is None else f"{self.value:7.2f}"
        return f"{self.what:<72} {value}  at most {self.most:4.1f}  {'ok' if self.is_met else 'OVER'}"


Results = dict[str, dict[str, Measured]]  # by operation, by peer


def main() -> None:
    options = parse()
    operations = [name for name in OPERATIONS if fnmatch(name, options.only)]
    with TemporaryDirectory(prefix="ormmigrate_alter_", dir=options.folder) as temporary:
        prepared = Path(temporary, "prepared.db")
        print(header(options.rows, options.rounds))
        orders.create(prepared, options.rows)
        size_mb = prepared.stat().st_size / MB
        print(
            f"{options.rows:,} rows, {size_mb:.0f} MB, {size_mb * MB / options.rows:.0f} bytes a row with two indexes"
        )
        if options.memory:
            results = {name: {OURS: measure(OURS, name, prepared)} for name in operations}
            bounds = []
        else:
            results = compare(operations, [BASE, *installed(options.peers)], prepared, options.rounds)
            print_others(results)
            bounds = time_bounds(results) if OURS in options.peers else []
        if options.memory or OURS in options.peers:
            bounds += memory_bounds(results, Path(temporary, "small.db"), options.rows)
    print()
    for bound in bounds:
        print(bound)
    if not all(bound.is_met for bound in bounds):
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--only", default="*", metavar="GLOB", help=f"operations: {', '.join(OPERATIONS)}")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=DEFAULT_PEERS, metavar="A,B")
    parser.add_argument("--memory", action="store_true", help="only our memory, for these rows and a tenth of them")
    parser.add_argument("--folder", metavar="DIR", help="where the files are made (twice the table, and its journal)")
    options = parser.parse_args()
    unknown = set(options.peers) - set(PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    if options.memory:
        options.rounds = 1  # it is the same each time
    return options


def header(rows: int, rounds: int) -> str:
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores; "
        f"{', '.join(f'{name} {version(name)}' for name in DISTRIBUTIONS.values() if is_there(name))}\n"
        f"Medians of {rounds} rounds"
    )


def installed(peers: list[str]) -> list[str]:
    for peer in peers:
        if not is_there(DISTRIBUTIONS.get(peer, OURS)):
            print(f'{peer} is left out: it is not installed (pip install -e ".[bench]")')
    return [peer for peer in peers if peer != BASE and is_there(DISTRIBUTIONS.get(peer, OURS))]


def is_there(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def compare(operations: list[str], peers: list[str], prepared: Path, rounds: int) -> Results:
    """Measure everything; print the times of an operation as soon as it is done."""
    print(f"\n{'time':<20} {BASE + ', ms':>11}" + "".join(f"{peer:>14}" for peer in peers[1:]))
    results: Results = {}
    for operation in operations:
        found = results[operation] = {peer: Measured() for peer in peers}
        for number in range(rounds * QUICK_ROUNDS):
            for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
                if number < rounds or found[peer].is_quick:
                    measure(peer, operation, prepared, found[peer])
        print(line(operation, found), flush=True)
    return results


def measure(peer: str, operation: str, prepared: Path, found: Measured | None = None) -> Measured:
    """One round of one peer, added to what was found in earlier ones."""
    found = found or Measured()
    if found.refused:
        return found
    arguments = [peer, operation, str(prepared), *([] if found.facts else ["--facts"])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "benchmarks"), str(ROOT)))}
    command = [sys.executable, "-m", "alter_peers.measure", *arguments]
    process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        found.refused = "failed after it had succeeded with a few rows, see above"
        return found
    answer = json.loads(process.stdout)
    found.refused = answer.get("refused")
    found.facts = answer.get("facts", found.facts)
    for name in ("ms", "memory_bytes", "size_bytes"):
        if name in answer:
            getattr(found, name).append(answer[name])
    return found


def line(operation: str, found: dict[str, Measured]) -> str:
    base_ms = median(found[BASE].ms)
    cells = ""
    for peer, measured in found.items():
        if peer != BASE:
            mark = "!" if measured.differs_from(found[BASE]) else " "
            cells += f"{median(measured.ms) / base_ms:12.2f} {mark}" if measured.ms else f"{'-':>12}  "
    return f"{operation:<20} {base_ms:11.1f}{cells}"


def print_others(results: Results) -> None:
    print("-: cannot do it. !: the table is not what it is when the change is made by hand, see below.")
    print_column(results, "memory, MB", lambda measured: median(measured.memory_bytes) / MB)
    print_column(results, "file afterwards, MB", lambda measured: median(measured.size_bytes) / MB)
    differences: dict[tuple[str, str], list[str]] = defaultdict(list)
    for operation, found in results.items():
        for peer, measured in found.items():
            for name in measured.differs_from(found[BASE]):
                differences[peer, f"other {name} than by hand"].append(operation)
            if measured.refused:
                differences[peer, measured.refused].append(operation)
    print()
    for (peer, what), operations in sorted(differences.items()):
        print(f"{peer}: {what}: {', '.join(operations)}")


def print_column(results: Results, title: str, value: Any) -> None:
    peers = list(next(iter(results.values())))
    print(f"\n{title:<20}" + "".join(f"{peer:>14}" for peer in peers))
    for operation, found in results.items():
        cells = "".join(f"{value(measured):14.1f}" if measured.ms else f"{'-':>14}" for measured in found.values())
        print(f"{operation:<20}{cells}")


def time_bounds(results: Results) -> list[Bound]:
    bounds = [
        *(
            Bound(f"{name}: ours / edit in place by hand, with its look", ratio(results, name), 2.0)
            for name in IN_PLACE
        ),
        Bound("six in place, group: ours / by hand", ratio(results, "six in place, group"), 2.0),
        Bound("six rewrite, group: ours / the best single rebuild by hand", ratio(results, "six rewrite, group"), 1.1),
        *(
            Bound(f"six rewrite, group: ours / {peer}", ratio(results, "six rewrite, group", peer), 1.0)
            for peer in ("sqlite-utils", "alembic")
        ),
    ]
    wrong = [name for name, found in results.items() if found[OURS].refused or found[OURS].differs_from(found[BASE])]
    bounds.append(Bound("operations that we cannot do, or that leave another table than by hand", len(wrong), 0))
    return [bound for bound in bounds if bound.value is not None or bound.what.split(":")[0] in results]


def ratio(results: Results, operation: str, peer: str = BASE) -> float | None:
    found = results.get(operation, {})
    ours, other = found.get(OURS, Measured()), found.get(peer, Measured())
    return median(ours.ms) / median(other.ms) if ours.ms and other.ms else None


def memory_bounds(results: Results, small: Path, rows: int) -> list[Bound]:
    """Our peak for a table of a tenth of the rows, beside the one for all."""
    orders.create(small, rows // 10)
    print(f"\n{'our memory, MB':<20} {rows // 10:>12,} {rows:>12,} rows")
    growths = []
    for operation, found in results.items():
        if OURS in found and found[OURS].memory_bytes:
            few_mb = median(measure(OURS, operation, small).memory_bytes) / MB
            many_mb = median(found[OURS].memory_bytes) / MB
            growths.append(many_mb - few_mb)
            print(f"{operation:<20} {few_mb:12.1f} {many_mb:12.1f}")
    return [Bound("memory: what ten times the rows need more, MB", max(growths, default=None), MEMORY_GROWTH_MB)]


if __name__ == "__main__":
    main()
