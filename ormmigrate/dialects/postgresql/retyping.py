"""Changing a column's type: what has to be said besides, so that nothing is lost and nothing is left over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ormmigrate.dialects.postgresql import concerned
from ormmigrate.dialects.postgresql.drafts import Draft, altering
from ormmigrate.dialects.postgresql.literals import rendered, without_cast
from ormmigrate.dialects.postgresql.names import clipped
from ormmigrate.dialects.postgresql.remaking import remade
from ormmigrate.dialects.postgresql.statements import words_of
from ormmigrate.operations import AlterColumnType

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.catalogue import Column
    from ormmigrate.dialects.postgresql.concerned import Conversion
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

#: What a column of a type that counts by itself is: the counting is its sequence's.
COUNTED = {"SMALLSERIAL": "SMALLINT", "SERIAL": "INTEGER", "BIGSERIAL": "BIGINT"}
INTEGERS = {"SMALLINT": "smallint", "INT2": "smallint", "INT": "integer", "INT4": "integer", "INTEGER": "integer"}
INTEGERS |= {"BIGINT": "bigint", "INT8": "bigint"}
NUMBERS = {"'true'": "'1'", "'false'": "'0'"}


def retyped(engine: PostgresqlEngine, change: AlterColumnType) -> Draft:
    """What a change of type comes to.

    Raises:
        UnsupportedOperation: there is no such column, or something uses it that the server lets nobody change it under.
    """
    field = engine.prepared(change)
    database, catalogue = engine.database, engine.catalogue
    was = catalogue.column(change.table, change.column)
    if was is None:
        raise engine.not_there(change, "column", change.column)
    uses = catalogue.dependents_of_type(change.table, change.column)
    if uses:
        raise engine.unsupported(
            change,
            f"PostgreSQL changes no type of a column that these use: {', '.join(uses)}.",
            "drop them before, with migrator.sql('DROP VIEW ...') or drop_column, and make them again behind it.",
        )
    type_ = _plain_type(rendered(database, field.ddl_datatype(database.get_sql_context())))
    conversion = concerned.conversion(catalogue, was.type, type_)
    column = f"ALTER COLUMN {engine.quoted(change.column)}"
    clause = f"{column} TYPE {type_}{_collation(engine, change, was, type_)}{_using(engine, change, was, conversion)}"
    clauses = [clause]
    if was.default is not None and not was.is_generated:
        # The old one would keep a cast to the old type, and nobody could tell it from one that says so.
        default = without_cast(was.default)
        if conversion is not None and conversion.is_number_of_boolean:
            default = NUMBERS.get(default, default)
        clauses = [f"{column} DROP DEFAULT", clause, f"{column} SET DEFAULT {default}"]
    around = remade(engine, change.table, change.column)
    clauses = [*around.drops, *clauses, *around.adds]
    behind = [*around.behind, *_counting(engine, change, was, type_)]
    if around.before:
        steps = (*around.before, altering(engine, change.table, clauses), *behind)
        return Draft(steps=steps, names=around.names)
    return Draft(tuple(clauses), steps=tuple(behind), names=around.names)


def _plain_type(type_: str) -> str:
    """A type without what makes it count: those are no types, but a default and a sequence."""
    words = words_of(type_)
    if words and words[0] in COUNTED:
        return COUNTED[words[0]]
    return words[0] if "GENERATED" in words else type_


def _collation(engine: PostgresqlEngine, change: AlterColumnType, was: Column, type_: str) -> str:
    """COLLATE: TYPE without it puts the collation of the new type in place of the column's own.

    A field that says none leaves what is there, unless it replaces one that said so.
    """
    collation = change.field.collation
    is_taken_back = change.replaces is not None and change.replaces.collation is not None
    if collation is None and was.collation is not None and not is_taken_back:
        collation = was.collation if concerned.has_collations(engine.catalogue, type_) else None
    return f" COLLATE {collation}" if collation else ""


def _using(engine: PostgresqlEngine, change: AlterColumnType, was: Column, conversion: Conversion | None) -> str:
    """USING, where it is told, or the server would not convert by itself: then by way of text, which refuses what
    does not fit instead of losing something."""
    if change.cast is not None:
        return f" USING {rendered(engine.database, change.cast)}"
    if conversion is None or conversion.is_automatic or was.is_generated:
        return ""
    by_way_of = "integer" if conversion.is_number_of_boolean else "text"
    # Without its length, so that what is too long is not cut: the server puts it in place by itself then.
    return f" USING {engine.quoted(change.column)}::{by_way_of}::{conversion.target}"


def _counting(engine: PostgresqlEngine, change: AlterColumnType, was: Column, type_: str) -> list[str]:
    """The sequence that a column owns counts as far as its new type does; an identity's does by itself."""
    meant = INTEGERS.get(type_.upper())
    if meant is None or was.type == meant:
        return []
    return [
        f"ALTER SEQUENCE {sequence.path} AS {meant}"
        for sequence in engine.catalogue.sequences(change.table)
        if sequence.column == clipped(change.column) and not sequence.is_identity
    ]
