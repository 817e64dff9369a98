"""`init --from-database`: what was written, and what is left to look at."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ormmigrate.cli.group import DONE, FOUND
from ormmigrate.cli.output import BAD, DOUBTFUL, GOOD, STRONG, counted, shown
from ormmigrate.errors import ConfigurationError, listed

if TYPE_CHECKING:
    from ormmigrate.adopting import Adopted
    from ormmigrate.cli.invocation import Invocation
    from ormmigrate.cli.output import Output


def init_from_database(invocation: Invocation, package: str | None) -> int:
    """Start a project from the database that `--database` names."""
    from ormmigrate.adopting import adopt

    if not invocation.database:
        raise ConfigurationError(
            "Nothing says which database the project starts from.",
            "python -m ormmigrate init --from-database --database sqlite:///shop.db",
        )
    made = adopt(Path.cwd(), package, invocation.app, invocation.database, datetime.now(timezone.utc))
    if invocation.output.as_json:
        invocation.output.write_json(_as_dict(made))
    else:
        _say(invocation.output, made)
    return FOUND if made.lacking else DONE


def _say(output: Output, made: Adopted) -> None:
    for file in made.files:
        output.say((shown(file.path), STRONG), f"  {file.done}")
    output.say(("Counts as applied: ", GOOD), f"{made.id}, to {made.database} ({counted(made.tables, 'table')})")
    if made.left_out:
        output.say(("Left out, as they belong to others: ", DOUBTFUL), listed(made.left_out))
    if made.beside:
        output.say(f"Made by the migration, and no part of the models: {listed(made.beside)}")
    for title, entries, style in (
        ("Said by neither, and left to you:", made.unsaid, DOUBTFUL),
        ("Tried on empty tables, this is not quite as in the database:", made.lacking, BAD),
    ):
        if entries:
            output.say((title, style))
            for line in entries:
                output.say("  - ", line)
    output.say("\nNext: python -m ormmigrate check compares models and migrations, drift the database with them.")


def _as_dict(made: Adopted) -> dict[str, object]:
    return {
        "files": [{"path": str(file.path), "done": file.done} for file in made.files],
        "migration": made.id,
        "tables": made.tables,
        "left_out": list(made.left_out),
        "beside": list(made.beside),
        "unsaid": list(made.unsaid),
        "lacking": list(made.lacking),
    }
