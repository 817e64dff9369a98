"""SIGKILL in the middle of a batch: rolled back by the database, or taken back by the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from places import Place
from snapshot import snapshot

from ormmigrate import BaseMigration, Database
from ormmigrate.connection import inner

APPLICATION = """
import sys, time
from peewee import IntegerField
from ormmigrate import BaseMigration, Database
from test_kill import Create

class Slow(BaseMigration):
    id = "20240102_000000_slow"

    def up(self, migrator):
        migrator.add_column("t", "size", IntegerField(default=1))
        migrator.sql("UPDATE t SET id = id + 1000 WHERE id > 10", reverse="UPDATE t SET id = id - 1000 WHERE id > 1000")
        print("ready", flush=True)
        time.sleep(60)

Database(sys.argv[1], migrations=[Create, Slow]).register_models([])
"""


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, word VARCHAR(20))")
        for number in range(1, 21):
            migrator.sql(f"INSERT INTO t (id, word) VALUES ({number}, 'w')")


class Slow(BaseMigration):
    id = "20240102_000000_slow"

    def up(self, migrator):
        migrator.sql("UPDATE t SET word = 'done'")


def test_a_killed_batch_is_rolled_back_or_taken_back_by_the_next_start(shared_place: Place):
    database = shared_place.database([Create])
    database.register_models([])
    before = snapshot(database)
    database.close()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", APPLICATION, shared_place.url], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    later = Database(database.obj, migrations=[Create, Slow], lock_timeout_s=10)
    if shared_place.rolls_back_ddl:
        # A server still has its locks for a moment; this waits for them.
        assert snapshot(database) == before
    report = later.register_models([])
    assert report.applied == (Slow.id,)
    assert bool(report.warnings) is not shared_place.rolls_back_ddl
    assert {column.name for column in inner(database).get_columns("t")} == {"id", "word"}
    assert database.execute_sql("SELECT COUNT(*), MAX(id), MIN(word), MAX(word) FROM t").fetchone() == (
        20,
        20,
        "done",
        "done",
    )
