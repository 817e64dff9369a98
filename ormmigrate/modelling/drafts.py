"""Tables on their way to classes: what everything is called, and of which types the columns are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peewee import Model

from ormmigrate.building import Builder
from ormmigrate.initial import said_options, without_said
from ormmigrate.modelling.names import attribute_names
from ormmigrate.modelling.types import Typed, Types
from ormmigrate.schema import ForeignKey, Table


@dataclass
class Draft:
    """A table on its way to a class.

    Attributes:
        cls: the class's name.
        attributes: by column.
        typed: by column.
        references: by column, the foreign key that its field says.
        backrefs: what other classes put on this one.
        constraints: the SQL of those that no other part of the table says.
    """

    table: Table
    cls: str
    attributes: dict[str, str]
    typed: dict[str, Typed]
    references: dict[str, ForeignKey]
    backrefs: set[str]
    constraints: Sequence[str] = ()

    def takes(self, name: str) -> bool:
        """Whether the class has something of that name already."""
        return name in self.attributes.values() or name in self.backrefs or hasattr(Model, name)


def drafted(builder: Builder, types: Types, table: Table, cls: str) -> Draft:
    """A table with the names and types of its columns."""
    referring = {key.columns[0] for key in table.foreign_keys if len(key.columns) == 1}
    names = [column.name for column in table.columns]
    folded = {builder.kind.folded_column(name) for name in referring}
    attributes = attribute_names(names, [name for name in names if builder.kind.folded_column(name) in folded])
    typed = {column.name: types.typed(table, column) for column in table.columns}
    return Draft(without_said(table), cls, attributes, typed, {}, set(), said_options(table))
