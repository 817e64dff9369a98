"""Version 2 of the shop starts on the database that version 1 left behind.

python examples/shop/run.py             # the second time there is nothing left to do
python examples/shop/run.py --fresh     # begin again with the database of version 1
"""

import argparse
import random
import sys
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from peewee import fn
from shop.db import DEFAULT_PATH, db, sqlite
from shop.migrations import registry
from shop.models import MODELS, Customer, OrderLine

from ormmigrate import Database

LAST_OF_VERSION_1 = "20240219_143000_add_phone"
CUSTOMERS, ORDERS = 1_000, 20_000
PRICES_CENTS = {"tea": 695, "honey": 1_250, "bread": 480, "cheese": 2_199, "olives": 540}


def main() -> None:
    options = parse()
    if options.fresh:
        options.database.unlink(missing_ok=True)
    if not options.database.exists():
        build_version_1(options.database)
    db.initialize(sqlite(options.database))
    before = count_orders()

    with counted_queries() as queries:
        report = db.register_models(MODELS)  # all that an application has to do
    print(f"Version 2 starts. {report}")
    print(f"Queries that it took: {len(queries)}.")

    print_status()
    check(before, count_orders())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", type=Path, default=DEFAULT_PATH, metavar="PATH", help="default: %(default)s")
    parser.add_argument("--fresh", action="store_true", help="delete that file first")
    return parser.parse_args()


# -- version 1 ----------------------------------------------------------------------------------


def build_version_1(path: Path) -> None:
    """The database of a shop that knew the first two migrations, and did business for a year."""
    began = time.perf_counter()
    old = Database(sqlite(path), migrations=registry, version="1.0")
    old.migrations.up(to=LAST_OF_VERSION_1)
    with old.connection_context(), old.atomic():
        fill(old.connection())
    print(f"Version 1 left {path} behind, made in {time.perf_counter() - began:.1f} s.")


def fill(connection) -> None:
    chance = random.Random(1850)  # a fixed seed: every run makes the same shop
    customers = [(id, f"customer{id}@example.org", f"Customer {id}") for id in range(1, CUSTOMERS + 1)]
    orders, lines = [], []
    for id in range(1, ORDERS + 1):
        basket = [
            (id, product, chance.randint(1, 5), PRICES_CENTS[product])
            for product in chance.sample(list(PRICES_CENTS), chance.randint(1, 4))
        ]
        placed_at = datetime(2023, 1, 1) + timedelta(minutes=chance.randrange(365 * 24 * 60))
        total = sum(quantity * price for _, _, quantity, price in basket)
        orders.append((id, chance.randint(1, CUSTOMERS), str(placed_at), total))
        lines += basket
    connection.executemany("INSERT INTO customer (id, email, name) VALUES (?, ?, ?)", customers)
    connection.executemany('INSERT INTO "order" (id, customer_id, placed_at, total) VALUES (?, ?, ?, ?)', orders)
    connection.executemany(
        "INSERT INTO order_line (order_id, product, quantity, price_cents) VALUES (?, ?, ?, ?)", lines
    )


# -- version 2 ----------------------------------------------------------------------------------


@contextmanager
def counted_queries():
    """The queries that are sent inside the block, as peewee's hooks tell of them."""
    queries = []
    hooks = db.obj.query_hooks
    hooks.append(queries.append)
    try:
        yield queries
    finally:
        hooks.remove(queries.append)


def print_status() -> None:
    for migration in db.migrations.status().migrations:
        mark = "x" if migration.state == "applied" else " "
        print(
            f"  [{mark}] {migration.label:<42} {migration.applied_at:%Y-%m-%d %H:%M:%S}"
            f" {migration.duration_ms:7.1f} ms  by version {migration.application_version}"
        )


def count_orders() -> tuple[int, int]:
    """How many orders there are, and how many cents they come to: what no migration may change."""
    with db.connection_context():
        # Plain SQL, since the models know the tables only as they are afterwards.
        column = "total_cents" if "total_cents" in {column.name for column in db.get_columns("order")} else "total"
        return db.execute_sql(f'SELECT count(*), sum({column}) FROM "order"').fetchone()


def check(before: tuple[int, int], after: tuple[int, int]) -> None:
    with db.connection_context():
        in_lines = OrderLine.select(fn.SUM(OrderLine.quantity * OrderLine.price_cents)).scalar()
        gold = Customer.select().where(Customer.tier == "gold").count()
    print(f"Orders: {before[0]:,} before, {after[0]:,} after.")
    print(f"Cents: {before[1]:,} before, {after[1]:,} after, {in_lines:,} in the lines of all orders.")
    print(f"Gold customers: {gold:,} of {CUSTOMERS:,}.")
    if before != after or after != (ORDERS, in_lines):
        sys.exit("The shop is not what it was.")


if __name__ == "__main__":
    main()
