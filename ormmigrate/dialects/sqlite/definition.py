"""What a CREATE TABLE says, and where. Pure.

Nothing is rewritten here: a definition keeps its text, and each part of it says from where to where it goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ormmigrate.dialects.sqlite.tokens import NAME, STRING, SYMBOL, WORD, Token, folded, significant, unquoted

# Words that no expression can take for a column unless they are quoted.
RESERVED = (
    "AND", "AS", "BETWEEN", "CASE", "COLLATE", "DISTINCT", "ELSE", "ESCAPE", "EXISTS", "FROM", "IN", "IS", "ISNULL",
    "NOT", "NOTNULL", "NULL", "OR", "SELECT", "THEN", "WHEN", "WHERE",
)  # fmt: skip


Span = tuple[int, int]
NOWHERE = (0, 0)


@dataclass(frozen=True)
class Constraint:
    """A constraint of a column or of a table, its CONSTRAINT name included.

    Attributes:
        kind: NOT NULL, NULL, DEFAULT, CHECK, UNIQUE, PRIMARY KEY, COLLATE, FOREIGN KEY, DEFERRABLE, GENERATED, or
            NAME for a CONSTRAINT name with nothing behind it.
        start, end: where it stands in the text.
        columns: those that it names; of a column's constraint, the column.
        inner: where the expression of a CHECK or GENERATED, the value of a DEFAULT, the collation, or the table
            that a key refers to stands.
        listed: where the names in parentheses stand, of a table's constraint.
        target: the table that a key refers to.
        target_columns: its columns, as far as they are said.
        target_listed: where these stand.
    """

    kind: str
    name: str | None
    start: int
    end: int
    columns: tuple[str, ...] = ()
    inner: Span = NOWHERE
    listed: Span = NOWHERE
    target: str | None = None
    target_columns: tuple[str, ...] = ()
    target_listed: Span = NOWHERE


@dataclass(frozen=True)
class ColumnDefinition:
    """A column. `name_end` is behind its name, `type_end` behind its type; both are one where it has no type."""

    name: str
    start: int
    name_end: int
    type_start: int
    type_end: int
    end: int
    constraints: tuple[Constraint, ...]

    def of_kind(self, kind: str) -> list[Constraint]:
        return [constraint for constraint in self.constraints if constraint.kind == kind]


@dataclass(frozen=True)
class TableDefinition:
    """A CREATE TABLE: its text, and where what it says stands.

    Attributes:
        name_start, name_end: the table's name.
        options: the words behind it, in capitals.
    """

    text: str
    name: str
    name_start: int
    name_end: int
    columns: tuple[ColumnDefinition, ...]
    constraints: tuple[Constraint, ...]
    options: tuple[str, ...]

    def column(self, name: str) -> ColumnDefinition:
        """The column of that name, however it is written.

        Raises:
            KeyError
        """
        for column in self.columns:
            if folded(column.name) == folded(name):
                return column
        raise KeyError(name)

    @property
    def all_constraints(self) -> list[Constraint]:
        """Those of the columns, then those of the table."""
        return [one for column in self.columns for one in column.constraints] + list(self.constraints)

    @property
    def is_strict(self) -> bool:
        return "STRICT" in self.options

    @property
    def has_rowid(self) -> bool:
        return "WITHOUT" not in self.options

    def inner_of(self, constraint: Constraint) -> str:
        return self.text[slice(*constraint.inner)]

    def type_of(self, column: ColumnDefinition) -> str:
        return self.text[column.type_start : column.type_end]


def names_in(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens of an expression, or of a list of columns, that name a column.

    Left out are functions, collations, types, tables, texts, and words that are operators where they stand
    (`end` is a column in `end > 0` and none in `CASE ... END`). `start` is added to where the tokens stand.
    """
    tokens = significant(text)
    is_operand = False  # whether the token before ends one: a bare word behind an operand is an operator
    for place, token in enumerate(tokens):
        behind = tokens[place + 1] if place + 1 < len(tokens) else None
        is_bare = token.kind == WORD
        if place and tokens[place - 1].is_word("COLLATE"):
            is_operand = True
        elif token.kind not in (WORD, NAME):
            is_operand = token.kind != SYMBOL or token.text == ")"
        elif is_bare and token.is_word(*RESERVED):
            is_operand = token.is_word("NULL", "ISNULL", "NOTNULL")
        elif is_bare and is_operand:
            is_operand = token.is_word("END")
        elif behind is not None and (behind.is_symbol("(") or behind.is_symbol(".")):
            is_operand = False
        else:
            is_operand = True
            if not _stands_in_cast_type(tokens, place):
                yield token._replace(start=token.start + start)


def names_listed(text: str, start: int = 0) -> Iterator[Token]:
    """As `names_in`, of a list of columns: there a text in single quotes is a column too."""
    yield from names_in(text, start)
    depth, is_first = 0, True
    for token in significant(text):
        if depth < 0:
            return
        if is_first and token.kind == STRING:
            yield token._replace(start=token.start + start)
        depth += token.is_symbol("(") - token.is_symbol(")")
        is_first = not depth and token.is_symbol(",")


def collation_of(definition: TableDefinition, column: str) -> str:
    """The collation that a column has, in capitals."""
    there = definition.column(column).of_kind("COLLATE")
    return folded(unquoted(definition.inner_of(there[-1]))).upper() if there else "BINARY"


def _stands_in_cast_type(tokens: Sequence[Token], place: int) -> bool:
    """CAST(x AS THIS TYPE): within an expression AS stands nowhere else."""
    while place > 0 and tokens[place - 1].kind in (WORD, NAME, STRING):
        place -= 1
        if tokens[place].is_word("AS"):
            return True
    return False


def own_constraints(definition: TableDefinition, column: str) -> list[Constraint]:
    """The constraints of the table that restrict one column alone."""
    return [
        constraint
        for constraint in definition.constraints
        if constraint.kind in ("UNIQUE", "FOREIGN KEY", "CHECK")
        and restricted(definition, constraint) == {folded(column)}
    ]


def restricted(definition: TableDefinition, constraint: Constraint) -> set[str]:
    """The columns that a constraint restricts, folded; not those that a key of the table to itself refers to."""
    if constraint.kind not in ("CHECK", "GENERATED"):
        return set(map(folded, constraint.columns))
    there = {folded(column.name) for column in definition.columns}
    return {folded(unquoted(token.text)) for token in names_in(definition.inner_of(constraint))} & there


def is_about(definition: TableDefinition, constraint: Constraint, column: str) -> bool:
    """Whether a constraint names a column of its table."""
    if constraint.kind in ("CHECK", "GENERATED"):
        return any(
            folded(unquoted(token.text)) == folded(column) for token in names_in(definition.inner_of(constraint))
        )
    is_self = constraint.target is not None and folded(constraint.target) == folded(definition.name)
    named = constraint.columns + (constraint.target_columns if is_self else ())
    return folded(column) in map(folded, named)
