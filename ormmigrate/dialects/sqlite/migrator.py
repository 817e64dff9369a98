"""`SqliteMigrator`: the engine for those who use playhouse.migrate, without a registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import playhouse.migrate as playhouse
from peewee import Database, Field, IntegrityError, Node, Proxy, SqliteDatabase

from ormmigrate.connection import connected, inner
from ormmigrate.dialects.engine import Outcome
from ormmigrate.dialects.sqlite.dialect import SqliteDialect
from ormmigrate.dialects.sqlite.engine import SqliteEngine
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.strategies import undoable
from ormmigrate.dialects.sqlite.tables import indexes_of
from ormmigrate.dialects.sqlite.tokens import folded
from ormmigrate.dialects.sqlite.using import unbroken
from ormmigrate.dialects.violations import new_violations
from ormmigrate.errors import ConfigurationError, IntegrityCheckFailed, UnsupportedOperation, retyped
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    AlterTable,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
)

LOCK_TIMEOUT_S = 60.0
#: What may leave a key that refers to what is not there, or is not unique.
DROPS = (DropTable, DropConstraint, DropIndex)
#: What cannot stand in a group of changes of one table.
OF_WHOLE_TABLES = (DropTable, RenameTable, AlterTable)


class _Refused(UnsupportedOperation, ValueError):
    """UnsupportedOperation, where playhouse raises ValueError."""


class _Impossible(UnsupportedOperation, NotImplementedError):
    """UnsupportedOperation, where playhouse raises NotImplementedError."""


class _Violated(IntegrityCheckFailed, IntegrityError):
    """IntegrityCheckFailed, where playhouse lets out what the database raises."""


class _Orphans(Exception):
    """Rows refer to nothing; whether they did before is not known yet."""


class LazyOperation(playhouse.Operation):  # type: ignore[misc]
    """What playhouse's migrate() runs.

    Attributes:
        value: the operation, as a value.
    """

    def __init__(self, migrator: SqliteMigrator, value: Operation) -> None:
        super().__init__(migrator, SqliteMigrator.perform, value)
        self.value = value


class SqliteMigrator(playhouse.SqliteMigrator):  # type: ignore[misc]
    """playhouse.migrate.SqliteMigrator, every operation of which is right on every table that SQLite accepts.

    Operations are lazy, as playhouse's: `migrate(...)` runs them. Outside of a transaction each runs in one of
    its own, with foreign keys off meanwhile, and is wholly done or not at all. Inside a transaction foreign keys
    cannot be switched off: there, what has to rebuild a table that has foreign keys, or that others refer to, is
    refused unless they are off already.

    Args:
        database: a peewee SqliteDatabase (or a proxy of one).
        lock_timeout_s: how long to wait for another writer.

        carries_names: whether indexes that peewee named after a table or column follow when that is renamed, as
            they do in migrations. playhouse leaves them.

    Raises:
        ConfigurationError: the database is another kind.
        UnsupportedOperation: from `run()`; also a ValueError or a NotImplementedError, as playhouse raises.
        IntegrityCheckFailed: from `run()`; also a peewee.IntegrityError. Either way nothing was changed.

    Example:
        from playhouse.migrate import migrate

        migrator = SqliteMigrator(db)
        migrate(
            migrator.add_column("user", "token", UUIDField(default=uuid.uuid4)),
            migrator.alter_table("user", migrator.drop_not_null("user", "email"), migrator.add_unique("user", "email")),
        )
    """

    def __init__(
        self, database: Database | Proxy, *, lock_timeout_s: float = LOCK_TIMEOUT_S, carries_names: bool = False
    ) -> None:  # fmt: skip
        found = inner(database)
        if not isinstance(found, SqliteDatabase):
            raise ConfigurationError(
                f"SqliteMigrator was given a {type(found).__name__}.",
                "give it a SqliteDatabase; Runner and Database take every kind.",
            )
        super().__init__(found)
        self.lock_timeout_s = lock_timeout_s
        self.dialect = SqliteDialect()
        self.engine = SqliteEngine(self.dialect, found, carries_names=carries_names)

    def perform(self, operation: Operation) -> None:
        """Run an operation now."""
        with self._translated(), connected(self.database, self.dialect):
            if self.dialect.in_transaction(self.database):
                with undoable(self.database):
                    self._run_unbroken(operation)
                return
            keys_are_on = bool(self.database.pragma("foreign_keys"))
            with self.dialect.exclusive(self.database, self.lock_timeout_s):
                self._run(operation, keys_are_on=keys_are_on)

    def _run(self, operation: Operation, *, keys_are_on: bool) -> None:
        """Run an operation, and look for rows that it leaves without what they refer to.

        What was broken before is looked for only where something is broken afterwards: that is seldom, and looking
        takes as long as reading all tables.
        """
        if not keys_are_on:
            self._run_unbroken(operation)
            return
        try:
            with undoable(self.database):
                outcome = self._run_unbroken(operation)
                is_checked = outcome.rows_rewritten or isinstance(operation, DROPS)
                if is_checked and self.dialect.foreign_key_violations(self.database):
                    raise _Orphans
        except _Orphans:
            with self._checked(is_checked=True):
                self._run_unbroken(operation)

    def _run_unbroken(self, operation: Operation) -> Outcome:
        """Run an operation; what adds a column may break a view or trigger, for which a batch looks at its end."""
        if not isinstance(operation, (AddColumn, AlterTable)):
            return self.engine.run(operation)
        try:
            with unbroken(self.database, f"with {operation.table} as it would be"):
                return self.engine.run(operation)
        except Refused as error:
            raise self.engine.unsupported(operation, error.reason, error.advice) from error

    @contextmanager
    def migration_context(self, atomic: bool = True) -> Iterator[None]:
        """Several operations in one transaction, with foreign keys off meanwhile and looked at before COMMIT.

        Args:
            atomic: False runs each operation in a transaction of its own.
        """
        if not atomic or self.dialect.in_transaction(self.database):
            with super().migration_context(atomic):
                yield
            return
        with self._translated(), connected(self.database, self.dialect):
            keys_are_on = bool(self.database.pragma("foreign_keys"))
            with self.dialect.exclusive(self.database, self.lock_timeout_s), self._checked(is_checked=keys_are_on):
                yield

    @contextmanager
    def _checked(self, *, is_checked: bool) -> Iterator[None]:
        """No row may be left that refers to nothing, and did not before."""
        before = self.dialect.foreign_key_violations(self.database) if is_checked else ()
        yield
        found = new_violations(before, self.dialect.foreign_key_violations(self.database)) if is_checked else ()
        if found:
            raise IntegrityCheckFailed(
                problem="This would leave rows that refer to nothing; it was rolled back.",
                findings=list(map(str, found)),
                advice="delete or change these rows first, or drop the foreign key.",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of ours, as what users of playhouse.migrate catch as well."""
        try:
            yield
        except UnsupportedOperation as error:
            kind = _Refused if isinstance(error.__cause__, Refused) else _Impossible
            raise retyped(error, kind) from error.__cause__
        except IntegrityCheckFailed as error:
            raise retyped(error, _Violated) from error.__cause__

    def _lazy(self, operation: Operation) -> LazyOperation:
        return LazyOperation(self, operation)

    # -- tables -----------------------------------------------------------------------------

    def alter_table(self, table: str, *operations: LazyOperation) -> LazyOperation:
        """Several changes of one table, at the price of one rewrite at most; all of them or none."""
        for one in operations:
            value = one.value if isinstance(one, LazyOperation) else None
            if (
                value is None
                or isinstance(value, OF_WHOLE_TABLES)
                or folded(str(getattr(value, "table", ""))) != folded(table)
            ):
                raise ConfigurationError(
                    f"alter_table({table!r}) was given: {value.describe() if value else one!r}.",
                    "give it operations of that table only, made by this migrator (and no legacy=True).",
                )
        return self._lazy(AlterTable(table, tuple(one.value for one in operations)))

    def drop_table(
        self, table: str, safe: bool = False, cascade: bool = False, schema: str | None = None
    ) -> playhouse.Operation:  # fmt: skip
        if schema not in (None, "main"):
            # A table of an attached database: nothing else here reaches there.
            return super().drop_table(table, safe=safe, cascade=cascade, schema=schema)
        return self._lazy(DropTable(table, safe, cascade))

    def rename_table(self, old_name: str, new_name: str) -> LazyOperation:
        return self._lazy(RenameTable(old_name, new_name))

    # -- columns ----------------------------------------------------------------------------

    def add_column(self, table: str, column_name: str, field: Field, allow_not_null: bool = False) -> LazyOperation:
        return self._lazy(AddColumn(table, column_name, field, allow_not_null))

    def drop_column(
        self, table: str, column_name: str, cascade: bool = True, legacy: bool = False
    ) -> playhouse.Operation:  # fmt: skip
        """Drop a column. Unless told otherwise, indexes and constraints of the column alone go with it.

        Args:
            legacy: as in playhouse, indexes over other columns too go as well.
        """
        if legacy:
            return playhouse.Operation(self, SqliteMigrator._drop_column_with_indexes, table, column_name)
        return self._lazy(DropColumn(table, column_name, cascade))

    def _drop_column_with_indexes(self, table: str, column: str) -> None:
        with connected(self.database, self.dialect):
            indexes = [one for one in indexes_of(self.database, table) if one.text is not None]
        shared = [
            one
            for one in indexes
            if len(one.columns) > 1 and folded(column) in (folded(name or "") for name in one.columns)
        ]
        drops = [DropIndex(table, one.name) for one in shared]
        self.perform(AlterTable(table, (*drops, DropColumn(table, column, cascade=True))))

    def rename_column(self, table: str, old_name: str, new_name: str, legacy: bool = False) -> LazyOperation:
        return self._lazy(RenameColumn(table, old_name, new_name))

    def alter_column_type(
        self, table: str, column: str, field: Field, cast: str | Node | None = None
    ) -> LazyOperation:  # fmt: skip
        return self._lazy(AlterColumnType(table, column, field, cast))

    def add_not_null(self, table: str, column: str, legacy: bool = False) -> LazyOperation:
        return self._lazy(AddNotNull(table, column))

    def drop_not_null(self, table: str, column: str, legacy: bool = False) -> LazyOperation:
        return self._lazy(DropNotNull(table, column))

    def add_column_default(self, table: str, column: str, default: Any) -> LazyOperation:
        return self._lazy(AddColumnDefault(table, column, default))

    def drop_column_default(self, table: str, column: str) -> LazyOperation:
        return self._lazy(DropColumnDefault(table, column))

    # -- indexes and constraints ------------------------------------------------------------

    def add_index(
        self,
        table: str,
        columns: Sequence[str],
        unique: bool = False,
        using: str | None = None,
        where: Node | None = None,
        nulls_distinct: bool | None = None,
        name: str | None = None,
    ) -> LazyOperation:
        return self._lazy(AddIndex(table, tuple(columns), unique, using, where, nulls_distinct, name))

    def drop_index(self, table: str, index_name: str) -> LazyOperation:
        return self._lazy(DropIndex(table, index_name))

    def add_constraint(self, table: str, name: str, constraint: Node) -> LazyOperation:
        return self._lazy(AddConstraint(table, name, constraint))

    def drop_constraint(
        self, table: str, name: str | None = None, *, columns: Sequence[str] = (), constraint: Node | None = None
    ) -> LazyOperation:  # fmt: skip
        return self._lazy(DropConstraint(table, name, constraint, columns=tuple(columns)))

    def add_unique(self, table: str, *column_names: str) -> LazyOperation:
        return self._lazy(AddUnique(table, column_names))

    def add_foreign_key_constraint(
        self,
        table: str,
        column_name: str,
        rel: str,
        rel_column: str,
        on_delete: str | None = None,
        on_update: str | None = None,
        constraint_name: str | None = None,
        rel_schema: str | None = None,
    ) -> LazyOperation:
        return self._lazy(
            AddForeignKeyConstraint(
                table, column_name, rel, rel_column, on_delete, on_update, constraint_name, rel_schema
            )
        )

    def drop_foreign_key_constraint(self, table: str, column_name: str) -> LazyOperation:
        return self._lazy(DropForeignKeyConstraint(table, column_name))
