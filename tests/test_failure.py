"""A batch that fails: before or after, nothing in between; and where that cannot be, the exact state."""

from __future__ import annotations

import sqlite3

import pytest
from making import assert_helps
from peewee import AutoField, BooleanField, CharField, IntegerField, TextField
from places import Place
from snapshot import HISTORY, OURS, snapshot

from ormmigrate import BaseMigration, ConfigurationError, Database, MigrationFailed, UnfinishedMigration
from ormmigrate.connection import inner


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("owner", {"id": AutoField(), "name": CharField(unique=True)})
        migrator.create_table(
            "animal",
            {"id": AutoField(), "owner_id": IntegerField(null=True), "name": TextField(), "legs": IntegerField()},
        )
        migrator.sql("INSERT INTO owner (name) VALUES ('Ann'), ('Bob'), ('Cy')")
        migrator.sql("INSERT INTO animal (owner_id, name, legs) VALUES (1, 'cat', 4), (2, 'hen', 2), (NULL, 'fly', 6)")


class Second(BaseMigration):
    id = "20240102_000000_second"

    def up(self, migrator):
        migrator.add_column("animal", "tame", BooleanField(default=True))
        migrator.add_index("animal", ("tame",))


class Third(BaseMigration):
    id = "20240103_000000_third"

    def up(self, migrator):
        migrator.rename_table("animal", "pet")
        migrator.drop_not_null("pet", "name")


class Fourth(BaseMigration):
    id = "20240104_000000_fourth"

    def up(self, migrator):
        migrator.sql("DELETE FROM pet WHERE legs = 6")
        migrator.drop_table("owner")


class Fifth(BaseMigration):
    id = "20240105_000000_fifth"

    def up(self, migrator):
        migrator.add_column("pet", "age", IntegerField(null=True))
        migrator.sql("UPDATE pet SET age = 1")
        migrator.sql("INSERT INTO nowhere VALUES (1)")
        migrator.add_column("pet", "never", IntegerField(null=True))


BAD = [Create, Second, Third, Fourth, Fifth]


def start_with(place: Place, migrations: list, **options: object) -> Database:
    """A database at the first migration, and then given the others: an in-memory one keeps its connection."""
    first = place.database(migrations[:1])
    first.register_models([])
    later = Database(first.obj, migrations=migrations, environment="production", **options)
    later.connect(reuse_if_open=True)
    return later


def test_a_batch_whose_fifth_migration_fails_leaves_everything_as_it_was(transactional_place: Place):
    database = start_with(transactional_place, BAD)
    before = snapshot(database)

    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])

    assert snapshot(database) == before
    assert not database.in_transaction()
    error = caught.value
    assert error.migration == Fifth.id
    assert error.statement == "INSERT INTO nowhere VALUES (1)"
    assert "run the SQL: INSERT INTO nowhere" in str(error)
    assert "Everything was rolled back" in str(error)
    assert error.__cause__ is not None
    if transactional_place.is_sqlite:
        assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)
        assert database.execute_sql("PRAGMA legacy_alter_table").fetchone() == (0,)


def test_after_a_failed_batch_the_corrected_one_runs(transactional_place: Place):
    database = start_with(transactional_place, BAD)
    with pytest.raises(MigrationFailed):
        database.register_models([])
    corrected = Database(database.obj, migrations=BAD[:4], environment="production")
    assert corrected.register_models([]).applied == (Second.id, Third.id, Fourth.id)


def test_no_lock_is_left_after_a_failed_batch(shared_place: Place):
    database = start_with(shared_place, BAD)
    with pytest.raises(MigrationFailed):
        database.register_models([])
    other = shared_place.database(BAD[:2], lock_timeout_s=1)
    if shared_place.rolls_back_ddl:
        assert other.register_models([]).applied == (Second.id,)
    else:
        other.connect()
        free = other.execute_sql("SELECT IS_FREE_LOCK(CONCAT('ormmigrate.', DATABASE()))").fetchone()
        assert free == (1,)


def test_where_a_batch_cannot_be_taken_back_the_error_says_what_took_effect_and_the_next_run_refuses(
    mysql_place: Place,
):
    database = start_with(mysql_place, BAD)
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    text = str(caught.value)
    assert "add the column pet.age" in text
    assert "UPDATE pet SET age = 1" in text
    assert "pet.never" not in text
    assert Fourth.id in text

    state = snapshot(database)
    with pytest.raises(UnfinishedMigration) as refused:
        database.register_models([])
    assert refused.value.migration == Fifth.id
    obstacles = " ".join(refused.value.obstacles)
    assert "no reverse of this: run the SQL: DELETE FROM pet" in obstacles
    assert "the rows of the table owner" in obstacles
    assert_helps(refused.value, "add the column pet.age")
    assert "pet.never" not in str(refused.value)
    for command in ("resume", "undo", f"settle {Fifth.id} --applied", f"settle {Fifth.id} --undone"):
        assert f"python -m ormmigrate {command}" in refused.value.advice
    assert snapshot(database) == state


