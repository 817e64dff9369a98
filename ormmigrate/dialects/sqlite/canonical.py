"""SQL in one form, so that what means the same is the same text. Pure.

What comes out is valid where what went in was, and means the same there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from ormmigrate.dialects.sqlite.definition import RESERVED, names_in
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.tokens import (
    BLOB,
    NAME,
    NUMBER,
    SYMBOL,
    WORD,
    Token,
    folded,
    is_enclosed,
    literal,
    quoted,
    significant,
    tokenize,
    unquoted,
)

CACHED = 4096
#: The time of day, whatever columns there are: these are read as functions wherever they stand alone.
MOMENTS = ("CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP")
#: Words that a column's name has to be quoted for, or may have to where it stands; the other keywords of SQLite are
#: names wherever a name may stand (sqlite.org/src/file/src/parse.y, `%fallback`).
KEYWORDS = frozenset((
    *RESERVED, *MOMENTS, "ADD", "ALL", "ALTER", "ALWAYS", "ASC", "AUTOINCREMENT", "BY", "CAST", "CHECK", "COMMIT",
    "CONSTRAINT", "CREATE", "CROSS", "DEFAULT", "DEFERRABLE", "DELETE", "DESC", "DROP", "END", "EXCEPT", "FALSE",
    "FILTER", "FIRST", "FOLLOWING", "FOREIGN", "FULL", "GENERATED", "GLOB", "GROUP", "HAVING", "INDEX", "INDEXED",
    "INNER", "INSERT", "INTERSECT", "INTO", "JOIN", "LAST", "LEFT", "LIKE", "LIMIT", "MATCH", "MATERIALIZED",
    "NATURAL", "NOTHING", "NULLS", "OFFSET", "ON", "ORDER", "OUTER", "OVER", "PARTITION", "PRIMARY", "RAISE",
    "RANGE", "REFERENCES", "REGEXP", "RETURNING", "RIGHT", "ROW", "ROWS", "SET", "TABLE", "TO", "TRANSACTION",
    "TRUE", "UNION", "UNIQUE", "UPDATE", "USING", "VALUES", "WINDOW", "WITH", "WITHIN", "WITHOUT",
))  # fmt: skip
#: Words behind which an operand begins, rather than ends: a sign there belongs to what follows.
LEADING = frozenset((
    "AND", "AS", "BETWEEN", "BY", "CASE", "COLLATE", "ELSE", "ESCAPE", "FILTER", "FROM", "GLOB", "HAVING", "IN", "INTO",
    "IS", "LIKE", "LIMIT", "MATCH", "NOT", "OFFSET", "ON", "OR", "OVER", "REGEXP", "SELECT", "SET", "THEN", "USING",
    "VALUES", "WHEN", "WHERE",
))  # fmt: skip
SAME = {"==": "=", "!=": "<>"}
SIGNS = ("+", "-", "~")


class Scope(NamedTuple):
    """What an expression can name.

    Attributes:
        table: the table that it stands in, folded.
        columns: those of the table as they are spelled, by their folded names.
    """

    table: str
    columns: Mapping[str, str]


def scope_of(table: str, columns: Iterable[str]) -> Scope:
    return Scope(folded(table), {folded(name): name for name in columns})


# -- names and types ----------------------------------------------------------------------------


def name_words(name: str) -> str:
    """The name of a column, which has no case, as an expression says it."""
    return _bare_or_quoted(folded(name))


def _bare_or_quoted(name: str) -> str:
    if name.isascii() and name.isidentifier():
        return quoted(name) if name.upper() in KEYWORDS else name
    tokens = tokenize(name)  # $ and whatever is not ASCII stand in names too
    is_word = len(tokens) == 1 and tokens[0].kind == WORD and tokens[0].word not in KEYWORDS
    return name if is_word else quoted(name)


def collation_words(name: str) -> str:
    """The name of a collation, which has no case."""
    return _bare_or_quoted(folded(name).upper() if name.isascii() else name)


@lru_cache(maxsize=CACHED)
def type_words(text: str) -> str:
    """A column's type: `VARCHAR(20)` for `varchar( 20 )`. One that only a quoted name can say is quoted."""
    simple = simple_type(text)
    if simple is not None:
        return simple
    words = joined(token._replace(text=token.text.upper()) if token.word else token for token in significant(text))
    # Up to 3.34 that is a type, where there is none; later versions leave it out.
    words = words.removesuffix("GENERATED ALWAYS").rstrip()
    return words if not words or _is_type(words) else quoted(words)


