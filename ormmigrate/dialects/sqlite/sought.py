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
        return meant is not None and says(definition, constraint, meant)

    return fits


def about(columns: Sequence[str], meant: str | None) -> Fits:
    """The constraint that restricts exactly these columns, and says what is `meant` where that is given."""

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        if restricted(definition, constraint) != {folded(name) for name in columns}:
            return False
        return meant is None or says(definition, constraint, meant)

    return fits


def key_of(column: str) -> Fits:
    """The foreign key of a column."""

    def fits(_: TableDefinition, constraint: Constraint) -> bool:
        return constraint.kind == "FOREIGN KEY" and folded(column) in map(folded, constraint.columns)

    return fits


def key_called(column: str, name: str) -> Fits:
    """The foreign key of that name; where none has it, that of the column."""

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        if any(_is_called(one, name) for one in definition.all_constraints):
            return _is_called(constraint, name)
        return key_of(column)(definition, constraint)

    return fits


def _is_called(constraint: Constraint, name: str) -> bool:
    return constraint.name is not None and folded(constraint.name) == folded(name)


def says(definition: TableDefinition, constraint: Constraint, words: str) -> bool:
    """Whether a constraint differs from these words in its name, spaces, comments, case and quotes alone.

    A column's UNIQUE says the same as that of the table on the column.
    """
    spelled = _spelled(definition.text[constraint.start : constraint.end])
    if constraint.name is not None:
        spelled = spelled[2:]  # CONSTRAINT name
    if spelled == ["unique"]:
        return _spelled(words) in (["unique"], ["unique", "(", folded(constraint.columns[0]), ")"])
    return spelled == _spelled(words)


def _spelled(text: str) -> list[str]:
    return [
        token.text if token.kind == "string" else folded(unquoted(token.text)) for token in significant(text)
    ]  # fmt: skip
