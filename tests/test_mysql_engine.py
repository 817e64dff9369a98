"""Each operation on a table with everything on it: the whole catalogue says that it did what it says, alone."""

from __future__ import annotations

import datetime
import decimal
import uuid

import peewee
import pytest
from mysql_catalogue import catalogue, difference, rows_of
from mysql_everything import EVERYTHING
from mysql_running import as_text, assert_refused, change, changes, kinds, prepared, statements
from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    BigIntegerField,
    BlobField,
    BooleanField,
    CharField,
    Check,
    DateTimeField,
    DecimalField,
    ForeignKeyField,
    IntegerField,
    TextField,
    UUIDField,
)
from places import Place

from ormmigrate import Database, MigrationFailed, reference
from ormmigrate.dialects.mysql.broken import broken_definitions

TITLE = (
    "`title` varchar(40) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'it''s 100 % \\\\ \"x\"' "
    "COMMENT 'NOT NULL, DEFAULT ''x'' (a) `b` 50 %'"
)
N = "`n` int(11) DEFAULT 5 CHECK (`n` > -100)"
AT = "`at` datetime(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3) COMMENT 'when'"
KIND = "`kind` enum('a,b)','c''d','NULL') NOT NULL DEFAULT 'c''d'"
FLAG = "`flag` bit(3) DEFAULT b'101'"
HIDDEN = "`hidden` int(11) INVISIBLE DEFAULT 3"
DOUBLED = "`doubled` int(11) GENERATED ALWAYS AS (`n` * 2) VIRTUAL COMMENT 'twice'"
BODY = "`body` text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'long'"


@pytest.fixture
def everything(mysql_place: Place) -> Database:
    database = prepared(mysql_place, *EVERYTHING)
    if "MariaDB" not in database.execute_sql("SELECT VERSION()").fetchone()[0]:
        pytest.skip("The lines below are MariaDB's words.")
    return database


# -- one line each --------------------------------------------------------------------------------

#: Operations that change the line of one column: the line before, and after.
LINES = {
    "longer": (lambda m: m.alter_column_type("thing", "title", CharField(60)), TITLE, TITLE.replace("40", "60", 1)),
    "text": (
        lambda m: m.alter_column_type("thing", "kind", CharField(9)),
        KIND,
        "`kind` varchar(9) NOT NULL DEFAULT 'c''d'",
    ),
    "bigint": (lambda m: m.alter_column_type("thing", "N", BigIntegerField()), N, N.replace("int(11)", "bigint(20)")),
    "of a hidden column": (
        lambda m: m.alter_column_type("thing", "hidden", BigIntegerField()),
        HIDDEN,
        HIDDEN.replace("int(11)", "bigint(20)"),
    ),
    "of a generated column": (
        lambda m: m.alter_column_type("thing", "doubled", BigIntegerField()),
        DOUBLED,
        DOUBLED.replace("int(11)", "bigint(20)"),
    ),
    "of a moment": (lambda m: m.alter_column_type("thing", "at", DateTimeField()), AT, None),
    "with another collation": (
        lambda m: m.alter_column_type("thing", "title", CharField(40, collation="utf8mb4_bin")),
        TITLE,
        TITLE.replace("latin1", "utf8mb4"),
    ),
    "with another default": (
        lambda m: m.alter_column_type("thing", "title", CharField(41, constraints=[SQL("DEFAULT 'y' COMMENT 'z'")])),
        TITLE,
        "`title` varchar(41) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'y' COMMENT 'z'",
    ),
    "add_not_null": (lambda m: m.add_not_null("thing", "flag"), FLAG, "`flag` bit(3) NOT NULL DEFAULT b'101'"),
    "drop_not_null of a text": (lambda m: m.drop_not_null("thing", "title"), TITLE, TITLE.replace(" NOT NULL", "", 1)),
    "drop_not_null of a moment": (lambda m: m.drop_not_null("thing", "at"), AT, AT.replace(" NOT NULL", "", 1)),
    "drop_not_null of an enumeration": (
        lambda m: m.drop_not_null("thing", "kind"),
        KIND,
        KIND.replace(" NOT NULL", "", 1),
    ),
    "drop_column_default": (lambda m: m.drop_column_default("thing", "hidden"), HIDDEN, HIDDEN.replace("3", "NULL")),
    "drop_column_default where NULL is forbidden": (
        lambda m: m.drop_column_default("thing", "kind"),
        KIND,
        KIND.removesuffix(" DEFAULT 'c''d'"),
    ),
    "drop_constraint of a column": (lambda m: m.drop_constraint("thing", "n"), N, "`n` int(11) DEFAULT 5"),
}


