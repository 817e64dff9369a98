"""A whole process: the same imports, and the one query through sqlite3. Prints sys.modules when asked."""

import sqlite3
import sys

import peewee  # noqa: F401 - what the application imports
from models import MODELS  # noqa: F401
from steps import STEPS

connection = sqlite3.connect(sys.argv[1] + "/started.db")
rows = connection.execute(
    'SELECT registry, migration, state FROM "ormmigrate_history" UNION ALL '
    "SELECT NULL, name, NULL FROM sqlite_master WHERE type IN ('table', 'view')"
).fetchall()
assert len(rows) > len(STEPS)
connection.close()
if "--modules" in sys.argv:
    print("\n".join(sys.modules))
