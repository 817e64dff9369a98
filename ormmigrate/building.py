"""From a schema's values to what operations are made of: fields, indexes, constraints, tables. Pure.

Each thing is said in the shortest form that means the same: an index over one column by `unique=True` of its field,
a foreign key by `ForeignKeyField(reference(...))`. What a field says so is listed with it (`Built.said`), so that
nobody says it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peewee import (
    SQL,
    AutoField,
    BigAutoField,
    BigIntegerField,
    Check,
    Field,
    ForeignKeyField,
    IntegerField,
    Node,
    NodeList,
)

from ormmigrate.fields import RawField
from ormmigrate.literals import default_clause, is_call
from ormmigrate.migration import reference
from ormmigrate.operations import AddConstraint, AddForeignKeyConstraint, AddIndex, CreateTable, index_name
from ormmigrate.schema import NO_ACTION, Column, ForeignKey, Index, Part, Schema, Table
from ormmigrate.schema import Check as CheckFacts

#: Constraints of a field that are no constraint of the table, nor a default.
SAID_ELSEWHERE = ("AUTOINCREMENT", "AUTO_INCREMENT", "COMMENT", "ON")
SERIAL: dict[type[Field], type[AutoField]] = {IntegerField: AutoField, BigIntegerField: BigAutoField}
Fact = Index | ForeignKey | CheckFacts


@dataclass(frozen=True)
class Built:
    """A field, and what of its table it says: indexes, foreign keys and checks."""

    field: Field
    said: tuple[Fact, ...]


class Builder:
    """Makes what operations are made of, for one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.kind = schema.kind

    def same(self, one: str, other: str) -> bool:
        """Whether two names of columns are one."""
        return self.kind.folded_column(one) == self.kind.folded_column(other)

    def _path(self, table: str) -> tuple[str, str]:
        """The schema of a table that a key refers to, empty where it is this one, and its name."""
        if self.schema.table(table) is not None:
            return "", table
        schema, _, name = table.rpartition(".")
        return schema, name

    def names(self, columns: Iterable[str]) -> str:
        """`"a", "b"`, as in SQL."""
        return ", ".join(map(self.kind.quoted, columns))

    # -- columns ----------------------------------------------------------------------------

    def field(self, table: Table, column: Column, left_out: Sequence[ForeignKey] = ()) -> Built:
        """The field of a column, with whatever it can say of it.

        Args:
            left_out: foreign keys that it must not say, because what they refer to is not there yet.
        """
        key = next((one for one in table.foreign_keys if self._is_own_key(table, column, one, left_out)), None)
        made = self.typed(column) if key is None else self._referring(column, key)
        said: list[Fact] = [] if key is None else [key]
        is_key = [column.name] == list(table.primary_key)
        if isinstance(made, AutoField) and not is_key:
            made = self._counting(column)
        made.null = column.null
        made.primary_key = is_key
        made.collation = column.collation
        made.default = None if column.field is None else column.field.default
        constraints, of_constraints = self._constraints(table, column, made)
        made.constraints = constraints or None
        index = self._own_index(table, column, made)
        made.index, made.unique = index is not None and not index.unique, index is not None and index.unique
        return Built(made, (*said, *of_constraints, *([] if index is None else [index])))

    def typed(self, column: Column) -> Field:
        """A field that says the column's type and nothing else."""
        known = column.field
        if known is not None and not isinstance(known, ForeignKeyField):
            made = known.clone()
        elif isinstance(known, ForeignKeyField) and not isinstance(known.rel_field, AutoField):
            made = known.rel_field.clone()
        else:
            made = self._numbered(column, self.kind.field_of(column))
        made.null, made.index, made.unique, made.primary_key = True, False, False, False
        made.default = made.constraints = made.collation = None
        return made  # type: ignore[no-any-return]

    def retyped(self, column: Column) -> Field:
        """A field for a change of type: it says the collation too, and does not number rows."""
        made = self.typed(column)
        if isinstance(made, AutoField):
            made = self.kind.field_of(column)
        made.null, made.collation = column.null, column.collation
        return made

    def _numbered(self, column: Column, made: Field) -> Field:
        if column.identity not in ("SERIAL", "AUTO_INCREMENT", "AUTOINCREMENT"):
            return made
        if type(made) in SERIAL:
            return SERIAL[type(made)]()
        return RawField("SMALLSERIAL") if column.identity == "SERIAL" else made

    def _counting(self, column: Column) -> Field:
        """A field for a column that numbers rows and is no key: peewee's are keys always."""
        if column.identity != "SERIAL":
            return self.kind.field_of(column)
        return RawField("BIGSERIAL" if column.type == "bigint" else "SERIAL")

    def _referring(self, column: Column, key: ForeignKey) -> ForeignKeyField:
        known = column.field if isinstance(column.field, ForeignKeyField) else None
        made = self.typed(column)
        schema, table = self._path(key.table)
        target: Any = reference(
            table, key.target_columns[0], None if type(made) is IntegerField else made, schema=schema or None
        )
        return ForeignKeyField(
            target,
            on_delete=_action(key.on_delete),
            on_update=_action(key.on_update),
            deferrable=key.deferrable,
            constraint_name=None if known is None else known.constraint_name,
        )

    def _is_own_key(self, table: Table, column: Column, key: ForeignKey, left_out: Sequence[ForeignKey]) -> bool:
        return (
            len(key.columns) == 1
            and self.same(key.columns[0], column.name)
            and key.is_valid
            and column.generated is None
            and not any(key is one for one in left_out)
        )

    def _own_index(self, table: Table, column: Column, made: Field) -> Index | None:
        """The plain index over this column alone that the field declares by `index` or `unique`."""
        if made.primary_key:
            return None
        usual = self.kind.folded(index_name(table.name, [column.name]))
        for index in table.indexes:
            is_usual = index.name is None or self.kind.folded(index.name) == usual
            is_alone = index.is_plain and len(index.parts) == 1 and self.same(index.parts[0].text, column.name)
            if is_alone and is_usual and not index.is_constraint:
                return index
        return None

    # -- what stands behind a column ----------------------------------------------------------

    def _constraints(self, table: Table, column: Column, made: Field) -> tuple[list[Node], list[Fact]]:
        """What stands behind a column, in the words of the model's field where those say exactly that."""
        checks = [check for check in table.checks if self._is_own_check(table, column, check)]
        uniques = [index for index in table.indexes if self._is_own_unique(column, index)][:1]
        said: list[Fact] = [*checks, *uniques]
        known = column.field.constraints if column.field is not None else None
        has_default = column.default is not None and not made.sequence
        if (
            known
            and self._can_be_kept(known)
            and _kinds(known) == _expected_kinds(column, checks, uniques, has_default)
        ):
            return list(known), said
        found: list[Node] = [SQL(words) for words in _identity(column, made)]
        if column.generated is not None:
            stored = "STORED" if column.stored else "VIRTUAL"
            found.append(SQL(f"GENERATED ALWAYS AS ({column.generated}) {stored}"))
        if column.default is not None and has_default:
            found.append(SQL(default_clause(column.default)))
        found += [SQL(f"ON UPDATE {column.on_update}")] if column.on_update else []
        found += [SQL("UNIQUE") for _ in uniques]
        comment = self.kind.comment_clause(column.comment) if column.comment else ""
        found += [SQL(comment)] if comment else []
        return found + [Check(check.expression) for check in checks], said

    def _can_be_kept(self, constraints: Iterable[Node | str]) -> bool:
        """Whether a model's SQL means the same in a migration, where % is a percent sign on every database."""
        return not (self.kind.doubles_percent and any("%" in _text(node) for node in constraints))

    def _is_own_check(self, table: Table, column: Column, check: CheckFacts) -> bool:
        """Whether a check restricts this column alone, and nobody gave it a name."""
        automatic = {None, "", f"{table.name}_{column.name}_check", column.name}
        is_automatic = check.name in automatic or str(check.name).startswith("CONSTRAINT_")
        return len(check.columns) == 1 and self.same(check.columns[0], column.name) and is_automatic

    def _is_own_unique(self, column: Column, index: Index) -> bool:
        is_plain = index.is_constraint and index.is_plain and index.name is None
        return is_plain and len(index.parts) == 1 and self.same(index.parts[0].text, column.name)

    # -- indexes ----------------------------------------------------------------------------

    def add_index(self, table: str, index: Index) -> AddIndex:
        """The operation that makes an index; it has a name only where that is not the usual one."""
        parts: list[str | Node] = [
            part.text if not (part.is_expression or part.suffix) else SQL(self._part(part)) for part in index.parts
        ]
        usual = index_name(table, index.columns) if index.columns else None
        return AddIndex(
            table,
            tuple(parts),
            index.unique,
            using=index.method,
            where=None if index.where is None else SQL(index.where),
            nulls_distinct=None if index.nulls_distinct else False,
            name=None if index.name == usual else index.name,
            include=index.include,
        )

    def _part(self, part: Part) -> str:
        text = self.kind.quoted(part.text)
        if part.is_expression:
            text = part.text if is_call(part.text) else f"({part.text})"
        # The start of a column stands right behind its name.
        return text + part.suffix if part.suffix.startswith("(") else f"{text} {part.suffix}".strip()

    # -- constraints ------------------------------------------------------------------------

    def unique(self, index: Index) -> SQL:
        """`UNIQUE ("a", "b")`."""
        nulls = "" if index.nulls_distinct else "NULLS NOT DISTINCT "
        parts = ", ".join(map(self._part, index.parts))
        return SQL(f"UNIQUE {nulls}({parts})" + _deferrable(index.deferrable))

    def foreign_key(self, key: ForeignKey) -> SQL:
        """`FOREIGN KEY ("a") REFERENCES "t" ("b") ON DELETE CASCADE`."""
        target = ".".join(self.kind.quoted(name) for name in self._path(key.table) if name)
        text = f"FOREIGN KEY ({self.names(key.columns)}) REFERENCES {target} ({self.names(key.target_columns)})"
        text += "" if key.on_delete == NO_ACTION else f" ON DELETE {key.on_delete}"
        text += "" if key.on_update == NO_ACTION else f" ON UPDATE {key.on_update}"
        return SQL(text + _deferrable(key.deferrable))

    def add_foreign_key(self, table: Table, key: ForeignKey) -> AddForeignKeyConstraint | AddConstraint:
        """The operation that makes a foreign key of columns that are there."""
        alone = [one for one in table.foreign_keys if one.columns == key.columns]
        if len(key.columns) > 1 or key.deferrable or len(alone) > 1:
            return AddConstraint(table.name, key.name, self.foreign_key(key))
        schema, target = self._path(key.table)
        return AddForeignKeyConstraint(
            table.name,
            key.columns[0],
            target,
            key.target_columns[0],
            _action(key.on_delete),
            _action(key.on_update),
            rel_schema=schema or None,
        )

    # -- tables -----------------------------------------------------------------------------

    def create_table(self, table: Table, left_out: Sequence[ForeignKey] = ()) -> tuple[CreateTable, list[AddIndex]]:
        """The operation that makes a table, and those for indexes that it cannot say.

        Args:
            left_out: foreign keys that are added later.
        """
        built = [self.field(table, column, left_out) for column in table.columns]
        said = {id(fact) for one in built for fact in one.said}
        rest = [index for index in table.indexes if id(index) not in said]
        listed = [index for index in rest if self._is_listed(table, index)]
        operation = CreateTable(
            table.name,
            {column.name: one.field for column, one in zip(table.columns, built)},
            tuple((index.columns or (), index.unique) for index in listed),
            tuple(self._table_constraints(table, said | {id(key) for key in left_out})),
            table.primary_key if len(table.primary_key) > 1 else (),
            self.kind.options_text(table.options),
        )
        behind = [index for index in rest if not (index.is_constraint or self._is_listed(table, index))]
        return operation, [self.add_index(table.name, index) for index in behind]

    def _is_listed(self, table: Table, index: Index) -> bool:
        """Whether `indexes=` of create_table says it."""
        if index.columns is None or index.is_constraint or not index.is_plain:
            return False
        return index.name in (None, index_name(table.name, index.columns))

    def _table_constraints(self, table: Table, said: set[int]) -> Iterator[Node]:
        facts: list[tuple[Fact, Node]] = [(check, Check(check.expression)) for check in table.checks]
        facts += [(index, self.unique(index)) for index in table.indexes if index.is_constraint]
        facts += [(key, self.foreign_key(key)) for key in table.foreign_keys]
        for fact, node in facts:
            if id(fact) not in said:
                yield self.named(fact.name, node)

    def named(self, name: str | None, node: Node) -> Node:
        """A constraint with its name in front; as one text, the way a person would write it."""
        if name is None or not isinstance(node, SQL):
            return node
        return SQL(f"CONSTRAINT {self.kind.quoted(name)} {node.sql}")


