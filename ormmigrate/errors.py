"""Everything that can go wrong, as one tree.

```
MigrationError
├── RegistryError             the list of migrations is not valid
│   ├── DuplicateMigration
│   ├── InvalidMigrationId
│   ├── UnorderedMigrations
│   └── UnknownDependency
├── UnknownMigration          an id that the program does not have
├── HistoryError              the database and the program disagree
│   ├── ChecksumMismatch
│   ├── DatabaseAhead
│   ├── OutOfOrder
│   └── UnfinishedMigration   interrupted, outside of a transaction
│       └── InterruptedMigration   or running at this moment
├── MigrationFailed           a migration raised; what was undone
├── IrreversibleMigration     no way back, found before anything was touched
├── IntegrityCheckFailed      rows that the batch would have left broken
├── LockTimeout               somebody else holds the lock
│   └── TableInUse            or uses a table all the time
├── UnsupportedOperation      this database cannot do it, or not without loss
├── BackupError
└── ConfigurationError        settings, URLs, files, the way it was called
```

Every error carries its facts as attributes and ends with what to do next (`advice`).
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself costs 3 ms at import
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MigrationError(Exception):
    """The base of every error that this package raises.

    Attributes:
        problem: what is wrong, in one or more sentences.
        advice: what to do next.
    """

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem, advice)
        self.problem = problem
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.problem}\n  Next: {self.advice}"

    def __reduce__(self) -> tuple[object, ...]:
        # Subclasses take facts, not (problem, advice): rebuild without calling them, so that errors
        # cross process pools.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[MigrationError], args: tuple[str, str], facts: dict[str, object]) -> MigrationError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(facts)
    return error


def retyped(error: MigrationError, cls: type[MigrationError]) -> MigrationError:
    """The same error, as a class that those catch too who know nothing of this package."""
    return _rebuild(cls, error.args, error.__dict__)


def listed(items: Iterable[object], limit: int = 10) -> str:
    """`a, b, c and 4 more`."""
    texts = [str(item) for item in items]
    shown = ", ".join(texts[:limit])
    return shown if len(texts) <= limit else f"{shown} and {len(texts) - limit} more"


def bulleted(items: Iterable[object], limit: int = 20) -> str:
    """One line each, indented, cut after `limit`."""
    texts = [f"    - {item}" for item in items]
    more = [f"    - and {len(texts) - limit} more"] if len(texts) > limit else []
    return "\n".join(texts[:limit] + more)


def settling_advice(migration: str) -> str:
    """What to do about a migration that is half there."""
    settle = f"python -m ormmigrate settle {migration}"
    return (
        f"bring the schema to one side by hand, then say which: {settle} --applied if all of it is there now, "
        f"{settle} --undone if nothing of it is left. Then start again."
    )


def unfinished_advice(migration: str, is_journaled: bool, can_resume: bool) -> str:
    """Which ways there are out of a migration that is half there."""
    if not is_journaled:
        return settling_advice(migration)
    resume = (
        "go on behind what is done, after correcting what failed: python -m ormmigrate resume; or "
        if can_resume
        else ""
    )
    return (
        f"{resume}take back what can be, which says first what will be lost: python -m ormmigrate undo. "
        f"Or {settling_advice(migration)}"
    )


# -- the list of migrations ---------------------------------------------------------------------


class RegistryError(MigrationError):
    """The list of migrations cannot be used as it is."""


class DuplicateMigration(RegistryError):
    """A registry lists one id twice.

    Attributes: id, registry.
    """

    def __init__(self, *, id: str, registry: str) -> None:
        self.id, self.registry = id, registry
        super().__init__(
            f"The registry {registry!r} lists the migration {id!r} twice.",
            "remove one of the two lines; or, if they are two migrations, give one of them its own id "
            "(python -m ormmigrate new makes a fresh one).",
        )


class InvalidMigrationId(RegistryError):
    """An id that is not `YYYYMMDD_HHMMSS_description`.

    Attributes: id; where (the class that has it); reason.
    """

    def __init__(self, *, id: object, where: str, reason: str) -> None:
        self.id, self.where, self.reason = id, where, reason
        super().__init__(
            f"{where} has the id {id!r}: {reason}.",
            'write it as YYYYMMDD_HHMMSS_description, for example id = "20240602_130000_add_user_preferences".',
        )


class UnorderedMigrations(RegistryError):
    """A registry does not stand in ascending order.

    Attributes: id; after (the later one that stands before it); registry.
    """

    def __init__(self, *, id: str, after: str, registry: str) -> None:
        self.id, self.after, self.registry = id, after, registry
        super().__init__(
            f"The registry {registry!r} lists {id!r} after {after!r}, which is the later of the two.",
            "put the lines in ascending order of their ids, or, if the migration has not run anywhere yet, give it a "
            f"newer one: python -m ormmigrate rebase {id}",
        )


class UnknownDependency(RegistryError):
    """A `depends_on` that is nowhere, or comes later.

    Attributes: migration, dependency, is_later.
    """

    def __init__(self, *, migration: str, dependency: str, is_later: bool) -> None:
        self.migration, self.dependency, self.is_later = migration, dependency, is_later
        why = "comes later" if is_later else "is in none of the registries"
        super().__init__(
            f"The migration {migration!r} depends on {dependency!r}, which {why}.",
            'depends_on takes ids that come earlier, with their registry if it is another one: "billing:20240101_...".'
            if is_later
            else "correct the id in depends_on, or add the missing migration (or its registry) to "
            'Database(migrations=[...]). Ids of another registry carry its name: "billing:20240101_...".',
        )


class UnknownMigration(MigrationError):
    """An id that the program does not have.

    Attributes: id; nearest (ids like it).
    """

    def __init__(self, *, id: str, nearest: Sequence[str] = ()) -> None:
        self.id, self.nearest = id, tuple(nearest)
        super().__init__(
            f"There is no migration {id!r} in the registry.",
            f"did you mean {listed(nearest, 3)}?"
            if nearest
            else "python -m ormmigrate status lists the ids that there are.",
        )


# -- the history --------------------------------------------------------------------------------


class HistoryError(MigrationError):
    """What the database says was run does not fit the program's list."""


