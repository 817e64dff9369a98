"""Putting a draft into force by a rebuild: copy the table into a new one, and put that in its place.

After the procedure of sqlite.org/lang_altertable.html#otheralter, with what experience adds. It runs inside the
caller's transaction and savepoint, with foreign keys off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from peewee import Database, DatabaseError, IntegrityError, OperationalError

from ormmigrate.dialects.sqlite import edits
from ormmigrate.dialects.sqlite.altering import (
    is_on,
    make,
    pragma,
    set_aside,
    set_text,
    unused_name,
)
from ormmigrate.dialects.sqlite.dependents import dependents
from ormmigrate.dialects.sqlite.drafts import Draft
from ormmigrate.dialects.sqlite.findings import check_keys, check_rows, described
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import Index, ask, indexes_of, rowid_of, statistics_tables, text_of
from ormmigrate.dialects.sqlite.tokens import folded, quoted
from ormmigrate.dialects.sqlite.values import rows_shown
from ormmigrate.errors import IntegrityCheckFailed

NEW_TABLE = "ormmigrate_new_{}"
PAGE = 1000


def rebuild(database: Database, draft: Draft, *, keeps_spelling: bool) -> int:
    """Copy a table into one made from the draft's text, and put that in its place.

    Args:
        keeps_spelling: whether the text is put in as the draft has it, by an edit of the schema: RENAME spells
            the table's name its own way.

    Returns:
        The number of rows copied.

    Raises:
        Refused: SQLite does not take the new text.
        IntegrityCheckFailed: a row that is there does not fit it.
    """
    table = draft.table
    indexes = indexes_of(database, table.name)
    triggers = [one for one in dependents(database) if one.kind == "trigger" and is_on(one, table.name)]
    statistics = _statistics(database, table.name)
    sequence = _sequence(database, table.name)
    rows = ask(database, f"SELECT count(*) FROM {table.quoted}")[0][0]

    new = unused_name(database, NEW_TABLE)
    definition = draft.definition
    try:
        database.execute_sql(edits.rename_table(definition, new))
    except DatabaseError as error:
        raise Refused(
            f"SQLite does not take the new definition: {error}.", "correct the field, default or constraint."
        ) from error
    copied = _copy(database, draft, new)
    if copied != rows:
        raise IntegrityCheckFailed(
            problem=f"{copied} of the {rows} rows of {table.name} were copied.",
            findings=(),
            advice="this is a fault of this package or of the database; the table is as it was.",
        )
    if sequence is not None:
        _set_sequence(database, new, sequence)
    database.execute_sql(f"DROP TABLE {table.quoted}")
    _take_place(database, new, table.name, has_qualifiers=bool(edits.qualifiers(definition)))
    if keeps_spelling and text_of(database, table.name) != draft.text:
        set_text(database, table.name, draft.text)
    for index in indexes:
        if index.text is not None:
            database.execute_sql(index.text)
    there = indexes_of(database, table.name)
    columns = {index.name: index.columns for index in there}
    lost = [index.name for index in indexes if index.text is not None and columns[index.name] != index.columns]
    if lost:
        # A name in double quotes that is no column any more would be taken for a text.
        raise Refused(f"The rebuild would change the index {', '.join(lost)}.", "drop it first: migrator.drop_index().")
    make(database, triggers)
    _restore_statistics(database, statistics, set(indexes) - set(there))
    return int(rows)


def _copy(database: Database, draft: Draft, new: str) -> int:
    pairs = _copied_columns(draft, _implicit_rowid(database, draft, new))
    _refuse_invented_keys(database, draft, new)
    # No order is asked for, so rows come in that of the old table: the new one is written from end to end.
    statement = _insert(draft, new, pairs)
    try:
        with pragma(database, "ignore_check_constraints", 0):
            database.execute_sql(statement)
    except IntegrityError as error:
        if not _copy_old_violations(database, draft, new, statement):
            _explain_copy(database, draft, new, pairs, error)
    copied = int(ask(database, "SELECT changes()")[0][0])
    check_keys(database, draft, quoted(new))  # copying does not, with foreign keys off
    return copied


def _refuse_invented_keys(database: Database, draft: Draft, new: str) -> None:
    """A key that becomes the rowid is given a number where it is NULL.

    Raises:
        IntegrityCheckFailed
    """
    keys = [column for column in draft.columns if column.key]
    for column in keys if len(keys) == 1 and not _has_key_index(database, new) else ():
        number = ask(database, f"SELECT count(*) FROM {draft.table.quoted} WHERE {quoted(column.name)} IS NULL")[0][0]
        if number:
            raise IntegrityCheckFailed(
                problem=f"{draft.table.name}.{column.name} would become the rowid, which is never NULL; "
                f"{number} {'row holds' if number == 1 else 'rows hold'} NULL there.",
                findings=(),
                advice="give them a key first.",
            )


def _has_key_index(database: Database, table: str) -> bool:
    return any(index.origin == "pk" for index in indexes_of(database, table))


def _copy_old_violations(database: Database, draft: Draft, new: str, statement: str) -> bool:
    """Copy rows that violated a CHECK before, which must not block another change; False where there are more now."""
    before = _violations(database, draft, draft.table.quoted)
    if not any(before.values()):
        return False
    try:
        with pragma(database, "ignore_check_constraints", 1):
            database.execute_sql(statement)
    except IntegrityError:  # it is not the CHECKs alone
        return False
    after = _violations(database, draft, quoted(new))
    if all(number <= before.get(expression, 0) for expression, number in after.items()):
        return True
    database.execute_sql(f"DELETE FROM {quoted(new)}")
    return False


def _violations(database: Database, draft: Draft, table: str) -> dict[str, int]:
    """How many rows violate each CHECK; without those of columns that the table has not."""
    found = {}
    for constraint in draft.definition.all_constraints:
        if constraint.kind == "CHECK":
            expression = draft.definition.inner_of(constraint)
            with suppress(OperationalError):
                query = f"SELECT count(*) FROM {table} AS {draft.table.quoted} WHERE NOT ({expression}\n)"
                found[expression] = int(ask(database, query)[0][0])
    return found


def _as_query(draft: Draft, pairs: Sequence[tuple[str, str]]) -> str:
    """The rows as they will be, but for the new types."""
    named = ", ".join(f"{source} AS {target}" for target, source in pairs)
    return f"(SELECT {named} FROM {draft.table.quoted})"


def _insert(draft: Draft, new: str, pairs: Sequence[tuple[str, str]]) -> str:
    targets, sources = (", ".join(names) for names in zip(*pairs))
    # OR ABORT: an ON CONFLICT IGNORE or REPLACE of a constraint would let rows go.
    return f"INSERT OR ABORT INTO {quoted(new)} ({targets}) SELECT {sources} FROM {draft.table.quoted}"


def _implicit_rowid(database: Database, draft: Draft, new: str) -> tuple[str, str] | None:
    """The names of the rowid, new and old, where it is no column: full-text indexes and the order of rows depend
    on it."""
    there = rowid_of(draft.table)
    rowid = rowid_of(replace(draft.table, text=draft.text, columns=draft.columns))
    if there is None or rowid is None:
        return None
    # A key that has no index of its own is the rowid (sqlite.org/lang_createtable.html#rowid).
    has_key = any(column.key for column in draft.columns)
    is_alias = has_key and not _has_key_index(database, new)
    return None if is_alias else (rowid, there)


def _copied_columns(draft: Draft, rowid: tuple[str, str] | None) -> list[tuple[str, str]]:
    """What is inserted into and what it is given, in the order of the draft."""
    pairs = [] if rowid is None else [rowid]
    for column in draft.columns:
        key = folded(column.name)
        if key in draft.filled:
            pairs.append((quoted(column.name), draft.filled[key]))
        elif key in draft.kept and not column.is_generated:
            pairs.append((quoted(column.name), quoted(column.name)))
    return pairs


def _explain_copy(
    database: Database, draft: Draft, new: str, pairs: Sequence[tuple[str, str]], error: DatabaseError
) -> NoReturn:
    """Say which rows do not fit the new table.

    Raises:
        IntegrityCheckFailed
    """
    with suppress(OperationalError):  # an expression over generated columns, which the query has not
        check_rows(database, draft, _as_query(draft, pairs))
    # It takes the new types to see it: row by row, then.
    table = draft.table
    names = [column.name for column in table.columns]
    rowid = rowid_of(table)
    keys = [rowid] if rowid is not None else [quoted(column.name) for column in table.columns if column.key]
    match = " AND ".join(f"{key} IS ?" for key in keys)
    for row in _keys_of(database, table.quoted, keys):
        try:
            database.execute_sql(f"{_insert(draft, new, pairs)} WHERE {match}", row)
        except IntegrityError as reason:
            said = str(reason).replace(new, table.name)
            rest = f"FROM {table.quoted} WHERE {match}"
            shown = rows_shown(database, list(map(quoted, names)), rest, row)
            raise IntegrityCheckFailed(
                problem=f"A row of {table.name} does not fit the new definition: {said}.",
                findings=[f"the first such row: {described(names, shown[0])}"],
                advice="change such rows first, or the new definition.",
            ) from error
    raise IntegrityCheckFailed(
        problem=f"A row of {table.name} does not fit the new definition: {str(error).replace(new, table.name)}.",
        findings=(),
        advice="change such rows first, or the new definition.",
    ) from error


def _keys_of(database: Database, table: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The keys of all rows, a page at a time: no cursor stays open, and memory does not grow with the table."""
    last: tuple[Any, ...] | None = None
    names = ", ".join(keys)
    while keys:
        marks = ", ".join("?" * len(keys))
        behind = f"WHERE ({names}) > ({marks})" if last is not None else ""
        try:
            page = ask(database, f"SELECT {names} FROM {table} {behind} ORDER BY {names} LIMIT {PAGE}", *(last or ()))
        except OperationalError:  # a key that is no text in its encoding
            return
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]


