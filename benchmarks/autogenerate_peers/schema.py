"""What is compared: tables of twelve columns, and the same with ten changes, each in a table of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from changes_peers.states import State, id_column, index, key, with_column, with_parts, without_column

from ormmigrate.schema import Check, Column, Index, Table

#: (what changed, the table, its column), as each peer must find it.
Found = tuple[str, str, str]
EXTRA = "extra"


def schema(count: int, prefix: str = "part") -> State:
    names = [f"{prefix}_{number:04}" for number in range(1, count + 1)]
    return State(tuple(_table(name, number, names[number // 2]) for number, name in enumerate(names)))


def changed(state: State) -> tuple[State, set[Found]]:
    """The same with ten changes, and what they are."""
    *kept, last = state.tables
    tables, expected = list(kept), {("table dropped", last.name, "")}
    for number, (what, change) in enumerate(CHANGES, 1):
        place = number * len(tables) // (len(CHANGES) + 1)
        column, tables[place] = change(tables[place])
        expected.add((what, tables[place].name, column))
    expected.add(("table added", EXTRA, ""))
    return State((*tables, _table(EXTRA, 1, tables[0].name))), expected


def describe(folder: Path, count: int, prefix: str) -> None:
    """Note what is compared in that folder, for `before` and `after`."""
    (folder / "schema.json").write_text(json.dumps([count, prefix]))


def before(folder: Path) -> State:
    return schema(*json.loads((folder / "schema.json").read_text()))


def after(folder: Path) -> State:
    return changed(before(folder))[0]


def _table(name: str, number: int, owner: str) -> Table:
    """Half of its columns are called as in every table, half as in no other; lengths and defaults vary."""
    columns = (
        id_column(),
        Column("owner_id", "INTEGER", null=False),
        Column("name", f"VARCHAR({20 + number % 60})", null=False),
        Column(f"code_{number}", f"VARCHAR({8 + number % 7})"),
        Column(f"size_{number}", "INTEGER", null=False),
        Column(f"weight_{number}", f"DECIMAL({6 + number % 9}, {number % 4})"),
        Column(f"rate_{number}", "REAL"),
        Column("status", "VARCHAR(10)", null=False, default=f"'s{number % 20}'"),
        Column(f"note_{number}", "TEXT"),
        Column("is_active", "BOOLEAN", null=False),
        Column(f"made_on_{number}", "DATE"),
        Column("made_at", "DATETIME", null=False),
    )
    indexes: list[Index] = [index("owner_id")]
    if number % 2:
        indexes.append(index(f"code_{number}", unique=True))
    if number % 4 == 0:
        indexes.append(index("name", "made_at"))
    size = f"size_{number}"
    checks = (Check(f"{size} > 0", (size,), f"{name}_size"),) if number % 3 == 0 else ()
    return Table(name, columns, ("id",), tuple(indexes), (key("owner_id", owner),), checks)


def _own(table: Table, word: str) -> Column:
    return next(column for column in table.columns if column.name.startswith(word))


def _column(word: str, **values: object) -> Callable[[Table], tuple[str, Table]]:
    def change(table: Table) -> tuple[str, Table]:
        column = _own(table, word)
        return column.name, with_column(table, replace(column, **values))  # type: ignore[arg-type]

    return change


def _column_added(table: Table) -> tuple[str, Table]:
    return "remark", with_column(table, Column("remark", "TEXT"))


def _column_dropped(table: Table) -> tuple[str, Table]:
    column = _own(table, "note").name
    return column, without_column(table, column)


def _index_added(table: Table) -> tuple[str, Table]:
    return "made_at", with_parts(table, indexes=[index("made_at")])


def _action_changed(table: Table) -> tuple[str, Table]:
    keys = tuple(replace(key, on_delete="CASCADE") for key in table.foreign_keys)
    return "owner_id", replace(table, foreign_keys=keys)


def _check_added(table: Table) -> tuple[str, Table]:
    column = _own(table, "weight").name
    check = Check(f"{column} > 0", (column,), f"{table.name}__{column}")
    return column, with_parts(table, checks=[check])


CHANGES: tuple[tuple[str, Callable[[Table], tuple[str, Table]]], ...] = (
    ("column added", _column_added),
    ("column dropped", _column_dropped),
    ("type", _column("rate", type="TEXT")),
    ("null", _column("made_on", null=False)),
    ("default", _column("status", default="'used'")),
    ("index added", _index_added),
    ("foreign key", _action_changed),
    ("check added", _check_added),
)
