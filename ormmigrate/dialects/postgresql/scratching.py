"""A schema for a moment: in a transaction that is rolled back, and in which nobody else's tables are seen."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from peewee import Database, PeeweeException

from ormmigrate.dialects.base import Dialect, end_quietly, peewee_transaction, quoted
from ormmigrate.dialects.postgresql import own_types, reading
from ormmigrate.errors import ConfigurationError

PREFIX = "ormmigrate_scratch_"
# Of some names, those that the search_path takes for what is in that schema.
OUTSIDE = """
SELECT n FROM unnest(%s::text[]) AS n JOIN pg_catalog.pg_class AS c ON c.oid = to_regclass(quote_ident(n))
WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s) ORDER BY 1
"""
TABLES = "SELECT relname::text FROM pg_catalog.pg_class WHERE relnamespace = %s AND relkind IN ('r', 'p', 'f')"


@dataclass(frozen=True)
class Scratch:
    """A scratch schema.

    Attributes:
        path: the search_path inside, its own name first.
        home: the schema that it stands for, where what that has is seen as well, because extensions live there.
    """

    path: tuple[str, ...]
    home: str | None

    def outside(self, database: Database, names: Collection[str]) -> list[str]:
        """The names that would mean a table of the application's own."""
        if self.home is None or not names:
            return []
        return [name for (name,) in database.execute_sql(OUTSIDE, (list(names), self.home)).fetchall()]


@contextmanager
def scratch_schema(dialect: Dialect, database: Database, unmanaged: Sequence[str]) -> Iterator[Scratch]:
    """Make one, with copies of the types of the schema that it stands for.

    Extensions stay where they are, so their schemas follow in the search_path.

    Raises:
        ConfigurationError: this user may not make one, or may not read what is unmanaged.
    """
    # A name of its own for each: who makes one of the same name would wait until the other one is gone.
    name = PREFIX + uuid.uuid4().hex[:12]
    database.execute_sql("BEGIN")
    try:
        with peewee_transaction(database):
            home = database.execute_sql(reading.HOME, (dialect.schema,)).fetchone()
            extensions = reading.extension_schemas(database)
            path = (name, *extensions, f"{name}_types")
            _make(database, (path[0], path[-1]))
            if home is not None:
                own_types.copy(database, home[0], [home[1], *path[1:]], path[-1])
                _copy_tables(database, home, unmanaged, name)
            database.execute_sql("SELECT set_config('search_path', %s, true)", (reading.search_path(list(path)),))
            yield Scratch(path, home[1] if home is not None and home[1] in extensions else None)
    finally:
        if dialect.in_transaction(database):
            end_quietly("ROLLBACK", database, "ROLLBACK")


def _make(database: Database, names: Sequence[str]) -> None:
    try:
        for name in names:
            database.execute_sql(f"CREATE SCHEMA {quoted(database, name)}")
    except PeeweeException as error:
        raise ConfigurationError(
            f"A scratch schema cannot be made here: {error}",
            "use a database in which this user may CREATE SCHEMA: --database URL.",
        ) from error


def _copy_tables(database: Database, home: tuple[int, str], names: Sequence[str], scratch: str) -> None:
    """Make the tables of others that are there, without rows: a foreign key to the real one would lock it."""
    there = {name for (name,) in database.execute_sql(TABLES, (home[0],)).fetchall()} if names else set()
    for table in [name for name in names if name in there]:
        here, original = (f"{quoted(database, schema)}.{quoted(database, table)}" for schema in (scratch, home[1]))
        statement = f"CREATE TABLE {here} (LIKE {original} INCLUDING ALL)".replace("%", "%%")
        try:
            database.execute_sql(statement)
        except PeeweeException as error:
            raise ConfigurationError(
                f"The unmanaged table {table} cannot be copied to a scratch schema: {error}",
                "let this user SELECT from it, or use another database: --database URL.",
            ) from error
