"""The command line: a click group; what a command does stands in the file of its kind.

Exit codes: 0 done or clean; 1 something is pending, wrong or was declined; 2 an error; 130 Ctrl-C;
141 whoever read the output went away.
"""

from __future__ import annotations

import click

from ormmigrate.cli.asking import show, status
from ormmigrate.cli.comparing import check, diff, drift, schema
from ormmigrate.cli.group import Commands, shared_options
from ormmigrate.cli.rebasing import rebase
from ormmigrate.cli.recording import accept, settle, stamp
from ormmigrate.cli.recovering import resume, undo
from ormmigrate.cli.running import down, up
from ormmigrate.cli.writing import init, new
from ormmigrate.version import VERSION

__all__ = ["cli"]


@click.group(
    cls=Commands,
    params=shared_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The options above may also stand behind the command. Exit codes: 0 done or clean; 1 something is "
    "pending, wrong or was declined; 2 an error; 130 Ctrl-C.",
)
@click.version_option(VERSION, prog_name="ormmigrate")
def cli() -> None:
    """Schema migrations for applications that use the peewee ORM.

    \b
    The application is found by --app, ORMMIGRATE_APP or, in pyproject.toml:
        [tool.ormmigrate]
        app = "shop.db:db"

    Importing it never migrates it; only up and down do.
    """


for command in (
    *(init, new, check, rebase),
    *(status, up, down, stamp, resume, undo, settle, accept, show),
    *(drift, diff, schema),
):
    cli.add_command(command)
