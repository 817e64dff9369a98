"""SQL cut into tokens the way SQLite cuts it (sqlite.org/src/file/src/tokenize.c). Pure.

Whatever the text, its tokens joined are the text again: nothing is dropped, normalised or corrected.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

SPACE, COMMENT, WORD, NAME, STRING, BLOB, NUMBER, VARIABLE, SYMBOL, ILLEGAL = (
    "space", "comment", "word", "name", "string", "blob", "number", "variable", "symbol", "illegal",
)  # fmt: skip

# One operation looks at the same few texts again and again.
CACHED = 256
SPACES = frozenset(" \t\n\f\r")
IN_SPACES = SPACES | {"\v"}  # which goes on with a space, and begins none
BYTE_ORDER_MARK = "\ufeff"  # which is one where it stands alone
LONG_SYMBOLS = ("->>", "->", "||", "<<", ">>", "<=", ">=", "<>", "!=", "==")
SYMBOLS = frozenset("()+-*/%=<>!|,&~.;")
DIGITS = frozenset("0123456789")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
IN_NAMES = LETTERS | DIGITS | {"$"}
HEX_DIGITS = DIGITS | frozenset("abcdefABCDEF")


class Token(NamedTuple):
    """A piece of SQL.

    Attributes:
        kind: SPACE, COMMENT, WORD (a keyword or a bare name), NAME (in "", `` or []), STRING (in ''), BLOB,
            NUMBER, VARIABLE, SYMBOL, or ILLEGAL for what SQLite takes for nothing.
        start, end: where it stands in the text; `end` is behind it.
        word: of a WORD that could be a keyword, itself in capitals; otherwise nothing.
    """

    kind: str
    text: str
    start: int
    word: str = ""

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, written in capitals here."""
        return self.word in words

    def is_symbol(self, symbol: str) -> bool:
        return self.kind == SYMBOL and self.text == symbol


@lru_cache(maxsize=CACHED)
def tokenize(text: str) -> tuple[Token, ...]:
    """All tokens of a text, spaces and comments among them."""
    found = []
    position = 0
    while position < len(text):
        kind, end = _token_at(text, position)
        piece = text[position:end]
        # Letters beyond ASCII have no case in SQLite; some of Python's capitals would make keywords of them.
        found.append(Token(kind, piece, position, piece.upper() if kind == WORD and piece.isascii() else ""))
        position = end
    return tuple(found)


@lru_cache(maxsize=CACHED)
def significant(text: str) -> tuple[Token, ...]:
    """The tokens of a text without spaces and comments."""
    return tuple(token for token in tokenize(text) if token.kind not in (SPACE, COMMENT))


def folded(name: str) -> str:
    """A name as SQLite compares it: ASCII letters alone have no case (sqlite3StrICmp)."""
    return name.lower() if name.isascii() else "".join(c.lower() if c.isascii() else c for c in name)


def unquoted(text: str) -> str:
    """The name that a token means, whatever stands around it."""
    if text[:1] == "[":
        return text[1:-1]
    if text[:1] in ('"', "`", "'"):
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def squeezed(text: str) -> str:
    """SQL without spaces and comments."""
    return "".join(token.text for token in significant(text))


def is_enclosed(text: str) -> bool:
    """Whether all of an expression stands in one pair of parentheses."""
    depth = 0
    tokens = significant(text)
    if not tokens or not tokens[0].is_symbol("("):
        return False
    for token in tokens:
        depth += token.is_symbol("(") - token.is_symbol(")")
        if not depth:
            return len(tokens) > 1 and token is tokens[-1]
    return False


def _token_at(text: str, position: int) -> tuple[str, int]:
    character = text[position]
    if character in SPACES:
        return SPACE, _while(text, position, IN_SPACES)
    if character in LETTERS and text[position + 1 : position + 2] != "'":
        return WORD, _name_end(text, position)
    if character == BYTE_ORDER_MARK:
        return SPACE, position + 1
    if text.startswith("--", position):
        line_end = text.find("\n", position)
        return COMMENT, len(text) if line_end < 0 else line_end
    if text.startswith("/*", position) and position + 2 < len(text):
        end = text.find("*/", position + 2)
        return COMMENT, len(text) if end < 0 else end + 2
    if character in "'\"`":
        return _quoted_at(text, position, character, STRING if character == "'" else NAME)
    if character == "[":
        end = text.find("]", position)
        return (ILLEGAL, len(text)) if end < 0 else (NAME, end + 1)
    if character in DIGITS or (character == "." and text[position + 1 : position + 2] in DIGITS):
        return NUMBER, _number_end(text, position)
    if character in "xX" and text[position + 1 : position + 2] == "'":
        kind, end = _quoted_at(text, position + 1, "'", BLOB)
        return kind, end
    if character in LETTERS or character >= "\x80":
        return WORD, _name_end(text, position)
    if character in "?$@:#":
        return _variable_at(text, position)
    for symbol in LONG_SYMBOLS:
        if text.startswith(symbol, position):
            return SYMBOL, position + len(symbol)
    return (SYMBOL if character in SYMBOLS else ILLEGAL), position + 1


def _while(text: str, position: int, characters: frozenset[str]) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _name_end(text: str, position: int) -> int:
    # Every character from U+0080 on belongs to names, whatever Unicode thinks of it.
    for end in range(position, len(text)):
        if text[end] not in IN_NAMES and text[end] < "\x80":
            return end
    return len(text)


def _quoted_at(text: str, position: int, quote: str, kind: str) -> tuple[str, int]:
    position += 1
    while (end := text.find(quote, position)) >= 0:
        if not text.startswith(quote, end + 1):
            return kind, end + 1
        position = end + 2  # a doubled quote stands for itself
    return ILLEGAL, len(text)


def _number_end(text: str, position: int) -> int:
    if text[position : position + 2] in ("0x", "0X") and text[position + 2 : position + 3] in HEX_DIGITS:
        return _name_end(text, position + 2)
    position = _while(text, position, DIGITS | {"_"})
    if text[position : position + 1] == ".":
        position = _while(text, position + 1, DIGITS | {"_"})
    if text[position : position + 1] in ("e", "E"):
        sign = 1 if text[position + 1 : position + 2] in ("+", "-") else 0
        if text[position + 1 + sign : position + 2 + sign] in DIGITS:
            position = _while(text, position + 1 + sign, DIGITS | {"_"})
    return _name_end(text, position)  # letters behind a number make all of it illegal


def _variable_at(text: str, position: int) -> tuple[str, int]:
    if text[position] == "?":
        return VARIABLE, _while(text, position + 1, DIGITS)
    end = _name_end(text, position + 1)
    return (VARIABLE if end > position + 1 else ILLEGAL), end
