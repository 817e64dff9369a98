"""Commands that write files: init, new."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ormmigrate.cli.group import DONE, FOUND, as_json
from ormmigrate.cli.invocation import Invocation
from ormmigrate.cli.output import DOUBTFUL, GOOD, STRONG, shown
from ormmigrate.errors import ConfigurationError, listed

if TYPE_CHECKING:
    from ormmigrate.cli.output import Output
    from ormmigrate.project import NewMigration
    from ormmigrate.registry import Registry

NEXT = """
Next: let the application's Database take the registry:
  from ormmigrate import Database
  from .migrations import registry
  db = Database("sqlite:///app.db", migrations=registry)

Then write the first migration, from the models or by hand:
  python -m ormmigrate new --auto
  python -m ormmigrate new NAME"""


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate init
  python -m ormmigrate init --package shop --app shop.db:db
  python -m ormmigrate init --from-database --database sqlite:///shop.db

\b
Exit code: 1 when what --from-database wrote does not make quite the same schema."""
)
@click.option("--package", metavar="NAME", help="The package that gets the migrations; by default the only one here.")
@click.option("--from-database", is_flag=True, help="Start from the tables of the database that --database names.")
@as_json
@click.pass_obj
def init(invocation: Invocation, package: str | None, from_database: bool) -> int:
    """Prepare a project: an empty registry, and its setting.

    Writes PACKAGE/migrations/__init__.py and [tool.ormmigrate] in pyproject.toml. What is there already stays.

    With --from-database it writes models of the database's tables as well, and a migration that makes these. It
    counts as applied to that database, to which nothing else is done.
    """
    if from_database:
        from ormmigrate.cli.adopting import init_from_database

        return init_from_database(invocation, package)
    from ormmigrate.project import init_project

    written = init_project(Path.cwd(), package, invocation.app)
    output = invocation.output
    if output.as_json:
        output.write_json({"files": [{"path": str(path), "done": done} for path, done in written]})
        return DONE
    for path, done in written:
        output.say((shown(path), STRONG), f"  {done}")
    output.say(NEXT)
    return DONE


@click.command(
    epilog="""\b
Examples:
  python -m ormmigrate new add_user_preferences
  python -m ormmigrate new "add user preferences"
  python -m ormmigrate new --auto
  python -m ormmigrate new full_names --auto --rename user.name=user.full_name

\b
--auto: what the models say and the migrations lack, called after what it does unless a NAME is
given. What may have been renamed is asked about, or answered beforehand; a column with its table
as that is called afterwards: --rename user=person --rename person.name=person.full_name
Exit code: 1 when something is left to do by hand."""
)
@click.argument("words", metavar="[NAME]", nargs=-1)
@click.option("--auto", is_flag=True, help="Write what the models say and the migrations lack.")
@click.option("--rename", "renames", metavar="OLD=NEW", multiple=True, help="With --auto: what was renamed.")
@click.option("--no-renames", is_flag=True, help="With --auto: nothing (else) was renamed; drop the old, add the new.")
@click.option("--registry", "wanted", metavar="NAME", help="Which registry, where the database has several.")
@as_json
@click.pass_obj
def new(
    invocation: Invocation,
    words: tuple[str, ...],
    auto: bool,
    renames: tuple[str, ...],
    no_renames: bool,
    wanted: str | None,
) -> int:
    """Write a migration's file and add it to the registry.

    The file goes beside the registry, with an id of the present time. Where the registry's module cannot be
    edited safely it is left alone, and the two lines to add are printed.

    With --auto it holds what the models say and the migrations lack, and is tried before it is written.
    """
    from ormmigrate.location import locate_registry
    from ormmigrate.project import new_migration

    if (renames or no_renames) and not auto:
        raise click.UsageError("--rename and --no-renames say what --auto would ask.")
    registry = _registry(invocation, wanted)
    location = locate_registry(registry)
    if auto:
        from ormmigrate.cli.generating import Answers, new_from_models

        return new_from_models(invocation, registry, location, " ".join(words), Answers(renames, no_renames))
    name = " ".join(words) or _asked(invocation)
    written = new_migration(location, registry, name, datetime.now(timezone.utc))
    if invocation.output.as_json:
        invocation.output.write_json(written_as_dict(written))
    else:
        say_written(invocation.output, written, location.path)
    return DONE if written.registered else FOUND


def _registry(invocation: Invocation, wanted: str | None) -> Registry:
    registries = list(invocation.runner.registries)
    chosen = [registry for registry in registries if wanted is None or registry.name == wanted]
    if len(chosen) == 1:
        return chosen[0]
    names = listed(registry.name for registry in registries)
    if wanted is not None:
        raise ConfigurationError(f"There is no registry {wanted!r}.", f"use one of these: {names}.")
    raise ConfigurationError(
        f"The database has several registries: {names}.",
        f"say which one gets the migration: --registry {registries[-1].name}",
    )


def _asked(invocation: Invocation) -> str:
    if not invocation.can_ask:
        raise ConfigurationError(
            "A migration needs a name, and there is no terminal to ask on.",
            "python -m ormmigrate new add_user_preferences",
        )
    name: str = click.prompt("What does it do? For example: add user preferences\nName", err=True)
    return name


def say_written(output: Output, written: NewMigration, registry: Path) -> None:
    """Which file was written, and whether it stands in the registry."""
    output.say(("Wrote ", GOOD), shown(written.path))
    if written.registered:
        output.say(("Registered ", GOOD), f"{written.class_name} in {shown(registry)}")
        return
    output.say(("Not registered: ", DOUBTFUL), f"{written.reason}.")
    output.say("Add these two lines, the first to its imports, the second to its list:")
    for line in written.lines:
        output.say(f"  {line}")


def written_as_dict(written: NewMigration) -> dict[str, object]:
    """The same for --json."""
    return {
        "path": str(written.path),
        "migration": written.id,
        "class": written.class_name,
        "registered": written.registered,
        "lines": list(written.lines),
        "reason": written.reason,
    }
