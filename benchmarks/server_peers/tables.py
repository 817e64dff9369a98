"""The table that is changed: made once, copied for each measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server_peers.hosts import PG, connected, kind_of

#: `base` is never touched, `orders` is the copy that is changed, `twin` is one that nobody changes.
BASE, CHANGED, TWIN = "base", "orders", "twin"
CUSTOMERS = 100_000
COLUMNS = "id, customer_id, reference, city, street, email, quantity, price, weight, n"
TABLE = """
CREATE TABLE {table} (
  id INTEGER NOT NULL PRIMARY KEY,
  customer_id INTEGER NOT NULL,
  reference VARCHAR(20) NOT NULL,
  city VARCHAR(20),
  street VARCHAR(30),
  email VARCHAR(40),
  quantity INTEGER NOT NULL,
  price DECIMAL(8, 2) NOT NULL,
  weight INTEGER NOT NULL,
  n INTEGER NOT NULL
)
"""
ROW = (
    "i + 1, 1 + MOD(i, {customers}), CONCAT('R', i), 'Amsterdam', 'Herengracht', 'shop@example.com', "
    "MOD(i, 9), MOD(i, 900) / 4.0, MOD(i, 50), 0"
)


@dataclass(frozen=True)
class Storage:
    """Where a table's rows are: a change that rewrites the table puts them elsewhere, or makes them more."""

    place: object
    size_bytes: int

    def is_rewritten_in(self, later: Storage) -> bool:
        # The writer adds a few rows; an UPDATE of all rows in place doubles the table on PostgreSQL.
        return later.place != self.place or later.size_bytes > self.size_bytes * 1.2


class Tables:
    """The tables of one database of ours.

    Attributes:
        rows: how many a table has.
    """

    def __init__(self, url: str, rows: int) -> None:
        self.url, self.rows = url, rows
        self.is_postgresql = kind_of(url) == PG
        self.database = connected(url)
        self._fill()

    def _fill(self) -> None:
        self._sql("CREATE TABLE digit (d INTEGER NOT NULL)")
        self._sql("INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
        self._sql("CREATE TABLE customer (id INTEGER NOT NULL PRIMARY KEY)")
        self._sql(f"INSERT INTO customer SELECT i + 1 FROM ({numbers(CUSTOMERS)}) AS number")
        self._sql(TABLE.format(table=BASE))
        row = ROW.format(customers=CUSTOMERS)
        self._sql(f"INSERT INTO {BASE} ({COLUMNS}) SELECT {row} FROM ({numbers(self.rows)}) AS number")
        self._settle("customer")
        self._settle(BASE)
        self._copy_to(TWIN)

    def fresh(self) -> None:
        """Put a copy of the base in the place of the table that is changed, and let the server come to rest."""
        self._sql(f"DROP TABLE IF EXISTS {CHANGED}")
        self._copy_to(CHANGED)

    def _copy_to(self, table: str) -> None:
        self._sql(TABLE.format(table=table))
        self._sql(f"INSERT INTO {table} ({COLUMNS}) SELECT {COLUMNS} FROM {BASE} ORDER BY id")
        self._settle(table)

    def _settle(self, table: str) -> None:
        """Write to the disk what is not there yet, so that no measurement pays for the copy."""
        if self.is_postgresql:
            self._sql(f"VACUUM (ANALYZE) {table}")
            self._sql("CHECKPOINT")
        else:
            self._sql(f"ANALYZE TABLE {table}").fetchall()
            self._sql(f"FLUSH TABLES {table} FOR EXPORT")
            self._sql("UNLOCK TABLES")

    def storage(self) -> Storage:
        if self.is_postgresql:
            query = "SELECT pg_relation_filenode(%s), pg_relation_size(%s)"
            place, size_bytes = self._sql(query, (CHANGED, CHANGED)).fetchone()
        else:
            # Its file holds the indexes as well, so that its size says nothing of the rows.
            query = "SELECT space, 0 FROM information_schema.innodb_sys_tablespaces WHERE name = %s"
            name = f"{self.database.database}/{CHANGED}"
            place, size_bytes = self._sql(query, (name,)).fetchone()
        return Storage(place, int(size_bytes))

    def close(self) -> None:
        self.database.close()

    def _sql(self, sql: str, params: tuple[object, ...] | None = None) -> Any:
        return self.database.execute_sql(sql, params)


def numbers(count: int) -> str:
    """A query for the column i: 0 to count - 1; the same text on every server."""
    width = max(1, len(str(count - 1)))
    terms = " + ".join(f"d{place}.d * {10**place}" for place in range(width))
    sources = ", ".join(f"digit d{place}" for place in reversed(range(width)))
    return f"SELECT {terms} AS i FROM {sources} WHERE {terms} < {count}"
