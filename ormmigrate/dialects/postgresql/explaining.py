"""What the server refuses an operation for, with what is there instead and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peewee import PeeweeException

from ormmigrate.dialects.postgresql.codes import sqlstate
from ormmigrate.dialects.postgresql.waiting import detail, message
from ormmigrate.errors import UnsupportedOperation, listed
from ormmigrate.operations import AddColumnDefault, Change, Operation, Script, Sql

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

UNDEFINED_TABLE, UNDEFINED_COLUMN, SYNTAX_ERROR = "42P01", "42703", "42601"
THERE_ALREADY = ("42P07", "42701", "42710")  # relation, column, constraint
DEPENDENTS_EXIST, WRONG_TYPE = "2BP01", "42804"
NOT_A_TABLE, CANNOT_COERCE, NO_SUCH_OPERATOR = "42809", "42846", "42883"
CORRECT = "correct the name, or put what makes it before this operation."


def explained(engine: PostgresqlEngine, operation: Operation, error: PeeweeException) -> UnsupportedOperation | None:
    """The server's refusal as ours; None where its own words say it best, or are about rows.

    Nothing of the operation has stayed: it ran in a savepoint, or a transaction of its own.
    """
    if isinstance(operation, (Sql, Script)) or engine.dialect.is_aborted(engine.database):
        return None
    state, said = sqlstate(error), f"PostgreSQL says: {message(error)}."
    table = getattr(operation, "table", None)
    if state == UNDEFINED_TABLE:
        return engine.unsupported(
            operation, f"{said} There are: {listed(engine.catalogue.tables()) or 'none'}.", CORRECT
        )
    if state == UNDEFINED_COLUMN and isinstance(table, str):
        columns = engine.catalogue.columns(table)
        return engine.unsupported(operation, f"{said} {table} has: {listed(columns, 30)}.", CORRECT)
    if state in THERE_ALREADY:
        advice = "give this one another name, or drop or rename what is there first."
        return engine.unsupported(operation, said, advice)
    if state == DEPENDENTS_EXIST:
        what = "; ".join(detail(error).splitlines()) or message(error)
        advice = "drop what depends on it first, or say cascade=True, which drops that as well."
        return engine.unsupported(operation, f"Others depend on it: {what}.", advice)
    if state in (WRONG_TYPE, CANNOT_COERCE, NO_SUCH_OPERATOR) and isinstance(operation, Change):
        return engine.unsupported(
            operation,
            said,
            "say how values are converted: cast='column::integer', for example; a default or CHECK that does not fit "
            "the new type has to be dropped before, and made again behind it.",
        )
    if state == SYNTAX_ERROR and isinstance(operation, AddColumnDefault):
        advice = "a text that ends in ) or ' is taken for SQL; write a text of that kind as SQL(\"'...'\")."
        return engine.unsupported(operation, said, advice)
    if state == NOT_A_TABLE:
        return engine.unsupported(operation, said, "name a table; what is something else needs migrator.sql(...).")
    return None
