"""The columns of a table as fields: what each is called, its type, what it refers to and what else it says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from peewee import SQL, AutoField, BigAutoField, BigIntegerField, Field, IntegerField, Node

from ormmigrate.building import Builder, Fact
from ormmigrate.modelling.drafts import Draft
from ormmigrate.modelling.index_names import IndexNames
from ormmigrate.modelling.types import Typed, Types
from ormmigrate.rendering import fields
from ormmigrate.rendering.expressions import Call, Expression, Import, Keyword, Text, Word
from ormmigrate.schema import NO_ACTION, Column, ForeignKey, Index, Table

FALSE = Word("False")
#: Identities that stand behind a column's type.
SAID_BEHIND = {"AUTO_INCREMENT": "AUTO_INCREMENT", **{
    name: f"GENERATED {name} AS IDENTITY" for name in ("ALWAYS", "BY DEFAULT")
}}  # fmt: skip


@dataclass(frozen=True)
class Modelled:
    """A column as a line of its class, and what of its table that says."""

    attribute: str
    call: Call
    said: tuple[Fact, ...]


class Columns:
    """Makes the fields of all tables."""

    def __init__(self, builder: Builder, types: Types, names: IndexNames, drafts: Iterable[Draft]) -> None:
        self.builder, self.types, self.names = builder, types, names
        self.drafts = {builder.kind.folded(draft.table.name): draft for draft in drafts}

    def modelled(self, draft: Draft, column: Column, placed: Collection[str]) -> Modelled:
        """A column's field.

        Args:
            placed: the classes that stand above this one.
        """
        table, key = draft.table, draft.references.get(column.name)
        bare = replace(column, identity=None, field=None)
        built = self.builder.field(table, bare, table.foreign_keys)
        own = self._own_indexes(draft, column)
        index = own[0] if own else None
        said: list[Fact] = [fact for fact in built.said if not isinstance(fact, Index)]
        typed = draft.typed[column.name]
        made = typed.field.clone()
        made.null, made.primary_key = column.null, built.field.primary_key
        constraints = [*self._numbering(column, typed), *map(self.sent, _without_unique(built.field))]
        if index is not None and self.is_needed_at_once(draft, index):
            constraints.append(SQL("UNIQUE"))
        elif index is not None:
            made.unique, made.index = index.unique, not index.unique
        said += [] if index is None else [index]
        cls = typed.cls
        if cls.text == "AutoIncrementField" and constraints:
            # peewee would put AUTOINCREMENT behind them.
            constraints, cls = [SQL("AUTOINCREMENT"), *constraints], _of_peewee("AutoField")
        if column.collation and any(_comes_last(one) for one in constraints):
            constraints.insert(0, SQL(f"COLLATE {column.collation}"))
        else:
            made.collation = column.collation
        made.constraints = constraints or None
        call = fields.expression(made)
        assert isinstance(call, Call)
        arguments = [one for one in call.arguments if not _is_implied(one, typed)]
        attribute = draft.attributes[column.name]
        if key is not None:
            target = self.target(key)
            assert target is not None
            cls, arguments = self._referring(draft, column, key, target, arguments, placed)
            said.append(key)
        elif attribute != column.name:
            arguments.insert(_positional(arguments), Keyword("column_name", Text(column.name)))
        if column.comment:
            arguments.append(Keyword("help_text", Text(column.comment)))
        return Modelled(attribute, Call(cls, tuple(arguments)), tuple(said))

    def _numbering(self, column: Column, typed: Typed) -> list[Node]:
        """How a column numbers rows, where its class does not say so."""
        if column.identity in SAID_BEHIND and not isinstance(typed.field, AutoField):
            return [SQL(SAID_BEHIND[column.identity])]
        return []

    def sent(self, node: Node) -> Node:
        """A node as peewee has to be given it, so that the server sees it as it is."""
        if self.builder.kind.doubles_percent and isinstance(node, SQL):
            return SQL(node.sql.replace("%", "%%"))
        return node

    def _own_indexes(self, draft: Draft, column: Column) -> list[Index]:
        """The plain indexes over this column alone that its field can declare, the best first."""
        if [column.name] == list(draft.table.primary_key):
            return []
        found = [
            index
            for index in draft.table.indexes
            if index.is_plain
            and len(index.parts) == 1
            and self.builder.same(index.parts[0].text, column.name)
            and (self.is_needed_at_once(draft, index) or self.names.is_usual(draft, index))
        ]
        return sorted(found, key=lambda index: (not self.is_needed_at_once(draft, index), not index.unique))

    def is_needed_at_once(self, draft: Draft, index: Index) -> bool:
        """Whether it has to be there when its table is made: what the table's own foreign keys refer to."""
        if not (index.unique and index.columns):
            return False
        fold = self.builder.kind.folded_column
        columns = {fold(name) for name in index.columns}
        own = [key for key in draft.table.foreign_keys if self.target(key) is draft]
        return any({fold(name) for name in key.target_columns} == columns for key in own)

    # -- foreign keys ---------------------------------------------------------------------------

    def _referring(
        self,
        draft: Draft,
        column: Column,
        key: ForeignKey,
        target: Draft,
        arguments: list[Expression],
        placed: Collection[str],
    ) -> tuple[Word, list[Expression]]:
        """A foreign key's class and arguments, from those of a plain field."""
        attribute = draft.attributes[column.name]
        common = [one for one in arguments if isinstance(one, Keyword) and one.name in COMMON]
        if not any(one.name in ("index", "unique", "primary_key") for one in common):
            common.append(Keyword("index", FALSE))
        common = [one for one in common if one.name != "index" or one.value == FALSE]
        is_late = target is not draft and target.cls not in placed
        first: Expression = Text("self") if target is draft else Text(target.cls) if is_late else Word(target.cls)
        said: list[Keyword] = []
        if list(target.table.primary_key) != [self._named(target.table, key.target_columns[0])]:
            name = target.attributes[self._named(target.table, key.target_columns[0])]
            said.append(Keyword("field", Text(name)))
        if column.name != (attribute if attribute.endswith("_id") else f"{attribute}_id"):
            said.append(Keyword("column_name", Text(column.name)))
        said += [Keyword(name, Text(value)) for name, value in self._names_of(draft, target, column)]
        said += [Keyword("on_delete", Text(key.on_delete))] if key.on_delete != NO_ACTION else []
        said += [Keyword("on_update", Text(key.on_update))] if key.on_update != NO_ACTION else []
        said += [Keyword("deferrable", Text(key.deferrable))] if key.deferrable else []
        if not self._is_typed_alike(draft, column, target, key):
            return self.types.referring(column), [first, *said, *common]
        return _of_peewee("DeferredForeignKey" if is_late else "ForeignKeyField"), [first, *said, *common]

    def _names_of(self, draft: Draft, target: Draft, column: Column) -> Iterator[tuple[str, str]]:
        """What peewee would call the rows that refer, and the value itself, where these names are not free."""
        attribute = draft.attributes[column.name]
        usual = f"{draft.cls.lower()}_set"
        if target.takes(usual):
            usual = next(
                name
                for name in (f"{draft.cls.lower()}_{attribute}_set{'_' * number}" for number in range(99))
                if not target.takes(name)
            )
            yield "backref", usual
        target.backrefs.add(usual)
        value = f"{column.name}_id" if column.name == attribute else column.name
        if not value.isidentifier() or draft.takes(value):
            value = next(
                name for name in (f"{attribute}_id{'_' * number}" for number in range(99)) if not draft.takes(name)
            )
            yield "object_id_name", value
        draft.backrefs.add(value)

    def _named(self, table: Table, name: str) -> str:
        """A column's name as its table spells it."""
        return next(column.name for column in table.columns if self.builder.same(column.name, name))

    def _is_typed_alike(self, draft: Draft, column: Column, target: Draft, key: ForeignKey) -> bool:
        """Whether ForeignKeyField would make the column's type."""
        referred = target.typed[self._named(target.table, key.target_columns[0])]
        own = draft.typed[column.name]
        if isinstance(referred.field, AutoField):
            made = BigIntegerField if isinstance(referred.field, BigAutoField) else IntegerField
            return type(own.field) is made and not own.own
        return True

    def target(self, key: ForeignKey) -> Draft | None:
        """What a foreign key refers to; None where that has no class."""
        return self.drafts.get(self.builder.kind.folded(key.table))

    def can_refer(self, draft: Draft, column: Column, key: ForeignKey, placed: Collection[str]) -> bool:
        """Whether the field of a column can be a foreign key, and have its type.

        Args:
            placed: the classes that stand above this one.
        """
        target = self.target(key)
        if target is None or not key.is_valid or column.generated is not None or column.identity is not None:
            return False
        if target is not draft and target.cls not in placed and not self._is_typed_alike(draft, column, target, key):
            return False
        names = [one.name for one in target.table.columns if self.builder.same(one.name, key.target_columns[0])]
        if not names:
            return False
        referred = target.typed[names[0]]
        if isinstance(referred.field, AutoField):
            return True  # in a class of its own, where the types differ
        its_column = next(one for one in target.table.columns if one.name == names[0])
        return its_column.type == column.type and referred.cls.text not in ("RawField", "BareField")


#: What a foreign key says as any other field does.
COMMON = ("null", "index", "unique", "primary_key", "constraints", "collation")


def _without_unique(field: Field) -> list[Node]:
    """A field's constraints, apart from its being unique."""
    return [one for one in field.constraints or () if getattr(one, "sql", "") != "UNIQUE"]


def _comes_last(node: Node) -> bool:
    """Whether MariaDB takes no COLLATE behind it, where peewee puts it."""
    return str(getattr(node, "sql", "")).startswith(("CHECK ", "GENERATED "))


def _is_implied(argument: Expression, typed: Typed) -> bool:
    """What the class says by itself."""
    return isinstance(argument, Keyword) and argument.name == "primary_key" and isinstance(typed.field, AutoField)


def _positional(arguments: Sequence[Expression]) -> int:
    return next((place for place, one in enumerate(arguments) if isinstance(one, Keyword)), len(arguments))


def _of_peewee(name: str) -> Word:
    return Word(name, Import("peewee", name))
