"""Each change of a table, read up in the catalogue and put into words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from peewee import Field, ForeignKeyField, callable_

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import UNFILLED, column_indexes, declares_default, default_of
from ormmigrate.dialects.postgresql import constraining
from ormmigrate.dialects.postgresql.drafts import Draft, altering
from ormmigrate.dialects.postgresql.literals import constant, default_words, rendered
from ormmigrate.dialects.postgresql.names import clipped, following_columns, free
from ormmigrate.dialects.postgresql.retyping import retyped
from ormmigrate.dialects.postgresql.statements import names_in, words_of
from ormmigrate.operations import (
    AddColumn,
    AddColumnDefault,
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    AlterColumnType,
    Change,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    DropNotNull,
    RenameColumn,
)

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine


def drafted(engine: PostgresqlEngine, change: Any) -> Draft:
    """Read what has to be known for a change, and put it into words.

    Raises:
        UnsupportedOperation: it would lose something, or what it names is not there.
    """
    column = "" if not hasattr(change, "column") else f"ALTER COLUMN {engine.quoted(change.column)}"
    match change:
        case AddColumn():
            return _added(engine, change)
        case DropColumn():
            return _dropped(engine, change)
        case RenameColumn():
            return _renamed(engine, change)
        case AlterColumnType():
            return retyped(engine, change)
        case AddNotNull():
            return Draft((f"{column} SET NOT NULL",))
        case DropNotNull():
            return Draft((f"{column} DROP NOT NULL",))
        case AddColumnDefault():
            return Draft((f"{column} SET DEFAULT {_default(engine, change)}",))
        case DropColumnDefault():
            return Draft((f"{column} DROP DEFAULT",))
        case AddIndex():
            return Draft(steps=(constraining.index_statement(engine, change),))
        case DropIndex():
            return Draft(steps=(f"DROP INDEX {constraining.index_to_drop(engine, change).path}",))
        case AddConstraint() | AddUnique() | AddForeignKeyConstraint():
            return Draft((f"ADD {constraining.words(engine, change)}",))
        case DropConstraint() | DropForeignKeyConstraint():
            found = constraining.sought(engine, change)
            return Draft(
                (f"DROP CONSTRAINT {engine.quoted(found.name)}",), names=frozenset({found.name, *found.columns})
            )
    raise engine.unsupported(change, "It is no change of one table.", "take it out of the group.")


def names_of(engine: PostgresqlEngine, change: Change) -> frozenset[str]:
    """The names that a change is about, those in its expressions included."""
    names = {
        getattr(change, name) for name in ("column", "new_name", "name") if isinstance(getattr(change, name, 0), str)
    }
    columns = getattr(change, "columns", ())
    names.update(one for one in columns if isinstance(one, str))
    texts: list[Any] = [getattr(change, "constraint", None), *(one for one in columns if not isinstance(one, str))]
    if isinstance(change, AlterColumnType):
        texts.append(change.cast)
    elif isinstance(change, AddColumn):
        texts += change.field.constraints or ()
    elif isinstance(change, AddForeignKeyConstraint) and change.rel == change.table:
        names.add(change.rel_column)
    for text in texts:
        if text is not None:
            names |= names_in(rendered(engine.database, text))
    return frozenset(names)


def adds_constraint(change: Change) -> bool:
    """Whether a change comes behind all others in one ALTER TABLE anyway, and looks at nothing for it.

    PostgreSQL goes through its clauses in passes: what drops, types, columns, constraints (AlterTablePass in
    tablecmds.c).
    """
    return isinstance(change, (AddConstraint, AddUnique, AddForeignKeyConstraint))


# -- columns ------------------------------------------------------------------------------------


def _added(engine: PostgresqlEngine, change: AddColumn) -> Draft:
    field = engine.prepared(change)
    database = engine.database
    counts = field.auto_increment or bool(field.sequence)
    has_value = field.default is not None
    fills_itself = counts or declares_default(field) or _is_generated(field)
    if not (field.null or has_value or change.allow_not_null or fills_itself):
        raise engine.unsupported(change, *UNFILLED)
    indexes = [
        constraining.index_statement(engine, index) for index in column_indexes(change.table, change.column, field)
    ]
    column = f"ALTER COLUMN {engine.quoted(change.column)}"
    if field.null or change.allow_not_null or not has_value:
        return Draft((f"ADD COLUMN {_definition(engine, field)}{_reference(engine, field)}",), steps=tuple(indexes))
    if not callable_(field.default) and not declares_default(field):
        # A constant is kept once for all rows that are there: nothing is written
        # (postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES).
        value = constant(database, default_of(field))
        clause = f"ADD COLUMN {_definition(engine, field)} DEFAULT {value}{_reference(engine, field)}"
        return Draft((clause,), (f"{column} DROP DEFAULT",), tuple(indexes))
    nullable = field.clone()
    nullable.null = True
    behind = [f"{column} SET NOT NULL"]
    if isinstance(field, ForeignKeyField):
        # Not before: what the key has deferred would stand in the way of ALTER TABLE.
        behind.append(f"ADD {rendered(database, ddl.foreign_key(field))}")
    return Draft(
        (f"ADD COLUMN {_definition(engine, nullable)}",),
        steps=(
            partial(engine.fill, change.table, change.column, field),
            altering(engine, change.table, behind),
            *indexes,
        ),
    )


def _is_generated(field: Field) -> bool:
    return any(words_of(str(getattr(one, "sql", one)))[:1] == ["GENERATED"] for one in field.constraints or ())


def _definition(engine: PostgresqlEngine, field: Field) -> str:
    return rendered(engine.database, field.ddl(engine.database.get_sql_context()))


def _reference(engine: PostgresqlEngine, field: Field) -> str:
    """REFERENCES, with its name and all that playhouse leaves out of it: DEFERRABLE, say."""
    if not isinstance(field, ForeignKeyField):
        return ""
    name = f" CONSTRAINT {engine.quoted(field.constraint_name)}" if field.constraint_name else ""
    return name + "".join(f" {rendered(engine.database, part)}" for part in ddl.references(field))


def _dropped(engine: PostgresqlEngine, change: DropColumn) -> Draft:
    if not change.cascade:
        catalogue = engine.catalogue
        uses = {*catalogue.shared_with(change.table, change.column), *catalogue.dependents(change.table, change.column)}
        if uses:
            raise engine.unsupported(
                change,
                f"These would go with it, and are not of this column alone: {', '.join(sorted(uses))}.",
                "drop them first (migrator.drop_index, drop_constraint, drop_column, sql('DROP VIEW ...')), or say "
                "cascade=True.",
            )
    return Draft((f"DROP COLUMN {engine.quoted(change.column)}{' CASCADE' if change.cascade else ''}",))


def _renamed(engine: PostgresqlEngine, change: RenameColumn) -> Draft:
    steps = [
        altering(
            engine, change.table, [f"RENAME COLUMN {engine.quoted(change.column)} TO {engine.quoted(change.new_name)}"]
        )
    ]
    taken: set[str] | None = None
    for index in engine.catalogue.indexes(change.table):
        columns = [column for column in index.columns if column is not None]
        if index.constraint or len(columns) < len(index.columns) or clipped(change.column) not in columns:
            continue
        new_columns = [change.new_name if column == clipped(change.column) else column for column in columns]
        name = following_columns(index.name, change.table, columns, change.table, new_columns)
        if name is not None and name != index.name:
            taken = engine.catalogue.names_beside(change.table) if taken is None else taken
            name = free(name, taken)
            taken.add(name)
            steps.append(f"ALTER INDEX {index.path} RENAME TO {engine.quoted(name)}")
    return Draft(steps=tuple(steps))


def _default(engine: PostgresqlEngine, change: AddColumnDefault) -> str:
    if change.default is None:
        raise engine.unsupported(change, "None is no default.", "drop the default: migrator.drop_column_default(...).")
    kind = ""
    if isinstance(change.default, (list, tuple)) or callable_(change.default):
        column = engine.catalogue.column(change.table, change.column)
        kind = column.type if column else ""
    return default_words(engine.database, change.default, kind)
