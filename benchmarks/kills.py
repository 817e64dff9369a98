"""SIGKILL at random moments of a batch of twenty operations on SQLite: everything done, or nothing.

    python benchmarks/kills.py [--kills 300] [--rows 20000] [--seed 1]

A process of its own runs three migrations: tables with triggers, indexes, AUTOINCREMENT, a view and children with
ON DELETE CASCADE are rebuilt. It is killed after a delay of 0 to 1.15 times what the batch takes undisturbed, the
delays spread evenly and drawn at random within their part; one half with a rollback journal, the other with WAL.
The file is then opened again. Checked: integrity_check, foreign_key_check, and that schema, rows, sequences and
history are exactly those of before or exactly those of after. Every tenth time the batch is then run again, and
must lead to the same end. Exits 1 where anything is in between.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from peewee import CharField, Check, IntegerField, SqliteDatabase, TextField

from ormmigrate import BaseMigration, Registry, Runner

JOURNALS = ("delete", "wal")
UNDISTURBED = 7  # runs that are timed
LONGEST = 1.15  # of an undisturbed run
AGAIN = 10  # every which time the batch is run again
SCHEMA = """
CREATE TABLE customer (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  reference VARCHAR(20) NOT NULL,
  email VARCHAR(60) NOT NULL,
  city VARCHAR(20),
  zip INTEGER NOT NULL,
  status VARCHAR(10) NOT NULL,
  note TEXT
);
CREATE TABLE product (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(20) NOT NULL UNIQUE, weight INTEGER);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  placed_at DATETIME NOT NULL,
  price DECIMAL(10, 2) NOT NULL DEFAULT 0,
  old_number INTEGER
);
CREATE TABLE line (
  id INTEGER PRIMARY KEY,
  orders_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  product_id INTEGER NOT NULL,
  quantity INTEGER NOT NULL
);
CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, orders_id INTEGER);
CREATE INDEX by_email ON customer (email);
CREATE INDEX customer_big_city ON customer (city) WHERE city <> 'Dublin';
CREATE INDEX orders_customer_id ON orders (customer_id);
CREATE INDEX orders_old_number ON orders (old_number);
CREATE INDEX line_orders_id ON line (orders_id);
CREATE VIEW turnover AS
  SELECT customer.email, count(*) AS orders, sum(orders.price) AS price
  FROM customer JOIN orders ON orders.customer_id = customer.id GROUP BY customer.id;
CREATE TRIGGER customer_changed AFTER UPDATE ON customer
  BEGIN INSERT INTO audit (what) VALUES ('changed ' || NEW.email); END;
CREATE TRIGGER orders_added AFTER INSERT ON orders
  BEGIN INSERT INTO audit (what, orders_id) VALUES ('added', NEW.id); END;
CREATE TRIGGER line_removed AFTER DELETE ON line
  BEGIN UPDATE orders SET price = price - OLD.quantity WHERE id = OLD.orders_id; END;
