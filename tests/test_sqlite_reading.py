"""CREATE TABLE is read as SQLite reads it, and every text comes back byte for byte."""

from __future__ import annotations

import random
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ormmigrate.dialects.sqlite import edits
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.tokens import quoted, tokenize, unquoted

# ruff: noqa: E501  # statements are read best on one line
NASTY = (
    "CREATE TABLE t (a)",
    "CREATE TABLE t(a INT,b,c VARCHAR ( 10 , 5 ))",
    'CREATE TABLE "we""ird, (t)" ([last name] TEXT, `mid``dle` TEXT, \'sq col\' TEXT, "NOT NULL" TEXT NOT NULL)',
    "CREATE TABLE t (a \"NOT NULL\" NOT NULL, b 'check (x)', c [DEFAULT 1], d generated, e generated always TEXT)",
    "CREATE TABLE t (a INT NoT /* really, ) */\n  -- and also )\n  nUlL UNIQUE, b -- the last, one\n)",
    "CREATE TABLE t (a INT CHECK (a IN (1, 2, ')')), CHECK (((a > 0)) OR a = 'it''s'), b INT)".replace(", b INT)", ")"),
    "CREATE TABLE t (a INT DEFAULT -5, b REAL DEFAULT +1.5e-3, c DEFAULT x'00ff', d DEFAULT (abs(-7)), e DEFAULT word)",
    "CREATE TABLE t (a INT DEFAULT 5 NOT NULL DEFAULT 'NOT NULL' COLLATE NOCASE COLLATE \"rtrim\")",
    "CREATE TABLE p (id INTEGER PRIMARY KEY, a REFERENCES p ON DELETE SET NULL ON UPDATE SET DEFAULT NOT NULL)",
    "CREATE TABLE t (a REFERENCES p (x) MATCH FULL NOT DEFERRABLE INITIALLY IMMEDIATE NOT NULL DEFERRABLE)",
    "CREATE TABLE t (a INT, b INT, PRIMARY KEY (a DESC, b COLLATE NOCASE) ON CONFLICT FAIL CHECK (a > b) UNIQUE (b))",
    "CREATE TABLE t (a INT CONSTRAINT x, b INT CONSTRAINT y NOT NULL, CONSTRAINT z CONSTRAINT w CHECK (1) CONSTRAINT v)",
    "CREATE TABLE t (a INTEGER PRIMARY KEY DESC ON CONFLICT ABORT, b INT AS (a + 1), c INT GENERATED ALWAYS AS (a) STORED)",
    "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b LONG VARYING 'TEXT' [x] (5))",
    "CREATE TABLE t (k TEXT PRIMARY KEY, v ANY) WITHOUT ROWID, STRICT",
    "CREATE TABLE ta\u00a0ble (na\u00efve\u2003col TEXT, \u5217 INT, caf\u0065\u0301 INT)",
    "CREATE TABLE t (\ufeffa INT, b\ufeff INT)",
    "CREATE TABLE t (a INTEGER \x0bNOT NULL, b INT, \u00a0 INT, \u2028x INT)",
    "CREATE TABLE t (c INT --\nNULL --\n,d INT DEFAULT 5 --\n)",
    'CREATE TABLE t (key INT, "end" INT, desc INT, match INT, CHECK (key > 0 AND CASE WHEN desc THEN 1 ELSE 0 END))',
    "CREATE TABLE t (a INT CHECK (a NOT NULL) NOT NULL ON CONFLICT IGNORE, b NULL ON CONFLICT FAIL)",
    "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES p (x) ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED, UNIQUE (a))",
)


