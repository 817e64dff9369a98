"""Indexes and constraints in words, and finding those that are meant, by the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ormmigrate.dialects.postgresql import resembling
from ormmigrate.dialects.postgresql.catalogue import Constraint, Index
from ormmigrate.dialects.postgresql.expressions import part_text
from ormmigrate.dialects.postgresql.literals import rendered
from ormmigrate.dialects.postgresql.names import clipped
from ormmigrate.dialects.postgresql.statements import words_of
from ormmigrate.errors import listed
from ormmigrate.operations import (
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddUnique,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    constraint_name,
)

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

HAS_NULLS_DISTINCT = 150000


def index_statement(engine: PostgresqlEngine, operation: AddIndex, how: str = "") -> str:
    """CREATE INDEX.

    Args:
        how: `CONCURRENTLY `, with its space.
    """
    unique = "UNIQUE " if operation.unique else ""
    name, table = engine.quoted(clipped(operation.index)), engine.quoted(operation.table)
    using = f"USING {operation.using} " if operation.using else ""
    parts = ", ".join(" ".join(part).strip() for part in index_parts(engine, operation))
    text = f"CREATE {unique}INDEX {how}{name} ON {table} {using}({parts})"
    text += f" INCLUDE ({', '.join(map(engine.quoted, operation.include))})" if operation.include else ""
    if operation.nulls_distinct is not None:
        _refuse_nulls_distinct(engine, operation)
        text += " NULLS DISTINCT" if operation.nulls_distinct else " NULLS NOT DISTINCT"
    if operation.where is not None:
        text += f" WHERE {rendered(engine.database, operation.where)}"
    return text


def index_parts(engine: PostgresqlEngine, operation: AddIndex) -> list[tuple[str, str]]:
    """Each part's column or expression, and what is said of it besides, as they stand in CREATE INDEX."""
    found = []
    for part in operation.columns:
        text = engine.quoted(part) if isinstance(part, str) else rendered(engine.database, part)
        value, suffix = part_text(text)
        # An operator behind it: `n + 1`, which must stand in parentheses.
        is_whole = not suffix or suffix[0].isalpha() or suffix[0] in '_"'
        found.append((value, suffix) if is_whole else (f"({text})", ""))
    return found


def _refuse_nulls_distinct(engine: PostgresqlEngine, operation: AddIndex) -> None:
    if not operation.unique:
        raise engine.unsupported(
            operation, "nulls_distinct= is for unique indexes.", "say unique=True, or leave it out."
        )
    if engine.database.server_version < HAS_NULLS_DISTINCT:
        raise engine.unsupported(
            operation,
            "This server is older than PostgreSQL 15, which brought NULLS NOT DISTINCT.",
            "leave nulls_distinct= out; an index with where=SQL('... IS NULL') can forbid a second NULL.",
        )


def index_to_drop(engine: PostgresqlEngine, operation: DropIndex) -> Index:
    """The index that is meant.

    Raises:
        UnsupportedOperation: it is not there, or belongs to a constraint.
    """
    there = engine.catalogue.indexes(operation.table)
    for index in there:
        if index.name == clipped(operation.index):
            if index.constraint is not None:
                raise engine.unsupported(
                    operation,
                    f"The index belongs to the constraint {index.constraint}.",
                    f"drop that: migrator.drop_constraint({operation.table!r}, {index.constraint!r}).",
                )
            return index
    raise engine.not_there(operation, "index", operation.index, [index.name for index in there])


def words(engine: PostgresqlEngine, operation: AddConstraint | AddUnique | AddForeignKeyConstraint) -> str:
    """A constraint as it stands behind ADD. One that has a name of its own already keeps it."""
    if isinstance(operation, AddConstraint):
        text = rendered(engine.database, operation.constraint)
        if operation.name is None or words_of(text)[:1] == ["CONSTRAINT"]:
            return text
    elif isinstance(operation, AddUnique):
        text = f"UNIQUE ({', '.join(map(engine.quoted, operation.columns))})"
    else:
        text = _foreign_key(engine, operation)
    return f"CONSTRAINT {engine.quoted(name_of(operation))} {text}"


def name_of(operation: AddConstraint | AddUnique | AddForeignKeyConstraint) -> str:
    """What a constraint is called on the server."""
    if not isinstance(operation, AddForeignKeyConstraint):
        return clipped(operation.name or "")
    # As playhouse names it.
    return clipped(key_name(operation))


def key_name(operation: AddForeignKeyConstraint) -> str:
    return constraint_name(operation.constraint_name or f"fk_{operation.table}_{operation.column}_refs_{operation.rel}")


def _foreign_key(engine: PostgresqlEngine, operation: AddForeignKeyConstraint) -> str:
    schema = f"{engine.quoted(operation.rel_schema)}." if operation.rel_schema else ""
    text = f"FOREIGN KEY ({engine.quoted(operation.column)}) REFERENCES {schema}{engine.quoted(operation.rel)} "
    text += f"({engine.quoted(operation.rel_column)})"
    text += f" ON DELETE {operation.on_delete}" if operation.on_delete else ""
    return text + (f" ON UPDATE {operation.on_update}" if operation.on_update else "")


def sought(engine: PostgresqlEngine, operation: DropConstraint | DropForeignKeyConstraint) -> Constraint:
    """The one constraint that is meant.

    Raises:
        UnsupportedOperation: there is none, or several.
    """
    there = engine.catalogue.constraints(operation.table)
    if isinstance(operation, DropForeignKeyConstraint):
        found = _keys(operation, there)
        wanted = f"foreign key of {operation.column}"
    elif operation.name is not None:
        found = [one for one in there if one.name == clipped(operation.name)]
        wanted = f"constraint {operation.name}"
    elif operation.columns or operation.constraint is not None:
        found = resembling.resembling(engine, operation, there)
        wanted = f"constraint of ({', '.join(operation.columns)})" if operation.columns else "such constraint"
    else:
        raise engine.unsupported(
            operation,
            "It says neither the name of a constraint nor its columns.",
            f"write drop_constraint({operation.table!r}, 'name'), or columns=(...) in place of the name.",
        )
    if len(found) == 1:
        return found[0]
    if found:
        raise engine.unsupported(
            operation,
            f"There are several: {listed(found)}.",
            f"say which: migrator.drop_constraint({operation.table!r}, {found[0].name!r}).",
        )
    raise engine.unsupported(operation, f"There is no {wanted}. {_there(engine, operation.table, there)}", _ADVICE)


_ADVICE = "correct the name or the columns, or take the operation out, if the constraint is gone already."


def _there(engine: PostgresqlEngine, table: str, constraints: list[Constraint]) -> str:
    if constraints:
        return f"{table} has: {listed(constraints)}."
    if engine.catalogue.kind(table) is None:
        return f"There is no table {table} either; there are: {listed(engine.catalogue.tables()) or 'none'}."
    unique = [index.name for index in engine.catalogue.indexes(table)]
    return f"{table} has no constraints" + (f", and the indexes {listed(unique)}." if unique else ".")


def _keys(operation: DropForeignKeyConstraint, there: list[Constraint]) -> list[Constraint]:
    """The foreign keys that may be meant: the one of that column alone, of that name where it is told."""
    keys = [one for one in there if one.kind == "FOREIGN KEY" and one.columns == (clipped(operation.column),)]
    if operation.replaces is not None and len(keys) > 1:
        name = clipped(key_name(operation.replaces))
        keys = [one for one in keys if one.name == name] or [one for one in keys if one.rel == operation.replaces.rel]
    return keys