@pytest.mark.parametrize(("up", "before", "after"), LINES.values(), ids=LINES)
def test_one_line_of_the_table_changes_and_nothing_else(everything: Database, up, before: str, after: str | None):
    found = changes(everything, up)
    gone, come = as_text(found, "thing")
    assert gone == {before}
    assert len(come) == 1
    assert after is None or come == {after}
    name = before.split("`")[1]
    rows = {"rows"} if name == "at" else set()  # milliseconds
    assert kinds(found) <= {"text", "column"} | ({"check"} if name == "n" else set()) | rows
    assert {key[1:3] for key in found if key[0] == "column"} <= {("thing", name)}


DEFAULTS = {
    "number": (N, 7, "7"),
    "truth": (FLAG, True, "b'1'"),
    "text": (BODY, 'it\'s \\ 5% "x"', "'it\\'s \\\\ 5% \"x\"'"),
    "written text": (TITLE, "'light'", "'light'"),
    "expression": (N, "(3 + 4)", "(3 + 4)"),
    "function": ("`made` timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()", SQL("now()"), None),
    "expression of SQL": (HIDDEN, SQL("1 + 1"), "(1 + 1)"),
    "bytes": (TITLE, b"abc", "'abc'"),
    "decimal": ("`amount` decimal(10,2) NOT NULL DEFAULT 1.50", decimal.Decimal("2.25"), "2.25"),
    "moment": (AT, datetime.datetime(2024, 1, 2, 3, 4, 5), "'2024-01-02 03:04:05.000'"),
    "nothing": (HIDDEN, None, "NULL"),
}


@pytest.mark.parametrize(("before", "value", "words"), DEFAULTS.values(), ids=DEFAULTS)
def test_a_default_of_any_kind_is_set_and_the_rest_of_the_column_stays(
    everything: Database, before: str, value: object, words: str | None
):
    name = before.split("`")[1]
    found = changes(everything, lambda m: m.add_column_default("thing", name, value))
    gone, come = as_text(found, "thing")
    if words is None:
        assert found == {}
        return
    assert gone == {before}
    default = before.split(" DEFAULT ")[1]
    for behind in (" CHECK", " ON UPDATE", " COMMENT"):
        default = default.partition(behind)[0]
    assert come == {before.replace(f"DEFAULT {default}", f"DEFAULT {words}", 1)}
    assert {key for key in found if key[0] != "text"} == {("column", "thing", name, "column_default")}


# -- renaming ---------------------------------------------------------------------------------------


