"""Splitting a script into statements, by the lexical rules of each database. Pure."""

from __future__ import annotations

import pytest

from ormmigrate.dialects.script import GRAMMARS, split

KINDS = ("SQLite", "PostgreSQL", "MySQL")
SQLITE, PG, MYSQL = KINDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        ("  \n\t ", []),
        (";", []),
        (";;; ;\n;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1;;", ["SELECT 1"]),
        ("SELECT 1;SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("  SELECT 1  ;\n\n  SELECT 2\n ;  ", ["SELECT 1", "SELECT 2"]),
        ("SELECT\n  1,\n  2;", ["SELECT\n  1,\n  2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT 'it''s; fine'; SELECT 2", ["SELECT 'it''s; fine'", "SELECT 2"]),
        ("SELECT ''; SELECT 2", ["SELECT ''", "SELECT 2"]),
        ("SELECT ''''; SELECT 2", ["SELECT ''''", "SELECT 2"]),
        ('SELECT "a;b"; SELECT 2', ['SELECT "a;b"', "SELECT 2"]),
        ('SELECT "a"";b"; SELECT 2', ['SELECT "a"";b"', "SELECT 2"]),
        ("SELECT '--'; SELECT 2", ["SELECT '--'", "SELECT 2"]),
        ("SELECT '/*'; SELECT 2; SELECT '*/'", ["SELECT '/*'", "SELECT 2", "SELECT '*/'"]),
        ("SELECT 1 -- one; two\n; SELECT 2", ["SELECT 1 -- one; two", "SELECT 2"]),
        ("-- first; comment\nSELECT 1;", ["-- first; comment\nSELECT 1"]),
        ("SELECT 1; -- last; comment", ["SELECT 1"]),
        ("-- nothing; else", []),
        ("--\nSELECT 1", ["--\nSELECT 1"]),
        ("SELECT 1 /* ; */; SELECT 2", ["SELECT 1 /* ; */", "SELECT 2"]),
        ("/* only; */", []),
        ("/* only; */;", []),
        ("SELECT 1; /* nothing */ -- more\n", ["SELECT 1"]),
        ("SELECT 1 /* it's */; SELECT 2", ["SELECT 1 /* it's */", "SELECT 2"]),
        ("SELECT 1 -- it's\n; SELECT 2", ["SELECT 1 -- it's", "SELECT 2"]),
        ("/**/SELECT 1/**/;/***/", ["/**/SELECT 1/**/"]),
        ("SELECT 4 / 2; SELECT 3 - -1; SELECT 2 * 1", ["SELECT 4 / 2", "SELECT 3 - -1", "SELECT 2 * 1"]),
        ("SELECT '100 %'; SELECT 2", ["SELECT '100 %'", "SELECT 2"]),
        ("SELECT 'ü;ß'; SELECT 2", ["SELECT 'ü;ß'", "SELECT 2"]),
        ("INSERT INTO t VALUES ('a\nb;\nc');\nSELECT 2", ["INSERT INTO t VALUES ('a\nb;\nc')", "SELECT 2"]),
        ("SELECT 1;\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT CASE WHEN a THEN 1 END FROM t; SELECT 2", ["SELECT CASE WHEN a THEN 1 END FROM t", "SELECT 2"]),
    ],
)
def test_what_every_database_splits_alike(kind: str, text: str, statements: list[str]):
    assert split(text, kind) == statements


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text", ["SELECT 'open; SELECT 2", 'SELECT "open; SELECT 2', "SELECT 1 /* open; SELECT 2", "SELECT 1 -- open; x"]
)
def test_what_is_not_closed_runs_to_the_end(kind: str, text: str):
    assert split(text, kind) == [text]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_script_is_lost_but_what_separates(kind: str):
    text = (
        "CREATE TABLE t (a TEXT DEFAULT ';');\n-- why\nINSERT INTO t VALUES ('x');\n/* and */ UPDATE t SET a = 'y';\n"
    )
    assert split(text, kind) == [
        "CREATE TABLE t (a TEXT DEFAULT ';')",
        "-- why\nINSERT INTO t VALUES ('x')",
        "/* and */ UPDATE t SET a = 'y'",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_any_beginning_of_a_script_can_be_split(kind: str):
    text = (
        "SELECT 'a''b', \"c\", `d`, [e], $$f;$$, $x$;$x$, E'\\';', $1 -- g;\n /* h /* i */ ; */ # j\n; DELIMITER //\n"
        "CREATE TRIGGER t BEGIN SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1 //\nDELIMITER ;\nSELECT 2"
    )
    for end in range(len(text)):
        for statement in split(text[:end], kind):
            assert statement
            assert statement == statement.strip()
            assert statement in text


def test_there_is_a_grammar_for_every_dialect():
    from ormmigrate.dialects.mysql.dialect import MySQLDialect
    from ormmigrate.dialects.postgresql.dialect import PostgresqlDialect
    from ormmigrate.dialects.sqlite.dialect import SqliteDialect

    assert set(GRAMMARS) == {dialect.name for dialect in (MySQLDialect, PostgresqlDialect, SqliteDialect)}


# -- SQLite -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT [a;b]; SELECT 2", ["SELECT [a;b]", "SELECT 2"]),
        ("SELECT [a'b]; SELECT 2", ["SELECT [a'b]", "SELECT 2"]),
        ("SELECT `a;b`; SELECT 2", ["SELECT `a;b`", "SELECT 2"]),
        ("SELECT `a``;b`; SELECT 2", ["SELECT `a``;b`", "SELECT 2"]),
        ("SELECT 'a\\'; SELECT 2", ["SELECT 'a\\'", "SELECT 2"]),
        ("SELECT 1 /* a /* b */; SELECT 2", ["SELECT 1 /* a /* b */", "SELECT 2"]),
        ("SELECT 1--x;\n; SELECT 2", ["SELECT 1--x;", "SELECT 2"]),
        ("BEGIN; SELECT 1; END;", ["BEGIN", "SELECT 1", "END"]),
        ("SELECT x'3b'; SELECT 2", ["SELECT x'3b'", "SELECT 2"]),
    ],
)
def test_how_sqlite_splits(text: str, statements: list[str]):
    assert split(text, SQLITE) == statements


