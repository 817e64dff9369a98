"""What is said when a batch fails: what failed, what was undone or kept, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from ormmigrate.dialects.base import Dialect, TransactionEnded
from ormmigrate.errors import MigrationError, MigrationFailed, UnfinishedMigration, bulleted
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import BaseMigration

ROLLED_BACK = "Everything was rolled back: the database is as it was."
TAKEN_BACK = "Everything that the batch had done was taken back: the database is as it was."


def migration_failed(
    migration: BaseMigration, migrator: LiveMigrator, error: Exception, outcome: str, advice: str
) -> MigrationFailed:
    """A migration raised: which, at which operation and statement."""
    operation = migrator.failed_at(error)
    return MigrationFailed(
        migration=migration.label,
        operation=operation.describe() if operation else None,
        statement=migrator.statement,
        cause=error,
        outcome=outcome,
        advice=advice,
    )


def rolled_back(label: str, error: Exception, dialect: Dialect) -> tuple[str, str]:
    """Outcome and advice where DDL is transactional."""
    own = error.advice if isinstance(error, MigrationError) else None
    if dialect.refuses_transaction(error):
        own = f"put it into a migration of its own that says transactional = False, or say so in {label}."
    advice = own or dialect.next_step(error) or f"correct {label} and start again."
    if isinstance(error, TransactionEnded):
        return "What ran before that may have been committed.", advice
    return ROLLED_BACK, advice


def taken_back(label: str, error: Exception) -> tuple[str, str]:
    """Outcome and advice where DDL cannot be rolled back, and the batch was taken back all the same."""
    own = error.advice if isinstance(error, MigrationError) else None
    return TAKEN_BACK, own or f"correct {label} and start again."


def kept(unfinished: UnfinishedMigration) -> tuple[str, str]:
    """Outcome and advice where it could not be."""
    effects, obstacles = bulleted(unfinished.effects or ()), bulleted(unfinished.obstacles)
    outcome = f"What it had done could not be taken back, because of this:\n{obstacles}\n  This took effect:\n{effects}"
    return outcome, f"{unfinished.advice} Until then every start refuses with UnfinishedMigration."


def kept_after(error: Exception, unfinished: UnfinishedMigration) -> MigrationError:
    """An error outside of a migration, where what the batch had done could not be taken back."""
    reason = error.problem if isinstance(error, MigrationError) else f"{type(error).__name__}: {error}"
    outcome, advice = kept(unfinished)
    return MigrationError(f"{reason}\n  {outcome}", advice)


def left_to_next_start(label: str) -> tuple[str, str]:
    """Outcome and advice where the connection is gone, and with it the way to take anything back."""
    return (
        "The connection is lost, so what the batch had done could not be taken back yet.",
        f"start again: the next start takes it back, and then runs {label} anew.",
    )


def goes_on(label: str, error: Exception) -> tuple[str, str]:
    """Outcome and advice of a migration that is not part of a transaction."""
    own = (
        f"{error.advice} Then start again" if isinstance(error, MigrationError) else f"correct {label} and start again"
    )
    return (
        "It runs outside of a transaction: the operations before that are done and stay.",
        f"{own}: it goes on behind them. To take them back: python -m ormmigrate undo.",
    )


def with_committed(outcome: str, committed: Sequence[str]) -> str:
    """The outcome of a batch that is not one transaction; `committed` are the migrations that stay."""
    if not committed:
        return outcome
    since = {ROLLED_BACK: "What came behind was rolled back.", TAKEN_BACK: "What came behind was taken back."}
    return f"Applied before it, and kept: {', '.join(committed)}. {since.get(outcome, outcome)}"


def commit_lost(lost: Exception) -> MigrationError:
    """The connection was lost during COMMIT, and the history says what came of it: nothing."""
    return MigrationError(
        f"The connection was lost during COMMIT: {lost}. The history says that the batch was not committed: the "
        "database is as it was.",
        "start again.",
    )


def commit_lost_in_parts(lost: Exception, said: Sequence[str]) -> MigrationError:
    """The same for a batch that is not one transaction; `said` is what the history says of its migrations."""
    return MigrationError(
        f"The connection was lost during a COMMIT: {lost}. The batch is not one transaction, and this is what the "
        f"history says of it:\n{bulleted(said)}",
        "start again: it goes on behind that.",
    )


def commit_unknown(lost: Exception, error: Exception) -> MigrationError:
    """The same where the history cannot be read."""
    reason = error.problem if isinstance(error, MigrationError) else error
    return MigrationError(
        f"The connection was lost during COMMIT, so the batch may be applied or not: {lost}. It could not be looked "
        f"up: {reason}",
        "when the server answers again, see which: python -m ormmigrate status; then start again, which runs what is "
        "not applied.",
    )


def outside_of_migrations(error: Exception, dialect: Dialect, committed: Sequence[str] = ()) -> MigrationError:
    """A database's error from COMMIT, say, or from creating a model's table."""
    kept = "What had been done and not finished was taken back, or will be by the next start."
    outcome = with_committed(ROLLED_BACK if dialect.transactional_ddl else kept, committed)
    return MigrationError(
        f"The batch failed outside of its migrations: {type(error).__name__}: {error}\n  {outcome}",
        "correct the cause and start again; if the connection was lost, look first at what was committed: "
        "python -m ormmigrate status.",
    )
