"""A table as a class: its fields, its Meta, and the indexes that stand behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from peewee import SQL, Check, Node

from ormmigrate.building import Builder
from ormmigrate.modelling.columns import Columns, Modelled
from ormmigrate.modelling.drafts import Draft
from ormmigrate.modelling.index_names import IndexNames
from ormmigrate.rendering import values
from ormmigrate.rendering.expressions import Call, Expression, Import, Text, Word, lines, row
from ormmigrate.rendering.strings import LINE_LENGTH, comment, shown
from ormmigrate.schema import ForeignKey, Index, Table

STEP = " " * 4
Waiting = Sequence[tuple[Draft, ForeignKey]]
UNWRITABLE = "Generated columns cannot be written: only what was changed is saved"


@dataclass
class ModelClass:
    """A class of the file.

    Attributes:
        lines: its source, with what stands behind it.
        expressions: all that is in it, whose imports the file needs.
        unsaid: what it does not say of its table, in words.
    """

    draft: Draft
    lines: list[str] = field(default_factory=list)
    expressions: list[Expression] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)


class ClassWriter:
    """Writes the class of a table."""

    def __init__(self, builder: Builder, columns: Columns, names: IndexNames, base: Word) -> None:
        self.builder, self.columns, self.names, self.base = builder, columns, names, base

    def written(self, draft: Draft, placed: Collection[str], waiting: Waiting = ()) -> ModelClass:
        """A table's class.

        Args:
            placed: the classes above it.
            waiting: foreign keys of tables above it that can only be made when this one is there.
        """
        made = ModelClass(draft)
        modelled = [self.columns.modelled(draft, column, placed) for column in draft.table.columns]
        said = {id(fact) for one in modelled for fact in one.said}
        rest = [index for index in draft.table.indexes if id(index) not in said]
        late = {id(key) for key in draft.table.foreign_keys if self._is_late(draft, key, placed)}
        meta = list(self._meta(draft, rest, said | late, waiting))
        made.lines = [f"class {draft.cls}({self.base.text}):"]
        if draft.table.comment:
            made.lines += [*_docstring(draft.table.comment), ""]
        made.lines += self._field_lines(made, modelled)
        made.lines += ["", f"{STEP}class Meta:"]
        for name, value, why in meta:
            made.lines += comment(why, len(STEP) * 2) if why else []
            made.lines += self._line(made, value, len(STEP) * 2, f"{name} = ")
        behind = [SQL(self.names.statement(draft.table, index)) for index in rest if self._stands_behind(draft, index)]
        behind += [self._added(owner, key) for owner, key in waiting]
        for number, node in enumerate(behind):
            call = Call(Word(f"{draft.cls}.add_index"), (values.expression(self.columns.sent(node)),))
            made.lines += ([] if number else ["", ""]) + self._line(made, call, 0)
        made.unsaid = list(self._unsaid(draft.table))
        return made

    def _line(self, made: ModelClass, expression: Expression, indent: int, before: str = "") -> list[str]:
        made.expressions.append(expression)
        return lines(expression, indent, before)

    def _field_lines(self, made: ModelClass, modelled: Sequence[Modelled]) -> Iterator[str]:
        for one in modelled:
            yield from self._line(made, one.call, len(STEP), f"{one.attribute} = ")

    # -- Meta -----------------------------------------------------------------------------------

    def _meta(
        self, draft: Draft, rest: Sequence[Index], said: Collection[int], waiting: Waiting
    ) -> Iterator[tuple[str, Expression, str]]:
        """The lines of Meta, and why they are there where that is to be said."""
        table = draft.table
        yield "table_name", Text(table.name), ""
        if not table.primary_key:
            yield "primary_key", Word("False"), ""
        elif len(table.primary_key) > 1:
            names = [Text(draft.attributes[name]) for name in table.primary_key]
            yield "primary_key", Call(Word("CompositeKey", Import("peewee", "CompositeKey")), tuple(names)), ""
        plain = [index for index in rest if self._is_listed(draft, index)]
        if plain:
            yield "indexes", row(*(self._listed(draft, index) for index in plain)), ""
        constraints = list(self._constraints(draft, rest, said))
        if constraints:
            yield "constraints", row(*(values.expression(self.columns.sent(node)) for node in constraints)), ""
        above = self._depends_on(draft, said, waiting)
        if above:
            yield "depends_on", row(*map(Word, above)), ""
        yield from self._options(table)
        if any(column.generated is not None for column in table.columns):
            yield "only_save_dirty", Word("True"), UNWRITABLE

    def _options(self, table: Table) -> Iterator[tuple[str, Expression, str]]:
        words = {"STRICT": "strict_tables", "WITHOUT ROWID": "without_rowid"}
        for option in table.options:
            if option in words:
                yield words[option], Word("True"), ""
        rest = self.builder.kind.options_text([option for option in table.options if option not in words])
        if rest:
            yield "table_settings", Text(rest), ""

    def _listed(self, draft: Draft, index: Index) -> Expression:
        attributes = [Text(draft.attributes[self._spelled(draft, part.text)]) for part in index.parts]
        return row(row(*attributes), Word(str(index.unique)))

    def _spelled(self, draft: Draft, name: str) -> str:
        return next(column for column in draft.attributes if self.builder.same(column, name))

    def _constraints(self, draft: Draft, rest: Sequence[Index], said: Collection[int]) -> Iterator[Node]:
        builder, table = self.builder, draft.table
        for check in table.checks:
            if id(check) not in said:
                yield builder.named(check.name, Check(check.expression))
        for index in rest:
            if self._is_constraint(draft, index):
                yield builder.named(index.name, builder.unique(index))
        for key in table.foreign_keys:
            if id(key) not in said:
                yield builder.named(key.name, builder.foreign_key(key))
        yield from map(SQL, draft.constraints)

    def _depends_on(self, draft: Draft, said: Collection[int], waiting: Waiting) -> list[str]:
        """The classes whose tables the constraints name, where these have to be there first."""
        if self.builder.kind.allows_forward_references:
            return []
        targets = [self.columns.target(key) for key in draft.table.foreign_keys if id(key) not in said]
        targets += [owner for owner, _ in waiting]
        return list(dict.fromkeys(one.cls for one in targets if one is not None and one is not draft))

    # -- indexes and foreign keys -----------------------------------------------------------------

    def _is_listed(self, draft: Draft, index: Index) -> bool:
        """Whether Meta.indexes says it."""
        return index.is_plain and not self._is_constraint(draft, index) and self.names.is_usual(draft, index)

    def _is_constraint(self, draft: Draft, index: Index) -> bool:
        """Whether Meta.constraints says it: what a constraint alone can be, and what the table's own keys refer to."""
        return (index.is_constraint and index.deferrable is not None) or self.columns.is_needed_at_once(draft, index)

    def _stands_behind(self, draft: Draft, index: Index) -> bool:
        return index.is_valid and not self._is_constraint(draft, index) and not self._is_listed(draft, index)

    def _is_late(self, draft: Draft, key: ForeignKey, placed: Collection[str]) -> bool:
        """Whether a foreign key that no field says has to wait for its table."""
        target = self.columns.target(key)
        is_said = any(key is one for one in draft.references.values())
        waits = target is not None and target is not draft and target.cls not in placed
        return waits and not is_said and not self.builder.kind.allows_forward_references

    def late_keys(self, draft: Draft, placed: Collection[str]) -> list[ForeignKey]:
        """The foreign keys of a class that those below it have to make."""
        return [key for key in draft.table.foreign_keys if self._is_late(draft, key, placed)]

    def _added(self, owner: Draft, key: ForeignKey) -> SQL:
        quoted = self.builder.kind.quoted(owner.table.name)
        constraint = self.builder.named(key.name, self.builder.foreign_key(key))
        return SQL(f"ALTER TABLE {quoted} ADD {getattr(constraint, 'sql', '')}")

    # -- what is left ---------------------------------------------------------------------------

    def _unsaid(self, table: Table) -> Iterator[str]:
        for option in self.builder.kind.unsaid_options(table.options):
            yield f"{table.name}: {option}"
        for index in table.indexes:
            if not index.is_valid:
                yield f"{table.name}: the index {index.name} is not valid"
        for key in table.foreign_keys:
            if not key.is_valid:
                yield f"{table.name}: the foreign key {key.name} was never validated"


def _docstring(comment: str) -> list[str]:
    """A table's comment as that of its class."""
    text = shown(" ".join(comment.split())).replace('"', "'")
    first, *rest = wrap(text, LINE_LENGTH - len(STEP) - len('"""' * 2)) or [""]
    if not rest:
        return [f'{STEP}"""{first}"""']
    return [f'{STEP}"""{first}', *(f"{STEP}{line}" for line in rest), f'{STEP}"""']
