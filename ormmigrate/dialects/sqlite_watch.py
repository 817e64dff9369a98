"""What a rebuild of a table may change, and what it changed: playhouse's own says success whatever it did.

Nothing here reads CREATE TABLE as SQL. Its text before and after is compared as text, and everything else by
what SQLite itself says of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from peewee import Database, PeeweeException

from ormmigrate.dialects.script import tokens
from ormmigrate.dialects.sqlite import quoted
from ormmigrate.operations import AddColumn, AddColumnDefault, DropColumn, Operation

COLUMN_FACTS = ("name", "type", "not_null", "default", "in_key", "hidden")  # of PRAGMA table_xinfo, from its second
#: What each rebuild changes in the column that it is about; nothing named: the column comes or goes.
CHANGES = {
    "add_not_null": "not_null",
    "drop_not_null": "not_null",
    "add_column_default": "default",
    "drop_column_default": "default",
    "alter_column_type": "type",
}
WATCHED_WORDS = ("CHECK", "COLLATE", "GENERATED", "AUTOINCREMENT", "DEFERRABLE", "CONSTRAINT", "REFERENCES", "CONFLICT")
NAME_QUOTES = ('"', "`", "[")


@dataclass(frozen=True)
class TableFacts:
    """What can be known of a table without reading its CREATE TABLE, and its rows counted."""

    columns: tuple[tuple[Any, ...], ...]
    indexes: tuple[tuple[Any, ...], ...]
    foreign_keys: tuple[tuple[Any, ...], ...]
    options: tuple[Any, ...]
    constraints: tuple[int, ...]
    text: str
    rows: tuple[Any, ...]
    rowids: tuple[Any, ...]
    sequence: tuple[Any, ...]


def differences(operation: Operation, column: str, before: TableFacts, after: TableFacts) -> list[str]:
    """What happened that was not meant, and what was meant and did not happen, in words. Pure."""
    comes_or_goes = isinstance(operation, (AddColumn, DropColumn))
    compared = [fact.name for fact in fields(TableFacts) if fact.name not in ("columns", "text", "rows")]
    if isinstance(operation, AddColumn):
        # The new column may bring its own foreign key, CHECK and index along.
        compared = [name for name in compared if name not in ("constraints", "foreign_keys", "indexes")]
    problems = [f"change its {name}" for name in compared if getattr(before, name) != getattr(after, name)]
    if _without(before.columns, column) != _without(after.columns, column):
        problems.append("change other columns")
    if _without(before.rows, column) != _without(after.rows, column):
        problems.append("change its rows")
    if not comes_or_goes:
        problems += _in_column(operation, _facts_of(before, column), _facts_of(after, column))
        problems += _in_text(operation, before.text, after.text)
    return [problem.replace("_", " ") for problem in problems]


def _without(facts: tuple[Any, ...], column: str) -> list[Any]:
    """Facts that begin with a column's name, but for one column."""
    return [fact for fact in facts if str(fact[0]).lower() != column.lower()]


def _facts_of(facts: TableFacts, column: str) -> dict[str, Any]:
    found = next((fact for fact in facts.columns if fact[0].lower() == column.lower()), ())
    return dict(zip(COLUMN_FACTS, found))


