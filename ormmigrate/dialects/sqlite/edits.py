"""Changes of the words of a CREATE TABLE: each takes a definition and returns its new text. Pure.

Only the tokens that an edit is about change; spelling, spaces and comments of everything else stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from ormmigrate.dialects.sqlite.definition import ColumnDefinition, Constraint, TableDefinition, names_in, names_listed
from ormmigrate.dialects.sqlite.reading import read_table
from ormmigrate.dialects.sqlite.tokens import (
    COMMENT,
    NAME,
    SPACES,
    STRING,
    WORD,
    folded,
    quoted,
    significant,
    tokenize,
    unquoted,
)

Splice = tuple[int, int, str]


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """A text with each (start, end, new text) put in; they do not overlap."""
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return text


# -- columns ------------------------------------------------------------------------------------


def add_column(definition: TableDefinition, words: str) -> str:
    """Behind the last column, ahead of the constraints of the table."""
    end = definition.columns[-1].end
    return spliced(definition.text, [(end, end, f", {words}")])


def drop_column(definition: TableDefinition, column: ColumnDefinition) -> str:
    """Without the column and one comma; comments around it stay."""
    text = definition.text
    comma = next(
        (token for token in significant(text[column.end :]) if token.is_symbol(",") or token.is_symbol(")")), None
    )
    is_last = column is definition.columns[-1]
    if comma is not None and comma.is_symbol(",") and not is_last:
        end = column.end + comma.end
        while text[end : end + 1] in SPACES:
            end += 1
        return spliced(text, [(column.start, end, "")])
    before = _comma_before(definition, column.start)
    return spliced(text, [(*before, ""), _removal(text, column.start, column.end)])


def rename_column(definition: TableDefinition, column: ColumnDefinition, new_name: str) -> str:
    """Under another name, wherever the table itself says it."""
    new = quoted(new_name)
    splices = [(column.start, column.name_end, new)]
    for constraint in definition.all_constraints:
        lists = [constraint.listed]
        if constraint.target is not None and folded(constraint.target) == folded(definition.name):
            lists.append(constraint.target_listed)
        named = [token for start, end in lists for token in names_listed(definition.text[start:end], start)]
        if constraint.kind in ("CHECK", "GENERATED"):
            start, end = constraint.inner
            named += names_in(definition.text[start:end], start)
        splices += [
            (token.start, token.end, new) for token in named if folded(unquoted(token.text)) == folded(column.name)
        ]
    return spliced(definition.text, splices)


def rename_in_index(text: str, name: str, new_name: str) -> str:
    """CREATE INDEX with another name for a column, in its list, in expressions and in WHERE."""
    start = index_body(text)
    named = [token for token in names_listed(text[start + 1 :], start + 1) if token.kind == STRING]
    text = spliced(
        text,
        [(one.start, one.end, quoted(name)) for one in named if folded(unquoted(one.text)) == folded(name)],
    )
    return text[:start] + rename_in_expression(text[start:], name, new_name)


def rename_in_expression(text: str, name: str, new_name: str) -> str:
    """An expression, or a list of columns, with another name for a column."""
    named = [token for token in names_in(text) if folded(unquoted(token.text)) == folded(name)]
    return spliced(text, [(token.start, token.end, quoted(new_name)) for token in named])


def index_body(text: str) -> int:
    """Where the list of columns of a CREATE INDEX begins."""
    return next((token.start for token in significant(text) if token.is_symbol("(")), 0)


def set_type(definition: TableDefinition, column: ColumnDefinition, words: str) -> str:
    space = "" if column.type_end > column.name_end else " "
    return spliced(definition.text, [(column.type_start, column.type_end, space + words)])


def set_collation(definition: TableDefinition, column: ColumnDefinition, collation: str) -> str:
    there = column.of_kind("COLLATE")
    if there:
        return spliced(definition.text, [(*constraint.inner, collation) for constraint in there])
    return _append(definition, column, f"COLLATE {collation}")


def add_not_null(definition: TableDefinition, column: ColumnDefinition) -> str:
    # A column may say NULL, and would then say both.
    end = _last_word(column, gone="NULL")
    return spliced(definition.text, [*_removals(definition, column, "NULL"), (end, end, " NOT NULL")])


def drop_not_null(definition: TableDefinition, column: ColumnDefinition) -> str:
    return _with_clean_types(definition, spliced(definition.text, _removals(definition, column, "NOT NULL")))


def set_default(definition: TableDefinition, column: ColumnDefinition, words: str) -> str:
    there = column.of_kind("DEFAULT")
    if there:
        # Where several are said the last one counts.
        return spliced(definition.text, [(*there[-1].inner, words)])
    return _append(definition, column, f"DEFAULT {words}")


def drop_default(definition: TableDefinition, column: ColumnDefinition) -> str:
    return _with_clean_types(definition, spliced(definition.text, _removals(definition, column, "DEFAULT")))


def _append(definition: TableDefinition, column: ColumnDefinition, words: str) -> str:
    end = _last_word(column)
    return spliced(definition.text, [(end, end, f" {words}")])


def _last_word(column: ColumnDefinition, gone: str = "NAME") -> int:
    """Behind the last word of a column but for those that go; ahead of a CONSTRAINT name that names nothing, lest it
    name what follows."""
    ends = [constraint.end for constraint in column.constraints if constraint.kind not in ("NAME", gone)]
    return max([*ends, column.type_end, column.name_end])


def _removals(definition: TableDefinition, column: ColumnDefinition, kind: str) -> list[Splice]:
    """Take out every constraint of that kind in a column."""
    return [_removal(definition.text, one.start, one.end) for one in column.of_kind(kind)]


# -- constraints --------------------------------------------------------------------------------


def add_constraint(definition: TableDefinition, words: str) -> str:
    """Behind the last word of the body, and never behind a comment that nothing ends."""
    end = max([definition.columns[-1].end, *(constraint.end for constraint in definition.constraints)])
    return spliced(definition.text, [(end, end, f", {words}")])


def drop_constraint(definition: TableDefinition, constraint: Constraint) -> str:
    """Without a constraint, and with DEFERRABLE further on if it is a column's key that this is about."""
    text = definition.text
    splices = [_removal(text, constraint.start, constraint.end)]
    if constraint in definition.constraints:
        behind = significant(text[constraint.end :])[0]
        # Where no comma follows, the one before must stay: what comes next needs it.
        if behind.is_symbol(",") or behind.is_symbol(")"):
            splices.append((*_comma_before(definition, constraint.start), ""))
    elif constraint.kind == "FOREIGN KEY":
        splices += [_removal(text, one.start, one.end) for one in _deferrals(definition, constraint)]
    return _with_clean_types(definition, spliced(text, splices))


