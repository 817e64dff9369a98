"""How long others wait while a table of a server is changed: PostgreSQL and MariaDB, ours and playhouse.migrate.

    pip install -e ".[test]"
    python benchmarks/servers.py [--rows 2000000] [--repeat 3] [--servers postgresql,mysql] [--only 'add*']

The servers are those of the tests (ORMMIGRATE_TEST_POSTGRESQL, ORMMIGRATE_TEST_MYSQL). Everything happens in a
database of its own on each, which is dropped at the end, also after Ctrl-C.

Stalls: a reader (one row by key) and a writer (an UPDATE by key and an INSERT, in turns), each a process of its own
with 1 ms between its operations, use a fresh copy of the table while another process changes it. Printed is the
longest operation that lies in the change, or in its first second where it is shorter. What is normal meanwhile is
measured at the same time: a second reader and a second writer do the same on a twin of the table that nobody changes.
An index build takes a processor and the disk, and makes everybody slower on whatever table; their longest operation
says by how much, and only what is more than that comes from the change of the table. `quiet` is the longest operation
before the change, in 3 s without a neighbour, for comparison. Each is the median of the repeats: a lock stalls each
time, the noise of a machine that others use does not; the largest difference stands beside it.

Groups: six changes of one table, none of them instant, without clients: one ALTER TABLE for all, and one for each.

Exits 1 where one of the bounds, printed last, does not hold. `failed` measurements miss theirs. A foreign key has no
bound on MariaDB, which knows no way to add one and check the rows but to copy the table.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from importlib.metadata import version
from statistics import median

from server_peers.changes import CHANGES, DEFAULT, GROUPED, ONE_BY_ONE, ONLINE, WAYS
from server_peers.hosts import MARIA, PG, URLS, clean_up_when_ended, own_database, version_of
from server_peers.stalls import ROLES, Measured, measure, repeat, timed
from server_peers.tables import Tables

MOST_MS = 50.0
MOST_RATIO = 0.5
SIX = "six changes"
CONSTANT_DEFAULT = "add column"


@dataclass(frozen=True)
class Bound:
    what: str
    value: float | None  # None: not measured
    most: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.value is not None and self.value <= self.most

    def __str__(self) -> str:
        value = "       -" if self.value is None else f"{self.value:8.2f}"
        return f"{self.what:<72} {value}  at most {self.most:5.1f} {self.unit:<6} {'ok' if self.is_met else 'OVER'}"


def main() -> None:
    options = parse()
    clean_up_when_ended()
    print(f"Python {platform.python_version()}, peewee {version('peewee')}, {os.cpu_count()} cores")
    bounds: list[Bound] = []
    for kind in options.servers:
        print(
            f"\n{version_of(URLS[kind])}, {options.rows:,} rows, medians of {options.repeat}; times in ms", flush=True
        )
        with own_database(URLS[kind]) as url:
            tables = Tables(url, options.rows)
            bounds += run(kind, tables, options)
            tables.close()
    print()
    for bound in bounds:
        print(bound)
    if not all(bound.is_met for bound in bounds):
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000, metavar="N")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument("--servers", type=lambda text: text.split(","), default=[PG, MARIA], metavar="A,B")
    parser.add_argument("--only", default="*", metavar="GLOB", help=f"changes: {', '.join((*CHANGES, SIX))}")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=WAYS, metavar="A,B")
    options = parser.parse_args()
    for given, known in ((options.servers, URLS), (options.ways, WAYS)):
        if unknown := set(given) - set(known):
            parser.error(f"no such thing: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def run(kind: str, tables: Tables, options: argparse.Namespace) -> list[Bound]:
    """Measure everything on one server; print each change as soon as it is done."""
    bounds: list[Bound] = []
    chosen = [change for change in CHANGES if fnmatch(change, options.only)]
    if chosen:
        print(header())
    for change in chosen:
        results = {way: Measured() for way in options.ways}
        for number in range(options.repeat):
            for way, measured in results.items():
                name = f"{way}_{change}_{number}".replace(" ", "_").lower()
                repeat(partial(measure, tables, way, change, name, measured), measured)
        for way, measured in results.items():
            print(line(change, way, measured), flush=True)
        bounds += bounds_of(kind, change, results)
    if fnmatch(SIX, options.only):
        bounds += compare_groups(kind, tables, options.repeat)
    return bounds


def header() -> str:
    cells = "".join(
        f" | {role + ': longest':>16} {'twin':>7} {'more':>8} {'largest':>8} {'quiet':>6}" for role in ROLES
    )
    return f"\n{'change':<14} {'by':<12} {'seconds':>8}{cells} | rewritten"


def line(change: str, way: str, measured: Measured) -> str:
    if measured.failed:
        return f"{change:<14} {way:<12} failed: {measured.failed}"
    cells = ""
    for role in ROLES:
        more = measured.more(role)
        cells += f" | {measured.middle('stall', role):16.1f} {measured.middle('twin', role):7.1f}"
        cells += f" {median(more):8.1f} {max(more):8.1f} {measured.middle('quiet', role):6.1f}"
    rewritten = "yes" if measured.is_rewritten else "no"
    refused = "".join(f"\n{'':14} refused {count} times: {text}" for text, count in measured.errors.items())
    return f"{change:<14} {way:<12} {median(measured.duration_s):8.3f}{cells} | {rewritten}{refused}"


def bounds_of(kind: str, change: str, results: dict[str, Measured]) -> list[Bound]:
    bounds = []
    if ONLINE in results and kind not in CHANGES[change].copies_on:
        measured = results[ONLINE]
        more = None if measured.failed else median(measured.more("writer"))
        bounds.append(Bound(f"{kind}: {change}, online: a writer waits longer than normal by", more, MOST_MS, "ms"))
    if change == CONSTANT_DEFAULT:
        for way in (DEFAULT, ONLINE):
            if way in results:
                times = None if results[way].failed else float(results[way].is_rewritten)
                what = f"{kind}: {change} with a constant default, {way}: the table is rewritten"
                bounds.append(Bound(what, times, 0.0, "times"))
    return bounds


def compare_groups(kind: str, tables: Tables, repeats: int) -> list[Bound]:
    """Six changes as one ALTER TABLE and one by one. The bound is MariaDB's."""
    results = {way: Measured() for way in (GROUPED, ONE_BY_ONE)}
    for number in range(repeats):
        for way, measured in results.items():
            repeat(partial(timed, tables, way, f"{way}_{number}".replace(" ", "_"), measured), measured)
    print()
    for way, measured in results.items():
        took = f"failed: {measured.failed}" if measured.failed else f"{median(measured.duration_s):8.3f} s"
        print(f"{SIX:<14} {way:<12} {took}", flush=True)
    ratio = None
    if not any(measured.failed for measured in results.values()):
        ratio = median(results[GROUPED].duration_s) / median(results[ONE_BY_ONE].duration_s)
        print(f"{SIX:<14} {'ratio':<12} {ratio:8.2f}")
    if kind != MARIA:
        return []
    return [Bound(f"{kind}: {SIX} of one table, grouped: of the time of one by one", ratio, MOST_RATIO, "times")]


if __name__ == "__main__":
    main()
