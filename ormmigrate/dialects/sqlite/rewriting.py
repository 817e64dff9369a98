"""Putting a draft into force: in place, by an edit of the schema, or by a rebuild of the table.

Both follow the procedures that sqlite.org gives (lang_altertable.html#otheralter), with what experience adds.
Both run inside the caller's transaction and savepoint, with foreign keys off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from peewee import Database, DatabaseError, IntegrityError, OperationalError

from ormmigrate.dialects.sqlite import edits
from ormmigrate.dialects.sqlite.drafts import Draft, Refused
from ormmigrate.dialects.sqlite.findings import (
    Dependent,
    broken,
    check_keys,
    check_rows,
    dependents,
    described,
    rowid_of,
)
from ormmigrate.dialects.sqlite.tables import Index, Table, ask, columns_of, indexes_of
from ormmigrate.dialects.sqlite.tokens import SPACE, WORD, folded, quoted, tokenize
from ormmigrate.dialects.sqlite.values import rows_shown
from ormmigrate.errors import IntegrityCheckFailed

NEW_TABLE = "ormmigrate_new_{}"
SPARE_COLUMN = "ormmigrate_old_{}"
STATISTICS = ("sqlite_stat1", "sqlite_stat3", "sqlite_stat4")


# -- pragmas --------------------------------------------------------------------------------------


@contextmanager
def pragma(database: Database, name: str, value: int) -> Iterator[None]:
    """A setting of the connection, as before afterwards: pragmas survive a ROLLBACK."""
    before = ask(database, f"PRAGMA {name}")[0][0]
    if before == value:
        yield
        return
    database.execute_sql(f"PRAGMA {name} = {value}")
    try:
        yield
    finally:
        if not database.is_closed():
            database.execute_sql(f"PRAGMA {name} = {before}")


def may_edit_schema(database: Database) -> bool:
    """Some builds forbid it (macOS's own)."""
    try:
        with pragma(database, "writable_schema", 1):
            ask(database, "EXPLAIN UPDATE sqlite_master SET sql = sql")  # compiling it is enough to be told
    except DatabaseError:
        return False
    return True


def edit_schema(database: Database, statement: str, *params: Any) -> None:
    """Change sqlite_master itself.

    The schema is read again, here and by others, when its version is another
    (sqlite.org/pragma.html#pragma_writable_schema).
    """
    with pragma(database, "writable_schema", 1):
        database.execute_sql(statement, params)
        version = ask(database, "PRAGMA schema_version")[0][0]
        database.execute_sql(f"PRAGMA schema_version = {version + 1}")


# -- in place -------------------------------------------------------------------------------------


def edit_in_place(database: Database, draft: Draft) -> int:
    """Give a table another text; its rows stay where they are. New columns are appended, and filled by UPDATE.

    Returns:
        The number of rows that were written for it.

    Raises:
        IntegrityCheckFailed, Refused: rows do not fulfil what the draft demands.
    """
    table = rename_kept_columns(database, draft)
    definition = draft.definition
    for column in draft.columns:
        if folded(column.name) not in draft.kept:
            words = definition.column(column.name)
            # Filled columns get the rest of their words with the new text, when every row holds a value.
            bare = words.type_end if folded(column.name) in draft.filled else words.end
            database.execute_sql(
                f"ALTER TABLE {table.quoted} ADD COLUMN {quoted(column.name)} {draft.text[words.name_end : bare]}"
            )
    rows = _fill(database, draft)
    check_rows(database, draft, table.quoted)
    if not same_spelling(database_text(database, table.name), draft.text):
        set_text(database, table.name, draft.text)
    return rows


def _fill(database: Database, draft: Draft) -> int:
    """Give new columns their values, with no trigger of the table seeing it."""
    if not draft.filled:
        return 0
    names = [column.name for column in draft.columns if folded(column.name) in draft.filled]
    sets = ", ".join(f"{quoted(name)} = {draft.filled[folded(name)]}" for name in names)
    triggers = [one for one in dependents(database) if one.kind == "trigger" and _is_on(one, draft.table.name)]
    with set_aside(database, triggers):
        database.execute_sql(f"UPDATE {draft.table.quoted} SET {sets}")
        return int(ask(database, "SELECT changes()")[0][0])


def same_spelling(one: str, other: str) -> bool:
    """Whether two texts differ in spaces and the case of words alone."""
    return _spelled(one) == _spelled(other)


def _spelled(text: str) -> list[str]:
    return [token.text.upper() if token.kind == WORD else token.text for token in tokenize(text) if token.kind != SPACE]


def set_text(database: Database, table: str, text: str) -> None:
    """Give a table another text, and nothing else."""
    edit_schema(database, "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", text, table)


def rename_index(database: Database, old: str, new: str, text: str) -> None:
    """Give an index another name; what it holds stays."""
    edit_schema(
        database, "UPDATE sqlite_master SET name = ?, sql = ? WHERE type = 'index' AND name = ?", new, text, old
    )
    for statistics in _statistics_tables(database):
        database.execute_sql(f"UPDATE {statistics} SET idx = ? WHERE idx = ?", (new, old))


# -- rebuild --------------------------------------------------------------------------------------


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
    triggers = [one for one in dependents(database) if one.kind == "trigger" and _is_on(one, table.name)]
    statistics = _statistics(database, table.name)
    sequence = _sequence(database, table.name)
    rows = ask(database, f"SELECT count(*) FROM {table.quoted}")[0][0]

    new = _unused_name(database, NEW_TABLE)
    definition = draft.definition
    try:
        database.execute_sql(edits.rename_table(definition, new))
    except DatabaseError as error:
        raise Refused(
            f"SQLite does not take the new definition: {error}.", "correct what the operation says."
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
    if keeps_spelling and database_text(database, table.name) != draft.text:
        set_text(database, table.name, draft.text)
    for index in indexes:
        if index.text is not None:
            database.execute_sql(index.text)
    make(database, triggers)
    _restore_statistics(database, statistics, set(indexes) - set(indexes_of(database, table.name)))
    return int(rows)


def _copy(database: Database, draft: Draft, new: str) -> int:
    pairs = _copied_columns(draft, _implicit_rowid(database, draft, new))
    check_keys(database, draft, _as_query(draft, pairs))  # copying does not, with foreign keys off
    try:
        # No order is asked for, so rows come in that of the old table: the new one is written from end to end.
        database.execute_sql(_insert(draft, new, pairs))
    except IntegrityError as error:
        _explain_copy(database, draft, new, pairs, error)
        raise
    return int(ask(database, "SELECT changes()")[0][0])


def _as_query(draft: Draft, pairs: Sequence[tuple[str, str]]) -> str:
    """The rows as they will be, but for the new types."""
    named = ", ".join(f"{source} AS {target}" for target, source in pairs)
    return f"(SELECT {named} FROM {draft.table.quoted})"


def _insert(draft: Draft, new: str, pairs: Sequence[tuple[str, str]]) -> str:
    targets, sources = zip(*pairs)
    return f"INSERT INTO {quoted(new)} ({', '.join(targets)}) SELECT {', '.join(sources)} FROM {draft.table.quoted}"


def _implicit_rowid(database: Database, draft: Draft, new: str) -> str | None:
    """A name of the rowid where it is no column: full-text indexes and the order of rows depend on it."""
    rowid = rowid_of(draft.table)
    if rowid is None or rowid in {folded(column.name) for column in draft.columns}:
        return None
    # A key that has no index of its own is the rowid (sqlite.org/lang_createtable.html#rowid).
    has_key = any(column.key for column in draft.columns)
    is_alias = has_key and not any(index.origin == "pk" for index in indexes_of(database, new))
    return None if is_alias else rowid


def _copied_columns(draft: Draft, rowid: str | None) -> list[tuple[str, str]]:
    """What is inserted into and what it is given, in the order of the draft."""
    pairs = [] if rowid is None else [(rowid, rowid)]
    for column in draft.columns:
        key = folded(column.name)
        if key in draft.filled:
            pairs.append((quoted(column.name), draft.filled[key]))
        elif key in draft.kept and not column.is_generated:
            pairs.append((quoted(column.name), quoted(column.name)))
    return pairs


def _explain_copy(
    database: Database, draft: Draft, new: str, pairs: Sequence[tuple[str, str]], error: DatabaseError
) -> None:
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
    rows = ask(database, f"SELECT {', '.join(keys)} FROM {table.quoted}") if keys else []
    for row in rows:
        try:
            database.execute_sql(f"{_insert(draft, new, pairs)} WHERE {match}", row)
        except IntegrityError as reason:
            said = str(reason).replace(new, table.name)
            rest = f"FROM {table.quoted} WHERE {match}"
            shown = rows_shown(database, list(map(quoted, names)), rest, row)
            raise IntegrityCheckFailed(
                problem=f"A row of {table.name} does not fit the new definition: {said}.",
                findings=[f"the first such row: {described(names, shown[0])}"],
                advice="change such rows first, in the same migration, or the new definition.",
            ) from error


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


@contextmanager
def set_aside(database: Database, there: Sequence[Dependent]) -> Iterator[None]:
    """Without some views (with what hangs on them) and triggers, which are made again afterwards.

    All of them keep the order in which they stand: triggers fire in it.
    """
    views = {folded(one.name) for one in there if one.kind == "view"}
    gone = [one for one in dependents(database) if one in there or folded(one.table) in views]
    for one in reversed(gone):
        schema = "temp" if one.is_temporary else "main"
        database.execute_sql(f"DROP {one.kind.upper()} IF EXISTS {schema}.{quoted(one.name)}")
    yield
    make(database, gone)


def alter(database: Database, statement: str) -> None:
    """Run SQLite's own ALTER TABLE, which refuses where any view or trigger is broken for another reason."""
    with pragma(database, "legacy_alter_table", 0):
        try:
            database.execute_sql(statement)
        except OperationalError as error:
            there = dependents(database) if str(error).startswith("error in ") else []
            faulty = broken(database, there)
            if not faulty:
                raise
            with set_aside(database, [one for one in there if one.words in faulty]):
                database.execute_sql(statement)


def make(database: Database, there: Sequence[Dependent]) -> None:
    """Make views and triggers from their texts."""
    for one in there:
        text = one.text
        if one.is_temporary:
            # The text that is kept does not say so.
            text = f"CREATE TEMP {text[len('CREATE ') :]}"
        database.execute_sql(text)


def _is_on(trigger: Dependent, table: str) -> bool:
    return folded(trigger.table) == folded(table)


def _unused_name(database: Database, pattern: str) -> str:
    taken = {folded(name) for (name,) in ask(database, "SELECT name FROM sqlite_master")}
    taken |= {folded(name) for (name,) in ask(database, "SELECT name FROM sqlite_temp_master")}
    return next(name for number in range(1, len(taken) + 2) if (name := pattern.format(number)) not in taken)


def database_text(database: Database, table: str) -> str:
    query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return str(ask(database, query, table)[0][0])


# -- what stands beside a table -------------------------------------------------------------------


def _statistics_tables(database: Database) -> list[str]:
    marks = ", ".join("?" * len(STATISTICS))
    query = f"SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ({marks})"
    return [name for (name,) in ask(database, query, *STATISTICS)]


def _statistics(database: Database, table: str) -> list[tuple[str, list[tuple[Any, ...]]]]:
    """What ANALYZE found; DROP TABLE deletes it."""
    return [
        (name, ask(database, f"SELECT * FROM {name} WHERE tbl = ? COLLATE NOCASE", table))
        for name in _statistics_tables(database)
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


# -- names ----------------------------------------------------------------------------------------


def rename_kept_columns(database: Database, draft: Draft) -> Table:
    """Give the columns of the old table the names they have in the draft, so that all that says them follows.

    Returns:
        The table as it is then.
    """
    table = draft.table
    wanted = {old: column.name for column in draft.columns if (old := draft.kept.get(folded(column.name))) is not None}
    taken = {folded(column.name) for column in table.columns}
    new_names = {folded(new) for old, new in wanted.items() if folded(old) != folded(new)}
    now = {column.name: column.name for column in table.columns}
    for name in now:
        if folded(name) in new_names:  # in the way of another
            spare = next(
                spare for number in range(len(taken) + 1) if (spare := SPARE_COLUMN.format(number)) not in taken
            )
            taken.add(spare)
            rename_column(database, table.name, name, spare)
            now[name] = spare
    for old, new in wanted.items():
        if now[old] != new:
            rename_column(database, table.name, now[old], new)
    return Table(table.name, database_text(database, table.name), columns_of(database, table.name))


def rename_column(database: Database, table: str, old: str, new: str) -> None:
    alter(database, f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