def _action(action: str) -> str | None:
    return None if action == NO_ACTION else action


def _deferrable(deferrable: str | None) -> str:
    return "" if deferrable is None else f" DEFERRABLE {deferrable}"


def _identity(column: Column, made: Field) -> list[str]:
    """What numbers a column's rows, where its field does not say so itself."""
    identity = column.identity
    says_itself = isinstance(column.field, AutoField) or (isinstance(made, AutoField) and identity != "AUTOINCREMENT")
    if identity is None or identity == "SERIAL" or says_itself:
        return []
    return [f"GENERATED {identity} AS IDENTITY" if identity in ("ALWAYS", "BY DEFAULT") else identity]


def _text(node: Node | str) -> str:
    """The SQL of a constraint as far as its first words."""
    if isinstance(node, NodeList):
        return " ".join(_text(one) for one in node.nodes)
    return str(getattr(node, "sql", node)).strip().upper()


def _kinds(constraints: Iterable[Node | str]) -> Counter[str]:
    """What kinds of constraints a field declares; OTHER for one that this reads no further."""
    found: Counter[str] = Counter()
    for node in constraints:
        words = _text(node)
        first = words.partition("(")[0].split()[:1] or [""]
        if words.endswith("AS IDENTITY") or first[0] in SAID_ELSEWHERE:
            continue
        found[first[0] if first[0] in ("CHECK", "DEFAULT", "UNIQUE", "GENERATED") else "OTHER"] += 1
    return found


def _expected_kinds(
    column: Column, checks: Sequence[CheckFacts], uniques: Sequence[Index], has_default: bool
) -> Counter[str]:
    return +Counter(
        {
            "CHECK": len(checks),
            "DEFAULT": int(has_default),
            "UNIQUE": len(uniques),
            "GENERATED": int(column.generated is not None),
        }
    )