def _deferrals(definition: TableDefinition, key: Constraint) -> list[Constraint]:
    """DEFERRABLE that stands apart from the key of a column that it is about."""
    column = definition.column(key.columns[0])
    found = []
    for constraint in column.constraints[column.constraints.index(key) + 1 :]:
        if constraint.kind == "FOREIGN KEY":
            break
        if constraint.kind == "DEFERRABLE":
            found.append(constraint)
    return found


def _removal(text: str, start: int, end: int) -> Splice:
    """Take a part out: with its line where nothing else stands there, otherwise with the space before it.

    Comments in it stay.
    """
    comments = [token.text for token in tokenize(text[start:end]) if token.kind == COMMENT]
    if comments:
        return start, end, " ".join(f"{one}\n" if one.startswith("--") else one for one in comments)
    before = len(text[:start].rstrip(" \t"))
    if before and text[before - 1] == "\n":
        is_whole_line = text[end:].lstrip(" \t").startswith("\n")
        return (before - 1, end, "") if is_whole_line else (start, end, "")
    return before, end, ""


def _comma_before(definition: TableDefinition, position: int) -> tuple[int, int]:
    """The comma that stands directly before a part of the body; nothing where there is none."""
    tokens = significant(definition.text[:position])
    if tokens and tokens[-1].is_symbol(","):
        return tokens[-1].start, tokens[-1].end
    return position, position


def _with_clean_types(before: TableDefinition, text: str) -> str:
    """Take out comments that would become part of a type: what stands between it and GENERATED ALWAYS does."""
    if not any(column.of_kind("GENERATED") for column in before.columns):
        return text
    splices = []
    for column in read_table(text).columns:
        first = next(iter(column.constraints), None)
        if first is not None and first.kind == "GENERATED" and first.name is None:
            between = text[column.type_end : first.start]
            if any(token.kind == COMMENT for token in tokenize(between)):
                splices.append((column.type_end, first.start, " "))
    return spliced(text, splices)


# -- the table ----------------------------------------------------------------------------------


def rename_table(definition: TableDefinition, new_name: str) -> str:
    """Under another name, its own columns qualified by it included; keys that refer to it stay."""
    new = quoted(new_name)
    splices = [(definition.name_start, definition.name_end, new)]
    splices += [(start, end, new) for start, end in qualifiers(definition)]
    return spliced(definition.text, splices)


def qualifiers(definition: TableDefinition) -> list[tuple[int, int]]:
    """Where expressions say the table's own name: `CHECK (t.a > 0)`."""
    found = []
    for constraint in definition.all_constraints:
        if constraint.kind not in ("CHECK", "GENERATED"):
            continue
        start, end = constraint.inner
        tokens = significant(definition.text[start:end])
        for token, behind in pairwise(tokens):
            is_name = token.kind in (WORD, NAME) and folded(unquoted(token.text)) == folded(definition.name)
            if is_name and behind.is_symbol("."):
                found.append((start + token.start, start + token.end))
    return found
