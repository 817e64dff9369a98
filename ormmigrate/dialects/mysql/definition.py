"""What SHOW CREATE TABLE says, in pieces that can be changed one at a time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, takewhile

from ormmigrate.dialects import script

#: What a column says behind its type, in an order in which both servers take it: nothing may follow a CHECK.
CLAUSES = (
    *("CHARSET", "COLLATE", "GENERATED", "NULL", "INVISIBLE", "VERSIONING", "DEFAULT", "ON UPDATE"),
    *("AUTO_INCREMENT", "KEY", "COMMENT", "OTHER", "CHECK", "REFERENCES"),
)
#: The word that a clause begins with.
BEGINS = {
    **{word: word for word in ("COLLATE", "GENERATED", "NULL", "INVISIBLE", "DEFAULT", "AUTO_INCREMENT", "COMMENT")},
    **{word: word for word in ("CHARSET", "CHECK", "KEY", "REFERENCES")},
    **dict.fromkeys(("WITHOUT", "WITH"), "VERSIONING"),
    **dict.fromkeys(("UNIQUE", "PRIMARY"), "KEY"),
    "CHARACTER": "CHARSET",
    "AS": "GENERATED",
    "NOT": "NULL",
    "ON": "ON UPDATE",
    "CONSTRAINT": "CHECK",
}
#: Words that begin nothing inside a clause, but belong to it.
BELONGS = {
    "GENERATED": ("AS",),
    "NULL": ("NULL",),
    "KEY": ("KEY",),
    "CHECK": ("CHECK",),
    "REFERENCES": ("ON", "NULL", "DEFAULT"),
}
KEYS = ("PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "KEY")
#: By whether a backslash escapes in quotes.
GRAMMARS = {backslash: replace(script.GRAMMARS["MySQL"], backslash=backslash) for backslash in (True, False)}


class Unreadable(Exception):
    """A text that is no definition of a table."""


def tokens(text: str, *, backslash: bool = True) -> list[str]:
    """Words, quoted texts, comments, and each other character for itself.

    Args:
        backslash: whether a backslash escapes in quotes; it does not where sql_mode says NO_BACKSLASH_ESCAPES.
    """
    grammar = GRAMMARS[backslash]
    found, position = [], 0
    while position < len(text):
        end, _ = script.token_at(text, position, grammar)
        found.append(text[position:end])
        position = end
    return found


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def unquoted(token: str) -> str:
    return token[1:-1].replace("``", "`") if token.startswith("`") else token


def folded(name: str) -> str:
    """Names of columns, indexes and constraints are compared without case."""
    return name.lower()


def words(parts: Iterable[str]) -> list[str]:
    """Tokens without white space."""
    return [token for token in parts if not token.isspace()]


def _depths(parts: Sequence[str]) -> Iterator[int]:
    return accumulate((token == "(") - (token == ")") for token in parts)


def split(parts: Sequence[str]) -> list[list[str]]:
    """The items, apart at commas outside parentheses."""
    found: list[list[str]] = [[]]
    for token, depth in zip(parts, _depths(parts)):
        if token == "," and not depth:
            found.append([])
        else:
            found[-1].append(token)
    return found


def enclosed(parts: Sequence[str]) -> list[str]:
    """What stands in the first parentheses."""
    start = parts.index("(") + 1
    return list(parts[start : start + list(_depths(parts[start - 1 :])).index(0) - 1])


def is_enclosed(parts: Sequence[str]) -> bool:
    """Whether one pair of parentheses holds all of it."""
    depths = list(_depths(words(parts)))
    return depths[:1] == [1] and 0 in depths and depths.index(0) == len(depths) - 1


def identifiers(text: str) -> set[str]:
    """The names that an expression may mean, folded: those in quotes, and bare words."""
    return {
        folded(unquoted(token)) for token in tokens(text) if token[0] == "`" or token[0].isalpha() or token[0] == "_"
    }


def named_in(text: str) -> set[str]:
    """The names in an expression that the server wrote, folded: it has them all in backticks."""
    return {folded(unquoted(token)) for token in tokens(text) if token.startswith("`")}


def with_renamed(text: str, old: str, new: str) -> str:
    """A definition that the server wrote, with another name for a column in its parentheses."""
    parts = tokens(text)
    return "".join(
        quoted(new) if depth and token.startswith("`") and folded(unquoted(token)) == folded(old) else token
        for token, depth in zip(parts, _depths(parts))
    )


# -- columns ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column's definition.

    Attributes:
        type: with what belongs to it, as UNSIGNED.
        clauses: (kind, text) of what it says besides, kinds being those of CLAUSES, in the order written.
    """

    name: str
    type: str
    clauses: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        return " ".join([quoted(self.name), self.type, *(text for _, text in self.clauses)])

    def says(self, kind: str) -> str | None:
        return next((text for name, text in self.clauses if name == kind), None)

    def saying(self, kind: str, text: str | None) -> Column:
        """The same with another text for a clause, or without it."""
        kinds = [name for name, _ in self.clauses]
        if text is None:
            return replace(self, clauses=tuple(one for one in self.clauses if one[0] != kind))
        if kind in kinds:
            place = kinds.index(kind)
            return replace(self, clauses=(*self.clauses[:place], (kind, text), *self.clauses[place + 1 :]))
        rank = CLAUSES.index(kind)
        place = next((index for index, name in enumerate(kinds) if CLAUSES.index(name) > rank), len(kinds))
        return replace(self, clauses=(*self.clauses[:place], (kind, text), *self.clauses[place:]))

    @property
    def in_order(self) -> Column:
        return replace(self, clauses=tuple(sorted(self.clauses, key=lambda clause: CLAUSES.index(clause[0]))))

    @property
    def forbids_null(self) -> bool:
        return (self.says("NULL") or "").upper() not in ("", "NULL")

    @property
    def kind(self) -> str:
        """The word of the type: `varchar`."""
        return tokens(self.type)[0].lower() if self.type else ""

    @property
    def expressions(self) -> set[str]:
        """The names that its expressions mean, folded."""
        texts = (self.says(kind) for kind in ("GENERATED", "DEFAULT", "CHECK"))
        return {name for text in texts if text for name in identifiers(text)}


