"""What is done to the table, in words that each peer puts into its own."""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """One change: `add_column`, say, and what it is given beside the table."""

    kind: str
    arguments: tuple[str, ...]


class Operation(NamedTuple):
    changes: tuple[Change, ...]
    is_grouped: bool = False


def change(kind: str, *arguments: str) -> Change:
    return Change(kind, arguments)


def one(kind: str, *arguments: str) -> Operation:
    return Operation((change(kind, *arguments),))


COMMON = (
    change("add_column", "phone", "VARCHAR(20)"),
    change("rename_column", "note", "remark"),
    change("drop_not_null", "email"),
    change("add_not_null", "city"),
    change("alter_column_type", "reference", "VARCHAR(40)"),
)
#: None of these needs the rows to be written again.
IN_PLACE = (*COMMON, change("add_check", "orders_price", '"price" >= 0'))
#: The last of these does.
REWRITE = (*COMMON, change("alter_column_type", "zip", "TEXT"))

OPERATIONS = {
    "add column": one("add_column", "phone", "VARCHAR(20)"),
    "add column, filled": one("add_filled_column", "courier", "VARCHAR(20)", "post"),
    "drop column": one("drop_column", "note"),
    "rename column": one("rename_column", "note", "remark"),
    "rename table": one("rename_table", "purchase"),
    "make nullable": one("drop_not_null", "email"),
    "add NOT NULL": one("add_not_null", "city"),
    "widen VARCHAR": one("alter_column_type", "reference", "VARCHAR(40)"),
    "INTEGER to TEXT": one("alter_column_type", "zip", "TEXT"),
    "add default": one("add_column_default", "city", "Berlin"),
    "drop default": one("drop_column_default", "status"),
    "add CHECK": one("add_check", "orders_price", '"price" >= 0'),
    "drop CHECK": one("drop_check", "orders_quantity"),
    "add UNIQUE": one("add_unique", "reference"),
    "add foreign key": one("add_foreign_key", "customer_id", "customer"),
    "drop foreign key": one("drop_foreign_key", "warehouse_id", "orders_warehouse"),
    "add index": one("add_index", "email"),
    "drop index": one("drop_index", "orders_placed_at"),
    "six in place, group": Operation(IN_PLACE, is_grouped=True),
    "six in place, each": Operation(IN_PLACE),
    "six rewrite, group": Operation(REWRITE, is_grouped=True),
    "six rewrite, each": Operation(REWRITE),
}


def table_after(operation: Operation) -> str:
    """What the table is called then."""
    names = [change.arguments[0] for change in operation.changes if change.kind == "rename_table"]
    return names[-1] if names else "orders"


class CannotDo(Exception):
    """This peer has no such operation."""
