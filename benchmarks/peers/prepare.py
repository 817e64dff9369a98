"""Before the clock: the database that starts are measured on, and the statements that a batch sends.

Called with: the folder of the workload. Leaves `started.db` and `statements.json` there.
"""

import json
import logging
import sys
from pathlib import Path

from models import MODELS
from peewee import SqliteDatabase
from steps import STEPS

from ormmigrate import Database

CHANGES = ("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE", "DROP")


def prepare_start(folder: Path) -> None:
    """Every migration recorded, and the models' tables made: few tables, so that the rows are what costs."""
    db = Database(SqliteDatabase(folder / "started.db"), migrations=STEPS)
    db.migrations.stamp(STEPS[-1].id)
    db.register_models(MODELS)


def capture_statements(folder: Path) -> None:
    """What ormmigrate sends that changes the database, so that sqlite3 can be given the very same."""
    db = Database(SqliteDatabase(folder / "captured.db"), migrations=STEPS)
    statements = []
    db.obj.query_hooks.append(lambda event: statements.append((event.sql, list(event.params or ()))))
    db.register_models([])
    changes = [statement for statement in statements if statement[0].startswith(CHANGES)]
    (folder / "statements.json").write_text(json.dumps(changes))


if __name__ == "__main__":
    logging.disable()  # it warns of models' tables that no migration creates, as it should
    prepare_start(Path(sys.argv[1]))
    capture_statements(Path(sys.argv[1]))