def simple_type(text: str) -> str | None:
    """A type of one word, with numbers in parentheses perhaps; None where it is of more, or none at all."""
    name, opening, arguments = text.upper().partition("(")
    if not (text.isascii() and name.isalpha()) or name in KEYWORDS:
        return None
    if not opening:
        return name
    numbers = [number.strip(" ") for number in arguments[:-1].split(",")]
    is_simple = arguments[-1:] == ")" and len(numbers) < 3 and all(map(str.isdigit, numbers))
    return f"{name}({', '.join(numbers)})" if is_simple else None


def _is_type(words: str) -> bool:
    """Whether SQLite takes these words for a type, and gives them back as they are."""
    if words[0] in "\"'`[":
        return False  # it would give back what stands in the quotes
    try:
        definition = read_table(f"CREATE TABLE t (c {words}\n)")
    except UnreadableTable:
        return False
    column = definition.columns[0]
    return len(definition.columns) == 1 and not column.constraints and definition.type_of(column) == words


@lru_cache(maxsize=CACHED)
def default_words(text: str) -> str | None:
    """The value of a DEFAULT, not in parentheses; None where it is NULL, as it would be without."""
    tokens = significant(unenclosed(text))
    if len(tokens) == 1:
        alone = tokens[0]
        if alone.word == "NULL":
            return None
        # A name is no column there, but a text (sqlite.org/src/file/src/parse.y: DEFAULT id).
        if alone.kind == NAME or (alone.kind == WORD and alone.word not in (*MOMENTS, "TRUE", "FALSE")):
            return literal(unquoted(alone.text))
    return joined(map(_lowered, tokens))


# -- expressions --------------------------------------------------------------------------------


def expression_words(text: str, scope: Scope) -> str:
    """An expression, not in parentheses.

    Columns are said without the table, folded, and in quotes only where they need them. Anything else in double
    quotes is a text to SQLite, and stays as it is.
    """
    text = unenclosed(text)
    columns = {token.start for token in column_names(text) if folded(unquoted(token.text)) in scope.columns}
    tokens = significant(text)
    pieces: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        is_qualified = place + 1 < len(tokens) and tokens[place + 1].is_symbol(".")
        if is_qualified and folded(unquoted(token.text)) == scope.table:
            place += 2
            continue
        pieces.append(_word(token, is_name=token.start in columns or _is_collation(tokens, place)))
        place += 1
    return joined(pieces)


def plain_expression(text: str) -> tuple[str, frozenset[str]]:
    """An expression, not in parentheses, whose names are all columns without a table, and these, folded."""
    text = unenclosed(text)
    columns = {token.start: folded(unquoted(token.text)) for token in column_names(text)}
    tokens = significant(text)
    pieces = [
        _word(token, is_name=token.start in columns or _is_collation(tokens, place))
        for place, token in enumerate(tokens)
    ]
    return joined(pieces), frozenset(columns.values())


def column_names(text: str) -> Iterator[Token]:
    """The tokens of an expression that name columns, as far as the table has them."""
    return (token for token in names_in(text) if token.word not in MOMENTS)


def _is_collation(tokens: Sequence[Token], place: int) -> bool:
    return place > 0 and tokens[place - 1].word == "COLLATE"


def _word(token: Token, *, is_name: bool) -> Token:
    return Token(NAME, name_words(unquoted(token.text)), 0) if is_name else _lowered(token)


