"""A table as a migration means it to be, beside the table as it is; what differs is one ALTER TABLE. Pure.

Changes are folded into a draft, each by a function that takes a draft and returns another. Several changes of
one column so come to one MODIFY. A change that needs what an earlier one leads to raises `Later`: what is
drafted is put in force first, and the change begins another draft.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ormmigrate.dialects.mysql.definition import Check, Column, ForeignKey, Table, folded, identifiers
from ormmigrate.dialects.mysql.indexed import Indexed, IndexPart
from ormmigrate.dialects.mysql.refusals import Later, Refused, not_there
from ormmigrate.operations import index_name


@dataclass(frozen=True)
class Placed:
    """A column of a draft.

    Attributes:
        column: as it is meant to be.
        origin: as it is; None for one that is new.
    """

    column: Column
    origin: Column | None

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def is_redefined(self) -> bool:
        """Whether the statement says its definition, rather than its name alone."""
        return self.origin is None or replace(self.column, name=self.origin.name) != self.origin


@dataclass(frozen=True)
class Draft:
    """A table as it is meant to be.

    Attributes:
        table: as it is.
        referred: by name, folded, columns that foreign keys of other tables refer to, with those keys.
        texts: constraints to add, as they are written.
        new_name: what the table is to be called.
        is_closed: whether it takes no more changes.
        without_default: columns whose default serves the rows that are there, and is dropped again.
    """

    table: Table
    columns: tuple[Placed, ...]
    indexes: tuple[Indexed, ...]
    foreign_keys: tuple[ForeignKey, ...]
    checks: tuple[Check, ...]
    referred: dict[str, list[str]] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    new_name: str | None = None
    is_closed: bool = False
    without_default: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def is_changed(self) -> bool:
        return replace(self, is_closed=False) != draft_of(self.table, self.referred)

    @property
    def renames(self) -> dict[str, str]:
        """Columns that get another name, old to new."""
        return {one.origin.name: one.name for one in self.columns if one.origin and one.origin.name != one.name}

    def find(self, name: str) -> Placed | None:
        return next((one for one in self.columns if folded(one.name) == folded(name)), None)

    def placed(self, name: str) -> Placed:
        """A column by its name; one that this draft adds cannot be changed by it as well."""
        found = self.find(name)
        if found is None:
            raise not_there("column", name, [one.name for one in self.columns], f"in {self.name}")
        if found.origin is None:
            raise Later
        return found

    def index(self, name: str) -> Indexed | None:
        return next((one for one in self.indexes if folded(one.name) == folded(name)), None)

    def says(self, name: str) -> bool:
        """Whether what the statement defines means a column of that name in an expression."""
        texts = [text for text in self.texts if folded(name) in identifiers(text)]
        texts += [
            one.name for one in self.indexes if not one.origin and None in one.columns and folded(name) in one.names
        ]
        return bool(texts) or any(one.is_redefined and folded(name) in one.column.expressions for one in self.columns)


def draft_of(table: Table, referred: dict[str, list[str]] | None = None) -> Draft:
    return Draft(
        table,
        tuple(Placed(column, column) for column in table.columns),
        tuple(Indexed(key.name, key.columns, key) for key in table.keys),
        table.foreign_keys,
        table.checks,
        referred or {},
    )


# -- columns ------------------------------------------------------------------------------------


def redefine(draft: Draft, name: str, define: Callable[[Column], Column]) -> Draft:
    """Change what a column says."""
    old = draft.placed(name)
    new = Placed(define(old.column), old.origin)
    if any(folded(renamed) in new.column.expressions for renamed in draft.renames):
        raise Later  # its expressions say the old name
    if any(folded(name) in identifiers(text) for text in draft.texts):
        raise Later  # a foreign key that is to be added may be in the way, as it would be alone
    return replace(draft, columns=tuple(new if one is old else one for one in draft.columns))


def add_column(draft: Draft, column: Column) -> Draft:
    other = draft.find(column.name)
    if other is not None:
        raise Refused(f"There is a column {other.name} in {draft.name} already.", "drop or rename that one first.")
    _refuse_reuse(draft, column.name)
    if any(folded(renamed) in column.expressions for pair in draft.renames.items() for renamed in pair):
        raise Later
    return replace(draft, columns=(*draft.columns, Placed(column, None)))


def _refuse_reuse(draft: Draft, name: str) -> None:
    """A name that another column has until the statement has run."""
    if any(folded(column.name) == folded(name) for column in draft.table.columns):
        raise Later


def rename_column(draft: Draft, old_name: str, new_name: str) -> Draft:
    """Rename a column, and the indexes that bear its name by peewee's convention."""
    old = draft.placed(old_name)
    other = draft.find(new_name)
    if other is not None and other is not old:
        raise Refused(f"There is a column {other.name} in {draft.name} already.", "drop or rename that one first.")
    assert old.origin is not None
    if folded(new_name) != folded(old.origin.name):
        _refuse_reuse(draft, new_name)
    if draft.says(old.name):
        raise Later
    # "Columns participating in a foreign key are renamed" is a reason to refuse a copy (1846): such a rename
    # goes alone, so that nothing beside it can need one.
    is_in_key = folded(old.origin.name) in draft.referred or any(
        folded(old.name) in map(folded, key.columns) for key in draft.foreign_keys
    )
    if is_in_key and draft.is_changed:
        raise Later

    def renamed(name: str | None) -> str | None:
        return new_name if name is not None and folded(name) == folded(old.name) else name

    after = replace(
        draft,
        columns=tuple(
            replace(one, column=replace(one.column, name=new_name)) if one is old else one for one in draft.columns
        ),
        indexes=tuple(replace(one, columns=tuple(map(renamed, one.columns))) for one in draft.indexes),
        is_closed=is_in_key,
    )
    return _with_carried_names(draft, after, draft.name)


