"""Behind pgbouncer in transaction mode, where every transaction may run in another session of the server."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from making import assert_helps, migration, started_at_once
from peewee import AutoField, IntegerField, TextField
from places import POSTGRESQL, Place

from ormmigrate import ConfigurationError, Database, Migrator

SETTINGS = """
[databases]
{name} = host={host} port={port} dbname={name} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
unix_socket_dir =
"""


@pytest.fixture
def pooled(postgresql_place: Place, tmp_path: Path) -> Iterator[str]:
    """The URL of the test's server by way of a pooler."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed here")
    parts = urlsplit(POSTGRESQL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listens = free.getsockname()[1]
    settings = Path("/tmp") / f"ormmigrate-pgbouncer-{listens}.ini"  # where its own user may read
    settings.write_text(
        SETTINGS.format(
            name=parts.path[1:],
            host=parts.hostname,
            port=parts.port or 5432,
            user=parts.username,
            password=f" password={parts.password}" if parts.password else "",
            listens=listens,
        )
    )
    settings.chmod(0o644)
    # It refuses to run as root.
    user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
    process = subprocess.Popen([program, "-q", str(settings)], user=user, stderr=subprocess.DEVNULL)
    try:
        _wait_for(listens)
        yield f"postgresql://{parts.username}@127.0.0.1:{listens}{parts.path}"
    finally:
        process.terminate()
        process.wait()
        settings.unlink()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("pgbouncer does not answer")


def create(m: Migrator) -> None:
    m.create_table("owner", {"id": AutoField(), "n": IntegerField()})
    m.sql("INSERT INTO owner (n) VALUES (1), (2)")


CREATE = migration("20240101_000000_create", create)
COUNT = migration("20240102_000000_count", lambda m: m.sql("UPDATE owner SET n = n + 1"))
ALONE = migration(
    "20240103_000000_alone", lambda m: m.add_index("owner", ("n",), concurrently=True), transactional=False
)


def schema_of(place: Place) -> str:
    database = place.database()
    (name,) = database.execute_sql("SELECT current_schema()").fetchone()
    database.close()
    return str(name)


def test_eight_starts_behind_a_pooler_run_each_migration_once(pooled: str, postgresql_place: Place):
    schema = schema_of(postgresql_place)

    def make() -> tuple[Database, list[Any]]:
        database = Database(pooled, migrations=[CREATE, COUNT], schema=schema)

        class Note(database.Model):
            text = TextField()

        return database, [Note]

    assert started_at_once(8, make) == [()] * 7 + [(CREATE.id, COUNT.id)]
    direct = postgresql_place.database()
    assert direct.execute_sql("SELECT n FROM owner ORDER BY id").fetchall() == [(2,), (3,)]


def test_a_batch_in_parts_is_refused_behind_a_pooler(pooled: str, postgresql_place: Place):
    schema = schema_of(postgresql_place)
    Database(pooled, migrations=[CREATE], schema=schema).register_models([])
    with pytest.raises(ConfigurationError) as caught:
        Database(pooled, migrations=[CREATE, COUNT, ALONE], schema=schema).register_models([])
    assert_helps(caught.value, "a pooler", "Nothing was changed")
    page = Path(__file__).resolve().parents[1] / "docs" / "servers.md"
    assert str(caught.value) in page.read_text(encoding="utf-8")
    direct = postgresql_place.database([CREATE, COUNT, ALONE])
    assert direct.execute_sql("SELECT n FROM owner ORDER BY id").fetchall() == [(1,), (2,)]
    assert direct.register_models([]).applied == (COUNT.id, ALONE.id)
