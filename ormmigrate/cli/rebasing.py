"""The command that merges two branches: rebase."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ormmigrate.cli.group import DONE, FOUND, as_json, is_agreed
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import DOUBTFUL, GOOD, counted, shown
from ormmigrate.errors import ConfigurationError, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ormmigrate.cli.output import Output
    from ormmigrate.migration import BaseMigration
    from ormmigrate.rebasing import Rebased


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate rebase 20240602_130000_add_bio
  python -m ormmigrate rebase 20240602_130000_add_bio 20240602_140000_fill_bio

\b
Exit code: 1 when a file has to be edited by hand; nothing is written then."""
)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@is_agreed
@as_json
@click.pass_obj
def rebase(invocation: Invocation, ids: tuple[str, ...], yes: bool) -> int:
    """Give migrations that ran nowhere a new time and the last place.

    This is how two branches are merged: keep the lines of both in the list, then rebase those that the database
    does not have. Each gets a new id; its file, its import and its line in the list follow.
    """
    from ormmigrate.location import locate_registry
    from ormmigrate.rebasing import rebase as rebased
    from ormmigrate.registry import any_order

    with any_order():  # as a merge may have left it
        runner = invocation.runner
    chosen = list({runner.registries.find(id).key: runner.registries.find(id) for id in ids}.values())
    names = {migration.registry for migration in chosen}
    if len(names) > 1:
        raise ConfigurationError(
            f"These migrations are in several registries: {listed(sorted(names))}.", "rebase those of one at a time."
        )
    _refuse_applied(invocation, chosen, is_agreed=yes)
    registry = next(registry for registry in runner.registries if registry.name in names)
    location = locate_registry(registry)
    result = rebased(location, runner.registries, registry, chosen, datetime.now(timezone.utc))
    if invocation.output.as_json:
        invocation.output.write_json(_as_dict(result))
    else:
        _say(invocation.output, result, location.path)
    return DONE if result.reason is None else FOUND


def _refuse_applied(invocation: Invocation, chosen: Sequence[BaseMigration], *, is_agreed: bool) -> None:
    try:
        present = {row.key for row in invocation.runner.history()}
    except ConfigurationError as error:
        if is_agreed:
            return
        raise ConfigurationError(
            f"Whether they are applied cannot be asked: {error.problem}",
            f"make the database reachable; or, if they ran nowhere: {invocation.command} --yes",
        ) from error
    applied = [migration.label for migration in chosen if migration.key in present]
    if applied:
        raise ConfigurationError(
            f"Applied to {invocation.place} already: {listed(applied)}.",
            "rebase those that came with the other branch; an id never changes once the migration has run.",
        )


def _say(output: Output, result: Rebased, registry: Path) -> None:
    if not result.moved:
        output.say("Nothing to do: the last place is theirs already.")
    elif result.reason is not None:
        output.say(("Nothing was written: ", DOUBTFUL), f"{result.reason}.")
        for one in result.moved:
            output.say(f"To do it by hand, for {one.old}:")
            for step in one.steps:
                output.say(f"  {step}")
    else:
        for one in result.moved:
            output.say(("Rebased ", GOOD), f"{one.old} is {one.new}")
        output.say(f"{counted(len(result.moved), 'migration')} last in {shown(registry)}.")


def _as_dict(result: Rebased) -> dict[str, object]:
    return {
        "moved": [
            {"from": one.old, "to": one.new, "path": str(one.target), "steps": one.steps} for one in result.moved
        ],
        "reason": result.reason,
    }
