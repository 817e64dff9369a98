"""What is killed: a batch of eleven operations on a populated shop, the same on MariaDB and PostgreSQL.

As a process: one start of the application. Called with the URL, and `fails` where the last migration is to raise.
Prints `begins`, then `planned` when the lock is held and the first operation is next, and at the end `took` with the
seconds, and `done`, `failed: ...` (the last migration did what it is there for), `refused: ...` (UnfinishedMigration)
or `lost: ...`.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, CharField, IntegerField, TextField

from ormmigrate import BaseMigration, Database, MigrationFailed, Registry, UnfinishedMigration
from ormmigrate.dialects import dialect_of
from ormmigrate.events import BatchPlanned
from server_peers.tables import numbers

OPERATIONS = 11
LOCK_TIMEOUT_S = 60.0
TABLES = {
    "customer": {
        "id": AutoField(),
        "reference": CharField(max_length=20),
        "email": CharField(max_length=40),
        "zip": IntegerField(),
        "city": CharField(max_length=20, null=True),
        "note": TextField(null=True),
    },
    "orders": {
        "id": AutoField(),
        "customer_id": IntegerField(),
        "quantity": IntegerField(),
        "old_number": IntegerField(null=True),
    },
    # n counts how often the statement has run, m how often the function has: 0 or 1 for each row.
    "counter": {"id": AutoField(), "n": IntegerField(), "m": IntegerField()},
}
INDEXES = {"orders": ((("old_number",), False),)}
ROWS = (
    "INSERT INTO customer (reference, email, zip, city, note) SELECT CONCAT('C', i), "
    "CONCAT('customer.', i, '@example.com'), 10000 + MOD(i, 90000), 'Amsterdam', 'Knows others.' "
    "FROM ({rows}) AS number",
    "INSERT INTO orders (customer_id, quantity, old_number) SELECT 1 + MOD(i, {count}), MOD(i, 9), i "
    "FROM ({rows}) AS number",
    "INSERT INTO counter (n, m) SELECT 0, 0 FROM ({counters}) AS number",
)
COUNTERS = 500


class Create(BaseMigration):
    """What is there before."""

    id = "20240601_120000_create"

    def up(self, migrator: Any) -> None:
        for table, columns in TABLES.items():
            migrator.create_table(table, columns, indexes=INDEXES.get(table, ()))


class ChangeCustomers(BaseMigration):
    """Operations 1 to 5."""

    id = "20240602_120000_change_customers"

    def up(self, migrator: Any) -> None:
        migrator.add_column("customer", "phone", CharField(max_length=20, default="none"))
        migrator.add_index("customer", ("city",))
        migrator.rename_column("customer", "email", "mail")
        migrator.alter_column_type("customer", "zip", BigIntegerField(), replaces=IntegerField(), allow_copy=True)
        migrator.add_not_null("customer", "city", allow_copy=True)


class AddVouchers(BaseMigration):
    """Operations 6 to 9. No index of the vouchers is unique, so that a row that comes twice shows."""

    id = "20240603_120000_add_vouchers"

    def up(self, migrator: Any) -> None:
        columns = {"id": AutoField(), "customer_id": IntegerField(), "code": CharField(max_length=20)}
        migrator.create_table("voucher", columns)
        migrator.add_foreign_key_constraint("orders", "customer_id", "customer", "id", allow_copy=True)
        migrator.sql("UPDATE counter SET n = n + 1", reverse="UPDATE counter SET n = n - 1")
        migrator.sql(
            "INSERT INTO voucher (customer_id, code) SELECT id, CONCAT('V', id) FROM customer WHERE MOD(id, 10) = 0",
            reverse="DELETE FROM voucher",
        )


def count(migrator: Any) -> None:
    counter = migrator.table("counter")
    counter.update(m=counter.m + 1).execute()


def count_back(migrator: Any) -> None:
    counter = migrator.table("counter")
    counter.update(m=counter.m - 1).execute()


class Tidy(BaseMigration):
    """Operations 10 and 11."""

    id = "20240604_120000_tidy"

    def up(self, migrator: Any) -> None:
        migrator.run(count, reverse=count_back)
        migrator.drop_index("orders", "orders_old_number", columns=("old_number",))


class WantedError(Exception):
    """What the last migration raises."""


def fail(migrator: Any) -> None:
    raise WantedError


class Fail(BaseMigration):
    """What makes the batch end before, whatever happens to it."""

    id = "20240605_120000_fail"

    def up(self, migrator: Any) -> None:
        migrator.run(fail, reverse=fail)


MIGRATIONS = (Create, ChangeCustomers, AddVouchers, Tidy)


class Customer(peewee.Model):
    reference = CharField()


def populate(url: str, count: int) -> None:
    """Make the tables, and fill them."""
    database = Database(url, migrations=Registry([Create]))
    database.register_models([])
    database.connect()
    database.execute_sql("CREATE TABLE digit (d INTEGER NOT NULL)")
    database.execute_sql("INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
    for statement in ROWS:
        database.execute_sql(statement.format(rows=numbers(count), counters=numbers(COUNTERS), count=count))
    database.execute_sql("DROP TABLE digit")
    database.close()


def main() -> None:
    url, *rest = sys.argv[1:]
    logging.disable()
    registry = Registry([*MIGRATIONS, Fail] if "fails" in rest else MIGRATIONS)
    database = Database(url, migrations=registry, observers=[tell], lock_timeout_s=LOCK_TIMEOUT_S)
    database.connect()
    dialect_of(database.obj).engine(database.obj)  # imports what a batch needs, so that no moment falls on that
    print("begins", flush=True)
    began = time.monotonic()
    said = start(database)
    print(f"took {time.monotonic() - began}\n{said}", flush=True)


def tell(event: object) -> None:
    if isinstance(event, BatchPlanned):
        print("planned", flush=True)


def start(database: Database) -> str:
    """One start of the application, in a word."""
    try:
        database.register_models([Customer])
    except UnfinishedMigration as error:
        return f"refused: {on_one_line(error)}"
    except MigrationFailed as error:
        word = "failed" if WantedError.__name__ in causes(error) else "lost"
        return f"{word}: {on_one_line(error)}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        return f"lost: {type(error).__name__}: {on_one_line(error)}"
    return "done"


def causes(error: BaseException | None) -> list[str]:
    names = []
    while error is not None:
        names.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return names


def on_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:1000]


if __name__ == "__main__":
    main()
