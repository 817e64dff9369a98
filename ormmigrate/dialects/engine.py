"""Running operations through playhouse.migrate where that is right, and refusing where it would lose something.

`facts` that decide it are named beside each override; what is refused here gets its own way of running in
each dialect's engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import playhouse.migrate as playhouse
from peewee import Context, Database, Field, ForeignKeyField, Node, callable_

from ormmigrate.dialects import backfilling, ddl, script
from ormmigrate.dialects.base import Dialect, quoted
from ormmigrate.errors import ConfigurationError, UnsupportedOperation
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Backfill,
    CreateTable,
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
    Script,
    Sql,
)

SCRATCH_TABLE = "ormmigrate_scratch_table"
UNFILLED = (
    "It forbids NULL and has no default, so existing rows would have nothing to hold.",
    "give the field null=True or a default=: existing rows get the default, new rows are the application's to fill.",
)
NO_USING = "has no USING for a change of type, so cast= has no meaning here."
WITHOUT_USING = "leave it out, and change the values with migrator.sql('UPDATE ...') before or after."


@dataclass(frozen=True)
class Outcome:
    """How an operation went.

    Attributes:
        strategy: which way it was done, where there are several: `native`, `in place` or `rebuild` on SQLite;
            `instant`, `in place` or `copy` on MariaDB and MySQL.
        rows_rewritten: the rows that had to be written anew for it.
        adopted: the table that was there already, with the same columns, and was taken as it is.
    """

    strategy: str | None = None
    rows_rewritten: int = 0
    adopted: str | None = None


DONE = Outcome()


class Engine:
    """Runs operations on one database; a method for each kind, a subclass for each dialect."""

    migrator_class: ClassVar[type[playhouse.SchemaMigrator]] = playhouse.SchemaMigrator
    #: Whether a group of changes is more to it than the changes one by one.
    runs_groups: ClassVar[bool] = False
    #: Whether `online=True` and `concurrently=True` are heeded; a replay in a scratch place runs the plain forms.
    runs_online: bool = True
    #: Whether the operation was begun before and interrupted, so that parts of it may be there.
    resumes: bool = False

    def __init__(self, dialect: Dialect, database: Database) -> None:
        self.dialect = dialect
        self.database = database
        self.playhouse = self.migrator_class(database)

    def run(self, operation: Operation) -> Outcome:
        """Run an operation.

        Raises:
            UnsupportedOperation: the database cannot do it, or not without losing something.
            peewee.PeeweeException: what the database says.
        """
        runner: Callable[[Any], Outcome | None] = getattr(self, operation.kind)
        try:
            return runner(operation) or DONE
        except NotImplementedError as error:
            raise self.unsupported(operation, f"{self.dialect.name} cannot do this here.") from error

    def runs_alone(self, operation: Operation) -> bool:
        """Whether an operation begins and ends its own transactions, so that none may be open around it."""
        return False

    def unsupported(self, operation: Operation, reason: str, advice: str | None = None) -> UnsupportedOperation:
        return UnsupportedOperation(
            operation=operation.describe(),
            reason=reason,
            advice=advice or "write the statements that this database needs with migrator.sql(...).",
        )

    def send(self, context: Context) -> None:
        """Run a rendered statement; database.execute() would render it into another context first."""
        statement, params = context.query()
        self.database.execute_sql(self.dialect.as_sent(statement, params), params)

    def send_rendered(self, operation: playhouse.Operation) -> None:
        """Run the one statement that playhouse makes; its run() has drivers take each `%` for a parameter."""
        self.send(operation.fn(operation.migrator, *operation.args, **operation.kwargs))

    # -- tables -----------------------------------------------------------------------------

    def create_table(self, operation: CreateTable) -> Outcome:
        if self.dialect.has_table(self.database, operation.table):
            return self._adopt(operation)
        statement = ddl.create_table(self.database, operation)
        self._create_sequences(operation.columns.values())
        self.send(statement)
        for index in table_indexes(operation):
            self.add_index(index)
        return DONE

    def _adopt(self, operation: CreateTable) -> Outcome:
        """Take the table that is there, if its columns are the same; add the indexes that it lacks."""
        if self.dialect.folded(operation.table) not in self.dialect.plain_tables(self.database):
            raise self.unsupported(
                operation,
                f"{operation.table} is there already, as a view or a virtual table.",
                "drop it first, or give the table another name.",
            )
        fields = [
            ddl.prepared(field, operation.table, column, operation.columns)
            for column, field in operation.columns.items()
        ]
        differences = self.column_differences(operation.table, fields, operation.primary_key)
        differences += self._missing_keys(operation.table, fields)
        if differences:
            raise self.unsupported(
                operation,
                "The table exists already, and differs:\n" + "\n".join(f"    - {line}" for line in differences),
                "if an older schema is meant to be there, stamp the database with the migration that it is at "
                "(python -m ormmigrate stamp ID); otherwise rename or drop the table that is in the way.",
            )
        there = {
            (tuple(index.columns), index.unique)
            for index in self.database.get_indexes(operation.table)
            if "WHERE" not in (index.sql or "").upper().split()  # of some rows
        }
        for index in table_indexes(operation):
            if (index.columns, index.unique) not in there:
                self.add_index(index)
        return Outcome(adopted=operation.table)

    def _missing_keys(self, table: str, fields: Sequence[Field]) -> list[str]:
        fold = self.dialect.folded
        there = {(fold(key.column), fold(key.dest_table)) for key in self.database.get_foreign_keys(table)}
        keys = [field for field in fields if isinstance(field, ForeignKeyField)]
        meant = [(field.column_name, field.rel_model._meta.table_name) for field in keys]
        return [
            f"the table has no foreign key of {column} to {target}"
            for column, target in meant
            if (fold(column), fold(target)) not in there
        ]

    def column_differences(self, table: str, fields: Sequence[Field], primary_key: Sequence[str]) -> list[str]:
        """How a table's columns differ from fields, in words.

        The fields are made into a temporary table and read back the way the table is: text that a database
        has normalised can only be compared with text that it has normalised as well.
        """
        self.send(ddl.create_temporary_table(self.database, SCRATCH_TABLE, fields, primary_key))
        try:
            meant = self.dialect.columns(self.database, SCRATCH_TABLE, temporary=True)
        finally:
            self.database.execute_sql(self._drop_scratch())
        there = self.dialect.columns(self.database, table)
        lines = [f"the table has no column {name}" for name in meant if name not in there]
        lines += [f"the table has a column {name} as well" for name in there if name not in meant]
        for name in meant:
            if name in there and meant[name] != there[name]:
                lines.append(f"{name} is {_column_words(*there[name])}, and should be {_column_words(*meant[name])}")
        return lines

    def _drop_scratch(self) -> str:
        return f'DROP TABLE "{SCRATCH_TABLE}"'

    def _create_sequences(self, fields: Iterable[Field]) -> None:
        for field in fields:
            if field.sequence and self.database.sequences and not self.database.sequence_exists(field.sequence):
                self.database.execute_sql(f'CREATE SEQUENCE "{field.sequence}"')

    def drop_table(self, operation: DropTable) -> Outcome | None:
        self.playhouse.drop_table(operation.table, safe=operation.safe, cascade=operation.cascade).run()
        return None

    def rename_table(self, operation: RenameTable) -> Outcome | None:
        self.playhouse.rename_table(operation.table, operation.new_name).run()
        return None

    # -- columns ----------------------------------------------------------------------------

    def add_column(self, operation: AddColumn) -> Outcome | None:
        field = self.prepared(operation)
        if not field.null and field.default is None and not operation.allow_not_null:
            raise self.unsupported(operation, *UNFILLED)
        self.send_rendered(
            self.playhouse.alter_add_column(operation.table, operation.column, field, operation.allow_not_null)
        )
        if not field.null and not operation.allow_not_null:
            self.fill(operation.table, operation.column, field)
            self.forbid_null(operation)
        self.finish_column(operation, field)
        return None

    def prepared(self, operation: AddColumn) -> Field:
        return ddl.prepared(operation.field, operation.table, operation.column)

    def forbid_null(self, operation: AddColumn) -> None:
        self.playhouse.add_not_null(operation.table, operation.column).run()

    def finish_column(self, operation: AddColumn, field: Field) -> None:
        """The foreign key, where it cannot be said in ADD COLUMN, and the index."""
        if isinstance(field, ForeignKeyField) and self.playhouse.explicit_create_foreign_key:
            target = field.rel_model._meta
            self.playhouse.add_foreign_key_constraint(
                operation.table,
                operation.column,
                target.table_name,
                field.rel_field.column_name,
                field.on_delete,
                field.on_update,
                constraint_name=field.constraint_name,
                rel_schema=target.schema,
            ).run()
        for index in column_indexes(operation.table, operation.column, field):
            self.add_index(index)

    def fill(self, table: str, column: str, field: Field) -> None:
        """Set the new column in every row; a default that is a function is called once for each row."""
        assign = f"UPDATE {self.quoted(table)} SET {self.quoted(column)} = {self.database.param}"
        if not callable_(field.default):
            self.database.execute_sql(assign, (default_of(field),))
            return
        keys = self.row_keys(table)
        if not keys:
            raise ConfigurationError(
                f"{table} has no primary key, so its rows cannot be filled one by one from a function.",
                "add the column with null=True, and fill it with migrator.run(...).",
            )
        names = ", ".join(map(self.quoted, keys))
        match = " AND ".join(f"{self.quoted(key)} = {self.database.param}" for key in keys)
        for row in self.database.execute_sql(f"SELECT {names} FROM {self.quoted(table)}").fetchall():
            cursor = self.database.execute_sql(f"{assign} WHERE {match}", (default_of(field), *row))
            self.check_filled(table, row, cursor.rowcount)

    def check_filled(self, table: str, key: Sequence[Any], row_count: int) -> None:
        """Each row has to be found again by its key; one that is not would be left without a value.

        Raises:
            ConfigurationError
        """
        if row_count != 1:
            raise ConfigurationError(
                f"A row of {table} was not found again by its key {tuple(key)!r} ({row_count} were).",
                "add the column with null=True, and fill it with one UPDATE: migrator.sql(...).",
            )

    def row_keys(self, table: str) -> list[str]:
        """Columns by which a row can be found."""
        return list(self.database.get_primary_keys(table))

    def quoted(self, name: str) -> str:
        return quoted(self.database, name)

    def drop_column(self, operation: DropColumn) -> Outcome | None:
        self.refuse_shared_indexes(operation)
        self.playhouse.drop_column(operation.table, operation.column, cascade=operation.cascade).run()
        return None

    def refuse_shared_indexes(self, operation: DropColumn) -> None:
        """Databases drop what is not the column's alone silently with it: indexes, and on PostgreSQL more."""
        shared = () if operation.cascade else self.shared_with(operation.table, operation.column)
        if shared:
            raise self.unsupported(
                operation,
                f"These would go with it, or shrink, and are not of this column alone: {', '.join(shared)}.",
                "drop them first (migrator.drop_index, drop_constraint, drop_column), or say cascade=True.",
            )

    def shared_with(self, table: str, column: str) -> list[str]:
        """What stands on a column and on something else as well, and would be lost with the column."""
        folded = self.dialect.folded_column
        return [
            f"index {index.name}"
            for index in self.database.get_indexes(table)
            if len(index.columns) > 1 and folded(column) in map(folded, filter(None, index.columns))
        ]

    def rename_column(self, operation: RenameColumn) -> Outcome | None:
        self.playhouse.rename_column(operation.table, operation.column, operation.new_name).run()
        return None

    def alter_column_type(self, operation: AlterColumnType) -> Outcome | None:
        field = ddl.prepared(operation.field, operation.table, operation.column)
        self.playhouse.alter_column_type(operation.table, operation.column, field, cast=operation.cast).run()
        return None

    def refuse_cast(self, operation: AlterColumnType) -> None:
        """Only PostgreSQL has ALTER ... TYPE ... USING."""
        if operation.cast is not None:
            raise self.unsupported(operation, f"{self.dialect.name} {NO_USING}", WITHOUT_USING)

    def add_not_null(self, operation: AddNotNull) -> Outcome | None:
        self.playhouse.add_not_null(operation.table, operation.column).run()
        return None

    def drop_not_null(self, operation: DropNotNull) -> Outcome | None:
        self.playhouse.drop_not_null(operation.table, operation.column).run()
        return None

    def add_column_default(self, operation: AddColumnDefault) -> Outcome | None:
        self.playhouse.add_column_default(operation.table, operation.column, operation.default).run()
        return None

    def drop_column_default(self, operation: DropColumnDefault) -> Outcome | None:
        self.playhouse.drop_column_default(operation.table, operation.column).run()
        return None

    # -- indexes and constraints ------------------------------------------------------------

    def add_index(self, operation: AddIndex) -> Outcome | None:
        if operation.using is None and operation.where is None and operation.nulls_distinct is None:
            # What playhouse comes to, at a third of the time: most operations of a long history are these.
            columns = ", ".join(map(self.quoted, operation.columns))
            unique = "UNIQUE " if operation.unique else ""
            name, table = self.quoted(operation.index), self.quoted(operation.table)
            self.sql(Sql(f"CREATE {unique}INDEX {name} ON {table} ({columns})"))
            return None
        self.send_rendered(
            self.playhouse.add_index(
                operation.table,
                operation.columns,
                unique=operation.unique,
                using=operation.using,
                where=operation.where,
                nulls_distinct=operation.nulls_distinct,
                name=operation.name,
            )
        )
        return None

    def drop_index(self, operation: DropIndex) -> Outcome | None:
        self.playhouse.drop_index(operation.table, operation.index).run()
        return None

    def add_constraint(self, operation: AddConstraint) -> Outcome | None:
        self.send_rendered(self.playhouse.add_constraint(operation.table, operation.name, operation.constraint))
        return None

    def add_unique(self, operation: AddUnique) -> Outcome | None:
        self.playhouse.add_unique(operation.table, *operation.columns).run()
        return None

    def drop_constraint(self, operation: DropConstraint) -> Outcome | None:
        if operation.name is None:
            raise self.unsupported(operation, f"On {self.dialect.name} every constraint has a name.", "say it.")
        self.playhouse.drop_constraint(operation.table, operation.name).run()
        return None

    def add_foreign_key_constraint(self, operation: AddForeignKeyConstraint) -> Outcome | None:
        self.playhouse.add_foreign_key_constraint(
            operation.table,
            operation.column,
            operation.rel,
            operation.rel_column,
            operation.on_delete,
            operation.on_update,
            constraint_name=operation.constraint_name,
            rel_schema=operation.rel_schema,
        ).run()
        return None

    def drop_foreign_key_constraint(self, operation: DropForeignKeyConstraint) -> Outcome | None:
        self.playhouse.drop_foreign_key_constraint(operation.table, operation.column).run()
        return None

    # -- rows -----------------------------------------------------------------------------------

    def backfill(self, operation: Backfill) -> None:
        """All rows with one statement."""
        self.send(backfilling.update(self.database, operation, operation.where))

    # -- text -----------------------------------------------------------------------------------

    def sql(self, operation: Sql) -> None:
        self.database.execute_sql(self.dialect.as_sent(operation.text, operation.params), operation.params)

    def script(self, operation: Script) -> None:
        for statement in script.split(operation.text, self.dialect.name):
            self.sql(Sql(statement))


