"""What a database may be called, and every way in which it cannot be had: a clear error, and never a password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import peewee
import pytest
from making import assert_helps, everything_said
from peewee import AutoField, CharField, MySQLDatabase, PostgresqlDatabase, SqliteDatabase
from places import MARIA, PG, Place
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

from ormmigrate import BaseMigration, ConfigurationError, Database, Runner
from ormmigrate.urls import database_from_url, without_password

SECRET = "s3cr3t"


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("user", {"id": AutoField(), "email": CharField()})
        migrator.table("user").create(email="a")


class Extend(BaseMigration):
    id = "20240102_000000_extend"

    def up(self, migrator):
        migrator.add_column("user", "name", CharField(null=True))


def params_of(database: peewee.Database) -> dict[str, Any]:
    found = dict(database.connect_params)
    return {name: found[name] for name in ("host", "port", "user", "password") if name in found}


def refusal(call: Any) -> ConfigurationError:
    """The error of a call, which says nothing of the password anywhere."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert_helps(caught.value)
    for word in (SECRET, "s3cr", "cr3t"):
        assert word not in everything_said(caught.value)
        assert word not in "".join(traceback.format_exception(caught.value))
        assert word not in repr(caught.value) + str(caught.value) + repr(caught.value.args)
    return caught.value


# -- reading a URL ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///shop.db", "shop.db"),
        ("sqlite:////var/lib/shop.db", "/var/lib/shop.db"),
        ("sqlite:///./shop.db", "./shop.db"),
        ("sqlite:///C:/shop.db", "C:/shop.db"),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite:///a folder/my shop.db", "a folder/my shop.db"),
        ("sqlite:///100%.db", "100%.db"),
        ("sqlite:///a%20b.db", "a%20b.db"),
        ("sqlite:///a#b.db", "a#b.db"),
        ("sqlite:///me@home.db", "me@home.db"),
        ("sqlite3:///shop.db", "shop.db"),
        ("sqlite:///shop.db?timeout=5", "shop.db"),
        ("sqlite:///me@home.db?timeout=5", "me@home.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, name: str):
    database = database_from_url(url)
    assert isinstance(database, SqliteDatabase)
    assert database.database == name


@pytest.mark.parametrize(
    ("url", "kind", "name", "params"),
    [
        ("postgresql://host/shop", PostgresqlDatabase, "shop", {"host": "host"}),
        ("postgres://u@host:5433/shop", PostgresqlDatabase, "shop", {"host": "host", "port": 5433, "user": "u"}),
        ("postgresql:///shop", PostgresqlDatabase, "shop", {}),
        ("mysql://u@host/shop", MySQLDatabase, "shop", {"host": "host", "user": "u"}),
        ("mariadb://u@host/shop", MySQLDatabase, "shop", {"host": "host", "user": "u"}),
        ("postgresql+pool://host/shop?max_connections=2", PooledPostgresqlDatabase, "shop", {"host": "host"}),
        ("sqlite+pool:///shop.db", PooledSqliteDatabase, "shop.db", {}),
    ],
)
def test_a_url_names_a_server_and_a_database(url: str, kind: type, name: str, params: dict):
    database = database_from_url(url)
    assert isinstance(database, kind)
    assert database.database == name
    assert params_of(database) == params


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", "plain"),
        ("p%23w", "p#w"),
        ("p%40w", "p@w"),
        ("p%2Fw", "p/w"),
        ("p%3Fw", "p?w"),
        ("p%3Aw", "p:w"),
        ("100%25", "100%"),
        ("p%20w", "p w"),
        ("gr%C3%BCn", "grün"),
        ("p@w", "p@w"),
        ("p:w", "p:w"),
        ("a+b", "a+b"),
    ],
)
def test_a_password_is_decoded(written: str, meant: str):
    assert params_of(database_from_url(f"postgresql://u:{written}@host/shop"))["password"] == meant
    assert params_of(database_from_url(f"mysql://u:{written}@host/shop"))["password"] == meant


