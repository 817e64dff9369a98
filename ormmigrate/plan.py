"""Registries and history rows to what will run, and to everything that the two say is wrong. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ormmigrate.errors import (
    ChecksumMismatch,
    ConfigurationError,
    DatabaseAhead,
    HistoryError,
    InterruptedMigration,
    OutOfOrder,
    UnfinishedMigration,
    listed,
)
from ormmigrate.migration import BUILTIN_REGISTRY, DONE, BaseMigration, label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from ormmigrate.environments import Environment, Verdict
    from ormmigrate.registry import Registries

    Key = tuple[str, str]


@dataclass(frozen=True)
class AppliedMigration:
    """A row of the history.

    Attributes:
        seq: the running number by which rows are ordered.
        id: the migration's, within `registry`.
        checksum: "1:" and a SHA-256, or None where the source was not available.
        source: the text that was run, where it was available.
        batch: the number of the batch that applied it.
        applied_at: UTC, without a timezone.
        state: `running` (begun outside of a transaction), `ran` (and its batch has not ended) or `done`.
        details: `adopted`: tables that were there already; `kept`: the direction, of a migration that a journal is
            kept for; `alone`: whether it is not part of its batch's transaction; `effects`: what an interrupted
            migration did, from before there was a journal.
    """

    seq: int
    registry: str
    id: str
    name: str
    description: str
    checksum: str | None
    source: str | None
    batch: int
    applied_at: datetime
    duration_ms: float
    state: str
    application_version: str | None
    package_version: str | None
    details: Mapping[str, Any]

    @property
    def key(self) -> Key:
        return self.registry, self.id

    @property
    def label(self) -> str:
        return label_of(self.registry, self.id)


@dataclass(frozen=True)
class Plan:
    """What will run, in this order.

    Attributes:
        direction: `up` or `down`.
        baseline: what counts as applied without being run, because the database was there first.
    """

    direction: str
    migrations: tuple[BaseMigration, ...]
    baseline: tuple[BaseMigration, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.migrations or self.baseline)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(migration.label for migration in self.migrations)


def pending(migrations: Iterable[BaseMigration], rows: Iterable[AppliedMigration]) -> tuple[BaseMigration, ...]:
    """The migrations that no row names, in the order in which they run."""
    applied = {row.key for row in rows}
    return tuple(migration for migration in migrations if migration.key not in applied)


def plan_up(
    registries: Registries, rows: Sequence[AppliedMigration], *, to: str | None = None, has_tables: bool
) -> Plan:
    """What is pending, up to and including `to`.

    Args:
        has_tables: whether the database has tables of its own, so that a registry's baseline counts
            when there is no history.

    Raises:
        UnknownMigration: `to` is in no registry.
    """
    # The package's own rows say nothing of the application's.
    is_new = not any(row.registry != BUILTIN_REGISTRY for row in rows)
    baseline = _baseline(registries) if has_tables and is_new else ()
    last = len(registries.keys) if to is None else registries.keys.index(registries.find(to).key) + 1
    known = {migration.key for migration in baseline}
    todo = tuple(
        migration for migration in pending(registries.migrations[:last], rows) if migration.key not in known
    )  # fmt: skip
    return Plan("up", todo, baseline)


def _baseline(registries: Registries) -> tuple[BaseMigration, ...]:
    limits = {registry.name: registry.baseline for registry in registries}
    return tuple(
        migration
        for migration in registries.migrations
        if (limit := limits[migration.registry]) is not None and migration.id <= limit
    )


def plan_down_steps(registries: Registries, rows: Sequence[AppliedMigration], steps: int) -> Plan:
    """The last `steps` that were applied, newest first.

    Raises:
        ConfigurationError: `steps` is not a positive number.
    """
    if steps < 1:
        raise ConfigurationError(f"down(steps={steps}) takes nothing back.", "give a number from 1 on.")
    return _down(registries, own_rows(registries, rows)[-steps:])


def plan_down_to(registries: Registries, rows: Sequence[AppliedMigration], to: str) -> Plan:
    """Everything that was applied after `to`, newest first.

    Raises:
        UnknownMigration: `to` is in no registry.
        ConfigurationError: `to` is not applied.
    """
    own = own_rows(registries, rows)
    position = _position(registries, own, to)
    return _down(registries, own[position + 1 :])


def plan_down_only(registries: Registries, rows: Sequence[AppliedMigration], id: str) -> Plan:
    """Exactly that one, which must be the last that was applied.

    Raises:
        UnknownMigration: `id` is in no registry.
        ConfigurationError: it is not applied, or later ones are; they are listed.
    """
    own = own_rows(registries, rows)
    position = _position(registries, own, id)
    later = [row.label for row in own[position + 1 :]]
    if later:
        raise ConfigurationError(
            f"{own[position].label} cannot be taken back alone: later ones are applied: {listed(later)}.",
            f"take those back as well: python -m ormmigrate down --steps {len(later) + 1}",
        )
    return _down(registries, own[position:])


def plan_down_all(registries: Registries, rows: Sequence[AppliedMigration]) -> Plan:
    """Everything that was applied, newest first."""
    return _down(registries, own_rows(registries, rows))


def plan_down_batch(registries: Registries, rows: Sequence[AppliedMigration]) -> Plan:
    """What the last batch applied, newest first."""
    own = own_rows(registries, rows)
    return _down(registries, [row for row in own if row.batch == own[-1].batch])


def own_rows(registries: Registries, rows: Iterable[AppliedMigration]) -> list[AppliedMigration]:
    """The rows of this program's registries, in the order in which they were applied."""
    names = {registry.name for registry in registries}
    return sorted((row for row in rows if row.registry in names), key=lambda row: row.seq)


