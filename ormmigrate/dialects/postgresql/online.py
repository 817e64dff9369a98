"""Changes that keep nobody waiting: in steps, each a transaction of its own, that go on where they were interrupted.

Each looks at the catalogue first: a step that is seen there has been done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from peewee import IntegrityError, PeeweeException

from ormmigrate.dialects.postgresql import alikeness, constraining
from ormmigrate.dialects.postgresql.catalogue import Constraint, Index
from ormmigrate.dialects.postgresql.codes import sqlstate
from ormmigrate.dialects.postgresql.drafts import altering
from ormmigrate.dialects.postgresql.literals import rendered
from ormmigrate.dialects.postgresql.names import clipped, object_name
from ormmigrate.dialects.postgresql.statements import significant, words_of
from ormmigrate.dialects.postgresql.waiting import (
    DEADLOCK,
    LOCK_NOT_AVAILABLE,
    detail,
    patiently,
    pause,
    unhurried,
)
from ormmigrate.errors import listed
from ormmigrate.operations import (
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddNotNull,
    AddUnique,
    DropIndex,
    Operation,
    Sql,
)

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

UNIQUE_VIOLATION = "23505"
POLL_S = 0.2
#: A build goes on for a while behind a client that was killed.
BUILDER = "SELECT pid FROM pg_stat_progress_create_index WHERE index_relid = %s AND pid <> pg_backend_pid()"


def run_online(engine: PostgresqlEngine, operation: Operation) -> None:
    """Run an operation in the form that stalls nobody; no transaction may be open.

    Raises:
        UnsupportedOperation: one is, or rows do not fit, or something of another kind has the name.
        LockTimeout: a step could not have its lock.
    """
    if engine.dialect.in_transaction(engine.database):
        raise engine.unsupported(
            operation,
            "It runs in transactions of its own, and one is open here.",
            "put it into a migration with transactional = False; or leave concurrently= and online= out.",
        )
    match operation:
        case Sql():
            engine.sql(operation)
        case AddIndex():
            _add_index(engine, operation, operation)
        case DropIndex():
            _drop_index(engine, operation)
        case AddUnique():
            _add_unique(engine, operation)
        case AddNotNull():
            _add_not_null(engine, operation)
        case AddConstraint() | AddForeignKeyConstraint():
            _add_validated(engine, operation)
        case _:
            raise engine.unsupported(operation, "It has no online form.", "leave online= out.")


def _step(engine: PostgresqlEngine, table: str, clause: str) -> None:
    """One ALTER TABLE, in a transaction of its own, which waits for its lock a short time only."""
    statement = altering(engine, table, [clause])
    patiently(engine.dialect, engine.database, [clipped(table)], lambda: engine.execute(statement))


# -- indexes ------------------------------------------------------------------------------------


def _add_index(engine: PostgresqlEngine, operation: Operation, index: AddIndex) -> None:
    """Have the index, whole. Never IF NOT EXISTS: it is content with the remains of a build that failed."""
    if engine.catalogue.kind(index.table) == "p":
        raise engine.unsupported(
            operation,
            "PostgreSQL makes no index of a partitioned table concurrently.",
            "make one on each partition concurrently, and then this one in its plain form, which takes those.",
        )
    found = _waited_for(engine, operation, index)
    if found is not None and found.is_valid:
        if not (engine.resumes and alikeness.is_index(engine, index, found)):
            raise engine.unsupported(
                operation,
                f"There is an index {found.name} on {index.table} already.",
                "give this one another name, or drop that one before: migrator.drop_index(...).",
            )
        return
    if found is not None:
        _drop_remains(engine, index)
    _build(engine, operation, index)


def _named(engine: PostgresqlEngine, table: str, name: str) -> Index | None:
    return next((one for one in engine.catalogue.indexes(table) if one.name == clipped(name)), None)


def _waited_for(engine: PostgresqlEngine, operation: Operation, index: AddIndex) -> Index | None:
    """The index of that name, after a build of it that still runs, behind a client that is gone, has ended."""
    while True:
        found = _named(engine, index.table, index.index)
        if found is None or found.is_valid:
            return found
        builder = engine.database.execute_sql(BUILDER, (found.oid,)).fetchone()
        if builder is None:
            return found
        if not engine.resumes:
            raise engine.unsupported(
                operation,
                f"Process {builder[0]} is making an index {found.name} on {index.table} right now.",
                "wait until it is done, then start again.",
            )
        time.sleep(POLL_S)


def _build(engine: PostgresqlEngine, operation: Operation, index: AddIndex) -> None:
    statement = constraining.index_statement(engine, index, "CONCURRENTLY ")
    for tries in count(1):
        try:
            # Its own waits, for transactions that are older than it, keep nobody waiting.
            with unhurried(engine.database):
                engine.execute(statement)
            return
        except PeeweeException as error:
            if engine.database.is_closed() or not engine.database.is_connection_usable():
                raise
            _drop_remains(engine, index)
            state = sqlstate(error)
            if state == UNIQUE_VIOLATION:
                raise engine.unsupported(
                    operation,
                    f"Values are there twice: {_duplicates(engine, index) or detail(error)}. "
                    "The index that was begun is dropped again.",
                    "make them differ, with migrator.sql(...) or by hand, and start again.",
                ) from error
            if state not in (DEADLOCK, LOCK_NOT_AVAILABLE) or tries >= engine.dialect.limits.ddl_tries:
                raise
        pause(engine.dialect.limits.ddl_lock_timeout_s, tries)


def _drop_remains(engine: PostgresqlEngine, index: AddIndex) -> None:
    """A build that failed leaves an index that no query uses and every write keeps up."""
    found = _named(engine, index.table, index.index)
    if found is not None and not found.is_valid:
        _drop_concurrently(engine, found)


def _drop_concurrently(engine: PostgresqlEngine, index: Index) -> None:
    for tries in count(1):
        try:
            with unhurried(engine.database):
                engine.execute(f"DROP INDEX CONCURRENTLY {index.path}")
            return
        except PeeweeException as error:
            if sqlstate(error) != DEADLOCK or tries >= engine.dialect.limits.ddl_tries:
                raise
        pause(engine.dialect.limits.ddl_lock_timeout_s, tries)


def _duplicates(engine: PostgresqlEngine, index: AddIndex) -> str:
    """Some of the values that are there more than once, and how often."""
    values = [value for value, _ in constraining.index_parts(engine, index)]
    columns = ", ".join(values)
    conditions = [f"({rendered(engine.database, index.where)})"] if index.where is not None else []
    if index.nulls_distinct is not False:
        conditions += [f"{value} IS NOT NULL" for value in values]
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    query = (
        f"SELECT ROW({columns})::text, count(*) FROM {engine.quoted(index.table)} {where}"
        f"GROUP BY {columns} HAVING count(*) > 1 ORDER BY 2 DESC, 1 LIMIT 5"
    )
    rows = engine.database.execute_sql(engine.dialect.as_sent(query, None)).fetchall()
    return listed(f"{values} {number} times" for values, number in rows)


def _drop_index(engine: PostgresqlEngine, operation: DropIndex) -> None:
    if engine.resumes and _named(engine, operation.table, operation.index) is None:
        return
    if engine.catalogue.kind(operation.table) == "p":
        raise engine.unsupported(
            operation,
            "PostgreSQL drops no index of a partitioned table concurrently.",
            "leave concurrently= out.",
        )
    _drop_concurrently(engine, constraining.index_to_drop(engine, operation))


# -- constraints --------------------------------------------------------------------------------


def _add_unique(engine: PostgresqlEngine, operation: AddUnique) -> None:
    name = constraining.name_of(operation)
    found = _constraint(engine, operation.table, name)
    if found is not None:
        _refuse_other(engine, operation, found, found.kind == "UNIQUE" and found.columns == operation.columns)
        return
    _add_index(engine, operation, AddIndex(operation.table, operation.columns, unique=True, name=name))
    quoted = engine.quoted(name)
    _step(engine, operation.table, f"ADD CONSTRAINT {quoted} UNIQUE USING INDEX {quoted}")


def _constraint(engine: PostgresqlEngine, table: str, name: str) -> Constraint | None:
    return next((one for one in engine.catalogue.constraints(table) if one.name == name), None)


def _refuse_other(engine: PostgresqlEngine, operation: Operation, found: Constraint, is_same: bool) -> None:
    """What has the name may be ours, from a run that was interrupted; a whole one in a first run is somebody else's."""
    if not is_same or (found.is_valid and not engine.resumes):
        raise engine.unsupported(
            operation,
            f"There is a constraint {found} already.",
            "give this one another name, or drop that one before: migrator.drop_constraint(...).",
        )


