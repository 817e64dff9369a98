"""What uses a column, and so would go with it or break without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from peewee import Database

from ormmigrate.dialects.sqlite.definition import (
    Constraint,
    TableDefinition,
    is_about,
    names_in,
    own_constraints,
    restricted,
)
from ormmigrate.dialects.sqlite.dependents import Dependent, broken, dependents, referring_keys
from ormmigrate.dialects.sqlite.drafts import Draft
from ormmigrate.dialects.sqlite.edits import index_body
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import Index, indexes_of
from ormmigrate.dialects.sqlite.tokens import folded, significant, unquoted
from ormmigrate.operations import DropColumn

#: What only says something of the column that it stands in.
ATTRIBUTES = ("NOT NULL", "NULL", "DEFAULT", "COLLATE", "GENERATED", "NAME", "DEFERRABLE")


@dataclass(frozen=True)
class Uses:
    """What uses a column.

    Attributes:
        own: constraints and indexes of this column alone, in words.
        indexes: the indexes among them.
        others: what is of something else as well.
    """

    own: tuple[str, ...]
    indexes: tuple[Index, ...]
    others: tuple[str, ...]


def uses_of(database: Database, draft: Draft, column: str, indexes: Sequence[Index]) -> Uses:
    """What of its own table, and which keys of others, use a column; views and triggers are found by compiling."""
    definition = draft.definition
    own, others = [], []
    own_indexes = []
    for index in indexes:
        if index.text is None:
            continue
        names = _columns_in(index, [one.name for one in draft.columns])
        if names == {folded(column)}:
            own_indexes.append(index)
            own.append(f"index {index.name}")
        elif folded(column) in names:
            others.append(f"index {index.name}")
    alone = own_constraints(definition, column)
    for place in definition.columns:
        for constraint in place.constraints:
            if folded(place.name) == folded(column) and constraint.kind in ATTRIBUTES:
                continue
            # What stands in its definition goes with it, whatever that is about.
            goes = folded(place.name) == folded(column)
            if goes or is_about(definition, constraint, column):
                is_own = goes and restricted(definition, constraint) <= {folded(column)}
                (own if is_own and constraint.kind != "PRIMARY KEY" else others).append(_text(definition, constraint))
    for constraint in definition.constraints:
        if is_about(definition, constraint, column):
            (own if constraint in alone else others).append(_text(definition, constraint))
    others += _keys_to(database, draft, column)
    return Uses(tuple(own), tuple(own_indexes), tuple(others))


def stands_alone(database: Database, draft: Draft, column: str) -> bool:
    """Whether nothing but the rows holds a column's values: no index, constraint, generated column or key."""
    uses = uses_of(database, draft, column, indexes_of(database, draft.table.name))
    return not (uses.own or uses.others)


def _columns_in(index: Index, columns: Sequence[str]) -> set[str]:
    """The columns that an index says anywhere: in its list, in expressions, in WHERE."""
    text = index.text or ""
    there = {folded(name) for name in columns}
    return {folded(unquoted(token.text)) for token in names_in(text[index_body(text) :])} & there


def _text(definition: TableDefinition, constraint: Constraint) -> str:
    return definition.text[constraint.start : constraint.end]


def _keys_to(database: Database, draft: Draft, column: str) -> list[str]:
    """Foreign keys of other tables to a column; one that names no column means the primary key."""
    keys = {folded(one.name) for one in draft.columns if one.key}
    found = []
    for table, columns, targets in referring_keys(database, draft.table.name):
        if folded(table) == folded(draft.table.name):
            continue  # read in its definition
        meant = {folded(target) for target in targets if target is not None} or keys
        if folded(column) in meant:
            found.append(f"foreign key {table} ({', '.join(columns)})")
    return found


def refuse_used(
    database: Database, draft: Draft, operation: DropColumn, indexes: Sequence[Index]
) -> tuple[Index, ...]:  # fmt: skip
    """The indexes that go with a column, if nothing else would.

    Raises:
        Refused: something else uses the column, or something of its own does and it was not said that it may go.
    """
    column = draft.column(operation.column).name
    uses = uses_of(database, draft, column, indexes)
    there = dependents(database)
    others = [*uses.others, *watching(there, draft.table.name, column), *quoting(there, draft.table.name, column)]
    says_own = operation.cascade or operation.field is not None
    in_the_way = others if says_own else [*others, *uses.own]
    if in_the_way:
        advice = "drop them first (migrator.drop_index, drop_constraint, migrator.sql('DROP VIEW ...'))"
        if uses.own and not says_own:
            advice += f"; what is of {column} alone ({', '.join(uses.own)}) goes with it if you say cascade=True"
        raise Refused(f"These still use {column}: {'; '.join(in_the_way)}.", f"{advice}.")
    return uses.indexes


@contextmanager
def unbroken(database: Database, without: str) -> Iterator[None]:
    """Refuse what leaves a view or trigger that does not compile any more; what did not before is not blamed.

    Args:
        without: what they would have to do without, in words.

    Raises:
        Refused: which, and why.
    """
    there = dependents(database)
    before = broken(database, there)
    yield
    now = broken(database, dependents(database)) if there else {}
    found = [f"{name} ({error})" for name, error in now.items() if name not in before]
    if found:
        raise Refused(
            f"These would not compile {without}: {'; '.join(found)}.",
            "drop or change them first, in the same migration: migrator.sql('DROP VIEW ...'), and make them anew "
            "afterwards.",
        )


def watching(there: Sequence[Dependent], table: str, column: str) -> list[str]:
    """Triggers that fire on UPDATE OF a column: they compile without it, and never fire again."""
    found = []
    for trigger in there:
        if trigger.kind != "trigger" or folded(trigger.table) != folded(table):
            continue
        words = significant(trigger.text)
        start = next((place for place, token in enumerate(words) if token.is_word("OF")), None)
        end = next((place for place, token in enumerate(words) if token.is_word("ON")), None)
        if start is not None and end is not None and start < end:
            named = {folded(unquoted(token.text)) for token in words[start + 1 : end]}
            if folded(column) in named:
                found.append(trigger.words)
    return found


def quoting(there: Sequence[Dependent], table: str, column: str) -> list[str]:
    """Views and triggers that say a column in double quotes: they compile without it, for it is then a text.

    Only those count that have to do with the table, by way of other views too.
    """
    reached = {folded(table)}
    while True:
        more = {folded(one.name) for one in there if one.kind == "view" and _names_said(one) & reached}
        if more <= reached:
            break
        reached |= more
    found = []
    for one in there:
        tokens = significant(one.text)
        says_it = any(
            token.text.startswith('"')
            and folded(unquoted(token.text)) == folded(column)
            and not (place and tokens[place - 1].is_symbol("."))
            for place, token in enumerate(tokens)
        )
        if says_it and _names_said(one) & reached:
            found.append(one.words)
    return found


def _names_said(one: Dependent) -> set[str]:
    return {folded(unquoted(token.text)) for token in significant(one.text)}
