"""Commands for a migration that was interrupted outside of a transaction: resume and undo."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ormmigrate.cli.group import DONE, FOUND, as_json, is_agreed
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import BAD, GOOD, counted, duration
from ormmigrate.cli.progress import progress


class Declined(Exception):
    """A person said no."""


@click.command(
    epilog="""\b
Example:
  python -m ormmigrate resume"""
)
@as_json
@click.pass_obj
def resume(invocation: Invocation) -> int:
    """Go on with an interrupted migration, behind what of it is done.

    Where DDL cannot be rolled back (MariaDB, MySQL), and where a migration says transactional = False: for one that
    failed, once what failed was corrected. What is pending behind it is applied by up.
    """
    with progress(invocation):
        report = invocation.runner.resume()
    output = invocation.output
    if output.as_json:
        output.write_json(report.to_dict())
        return DONE
    for verb, items in (("Applied", report.applied), ("Took back", report.reverted)):
        if items:
            output.say((f"{verb} {', '.join(items)}", GOOD), f" in {duration(report.duration_ms)}.")
    return DONE


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate undo
  python -m ormmigrate undo --yes"""
)
@is_agreed
@as_json
@click.pass_obj
def undo(invocation: Invocation, yes: bool) -> int:
    """Take back what an interrupted batch has done.

    It says first what cannot come back.

    A start does this by itself where nothing is lost by it. To take finished migrations back: down.
    """

    def confirm(losses: Sequence[str]) -> None:
        if not (yes and invocation.output.as_json):
            if losses:
                invocation.output.say("What the interrupted batch has done is taken back, except for this:")
            for loss in losses:
                invocation.output.say(("  - " + loss, BAD))
        if losses and not invocation.confirm("Take the rest back?", is_agreed=yes):
            raise Declined

    try:
        with progress(invocation):
            report = invocation.runner.undo(confirm)
    except Declined:
        return FOUND
    if invocation.output.as_json:
        invocation.output.write_json(report.to_dict())
    else:
        invocation.output.say((f"Took back {counted(len(report.reverted), 'migration')}.", GOOD))
    return DONE
