"""Tables and indexes that say nothing unusual, read from their clear texts alone: the pragmas would say no more. Pure.

A definition is read once, wherever it stands again, and most are like one of another table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from ormmigrate.dialects.sqlite.canonical import default_words, plain_expression, simple_type, type_words
from ormmigrate.dialects.sqlite.glances import Seen, are_plain, is_plain, listed
from ormmigrate.dialects.sqlite.meaning import action, conflict, is_deferred, tokens_of
from ormmigrate.dialects.sqlite.ordering import checks_in_order, indexes_in_order, keys_in_order
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.stored import ClearIndex, ClearTable
from ormmigrate.dialects.sqlite.tokens import folded, significant
from ormmigrate.schema import Check, Column, ForeignKey, Index, Part, Table

USUAL = {"NOT NULL", "NULL", "DEFAULT", "PRIMARY KEY", "CHECK"}
#: Of a primary key that is the rowid and nothing more.
ROWID_WORDS = (["PRIMARY", "KEY"], ["PRIMARY", "KEY", "ASC"])
IN_ACTIONS = frozenset((
    "ON", "DELETE", "UPDATE", "SET", "NULL", "DEFAULT", "CASCADE", "RESTRICT", "NO", "ACTION", "NOT", "DEFERRABLE",
    "INITIALLY", "DEFERRED", "IMMEDIATE",
))  # fmt: skip


class MoreThanColumn(NamedTuple):
    """A column that is the primary key, and so the rowid, or has a CHECK."""

    column: Column
    is_key: bool
    check: Check | None


#: What one definition of a CREATE TABLE says; the columns of a CHECK are folded.
Definition = Column | MoreThanColumn | Check | ForeignKey


class Rest(NamedTuple):
    """What stands behind the name of a column."""

    type: str
    null: bool
    default: str | None
    is_key: bool
    check: Check | None


def table_of(clear: ClearTable) -> Table | None:
    """A table whose constraints have no indexes; None where it says something unusual."""
    _, _, body = clear.text.partition("(")
    strings = "".join(body.split("'")[1::2])
    if body[-1:] != ")" or "(" in strings or ")" in strings or "," in strings:
        return None
    columns: list[Column] = []
    others: list[MoreThanColumn | Check | ForeignKey] = []
    for text in listed(body[:-1]):
        definition = _definitions[text]
        if definition is None:
            return None
        if isinstance(definition, Column):
            columns.append(definition)
        else:
            others.append(definition)
            if isinstance(definition, MoreThanColumn):
                columns.append(definition.column)
    names = {column.name for column in columns}
    keys = [one for one in others if isinstance(one, ForeignKey)]
    if not all(names.issuperset(key.columns) for key in keys):
        return None  # spelled in another way
    indexes = [_index(one, names) for one in clear.indexes]
    checks = _checks(others, columns)
    if None in indexes or checks is None:
        return None
    primary_key = tuple([one.column.name for one in others if isinstance(one, MoreThanColumn) and one.is_key])
    own = indexes_in_order([index for index in indexes if index is not None])
    return Table(clear.name, tuple(columns), primary_key, own, keys_in_order(keys), checks)


def _index(clear: ClearIndex, columns: Collection[str]) -> Index | None:
    """An index of nothing but whole columns; None where it is of anything else."""
    parts = _parts[clear.text]
    if parts is None or any(part.text not in columns for part in parts):
        return None
    return Index(parts, clear.unique, name=clear.name)


def _listed_parts(text: str) -> tuple[Part, ...] | None:
    """The columns of an index, in parentheses."""
    names = [name.strip() for name in text[1:-1].split(",")]
    return tuple(map(Part, names)) if text[-1] == ")" and are_plain(names) else None


def _definition(text: str) -> Definition | None:
    """A definition; None where it is unusual."""
    name, _, rest = text.partition(" ")
    if not is_plain(name):
        return _constraint(text)  # or a column whose name is none at a glance
    said = _rests[rest]
    if said is None:
        return None
    column = Column(name, said.type, said.null, said.default)
    return column if not said.is_key and said.check is None else MoreThanColumn(column, said.is_key, said.check)


def _rest(text: str) -> Rest | None:
    """What stands behind a name: most often a type of one word, and then one of a few things."""
    type_, _, rest = text.partition(" ")
    if "(" in type_ and ")" not in type_:  # DECIMAL(10, 2)
        start, _, rest = text.partition(")")
        type_, rest = f"{start})", rest.strip()
    simple = simple_type(type_)
    said = None if simple is None else _without_type[rest]
    # Where a second word of the type stands there, or that type is none, all of it has to be read.
    return _read(text) if simple is None or said is None or said.type else said._replace(type=simple)


def _read(text: str) -> Rest | None:
    try:
        definition = read_table(f"CREATE TABLE t (c {text})")
    except UnreadableTable:
        return None
    (column,) = definition.columns
    kinds = {constraint.kind for constraint in column.constraints}
    keys, defaults, checks = column.of_kind("PRIMARY KEY"), column.of_kind("DEFAULT"), column.of_kind("CHECK")
    type_ = type_words(definition.type_of(column))
    conflicts = [conflict(tokens_of(definition, constraint)) for constraint in column.constraints]
    if "'" in type_ or "GENERATED" in type_.split() or not kinds <= USUAL or any(conflicts) or len(checks) > 1:
        return None
    if keys and (type_ != "INTEGER" or [token.word for token in tokens_of(definition, keys[0])] not in ROWID_WORDS):
        return None
    check = _check(definition.inner_of(checks[0]), checks[0].name) if checks else None
    if checks and check is None:
        return None
    default = default_words(definition.inner_of(defaults[-1])) if defaults else None
    return Rest(type_, not keys and "NOT NULL" not in kinds, default, bool(keys), check)


_definitions, _rests, _without_type, _parts = Seen(_definition), Seen(_rest), Seen(_read), Seen(_listed_parts)


# -- constraints of the table ---------------------------------------------------------------------


def _constraint(text: str) -> Check | ForeignKey | None:
    """A CHECK or a foreign key, with its name. (What is unique has an index.)"""
    head, _, rest = text.partition("(")
    words = head.split()
    name = None
    if len(words) > 2 and words[0].upper() == "CONSTRAINT":
        name, words = words[1], words[2:]
        if not is_plain(name):
            return None
    kind = [word.upper() for word in words]
    if kind == ["CHECK"] and rest[-1:] == ")":
        return _check(rest[:-1], name)
    if kind == ["FOREIGN", "KEY"]:
        return _key(rest, name)
    return None


def _check(text: str, name: str | None) -> Check | None:
    """A CHECK of bare names; None where one of them is qualified, or more than the CHECK is there."""
    if ("." in text and any(token.is_symbol(".") for token in significant(text))) or not _is_balanced(text):
        return None
    expression, columns = plain_expression(text)
    return Check(expression, tuple(columns), name)


def _is_balanced(text: str) -> bool:
    """Whether each parenthesis is closed behind where it is opened; no string holds any here."""
    depth = 0
    for part in text.split(")")[:-1] if ")" in text or "(" in text else ():
        depth += part.count("(") - 1
        if depth < 0:
            return False
    return depth + text.rpartition(")")[2].count("(") == 0


def _checks(definitions: Sequence[object], columns: Sequence[Column]) -> tuple[Check, ...] | None:
    """The CHECKs of a table with their columns as it spells them; None where one names what is none."""
    found = [one for one in definitions if isinstance(one, Check)]
    found += [one.check for one in definitions if isinstance(one, MoreThanColumn) and one.check is not None]
    if not found:
        return ()
    names = {folded(column.name): column.name for column in columns}
    if not all(names.keys() >= set(check.columns) for check in found):
        return None
    return checks_in_order(
        [
            Check(check.expression, tuple(name for key, name in names.items() if key in check.columns), check.name)
            for check in found
        ]
    )


def _key(text: str, name: str | None) -> ForeignKey | None:
    """From the first parenthesis of FOREIGN KEY (...) REFERENCES table (...) on."""
    listed_columns, _, rest = text.partition(")")
    middle, _, rest = rest.partition("(")
    listed_targets, _, actions = rest.partition(")")
    words = middle.split()
    columns, targets = _names(listed_columns), _names(listed_targets)
    if len(words) != 2 or words[0].upper() != "REFERENCES" or not are_plain((words[1], *columns, *targets)):
        return None
    done = _actions(actions)
    return None if done is None else ForeignKey(columns, words[1], targets, *done, name=name)


def _names(text: str) -> tuple[str, ...]:
    return tuple([part.strip() for part in text.split(",")])


@lru_cache
def _actions(text: str) -> tuple[str, str, str | None] | None:
    """ON DELETE, ON UPDATE and whether it is deferred; None where anything else is there."""
    tokens = significant(text)
    if not IN_ACTIONS.issuperset(token.word for token in tokens):
        return None
    return action(tokens, "DELETE"), action(tokens, "UPDATE"), "INITIALLY DEFERRED" if is_deferred(tokens) else None
