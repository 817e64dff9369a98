"""Which constraint is meant: by its name, or, since SQLite's are often nameless, by what it is about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ormmigrate.dialects.sqlite.definition import Constraint, TableDefinition, restricted
from ormmigrate.dialects.sqlite.meaning import says_same
from ormmigrate.dialects.sqlite.tokens import folded

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
        return meant is not None and says_same(definition, constraint, meant)

    return fits


def about(columns: Sequence[str], meant: str | None) -> Fits:
    """The constraint that restricts exactly these columns, and says what is `meant` where that is given."""

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        if restricted(definition, constraint) != {folded(name) for name in columns}:
            return False
        return meant is None or says_same(definition, constraint, meant)

    return fits


def saying(meant: str) -> Fits:
    """A constraint that says what is `meant`."""

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        return says_same(definition, constraint, meant)

    return fits


def key_of(column: str) -> Fits:
    """The foreign key of a column."""

    def fits(_: TableDefinition, constraint: Constraint) -> bool:
        return constraint.kind == "FOREIGN KEY" and folded(column) in map(folded, constraint.columns)

    return fits


def key_called(column: str, name: str, target: str, target_column: str) -> Fits:
    """The foreign key of that name; where none has it, that of the column, to that target if there are several."""

    def is_meant(constraint: Constraint) -> bool:
        said = [folded(one) for one in (constraint.target or "", *constraint.target_columns)]
        return said in ([folded(target), folded(target_column)], [folded(target)])

    def fits(definition: TableDefinition, constraint: Constraint) -> bool:
        if any(_is_called(one, name) for one in definition.all_constraints):
            return _is_called(constraint, name)
        keys = [one for one in definition.all_constraints if key_of(column)(definition, one)]
        return constraint in ([one for one in keys if is_meant(one)] or keys)

    return fits


def _is_called(constraint: Constraint, name: str) -> bool:
    return constraint.name is not None and folded(constraint.name) == folded(name)
