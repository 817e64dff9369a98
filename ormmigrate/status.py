"""What a database's history says, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ormmigrate.checksum import checksums_of
from ormmigrate.environments import Environment
from ormmigrate.errors import HistoryError
from ormmigrate.migration import DONE
from ormmigrate.plan import AppliedMigration, errors_in, is_changed, own_rows, verdict_on
from ormmigrate.registry import Registries


@dataclass(frozen=True)
class MigrationStatus:
    """One migration, of the program or of the history.

    Attributes:
        state: `applied`, `pending`, `changed`, `running` (interrupted), `unknown` (the program lacks it).
        verified: whether its checksum could be compared; None where it is not applied.
        applied_at: UTC.
    """

    label: str
    title: str
    state: str
    batch: int | None = None
    applied_at: datetime | None = None
    duration_ms: float | None = None
    verified: bool | None = None
    application_version: str | None = None
    transactional: bool = True

    def to_dict(self) -> dict[str, object]:
        """The same, ready for JSON; times are ISO 8601, UTC."""
        return {
            "migration": self.label,
            "name": self.title,
            "state": self.state,
            "batch": self.batch,
            "applied_at": None if self.applied_at is None else self.applied_at.isoformat() + "Z",
            "duration_ms": self.duration_ms,
            "verified": self.verified,
            "application_version": self.application_version,
            "transactional": self.transactional,
        }


@dataclass(frozen=True)
class Status:
    """Everything that the history says; true if nothing is pending and nothing is wrong.

    Attributes:
        migrations: those applied in that order, then those pending in the order in which they will run.
        errors: what is wrong, whatever the environment makes of it.
        forbidden: those of `errors` that this environment refuses to start with.
    """

    migrations: tuple[MigrationStatus, ...]
    errors: tuple[HistoryError, ...]
    forbidden: tuple[HistoryError, ...]
    environment: str

    def __bool__(self) -> bool:
        return not self.pending and not self.errors

    @property
    def applied(self) -> tuple[MigrationStatus, ...]:
        """Those that the history names, interrupted and unknown ones among them."""
        return tuple(migration for migration in self.migrations if migration.state != "pending")

    @property
    def pending(self) -> tuple[MigrationStatus, ...]:
        return tuple(migration for migration in self.migrations if migration.state == "pending")

    def to_dict(self) -> dict[str, object]:
        """The same, ready for JSON."""
        return {
            "environment": self.environment,
            "migrations": [migration.to_dict() for migration in self.migrations],
            "applied": len(self.applied),
            "pending": len(self.pending),
            "errors": [
                {"kind": type(error).__name__, "problem": error.problem, "advice": error.advice}
                for error in self.errors
            ],
        }


def status_of(registries: Registries, rows: Sequence[AppliedMigration], environment: Environment) -> Status:
    """Hold the registries against the rows of the history."""
    own = own_rows(registries, rows)
    applied = {row.key: row for row in own}
    checksums = checksums_of([migration for migration in registries.migrations if migration.key in applied])
    errors = errors_in(registries, rows, checksums)
    known = {migration.key: migration for migration in registries.migrations}
    of_rows = [_of_row(row, row.key in known, checksums.get(row.key)) for row in own]
    of_pending = [
        MigrationStatus(migration.label, migration.title, "pending", transactional=migration.transactional)
        for migration in registries.migrations
        if migration.key not in applied
    ]
    return Status(
        migrations=(*of_rows, *of_pending),
        errors=errors,
        forbidden=tuple(error for error in errors if verdict_on(error, environment) == "error"),
        environment=environment.name,
    )


def _of_row(row: AppliedMigration, is_known: bool, checksum: str | None) -> MigrationStatus:
    state = "applied"
    if row.state != DONE:
        state = "running"
    elif not is_known:
        state = "unknown"
    elif is_changed(row, checksum):
        state = "changed"
    return MigrationStatus(
        label=row.label,
        title=row.name,
        state=state,
        batch=row.batch,
        applied_at=row.applied_at,
        duration_ms=row.duration_ms,
        verified=row.checksum is not None and checksum is not None,
        application_version=row.application_version,
    )
