"""What a migration did to the rows that were there before it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ormmigrate.operations import DropColumn, DropTable, Operation, RenameColumn, RenameTable, flat
from ormmigrate.schema import Column, Kind, Schema, Table

WORD = re.compile(r"\w+")
#: Words of statements that change rows, and the first words of those that do not, whatever else they hold.
CHANGING = {"update", "replace", "merge"}
DEFINING = {"create", "alter", "drop", "comment", "pragma", "set", "select"}

#: A row: of each column its value, as Python shows it.
Row = Mapping[str, str]


@dataclass(frozen=True)
class State:
    """A database at one moment: its schema, and the rows of each table."""

    schema: Schema
    rows: Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Survivor:
    """A table that is there before and after.

    Attributes:
        after: its name afterwards.
        columns: those whose values must be the same afterwards, each with its name then.
        key: those of them that tell one row from another; empty where nothing does.
    """

    before: str
    after: str
    columns: Mapping[str, str]
    key: tuple[str, ...]


def survivors(
    before: Schema, after: Schema, operations: Sequence[Operation], statements: Sequence[str]
) -> list[Survivor]:
    """The tables and columns that a migration leaves, whatever it calls them.

    A column of another type is another one. So is one that a statement of the migration's own may change: that is
    what it is there for.

    Args:
        operations: the migration's.
        statements: what was sent while it ran.
    """
    done = list(flat(operations))
    words = [_words(statement) for statement in statements if _changes_rows(statement)]
    found = []
    for table in before.tables:
        name = _followed(before.kind, done, table.name)
        there = after.table(name[0]) if name else None
        if there is not None:
            columns = _columns(before.kind, table, there, done, words)
            found.append(Survivor(table.name, there.name, columns, _within(columns, table.primary_key)))
    return found


def in_both(there: Iterable[Survivor], back: Iterable[Survivor]) -> list[Survivor]:
    """Those of `back`, and of their columns those, that are among `there` as well."""
    columns_of = {table.before: table.columns for table in there}
    found = []
    for table in back:
        if table.before in columns_of:
            columns = {name: new for name, new in table.columns.items() if name in columns_of[table.before]}
            found.append(replace(table, columns=columns, key=_within(columns, table.key)))
    return found


def _within(columns: Mapping[str, str], key: tuple[str, ...]) -> tuple[str, ...]:
    """The key, where all of it is among the columns."""
    return key if set(key) <= set(columns) else ()


def _columns(
    kind: Kind, table: Table, there: Table, operations: Sequence[Operation], statements: Sequence[set[str]]
) -> dict[str, str]:
    fold = kind.folded_column
    afterwards = {fold(column.name): column for column in there.columns}
    kept = {}
    for column in table.columns:
        followed = _followed(kind, operations, table.name, column.name)
        same = afterwards.get(fold(followed[1])) if followed else None
        if same is None or not _is_alike(column, same):
            continue
        names = [_words(one) | _words(other) for one in (table.name, there.name) for other in (column.name, same.name)]
        if not any(name <= statement for name in names for statement in statements):
            kept[column.name] = same.name
    return kept


def _is_alike(column: Column, other: Column) -> bool:
    return (column.type, column.generated) == (other.type, other.generated)


def _followed(kind: Kind, operations: Iterable[Operation], table: str, column: str = "") -> tuple[str, str] | None:
    """What a table and a column of it are called behind the operations; None where they are gone."""
    for operation in operations:
        if kind.folded(getattr(operation, "table", "")) != kind.folded(table):
            continue
        if isinstance(operation, DropTable):
            return None
        if isinstance(operation, RenameTable):
            table = operation.new_name
        elif isinstance(operation, (DropColumn, RenameColumn)):
            if kind.folded_column(operation.column) != kind.folded_column(column):
                continue
            if isinstance(operation, DropColumn):
                return None
            column = operation.new_name
    return table, column


def _words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)}


def _changes_rows(statement: str) -> bool:
    first = WORD.search(statement)
    return first is not None and first[0].lower() not in DEFINING and bool(_words(statement) & CHANGING)


# -- what became of the rows ------------------------------------------------------------------------


def lost_rows(before: State, after: State, kept: Iterable[Survivor]) -> list[str]:
    """What of the rows from before is not there afterwards, in words; a line for each table and column."""
    found = []
    for table in kept:
        was, now = before.rows[table.before], after.rows[table.after]
        if table.key:
            found += _lost_by_key(table, was, now)
        elif gone := Counter(_told(table.columns, was)) - Counter(_told(table.columns.values(), now)):
            found.append(f"{table.before}: {_of(gone.total(), len(was))} gone, or changed")
    return found


def new_rows(before: State, after: State, kept: Iterable[Survivor]) -> list[str]:
    """The tables that hold more rows than before, in words."""
    counts = [(table, len(before.rows[table.before]), len(after.rows[table.after])) for table in kept]
    return [f"{table.before}: {now} rows, where there were {was}" for table, was, now in counts if now > was]


def _lost_by_key(table: Survivor, was: Sequence[Row], now: Sequence[Row]) -> list[str]:
    places = [table.columns[name] for name in table.key]
    present = {tuple(row[name] for name in places): row for row in now}
    pairs = [(row, present.get(tuple(row[name] for name in table.key))) for row in was]
    gone = sum(row is None for _, row in pairs)
    lines = [f"{table.before}: {_of(gone, len(was))} gone"] if gone else []
    for column, name in table.columns.items():
        changed = [(row, other[name]) for row, other in pairs if other is not None and row[column] != other[name]]
        if changed:
            row, value = changed[0]
            where = ", ".join(f"{part} = {row[part]}" for part in table.key)
            lines.append(f"{table.before}.{column}: {row[column]} became {value} (where {where}{_more(len(changed))})")
    return lines


def _told(columns: Iterable[str], rows: Iterable[Row]) -> list[tuple[str, ...]]:
    names = list(columns)
    return [tuple(row[name] for name in names) for row in rows]


def _of(count: int, total: int) -> str:
    return f"{count} of {total} rows " + ("is" if count == 1 else "are")


def _more(count: int) -> str:
    return f", and in {count - 1} more" if count > 1 else ""
