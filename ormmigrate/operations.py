"""Operations as frozen values: they describe and reverse themselves, and run nothing.

`Migrator.add_column(...)` makes an `AddColumn`, and so on, one to one. Each has a `kind` (the method's
name), `describe()` for people, and `reverse()`: the operations that take it back, or None where nothing
can, and then `advice` says what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import peewee
from peewee import Field, ForeignKeyField, Node

if TYPE_CHECKING:
    from ormmigrate.migrator import Migrator

WRITE_DOWN = "write down(), or leave the migration in place and put the correction into a new one."


class Undecided:
    """What only a person can decide. In a file it is `...`, and a line that raises stands in front."""

    def __repr__(self) -> str:
        return "..."


#: What peewee calls the types of columns that number rows.
NUMBERING = ("AUTO", "BIGAUTO")
#: The default of a field, or a value of a backfill, that nobody has chosen yet.
UNDECIDED = Undecided()


def index_name(table: str, columns: Sequence[str]) -> str:
    """The name that playhouse.migrate gives an index: `table_column_column`, cut and hashed over 64."""
    return constraint_name("_".join((table, *columns)))


def constraint_name(name: str) -> str:
    """A name as peewee cuts it: hashed where it is over 64."""
    cut: str = peewee._truncate_constraint_name(name)  # type: ignore[attr-defined]
    return cut


def field_words(value: Field) -> str:
    """`CharField, unique, null`: a field in words."""
    words = [type(value).__name__]
    if isinstance(value, ForeignKeyField):
        words.append(f"to {_target_words(value)}")
        words += [f"on delete {value.on_delete}"] if value.on_delete else []
    words += [word for word in ("primary_key", "unique", "null") if getattr(value, word)]
    if value.default is not None:
        words.append(f"default {getattr(value.default, '__name__', repr(value.default))}")
    return ", ".join(words).replace("primary_key", "primary key")


def part_words(part: str | Node) -> str:
    """A part of an index in words: a column's name, or its SQL."""
    return part if isinstance(part, str) else str(getattr(part, "sql", part))


def default_words(value: Any) -> str:
    """A default of the database: an expression as it is written, a constant as Python shows it."""
    return str(value.sql) if isinstance(value, peewee.SQL) else repr(value)


def fills_itself(value: Field) -> bool:
    """Whether rows that are there have something to hold in a column that is added by this field."""
    words = [str(getattr(one, "sql", one)).upper() for one in value.constraints or ()]
    says_so = any("DEFAULT" in one or "GENERATED" in one for one in words)
    # A foreign key has no type before it knows what it refers to.
    numbers = not isinstance(value, ForeignKeyField) and value.field_type in NUMBERING
    return value.null or value.default is not None or says_so or numbers


def _target_words(value: ForeignKeyField) -> str:
    target = value.rel_model
    return str(target) if isinstance(target, str) else str(target._meta.table_name)


# eq=False throughout: peewee's fields answer == with an expression, which is always true.
@dataclass(frozen=True, eq=False)
class Operation:
    """The base of all operations."""

    kind: ClassVar[str] = ""
    advice: ClassVar[str] = WRITE_DOWN

    def describe(self) -> str:
        raise NotImplementedError

    def reverse(self) -> tuple[Operation, ...] | None:
        return None


@dataclass(frozen=True, eq=False)
class Change(Operation):
    """A change of one table.

    Attributes:
        allow_copy: whether MariaDB and MySQL may copy the whole table for it, which nobody can write to meanwhile.
    """

    allow_copy: bool = field(default=False, kw_only=True)


