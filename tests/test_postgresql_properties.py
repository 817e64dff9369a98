"""Random sequences of operations on PostgreSQL come to what a model of their own says.

ORMMIGRATE_EXAMPLES=2000 looks longer than the default does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import peewee
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from peewee import BigIntegerField, CharField, Check, IntegerField, TextField
from places import Place
from postgresql_places import connected, engine_of, perform

from ormmigrate import UnsupportedOperation
from ormmigrate.migrator import TableMigrator
from ormmigrate.operations import AlterTable, Operation, RenameTable

EXAMPLES = int(os.environ.get("ORMMIGRATE_EXAMPLES", "60"))
STEPS = 20
START = (
    "CREATE TABLE thing (id SERIAL PRIMARY KEY, n INT, s TEXT DEFAULT 'x')",
    "INSERT INTO thing (n, s) VALUES (1, 'a'), (2, 'b'), (NULL, 'c')",
    "COMMENT ON TABLE thing IS 'of mine'",
    "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER kept BEFORE UPDATE ON thing FOR EACH ROW EXECUTE FUNCTION keep()",
    "CREATE TABLE child (id INT REFERENCES thing (id))",
    "INSERT INTO child VALUES (1)",
)
NUMBERS = ("integer", "bigint")
FIELDS = {"integer": IntegerField, "bigint": BigIntegerField, "text": TextField}
COLUMNS = """
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
INDEXES = """
SELECT c.relname::text, i.indisunique,
    ARRAY(SELECT pg_get_indexdef(c.oid, k, true) FROM generate_series(1, i.indnatts) AS k)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass(%s) AND i.indisvalid
    AND NOT EXISTS (SELECT 1 FROM pg_constraint AS o WHERE o.conindid = c.oid AND o.contype IN ('u', 'p'))
"""
CONSTRAINTS = """
SELECT o.conname::text, o.contype::text, ARRAY(SELECT attname::text FROM pg_attribute
    WHERE attrelid = o.conrelid AND attnum = ANY (o.conkey) ORDER BY 1)
FROM pg_constraint AS o WHERE o.conrelid = to_regclass(%s) AND o.convalidated
"""
REST = """
SELECT obj_description(to_regclass(%(t)s)), ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = to_regclass(%(t)s)
    AND NOT tgisinternal), pg_get_serial_sequence(%(t)s, 'id'), (SELECT count(*) FROM child AS c WHERE c.id = 1),
    (SELECT confrelid::regclass::text FROM pg_constraint WHERE conrelid = 'child'::regclass)
"""


@dataclass
class Column:
    type: str
    values: list[Any]
    not_null: bool = False
    default: Any = None

    @property
    def is_distinct(self) -> bool:
        known = [value for value in self.values if value is not None]
        return len(known) == len(set(known))


@dataclass
class Model:
    """What should be there; a name of an index is made from what it stands on, unless it has its own."""

    table: str = "thing"
    columns: dict[str, Column] = field(default_factory=dict)
    indexes: list[tuple[str | None, bool, tuple[str, ...]]] = field(default_factory=list)
    constraints: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    made: int = 0

    def fresh(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}{self.made}"

    def name_of(self, index: tuple[str | None, bool, tuple[str, ...]]) -> str:
        return index[0] or "_".join((self.table, *index[2]))

    def uses(self, column: str) -> list[tuple[str, ...]]:
        return [
            columns
            for columns in (*(one[2] for one in self.indexes), *(one[1] for one in self.constraints.values()))
            if column in columns
        ]

    def forget(self, column: str) -> None:
        del self.columns[column]
        self.indexes = [one for one in self.indexes if column not in one[2]]
        self.constraints = {name: one for name, one in self.constraints.items() if column not in one[1]}

    def rename(self, column: str, new: str) -> None:
        def swapped(columns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new if one == column else one for one in columns)

        self.columns = {new if name == column else name: one for name, one in self.columns.items()}
        self.indexes = [(name, unique, swapped(columns)) for name, unique, columns in self.indexes]
        self.constraints = {name: (kind, swapped(one)) for name, (kind, one) in self.constraints.items()}


def begun() -> Model:
    columns = {
        "id": Column("integer", [1, 2, 3], not_null=True, default="the sequence"),
        "n": Column("integer", [1, 2, None]),
        "s": Column("text", ["a", "b", "c"], default="x"),
    }
    return Model(columns=columns)


Act = Callable[[TableMigrator], object]


