"""What goes with a column that is dropped, and what stands in its way. Pure."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ormmigrate.dialects.mysql import drafts
from ormmigrate.dialects.mysql.definition import Column, folded, named_in
from ormmigrate.dialects.mysql.drafts import Draft
from ormmigrate.dialects.mysql.indexed import Indexed
from ormmigrate.dialects.mysql.refusals import Later, Refused
from ormmigrate.operations import DropColumn

ADVICE = "drop them first (migrator.drop_index, drop_constraint, drop_column), or say cascade=True."


def drop_column(draft: Draft, operation: DropColumn) -> Draft:
    """Drop a column with what is its own: indexes, foreign keys and CHECKs of this column alone.

    Raises:
        Refused: something else would go with it, or shrink, and `cascade` was not said.
    """
    column = draft.placed(operation.column)
    name = folded(column.name)
    if draft.renames or draft.says(column.name) or _is_in_new_index(draft, name):
        raise Later
    shared = _shared(draft, column.column)
    if shared and not operation.cascade:
        listed = ", ".join(shared)
        raise Refused(f"These would go with it, or shrink, and are not of this column alone: {listed}.", ADVICE)
    for other in list(draft.columns):
        if other is not column and name in other.column.expressions:
            draft = _without_expression(draft, other.column, name)
    return replace(
        draft,
        columns=tuple(one for one in draft.columns if one is not column),
        indexes=tuple(one for one in draft.indexes if not _uses(one, name)),
        foreign_keys=tuple(key for key in draft.foreign_keys if name not in map(folded, key.columns)),
        checks=tuple(check for check in draft.checks if name not in check.names),
    )


def _is_in_new_index(draft: Draft, name: str) -> bool:
    return any(one.origin is None and not one.is_again and _uses(one, name) for one in draft.indexes)


def _shared(draft: Draft, column: Column) -> list[str]:
    """What stands on the column and on something else as well."""
    name = folded(column.name)
    found = [f"index {one.name}" for one in draft.indexes if _uses(one, name) and len(one.columns) > 1]
    found += [f"index {one.name}" for one in draft.indexes if _uses(one, name) and one.columns == (None,)]
    found += [f"foreign key {key.name}" for key in draft.foreign_keys if _is_shared_key(key.columns, name)]
    columns = {folded(one.name) for one in draft.columns}
    found += [f"CHECK {check.name}" for check in draft.checks if {name} < check.names & columns]
    for other in draft.columns:
        if folded(other.name) == name:
            continue
        for kind, words in (("GENERATED", "generated column"), ("DEFAULT", "default of"), ("CHECK", "CHECK of")):
            if name in named_in(other.column.says(kind) or ""):
                found.append(f"{words} {other.name}")
    return found + draft.referred.get(name, [])


def _is_shared_key(columns: tuple[str, ...], name: str) -> bool:
    return len(columns) > 1 and name in map(folded, columns)


def _uses(index: Indexed, name: str) -> bool:
    return name in index.names


def _without_expression(draft: Draft, column: Column, name: str) -> Draft:
    """A generated column goes; a default or a CHECK of another column is taken from it."""
    if name in named_in(column.says("GENERATED") or ""):
        return drop_column(draft, DropColumn(draft.name, column.name, cascade=True))
    for kind in ("DEFAULT", "CHECK"):
        if name in named_in(column.says(kind) or ""):
            draft = drafts.redefine(draft, column.name, partial(Column.saying, kind=kind, text=None))
    return draft
