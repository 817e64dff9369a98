"""The scratch database of MariaDB and MySQL: like home where it counts, nobody else's, and gone afterwards."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import peewee
import pytest
from making import assert_helps
from mysql_running import prepared
from places import MYSQL, Place

from ormmigrate import ConfigurationError, Database
from ormmigrate.connection import inner
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.mysql.scratching import PREFIX
from ormmigrate.urls import database_from_url

SESSION = "SELECT DATABASE(), @@sql_mode, @@foreign_key_checks, @@autocommit, @@character_set_database"


@pytest.fixture
def home(mysql_place: Place) -> Iterator[Database]:
    database = prepared(mysql_place)
    yield database
    database.close()


@pytest.fixture
def server() -> Iterator[peewee.Database]:
    database = database_from_url(MYSQL)
    database.connect()
    yield database
    database.close()


def scratch(database: Database, unmanaged: tuple[str, ...] = ()):
    return dialect_of(inner(database)).scratch(inner(database), unmanaged)


def where(database: Database | peewee.Database) -> str:
    return str(database.execute_sql("SELECT DATABASE()").fetchone()[0])


def scratch_databases(server: peewee.Database) -> set[str]:
    names = {name for (name,) in server.execute_sql("SHOW DATABASES").fetchall()}
    return {name for name in names if name.startswith(PREFIX)}


def tables(database: Database) -> set[str]:
    return {name for (name,) in database.execute_sql("SHOW TABLES").fetchall()}


# -- what it is like --------------------------------------------------------------------------------


def test_a_scratch_database_is_empty_and_home_is_not_touched(home: Database, server: peewee.Database):
    home.execute_sql("CREATE TABLE kept (id INT)")
    before = home.execute_sql(SESSION).fetchone()
    with scratch(home):
        name = where(home)
        assert name.startswith(PREFIX)
        assert tables(home) == set()
        home.execute_sql("CREATE TABLE other (id INT)")
    assert home.execute_sql(SESSION).fetchone() == before
    assert tables(home) == {"kept"}
    assert name not in scratch_databases(server)
    assert home.execute_sql("SELECT IS_USED_LOCK(%s)", (name,)).fetchone() == (None,)


def test_texts_are_in_the_character_set_and_collation_of_home(home: Database):
    home.execute_sql(f"ALTER DATABASE `{where(home)}` CHARACTER SET latin1 COLLATE latin1_german2_ci")
    with scratch(home):
        home.execute_sql("CREATE TABLE t (a VARCHAR(5))")
        row = home.execute_sql("SHOW CREATE TABLE t").fetchone()
    assert "CHARSET=latin1 COLLATE=latin1_german2_ci" in row[1]


def test_tables_of_others_stand_there_without_their_rows_and_their_foreign_keys(home: Database):
    for statement in (
        "CREATE TABLE region (id INT PRIMARY KEY)",
        "CREATE TABLE `odd %% name` (id INT PRIMARY KEY, region INT, FOREIGN KEY (region) REFERENCES region (id))",
        "INSERT INTO region VALUES (1)",
        "INSERT INTO `odd %% name` VALUES (1, 1)",
        "CREATE VIEW seen AS SELECT id FROM region",
    ):
        home.execute_sql(statement)
    with scratch(home, ("odd % name", "missing", "seen", "odd % name")):
        assert tables(home) == {"odd % name"}
        assert home.execute_sql("SELECT COUNT(*) FROM `odd %% name`").fetchone() == (0,)
        home.execute_sql(
            "CREATE TABLE mine (id INT PRIMARY KEY, odd INT, FOREIGN KEY (odd) REFERENCES `odd %% name` (id))"
        )
    assert home.execute_sql("SELECT COUNT(*) FROM `odd %% name`").fetchone() == (1,)


def test_no_statement_leads_out_of_it(home: Database):
    name = where(home)
    home.execute_sql("CREATE TABLE kept (id INT)")
    with scratch(home):
        for statement in (f"USE `{name}`", f"DROP TABLE `{name}`.kept"):
            with pytest.raises(ConfigurationError):
                home.execute_sql(statement)
    assert tables(home) == {"kept"}


def test_several_at_once_are_in_databases_of_their_own(mysql_place: Place):
    names: list[str] = []
    both = threading.Barrier(4)

    def build() -> None:
        database = prepared(mysql_place)
        with scratch(database):
            both.wait(20)
            names.append(where(database))
            database.execute_sql("CREATE TABLE same (id INT)")
            both.wait(20)
        database.close()

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(names)) == 4


# -- how it ends ------------------------------------------------------------------------------------


def test_nothing_is_left_after_an_error_and_the_session_is_as_before(home: Database, server: peewee.Database):
    before = home.execute_sql(SESSION).fetchone()
    with pytest.raises(RuntimeError), scratch(home):  # noqa: PT012
        name = where(home)
        home.execute_sql("CREATE TABLE t (id INT)")
        home.execute_sql("SET SESSION sql_mode = '', foreign_key_checks = 0, autocommit = 0")
        home.execute_sql("INSERT INTO t VALUES (1)")
        home.execute_sql("LOCK TABLES t WRITE")
        raise RuntimeError
    assert home.execute_sql(SESSION).fetchone() == before
    assert name not in scratch_databases(server)


def test_nothing_is_left_after_ctrl_c_in_a_statement(home: Database, server: peewee.Database):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), scratch(home):  # noqa: PT012
            name = where(home)
            home.execute_sql("CREATE TABLE t (id INT)")
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            home.execute_sql("SELECT SLEEP(20) FROM (SELECT 1) AS one").fetchone()
    finally:
        signal.signal(signal.SIGALRM, former)
    assert name not in scratch_databases(server)
    assert where(home) != name


def test_nothing_is_left_after_the_connection_was_lost(home: Database, server: peewee.Database):
    with pytest.raises(peewee.PeeweeException), scratch(home):  # noqa: PT012
        name = where(home)
        (thread_id,) = home.execute_sql("SELECT CONNECTION_ID()").fetchone()
        server.execute_sql(f"KILL {thread_id}")
        time.sleep(0.2)
        home.execute_sql("SELECT 1").fetchone()
    assert name not in scratch_databases(server)
    assert home.execute_sql("SELECT 1").fetchone() == (1,)


def test_what_the_dead_left_is_swept_and_what_is_in_use_is_not(home: Database, server: peewee.Database):
    with scratch(home):
        own = where(home)
    (left, used, foreign) = (f"{own}1", f"{own}2", f"{PREFIX}00000000_elsewhere")
    for name in (left, used, foreign):
        server.execute_sql(f"CREATE DATABASE `{name}`")
    try:
        server.execute_sql("SELECT GET_LOCK(%s, 0)", (used,))
        with scratch(home):
            assert left not in scratch_databases(server)
            # Another server of a cluster shares databases, and no locks: what is its own is left to it.
            assert {used, foreign} <= scratch_databases(server)
    finally:
        for name in (left, used, foreign):
            server.execute_sql(f"DROP DATABASE IF EXISTS `{name}`")


# -- where there can be none ------------------------------------------------------------------------


@pytest.fixture
def account(mysql_place: Place, server: peewee.Database) -> Iterator[tuple[str, Database]]:
    """Another account, which may do everything in the place, and nothing elsewhere."""
    name = mysql_place.url.rpartition("/")[2]
    (host,) = server.execute_sql("SELECT SUBSTRING_INDEX(USER(), '@', -1)").fetchone()
    account = f"'{name}'@'{host}'"
    server.execute_sql(f"CREATE USER {account} IDENTIFIED BY 'secret'")
    place = urlsplit(mysql_place.url)
    database = Database(f"mysql://{name}:secret@{place.hostname}:{place.port or 3306}/{name}")
    try:
        server.execute_sql(f"GRANT ALL ON `{name}`.* TO {account}")
        database.connect()
        yield account, database
        database.close()
    finally:
        server.execute_sql(f"DROP USER {account}")


def test_an_account_that_may_not_create_databases_is_told_so_and_leaves_nothing(account: tuple[str, Database]):
    _, database = account
    before = database.execute_sql(SESSION).fetchone()
    with pytest.raises(ConfigurationError) as caught, scratch(database):
        pass
    assert_helps(caught.value, "scratch database cannot be made")
    assert "secret" not in str(caught.value)
    assert database.execute_sql(SESSION).fetchone() == before
    assert database.execute_sql("SELECT RELEASE_ALL_LOCKS()").fetchone() == (0,)


def test_what_the_error_asks_an_administrator_for_is_enough(account: tuple[str, Database], server: peewee.Database):
    name, database = account
    with pytest.raises(ConfigurationError) as caught, scratch(database):
        pass
    grant = caught.value.advice.partition("run: ")[2].partition("TO this")[0]
    server.execute_sql(f"{grant.replace('%', '%%')} TO {name}")
    with scratch(database):
        database.execute_sql("CREATE TABLE t (id INT)")
