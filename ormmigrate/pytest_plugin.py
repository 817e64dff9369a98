"""The pytest plugin: databases for tests, and what the ready-made tests of `ormmigrate.testing` need.

pytest imports this at every start where the package is installed. Nothing of the package is imported before a test
asks for it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from peewee import Model

    from ormmigrate.database import Database
    from ormmigrate.testing.application import Application
    from ormmigrate.testing.trial import Factory, Trial
    from ormmigrate.testing.walk import Walk

URL_VARIABLE = "ORMMIGRATE_TEST_DATABASE"
_application: pytest.StashKey[Application] = pytest.StashKey()
_trials: pytest.StashKey[dict[tuple[str, str, str], Trial]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    where = "where tests of the database run: on a server each gets a schema or a database of its own"
    group = parser.getgroup("ormmigrate", "migrations (ormmigrate)")
    group.addoption("--ormmigrate-database", metavar="URL", help=f"{where}; default: in memory")
    parser.addini("ormmigrate_app", 'the application\'s Database, "shop.db:db"; default: [tool.ormmigrate] app')
    parser.addini("ormmigrate_database", f"{where} (a URL; {URL_VARIABLE} and --ormmigrate-database go before)")
    parser.addini(
        "ormmigrate_changes_rows", "ids of migrations that delete or change rows on purpose", "linelist", default=[]
    )
    parser.addini(
        "ormmigrate_allow_irreversible", "whether a migration may have no way back", "bool", default=True
    )  # fmt: skip


@contextmanager
def _errors_alone() -> Iterator[None]:
    """Let an error of ours say what it says, without a traceback: frames of drivers show passwords."""
    from ormmigrate.errors import MigrationError

    try:
        yield
    except MigrationError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


# -- the application ----------------------------------------------------------------------------


def application_of(config: pytest.Config) -> Application:
    """The application, imported when it is first asked for.

    Raises:
        MigrationError: it is not found, cannot be imported, or its registry is not valid.
    """
    if _application not in config.stash:
        from ormmigrate.testing.application import load

        url = config.getoption("--ormmigrate-database") or os.environ.get(URL_VARIABLE)
        app, usual_url = config.getini("ormmigrate_app"), config.getini("ormmigrate_database")
        config.stash[_application] = load(config.rootpath, os.environ, app or None, url or usual_url or None)
    return config.stash[_application]


@pytest.fixture(scope="session")
def ormmigrate_app(pytestconfig: pytest.Config) -> Application:
    """The application under test; its Database is `ormmigrate_app.database`."""
    with _errors_alone():
        return application_of(pytestconfig)


@pytest.fixture(scope="session")
def ormmigrate_models(ormmigrate_app: Application) -> Sequence[type[Model]]:
    """The application's models; a project may say which."""
    with _errors_alone():
        return ormmigrate_app.models()


# -- databases ----------------------------------------------------------------------------------


@pytest.fixture
def unmigrated_db(
    ormmigrate_app: Application, ormmigrate_models: Sequence[type[Model]], tmp_path: Path
) -> Iterator[Database]:
    """The application's Database, pointed at an empty one in memory, or at a place on the server that was named."""
    with _errors_alone(), ormmigrate_app.at(ormmigrate_app.usual_url, tmp_path, ormmigrate_models) as database:
        yield database


@pytest.fixture
def migrated_db(
    ormmigrate_app: Application, ormmigrate_models: Sequence[type[Model]], unmigrated_db: Database
) -> Database:
    """The same, as the application finds it after its start."""
    with _errors_alone():
        ormmigrate_app.migrate(ormmigrate_models)
    return unmigrated_db


@pytest.fixture
def migrated_db_of(
    ormmigrate_app: Application, ormmigrate_models: Sequence[type[Model]], tmp_path: Path
) -> Iterator[Callable[[str], Database]]:
    """A function that points it at a migrated place of a URL's kind, until the test ends."""
    with ExitStack() as places:

        def of(url: str) -> Database:
            with _errors_alone():
                database = places.enter_context(ormmigrate_app.at(url, tmp_path, ormmigrate_models))
                ormmigrate_app.migrate(ormmigrate_models)
            return database

        yield of


# -- what the ready-made tests need -------------------------------------------------------------


@pytest.fixture
def ormmigrate_rows() -> Mapping[str, Factory]:
    """Rows ahead of migrations, which a project may define: `{id: function}`, called with the Database.

    `"*"` is for all migrations that have none of their own. Tables that are empty afterwards get made-up rows.
    """
    return {}


@pytest.fixture
def ormmigrate_place(
    request: pytest.FixtureRequest,
    ormmigrate_app: Application,
    ormmigrate_models: Sequence[type[Model]],
    tmp_path: Path,
) -> Iterator[Database]:
    """The application's Database at an empty place of each kind that it is tested on."""
    with _errors_alone(), ormmigrate_app.at(request.param, tmp_path, ormmigrate_models) as database:
        yield database


@pytest.fixture(scope="session")
def ormmigrate_walk(ormmigrate_app: Application) -> Iterator[Walk]:
    """The way to each migration."""
    from ormmigrate.testing.walk import Walk

    walk = Walk(ormmigrate_app)
    yield walk
    walk.close()


@pytest.fixture
def ormmigrate_trial(
    request: pytest.FixtureRequest,
    ormmigrate_app: Application,
    ormmigrate_walk: Walk,
    ormmigrate_models: Sequence[type[Model]],
    ormmigrate_rows: Mapping[str, Factory],
    tmp_path: Path,
) -> Trial:
    """What came of trying a migration, each once: two tests ask for it."""
    from ormmigrate.testing.trial import tried_at

    url, label = request.param
    # Another module may have rows of its own.
    key = (request.node.parent.nodeid, url, label)
    trials = request.config.stash.setdefault(_trials, {})
    if key not in trials:
        migration = ormmigrate_app.database.migrations.registries.find(label)
        place = ormmigrate_walk.ahead_of(migration, url, tmp_path, ormmigrate_models)
        with _errors_alone():
            trials[key] = tried_at(place, migration, ormmigrate_rows, ormmigrate_app.unmanaged)
    return trials[key]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, parameters in (("ormmigrate_place", _places), ("ormmigrate_trial", _trials_of)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, _or_skip(metafunc.config, parameters), indirect=True)


def _or_skip(config: pytest.Config, parameters: Callable[[Application], list[object]]) -> list[object]:
    """The parameters; where there is no application or no place, one that says why nothing is tested."""
    from ormmigrate.errors import MigrationError

    try:
        application = application_of(config)
    except MigrationError:
        # Said once, by that test.
        return [pytest.param("", marks=pytest.mark.skip("see test_the_registry_is_valid"), id="none")]
    try:
        return parameters(application)
    except MigrationError as error:
        return [pytest.param("", marks=pytest.mark.skip(" ".join(str(error).split())), id="none")]


def _places(application: Application) -> list[object]:
    return [pytest.param(url, id=_id(url)) for url in application.urls]


def _trials_of(application: Application) -> list[object]:
    labels = [migration.label for migration in application.database.migrations.registries.migrations]
    return [pytest.param((url, label), id=f"{_id(url)}-{label}") for url in application.urls for label in labels]


def _id(url: str) -> str:
    """What a place is called in a test's id; never with a password."""
    return "memory" if url.endswith(":memory:") else url.partition(":")[0]
