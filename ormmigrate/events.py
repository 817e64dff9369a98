"""What observers are told, and the logging that is one of them.

An observer is a callable that takes one event, a frozen value. An observer that raises is logged and does
not harm the batch.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Observer = Callable[["Event"], object]

logger = logging.getLogger("ormmigrate")


@dataclass(frozen=True)
class Event:
    """The base of all events."""


@dataclass(frozen=True)
class BatchPlanned(Event):
    """The lock is held, and this is what will run: labels in the order in which they run."""

    direction: str
    migrations: tuple[str, ...]
    environment: str


@dataclass(frozen=True)
class MigrationStarted(Event):
    direction: str
    migration: str
    title: str
    number: int
    total: int


@dataclass(frozen=True)
class OperationRun(Event):
    """One operation, in words, with the SQL that it came to.

    Attributes:
        strategy: how it was done. On SQLite: `native` (its own ALTER), `in place` (an edit of the schema) or
            `rebuild` (of the table). On MariaDB and MySQL: `instant`, `in place` or `copy`, where the table is not
            small. None for SQL of the migration's own, and on PostgreSQL.
        rows_rewritten: the rows that were written anew for it.
    """

    migration: str
    operation: str
    sql: tuple[str, ...]
    duration_ms: float
    strategy: str | None = None
    rows_rewritten: int = 0


@dataclass(frozen=True)
class RowsFilled(Event):
    """How far a backfill is; told after each of its batches.

    Attributes:
        rows: how many were looked at, those of an interrupted run included.
        estimated_rows: how many the table has, as far as the database knows.
        remaining_s: how long the rest will take at this pace, in seconds.
    """

    migration: str
    table: str
    rows: int
    estimated_rows: int
    remaining_s: float


@dataclass(frozen=True)
class MigrationApplied(Event):
    """A migration was run and recorded, in the direction said; not committed yet where DDL is transactional."""

    direction: str
    migration: str
    duration_ms: float


@dataclass(frozen=True)
class TableCreated(Event):
    """A table was made from its model, because no migration had made it."""

    table: str


@dataclass(frozen=True)
class BatchCommitted(Event):
    direction: str
    migrations: tuple[str, ...]
    tables: tuple[str, ...]
    duration_ms: float


@dataclass(frozen=True)
class BatchFailed(Event):
    error: BaseException


@dataclass(frozen=True)
class NothingPending(Event):
    """A start that had nothing to do."""

    applied: int


@dataclass(frozen=True)
class Warned(Event):
    """Something that a person should look at; the batch goes on."""

    text: str


@dataclass(frozen=True)
class Noted(Event):
    """Something worth a line in the log."""

    text: str


def notify(observers: Iterable[Observer], event: Event) -> None:
    """Log the event, then tell every observer; one that raises is logged."""
    log(event)
    for observer in observers:
        try:
            observer(event)
        except Exception:
            logger.exception("An observer raised on %s; the batch goes on.", type(event).__name__)


def log(event: Event) -> None:
    """Write an event to `logging.getLogger("ormmigrate")`: batches at INFO, operations at DEBUG."""
    if isinstance(event, OperationRun):
        way = f", {event.strategy}, {event.rows_rewritten} rows rewritten" if event.strategy else ""
        logger.debug("%s: %s (%.1f ms%s)", event.migration, event.operation, event.duration_ms, way)
    elif isinstance(event, RowsFilled):
        share = min(100, 100 * event.rows // max(1, event.estimated_rows))
        logger.info("Filling %s: %d rows, about %d %%, %.0f s left.", event.table, event.rows, share, event.remaining_s)
    elif isinstance(event, BatchPlanned):
        verb = "Applying" if event.direction == "up" else "Taking back"
        logger.info("%s %d migrations (%s).", verb, len(event.migrations), event.environment)
    elif isinstance(event, MigrationApplied):
        verb = "Applied" if event.direction == "up" else "Took back"
        logger.info("%s %s in %.1f ms.", verb, event.migration, event.duration_ms)
    elif isinstance(event, TableCreated):
        logger.info("Created the table %s from its model.", event.table)
    elif isinstance(event, BatchCommitted):
        logger.info(
            "Committed: %d migrations, %d tables, %.1f ms.",
            len(event.migrations), len(event.tables), event.duration_ms,
        )  # fmt: skip
    elif isinstance(event, BatchFailed):
        logger.error("The batch failed: %s", event.error)
    elif isinstance(event, NothingPending):
        logger.info("Nothing pending: %d migrations are applied.", event.applied)
    elif isinstance(event, Warned):
        logger.warning("%s", event.text)
    elif isinstance(event, Noted):
        logger.info("%s", event.text)