def renamed(value: object, old: str, new: str) -> object:
    return value.replace(f"`{old}`", f"`{new}`") if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("old", "new", "indexes"),
    [
        ("title", "head", {}),
        ("n", "m", {"thing_n": "thing_m"}),
        ("owner_id", "boss_id", {"thing_owner_id": "thing_boss_id"}),
        ("small", "SMALL", {}),
        ("o`d d%", "plain", {}),
        ("made", "o`dd %", {}),
        ("id", "number", {}),
        ("stored", "kept", {}),
    ],
)
def test_a_column_is_renamed_wherever_it_is_named_and_nothing_else_changes(
    everything: Database, old: str, new: str, indexes: dict[str, str]
):
    before = catalogue(everything)
    change(everything, lambda m: m.rename_column("thing", old, new))
    quoted = [name.replace("`", "``") for name in (old, new)]
    names = {**indexes, old: new}
    meant = {}
    for key, value in before.items():
        if key[:2] == ("rows", "thing"):
            continue
        if key[:3] == ("key", "part", "to_thing") and key[-1] == "referenced_column_name":
            value = names.get(value, value)
        elif "REFERENCES `owner`" in str(key) or (key[:3], key[-1]) == REFERRED:
            key = tuple(renamed(part, "owner_id", names.get("owner_id", "owner_id")) for part in key)
        elif key[1] == "thing":
            # The name of a CHECK in a column is that of the column as it was when it was made.
            kept = key[0] == "check"
            key = tuple(part if kept else names.get(renamed(part, *quoted), renamed(part, *quoted)) for part in key)
            for was, now in indexes.items():
                key = tuple(renamed(part, was, now) for part in key)
            value = names.get(value, value) if key[-1] in NAMING else renamed(value, *quoted)
        elif key[:2] == ("text", "part"):
            key = (*key[:2], renamed(key[2], *quoted) if "REFERENCES" in key[2] else key[2])
        meant[key] = value
    after = {key: value for key, value in catalogue(everything).items() if key[:2] != ("rows", "thing")}
    assert difference(meant, after) == {}
    rows = sorted(repr(sorted((names.get(name, name), value) for name, value in eval(row, EVAL))) for row in
                  before["rows", "thing"])  # fmt: skip
    assert rows_of(everything, "thing") == rows


REFERRED = (("key", "thing", "to_owner"), "referenced_column_name")
NAMING = ("column_name", "referenced_column_name")
EVAL = {"datetime": datetime, "Decimal": decimal.Decimal}


def test_a_table_is_renamed_with_the_indexes_that_bear_its_name(everything: Database):
    before = catalogue(everything)
    change(everything, lambda m: m.rename_table("thing", "new thing"))
    after = catalogue(everything)
    assert after["rows", "new thing"] == before["rows", "thing"]
    assert after["next number", "new thing"] == 1000
    names = {key[2] for key in after if key[:2] == ("index", "new thing")}
    assert names == {
        *("PRIMARY", "uq_title", "new thing_small", "new thing_n", "by_title", "by_stored", "o`d %"),
        *("new thing_owner_id", "words"),
    }
    change(everything, lambda m: m.rename_table("new thing", "thing"))
    assert difference(before, catalogue(everything)) == {}


def test_a_table_made_under_the_old_name_gets_its_indexes(mysql_place: Place):
    database = prepared(mysql_place)
    table = {"id": AutoField(), "n": IntegerField(unique=True)}

    def up(m):
        m.create_table("a_b", table)
        m.rename_table("a_b", "c")
        m.create_table("a_b", table)

    change(database, up)
    assert {key[1:3] for key in catalogue(database) if key[0] == "index"} == {
        *(("c", "PRIMARY"), ("c", "c_n"), ("a_b", "PRIMARY"), ("a_b", "a_b_n")),
    }


def test_a_rename_to_a_name_that_is_taken_is_refused(everything: Database):
    assert_refused(everything, lambda m: m.rename_column("thing", "title", "BODY"), "body")
    assert_refused(everything, lambda m: m.rename_table("thing", "owner"), "owner")
    assert_refused(everything, lambda m: m.rename_table("thing", "codes"), "codes")


# -- types ------------------------------------------------------------------------------------------


def test_the_numbers_of_a_key_go_on_when_it_becomes_larger(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE thing (id INT AUTO_INCREMENT PRIMARY KEY COMMENT 'key', a INT)",
        "INSERT INTO thing (a) VALUES (1), (2)",
        "ALTER TABLE thing AUTO_INCREMENT = 50",
    )
    found = changes(database, lambda m: m.alter_column_type("thing", "id", BigAutoField()))
    assert as_text(found, "thing")[1] == {"`id` bigint(20) NOT NULL AUTO_INCREMENT COMMENT 'key'"}
    assert kinds(found) == {"text", "column"}
    database.execute_sql("INSERT INTO thing (a) VALUES (3)")
    assert database.execute_sql("SELECT MAX(id) FROM thing").fetchone() == (50,)