def _in_column(operation: Operation, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    meant = CHANGES[operation.kind]
    problems = [f"change the column's {name}" for name in before if name != meant and before[name] != after.get(name)]
    is_done = {
        "add_not_null": after.get("not_null") == 1,
        "drop_not_null": after.get("not_null") == 0,
        "add_column_default": after.get("default") is not None,
        "drop_column_default": after.get("default") is None,
        "alter_column_type": True,
    }
    return problems if is_done[operation.kind] else [*problems, "leave the column as it is"]


def _in_text(operation: Operation, before: str, after: str) -> list[str]:
    """Whether the text changed in one place, and there only as meant."""
    removed, inserted = changed_part(before, after)
    if operation.kind == "add_not_null":
        is_meant = not removed and _same_letters(inserted, "NOTNULL")
    elif operation.kind == "drop_not_null":
        is_meant = not inserted and _same_letters(removed, "NOTNULL")
    elif isinstance(operation, AddColumnDefault):
        is_meant = not removed and "DEFAULT" in (inserted + inserted).upper()
    elif operation.kind == "drop_column_default":
        is_meant = not inserted and "DEFAULT" in (removed + removed).upper()
    else:
        is_meant = texts(before) == texts(after)
    return [] if is_meant else ["change other parts of CREATE TABLE"]


def _same_letters(part: str, word: str) -> bool:
    # Where what follows begins with the same letters, the part found is the word turned round.
    return sorted(part.upper()) == sorted(word)


def changed_part(before: str, after: str) -> tuple[str, str]:
    """The part of `before` that is another in `after`, and what stands there now."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    end = next((place for place in range(shorter - start) if before[-1 - place] != after[-1 - place]), shorter - start)
    return before[start : len(before) - end], after[start : len(after) - end]


def find_outside(definition: str, words: str) -> int | None:
    """Where words stand in a column's definition, outside texts, names in quotes and parentheses; case is ignored."""
    depth = 0
    for place, token in tokens(definition, "SQLite"):
        end = place + len(words)
        if not depth and definition[place:end].upper() == words.upper() and definition[end : end + 1] in ("", " ", ","):
            return place
        depth += (token == "(") - (token == ")")
    return None


def texts(statement: str) -> list[str]:
    """What stands in single quotes."""
    return [token for _, token in tokens(statement, "SQLite") if token.startswith("'")]


def squeezed(statement: str) -> str:
    """A statement without spaces and quotes of names, which a rebuild spells anew; texts stay as they are."""
    kept = [token for _, token in tokens(statement, "SQLite") if not token.isspace()]
    return "".join(token[1:-1] if token[0] in NAME_QUOTES and len(token) > 1 else token for token in kept)


def read_facts(database: Database, table: str) -> TableFacts:
    """What can be known of a table without reading its CREATE TABLE, and its rows counted."""

    def ask(query: str, *params: Any) -> list[tuple[Any, ...]]:
        return list(database.execute_sql(query, params).fetchall())

    name = quoted(table)
    columns = tuple(tuple(row[1:]) for row in ask(f"PRAGMA table_xinfo({name})"))
    indexes = []
    for _, index, unique, origin, partial in ask(f"PRAGMA index_list({name})"):
        keys = tuple(row[2:] for row in ask(f"PRAGMA index_xinfo({quoted(index)})") if row[5])
        indexes.append((index if origin == "c" else "", unique, origin, partial, repr(keys)))
    found = ask("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", table)
    text = found[0][0] if found else ""
    return TableFacts(
        columns=columns,
        indexes=tuple(sorted(indexes)),
        foreign_keys=tuple(sorted(row[2:] for row in ask(f"PRAGMA foreign_key_list({name})"))),
        options=tuple(row[4:] for row in ask(f"PRAGMA table_list({name})") if row[0] == "main"),
        constraints=tuple(text.upper().count(word) for word in WATCHED_WORDS),
        text=squeezed(text),
        rows=_counts(database, table, [column[0] for column in columns if column[5] == 0]),
        rowids=_rowids(database, table),
        sequence=_sequence(database, table),
    )


def _counts(database: Database, table: str, columns: list[str]) -> tuple[Any, ...]:
    counts = "".join(f", count({quoted(column)})" for column in columns)
    found = database.execute_sql(f"SELECT count(*){counts} FROM {quoted(table)}").fetchone()
    return found[:1], *zip(columns, found[1:])


def _rowids(database: Database, table: str) -> tuple[Any, ...]:
    try:
        query = f"SELECT min(rowid), max(rowid), total(rowid) FROM {quoted(table)}"
        return tuple(database.execute_sql(query).fetchone())
    except PeeweeException:
        return ()  # WITHOUT ROWID


def _sequence(database: Database, table: str) -> tuple[Any, ...]:
    if database.execute_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone() is None:
        return ()
    return tuple(
        database.execute_sql("SELECT seq FROM sqlite_sequence WHERE name = ? COLLATE NOCASE", (table,)).fetchall()
    )
