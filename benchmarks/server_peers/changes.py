"""The changes that are measured: as ours, in its default and in its online form, and as playhouse.migrate's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peewee import BigIntegerField, CharField, DecimalField, IntegerField

from ormmigrate import BaseMigration
from server_peers.tables import CHANGED

DEFAULT, ONLINE, PLAYHOUSE = "ours", "ours online", "playhouse"
WAYS = (DEFAULT, ONLINE, PLAYHOUSE)
GROUPED, ONE_BY_ONE = "grouped", "one by one"
Change = Callable[[Any], object]


@dataclass(frozen=True)
class Forms:
    """One change in its three forms; each is given a migrator.

    Attributes:
        copies_on: where the server itself knows no way but a copy of the table, which nobody can write to.
    """

    default: Change
    online: Change
    playhouse: Change
    copies_on: tuple[str, ...] = ()


def add_column(migrator: Any) -> object:
    return migrator.add_column(CHANGED, "state", IntegerField(default=5))


def add_index(migrator: Any) -> object:
    return migrator.add_index(CHANGED, ("reference",))


def add_unique(migrator: Any) -> object:
    return migrator.add_unique(CHANGED, "reference")


def add_not_null(migrator: Any) -> object:
    return migrator.add_not_null(CHANGED, "city")


def add_foreign_key(migrator: Any, **options: Any) -> object:
    return migrator.add_foreign_key_constraint(CHANGED, "customer_id", "customer", "id", **options)


CHANGES = {
    "add column": Forms(add_column, add_column, add_column),
    "set NOT NULL": Forms(add_not_null, lambda m: m.add_not_null(CHANGED, "city", online=True), add_not_null),
    "foreign key": Forms(
        lambda m: add_foreign_key(m, allow_copy=True),
        lambda m: add_foreign_key(m, online=True, allow_copy=True),
        add_foreign_key,
        copies_on=("mysql",),
    ),
    "add index": Forms(add_index, lambda m: m.add_index(CHANGED, ("reference",), concurrently=True), add_index),
    "add unique": Forms(add_unique, lambda m: m.add_unique(CHANGED, "reference", online=True), add_unique),
}

#: Six that each copy or rebuild the table on MariaDB; on PostgreSQL the two wider numbers do, and the others read it.
SIX: tuple[Change, ...] = (
    lambda t: t.alter_column_type("quantity", BigIntegerField(), allow_copy=True),
    lambda t: t.alter_column_type("weight", BigIntegerField(), allow_copy=True),
    lambda t: t.alter_column_type("price", DecimalField(max_digits=12, decimal_places=4), allow_copy=True),
    lambda t: t.alter_column_type("email", CharField(max_length=35, null=True), allow_copy=True),
    lambda t: t.add_not_null("city", allow_copy=True),
    lambda t: t.add_not_null("street", allow_copy=True),
)


class OnTable:
    """A migrator's methods with the table already said, as those of `alter_table`."""

    def __init__(self, migrator: Any) -> None:
        self._migrator = migrator

    def __getattr__(self, name: str) -> Callable[..., object]:
        return lambda *arguments, **options: getattr(self._migrator, name)(CHANGED, *arguments, **options)


class Default(BaseMigration):
    """A change in its default form."""

    id = "20240601_120000_default"
    change = ""

    def up(self, migrator: Any) -> None:
        CHANGES[self.change].default(migrator)


class Online(BaseMigration):
    """A change in its online form."""

    id = "20240601_120000_online"
    transactional = False
    change = ""

    def up(self, migrator: Any) -> None:
        CHANGES[self.change].online(migrator)


class Grouped(BaseMigration):
    """Six changes of one table, as one."""

    id = "20240601_120000_grouped"

    def up(self, migrator: Any) -> None:
        with migrator.alter_table(CHANGED, allow_copy=True) as table:
            for change in SIX:
                change(table)


class OneByOne(BaseMigration):
    """The same six, one after the other."""

    id = "20240601_120000_one_by_one"

    def up(self, migrator: Any) -> None:
        for change in SIX:
            change(OnTable(migrator))


class Nothing(BaseMigration):
    """What makes the history, so that no measurement does."""

    id = "20240601_120000_nothing"

    def up(self, migrator: Any) -> None:
        migrator.sql("SELECT 1")
