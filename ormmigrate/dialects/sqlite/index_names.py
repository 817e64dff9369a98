"""Names of indexes that follow peewee's convention, and so follow a table or column that is renamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peewee import Database

from ormmigrate.dialects.sqlite.altering import rename_index
from ormmigrate.dialects.sqlite.edits import spliced
from ormmigrate.dialects.sqlite.tables import Index, indexes_of, names_of
from ormmigrate.dialects.sqlite.tokens import folded, quoted, significant
from ormmigrate.operations import index_name


def conventional(table: str, columns: Sequence[str | None]) -> list[str]:
    """The names that peewee gives an index: by the table, and by the model, whose name has no underscores."""
    names = [name for name in columns if name is not None]
    return [index_name(prefix, names) for prefix in (table, table.replace("_", ""))] if names == list(columns) else []


def carry_over(
    database: Database, was: str, indexes: Sequence[Index], now: str, *, edits_schema: Callable[[], bool]
) -> None:
    """Rename what bore the old name, so that a table made later under that name gets its indexes.

    Args:
        was, indexes: the table's name and its indexes before.
        now: its name afterwards.
        edits_schema: whether the name may be changed in place; otherwise the index is made again.
    """
    there = {index.name: index for index in indexes_of(database, now)}
    for index in indexes:
        after = there.get(index.name)
        if after is None or after.text is None:
            continue
        former = [folded(name) for name in conventional(was, index.columns)]
        if folded(index.name) not in former:
            continue
        name = conventional(now, after.columns)[former.index(folded(index.name))]
        if folded(name) == folded(index.name) or folded(name) in map(
            folded, names_of(database, "table", "view", "index", "trigger")
        ):
            continue
        text = renamed(after.text, name)
        if edits_schema():
            rename_index(database, index.name, name, text)
        else:
            database.execute_sql(f"DROP INDEX {quoted(index.name)}")
            database.execute_sql(text)


def renamed(text: str, name: str) -> str:
    """CREATE INDEX with another name."""
    tokens = significant(text)
    # As SQLite keeps it: without a schema, and without IF NOT EXISTS.
    old = tokens[next(place for place, token in enumerate(tokens) if token.is_word("INDEX")) + 1]
    return spliced(text, [(old.start, old.end, quoted(name))])
