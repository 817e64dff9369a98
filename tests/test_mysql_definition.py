"""What SHOW CREATE TABLE says is read in pieces, and said again with one of them changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ormmigrate.dialects.mysql import drafts
from ormmigrate.dialects.mysql.clauses import clauses_of
from ormmigrate.dialects.mysql.definition import Column, read_column, read_table, tokens
from ormmigrate.dialects.mysql.drafts import Draft, draft_of
from ormmigrate.dialects.mysql.retyping import with_type
from ormmigrate.dialects.mysql.server import Server
from ormmigrate.dialects.mysql.words import Spelling, enclosing, integer_kind, is_settable

MYSQL, MARIADB = Server(False, (8, 4, 3)), Server(True, (10, 11, 8))

LINES = {
    "`a` int DEFAULT NULL": "`a` int NOT NULL",
    "`a` timestamp NULL DEFAULT NULL": "`a` timestamp NOT NULL",
    "`a` int NOT NULL /*!80023 INVISIBLE */": "`a` int NOT NULL /*!80023 INVISIBLE */",
    "`NULL` int DEFAULT (NULL) COMMENT 'NULL'": "`NULL` int NOT NULL DEFAULT (NULL) COMMENT 'NULL'",
    "`a` text COLLATE utf8mb4_bin COMMENT 'NOT NULL'": "`a` text COLLATE utf8mb4_bin NOT NULL COMMENT 'NOT NULL'",
    "`a` int GENERATED ALWAYS AS ((`b` NULL)) VIRTUAL": "`a` int GENERATED ALWAYS AS ((`b` NULL)) VIRTUAL NOT NULL",
    "`a``b` enum('NOT NULL','a,b)') DEFAULT 'NOT NULL'": "`a``b` enum('NOT NULL','a,b)') NOT NULL DEFAULT 'NOT NULL'",
    "`a` point /*!80003 SRID 4326 */ DEFAULT NULL": "`a` point NOT NULL /*!80003 SRID 4326 */",
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_a_definition_is_changed_in_what_it_says_of_null_alone(line: str, expected: str):
    text = f"CREATE TABLE `t (` (\n  {line},\n  KEY `k` (`a`,`b`)\n) ENGINE=InnoDB COMMENT=','"
    table = read_table(text)
    assert table.name == "t ("
    assert [key.text for key in table.keys] == ["KEY `k` (`a`,`b`)"]
    (column,) = table.columns
    assert column.text == line
    if (column.says("DEFAULT") or "") == "DEFAULT NULL":
        column = column.saying("DEFAULT", None)
    assert column.saying("NULL", "NOT NULL").text == expected


THING = """CREATE TABLE `t` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `a` int DEFAULT NULL,
  `b` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT _utf8mb4'a' COMMENT 'it''s \\'a\\' (`a`)',
  `g` int GENERATED ALWAYS AS ((`a` + 1)) STORED COMMENT 'g',
  `h` int GENERATED ALWAYS AS ((`g` * 2)) VIRTUAL /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`),
  UNIQUE KEY `a` (`g`),
  KEY `t_a` (`a` DESC,`b`(5)) /*!80000 INVISIBLE */,
  KEY `f` ((lower(`b`)),`id`),
  KEY `e` (((`a` + 1))),
  CONSTRAINT `t_ibfk_1` FOREIGN KEY (`id`) REFERENCES `o` (`id`) ON UPDATE SET NULL,
  CONSTRAINT `a` CHECK ((`a` > 0)) /*!80016 NOT ENFORCED */,
  CONSTRAINT `t_chk_2` CHECK ((`b` <> _latin1'a'))
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4
/*!50100 PARTITION BY HASH (`id`) */"""


def thing() -> Draft:
    return draft_of(read_table(THING))


def test_what_does_not_follow_a_renamed_column_on_mysql_is_dropped_and_made_again_in_the_same_statement():
    assert clauses_of(drafts.rename_column(thing(), "a", "new"), MYSQL) == [
        "DROP CHECK `a`",
        "DROP COLUMN `g`",
        "DROP COLUMN `h`",
        "RENAME COLUMN `a` TO `new`",
        "ADD COLUMN `g` int GENERATED ALWAYS AS ((`new` + 1)) STORED COMMENT 'g' AFTER `b`",
        "ADD COLUMN `h` int GENERATED ALWAYS AS ((`g` * 2)) VIRTUAL /*!80023 INVISIBLE */ AFTER `g`",
        "ADD CONSTRAINT `a` CHECK ((`new` > 0)) /*!80016 NOT ENFORCED */",
        "DROP INDEX `a`",
        "DROP INDEX `e`",
        "ADD UNIQUE KEY `a` (`g`)",
        "ADD KEY `e` (((`new` + 1)))",
    ]
    assert clauses_of(drafts.rename_column(thing(), "a", "new"), MARIADB) == ["RENAME COLUMN `a` TO `new`"]


def test_an_old_server_that_has_no_rename_column_is_told_the_whole_line():
    assert clauses_of(drafts.rename_column(thing(), "b", "new"), Server(True, (10, 4, 0))) == [
        "CHANGE COLUMN `b` `new` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT _utf8mb4'a' "
        "COMMENT 'it''s \\'a\\' (`a`)'",
    ]


def test_a_column_that_is_dropped_and_its_check_have_the_words_of_the_server():
    draft = drafts.drop_check(thing(), thing().checks[1])
    assert clauses_of(draft, MYSQL) == ["DROP CHECK `t_chk_2`"]
    assert clauses_of(draft, MARIADB) == ["DROP CONSTRAINT `t_chk_2`"]


TYPES = {
    "a text keeps its characters": (
        "`a` varchar(9) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'x'",
        "`a` VARCHAR(20)",
        "`a` VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'x'",
    ),
    "a number has none": ("`a` varchar(9) CHARACTER SET latin1 COMMENT 'c'", "`a` INTEGER", "`a` INTEGER COMMENT 'c'"),
    "a number goes on counting": (
        "`a` int unsigned NOT NULL AUTO_INCREMENT COMMENT 'c'",
        "`a` BIGINT AUTO_INCREMENT NOT NULL PRIMARY KEY",
        "`a` BIGINT NOT NULL AUTO_INCREMENT COMMENT 'c'",
    ),
    "a collation takes the place of both": (
        "`a` text CHARACTER SET latin1 COLLATE latin1_bin",
        "`a` TEXT COLLATE utf8mb4_bin",
        "`a` TEXT COLLATE utf8mb4_bin",
    ),
    "a check stays": ("`a` int(11) DEFAULT 5 CHECK (`a` > 0)", "`a` BIGINT", "`a` BIGINT DEFAULT 5 CHECK (`a` > 0)"),
    "a moment goes on noting changes": (
        "`a` datetime DEFAULT current_timestamp() ON UPDATE current_timestamp()",
        "`a` TIMESTAMP",
        "`a` TIMESTAMP DEFAULT current_timestamp() ON UPDATE current_timestamp()",
    ),
}


@pytest.mark.parametrize(("line", "field", "expected"), TYPES.values(), ids=TYPES)
def test_a_column_with_another_type_keeps_the_rest(line: str, field: str, expected: str):
    said = read_column(tokens(field)).in_order
    assert with_type(read_column(tokens(line)), said, said).text == expected


def test_a_long_column_has_its_default_in_parentheses_where_a_server_wants_that():
    text = Column("a", "longtext")
    assert enclosing("DEFAULT 'x'", text) == "DEFAULT ('x')"
    assert enclosing("DEFAULT NULL", text) == "DEFAULT NULL"
    assert enclosing("DEFAULT 'x'", replace(text, type="varchar(9)")) == "DEFAULT 'x'"


@pytest.mark.parametrize(
    ("default", "expected"),
    [("'x'", True), ("-1.5", True), ("1e3", True), ("b'101'", True), ("NULL", True), ("(1 + 2) * (3)", False),
     ("(a)", True), ("now()", False), ("a", False)],
)  # fmt: skip
def test_a_default_is_set_by_itself_where_it_is_a_constant_or_enclosed(default: str, expected: bool):
    assert is_settable(f"DEFAULT {default}") is expected


def test_types_of_whole_numbers_are_compared_by_size_and_sign():
    assert integer_kind("int(10) unsigned") == integer_kind("INTEGER UNSIGNED") == ("int", True)
    assert integer_kind("BIGINT") == integer_kind("bigint(20)") != integer_kind("int(11)")
    assert integer_kind("varchar(20)") is None


def test_sql_of_any_session_is_written_plainly():
    assert Spelling(ansi_quotes=True).plain('"a""b" = \'"\' -- "c"') == '`a"b` = \'"\' -- "c"'
    assert Spelling(backslash=False).plain(r"a = '\' AND `b\` = 'c''\'") == r"a = '\\' AND `b\` = 'c''\\'"
    assert Spelling().plain(r"""a = "\"" """) == r"""a = "\"" """
    assert Spelling(backslash=False).literal("it's \\") == r"'it''s \'"
