"""Foreign keys on, CASCADE children, and every operation that rebuilds the parent: no child row is lost."""

from __future__ import annotations

import pytest
from peewee import AutoField, BooleanField, CharField, ForeignKeyField, IntegerField, IntegrityError, TextField
from places import Place, quoted
from snapshot import OURS, rows

from ormmigrate import BaseMigration, Database, IntegrityCheckFailed, reference


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table(
            "parent",
            {
                "id": AutoField(),
                "name": CharField(max_length=40),
                "size": IntegerField(null=True),
                "old": TextField(null=True),
            },
        )
        migrator.create_table(
            "child",
            {
                "id": AutoField(),
                "parent_id": ForeignKeyField(reference("parent"), on_delete="CASCADE"),
                "word": TextField(),
            },
        )
        migrator.create_table(
            "grandchild", {"id": AutoField(), "child_id": ForeignKeyField(reference("child"), on_delete="CASCADE")}
        )
        migrator.sql("INSERT INTO parent (name, size) VALUES ('a', 1), ('b', 2), ('c', 3)")
        migrator.sql("INSERT INTO child (parent_id, word) VALUES (1, 'x'), (1, 'y'), (2, 'z'), (3, 'w')")
        migrator.sql("INSERT INTO grandchild (child_id) VALUES (1), (2), (3), (4)")


def values(database: Database, query: str) -> list:
    return [value for (value,) in database.execute_sql(query).fetchall()]


def column(database: Database, name: str, table: str = "parent"):
    """The column as the database describes it; None where there is none."""
    return next((found for found in database.get_columns(table) if found.name == name), None)


def assert_null_is_refused(database: Database, name: str) -> None:
    """By an insert that names every column that needs a value."""
    given = {"name": "'d'", "size": "4", "active": "'1'", name: "NULL"}
    there = {found.name for found in database.get_columns("parent")}
    given = {key: value for key, value in given.items() if key in there}
    count = values(database, "SELECT count(*) FROM parent")
    with pytest.raises(IntegrityError):
        database.execute_sql(f"INSERT INTO parent ({', '.join(given)}) VALUES ({', '.join(given.values())})")
    assert values(database, "SELECT count(*) FROM parent") == count


def has_not_null_column(database: Database) -> None:
    assert [bool(active) for active in values(database, "SELECT active FROM parent")] == [True] * 3
    assert_null_is_refused(database, "active")


def has_indexed_column(database: Database) -> None:
    assert values(database, f"SELECT {quoted(database, 'rank')} FROM parent") == [1] * 3
    assert column(database, "rank").null is False
    assert ["rank"] in [index.columns for index in database.get_indexes("parent")]


def lacks_column(database: Database) -> None:
    assert [found.name for found in database.get_columns("parent")] == ["id", "name", "size"]


def has_renamed_column(database: Database) -> None:
    assert [found.name for found in database.get_columns("parent")] == ["id", "title", "size", "old"]
    assert values(database, "SELECT title FROM parent ORDER BY id") == ["a", "b", "c"]


def forbids_null(database: Database) -> None:
    assert_null_is_refused(database, "size")


def accepts_null(database: Database) -> None:
    database.execute_sql("INSERT INTO parent (name, size) VALUES (NULL, 4)")
    assert values(database, "SELECT name FROM parent WHERE size = 4") == [None]


def has_the_type(database: Database) -> None:
    assert column(database, "name").data_type.upper() == "TEXT"
    database.execute_sql("INSERT INTO parent (name, size) VALUES ('" + "n" * 41 + "', 4)")
    assert values(database, "SELECT name FROM parent ORDER BY id") == ["a", "b", "c", "n" * 41]
    assert_null_is_refused(database, "name")


def uses_the_default(database: Database) -> None:
    database.execute_sql("INSERT INTO parent (name) VALUES ('d')")
    assert values(database, "SELECT size FROM parent ORDER BY id") == [1, 2, 3, 7]


def has_renamed_table(database: Database) -> None:
    assert database.get_tables() == ["ancestor", "child", "grandchild", *OURS]
    assert values(database, "SELECT name FROM ancestor ORDER BY id") == ["a", "b", "c"]


def has_the_whole_group(database: Database) -> None:
    assert [found.name for found in database.get_columns("parent")] == ["id", "name", "height", "old", "active"]
    assert values(database, "SELECT height FROM parent ORDER BY id") == [1, 2, 3]
    has_not_null_column(database)
    database.execute_sql("INSERT INTO parent (name, active) VALUES (NULL, '0')")
    assert values(database, "SELECT count(*) FROM parent WHERE name IS NULL") == [1]


