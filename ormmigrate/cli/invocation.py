"""One call of the command line: what it was given, and the application that it is about."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ormmigrate.cli.output import Output
from ormmigrate.errors import ConfigurationError
from ormmigrate.urls import without_password

if TYPE_CHECKING:
    from ormmigrate.database import Database
    from ormmigrate.events import Event
    from ormmigrate.runner import Runner


@dataclass
class Invocation:
    """What the options say, wherever they stood.

    Attributes:
        arguments: everything behind the program's name.
        database: the URL to work on in place of the application's.
    """

    arguments: tuple[str, ...]
    app: str | None = None
    database: str | None = None
    environment: str | None = None
    verbose: bool = False
    _batch: str | None = field(default=None, init=False)

    @cached_property
    def output(self) -> Output:
        return Output(as_json="--json" in self.arguments)

    # -- the application ----------------------------------------------------------------------

    @cached_property
    def application(self) -> Database:
        """The application's Database, imported without migrating anything, pointed where the options say.

        Raises:
            ConfigurationError: it is not found, cannot be imported, or the URL names no database.
        """
        from ormmigrate.application import load_application, load_settings
        from ormmigrate.environments import environment_named
        from ormmigrate.runner import binding_only

        settings = load_settings(Path.cwd(), os.environ, self.app)
        with binding_only():
            database = load_application(settings)
        if self.database:
            database.initialize(self.database)
        if self.environment:
            database.migrations.environment = environment_named(self.environment)
        database.migrations.observers.append(self._notice)
        return database

    @property
    def runner(self) -> Runner:
        return self.application.migrations

    @property
    def place(self) -> str:
        """The database and the environment for people: `SQLite shop.db (production)`; never a password."""
        from ormmigrate.connection import inner
        from ormmigrate.dialects import dialect_of

        database = inner(self.application)
        return f"{dialect_of(database).label(database)} ({self.runner.environment.name})"

    # -- Ctrl-C -------------------------------------------------------------------------------

    def _notice(self, event: Event) -> None:
        from ormmigrate.events import BatchCommitted, MigrationStarted

        if isinstance(event, MigrationStarted):
            self._batch = "running"
        elif isinstance(event, BatchCommitted):
            self._batch = "committed"

    def interrupted(self) -> tuple[str, str]:
        """What Ctrl-C came to, and what to do next."""
        if self._batch is None:
            return "Interrupted. Nothing was changed.", "start the command again."
        if self._batch == "committed":
            return "Interrupted, when everything was done already.", "python -m ormmigrate status shows it."
        from ormmigrate.connection import inner
        from ormmigrate.dialects import dialect_of

        if not dialect_of(inner(self.application)).transactional_ddl:
            return (
                "Interrupted. What had been done was taken back, unless something else is said above.",
                "start the command again; python -m ormmigrate status says what is applied.",
            )
        return (
            "Interrupted. What was not committed yet was rolled back.",
            "start the command again; python -m ormmigrate status says what is applied.",
        )

    # -- asking -------------------------------------------------------------------------------

    def confirm(self, question: str, *, is_agreed: bool) -> bool:
        """Ask, unless `--yes` said so already.

        Raises:
            ConfigurationError: there is no terminal to ask on; with the command that does not ask.
        """
        if is_agreed:
            return True
        if not self.can_ask:
            raise ConfigurationError(
                "Nothing was done: this has to be confirmed, and there is no terminal to ask on.",
                f"look at what is said about it, then: {self.command} --yes",
            )
        import click

        if click.confirm(question, err=True):
            return True
        self.output.say("Nothing was done.")
        return False

    @property
    def can_ask(self) -> bool:
        return not self.output.as_json and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def command(self) -> str:
        """This call as it can be typed again; without passwords."""
        shown = [without_password(argument) if "://" in argument else argument for argument in self.arguments]
        return f"python -m ormmigrate {shlex.join(shown)}"
