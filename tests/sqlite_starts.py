"""Random databases: a table in the middle with all that may stand on it, a parent, a child and a log; and rows."""

from __future__ import annotations

import random
import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st
from sqlite_model import keys, references
from sqlite_reference import ROWID, Row, insert, quoted
from sqlite_strategies import TABLE_NAMES, VALUES, Maker, names, rarely
from sqlite_tables import Column, Constraint, Name, Ref, Schema, Tab, Table, Token, Tokens, Trigger, View
from sqlite_text import Surface, Written, dependants_text, late_column_text, table_text

PARENT_ROWS = ((1, "a", "x"), (2, "b", None), (3, "B ", "z"), (-5, "12", "x"))
KEYS = {"ids": (1, 2, 3, -5), "codes": ("a", "b", "B ", "12"), "labels": ("x", None)}
ROWIDS = (None, None, -7, 4, 100, 2**40)


@dataclass(frozen=True)
class Start:
    """A database to begin with.

    Attributes:
        rows: of the table in the middle, which are tried to be inserted; ROWID may be among the names.
        seed: of the spelling; 0 is the plain one.
    """

    schema: Schema
    middle: str
    rows: tuple[Row, ...]
    seed: int

    @property
    def parent(self) -> str:
        return self.schema.tables[0].name


@dataclass(frozen=True)
class Made:
    """What was written to make a database.

    Attributes:
        statements: without those that insert rows.
        written: the table in the middle, as it was created.
    """

    statements: tuple[str, ...]
    written: Written


def spelling(start: Start) -> Surface:
    return Surface(random.Random(start.seed) if start.seed else None)


def make(start: Start, connection: sqlite3.Connection) -> Made:
    """Make it, with foreign keys off."""
    surface = spelling(start)
    statements: list[str] = []
    written = Written("", {}, ())

    def run(statement: str) -> None:
        statements.append(statement)
        connection.execute(statement)

    connection.execute("PRAGMA foreign_keys = OFF")
    for table in start.schema.tables:
        text = table_text(table, surface)
        run(text.text)
        if table.name == start.middle:
            written = text
    parent, middle = start.schema.tables[0], start.schema.table(start.middle)
    insert(connection, parent, [dict(zip(parent.names, row)) for row in PARENT_ROWS])
    early = len(start.rows) // 2
    for row in start.rows[:early]:
        try_to_insert(connection, middle, row)
    for column in middle.columns[len(middle.columns) - middle.late :]:
        run(late_column_text(middle, column, surface))
    for row in start.rows[early:]:
        try_to_insert(connection, middle, row)
    _insert_children(connection, start)
    for statement in dependants_text(start.schema, surface):
        run(statement)
    return Made(tuple(statements), written)


def try_to_insert(connection: sqlite3.Connection, table: Table, row: Row) -> None:
    """What a constraint does not let in stays outside."""
    there = {found for _, found, *_ in connection.execute(f"PRAGMA table_xinfo({quoted(table.name)})")}
    row = {name: value for name, value in row.items() if name == ROWID or name in there}
    with suppress(sqlite3.IntegrityError):
        insert(connection, table, [row], verb="INSERT OR IGNORE")


def _insert_children(connection: sqlite3.Connection, start: Start) -> None:
    child = start.schema.tables[2]
    found = [one for one in child.columns[1].constraints if one.kind == "FOREIGN KEY"]
    column = next((one.column for key in found for one in key.tokens if isinstance(one, Ref)), None)
    column = column or (start.schema.table(start.middle).primary_key or ("",))[0]
    if found:
        names = ", ".join(quoted(name) for name in child.names[1:])
        query = f"SELECT {quoted(column)}, 'child' FROM {quoted(start.middle)} LIMIT 4"
        connection.execute(f"INSERT INTO {quoted(child.name)} ({names}) {query}")


@st.composite
def starts(draw: Any) -> Start:
    middle, parent, child, log = draw(names(TABLE_NAMES, 4, 4))
    maker = Maker(draw, middle, parent)
    table = maker.table()
    child_table = _child(draw, child, table)
    schema = Schema((_parent(parent), table, child_table, _log(log)))
    indexes = {}
    for _ in range(draw(st.integers(0, 3))):
        index = maker.index(table)
        if not schema.has(index.name):
            indexes.setdefault(index.name.lower(), index)
    triggers = [
        Trigger(f"trigger {number}", on, tokens)
        for number, (on, tokens) in enumerate(_some(draw, _triggers(draw, schema, table)))
    ]
    views = [View(f"view {number}", tokens) for number, tokens in enumerate(_some(draw, _views(draw, schema, table)))]
    schema = replace(schema, indexes=tuple(indexes.values()), triggers=tuple(triggers), views=tuple(views))
    seed = draw(st.integers(0, 2**16))
    return Start(schema, middle, tuple(draw(rows(table, maker.kinds))), seed)


def _some(draw: Any, choices: list[Any]) -> list[Any]:
    return [choices[place] for place in draw(st.lists(st.integers(0, len(choices) - 1), max_size=2, unique=True))]


def _parent(name: str) -> Table:
    key = Constraint("PRIMARY KEY", ("PRIMARY", "KEY"))
    unique = Constraint("UNIQUE", ("UNIQUE",))
    columns = (Column("id", ("INTEGER",), (key,)), Column("code", ("TEXT",), (unique,)), Column("label", ("TEXT",)))
    own = ("code", "label")
    return Table(name, columns, (Constraint("UNIQUE", ("UNIQUE", *keys(name, own)), None, own),))


def _log(name: str) -> Table:
    return Table(name, (Column("what", ("TEXT",)), Column("value", ())))


