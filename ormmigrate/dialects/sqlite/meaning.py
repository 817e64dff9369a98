"""What a constraint means, however it is written: what counts of a foreign key, and whether two say the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ormmigrate.dialects.sqlite.canonical import Scope, expression_words, scope_of
from ormmigrate.dialects.sqlite.definition import Constraint, TableDefinition, collation_of
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.tokens import Token, folded, quoted, significant, unquoted
from ormmigrate.schema import NO_ACTION

TWO_WORDS = ("SET", "NO")  # SET NULL, SET DEFAULT, NO ACTION


def tokens_of(definition: TableDefinition, constraint: Constraint) -> tuple[Token, ...]:
    return significant(definition.text[constraint.start : constraint.end])


def deferred_keys(definition: TableDefinition) -> list[tuple[Constraint, bool]]:
    """The foreign keys in the order in which they are written, and whether each is checked at the end only.

    DEFERRABLE that stands apart is about the key before it, be that another column's
    (sqlite.org/src/file/src/build.c: sqlite3DeferForeignKey).
    """
    found: list[tuple[Constraint, bool]] = []
    for constraint in definition.all_constraints:
        if constraint.kind == "FOREIGN KEY":
            found.append((constraint, is_deferred(tokens_of(definition, constraint))))
        elif constraint.kind == "DEFERRABLE" and found:
            found[-1] = (found[-1][0], is_deferred(tokens_of(definition, constraint)))
    return found


def is_deferred(tokens: Sequence[Token]) -> bool:
    """DEFERRABLE INITIALLY DEFERRED; every other form is checked at once (sqlite.org/foreignkeys.html#fk_deferred)."""
    said = [token.word for token in tokens]
    places = [place for place, word in enumerate(said) if word == "DEFERRABLE"]
    if not places or said[max(places[-1] - 1, 0)] == "NOT":
        return False
    return said[places[-1] + 1 :] == ["INITIALLY", "DEFERRED"]


def action(tokens: Sequence[Token], event: str) -> str:
    """What a key does ON DELETE or ON UPDATE; where several are said the last one counts."""
    found = NO_ACTION
    for place, (on, said) in enumerate(pairwise(tokens)):
        if on.is_word("ON") and said.is_word(event):
            words = [token.word for token in tokens[place + 2 : place + 4]]
            found = " ".join(words if words[0] in TWO_WORDS else words[:1])
    return found


def conflict(tokens: Sequence[Token]) -> str | None:
    """What a constraint does ON CONFLICT, where that is not what it would do anyway."""
    behind = [said.word for word, said in pairwise(tokens) if word.is_word("CONFLICT")]
    return behind[-1] if behind and behind[-1] != "ABORT" else None


def says_same(definition: TableDefinition, constraint: Constraint, words: str) -> bool:
    """Whether a constraint means what these words mean as one of the same table, or of the same column.

    Names, and what is done ON CONFLICT, do not count. A key that names no columns of its parent refers to those
    that one that says the same otherwise names.
    """
    column = quoted(constraint.columns[0]) if constraint.columns else "c"
    for ahead in ("c, ", f"{column} "):
        try:
            other = read_table(f"CREATE TABLE {quoted(definition.name)} ({ahead}{words}\n)")
        except UnreadableTable:
            continue
        if len(other.all_constraints) == 1:
            scope = scope_of(definition.name, [column.name for column in definition.columns])
            meant = _meaning(other, other.all_constraints[0], definition, scope)
            return _is_same(_meaning(definition, constraint, definition, scope), meant)
    return False


Meaning = tuple[object, ...]


def _is_same(one: Meaning, other: Meaning) -> bool:
    if one[0] == other[0] == "FOREIGN KEY" and () in (one[1], other[1]):
        return one[2:] == other[2:]
    return one == other


def _meaning(written: TableDefinition, constraint: Constraint, table: TableDefinition, scope: Scope) -> Meaning:
    """What a constraint says, in a form that is the same for all that say it.

    Args:
        written: where it is written.
        table: the table that it is about.
    """
    if constraint.kind == "CHECK":
        return "CHECK", expression_words(written.inner_of(constraint), scope)
    tokens = tokens_of(written, constraint)
    columns = tuple(map(folded, constraint.columns))
    if constraint.kind != "FOREIGN KEY":
        listed = written.text[slice(*constraint.listed)]
        return constraint.kind, tuple(_parts(listed, table)) if listed else columns
    targets = tuple(map(folded, constraint.target_columns))
    deferred = dict(deferred_keys(written))[constraint]
    actions = (action(tokens, "DELETE"), action(tokens, "UPDATE"))
    return "FOREIGN KEY", targets, columns, folded(constraint.target or ""), *actions, deferred


def _parts(listed: str, table: TableDefinition) -> list[str]:
    """The parts of UNIQUE (...), each without what would be so anyway."""
    parts: list[str] = []
    collations = {folded(column.name): collation_of(table, column.name) for column in table.columns}
    tokens = iter(significant(listed))
    for token in tokens:
        if token.is_word("COLLATE"):
            collation = folded(unquoted(next(tokens).text)).upper()
            if collation != collations.get(parts[-1]):
                parts[-1] += f" collate {collation}"
        elif token.is_word("DESC"):
            parts[-1] += " desc"
        elif not token.is_symbol(",") and not token.is_word("ASC"):
            parts.append(folded(unquoted(token.text)))
    return parts
