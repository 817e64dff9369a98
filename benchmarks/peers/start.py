"""One start in a process that runs already: register_models against sqlite3, taking turns.

Called with: the folder of the workload. Prints {peer: ms}, the medians of PAIRS starts each.
"""

import json
import sqlite3
import sys
import time
from pathlib import Path
from statistics import median

from models import MODELS
from peewee import SqliteDatabase
from steps import STEPS

from ormmigrate import Database, Registry

PAIRS = 40
REGISTRY = Registry(STEPS)  # applications build it when they are imported
PATH = str(Path(sys.argv[1], "started.db"))
QUERY = (
    'SELECT registry, migration, state FROM "ormmigrate_history" UNION ALL '
    "SELECT NULL, name, NULL FROM sqlite_master WHERE type IN ('table', 'view')"
)


def ormmigrate() -> None:
    report = Database(SqliteDatabase(PATH), migrations=REGISTRY).register_models(MODELS)
    assert not report, report


def plain_sqlite3() -> None:
    connection = sqlite3.connect(PATH)
    rows = connection.execute(QUERY).fetchall()
    connection.close()
    assert len(rows) > len(STEPS)


def timed(start) -> float:
    began = time.perf_counter()
    start()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    times_ms: dict[str, list[float]] = {"ormmigrate": [], "sqlite3": []}
    for _ in range(PAIRS):
        for model in MODELS:  # each Database object binds them anew
            model._meta.set_database(None)
        times_ms["ormmigrate"].append(timed(ormmigrate))
        times_ms["sqlite3"].append(timed(plain_sqlite3))
    print(json.dumps({peer: median(found) for peer, found in times_ms.items()}))


if __name__ == "__main__":
    main()