def _position(registries: Registries, own: Sequence[AppliedMigration], id: str) -> int:
    migration = registries.find(id)
    for position, row in enumerate(own):
        if row.key == migration.key:
            return position
    raise ConfigurationError(
        f"{migration.label} is not applied, so there is nothing to take back to it.",
        "python -m ormmigrate status lists what is applied.",
    )


def _down(registries: Registries, rows: Sequence[AppliedMigration]) -> Plan:
    unknown = [row.label for row in rows if row.key not in registries.keys]
    if unknown:
        raise DatabaseAhead(unknown=unknown)
    by_key = {migration.key: migration for migration in registries.migrations}
    return Plan("down", tuple(by_key[row.key] for row in reversed(rows)))


# -- what is wrong ------------------------------------------------------------------------------


def errors_in(
    registries: Registries, rows: Sequence[AppliedMigration], checksums: Mapping[Key, str | None]
) -> tuple[HistoryError, ...]:
    """Everything that the history says is wrong, the worst first; what an environment makes of it is `verdict_on`.

    Args:
        checksums: the present checksum of each migration, None where its source is not available.
    """
    own = own_rows(registries, rows)
    found = (_unfinished(own), _ahead(registries, own), _out_of_order(registries, own), _changed(own, checksums))
    return tuple(error for error in found if error is not None)


def verdict_on(error: HistoryError, environment: Environment) -> Verdict:
    """What an environment makes of an error of the history."""
    if isinstance(error, ChecksumMismatch):
        return environment.checksum_changed
    if isinstance(error, OutOfOrder):
        return environment.out_of_order
    return "error"


def _unfinished(own: Sequence[AppliedMigration]) -> HistoryError | None:
    for row in own:
        if row.state != DONE:
            if row.details.get("kept"):
                return InterruptedMigration(migration=row.label)
            return UnfinishedMigration(migration=row.label, effects=row.details.get("effects"))
    return None


def _ahead(registries: Registries, own: Sequence[AppliedMigration]) -> HistoryError | None:
    known = set(registries.keys)
    unknown = [row.label for row in own if row.key not in known]
    return DatabaseAhead(unknown=unknown) if unknown else None


def _out_of_order(registries: Registries, own: Sequence[AppliedMigration]) -> HistoryError | None:
    newest: dict[str, str] = {}
    for row in own:
        newest[row.registry] = max(row.id, newest.get(row.registry, ""))
    late = [
        migration
        for migration in pending(registries.migrations, own)
        if migration.id < newest.get(migration.registry, "")
    ]
    if not late:
        return None
    name = late[0].registry
    return OutOfOrder(pending=[migration.label for migration in late], applied=label_of(name, newest[name]))


def _changed(own: Sequence[AppliedMigration], checksums: Mapping[Key, str | None]) -> HistoryError | None:
    # One that was interrupted may be corrected before it goes on.
    changed = [row.label for row in own if row.state == DONE and is_changed(row, checksums.get(row.key))]
    return ChecksumMismatch(changed=changed) if changed else None


def is_changed(row: AppliedMigration, checksum: str | None) -> bool:
    """Whether both checksums are known, made by the same algorithm, and different."""
    if row.checksum is None or checksum is None:
        return False
    return row.checksum.partition(":")[0] == checksum.partition(":")[0] and row.checksum != checksum


def raise_or_warn(errors: Iterable[HistoryError], environment: Environment) -> list[str]:
    """Raise the first that the environment forbids; return the texts of those that it warns of.

    Raises:
        HistoryError
    """
    warnings = []
    for error in errors:
        verdict = verdict_on(error, environment)
        if verdict == "error":
            raise error
        if verdict == "warning":
            warnings.append(str(error))
    return warnings
