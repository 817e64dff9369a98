"""A schema as the source of a file of models."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import peewee

from ormmigrate.building import Builder
from ormmigrate.modelling.classes import STEP, ClassWriter, ModelClass
from ormmigrate.modelling.columns import Columns
from ormmigrate.modelling.drafts import Draft, drafted
from ormmigrate.modelling.index_names import IndexNames
from ormmigrate.modelling.names import class_names
from ormmigrate.modelling.types import OwnClass, Types, spelled
from ormmigrate.rendering.expressions import Import, Text, Word, walk
from ormmigrate.rendering.imports import import_lines
from ormmigrate.schema import ForeignKey, Schema, parents_first

TITLE = '"""The tables of the database as models."""'
#: What the file may import, and no class may be called.
IMPORTED = {"SQL", "Check", "CompositeKey", "DeferredForeignKey", "ForeignKeyField", "RawField", "AutoIncrementField"}


@dataclass(frozen=True)
class Source:
    """A file of models.

    Attributes:
        classes: the name of each table's class.
        unsaid: what it does not say of the schema, in words; views and triggers are no part of it.
    """

    text: str
    classes: dict[str, str]
    unsaid: tuple[str, ...]


def source_of(schema: Schema, database: Import) -> Source:
    """The file of models whose tables are those of a schema.

    Args:
        database: where the file imports its Database from: `Import(".db", "db")`.
    """
    builder, types = Builder(schema), Types(schema.kind)
    tables = parents_first(schema.tables, schema.kind.folded)
    fields = {name for name in dir(peewee) if name.endswith("Field")}
    for table in tables:
        for column in table.columns:
            types.typed(table, column)
    own = {one.name for one in types.own.values()}
    classes = class_names([table.name for table in tables], {*fields, *IMPORTED, *own, str(database.name)})
    types.taken.update(classes.values())
    drafts = [drafted(builder, types, table, classes[table.name]) for table in tables]
    names = IndexNames(builder, drafts)
    columns = Columns(builder, types, names, drafts)
    writer = ClassWriter(builder, columns, names, Word(f"{database.name}.Model"))
    made = list(_written(drafts, columns, writer))
    words = {part for model in made for one in model.expressions for part in walk(one) if isinstance(part, Word)}
    defined = [one for one in types.own.values() if Word(one.name) in words]
    lines = [TITLE, "", *_imports(words, defined, database)]
    for one in sorted(defined, key=lambda own: own.name):
        lines += ["", "", *_defined(one)]
    for model in made:
        lines += ["", "", *model.lines]
    return Source("\n".join(lines) + "\n", classes, tuple(line for model in made for line in model.unsaid))


def _written(drafts: Sequence[Draft], columns: Columns, writer: ClassWriter) -> list[ModelClass]:
    placed: set[str] = set()
    for draft in drafts:
        _refer(draft, columns, placed)
        placed.add(draft.cls)
    placed.clear()
    waiting: dict[str, list[tuple[Draft, ForeignKey]]] = {}
    made = []
    for draft in drafts:
        for key in writer.late_keys(draft, placed):
            target = columns.target(key)
            assert target is not None
            waiting.setdefault(target.cls, []).append((draft, key))
        made.append(writer.written(draft, placed, waiting.get(draft.cls, ())))
        placed.add(draft.cls)
    return made


def _refer(draft: Draft, columns: Columns, placed: Collection[str]) -> None:
    """Decide which foreign keys the fields of a table say."""
    for key in draft.table.foreign_keys:
        for column in draft.table.columns:
            is_own = len(key.columns) == 1 and columns.builder.same(key.columns[0], column.name)
            if is_own and column.name not in draft.references and columns.can_refer(draft, column, key, placed):
                draft.references[column.name] = key


# -- the head of the file -----------------------------------------------------------------------


def _imports(words: Collection[Word], defined: Sequence[OwnClass], database: Import) -> list[str]:
    found = {word.home for word in words if word.home is not None}
    found |= {Import(own.base.__module__, own.base.__name__) for own in defined}
    head = import_lines(found)
    return [*head, *([""] if head else []), f"from {database.module} import {database.name}"]


def _defined(own: OwnClass) -> list[str]:
    lines = [f"class {own.name}({own.base.__name__}):", f"{STEP}field_type = {Text(spelled(own.type)).flat()}"]
    if issubclass(own.base, peewee.ForeignKeyField) and not own.type:
        return [lines[0], f"{STEP}def ddl_datatype(self, ctx):", f"{STEP * 2}return None"]
    return lines
