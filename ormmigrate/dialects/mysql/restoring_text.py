"""The text of SHOW CREATE TABLE, read into columns, keys, constraints and options. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ormmigrate.dialects import script

COLUMN, KEY, FOREIGN_KEY, CHECK, OTHER = "column", "key", "foreign key", "check", "definition"
PRIMARY = "PRIMARY"
# What may stand before KEY; a key without one of them is a plain one.
KINDS_OF_KEY = ("PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR")
NOT_COLUMNS = (*KINDS_OF_KEY, "KEY", "INDEX", "CONSTRAINT", "FOREIGN", "CHECK", "PERIOD")


@dataclass(frozen=True)
class Part:
    """A column, key or constraint.

    Attributes:
        kind: COLUMN, KEY, FOREIGN_KEY, CHECK or OTHER.
        name: without quotes; of a primary key, PRIMARY.
        text: its line, as the server wrote it, without the comma.
    """

    kind: str
    name: str
    text: str

    @property
    def folded(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Table:
    """What SHOW CREATE TABLE says; parts are keyed by their names in lower case, for case does not count there."""

    columns: Mapping[str, Part]
    keys: Mapping[str, Part]
    foreign_keys: Mapping[str, Part]
    checks: Mapping[str, Part]
    others: tuple[str, ...]
    options: Mapping[str, str]
    partitions: str


def tokens(text: str) -> list[str]:
    return [token for _, token in script.tokens(text, "MySQL")]


def words(text: str) -> list[str]:
    """The tokens that say something: no space, no comments, and what /*!50100 ... */ holds as if it stood there."""
    found: list[str] = []
    for token in tokens(text):
        if token.startswith(("/*!", "/*M!")):
            found += words(token.removesuffix("*/").partition("!")[2].lstrip("0123456789"))
        elif not token.isspace() and not token.startswith(("/*", "--", "#")):
            found.append(token)
    return found


def is_quoted(token: str) -> bool:
    return token[0] in '`"'


def unquoted(token: str) -> str:
    """The name that a token means."""
    if not is_quoted(token):
        return token
    return token[1:-1].replace(token[0] * 2, token[0])


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def depths(tokens: Sequence[str]) -> Iterator[int]:
    """In how many parentheses each token stands; an opening one stands inside itself, a closing one outside."""
    return accumulate((token == "(") - (token == ")") for token in tokens)


def outside(tokens: Sequence[str]) -> list[str]:
    """What stands in no parentheses."""
    return [token for token, depth in zip(tokens, depths(tokens)) if not depth and token != ")"]


def split(tokens: Sequence[str]) -> list[list[str]]:
    """What stands between the commas that are in no parentheses."""
    found: list[list[str]] = [[]]
    for token, depth in zip(tokens, depths(tokens)):
        if token == "," and not depth:
            found.append([])
        else:
            found[-1].append(token)
    return found


def shown(create_table: str) -> Table:
    """Read the text of SHOW CREATE TABLE."""
    found = tokens(create_table)
    inside = list(depths(found))
    start = inside.index(1)
    end = inside.index(0, start)
    parts = [_part("".join(definition).strip()) for definition in split(found[start + 1 : end])]
    options, partitions = _options("".join(found[end + 1 :]))

    def of_kind(kind: str) -> dict[str, Part]:
        return {part.folded: part for part in parts if part.kind == kind}

    others = tuple(sorted(part.text for part in parts if part.kind == OTHER))
    return Table(of_kind(COLUMN), of_kind(KEY), of_kind(FOREIGN_KEY), of_kind(CHECK), others, options, partitions)


def _part(text: str) -> Part:
    said = words(text)
    first = said[0].upper()
    if is_quoted(first) or first not in NOT_COLUMNS:
        return Part(COLUMN, unquoted(said[0]), text)
    if first == "PRIMARY":
        return Part(KEY, PRIMARY, text)
    if first in ("KEY", *KINDS_OF_KEY):
        return Part(KEY, unquoted(said[1 + (first != "KEY")]), text)
    if first == "CONSTRAINT" and said[2].upper() in ("FOREIGN", "CHECK"):
        return Part(FOREIGN_KEY if said[2].upper() == "FOREIGN" else CHECK, unquoted(said[1]), text)
    return Part(OTHER, "", text)


def _options(text: str) -> tuple[dict[str, str], str]:
    """The options by name, and what is said of partitions."""
    found = tokens(text)
    options: dict[str, str] = {}
    name: list[str] = []
    position = 0
    while position < len(found):
        token = found[position]
        if token == "PARTITION" or (token.startswith("/*!") and "PARTITION" in words(token)[:1]):
            break
        position += 1
        if token == "=":
            end = position + 1
            if found[position] == "(":
                end = position + list(depths(found[position:])).index(0) + 1
            options[" ".join(name)] = "".join(found[position:end])
            name, position = [], end
        elif not token.isspace():
            name.append(token)
    if name:
        options[" ".join(name)] = ""
    return options, "".join(found[position:]).strip()


def texts(parts: Mapping[str, Part]) -> list[str]:
    """What the server wrote of each."""
    return [part.text for part in parts.values()]


def is_generated(column: Part) -> bool:
    """Whether a column's values are computed from others."""
    return bool({"GENERATED", "AS"} & {token.upper() for token in outside(words(column.text))[1:]})


def mentions(part: Part, names: Collection[str]) -> bool:
    """Whether a part says one of those columns (in lower case), its own name and those of another table left out."""
    found = words(part.text)
    if part.kind == COLUMN:
        found = found[1:]
    else:
        # The first parentheses: behind REFERENCES stand another table's columns.
        inside = list(depths(found))
        start = inside.index(1)
        found = found[start : inside.index(0, start)]
    return any(is_quoted(token) and unquoted(token).lower() in names for token in found)


def has_expression(key: Part) -> bool:
    """Whether a key is of an expression, ((lower(`name`)))."""
    said = words(key.text)
    return any(said[index : index + 2] in (["(", "("], [",", "("]) for index in range(len(said)))


def referenced(foreign_key: Part) -> str:
    """The table that a foreign key refers to."""
    found = words(foreign_key.text)
    place = found.index("REFERENCES") + 1
    return unquoted(found[place + 2 if found[place + 1] == "." else place])


def translated(part: Part, names: Mapping[str, str], table: str) -> str:
    """A part's text with columns named anew.

    Args:
        names: of names in lower case, those to write.
        table: whose part it is; a foreign key's columns behind REFERENCES are renamed only if it is that table.
    """
    if not names:
        return part.text
    found = tokens(part.text)
    refers_elsewhere = part.kind == FOREIGN_KEY and referenced(part) != table
    written, is_foreign = [], False
    for token, depth in zip(found, depths(found)):
        is_foreign = is_foreign or (refers_elsewhere and token == "REFERENCES")
        is_column = is_quoted(token) and (depth or part.kind == COLUMN) and not is_foreign
        new = names.get(unquoted(token).lower()) if is_column else None
        written.append(token if new is None else quoted(new))
    return "".join(written)
