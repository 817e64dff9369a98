"""Commands that write the history and run nothing: stamp, settle, accept."""

from __future__ import annotations

from difflib import unified_diff
from typing import Literal

import click

from ormmigrate.cli.group import DONE, FOUND, as_json, is_agreed
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import BAD, GOOD, QUIET, Output, Part


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate stamp 20240602_120000_initial
  python -m ormmigrate stamp --none"""
)
@click.argument("id", metavar="[ID]", required=False)
@click.option("--none", "nothing", is_flag=True, help="No migration counts as applied.")
@as_json
@click.pass_obj
def stamp(invocation: Invocation, id: str | None, nothing: bool) -> int:
    """Say how far a database is, without running anything.

    Everything up to ID, and nothing after it, counts as applied afterwards. This is how an existing database
    starts with migrations.
    """
    if (id is None) is not nothing:
        raise click.UsageError("Say either the ID of the last migration that counts as applied, or --none.")
    runner = invocation.runner
    before = {row.label: row.state for row in runner.history()}
    report = runner.stamp(id)
    after = {row.label for row in runner.history()}
    removed = [label for label in before if label not in after and not label.startswith("ormmigrate:")]
    output = invocation.output
    if output.as_json:
        output.write_json({**report.to_dict(), "removed": removed})
        return DONE
    for words, labels in (("Counts as applied now", report.stamped), ("No longer counts as applied", removed)):
        for label in labels:
            output.say(f"{words}: {label}")
    if not report.stamped and not removed:
        output.say("Nothing changed: the history says so already.")
    return DONE


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate settle 20240602_130000_add_user_preferences --applied
  python -m ormmigrate settle 20240602_130000_add_user_preferences --undone"""
)
@click.argument("id", metavar="ID")
@click.option("--applied", "outcome", flag_value="applied", help="All of it is there now.")
@click.option("--undone", "outcome", flag_value="undone", help="Nothing of it is left.")
@as_json
@click.pass_obj
def settle(invocation: Invocation, id: str, outcome: Literal["applied", "undone"] | None) -> int:
    """Say how an interrupted migration stands, after repairing it by hand.

    Where DDL cannot be rolled back (MariaDB, MySQL), a migration that failed or was killed in the middle stops
    every start until somebody has looked. Nothing is run.
    """
    if outcome is None:
        raise click.UsageError("Say --applied if all of it is there now, or --undone if nothing of it is left.")
    invocation.runner.settle(id, outcome)
    if invocation.output.as_json:
        invocation.output.write_json({"migration": id, "settled": outcome})
    else:
        invocation.output.say(f"{id}: {outcome}.")
    return DONE


@click.command(
    epilog="""\b
Example:
  python -m ormmigrate accept 20240602_130000_add_user_preferences"""
)
@click.argument("id", metavar="ID")
@is_agreed
@as_json
@click.pass_obj
def accept(invocation: Invocation, id: str, yes: bool) -> int:
    """Accept an edited migration, after showing the edit.

    Its present text counts as what was applied from then on. Nothing is run: accept an edit that makes no
    difference to a database which ran the old text.
    """
    from ormmigrate.checksum import fingerprint_of

    runner, output = invocation.runner, invocation.output
    migration = runner.registries.find(id)
    row = next((row for row in runner.history() if row.key == migration.key), None)
    known = fingerprint_of(migration)
    # Without both there is nothing to compare: accept() says what is missing.
    if row is not None and known is not None:
        if row.checksum == known.checksum:
            words = "not changed since it was applied (comments, docstrings and formatting do not count)"
            _tell_accepted(output, migration.label, words, is_changed=False)
            return DONE
        if not (yes and output.as_json):
            _say_difference(output, migration.label, row.source, known.source)
        if not invocation.confirm("Take the present text as what was applied?", is_agreed=yes):
            return FOUND
    runner.accept(id)
    _tell_accepted(output, migration.label, "accepted as it is now", is_changed=True)
    return DONE


def _tell_accepted(output: Output, label: str, words: str, *, is_changed: bool) -> None:
    if output.as_json:
        output.write_json({"migration": label, "accepted": is_changed})
    else:
        output.say(f"{label}: {words}.")


def _say_difference(output: Output, label: str, stored: str | None, present: str) -> None:
    if stored is None:
        output.say(f"{label}: the text that was applied is not in the history, so no difference can be shown.")
        return
    lines = list(unified_diff(stored.splitlines(), present.splitlines(), "as applied", "as it is now", lineterm=""))
    if not lines:
        output.say(f"{label}: the text is the same; its checksum was made in another way.")
    for line in lines:
        output.say(_styled(line))


def _styled(line: str) -> Part:
    style = {"+": GOOD, "-": BAD, "@": QUIET}.get(line[:1])
    return (line, style) if style else line