def drawn(draw: Any, model: Model) -> tuple[str, Act] | None:
    """A change that can be done, with what it makes of the model; None where what was drawn cannot."""
    kind = draw(st.sampled_from(KINDS))
    # The key is there to tell rows apart.
    free = (
        sorted(set(model.columns) - {"id"}) if kind not in ("index", "own index", "unique") else sorted(model.columns)
    )
    column = draw(st.sampled_from(free or ["id"]))
    if not free and kind != "add":
        return None
    act = KINDS_OF_ACT[kind](draw, model, column)
    return None if act is None else (f"{kind} {column}", act)


def _add(draw: Any, model: Model, _: str) -> Act:
    name, type_ = model.fresh("c"), draw(st.sampled_from(sorted(FIELDS)))
    way = draw(st.sampled_from(("null", "constant", "function")))
    value: Any = None if way == "null" else 5 if type_ in NUMBERS else "it's 5 %"
    default = (lambda: value) if way == "function" else value
    model.columns[name] = Column(type_, [value] * 3, not_null=way != "null")
    made = FIELDS[type_](null=way == "null", default=default, index=draw(st.booleans()))
    if made.index:
        model.indexes.append((None, False, (name,)))
    return lambda t: t.add_column(name, made)


def _drop(draw: Any, model: Model, column: str) -> Act:
    shared = any(len(columns) > 1 for columns in model.uses(column))
    model.forget(column)
    return lambda t: t.drop_column(column, cascade=shared)


def _rename(draw: Any, model: Model, column: str) -> Act:
    new = model.fresh("r")
    model.rename(column, new)
    return lambda t: t.rename_column(column, new)


def _type(draw: Any, model: Model, column: str) -> Act | None:
    one = model.columns[column]
    if one.type == "integer":
        one.type = "bigint"
        return lambda t: t.alter_column_type(column, BigIntegerField())
    if any(kind == "c" and column in columns for kind, columns in model.constraints.values()):
        return None
    if one.type == "bigint":
        one.type = "text"
        one.values = [None if value is None else str(value) for value in one.values]
        one.default = None if one.default is None else str(one.default)
        return lambda t: t.alter_column_type(column, TextField())
    one.type = "character varying(90)"
    return lambda t: t.alter_column_type(column, CharField(90))


def _toggle_null(draw: Any, model: Model, column: str) -> Act | None:
    one = model.columns[column]
    if one.not_null:
        one.not_null = False
        return lambda t: t.drop_not_null(column)
    if None in one.values:
        return None
    one.not_null = True
    return lambda t: t.add_not_null(column)


def _default(draw: Any, model: Model, column: str) -> Act:
    one = model.columns[column]
    if one.default is not None and draw(st.booleans()):
        one.default = None
        return lambda t: t.drop_column_default(column)
    value: Any = draw(st.integers(-9, 9)) if one.type in NUMBERS else draw(st.sampled_from(("", "it's %", "\\")))
    one.default = value
    return lambda t: t.add_column_default(column, value)


def _several(draw: Any, model: Model, column: str) -> tuple[str, ...]:
    others = sorted(set(model.columns) - {column})
    return (column, *draw(st.lists(st.sampled_from(others), max_size=2, unique=True))) if others else (column,)


def _index(draw: Any, model: Model, column: str) -> Act | None:
    columns = _several(draw, model, column)
    unique = draw(st.booleans()) and model.columns[column].is_distinct
    if model.name_of((None, unique, columns)) in map(model.name_of, model.indexes):
        return None
    model.indexes.append((None, unique, columns))
    return lambda t: t.add_index(columns, unique)


def _own_index(draw: Any, model: Model, column: str) -> Act:
    name = model.fresh("own")
    model.indexes.append((name, False, (column,)))
    return lambda t: t.add_index((column,), name=name)


def _drop_index(draw: Any, model: Model, _: str) -> Act | None:
    if not model.indexes:
        return None
    index = draw(st.sampled_from(model.indexes))
    name = model.name_of(index)
    model.indexes.remove(index)
    return lambda t: t.drop_index(name)


def _unique(draw: Any, model: Model, column: str) -> Act | None:
    columns = _several(draw, model, column)
    name = "uniq_" + "_".join(columns)
    if not model.columns[column].is_distinct or name in model.constraints:
        return None
    model.constraints[name] = ("u", columns)
    return lambda t: t.add_unique(*columns)