def test_a_foreign_key_for_a_type_means_the_type_of_the_column_that_it_refers_to(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE other (id BIGINT UNSIGNED PRIMARY KEY, code VARCHAR(7) COLLATE utf8mb4_bin UNIQUE)",
        "CREATE TABLE thing (a INT, b INT)",
    )

    def up(m):
        m.alter_column_type("thing", "a", ForeignKeyField(reference("other")))
        m.alter_column_type("thing", "b", ForeignKeyField(reference("other", "code", field=CharField(99))))

    change(database, up)
    text = str(catalogue(database))
    assert "`a` bigint(20) unsigned DEFAULT NULL" in text
    assert "`b` varchar(7) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL" in text


def test_json_becomes_a_plain_text(everything: Database):
    found = changes(everything, lambda m: m.alter_column_type("thing", "data", TextField()))
    assert as_text(found, "thing")[1] == {"`data` text DEFAULT NULL"}
    assert kinds(found) == {"text", "column", "check"}


def test_a_type_in_a_foreign_key_is_refused_with_the_way_there(everything: Database):
    assert_refused(everything, lambda m: m.alter_column_type("thing", "owner_id", IntegerField()), "to_owner")
    assert_refused(everything, lambda m: m.alter_column_type("thing", "id", BigAutoField()), "to_thing")


def test_a_type_that_does_not_fit_is_refused(everything: Database):
    assert_refused(everything, lambda m: m.alter_column_type("thing", "title", IntegerField()), "default")
    assert_refused(everything, lambda m: m.alter_column_type("thing", "title", TextField(), "x"), "USING")
    assert_refused(everything, lambda m: m.alter_column_type("thing", "o`d d%", TextField()), "o`d %")
    before = catalogue(everything)
    with pytest.raises(MigrationFailed):
        change(everything, lambda m: m.alter_column_type("thing", "kind", CharField(2)))
    assert difference(before, catalogue(everything)) == {}


# -- adding columns -----------------------------------------------------------------------------------

ADDED = {
    "text": (CharField(default="it's \\ 5%"), "varchar(255) NOT NULL", "it's \\ 5%"),
    "long text": (TextField(default="x%"), "text NOT NULL", "x%"),
    "bytes": (BlobField(default=b"a'\0\\"), "blob NOT NULL", b"a'\0\\"),
    "decimal": (DecimalField(default=decimal.Decimal("1.5")), "decimal(10,5) NOT NULL", decimal.Decimal("1.5")),
    "truth": (BooleanField(default=True), "tinyint(1) NOT NULL", 1),
    "moment": (
        DateTimeField(default=datetime.datetime(2024, 1, 2)),
        "datetime NOT NULL",
        datetime.datetime(2024, 1, 2),
    ),
    "function": (IntegerField(default=lambda: 7), "int(11) NOT NULL", 7),
    "null": (IntegerField(null=True, default=7), "int(11) DEFAULT NULL", None),
    "default of its own": (
        CharField(
            9, default="a", constraints=[SQL("DEFAULT 'b' COMMENT 'c'"), Check("x <> 'z%'")], collation="latin1_bin"
        ),
        "varchar(9) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'b' COMMENT 'c' CHECK (`x` <> 'z%')",
        "b",
    ),
    "only a default of the database": (IntegerField(constraints=[SQL("DEFAULT 4")]), "int(11) NOT NULL DEFAULT 4", 4),
}


