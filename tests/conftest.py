from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import FILE, KINDS, MARIA, MEMORY, NEWEST, PG, Place, place_of

from ormmigrate import Database


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty place for a database, on each kind in turn."""
    with place_of(request.param, tmp_path) as found:
        yield found


@pytest.fixture(params=[MEMORY, FILE, NEWEST, PG])
def transactional_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place where DDL can be rolled back."""
    with place_of(request.param, tmp_path) as found:
        yield found


@pytest.fixture(params=[FILE, PG, MARIA])
def shared_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place that several processes can open."""
    with place_of(request.param, tmp_path) as found:
        yield found


@pytest.fixture(params=[PG, MARIA])
def server_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place on a server."""
    with place_of(request.param, tmp_path) as found:
        yield found


@pytest.fixture(params=[FILE, NEWEST])
def sqlite_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place in an SQLite file, for Python's own SQLite and for the newest."""
    with place_of(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def file_place(tmp_path: Path) -> Iterator[Place]:
    """A place in an SQLite file."""
    with place_of(FILE, tmp_path) as found:
        yield found


@pytest.fixture
def postgresql_place(tmp_path: Path) -> Iterator[Place]:
    with place_of(PG, tmp_path) as found:
        yield found


@pytest.fixture
def mysql_place(tmp_path: Path) -> Iterator[Place]:
    with place_of(MARIA, tmp_path) as found:
        yield found


@pytest.fixture
def db(place: Place) -> Iterator[Database]:
    """A Database of ours without migrations, on each kind in turn."""
    database = place.database()
    yield database
    if not database.is_closed():
        database.close()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell says must not change what a test means."""
    for variable in ("ORMMIGRATE_ENV", "ORMMIGRATE_APP"):
        monkeypatch.delenv(variable, raising=False)
