"""What stands in the way of a change: rows that it would forbid, views and triggers that it would break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from peewee import Database, DatabaseError

from ormmigrate.dialects.sqlite.drafts import Demand, Draft, Refused, affinity
from ormmigrate.dialects.sqlite.tables import Table, ask, columns_of, indexes_of, read
from ormmigrate.dialects.sqlite.tokens import folded, quoted, significant, unquoted
from ormmigrate.dialects.sqlite.values import rows_shown
from ormmigrate.errors import IntegrityCheckFailed

EXAMPLES = 5
ROWID_NAMES = ("rowid", "_rowid_", "oid")
# The same text again after a rename crashes Python's statement cache, so no two are alike.
_numbers = count(1)


# -- rows ---------------------------------------------------------------------------------------


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
            advice=f"give them a value first, in the same migration: migrator.sql('UPDATE {draft.table.name} SET "
            f"{demand.columns[0]} = ... WHERE {demand.columns[0]} IS NULL').",
        )
    raise IntegrityCheckFailed(
        problem=f"CHECK ({demand.expression}) cannot be added: {rows} of {draft.table.name} do"
        f"{'es' * (number == 1)} not fulfil it.",
        findings=examples,
        advice="change these rows first, in the same migration, or make the condition one that they fulfil.",
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
            advice="change or delete the duplicates first, in the same migration.",
        )


def _check_key(database: Database, draft: Draft, demand: Demand, source: str) -> None:
    parent = read(database, demand.target)
    given = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in demand.columns)
    where = given
    if parent is not None:
        keys = demand.target_columns or tuple(
            column.name for column in sorted(parent.columns, key=lambda column: column.key) if column.key
        )
        _check_is_unique(database, parent, keys)
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
            advice="delete these rows or give them another value first, in the same migration.",
        )


def _referring(parent: Table, key: str, draft: Draft, name: str) -> str:
    """How a key compares: the affinity and collation of the parent's column count, and none of the child's
    (sqlite.org/foreignkeys.html#fk_basics). With a + it has none; without, an index of it can be used."""
    there = parent.column(key)
    is_same = there is not None and affinity(there.type) == affinity(draft.column(name).type)
    return f"parent.{quoted(key)} = {'' if is_same else '+'}child.{quoted(name)}"


def _check_is_unique(database: Database, parent: Table, keys: Sequence[str]) -> None:
    wanted = {folded(key) for key in keys}
    if wanted == {folded(column.name) for column in parent.columns if column.key}:
        return
    for index in indexes_of(database, parent.name):
        covered = {folded(name) for name in index.columns if name is not None}
        if index.is_unique and not index.is_partial and covered == wanted and None not in index.columns:
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


def rowid_of(table: Table) -> str | None:
    """A name by which a table's rowid can be had that is not a column's alias; None where there is none."""
    if not table.definition.has_rowid:
        return None
    taken = {folded(column.name) for column in table.columns}
    return next((name for name in ROWID_NAMES if name not in taken), None)


# -- what uses a table or a column ----------------------------------------------------------------


def referring_keys(database: Database, table: str) -> list[tuple[str, list[str], list[str | None]]]:
    """The foreign keys of all tables that refer to one: (their table, columns, the columns referred to)."""
    rows = ask(
        database,
        'SELECT m.name, k.id, k."from", k."to" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS k '
        "WHERE m.type = 'table' AND k.\"table\" = ? COLLATE NOCASE ORDER BY m.name, k.id, k.seq",
        table,
    )
    found: dict[tuple[str, int], tuple[list[str], list[str | None]]] = {}
    for name, number, column, target in rows:
        columns, targets = found.setdefault((name, number), ([], []))
        columns.append(column)
        targets.append(target)
    return [(name, columns, targets) for (name, _), (columns, targets) in found.items()]


@dataclass(frozen=True)
class Dependent:
    """A view or a trigger.

    Attributes:
        is_temporary: whether it is of this connection alone.
    """

    kind: str
    name: str
    table: str
    text: str
    is_temporary: bool

    @property
    def words(self) -> str:
        return f"{self.kind} {self.name}"


def dependents(database: Database) -> list[Dependent]:
    """All views, then all triggers, each in the order in which they were made: that is how triggers fire."""
    rows = ask(
        database,
        "SELECT type, name, tbl_name, sql, temporary FROM ("
        "SELECT type, name, tbl_name, sql, rowid AS place, 0 AS temporary FROM sqlite_master "
        "WHERE type IN ('view', 'trigger') UNION ALL "
        "SELECT type, name, tbl_name, sql, rowid, 1 FROM sqlite_temp_master WHERE type IN ('view', 'trigger')"
        ") ORDER BY type DESC, temporary, place",
    )
    return [Dependent(kind, name, table, text, bool(temporary)) for kind, name, table, text, temporary in rows]


def broken(database: Database, there: Sequence[Dependent]) -> dict[str, str]:
    """Which views and triggers do not compile, and why: by what is said of them.

    SQLite compiles a trigger with the statement that fires it, so it is asked to explain one of each kind.
    """
    found = {}
    for view in there:
        if view.kind == "view":
            error = _explained(database, f"SELECT * FROM {quoted(view.name)}")
            if error:
                found[view.words] = error
    for table in dict.fromkeys(one.table for one in there if one.kind == "trigger"):
        on_it = [one for one in there if one.kind == "trigger" and one.table == table]
        for event, statement in _events(database, table):
            fired = [one for one in on_it if _event_of(one) == event]
            error = _explained(database, statement) if fired else None
            if error:
                found.update((one.words, error) for one in _guilty(fired, error))
    return found


def _events(database: Database, table: str) -> list[tuple[str, str]]:
    name = quoted(table)
    try:
        columns = [column.name for column in columns_of(database, table) if not column.hidden]
    except DatabaseError:
        columns = []  # a view that does not compile; that is said of the view
    statements = [("INSERT", f"INSERT INTO {name} DEFAULT VALUES"), ("DELETE", f"DELETE FROM {name}")]
    if columns:
        sets = ", ".join(f"{quoted(column)} = NULL" for column in columns)
        statements.append(("UPDATE", f"UPDATE {name} SET {sets}"))
    return statements


def _event_of(trigger: Dependent) -> str:
    words = (token.text.upper() for token in significant(trigger.text) if token.kind == "word")
    return next((word for word in words if word in ("INSERT", "UPDATE", "DELETE")), "")


def _guilty(fired: Sequence[Dependent], error: str) -> Sequence[Dependent]:
    """Of several triggers that fire together, those that say the name that is missing."""
    missing = folded(error.rpartition(" ")[2].rpartition(".")[2])
    named = [
        one for one in fired if missing in {folded(unquoted(token.text)) for token in significant(one.text)}
    ]  # fmt: skip
    return named or fired


def _explained(database: Database, statement: str) -> str | None:
    """Why a statement does not compile; None if it does."""
    try:
        ask(database, f"EXPLAIN /*{next(_numbers)}*/ {statement}")
    except DatabaseError as error:
        return str(error)
    return None