def test_a_user_is_decoded():
    assert params_of(database_from_url("postgresql://me%40home:x@host/shop"))["user"] == "me@home"


def test_parameters_reach_the_driver():
    database = database_from_url("postgresql://host/shop?connect_timeout=3&application_name=x%20y")
    assert database.connect_params["connect_timeout"] == 3
    assert database.connect_params["application_name"] == "x y"


# -- wrong URLs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shop.db", "data/shop.db", ":memory:"])
def test_a_sqlite_url_with_two_slashes_is_refused_with_the_one_to_write(name: str):
    error = refusal(lambda: Database(f"sqlite://{name}"))
    assert f"sqlite://{name}" in error.problem
    assert f"sqlite:///{name}" in error.advice


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite:///?timeout=5",
        f"postgresql://u:{SECRET}@host",
        f"postgresql://u:{SECRET}@host/",
        f"postgresql://u:{SECRET}@host:5432",
        f"postgresql://u:{SECRET}@host?sslmode=require",
        f"mysql://u:{SECRET}@host",
        f"mariadb://u:{SECRET}@host/",
        "postgresql://",
        "mysql:///",
    ],
)
def test_a_url_that_names_no_database_is_refused(url: str):
    error = refusal(lambda: Database(url))
    assert "names no database" in error.problem
    assert "sqlite:///relative.db" in error.advice


@pytest.mark.parametrize(
    "url",
    [
        f"oracle://u:{SECRET}@host/shop",
        f"postgre://u:{SECRET}@host/shop",
        f"postgresql+psycopg2://u:{SECRET}@host/shop",
        f"mysql+pymysql://u:{SECRET}@host/shop",
        f"://u:{SECRET}@host/shop",
        f"oracle://host/shop?user=u&password={SECRET}",
        "sqllite:///shop.db",
        "file:///shop.db",
    ],
)
def test_an_unknown_scheme_is_refused(url: str):
    error = refusal(lambda: Database(url))
    assert repr(url.partition("://")[0]) in error.problem
    assert "postgresql://user:password@host/name" in error.advice


