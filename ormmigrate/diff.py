"""Two schemas -> the operations that lead from one to the other. Pure. (Being written.)"""

from __future__ import annotations

from dataclasses import dataclass

from ormmigrate.operations import Operation, RenameColumn, RenameTable
from ormmigrate.schema import Schema


@dataclass(frozen=True)
class Difference:
    """How two schemas differ.

    Attributes:
        operations: what leads from one to the other, in an order that runs.
        unexpressed: what differs and no operation changes, in words: views, triggers, primary keys, options.
    """

    operations: tuple[Operation, ...] = ()
    unexpressed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.operations or self.unexpressed)


@dataclass(frozen=True)
class Rename:
    """A table or column that may have been renamed.

    Attributes:
        column: None where the table itself is meant.
        score: from 0 to 1, how much the two resemble each other.
    """

    table: str
    column: str | None
    new_name: str
    score: float = 1.0

    @property
    def operation(self) -> Operation:
        if self.column is None:
            return RenameTable(self.table, self.new_name)
        return RenameColumn(self.table, self.column, self.new_name)

    @property
    def answer(self) -> str:
        """`user.name=user.full_name`, `user=person`."""
        if self.column is None:
            return f"{self.table}={self.new_name}"
        return f"{self.table}.{self.column}={self.table}.{self.new_name}"


def diff(before: Schema, after: Schema) -> Difference:
    """What leads from one schema to the other."""
    raise NotImplementedError


def renames(before: Schema, after: Schema) -> list[Rename]:
    """What may have been renamed, likeliest first."""
    raise NotImplementedError


def losses(operation: Operation) -> str | None:
    """What an operation loses, in words."""
    raise NotImplementedError