TRIGGERS = {
    "plain": "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET n = 1; DELETE FROM c; END",
    "temporary": "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
    "TEMPORARY": "CREATE TEMPORARY TRIGGER IF NOT EXISTS t AFTER INSERT ON a BEGIN SELECT 1; END",
    "lower case": "create trigger t after insert on a begin select 1; end",
    "with a case": "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET n = CASE 1 WHEN 1 THEN 2 END; SELECT 1; END",
    "with nested cases": (
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN CASE 1 WHEN 1 THEN 1 END THEN 2 END; SELECT 1; END"
    ),
    "with a case before the body": (
        "CREATE TRIGGER t AFTER UPDATE ON a WHEN CASE new.n WHEN 1 THEN 1 ELSE 0 END BEGIN SELECT 1; SELECT 2; END"
    ),
    "with comments": (
        "CREATE /* x */ TRIGGER t -- BEGIN\n AFTER INSERT ON a BEGIN /* END; */ SELECT 1; -- END;\n SELECT 2; END"
    ),
    "with words in quotes": "CREATE TRIGGER t INSERT ON a BEGIN SELECT 'END;', \"BEGIN\", [CASE], `END`; SELECT 2; END",
    "called begin": "CREATE TRIGGER begin AFTER INSERT ON end BEGIN SELECT 1; SELECT 2; END",
    "a comment in front": "-- first\nCREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
    "a name like a word": "CREATE TRIGGER end_ AFTER INSERT ON begin_1 BEGIN SELECT case_2; SELECT endless; END",
    "instead of": "CREATE TRIGGER t INSTEAD OF DELETE ON v BEGIN SELECT RAISE(ABORT, 'no; never'); END",
    "of a schema": "CREATE TRIGGER main.t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END",
    "a quoted name": 'CREATE TRIGGER "BEGIN" AFTER INSERT ON "CASE" BEGIN SELECT 1; SELECT 2; END',
    "a string name": "CREATE TRIGGER 'CASE' AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END",
    "no space before the semicolon": "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;END",
    "explained": "EXPLAIN CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END",
    "a case in parentheses": "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT (CASE WHEN 1 THEN(2)END); SELECT 1; END",
    "a column of a row": "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT new.case_, old.[end]; SELECT 1; END",
}


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS)
def test_a_trigger_of_sqlite_is_one_statement(trigger: str):
    assert split(f"SELECT 0; {trigger}; SELECT 9", SQLITE) == ["SELECT 0", trigger, "SELECT 9"]
    assert split(f"{trigger};{trigger};", SQLITE) == [trigger, trigger]
    assert split(trigger, SQLITE) == [trigger]


