"""Random tables with their constraints and indexes, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import strategies as st
from sqlite_changes import index_name
from sqlite_model import keys, references
from sqlite_tables import Column, Constraint, Index, Ref, Table, Token, Tokens, clauses, folded, mentioned

COLUMN_NAMES = (
    *("a", "b", "ab", "a_b", "B2", "order", "NOT NULL", "check", "constraint", "a b", "first, name", "(", "x)", "--y"),
    *(
        'quo"te',
        "br]acket",
        "[both]",
        "back`tick",
        "it's",
        "/*c*/",
        "é",
        "e\u0301",
        "\u00a0",
        "n\u00a0m",
        "日本",
        "1st",
    ),
    *(
        "100%",
        "%s",
        "?",
        ":p",
        "$d",
        "a;b",
        "Select",
        "default",
        "generated",
        "always",
        "a.b",
        "primary key",
        "tab\tbed",
    ),
)
TABLE_NAMES = (
    "t",
    "tt",
    "T able",
    "group",
    'q"t',
    "t'2",
    "t, (x)",
    "naïve",
    "table",
    "create table",
    "[t]",
    "t_a",
    "%t",
)
NEW_NAMES = ("new", "new_a", "New Name", 'n"ew', "nüw", "references", "new)", "--new", "n]w", "unique", "n'w", "new,")
CONSTRAINT_NAMES = ("ck", "a", "c k", "NOT NULL", 'c"k', "check", "ü")
CONFLICTS = ("REPLACE", "IGNORE", "ABORT", "FAIL", "ROLLBACK")
#: A type, and the kind of value that mostly goes there.
TYPES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("TEXT",), "text"),
    (("INTEGER",), "integer"),
    (("REAL",), "real"),
    (("VARCHAR", "(", "9", ")"), "text"),
    ((), "blob"),
    (("BLOB",), "blob"),
    (("DECIMAL", "(", "10", ",", "2", ")"), "real"),
    (("NUMERIC",), "integer"),
    (("INT",), "integer"),
    (("DOUBLE", "PRECISION"), "real"),
    (("UNSIGNED", "BIG", "INT"), "integer"),
    (("VARCHAR", "(", "9", ",", "-", "1", ")"), "text"),
    (("STRING",), "text"),
    (('"NOT NULL"',), "text"),
    (("[my, type (]",), "text"),
)
STRICT_TYPES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("TEXT",), "text"),
    (("INTEGER",), "integer"),
    (("INT",), "integer"),
    (("REAL",), "real"),
    (("BLOB",), "bytes"),
    (("ANY",), "blob"),
)
VALUES: dict[str, tuple[Any, ...]] = {
    "text": ("a", "b", "A ", "é", "12", "007", "", "nul\0led", "1e3", " 5", "not 'a, number", "b\udcff", "x" * 300),
    "integer": (1, 2, 3, 0, -5, 2**62, -(2**63), 99),
    "real": (1.5, 2.0, -0.25, 1e300, 123456789.125, -1.0),
    "bytes": (b"", b"\x00\xff", b"12", b"a"),
}
VALUES["blob"] = (*VALUES["text"][:6], *VALUES["integer"][:6], *VALUES["real"][:3], *VALUES["bytes"])


def names(pool: tuple[str, ...], least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(pool), min_size=least, max_size=most, unique_by=folded)


def rarely(draw: Any, one_in: int = 8) -> bool:
    return draw(st.integers(0, one_in - 1)) == one_in - 1


# -- clauses ------------------------------------------------------------------------------------


def conditions(table: str, column: str, other: str, prefix: str = "") -> tuple[Tokens, ...]:
    """Conditions on a row which most rows meet; the first ones are of one column alone."""
    a, b = Ref(table, column, prefix), Ref(table, other, prefix)
    return (
        ("length", "(", a, ")", "<", "40"),
        (a, "IS", "NOT", "'bad, (one) ''or'"),
        (a, "NOT", "NULL", "OR", "1"),
        ("typeof", "(", a, ")", "<>", "'real'"),
        ("typeof", "(", a, ")", "NOT", "IN", "(", "'real'", ",", "'text'", ")", "OR", a, "<>", "'12'"),
        (a, "NOT", "IN", "(", "'x'", ",", "'y)'", ",", "99", ")", "OR", a, "IS", "NULL"),
        ("CASE", a, "WHEN", "5", "THEN", "1", "ELSE", "2", "END", ">", "0"),
        (a, "IS", "NOT", "NULL", "OR", b, "IS", "NOT", "NULL", "OR", "1"),
        ("(", a, "IS", "NOT", b, ")", "OR", "(", a, "NOTNULL", ")", "OR", b, "ISNULL"),
        (a, "<>", b, "COLLATE", "NOCASE", "OR", "length", "(", b, ")", ">", "0", "OR", b, "IS", "NULL"),
    )


DEFAULTS: tuple[Tokens, ...] = (
    ("5",),
    ("'it''s'",),
    ("NULL",),
    ("-", "7"),
    ("'a, b)'",),
    ("'NOT NULL'",),
    ("(", "abs", "(", "-", "7", ")", ")"),
    ("(", "'a'", "||", "','", "||", "char", "(", "40", ",", "41", ")", ")"),
    ("x'00ff'",),
    ("+", "2.5"),
    ("TRUE",),
    ("1e3",),
)
ACTIONS: tuple[Tokens, ...] = (
    (),
    ("ON", "DELETE", "CASCADE"),
    ("ON", "UPDATE", "SET", "NULL"),
    ("ON", "DELETE", "SET", "DEFAULT", "ON", "UPDATE", "CASCADE"),
    ("DEFERRABLE", "INITIALLY", "DEFERRED"),
    ("NOT", "DEFERRABLE"),
    ("ON", "DELETE", "SET", "NULL", "NOT", "DEFERRABLE", "INITIALLY", "IMMEDIATE"),
    ("MATCH", "SIMPLE", "ON", "DELETE", "NO", "ACTION"),
)


class Maker:
    """Draws the parts of one table.

    Attributes:
        kinds: what goes into each of its columns: text, integer, real, blob, bytes; parent ids and codes.
    """

    def __init__(self, draw: Any, name: str, parent: str) -> None:
        self.draw = draw
        self.name = name
        self.parent = parent
        self.kinds: dict[str, str] = {}
        self.own_ids: str | None = None
        self.numbers: Iterator[int] = count(1)

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def named(self) -> str | None:
        """The name of a constraint, which no other has."""
        return f"{self.pick(*CONSTRAINT_NAMES)}{next(self.numbers)}" if rarely(self.draw, 3) else None

    def conflict(self) -> Tokens:
        return ("ON", "CONFLICT", self.pick(*CONFLICTS)) if rarely(self.draw, 4) else ()

    def condition(self, column: str) -> Tokens:
        prefix = "table" if rarely(self.draw) else ""
        return self.pick(*conditions(self.name, column, self.pick(*self.kinds), prefix))

    def check(self, column: str) -> Constraint:
        return Constraint("CHECK", ("CHECK", "(", *self.condition(column), ")"), self.named())

    def default(self, _: str) -> Constraint:
        return Constraint("DEFAULT", ("DEFAULT", *self.pick(*DEFAULTS)), self.named())

    def not_null(self, _: str) -> Constraint:
        return Constraint("NOT NULL", ("NOT", "NULL", *self.conflict()), self.named())

    def null(self, _: str) -> Constraint:
        """NULL, which says nothing."""
        return Constraint("NULL", ("NULL",), self.named())

    def unique(self, _: str) -> Constraint:
        return Constraint("UNIQUE", ("UNIQUE", *self.conflict()), self.named())

    def collate(self, _: str) -> Constraint:
        return Constraint("COLLATE", ("COLLATE", self.pick("NOCASE", "RTRIM", "BINARY")))

    def key(self, column: str) -> Constraint:
        return Constraint("FOREIGN KEY", (*self.target(column), *self.pick(*ACTIONS)), self.named())

    def target(self, column: str) -> Tokens:
        """What a column may refer to; from now on it holds that."""
        if self.kinds[column] == "integer":
            self.kinds[column] = "ids"
            choices = [references(self.parent), references(self.parent, "id")]
            if self.own_ids is not None:
                choices += [references(self.name), references(self.name, self.own_ids)]
            return self.pick(*choices)
        self.kinds[column] = "codes"
        return references(self.parent, "code")

    def generated(self, column: str, of: str, *, is_text: bool) -> Constraint:
        a = Ref(self.name, of)
        texts: tuple[Tokens, ...] = (("coalesce", "(", a, ",", "''", ")", "||", "', x)'"), ("typeof", "(", a, ")"))
        numbers: tuple[Tokens, ...] = (("length", "(", a, ")"), (a, "IS", "NOT", "NULL"))
        short = self.pick(("GENERATED ALWAYS", "AS"), ("AS",))
        storage = self.pick((), ("STORED",), ("VIRTUAL",))
        expression = self.pick(*(texts if is_text else numbers))
        return Constraint("GENERATED", (*short, "(", *expression, ")", *storage), self.named())

    # -- tables -----------------------------------------------------------------------------

    def table(self) -> Table:
        draw = self.draw
        column_names = draw(names(COLUMN_NAMES, 2, 6))
        key = self.pick("alias", "none", "column", "autoincrement", "alias of table", "of table", "composite", "desc")
        is_strict = rarely(draw, 4)
        without_rowid = key in ("column", "of table", "composite") and rarely(draw, 3)
        types = [self.pick(*(STRICT_TYPES if is_strict else TYPES)) for _ in column_names]
        if key in ("alias", "autoincrement", "alias of table", "desc"):
            types[0] = (("INTEGER",), "integer")
            self.own_ids = None if key == "desc" else column_names[0]
        self.kinds = {name: kind for name, (_, kind) in zip(column_names, types)}
        columns = [Column(name, type_) for name, (type_, _) in zip(column_names, types)]
        columns = [self.constrained(column, number, is_strict=is_strict) for number, column in enumerate(columns)]
        # SQLite 3.40 takes a WITHOUT ROWID table for damaged if its primary key does not come first, and there is a
        # column that is NOT NULL: PRAGMA quick_check then finds NULL where none is.
        key = "first of table" if without_rowid and key == "of table" else key
        columns, constraints = self.with_key(key, columns)
        columns = [replace(one, constraints=tuple(draw(st.permutations(one.constraints)))) for one in columns]
        constraints += self.table_constraints([one.name for one in columns])
        options = (*(("STRICT",) if is_strict else ()), *(("WITHOUT ROWID",) if without_rowid else ()))
        table = Table(self.name, tuple(columns), tuple(draw(st.permutations(constraints))), options)
        return replace(table, late=self.late(table))

    def constrained(self, column: Column, number: int, *, is_strict: bool) -> Column:
        kind = self.kinds[column.name]
        if number >= 2 and kind in ("text", "integer") and rarely(self.draw, 5):
            of = self.pick(*list(self.kinds)[:number])
            column = column.with_(self.generated(column.name, of, is_text=kind == "text"))
            self.kinds[column.name] = "generated"
            extra = draw_some(self.draw, (self.not_null, self.check, self.unique), most=1)
        else:
            makers = (self.not_null, self.default, self.check, self.unique, self.collate, self.null)
            # An affinity that the parent's key has not would make everything an orphan.
            may_refer = number > 0 and column.type_name in ("TEXT", "INTEGER", "INT", "VARCHAR ( 9 )")
            extra = draw_some(self.draw, (*makers, *((self.key,) if may_refer else ())), most=3)
        for maker in extra:
            column = column.with_(maker(column.name))
        return column

    def with_key(self, key: str, columns: list[Column]) -> tuple[list[Column], list[Constraint]]:
        first, *others = columns
        if key in ("alias", "autoincrement", "column", "desc"):
            words: Tokens = {"autoincrement": ("AUTOINCREMENT",), "desc": ()}.get(key, ())
            middle = (("DESC",) if key == "desc" else (), self.conflict() if key != "autoincrement" else ())
            tokens = ("PRIMARY", "KEY", *middle[0], *middle[1], *words)
            first = first.without("FOREIGN KEY").with_(Constraint("PRIMARY KEY", tokens, self.named()))
            self.kinds[first.name] = self.kinds[first.name].replace("ids", "integer").replace("codes", "text")
            return [first, *others], []
        stored = [one.name for one in columns if self.kinds[one.name] != "generated"]
        first_alone = ("alias of table", "first of table")
        own = stored[:1] if key in first_alone else {"of table": stored[-1:], "composite": stored[:2]}.get(key, [])
        if not own:
            return columns, []
        tokens = ("PRIMARY", "KEY", *keys(self.name, tuple(own)), *self.conflict())
        return columns, [Constraint("PRIMARY KEY", tokens, self.named(), tuple(own))]

    def table_constraints(self, columns: list[str]) -> list[Constraint]:
        found = []
        for kind in self.draw(st.lists(st.sampled_from(("check", "unique", "key", "keys")), max_size=3)):
            column = self.pick(*columns)
            if kind == "check":
                found.append(self.check(column))
            elif kind == "unique":
                own = tuple(dict.fromkeys((column, self.pick(*columns))))
                found.append(Constraint("UNIQUE", ("UNIQUE", *self.parts(own), *self.conflict()), self.named(), own))
            elif kind == "keys":
                found += self.composite_key(columns)
            elif self.kinds[column] in ("integer", "text") and column != columns[0]:
                tokens = ("FOREIGN", "KEY", *keys(self.name, (column,)), *self.target(column), *self.pick(*ACTIONS))
                found.append(Constraint("FOREIGN KEY", tokens, self.named(), (column,)))
        return found

    def composite_key(self, columns: list[str]) -> list[Constraint]:
        """A foreign key of two columns, where there are two that could be."""
        able = tuple(name for name in columns[1:] if self.kinds[name] == "text")[:2]
        if len(able) < 2:
            return []
        self.kinds |= {able[0]: "codes", able[1]: "labels"}
        tokens = ("FOREIGN", "KEY", *keys(self.name, able), *references(self.parent, "code", "label"))
        return [Constraint("FOREIGN KEY", (*tokens, *self.pick(*ACTIONS)), self.named(), able)]

    def parts(self, columns: tuple[str, ...]) -> Tokens:
        """Columns in parentheses, some with COLLATE or DESC."""
        extra: tuple[Tokens, ...] = (
            (),
            (),
            (),
            ("DESC",),
            ("ASC",),
            ("COLLATE", "NOCASE"),
            ("COLLATE", "RTRIM", "DESC"),
        )
        inside: list[Token] = []
        for column in columns:
            inside += [",", Ref(self.name, column), *self.pick(*extra)]
        return ("(", *inside[1:], ")")

    def late(self, table: Table) -> int:
        """How many of the last columns ALTER TABLE can add."""
        late = 0
        used = {name for one in clauses(table) for name in (*one.columns, *mentioned(one.tokens, table.name))}
        for column in reversed(table.columns[1:]):
            kinds = {one.kind for one in column.constraints}
            constant = all(len(one.tokens) == 2 and one.tokens[1] != "NULL" for one in column.all("DEFAULT"))
            # ADD COLUMN does not look whether a default fits a STRICT type.
            is_plain = not kinds - ({"COLLATE"} if table.is_strict else {"DEFAULT", "COLLATE"})
            if not is_plain or not constant or column.name in used:
                break
            late += 1
        return late if rarely(self.draw, 3) else 0

    # -- what stands on tables --------------------------------------------------------------

    def index(self, table: Table) -> Index:
        columns = tuple(dict.fromkeys(self.pick(*table.names) for _ in range(self.pick(1, 2, 3))))
        name = index_name(table.name, columns)
        unique = rarely(self.draw, 5)
        shape = self.pick("plain", "plain", "ordered", "partial", "expression")
        where: Tokens = ("WHERE", *self.condition(columns[-1])) if shape == "partial" else ()
        if any(isinstance(one, Ref) and one.prefix for one in where):
            where = ("WHERE", Ref(table.name, columns[0]), "IS", "NOT", "NULL")
        if shape == "expression":
            tokens = ("(", "lower", "(", Ref(table.name, columns[0]), ")", "||", "','", ")")
            return Index(f"expression{next(self.numbers)}", table.name, tokens, (), unique)
        tokens = self.parts(columns) if shape == "ordered" else keys(table.name, columns)
        if rarely(self.draw, 3):
            name = f"index {next(self.numbers)}"
        return Index(name, table.name, (*tokens, *where), columns, unique)


def draw_some(draw: Any, choices: tuple[Any, ...], *, most: int) -> list[Any]:
    return draw(st.lists(st.sampled_from(choices), max_size=most, unique=True))
