"""What a batch writes into the history, and when the journal is closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import Database

from ormmigrate import history, journal
from ormmigrate.checksum import fingerprint_of
from ormmigrate.dialects.base import Dialect
from ormmigrate.migration import DONE, RAN, RUNNING, BaseMigration
from ormmigrate.plan import AppliedMigration
from ormmigrate.stepping import Step
from ormmigrate.version import VERSION

VERSION_MAX_LENGTH = 100
NAME_MAX_LENGTH = 255


class Books:
    """The rows of one batch.

    Where DDL is rolled back with the batch, a row is written when its migration has run. Where it is not, the row
    says so ahead of it, and `finish` is the moment from which nothing is taken back any more.
    """

    def __init__(self, database: Database, dialect: Dialect, application_version: str | None) -> None:
        self._database, self._dialect = database, dialect
        self._application_version = application_version
        #: (registry, id), the direction, and what the row is to say in the end, of those that have run.
        self._open: list[tuple[tuple[str, str], str, dict[str, Any]]] = []

    def begin(self, step: Step, number: int) -> None:
        """Write down that it is running, where a kill would leave it half done."""
        if not step.is_kept:
            return
        details = step.details_while_kept
        if step.direction == "up":
            row = self.row_of(step.migration, number, state=RUNNING, details=details)
            history.insert(self._database, row)
        else:
            history.update(self._database, step.migration.key, {"state": RUNNING, "details": details})

    def ran(self, step: Step, number: int, duration_ms: float) -> None:
        """It has run."""
        key = step.migration.key
        if step.is_kept:
            # One that was interrupted may have been corrected since.
            present = self.row_of(step.migration, number)
            values = {
                "state": RAN,
                "duration_ms": duration_ms,
                "details": step.details_while_kept,
                "checksum": present["checksum"],
                "source": present["source"],
            }
            # Where no lock outlasts a transaction, another process may have ended it already.
            history.update(self._database, key, values, only_if=RUNNING)
            self._open.append((key, step.direction, step.details))
        elif step.direction == "up":
            self.record(step.migration, number, duration_ms, step.details)
        else:
            history.delete(self._database, [key])

    def finish(self) -> None:
        """End a batch, or a part of one, that a journal is kept for: from here on it is not taken back any more."""
        if self._dialect.transactional_ddl and not self._open:
            return
        with self._dialect.transaction(self._database):
            for key, direction, details in self._open:
                if direction == "up":
                    history.update(self._database, key, {"state": DONE, "details": details})
                else:
                    history.delete(self._database, [key])
            journal.clear(self._database, [*(key for key, _, _ in self._open), journal.SYNC])
        self._open = []

    def take_over(self, rows: Sequence[AppliedMigration]) -> None:
        """End the batch of those rows with this one."""
        for row in rows:
            details = {"adopted": row.details["adopted"]} if "adopted" in row.details else {}
            self._open.append((row.key, row.details["kept"], details))

    def record(
        self,
        migration: BaseMigration,
        number: int,
        duration_ms: float = 0.0,
        details: dict[str, Any] | None = None,
    ) -> None:
        """A migration counts as applied, by the batch of that number."""
        history.insert(self._database, self.row_of(migration, number, duration_ms, details=details))

    def row_of(
        self,
        migration: BaseMigration,
        number: int,
        duration_ms: float = 0.0,
        state: str = DONE,
        details: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The history's row of a migration."""
        known = fingerprint_of(migration)
        return {
            "registry": migration.registry,
            "migration": migration.id,
            "name": migration.title[:NAME_MAX_LENGTH],
            "description": migration.description,
            "checksum": known.checksum if known else None,
            "source": known.source if known else None,
            "batch": number,
            "duration_ms": duration_ms,
            "state": state,
            "application_version": self._application_version and self._application_version[:VERSION_MAX_LENGTH],
            "package_version": VERSION,
            "details": details or {},
        }
