"""One migration of a batch: how it runs, and what is written about it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from ormmigrate.live import LiveMigrator
from ormmigrate.migration import BaseMigration
from ormmigrate.operations import Operation


class RunsInParts(Exception):
    """The batch is not one transaction, and needs the lock that outlasts one."""


@dataclass(frozen=True)
class Step:
    """A migration, the migrator that runs it and, where `down` is derived, the operations it comes to.

    Attributes:
        is_kept: whether the journal is kept for it, because it may not be rolled back.
        is_alone: whether it runs outside of the batch's transaction.
    """

    direction: str
    migration: BaseMigration
    migrator: LiveMigrator
    is_kept: bool
    is_alone: bool
    reverses: list[Operation] | None = None

    def run(self) -> None:
        migration, migrator = self.migration, self.migrator
        alone = self.is_alone and migrator.dialect.transactional_ddl
        around = nullcontext() if alone else migrator.dialect.step(migrator.database)
        with around, migrator.listening():
            migration.before(migrator)
            if self.direction == "up":
                migration.up(migrator)
            elif self.reverses is None:
                migration.down(migrator)
            else:
                migrator.replay(self.reverses)
            migration.after(migrator)
            migrator.guard()

    @property
    def details(self) -> dict[str, Any]:
        """What its row of the history says of it when it is done."""
        return {"adopted": self.migrator.adopted} if self.migrator.adopted else {}

    @property
    def details_while_kept(self) -> dict[str, Any]:
        """The same while the batch may still be taken back, or go on."""
        return {**self.details, "kept": self.direction, "alone": self.is_alone}
