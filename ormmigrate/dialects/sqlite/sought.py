"""Which constraint is meant: by its name, or, since SQLite's are often nameless, by what it is about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ormmigrate.dialects.sqlite.definition import Constraint, TableDefinition, restricted
from ormmigrate.dialects.sqlite.tokens import folded, significant, unquoted

Fits = Callable[[TableDefinition, Constraint], bool]


def called(name: str, meant: str | None) -> Fits:
    """The constraint of that name; where none has it, a nameless UNIQUE that playhouse would call so, or one that
    says what is `meant`."""

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        if any(_is_called(one, name) for one in definition.all_constraints):
            return _is_called(constraint, name)
        if constraint.name is not None:
            return False
        if constraint.kind == "UNIQUE" and folded("uniq_" + "_".join(constraint.columns)) == folded(name):
            return True
        return meant is not None and _says_the_same(definition.text[constraint.start : constraint.end], meant)

    return fits


def about(columns: Sequence[str]) -> Fits:
    """The constraint that restricts exactly these columns."""

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        return restricted(definition, constraint) == {folded(name) for name in columns}

    return fits


def key_of(column: str) -> Fits:
    """The foreign key of a column."""

    def fits(_: TableDefinition, constraint: Constraint) -> bool:
        return constraint.kind == "FOREIGN KEY" and folded(column) in map(folded, constraint.columns)

    return fits


def _is_called(constraint: Constraint, name: str) -> bool:
    return constraint.name is not None and folded(constraint.name) == folded(name)


def _says_the_same(one: str, other: str) -> bool:
    """Whether two pieces of SQL differ in spaces, comments, case and quotes alone."""
    return _spelled(one) == _spelled(other)


def _spelled(text: str) -> list[str]:
    return [
        token.text if token.kind == "string" else folded(unquoted(token.text)) for token in significant(text)
    ]  # fmt: skip
