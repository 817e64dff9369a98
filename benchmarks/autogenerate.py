"""What it costs to find ten changes among many tables on SQLite, beside what others need, and who finds them.

    pip install -e ".[bench]"
    python benchmarks/autogenerate.py [--sizes 300,1000] [--rounds 7] [--peers playhouse,alembic,django]

The floor is plain `sqlite3` running three queries on one of the two databases: all columns, all indexes, all foreign
keys. The peers take turns, each in a new process on the same files, after they have compared ten other tables; models
and metadata are made, and what is needed is imported, before the clock starts. Times are the processor's, and medians.
Exits 1 where one of the bounds, printed last, does not hold.

Peers: ormmigrate (two databases that are there, read and compared), no quotes (the same, where one of them has other
spaces and no quotes around names), a person's (where one was written by hand: keywords in lower case, names in
brackets, comments), both a person's, check (models against a database, the models' tables made on a scratch database
included), create_tables (what of that is peewee's: the same tables made in memory), playhouse (schema_diff), alembic
(compare_metadata with types, defaults and CHECKs), django (makemigrations --check, which reads its migrations, and no
schema). The bounds are for schemas as peewee and ormmigrate write them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from autogenerate_peers.schema import Found, changed, schema
from changes_peers.states import attribute

ROOT = Path(__file__).parent.parent
BASE, MAKING = "sqlite3", "create_tables"
BOUND = ("ormmigrate", "no quotes")
OURS = (*BOUND, "a person's", "both a person's", "check")
DISTRIBUTIONS = {"playhouse": "peewee", "alembic": "alembic", "django": "Django"}
#: A column that changed is one thing to Django.
COLUMN_CHANGES = ("type", "null", "default", "index added", "foreign key")
MOST_OF_FLOOR, LEAST_OF_ALEMBIC, MOST_OF_GROWTH = 2.5, 5.0, 1.25


@dataclass
class Measured:
    """What one peer needed for one size, once for each round, and what it found."""

    ms: list[float] = field(default_factory=list)
    found: set[Found] = field(default_factory=set)

    @property
    def middle_ms(self) -> float:
        return median(self.ms)


@dataclass(frozen=True)
class Bound:
    what: str
    value: float
    limit: float
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.is_least else self.value <= self.limit

    def __str__(self) -> str:
        side = "at least" if self.is_least else "at most"
        return f"{self.what:<64} {self.value:7.2f}  {side:<8} {self.limit:5.2f}  {'ok' if self.is_met else 'OVER'}"


Results = dict[int, dict[str, Measured]]  # by size, by peer


def main() -> None:
    options = parse()
    peers = [BASE, *OURS, MAKING, *installed(options.peers)]
    print(header(options.rounds))
    results: Results = {}
    with TemporaryDirectory(prefix="ormmigrate_autogenerate_") as temporary:
        run("prepare", f"{temporary}/few", "10", "few", ",".join(peer for peer in peers if peer != "django"))
        for size in options.sizes:
            folder = f"{temporary}/{size}"
            run("prepare", folder, str(size), "part", ",".join(peers))
            results[size] = measure(peers, folder, f"{temporary}/few", options.rounds)
            print_size(size, results[size])
    print()
    bounds = bounds_of(results)
    for bound in bounds:
        print(bound)
    if not all(bound.is_met for bound in bounds):
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = lambda text: [int(size) for size in text.split(",")]  # noqa: E731
    parser.add_argument("--sizes", type=sizes, default=[300, 1000], metavar="N,N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(DISTRIBUTIONS), metavar="A,B")
    options = parser.parse_args()
    if unknown := set(options.peers) - set(DISTRIBUTIONS):
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(DISTRIBUTIONS)}")
    return options


def installed(peers: list[str]) -> list[str]:
    found = []
    for peer in peers:
        try:
            version(DISTRIBUTIONS[peer])
            found.append(peer)
        except PackageNotFoundError:
            print(f'{peer} is left out: it is not installed (pip install -e ".[bench]")')
    return found


def header(rounds: int) -> str:
    names = [name for name in (*DISTRIBUTIONS.values(), "SQLAlchemy") if installed_version(name)]
    return (
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores; "
        f"{', '.join(f'{name} {version(name)}' for name in names)}\nMedians of {rounds} rounds, a new process each time"
    )


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def measure(peers: list[str], folder: str, few: str, rounds: int) -> dict[str, Measured]:
    results = {peer: Measured() for peer in peers}
    for number in range(rounds):
        for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
            answer = json.loads(run("measure", peer, folder, few))
            results[peer].ms.append(answer["ms"])
            results[peer].found = {tuple(found) for found in answer["found"]}
    return results


def run(module: str, *arguments: str) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "benchmarks"), str(ROOT))),
        # Modules are compiled once, as on any machine, also where this shell says that they shall not be.
        "PYTHONDONTWRITEBYTECODE": "",
    }
    command = [sys.executable, "-m", f"autogenerate_peers.{module}", *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def expected(size: int, peer: str) -> set[Found]:
    found = changed(schema(size))[1]
    if peer != "django":
        return found
    return {
        ("column changed" if what in COLUMN_CHANGES else what, table, attribute(column))
        for what, table, column in found
    }


def print_size(size: int, results: dict[str, Measured]) -> None:
    base_ms = results[BASE].middle_ms
    print(f"\n{f'{size:,} tables':<16} {'ms':>9} {'of floor':>9} {'found':>6} {'besides':>8}")
    for peer, measured in results.items():
        line = f"{peer:<16} {measured.middle_ms:9.1f} {measured.middle_ms / base_ms:9.2f}"
        if peer in (BASE, MAKING):
            print(line)
            continue
        wanted = expected(size, peer)
        print(f"{line} {len(measured.found & wanted):6} {len(measured.found - wanted):8}")
        if missed := sorted(wanted - measured.found):
            print(f"{'':16} not found: {', '.join(what for what, *_ in missed)}")
        for what, *where in sorted(measured.found - wanted):
            print(f"{'':16} found besides: {what} {' '.join(where)}")


def bounds_of(results: Results) -> list[Bound]:
    bounds = []
    for size, found in results.items():
        for peer in BOUND:
            ratio = found[peer].middle_ms / found[BASE].middle_ms
            bounds.append(Bound(f"{size:,}: {peer}: both read and compared / the floor of one", ratio, MOST_OF_FLOOR))
            if "alembic" in found:
                ratio = found["alembic"].middle_ms / found[peer].middle_ms
                bounds.append(Bound(f"{size:,}: alembic / {peer}", ratio, LEAST_OF_ALEMBIC, True))
        wrong = max(len(found[peer].found ^ expected(size, peer)) for peer in OURS)
        bounds.append(Bound(f"{size:,}: changes that ours does not find, or finds wrongly", wrong, 0))
    small, large = min(results), max(results)
    if small != large:
        for peer in BOUND:
            growth = results[large][peer].middle_ms / results[small][peer].middle_ms
            bounds.append(Bound(f"{peer}: {large:,} / {small:,}", growth, large / small * MOST_OF_GROWTH))
    return bounds


if __name__ == "__main__":
    main()
