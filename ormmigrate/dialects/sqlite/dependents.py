"""What depends on a table: views and triggers, and whether they compile; foreign keys of other tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from peewee import Database, DatabaseError

from ormmigrate.dialects.sqlite.tables import ask, columns_of
from ormmigrate.dialects.sqlite.tokens import folded, quoted, significant, unquoted

# The same text again after a rename crashes Python's statement cache, so no two are alike.
_numbers = count(1)


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
