"""What a migration may do that would lose something, and what is done about it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from peewee import (
    AutoField,
    CharField,
    ForeignKeyField,
    IntegerField,
    IntegrityError,
    ProgrammingError,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from places import Place
from snapshot import HISTORY, OURS, rows, snapshot

from ormmigrate import (
    BaseMigration,
    ConfigurationError,
    Database,
    MigrationFailed,
    Registry,
    RegistryError,
    Runner,
    reference,
)


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("t", {"id": AutoField(), "word": CharField(null=True)})
        migrator.sql("INSERT INTO t (word) VALUES ('a'), ('b')", reverse="DELETE FROM t")


def following(place: Place, change, *, down=None, **options: object) -> Database:
    """A populated database, and a program with one more migration."""

    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            change(migrator)

    if down is not None:
        Change.down = lambda self, migrator: down(migrator)
    first = place.database([Create])
    first.register_models([])
    first.connect(reuse_if_open=True)
    return Database(first.obj, migrations=[Create, Change], environment="production", **options)


def applied(database: Database) -> list[str]:
    return [row.id for row in database.migrations.history() if row.registry == "app"]


def test_a_migration_that_rolls_back_and_begins_again_fails_and_is_not_recorded(transactional_place: Place):
    def rolls_back(migrator):
        with migrator.database.transaction() as transaction:
            migrator.sql("INSERT INTO t (word) VALUES ('lost')")
            transaction.rollback()
        migrator.sql("INSERT INTO t (word) VALUES ('kept?')")

    database = following(transactional_place, rolls_back)
    before = snapshot(database)
    with pytest.raises(MigrationFailed, match="transaction ended"):
        database.register_models([])
    assert snapshot(database) == before


def test_a_savepoint_of_the_migrations_own_is_no_matter(place: Place):
    def tries(migrator):
        with migrator.database.atomic() as attempt:
            migrator.database.execute_sql("INSERT INTO t (word) VALUES ('undone')")
            attempt.rollback()
        with migrator.database.atomic():
            migrator.database.execute_sql("INSERT INTO t (word) VALUES ('kept')")

    database = following(place, tries)
    database.register_models([])
    database.connect(reuse_if_open=True)
    words = [word for (word,) in database.execute_sql("SELECT word FROM t ORDER BY id").fetchall()]
    assert words == ["a", "b", "kept"]


OPENINGS = ["START TRANSACTION", "SET autocommit = 0"]


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_transaction_that_is_left_open_fails_the_migration(mysql_place: Place, opening: str):
    def up(migrator):
        migrator.database.execute_sql(opening)
        migrator.database.execute_sql("INSERT INTO t (word) VALUES ('open')")

    database = following(mysql_place, up)
    with pytest.raises(MigrationFailed, match="left a transaction open"):
        database.register_models([])
    database.close()
    database.connect()
    assert database.execute_sql("SELECT count(*) FROM t").fetchone() == (2,)
    assert applied(database) == [Create.id]


@pytest.mark.parametrize("opening", OPENINGS)
def test_a_transaction_that_an_operation_left_open_ends_with_it(mysql_place: Place, opening: str):
    script = f"{opening}; INSERT INTO t (word) VALUES ('open')"
    database = following(mysql_place, lambda migrator: migrator.script(script))
    database.register_models([])
    # It ended together with the note that the operation is done: neither is there without the other.
    assert database.execute_sql("SELECT @@autocommit, @@in_transaction").fetchone() == (1, 0)
    database.close()
    database.connect()
    assert database.execute_sql("SELECT count(*) FROM t WHERE word = 'open'").fetchone() == (1,)
    assert applied(database) == [Create.id, "20240102_000000_change"]


def test_a_dump_that_switches_autocommit_off_and_commits_is_applied_for_good(mysql_place: Place):
    dump = "SET AUTOCOMMIT = 0; START TRANSACTION; INSERT INTO t (word) VALUES ('dumped'); COMMIT;"
    database = following(mysql_place, lambda migrator: migrator.script(dump))
    database.register_models([])
    database.close()
    database.connect()
    assert database.execute_sql("SELECT count(*) FROM t").fetchone() == (3,)
    assert applied(database) == [Create.id, "20240102_000000_change"]


def test_showing_a_migration_does_not_reach_an_attached_database(file_place: Place, tmp_path: Path):
    own = SqliteDatabase(file_place.url.removeprefix("sqlite:///"))
    own.attach(str(tmp_path / "aux.db"), "aux")
    own.connect()
    own.execute_sql("CREATE TABLE aux.log (word TEXT)")
    own.execute_sql("INSERT INTO aux.log VALUES ('precious')")

    class Deletes(BaseMigration):
        id = "20240102_000000_deletes"

        def up(self, migrator):
            migrator.sql("CREATE TABLE IF NOT EXISTS aux.log (word TEXT)")
            migrator.sql("DELETE FROM aux.log")

    performed = Runner(own, [Create, Deletes]).operations(Deletes.id)
    assert [sql for _, (sql,) in performed][-1] == "DELETE FROM aux.log"
    assert own.execute_sql("SELECT * FROM aux.log").fetchall() == [("precious",)]
    assert own.get_tables() == []


def test_showing_a_migration_does_not_reach_another_database_of_the_server(mysql_place: Place):
    home = mysql_place.url.rpartition("/")[2]
    database = following(mysql_place, lambda migrator: migrator.sql(f"DELETE FROM `{home}`.t"))
    before = rows(database)
    with pytest.raises(MigrationFailed, match="must not reach"):
        database.migrations.operations("20240102_000000_change")
    assert rows(database) == before


def test_showing_a_migration_changes_nothing(place: Place):
    database = following(place, lambda migrator: migrator.add_column("t", "size", IntegerField(default=1)))
    before = snapshot(database)
    assert database.migrations.operations("20240102_000000_change")
    assert snapshot(database) == before


def test_what_was_adopted_is_noted_before_a_process_can_be_killed(mysql_place: Place):
    database = following(mysql_place, lambda migrator: None)
    database.execute_sql("CREATE TABLE `old` (id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY)")
    database.execute_sql("INSERT INTO `old` VALUES (1), (2)")
    code = (
        "from ormmigrate import Database\nfrom test_safety import Create, Adopts\n"
        f"Database({mysql_place.url!r}, migrations=[Create, Adopts]).register_models([])\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=False)
    assert killed.returncode == -signal.SIGKILL

    later = Database(database.obj, migrations=[Create, Adopts])
    later.migrations.settle(Adopts.id, "applied")
    later.migrations.down()
    assert later.execute_sql("SELECT count(*) FROM `old`").fetchone() == (2,)


class Adopts(BaseMigration):
    id = "20240103_000000_adopts"

    def up(self, migrator):
        migrator.create_table("old", {"id": AutoField()})
        migrator.run(lambda migrator: os.kill(os.getpid(), signal.SIGKILL), reverse=lambda migrator: None)


class AdoptsQuietly(BaseMigration):
    id = "20240103_000000_adopts"

    def up(self, migrator):
        migrator.create_table("t", {"id": AutoField(), "word": CharField(null=True)})

    def down(self, migrator):
        migrator.drop_table("t")


def test_a_written_down_drops_an_adopted_table_if_it_says_so(place: Place):
    database = following(place, lambda migrator: None)
    later = Database(database.obj, migrations=[Create, AdoptsQuietly])
    later.register_models([])
    later.migrations.down()
    later.connect(reuse_if_open=True)
    assert later.get_tables() == [*OURS]


def test_a_baseline_needs_a_table_and_not_only_a_view(place: Place):
    database = place.database(Registry([Create], baseline=Create.id))
    database.connect()
    database.execute_sql("CREATE VIEW of_an_extension AS SELECT 1 AS one")
    assert database.register_models([]).applied == (Create.id,)
    assert database.execute_sql("SELECT count(*) FROM t").fetchone()[0] == 2


def test_a_baseline_counts_where_the_package_was_here_before_any_migration(place: Place):
    database = place.database()

    class Note(database.Model):
        text = TextField(null=True)

    database.register_models([Note])
    later = Database(database.obj, migrations=Registry([Create], baseline=Create.id))
    report = later.register_models([])
    assert (report.stamped, report.applied) == ((Create.id,), ())


def test_an_up_that_a_call_does_not_run_is_refused():
    class Waits(BaseMigration):
        id = "20240101_000000_waits"

        async def up(self, migrator):
            migrator.drop_table("t")

    class Yields(BaseMigration):
        id = "20240101_000000_yields"

        def up(self, migrator):
            yield migrator.drop_table("t")

    for wrong in (Waits, Yields):
        with pytest.raises(RegistryError, match="runs nothing"):
            Registry([wrong])


def test_a_function_given_to_after_commit_that_raises_does_not_undo_or_deny_the_batch(
    transactional_place: Place, caplog
):
    def later(migrator):
        migrator.sql("INSERT INTO t (word) VALUES ('c')")
        migrator.database.after_commit(lambda: 1 / 0)

    database = following(transactional_place, later)
    assert database.register_models([])
    assert "after_commit" in caplog.text
    database.connect(reuse_if_open=True)
    assert database.execute_sql("SELECT count(*) FROM t").fetchone()[0] == 3


def test_a_database_that_writes_from_a_thread_of_its_own_is_refused(tmp_path: Path):
    from playhouse.sqliteq import SqliteQueueDatabase

    queue = SqliteQueueDatabase(str(tmp_path / "queue.db"), autostart=False)
    with pytest.raises(ConfigurationError, match="thread of its own"):
        Runner(queue, [Create]).up()


class Exotic(BaseMigration):
    """From here → there, 北京 to Zürich: what a latin1 database cannot hold."""

    id = "20240102_000000_exotic"

    def up(self, migrator):
        migrator.add_column("t", "size", IntegerField(null=True))  # 😀


def test_the_history_holds_any_text_whatever_the_database_does(place: Place):
    first = place.database([Create])
    first.connect()
    if place.kind == "mysql":
        first.execute_sql("ALTER DATABASE CHARACTER SET latin1")
    first.register_models([])
    database = Database(first.obj, migrations=[Create, Exotic])
    assert database.register_models([]).applied == (Exotic.id,)
    row = database.migrations.history()[-1]
    assert "北京" in row.description
    assert "😀" in row.source


def test_a_source_that_is_longer_than_the_history_holds_is_cut(mysql_place: Place, tmp_path: Path, monkeypatch):
    text = (
        "from ormmigrate import BaseMigration\n\nclass Long(BaseMigration):\n    id = '20240102_000000_long'\n"
        f"    words = '{'x' * 200_000}'\n\n    def up(self, migrator):\n        pass\n"
    )
    (tmp_path / "long_migration.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    from long_migration import Long

    database = mysql_place.database([Create, Long])
    assert database.register_models([]).applied == (Create.id, Long.id)
    assert not database.register_models([])
    assert database.migrations.status()


def test_a_table_without_the_foreign_key_is_not_taken_for_the_one_that_is_meant(place: Place):
    database = place.database([Create, Child])
    database.register_models([])
    before = snapshot(database, without=(HISTORY,))
    again = Database(database.obj, migrations=[Create, Child, ChildAgain])
    with pytest.raises(MigrationFailed, match="no foreign key of t_id to t"):
        again.register_models([])
    assert snapshot(database, without=(HISTORY,)) == before


class Child(BaseMigration):
    id = "20240102_000000_child"

    def up(self, migrator):
        migrator.create_table("child", {"id": AutoField(), "t_id": IntegerField(null=True), "word": CharField()})


class ChildAgain(BaseMigration):
    id = "20240103_000000_child_again"

    def up(self, migrator):
        migrator.create_table(
            "child",
            {"id": AutoField(), "t_id": ForeignKeyField(reference("t"), null=True), "word": CharField(unique=True)},
        )


class ChildUnique(BaseMigration):
    id = "20240103_000000_child_again"

    def up(self, migrator):
        migrator.create_table(
            "child", {"id": AutoField(), "t_id": IntegerField(null=True), "word": CharField(unique=True)}
        )


def test_an_index_of_some_rows_does_not_stand_for_one_of_all(transactional_place: Place):
    first = transactional_place.database([Create, Child])
    first.register_models([])
    first.connect(reuse_if_open=True)
    first.execute_sql("CREATE UNIQUE INDEX of_some ON child (word) WHERE word <> 'x'")
    Database(first.obj, migrations=[Create, Child, ChildUnique]).register_models([])
    first.execute_sql("INSERT INTO child (word) VALUES ('x')")
    with pytest.raises(IntegrityError):
        first.execute_sql("INSERT INTO child (word) VALUES ('x')")


def test_a_row_whose_key_is_null_gets_its_value_too(file_place: Place):
    database = following(file_place, lambda m: m.add_column("odd", "token", UUIDField(default=uuid.uuid4)))
    database.execute_sql("CREATE TABLE odd (id VARCHAR(9) PRIMARY KEY, word TEXT)")
    database.execute_sql("INSERT INTO odd VALUES (NULL, 'x'), (NULL, 'y'), ('a', 'z')")
    database.register_models([])
    tokens = [token for (token,) in database.execute_sql("SELECT token FROM odd").fetchall()]
    assert None not in tokens
    assert len(set(tokens)) == 3
    assert database.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_change_of_type_leaves_texts_elsewhere_as_they_are(file_place: Place):
    database = following(file_place, lambda m: m.alter_column_type("odd", "n", IntegerField(null=True)))
    text = "CREATE TABLE odd (id INTEGER PRIMARY KEY, s TEXT CHECK (s <> 'a  b'), n TEXT)"
    database.execute_sql(text)
    database.execute_sql("INSERT INTO odd (s, n) VALUES ('a b', '12')")
    database.register_models([])
    expected = text.replace("n TEXT", "n INTEGER")
    assert database.execute_sql("SELECT sql FROM sqlite_master WHERE name = 'odd'").fetchone() == (expected,)
    assert database.execute_sql("SELECT n FROM odd").fetchone() == (12,)


def test_an_error_behind_a_commit_is_not_said_to_be_rolled_back(transactional_place: Place):
    def commits(migrator):
        migrator.sql("INSERT INTO t (word) VALUES ('committed')")
        migrator.database.commit()
        migrator.database.begin()
        raise ValueError("behind it")

    database = following(transactional_place, commits)
    with pytest.raises(MigrationFailed, match="may have been committed") as caught:
        database.register_models([])
    assert "behind it" in str(caught.value)
    assert "Everything was rolled back" not in str(caught.value)


def test_an_error_that_a_migration_swallowed_is_named_as_such(postgresql_place: Place):
    def swallows(migrator):
        with contextlib.suppress(ProgrammingError):
            migrator.sql("SELECT * FROM nowhere")

    database = following(postgresql_place, swallows)
    before = snapshot(database)
    with pytest.raises(MigrationFailed, match="swallowed an error"):
        database.register_models([])
    assert snapshot(database) == before


def test_after_a_failure_the_connection_commits_by_itself_again(mysql_place: Place):
    script = (
        "SET AUTOCOMMIT = 0; SET FOREIGN_KEY_CHECKS = 0; SET SQL_MODE = ''; INSERT INTO t (word) VALUES ('x'); NO SQL"
    )
    database = following(mysql_place, lambda migrator: migrator.script(script), on_failure="continue")
    settings = "SELECT @@autocommit, @@foreign_key_checks, @@sql_mode"
    before = database.execute_sql(settings).fetchone()
    assert database.register_models([]).error is not None
    assert database.execute_sql(settings).fetchone() == before
    database.execute_sql("INSERT INTO t (word) VALUES ('the application goes on')")
    database.close()
    database.connect()
    words = [word for (word,) in database.execute_sql("SELECT word FROM t ORDER BY id").fetchall()]
    assert words == ["a", "b", "the application goes on"]
    assert applied(database) == [Create.id]


def test_a_script_that_empties_the_search_path_is_recorded_where_it_belongs(postgresql_place: Place):
    script = "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE pg_temp.passing (x INT);"
    database = following(postgresql_place, lambda migrator: migrator.script(script))
    before = database.execute_sql("SHOW search_path").fetchone()
    database.register_models([])
    assert applied(database) == [Create.id, "20240102_000000_change"]
    assert database.execute_sql("SHOW search_path").fetchone() == before


def test_a_migration_that_this_program_does_not_have_can_be_settled(mysql_place: Place):
    def half(migrator):
        migrator.add_column("t", "size", IntegerField(null=True))
        # The journal knows no way back from this, so that everything stays as it is.
        migrator.database.execute_sql("UPDATE t SET size = 1")
        migrator.sql("NO SQL")

    newer = following(mysql_place, half)
    with pytest.raises(MigrationFailed):
        newer.register_models([])
    older = Database(newer.obj, migrations=[Create])
    older.execute_sql("ALTER TABLE t DROP COLUMN size")
    older.migrations.settle("20240102_000000_change", "undone")
    assert not older.register_models([])


@pytest.mark.parametrize("leftover", ["CREATE TABLE x (id INTEGER PRIMARY KEY AUTOINCREMENT)", "ANALYZE"])
def test_what_sqlite_keeps_for_itself_is_no_table_for_a_baseline(file_place: Place, leftover: str):
    database = file_place.database(Registry([Create], baseline=Create.id))
    database.connect()
    database.execute_sql(leftover)
    database.execute_sql("DROP TABLE IF EXISTS x")
    assert database.register_models([]).applied == (Create.id,)


def test_showing_a_migration_cannot_attach_a_file(file_place: Place, tmp_path: Path):
    target = tmp_path / "real.db"
    database = following(file_place, lambda m: m.sql(f"ATTACH DATABASE '{target}' AS real"))
    with pytest.raises(MigrationFailed, match="not authorized"):
        database.migrations.operations("20240102_000000_change")
    assert not target.exists()


@pytest.mark.parametrize("statement", ["USE {home}", "DELETE FROM `{home}` . t", "DELETE FROM {home}.t"])
def test_showing_a_migration_cannot_leave_the_scratch_database(mysql_place: Place, statement: str):
    home = mysql_place.url.rpartition("/")[2]
    database = following(mysql_place, lambda migrator: migrator.sql(statement.format(home=home)))
    with pytest.raises(MigrationFailed, match="must not reach"):
        database.migrations.operations("20240102_000000_change")
    assert database.execute_sql("SELECT count(*) FROM t").fetchone() == (2,)


def test_a_text_that_looks_like_a_table_of_another_database_is_shown(mysql_place: Place):
    database = following(mysql_place, lambda m: m.sql("UPDATE t SET word = 'me@mysql.test' WHERE t.id = 1"))
    assert database.migrations.operations("20240102_000000_change")


def test_a_callers_legacy_renaming_is_as_before(file_place: Place):
    database = following(file_place, lambda m: m.add_column("t", "size", IntegerField(default=1)))
    database.execute_sql("PRAGMA legacy_alter_table = ON")
    database.register_models([])
    assert database.execute_sql("PRAGMA legacy_alter_table").fetchone() == (1,)