def _add_validated(engine: PostgresqlEngine, operation: AddConstraint | AddForeignKeyConstraint) -> None:
    """First for new rows, without looking at those that are there; then for these, while others write."""
    words = constraining.words(engine, operation)
    name = constraining.name_of(operation)
    if isinstance(operation, AddConstraint):
        if words_of(words)[:1] != ["CONSTRAINT"] or "CHECK" not in words_of(words):
            raise engine.unsupported(
                operation,
                "Only a CHECK with a name is added online by this.",
                "give it a name; or use add_unique(..., online=True) or add_foreign_key_constraint(..., online=True).",
            )
        name = clipped(significant(words)[1].strip('"').replace('""', '"'))
    found = _constraint(engine, operation.table, name)
    if found is not None:
        _refuse_other(engine, operation, found, alikeness.is_constraint(engine, operation, found))
    else:
        _step(engine, operation.table, f"ADD {words} NOT VALID")
    if found is None or not found.is_valid:
        _validate(engine, operation.table, name)


def _validate(engine: PostgresqlEngine, table: str, name: str) -> None:
    try:
        _step(engine, table, f"VALIDATE CONSTRAINT {engine.quoted(name)}")
    except IntegrityError:
        # As if nothing had been begun.
        _step(engine, table, f"DROP CONSTRAINT {engine.quoted(name)}")
        raise


