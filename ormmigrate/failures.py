"""What is said when a batch fails: what failed, what was undone or kept, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from ormmigrate.dialects.base import Dialect, TransactionEnded
from ormmigrate.errors import ConfigurationError, MigrationError, MigrationFailed, settling_advice
from ormmigrate.live import LiveMigrator
from ormmigrate.migration import BaseMigration

ROLLED_BACK = "Everything was rolled back: the database is as it was."


def migration_failed(
    migration: BaseMigration, migrator: LiveMigrator, error: Exception, outcome: str, advice: str
) -> MigrationFailed:
    """A migration raised: which, at which operation and statement."""
    return MigrationFailed(
        migration=migration.label,
        operation=migrator.current.describe() if migrator.current else None,
        statement=migrator.statement,
        cause=error,
        outcome=outcome,
        advice=advice,
    )


def rolled_back(label: str, error: Exception, next_step: str | None) -> tuple[str, str]:
    """Outcome and advice where DDL is transactional; `next_step` is the dialect's."""
    own = error.advice if isinstance(error, MigrationError) else None
    advice = own or next_step or f"correct {label} and start again."
    if isinstance(error, TransactionEnded):
        return "What ran before that may have been committed.", advice
    return ROLLED_BACK, advice


def kept(label: str, effects: Sequence[str], earlier: Sequence[str]) -> tuple[str, str]:
    """Outcome and advice where DDL cannot be rolled back.

    Args:
        effects: what of the migration took effect, in words.
        earlier: labels of those that the batch had finished before it.
    """
    before = f" Finished before it, and kept: {', '.join(earlier)}." if earlier else ""
    if not effects:
        return f"Nothing of it took effect.{before}", f"correct {label} and start again."
    outcome = f"This database cannot roll back DDL. What took effect: {'; '.join(effects)}.{before}"
    return outcome, f"{settling_advice(label)} Until then every start refuses with UnfinishedMigration."


def outside_of_migrations(error: Exception, dialect: Dialect) -> MigrationError:
    """A database's error from COMMIT, say, or from creating a model's table."""
    kept = "This database cannot roll back DDL: what had been done stays, and the history says how far it came."
    return MigrationError(
        f"The batch failed outside of its migrations: {type(error).__name__}: {error}\n"
        f"  {ROLLED_BACK if dialect.transactional_ddl else kept}",
        "correct the cause and start again; if the connection was lost, look first at what was committed: "
        "python -m ormmigrate status.",
    )


def split_is_unsupported(migration: BaseMigration) -> ConfigurationError:
    """A migration that does not run in a transaction, in a version whose batches are one each."""
    return ConfigurationError(
        f"The migration {migration.label} says transactional = False, which this version of ormmigrate "
        "cannot run: every batch is one transaction. Nothing was changed.",
        "take the line out if the migration can run in a transaction; where it cannot, run its statement outside of "
        "migrations, and leave it out of the list.",
    )