class ChecksumMismatch(HistoryError):
    """Applied migrations whose code was changed since.

    Attributes: changed (their labels).
    """

    def __init__(self, *, changed: Sequence[str]) -> None:
        self.changed = tuple(changed)
        first = self.changed[0]
        super().__init__(
            f"Changed since they were applied to this database: {listed(self.changed)}.",
            "undo the edit and put the change into a new migration (python -m ormmigrate new NAME). If the "
            f"edit does not matter to databases that ran the old text: python -m ormmigrate accept {first}",
        )


class DatabaseAhead(HistoryError):
    """The database has migrations that this program does not know.

    Attributes: unknown (their labels).
    """

    def __init__(self, *, unknown: Sequence[str]) -> None:
        self.unknown = tuple(unknown)
        super().__init__(
            f"This database has migrations that this program does not know: {listed(self.unknown)}. "
            "A newer version of the application was here.",
            "start the newer version again, or restore the backup that was made before it ran. If the "
            "migrations are missing from this version by mistake, add them to the registry. If one was given "
            "another id after it had run here: give the old one back, run python -m ormmigrate down, then rename it.",
        )


class OutOfOrder(HistoryError):
    """Pending migrations that are older than an applied one.

    Attributes: pending (labels); applied (the label of the newest applied one).
    """

    def __init__(self, *, pending: Sequence[str], applied: str) -> None:
        self.pending, self.applied = tuple(pending), applied
        super().__init__(
            f"Pending, but older than {applied}, which was applied already: {listed(self.pending)}.",
            "put them behind it, as after a merge of two branches: python -m ormmigrate rebase "
            f"{' '.join(self.pending)}; or run them late all the same: "
            "python -m ormmigrate --environment development up",
        )


class UnfinishedMigration(HistoryError):
    """A migration was interrupted that is not part of a transaction, and it is not certain what to make of it.

    Attributes: migration; effects (what took effect, in words; None where nobody could note it); obstacles (why it
    could not be taken back, in words); can_resume (whether `resume` can go on with it).
    """

    def __init__(
        self,
        *,
        migration: str,
        effects: Sequence[str] | None,
        obstacles: Sequence[str] = (),
        can_resume: bool = False,
    ) -> None:
        self.migration = migration
        self.effects = None if effects is None else tuple(effects)
        self.obstacles, self.can_resume = tuple(obstacles), can_resume
        if effects is None:
            state = "The process ended before it could note what had taken effect."
        elif effects:
            state = f"This took effect, the rest did not:\n{bulleted(effects)}"
        else:
            state = "None of its operations took effect."
        why = f"\n  It was not taken back, because of this:\n{bulleted(obstacles)}" if obstacles else ""
        super().__init__(
            f"The migration {migration} was interrupted. {state}{why}",
            unfinished_advice(migration, bool(obstacles), can_resume),
        )