def read_column(parts: Sequence[str]) -> Column:
    """A column from the tokens of its definition."""
    significant = list(parts)
    while significant and significant[0].isspace():
        significant.pop(0)
    if not significant:
        raise Unreadable("a column without a name")
    name, *rest = significant
    pieces: list[tuple[str, list[str]]] = [("TYPE", [])]
    for token, depth in zip(rest, _depths(rest)):
        kind, own = pieces[-1]
        begun = "OTHER" if token.startswith("/*") else BEGINS.get(token.upper())
        # The word behind DEFAULT is its value, NULL or whatever.
        is_value = kind == "DEFAULT" and len(words(own)) == 1 and not token.isspace()
        if depth or begun is None or is_value or token.upper() in BELONGS.get(kind, ()):
            own.append(token)
        else:
            pieces.append((begun, [token]))
    (_, type_), *clauses = pieces
    return Column(unquoted(name), "".join(type_).strip(), tuple((kind, "".join(own).strip()) for kind, own in clauses))


# -- tables -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """An index.

    Attributes:
        columns: by name; None for an expression.
        whole: those columns of which it holds all, and not only the start.
        is_plain: whether it says nothing but its columns.
        text: as SHOW CREATE TABLE has it.
    """

    name: str
    columns: tuple[str | None, ...]
    is_unique: bool
    whole: tuple[str, ...]
    is_plain: bool
    text: str

    @property
    def names(self) -> set[str]:
        """The columns in it, those in expressions too, folded."""
        return named_in(_in_parentheses(self.text))


@dataclass(frozen=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    text: str

    @property
    def sets_null(self) -> bool:
        behind = words(tokens(self.text))
        return any(pair == ("SET", "NULL") for pair in pairwise(behind))


@dataclass(frozen=True)
class Check:
    name: str
    text: str

    @property
    def names(self) -> set[str]:
        """What it means, folded."""
        return named_in(_in_parentheses(self.text))


def _in_parentheses(text: str) -> str:
    """A definition from its first parenthesis on: its own name stands before that."""
    parts = tokens(text)
    return "".join(parts[parts.index("(") :])


@dataclass(frozen=True)
class Table:
    """A table as SHOW CREATE TABLE has it."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()


def read_table(create_table: str) -> Table:
    """The table that a text of SHOW CREATE TABLE defines; its names are in backticks.

    Raises:
        Unreadable
    """
    parts = tokens(create_table)
    if "(" not in parts:
        raise Unreadable(create_table)
    name = unquoted(words(parts[: parts.index("(")])[-1])
    columns, keys, foreign_keys, checks = [], [], [], []
    for item in split(enclosed(parts)):
        significant = words(item)
        if significant[0].startswith("`"):
            columns.append(read_column(item))
        elif significant[0] in KEYS:
            keys.append(_read_key(item))
        elif significant[0] == "CONSTRAINT" and "FOREIGN" in significant[:3]:
            names = tuple(unquoted(token) for token in words(enclosed(item)) if token != ",")
            foreign_keys.append(ForeignKey(unquoted(significant[1]), names, "".join(item).strip()))
        elif significant[0] == "CONSTRAINT":
            checks.append(Check(unquoted(significant[1]), "".join(item).strip()))
    return Table(name, tuple(columns), tuple(keys), tuple(foreign_keys), tuple(checks))


def _read_key(item: Sequence[str]) -> Key:
    significant = words(item)
    before = list(takewhile(lambda token: token != "(", significant))
    parts = [words(part) for part in split(enclosed(item))]
    return Key(
        "PRIMARY" if significant[0] == "PRIMARY" else unquoted(before[-1]),
        tuple(unquoted(part[0]) if part[0].startswith("`") else None for part in parts),
        significant[0] in ("PRIMARY", "UNIQUE"),
        tuple(unquoted(part[0]) for part in parts if part[0].startswith("`") and "(" not in part),
        significant[0] == "KEY" and significant[-1] == ")" and all(len(part) == 1 for part in parts),
        "".join(item).strip(),
    )
