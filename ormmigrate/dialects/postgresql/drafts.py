"""What a change of a table comes to: clauses that one ALTER TABLE can share, and statements of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine


@dataclass(frozen=True)
class Draft:
    """What a change comes to, in this order.

    Attributes:
        clauses: of an ALTER TABLE that they may share with those of other changes.
        after: clauses that need another ALTER TABLE behind that one.
        steps: statements, and functions to call, behind all that.
        names: the columns and constraints that it is about, besides those that the operation names.
    """

    clauses: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    steps: tuple[str | Callable[[], None], ...] = ()
    names: frozenset[str] = frozenset()


def altering(engine: PostgresqlEngine, table: str, clauses: Sequence[str]) -> str:
    return f"ALTER TABLE {engine.quoted(table)} {', '.join(clauses)}"