"""
NUMBERS = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :rows) "
#: As many customers and orders as rows, twice as many lines. What was deleted again shows in the sequences.
ROWS = (
    """INSERT INTO customer SELECT n, printf('C%08d', n), printf('customer.%d@example.com', n),
       substr('AmsterdamBarcelonaDublin   Edinburgh', 1 + n % 4 * 9, 9), 10000 + n % 90000, 'old',
       CASE WHEN n % 2 THEN printf('Knows customer %d.', n / 2) END FROM number""",
    "INSERT INTO product SELECT n, printf('Product %d', n), n % 50 FROM number WHERE n <= 100",
    """INSERT INTO orders SELECT n, 1 + n * 7919 % :rows, datetime(1600000000 + n * 7907, 'unixepoch'), n % 900 / 4.0,
       CASE WHEN n % 3 THEN n END FROM number""",
    "INSERT INTO line SELECT n, 1 + n % :rows, 1 + n % 100, 1 + n % 9 FROM number",
    "INSERT INTO line SELECT n + :rows, 1 + n % :rows, 1 + n % 99, 1 + n % 7 FROM number",
)
DELETED = (
    "INSERT INTO customer VALUES (:rows + 500, 'gone', 'gone', 'gone', 1, 'gone', NULL)",
    "DELETE FROM customer WHERE id = :rows + 500",
)


class Create(BaseMigration):
    id = "20240601_120000_create"

    def up(self, migrator):
        migrator.script(SCHEMA)


class ChangeCustomers(BaseMigration):
    """Operations 1 to 7."""

    id = "20240602_120000_change_customers"

    def up(self, migrator):
        migrator.alter_column_type("customer", "zip", TextField())
        migrator.add_column("customer", "phone", CharField(max_length=20, default="none"))
        migrator.add_not_null("customer", "city")
        migrator.add_column_default("customer", "status", "new")
        migrator.add_unique("customer", "reference")
        migrator.rename_column("customer", "email", "mail")
        migrator.add_index("customer", ("zip",))


class ChangeOrders(BaseMigration):
    """Operations 8 to 13; the five of the group are one rebuild."""

    id = "20240603_120000_change_orders"

    def up(self, migrator):
        with migrator.alter_table("orders") as orders:
            orders.add_column("state", CharField(max_length=10, default="open"))
            orders.add_constraint("orders_price", Check("price >= 0"))
            orders.drop_column("old_number", cascade=True)
            orders.drop_column_default("price")
            orders.drop_not_null("placed_at")
        migrator.sql("UPDATE orders SET state = 'done' WHERE id % 3 = 0")


class ChangeTheRest(BaseMigration):
    """Operations 14 to 20."""

    id = "20240604_120000_change_the_rest"

    def up(self, migrator):
        migrator.add_foreign_key_constraint("line", "product_id", "product", "id", on_delete="CASCADE")
        migrator.drop_foreign_key_constraint("orders", "customer_id")
        migrator.add_foreign_key_constraint("orders", "customer_id", "customer", "id", on_delete="CASCADE")
        migrator.create_table("voucher", {"customer_id": IntegerField(), "code": CharField(unique=True)})
        migrator.sql("INSERT INTO voucher SELECT id, 'V' || id FROM customer WHERE id % 10 = 0")
        migrator.drop_index("line", "line_orders_id")
        migrator.rename_table("product", "article")


REGISTRY = Registry([Create, ChangeCustomers, ChangeOrders, ChangeTheRest])
TIMES = ("applied_at", "duration_ms")  # in the history
State = dict[str, Any]


class Broken(Exception):
    """The file is damaged."""


def main() -> None:
    options = parse()
    if options.child:
        run_batch(options.child)
        return
    chance = random.Random(options.seed)
    is_whole = True
    with TemporaryDirectory(prefix="ormmigrate_kills_") as temporary:
        for journal in JOURNALS:
            folder = Path(temporary, journal)
            folder.mkdir()
            killed = Killed(folder, journal, options.rows)
            print(killed, flush=True)
            is_whole &= killed.kill(delays(options.kills // len(JOURNALS), killed.duration_s, chance))
    if not is_whole:
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300, metavar="N")
    parser.add_argument("--rows", type=int, default=20_000, metavar="N", help="of customers and of orders")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--child", metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args()


def delays(count: int, duration_s: float, chance: random.Random) -> list[float]:
    """One moment in each of as many equal parts of the time, in random order."""
    found = [(number + chance.random()) / count * LONGEST * duration_s for number in range(count)]
    chance.shuffle(found)
    return found


class Killed:
    """The file before and after the batch in one journal mode, and batches on copies of it that are killed."""

    def __init__(self, folder: Path, journal: str, rows: int) -> None:
        self.folder, self.journal = folder, journal
        self.prepared = folder / "prepared.db"
        prepare(self.prepared, journal, rows)
        self.before = state(self.prepared)
        durations_s, ends = zip(*(self._undisturbed() for _ in range(UNDISTURBED)))
        self.duration_s, self.after = median(durations_s), ends[0]
        assert all(end == self.after for end in ends), "the batch does not always lead to the same end"
        check_end(self.before, self.after)

    def __str__(self) -> str:
        size_mb = self.prepared.stat().st_size / 1024 / 1024
        return f"{self.journal}: {size_mb:.1f} MB, a batch takes {self.duration_s * 1000:.0f} ms undisturbed"

    def kill(self, delays_s: list[float]) -> bool:
        """Kill a batch after each delay; whether none was in between."""
        counts: Counter[str] = Counter()
        for number, delay_s in enumerate(delays_s):
            path = self._copy()
            process = start_child(path)
            time.sleep(delay_s)
            process.send_signal(signal.SIGKILL)
            rest = process.communicate()[0]
            counts["had finished"] += process.returncode == 0 or "done" in rest
            counts["had begun to write"] += has_written(path, self.journal)
            where = self._where(path)
            counts[where] += 1
            if where not in ("before", "after"):
                print(f"  killed after {delay_s * 1000:.1f} ms: {where}")
            elif number % AGAIN == 0:
                counts["run again"] += 1
                self._run_again(path)
        counts["in between"] = len(delays_s) - counts["before"] - counts["after"]
        names = ("before", "after", "in between", "had begun to write", "had finished", "run again")
        print(f"  {len(delays_s)} killed: " + ", ".join(f"{counts[name]} {name}" for name in names), flush=True)
        return not counts["in between"]

    def _where(self, path: Path) -> str:
        try:
            found = state(path)
        except (sqlite3.Error, Broken) as error:
            return f"broken: {error}"
        if found == self.before:
            return "before"
        if found == self.after:
            return "after"
        return f"in between: {', '.join(name for name in found if found[name] != self.before.get(name))} changed"

    def _run_again(self, path: Path) -> None:
        run_to_the_end(path)
        assert state(path) == self.after, "the batch, run again, led to another end"

    def _undisturbed(self) -> tuple[float, State]:
        path = self._copy()
        return run_to_the_end(path), state(path)

    def _copy(self) -> Path:
        """The prepared file in a new folder, so that no journal of an earlier one is there."""
        folder = self.folder / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return Path(shutil.copyfile(self.prepared, folder / "shop.db"))


def prepare(path: Path, journal: str, rows: int) -> None:
    Runner(SqliteDatabase(path), REGISTRY).up(to=Create.id)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in ROWS:
            connection.execute(statement.replace("INSERT", NUMBERS + "INSERT", 1), {"rows": rows})
        for statement in DELETED:
            connection.execute(statement, {"rows": rows})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")


def start_child(path: Path) -> subprocess.Popen[str]:
    """A process that has said that its batch begins."""
    command = [sys.executable, __file__, "--child", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def run_to_the_end(path: Path) -> float:
    """The seconds that the batch takes when nothing happens to it."""
    process = start_child(path)
    began = time.perf_counter()
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    duration_s = time.perf_counter() - began
    process.communicate()
    assert process.returncode == 0
    return duration_s


def run_batch(file: str) -> None:
    """What is killed. All of it runs on an empty database first, so that no moment falls on imports."""
    Runner(SqliteDatabase(":memory:"), REGISTRY).up()
    database = SqliteDatabase(file, pragmas={"foreign_keys": 1})
    runner = Runner(database, REGISTRY)
    database.connect()
    print("begins", flush=True)
    runner.up()
    print("done", flush=True)
    database.close()


def has_written(path: Path, journal: str) -> bool:
    """Whether the process that was killed left a journal behind."""
    left = path.with_name(path.name + ("-journal" if journal == "delete" else "-wal"))
    return left.exists() and left.stat().st_size > 0


def state(path: Path) -> State:
    """Everything that is in the file but for times, each under a name of its own. Opening it is what rolls back.

    Raises:
        Broken: the file is damaged, or a row refers to nothing.
    """
    with closing(sqlite3.connect(path)) as connection:
        damage = connection.execute("PRAGMA integrity_check").fetchall()
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        if damage != [("ok",)] or orphans:
            raise Broken(damage[0], orphans[:3])
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid").fetchall()
        tables = [name for type_, name, *_ in schema if type_ == "table" and name != "ormmigrate_history"]
        return {
            "the schema": schema,
            "the history": history(connection),
            **{f"rows of {table}": digest(connection, table) for table in tables},
        }


def history(connection: sqlite3.Connection) -> list[dict[str, object]]:
    cursor = connection.execute("SELECT * FROM ormmigrate_history ORDER BY rowid")
    names = [column[0] for column in cursor.description]
    return [{name: value for name, value in zip(names, row) if name not in TIMES} for row in cursor]


def digest(connection: sqlite3.Connection, table: str) -> tuple[int, str]:
    rows = connection.execute(f'SELECT rowid, * FROM "{table}" ORDER BY rowid').fetchall()
    return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()


def check_end(before: State, after: State) -> None:
    """That the batch is one worth killing: it did what it says, and lost nothing."""

    def names(found: State, *types: str) -> set[str]:
        # An index that SQLite names itself is named after its table, and one is renamed.
        return {name for type_, name, *_ in found["the schema"] if type_ in types and not name.startswith("sqlite_")}

    assert names(after, "trigger", "view") == names(before, "trigger", "view")
    assert names(before, "index") - names(after, "index") == {"line_orders_id", "orders_old_number"}
    texts = {name: sql for _, name, _, sql in after["the schema"]}
    assert all(texts[table].count("AUTOINCREMENT") == 1 for table in ("customer", "orders", "article"))
    assert "uniq_reference" in texts["customer"]
    assert "orders_price" in texts["orders"]
    for table in ("customer", "orders", "line"):
        assert before[f"rows of {table}"][0] == after[f"rows of {table}"][0], table
    assert after["rows of audit"] == before["rows of audit"], "a rebuild fired a trigger"


if __name__ == "__main__":
    main()
