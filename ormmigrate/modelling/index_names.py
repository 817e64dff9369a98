"""What the indexes of models are called: by peewee where that name is free, else as the database calls them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, count

from ormmigrate.building import Builder
from ormmigrate.initial import index_sql
from ormmigrate.modelling.drafts import Draft
from ormmigrate.operations import constraint_name, index_name
from ormmigrate.schema import Index, Table


class IndexNames:
    """The names of all indexes. On SQLite and PostgreSQL no two may be the same, and none that of a table."""

    def __init__(self, builder: Builder, drafts: Iterable[Draft]) -> None:
        self.builder = builder
        drafts = list(drafts)
        fold = builder.kind.folded
        taken = [fold(draft.table.name) for draft in drafts]
        for draft in drafts:
            taken += [fold(index.name) for index in draft.table.indexes if index.name and not index.is_plain]
        taken += [fold(name) for draft in drafts for name in self._usual_names(draft)]
        self.taken = Counter(taken)

    def _usual_names(self, draft: Draft) -> Iterator[str]:
        for index in draft.table.indexes:
            if index.is_plain:
                yield usual_name(draft, index)

    def is_usual(self, draft: Draft, index: Index) -> bool:
        """Whether peewee's name for a plain index can be had."""
        return self.taken[self.builder.kind.folded(usual_name(draft, index))] == 1

    def statement(self, table: Table, index: Index) -> str:
        """The CREATE INDEX of one that peewee cannot say, or would give a name that is taken."""
        return index_sql(self.builder, table, index, self._free_name(table, index))

    def _free_name(self, table: Table, index: Index) -> str:
        wanted = index.name or index_name(table.name, [part.text for part in index.parts])
        fold = self.builder.kind.folded
        if not index.is_plain and index.name:
            return index.name
        names = chain([wanted], (f"{wanted}_{number}" for number in count(2)))
        name = next(name for name in names if not self.taken[fold(name)])
        self.taken[fold(name)] += 1
        return name


def usual_name(draft: Draft, index: Index) -> str:
    """The name that peewee gives a plain index: of the class and the columns."""
    columns = re.sub(r"\W+", "", "_".join(part.text for part in index.parts))
    return constraint_name(f"{draft.cls.lower()}_{columns}")
