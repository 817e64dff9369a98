"""A whole schema of PostgreSQL as values, in which what means the same reads the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from peewee import Database

from ormmigrate.dialects.postgresql import reading
from ormmigrate.dialects.postgresql.canonical import check_text, default_text, generated_text, index_text
from ormmigrate.dialects.postgresql.expressions import bare, definition_of
from ormmigrate.dialects.postgresql.reading import ColumnRow, ConstraintRow, IndexRow, Relation, Rows, Sequence
from ormmigrate.schema import Check, Column, ForeignKey, Index, Part, Schema, Table, Trigger, View

if TYPE_CHECKING:
    from ormmigrate.dialects.base import Dialect

Row = TypeVar("Row", bound=tuple)  # type: ignore[type-arg]

ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
IDENTITIES = {"a": "ALWAYS", "d": "BY DEFAULT"}
#: The largest number of each type that counts.
LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
TRIGGER_STATES = {"D": "DISABLED", "A": "ENABLED ALWAYS", "R": "ENABLED REPLICA"}


def inspected(dialect: Dialect, database: Database, path: tuple[str, ...]) -> Schema:
    """The first schema of `path`; the names of what is in the others are told without their schemas as well.

    Args:
        path: empty for the schema that statements mean, and those of extensions.
    """
    wanted = path[0] if path else dialect.schema
    home = database.execute_sql(reading.HOME, (wanted,)).fetchone()
    if home is None:
        return Schema(kind=dialect)
    names = list(path) or [home[1], *reading.extension_schemas(database)]
    with reading.seen_from(database, names, in_transaction=dialect.in_transaction(database)):
        return _schema(dialect, reading.rows_of(database, home[0]))


def _schema(dialect: Dialect, rows: Rows) -> Schema:
    columns = _by_table(rows.columns)
    indexes, constraints = _by_table(rows.indexes), _by_table(rows.constraints)
    sequences, triggers = _by_table(rows.sequences), _by_table(rows.triggers)
    words = _by_table([*rows.rules, *rows.policies])
    tables, views = [], []
    for relation in rows.relations:
        reader = _Table(relation, columns[relation.oid], indexes[relation.oid], constraints[relation.oid])
        if relation.kind in ("v", "m"):
            views.append(reader.view())
        else:
            reader.options += [text for _, text in words[relation.oid]]
            for _, name, _, state in triggers[relation.oid]:
                reader.options += [f"TRIGGER {name} {TRIGGER_STATES[state]}"] if state in TRIGGER_STATES else []
            tables.append(reader.table(sequences[relation.oid]))
    names = {relation.oid: relation.name for relation in rows.relations}
    found = [Trigger(name, names[table], text) for table, name, text, _ in rows.triggers]
    return Schema(tuple(tables), tuple(views), tuple(found), kind=dialect)


def _by_table(rows: Iterable[Row]) -> Mapping[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


class _Table:
    """One relation, from its rows."""

    def __init__(
        self, relation: Relation, columns: list[ColumnRow], indexes: list[IndexRow], constraints: list[ConstraintRow]
    ) -> None:
        self.relation, self.columns = relation, columns
        self.indexes, self.constraints = indexes, constraints
        self.names = {column.number: column.name for column in columns}
        self.types = {column.name: column.kind for column in columns}
        self.options = list(_options(relation))

    def table(self, sequences: list[Sequence]) -> Table:
        counting = {sequence.column: sequence for sequence in sequences}
        columns = tuple(self._column(column, counting.get(column.number)) for column in self.columns)
        primary = next((one for one in self.constraints if one.kind == "p"), None)
        indexes = [self._index(one) for one in self.indexes if not (one.is_primary or self._excludes(one))]
        keys = [self._foreign_key(one) for one in self.constraints if one.kind == "f"]
        checks = [self._check(one) for one in self.constraints if one.kind == "c"]
        self.options += self._words(sequences)
        return Table(
            self.relation.name,
            columns,
            self._names(primary.columns) if primary else (),
            tuple(sorted(indexes, key=_index_order)),
            tuple(sorted(keys, key=lambda one: (one.columns, one.table, one.on_delete, one.on_update))),
            tuple(sorted(checks, key=lambda one: one.key)),
            tuple(self.options),
            self.relation.comment,
        )

    def view(self) -> View:
        """A view; what can be said of it besides stands in front of its query, and indexes behind."""
        text = (self.relation.definition or "").strip().removesuffix(";")
        storage = f"WITH ({', '.join(sorted(self.relation.storage))}) AS " if self.relation.storage else ""
        kind = "MATERIALIZED " if self.relation.kind == "m" else ""
        lines = []
        for one in self.indexes:
            body = one.definition.removeprefix(definition_of(one.definition).head)
            lines.append(f"\n-- {'UNIQUE ' if one.unique else ''}INDEX {one.method} {body}")
        behind = "".join(sorted(lines))
        return View(self.relation.name, f"{kind}{storage}{text}{behind}")

    def _names(self, numbers: Iterable[int] | None) -> tuple[str, ...]:
        return tuple(self.names[number] for number in numbers or ())

    # -- columns ----------------------------------------------------------------------------

    def _column(self, row: ColumnRow, sequence: Sequence | None) -> Column:
        default, generated, identity = row.default, None, IDENTITIES.get(row.identity)
        if sequence is not None and default == sequence.next:
            default, identity = None, "SERIAL"
        if default is not None and row.generated:
            generated, default = generated_text(default, self.types), None
        if default is not None:
            # NULL is no default, but of a type that has one.
            said = default_text(default, row.type, row.category)
            default = "NULL" if said is None and row.has_type_default else said
        return Column(
            row.name,
            row.type,
            row.null,
            default,
            row.collation,
            generated,
            stored=row.generated == "s",
            identity=identity,
            comment=row.comment,
        )

    # -- indexes ----------------------------------------------------------------------------

    def _excludes(self, row: IndexRow) -> bool:
        return any(one.kind == "x" and one.backing == row.oid for one in self.constraints)

    def _index(self, row: IndexRow) -> Index:
        constraint = next((one for one in self.constraints if one.kind == "u" and one.backing == row.oid), None)
        deferrable = _deferrable(constraint) if constraint else None
        name = constraint.name if constraint else row.name
        method = None if row.method == "btree" else row.method
        names = [self.names.get(number, "") for number in row.columns]
        if row.definition.endswith(f" USING {row.method} ({', '.join(names)})") and all(names):
            return Index(
                tuple(map(Part, names)),
                row.unique,
                method,
                deferrable=deferrable,
                is_valid=row.is_valid,
                is_constraint=constraint is not None,
                name=name,
            )
        said = definition_of(row.definition)
        numbers = row.columns[: len(said.parts)]
        parts = tuple(self._part(number, text, suffix) for number, (text, suffix) in zip(numbers, said.parts))
        return Index(
            parts,
            row.unique,
            method,
            None if said.where is None else index_text(said.where, self.types),
            nulls_distinct=not said.nulls_are_one,
            include=self._names(row.columns[len(said.parts) :]),
            deferrable=deferrable,
            is_valid=row.is_valid,
            is_constraint=constraint is not None,
            name=name,
        )

    def _part(self, number: int, text: str, suffix: str) -> Part:
        if number:
            return Part(self.names[number], suffix=suffix)
        said = index_text(text, self.types)
        # Nothing but a call of a function may stand in an index without parentheses.
        return Part(said if bare(text) == text else f"({said})", is_expression=True, suffix=suffix)

    # -- constraints ------------------------------------------------------------------------

    def _foreign_key(self, row: ConstraintRow) -> ForeignKey:
        return ForeignKey(
            self._names(row.columns),
            row.target or "",
            tuple(row.target_columns),
            ACTIONS[row.on_delete],
            ACTIONS[row.on_update],
            _deferrable(row),
            row.is_valid,
            row.name,
        )

    def _check(self, row: ConstraintRow) -> Check:
        text = check_text(row.expression or "", self.types)
        return Check(text, self._names(row.columns), row.name)

    # -- the rest, in words -----------------------------------------------------------------

    def _words(self, sequences: list[Sequence]) -> list[str]:
        found = [one.words for one in self.constraints if one.words]
        for one in self.constraints:
            if one.kind == "c" and (one.is_not_inherited or not one.is_valid):
                text = f"CHECK ({check_text(one.expression or '', self.types)})"
                found += [f"{text} NO INHERIT"] if one.is_not_inherited else []
                found += [] if one.is_valid else [f"{text} NOT VALID"]
        for index in self.indexes:
            storage = f" WITH ({', '.join(sorted(index.storage))})" if index.storage else ""
            carried = self._carried_by_key() if index.is_primary and len(index.columns) > 1 else ""
            if storage or carried:
                parts = ", ".join(" ".join(part).strip() for part in definition_of(index.definition).parts)
                found.append(f"INDEX ({parts}){carried}{storage}")
        for sequence in sequences:
            found += [f"SEQUENCE OF {self.names[sequence.column]}{words}" for words in _sequence_words(self, sequence)]
        return sorted(found)

    def _carried_by_key(self) -> str:
        """What the primary key's index has beside the key; other indexes are told with what they carry."""
        (key,) = [one for one in self.constraints if one.kind == "p"]
        (index,) = [one for one in self.indexes if one.is_primary]
        carried = self._names(index.columns[len(key.columns or ()) :])
        return f" INCLUDE ({', '.join(carried)})" if carried else ""


