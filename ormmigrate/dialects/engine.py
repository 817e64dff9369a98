"""Running operations: what all databases share, and what a dialect's engine is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import Context, Database, Field, ForeignKeyField, Node, callable_

from ormmigrate.dialects import backfilling, ddl, script
from ormmigrate.dialects.base import Dialect, quoted
from ormmigrate.errors import UnsupportedOperation
from ormmigrate.operations import (
    AddColumn,
    AddIndex,
    Backfill,
    Change,
    CreateTable,
    Operation,
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

    #: Whether `online=True` and `concurrently=True` are heeded; a replay in a scratch place runs the plain forms.
    runs_online: bool = True
    #: Whether the operation was begun before and interrupted, so that parts of it may be there.
    resumes: bool = False

    def __init__(self, dialect: Dialect, database: Database) -> None:
        self.dialect = dialect
        self.database = database

    def run(self, operation: Operation) -> Outcome:
        """Run an operation.

        Raises:
            UnsupportedOperation: the database cannot do it, or not without losing something.
            peewee.PeeweeException: what the database says.
        """
        runner: Callable[[Any], Outcome | None] = getattr(self, operation.kind, self.change)
        return runner(operation) or DONE

    def change(self, operation: Change) -> Outcome | None:
        """A change of one table that has no method of its own."""
        raise NotImplementedError(operation.kind)

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

    # -- tables -----------------------------------------------------------------------------

    def create_table(self, operation: CreateTable) -> Outcome:
        if self.dialect.has_table(self.database, operation.table):
            return self._adopt(operation)
        statement = ddl.create_table(self.database, operation)
        self._create_sequences(operation.columns.values())
        self.send(statement)
        for index in table_indexes(operation):
            Engine.run(self, index)
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
                Engine.run(self, index)
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

    # -- parts ------------------------------------------------------------------------------

    def prepared(self, operation: AddColumn) -> Field:
        return ddl.prepared(operation.field, operation.table, operation.column)

    def quoted(self, name: str) -> str:
        return quoted(self.database, name)

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
