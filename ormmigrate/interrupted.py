"""A batch that could not be rolled back and did not end: what it has done, and what can be made of it.

From the journal and the history alone, so that it does not matter which process began it. Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from peewee import Database

from ormmigrate import journal
from ormmigrate.checksum import fingerprint_of
from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import (
    ConfigurationError,
    HistoryError,
    InterruptedMigration,
    IrreversibleMigration,
    MigrationError,
    UnfinishedMigration,
)
from ormmigrate.journal import BEGUN, BY_TEXT, DONE, OPERATION, QUERY, STATEMENT, UNDOING, UNDONE, Entry
from ormmigrate.migration import DONE as FINISHED
from ormmigrate.migration import RUNNING, BaseMigration
from ormmigrate.operations import Operation
from ormmigrate.plan import AppliedMigration
from ormmigrate.recording import expected
from ormmigrate.registry import Registries

if TYPE_CHECKING:
    from ormmigrate.dialects.base import Undoing
    from ormmigrate.status import Status

Key = tuple[str, str]
#: SQL that is run outside of a transaction, and may be run again.
MAY_RUN_AGAIN = ("VACUUM", "ANALYZE", "REINDEX", "PRAGMA", "SET")


@dataclass
class Part:
    """An operation and its statements; or a query or statement that the migration sent outside of any."""

    entry: Entry | None
    statements: list[Entry] = field(default_factory=list)

    @property
    def is_reversed_by_itself(self) -> bool:
        """Whether its own reverse takes it back, rather than the definitions of its tables."""
        return self.entry is not None and self.entry.changes_rows and self.entry.state != BEGUN

    @property
    def open_statements(self) -> list[Entry]:
        """Those that may have run and are not taken back yet, newest first."""
        return [statement for statement in reversed(self.statements) if statement.state != UNDONE]


def parts_of(entries: Sequence[Entry]) -> list[Part]:
    """The journal's rows by operation, in the order in which they were begun."""
    parts: list[Part] = []
    current: dict[tuple[Key, int], Part] = {}
    for entry in entries:
        place = (entry.key, entry.position)
        if entry.kind == STATEMENT and place in current:
            current[place].statements.append(entry)
        elif entry.kind == STATEMENT:
            # Outside of any operation.
            parts.append(Part(None, [entry]))
        else:
            parts.append(Part(entry))
            current[place] = parts[-1]
    return parts


