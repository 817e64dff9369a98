"""Schemas as SQL: plainly, or in every spelling that SQLite accepts."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlite_tables import Column, Constraint, Index, Name, Ref, Schema, Tab, Table, Token, Trigger, View

#: sqlite.org/lang_keywords.html
KEYWORDS_TEXT = """
    ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN BETWEEN BY CASCADE
    CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME
    CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE
    EXCEPT EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL GENERATED GLOB GROUP
    GROUPS HAVING IF IGNORE IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD INTERSECT INTO IS ISNULL JOIN
    KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON OR ORDER OTHERS
    OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE REFERENCES REGEXP REINDEX RELEASE
    RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN TIES TO
    TRANSACTION TRIGGER UNBOUNDED UNION UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT
    TRUE FALSE NEW OLD ROWID OID _ROWID_
"""
KEYWORDS = frozenset(KEYWORDS_TEXT.split())
BARE = re.compile("[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*")
WHITE_SPACE = (" ", " ", "  ", "\n", "\t", "\r\n", "\f", "\n    ")
COMMENT_TEXTS = ("note", "a, b", "(", ")", "it's", '"', "NOT NULL", "CHECK (x > 0),", "[", "`", "", "* /", "é ✓", "--")


@dataclass
class Surface:
    """How a text looks. Without a generator of random numbers it is plain: one space, double quotes, no comment.

    Attributes:
        comments: every comment that was written, in order.
    """

    chance: random.Random | None = None
    comments: list[str] = field(default_factory=list)

    def gap(self, *, is_needed: bool) -> str:
        """What stands between two tokens."""
        if self.chance is None or self.chance.random() < 0.7:
            return " " if is_needed else ""
        parts = [self.chance.choice(WHITE_SPACE)]
        if self.chance.random() < 0.25:
            parts += [self.comment(), self.chance.choice(WHITE_SPACE)]
        return "".join(parts)

    def comment(self) -> str:
        assert self.chance is not None
        text = f"{len(self.comments)} {self.chance.choice(COMMENT_TEXTS)}"
        comment = f"/*{text}*/" if self.chance.random() < 0.6 else f"--{text}\n"
        self.comments.append(comment)
        return comment

    def keyword(self, word: str) -> str:
        if self.chance is None or self.chance.random() < 0.7:
            return word
        return "".join(self.chance.choice((letter.lower(), letter)) for letter in word)

    def identifier(self, name: str) -> str:
        """A name in one of its quotings."""
        spellings = [f'"{name.replace(chr(34), chr(34) * 2)}"']
        if self.chance is not None:
            spellings.append(f"`{name.replace('`', '``')}`")
            spellings += [f"[{name}]"] if "]" not in name else []
            spellings += [name] * 2 if BARE.fullmatch(name) and name.upper() not in KEYWORDS else []
            return self.chance.choice(spellings)
        return spellings[0]

    def defined(self, name: str) -> str:
        """A column's name where it is defined; there even single quotes will do."""
        if self.chance is not None and self.chance.random() < 0.05:
            return "'" + name.replace("'", "''") + "'"
        return self.identifier(name)

    def mention(self, name: str) -> str:
        """A name where it is used; the case of ASCII letters does not count."""
        if self.chance is not None and self.chance.random() < 0.1:
            name = "".join(letter.swapcase() if letter.isascii() else letter for letter in name)
        return self.identifier(name)

    def token(self, token: Token) -> str:
        if isinstance(token, Tab):
            return self.mention(token.table)
        if isinstance(token, Name):
            return self.identifier(token.text)
        if isinstance(token, Ref):
            prefix = self.mention(token.table) if token.prefix == "table" else self.keyword(token.prefix)
            return (prefix + "." if prefix else "") + self.mention(token.column)
        return self.keyword(token) if token.replace(" ", "").isalpha() and token.isupper() else token

    def text(self, tokens: Iterable[Token | Word]) -> str:
        """Tokens with what stands between them."""
        return self.joined(token.text if isinstance(token, Word) else self.token(token) for token in tokens)

    def joined(self, words: Iterable[str]) -> str:
        text = ""
        for word in words:
            if text:
                text += self.gap(is_needed=text[-1] not in "(,;" and word[0] not in "),;")
            text += word
        return text


