"""Taking DDL statements back, by what SHOW CREATE TABLE said before and after them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from peewee import Database

from ormmigrate.dialects.base import quoted
from ormmigrate.dialects.mysql.reading import plain_session
from ormmigrate.dialects.mysql.relations import read_state
from ormmigrate.dialects.mysql.restoring import (
    NoWayBack,
    Relation,
    State,
    created,
    is_same,
    losses,
    mentioned,
    way_back,
)
from ormmigrate.dialects.mysql.watched import words_of
from ormmigrate.errors import ConfigurationError

#: What is seen where it was made or changed; a trigger is seen with its table alone, which DROP TRIGGER does not name.
SHOWN = frozenset(("TABLE", "TABLES", "INDEX", "KEY", "VIEW"))
BEFORE_KIND = frozenset(("OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE", "IGNORE"))
STEPS_MOST = 20


# What refers to a table is told another name of it where it is renamed, and its columns.
CHILDREN = """
SELECT DISTINCT table_name FROM information_schema.referential_constraints
WHERE constraint_schema = DATABASE() AND referenced_table_name IN ({})
"""


def state_text(database: Database, statement: str) -> str:
    """What every table that a statement names is now, and what refers to those, as JSON."""
    # Modes of the session change what SHOW CREATE TABLE says, and whoever reads this may have others.
    with plain_session(database):
        tables = read_state(database, mentioned(statement))
        names = [name for name, relation in tables.items() if relation is not None]
        query = CHILDREN.format(", ".join(["%s"] * len(names)))
        children = {name for (name,) in database.execute_sql(query, names).fetchall()} if names else set()
        return json.dumps([_as_json(tables), _as_json(read_state(database, children - {*names}))])


class MySQLUndoing:
    """The statements that lead back, and what would be lost on the way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def changed_since(self, states: Sequence[str]) -> list[str]:
        with plain_session(self._database):
            return self._changed_since(states)

    def _changed_since(self, states: Sequence[str]) -> list[str]:
        last: dict[str, Relation | None] = {}
        for text in states:
            for state in _as_states(text):
                last.update(state)
        now = read_state(self._database, set(last))
        return sorted(name for name in last if not is_same({name: last[name]}, {name: now.get(name)}))

    def losses(self, statement: str, found: str | None, made: str | None) -> list[str]:
        before, after = self._around(statement, found, made)
        lost = losses(before, after, statement)
        if lost and made is None and is_same(before, after):
            return [f"what this may have done: {statement}"]
        return lost

    def unseen(self, statement: str, found: str | None, made: str | None) -> list[str]:
        before, after = self._around(statement, found, made)
        if is_same(before, after):
            is_shown = _is_shown(statement, after, may_have_run=made is None)
            return [] if is_shown else [f"no table shows what this did: {statement}"]
        try:
            way_back(before, after, statement)
        except NoWayBack as error:
            return [str(error)]
        return []

    def filled(self, found: str | None, made: str | None) -> list[str]:
        before, after = _as_states(found)[0], _as_states(made)[0] if made is not None else {}
        new = [name for name, one in after.items() if one is not None and before.get(name) is None and not one.is_view]
        renamed = sum(after.get(name) is None for name, one in before.items() if one is not None)
        if renamed or not new:
            return []
        there = read_state(self._database, new)
        return [name for name in new if there.get(name) is not None and self._has_rows(name)]

    def _has_rows(self, table: str) -> bool:
        query = f"SELECT 1 FROM {quoted(self._database, table)} LIMIT 1".replace("%", "%%")
        return self._database.execute_sql(query).fetchone() is not None

    def _around(self, statement: str, found: str | None, made: str | None) -> tuple[State, State]:
        before, _ = _as_states(found)
        return before, self._now(statement, before) if made is None else _as_states(made)[0]

    def restore(self, statement: str, found: str | None) -> None:
        """Bring the tables back, a statement at a time, each worked out from what is there then.

        Raises:
            ConfigurationError: a table that would be dropped has rows; or it does not come back to what it was.
            peewee.PeeweeException: what the server says.
        """
        with plain_session(self._database):
            self._restore(statement, _as_states(found)[0])

    def _restore(self, statement: str, before: State) -> None:
        for _ in range(STEPS_MOST):
            now = self._now(statement, before)
            try:
                step = way_back(before, now, statement)
            except NoWayBack as error:
                raise ConfigurationError(f"This cannot be taken back: {statement}. {error}", SEE) from error
            if step is None:
                return
            if words_of(step, 2) == ["DROP", "TABLE"]:
                self._refuse_rows(created(before, now))
            self._database.execute_sql(step.replace("%", "%%"))
        raise ConfigurationError(f"After {STEPS_MOST} steps, this is not taken back: {statement}", SEE)

    def _now(self, statement: str, before: State) -> State:
        with plain_session(self._database):
            return read_state(self._database, mentioned(statement) | set(before))

    def _refuse_rows(self, tables: Sequence[str]) -> None:
        for table in tables:
            if self._has_rows(table):
                raise ConfigurationError(
                    f"The table {table}, which the batch had created, has rows by now, and is not dropped with them.",
                    "save its rows, empty it, and run python -m ormmigrate undo.",
                )


def _is_shown(statement: str, after: State, *, may_have_run: bool) -> bool:
    """Whether what seems to have changed nothing has changed nothing; or has not run, where it need not have."""
    words = words_of(statement)
    kind = next((word for word in words[1:] if word not in BEFORE_KIND), "")
    if words[0] == "TRUNCATE" or kind not in SHOWN:
        return False
    if may_have_run:
        return True
    # CREATE TABLE elsewhere.t is not seen from here, where CREATE TABLE IF NOT EXISTS t may well do nothing.
    return "EXISTS" in words or (words[0] == "ALTER" and any(after.values()))


SEE = "look at the table; python -m ormmigrate undo tries again."


def _as_json(state: State) -> dict[str, Any]:
    return {
        name: relation and [relation.text, relation.is_view, dict(relation.triggers)]
        for name, relation in sorted(state.items())
    }


def _as_states(text: str | None) -> tuple[State, State]:
    """The tables that a statement named, and those that refer to them."""
    tables, children = (
        {name: parts and Relation(*parts) for name, parts in part.items()}
        for part in (json.loads(text) if text else ({}, {}))
    )
    return tables, children