class InterruptedBatch:
    """What the journal and the history say of it.

    Args:
        rows: the history's rows that are not finished, of those that a journal was kept for.
        entries: the journal.
    """

    def __init__(
        self,
        database: Database,
        dialect: Dialect,
        registries: Registries,
        rows: Sequence[AppliedMigration],
        entries: Sequence[Entry],
    ) -> None:
        self._database, self._dialect, self._registries = database, dialect, registries
        self.rows = rows
        self.entries = entries
        self.parts = parts_of(entries)
        self._operations: dict[tuple[Key, str], list[Operation] | MigrationError] = {}

    @cached_property
    def _undoing(self) -> Undoing:
        return self._dialect.undoing(self._database)

    # -- what stands in the way --------------------------------------------------------------

    def obstacles(self) -> list[str]:
        """Why the batch cannot be taken back as if it had never been, in words; empty where it can."""
        found = [text for part in reversed(self.parts) for text in self._obstacles_of(part)]
        found += [f"the table {name} was changed since, by somebody else" for name in self._changed_since()]
        if any(entry.changes_rows for entry in self.entries):
            return found  # their reverses come first, and may empty what was created
        return found + [f"the table {name}, which the batch had created, has rows by now" for name in self._filled()]

    def _obstacles_of(self, part: Part) -> list[str]:
        entry = part.entry
        if entry is not None and entry.kind == QUERY:
            return [f"{entry.label} changed rows itself, outside of its operations: {entry.description}"]
        if entry is not None and entry.state == UNDONE:
            return []
        if entry is not None and entry.state == UNDOING:
            return [f"{entry.label} was interrupted while this was taken back: {entry.description}"]
        lost = [text for statement in part.open_statements for text in self._losses_of(statement)]
        if entry is not None and (entry.changes_rows or self._dialect.transactional_ddl):
            if entry.state == BEGUN and entry.progress:
                return [f"{entry.label} was interrupted in the middle of this: {entry.description}"]
            if entry.state == BEGUN and not entry.changes_rows:
                return []
            if entry.state == BEGUN:
                return [f"{entry.label} was interrupted after it had committed a part of this: {entry.description}"]
            return lost + self._without_reverse(entry)
        if lost or entry is None or entry.state != DONE or self._without_reverse(entry):
            return lost + self._unseen_in(part)
        return []  # as where a procedure is made, and its reverse is given

    def _losses_of(self, statement: Entry) -> list[str]:
        found = self._undoing.losses(statement.statement, statement.found, statement.made)
        return [f"{statement.label}: what cannot come back: {text}" for text in found]

    def _unseen_in(self, part: Part) -> list[str]:
        """What the definitions of tables do not say how to take back."""
        return [
            f"{statement.label}: {text}"
            for statement in part.open_statements
            for text in self._undoing.unseen(statement.statement, statement.found, statement.made)
        ]

    def _without_reverse(self, entry: Entry) -> list[str]:
        if entry.reversal is None:
            return [f"{entry.label} gives no reverse of this: {entry.description}"]
        if entry.reversal.startswith(BY_TEXT):
            return []
        try:
            self._operation(entry)
        except MigrationError as error:
            return [f"{entry.description}: {error.problem}"]
        return self._changed_text(entry)

    def _changed_text(self, entry: Entry) -> list[str]:
        """Whether the migration's code is another than the one that was run: then its reverse is, too."""
        row = next((row for row in self.rows if row.key == entry.key), None)
        known = fingerprint_of(self.migration(entry.key))
        if row is None or row.checksum is None or known is None or known.checksum == row.checksum:
            return []
        return [f"{entry.label} was changed since, and may say another reverse of this: {entry.description}"]

    def _changed_since(self) -> list[str]:
        """The tables that are not what the journal says that they are now."""
        done: list[str] = []
        undone: list[str] = []
        for statement in (entry for entry in self.entries if entry.kind == STATEMENT):
            if statement.state == DONE and statement.made is not None:
                done.append(statement.made)
            elif statement.state == UNDONE and statement.found is not None:
                # They are taken back newest first, so that the oldest of them says what is there.
                undone.insert(0, statement.found)
            else:
                return []  # interrupted in the middle: what is there now is not known beforehand
        return self._undoing.changed_since(done + undone) if done or undone else []

    def _filled(self) -> list[str]:
        statements = [entry for entry in self.entries if entry.kind == STATEMENT and entry.state == DONE]
        return [name for entry in statements for name in self._undoing.filled(entry.found, entry.made)]

    # -- the way on --------------------------------------------------------------------------

    @property
    def is_alone(self) -> bool:
        """Whether it was a migration outside of a transaction, with which a later start goes on."""
        return any(row.details.get("alone") for row in self.rows)

    def interrupted(self) -> AppliedMigration | None:
        """The migration in whose middle it ended; None where it ended between two."""
        return next((row for row in self.rows if row.state == RUNNING), None)

    def all_hindrances(self) -> list[str]:
        """`hindrances` of the migration in whose middle it ended; none where it ended between two."""
        row = self.interrupted()
        return [] if row is None else self.hindrances(row)

    def hindrances(self, row: AppliedMigration) -> list[str]:
        """Why it is not certain where to go on in that migration, in words; empty where it is."""
        parts = [part for part in self.parts if part.entry is None or part.entry.key == row.key]
        outside = [part for part in parts if part.entry is None or part.entry.kind == QUERY]
        if outside:
            return ["it sends queries of its own between its operations"]
        try:
            operations = self._operations_of(row.key, row.details.get("kept", "up"))
        except IrreversibleMigration as error:
            return [f"which operations it has cannot be known without running it: {error.operation}"]
        except MigrationError as error:
            return [error.problem]
        done = [part.entry for part in parts if part.entry is not None and part.entry.state == DONE]
        for entry, operation in zip(done, operations):
            if entry.description != operation.describe():
                return [f"its operation {entry.position + 1} was another when it ran: {entry.description}"]
        begun = next((part for part in parts if part.entry is not None and part.entry.state == BEGUN), None)
        return self._hindrances_of(begun) if begun is not None else []

    def _hindrances_of(self, begun: Part) -> list[str]:
        entry = begun.entry
        assert entry is not None
        if entry.changes_rows:
            return [f"a part of this was committed: {entry.description}"]
        if entry.progress:
            return self._changed_text(entry)
        if entry.progress is not None and entry.statement and not entry.statement.upper().startswith(MAY_RUN_AGAIN):
            # Of other operations the engine knows what an interruption leaves.
            return [f"this may have run or not: {entry.description}"]
        lost = [text for statement in begun.open_statements for text in self._losses_of(statement)]
        return lost + self._unseen_in(begun)

    # -- the operations ----------------------------------------------------------------------

    def _operation(self, entry: Entry) -> Operation:
        operations = self._operations_of(entry.key, entry.direction)
        if entry.position >= len(operations) or operations[entry.position].describe() != entry.description:
            raise ConfigurationError(
                f"{entry.label} is not the text that was run: there is no longer an operation to {entry.description}",
                "start the version of the application that was interrupted.",
            )
        return operations[entry.position]

    def _operations_of(self, key: Key, direction: str) -> list[Operation]:
        """A migration's operations, as its code says them now."""
        found = self._operations.get((key, direction))
        if found is None:
            try:
                found = expected(self._database, self._dialect, self.migration(key), direction, self._adopted(key))
            except MigrationError as error:
                found = error
            self._operations[key, direction] = found
        if isinstance(found, MigrationError):
            raise found
        return found

    def _adopted(self, key: Key) -> Sequence[str]:
        return next((row.details.get("adopted", ()) for row in self.rows if row.key == key), ())

    def migration(self, key: Key) -> BaseMigration:
        for migration in self._registries.migrations:
            if migration.key == key:
                return migration
        raise ConfigurationError(
            f"This version of the application does not have the migration {key[1]}",
            "start the version that was interrupted.",
        )

    # -- what to say -------------------------------------------------------------------------

    def unfinished(self, obstacles: Sequence[str]) -> UnfinishedMigration:
        """The error that says how it stands, and which ways there are."""
        row = self.interrupted() or (self.rows[-1] if self.rows else None)
        effects = [_in_words(part) for part in self.parts if part.entry is None or part.entry.state != UNDONE]
        return UnfinishedMigration(
            migration=journal.SYNC[1] if row is None else row.label,
            effects=[text for text in effects if text],
            obstacles=obstacles,
            can_resume=row is not None and not self.hindrances(row),
        )