@pytest.mark.parametrize(("field", "line", "value"), ADDED.values(), ids=ADDED)
def test_a_column_is_added_and_the_rows_get_its_default(everything: Database, field, line: str, value: object):
    found = changes(everything, lambda m: m.add_column("thing", "x", field))
    assert as_text(found, "thing") == (set(), {f"`x` {line}"})
    assert {row[0] for row in everything.execute_sql("SELECT x FROM thing").fetchall()} == {value}
    # A function is called for each row, and triggers see that; `made` and `at` stay.
    logged = {("rows", "log")} if field.default is not None and callable(field.default) else set()
    assert {key for key in found if key[0] not in ("text", "column", "check")} == {("rows", "thing"), *logged}
    for row in found["rows", "thing"][1]:
        without = [pair for pair in eval(row, EVAL) if pair[0] != "x"]
        assert repr(without) in found["rows", "thing"][0]


def test_a_column_comes_with_its_index_and_its_foreign_key_or_not_at_all(everything: Database):
    with statements(everything) as heard:
        up = lambda m: m.add_column("thing", "x", ForeignKeyField(reference("owner", field=BigAutoField()), null=True))  # noqa: E731
        found = changes(everything, up)
    assert len(heard) == 1
    assert as_text(found, "thing")[1] == {
        "`x` bigint(20) DEFAULT NULL",
        "KEY `thing_x` (`x`)",
        "CONSTRAINT `fk_thing_x_refs_owner` FOREIGN KEY (`x`) REFERENCES `owner` (`id`)",
    }
    before = catalogue(everything)
    with pytest.raises(MigrationFailed, match="Duplicate"):
        change(everything, lambda m: m.add_column("thing", "y", IntegerField(unique=True, default=1)))
    assert difference(before, catalogue(everything)) == {}


def test_a_unique_column_gets_another_value_for_each_row(everything: Database):
    change(everything, lambda m: m.add_column("thing", "x", UUIDField(default=uuid.uuid4, unique=True)))
    assert len(set(everything.execute_sql("SELECT x FROM thing").fetchall())) == 3
    with pytest.raises(peewee.DatabaseError):
        everything.execute_sql("UPDATE thing SET x = 1")


def test_rows_with_a_key_of_odd_names_are_filled(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE `a % b` (`k % ``` INT, `l %%` VARCHAR(9), PRIMARY KEY (`k % ```, `l %%`))",
        "INSERT INTO `a % b` VALUES (1, '%s'), (1, '%')",
    )
    numbers = iter((1, 2))
    change(database, lambda m: m.add_column("a % b", "100 %", IntegerField(default=lambda: next(numbers))))
    assert sorted(row[0] for row in database.execute_sql("SELECT `100 %%` FROM `a %% b`").fetchall()) == [1, 2]


def test_a_column_that_could_not_be_finished_is_not_begun(everything: Database):
    field = TextField(default=lambda: "x", index=True)
    assert_refused(everything, lambda m: m.add_column("thing", "x", field), "too long for an index")
    field = ForeignKeyField(reference("owner"), default=lambda: 1)
    assert_refused(everything, lambda m: m.add_column("thing", "x", field), "INTEGER", "bigint(20)")
    assert_refused(everything, lambda m: m.add_column("log", "x", IntegerField(default=lambda: 1)), "no primary key")
    assert_refused(everything, lambda m: m.add_column("thing", "x", IntegerField()), "forbids NULL")
    assert_refused(everything, lambda m: m.add_column("thing", "TITLE", IntegerField(null=True)), "title")


# -- dropping columns -----------------------------------------------------------------------------------

SHARED = {
    "n": ("uq_title", "amount_positive", "doubled", "stored"),
    "title": ("uq_title", "by_title"),
    "small": ("stored",),
    "id": ("to_thing", "part"),
}


