"""Whether what is there is what an operation would make: both are read back the same way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ormmigrate.dialects.base import end_quietly, peewee_transaction
from ormmigrate.dialects.engine import SCRATCH_TABLE
from ormmigrate.dialects.postgresql import constraining
from ormmigrate.dialects.postgresql.drafts import altering
from ormmigrate.dialects.postgresql.names import clipped
from ormmigrate.operations import AddConstraint, AddForeignKeyConstraint, AddIndex

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.catalogue import Constraint, Index
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

#: What makes an index what it is, but for its name and its table.
SHAPE = """
SELECT i.indisunique, m.amname::text, i.indnkeyatts, i.indoption::text, i.indclass::text, i.indcollation::text,
    ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, false) FROM generate_series(1, i.indnatts) AS k ORDER BY k),
    pg_get_expr(i.indpred, i.indrelid), to_jsonb(i) ->> 'indnullsnotdistinct'
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
WHERE i.indexrelid = %s
"""
OID = "SELECT to_regclass(%s)::oid::bigint"
ACTIONS = {None: "a", "NO ACTION": "a", "RESTRICT": "r", "CASCADE": "c", "SET NULL": "n", "SET DEFAULT": "d"}


def is_index(engine: PostgresqlEngine, meant: AddIndex, found: Index) -> bool:
    """Whether an index is the one that is meant."""
    with _scratch(engine, meant.table):
        engine.execute(constraining.index_statement(engine, replace(meant, table=SCRATCH_TABLE)))
        (made,) = engine.catalogue.indexes(SCRATCH_TABLE)
        shapes = [engine.database.execute_sql(SHAPE, (oid,)).fetchone() for oid in (made.oid, found.oid)]
    return bool(shapes[0] == shapes[1])


def is_constraint(engine: PostgresqlEngine, meant: AddConstraint | AddForeignKeyConstraint, found: Constraint) -> bool:
    """Whether a CHECK or a foreign key says what is meant."""
    if isinstance(meant, AddForeignKeyConstraint):
        return _is_key(engine, meant, found)
    with _scratch(engine, meant.table):
        words = constraining.words(engine, replace(meant, table=SCRATCH_TABLE))
        engine.execute(altering(engine, SCRATCH_TABLE, [f"ADD {words}"]))
        (made,) = engine.catalogue.constraints(SCRATCH_TABLE)
    return found.definition.removesuffix(" NOT VALID") == made.definition


def _is_key(engine: PostgresqlEngine, meant: AddForeignKeyConstraint, found: Constraint) -> bool:
    schema = f"{engine.quoted(meant.rel_schema)}." if meant.rel_schema else ""
    (target,) = engine.database.execute_sql(OID, (schema + engine.quoted(clipped(meant.rel)),)).fetchone()
    return (found.kind, found.columns, found.rel_oid, found.rel_columns, found.on_delete, found.on_update) == (
        "FOREIGN KEY",
        (clipped(meant.column),),
        target,
        (clipped(meant.rel_column),),
        *(ACTIONS.get(action and action.upper()) for action in (meant.on_delete, meant.on_update)),
    )


@contextmanager
def _scratch(engine: PostgresqlEngine, table: str) -> Iterator[None]:
    """An empty table with the same columns, gone afterwards."""
    database = engine.database
    database.execute_sql("BEGIN")
    try:
        with peewee_transaction(database):
            engine.execute(f"CREATE TEMPORARY TABLE {engine.quoted(SCRATCH_TABLE)} (LIKE {engine.quoted(table)})")
            yield
    finally:
        end_quietly("ROLLBACK", database, "ROLLBACK")
