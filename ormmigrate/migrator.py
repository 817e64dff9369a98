"""`Migrator`: the operations as methods, given to `up` and `down`. `live` runs them, `recording` keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import SQL, Database, Field, Model, Node

from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import ConfigurationError
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
    Run,
    Script,
    Sql,
)


class TableMigrator:
    """The operations of one table, without its name: what `alter_table` gives."""

    def __init__(self, table: str, perform: Callable[[Operation], object]) -> None:
        self._table = table
        self._perform = perform

    def _field(self, column: str, field: object) -> Field:
        if isinstance(field, Field):
            return field
        raise ConfigurationError(
            f"The column {self._table}.{column} was given {field!r}, which is no field.",
            "write a peewee field, with its parentheses: TextField(null=True).",
        )

    def add_column(
        self, column_name: str, field: Field, allow_not_null: bool = False, *, allow_copy: bool = False
    ) -> None:
        ready = self._field(column_name, field)
        self._perform(AddColumn(self._table, column_name, ready, allow_not_null, allow_copy=allow_copy))

    def drop_column(
        self, column_name: str, cascade: bool = False, *, field: Field | None = None, allow_copy: bool = False
    ) -> None:
        self._perform(DropColumn(self._table, column_name, cascade, field, allow_copy=allow_copy))

    def rename_column(self, old_name: str, new_name: str) -> None:
        self._perform(RenameColumn(self._table, old_name, new_name))

    def alter_column_type(
        self,
        column: str,
        field: Field,
        cast: str | Node | None = None,
        *,
        replaces: Field | None = None,
        allow_copy: bool = False,
    ) -> None:
        ready = self._field(column, field)
        self._perform(AlterColumnType(self._table, column, ready, cast, replaces, allow_copy=allow_copy))

    def add_not_null(self, column: str, *, online: bool = False, allow_copy: bool = False) -> None:
        self._perform(AddNotNull(self._table, column, online, allow_copy=allow_copy))

    def drop_not_null(self, column: str, *, allow_copy: bool = False) -> None:
        self._perform(DropNotNull(self._table, column, allow_copy=allow_copy))

    def add_column_default(self, column: str, default: Any, *, replaces: Any = None) -> None:
        self._perform(AddColumnDefault(self._table, column, default, replaces))

    def drop_column_default(self, column: str, *, default: Any = None) -> None:
        self._perform(DropColumnDefault(self._table, column, default))

    def add_index(
        self,
        columns: Sequence[str | Node],
        unique: bool = False,
        using: str | None = None,
        where: Node | None = None,
        nulls_distinct: bool | None = None,
        name: str | None = None,
        *,
        concurrently: bool = False,
        include: Sequence[str] = (),
        allow_copy: bool = False,
    ) -> None:
        self._perform(
            AddIndex(
                self._table,
                _parts(columns),
                unique,
                using,
                where,
                nulls_distinct,
                name,
                concurrently,
                _columns(include),
                allow_copy=allow_copy,
            )
        )

    def drop_index(
        self,
        index_name: str,
        *,
        columns: Sequence[str | Node] = (),
        unique: bool = False,
        using: str | None = None,
        where: Node | None = None,
        nulls_distinct: bool | None = None,
        include: Sequence[str] = (),
        concurrently: bool = False,
    ) -> None:
        replaces = None
        if columns:
            parts = _parts(columns)
            replaces = AddIndex(
                self._table, parts, unique, using, where, nulls_distinct, index_name, concurrently, _columns(include)
            )
        self._perform(DropIndex(self._table, index_name, replaces, concurrently))

    def add_constraint(
        self, name: str | None, constraint: Node, *, online: bool = False, allow_copy: bool = False
    ) -> None:
        self._perform(AddConstraint(self._table, name, constraint, online, allow_copy=allow_copy))

    def drop_constraint(
        self,
        name: str | None = None,
        *,
        columns: Sequence[str] = (),
        constraint: Node | None = None,
        unique: Sequence[str] = (),
    ) -> None:
        replaces = AddUnique(self._table, _columns(unique)) if unique else None
        self._perform(DropConstraint(self._table, name, constraint, replaces, _columns(columns)))

    def add_unique(self, *column_names: str, online: bool = False, allow_copy: bool = False) -> None:
        self._perform(AddUnique(self._table, column_names, online, allow_copy=allow_copy))

    def add_foreign_key_constraint(
        self,
        column_name: str,
        rel: str,
        rel_column: str,
        on_delete: str | None = None,
        on_update: str | None = None,
        constraint_name: str | None = None,
        rel_schema: str | None = None,
        *,
        online: bool = False,
        allow_copy: bool = False,
    ) -> None:
        self._perform(
            AddForeignKeyConstraint(
                self._table,
                column_name,
                rel,
                rel_column,
                on_delete,
                on_update,
                constraint_name,
                rel_schema,
                online,
                allow_copy=allow_copy,
            )
        )

    def drop_foreign_key_constraint(
        self,
        column_name: str,
        *,
        rel: str | None = None,
        rel_column: str = "id",
        on_delete: str | None = None,
        on_update: str | None = None,
        constraint_name: str | None = None,
        rel_schema: str | None = None,
    ) -> None:
        replaces = rel and AddForeignKeyConstraint(
            self._table, column_name, rel, rel_column, on_delete, on_update, constraint_name, rel_schema
        )
        self._perform(DropForeignKeyConstraint(self._table, column_name, replaces or None))


def _columns(columns: Sequence[str]) -> tuple[str, ...]:
    # add_index("user", "email") would otherwise be an index on e, m, a, i and l.
    return (columns,) if isinstance(columns, str) else tuple(columns)


def _parts(columns: Sequence[str | Node]) -> tuple[str | Node, ...]:
    return (columns,) if isinstance(columns, (str, Node)) else tuple(columns)


class Migrator:
    """The operations of playhouse's SchemaMigrator, same names and arguments, run as they are called.

    Differences: `drop_column` does not cascade unless told to, and what drops something takes, as a keyword,
    what it drops, so that it can be reversed.
    """

    def __init__(self, database: Database, dialect: Dialect) -> None:
        self._database = database
        self._dialect = dialect

    def _perform(self, operation: Operation) -> object:
        raise NotImplementedError

    @property
    def dialect(self) -> Dialect:
        return self._dialect

    @property
    def database(self) -> Database:
        """The peewee database that is being migrated. What it is asked sees the operations before."""
        return self._database

    # -- tables -----------------------------------------------------------------------------

    def create_table(
        self,
        name: str,
        columns: Mapping[str, Field],
        *,
        indexes: Sequence[tuple[Sequence[str], bool]] = (),
        constraints: Sequence[Node | str] = (),
        primary_key: Sequence[str] = (),
        options: str = "",
    ) -> None:
        """Create a table from `{column: field}`, in the order written.

        A table that is there already with the same columns is adopted; one that differs is an error that
        shows the difference. A field's `default=` is Python's and stays out of the database.

        Args:
            indexes: `((columns, unique), ...)`, as in a model's Meta.
            constraints: Check(...), SQL(...) or text.
            primary_key: the columns of a composite primary key.
            options: what stands behind the closing parenthesis: "STRICT, WITHOUT ROWID", "ENGINE=Aria".
        """
        self._perform(
            CreateTable(name, dict(columns), _indexes(indexes), tuple(constraints), tuple(primary_key), options)
        )

    def drop_table(
        self, table: str, safe: bool = False, cascade: bool = False, *, columns: Mapping[str, Field] | None = None,
        indexes: Sequence[tuple[Sequence[str], bool]] = (), constraints: Sequence[Node | str] = (),
        primary_key: Sequence[str] = (), options: str = "",
    ) -> None:  # fmt: skip
        """Drop a table and its rows. With the `columns` it had (as for create_table) it can be reversed."""
        replaces = columns and CreateTable(
            table, dict(columns), _indexes(indexes), tuple(constraints), tuple(primary_key), options
        )
        self._perform(DropTable(table, safe, cascade, replaces or None))

    def rename_table(self, old_name: str, new_name: str) -> None:
        """Rename a table; its rows, indexes and keys stay."""
        self._perform(RenameTable(old_name, new_name))

    @contextmanager
    def alter_table(self, table: str, *, allow_copy: bool = False) -> Iterator[TableMigrator]:
        """Group changes of one table; they run when the block ends, as one ALTER TABLE where the server can.

        Args:
            allow_copy: whether MariaDB and MySQL may copy the whole table, which nobody can write to meanwhile.

        Example:
            with migrator.alter_table("user") as user:
                user.add_column("bio", TextField(null=True))
                user.drop_not_null("email")
        """
        changes: list[Operation] = []
        yield TableMigrator(table, changes.append)
        if changes:
            self._perform(AlterTable(table, tuple(changes), allow_copy=allow_copy))

    def _of(self, table: str) -> TableMigrator:
        return TableMigrator(table, self._perform)

    # -- columns, indexes and constraints: as in alter_table, with the table in front ----------

    def add_column(
        self, table: str, column_name: str, field: Field, allow_not_null: bool = False, *, allow_copy: bool = False
    ) -> None:
        """Add a column. Where it forbids NULL, existing rows get its default; a function is called once for each."""
        self._of(table).add_column(column_name, field, allow_not_null, allow_copy=allow_copy)

    def drop_column(
        self,
        table: str,
        column_name: str,
        cascade: bool = False,
        *,
        field: Field | None = None,
        allow_copy: bool = False,
    ) -> None:
        """Drop a column and its values. With the `field` it had it can be reversed."""
        self._of(table).drop_column(column_name, cascade, field=field, allow_copy=allow_copy)

    def rename_column(self, table: str, old_name: str, new_name: str) -> None:
        """Rename a column; what refers to it follows."""
        self._of(table).rename_column(old_name, new_name)

    def alter_column_type(
        self,
        table: str,
        column: str,
        field: Field,
        cast: str | Node | None = None,
        *,
        replaces: Field | None = None,
        allow_copy: bool = False,
    ) -> None:
        """Change a column's type. With the field that it `replaces` it can be reversed.

        Args:
            allow_copy: whether MariaDB and MySQL may copy the whole table, which nobody can write to meanwhile;
                tables that are small (`Limits.copy_limit_bytes`) are copied without being asked.
        """
        self._of(table).alter_column_type(column, field, cast, replaces=replaces, allow_copy=allow_copy)

    def add_not_null(self, table: str, column: str, *, online: bool = False, allow_copy: bool = False) -> None:
        """Forbid NULL; fails where a row holds one.

        Args:
            online: on PostgreSQL, in steps that stall nobody (a CHECK that is validated); see `add_index`.
        """
        self._of(table).add_not_null(column, online=online, allow_copy=allow_copy)

    def drop_not_null(self, table: str, column: str, *, allow_copy: bool = False) -> None:
        """Allow NULL."""
        self._of(table).drop_not_null(column, allow_copy=allow_copy)

    def add_column_default(self, table: str, column: str, default: Any, *, replaces: Any = None) -> None:
        """Give a column a default in the database: a constant, SQL("now()"), or a text that ends in ) or '.

        Args:
            replaces: the default that it had, where it had one: then `down` gives that back.
        """
        self._of(table).add_column_default(column, default, replaces=replaces)

    def drop_column_default(self, table: str, column: str, *, default: Any = None) -> None:
        """Take a column's default away. With the `default` that it had it can be reversed."""
        self._of(table).drop_column_default(column, default=default)

    def add_index(
        self,
        table: str,
        columns: Sequence[str | Node],
        unique: bool = False,
        using: str | None = None,
        where: Node | None = None,
        nulls_distinct: bool | None = None,
        name: str | None = None,
        *,
        concurrently: bool = False,
        include: Sequence[str] = (),
        allow_copy: bool = False,
    ) -> None:
        """Add an index, called `table_column_column` unless named.

        Args:
            columns: names of columns; SQL('"created" DESC') or SQL("lower(email)") for anything else.
            concurrently: on PostgreSQL, without keeping anybody from writing. Such operations, and those with
                `online=True`, need a migration with `transactional = False`; elsewhere they run in their plain form.
            include: on PostgreSQL, columns that the index carries without being ordered by them.
        """
        self._of(table).add_index(
            columns,
            unique,
            using,
            where,
            nulls_distinct,
            name,
            concurrently=concurrently,
            include=include,
            allow_copy=allow_copy,
        )

    def drop_index(
        self,
        table: str,
        index_name: str,
        *,
        columns: Sequence[str | Node] = (),
        unique: bool = False,
        using: str | None = None,
        where: Node | None = None,
        nulls_distinct: bool | None = None,
        include: Sequence[str] = (),
        concurrently: bool = False,
    ) -> None:
        """Drop an index. With the `columns` that it covered, and the rest as for add_index, it can be reversed."""
        self._of(table).drop_index(
            index_name,
            columns=columns,
            unique=unique,
            using=using,
            where=where,
            nulls_distinct=nulls_distinct,
            include=include,
            concurrently=concurrently,
        )

    def add_constraint(
        self, table: str, name: str | None, constraint: Node, *, online: bool = False, allow_copy: bool = False
    ) -> None:
        """Add a constraint: Check(...), SQL("UNIQUE (...)") or SQL("FOREIGN KEY (...) REFERENCES ...").

        Args:
            name: None for one without a name; a server gives it one.
            online: on PostgreSQL, a CHECK first for new rows, and then for those that are there.
        """
        self._of(table).add_constraint(name, constraint, online=online, allow_copy=allow_copy)

    def drop_constraint(
        self,
        table: str,
        name: str | None = None,
        *,
        columns: Sequence[str] = (),
        constraint: Node | None = None,
        unique: Sequence[str] = (),
    ) -> None:
        """Drop a constraint: CHECK, UNIQUE or a foreign key. With the `constraint` that it was it can be reversed.

        Args:
            columns: in place of a name, the columns that it restricts, all of them; where several do,
                `constraint` says which. On SQLite and PostgreSQL.
            unique: in place of `constraint`, the columns that add_unique was given.
        """
        self._of(table).drop_constraint(name, columns=columns, constraint=constraint, unique=unique)

    def add_unique(self, table: str, *column_names: str, online: bool = False, allow_copy: bool = False) -> None:
        """Require columns to be unique together, by a constraint called `uniq_column_column`.

        Args:
            online: on PostgreSQL, by an index that is made concurrently.
        """
        self._of(table).add_unique(*column_names, online=online, allow_copy=allow_copy)

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
        *,
        online: bool = False,
        allow_copy: bool = False,
    ) -> None:
        """Make a column that is there refer to `rel.rel_column`.

        Args:
            online: on PostgreSQL, first for new rows, and then for those that are there.
        """
        self._of(table).add_foreign_key_constraint(
            column_name,
            rel,
            rel_column,
            on_delete,
            on_update,
            constraint_name,
            rel_schema,
            online=online,
            allow_copy=allow_copy,
        )

    def drop_foreign_key_constraint(self, table: str, column_name: str, **reference: Any) -> None:
        """Drop a foreign key. With what it referred to (`rel=`, `rel_column=`, ...) it can be reversed."""
        self._of(table).drop_foreign_key_constraint(column_name, **reference)

    # -- text and code ------------------------------------------------------------------------

    def sql(self, sql: str, params: Sequence[Any] | None = None, *, reverse: str | None = None) -> None:
        """Run one statement. Without parameters the text is sent as written, `%` included."""
        self._perform(Sql(sql, params, reverse))

    def script(self, text: str, *, reverse: str | None = None) -> None:
        """Run several statements, split as the database would, inside the batch's transaction."""
        self._perform(Script(text, reverse))

    def run(
        self, function: Callable[[Migrator], object], reverse: Callable[[Migrator], object] | None = None
    ) -> None:  # fmt: skip
        """Call `function(migrator)`, for example to fill a column; `reverse(migrator)` takes it back."""
        self._perform(Run(function, reverse))

    def backfill(
        self,
        table: str,
        values: Mapping[str, Any],
        where: Node | str | None = None,
        batch_size: int = 10_000,
        pause_s: float = 0,
        *,
        reverse: Mapping[str, Any] | None = None,
    ) -> None:
        """Set columns of the rows that are there, to constants or SQL("...").

        One statement in a transaction; where the migration says `transactional = False`, in batches by primary key,
        each a transaction of its own, so that nobody waits long, and resumed where it stopped.

        Args:
            where: the rows meant, as SQL; all, if it is left out.
            batch_size: rows of one transaction.
            pause_s: seconds to wait between two of those.
            reverse: the values that take it back; `{}` where the columns are dropped on the way down anyway.

        Example:
            migrator.backfill("order", {"total_cents": SQL("total * 100")}, where="total_cents IS NULL")
        """
        condition = SQL(where) if isinstance(where, str) else where
        self._perform(Backfill(table, dict(values), condition, batch_size, pause_s, reverse))

    # -- questions ----------------------------------------------------------------------------

    def has_table(self, name: str) -> bool:
        """Whether there is a table (or view) of that name now."""
        return self._dialect.has_table(self._database, name)

    def has_column(self, table: str, column: str) -> bool:
        """Whether that table has that column now."""
        return self._dialect.folded_column(column) in self._dialect.columns(self._database, table)

    def table(self, name: str, **fields: Field) -> type[Model]:
        """A model of a table as it is now, for changing rows without the application's models.

        Fields that are named are taken as given, the rest from the database.

        Example:
            User = migrator.table("user", active=BooleanField())
            User.update(active=True).where(User.email.is_null(False)).execute()
        """
        from ormmigrate.tables import model_of

        return model_of(self._database, self._dialect, name, fields)


def _indexes(indexes: Sequence[tuple[Sequence[str], bool]]) -> tuple[tuple[tuple[str, ...], bool], ...]:
    return tuple((_columns(columns), unique) for columns, unique in indexes)