@pytest.mark.parametrize(("column", "shared"), SHARED.items(), ids=SHARED)
def test_a_column_is_not_dropped_with_what_is_not_its_own_unless_that_is_said(
    everything: Database, column: str, shared: tuple[str, ...]
):
    assert_refused(everything, lambda m: m.drop_column("thing", column), *shared)
    change(everything, lambda m: m.drop_column("thing", column, cascade=True))
    after = catalogue(everything)
    assert not [key for key in after if key[:3] == ("column", "thing", column)]
    text = " ".join(key[2] for key in after if key[0] == "text" and key[1] in ("thing", "part"))
    # The index that came with a foreign key stays with the column.
    assert not any(f"`{name}`" in text.replace("KEY `to_thing`", "") for name in shared if name != "part")
    assert len(after["rows", "thing"]) == 3


def test_a_column_goes_with_what_is_its_own(everything: Database):
    found = changes(everything, lambda m: m.drop_column("thing", "owner_id"))
    gone, come = as_text(found, "thing")
    assert (len(gone), come) == (3, set())
    assert all("owner_id" in line for line in gone)
    everything.execute_sql("ALTER TABLE thing DROP INDEX uq_title, DROP INDEX by_title")
    found = changes(everything, lambda m: m.drop_column("thing", "title"))
    assert as_text(found, "thing") == ({TITLE, "CONSTRAINT `title_given` CHECK (`title` <> '')"}, set())


# -- indexes and constraints ------------------------------------------------------------------------------

CONSTRAINTS = {
    "add_index": (lambda m: m.add_index("thing", ("kind", "AMOUNT")), "KEY `thing_kind_AMOUNT` (`kind`,`amount`)"),
    "unique": (lambda m: m.add_index("thing", ("at", "id"), True, name="o`%"), "UNIQUE KEY `o``%` (`at`,`id`)"),
    "using": (lambda m: m.add_index("thing", ("kind",), using="btree"), "KEY `thing_kind` (`kind`) USING BTREE"),
    "fulltext": (lambda m: m.add_index("thing", ("title",), using="FULLTEXT"), "FULLTEXT KEY `thing_title` (`title`)"),
    "add_unique": (lambda m: m.add_unique("thing", "at", "id"), "UNIQUE KEY `uniq_at_id` (`at`,`id`)"),
    "add_constraint": (
        lambda m: m.add_constraint("thing", "odd %", Check("amount % 2 >= 0")),
        "CONSTRAINT `odd %` CHECK (`amount` MOD 2 >= 0)",
    ),
    "unique by SQL": (
        lambda m: m.add_constraint("thing", "u", SQL("UNIQUE (at, id)")),
        "UNIQUE KEY `u` (`at`,`id`)",
    ),
}


