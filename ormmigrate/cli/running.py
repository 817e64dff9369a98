"""Commands that run migrations: up and down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ormmigrate.cli.group import DONE, FOUND, as_json, is_agreed
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import BAD, GOOD, QUIET, STRONG, Output, counted, duration
from ormmigrate.cli.progress import progress
from ormmigrate.errors import ConfigurationError

if TYPE_CHECKING:
    from ormmigrate.cli.preview import Preview
    from ormmigrate.plan import AppliedMigration, Plan
    from ormmigrate.registry import Registries
    from ormmigrate.report import Report

    #: The registries and the history's rows, to what is taken back.
    Choice = Callable[[Registries, Sequence[AppliedMigration]], Plan]


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate up
  python -m ormmigrate --database sqlite:///copy.db up -v
  python -m ormmigrate up --to 20240602_130000_add_user_preferences"""
)
@click.option("--to", metavar="ID", help="The last migration to apply; by default everything that is pending.")
@as_json
@click.pass_obj
def up(invocation: Invocation, to: str | None) -> int:
    """Apply what is pending, in one transaction.

    A batch that fails is rolled back as a whole, except on MySQL and MariaDB, which cannot.
    """
    with progress(invocation):
        report = invocation.runner.up(to)
    _tell(invocation.output, report, "Nothing pending." if to is None else f"Nothing pending up to {to}.")
    return DONE


# -- down -----------------------------------------------------------------------------------------


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate down              the last one
  python -m ormmigrate down --steps 3    the last three
  python -m ormmigrate down --batch      what the last up applied
  python -m ormmigrate down --to ID      everything after that one
  python -m ormmigrate down ID --yes     that one, if it is the last"""
)
@click.argument("id", metavar="[ID]", required=False)
@click.option("--to", metavar="ID", help="Everything that was applied after this one, which stays.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="The last N; 1 unless something is said.")
@click.option("--batch", is_flag=True, help="What the last batch applied.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@is_agreed
@as_json
@click.pass_obj
def down(
    invocation: Invocation,
    id: str | None,
    to: str | None,
    steps: int | None,
    batch: bool,
    everything: bool,
    yes: bool,
) -> int:
    """Take migrations back, after saying what will be lost.

    They are taken back in the reverse of the order in which they were applied, in one transaction. Where a
    migration has no down(), the reverse of its up() is derived.
    """
    choice = _choice(id, to, steps, batch=batch, everything=everything)
    plan, found = _previewed(invocation, choice)
    if not plan:
        _tell(invocation.output, None, "Nothing to take back.")
        return DONE
    if not (yes and invocation.output.as_json):
        _say_previews(invocation, found)
    number = counted(len(plan.migrations), "migration")
    if not invocation.confirm(f"Take {number} back?", is_agreed=yes):
        return FOUND
    with progress(invocation):
        report = invocation.runner.down_by(_agreed(invocation, choice, plan))
    _tell(invocation.output, report, "Nothing to take back.")
    return DONE


def _choice(id: str | None, to: str | None, steps: int | None, *, batch: bool, everything: bool) -> Choice:
    """What to take back, as the one thing that was said.

    Raises:
        UsageError: more than one was.
    """
    from ormmigrate import plan

    if sum((id is not None, to is not None, steps is not None, batch, everything)) > 1:
        raise click.UsageError("Say one of ID, --to, --steps, --batch and --all.")
    if id is not None:
        return lambda registries, rows: plan.plan_down_only(registries, rows, id)
    if to is not None:
        return lambda registries, rows: plan.plan_down_to(registries, rows, to)
    if batch:
        return plan.plan_down_batch
    if everything:
        return plan.plan_down_all
    return lambda registries, rows: plan.plan_down_steps(registries, rows, steps or 1)


def _previewed(invocation: Invocation, choice: Choice) -> tuple[Plan, list[Preview]]:
    """What would be taken back, with what it loses.

    Raises:
        HistoryError: the history says something that forbids it.
        IrreversibleMigration: one of them cannot be taken back.
    """
    from ormmigrate.cli.preview import previews
    from ormmigrate.connection import inner

    runner = invocation.runner
    rows = runner.history()
    plan = choice(runner.registries, rows)
    for error in runner.status().forbidden:
        raise error
    return plan, previews(inner(invocation.application), plan, rows)


def _say_previews(invocation: Invocation, found: Sequence[Preview]) -> None:
    say = invocation.output.say
    say(f"To be taken back, in this order, on {invocation.place}:")
    for preview in found:
        say(("  " + preview.migration.label, STRONG), f"  {preview.migration.name}")
        for loss in preview.losses:
            say(("    - " + loss, BAD))
        if not preview.losses:
            say(("    loses no data", QUIET))


def _agreed(
    invocation: Invocation, choice: Choice, shown: Plan
) -> Callable[[Sequence[AppliedMigration]], Plan]:  # fmt: skip
    """The choice made again under the lock; it must come to what was shown."""

    def planner(rows: Sequence[AppliedMigration]) -> Plan:
        plan = choice(invocation.runner.registries, rows)
        if plan.labels != shown.labels:
            raise ConfigurationError(
                "Meanwhile another process has changed what is applied. Nothing was taken back.",
                "start the command again, and look at what it says now.",
            )
        return plan

    return planner


def _tell(output: Output, report: Report | None, nothing: str) -> None:
    from ormmigrate.report import Report

    if output.as_json:
        output.write_json((report or Report()).to_dict())
        return
    if not report:
        output.say(nothing)
        return
    if report.stamped:
        output.say(f"Counted as applied, without having run: {', '.join(report.stamped)}")
    for verb, items in (("Applied", report.applied), ("Took back", report.reverted)):
        if items:
            took = duration(report.duration_ms)
            output.say((f"{verb} {counted(len(items), 'migration')}", GOOD), f" in {took}.")


# -- the history alone ----------------------------------------------------------------------------
