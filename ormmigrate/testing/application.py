"""The application that tests are of: found, imported without being migrated, pointed at places of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import peewee
from peewee import Model

from ormmigrate.application import load_application, load_settings
from ormmigrate.connection import inner
from ormmigrate.database import Database
from ormmigrate.dialects.places import in_memory, of_url, runs_in_memory
from ormmigrate.environments import VARIABLE, Environment, environment_named
from ormmigrate.errors import ConfigurationError
from ormmigrate.models import known_models
from ormmigrate.runner import binding_only

MEMORY = "sqlite:///:memory:"


@dataclass
class Application:
    """An application under test.

    Attributes:
        database: its Database.
        unmanaged: tables that belong to others.
        url: where its tests run, if somebody said so.
    """

    database: Database
    unmanaged: tuple[str, ...] = ()
    url: str | None = field(default=None, repr=False)
    _is_compared: bool = field(default=False, init=False)
    _places: list[peewee.Database] = field(default_factory=list, init=False, repr=False)
    _before: tuple[peewee.Database | None, Environment] | None = field(default=None, init=False, repr=False)

    @property
    def own(self) -> peewee.Database | None:
        """The database that it has outside of tests, if it has one yet."""
        return self._before[0] if self._before else self.database.obj

    @property
    def urls(self) -> list[str]:
        """Where its migrations are tested: in memory, where that is possible, and at the URL.

        Raises:
            ConfigurationError: nowhere.
        """
        found = [MEMORY] if runs_in_memory(self.own) else []
        found += [self.url] if self.url and self.url not in found else []
        if not found:
            raise ConfigurationError(
                "The application is not on SQLite, so its tests cannot run in memory, and nothing says where else.",
                "name a database server, where each test gets a schema or a database of its own: pytest "
                "--ormmigrate-database postgresql://postgres@localhost/test, or ORMMIGRATE_TEST_DATABASE, or "
                "ormmigrate_database in pytest's settings.",
            )
        return found

    @property
    def usual_url(self) -> str:
        """Where everything else is tested.

        Raises:
            ConfigurationError: nowhere.
        """
        return self.url or self.urls[0]

    def models(self) -> list[type[Model]]:
        """Its models, as the command line finds them.

        Raises:
            ConfigurationError: there are none.
        """
        if self.database.obj is None:
            with in_memory(None) as place, self.pointed(place):
                return known_models(inner(self.database), self.database.models)
        return known_models(inner(self.database), self.database.models)

    @contextmanager
    def at(self, url: str, folder: Path, models: Sequence[type[Model]] = ()) -> Iterator[Database]:
        """Its Database, pointed at an empty place of that kind until the block ends.

        Args:
            folder: where a file may be written.
            models: its models, which may name schemas.

        Raises:
            ConfigurationError: the URL names no database, or none where a place can be made.
        """
        schemas = [self.database.migrations.schema, *(model._meta.schema for model in models)]
        with of_url(url, self.own, folder, set(filter(None, schemas))) as place, self.pointed(place):
            yield self.database

    @contextmanager
    def pointed(self, place: peewee.Database) -> Iterator[Database]:
        """Its Database, pointed at that place until the block ends, and as careful as in a test."""
        database, runner = self.database, self.database.migrations
        if self._before is None:
            self._before = database.obj, runner.environment
        self._places.append(place)
        database.initialize(place)
        runner.environment = self._environment()
        try:
            yield database
        finally:
            # Not always the last one: fixtures end in another order than that in which they were used.
            self._places.remove(place)
            if self._places:
                database.initialize(self._places[-1])
            else:
                own, runner.environment = self._before
                self._before = None
                database.initialize(own)

    def migrate(self, models: Sequence[type[Model]]) -> None:
        """Migrate the place where it is, as a start of the application does; models are compared once.

        Raises:
            MigrationError: also where the application itself would go on without.
        """
        report = self.database.register_models(models)
        if report.error is not None:
            raise report.error
        self._is_compared = True
        self.database.migrations.environment = self._environment()

    def _environment(self) -> Environment:
        found = environment_named(os.environ.get(VARIABLE) or "test")
        if self._is_compared:
            # A comparison makes every table once more, which each test would have to wait for.
            found = copy(found)
            found.compare_models = "allowed"
        return found


def load(start: Path, environ: Mapping[str, str], app: str | None, url: str | None) -> Application:
    """Find and import the application as the command line does, without migrating anything.

    Args:
        start: the folder from which pyproject.toml is looked for.
        app: where its Database is, `"package.module:variable"`, where ORMMIGRATE_APP does not say so.
        url: where its tests run.

    Raises:
        ConfigurationError: it is not found, or cannot be imported.
        MigrationError: what its own modules raise: a registry that is not valid.
    """
    settings = load_settings(start, environ, environ.get("ORMMIGRATE_APP") or app)
    with binding_only():
        return Application(load_application(settings), settings.unmanaged, url)
