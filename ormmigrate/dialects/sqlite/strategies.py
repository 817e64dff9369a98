"""Which way a draft is put into force, and whether it came out as it was meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property

from peewee import Database, DatabaseError, IntegrityError

from ormmigrate.dialects.engine import Outcome
from ormmigrate.dialects.sqlite.altering import (
    alter,
    edit_in_place,
    may_edit_schema,
    rename_kept_columns,
    same_spelling,
)
from ormmigrate.dialects.sqlite.dependents import referring_keys
from ormmigrate.dialects.sqlite.dialect import SqliteDialect
from ormmigrate.dialects.sqlite.drafts import Draft
from ormmigrate.dialects.sqlite.findings import check_rows
from ormmigrate.dialects.sqlite.rebuilding import rebuild
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import ask, columns_of, text_of
from ormmigrate.dialects.sqlite.tokens import quoted

NATIVE, IN_PLACE, REBUILD = STRATEGIES = ("native", "in place", "rebuild")
STEP = "ormmigrate_operation"
KEYS_OFF = "run the operation outside of a transaction, in migrator.migration_context(), or as a migration."


class NotAsMeant(Exception):
    """What came of a change is not what was meant; it is undone."""


@contextmanager
def undoable(database: Database) -> Iterator[None]:
    """All that is done inside is undone if it raises."""
    database.execute_sql(f"SAVEPOINT {STEP}")
    try:
        yield
    except BaseException:
        # Where the disk is full, say, SQLite has rolled everything back by itself.
        if not database.is_closed() and database.connection().in_transaction:
            database.execute_sql(f"ROLLBACK TO {STEP}")
            database.execute_sql(f"RELEASE {STEP}")
        raise
    database.execute_sql(f"RELEASE {STEP}")


@contextmanager
def tried(database: Database) -> Iterator[None]:
    """All that is done inside is undone, whatever comes of it, and told to nobody."""
    hooks = database.query_hooks[:]
    database.query_hooks.clear()
    try:
        with undoable(database):
            yield
            raise _Enough
    except _Enough:
        return
    finally:
        database.query_hooks.extend(hooks)


class _Enough(Exception):
    """What was tried was seen."""


class Strategies:
    """The ways that there are on one database.

    Args:
        allowed: of STRATEGIES, those that may be used; what none of them can do is refused.
    """

    def __init__(self, dialect: SqliteDialect, database: Database, allowed: Collection[str] = STRATEGIES) -> None:
        self.dialect = dialect
        self.database = database
        self.allowed = allowed

    @cached_property
    def edits_schema(self) -> bool:
        """Whether the schema may be edited; some builds, and connections in defensive mode, forbid it."""
        return IN_PLACE in self.allowed and may_edit_schema(self.database)

    def put_in_force(self, draft: Draft, native: str | None = None) -> Outcome:
        """Make a table what its draft says.

        Args:
            native: SQLite's own statement for it, where this version has one.

        Raises:
            Refused, IntegrityCheckFailed: nothing was changed.
        """
        if not draft.is_changed:
            return Outcome()
        problem = f"It takes another way than {', '.join(self.allowed)}."
        for name, run in self._ways(draft, native):
            try:
                with undoable(self.database):
                    rows = run()
                    self.verify(draft, spells_too=name == NATIVE and not draft.must_rewrite)
                return Outcome(strategy=name, rows_rewritten=rows)
            except NotAsMeant as error:
                problem = str(error)
            except IntegrityError:
                raise
            except DatabaseError as error:
                if name == IN_PLACE and "may not be modified" in str(error):
                    self.edits_schema = False
                    continue
                if "malformed database schema" in str(error):  # what we wrote; it is undone
                    problem = f"SQLite does not take the new definition: {error}."
                    continue
                if "table is locked" in str(error):
                    advice = "read it to its end, or close it, first."
                    raise Refused("A cursor still reads the table.", advice) from error
                if self.dialect.is_rolled_back_by(error) or self.dialect.is_busy(error):
                    raise
                raise Refused(f"SQLite refuses: {error}.", "correct what the operation says.") from error
        raise Refused(problem, "nothing was changed; please report this, with the table's CREATE TABLE, as a fault.")

    def _ways(self, draft: Draft, native: str | None) -> Iterator[tuple[str, Callable[[], int]]]:
        if native is not None and NATIVE in self.allowed:
            yield NATIVE, lambda: self._native(draft, native)
        # Not asked beforehand whether the schema may be edited: the edit itself says so.
        may_edit = IN_PLACE in self.allowed and self.__dict__.get("edits_schema", True)
        if may_edit and not draft.must_rewrite and not _is_demanded_of_converted(draft):
            yield IN_PLACE, lambda: edit_in_place(self.database, draft)
        if REBUILD in self.allowed:
            yield REBUILD, lambda: self._rebuild(draft)

    def _native(self, draft: Draft, statement: str) -> int:
        # DROP COLUMN is the only one of these that writes every row anew.
        rows = ask(self.database, f"SELECT count(*) FROM {draft.table.quoted}")[0][0] if draft.must_rewrite else 0
        try:
            alter(self.database, statement)
        except IntegrityError:
            check_rows(self.database, draft, draft.table.quoted)
            raise
        except DatabaseError as error:
            if self.dialect.is_rolled_back_by(error) or self.dialect.is_busy(error):
                raise
            if str(error).startswith(("error in view", "error in trigger", "error in index")):
                raise Refused(f"SQLite refuses: {error}.", "drop or change that first.") from error
            # It stumbles over comments in CREATE TABLE, for example.
            raise NotAsMeant(f"SQLite refuses: {error}.") from error
        return int(rows)

    def _rebuild(self, draft: Draft) -> int:
        self._refuse_rebuild(draft.table.name)
        table = rename_kept_columns(self.database, draft)
        return rebuild(self.database, replace(draft, table=table), keeps_spelling=self.edits_schema)

    def refuse_drop(self, table: str) -> None:
        """With foreign keys on, DROP TABLE deletes the rows that refer to those of the table, or fails for them.

        Raises:
            Refused
        """
        if ask(self.database, "PRAGMA foreign_keys")[0][0] and referring_keys(self.database, table):
            raise Refused(
                f"Foreign keys are switched on, and inside a transaction they cannot be switched off: dropping {table} "
                "would delete the rows that refer to it.",
                KEYS_OFF,
            )

    def _refuse_rebuild(self, table: str) -> None:
        """A rebuild drops the old table, and copies rows that may be orphans already.

        Raises:
            Refused
        """
        if ask(self.database, "PRAGMA foreign_keys")[0][0] and (
            referring_keys(self.database, table) or ask(self.database, f"PRAGMA foreign_key_list({quoted(table)})")
        ):
            raise Refused(
                f"{table} has to be rebuilt, foreign keys are switched on, and inside a transaction they cannot be "
                "switched off: dropping the old table would delete the rows that refer to it.",
                KEYS_OFF,
            )

    def verify(self, draft: Draft, *, spells_too: bool) -> None:
        """Compare the columns with what was meant; of SQLite's own ALTER the words as well.

        Raises:
            NotAsMeant
        """
        name = draft.table.name
        try:
            there = columns_of(self.database, name)
        except DatabaseError as error:
            raise NotAsMeant(f"SQLite does not take the new definition: {error}.") from error
        for found, meant in zip(there, draft.columns):
            if found.words != meant.words:
                raise NotAsMeant(f"{name}.{meant.name} came out as {found.words}, and {meant.words} was meant.")
        if len(there) != len(draft.columns):
            raise NotAsMeant(f"{name} came out with {len(there)} columns, and {len(draft.columns)} were meant.")
        if spells_too and not same_spelling(text_of(self.database, name), draft.text):
            raise NotAsMeant(f"SQLite changed more of the text of {name} than was meant.")


def _is_demanded_of_converted(draft: Draft) -> bool:
    """Whether rows would have to be looked at under their new affinity, which in place they get last."""
    return any(demand.names & draft.converted for demand in draft.demands if demand.kind != "NOT NULL")