@pytest.mark.parametrize(
    "url", ["", "shop.db", "/var/lib/shop.db", "sqlite:shop.db", "sqlite:/shop.db", ":memory:", f"u:{SECRET}@host/shop"]
)
def test_what_is_no_url_is_refused(url: str):
    error = refusal(lambda: Database(url))
    assert "no URL" in error.problem
    assert "sqlite:///relative.db" in error.advice


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:s3cr#{SECRET}@host/shop",
        f"mysql://u:12#{SECRET}@host/shop",
        f"mysql://u:12/{SECRET}@host/shop",
        f"postgresql://u:s3cr/{SECRET}@host/shop",
        f"postgresql://u:a@{SECRET}/b@host/shop",
        "sqlite:///a#b.db?timeout=5",
    ],
)
def test_a_character_that_ends_a_part_too_early_is_refused_with_how_to_write_it(url: str):
    error = refusal(lambda: Database(url))
    assert "%23" in error.advice
    assert "%2F" in error.advice


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:12?{SECRET}@host/shop",
        f"postgresql://u:{SECRET}@host:port/shop",
        f"postgresql://u:{SECRET}@host:99999/shop",
        f"mysql://u:{SECRET}/shop",
        f"mysql://u:{SECRET}",
        f"mysql://u:{SECRET}@[::1/shop",
    ],
)
def test_a_url_that_cannot_be_read_is_refused(url: str):
    refusal(lambda: Database(url))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:pw@h/db", "mysql://u:***@h/db"),
        ("mysql://u@h/db", "mysql://u@h/db"),
        ("mysql://u:p@w@h:1/db", "mysql://u:***@h:1/db"),
        ("mysql://h:3306/db", "mysql://h:3306/db"),
        ("mysql://u:pw/db", "mysql://u:***/db"),
        ("postgresql://h/db?user=u&password=pw&x=1", "postgresql://h/db?user=u&password=***&x=1"),
        ("sqlite:///C:/me@home.db", "sqlite:///C:/me@home.db"),
        ("u:pw@h/db", "u:***@h/db"),
        ("shop.db", "shop.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str):
    assert without_password(url) == shown


@pytest.mark.parametrize("thing", [5, Path("shop.db"), b"sqlite:///shop.db", SqliteDatabase, object(), ["sqlite:///x"]])
def test_what_is_neither_a_url_nor_a_database_is_refused(thing: Any):
    error = refusal(lambda: Database(thing))
    assert repr(thing) in error.problem


def test_a_proxy_stands_for_what_is_behind_it():
    behind = SqliteDatabase(":memory:")
    proxy = peewee.DatabaseProxy()
    refusal(lambda: Database(proxy))
    proxy.initialize(behind)
    assert Database(proxy).obj is behind
    assert Database(Database(proxy)).obj is behind


def test_a_database_of_an_unsupported_kind_is_refused():
    from playhouse.cockroachdb import CockroachDatabase

    refusal(lambda: Database(CockroachDatabase("shop", password=SECRET)).register_models([]))
    refusal(lambda: Database(peewee.Database("shop")).register_models([]))


# -- passwords and servers ----------------------------------------------------------------------


def server_of(place: Place) -> tuple[str, int]:
    found = params_of(database_from_url(place.url))
    return found.get("host", "127.0.0.1"), found.get("port", 3306 if place.kind == MARIA else 5432)


def every_call(url: str) -> list[Any]:
    """Everything that opens a connection."""
    return [
        Database(url, migrations=[Create]).register_models,
        lambda models: Database(url, migrations=[Create]).migrations.status(),
        lambda models: Database(url, migrations=[Create]).migrations.plan(),
        lambda models: Database(url, migrations=[Create]).migrations.down(),
        lambda models: Database(url, migrations=[Create]).migrations.stamp(None),
        lambda models: Runner(database_from_url(url), [Create]).up(),
    ]


def test_a_wrong_password_is_told_without_it(mysql_place: Place):
    host, port = server_of(mysql_place)
    name = database_from_url(mysql_place.url).database
    for call in every_call(f"mysql://nobody:{SECRET}@{host}:{port}/{name}"):
        error = refusal(lambda call=call: call([]))
        assert "nobody" in error.problem
        assert "Access denied" in error.problem
        assert name in error.problem


def test_a_server_that_does_not_answer_is_told_without_the_password():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for scheme in ("postgresql", "mysql"):
            for call in every_call(f"{scheme}://u:{SECRET}@127.0.0.1:{port}/shop"):
                error = refusal(lambda call=call: call([]))
                assert "127.0.0.1" in error.problem
                assert "shop" in error.problem
                assert "server runs" in error.advice


def test_a_server_whose_name_is_unknown_is_told_without_the_password():
    for scheme in ("postgresql", "mysql"):
        url = f"{scheme}://u:{SECRET}@nowhere.invalid/shop"
        error = refusal(lambda url=url: Database(url).register_models([]))
        assert "nowhere.invalid" in error.problem


def test_a_database_that_the_server_does_not_have_is_told(shared_place: Place):
    if shared_place.is_sqlite:
        return
    host, port = server_of(shared_place)
    scheme, user = ("postgresql", "postgres") if shared_place.kind == PG else ("mysql", "root")
    error = refusal(lambda: Database(f"{scheme}://{user}@{host}:{port}/no_such_shop").register_models([]))
    assert "no_such_shop" in error.problem


@pytest.mark.parametrize("parameter", ["no_such_parameter=1", "port=abc"])
def test_a_parameter_that_the_driver_does_not_know_is_told_without_the_password(shared_place: Place, parameter: str):
    joint = "&" if "?" in shared_place.url else "?"
    url = shared_place.url.replace("root@", f"root:{SECRET}@").replace("postgres@", f"postgres:{SECRET}@")
    refusal(lambda: Database(f"{url}{joint}{parameter}").register_models([]))


def test_a_connection_that_fails_can_be_left_to_the_application():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"postgresql://u:{SECRET}@127.0.0.1:{unused.getsockname()[1]}/shop"
        report = Database(url, on_failure="continue").register_models([])
    assert isinstance(report.error, ConfigurationError)
    assert SECRET not in str(report) + repr(report) + repr(report.to_dict())


# -- files --------------------------------------------------------------------------------------


def assert_untouched(call: Any, *paths: Path) -> ConfigurationError:
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]
    error = refusal(call)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths] == before
    return error


