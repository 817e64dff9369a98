"""One client in a loop, in a process of its own, each operation timed, until a line is read.

Called with: the URL, the table, `reader` or `writer`, and the rows of the table. Prints `ready`; at the end JSON:
for each operation when it began (time.monotonic, which all processes share) and how many ms it took; and the
errors, each with how often it came.
"""

from __future__ import annotations

import gc
import json
import random
import select
import sys
import time
from collections import Counter
from collections.abc import Iterator

import peewee

from server_peers.hosts import connected

PAUSE_S = 0.001  # between two operations, so that the clients leave the processors to the servers
SELECT = "SELECT quantity, city FROM {table} WHERE id = %s"
UPDATE = "UPDATE {table} SET n = n + 1 WHERE id = %s"
INSERT = (
    "INSERT INTO {table} (id, customer_id, reference, city, street, email, quantity, price, weight, n) "
    "VALUES (%s, %s, %s, 'Utrecht', 'Oudegracht', 'new@example.com', 1, 1.25, 7, 0)"
)
Operation = tuple[str, tuple[object, ...]]


def main() -> None:
    url, table, role, rows = sys.argv[1:]
    operations = (reads if role == "reader" else writes)(table, int(rows))
    database = connected(url)
    errors: Counter[str] = Counter()
    samples = []
    gc.disable()
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        statement, params = next(operations)
        began = time.monotonic()
        try:
            cursor = database.execute_sql(statement, params)
            if role == "reader":
                cursor.fetchall()
        except peewee.PeeweeException as error:
            errors[" ".join(str(error).split())[:100]] += 1
        samples.append((began, (time.monotonic() - began) * 1000))
    print(json.dumps({"samples": samples, "errors": errors}), flush=True)


def reads(table: str, rows: int) -> Iterator[Operation]:
    chance = random.Random(1)
    while True:
        yield SELECT.format(table=table), (chance.randint(1, rows),)


def writes(table: str, rows: int) -> Iterator[Operation]:
    """An UPDATE of a row and the INSERT of one, in turns; new ids, also after an earlier writer's."""
    chance = random.Random(2)
    id = rows + int(time.time() * 1000) % 1_000_000_000
    while True:
        yield UPDATE.format(table=table), (chance.randint(1, rows),)
        id += 1
        yield INSERT.format(table=table), (id, chance.randint(1, 1000), f"N{id}")


if __name__ == "__main__":
    main()