#: Each change, and what must be different afterwards.
CHANGES = {
    "add a NOT NULL column": (
        lambda m: m.add_column("parent", "active", BooleanField(default=True)),
        has_not_null_column,
    ),
    "add a column with an index": (
        lambda m: m.add_column("parent", "rank", IntegerField(default=1, index=True)),
        has_indexed_column,
    ),
    "drop a column": (lambda m: m.drop_column("parent", "old"), lacks_column),
    "rename a column": (lambda m: m.rename_column("parent", "name", "title"), has_renamed_column),
    "forbid NULL": (lambda m: m.add_not_null("parent", "size"), forbids_null),
    "allow NULL": (lambda m: m.drop_not_null("parent", "name"), accepts_null),
    "change a type": (lambda m: m.alter_column_type("parent", "name", TextField()), has_the_type),
    "set a default": (lambda m: m.add_column_default("parent", "size", 7), uses_the_default),
    "rename the table": (lambda m: m.rename_table("parent", "ancestor"), has_renamed_table),
    "several in a group": (lambda m: group(m), has_the_whole_group),
}


def group(migrator):
    with migrator.alter_table("parent") as parent:
        parent.add_column("active", BooleanField(default=True))
        parent.drop_not_null("name")
        parent.rename_column("size", "height")


@pytest.mark.parametrize(("change", "assert_changed"), CHANGES.values(), ids=CHANGES)
def test_every_change_is_there_and_no_child_row_is_lost(place: Place, change, assert_changed):
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            change(migrator)

    first = place.database([Create])
    first.register_models([])
    first.connect(reuse_if_open=True)
    before = rows(first)
    database = Database(first.obj, migrations=[Create, Change])
    assert database.register_models([])
    database.connect(reuse_if_open=True)

    after = rows(database)
    assert after["child"] == before["child"]
    assert after["grandchild"] == before["grandchild"]
    assert len(after.get("parent") or after["ancestor"]) == 3
    assert_changed(database)
    if place.is_sqlite:
        assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)
    parent = "ancestor" if "ancestor" in after else "parent"
    database.execute_sql(f"DELETE FROM {parent} WHERE id = 1")
    assert [word for (word,) in database.execute_sql("SELECT word FROM child ORDER BY id").fetchall()] == ["z", "w"]
    assert database.execute_sql("SELECT count(*) FROM grandchild").fetchone() == (2,)


def sqlite_with_rows(place: Place) -> Database:
    first = place.database([Create])
    first.register_models([])
    first.connect(reuse_if_open=True)
    return first


@pytest.mark.parametrize("keys", [0, 1])
def test_the_callers_setting_of_foreign_keys_is_as_before(file_place: Place, keys: int):
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            migrator.drop_not_null("parent", "name")

    database = sqlite_with_rows(file_place)
    database.execute_sql(f"PRAGMA foreign_keys = {keys}")
    database.execute_sql("PRAGMA busy_timeout = 1234")
    Database(database.obj, migrations=[Create, Change]).register_models([])
    assert database.execute_sql("PRAGMA foreign_keys").fetchone() == (keys,)
    assert database.execute_sql("PRAGMA busy_timeout").fetchone() == (1234,)
    assert database.execute_sql("SELECT count(*) FROM child").fetchone() == (4,)


def test_a_batch_that_leaves_orphans_fails_and_names_table_and_rows(file_place: Place):
    class Orphans(BaseMigration):
        id = "20240102_000000_orphans"

        def up(self, migrator):
            migrator.sql("DELETE FROM parent WHERE name = 'b'")

    database = sqlite_with_rows(file_place)
    before = rows(database)
    with pytest.raises(IntegrityCheckFailed) as caught:
        Database(database.obj, migrations=[Create, Orphans]).register_models([])
    assert rows(database) == before
    (finding,) = caught.value.findings
    assert finding == "child (row 3) refers to parent (parent_id = 2), which is not there"
    assert "does not cascade" in str(caught.value)


def test_orphans_that_were_there_before_neither_block_nor_count(file_place: Place):
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            migrator.add_column("child", "rank", IntegerField(default=1))
            migrator.rename_table("child", "kid")
            migrator.rename_column("kid", "parent_id", "elder_id")

    database = sqlite_with_rows(file_place)
    database.execute_sql("PRAGMA foreign_keys = OFF")
    database.execute_sql("INSERT INTO child (parent_id, word) VALUES (99, 'old orphan')")
    database.execute_sql("PRAGMA foreign_keys = ON")
    assert Database(database.obj, migrations=[Create, Change]).register_models([])
    assert database.execute_sql("SELECT word FROM kid WHERE elder_id = 99").fetchone() == ("old orphan",)


