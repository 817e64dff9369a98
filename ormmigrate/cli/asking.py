"""Commands that change nothing: status, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ormmigrate.cli.group import DONE, FOUND, as_json
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import BAD, DOUBTFUL, GOOD, QUIET, STRONG, counted, duration

if TYPE_CHECKING:
    from ormmigrate.cli.output import Output
    from ormmigrate.status import MigrationStatus, Status

TIME_FORM = "%Y-%m-%d %H:%M:%S"
WORDS = {
    "changed": "changed since",
    "unknown": "not in this program",
    "running": "interrupted",
}


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate status
  python -m ormmigrate status --json
  python -m ormmigrate status --database sqlite:///copy.db

\b
Marks: ✓ applied, · pending, ! changed since it was applied, ? not in this program, ✗ interrupted.
Exit code: 1 when something is pending or wrong."""
)
@as_json
@click.pass_obj
def status(invocation: Invocation) -> int:
    """Say what is applied, what is pending and what is wrong."""
    found = invocation.runner.status()
    if invocation.output.as_json:
        invocation.output.write_json({"database": invocation.place, **found.to_dict()})
    else:
        _say_status(invocation, found)
    return DONE if found else FOUND


def _say_status(invocation: Invocation, found: Status) -> None:
    output = invocation.output
    output.say(invocation.place)
    if found.migrations:
        output.say((f"\n  {'applied at, UTC':19}  {'took':>10}  migration", QUIET))
    for migration in found.migrations:
        _say_migration(output, migration)
    output.say()
    for error in found.errors:
        is_forbidden = error in found.forbidden
        output.say(("Wrong: ", BAD) if is_forbidden else ("To look at: ", DOUBTFUL), error.problem)
        if not is_forbidden:
            output.say(f"  The {found.environment} environment goes on with that; production would not.")
        output.say(("  Next: ", STRONG), error.advice, "\n")
    output.say(*_totals(found))


def _say_migration(output: Output, migration: MigrationStatus) -> None:
    # Whatever has a fixed width comes first: ids may be long, and are never cut.
    if migration.applied_at is None:
        when, took = "pending", ""
    else:
        when = migration.applied_at.strftime(TIME_FORM)
        took = duration(migration.duration_ms) if migration.duration_ms else "-"  # stamped, or interrupted
    words = [WORDS[migration.state]] if migration.state in WORDS else []
    words += ["unverified"] if migration.state == "applied" and not migration.verified else []
    note = f"  ({', '.join(words)})" if words else ""
    output.say(
        output.mark(migration.state), f" {when:19}  {took:>10}  ", migration.label, (note, DOUBTFUL)
    )  # fmt: skip


def _totals(found: Status) -> list[str | tuple[str, str]]:
    interrupted = sum(migration.state == "running" for migration in found.migrations)
    applied, pending = len(found.applied) - interrupted, len(found.pending)
    totals = f"{applied:,} applied, {pending:,} pending" + (f", {interrupted:,} interrupted" if interrupted else "")
    if found.errors:
        return [(f"{totals}, {counted(len(found.errors), 'thing')} to look at.", BAD)]
    if not pending:
        return [(f"{totals}.", GOOD)]
    return [(f"{totals}.", DOUBTFUL), " python -m ormmigrate up applies what is pending."]


@click.command(
    epilog="""\b
Example:
  python -m ormmigrate show 20240602_130000_add_user_preferences"""
)
@click.argument("id", metavar="ID")
@as_json
@click.pass_obj
def show(invocation: Invocation, id: str) -> int:
    """Say what a migration does, in words and as SQL, without doing it.

    Everything before it is replayed on empty tables in a scratch place of the same kind of database, so that
    the SQL is that of this database. Functions given to run() are not called.
    """
    migration = invocation.runner.registries.find(id)
    operations = invocation.runner.operations(id)
    output = invocation.output
    if output.as_json:
        described = [
            {"kind": operation.kind, "description": operation.describe(), "sql": list(sql)}
            for operation, sql in operations
        ]
        output.write_json(
            {
                "migration": migration.label,
                "name": migration.title,
                "description": migration.description,
                "transactional": migration.transactional,
                "operations": described,
            }
        )
        return DONE
    output.say((migration.label, STRONG), f"  {migration.name}")
    for line in migration.description.splitlines():
        output.say(f"  {line.strip()}")
    for operation, sql in operations:
        output.say(f"\n  {operation.describe()}")
        for statement in sql:
            output.say((f"    {statement.strip()};", QUIET))
    output.say(f"\n{counted(len(operations), 'operation')}; the SQL is that of {invocation.place}.")
    if any(operation.kind == "run" for operation, _ in operations):
        output.say("Functions given to run() were not called, so their SQL is not shown.")
    return DONE
