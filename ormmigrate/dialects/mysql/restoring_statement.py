"""What a DDL statement says that the tables before and after it do not: what was renamed, what was emptied. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ormmigrate.dialects.mysql.restoring_text import is_quoted, split, tokens, unquoted, words

# What ADD and DROP may say in place of a column's name.
NO_COLUMN = (
    *("PRIMARY", "UNIQUE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "VECTOR", "CONSTRAINT", "FOREIGN", "CHECK"),
    *("PARTITION", "PERIOD", "SYSTEM"),
)
# Clauses of ALTER TABLE that take rows away, or exchange them.
EMPTYING = (
    *(("TRUNCATE", "PARTITION"), ("DROP", "PARTITION"), ("EXCHANGE", "PARTITION"), ("CONVERT", "PARTITION")),
    *(("DISCARD", "PARTITION"), ("DISCARD", "TABLESPACE"), ("IMPORT", "PARTITION"), ("IMPORT", "TABLESPACE")),
)
# May stand between ALTER and TABLE, or behind TABLE.
BEFORE_NAME = ("IF", "NOT", "EXISTS")


@dataclass(frozen=True)
class Said:
    """What one statement says. Names of columns and keys are in lower case, those of tables as written.

    Attributes:
        tables: the tables renamed, (old, new), in order.
        moves_away: whether one of them was renamed into another database.
        altered: the table of an ALTER TABLE, by the name that it had.
        columns: columns renamed, old to new.
        by_word: the new names of those that RENAME COLUMN renamed: the server knows these words.
        indexes: indexes renamed, old to new.
        remade: columns dropped and added in one.
        dropped: keys and constraints dropped.
        emptied: a table that lost rows, though one of that name is there.
    """

    tables: tuple[tuple[str, str], ...] = ()
    moves_away: bool = False
    altered: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    by_word: frozenset[str] = frozenset()
    indexes: Mapping[str, str] = field(default_factory=dict)
    remade: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    emptied: str = ""


def mentioned(statement: str) -> set[str]:
    """Every identifier that may name a table; keywords are among them, which name none."""
    found: set[str] = set()
    before = ""
    for token in tokens(statement):
        if token.startswith(("/*!", "/*M!")):
            found |= mentioned(token.removesuffix("*/").partition("!")[2])
        elif is_quoted(token):
            found.add(unquoted(token))
        elif _is_word(token[0]):
            found.add(token)
            # A name may begin with a dollar, which the lexer takes for itself.
            found |= {before + token} if before else set()
        before = before + token if token == "$" else ""
    return found


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or not character.isascii()


def said(statement: str) -> Said:
    """Read a statement; of one that renames and empties nothing, there is nothing to say."""
    found = words(statement)
    while found[-1:] == [";"]:
        found.pop()
    upper = [token.upper() for token in found]
    if upper[:1] == ["RENAME"] and upper[1:2] in (["TABLE"], ["TABLES"]):
        return _renaming(found[2:])
    if upper[:1] == ["ALTER"] and "TABLE" in upper[1:4]:
        place = upper.index("TABLE") + 1
        return _altering(found[place:], ignores="IGNORE" in upper[:place])
    if upper[:1] == ["TRUNCATE"]:
        return Said(emptied=_name(found[1 + (upper[1:2] == ["TABLE"]) :])[1])
    if upper[:4] == ["CREATE", "OR", "REPLACE", "TABLE"]:
        return Said(emptied=_name(found[4:])[1])
    return Said()


def _name(found: Sequence[str]) -> tuple[str, str, Sequence[str]]:
    """The database (or nothing) and the name of a table, and what follows."""
    while found and found[0].upper() in BEFORE_NAME:
        found = found[1:]
    if found[1:2] == ["."]:
        return unquoted(found[0]), unquoted(found[2]), found[3:]
    return ("", unquoted(found[0]), found[1:]) if found else ("", "", found)


def _renaming(found: Sequence[str]) -> Said:
    renames = []
    moves_away = False
    for clause in split(found):
        database, old, rest = _name(clause)
        upper = [token.upper() for token in rest]
        if "TO" not in upper:
            continue
        new_database, new, _ = _name(rest[upper.index("TO") + 1 :])
        moves_away = moves_away or database != new_database
        renames.append((old, new))
    return Said(tables=tuple(renames), moves_away=moves_away)


def _altering(found: Sequence[str], ignores: bool) -> Said:
    database, table, rest = _name(found)
    clauses = [_without_conditions(clause) for clause in split(rest) if clause]
    uppers = [[token.upper() for token in clause] for clause in clauses]
    moves_away, tables = False, []
    columns: dict[str, str] = {}
    indexes: dict[str, str] = {}
    by_word, dropped, added = set(), set(), set()
    for clause, upper in zip(clauses, uppers):
        if upper[:2] == ["RENAME", "COLUMN"]:
            columns[_folded(clause[2])] = _folded(clause[4])
            by_word.add(_folded(clause[4]))
        elif upper[:2] in (["RENAME", "INDEX"], ["RENAME", "KEY"]):
            indexes[_folded(clause[2])] = _folded(clause[4])
        elif upper[:1] == ["RENAME"]:
            new_database, new, _ = _name(clause[1 + (upper[1] in ("TO", "AS", "=")) :])
            moves_away = bool(new_database) and new_database != database
            tables.append((table, new))
        elif upper[:1] == ["CHANGE"]:
            old, new = clause[1 + (upper[1] == "COLUMN") :][:2]
            columns[_folded(old)] = _folded(new)
        elif upper[:1] == ["DROP"]:
            dropped |= _columns(clause)
        elif upper[:1] == ["ADD"]:
            added |= _columns(clause)
    loses = ignores or any(tuple(upper[:2]) in EMPTYING for upper in uppers)
    return Said(
        tables=tuple(tables),
        moves_away=moves_away,
        altered=table,
        # MariaDB takes DROP e, CHANGE e g, ADD g: the new g has nothing of e.
        columns={old: new for old, new in columns.items() if old != new and old not in dropped},
        by_word=frozenset(by_word),
        indexes=indexes,
        remade=frozenset(dropped & added),
        dropped=frozenset(
            _folded(clause[2]) for clause, upper in zip(clauses, uppers) if upper[:1] == ["DROP"] and upper[2:]
        ),
        emptied=table if loses else "",
    )


def _without_conditions(clause: Sequence[str]) -> list[str]:
    """A clause without IF EXISTS and IF NOT EXISTS, and without WAIT and NOWAIT before the first one."""
    kept = list(clause)
    while kept and kept[0].upper() in ("WAIT", "NOWAIT"):
        del kept[: 1 + (kept[0].upper() == "WAIT")]
    for place in (1, 2):
        if [token.upper() for token in kept[place : place + 1]] == ["IF"]:
            while kept[place : place + 1] and kept[place].upper() in BEFORE_NAME:
                del kept[place]
    return kept


def _columns(clause: Sequence[str]) -> set[str]:
    """The columns that ADD or DROP names."""
    rest = clause[1 + (clause[1].upper() == "COLUMN") :]
    if not rest or rest[0].upper() in NO_COLUMN:
        return set()
    if rest[0] == "(":
        return {_folded(one[0]) for one in split(rest[1:-1]) if one and one[0].upper() not in NO_COLUMN}
    return {_folded(rest[0])}


def _folded(token: str) -> str:
    return unquoted(token).lower()
