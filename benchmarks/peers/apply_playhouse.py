"""Apply the same operations through playhouse.migrations, which loads each file when it runs. Prints ms.

Called with: the folder of the workload, the database file.
"""

import sys
import time

from peewee import SqliteDatabase
from playhouse.migrations import Runner


def main() -> None:
    began = time.perf_counter()
    database = SqliteDatabase(sys.argv[2])
    applied = Runner(database, sys.argv[1] + "/playhouse_steps").up()
    database.close()
    print((time.perf_counter() - began) * 1000)
    assert applied


if __name__ == "__main__":
    main()