def _check(draw: Any, model: Model, column: str) -> Act | None:
    numbers = [name for name, one in model.columns.items() if one.type in NUMBERS and name != "id"]
    if column not in numbers:
        return None
    other = draw(st.sampled_from(numbers))
    name = model.fresh("check")
    model.constraints[name] = ("c", tuple({column: 0, other: 0}))
    return lambda t: t.add_constraint(name, Check(f"{column} % 100 + {other} <> 777"))


def _drop_constraint(draw: Any, model: Model, _: str) -> Act | None:
    if not model.constraints:
        return None
    name = draw(st.sampled_from(sorted(model.constraints)))
    del model.constraints[name]
    return lambda t: t.drop_constraint(name)


KINDS_OF_ACT: dict[str, Callable[[Any, Model, str], Act | None]] = {
    "add": _add, "drop": _drop, "rename": _rename, "type": _type, "null": _toggle_null, "default": _default,
    "index": _index, "own index": _own_index, "drop index": _drop_index, "unique": _unique, "check": _check,
    "drop constraint": _drop_constraint,
}  # fmt: skip
KINDS = (*KINDS_OF_ACT, "add", "type")


def assert_is(database: peewee.Database, model: Model) -> None:
    place = (model.table,)
    columns = {}
    for name, type_, not_null, default in database.execute_sql(COLUMNS, place).fetchall():
        if default is not None:
            said = str(default).replace("%", "%%")
            is_counted = "nextval" in said
            default = "the sequence" if is_counted else database.execute_sql(f"SELECT {said}").fetchone()[0]
        columns[name] = (type_, not_null, default)
    assert columns == {name: (one.type, one.not_null, one.default) for name, one in model.columns.items()}
    found = database.execute_sql(INDEXES, place).fetchall()
    assert {(name, unique, tuple(names)) for name, unique, names in found} == {
        (model.name_of(one), *one[1:]) for one in model.indexes
    }
    found = database.execute_sql(CONSTRAINTS, place).fetchall()
    assert {name: (kind, sorted(names)) for name, kind, names in found} == {
        f"{model.table}_pkey": ("p", ["id"]),
        **{name: (kind, sorted(names)) for name, (kind, names) in model.constraints.items()},
    }
    names = ", ".join(model.columns)
    rows = database.execute_sql(f"SELECT {names} FROM {model.table} ORDER BY id").fetchall()
    assert [tuple(row) for row in rows] == list(zip(*(one.values for one in model.columns.values())))
    comment, triggers, sequence, children, parent = database.execute_sql(REST, {"t": model.table}).fetchone()
    assert (comment, triggers, children, parent) == ("of mine", ["kept"], 1, model.table)
    assert sequence.endswith(f".{model.table}_id_seq")


@pytest.fixture
def begun_database(postgresql_place: Place) -> peewee.PostgresqlDatabase:
    return connected(postgresql_place, *START)


@settings(
    max_examples=EXAMPLES,
    # The same examples each time, but for those who go looking.
    derandomize="ORMMIGRATE_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_any_sequence_of_changes_comes_to_what_it_says(begun_database: peewee.Database, data: st.DataObject):
    database, model = begun_database, begun()
    engine = engine_of(database)
    database.execute_sql("BEGIN")
    try:
        done = 0
        while done < STEPS:
            if data.draw(st.integers(0, 19)) == 0:
                old, model.table = model.table, model.fresh("t")
                note(f"rename the table to {model.table}")
                engine.run(RenameTable(old, model.table))
                done += 1
            table, changes = model.table, []
            for _ in range(data.draw(st.integers(1, 6))):
                step = drawn(data.draw, model)
                if step is not None:
                    note(f"{step[0]} ({'in a group' if changes else 'first'})")
                    step[1](TableMigrator(table, changes.append))
            done += max(1, len(changes))
            run(engine, table, changes, in_group=data.draw(st.booleans()))
            assert_is(database, model)
    finally:
        database.execute_sql("ROLLBACK")


def run(engine: Any, table: str, changes: list[Operation], *, in_group: bool) -> None:
    if in_group and changes:
        engine.run(AlterTable(table, tuple(changes)))
    else:
        for change in changes:
            engine.run(change)


def test_the_model_itself_is_what_is_there_at_the_start(begun_database: peewee.Database):
    assert_is(begun_database, begun())
    with pytest.raises(UnsupportedOperation):
        perform(engine_of(begun_database), "thing", lambda t: t.drop_column("id"))
