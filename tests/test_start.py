"""A start with nothing pending: one query, and nothing imported that only a batch needs."""

from __future__ import annotations

import subprocess
import sys

from peewee import AutoField, TextField
from places import Place

from ormmigrate import BaseMigration

ONLY_A_BATCH_NEEDS = {
    "click",
    "rich",
    "tomllib",
    "playhouse",
    "ormmigrate.batch",
    "ormmigrate.checksum",
    "ormmigrate.cli",
    "ormmigrate.dialects.engine",
    "ormmigrate.dialects.mysql",
    "ormmigrate.dialects.postgresql",
    "ormmigrate.events",
    "ormmigrate.live",
    "ormmigrate.migrator",
    "ormmigrate.operations",
    "ormmigrate.plan",
    "ormmigrate.recording",
    "ormmigrate.replay",
    "ormmigrate.status",
    "ormmigrate.sync",
}

CREATE = """
from peewee import AutoField
from ormmigrate import BaseMigration

class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("note", {"id": AutoField(), "text": TextField()})
"""

APPLICATION = """
import sys
from peewee import TextField
from ormmigrate import Database
{create}

db = Database({url!r}, migrations=[Create])

class Note(db.Model):
    text = TextField()

statements = []
db.query_hooks.append(lambda event: statements.append(event.sql))
report = db.register_models([Note])
print(bool(report), len(statements), sorted(set(sys.modules) & {forbidden!r}))
"""


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("note", {"id": AutoField(), "text": TextField()})


def test_a_start_with_nothing_pending_is_one_query_and_imports_nothing_else(file_place: Place):
    assert file_place.database([Create]).register_models([])
    # A process of its own: pytest imports half of them itself.
    code = APPLICATION.format(url=file_place.url, forbidden=ONLY_A_BATCH_NEEDS, create=CREATE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == "False 1 []"


def test_importing_the_package_imports_nothing_of_it():
    ours = "name.partition('.')[0] in ('ormmigrate', 'peewee')"
    code = f"import sys, ormmigrate; print(sorted(name for name in sys.modules if {ours}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ormmigrate', 'ormmigrate.version']"


def test_a_read_only_database_with_nothing_pending_can_be_started_on(file_place: Place):
    import peewee

    from ormmigrate import Database

    file_place.database([Create]).register_models([])
    path = file_place.url.removeprefix("sqlite:///")
    database = Database(peewee.SqliteDatabase(f"file:{path}?mode=ro", uri=True), migrations=[Create])
    assert not database.register_models([])