def _child(draw: Any, name: str, middle: Table) -> Table:
    """A table that refers to the middle one's primary key, or to a column of it that is unique."""
    targets = [references(middle.name)] if len(middle.primary_key) == 1 else []
    if len(middle.primary_key) == 1:
        targets.append(references(middle.name, *middle.primary_key))
    # A collation of the parent's key is the child's as well.
    unique = [one for one in middle.columns if one.has("UNIQUE") and not one.has("GENERATED")]
    targets += [references(middle.name, one.name) for one in unique]
    constraints: tuple[Constraint, ...] = ()
    if targets and not rarely(draw, 3):
        tokens: Tokens = draw(st.sampled_from(targets))
        action: Tokens = draw(st.sampled_from((("ON", "DELETE", "CASCADE"), (), ("ON", "UPDATE", "CASCADE"))))
        constraints = (Constraint("FOREIGN KEY", (*tokens, *action)),)
    key = Constraint("PRIMARY KEY", ("PRIMARY", "KEY", "AUTOINCREMENT"))
    columns = (Column("id", ("INTEGER",), (key,)), Column("of", (), constraints), Column("note", ("TEXT",)))
    return Table(name, columns)


def _triggers(draw: Any, schema: Schema, table: Table) -> list[tuple[str, Tokens]]:
    """Each with the table that it stands on."""
    parent, child, log = schema.tables[0].name, schema.tables[2].name, schema.tables[3].name
    column, stored = draw(st.sampled_from(table.names)), draw(st.sampled_from(table.stored))
    on: Tokens = ("ON", Tab(table.name))

    def noted(what: str, value: Token) -> Tokens:
        names = ("(", Ref(log, "what"), ",", Ref(log, "value"), ")")
        return ("INSERT", "INTO", Tab(log), *names, "VALUES", "(", what, ",", value, ")", ";")

    def of(prefix: str) -> Ref:
        return Ref(table.name, column, prefix)

    changed: Tokens = ("WHEN", of("NEW"), "IS", "NOT", of("OLD"))
    itself = Ref(table.name, stored)
    plain = Ref(table.name, column)
    touch: Tokens = ("UPDATE", Tab(table.name), "SET", itself, "=", itself, "WHERE", plain, "=", "1", ";")
    removed: Tokens = ("DELETE", "FROM", Tab(table.name), "WHERE", plain, "=", Ref(child, "note", "OLD"), ";")
    raised: Tokens = ("RAISE", "(", "ABORT", ",", "'no, (never); END'", ")")
    refused: Tokens = ("SELECT", *raised, "WHERE", of("NEW"), "=", "'b'", ";")
    return [
        (table.name, ("AFTER", "INSERT", *on, "BEGIN", *noted("'inserted'", of("NEW")), "END")),
        (table.name, ("BEFORE", "UPDATE", *on, *changed, "BEGIN", *noted("'updated, ;'", of("OLD")), "END")),
        (
            table.name,
            ("AFTER", "UPDATE", "OF", itself, *on, "FOR", "EACH", "ROW", "BEGIN", *noted("'set'", of("NEW")), "END"),
        ),
        (table.name, ("AFTER", "DELETE", *on, "BEGIN", *noted("'deleted'", of("OLD")), "END")),
        (table.name, ("BEFORE", "INSERT", *on, "BEGIN", *refused, "END")),
        (table.name, ("AFTER", "INSERT", *on, "BEGIN", *noted("'counted'", "1"), "END")),
        (parent, ("AFTER", "UPDATE", "ON", Tab(parent), "BEGIN", *touch, "END")),
        (child, ("AFTER", "DELETE", "ON", Tab(child), "BEGIN", *removed, "END")),
    ]


def _views(draw: Any, schema: Schema, table: Table) -> list[Tokens]:
    parent = schema.tables[0].name
    a, b = (Ref(table.name, draw(st.sampled_from(table.names))) for _ in range(2))
    in_full = replace(a, prefix="table")
    joined: Tokens = ("FROM", Tab(table.name), "JOIN", Tab(parent), "ON", Ref(parent, "id", "table"), "=", in_full)
    return [
        ("SELECT", a, ",", b, "AS", Name("b, (b)"), "FROM", Tab(table.name), "WHERE", b, "IS", "NOT", "NULL"),
        ("SELECT", "count", "(", "*", ")", "AS", Name("number of"), "FROM", Tab(table.name)),
        ("SELECT", in_full, ",", Ref(parent, "label", "table"), *joined),
        ("SELECT", "x", ".", b, "FROM", Tab(table.name), "AS", "x", "ORDER", "BY", "x", ".", a),
    ]


@st.composite
def rows(draw: Any, table: Table, kinds: dict[str, str]) -> list[Row]:
    pools = {name: pool(draw, table, name, kinds[name]) for name in table.stored}
    found = []
    for _ in range(draw(st.integers(0, 9))):
        row: Row = {name: draw(st.sampled_from(choices)) for name, choices in pools.items()}
        rowid = draw(st.sampled_from(ROWIDS)) if table.rowid_name else None
        if rowid is not None:
            row[ROWID] = rowid
        found.append(row)
    return found


def pool(draw: Any, table: Table, column: str, kind: str) -> tuple[Any, ...]:
    """What a column's values are chosen from."""
    if kind in KEYS:
        choices: tuple[Any, ...] = KEYS[kind]
        choices += (77,) if rarely(draw, 10) else ()
    else:
        is_odd = not table.is_strict and rarely(draw, 5)
        choices = VALUES["blob" if is_odd else kind]
    return (*choices, None) if draw(st.booleans()) else choices
