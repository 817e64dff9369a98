"""What the application's own SQL says of constraints and of parts of indexes, and what they are called. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ormmigrate.dialects.mysql.definition import enclosed, folded, is_enclosed, split, tokens, unquoted, words
from ormmigrate.dialects.mysql.drafts import Draft
from ormmigrate.dialects.mysql.indexed import IndexPart
from ormmigrate.operations import constraint_name

UNIQUE, FOREIGN_KEY, CHECK = "UNIQUE", "FOREIGN KEY", "CHECK"


@dataclass(frozen=True)
class Constraint:
    """A constraint as it is written.

    Attributes:
        kind: UNIQUE, FOREIGN KEY, CHECK; empty for anything else.
        name: what stands behind CONSTRAINT.
        text: the rest.
        parts: what stands between the commas of its first parentheses.
        target: the table that a foreign key refers to.
        is_plain: whether nothing stands behind a UNIQUE's parentheses, and no other name before them.
    """

    kind: str
    name: str | None
    text: str
    parts: tuple[str, ...] = ()
    target: str = ""
    is_plain: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(unquoted(part) for part in self.parts)

    def usual_name(self, table: str) -> str:
        """What it is called where nobody says so: always the same, so that it is found again."""
        if self.kind == UNIQUE:
            return constraint_name("_".join(("uniq", *self.columns)))
        if self.kind == FOREIGN_KEY:
            return constraint_name("_".join(("fk", table, *self.columns, "refs", self.target)))
        digest = hashlib.sha256(" ".join(words(tokens(self.text))).encode()).hexdigest()[:8]
        return constraint_name(f"{table}_check_{digest}")


def constraint_of(text: str) -> Constraint:
    """Read a constraint."""
    parts = tokens(text.strip())
    name = None
    if parts[:1] and parts[0].upper() == "CONSTRAINT":
        rest = _behind(parts)
        if rest[0].upper() not in ("UNIQUE", "FOREIGN", "CHECK", "PRIMARY"):
            name, rest = unquoted(rest[0]), _behind(rest)
        parts = rest
    found = words(parts)
    upper = [token.upper() for token in found]
    kind = next((one for one in (UNIQUE, FOREIGN_KEY, CHECK) if upper[: len(one.split())] == one.split()), "")
    written = "".join(parts).strip()
    if not kind or "(" not in found:
        return Constraint("", name, written)
    between = tuple("".join(part).strip() for part in split(enclosed(parts)))
    target = unquoted(found[upper.index("REFERENCES") + 1]) if "REFERENCES" in upper else ""
    head = upper[: found.index("(")]
    is_plain = head in (["UNIQUE"], ["UNIQUE", "KEY"], ["UNIQUE", "INDEX"]) and is_enclosed(found[len(head) :])
    return Constraint(kind, name, written, between, target, is_plain)


def _behind(parts: Sequence[str]) -> list[str]:
    """What stands behind the first token."""
    rest = list(parts[1:])
    while rest and rest[0].isspace():
        rest.pop(0)
    return rest


def index_part(text: str, columns: Collection[str]) -> IndexPart:
    """A part of an index: "`made` DESC", "`bio`(10)", or an expression, which comes in parentheses.

    Args:
        columns: the names of the table's columns, folded.
    """
    found = words(tokens(text))
    direction = found[-1].upper() if len(found) > 1 and found[-1].upper() in ("ASC", "DESC") else ""
    rest = found[:-1] if direction else found
    behind = " DESC" if direction == "DESC" else ""
    is_start = len(rest) == 4 and rest[1] == "(" and rest[2].isdecimal() and rest[3] == ")"
    if len(rest) == 1 or (is_start and folded(unquoted(rest[0])) in columns):
        return unquoted(rest[0]), "".join(rest[1:]) + behind
    expression = text.strip()[: -len(direction)].strip() if direction else text.strip()
    return None, (expression if is_enclosed(tokens(expression)) else f"({expression})") + behind


def name_by_content(draft: Draft, constraint: Constraint) -> str | None:
    """The name of the constraint of a draft that says the same; None where it cannot be told."""
    columns = tuple(map(folded, constraint.columns))
    if constraint.kind == UNIQUE:
        uniques = [one for one in draft.indexes if one.is_unique and one.name != "PRIMARY"]
        named = [one.name for one in uniques if tuple(folded(name or "") for name in one.columns) == columns]
    elif constraint.kind == FOREIGN_KEY:
        named = [key.name for key in draft.foreign_keys if tuple(map(folded, key.columns)) == columns]
    else:
        usual = folded(constraint.usual_name(draft.name))
        named = [check.name for check in draft.checks if folded(check.name) == usual]
    return named[0] if len(named) == 1 else None