def flat(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Operations with the changes of each group in place of the group."""
    for operation in operations:
        if isinstance(operation, AlterTable):
            yield from operation.changes
        else:
            yield operation


# -- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class CreateTable(Operation):
    kind = "create_table"
    table: str
    columns: Mapping[str, Field]
    indexes: Sequence[tuple[Sequence[str], bool]] = ()
    constraints: Sequence[Node | str] = ()
    primary_key: Sequence[str] = ()
    options: str = ""

    def describe(self) -> str:
        return f"create the table {self.table} ({', '.join(self.columns)})"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropTable(self.table, replaces=self),)


@dataclass(frozen=True, eq=False)
class DropTable(Operation):
    kind = "drop_table"
    advice = (
        "name the columns it had: migrator.drop_table(name, columns={...}) can be reversed (its rows come "
        "back from a backup only); or write down()."
    )
    table: str
    safe: bool = False
    cascade: bool = False
    replaces: CreateTable | None = None

    def describe(self) -> str:
        return f"drop the table {self.table} and its rows" + (", with all that depends on it" if self.cascade else "")

    def reverse(self) -> tuple[Operation, ...] | None:
        return None if self.replaces is None else (self.replaces,)


@dataclass(frozen=True, eq=False)
class RenameTable(Operation):
    kind = "rename_table"
    table: str
    new_name: str

    def describe(self) -> str:
        return f"rename the table {self.table} to {self.new_name}"

    def reverse(self) -> tuple[Operation, ...]:
        return (RenameTable(self.new_name, self.table),)


# -- columns ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AddColumn(Change):
    kind = "add_column"
    table: str
    column: str
    field: Field
    allow_not_null: bool = False

    def describe(self) -> str:
        return f"add the column {self.table}.{self.column} ({field_words(self.field)})"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropColumn(self.table, self.column, field=self.field, allow_copy=self.allow_copy),)


@dataclass(frozen=True, eq=False)
class DropColumn(Change):
    kind = "drop_column"
    advice = (
        "name the field it had, with null=True or a default=: migrator.drop_column(table, column, "
        "field=TextField(null=True)) can be reversed (its values come back from a backup only); or write down()."
    )
    table: str
    column: str
    cascade: bool = False
    field: Field | None = None

    def describe(self) -> str:
        return f"drop the column {self.table}.{self.column} and its values"

    def reverse(self) -> tuple[Operation, ...] | None:
        if self.field is None or not fills_itself(self.field):
            return None  # rows would have nothing to hold
        return (AddColumn(self.table, self.column, self.field, allow_copy=self.allow_copy),)


@dataclass(frozen=True, eq=False)
class RenameColumn(Change):
    kind = "rename_column"
    table: str
    column: str
    new_name: str

    def describe(self) -> str:
        return f"rename the column {self.table}.{self.column} to {self.new_name}"

    def reverse(self) -> tuple[Operation, ...]:
        return (RenameColumn(self.table, self.new_name, self.column),)


@dataclass(frozen=True, eq=False)
class AlterColumnType(Change):
    kind = "alter_column_type"
    advice = (
        "name the field it had: migrator.alter_column_type(table, column, new, replaces=CharField()) can be "
        "reversed; or write down()."
    )
    table: str
    column: str
    field: Field
    cast: str | Node | None = None
    replaces: Field | None = None

    def describe(self) -> str:
        return f"change the type of {self.table}.{self.column} to {field_words(self.field)}"

    def reverse(self) -> tuple[Operation, ...] | None:
        if self.replaces is None or self.cast is not None:
            return None
        return (
            AlterColumnType(self.table, self.column, self.replaces, replaces=self.field, allow_copy=self.allow_copy),
        )


@dataclass(frozen=True, eq=False)
class AddNotNull(Change):
    kind = "add_not_null"
    table: str
    column: str
    online: bool = False

    def describe(self) -> str:
        return f"forbid NULL in {self.table}.{self.column}"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropNotNull(self.table, self.column, allow_copy=self.allow_copy),)


@dataclass(frozen=True, eq=False)
class DropNotNull(Change):
    kind = "drop_not_null"
    table: str
    column: str

    def describe(self) -> str:
        return f"allow NULL in {self.table}.{self.column}"

    def reverse(self) -> tuple[Operation, ...]:
        return (AddNotNull(self.table, self.column, allow_copy=self.allow_copy),)


@dataclass(frozen=True, eq=False)
class AddColumnDefault(Change):
    kind = "add_column_default"
    table: str
    column: str
    default: Any
    replaces: Any = None

    def describe(self) -> str:
        return f"set the default of {self.table}.{self.column} to {default_words(self.default)}"

    def reverse(self) -> tuple[Operation, ...]:
        if self.replaces is not None:
            return (AddColumnDefault(self.table, self.column, self.replaces, replaces=self.default),)
        return (DropColumnDefault(self.table, self.column, default=self.default),)


@dataclass(frozen=True, eq=False)
class DropColumnDefault(Change):
    kind = "drop_column_default"
    advice = "name the default it had: migrator.drop_column_default(table, column, default=...); or write down()."
    table: str
    column: str
    default: Any = None

    def describe(self) -> str:
        return f"drop the default of {self.table}.{self.column}"

    def reverse(self) -> tuple[Operation, ...] | None:
        return None if self.default is None else (AddColumnDefault(self.table, self.column, self.default),)


# -- indexes and constraints --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AddIndex(Change):
    """An index.

    Attributes:
        columns: of each part the column's name, or SQL for anything else: SQL('"created" DESC'), SQL("lower(email)").
        include: columns that it carries without being ordered by them (PostgreSQL).
    """

    kind = "add_index"
    table: str
    columns: tuple[str | Node, ...]
    unique: bool = False
    using: str | None = None
    where: Node | None = None
    nulls_distinct: bool | None = None
    name: str | None = None
    concurrently: bool = False
    include: tuple[str, ...] = ()

    @property
    def index(self) -> str:
        return self.name or index_name(self.table, [part_words(part) for part in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """The parts that are plain columns."""
        return tuple(part for part in self.columns if isinstance(part, str))

    def describe(self) -> str:
        unique = "unique " if self.unique else ""
        return f"add the {unique}index {self.index} on {self.table} ({', '.join(map(part_words, self.columns))})"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropIndex(self.table, self.index, replaces=self, concurrently=self.concurrently),)


@dataclass(frozen=True, eq=False)
class DropIndex(Change):
    kind = "drop_index"
    advice = (
        "name what it covered: migrator.drop_index(table, name, columns=(...), unique=...) can be reversed; "
        "or write down()."
    )
    table: str
    index: str
    replaces: AddIndex | None = None
    concurrently: bool = False

    def describe(self) -> str:
        return f"drop the index {self.index} on {self.table}"

    def reverse(self) -> tuple[Operation, ...] | None:
        return None if self.replaces is None else (self.replaces,)


@dataclass(frozen=True, eq=False)
class AddConstraint(Change):
    kind = "add_constraint"
    table: str
    name: str | None
    constraint: Node
    online: bool = False

    def describe(self) -> str:
        return f"add the constraint {self.name or first_line(part_words(self.constraint))} to {self.table}"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropConstraint(self.table, self.name, constraint=self.constraint, replaces=self),)


@dataclass(frozen=True, eq=False)
class AddUnique(Change):
    kind = "add_unique"
    table: str
    columns: tuple[str, ...]
    online: bool = False

    @property
    def name(self) -> str:
        # As playhouse.migrate names it.
        return "uniq_" + "_".join(self.columns)

    def describe(self) -> str:
        return f"require {self.table} ({', '.join(self.columns)}) to be unique"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropConstraint(self.table, self.name, replaces=self),)


@dataclass(frozen=True, eq=False)
class DropConstraint(Change):
    kind = "drop_constraint"
    advice = "name what it was: migrator.drop_constraint(table, name, constraint=Check(...)); or write down()."
    table: str
    name: str | None
    constraint: Node | None = None
    replaces: Operation | None = None
    columns: tuple[str, ...] = ()

    def describe(self) -> str:
        said = self.name or (self.constraint is not None and first_line(part_words(self.constraint)))
        which = said or f"of ({', '.join(self.columns)})"
        return f"drop the constraint {which} of {self.table}"

    def reverse(self) -> tuple[Operation, ...] | None:
        if self.replaces is not None:
            return (self.replaces,)
        if self.constraint is None:
            return None
        return (AddConstraint(self.table, self.name, self.constraint),)


@dataclass(frozen=True, eq=False)
class AddForeignKeyConstraint(Change):
    kind = "add_foreign_key_constraint"
    table: str
    column: str
    rel: str
    rel_column: str
    on_delete: str | None = None
    on_update: str | None = None
    constraint_name: str | None = None
    rel_schema: str | None = None
    online: bool = False

    def describe(self) -> str:
        return f"add the foreign key {self.table}.{self.column} to {self.rel}.{self.rel_column}"

    def reverse(self) -> tuple[Operation, ...]:
        return (DropForeignKeyConstraint(self.table, self.column, replaces=self),)


@dataclass(frozen=True, eq=False)
class DropForeignKeyConstraint(Change):
    kind = "drop_foreign_key_constraint"
    advice = (
        "name what it referred to: migrator.drop_foreign_key_constraint(table, column, rel=..., "
        "rel_column=...); or write down()."
    )
    table: str
    column: str
    replaces: AddForeignKeyConstraint | None = None

    def describe(self) -> str:
        return f"drop the foreign key of {self.table}.{self.column}"

    def reverse(self) -> tuple[Operation, ...] | None:
        return None if self.replaces is None else (self.replaces,)


# -- groups, text and code ----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class AlterTable(Change):
    """Several changes of one table, which belong together: on SQLite they write it once at most."""

    kind = "alter_table"
    table: str
    changes: tuple[Operation, ...]

    def describe(self) -> str:
        return f"alter {self.table}: " + "; ".join(change.describe() for change in self.changes)

    def reverse(self) -> tuple[Operation, ...] | None:
        reverses: list[Operation] = []
        for change in reversed(self.changes):
            taken_back = change.reverse()
            if taken_back is None:
                return None
            reverses += taken_back
        return (AlterTable(self.table, tuple(reverses), allow_copy=self.allow_copy),)


@dataclass(frozen=True, eq=False)
class Sql(Operation):
    kind = "sql"
    advice = "give its reverse: migrator.sql(up, reverse=down); or write down()."
    text: str
    params: Sequence[Any] | None = None
    reverse_text: str | None = None

    def describe(self) -> str:
        return f"run the SQL: {first_line(self.text)}"

    def reverse(self) -> tuple[Operation, ...] | None:
        if self.reverse_text is None:
            return None
        return (Sql(self.reverse_text, reverse_text=None if self.params else self.text),)


@dataclass(frozen=True, eq=False)
class Script(Operation):
    kind = "script"
    advice = "give its reverse: migrator.script(up, reverse=down); or write down()."
    text: str
    reverse_text: str | None = None

    def describe(self) -> str:
        return f"run the script: {first_line(self.text)}"

    def reverse(self) -> tuple[Operation, ...] | None:
        return None if self.reverse_text is None else (Script(self.reverse_text, reverse_text=self.text),)


@dataclass(frozen=True, eq=False)
class Run(Operation):
    kind = "run"
    advice = "give its reverse: migrator.run(fill, reverse=empty); or write down()."
    function: Callable[[Migrator], object]
    reverse_function: Callable[[Migrator], object] | None = field(default=None)

    def describe(self) -> str:
        return f"run the function {getattr(self.function, '__name__', repr(self.function))}()"

    def reverse(self) -> tuple[Operation, ...] | None:
        return None if self.reverse_function is None else (Run(self.reverse_function, self.function),)


@dataclass(frozen=True, eq=False)
class Backfill(Operation):
    """Values for columns of the rows that are there.

    Attributes:
        values: the columns, each with a constant or SQL(...).
        where: the rows meant, as an expression or SQL(...); None means all.
        batch_size: the rows of one transaction, where the migration is not one.
        pause_s: how long to wait between two of those.
        reverse_values: what takes it back; empty where nothing has to.
    """

    kind = "backfill"
    advice = (
        "give its reverse: migrator.backfill(..., reverse={column: value}), or reverse={} where the columns that it "
        "fills are dropped on the way down; or write down()."
    )
    table: str
    values: Mapping[str, Any]
    where: Node | None = None
    batch_size: int = 10_000
    pause_s: float = 0
    reverse_values: Mapping[str, Any] | None = None

    def describe(self) -> str:
        return f"fill {', '.join(f'{self.table}.{column}' for column in self.values)}"

    def reverse(self) -> tuple[Operation, ...] | None:
        if self.reverse_values is None:
            return None
        if not self.reverse_values:
            return ()
        return (Backfill(self.table, self.reverse_values, None, self.batch_size, self.pause_s),)


def first_line(text: str, limit: int = 100) -> str:
    """A statement on one line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."