def stored(statement: str) -> tuple[str, list[tuple]] | None:
    """The text that SQLite keeps of a statement and the columns that it sees; None where it does not take it."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(statement)
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql NOT NULL"
        ).fetchall()
        (name, text) = next(row for row in rows if not row[0].startswith("sqlite_"))
        return text, connection.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    except (sqlite3.Error, StopIteration):
        return None
    finally:
        connection.close()


def assert_is_read_as_sqlite_does(text: str, columns: list[tuple]) -> None:
    assert "".join(token.text for token in tokenize(text)) == text
    definition = read_table(text)
    assert [column.name for column in definition.columns] == [row[1] for row in columns]
    for column, row in zip(definition.columns, columns):
        constraints = {constraint.kind for constraint in column.constraints}
        # In a table WITHOUT ROWID the key forbids NULL without a word.
        if not row[5]:
            assert ("NOT NULL" in constraints) == bool(row[3]), column
        assert ("GENERATED" in constraints) == (row[6] in (2, 3)), column
        default = column.of_kind("DEFAULT")
        if default and row[4] is not None:
            said = definition.inner_of(default[-1])
            assert "".join(row[4].split()) in "".join(said.split()), column
        assert bool(default) == (row[4] is not None) or "GENERATED" in constraints
        spelled = definition.type_of(column)
        if not set("/-'\"`[") & set(spelled):
            assert spelled.upper().split() == row[2].upper().split() or spelled.lower().endswith("always")


@pytest.mark.parametrize("statement", NASTY)
def test_what_is_nasty_to_read_is_read_as_sqlite_does(statement: str):
    found = stored(statement)
    assert found is not None, "SQLite does not take it"
    assert_is_read_as_sqlite_does(*found)


@pytest.mark.parametrize("statement", NASTY)
def test_every_column_can_be_dropped_renamed_and_forbid_null(statement: str):
    """What comes of it is read, and taken by SQLite where nothing else names the column."""
    found = stored(statement)
    assert found is not None
    text, columns = found
    definition = read_table(text)
    for row in columns:
        column = definition.column(row[1])
        renamed = read_table(edits.rename_column(definition, column, "new name"))
        assert [one.name for one in renamed.columns] == [
            "new name" if one is column else one.name for one in definition.columns
        ]
        assert stored(renamed.text) is not None
        forbidding = stored(edits.add_not_null(definition, column))
        assert forbidding is not None
        assert [one[3] for one in forbidding[1] if one[1] == row[1]] == [1]
        if len(columns) > 1:
            without = read_table(edits.drop_column(definition, column))
            assert [one.name for one in without.columns] == [
                one.name for one in definition.columns if one is not column
            ]


@pytest.mark.parametrize("statement", NASTY)
def test_an_edit_and_its_inverse_give_the_text_back(statement: str):
    found = stored(statement)
    assert found is not None
    text, columns = found
    for row in columns:
        definition = read_table(text)
        column = definition.column(row[1])
        if not column.of_kind("NOT NULL") and not column.of_kind("NULL"):
            there = read_table(edits.add_not_null(definition, column))
            assert edits.drop_not_null(there, there.column(row[1])) == text
        if not column.of_kind("DEFAULT"):
            there = read_table(edits.set_default(definition, column, "'x, )'"))
            assert edits.drop_default(there, there.column(row[1])) == text
        there = read_table(edits.add_column(definition, '"added" INT CHECK ("added" > 0)'))
        assert edits.drop_column(there, there.column("added")) == text
    there = read_table(edits.add_constraint(read_table(text), "CONSTRAINT added CHECK (1)"))
    assert edits.drop_constraint(there, there.constraints[-1]) == text
    renamed = read_table(edits.rename_table(read_table(text), "other name"))
    assert renamed.name == "other name"
    assert stored(renamed.text) is not None


PIECES = (
    "a", "b", '"a b"', "[c]", "`d`", "'e'", "INT", "TEXT", "VARCHAR(5)", "(", ")", ",", ",", " ", "\n", "-- x\n", "/* , */",
    "NOT NULL", "NULL", "PRIMARY KEY", "UNIQUE", "CHECK (a > 0)", "CHECK ('a,)' <> \"a\")", "DEFAULT 5", "DEFAULT (1+(2))",
    "DEFAULT 'x''y'", "DEFAULT -1", "COLLATE NOCASE", "REFERENCES p (x)", "REFERENCES p", "ON DELETE SET NULL", "DEFERRABLE",
    "NOT DEFERRABLE INITIALLY DEFERRED", "CONSTRAINT n", "GENERATED ALWAYS", "AS (a + 1)", "STORED", "ON CONFLICT IGNORE",
    "FOREIGN KEY (a)", "UNIQUE (a, b)", "PRIMARY KEY (a)", "ASC", "AUTOINCREMENT", "\u00a0", "key", "generated", "always",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_every_statement_that_sqlite_takes_comes_back_byte_for_byte(seed: int):
    """Statements put together at random; those that SQLite takes are read, and then broken in one place more."""
    chance = random.Random(seed)
    taken = 0
    for _ in range(1500):
        body = " ".join(chance.choice(PIECES) for _ in range(chance.randint(1, 7)))
        statement = f"CREATE TABLE t (a INT {body})"
        for _ in range(3):
            found = stored(statement)
            if found is not None:
                taken += 1
                assert_is_read_as_sqlite_does(*found)
            place = chance.randrange(len(statement))
            statement = statement[:place] + chance.choice(PIECES) + statement[place + chance.randint(0, 2) :]
    assert taken > 150, "too few are taken to say anything"


@settings(deadline=None, max_examples=300, database=None)
@given(st.text(alphabet=st.sampled_from(list("aAxX01eE.+-*/'\"`[](),;:@$#?! \n\t\u00a0\ufeff\u00e9")), max_size=60))
def test_whatever_the_text_its_tokens_are_the_text(text: str):
    tokens = tokenize(text)
    assert "".join(token.text for token in tokens) == text
    assert [token.start for token in tokens] == [
        len("".join(one.text for one in tokens[:n])) for n in range(len(tokens))
    ]


@pytest.mark.parametrize("text", ["", "CREATE TABLE t", "CREATE TABLE t (a", "CREATE VIEW v AS SELECT 1", "SELECT 1"])
def test_what_is_no_create_table_is_said_to_be_none(text: str):
    with pytest.raises(UnreadableTable):
        read_table(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [('"a""b"', 'a"b'), ("[a]]", "a]"), ("`a``b`", "a`b"), ("'a''b'", "a'b"), ("plain", "plain")],
)
def test_a_name_is_what_stands_in_its_quotes(text: str, name: str):
    assert unquoted(text) == name