def test_a_new_orphan_beside_old_ones_is_found(file_place: Place):
    class Orphans(BaseMigration):
        id = "20240102_000000_orphans"

        def up(self, migrator):
            migrator.sql("INSERT INTO child (parent_id, word) VALUES (99, 'another'), (77, 'new')")

    database = sqlite_with_rows(file_place)
    database.execute_sql("PRAGMA foreign_keys = OFF")
    database.execute_sql("INSERT INTO child (parent_id, word) VALUES (99, 'old orphan')")
    with pytest.raises(IntegrityCheckFailed) as caught:
        Database(database.obj, migrations=[Create, Orphans]).register_models([])
    assert len(caught.value.findings) == 2


def test_a_key_that_does_not_fit_its_parent_elsewhere_does_not_hide_new_orphans(file_place: Place):
    class Orphans(BaseMigration):
        id = "20240102_000000_orphans"

        def up(self, migrator):
            migrator.sql("DELETE FROM parent WHERE name = 'b'")

    database = sqlite_with_rows(file_place)
    database.execute_sql("CREATE TABLE odd (x INTEGER REFERENCES parent (size))")
    with pytest.raises(IntegrityCheckFailed, match="child"):
        Database(database.obj, migrations=[Create, Orphans]).register_models([])


def test_triggers_survive_a_rebuild_in_their_order_and_do_not_fire_during_it(file_place: Place):
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            migrator.add_column("parent", "active", BooleanField(default=True))

    database = sqlite_with_rows(file_place)
    database.execute_sql("CREATE TABLE log (word TEXT)")
    for name in ("zebra", "ape"):
        database.execute_sql(
            f"CREATE TRIGGER {name} AFTER UPDATE ON parent BEGIN INSERT INTO log VALUES ('{name}'); END"
        )
    Database(database.obj, migrations=[Create, Change]).register_models([])
    assert database.execute_sql("SELECT count(*) FROM log").fetchone() == (0,)
    names = database.execute_sql("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid").fetchall()
    assert names == [("zebra",), ("ape",)]


ODD_TABLES = {
    "strict": "CREATE TABLE [odd t] (id INTEGER PRIMARY KEY, a TEXT) STRICT",
    "without rowid": "CREATE TABLE [odd t] (id TEXT PRIMARY KEY, a TEXT) WITHOUT ROWID",
    "autoincrement": "CREATE TABLE [odd t] ([id] INTEGER PRIMARY KEY AUTOINCREMENT, [a] TEXT)",
    "constraints at the end": "CREATE TABLE [odd t] (id INT, a TEXT DEFAULT 'is NOT NULL', CHECK (a <> 'DEFAULT 1)'))",
    "comment": "CREATE TABLE [odd t] (id INT, a TEXT -- the last one )\n)",
}


@pytest.mark.parametrize("table", ODD_TABLES.values(), ids=ODD_TABLES)
def test_a_column_that_forbids_null_is_added_to_any_table_and_changes_nothing_else(file_place: Place, table: str):
    class Change(BaseMigration):
        id = "20240102_000000_change"

        def up(self, migrator):
            migrator.add_column("odd t", "n", IntegerField(default=7))
            migrator.add_column("odd t", "it's", TextField(default="'quoted' DEFAULT", index=True))

    database = sqlite_with_rows(file_place)
    database.execute_sql(table)
    database.execute_sql("INSERT INTO [odd t] (id, a) VALUES (3, 'x'), (9, 'y')")
    database.execute_sql("CREATE VIEW v AS SELECT * FROM [odd t]")
    database.execute_sql("CREATE TRIGGER g AFTER UPDATE ON [odd t] BEGIN UPDATE [odd t] SET a = 'fired'; END")
    Database(database.obj, migrations=[Create, Change]).register_models([])

    query = 'SELECT a, n, "it\'s" FROM [odd t] ORDER BY id'
    assert database.execute_sql(query).fetchall() == [("x", 7, "'quoted' DEFAULT"), ("y", 7, "'quoted' DEFAULT")]
    text = database.execute_sql("SELECT sql FROM sqlite_master WHERE name = 'odd t'").fetchone()[0]
    added = ', "n" INTEGER NOT NULL, "it\'s" TEXT NOT NULL'
    assert text.replace(added, "") == table
    assert database.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
    with pytest.raises(IntegrityError):
        database.execute_sql("INSERT INTO [odd t] (id, a) VALUES (10, 'z')")
