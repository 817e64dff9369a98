"""Tables as the server describes them, and the session in which it describes them plainly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Database, PeeweeException

from ormmigrate.dialects.base import end_quietly
from ormmigrate.dialects.mysql.codes import number_of
from ormmigrate.dialects.mysql.definition import Table, Unreadable, folded, quoted, read_table
from ormmigrate.dialects.mysql.refusals import Refused, not_there
from ormmigrate.dialects.mysql.words import Spelling

NO_SUCH_TABLE = 1146
#: What the tables begin with that this package keeps for itself.
OWN = "ormmigrate_"
NOT_PLAIN = (
    # What changes how SQL is written. SHOW CREATE TABLE doubles backslashes whether they escape or not.
    *("ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"),
    # What makes SHOW CREATE TABLE leave something out.
    *("NO_FIELD_OPTIONS", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS"),
    # Names for several at once, which would bring them back.
    *("ANSI", "DB2", "MAXDB", "MSSQL", "MYSQL323", "MYSQL40", "ORACLE", "POSTGRESQL"),
    # What keeps a table from being changed because of dates that it holds already.
    *("NO_ZERO_DATE", "NO_ZERO_IN_DATE"),
)
STRICT = ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES")
REFERRING = """
SELECT referenced_column_name, constraint_name, table_name FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE() AND referenced_table_name = %s
ORDER BY table_name, constraint_name
"""


@contextmanager
def plain_session(database: Database) -> Iterator[Spelling]:
    """A strict session in which SQL is spelled plainly; gives the spelling that the application uses.

    MODIFY cuts values to what fits, without a word, in a session whose mode is not strict.
    """
    mode, quotes = database.execute_sql("SELECT @@SESSION.sql_mode, @@SESSION.sql_quote_show_create").fetchone()
    words = [word for word in str(mode).split(",") if word]
    spelling = Spelling("ANSI_QUOTES" in words, "NO_BACKSLASH_ESCAPES" not in words)
    kept = [word for word in words if word not in NOT_PLAIN]
    kept += [] if set(kept) & set(STRICT) else ["STRICT_ALL_TABLES"]
    if kept == words and quotes:
        yield spelling
        return
    settings = "SET SESSION sql_mode = %s, SESSION sql_quote_show_create = %s"
    database.execute_sql(settings, (",".join(kept), 1))
    try:
        yield spelling
    finally:
        end_quietly("Resetting sql_mode", database, settings, (mode, quotes))


class Reader:
    """Reads tables; inside a plain session only."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query without parameters; the driver takes a percent sign for one all the same."""
        rows: list[tuple[Any, ...]] = self.database.execute_sql(query.replace("%", "%%")).fetchall()
        return rows

    def table(self, name: str) -> Table:
        """The definition of a table.

        Raises:
            Refused: there is none of that name, or it is no table.
        """
        try:
            cursor = self.database.execute_sql(f"SHOW CREATE TABLE {quoted(name)}".replace("%", "%%"))
        except PeeweeException as error:
            if number_of(error) != NO_SUCH_TABLE:
                raise
            raise not_there("table", name, self._tables(), "in this database") from error
        row = cursor.fetchone()
        if cursor.description[0][0] == "View":
            raise Refused(f"{name} is a view.", "make it anew: migrator.sql('CREATE OR REPLACE VIEW ...').")
        try:
            return read_table(row[1])
        except (Unreadable, ValueError, IndexError) as error:
            raise Refused(
                f"What the server says of {name} cannot be read: {row[1]}",
                "write the statement yourself with migrator.sql(...), and report this.",
            ) from error

    def _tables(self) -> list[str]:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
        return [name for (name,) in self.rows(query) if not name.startswith(OWN)]

    def referring(self, table: str) -> list[tuple[str, str, str]]:
        """The foreign keys to a table: the column that they refer to, their names, and their tables."""
        rows = self.database.execute_sql(REFERRING, (table,)).fetchall()
        return [(str(column), str(name), str(owner)) for column, name, owner in rows]

    def referred(self, table: str) -> dict[str, list[str]]:
        """By name, folded, the columns of a table that foreign keys refer to, with those keys in words."""
        found: dict[str, list[str]] = {}
        for column, name, owner in self.referring(table):
            found.setdefault(folded(column), []).append(f"foreign key {name} of {owner}")
        return found
