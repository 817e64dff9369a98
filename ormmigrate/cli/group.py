"""The group: options that every command takes, and what becomes of errors."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sys
import traceback
from typing import IO, Any

import click

from ormmigrate.cli.invocation import Invocation
from ormmigrate.environments import ENVIRONMENTS
from ormmigrate.errors import MigrationError

DONE, FOUND, FAILED = 0, 1, 2
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + 13  # SIGPIPE, which not every platform has
_silence = logging.NullHandler()


# Whether it was given is asked of the arguments themselves: errors in them are told as JSON too.
as_json = click.option("--json", is_flag=True, expose_value=False, help="Print one JSON object.")
is_agreed = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Note an option in the invocation, wherever it stood: in front of the command or behind it."""
    if value and parameter.name:
        setattr(context.obj, parameter.name, value)


def shared_options(**attributes: Any) -> list[click.Parameter]:
    """The options that may stand in front of every command, and behind it."""
    attributes |= {"callback": _keep, "expose_value": False}
    return [
        click.Option(
            ["--app"], metavar="MODULE:NAME", help="Where the application's Database is: shop.db:db.", **attributes
        ),
        click.Option(
            ["--database"], metavar="URL", help="Work on another database: a copy of production, say.", **attributes
        ),
        click.Option(
            ["--environment"],
            type=click.Choice([*ENVIRONMENTS]),
            help="How strict to be, in place of what the application and ORMMIGRATE_ENV say.",
            **attributes,
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            help="Print each operation and its SQL as it runs, and tracebacks of errors.",
            **attributes,
        ),
    ]


class Commands(click.Group):
    """A group whose commands return their exit code, and whose errors are all told in one place."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.params += shared_options(hidden=True)
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are met, not of the alphabet

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = Invocation(tuple(args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        ctx.exit(_exit_code(ctx, super().invoke))


def _exit_code(context: click.Context, invoke: Any) -> int:
    # Python prints warnings of loggers that nobody configured; what they say is printed here already.
    logging.getLogger("ormmigrate").addHandler(_silence)
    invocation: Invocation = context.obj
    output = invocation.output
    try:
        with output.reserved():
            code = invoke(context)
        sys.stdout.flush()
    except MigrationError as error:
        if invocation.verbose:
            traceback.print_exception(error)
        output.error(type(error).__name__, error.problem, error.advice)
        return FAILED
    except click.UsageError as error:
        if not output.as_json:
            raise
        output.error(type(error).__name__, error.format_message(), "--help tells what there is.")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        if not _is_interrupt(error):
            return FOUND
        output.leave_line()
        output.error("Interrupted", *invocation.interrupted(), title="")
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        _drop(sys.stdout)
        return BROKEN_PIPE
    return code or DONE


def _is_interrupt(error: BaseException) -> bool:
    """Ctrl-C, as it is or as click's prompts raise it; not the end of the input, or a No."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)


def _drop(stream: IO[str]) -> None:
    """Let what is still buffered go nowhere, so that Python's own flush at exit stays quiet."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