def default_of(field: Field) -> Any:
    """A prepared field's default as the database takes it; called, if it is a function."""
    value = field.default() if callable_(field.default) else field.default
    # A foreign key would ask whether the value is an instance of a model, and a reference is none.
    return (field.rel_field if isinstance(field, ForeignKeyField) else field).db_value(value)


def constant_of(default: Any) -> Any:
    """A server default as a constant, called if it is a function; None where it is an expression.

    Expressions are what playhouse takes for one: SQL("now()"), "now()", or "'light'".
    """
    value = default() if callable_(default) else default
    if isinstance(value, Node) or (isinstance(value, str) and value.endswith((")", "'"))):
        return None
    return value


def declares_default(field: Field) -> bool:
    """Whether a field's constraints give it a DEFAULT in the database."""
    return any("DEFAULT" in str(getattr(item, "sql", item)).upper() for item in field.constraints or ())


def column_indexes(table: str, column: str, field: Field) -> list[AddIndex]:
    """The index that a field declares for its own column."""
    if field.primary_key or not (field.index or field.unique):
        return []
    return [AddIndex(table, (column,), unique=field.unique, using=field.index_type)]


def table_indexes(operation: CreateTable) -> list[AddIndex]:
    """All indexes of a table: those of its fields, then those over several columns."""
    of_fields = [
        index for column, field in operation.columns.items() for index in column_indexes(operation.table, column, field)
    ]
    return of_fields + [AddIndex(operation.table, tuple(columns), unique) for columns, unique in operation.indexes]


def _column_words(type_: str, null: bool, in_key: bool) -> str:
    words = [type_ or "without a type"]
    words += ["primary key"] if in_key else []
    words += ["NULL" if null else "NOT NULL"]
    return " ".join(words)
