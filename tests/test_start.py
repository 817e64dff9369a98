"""A start with nothing pending: one query, and nothing imported that only a batch needs."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Sequence

from peewee import AutoField, Model, TextField
from places import Place

from ormmigrate import BaseMigration, Database

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
from ormmigrate import BaseMigration, Database

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


def statements_of_a_start(database: Database, models: Sequence[type[Model]]) -> list[str]:
    """What a start with nothing pending asks the database."""
    statements: list[str] = []
    database.obj.query_hooks.append(lambda event: statements.append(event.sql))
    assert not database.register_models(models)
    return statements


def test_on_every_database_a_start_with_nothing_pending_is_one_query(shared_place: Place):
    database = shared_place.database([Create], environment="production")

    class Note(database.Model):
        text = TextField()

    class Tag(database.Model):
        word = TextField()

    assert database.register_models([Note, Tag]).created_tables == ("tag",)
    # As another process would begin: nothing is known yet.
    database.initialize(shared_place.url)
    (statement,) = statements_of_a_start(database, [Note, Tag])
    assert statement.startswith("SELECT")


def test_models_of_another_schema_cost_one_query_more_however_many_they_are(postgresql_place: Place):
    database = postgresql_place.database([Create], environment="production")
    other = f"t_{uuid.uuid4().hex[:12]}"

    class Elsewhere(database.Model):
        text = TextField()

        class Meta:
            schema = other

    models = [type(name, (Elsewhere,), {}) for name in ("One", "Two", "Three")]
    database.connect()
    database.execute_sql(f'CREATE SCHEMA "{other}"')
    try:
        assert sorted(database.register_models(models).created_tables) == ["one", "three", "two"]
        assert sorted(database.get_tables(schema=other)) == ["one", "three", "two"]
        database.close()
        database.initialize(postgresql_place.url)
        statements = statements_of_a_start(database, models)
        assert len(statements) <= 2, statements
    finally:
        database.execute_sql(f'DROP SCHEMA "{other}" CASCADE')
        database.close()


def test_importing_the_package_imports_nothing_of_it():
    ours = "name.partition('.')[0] in ('ormmigrate', 'peewee')"
    code = f"import sys, ormmigrate; print(sorted(name for name in sys.modules if {ours}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['ormmigrate', 'ormmigrate.version']"


def test_a_read_only_database_with_nothing_pending_can_be_started_on(file_place: Place):
    import peewee

    file_place.database([Create]).register_models([])
    path = file_place.url.removeprefix("sqlite:///")
    database = Database(peewee.SqliteDatabase(f"file:{path}?mode=ro", uri=True), migrations=[Create])
    assert not database.register_models([])