def _options(relation: Relation) -> Iterable[str]:
    if relation.is_unlogged:
        yield "UNLOGGED"
    if relation.server is not None:
        yield f"FOREIGN TABLE ON {relation.server}"
    if relation.parents:
        yield f"INHERITS ({', '.join(relation.parents)})"
    if relation.partition_key is not None:
        yield f"PARTITION BY {relation.partition_key}"
    if relation.storage:
        yield f"WITH ({', '.join(sorted(relation.storage))})"
    if relation.row_security:
        yield "ROW LEVEL SECURITY"
    if relation.forces_row_security:
        yield "FORCE ROW LEVEL SECURITY"


def _index_order(index: Index) -> tuple[object, ...]:
    """By what they say: their names are no part of them."""
    parts = tuple((part.text, part.suffix) for part in index.parts)
    return parts, index.unique, index.where or "", index.method or "", index.include, index.deferrable or ""


def _deferrable(row: ConstraintRow) -> str | None:
    if not row.is_deferrable:
        return None
    return "INITIALLY DEFERRED" if row.is_deferred else "INITIALLY IMMEDIATE"


def _sequence_words(table: _Table, sequence: Sequence) -> list[str]:
    """What is unusual of a sequence that numbers a column."""
    words = [f" INCREMENT {sequence.increment}"] if sequence.increment != 1 else []
    words += [" CYCLE"] if sequence.cycles else []
    if sequence.increment > 0:
        words += [f" MINVALUE {sequence.least}"] if sequence.least != 1 else []
        words += [f" MAXVALUE {sequence.most}"] if sequence.most != LARGEST[sequence.type] else []
    type_ = table.types[table.names[sequence.column]]
    # One that counts further than its column does no harm.
    if LARGEST[sequence.type] < LARGEST.get(type_, 0):
        words.append(f" AS {sequence.type}")
    return words