@dataclass(frozen=True)
class Word:
    """A token that is written already."""

    text: str


@dataclass(frozen=True)
class Written:
    """A statement that creates a table.

    Attributes:
        pieces: the text of each column and of each constraint.
        comments: all that are in it.
    """

    text: str
    pieces: dict[Column | Constraint, str]
    comments: tuple[str, ...]


def table_text(table: Table, surface: Surface) -> Written:
    """CREATE TABLE, without the columns that come late."""
    pieces: dict[Column | Constraint, str] = {}
    before = len(surface.comments)
    text = surface.text(("CREATE", "TABLE", Word(surface.defined(table.name)), "("))
    for column in table.columns[: len(table.columns) - table.late]:
        piece = pieces[column] = column_text(column, surface)
        text = surface.joined((text, *([","] if len(pieces) > 1 else []), piece))
    for number, constraint in enumerate(table.constraints):
        piece = pieces[constraint] = constraint_text(constraint, surface)
        # Between constraints the comma may be left out.
        has_comma = number == 0 or surface.chance is None or surface.chance.random() < 0.8
        text = surface.joined((text, *([","] if has_comma else []), piece))
    text = surface.joined((text, ")"))
    for number, option in enumerate(table.options):
        text = surface.joined((text, *([","] if number else []), surface.text(option.split())))
    return Written(text, pieces, tuple(surface.comments[before:]))


def column_text(column: Column, surface: Surface) -> str:
    type_ = type_text(column.type, surface)
    words = [constraint_text(one, surface) for one in column.constraints]
    if words and column.constraints[0].kind == "GENERATED":
        # What stands between a type and GENERATED ALWAYS becomes part of the type.
        words[0], type_ = f"{type_} {words[0]}".lstrip(), ""
    return surface.joined([surface.defined(column.name), *([type_] if type_ else []), *words])


def type_text(type_: Iterable[str], surface: Surface) -> str:
    """A type; a comment inside it would become part of it."""
    return Surface().joined(surface.keyword(word) if word.isalpha() else word for word in type_)


def constraint_text(constraint: Constraint, surface: Surface) -> str:
    named: tuple[Token, ...] = () if constraint.name is None else ("CONSTRAINT", Name(constraint.name))
    return surface.text((*named, *constraint.tokens))


def late_column_text(table: Table, column: Column, surface: Surface) -> str:
    words = ("ALTER", "TABLE", Tab(table.name), "ADD", "COLUMN", Word(column_text(column, surface)))
    return surface.text(words)


def index_text(index: Index, surface: Surface) -> str:
    unique = ("UNIQUE",) if index.unique else ()
    return surface.text(("CREATE", *unique, "INDEX", Name(index.name), "ON", Tab(index.table), *index.tokens))


def trigger_text(trigger: Trigger, surface: Surface) -> str:
    return surface.text(("CREATE", "TRIGGER", Name(trigger.name), *trigger.tokens))


def view_text(view: View, surface: Surface) -> str:
    return surface.text(("CREATE", "VIEW", Name(view.name), "AS", *view.tokens))


def dependants_text(schema: Schema, surface: Surface) -> list[str]:
    """The statements that make indexes, views and triggers, which stand on tables."""
    return [
        *(index_text(index, surface) for index in schema.indexes),
        *(view_text(view, surface) for view in schema.views),
        *(trigger_text(trigger, surface) for trigger in schema.triggers),
    ]


_LEXEME = re.compile(
    r"""(?P<space>[ \t\n\f\r]+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    |(?P<blob>[xX]'[^']*') | '(?P<text>(?:[^']|'')*)' | "(?P<double>(?:[^"]|"")*)" | `(?P<back>(?:[^`]|``)*)`
    |\[(?P<bracket>[^\]]*)\] | (?P<word>[\w$\u0080-\U0010ffff]+) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def lexemes(text: str) -> list[str]:
    """A statement's tokens, without its spelling: no comments, no quotes, no case."""
    found = []
    for match in _LEXEME.finditer(text):
        kind = match.lastgroup
        if kind == "space" or kind is None:
            continue
        word = match[kind]
        quote = {"text": "'", "double": '"', "back": "`"}.get(kind)
        found.append((word.replace(quote * 2, quote) if quote else word).lower())
    return found