def conventional(table: str, columns: Sequence[str | None]) -> list[str]:
    """The names that peewee gives an index: by the table, and by the model, whose name has no underscores."""
    names = [name for name in columns if name is not None]
    return [index_name(prefix, names) for prefix in (table, table.replace("_", ""))] if names == list(columns) else []


def _with_carried_names(before: Draft, after: Draft, table: str) -> Draft:
    """Rename the indexes that bore the old name, so that what is made later under that name gets its own."""
    indexes = list(after.indexes)
    for place, (was, now) in enumerate(zip(before.indexes, after.indexes)):
        former = [folded(name) for name in conventional(before.name, was.columns)]
        if folded(was.name) not in former:
            continue
        name = conventional(table, now.columns)[former.index(folded(was.name))]
        if folded(name) in (folded(one.name) for one in indexes):
            continue  # another one is called so, and both stay as they are
        if any(key is not now.origin and folded(key.name) == folded(name) for key in before.table.keys):
            raise Later  # it will be free
        indexes[place] = replace(now, name=name)
    return replace(after, indexes=tuple(indexes))


def rename_table(draft: Draft, name: str) -> Draft:
    return _with_carried_names(draft, replace(draft, new_name=name), name)


# -- indexes and constraints --------------------------------------------------------------------


def add_index(draft: Draft, name: str, parts: Sequence[IndexPart], words: tuple[str, str]) -> Draft:
    if draft.index(name) is not None:
        raise Refused(f"There is an index {name} on {draft.name} already.", "drop that one first, or name this one.")
    renamed = [one.origin.name for one in draft.indexes if one.origin and one.origin.name != one.name]
    if folded(name) in map(folded, renamed) or (draft.renames and any(column is None for column, _ in parts)):
        raise Later  # an expression may say a new name
    names: list[str | None] = []
    for column, _ in parts:
        found = None if column is None else draft.find(column)
        if found is None and column is not None:
            raise not_there("column", column, [one.name for one in draft.columns], f"in {draft.name}")
        names.append(None if found is None else found.name)
    behind = tuple(text for _, text in parts)
    return replace(draft, indexes=(*draft.indexes, Indexed(name, tuple(names), None, words, behind)))


def drop_index(draft: Draft, name: str) -> Draft:
    found = draft.index(name)
    if found is None:
        raise not_there("index", name, [one.name for one in draft.indexes], f"on {draft.name}")
    if found.origin is None and not found.is_again:
        raise Later
    return replace(draft, indexes=tuple(one for one in draft.indexes if one is not found))


def add_text(draft: Draft, text: str) -> Draft:
    """Add a constraint as it is written."""
    if draft.renames or len(draft.foreign_keys) < len(draft.table.foreign_keys):
        # MySQL adds and drops foreign keys in one statement only where that needs no copy.
        raise Later
    return replace(draft, texts=(*draft.texts, text))


def drop_foreign_key(draft: Draft, key: ForeignKey) -> Draft:
    if draft.texts:
        raise Later
    return replace(draft, foreign_keys=tuple(one for one in draft.foreign_keys if one != key))


def drop_check(draft: Draft, check: Check) -> Draft:
    return replace(draft, checks=tuple(one for one in draft.checks if one != check))