def test_what_could_not_be_taken_back_goes_on_behind_what_is_done(mysql_place: Place):
    database = start_with(mysql_place, BAD)
    with pytest.raises(MigrationFailed):
        database.register_models([])

    class Corrected(BaseMigration):
        id = Fifth.id

        def up(self, migrator):
            migrator.add_column("pet", "age", IntegerField(null=True))
            migrator.sql("UPDATE pet SET age = 1")
            migrator.add_column("pet", "size", IntegerField(null=True))

    corrected = Database(database.obj, migrations=[*BAD[:4], Corrected], environment="production")
    assert corrected.migrations.resume().applied == (Fifth.id,)
    assert database.execute_sql("SELECT age, size FROM pet").fetchall() == ((1, None), (1, None))
    assert not corrected.register_models([])
    with pytest.raises(ConfigurationError, match="No migration was interrupted"):
        corrected.migrations.resume()


def test_what_could_not_be_taken_back_by_itself_is_after_a_person_has_seen_what_is_lost(mysql_place: Place):
    database = start_with(mysql_place, BAD)
    before = snapshot(database, without=OURS)
    with pytest.raises(MigrationFailed):
        database.register_models([])
    losses: list[str] = []
    database.migrations.undo(losses.extend)
    assert any("the rows of the table owner" in loss for loss in losses)
    after = snapshot(database, without=OURS)
    assert after["schema"] == before["schema"]
    # The DELETE has no reverse, and stays done.
    assert after["rows"]["animal"] == before["rows"]["animal"][:2]
    assert after["rows"]["owner"] == []
    assert [row.id for row in database.migrations.history() if row.registry == "app"] == [Create.id]


def in_queries(migrator):
    animal = migrator.table("animal")
    animal.update(legs=0).execute()
    migrator.sql("INSERT INTO nowhere VALUES (1)")


def in_part_of_a_script(migrator):
    migrator.script("UPDATE animal SET legs = 0; ALTER TABLE animal ADD x INT; INSERT INTO nowhere VALUES (1);")


KEPT = {
    "a query of a model": (in_queries, "changed rows itself, outside of its operations: UPDATE `animal`"),
    "a part of a script": (in_part_of_a_script, "was interrupted after it had committed a part of this"),
}


@pytest.mark.parametrize(("change", "obstacle"), KEPT.values(), ids=KEPT)
def test_where_ddl_cannot_be_rolled_back_what_bypasses_the_journal_is_noticed(mysql_place: Place, change, obstacle):
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            change(migrator)

    database = start_with(mysql_place, [Create, Change])
    with pytest.raises(MigrationFailed) as caught:
        database.register_models([])
    assert obstacle in str(caught.value)
    before = snapshot(database)
    with pytest.raises(UnfinishedMigration) as refused:
        database.register_models([])
    assert not refused.value.can_resume
    assert any(obstacle in text for text in refused.value.obstacles)
    with pytest.raises(ConfigurationError, match="not certain where to go on"):
        database.migrations.resume()
    assert snapshot(database) == before


def test_a_migration_that_failed_before_any_effect_may_simply_be_tried_again(mysql_place: Place):
    class Wrong(BaseMigration):
        id = "20240102_000000_wrong"

        def up(self, migrator):
            migrator.add_column("animal", "age", IntegerField())

    class Right(BaseMigration):
        id = "20240102_000000_wrong"

        def up(self, migrator):
            migrator.add_column("animal", "age", IntegerField(null=True))

    database = start_with(mysql_place, [Create, Wrong])
    before = snapshot(database, without=(HISTORY,))
    with pytest.raises(MigrationFailed, match="the database is as it was"):
        database.register_models([])
    assert snapshot(database, without=(HISTORY,)) == before
    corrected = Database(database.obj, migrations=[Create, Right])
    assert corrected.register_models([]).applied == (Right.id,)


def test_an_interrupted_migration_is_settled_by_hand(mysql_place: Place):
    database = start_with(mysql_place, BAD)
    with pytest.raises(MigrationFailed):
        database.register_models([])
    database.execute_sql("ALTER TABLE pet DROP COLUMN age")
    database.migrations.settle(Fifth.id, "undone")

    class Corrected(BaseMigration):
        id = Fifth.id

        def up(self, migrator):
            migrator.add_column("pet", "age", IntegerField(null=True))

    corrected = Database(database.obj, migrations=[*BAD[:4], Corrected], environment="production")
    assert corrected.register_models([]).applied == (Fifth.id,)
    assert database.execute_sql("SELECT COUNT(*) FROM ormmigrate_journal").fetchone() == (0,)


