"""The statements of a backfill: all rows at once, or those between two keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peewee import SQL, Context, Database, EnclosedNodeList, Entity, Node, NodeList

from ormmigrate.operations import Backfill

Key = tuple[Any, ...]


def update(database: Database, operation: Backfill, where: Node | None) -> Context:
    """UPDATE with the operation's values, of the rows that `where` means."""
    context = database.get_sql_context()
    context.literal("UPDATE ").sql(Entity(operation.table)).literal(" SET ")
    for number, (column, value) in enumerate(operation.values.items()):
        context.literal(", " if number else "").sql(Entity(column)).literal(" = ")
        if isinstance(value, Node):
            context.sql(value)
        else:
            context.value(value)
    if where is not None:
        context.literal(" WHERE ").sql(where)
    return context


def update_between(
    database: Database, operation: Backfill, keys: Sequence[str], after: Key | None, last: Key | None
) -> Context:
    """The same for the rows whose key comes after one and not after another; None stands for either end."""
    conditions = [_compared(keys, ">", after)] if after is not None else []
    conditions += [_compared(keys, "<=", last)] if last is not None else []
    if operation.where is not None:
        conditions.append(NodeList((SQL("("), operation.where, SQL(")"))))
    return update(database, operation, NodeList(conditions, glue=" AND ") if conditions else None)


def last_key(database: Database, table: str, keys: Sequence[str], after: Key | None, size: int) -> Context:
    """A query for the key of the last of the next `size` rows; no row where there are fewer."""
    names = NodeList([Entity(key) for key in keys], glue=", ")
    context = database.get_sql_context()
    context.literal("SELECT ").sql(names).literal(" FROM ").sql(Entity(table))
    if after is not None:
        context.literal(" WHERE ").sql(_compared(keys, ">", after))
    context.literal(" ORDER BY ").sql(names).literal(f" LIMIT 1 OFFSET {size - 1}")
    return context


def _compared(keys: Sequence[str], sign: str, values: Key) -> Node:
    if len(keys) == 1:
        return NodeList((Entity(keys[0]), SQL(sign), _Value(values[0])))
    marks = EnclosedNodeList([_Value(value) for value in values])
    return NodeList((EnclosedNodeList([Entity(key) for key in keys]), SQL(sign), marks))


class _Value(Node):
    """A parameter, as it is."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __sql__(self, context: Context) -> Context:
        context.value(self.value)
        return context