def with_obstacles(
    status: Status, database: Database, dialect: Dialect, registries: Registries, rows: Sequence[AppliedMigration]
) -> Status:
    """The status with what stands in the way of an interrupted batch, where something does. Read-only."""
    kept = [row for row in rows if row.state != FINISHED and row.details.get("kept")]
    if not kept or dialect.is_migrating(database):
        return status
    batch = InterruptedBatch(database, dialect, registries, kept, journal.read(database, dialect))
    obstacles = batch.all_hindrances() if batch.is_alone else batch.obstacles()
    if not obstacles:
        return status
    told = batch.unfinished(obstacles)

    def said(errors: Sequence[HistoryError]) -> tuple[HistoryError, ...]:
        return tuple(told if isinstance(error, InterruptedMigration) else error for error in errors)

    return replace(status, errors=said(status.errors), forbidden=said(status.forbidden))


def _in_words(part: Part) -> str:
    entry = part.entry
    if entry is None or entry.kind == QUERY:
        return f"the statement {part.statements[0].statement if entry is None else entry.description}"
    if entry.kind == OPERATION and entry.state == DONE:
        return entry.description
    if entry.changes_rows or entry.progress:
        return f"a part of this: {entry.description}"
    ran = [statement.statement for statement in part.statements if statement.state == DONE]
    if ran:
        return f"of what was interrupted ({entry.description}), the statement {'; '.join(ran)}"
    return f"interrupted, so that it may be there or not: {entry.description}" if part.statements else ""
