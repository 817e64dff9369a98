"""The way from an empty database to each migration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import peewee
from peewee import Model

from ormmigrate.database import Database
from ormmigrate.dialects.places import copied, in_memory
from ormmigrate.migration import BaseMigration
from ormmigrate.testing.application import MEMORY, Application


class Walk:
    """Places where everything ahead of a migration is applied, and nothing else.

    In memory the way is gone once: each place is a copy of the one that goes on to the next migration. On servers a
    copy would cost more than a short way, so that it is gone anew for each.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._stack = ExitStack()
        self._walker: peewee.Database | None = None
        self._position = 0

    @contextmanager
    def ahead_of(
        self, migration: BaseMigration, url: str, folder: Path, models: Sequence[type[Model]]
    ) -> Iterator[Database]:
        """The application's Database, at such a place until the block ends.

        Args:
            url, folder, models: see `Application.at`.

        Raises:
            MigrationError: an earlier migration does not run.
        """
        application = self._application
        if url == MEMORY:
            with copied(self._advanced_to(migration)) as place, application.pointed(place) as database:
                yield database
        else:
            with application.at(url, folder, models) as database:
                _apply_ahead_of(database, migration)
                yield database

    def _advanced_to(self, migration: BaseMigration) -> peewee.Database:
        """The walker, brought to where the migration is the next one."""
        position = self._application.database.migrations.registries.migrations.index(migration)
        if self._walker is None or position < self._position:
            self.close()
            self._walker = self._stack.enter_context(in_memory(self._application.own))
        with self._application.pointed(self._walker) as database:
            _apply_ahead_of(database, migration)
        self._position = position
        return self._walker

    def close(self) -> None:
        """Forget the place in memory."""
        self._stack.close()
        self._walker, self._position = None, 0


def _apply_ahead_of(database: Database, migration: BaseMigration) -> None:
    migrations = database.migrations.registries.migrations
    position = migrations.index(migration)
    if position:
        database.migrations.up(to=migrations[position - 1].label)
