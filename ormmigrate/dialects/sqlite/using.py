"""What uses a column, and so would go with it or break without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from peewee import Database

from ormmigrate.dialects.sqlite.definition import (
    Constraint,
    is_about,
    names_in,
    own_constraints,
    restricted,
)
from ormmigrate.dialects.sqlite.dependents import Dependent, broken, dependents, referring_keys
from ormmigrate.dialects.sqlite.drafts import Draft
from ormmigrate.dialects.sqlite.edits import index_body
from ormmigrate.dialects.sqlite.meaning import says_same
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import Index, ask
from ormmigrate.dialects.sqlite.tokens import NAME, WORD, Token, folded, significant, unquoted
from ormmigrate.dialects.sqlite.words import rendered
from ormmigrate.operations import DropColumn

#: What only says something of the column that it stands in.
ATTRIBUTES = ("NOT NULL", "NULL", "DEFAULT", "COLLATE", "GENERATED", "NAME", "DEFERRABLE")


@dataclass(frozen=True)
class Use:
    """Something that uses a column.

    Attributes:
        words: what it is.
        remedy: how it is dropped.
        is_own: whether it is about this column alone, and may go with it.
        index: the index that it is, if it is one.
        inside: the constraint that it is, if it stands in the definition of the column itself.
    """

    words: str
    remedy: str
    is_own: bool = False
    index: Index | None = None
    inside: Constraint | None = None


def uses_of(database: Database, draft: Draft, column: str, indexes: Sequence[Index]) -> list[Use]:
    """What of its own table, and which keys of others, use a column; views and triggers are found by compiling."""
    table = draft.table.name
    found = []
    for index in indexes:
        names = _columns_in(index, [one.name for one in draft.columns]) if index.text is not None else set()
        if folded(column) in names:
            remedy = f"migrator.drop_index({table!r}, {index.name!r})"
            found.append(Use(f"index {index.name}", remedy, names == {folded(column)}, index))
    found += _constraints_on(draft, column)
    return found + _keys_to(database, draft, column)


def _constraints_on(draft: Draft, column: str) -> list[Use]:
    definition = draft.definition
    alone = own_constraints(definition, column)
    found = []
    for place in definition.columns:
        # What stands in its definition goes with it, whatever that is about.
        goes = folded(place.name) == folded(column)
        for constraint in place.constraints:
            if goes and constraint.kind in ATTRIBUTES:
                continue
            if goes or is_about(definition, constraint, column):
                is_own = goes and restricted(definition, constraint) <= {folded(column)}
                use = _use(draft, constraint, place.name, is_own=is_own and constraint.kind != "PRIMARY KEY")
                found.append(replace(use, inside=constraint if goes else None))
    for constraint in definition.constraints:
        if is_about(definition, constraint, column):
            found.append(_use(draft, constraint, None, is_own=constraint in alone))
    return found


def _use(draft: Draft, constraint: Constraint, column: str | None, *, is_own: bool) -> Use:
    """A constraint of the table, or of a column, in words."""
    table, words = draft.table.name, draft.text[constraint.start : constraint.end]
    if constraint.kind == "GENERATED":
        return Use(f"the generated column {column}", f"migrator.drop_column({table!r}, {column!r})")
    if constraint.kind == "PRIMARY KEY":
        return Use(words, "a column of the primary key goes only with a new table, into which the rows are copied")
    named = (
        repr(constraint.name)
        if constraint.name
        else f"columns={tuple(sorted(restricted(draft.definition, constraint)))}"
    )
    return Use(words, f"migrator.drop_constraint({table!r}, {named})", is_own)


def _columns_in(index: Index, columns: Sequence[str]) -> set[str]:
    """The columns that an index says anywhere: in its list, in expressions, in WHERE."""
    text = index.text or ""
    there = {folded(name) for name in columns}
    listed = {folded(name) for name in index.columns if name is not None}  # it may be written 'so'
    return (listed | {folded(unquoted(token.text)) for token in names_in(text[index_body(text) :])}) & there


def _keys_to(database: Database, draft: Draft, column: str) -> list[Use]:
    """Foreign keys of other tables to a column; one that names no column means the primary key."""
    keys = {folded(one.name) for one in draft.table.columns if one.key}
    column = draft.kept.get(folded(column), column)  # as other tables still say it
    found = []
    for table, columns, targets in referring_keys(database, draft.table.name):
        if folded(table) == folded(draft.table.name):
            continue  # read in its definition
        meant = {folded(target) for target in targets if target is not None} or keys
        if folded(column) in meant:
            remedy = f"migrator.drop_foreign_key_constraint({table!r}, {columns[0]!r})"
            found.append(Use(f"foreign key {table} ({', '.join(columns)})", remedy))
    return found


def refuse_used(
    database: Database, draft: Draft, operation: DropColumn, indexes: Sequence[Index]
) -> tuple[Index, ...]:  # fmt: skip
    """The indexes that go with a column, if nothing else would.

    Raises:
        Refused: something else uses the column, or something of its own does and it was not said that it may go.
    """
    table, column = draft.table.name, draft.column(operation.column).name
    found = uses_of(database, draft, column, indexes)
    there = dependents(database)
    says_own = operation.cascade or operation.field is not None
    in_the_way = [
        use for use in found if not (use.is_own and says_own) and not _is_said(database, draft, use, operation)
    ]
    said_now = draft.kept.get(folded(column), column)  # views and triggers know nothing of a rename to come
    in_the_way += [_dependent(one) for one in (*watching(there, table, said_now), *quoting(there, table, said_now))]
    in_the_way += [_dependent(one) for one in indexing(database, table, said_now)]
    if in_the_way:
        # They would be found by compiling, next time: better all at once.
        said = {use.words for use in in_the_way}
        in_the_way += [_dependent(one) for one in naming(there, table, said_now) if one.words not in said]
        advice = "drop it first" if len(in_the_way) == 1 else "drop them first"
        advice += f": {'; '.join(dict.fromkeys(use.remedy for use in in_the_way))}"
        own = [use.words for use in found if use.is_own]
        if own and not says_own:
            advice += f". What is of {column} alone ({', '.join(own)}) goes with it if you say cascade=True"
        listed = "; ".join(dict.fromkeys(use.words for use in in_the_way))
        raise Refused(
            f"{'This still uses' if len(in_the_way) == 1 else 'These still use'} {column}: {listed}.", f"{advice}."
        )
    return tuple(use.index for use in found if use.index is not None and use.is_own)


def _is_said(database: Database, draft: Draft, use: Use, operation: DropColumn) -> bool:
    """Whether it is a constraint that the field which the column had says as well, so that it comes back with it."""
    said = [] if operation.field is None else operation.field.constraints or []
    return use.inside is not None and any(
        says_same(draft.definition, use.inside, rendered(database, item)) for item in said
    )


def _dependent(one: Dependent) -> Use:
    return Use(one.words, f"migrator.sql('DROP {one.kind.upper()} {one.name}')")


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
            "drop them first, and make them anew afterwards: migrator.sql('DROP VIEW ...').",
        )


def refuse_left_behind(database: Database, table: str, column: str | None) -> None:
    """Refuse a rename that something would not follow, and that would not fail either.

    Args:
        column: the column to be renamed; None for the table.

    Raises:
        Refused: what.
    """
    there = dependents(database)
    found = [one.words for one in indexing(database, table, column)]
    if column is not None:
        found += [one.words for one in watching(there, table, column) if folded(one.table) != folded(table)]
    faulty = broken(database, there)
    name = folded(table if column is None else column)
    found += [f"{one.words} ({faulty[one.words]})" for one in there if one.words in faulty and name in _names_said(one)]
    if found:
        raise Refused(f"These would not follow: {'; '.join(found)}.", "drop them first, and make them anew afterwards.")


def indexing(database: Database, table: str, column: str | None) -> list[Dependent]:
    """Virtual tables that have their content in a table (sqlite.org/fts5.html#external_content_tables), and the
    column among their own."""
    found = []
    for name, text in ask(database, "SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'"):
        tokens = significant(text)
        content = [
            folded(unquoted(behind.text))
            for token, sign, behind in zip(tokens, tokens[1:], tokens[2:])
            if token.is_word("CONTENT") and sign.is_symbol("=")
        ]
        names = {folded(unquoted(token.text)) for token in tokens}
        if folded(table) in content and (column is None or folded(column) in names):
            found.append(Dependent("table", name, name, text, False))
    return found


def watching(there: Sequence[Dependent], table: str, column: str) -> list[Dependent]:
    """Triggers that fire on UPDATE OF a column, of a table or of a view of it: they compile without it, and never
    fire again."""
    reached = _reached(there, table)
    found = []
    for trigger in there:
        if trigger.kind != "trigger" or folded(trigger.table) not in reached:
            continue
        words = significant(trigger.text)
        start = next((place for place, token in enumerate(words) if token.is_word("OF")), None)
        end = next((place for place, token in enumerate(words) if token.is_word("ON")), None)
        if start is not None and end is not None and start < end:
            # INSTEAD OF stands before it.
            named = {folded(unquoted(token.text)) for token in words[start + 1 : end]}
            if folded(column) in named:
                found.append(trigger)
    return found


def quoting(there: Sequence[Dependent], table: str, column: str) -> list[Dependent]:
    """Views and triggers that say a column in double quotes: they compile without it, for it is then a text."""
    return [one for one in naming(there, table, column) if _says_in_quotes(one, column)]


def _says_in_quotes(one: Dependent, column: str) -> bool:
    """Whether a name in double quotes may mean the column, and would be taken for a text without it.

    It does not where it is qualified, is given as a name (AS), is what SET assigns to, or what INSERT lists.
    """
    tokens = significant(one.text)
    for place, token in enumerate(tokens):
        if not token.text.startswith('"') or folded(unquoted(token.text)) != folded(column):
            continue
        before = tokens[place - 1] if place else token
        behind = tokens[place + 1] if place + 1 < len(tokens) else token
        if before.is_symbol(".") or behind.is_symbol(".") or before.is_word("AS", "INTO", "TABLE", "FROM", "JOIN"):
            continue
        if behind.is_symbol("=") and (before.is_word("SET") or before.is_symbol(",")):
            continue
        if not _is_listed(tokens, place):
            return True
    return False


def _is_listed(tokens: Sequence[Token], place: int) -> bool:
    """Whether a token stands in the list of columns of INSERT INTO name (...) or of CREATE VIEW name (...)."""
    while place >= 0 and not tokens[place].is_symbol("("):
        if tokens[place].kind not in (NAME, WORD) and not tokens[place].is_symbol(","):
            return False
        place -= 1
    return place >= 2 and tokens[place - 2].is_word("INTO", "VIEW")


def naming(there: Sequence[Dependent], table: str, column: str) -> list[Dependent]:
    """Views and triggers that say a column's name and have to do with its table, by way of other views too."""
    reached = _reached(there, table)
    return [one for one in there if folded(column) in _names_said(one) and _names_said(one) & reached]


def _reached(there: Sequence[Dependent], table: str) -> set[str]:
    """A table, and the views that read it, by way of others too."""
    reached = {folded(table)}
    while True:
        more = {folded(one.name) for one in there if one.kind == "view" and _names_said(one) & reached}
        if more <= reached:
            return reached
        reached |= more


def _names_said(one: Dependent) -> set[str]:
    return {folded(unquoted(token.text)) for token in significant(one.text)}
