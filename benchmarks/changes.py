"""Which changes of a schema are found, and whether what is found leads there: ours and others', as a Markdown table.

    pip install -e ".[bench]"
    python benchmarks/changes.py [--only 'index*'] [--tools alembic,Django] [--servers postgresql,mysql] [--why]

Each change is a schema before and one after, said neutrally; each tool gets them as its own models, makes the tables
of the first in a database, which is filled, finds what differs, writes it as it writes migrations, and runs that. Then
the schema is read back, and compared with what the tool's own models of the second make of an empty database; and the
rows are compared with those before. Each cell is a process of its own. The others run on SQLite; ours runs on the
servers of the tests as well (ORMMIGRATE_TEST_POSTGRESQL, ORMMIGRATE_TEST_MYSQL). Every tool is set up as its
documentation says, and who asks a question is answered. Views, triggers and comments are no tool's models': ours
compares the database with one that has them.

Exits 1 where ours does not find a change, is led elsewhere, loses something, or finds what is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from datetime import date
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from changes_peers.cases import changes
from changes_peers.measure import Outcome
from changes_peers.states import MARIA, PG, SQLITE
from server_peers.hosts import URLS, clean_up_when_ended, own_database, version_of

ROOT = Path(__file__).parent.parent
OURS = "ormmigrate"
#: What each tool needs to be installed.
DISTRIBUTIONS = {
    "playhouse.schema_diff": "peewee",
    "peewee-migrate": "peewee-migrate",
    "alembic": "alembic",
    "Django": "Django",
}
YES, ASKS, REPORTED, NO, UNSAID, ABSENT = "yes", "yes, asks", "reported", "no", "-", ""
LEGEND = f"""\
- **{YES}**: found; what it writes leads to the schema that was wanted, and every row is there.
- **{ASKS}**: the same, after it has asked: whether something was renamed, what rows without a value get.
- **{REPORTED}**: found and said, and left to people; nothing is changed.
- **{NO}**: not found.
- **fails**: found, or not even that, and an error comes out. **wrong**: it runs, and leads to another schema. \
**loses …**: it runs, and rows or triggers that should have stayed are gone.
- **models only**: found, and the databases that its models make before and after are the same.
- **{UNSAID}**: its models have no word for it.
- Nothing: the database has no such thing."""

Table = dict[str, dict[str, Outcome]]  # by change, by column


def main() -> None:
    options = parse()
    clean_up_when_ended()
    columns = [(OURS, SQLITE), *((OURS, kind) for kind in options.servers)]
    columns += [(tool, SQLITE) for tool in options.tools if is_there(tool)]
    table: Table = {}
    for tool, kind in columns:
        for number, change in enumerate(changes(kind)):
            if fnmatch(change.name, options.only):
                outcome = measure(tool, kind, number)
                table.setdefault(change.name, {})[title(tool, kind)] = outcome
                print(f"{title(tool, kind)}: {change.name}: {cell(outcome)}", file=sys.stderr, flush=True)
    titles = [title(tool, kind) for tool, kind in columns]
    print(header(columns))
    print(LEGEND + "\n")
    print(markdown(table, titles))
    if options.why:
        print_why(table, titles)
    if any(is_short(outcome) for row in table.values() for name, outcome in row.items() if name.startswith(OURS)):
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: [name for name in text.split(",") if name]  # noqa: E731
    parser.add_argument("--only", default="*", metavar="GLOB", help="changes")
    parser.add_argument("--tools", type=listed, default=list(DISTRIBUTIONS), metavar="A,B")
    parser.add_argument("--servers", type=listed, default=[PG, MARIA], metavar="A,B")
    parser.add_argument("--why", action="store_true", help="say what lies behind each cell that is not yes")
    options = parser.parse_args()
    for given, known in ((options.tools, DISTRIBUTIONS), (options.servers, URLS)):
        if unknown := set(given) - set(known):
            parser.error(f"no such thing: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def is_there(tool: str) -> bool:
    try:
        version(DISTRIBUTIONS[tool])
    except PackageNotFoundError:
        print(f'{tool} is left out: it is not installed (pip install -e ".[bench]")', file=sys.stderr)
        return False
    return True


def title(tool: str, kind: str) -> str:
    names = {SQLITE: "SQLite", PG: "PostgreSQL", MARIA: "MariaDB"}
    return f"{tool}, {names[kind]}" if tool == OURS else tool


def measure(tool: str, kind: str, number: int) -> Outcome:
    """One cell, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "benchmarks"), str(ROOT)))}
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="ormmigrate_changes_"))
        urls = [] if kind == SQLITE else [stack.enter_context(own_database(URLS[kind])) for _ in range(2)]
        command = [sys.executable, "-m", "changes_peers.measure", tool, kind, str(number), folder, *urls]
        process = subprocess.run(command, env=environment, capture_output=True, text=True)
    if process.returncode:
        sys.exit(f"{tool}, {kind}, {changes(kind)[number].name}:\n{process.stderr}")
    return Outcome(**json.loads(process.stdout))


def cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return ABSENT
    if outcome.unsaid:
        return UNSAID
    if outcome.failed:
        return "fails"
    if not outcome.found:
        return UNSAID if outcome.is_same else NO
    if outcome.is_same:
        return "models only"
    if outcome.lost:
        return "loses rows" if any("row" in what or "value" in what for what in outcome.lost) else "loses the trigger"
    if not outcome.is_moved:
        return REPORTED
    if not outcome.is_made:
        return "wrong"
    return ASKS if outcome.has_asked else YES


def is_short(outcome: Outcome) -> bool:
    return cell(outcome) not in (YES, ASKS, REPORTED) or bool(outcome.false)


def header(columns: list[tuple[str, str]]) -> str:
    tools = [name for tool, name in DISTRIBUTIONS.items() if (tool, SQLITE) in columns]
    found = [f"{name} {version(name)}" for name in tools]
    found += [version_of(URLS[kind]) for tool, kind in columns if kind != SQLITE]
    return f"{date.today():%-d %B %Y}: SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}, " + (
        ", ".join(found) + ".\n"
    )


def markdown(table: Table, titles: list[str]) -> str:
    lines = [row("change", titles), row("---", ["---"] * len(titles))]
    lines += [row(name, [cell(outcomes.get(one)) for one in titles]) for name, outcomes in table.items()]
    of_titles = [[outcomes[one] for outcomes in table.values() if one in outcomes] for one in titles]
    found = [f"{sum(bool(one.found) for one in column)} of {len(column)}" for column in of_titles]
    made = [f"{sum(cell(one) in (YES, ASKS) for one in column)} of {len(column)}" for column in of_titles]
    false = [str(sum(bool(one.false) for one in column)) for column in of_titles]
    lines += [row(f"**{what}**", values) for what, values in (("found", found), ("led there", made))]
    lines.append(row("**differences where nothing differs**", false))
    return "\n".join(lines)


def row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def print_why(table: Table, titles: list[str]) -> None:
    for one in titles:
        print(f"\n{one}")
        for name, outcomes in table.items():
            outcome = outcomes.get(one)
            if outcome and cell(outcome) not in (YES, NO):
                reason = outcome.unsaid or outcome.failed or "; ".join(outcome.lost or outcome.found)
                print(f"- {name}: {cell(outcome)}: {reason}")
            if outcome and outcome.false:
                print(f"- {name}: found where nothing differs: {'; '.join(outcome.false)}")


if __name__ == "__main__":
    main()
