"""What ALTER TABLE has to say so that a table becomes as its draft has it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ormmigrate.dialects.mysql.definition import Column, Key, folded, named_in, quoted, tokens, with_renamed
from ormmigrate.dialects.mysql.drafts import Draft, Placed
from ormmigrate.dialects.mysql.server import Server
from ormmigrate.dialects.mysql.words import is_settable


def clauses_of(draft: Draft, server: Server) -> list[str]:
    """The clauses, in an order in which nothing is in another's way."""
    remade = [] if server.follows_renames or not draft.renames else _remade_columns(draft)
    return [
        *_dropped(draft, server),
        *(f"DROP COLUMN {quoted(one.name)}" for one in remade),
        *(clause for one in draft.columns if one not in remade for clause in _of_column(one, server)),
        *_made_again(draft, remade, server),
        *_of_indexes(draft, remade, server),
        *(f"ADD {text}" for text in draft.texts),
        *([f"RENAME TO {quoted(draft.new_name)}"] if draft.new_name else []),
    ]


def _dropped(draft: Draft, server: Server) -> list[str]:
    keys = [key for key in draft.table.foreign_keys if key not in draft.foreign_keys]
    found = [f"DROP FOREIGN KEY {quoted(key.name)}" for key in keys]
    gone = [check for check in draft.table.checks if check not in draft.checks]
    gone += [] if server.follows_renames else [check for check in draft.checks if _means(draft, check.names)]
    found += [f"{server.drop_constraint} {quoted(check.name)}" for check in gone]
    kept = [one.origin.name for one in draft.columns if one.origin]
    return found + [f"DROP COLUMN {quoted(one.name)}" for one in draft.table.columns if one.name not in kept]


def _of_column(one: Placed, server: Server) -> list[str]:
    if one.origin is None:
        return [f"ADD COLUMN {one.column.text}"]
    old = quoted(one.origin.name)
    if not one.is_redefined:
        if one.name == one.origin.name:
            return []
        if server.renames_columns:
            return [f"RENAME COLUMN {old} TO {quoted(one.name)}"]
        return [f"CHANGE COLUMN {old} {one.column.text}"]
    if one.name != one.origin.name:
        return [f"CHANGE COLUMN {old} {one.column.text}"]
    return [_default_clause(one.column, one.origin) or f"MODIFY COLUMN {one.column.text}"]


def _default_clause(column: Column, origin: Column) -> str | None:
    """The clause for a column of which only the default changes."""
    if column.saying("DEFAULT", None) != origin.saying("DEFAULT", None) or column.says("ON UPDATE"):
        return None  # MariaDB forgets ON UPDATE when another default is set
    default = column.says("DEFAULT")
    if default is None:
        return f"ALTER COLUMN {quoted(column.name)} DROP DEFAULT"
    return f"ALTER COLUMN {quoted(column.name)} SET {default}" if is_settable(default) else None


def _of_indexes(draft: Draft, remade: Sequence[Placed], server: Server) -> list[str]:
    kept = [one.origin for one in draft.indexes if one.origin]
    again = [] if server.follows_renames else _remade_indexes(draft, remade)
    found = [f"DROP INDEX {quoted(key.name)}" for key in draft.table.keys if key not in kept]
    found += [f"DROP INDEX {quoted(key.name)}" for key, _ in again]
    found += [f"ADD {text}" for _, text in again]
    for one in draft.indexes:
        if one.origin is None:
            kind, behind = one.words
            found.append(" ".join(filter(None, (f"ADD {kind} {quoted(one.name)}", behind, f"({one.parts})"))))
        elif one.origin.name != one.name and all(key is not one.origin for key, _ in again):
            found.append(f"RENAME INDEX {quoted(one.origin.name)} TO {quoted(one.name)}")
    return found


# -- what does not follow a renamed column by itself -----------------------------------------------


def _means(draft: Draft, names: set[str]) -> bool:
    """Whether a column is renamed that an expression names."""
    return any(folded(old) in names for old in draft.renames)


def _remade_columns(draft: Draft) -> list[Placed]:
    """Generated columns that use a renamed one, and those that use these."""
    found: list[Placed] = []
    names = {folded(old) for old in draft.renames}
    while True:
        more = [
            one
            for one in draft.columns
            if one.origin and one not in found and names & named_in(one.origin.says("GENERATED") or "")
        ]
        if not more:
            return found
        found += more
        names |= {folded(one.origin.name) for one in more if one.origin}


def _made_again(draft: Draft, remade: Sequence[Placed], server: Server) -> list[str]:
    found = []
    for place, one in enumerate(draft.columns):
        if one in remade:
            where = f"AFTER {quoted(draft.columns[place - 1].name)}" if place else "FIRST"
            found.append(f"ADD COLUMN {_with_all_renamed(draft, one.column.text)} {where}")
    if not server.follows_renames:
        found += [f"ADD {_with_all_renamed(draft, check.text)}" for check in draft.checks if _means(draft, check.names)]
    return found


def _remade_indexes(draft: Draft, remade: Sequence[Placed]) -> list[tuple[Key, str]]:
    """Indexes on what is made again, and of expressions that mean a renamed column, with their new text."""
    names = {one.name for one in remade}
    found = []
    for one in draft.indexes:
        key = one.origin
        if key is None or not (names & set(one.columns) or (None in one.columns and _means(draft, key.names))):
            continue
        parts = tokens(_with_all_renamed(draft, key.text))
        start = parts.index("(")
        head = [quoted(one.name) if token == quoted(key.name) else token for token in parts[:start]]
        found.append((key, "".join(head + parts[start:])))
    return found


def _with_all_renamed(draft: Draft, text: str) -> str:
    for old, new in draft.renames.items():
        text = with_renamed(text, old, new)
    return text
