"""`SqliteMigrator` by itself, in place of playhouse's: lazy, right in and out of transactions, or refused."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import playhouse.migrate
import pytest
from peewee import (
    CharField,
    Check,
    DatabaseProxy,
    IntegerField,
    IntegrityError,
    PostgresqlDatabase,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from places import FILE, NEWEST, NewestDatabase
from playhouse.migrate import migrate

from ormmigrate import (
    ConfigurationError,
    IntegrityCheckFailed,
    LockTimeout,
    MigrationError,
    SqliteMigrator,
    UnsupportedOperation,
)

SETUP = (
    "CREATE TABLE user (id INTEGER PRIMARY KEY, email VARCHAR(40) NOT NULL, age INT, nick TEXT)",
    "CREATE INDEX user_nick ON user (nick)",
    "CREATE TABLE post (id INTEGER PRIMARY KEY, user_id INT NOT NULL REFERENCES user (id) ON DELETE CASCADE)",
    "CREATE TABLE alone (id INTEGER PRIMARY KEY, a INT)",
    "INSERT INTO user VALUES (1, 'ann', 30, 'a'), (2, 'bob', NULL, 'b')",
    "INSERT INTO post VALUES (1, 1), (2, 1), (3, 2)",
    "INSERT INTO alone VALUES (1, 5)",
)

#: What lets another thread use a connection; apsw's may be used by any.
UNBOUND = {SqliteDatabase: {"check_same_thread": False}, NewestDatabase: {}}


@pytest.fixture(params=[FILE, NEWEST])
def database(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[SqliteDatabase]:
    kind = NewestDatabase if request.param == NEWEST else SqliteDatabase
    database = kind(str(tmp_path / "app.db"), pragmas={"foreign_keys": 1}, timeout=0.1)
    for statement in SETUP:
        database.execute_sql(statement)
    yield database
    database.close()


def state(database: SqliteDatabase) -> tuple[Any, ...]:
    texts = database.execute_sql("SELECT * FROM sqlite_master").fetchall()
    rows = [database.execute_sql(f"SELECT * FROM {table}").fetchall() for table in ("user", "post", "alone")]
    return texts, rows, database.pragma("foreign_keys"), database.pragma("legacy_alter_table")


def column(database: SqliteDatabase, name: str, table: str = "user") -> Any:
    return next((found for found in database.get_columns(table) if found.name == name), None)


def posts(database: SqliteDatabase) -> int:
    return int(database.execute_sql("SELECT count(*) FROM post").fetchone()[0])


def test_it_is_playhouses_and_does_nothing_until_it_is_run(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    assert isinstance(migrator, playhouse.migrate.SqliteMigrator)
    before = state(database)
    operation = migrator.add_column("user", "bio", TextField(null=True))
    assert isinstance(operation, playhouse.migrate.Operation)
    assert state(database) == before
    migrate(operation)
    assert column(database, "bio").null


def test_a_rebuild_of_a_parent_keeps_its_children_with_foreign_keys_on(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    migrate(
        migrator.add_column("user", "token", UUIDField(default=uuid.uuid4)),
        migrator.alter_column_type("user", "age", TextField()),
        migrator.add_unique("user", "email"),
    )
    assert posts(database) == 3
    assert database.pragma("foreign_keys") == 1
    tokens = database.execute_sql("SELECT DISTINCT token FROM user").fetchall()
    assert len(tokens) == 2
    database.execute_sql("DELETE FROM user WHERE id = 1")
    assert posts(database) == 1


@pytest.mark.parametrize("keys", [0, 1])
def test_in_a_transaction_a_rebuild_is_refused_where_it_would_delete_children(database: SqliteDatabase, keys: int):
    database.pragma("foreign_keys", keys)
    before = state(database)
    migrator = SqliteMigrator(database)
    with database.atomic():
        operation = migrator.add_unique("user", "email")
        if keys:
            with pytest.raises(UnsupportedOperation, match="migration_context"):
                migrate(operation)
            assert state(database) == before
        else:
            migrate(operation)
            assert any(index.unique for index in database.get_indexes("user"))
    assert posts(database) == 3


def test_in_a_transaction_what_rebuilds_no_table_with_keys_is_done_and_belongs_to_it(database: SqliteDatabase):
    before = state(database)
    migrator = SqliteMigrator(database)
    with database.atomic() as transaction:
        migrate(
            migrator.drop_not_null("user", "email"),
            migrator.rename_table("post", "message"),
            migrator.add_column("user", "bio", TextField(null=True)),
            migrator.add_column_default("alone", "a", 7),
        )
        assert column(database, "email").null
        assert column(database, "a", "alone").default == "7"
        transaction.rollback()
    assert state(database) == before


def test_in_migration_context_several_operations_are_one_transaction(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    before = state(database)
    with pytest.raises(ValueError, match="no column nowhere"), migrator.migration_context():
        migrate(
            migrator.alter_column_type("user", "age", TextField()),
            migrator.drop_column("user", "nick"),
            migrator.drop_column("user", "nowhere"),
        )
    assert state(database) == before
    with migrator.migration_context():
        migrate(migrator.alter_column_type("user", "age", TextField()), migrator.drop_column("user", "nick"))
    assert column(database, "nick") is None
    assert posts(database) == 3
    assert database.pragma("foreign_keys") == 1


@pytest.mark.parametrize("keys", [0, 1])
def test_in_a_transaction_a_parent_is_not_dropped_with_its_children(database: SqliteDatabase, keys: int):
    """DROP TABLE with foreign keys on deletes what refers to its rows, ON DELETE CASCADE."""
    database.pragma("foreign_keys", keys)
    migrator = SqliteMigrator(database)
    with database.atomic() as transaction:
        operation = migrator.drop_table("user")
        if keys:
            with pytest.raises(UnsupportedOperation, match="delete the rows"):
                migrate(operation)
        else:
            migrate(operation)
        assert posts(database) == 3
        transaction.rollback()
    database.pragma("foreign_keys", 1)
    with pytest.raises(IntegrityCheckFailed):
        migrate(migrator.drop_table("user", schema="main"))
    assert posts(database) == 3


def test_a_column_that_breaks_a_view_is_not_added(database: SqliteDatabase):
    database.execute_sql("CREATE VIEW both AS SELECT * FROM alone UNION ALL SELECT 1, 2")
    migrator = SqliteMigrator(database)
    operation = migrator.add_column("alone", "b", TextField(null=True))
    before = state(database)
    with pytest.raises(UnsupportedOperation, match="view both"):
        migrate(operation)
    with database.atomic(), pytest.raises(UnsupportedOperation, match="view both"):
        migrate(operation)
    with pytest.raises(UnsupportedOperation, match="view both"):
        migrate(migrator.alter_table("alone", operation, migrator.drop_not_null("alone", "a")))
    assert state(database) == before


def test_what_a_foreign_key_refers_to_stays_unique(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    migrate(migrator.add_index("user", ("nick",), unique=True, name="one"))
    database.execute_sql("CREATE TABLE fan (nick TEXT REFERENCES user (nick))")
    before = state(database)
    with pytest.raises(UnsupportedOperation, match="fan"):
        migrate(migrator.drop_index("user", "one"))
    with pytest.raises(UnsupportedOperation, match="no index one on post"):
        migrate(migrator.drop_index("post", "one"))
    assert state(database) == before


def test_rows_that_would_refer_to_nothing_are_rolled_back_and_shown(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    before = state(database)
    with pytest.raises(IntegrityCheckFailed) as caught:
        migrate(migrator.drop_table("user"))
    assert caught.value.findings
    assert state(database) == before
    with pytest.raises(IntegrityCheckFailed, match="post"), migrator.migration_context():
        database.execute_sql("DELETE FROM user WHERE id = 1")
    assert state(database) == before


def test_dropping_a_column_takes_along_what_is_its_own_by_default(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    with pytest.raises(UnsupportedOperation, match="index user_nick"):
        migrate(migrator.drop_column("user", "nick", cascade=False))
    migrate(migrator.drop_column("user", "nick"))
    assert column(database, "nick") is None
    assert not database.get_indexes("user")


def test_legacy_drops_indexes_over_other_columns_as_playhouse_does(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    migrate(migrator.add_index("user", ("age", "nick")))
    with pytest.raises(UnsupportedOperation, match="user_age_nick"):
        migrate(migrator.drop_column("user", "nick"))
    migrate(migrator.drop_column("user", "nick", legacy=True))
    assert not database.get_indexes("user")


def test_a_group_is_all_or_nothing_and_of_one_table(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    before = state(database)
    with pytest.raises(IntegrityError):
        migrate(
            migrator.alter_table(
                "user", migrator.rename_column("user", "nick", "name"), migrator.add_not_null("user", "age")
            )
        )
    assert state(database) == before
    for other in (
        migrator.drop_not_null("post", "user_id"),
        migrator.drop_column("user", "nick", legacy=True),
        migrator.rename_table("user", "person"),
        "nick",
    ):
        with pytest.raises(ConfigurationError, match="operations of that table only"):
            migrator.alter_table("user", other)
    migrate(
        migrator.alter_table(
            "User",
            migrator.rename_column("user", "nick", "name"),
            migrator.add_column("USER", "size", IntegerField(default=1)),
            migrator.add_constraint("user", "real", Check("age > 0")),
        )
    )
    assert database.execute_sql("SELECT name, size FROM user").fetchall() == [("a", 1), ("b", 1)]


def test_errors_are_ours_and_those_that_users_of_playhouse_catch(database: SqliteDatabase):
    migrator = SqliteMigrator(database)
    before = state(database)
    for operation, other in (
        (migrator.add_column("user", "size", IntegerField()), ValueError),
        (migrator.drop_column("user", "nothing"), ValueError),
        (migrator.add_not_null("user", "age"), IntegrityError),
        (migrator.drop_table("user", cascade=True), NotImplementedError),
    ):
        with pytest.raises(MigrationError) as caught:
            migrate(operation)
        assert isinstance(caught.value, other)
        assert "\n  Next: " in str(caught.value)
    assert state(database) == before


def test_names_of_indexes_follow_a_rename_only_if_that_is_asked_for(database: SqliteDatabase):
    migrate(SqliteMigrator(database).rename_column("user", "nick", "name"))
    assert [index.name for index in database.get_indexes("user")] == ["user_nick"]
    migrate(SqliteMigrator(database).rename_column("user", "name", "nick"))
    migrate(SqliteMigrator(database, carries_names=True).rename_column("user", "nick", "name"))
    assert [index.name for index in database.get_indexes("user")] == ["user_name"]


def test_a_writer_in_the_way_is_waited_for_and_then_named(database: SqliteDatabase):
    # The same library: the locks of a file are a process's, so two libraries in one process do not see each other.
    other = type(database)(database.database, thread_safe=False, **UNBOUND[type(database)])
    other.execute_sql("BEGIN IMMEDIATE")
    with pytest.raises(LockTimeout):
        migrate(SqliteMigrator(database, lock_timeout_s=0.2).drop_not_null("user", "email"))
    timer = threading.Timer(0.3, other.execute_sql, ["ROLLBACK"])
    timer.start()
    migrate(SqliteMigrator(database, lock_timeout_s=10).drop_not_null("user", "email"))
    timer.join()
    assert column(database, "email").null


def test_it_takes_a_proxy_and_no_other_kind_of_database(database: SqliteDatabase):
    proxy = DatabaseProxy()
    with pytest.raises(ConfigurationError, match="not initialized"):
        SqliteMigrator(proxy)
    proxy.initialize(database)
    migrate(SqliteMigrator(proxy).add_column("user", "bio", CharField(null=True)))
    assert column(database, "bio")
    with pytest.raises(ConfigurationError, match="PostgresqlDatabase"):
        SqliteMigrator(PostgresqlDatabase("test"))