def test_a_table_called_trigger_is_no_trigger():
    assert split("CREATE TABLE trigger (begin TEXT); SELECT 2", SQLITE) == [
        "CREATE TABLE trigger (begin TEXT)",
        "SELECT 2",
    ]
    assert split("CREATE INDEX trigger ON t (begin); SELECT 2", SQLITE) == [
        "CREATE INDEX trigger ON t (begin)",
        "SELECT 2",
    ]
    assert split("DROP TRIGGER begin; SELECT 2", SQLITE) == ["DROP TRIGGER begin", "SELECT 2"]


# -- PostgreSQL ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1 /* a /* b; */ c; */; SELECT 2", ["SELECT 1 /* a /* b; */ c; */", "SELECT 2"]),
        ("SELECT 'a\\'; SELECT 2", ["SELECT 'a\\'", "SELECT 2"]),
        (r"SELECT E'a\';b'; SELECT 2", [r"SELECT E'a\';b'", "SELECT 2"]),
        (r"SELECT e'a\\'; SELECT 2", [r"SELECT e'a\\'", "SELECT 2"]),
        (r"SELECT E'a''b\';'; SELECT 2", [r"SELECT E'a''b\';'", "SELECT 2"]),
        (r"SELECT (E'\';'); SELECT 2", [r"SELECT (E'\';')", "SELECT 2"]),
        (r"SELECT 1 AS name'a\'; SELECT 2", [r"SELECT 1 AS name'a\'", "SELECT 2"]),
        (r"E'\';'; SELECT 2", [r"E'\';'", "SELECT 2"]),
        (r"SELECT U&'d\0061t;'; SELECT 2", [r"SELECT U&'d\0061t;'", "SELECT 2"]),
        ("SELECT B'1'; SELECT 2", ["SELECT B'1'", "SELECT 2"]),
        ("SELECT $$a;b$$; SELECT 2", ["SELECT $$a;b$$", "SELECT 2"]),
        ("SELECT $tag$a;$$;b$tag$; SELECT 2", ["SELECT $tag$a;$$;b$tag$", "SELECT 2"]),
        ("SELECT $a$ $b$ ; $a$; SELECT 2", ["SELECT $a$ $b$ ; $a$", "SELECT 2"]),
        ("SELECT $ü$;$ü$; SELECT 2", ["SELECT $ü$;$ü$", "SELECT 2"]),
        ("SELECT $1; SELECT $2", ["SELECT $1", "SELECT $2"]),
        (
            "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC END; SELECT 3",
            ["CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC END", "SELECT 3"],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 1 END; SELECT 2; END; SELECT 3",
            ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 1 END; SELECT 2; END", "SELECT 3"],
        ),
        ("BEGIN; SELECT 1; COMMIT; SELECT atomic", ["BEGIN", "SELECT 1", "COMMIT", "SELECT atomic"]),
        ("SELECT ')'; SELECT (2); SELECT (')')", ["SELECT ')'", "SELECT (2)", "SELECT (')')"]),
        ("SELECT $1$;$1$; SELECT 2", ["SELECT $1$", "$1$", "SELECT 2"]),
        ("SELECT a$b$c; SELECT d$b$e", ["SELECT a$b$c", "SELECT d$b$e"]),
        ("SELECT $$it's$$; SELECT 2", ["SELECT $$it's$$", "SELECT 2"]),
        ("SELECT $$open; SELECT 2", ["SELECT $$open; SELECT 2"]),
        ("SELECT '$$'; SELECT '$$'", ["SELECT '$$'", "SELECT '$$'"]),
        ("SELECT a[1]; SELECT 2", ["SELECT a[1]", "SELECT 2"]),
        ("SELECT ARRAY['[;']; SELECT ']'", ["SELECT ARRAY['[;']", "SELECT ']'"]),
        ("SELECT 5 # 3; SELECT 2", ["SELECT 5 # 3", "SELECT 2"]),
        ("SELECT '`'; SELECT '`'", ["SELECT '`'", "SELECT '`'"]),
        ("SELECT 1--x;\n; SELECT 2", ["SELECT 1--x;", "SELECT 2"]),
        ('SELECT U&"d;"; SELECT 2', ['SELECT U&"d;"', "SELECT 2"]),
        (
            "DO $do$ BEGIN EXECUTE 'SELECT 1;'; END; $do$; SELECT 2",
            ["DO $do$ BEGIN EXECUTE 'SELECT 1;'; END; $do$", "SELECT 2"],
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
            ["CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"],
        ),
        (
            "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)); SELECT 3",
            [
                "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); INSERT INTO b VALUES (2))",
                "SELECT 3",
            ],
        ),
    ],
)
def test_how_postgresql_splits(text: str, statements: list[str]):
    assert split(text, PG) == statements


