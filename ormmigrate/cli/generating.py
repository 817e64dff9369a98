"""`new --auto`: a migration written from what the models say and the migrations lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from ormmigrate.cli.comparing import as_dict, models_of, say_difference, unmanaged_of
from ormmigrate.cli.group import DONE, FOUND
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import BAD, DOUBTFUL, GOOD, Output
from ormmigrate.cli.writing import say_written, written_as_dict
from ormmigrate.errors import ConfigurationError, bulleted

if TYPE_CHECKING:
    from ormmigrate.diff import Rename
    from ormmigrate.generating import Draft
    from ormmigrate.location import Location
    from ormmigrate.project import NewMigration
    from ormmigrate.registry import Registry

THEN = "Then python -m ormmigrate check says whether anything is missing still."


@dataclass
class Answers:
    """What was said about renames on the command line, and what is asked.

    Attributes:
        given: each `old=new`.
        are_all: whether nothing else was renamed.
        open: what would have been asked, had there been a terminal.
    """

    given: tuple[str, ...]
    are_all: bool
    open: list[Rename] = field(default_factory=list)

    def decide(self, invocation: Invocation, rename: Rename) -> bool:
        if self.are_all:
            return False
        if not invocation.can_ask:
            self.open.append(rename)
            return True
        old, _, new = rename.answer.partition("=")
        return click.confirm(f"Was {old} renamed to {new}? ({rename.score:.0%} alike)", err=True)

    def require_all(self, invocation: Invocation) -> None:
        """Refuse where something was not asked; with the two commands to choose from.

        Raises:
            ConfigurationError
        """
        if not self.open:
            return
        alike = bulleted(f"{one.answer.replace('=', ' -> ')} ({one.score:.0%} alike)" for one in self.open)
        renamed = " ".join(f"--rename {one.answer}" for one in self.open)
        raise ConfigurationError(
            "Nothing was written: something may have been renamed, and there is no terminal to ask on. A rename keeps "
            f"the rows' values, dropping and adding loses them.\n{alike}",
            f"if that is so: {invocation.command} {renamed}\n"
            f"  If the old is to be dropped and the new to be added: {invocation.command} --no-renames",
        )


@dataclass(frozen=True)
class Made:
    """A migration that was written from models.

    Attributes:
        has_todo: whether a person has to decide something before it runs.
        lacks: what it does not bring about, in words; not known where it has a TODO.
    """

    written: NewMigration
    draft: Draft
    has_todo: bool
    lacks: Sequence[str]

    @property
    def is_all(self) -> bool:
        """Whether nothing is left to be done by hand."""
        return self.written.registered and not (self.has_todo or self.lacks or self.draft.unexpressed)


def new_from_models(invocation: Invocation, registry: Registry, location: Location, name: str, answers: Answers) -> int:
    """Write the migration that the models need, if they need one, and say what it does."""
    from ormmigrate.generating import draft
    from ormmigrate.naming import snake_case

    if name:
        snake_case(name)  # which says what is wrong with it, before anybody is asked anything
    runner, unmanaged = invocation.runner, unmanaged_of(invocation)
    drafted = draft(
        runner, models_of(invocation), unmanaged, answers.given, lambda rename: answers.decide(invocation, rename)
    )
    answers.require_all(invocation)
    if not (drafted.operations or drafted.unexpressed):
        return _tell_nothing(invocation.output)
    made = _write(invocation, registry, location, name, drafted)
    if invocation.output.as_json:
        invocation.output.write_json(_made_as_dict(made))
    else:
        _say_made(invocation.output, made, location)
    return DONE if made.is_all else FOUND


def _write(invocation: Invocation, registry: Registry, location: Location, name: str, drafted: Draft) -> Made:
    from ormmigrate.generating import has_todo, name_of, shortcomings
    from ormmigrate.project import new_migration
    from ormmigrate.render import render

    lacks: list[str] = []
    todo = False

    def source_of(id: str, class_name: str, title: str) -> str:
        nonlocal todo
        source = render(drafted.operations, id, class_name, title, drafted.unexpressed)
        todo = has_todo(source)
        if not todo:
            lacks[:] = shortcomings(invocation.runner, registry, source, class_name, drafted, unmanaged_of(invocation))
        return source

    is_first = not invocation.runner.registries.migrations
    chosen = name or name_of(drafted.operations, is_first=is_first)
    written = new_migration(location, registry, chosen, datetime.now(timezone.utc), source_of)
    return Made(written, drafted, todo, lacks)


# -- telling --------------------------------------------------------------------------------------


def _tell_nothing(output: Output) -> int:
    from ormmigrate.diff import Difference

    if output.as_json:
        output.write_json({"path": None, **as_dict(Difference())})
    else:
        output.say(("Nothing missing.", GOOD), " Nothing was written.")
    return DONE


def _made_as_dict(made: Made) -> dict[str, object]:
    from ormmigrate.diff import Difference

    return {
        **written_as_dict(made.written),
        **as_dict(Difference(made.draft.operations, made.draft.unexpressed)),
        "todo": made.has_todo,
        "lacks": list(made.lacks),
    }


def _say_made(output: Output, made: Made, location: Location) -> None:
    from ormmigrate.diff import Difference

    output.say("From the migrations to the models:")
    say_difference(output, Difference(made.draft.operations, made.draft.unexpressed))
    say_written(output, made.written, location.path)
    tried = "run behind the others on empty tables, it "
    if made.has_todo:
        output.say(("To do: ", DOUBTFUL), "it refuses to run until you have decided what it asks for. ", THEN)
    elif made.lacks:
        output.say(("It does not do all of that: ", BAD), f"{tried}leaves this:")
        for line in made.lacks:
            output.say("  - ", line)
        output.say(f"Correct the file. {THEN}")
    elif made.draft.unexpressed:
        output.say(("Tried: ", GOOD), f"{tried}leaves what no operation does. Write that into it. {THEN}")
    else:
        output.say(("Tried: ", GOOD), f"{tried}makes what the models describe.")
