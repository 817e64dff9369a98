"""Splitting a script into statements, by the lexical rules of each database. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Grammar:
    """What can hold a `;` that ends nothing.

    Attributes:
        quotes: opening to closing quote.
        backslash: whether a backslash escapes inside '...' and "...".
        line_comments: what starts a comment to the end of the line.
        nests_comments: whether /* */ nest.
        dollar_quotes: whether $tag$ ... $tag$ quotes.
        delimiter_command: whether a line `DELIMITER //` changes what ends a statement, as in mysql's client.
        trigger_bodies: whether CREATE TRIGGER holds statements up to END.
        sql_bodies: whether BEGIN ATOMIC holds statements up to END, and parentheses those of a rule.
    """

    quotes: dict[str, str]
    backslash: bool = False
    line_comments: tuple[str, ...] = ("--",)
    nests_comments: bool = False
    dollar_quotes: bool = False
    delimiter_command: bool = False
    trigger_bodies: bool = False
    sql_bodies: bool = False


GRAMMARS = {
    "SQLite": Grammar({"'": "'", '"': '"', "`": "`", "[": "]"}, trigger_bodies=True),
    "PostgreSQL": Grammar({"'": "'", '"': '"'}, nests_comments=True, dollar_quotes=True, sql_bodies=True),
    "MySQL": Grammar(
        {"'": "'", '"': '"', "`": "`"},
        backslash=True,
        line_comments=("-- ", "--\t", "--\r", "--\n", "#"),
        delimiter_command=True,
    ),
}

# What may stand before the word that says what is created.
BEFORE_KIND = ("EXPLAIN", "CREATE", "TEMP", "TEMPORARY")


def split(text: str, dialect: str) -> list[str]:
    """The statements of a script, without what ends them; empty ones and lone comments are left out.

    Args:
        dialect: `SQLite`, `PostgreSQL` or `MySQL`.
    """
    grammar = GRAMMARS[dialect]
    statements = []
    start, end, significant = 0, ";", False
    body = _Body(grammar)
    position = 0
    while position < len(text):
        command = _delimiter(text, position) if grammar.delimiter_command and not significant else None
        if command is not None:
            end, position = command
            start = position
            continue
        if text.startswith(end, position) and not body.is_open:
            if significant:
                statements.append(text[start:position].strip())
            position += len(end)
            start, significant = position, False
            body = _Body(grammar)
            continue
        token_end, is_text = token_at(text, position, grammar)
        if is_text:
            significant = True
            body.take(text[position:token_end])
        position = token_end
    if significant:
        statements.append(text[start:].strip())
    return statements


class _Body:
    """Whether a `;` stands inside a statement that holds statements, by the tokens before it."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._kind = ""
        self._before, self._last = "", ""
        self._is_atomic = False
        self._parentheses = 0

    @property
    def is_open(self) -> bool:
        if self._parentheses > 0:
            return True
        is_body = self._is_atomic or (self._grammar.trigger_bodies and self._kind == "TRIGGER")
        # Each statement inside ends with a `;`, so END behind one is the body's and never that of a CASE.
        return is_body and not (self._last == "END" and self._before in (";", "ATOMIC"))

    def take(self, token: str) -> None:
        word = token.upper()
        if not self._kind and word.isalpha() and word not in BEFORE_KIND:
            self._kind = word
        self._before, self._last = self._last, word
        if self._grammar.sql_bodies:
            self._parentheses += {"(": 1, ")": -1}.get(word, 0)
            self._is_atomic = self._is_atomic or (self._before, self._last) == ("BEGIN", "ATOMIC")


def tokens(text: str, dialect: str) -> Iterator[tuple[int, str]]:
    """Words, quoted texts and names, comments, and each other character for itself, with where they stand."""
    position = 0
    while position < len(text):
        end, _ = token_at(text, position, GRAMMARS[dialect])
        yield position, text[position:end]
        position = end


def token_at(text: str, position: int, grammar: Grammar) -> tuple[int, bool]:
    """Where the token at `position` ends, and whether it is more than space or comment."""
    character = text[position]
    at_end = text[position : position + 3] == "--"  # MySQL wants a space behind it, or nothing
    if at_end or any(text.startswith(mark, position) for mark in grammar.line_comments):
        line_end = text.find("\n", position)
        return (len(text) if line_end < 0 else line_end + 1), False
    if text.startswith("/*", position):
        return _comment_end(text, position, grammar.nests_comments), _is_executed(text, position, grammar)
    if character in grammar.quotes:
        escapes = (grammar.backslash and character in "'\"") or _is_escape_string(text, position, grammar)
        return _quote_end(text, position, grammar.quotes[character], escapes), True
    if character == "$" and grammar.dollar_quotes:
        return _dollar_end(text, position), True
    if _is_word(character):
        end = position
        while end < len(text) and (_is_word(text[end]) or text[end] == "$"):
            end += 1
        return end, True
    return position + 1, not character.isspace()


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or not character.isascii()


def _is_executed(text: str, position: int, grammar: Grammar) -> bool:
    # MySQL runs what stands in /*! ... */ and MariaDB in /*M! ... */.
    return grammar.delimiter_command and text.startswith(("/*!", "/*M!"), position)


def _is_escape_string(text: str, position: int, grammar: Grammar) -> bool:
    # E'...' of PostgreSQL; a longer word before the quote is something else.
    if not grammar.dollar_quotes or text[position] != "'" or position == 0 or text[position - 1] not in "eE":
        return False
    return position == 1 or not _is_word(text[position - 2])


def _comment_end(text: str, position: int, nests: bool) -> int:
    depth, position = 1, position + 2
    while position < len(text) and depth:
        if text.startswith("*/", position):
            depth, position = depth - 1, position + 2
        elif nests and text.startswith("/*", position):
            depth, position = depth + 1, position + 2
        else:
            position += 1
    return position


def _quote_end(text: str, position: int, closing: str, escapes: bool) -> int:
    position += 1
    while position < len(text):
        if escapes and text[position] == "\\":
            position += 2
        elif text[position] == closing:
            # A doubled quote stands for itself; in [...] there is no such thing.
            if closing == "]" or not text.startswith(closing, position + 1):
                return position + 1
            position += 2
        else:
            position += 1
    return len(text)


def _dollar_end(text: str, position: int) -> int:
    tag_end = position + 1
    while tag_end < len(text) and _is_word(text[tag_end]):
        tag_end += 1
    if tag_end >= len(text) or text[tag_end] != "$" or text[position + 1 : position + 2].isdigit():
        return position + 1
    tag = text[position : tag_end + 1]
    closing = text.find(tag, tag_end + 1)
    return len(text) if closing < 0 else closing + len(tag)


def _delimiter(text: str, position: int) -> tuple[str, int] | None:
    """The new delimiter and where its line ends, if a DELIMITER command stands here."""
    line_end = text.find("\n", position)
    line = text[position : len(text) if line_end < 0 else line_end]
    words = line.split()
    if len(words) != 2 or words[0].upper() != "DELIMITER" or not line.startswith(words[0]):
        return None
    return words[1], position + len(line)
