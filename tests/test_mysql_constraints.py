"""Indexes and constraints of every form, and columns that say everything, on tables with rows: there and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee
import pytest
from making import migration
from mysql_catalogue import Facts, catalogue, difference
from mysql_running import as_text, assert_refused, change, changes, prepared, statements
from peewee import SQL, AutoField, CharField, Check, ForeignKeyField, IntegerField, TextField
from places import Place

from ormmigrate import Database, MigrationFailed, RawField, reference

Up = Callable[[Any], object]

TABLES = (
    "CREATE TABLE owner (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, UNIQUE KEY ab (a, b))",
    "CREATE TABLE thing (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, owner INT, bio TEXT, "
    "created DATETIME, code VARCHAR(20) COLLATE utf8mb4_bin)",
    "INSERT INTO owner VALUES (1, 1, 2), (2, 3, 4)",
    "INSERT INTO thing VALUES (1, 1, 2, 1, 'some words', '2024-01-01', 'x'), (2, 3, 4, NULL, NULL, NULL, 'X')",
)


@pytest.fixture
def tables(mysql_place: Place) -> Database:
    database = prepared(mysql_place, *TABLES)
    if "MariaDB" not in database.execute_sql("SELECT VERSION()").fetchone()[0]:
        pytest.skip("The lines below are MariaDB's words.")
    return database


def without_own(found: Facts) -> Facts:
    return {key: value for key, value in found.items() if not str(key[1]).startswith("ormmigrate_")}


def there_and_back(database: Database, *ups: Up) -> list[Facts]:
    """What each of the migrations leads to; afterwards they are taken back, and everything is as it was."""
    migrations = [migration(f"2024010{number}_000000_step", up) for number, up in enumerate(ups, 1)]
    found = [without_own(catalogue(database))]
    for number in range(1, len(ups) + 1):
        Database(database.obj, migrations=migrations[:number]).register_models([])
        found.append(without_own(catalogue(database)))
    for number in range(len(ups), 0, -1):
        Database(database.obj, migrations=migrations[:number]).migrations.down()
        assert difference(found[number - 1], without_own(catalogue(database))) == {}
    return found[1:]


def lines(found: Facts, table: str = "thing") -> set[str]:
    return {key[2] for key in found if key[:2] == ("text", table)}


# -- indexes ----------------------------------------------------------------------------------------

INDEXES: dict[str, tuple[Up, str]] = {
    "order": (
        lambda m: m.add_index("thing", (SQL("`created` DESC"), "a"), name="newest"),
        "KEY `newest` (`created` DESC,`a`)",
    ),
    "order in bare words": (
        lambda m: m.add_index("thing", (SQL("CREATED desc"), SQL("a ASC")), name="newest"),
        "KEY `newest` (`created` DESC,`a`)",
    ),
    "start": (lambda m: m.add_index("thing", (SQL("`bio`(10)"),), name="start"), "KEY `start` (`bio`(10))"),
    "start, descending, unique": (
        lambda m: m.add_index("thing", (SQL("bio (10) DESC"), "b"), True, name="start"),
        "UNIQUE KEY `start` (`bio`(10) DESC,`b`)",
    ),
    "words": (lambda m: m.add_index("thing", ("bio",), using="fulltext"), "FULLTEXT KEY `thing_bio` (`bio`)"),
    "named by its SQL": (lambda m: m.add_index("thing", (SQL("`a` DESC"),)), "KEY `thing_``a`` DESC` (`a` DESC)"),
}


@pytest.mark.parametrize(("up", "line"), INDEXES.values(), ids=INDEXES)
def test_an_index_of_any_form_comes_and_goes(tables: Database, up: Up, line: str):
    before = lines(catalogue(tables))
    (found,) = there_and_back(tables, up)
    assert lines(found) - before == {line}


def test_a_dropped_index_comes_back_in_its_form(tables: Database):
    tables.execute_sql("ALTER TABLE thing ADD INDEX odd (created DESC, bio(5)), ADD FULLTEXT words (bio)")

    def up(m: Any) -> None:
        m.drop_index("thing", "odd", columns=(SQL("created DESC"), SQL("bio(5)")))
        m.drop_index("thing", "words", columns=("bio",), using="FULLTEXT")

    (found,) = there_and_back(tables, up)
    assert not [line for line in lines(found) if line.startswith(("KEY `odd`", "FULLTEXT"))]


def test_an_index_over_an_expression_is_refused_with_the_way_there(tables: Database):
    for part in ("lower(code)", "(a + b)", "(a) DESC"):
        parts = (SQL(part), "a")
        assert_refused(tables, lambda m, parts=parts: m.add_index("thing", parts), "no indexes over expressions")
    assert_refused(tables, lambda m: m.add_index("thing", (SQL("nothing DESC"),)), "no column nothing", "created")
    assert_refused(tables, lambda m: m.add_index("thing", (SQL("bio DESC"),)), "too long for an index")


def test_indexes_of_every_form_in_a_group_are_one_statement(tables: Database):
    def up(m: Any) -> None:
        with m.alter_table("thing") as thing:
            thing.add_column("n", IntegerField(null=True))
            thing.add_index((SQL("n DESC"), SQL("bio(3)")), name="x")
            thing.add_index(("bio",), using="FULLTEXT")
            thing.rename_column("code", "sign")
            thing.add_index(("sign", SQL("created DESC")), name="y")
            thing.add_constraint(None, SQL("UNIQUE (sign, a)"))

    with statements(tables) as heard:
        change(tables, up)
    assert len(heard) == 1
    assert {line for line in lines(catalogue(tables)) if "KEY" in line} == {
        "PRIMARY KEY (`id`)",
        "KEY `x` (`n` DESC,`bio`(3))",
        "FULLTEXT KEY `thing_bio` (`bio`)",
        "KEY `y` (`sign`,`created` DESC)",
        "UNIQUE KEY `uniq_sign_a` (`sign`,`a`)",
    }


# -- constraints ------------------------------------------------------------------------------------


def added(name: str | None, text: str) -> Up:
    return lambda m: m.add_constraint("thing", name, SQL(text))


CONSTRAINTS: dict[str, tuple[Up, set[str]]] = {
    "check without a name": (
        lambda m: m.add_constraint("thing", None, Check("a > 0 AND b % 2 = 0")),
        {"CHECK (`a` > 0 and `b` MOD 2 = 0)"},
    ),
    "check": (
        lambda m: m.add_constraint("thing", "positive", Check("a > 0")),
        {"CONSTRAINT `positive` CHECK (`a` > 0)"},
    ),
    "unique without a name": (added(None, "UNIQUE (a, b)"), {"UNIQUE KEY `uniq_a_b` (`a`,`b`)"}),
    "unique over a start": (
        added("u", "UNIQUE KEY (`bio`(4), a DESC)"),
        {"UNIQUE KEY `u` (`bio`(4),`a` DESC)"},
    ),
    "unique with its name in it": (added(None, "CONSTRAINT u UNIQUE (a)"), {"UNIQUE KEY `u` (`a`)"}),
    "composite foreign key": (
        added("pair", "FOREIGN KEY (a, b) REFERENCES owner (a, b) ON DELETE CASCADE"),
        {
            "KEY `pair` (`a`,`b`)",
            "CONSTRAINT `pair` FOREIGN KEY (`a`, `b`) REFERENCES `owner` (`a`, `b`) ON DELETE CASCADE",
        },
    ),
    "foreign key without a name": (
        added(None, "FOREIGN KEY (owner) REFERENCES owner (id) ON UPDATE SET NULL"),
        {
            "KEY `fk_thing_owner_refs_owner` (`owner`)",
            "CONSTRAINT `fk_thing_owner_refs_owner` FOREIGN KEY (`owner`) REFERENCES `owner` (`id`) ON UPDATE SET NULL",
        },
    ),
}


@pytest.mark.parametrize(("up", "come"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_a_constraint_of_any_form_comes_and_goes(tables: Database, up: Up, come: set[str]):
    before = lines(catalogue(tables))
    (found,) = there_and_back(tables, up)
    new = lines(found) - before
    if all(line.startswith("CHECK") for line in come):
        new = {line.partition("` ")[2] for line in new}
    assert new == come


def test_a_constraint_is_dropped_by_name_and_comes_back(tables: Database):
    tables.execute_sql(
        "ALTER TABLE thing ADD CONSTRAINT c CHECK (a > 0), ADD CONSTRAINT u UNIQUE (a, b), ADD INDEX (owner), "
        "ADD CONSTRAINT k FOREIGN KEY (owner) REFERENCES owner (id) ON DELETE CASCADE"
    )

    def up(m: Any) -> None:
        m.drop_constraint("thing", "c", constraint=Check("a > 0"))
        m.drop_constraint("thing", "u", constraint=SQL("UNIQUE (a, b)"))
        m.drop_constraint("thing", "k", constraint=SQL("FOREIGN KEY (owner) REFERENCES owner (id) ON DELETE CASCADE"))

    (found,) = there_and_back(tables, up)
    assert not [line for line in lines(found) if line.startswith(("CONSTRAINT", "UNIQUE"))]


def test_a_constraint_without_a_name_is_found_by_what_it_covers(tables: Database):
    def up(m: Any) -> None:
        m.add_constraint("thing", None, SQL("UNIQUE (a, b)"))
        m.add_constraint("thing", None, Check("a > 0"))
        m.add_constraint("thing", None, SQL("FOREIGN KEY (a, b) REFERENCES owner (a, b)"))

    def back(m: Any) -> None:
        m.drop_constraint("thing", columns=("a", "b"), constraint=SQL("FOREIGN KEY (a, b) REFERENCES owner (a, b)"))
        m.drop_constraint("thing", columns=("a", "b"))
        m.drop_constraint("thing", constraint=Check("a  >  0"))

    before = catalogue(tables)
    change(tables, up)
    change(tables, back)
    assert difference(before, catalogue(tables)) == {}
    assert_refused(tables, lambda m: m.drop_constraint("thing", constraint=Check("a > 0")), "cannot be told")


def test_a_constraint_that_rows_break_changes_nothing(tables: Database):
    before = catalogue(tables)
    for up in (
        lambda m: m.add_constraint("thing", None, Check("a > 1")),
        lambda m: m.add_constraint("thing", None, SQL("FOREIGN KEY (b) REFERENCES owner (id)")),
    ):
        with pytest.raises(MigrationFailed):
            change(tables, up)
        assert difference(before, catalogue(tables)) == {}


# -- columns ----------------------------------------------------------------------------------------

COLUMNS: dict[str, tuple[peewee.Field, str]] = {
    "stored": (
        RawField("int(11)", null=True, constraints=[SQL("GENERATED ALWAYS AS (a + 1) STORED")]),
        "`x` int(11) GENERATED ALWAYS AS (`a` + 1) STORED",
    ),
    "virtual, unique": (
        RawField("varchar(30)", null=True, unique=True, constraints=[SQL("AS (concat(code, 'it''s %', a)) VIRTUAL")]),
        "`x` varchar(30) GENERATED ALWAYS AS (concat(`code`,'it\\'s %',`a`)) VIRTUAL",
    ),
    "everything": (
        CharField(
            9,
            collation="latin1_bin",
            constraints=[Check("x <> ''"), SQL("COMMENT 'why'"), SQL("DEFAULT 'd'")],
        ),
        "`x` varchar(9) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'd' COMMENT 'why' CHECK (`x` <> '')",
    ),
    "on update": (
        RawField("timestamp", constraints=[SQL("DEFAULT now() ON UPDATE now()")]),
        "`x` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()",
    ),
    "json": (
        peewee.JSONField(null=True, constraints=[SQL("DEFAULT '[]'")]),
        "`x` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT '[]' CHECK (json_valid(`x`))",
    ),
    "kind": (
        RawField("enum('a','50 %')", constraints=[SQL("DEFAULT '50 %'")]),
        "`x` enum('a','50 %') NOT NULL DEFAULT '50 %'",
    ),
    "foreign key": (
        ForeignKeyField(reference("owner"), null=True, on_delete="SET NULL", on_update="CASCADE", constraint_name="k"),
        "CONSTRAINT `k` FOREIGN KEY (`x`) REFERENCES `owner` (`id`) ON DELETE SET NULL ON UPDATE CASCADE",
    ),
    "foreign key without an index": (
        ForeignKeyField(reference("owner"), null=True, index=False),
        "KEY `fk_thing_x_refs_owner` (`x`)",
    ),
}


@pytest.mark.parametrize(("field", "line"), COLUMNS.values(), ids=COLUMNS)
def test_a_column_that_says_everything_comes_and_goes(tables: Database, field: peewee.Field, line: str):
    (found,) = there_and_back(tables, lambda m: m.add_column("thing", "x", field))
    assert line in lines(found)


@pytest.mark.parametrize("field", [field for field, _ in COLUMNS.values()], ids=COLUMNS)
def test_a_table_is_made_of_the_same_columns(tables: Database, field: peewee.Field):
    columns = {"id": AutoField(), "a": IntegerField(), "code": CharField(20), "x": field}
    there_and_back(tables, lambda m: m.create_table("other", columns, options="ROW_FORMAT=DYNAMIC COMMENT='50 %'"))


def test_a_generated_column_that_forbids_null_is_refused_with_the_reason(tables: Database):
    field = RawField("int", constraints=[SQL("GENERATED ALWAYS AS (a + 1) STORED")])
    assert_refused(tables, lambda m: m.add_column("thing", "x", field), "cannot forbid NULL")


def test_a_dropped_generated_column_comes_back_with_its_values(tables: Database):
    tables.execute_sql("ALTER TABLE thing ADD COLUMN total INT AS (a + b) STORED")
    field = RawField("int(11)", null=True, constraints=[SQL("GENERATED ALWAYS AS (`a` + `b`) STORED")])
    there_and_back(tables, lambda m: m.drop_column("thing", "total", field=field))


RETYPED: dict[str, tuple[Up, str]] = {
    "another collation": (
        lambda m: m.alter_column_type(
            "thing",
            "code",
            CharField(20, collation="utf8mb4_unicode_ci"),
            replaces=CharField(20, collation="utf8mb4_bin"),
        ),
        "`code` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci DEFAULT NULL",
    ),
    "the table's collation": (
        lambda m: m.alter_column_type("thing", "code", CharField(20), replaces=CharField(20, collation="utf8mb4_bin")),
        "`code` varchar(20) DEFAULT NULL",
    ),
    "the table's collation, and longer": (
        lambda m: m.alter_column_type("thing", "code", CharField(30), replaces=CharField(20, collation="utf8mb4_bin")),
        "`code` varchar(30) DEFAULT NULL",
    ),
    "of a number": (
        lambda m: m.alter_column_type("thing", "a", CharField(20, collation="utf8mb4_bin"), replaces=IntegerField()),
        "`a` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
    ),
    "to json": (
        lambda m: m.alter_column_type("thing", "a", peewee.JSONField(), replaces=IntegerField()),
        "`a` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL CHECK (json_valid(`a`))",
    ),
}


@pytest.mark.parametrize(("up", "line"), RETYPED.values(), ids=RETYPED)
def test_a_type_with_its_collation_comes_and_goes(tables: Database, up: Up, line: str):
    (found,) = there_and_back(tables, up)
    assert line in lines(found)


def test_json_becomes_a_text_and_comes_back(tables: Database):
    tables.execute_sql("ALTER TABLE thing ADD COLUMN j JSON DEFAULT '[1]'")

    def up(m: Any) -> None:
        m.alter_column_type(
            "thing", "j", TextField(null=True, collation="latin1_bin"), replaces=peewee.JSONField(null=True)
        )

    (found,) = there_and_back(tables, up)
    assert "`j` text CHARACTER SET latin1 COLLATE latin1_bin DEFAULT '[1]'" in lines(found)


# -- the index that a foreign key lives on --------------------------------------------------------------

KEY = "CONSTRAINT `k` FOREIGN KEY (`owner`) REFERENCES `owner` (`id`)"
HAND_MADE = "ALTER TABLE thing ADD CONSTRAINT k FOREIGN KEY (owner) REFERENCES owner (id)"


def keys(found: Facts) -> set[str]:
    return {line for line in lines(found) if "KEY" in line and "PRIMARY" not in line}


def test_no_index_vanishes_when_another_is_added(tables: Database):
    tables.execute_sql(HAND_MADE)
    assert keys(catalogue(tables)) == {"KEY `k` (`owner`)", KEY}
    change(tables, lambda m: m.add_index("thing", ("owner", "a")))
    # The server would have dropped k, and nothing could then have taken that back.
    assert keys(catalogue(tables)) == {"KEY `thing_owner` (`owner`)", "KEY `thing_owner_a` (`owner`,`a`)", KEY}
    change(tables, lambda m: m.drop_index("thing", "thing_owner_a"))
    assert keys(catalogue(tables)) == {"KEY `thing_owner` (`owner`)", KEY}


def test_an_index_over_the_very_same_column_takes_the_place_of_the_keys_own(tables: Database):
    tables.execute_sql(HAND_MADE)
    (found,) = there_and_back(tables, lambda m: m.add_index("thing", ("owner",)))
    assert keys(found) == {"KEY `thing_owner` (`owner`)", KEY}


def test_a_key_whose_index_is_dropped_gets_one_of_its_own(tables: Database):
    tables.execute_sql("ALTER TABLE thing ADD UNIQUE pair (owner, a)")
    tables.execute_sql(HAND_MADE)
    change(tables, lambda m: m.drop_index("thing", "pair"))
    assert keys(catalogue(tables)) == {"KEY `k` (`owner`)", KEY}
    assert_refused(tables, lambda m: m.drop_index("thing", "k"), "needed in a foreign key")
    assert_refused(tables, lambda m: m.drop_index("thing", "thing_owner"), "needed in a foreign key")


def test_a_group_moves_a_key_from_one_index_to_another(tables: Database):
    tables.execute_sql("ALTER TABLE thing ADD INDEX one (owner, a)")
    tables.execute_sql(HAND_MADE)

    def up(m: Any) -> None:
        with m.alter_table("thing") as thing:
            thing.drop_index("one", columns=("owner", "a"))
            # Filled row by row, so that it cannot be one statement.
            thing.add_column("n", IntegerField(default=lambda: 7))
            thing.add_index(("owner", SQL("n DESC")), name="other")

    (found,) = there_and_back(tables, up)
    assert keys(found) == {"KEY `other` (`owner`,`n` DESC)", KEY}


def test_the_keys_own_index_answers_to_the_usual_name_and_goes_with_the_key(tables: Database):
    tables.execute_sql(HAND_MADE)
    found = changes(tables, lambda m: m.drop_foreign_key_constraint("thing", "owner"))
    # It is nobody's now, and the server would drop it for whatever index came next.
    assert as_text(found, "thing") == ({"KEY `k` (`owner`)", KEY}, {"KEY `thing_owner` (`owner`)"})
    tables.execute_sql("ALTER TABLE thing ADD INDEX (owner, a)")
    assert "KEY `thing_owner` (`owner`)" in keys(catalogue(tables))
    tables.execute_sql("ALTER TABLE thing DROP INDEX thing_owner, DROP INDEX owner")
    tables.execute_sql(HAND_MADE)

    def up(m: Any) -> None:
        with m.alter_table("thing") as thing:
            thing.drop_foreign_key_constraint("owner", rel="owner", constraint_name="k")
            thing.drop_index("thing_owner", columns=("owner",))

    with statements(tables) as heard:
        change(tables, up)
    assert (keys(catalogue(tables)), len(heard)) == (set(), 1)


def test_a_key_and_its_column_go_in_one_statement(tables: Database):
    tables.execute_sql(HAND_MADE)

    def up(m: Any) -> None:
        with m.alter_table("thing") as thing:
            thing.drop_foreign_key_constraint("owner")
            thing.drop_column("owner")

    with statements(tables) as heard:
        change(tables, up)
    assert (keys(catalogue(tables)), len(heard)) == (set(), 1)


def test_what_an_operation_made_for_a_key_goes_when_it_is_taken_back(tables: Database):
    (found,) = there_and_back(tables, lambda m: m.add_foreign_key_constraint("thing", "owner", "owner", "id"))
    assert "KEY `fk_thing_owner_refs_owner` (`owner`)" in keys(found)


def test_in_a_table_made_by_the_same_migration_no_index_is_kept_that_nobody_named(tables: Database):
    def up(m: Any) -> None:
        m.create_table("made", {"id": AutoField(), "owner": ForeignKeyField(reference("owner"), index=False)})
        m.add_index("made", ("owner", SQL("id DESC")), name="both")

    (found,) = there_and_back(tables, up)
    assert {line for line in lines(found, "made") if line.startswith("KEY")} == {"KEY `both` (`owner`,`id` DESC)"}


# -- a batch that fails behind it ---------------------------------------------------------------------

INSIDE: dict[str, Up] = {
    **{f"index, {name}": up for name, (up, _) in INDEXES.items()},
    **{f"constraint, {name}": up for name, (up, _) in CONSTRAINTS.items()},
    **{
        f"column, {name}": lambda m, field=field: m.add_column("thing", "x", field)
        for name, (field, _) in COLUMNS.items()
    },
    **{f"type, {name}": up for name, (up, _) in RETYPED.items()},
    "index beside the key's own": lambda m: m.add_index("thing", ("b", "a")),
    "key": lambda m: m.drop_foreign_key_constraint("thing", "b"),
    "key's own index": lambda m: m.add_index("thing", ("b",), unique=True),
}


@pytest.mark.parametrize("up", INSIDE.values(), ids=INSIDE)
def test_it_is_taken_back_when_the_batch_fails_behind_it(tables: Database, up: Up):
    tables.execute_sql("INSERT INTO owner VALUES (4, 7, 8)")
    tables.execute_sql("ALTER TABLE thing ADD CONSTRAINT own FOREIGN KEY (b) REFERENCES owner (id)")
    before = without_own(catalogue(tables))

    def failing(m: Any) -> None:
        up(m)
        m.add_constraint("thing", "broken", Check("a > 1"))

    with pytest.raises(MigrationFailed, match="taken back"):
        change(tables, failing)
    assert difference(before, without_own(catalogue(tables))) == {}
