"""Send the statements that ormmigrate sent, history rows included, in one transaction. Prints ms.

Called with: the folder of the workload, the database file.
"""

import json
import sqlite3
import sys
import time
from pathlib import Path


def main() -> None:
    statements = json.loads(Path(sys.argv[1], "statements.json").read_text())
    began = time.perf_counter()
    connection = sqlite3.connect(sys.argv[2], isolation_level=None)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    for sql, params in statements:
        connection.execute(sql, params)
    connection.execute("COMMIT")
    connection.close()
    print((time.perf_counter() - began) * 1000)


if __name__ == "__main__":
    main()
