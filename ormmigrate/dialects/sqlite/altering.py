"""Changing a table where it stands: by SQLite's own ALTER TABLE, and by an edit of the schema.

All of it runs inside the caller's transaction and savepoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import Database, DatabaseError, OperationalError

from ormmigrate.dialects.sqlite.dependents import Dependent, broken, dependents
from ormmigrate.dialects.sqlite.drafts import Draft
from ormmigrate.dialects.sqlite.findings import check_rows
from ormmigrate.dialects.sqlite.tables import Table, ask, columns_of, statistics_tables, text_of
from ormmigrate.dialects.sqlite.tokens import SPACE, WORD, folded, quoted, tokenize

SPARE_COLUMN = "ormmigrate_old_{}"


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
    _append_columns(database, draft)
    rows = _update(database, table.name, draft.filled)
    check_rows(database, draft, table.quoted)
    is_as_it_was = table is draft.table and len(draft.columns) == len(draft.kept)
    if is_as_it_was or not same_spelling(text_of(database, table.name), draft.text):
        set_text(database, table.name, draft.text)
    # What is written now is given the affinity that the new text says.
    return max(rows, _update(database, table.name, {key: quoted(key) for key in draft.converted}))


def _append_columns(database: Database, draft: Draft) -> None:
    """Add the columns that are new, with no more than rows that are there need; the new text says the rest."""
    for column in draft.columns:
        key = folded(column.name)
        if key in draft.kept:
            continue
        words = draft.definition.column(column.name)
        parts = [quoted(column.name), draft.definition.type_of(words)]
        if key not in draft.filled:
            # A row that does not hold the column takes its default from the schema.
            parts += [draft.text[one.start : one.end] for one in words.of_kind("DEFAULT") + words.of_kind("GENERATED")]
        database.execute_sql(f"ALTER TABLE {draft.table.quoted} ADD COLUMN {' '.join(parts)}")


def _update(database: Database, table: str, values: Mapping[str, str]) -> int:
    """Set columns in every row, with no trigger of the table seeing it; the number of rows."""
    if not values:
        return 0
    sets = ", ".join(f"{quoted(name)} = {value}" for name, value in values.items())
    triggers = [one for one in dependents(database) if one.kind == "trigger" and is_on(one, table)]
    with set_aside(database, triggers):
        database.execute_sql(f"UPDATE OR ABORT {quoted(table)} SET {sets}")
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
    for statistics in statistics_tables(database):
        database.execute_sql(f"UPDATE {statistics} SET idx = ? WHERE idx = ?", (new, old))


# -- views and triggers -----------------------------------------------------------------------------


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
        if one.is_temporary and one in dependents(database):
            continue  # of a table of the same name in an attached database
        if one.is_temporary:
            # The text that is kept does not say so.
            text = f"CREATE TEMP {text[len('CREATE ') :]}"
        database.execute_sql(text)


def is_on(trigger: Dependent, table: str) -> bool:
    return folded(trigger.table) == folded(table)


# -- names ----------------------------------------------------------------------------------------


def rename_kept_columns(database: Database, draft: Draft) -> Table:
    """Give the columns of the old table the names they have in the draft, so that all that says them follows.

    Returns:
        The table as it is then.
    """
    table = draft.table
    wanted = {old: column.name for column in draft.columns if (old := draft.kept.get(folded(column.name))) is not None}
    taken = {folded(column.name) for column in table.columns}
    if all(old == new for old, new in wanted.items()):
        return table
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
    return Table(table.name, text_of(database, table.name), columns_of(database, table.name))


def rename_column(database: Database, table: str, old: str, new: str) -> None:
    alter(database, f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")


def unused_name(database: Database, pattern: str) -> str:
    """A name of that pattern that no table, view or index has."""
    taken = {folded(name) for (name,) in ask(database, "SELECT name FROM sqlite_master")}
    taken |= {folded(name) for (name,) in ask(database, "SELECT name FROM sqlite_temp_master")}
    return next(name for number in range(1, len(taken) + 2) if (name := pattern.format(number)) not in taken)