def test_a_down_that_fails_leaves_everything_as_it_was(transactional_place: Place):

    class Stubborn(BaseMigration):
        id = "20240102_000000_stubborn"

        def up(self, migrator):
            migrator.add_column("animal", "age", IntegerField(null=True))

        def down(self, migrator):
            migrator.drop_column("animal", "age")
            raise RuntimeError("changed my mind")

    database = start_with(transactional_place, [Create, Stubborn])
    database.register_models([])
    before = snapshot(database)
    with pytest.raises(MigrationFailed, match="changed my mind"):
        database.migrations.down()
    assert snapshot(database) == before


def test_a_migration_that_commits_is_noticed(transactional_place: Place):

    class Commits(BaseMigration):
        id = "20240102_000000_commits"

        def up(self, migrator):
            migrator.add_column("animal", "age", IntegerField(null=True))
            migrator.database.connection().cursor().execute("COMMIT")

    database = start_with(transactional_place, [Create, Commits])
    before = snapshot(database)
    with pytest.raises(MigrationFailed, match="transaction ended"):
        database.register_models([])
    assert not database.in_transaction()
    # What it committed itself is there, and nothing says that it was applied.
    after = snapshot(database)
    assert after["rows"][HISTORY] == before["rows"][HISTORY]
    assert [column.name for column in database.get_columns("animal")] == ["id", "owner_id", "name", "legs", "age"]
    assert {table: found for table, found in after["rows"].items() if table != "animal"} == {
        table: found for table, found in before["rows"].items() if table != "animal"
    }
    assert [status.state for status in database.migrations.status().migrations] == ["applied", "pending"]


def test_a_statement_that_rolls_back_by_itself_is_noticed(file_place: Place):
    class RollsBack(BaseMigration):
        id = "20240102_000000_rolls_back"

        def up(self, migrator):
            migrator.add_column("animal", "age", IntegerField(null=True))
            try:
                migrator.sql("INSERT OR ROLLBACK INTO owner (id, name) VALUES (1, 'again')")
            except Exception:
                migrator.sql("INSERT INTO owner (name) VALUES ('stray')")

    database = start_with(file_place, [Create, RollsBack])
    before = snapshot(database)
    with pytest.raises(MigrationFailed, match="transaction ended"):
        database.register_models([])
    assert snapshot(database, without=("owner",)) == {
        "schema": [row for row in before["schema"] if "owner" not in str(row)],
        "rows": {name: rows for name, rows in before["rows"].items() if name != "owner"},
    }


def test_connection_context_inside_a_migration_does_not_close_the_connection(place: Place):
    class Contexts(BaseMigration):
        id = "20240102_000000_contexts"

        def up(self, migrator):
            with migrator.database.connection_context():
                migrator.sql("UPDATE animal SET legs = legs + 1")
            migrator.sql("UPDATE animal SET legs = legs + 1")

    database = start_with(place, [Create, Contexts])
    database.register_models([])
    database.connect(reuse_if_open=True)
    assert database.execute_sql("SELECT sum(legs) FROM animal").fetchone()[0] == 18


def test_commit_is_tried_again_while_a_reader_is_in_the_way(file_place: Place):
    import threading
    import time

    database = start_with(file_place, [Create, Second])
    database.execute_sql("PRAGMA journal_mode = DELETE")
    reader = sqlite3.connect(inner(database).database, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM animal").fetchall()

    def let_go():
        time.sleep(0.3)
        reader.execute("COMMIT")

    thread = threading.Thread(target=let_go)
    thread.start()
    try:
        assert database.register_models([]).applied == (Second.id,)
    finally:
        thread.join()
        reader.close()


def test_the_error_of_a_full_disk_is_the_first_one(tmp_path, file_place: Place):
    class Big(BaseMigration):
        id = "20240102_000000_big"

        def up(self, migrator):
            migrator.database.execute_sql("PRAGMA max_page_count = 60")
            migrator.add_column("owner", "blob", TextField(null=True))
            migrator.sql("UPDATE owner SET blob = hex(randomblob(300000))")

    database = start_with(file_place, [Create, Big])
    before = snapshot(database)
    with pytest.raises(MigrationFailed, match="full"):
        database.register_models([])
    database.close()
    database.connect()
    assert snapshot(database) == before
    assert HISTORY in before["rows"]
