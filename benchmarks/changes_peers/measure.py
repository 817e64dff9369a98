"""One tool, one change, one process. Prints what came of it as JSON.

Called with: the tool, the kind of database, the change's number, a folder; and two URLs of empty databases, where
they are not files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from changes_peers import rows
from changes_peers.cases import changes
from changes_peers.states import MARIA, PG, SQLITE, CannotBeSaid, Change, State
from changes_peers.tool import Tool
from ormmigrate.dialects import dialect_of
from ormmigrate.schema import Schema, Table
from ormmigrate.urls import database_from_url

TOOLS = {
    "ormmigrate": ("ours", "Ours"),
    "playhouse.schema_diff": ("schema_diff", "SchemaDifference"),
    "peewee-migrate": ("peewee_migrate_auto", "PeeweeMigrate"),
    "alembic": ("alembic_autogenerate", "Alembic"),
    "Django": ("django_autodetector", "Django"),
}
PLACEHOLDERS = {SQLITE: "?", PG: "%s", MARIA: "%s"}


@dataclass
class Outcome:
    """What came of one change.

    Attributes:
        unsaid: why the tool's models cannot say the change.
        is_same: whether the models before and after make the same database.
        found: what it found.
        false: what it found where nothing differs: before against itself, after against itself.
        has_asked: whether it asked, and was answered.
        failed: why what it found could not be written or applied.
        is_made: whether the schema that is there in the end is the one that was wanted; the order of columns aside.
        is_moved: whether there is another schema than before.
        lost: what is gone of the rows, triggers and views that should have stayed.
    """

    unsaid: str | None = None
    is_same: bool = False
    found: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    has_asked: bool = False
    failed: str | None = None
    is_made: bool = False
    is_moved: bool = False
    lost: tuple[str, ...] = ()


def main() -> None:
    name, kind, number, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    urls = sys.argv[5:] or [f"sqlite:///{folder / name}.db" for name in ("before", "after")]
    with redirect_stdout(sys.stderr):
        outcome = measured(tool_of(name), changes(kind)[number], kind, folder, urls)
    print(json.dumps(asdict(outcome)))


def tool_of(name: str) -> type[Tool]:
    module, class_name = TOOLS[name]
    found: type[Tool] = getattr(import_module(f"changes_peers.{module}"), class_name)
    return found


def measured(kind_of_tool: type[Tool], change: Change, kind: str, folder: Path, urls: Sequence[str]) -> Outcome:
    """Make both states, each in its database, fill the first, and lead it to the second."""
    tool, other = (kind_of_tool(url, folder / name) for url, name in zip(urls, ("before", "after")))
    if change.before.sql != change.after.sql and not tool.reads_all:
        return Outcome(unsaid="no models say it")
    try:
        for one, state in ((tool, change.before), (other, change.after)):
            one.folder.mkdir(parents=True)
            one.create(state)
            if not one.reads_all:
                _run_sql(one, state)
    except CannotBeSaid as error:
        return Outcome(unsaid=str(error))
    except Exception as error:  # noqa: BLE001 - each tool has its own way to fail
        return Outcome(failed=first_line(error))
    before, wanted = schema_of(tool), schema_of(other)
    with executing(tool.url) as execute:
        rows.fill(change.before, execute, PLACEHOLDERS[kind])
        kept = rows.read(change.before, execute)
    outcome = Outcome(is_same=before == wanted)
    false = tool.differences(change.before)
    outcome.false = (*false, *other.differences(change.after))
    outcome.found = tuple(line for line in tool.differences(change.after, change.renamed) if line not in false)
    if outcome.found:
        _apply(tool, outcome)
        found = schema_of(tool)
        outcome.is_made, outcome.is_moved, outcome.has_asked = found == wanted, found != before, tool.has_asked
        if not outcome.failed:
            with executing(tool.url) as execute:
                there = [table.name for table in found.tables]
                lost = rows.lost(kept, change.after, there, change.renamed, execute)
            outcome.lost = (*lost, *_missing(before, wanted, found))
    return outcome


def _apply(tool: Tool, outcome: Outcome) -> None:
    try:
        tool.apply()
    except Exception as error:  # noqa: BLE001 - each tool has its own way to fail
        outcome.failed = first_line(error)


def _missing(before: Schema, wanted: Schema, found: Schema) -> Iterator[str]:
    """Triggers and views that were there and should still be."""
    for name, kind in (("triggers", "trigger"), ("views", "view")):
        there = [one.name for one in getattr(found, name)]
        stayed = {one.name for one in getattr(before, name)} & {one.name for one in getattr(wanted, name)}
        yield from (f"the {kind} {one}" for one in sorted(stayed) if one not in there)


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def schema_of(tool: Tool) -> Schema:
    """What is there, as our reader reads it, without the tool's own tables, in an order that says nothing."""
    database = database_from_url(tool.url)
    with database.connection_context():
        schema = dialect_of(database).inspect(database).without(tool.tables)
    return replace(schema, tables=tuple(map(_in_order, schema.tables)))


def _in_order(table: Table) -> Table:
    return replace(
        table,
        columns=tuple(sorted(table.columns, key=lambda column: column.name)),
        indexes=tuple(sorted(table.indexes, key=lambda index: repr(replace(index, name=None, is_constraint=False)))),
        foreign_keys=tuple(sorted(table.foreign_keys, key=lambda key: repr(replace(key, name=None)))),
        checks=tuple(sorted(table.checks, key=lambda check: check.key)),
    )


@contextmanager
def executing(url: str) -> Iterator[Callable[..., Any]]:
    """What runs SQL, on a connection of its own that keeps foreign keys."""
    database = database_from_url(url)
    with database.connection_context():
        if url.startswith("sqlite"):
            database.execute_sql("PRAGMA foreign_keys = ON")
        yield database.execute_sql


def _run_sql(tool: Tool, state: State) -> None:
    with executing(tool.url) as execute:
        for statement in state.sql:
            execute(statement)


if __name__ == "__main__":
    main()