def test_a_directory_in_place_of_a_file_is_told(tmp_path: Path):
    error = refusal(lambda: Database(f"sqlite:///{tmp_path}", migrations=[Create]).register_models([]))
    assert str(tmp_path) in error.problem
    assert "directory" in error.problem
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"This is a letter to the editor.\n" * 100,
        b"x" * 16,
        os.urandom(8192),
        b"SQLite format 2\0" + b"\0" * 4096,
        b"PK\x03\x04" + b"\0" * 4096,
    ],
    ids=["text", "16 bytes", "noise", "an older format", "zip"],
)
@pytest.mark.parametrize("environment", ["production", "test"])
def test_a_file_that_is_no_database_is_told_and_left_as_it_is(tmp_path: Path, content: bytes, environment: str):
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    database = Database(f"sqlite:///{path}", migrations=[Create], environment=environment)
    error = assert_untouched(lambda: database.register_models([]), path)
    assert str(path) in error.problem
    assert "not an SQLite database" in error.problem
    assert database.is_closed()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_database_is_told_where_the_connection_sets_pragmas(tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_bytes(b"This is a letter to the editor.\n" * 100)
    inner = SqliteDatabase(path, pragmas={"journal_mode": "wal", "foreign_keys": 1})
    error = assert_untouched(lambda: Database(inner, migrations=[Create]).register_models([]), path)
    assert "not an SQLite database" in error.problem


def test_asking_for_the_status_of_what_is_no_database_is_told_as_well(tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_bytes(b"This is a letter to the editor.\n" * 100)
    runner = Database(f"sqlite:///{path}", migrations=[Create]).migrations
    for call in (runner.status, runner.plan, runner.down, lambda: runner.stamp(None), lambda: runner.accept(Create.id)):
        assert "not an SQLite database" in assert_untouched(call, path).problem


def test_an_empty_file_is_an_empty_database(tmp_path: Path):
    path = tmp_path / "shop.db"
    path.touch()
    assert Database(f"sqlite:///{path}", migrations=[Create]).register_models([])


def test_a_missing_folder_is_told_and_not_made(tmp_path: Path):
    folder = tmp_path / "no" / "such"
    error = refusal(lambda: Database(f"sqlite:///{folder}/shop.db", migrations=[Create]).register_models([]))
    assert str(folder) in error.problem
    assert "does not exist" in error.problem
    assert "create the folder" in error.advice
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_whose_folder_is_missing_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    error = refusal(lambda: Database("sqlite:///no/shop.db").register_models([]))
    assert str(tmp_path / "no") in error.problem


def test_a_uri_is_told_by_its_path(tmp_path: Path):
    missing = tmp_path / "my shop.db"
    uri = f"file:{str(missing).replace(' ', '%20')}?mode=rw"
    error = refusal(lambda: Database(SqliteDatabase(uri, uri=True), migrations=[Create]).register_models([]))
    assert str(missing) in error.problem
    assert "does not exist" not in error.problem
    beyond = f"file://{tmp_path}/no/shop.db?mode=rw"
    error = refusal(lambda: Database(SqliteDatabase(beyond, uri=True), migrations=[Create]).register_models([]))
    assert f"{tmp_path}/no " in error.problem


def read_only(path: Path, *migrations: type[BaseMigration], **options: Any) -> Database:
    return Database(SqliteDatabase(f"file:{path}?mode=ro", uri=True), migrations=migrations, **options)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A file in which Create was applied."""
    path = tmp_path / "shop.db"
    assert Database(f"sqlite:///{path}", migrations=[Create]).register_models([])
    return path


@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_a_read_only_database_with_nothing_pending_works(shop: Path, environment: str):
    database = read_only(shop, Create, environment=environment)

    class User(database.Model):
        email = CharField()

    before = shop.read_bytes()
    report = database.register_models([User])
    assert not report
    assert report.warnings == ()
    with database.connection_context():
        assert User.get().email == "a"
    assert database.migrations.status()
    assert shop.read_bytes() == before


def test_a_read_only_database_with_migrations_pending_is_told(shop: Path):
    database = read_only(shop, Create, Extend)
    error = assert_untouched(lambda: database.register_models([]), shop)
    assert "read-only" in error.problem
    assert str(shop) in error.problem
    assert "writable" in error.advice
    assert not database.in_transaction()
    assert [one.label for one in database.migrations.status().pending] == [Extend.id]


def test_a_read_only_database_that_lacks_a_table_is_told(shop: Path):
    database = read_only(shop, Create)

    class Word(database.Model):
        text = CharField()

    error = assert_untouched(lambda: database.register_models([Word]), shop)
    assert "read-only" in error.problem


def test_a_read_only_database_without_a_history_is_told(tmp_path: Path):
    path = tmp_path / "shop.db"
    plain = SqliteDatabase(path)
    plain.execute_sql("CREATE TABLE x (n)")
    plain.close()
    database = read_only(path, Create)
    error = assert_untouched(lambda: database.register_models([]), path)
    assert "read-only" in error.problem
    error = assert_untouched(lambda: database.migrations.stamp(Create.id), path)
    assert "read-only" in error.problem


def test_a_damaged_history_is_told_as_damage(shop: Path):
    database = SqliteDatabase(shop)
    (root,) = database.execute_sql("SELECT rootpage FROM sqlite_master WHERE name = 'ormmigrate_history'").fetchone()
    (size,) = database.execute_sql("PRAGMA page_size").fetchone()
    database.close()
    with shop.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 100)
    for environment in ("production", "test"):
        ours = Database(f"sqlite:///{shop}", migrations=[Create, Extend], environment=environment)
        error = assert_untouched(lambda ours=ours: ours.register_models([]), shop)
        assert "damaged" in error.problem
        assert "damaged" in assert_untouched(ours.migrations.status, shop).problem


def test_a_damaged_schema_is_told_as_damage(shop: Path):
    with shop.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 60)
    error = assert_untouched(lambda: Database(f"sqlite:///{shop}", migrations=[Create]).register_models([]), shop)
    assert "damaged" in error.problem
    assert "backup" in error.advice


def test_a_driver_that_is_not_installed_is_told_with_the_command_to_install_it(tmp_path: Path):
    # An environment of its own, in which peewee finds no driver: None stands for a package that is not there.
    code = (
        "import sys\n"
        "for name in ('psycopg', 'psycopg2', 'pymysql', 'MySQLdb'): sys.modules[name] = None\n"
        "from ormmigrate import ConfigurationError, Database\n"
        "for url in ('postgresql://u:s3cr3t@127.0.0.1/x', 'mysql://u:s3cr3t@127.0.0.1/x'):\n"
        "    try:\n        Database(url).register_models([])\n"
        "    except ConfigurationError as error:\n        print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 'pip install "ormmigrate[postgresql]"' in said
    assert 'pip install "ormmigrate[mysql]"' in said
    assert "s3cr3t" not in said
