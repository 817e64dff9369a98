"""What a CREATE TABLE says that no pragma does. Pure.

It is cut into tokens only where it may say more than the pragmas: that takes ten times as long as asking them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ormmigrate.dialects.sqlite.canonical import (
    Scope,
    collation_words,
    columns_in,
    expression_words,
    joined,
    name_words,
    scope_of,
)
from ormmigrate.dialects.sqlite.definition import TableDefinition, collation_of
from ormmigrate.dialects.sqlite.meaning import conflict, deferred_keys, tokens_of
from ormmigrate.dialects.sqlite.ordering import checks_in_order
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.tokens import folded, significant
from ormmigrate.schema import Check

UNSAID = ("CHECK", "COLLATE", "CONSTRAINT", "DEFERRABLE", "AUTOINCREMENT", "CONFLICT")
BINARY = "BINARY"


@dataclass(frozen=True)
class Said:
    """What the text of a table adds.

    Attributes:
        collations: by column, where that is not BINARY.
        generated: by column, its expression.
        numbers_rows: whether it says AUTOINCREMENT.
        keys: of each foreign key, in the order in which they are written, its name and whether it is deferred.
        uniques: the names of UNIQUE constraints by their columns, folded.
        options: as in `schema.Table`.
    """

    collations: Mapping[str, str] = field(default_factory=dict)
    generated: Mapping[str, str] = field(default_factory=dict)
    numbers_rows: bool = False
    checks: tuple[Check, ...] = ()
    keys: tuple[tuple[str | None, bool], ...] = ()
    uniques: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def of(self, column: str) -> tuple[str | None, str | None, bool]:
        """Of a column, its collation, what it is generated from, and whether it may number rows."""
        return self.collations.get(column), self.generated.get(column), self.numbers_rows


NOTHING = Said()


def said_by(text: str, columns: Sequence[str], generated: Collection[str]) -> Said:
    """What a CREATE TABLE says besides.

    Args:
        columns: as SQLite sees them.
        generated: those that are.
    """
    if not generated and not _may_say_more(text):
        return NOTHING
    try:
        definition = read_table(text)
        if [column.name for column in definition.columns] != list(columns):
            raise UnreadableTable("SQLite sees other columns in it")
    except UnreadableTable:
        # It is compared all the same.
        return Said(options=(joined(significant(text[text.find("(") :])),))
    return _said(definition, scope_of(definition.name, columns))


def _may_say_more(text: str) -> bool:
    upper = text.upper()
    if any(word in upper for word in UNSAID):
        return True
    # STRICT and WITHOUT ROWID stand behind the last parenthesis, unless that is one in a comment.
    return bool(text[text.rfind(")") + 1 :].strip()) or "--" in text or "/*" in text


def _said(definition: TableDefinition, scope: Scope) -> Said:
    collations = {column.name: collation_of(definition, column.name) for column in definition.columns}
    constraints = definition.all_constraints
    return Said(
        {name: collation_words(collation) for name, collation in collations.items() if collation != BINARY},
        {
            column.name: expression_words(definition.inner_of(constraint), scope)
            for column in definition.columns
            for constraint in column.of_kind("GENERATED")
        },
        any(
            token.is_word("AUTOINCREMENT")
            for constraint in constraints
            if constraint.kind == "PRIMARY KEY"
            for token in tokens_of(definition, constraint)
        ),
        _checks(definition, scope),
        tuple((key.name, is_deferred) for key, is_deferred in deferred_keys(definition)),
        {
            tuple(map(folded, constraint.columns)): constraint.name
            for constraint in constraints
            if constraint.kind == "UNIQUE" and constraint.name is not None
        },
        _options(definition),
    )


def _checks(definition: TableDefinition, scope: Scope) -> tuple[Check, ...]:
    found = []
    for constraint in definition.all_constraints:
        if constraint.kind == "CHECK":
            text = definition.inner_of(constraint)
            found.append(Check(expression_words(text, scope), columns_in(text, scope), constraint.name))
    return checks_in_order(found)


def _options(definition: TableDefinition) -> tuple[str, ...]:
    """STRICT, WITHOUT ROWID, and what is done ON CONFLICT. (A CHECK that says it is not heard.)"""
    options = ["STRICT"] if definition.is_strict else []
    options += [] if definition.has_rowid else ["WITHOUT ROWID"]
    conflicts = set()
    for constraint in definition.all_constraints:
        done = conflict(tokens_of(definition, constraint))
        names = ", ".join(map(name_words, constraint.columns))
        if done is None or constraint.kind not in ("NOT NULL", "UNIQUE", "PRIMARY KEY"):
            continue
        what = f"{names} NOT NULL" if constraint.kind == "NOT NULL" else f"{constraint.kind} ({names})"
        conflicts.add(f"{what} ON CONFLICT {done}")
    return (*options, *sorted(conflicts))
