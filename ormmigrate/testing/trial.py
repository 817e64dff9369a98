"""One migration tried on rows: up, and down again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import peewee

from ormmigrate import sources
from ormmigrate.connection import connected
from ormmigrate.database import Database
from ormmigrate.dialects.base import Dialect
from ormmigrate.diff import Difference, diff
from ormmigrate.errors import ConfigurationError, IrreversibleMigration, MigrationError, MigrationFailed, listed
from ormmigrate.migration import BaseMigration
from ormmigrate.operations import Operation
from ormmigrate.recording import expected
from ormmigrate.runner import Runner
from ormmigrate.schema import Table
from ormmigrate.testing.rows import fill
from ormmigrate.testing.survival import Row, State, in_both, lost_rows, new_rows, survivors

#: What puts rows into the database as it is ahead of a migration.
Factory = Callable[[Database], object]
EVERY = "*"


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        migration: its label.
        unreached: why an earlier migration does not run, so that this one was not tried.
        refused: the tables that took no made-up rows, and why.
        failure: why it does not run where there are rows.
        lost: what became of the rows, in words.
        down_failure: why it does not run backwards; that it cannot is one reason.
        left: what of the schema is another one after up and down.
        left_rows: what of the rows is, in words.
    """

    migration: str
    unreached: MigrationFailed | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    failure: MigrationError | None = None
    lost: Sequence[str] = ()
    down_failure: MigrationError | None = None
    left: Difference | None = None
    left_rows: Sequence[str] = ()

    @property
    def irreversible(self) -> str | None:
        """Why there is no way back, where there is none: nothing derives it, or down() says so itself."""
        error = self.down_failure
        if isinstance(error, IrreversibleMigration):
            return error.operation
        cause = error.__cause__ if error is not None else None
        says_so = isinstance(cause, (NotImplementedError, IrreversibleMigration))
        return f"its down() raises {cause!r}" if says_so else None


def tried_at(
    place: AbstractContextManager[Database],
    migration: BaseMigration,
    factories: Mapping[str, Factory],
    unmanaged: Sequence[str] = (),
) -> Trial:
    """Try a migration on rows.

    Args:
        place: the application's Database, where everything ahead of the migration is applied.
        factories: by the label of a migration, what puts rows there ahead of it; `"*"` for all others.
        unmanaged: tables that belong to others.

    Raises:
        ConfigurationError: a factory for a migration that there is not.
    """
    trial = Trial(migration.label)
    with ExitStack() as stack:
        try:
            database = stack.enter_context(place)
        except MigrationFailed as error:
            return replace(trial, unreached=error)
        _refuse_unknown(factories, [one.label for one in database.migrations.registries.migrations])
        if factory := factories.get(migration.label, factories.get(EVERY)):
            factory(database)
        target, dialect = database.migrations._target()
        with connected(target, dialect):
            refused = fill(target, dialect, sources.of_database(target, dialect, unmanaged))
        return _up_and_down(replace(trial, refused=refused), database.migrations, migration, unmanaged)


def _up_and_down(trial: Trial, runner: Runner, migration: BaseMigration, unmanaged: Sequence[str]) -> Trial:
    database, dialect = runner._target()
    before = state_of(database, dialect, unmanaged)
    operations = _operations(runner, migration)
    try:
        with heard(database) as statements:
            runner.up(to=trial.migration)
    except MigrationError as error:
        return replace(trial, failure=error)
    applied = state_of(database, dialect, unmanaged)
    kept = survivors(before.schema, applied.schema, operations, statements)
    trial = replace(trial, lost=lost_rows(before, applied, kept))
    try:
        with heard(database) as more:
            runner.down(only=trial.migration)
    except MigrationError as error:
        return replace(trial, down_failure=error)
    after = state_of(database, dialect, unmanaged)
    # What up() changed on purpose down() may have changed back, or not.
    sent = [*statements, *more]
    there = survivors(before.schema, applied.schema, operations, sent)
    back = in_both(there, survivors(before.schema, after.schema, [], sent))
    left_rows = [*lost_rows(before, after, back), *new_rows(before, after, back)]
    return replace(trial, left=diff(before.schema, after.schema), left_rows=left_rows)


def _refuse_unknown(factories: Mapping[str, Factory], labels: Sequence[str]) -> None:
    if unknown := set(factories) - {EVERY, *labels}:
        raise ConfigurationError(
            f"The fixture ormmigrate_rows names migrations that there are not: {listed(sorted(unknown))}.",
            'write the id as the registry has it, or "*" for all that have no rows of their own.',
        )


def _operations(runner: Runner, migration: BaseMigration) -> list[Operation]:
    """The operations of a migration; of one that cannot be recorded, those that a replay comes to."""
    database, dialect = runner._target()
    try:
        return expected(database, dialect, migration, "up")
    except IrreversibleMigration:
        try:
            return [operation for operation, _ in runner.operations(migration.label)]
        except MigrationError:
            return []


# -- reading ----------------------------------------------------------------------------------------


def state_of(database: peewee.Database, dialect: Dialect, unmanaged: Sequence[str]) -> State:
    """The schema and all rows, without the package's own."""
    schema = sources.of_database(database, dialect, unmanaged)
    with connected(database, dialect):
        return State(schema, {table.name: _rows(database, dialect, table) for table in schema.tables})


def _rows(database: peewee.Database, dialect: Dialect, table: Table) -> list[Row]:
    columns = [column.name for column in table.columns]
    statement = f"SELECT {', '.join(map(dialect.quoted, columns))} FROM {dialect.qualified(database, table.name)}"
    found = database.execute_sql(dialect.as_sent(statement, None)).fetchall()
    return [dict(zip(columns, map(_shown, row))) for row in found]


def _shown(value: Any) -> str:
    return repr(bytes(value) if isinstance(value, memoryview) else value)


@contextmanager
def heard(database: peewee.Database) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    statements: list[str] = []

    def hear(event: Any) -> None:
        statements.append(str(event.sql))

    database.query_hooks.append(hear)
    try:
        yield statements
    finally:
        database.query_hooks.remove(hear)
