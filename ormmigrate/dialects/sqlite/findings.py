"""Rows that stand in the way of a change: how many, and which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from peewee import Database

from ormmigrate.dialects.sqlite.definition import collation_of
from ormmigrate.dialects.sqlite.dependents import referring_keys
from ormmigrate.dialects.sqlite.drafts import Demand, Draft, affinity
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import Table, ask, indexes_of, read
from ormmigrate.dialects.sqlite.tokens import folded, quoted
from ormmigrate.dialects.sqlite.values import rows_shown
from ormmigrate.errors import IntegrityCheckFailed

EXAMPLES = 5


def check_rows(database: Database, draft: Draft, source: str) -> None:
    """Look for rows that do not fulfil what a draft demands.

    Args:
        source: the table, or a query, with the columns of the draft.

    Raises:
        IntegrityCheckFailed: there are some: how many, and which.
        Refused: a foreign key refers to what is not unique.
    """
    each = [demand for demand in draft.demands if demand.kind in ("NOT NULL", "CHECK")]
    # One look at the table for all of them; only where there is something each is looked at.
    if each and ask(database, f"SELECT 1 FROM {source} WHERE {' OR '.join(map(_violates, each))} LIMIT 1"):
        for demand in each:
            _check_each(database, draft, demand, source)
    for demand in draft.demands:
        if demand.kind == "UNIQUE":
            _check_unique(database, draft, demand, source)
    check_keys(database, draft, source)


def check_keys(database: Database, draft: Draft, source: str) -> None:
    """Look for rows that refer to nothing by a foreign key that is new; as `check_rows`."""
    for demand in draft.demands:
        if demand.kind == "FOREIGN KEY":
            _check_key(database, draft, demand, source)


def _violates(demand: Demand) -> str:
    return f"{quoted(demand.columns[0])} IS NULL" if demand.columns else f"NOT ({demand.expression}\n)"


def _check_each(database: Database, draft: Draft, demand: Demand, source: str) -> None:
    where = _violates(demand)
    number = ask(database, f"SELECT count(*) FROM {source} WHERE {where}")[0][0]
    if not number:
        return
    examples = _examples(database, draft, source, where)
    rows = "1 row" if number == 1 else f"{number} rows"
    if demand.columns:
        column = f"{draft.table.name}.{demand.columns[0]}"
        raise IntegrityCheckFailed(
            problem=f"{column} cannot forbid NULL: {rows} of {draft.table.name} hold{'s' * (number == 1)} NULL there.",
            findings=examples,
            advice=f"give them a value first: migrator.sql('UPDATE {draft.table.quoted} SET "
            f"{quoted(demand.columns[0])} = ... WHERE {quoted(demand.columns[0])} IS NULL').",
        )
    raise IntegrityCheckFailed(
        problem=f"CHECK ({demand.expression}) cannot be added: {rows} of {draft.table.name} do"
        f"{'es' * (number == 1)} not fulfil it.",
        findings=examples,
        advice="change these rows first, or make the condition one that they fulfil.",
    )


def _check_unique(database: Database, draft: Draft, demand: Demand, source: str) -> None:
    names = ", ".join(map(quoted, demand.columns))
    given = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in demand.columns)
    query = f"SELECT {names}, count(*) AS number FROM {source} WHERE {given} GROUP BY {names} HAVING count(*) > 1"
    number = ask(database, f"SELECT count(*) FROM ({query})")[0][0]
    if number:
        found = rows_shown(database, [*map(quoted, demand.columns), "number"], f"FROM ({query} LIMIT {EXAMPLES})")
        columns = ", ".join(demand.columns)
        raise IntegrityCheckFailed(
            problem=f"{draft.table.name} ({columns}) cannot be made unique: "
            f"{number} value{'s are' if number > 1 else ' is'} there more than once.",
            findings=[f"{described(demand.columns, row)}: {row[-1]} rows" for row in found],
            advice="change or delete the duplicates first.",
        )


def _check_key(database: Database, draft: Draft, demand: Demand, source: str) -> None:
    parent = read(database, demand.target)
    given = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in demand.columns)
    where = given
    if parent is not None:
        keys = demand.target_columns or _primary_key(parent)
        _check_is_unique(database, parent, keys, demand.columns)
        pairs = [_referring(parent, key, draft, name) for key, name in zip(keys, demand.columns)]
        where = f"{given} AND NOT EXISTS (SELECT 1 FROM {parent.quoted} AS parent WHERE {' AND '.join(pairs)})"
    source = f"{source} AS child"
    number = ask(database, f"SELECT count(*) FROM {source} WHERE {where}")[0][0]
    if number:
        rows = "1 row refers" if number == 1 else f"{number} rows refer"
        names = list(demand.columns)
        shown = [column.name for column in draft.columns if column.key and column.name not in names] + names
        found = rows_shown(database, list(map(quoted, shown)), f"FROM {source} WHERE {where} LIMIT {EXAMPLES}")
        raise IntegrityCheckFailed(
            problem=f"The foreign key of {draft.table.name} ({', '.join(names)}) cannot be added: {rows} to nothing "
            f"in {demand.target}.",
            findings=[f"the row with {described(shown, row)}" for row in found],
            advice="delete these rows or give them another value first.",
        )


def _referring(parent: Table, key: str, draft: Draft, name: str) -> str:
    """How a key compares: the affinity and collation of the parent's column count, and none of the child's
    (sqlite.org/foreignkeys.html#fk_basics). With a + it has none; without, an index of it can be used."""
    there = parent.column(key)
    is_same = there is not None and affinity(there.type) == affinity(draft.column(name).type)
    return f"parent.{quoted(key)} = {'' if is_same else '+'}child.{quoted(name)}"


@contextmanager
def keys_fitting(database: Database, table: str) -> Iterator[None]:
    """Refuse what leaves a foreign key of another table without the unique columns that it refers to.

    Raises:
        Refused: which.
    """
    before = _unfit_keys(database, table)
    yield
    lost = [name for name in _unfit_keys(database, table) if name not in before]
    if lost:
        raise Refused(
            f"The foreign key {'; '.join(lost)} refers to these columns, and they would not be unique any more.",
            "drop the foreign key first: migrator.drop_foreign_key_constraint(...).",
        )


def _unfit_keys(database: Database, table: str) -> list[str]:
    parent = read(database, table)
    found = []
    for child, columns, targets in referring_keys(database, table) if parent is not None else ():
        keys = [target for target in targets if target is not None] or _primary_key(parent)
        if parent is not None and not _is_unique(database, parent, keys):
            found.append(f"{child} ({', '.join(columns)})")
    return found


def _primary_key(table: Table | None) -> list[str]:
    columns = [] if table is None else sorted(table.columns, key=lambda column: column.key)
    return [column.name for column in columns if column.key]


def _is_unique(database: Database, parent: Table, keys: Sequence[str]) -> bool:
    """Whether a foreign key may refer to columns: the primary key, or those of a unique index of all rows with the
    collations of the table (sqlite.org/foreignkeys.html#fk_indexes)."""
    wanted = {folded(key): collation_of(parent.definition, key) for key in keys}
    if set(wanted) == set(map(folded, _primary_key(parent))):
        return True
    for index in indexes_of(database, parent.name):
        if index.is_unique and not index.is_partial and None not in index.columns:
            covered = {folded(name or ""): collation for name, collation in zip(index.columns, index.collations)}
            if covered == wanted:
                return True
    return False


def _check_is_unique(database: Database, parent: Table, keys: Sequence[str], columns: Sequence[str]) -> None:
    if len(keys) != len(columns):
        raise Refused(
            f"A foreign key of {len(columns)} columns cannot refer to {parent.name} ({', '.join(keys)}).",
            "name as many columns on both sides.",
        )
    if _is_unique(database, parent, keys):
        return
    raise Refused(
        f"A foreign key cannot refer to {parent.name} ({', '.join(keys)}), which is not unique.",
        "refer to its primary key, or make it unique first: "
        f"migrator.add_unique({parent.name!r}, {', '.join(map(repr, keys))}).",
    )


def _examples(database: Database, draft: Draft, source: str, where: str) -> list[str]:
    """Some of the rows, by their key and by what they hold."""
    shown = [column for column in draft.columns if column.key] or list(draft.columns)
    names = [column.name for column in shown[:6]]
    rows = rows_shown(database, list(map(quoted, names)), f"FROM {source} WHERE {where} LIMIT {EXAMPLES}")
    return [f"the row with {described(names, row)}" for row in rows]


def described(names: Sequence[str], row: Sequence[str]) -> str:
    """`id = 5, name = 'x'`."""
    return ", ".join(f"{name} = {value}" for name, value in zip(names, row))
