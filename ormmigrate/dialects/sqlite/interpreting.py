"""What the pragmas and the texts of a table and its indexes mean, as values of a schema. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from ormmigrate.dialects.sqlite.canonical import (
    collation_words,
    default_words,
    expression_words,
    name_words,
    scope_of,
    type_words,
)
from ormmigrate.dialects.sqlite.edits import index_body
from ormmigrate.dialects.sqlite.ordering import indexes_in_order, keys_in_order
from ormmigrate.dialects.sqlite.said import BINARY, Said, said_by
from ormmigrate.dialects.sqlite.tokens import folded, significant
from ormmigrate.schema import Column, ForeignKey, Index, Part, Table

# Most columns are like one of another table.
CACHED = 1 << 14
EXPRESSION = -2  # `cid` of PRAGMA index_xinfo
STORED = 3  # `hidden` of PRAGMA table_xinfo
Row = tuple[Any, ...]
first = itemgetter(0)


def table_of(name: str, text: str, columns: Sequence[Row], indexes: Sequence[Row], keys: Sequence[Row]) -> Table:
    """A table; of its indexes those of UNIQUE constraints.

    Args:
        columns, indexes, keys: as `pragmas` has them.
    """
    said = said_by(text, [row[0] for row in columns], [row[0] for row in columns if row[5]])
    listed = [list(rows) for _, rows in groupby(indexes, first)]
    key_index = next((rows for rows in listed if rows[0][2] == "pk"), None)
    primary_key = tuple(row[0] for row in sorted((row for row in columns if row[4]), key=itemgetter(4)))
    # The alias of the rowid forbids NULL whether it says so or not (sqlite.org/lang_createtable.html#rowid).
    rowid = primary_key[0] if len(primary_key) == 1 and key_index is None else None
    return Table(
        name,
        tuple([_column(row[:6], row[0] == rowid, *said.of(row[0])) for row in columns]),
        primary_key,
        indexes_in_order(list(_unique(listed, said))),
        _foreign_keys(keys, said),
        said.checks,
        (*said.options, *(_key_words(key_index, said, columns) if key_index else ())),
    )


@lru_cache(maxsize=CACHED)
def _column(row: Row, is_rowid: bool, collation: str | None, generated: str | None, numbers_rows: bool) -> Column:
    """A column; the same again where another table has one like it."""
    name, type_, not_null, default, place, hidden = row
    return Column(
        name,
        type_words(type_),
        not not_null and not is_rowid,
        None if default is None else default_words(default),
        collation,
        generated,
        hidden == STORED,
        "AUTOINCREMENT" if numbers_rows and place else None,
    )


# -- foreign keys -------------------------------------------------------------------------------


def _foreign_keys(rows: Sequence[Row], said: Said) -> tuple[ForeignKey, ...]:
    """The foreign keys; one that names no columns of its parent is without them still."""
    if not rows:
        return ()
    grouped = [list(group) for _, group in groupby(rows, first)]
    # SQLite lists them from the last to the first (sqlite.org/src/file/src/build.c: sqlite3CreateForeignKey).
    details = said.keys[::-1] if len(said.keys) == len(grouped) else ((None, False),) * len(grouped)
    found = [
        ForeignKey(
            tuple(row[2] for row in group),
            group[0][1],
            tuple(row[3] for row in group if row[3] is not None),
            group[0][5],
            group[0][4],
            "INITIALLY DEFERRED" if is_deferred else None,
            name=name,
        )
        for group, (name, is_deferred) in zip(grouped, details)
    ]
    return keys_in_order(found)


# -- indexes ------------------------------------------------------------------------------------


def index_of(name: str, text: str, rows: Sequence[Row], table: Table) -> Index:
    """What a CREATE INDEX makes.

    Args:
        rows: of that index alone.
    """
    collations = {column.name: column.collation for column in table.columns if column.collation}
    _, unique, _, is_partial, *_ = rows[0]
    written, where = [], None
    if is_partial or any(row[4] == EXPRESSION for row in rows):
        scope = scope_of(table.name, [column.name for column in table.columns])
        listed, condition = _written(text)
        written = [expression_words(part, scope) for part in listed]
        where = expression_words(condition, scope) if is_partial else None
    parts = tuple(
        Part(written[place], True, "DESC" if row[6] else "") if row[4] == EXPRESSION else _part_of(row, collations)
        for place, row in enumerate(rows)
    )
    return Index(parts, bool(unique), where=where, name=name)


def _unique(listed: Iterable[Sequence[Row]], said: Said) -> Iterator[Index]:
    for rows in listed:
        if rows[0][2] == "u":
            name = said.uniques.get(tuple(folded(row[5]) for row in rows))
            parts = tuple(_part_of(row, said.collations) for row in rows)
            yield Index(parts, True, is_constraint=True, name=name)


def _key_words(rows: Sequence[Row], said: Said, columns: Sequence[Row]) -> tuple[str, ...]:
    """A primary key whose index has an order or a collation of its own.

    INTEGER PRIMARY KEY has no index, unless DESC says that it is not the rowid: so it is said even where a UNIQUE
    ahead of it has made the index.
    """
    parts = [_part_of(row, said.collations) for row in rows]
    types = [type_words(row[1]) for row in columns if row[4]]
    if types == ["INTEGER"] and "WITHOUT ROWID" not in said.options:
        parts = [Part(parts[0].text, suffix="DESC")]
    if not any(part.suffix for part in parts):
        return ()
    return (f"PRIMARY KEY ({', '.join(f'{name_words(part.text)} {part.suffix}'.rstrip() for part in parts)})",)


def _part_of(row: Row, collations: Mapping[str, str]) -> Part:
    """A part that is a whole column."""
    return _part(row[5], row[6], row[7], collations.get(row[5], BINARY))


@lru_cache(maxsize=CACHED)
def _part(column: str, descends: int, collation: str, usual: str) -> Part:
    collation = collation_words(collation)
    words = [] if collation == usual else [f"COLLATE {collation}"]
    words += ["DESC"] if descends else []
    return Part(column, False, " ".join(words))


def _written(text: str) -> tuple[list[str], str]:
    """The parts of a CREATE INDEX, without ASC and DESC, and its condition."""
    body = text[index_body(text) :]
    tokens = significant(body)
    parts: list[str] = []
    depth, begin, end = 0, 1, 0
    for end, token in enumerate(tokens):
        depth += token.is_symbol("(") - token.is_symbol(")")
        if not depth or (depth == 1 and token.is_symbol(",")):
            last = tokens[end - 2] if end - begin > 1 and tokens[end - 1].is_word("ASC", "DESC") else tokens[end - 1]
            parts.append(body[tokens[begin].start : last.end])
            begin = end + 1
        if not depth:
            break
    condition = body[tokens[end + 1].end :] if end + 1 < len(tokens) else ""  # behind WHERE
    return parts, condition
