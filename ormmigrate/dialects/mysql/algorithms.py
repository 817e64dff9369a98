"""ALTER TABLE in the way that stands least in others' way."""

from __future__ import annotations

from collections.abc import Sequence

from peewee import Database, PeeweeException

from ormmigrate.dialects.mysql.codes import number_of
from ormmigrate.dialects.mysql.definition import Table, quoted
from ormmigrate.dialects.mysql.refusals import Refused, said
from ormmigrate.dialects.mysql.server import COPY, IN_PLACE, Server

SIZE = """
SELECT COALESCE(data_length, 0) + COALESCE(index_length, 0) FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_name = %s
"""
#: Of how many rows the length is looked at where statistics cannot be believed, and what InnoDB keeps beside each.
SAMPLED_ROWS, ROW_OVERHEAD_BYTES = 100, 20
MEGABYTE = 2**20


class Sizes:
    """How large tables are."""

    def __init__(self, database: Database, server: Server) -> None:
        self.database = database
        self._fresh = server.fresh_statistics

    def larger_than(self, table: Table, limit_bytes: int) -> int | None:
        """About how large a table is, in bytes, where that is more than a limit; None where it is not.

        Statistics of InnoDB are made anew some time after a tenth of the rows has changed: of a table that was
        just filled they may say that it is empty. So where they say that a table is small, its rows are asked.
        """
        if self._fresh:
            self.database.execute_sql(self._fresh)
            self._fresh = None
        row = self.database.execute_sql(SIZE, (table.name,)).fetchone()
        size_bytes = int(row[0]) if row else 0
        row_bytes = self._row_bytes(table)
        if row_bytes is None:
            return None
        if size_bytes > limit_bytes:
            return size_bytes
        return limit_bytes if self._has_more_rows(table, limit_bytes // row_bytes) else None

    def _row_bytes(self, table: Table) -> int | None:
        """The length of a row, by the first of them; None where there is none."""
        lengths = " + ".join(f"COALESCE(LENGTH({quoted(column.name)}), 0)" for column in table.columns)
        rows = f"SELECT {lengths} AS bytes FROM {quoted(table.name)} LIMIT {SAMPLED_ROWS}"
        (mean,) = self._ask(f"SELECT AVG(bytes) FROM ({rows}) AS sample") or (None,)
        return None if mean is None else ROW_OVERHEAD_BYTES + int(float(str(mean)))

    def _has_more_rows(self, table: Table, count: int) -> bool:
        return self._ask(f"SELECT 1 FROM {quoted(table.name)} LIMIT 1 OFFSET {count}") is not None

    def _ask(self, query: str) -> tuple[object, ...] | None:
        row: tuple[object, ...] | None = self.database.execute_sql(query.replace("%", "%%")).fetchone()
        return row


class Alterer:
    """Runs ALTER TABLE.

    Args:
        limit_bytes: up to which size a table may be copied without being asked.
    """

    def __init__(self, database: Database, server: Server, limit_bytes: int) -> None:
        self.database = database
        self.server = server
        self.limit_bytes = limit_bytes
        self.sizes = Sizes(database, server)

    def alter(self, table: Table, clauses: Sequence[str], *, allow_copy: bool) -> str | None:
        """Run one ALTER TABLE; which strategy it was, or None where the server was left to choose.

        Raises:
            Refused: it would copy a large table, and nobody said that it may.
        """
        size_bytes = self.sizes.larger_than(table, self.limit_bytes)
        if size_bytes is None:
            self._run(table, clauses)
            return None
        for algorithm, strategy in self.server.algorithms:
            try:
                self._run(table, [*clauses, algorithm])
            except PeeweeException as error:
                if number_of(error) not in self.server.refuses_algorithms_with:
                    raise
                refusal = error
            else:
                return strategy
        # Names are never copied, whatever a version says of the word LOCK beside them.
        is_renaming = all(clause.startswith("RENAME ") for clause in clauses)
        if not is_renaming and not allow_copy:
            raise self._would_copy(table, size_bytes, said(refusal)) from refusal
        # Without a word on how: some changes keep writers out and still need no copy, a FULLTEXT index for one.
        self._run(table, clauses)
        return IN_PLACE if is_renaming else COPY

    def _would_copy(self, table: Table, size_bytes: int, why: str) -> Refused:
        return Refused(
            f"{self.server.name} would copy {table.name} for it (at least {max(1, size_bytes // MEGABYTE)} MB), "
            f"and nobody could write to it meanwhile: {why}.",
            "run it with allow_copy=True at a time when that does no harm (for several changes, or where there is no "
            "such argument: with migrator.alter_table(name, allow_copy=True) as table: ...), or raise "
            "Limits.copy_limit_bytes.",
        )

    def _run(self, table: Table, clauses: Sequence[str]) -> None:
        statement = f"ALTER TABLE {quoted(table.name)} {', '.join(clauses)}"
        self.database.execute_sql(statement.replace("%", "%%"))
