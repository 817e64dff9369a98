"""Apply every migration to an empty file through ormmigrate, checksums included. Prints ms.

Called with: the folder of the workload, the database file.
"""

import sys
import time

from peewee import SqliteDatabase
from steps import STEPS

from ormmigrate import BaseMigration, Database, Registry


class WarmUp(BaseMigration):
    id = "20200101_000000_warm_up"

    def up(self, migrator):
        migrator.sql("CREATE TABLE warm_up (id INTEGER)")


def main() -> None:
    # What only a batch needs is imported by the first one.
    Database(SqliteDatabase(":memory:"), migrations=[WarmUp]).register_models([])
    registry = Registry(STEPS)
    began = time.perf_counter()
    report = Database(SqliteDatabase(sys.argv[2]), migrations=registry).register_models([])
    print((time.perf_counter() - began) * 1000)
    assert len(report.applied) == len(STEPS)


if __name__ == "__main__":
    main()