# -- MariaDB and MySQL --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (r"SELECT 'a\';b'; SELECT 2", [r"SELECT 'a\';b'", "SELECT 2"]),
        (r'SELECT "a\";b"; SELECT 2', [r'SELECT "a\";b"', "SELECT 2"]),
        (r"SELECT 'a\\'; SELECT 2", [r"SELECT 'a\\'", "SELECT 2"]),
        (r"SELECT `a\`; SELECT 2", [r"SELECT `a\`", "SELECT 2"]),
        ("SELECT `a;b`; SELECT 2", ["SELECT `a;b`", "SELECT 2"]),
        ("SELECT 1 # a;\n; SELECT 2", ["SELECT 1 # a;", "SELECT 2"]),
        ("# only; this", []),
        ("SELECT 5--1; SELECT 2", ["SELECT 5--1", "SELECT 2"]),
        ("SELECT 5 --\t;\n; SELECT 2", ["SELECT 5 --\t;", "SELECT 2"]),
        ("--\r\nSELECT 1;\r\n--\r\n", ["--\r\nSELECT 1"]),
        ("SELECT 1;\n--", ["SELECT 1"]),
        ("SELECT 1 /* a /* b */; SELECT 2", ["SELECT 1 /* a /* b */", "SELECT 2"]),
        ("/*!40101 SET NAMES utf8 */; SELECT 2", ["/*!40101 SET NAMES utf8 */", "SELECT 2"]),
        ("/*M!100100 SET x = 1 */; SELECT 2", ["/*M!100100 SET x = 1 */", "SELECT 2"]),
        ("SELECT a[1]; SELECT '['", ["SELECT a[1]", "SELECT '['"]),
        ("SELECT '$$'; SELECT $$; SELECT 2", ["SELECT '$$'", "SELECT $$", "SELECT 2"]),
    ],
)
def test_how_mariadb_splits(text: str, statements: list[str]):
    assert split(text, MYSQL) == statements


PROCEDURE = "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END"


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (f"DELIMITER //\n{PROCEDURE}//\nDELIMITER ;\nSELECT 3;", [PROCEDURE, "SELECT 3"]),
        (f"delimiter $$\n{PROCEDURE} $$\ndelimiter ;\nSELECT 3", [PROCEDURE, "SELECT 3"]),
        (f"SELECT 0;\nDELIMITER //\n{PROCEDURE}\n//\n", ["SELECT 0", PROCEDURE]),
        (f"SELECT 0; DELIMITER //\n{PROCEDURE}//", ["SELECT 0", PROCEDURE]),
        (f"  DELIMITER //  \n{PROCEDURE}//\n  DELIMITER ;  \nSELECT 3", [PROCEDURE, "SELECT 3"]),
        (f"DELIMITER //\r\n{PROCEDURE}//\r\nDELIMITER ;\r\nSELECT 3;\r\n", [PROCEDURE, "SELECT 3"]),
        (f"-- why\nDELIMITER //\n{PROCEDURE}//", [PROCEDURE]),
        ("DELIMITER //\nSELECT '//'//\nSELECT 2//", ["SELECT '//'", "SELECT 2"]),
        ("DELIMITER //\nSELECT 1; -- //\n//", ["SELECT 1; -- //"]),
        ("DELIMITER //", []),
        ("DELIMITER //\nDELIMITER ;\nSELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT delimiter\n FROM t; SELECT 2", ["SELECT delimiter\n FROM t", "SELECT 2"]),
        ("SELECT 1,\nDELIMITER x\n; SELECT 2", ["SELECT 1,\nDELIMITER x", "SELECT 2"]),
        ("DELIMITER END\nSELECT 1; SELECT 2 END\nSELECT 3 END", ["SELECT 1; SELECT 2", "SELECT 3"]),
    ],
)
def test_a_delimiter_command_changes_what_ends_a_statement(text: str, statements: list[str]):
    assert split(text, MYSQL) == statements


def test_delimiter_is_a_word_like_any_other_elsewhere():
    text = "DELIMITER //\nSELECT 1"
    assert split(text, SQLITE) == split(text, PG) == [text]
