"""The server's own SQL, cut by its tokens: expressions with their casts, and the definition of an index. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from ormmigrate.dialects import script
from ormmigrate.dialects.postgresql.statements import DIALECT

# Many columns have the same few defaults, and a text is looked at several times.
CACHED = 1024
#: The words that a type's first word may have behind it.
BEHIND = {
    "character": ("varying",),
    "bit": ("varying",),
    "double": ("precision",),
    "time": ("with", "without", "time", "zone"),
    "timestamp": ("with", "without", "time", "zone"),
    "interval": ("year", "month", "day", "hour", "minute", "second", "to"),
}


class Token(NamedTuple):
    """A piece of SQL; `end` is behind it."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_name(self) -> bool:
        """Whether it is a word or a name in quotes."""
        return self.text[0].isalpha() or self.text[0] in '_"'


Tokens = Sequence[Token]


class Edit(NamedTuple):
    """A part of a text, `end` behind it, and what to put in its place."""

    start: int
    end: int
    text: str = ""


class Cast(NamedTuple):
    """`::type`, with the number of the token at which it begins and of the one behind it."""

    type: str
    first: int
    behind: int


class IndexDefinition(NamedTuple):
    """What CREATE INDEX says.

    Attributes:
        head: up to the parenthesis in front of the parts.
        parts: each part's column or expression as it is written, and what is said of it besides.
        middle: what stands behind the parts, up to the predicate: INCLUDE, NULLS NOT DISTINCT, WITH.
        where: the predicate as it is written.
    """

    head: str
    parts: tuple[tuple[str, str], ...]
    middle: str
    where: str | None

    @property
    def nulls_are_one(self) -> bool:
        """Whether it says NULLS NOT DISTINCT; names in capitals would stand in quotes."""
        return any(one.text == "DISTINCT" for one in tokens_of(self.middle))

    def __str__(self) -> str:
        parts = ", ".join(f"{text} {suffix}".strip() for text, suffix in self.parts)
        where = "" if self.where is None else f" WHERE {self.where}"
        return f"{self.head}({parts}){self.middle}{where}"


@lru_cache(maxsize=CACHED)
def tokens_of(text: str) -> tuple[Token, ...]:
    """The tokens of a text, without space and comments."""
    return tuple(
        Token(token, start)
        for start, token in script.tokens(text, DIALECT)
        if not (token.isspace() or token.startswith(("--", "/*")))
    )


def closing(tokens: Tokens, first: int) -> int:
    """The number of the token that closes the parenthesis or bracket at `first`."""
    depth = 0
    for number in range(first, len(tokens)):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(tokens[number].text, 0)
        if not depth:
            return number
    return len(tokens)


def bare(text: str) -> str:
    """An expression without the parentheses that stand around all of it."""
    while True:
        tokens = tokens_of(text)
        if len(tokens) < 3 or tokens[0].text != "(" or closing(tokens, 0) != len(tokens) - 1:
            return text
        text = text[tokens[0].end : tokens[-1].start].strip()


def unquoted(name: str) -> str:
    """The name that a token means."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


# -- casts --------------------------------------------------------------------------------------


def casts_in(tokens: Tokens) -> list[Cast]:
    """The casts of an expression, in their order."""
    found: list[Cast] = []
    number = 0
    while number + 2 < len(tokens):
        if tokens[number].text == tokens[number + 1].text == ":":
            behind = _type_end(tokens, number + 2)
            type_ = "".join(
                (" " if one.is_name and before.is_name else "") + one.text
                for before, one in zip(tokens[number + 1 : behind], tokens[number + 2 : behind])
            )
            found.append(Cast(type_, number, behind))
            number = behind
        else:
            number += 1
    return found


def without_casts(text: str, numbers: Collection[int]) -> str:
    """An expression without some of its casts, which are counted from 0."""
    tokens = tokens_of(text)
    casts = [cast for number, cast in enumerate(casts_in(tokens)) if number in numbers]
    return edited(text, [Edit(tokens[cast.first].start, tokens[cast.behind - 1].end) for cast in casts])


def edited(text: str, edits: Collection[Edit]) -> str:
    """A text with other parts."""
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _type_end(tokens: Tokens, number: int) -> int:
    """The number of the token behind the name of a type, as format_type() writes it."""

    def is_(at: int, *texts: str) -> bool:
        return at < len(tokens) and tokens[at].text in texts

    words = BEHIND.get(tokens[number].text, ())
    number += 1
    while is_(number, "."):
        number += 2
    while is_(number, "(", "[", *words):
        number = closing(tokens, number) + 1 if is_(number, "(", "[") else number + 1
    return number


# -- indexes ------------------------------------------------------------------------------------


def definition_of(definition: str) -> IndexDefinition:
    """What pg_get_indexdef() tells, in its parts."""
    tokens = tokens_of(definition)
    opening = next(number for number, one in enumerate(tokens) if one.text == "USING") + 2
    end = closing(tokens, opening)
    parts = [_part(definition, tokens[first:behind]) for first, behind in _between_commas(tokens, opening + 1, end)]
    number = end + 1
    while number < len(tokens) and tokens[number].text != "WHERE":
        number = closing(tokens, number) + 1 if tokens[number].text == "(" else number + 1
    has_where = number < len(tokens)
    return IndexDefinition(
        definition[: tokens[opening].start],
        tuple(parts),
        definition[tokens[end].end : tokens[number].start if has_where else None].rstrip(),
        definition[tokens[number].end :].strip() if has_where else None,
    )


def part_text(text: str) -> tuple[str, str]:
    """A part of an index: its column or expression, and what is said of it besides."""
    return _part(text, tokens_of(text))


def _between_commas(tokens: Tokens, first: int, end: int) -> list[tuple[int, int]]:
    found, number = [], first
    while number < end:
        if tokens[number].text == ",":
            found.append((first, number))
            first = number + 1
        number = closing(tokens, number) if tokens[number].text in ("(", "[") else number
        number += 1
    return [*found, (first, end)]


def _part(text: str, tokens: Tokens) -> tuple[str, str]:
    last = 0
    while last + 2 < len(tokens) and tokens[last + 1].text == ".":
        last += 2
    if tokens[last].text == "(":
        last = closing(tokens, last)
    elif last + 1 < len(tokens) and tokens[last + 1].text == "(":  # a function
        last = closing(tokens, last + 1)
    end = tokens[min(last, len(tokens) - 1)].end
    return text[tokens[0].start : end], text[end : tokens[-1].end].strip()
