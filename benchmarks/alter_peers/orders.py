"""The table that is changed: orders of a shop, about 150 bytes a row, two indexes, a CHECK and a foreign key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

TABLE = "orders"
CUSTOMERS, WAREHOUSES = 1000, 50
SCHEMA = (
    'CREATE TABLE "customer" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(40) NOT NULL)',
    'CREATE TABLE "warehouse" ("id" INTEGER NOT NULL PRIMARY KEY, "name" VARCHAR(40) NOT NULL)',
    """\
CREATE TABLE "orders" (
  "id" INTEGER NOT NULL PRIMARY KEY,
  "customer_id" INTEGER NOT NULL,
  "warehouse_id" INTEGER NOT NULL,
  "reference" VARCHAR(20) NOT NULL,
  "email" VARCHAR(60) NOT NULL,
  "city" VARCHAR(20),
  "zip" INTEGER NOT NULL,
  "status" VARCHAR(10) NOT NULL DEFAULT 'new',
  "quantity" INTEGER NOT NULL,
  "price" DECIMAL(10, 2) NOT NULL,
  "placed_at" DATETIME NOT NULL,
  "note" TEXT,
  CONSTRAINT "orders_quantity" CHECK ("quantity" > 0),
  CONSTRAINT "orders_warehouse" FOREIGN KEY ("warehouse_id") REFERENCES "warehouse" ("id")
)""",
    'CREATE INDEX "orders_customer_id" ON "orders" ("customer_id")',
    'CREATE INDEX "orders_placed_at" ON "orders" ("placed_at")',
)
NUMBERS = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?) "
#: Every value follows from the row's number, and neighbours differ.
ORDERS = (
    NUMBERS
    + f"""
INSERT INTO orders SELECT
  n,
  1 + n * 7919 % {CUSTOMERS},
  1 + n * 31 % {WAREHOUSES},
  printf('R%010d', n),
  printf('customer.%d@example.com', n * 7919 % {CUSTOMERS}),
  substr('Amsterdam Barcelona Copenhagen Dublin    Edinburgh ', 1 + n % 5 * 10, 10),
  10000 + n * 7 % 90000,
  substr('new    paid   sent   closed ', 1 + n % 4 * 7, 7),
  1 + n % 9,
  (n * 37 % 100000) / 100.0,
  datetime(1600000000 + n * 7907 % 100000000, 'unixepoch'),
  CASE WHEN n % 3 THEN printf('Please leave parcel %d with the neighbours at number %d.', n, n % 97) END
FROM number"""
)


def create(path: Path, rows: int) -> None:
    """Make the file anew."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for statement in SCHEMA[:3]:
            connection.execute(statement)
        for table, count in (("customer", CUSTOMERS), ("warehouse", WAREHOUSES)):
            connection.execute(NUMBERS + f"INSERT INTO {table} SELECT n, printf('Name %d', n) FROM number", (count,))
        connection.execute(ORDERS, (rows,))
        for statement in SCHEMA[3:]:
            connection.execute(statement)
        connection.execute("COMMIT")


def facts(path: Path, table: str) -> dict[str, object]:
    """What the table is afterwards, and a digest of its values."""
    with _reading(path) as connection:
        columns = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
        keys = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        (text,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        sums = ", ".join(f'count("{column[1]}"), sum(length("{column[1]}"))' for column in columns)
        return {
            "columns": [column[1] for column in columns],
            "types": [column[2].replace(" ", "").upper() for column in columns],
            "NOT NULL": [bool(column[3]) for column in columns],
            "defaults": [column[4] for column in columns],
            "foreign keys": sorted([key[2], key[3], key[4], key[6]] for key in keys),
            "checks": text.upper().count("CHECK"),
            "indexes": _indexes(connection, table),
            "rows": connection.execute(f"SELECT count(*), {sums} FROM {table}").fetchone(),
        }


def _indexes(connection: sqlite3.Connection, table: str) -> list[list[object]]:
    found = connection.execute(f"PRAGMA index_list({table})").fetchall()
    columns = {index[1]: [row[2] for row in connection.execute(f"PRAGMA index_info({index[1]})")] for index in found}
    return sorted([columns[index[1]], index[2], index[3]] for index in found)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        yield connection
