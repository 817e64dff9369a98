"""What each operation does on PostgreSQL, and how long it may wait for that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from peewee import Database, Field, FieldDatabaseHook, ForeignKeyField, PeeweeException

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import DONE, Engine, Outcome, default_of
from ormmigrate.dialects.postgresql import online, renaming
from ormmigrate.dialects.postgresql.catalogue import Catalogue
from ormmigrate.dialects.postgresql.explaining import explained
from ormmigrate.dialects.postgresql.grouping import run_changes
from ormmigrate.dialects.postgresql.names import clipped
from ormmigrate.dialects.postgresql.statements import (
    names_in,
    refuses_transaction,
    runs_concurrently,
    takes_strong_lock,
    without_concurrently,
)
from ormmigrate.dialects.postgresql.waiting import fire_deferred, patiently, patiently_alone, unhurried
from ormmigrate.errors import ConfigurationError, UnsupportedOperation, listed
from ormmigrate.operations import (
    AddColumn,
    AlterColumnType,
    AlterTable,
    CreateTable,
    DropTable,
    Operation,
    RenameTable,
    Script,
    Sql,
)

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.dialect import PostgresqlDialect

#: What changes rows, and locks no more than those.
OF_ROWS = ("backfill", "run")


class PostgresqlEngine(Engine):
    def __init__(self, dialect: PostgresqlDialect, database: Database) -> None:
        super().__init__(dialect, database)
        self.catalogue = Catalogue(database)
        self.scratch = dialect.scratch_schema

    # -- running ----------------------------------------------------------------------------

    def run(self, operation: Operation) -> Outcome:
        """Run an operation; what takes a strong lock waits for it a short time, and is tried again.

        Raises:
            LockTimeout: somebody else's lock was there each time.
            UnsupportedOperation: the database cannot do it, or not without losing something.
            peewee.PeeweeException: what the database says.
        """
        plainly = partial(super().run, operation)
        outside = self._outside(operation)
        if outside and isinstance(operation, DropTable) and operation.safe:
            return DONE
        if outside:
            raise self.not_there(operation, "table", outside[0])
        try:
            if isinstance(operation, (Sql, Script)) or operation.kind in OF_ROWS:
                return plainly()
            if self.runs_alone(operation):
                online.run_online(self, operation)
                return DONE
            return patiently(self.dialect, self.database, names_meant(operation), plainly)
        except PeeweeException as error:
            refusal = explained(self, operation, error)
            if refusal is None:
                raise
            raise refusal from error

    def _outside(self, operation: Operation) -> list[str]:
        """The tables that an operation would find outside of the scratch schema that it runs in."""
        if self.scratch is None:
            return []
        names = names_meant(operation)
        if isinstance(operation, CreateTable):
            names.discard(clipped(operation.table))
        elif isinstance(operation, RenameTable):
            names.discard(clipped(operation.new_name))
        return self.scratch.outside(self.database, names)

    def runs_alone(self, operation: Operation) -> bool:
        if not self.runs_online:
            return False
        if isinstance(operation, Sql):
            return refuses_transaction(operation.text)
        return is_online(operation)

    def not_there(
        self, operation: Operation, kind: str, name: str, there: Sequence[str] | None = None
    ) -> UnsupportedOperation:
        """The error for what an operation names and nobody has, with what there is."""
        table = name if kind == "table" else getattr(operation, "table", name)
        if kind == "table" or self.catalogue.kind(table) is None:
            tables = listed(self.catalogue.tables()) or "none"
            reason = f"There is no table {table}. There are: {tables}."
        else:
            found = self.catalogue.columns(table) if there is None else there
            reason = f"There is no {kind} {name} on {table}. There are: {listed(found, 30) or 'none'}."
        return self.unsupported(
            operation,
            reason,
            "correct the name, or put what makes it before this operation; take it out if it is gone.",
        )

    # -- tables -----------------------------------------------------------------------------

    def drop_table(self, operation: DropTable) -> None:
        exists = "IF EXISTS " if operation.safe else ""
        cascade = " CASCADE" if operation.cascade else ""
        self.execute(f"DROP TABLE {exists}{self.quoted(operation.table)}{cascade}")

    def rename_table(self, operation: RenameTable) -> None:
        for statement in renaming.statements(self, operation):
            self.execute(statement)

    def alter_table(self, operation: AlterTable) -> None:
        for change in operation.changes:
            if self.runs_online and is_online(change):
                raise self.unsupported(
                    change,
                    "It runs in steps of its own, and a group is one.",
                    "take it out of the group, and put it behind that, in a migration with transactional = False.",
                )
        run_changes(self, operation.table, operation.changes)

    def change(self, operation: Any) -> None:
        # A group of one.
        run_changes(self, operation.table, (operation,))

    # -- what they are made of ------------------------------------------------------------------

    def prepared(self, operation: AddColumn | AlterColumnType) -> Field:
        field = ddl.prepared(operation.field, operation.table, operation.column)
        if isinstance(field, FieldDatabaseHook):
            hooked: Any = field
            hooked._db_hook(self.database)  # so that a JSON field gives what the driver takes
        return field

    def fill(self, table: str, column: str, field: Field) -> None:
        """Set a new column in every row, from a default that is a function and is called once for each."""
        keys = self.catalogue.primary_key(table) or ["tableoid", "ctid"]
        # Drivers take a `%` for a parameter.
        there, new, *names = (self.quoted(name).replace("%", "%%") for name in (table, column, *keys))
        update = f"UPDATE {there} SET {new} = %s WHERE {' AND '.join(f'{name} = %s' for name in names)}"
        for row in self.database.execute_sql(f"SELECT {', '.join(names)} FROM {there}").fetchall():
            cursor = self.database.execute_sql(update, (default_of(field), *row))
            if cursor.rowcount != 1:
                raise ConfigurationError(
                    f"A row of {table} was not found again by its key {tuple(row)!r} ({cursor.rowcount} were).",
                    "add the column with null=True, and fill it with one UPDATE: migrator.sql(...).",
                )
        if self.dialect.in_transaction(self.database):
            fire_deferred(self.database)  # what the table's own keys put off would refuse the ALTER TABLE that follows

    # -- text -----------------------------------------------------------------------------------

    def sql(self, operation: Sql) -> None:
        send = partial(self.execute, operation.text, operation.params)
        is_inside = self.dialect.in_transaction(self.database)
        if is_inside and not self.runs_online and refuses_transaction(operation.text):
            plain = without_concurrently(operation.text)
            if refuses_transaction(plain):
                return  # VACUUM and the like change no schema that a replay could show
            send = partial(self.execute, plain, operation.params)
        if takes_strong_lock(operation.text):
            guard = patiently if is_inside else patiently_alone
            guard(self.dialect, self.database, names_in(operation.text), send)
        elif not is_inside and runs_concurrently(operation.text):
            with unhurried(self.database):
                send()
        else:
            send()

    def execute(self, text: str, params: Sequence[Any] | None = None) -> None:
        """Send a statement as it is written."""
        self.database.execute_sql(self.dialect.as_sent(text, params), params)


def is_online(operation: Operation) -> bool:
    """Whether an operation asks for the form that keeps nobody waiting."""
    return bool(getattr(operation, "concurrently", False) or getattr(operation, "online", False))


def names_meant(operation: Operation) -> set[str]:
    """The tables that an operation may have to wait for."""
    names = {getattr(operation, name, None) for name in ("table", "new_name", "rel")}
    field = getattr(operation, "field", None)
    fields = [field, *operation.columns.values()] if isinstance(operation, CreateTable) else [field]
    for one in fields:
        target: Any = one.rel_model if isinstance(one, ForeignKeyField) else None
        names.add(target._meta.table_name if hasattr(target, "_meta") else None)
    changes = operation.changes if isinstance(operation, AlterTable) else ()
    return {clipped(name) for name in names if name}.union(*map(names_meant, changes))
