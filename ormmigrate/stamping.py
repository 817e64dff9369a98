"""Writing the history without running anything: `stamp`, `settle` and `accept`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ormmigrate import history, journal
from ormmigrate.checksum import fingerprint_of
from ormmigrate.errors import ConfigurationError, DatabaseAhead
from ormmigrate.migration import DONE, RAN, BaseMigration
from ormmigrate.plan import own_rows
from ormmigrate.report import Report

if TYPE_CHECKING:
    from ormmigrate.batch import Batch
    from ormmigrate.plan import AppliedMigration

#: What a person says of an interrupted migration: all of it is there, or nothing of it is left.
Outcome = Literal["applied", "undone"]


def stamp(batch: Batch, last: BaseMigration | None) -> Report:
    """Make the history say that everything up to `last`, and nothing after it, is applied."""
    stamped: list[str] = []

    def change(rows: list[AppliedMigration]) -> None:
        own = [row for row in own_rows(batch.registries, rows) if last is None or row.registry == last.registry]
        _refuse_interrupted(rows, own)
        unknown = [row.label for row in own if row.key not in batch.registries.keys]
        if unknown:
            raise DatabaseAhead(unknown=unknown)
        wanted = _up_to(batch, last)
        gone = [row.key for row in own if row.key not in wanted or row.state != DONE]
        history.delete(batch.database, gone)
        journal.clear(batch.database, [*gone, journal.SYNC])
        there = {row.key for row in own if row.state == DONE}
        adopted = {row.key: row.details.get("adopted") for row in own}
        number = max((row.batch for row in rows), default=0) + 1
        for key, migration in wanted.items():
            if key not in there:
                details = {"adopted": adopted[key]} if adopted.get(key) else None
                history.insert(batch.database, batch.books.row_of(migration, number, details=details))
                stamped.append(migration.label)

    batch.under_lock(change)
    return Report(stamped=tuple(stamped))


def _refuse_interrupted(rows: list[AppliedMigration], own: list[AppliedMigration]) -> None:
    """A batch that was interrupted is one thing: it is not for the stamp of one registry to take it apart."""
    interrupted = [row.label for row in rows if row.details.get("kept") and row not in own]
    if interrupted:
        raise ConfigurationError(
            f"A batch was interrupted that holds migrations of other registries: {', '.join(interrupted)}.",
            "python -m ormmigrate up takes it back, or says how it stands; stamp after that.",
        )


def _up_to(batch: Batch, last: BaseMigration | None) -> dict[tuple[str, str], BaseMigration]:
    if last is None:
        return {}
    return {
        migration.key: migration
        for migration in batch.registries.migrations
        if migration.registry == last.registry and migration.id <= last.id
    }


def settle(batch: Batch, label: str, outcome: Outcome) -> None:
    """Write what a person says of an interrupted migration, after repairing the schema by hand."""
    known = {migration.label: migration for migration in batch.registries.migrations}

    def change(rows: list[AppliedMigration]) -> None:
        row = next((row for row in rows if row.label == label and row.state != DONE), None)
        if row is None:
            raise ConfigurationError(
                f"{label} was not interrupted, so there is nothing to settle.",
                "python -m ormmigrate status says what the history holds; stamp writes it for a whole database.",
            )
        # What the journal holds of it is settled with it, and what else its batch had run stays.
        others = [other for other in rows if other.state == RAN]
        journal.clear(batch.database, [row.key, *(other.key for other in others), journal.SYNC])
        for other in others:
            if other.details.get("kept") == "down":
                history.delete(batch.database, [other.key])
            else:
                history.update(batch.database, other.key, {"state": DONE, "details": _settled(other)})
        if outcome == "undone":
            history.delete(batch.database, [row.key])
            return
        values = {"state": DONE, "details": _settled(row)}
        if label in known:
            # What is applied is the text as it is now: the one that failed will have been corrected.
            present = batch.books.row_of(known[label], row.batch)
            values |= {"checksum": present["checksum"], "source": present["source"]}
        history.update(batch.database, row.key, values)

    batch.under_lock(change)


def _settled(row: AppliedMigration) -> dict[str, Any]:
    """What its row says of a migration that is finished."""
    return {name: row.details[name] for name in row.details if name not in ("effects", "kept", "alone")}


def accept(batch: Batch, migration: BaseMigration) -> None:
    """Take a migration's present checksum and source into its row."""
    known = fingerprint_of(migration)
    if known is None:
        raise ConfigurationError(
            f"The source of {migration.label} is not available, so it has no checksum to accept.",
            "run this from a checkout of the application.",
        )

    def change(rows: list[AppliedMigration]) -> None:
        if migration.key not in {row.key for row in rows}:
            raise ConfigurationError(
                f"{migration.label} is not applied to this database, so there is nothing to accept.",
                "python -m ormmigrate up applies it.",
            )
        history.update(batch.database, migration.key, {"checksum": known.checksum, "source": known.source})

    batch.under_lock(change)