def columns_in(text: str, scope: Scope) -> tuple[str, ...]:
    """The columns that an expression names, in the table's order."""
    said = {folded(unquoted(token.text)) for token in column_names(text)}
    return tuple(name for key, name in scope.columns.items() if key in said)


def unenclosed(text: str) -> str:
    """An expression without the parentheses around all of it."""
    while is_enclosed(text):
        tokens = significant(text)
        text = text[tokens[0].end : tokens[-1].start]
    return text


def _lowered(token: Token) -> Token:
    """A token as it is written here; strings and names in quotes as they are."""
    if token.kind == SYMBOL:
        return token._replace(text=SAME.get(token.text, token.text))
    if token.kind in (WORD, NUMBER, BLOB):
        return token._replace(text=folded(token.text))
    return token


# -- views and triggers -------------------------------------------------------------------------


def statement_words(text: str, known: Collection[str]) -> str:
    """What stands behind the name of a CREATE VIEW or CREATE TRIGGER.

    Args:
        known: the names of all tables, views and columns, folded; another name in double quotes may be a text.
    """
    tokens = significant(text)
    # As SQLite keeps it: CREATE VIEW name, CREATE TRIGGER name.
    if tokens[1].is_word("TRIGGER"):
        return joined(_named(token, known) for token in _without_what_goes_without_saying(tokens[3:]))
    start = next(place for place, token in enumerate(tokens) if token.is_word("AS"))
    pieces = []
    for place, token in enumerate(tokens[3:], 3):
        # The name that a view gives a column comes out in rows as it is written.
        is_given = place < start or (place > start + 1 and tokens[place - 1].is_word("AS"))
        if is_given and token.kind == NAME:
            token = token._replace(text=_bare_or_quoted(unquoted(token.text)))
        elif not (is_given and token.kind == WORD):
            token = _named(token, known)
        pieces.append(token)
    return joined(pieces)


def _named(token: Token, known: Collection[str]) -> Token:
    """A token as it is written here; a name that is surely one without quotes that it does not need."""
    name = unquoted(token.text)
    if token.kind != NAME or (token.text[0] == '"' and folded(name) not in known):
        return _lowered(token)
    return token._replace(text=name_words(name))


def _without_what_goes_without_saying(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """A trigger without BEFORE and FOR EACH ROW: each is so where nothing is said."""
    if tokens and tokens[0].is_word("BEFORE"):
        tokens = tokens[1:]
    for place, token in enumerate(tokens):
        if token.is_word("BEGIN", "WHEN"):
            break
        if [one.word for one in tokens[place : place + 3]] == ["FOR", "EACH", "ROW"]:
            return tokens[:place] + tokens[place + 3 :]
    return tokens


# -- writing ------------------------------------------------------------------------------------


def joined(tokens: Iterable[Token]) -> str:
    """Tokens as one text that reads well, and is cut into the same tokens again."""
    parts: list[str] = []
    before: Token | None = None
    is_operand = is_sign = False  # what `before` ends, and whether it is the sign of what follows
    for token in tokens:
        is_symbol = token.kind == SYMBOL
        if before is not None and not _stands_close(before, token, is_sign=is_sign):
            parts.append(" ")
        parts.append(token.text)
        is_sign = is_symbol and token.text in SIGNS and not is_operand
        is_operand = token.text == ")" if is_symbol else token.word not in LEADING
        before = token
    return "".join(parts)


def _stands_close(before: Token, token: Token, *, is_sign: bool) -> bool:
    if token.kind == SYMBOL:
        if token.text in (")", ",", ".", ";"):
            return True
        if token.text == "(" and before.kind in (WORD, NAME):
            return before.word not in LEADING
    if is_sign:
        return not (token.kind == SYMBOL and token.text in SIGNS)  # two would begin a comment
    return before.kind == SYMBOL and before.text in ("(", ".")
