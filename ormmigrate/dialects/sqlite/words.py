"""What peewee's fields and nodes are in the words of CREATE TABLE."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import count
from typing import Any

from peewee import SQL, Database, Field, ForeignKeyField, Index, Node, Table, ValueLiterals, callable_

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import constant_of, default_of
from ormmigrate.dialects.sqlite.edits import index_body
from ormmigrate.dialects.sqlite.tables import ask
from ormmigrate.dialects.sqlite.tokens import is_enclosed, literal, quoted, significant
from ormmigrate.operations import AddIndex

DEFAULT_FUNCTION = "ormmigrate_default"
_numbers = count(1)
NATIVE_TYPES = (type(None), int, float, str, bytes)


def column_words(database: Database, field: Field) -> str:
    """A prepared field as the definition of a column, its foreign key included."""
    parts = [rendered(database, field.ddl(database.get_sql_context()))]
    if isinstance(field, ForeignKeyField):
        if field.constraint_name:
            parts.append(f"CONSTRAINT {quoted(field.constraint_name)}")
        parts += [rendered(database, node) for node in ddl.references(field)]
    return " ".join(parts)


def type_words(database: Database, field: Field) -> str:
    return rendered(database, field.ddl_datatype(database.get_sql_context()) or SQL(""))


def constraint_words(database: Database, name: str | None, constraint: Node | str) -> str:
    """A constraint of a table. One that has a name of its own already keeps it."""
    words = constraint if isinstance(constraint, str) else rendered(database, constraint)
    first = next(iter(significant(words)), None)
    if name is None or (first is not None and first.is_word("CONSTRAINT")):
        return words
    return f"CONSTRAINT {quoted(name)} {words}"


def default_words(database: Database, default: Any) -> str:
    """A default of the database: a literal, or an expression in parentheses."""
    value = default() if callable_(default) else default
    constant = constant_of(value)
    if constant is not None:
        return value_words(database, constant)
    words = (rendered(database, value) if isinstance(value, Node) else str(value)).strip()
    # Only what stands for itself needs no parentheses (sqlite.org/lang_createtable.html#dfltval).
    alone = significant(words)
    is_literal = len(alone) == 1 or (len(alone) == 2 and alone[0].text in "+-")
    return words if is_literal or is_enclosed(words) else f"({words})"


def index_words(database: Database, operation: AddIndex) -> str:
    """The parts of an index in parentheses, and its WHERE; the columns of its table without the table's name."""
    parts = [SQL(quoted(part)) if isinstance(part, str) else part for part in operation.columns]
    text = rendered(database, Index("i", Table(operation.table), parts, where=operation.where))
    return text[index_body(text) :]


def rendered(database: Database, node: Node) -> str:
    """A node as SQL; values in it as literals, for a schema takes no parameters."""
    sql, _ = database.get_sql_context().sql(ValueLiterals(node)).query()
    return str(sql)


def value_words(database: Database, value: Any) -> str:
    """A value as a literal."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value in (math.inf, -math.inf):
        return "9e999" if value > 0 else "-9e999"
    if isinstance(value, str) and "\0" not in value:
        return literal(value)
    if isinstance(value, str):
        return f"CAST(x'{value.encode().hex()}' AS TEXT)"
    if isinstance(value, (datetime, date, time)):
        return literal(str(value))
    return str(ask(database, "SELECT quote(?)", value)[0][0])


@contextmanager
def filling(database: Database, field: Field) -> Iterator[str]:
    """The expression that gives rows that are there a field's default: a function is called once for each row."""
    if not callable_(field.default):
        yield value_words(database, default_of(field))
        return
    connection = database.connection()
    errors: list[BaseException] = []

    def value() -> Any:
        try:
            found = default_of(field)
            # What a function returns is not adapted the way a parameter is.
            return found if isinstance(found, NATIVE_TYPES) else ask(database, "SELECT ?", found)[0][0]
        except BaseException as error:
            errors.append(error)
            raise

    name = f"{DEFAULT_FUNCTION}_{next(_numbers)}"
    _define(connection, name, value)
    try:
        yield f"{name}()"
    except Exception:
        # SQLite only knows that some function raised.
        if errors:
            raise errors[0] from None
        raise
    finally:
        if not database.is_closed() and database.connection() is connection:
            _define(connection, name, None)


def _define(connection: Any, name: str, function: Any) -> None:
    if hasattr(connection, "create_function"):
        connection.create_function(name, 0, function)
    else:  # apsw
        connection.create_scalar_function(name, function, 0)