@pytest.mark.parametrize(("up", "line"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_an_index_or_constraint_comes_and_goes_and_nothing_else_changes(everything: Database, up, line: str):
    before = catalogue(everything)
    found = changes(everything, up)
    assert as_text(found, "thing") == (set(), {line})
    name = line.split("`")[1] if "``" not in line else "o`%"
    if "CONSTRAINT" in line or "UNIQUE" in line:
        change(everything, lambda m: m.drop_constraint("thing", name))
    else:
        change(everything, lambda m: m.drop_index("thing", name))
    assert difference(before, catalogue(everything)) == {}


def test_a_foreign_key_comes_and_goes(everything: Database):
    everything.execute_sql("ALTER TABLE log ADD COLUMN owner BIGINT, ADD INDEX (owner)")
    before = catalogue(everything)
    up = lambda m: m.add_foreign_key_constraint("log", "owner", "owner", "id", "CASCADE", "SET NULL", "o`k")  # noqa: E731
    found = changes(everything, up)
    line = "CONSTRAINT `o``k` FOREIGN KEY (`owner`) REFERENCES `owner` (`id`) ON DELETE CASCADE ON UPDATE SET NULL"
    assert as_text(found, "log") == (set(), {line})
    change(everything, lambda m: m.drop_foreign_key_constraint("log", "OWNER"))
    assert difference(before, catalogue(everything)) == {}


def test_a_foreign_key_that_cannot_be_is_refused_with_the_reason(everything: Database):
    everything.execute_sql("ALTER TABLE log ADD COLUMN a INT, ADD COLUMN b BIGINT")
    for column, rel, rel_column, *culprits in (
        ("a", "owner", "id", "int(11)", "bigint(20)"),
        ("b", "owner", "nothing", "code"),
        ("b", "nothing", "id", "owner"),
        ("nothing", "owner", "id", "text"),
        ("b", "thing", "hidden", "hidden"),
    ):
        up = lambda m: m.add_foreign_key_constraint("log", column, rel, rel_column)  # noqa: B023, E731
        assert_refused(everything, up, *culprits)
    everything.execute_sql("INSERT INTO log (b) VALUES (77)")
    with pytest.raises(MigrationFailed, match="foreign key constraint fails"):
        change(everything, lambda m: m.add_foreign_key_constraint("log", "b", "owner", "id"))


def test_several_constraints_of_a_name_are_told_apart_by_people(mysql_place: Place):
    database = prepared(
        mysql_place,
        "CREATE TABLE other (id INT PRIMARY KEY)",
        "CREATE TABLE thing (a INT, x INT CHECK (x > 0), KEY x (a), "
        "CONSTRAINT x FOREIGN KEY (a) REFERENCES other (id))",
    )
    assert_refused(database, lambda m: m.drop_constraint("thing", "x"), "several")
    assert_refused(database, lambda m: m.drop_foreign_key_constraint("thing", "x"), "x (a)")
    assert_refused(database, lambda m: m.drop_index("thing", "x"), "foreign key")


MISSING = {
    "table": (lambda m: m.add_not_null("thign", "a"), "codes, log, owner, part, thing"),
    "column": (lambda m: m.drop_not_null("owner", "b"), "id, code"),
    "column of an index": (lambda m: m.add_index("owner", ("id", "b")), "id, code"),
    "index": (lambda m: m.drop_index("owner", "b"), "PRIMARY, code"),
    "constraint": (lambda m: m.drop_constraint("thing", "b"), "to_owner, amount_positive"),
    "foreign key": (lambda m: m.drop_foreign_key_constraint("owner", "code"), "no foreign key"),
    "table to drop": (lambda m: m.drop_table("thign"), "thing"),
    "table that is a view": (lambda m: m.add_column("codes", "x", IntegerField(null=True)), "view"),
    "drop_table of a view": (lambda m: m.drop_table("codes"), "view"),
    "drop_table that others refer to": (lambda m: m.drop_table("owner"), "to_owner"),
    "partial index": (lambda m: m.add_index("thing", ("n",), where=SQL("n > 1")), "partial"),
    "nulls_distinct": (lambda m: m.add_index("thing", ("n",), True, nulls_distinct=True), "NULLS"),
    "index that is there": (lambda m: m.add_index("thing", ("n",)), "thing_n"),
    "constraint that is there": (lambda m: m.add_constraint("thing", "TITLE_given", Check("n > 1")), "TITLE_given"),
    "cast": (lambda m: m.alter_column_type("thing", "n", BigIntegerField(), cast="n::int"), "cast"),
}


@pytest.mark.parametrize(("up", "culprits"), MISSING.values(), ids=MISSING)
def test_what_is_not_there_or_not_possible_is_refused_with_what_there_is(everything: Database, up, culprits: str):
    assert_refused(everything, up, culprits)


# -- tables -----------------------------------------------------------------------------------------------


def test_a_table_comes_with_its_indexes_and_keys_in_one_statement_or_not_at_all(mysql_place: Place):
    database = prepared(mysql_place, "CREATE TABLE owner (id INT AUTO_INCREMENT PRIMARY KEY)")

    def up(m):
        m.create_table(
            "a % b",
            {
                "id": AutoField(),
                "owner_id": ForeignKeyField(reference("owner"), on_delete="CASCADE"),
                "n`%": IntegerField(unique=True, constraints=[Check("`n``%` % 2 = 0")]),
                "t": TextField(null=True, index_type="FULLTEXT", index=True),
            },
            indexes=[(("owner_id", "n`%"), True)],
            constraints=[Check("owner_id > 0")],
        )

    with statements(database, "CREATE TABLE", "CREATE INDEX", "ALTER") as heard:
        change(database, up)
    assert len(heard) == 1
    names = {key[2] for key in catalogue(database) if key[:2] == ("index", "a % b")}
    assert names == {"PRIMARY", "a % b_owner_id", "a % b_n`%", "a % b_t", "a % b_owner_id_n`%"}
    before = catalogue(database)
    with pytest.raises(MigrationFailed):
        change(database, lambda m: m.create_table("c", {"id": AutoField()}, indexes=[(("nothing",), False)]))
    assert difference(before, catalogue(database)) == {}


def test_a_table_that_others_refer_to_goes_with_their_keys_when_that_is_said(everything: Database):
    found = changes(everything, lambda m: m.drop_table("owner", cascade=True))
    gone, come = as_text(found, "thing")
    assert ({line.split("`")[1] for line in gone}, come) == ({"to_owner"}, set())
    change(everything, lambda m: m.drop_table("owner", safe=True))


def test_a_table_whose_foreign_key_cannot_be_is_refused_with_the_way_there(everything: Database):
    columns = {"id": AutoField(), "owner": ForeignKeyField(reference("owner"))}
    assert_refused(
        everything, lambda m: m.create_table("more", columns), "Foreign key constraint is incorrectly formed"
    )


def test_views_and_triggers_that_lost_a_column_are_found(everything: Database):
    assert broken_definitions(everything) == {}
    everything.execute_sql("ALTER TABLE owner RENAME COLUMN code TO new")
    everything.execute_sql("ALTER TABLE thing RENAME COLUMN amount TO price")
    found = broken_definitions(everything)
    assert set(found) == {"view codes", "trigger thing_logged"}
    assert found["trigger thing_logged"] == "thing has no column amount"


# -- sessions ---------------------------------------------------------------------------------------------

MODES = ("ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "", "ANSI,NO_BACKSLASH_ESCAPES", "NO_FIELD_OPTIONS,NO_KEY_OPTIONS")


@pytest.mark.parametrize("mode", MODES)
def test_nothing_depends_on_how_the_session_writes_sql(everything: Database, mode: str):
    everything.execute_sql("SET SESSION sql_mode = %s, SESSION sql_quote_show_create = 0", (mode,))
    before = everything.execute_sql("SELECT @@SESSION.sql_mode").fetchone()
    quote = '"' if "ANSI" in mode else "`"
    backslash = "\\" if "NO_BACKSLASH" in mode else "\\\\"

    def up(m):
        m.alter_column_type("thing", "title", CharField(60))
        m.add_column_default("thing", "body", "back \\ slash")
        m.rename_column("thing", "n", "m")
        check = Check(f"{quote}title{quote} <> 'a{backslash}'")
        m.add_column("thing", "x", CharField(default="\\", constraints=[check]))

    change(everything, up)
    assert everything.execute_sql("SELECT @@SESSION.sql_mode, @@sql_quote_show_create").fetchone() == (*before, 0)
    everything.execute_sql("SET SESSION sql_mode = 'STRICT_ALL_TABLES', SESSION sql_quote_show_create = 1")
    text = {key[2] for key in catalogue(everything) if key[:2] == ("text", "thing")}
    assert TITLE.replace("40", "60", 1) in text
    assert BODY.replace("DEFAULT NULL", r"DEFAULT 'back \\ slash'") in text
    assert N.replace("`n`", "`m`") in text
    assert r"`x` varchar(255) NOT NULL CHECK (`title` <> 'a\\')" in text
    assert everything.execute_sql("SELECT DISTINCT x FROM thing").fetchall() == (("\\",),)