class InterruptedMigration(UnfinishedMigration):
    """A migration is running at this moment, or was interrupted; the next start looks into it.

    Attributes: migration.
    """

    def __init__(self, *, migration: str) -> None:
        self.migration, self.effects, self.obstacles, self.can_resume = migration, None, (), False
        MigrationError.__init__(
            self,
            f"The migration {migration} is running at this moment, or was interrupted.",
            "wait for the process that runs it. If there is none: the next start takes back what was interrupted, or "
            "goes on with it where the migration says transactional = False: python -m ormmigrate up.",
        )


# -- running ------------------------------------------------------------------------------------


class MigrationFailed(MigrationError):
    """A migration raised. The database's own error is `__cause__`.

    Attributes: migration; operation and statement (what failed, None where it was neither); outcome (what was
    undone, or stays).
    """

    def __init__(
        self,
        *,
        migration: str,
        operation: str | None,
        statement: str | None,
        cause: BaseException,
        outcome: str,
        advice: str,
    ) -> None:
        self.migration, self.operation, self.statement = migration, operation, statement
        self.outcome = outcome
        where = f"The migration {migration} failed" + (f" at: {operation}" if operation else "")
        # The next step of an error of ours is the advice; said once is enough.
        reason = cause.problem if isinstance(cause, MigrationError) else cause
        lines = [where, f"  {type(cause).__name__}: {reason}"]
        if statement:
            lines.append(f"  Statement: {statement}")
        lines.append(f"  {outcome}")
        super().__init__("\n".join(lines), advice)


class IrreversibleMigration(MigrationError):
    """A migration that cannot be taken back; nothing was touched.

    Attributes: migration; operation (in words).
    """

    def __init__(self, *, migration: str, operation: str, advice: str) -> None:
        self.migration, self.operation = migration, operation
        super().__init__(
            f"The migration {migration} cannot be reversed: {operation}. Nothing was changed.",
            f"{advice} Then, since that edits what was applied: python -m ormmigrate accept {migration}",
        )


class IntegrityCheckFailed(MigrationError):
    """The database is damaged, or the batch would leave rows that refer to nothing.

    Attributes: findings (in words, a row or a fault each).
    """

    def __init__(self, *, problem: str, findings: Sequence[str], advice: str) -> None:
        self.findings = tuple(findings)
        super().__init__(f"{problem}\n{bulleted(self.findings)}", advice)


class LockTimeout(MigrationError):
    """Another batch, or another writer, did not end in time; nothing was touched.

    Attributes: timeout_s; holder (who has the lock, where the database tells).
    """

    def __init__(self, *, timeout_s: float, holder: str | None = None) -> None:
        self.timeout_s, self.holder = timeout_s, holder
        who = f" It is held by {holder}." if holder else ""
        super().__init__(
            f"The migration lock could not be had within {timeout_s:g} s.{who}",
            "wait for the other process to finish, or end it, and start again; the lock goes with its "
            "process. Where batches take long: Database(..., lock_timeout_s=600).",
        )


class TableInUse(LockTimeout):
    """Somebody used a table all the time that a statement waited for it.

    Attributes: timeout_s (of each try); tries; holder (who, where the database tells); suspects (else, who has a
    transaction open in this database).
    """

    def __init__(
        self, *, timeout_s: float, tries: int, holder: str | None = None, suspects: Sequence[str] = ()
    ) -> None:
        self.timeout_s, self.tries, self.holder, self.suspects = timeout_s, tries, holder, tuple(suspects)
        who = f" It is held by {holder}." if holder else ""
        if suspects:
            who = f" The server does not tell who uses it. Transactions are open here:\n{bulleted(suspects)}"
        MigrationError.__init__(
            self,
            f"A lock on the table could not be had in {tries} tries of {timeout_s:g} s.{who}",
            "end what uses the table for so long, and start again; or be more patient: "
            "Database(..., limits=Limits(ddl_lock_timeout_s=10)), which keeps others waiting as long.",
        )


class UnsupportedOperation(MigrationError):
    """An operation that this database cannot do, or not without losing something.

    Attributes: operation (in words); reason.
    """

    def __init__(self, *, operation: str, reason: str, advice: str) -> None:
        self.operation, self.reason = operation, reason
        super().__init__(f"Not done: {operation}. {reason}", advice)


class BackupError(MigrationError):
    """A backup could not be made, so nothing was migrated."""


class ConfigurationError(MigrationError):
    """A setting, a URL, a file, or the way something was called."""