def _take_place(database: Database, new: str, name: str, *, has_qualifiers: bool) -> None:
    """Give the new table the name of the old one, which is gone.

    Views and triggers elsewhere say that name, and under `legacy_alter_table` they stay as they are. It does not
    follow a CHECK that qualifies columns with the table's name, though: then they are set aside meanwhile.
    """
    rename = f"ALTER TABLE {quoted(new)} RENAME TO {quoted(name)}"
    if not has_qualifiers:
        with pragma(database, "legacy_alter_table", 1):
            database.execute_sql(rename)
        return
    with set_aside(database, dependents(database)), pragma(database, "legacy_alter_table", 0):
        database.execute_sql(rename)


# -- what stands beside a table -------------------------------------------------------------------


def _statistics(database: Database, table: str) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """What ANALYZE found; DROP TABLE deletes it."""
    return [
        (name, ask(database, f"SELECT * FROM {name} WHERE tbl = ? COLLATE NOCASE", table))
        for name in statistics_tables(database)
    ]


def _restore_statistics(
    database: Database, statistics: Sequence[tuple[str, list[tuple[Any, ...]]]], gone: set[Index]
) -> None:
    """Put back what ANALYZE found, but for indexes that are others now."""
    names = {index.name for index in gone}
    for name, rows in statistics:
        for row in rows:
            if row[1] not in names:  # tbl, idx, ...
                marks = ", ".join("?" * len(row))
                database.execute_sql(f"INSERT INTO {name} VALUES ({marks})", row)


def _sequence(database: Database, table: str) -> list[Any] | None:
    """The last keys that AUTOINCREMENT gave out; None where nothing in the database has it."""
    if not ask(database, "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"):
        return None
    return [seq for (seq,) in ask(database, "SELECT seq FROM sqlite_sequence WHERE name = ? COLLATE NOCASE", table)]


def _set_sequence(database: Database, table: str, sequence: Sequence[Any]) -> None:
    """For a table under another name: SQLite carries it over when it is renamed."""
    database.execute_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    for seq in sequence:
        database.execute_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, seq))
