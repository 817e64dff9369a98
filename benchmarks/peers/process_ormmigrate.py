"""A whole process: the application's imports, and a start through ormmigrate. Prints sys.modules when asked."""

import sys

import peewee
from models import MODELS
from steps import STEPS

from ormmigrate import Database

db = Database(peewee.SqliteDatabase(sys.argv[1] + "/started.db"), migrations=STEPS)
assert not db.register_models(MODELS)
if "--modules" in sys.argv:
    print("\n".join(sys.modules))