def _add_not_null(engine: PostgresqlEngine, operation: AddNotNull) -> None:
    """SET NOT NULL reads all rows under a lock that stops everybody, unless a CHECK says that none holds NULL."""
    table, column = operation.table, engine.quoted(operation.column)
    name = object_name(table, operation.column, "not_null_check")
    state = engine.catalogue.column(table, operation.column)
    if state is None:
        raise engine.not_there(operation, "column", operation.column)
    check = _constraint(engine, table, name)
    if check is not None and (check.columns != (clipped(operation.column),) or "IS NOT NULL" not in check.definition):
        _refuse_other(engine, operation, check, is_same=False)
    if not state.not_null:
        if check is None:
            _step(engine, table, f"ADD CONSTRAINT {engine.quoted(name)} CHECK ({column} IS NOT NULL) NOT VALID")
        if check is None or not check.is_valid:
            _without_null(engine, operation, lambda: _validate(engine, table, name))
        _step(engine, table, f"ALTER COLUMN {column} SET NOT NULL")
    if check is not None or not state.not_null:
        _step(engine, table, f"DROP CONSTRAINT {engine.quoted(name)}")


def _without_null(engine: PostgresqlEngine, operation: AddNotNull, validate: Callable[[], None]) -> None:
    try:
        validate()
    except IntegrityError as error:
        query = f"SELECT count(*) FROM {engine.quoted(operation.table)} WHERE {engine.quoted(operation.column)} IS NULL"
        number = engine.database.execute_sql(engine.dialect.as_sent(query, None)).fetchone()[0]
        raise engine.unsupported(
            operation,
            f"{number} rows hold NULL there.",
            "give them a value before: migrator.backfill(table, {column: value}, where='... IS NULL').",
        ) from error
