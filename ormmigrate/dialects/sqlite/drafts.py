"""What an operation makes of a table: its text, its columns, and where rows that are there take their values. Pure.

A draft is a value, so that any number of operations on one table are one draft, and cost one rewrite at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ormmigrate.dialects.sqlite import edits
from ormmigrate.dialects.sqlite.definition import (
    ColumnDefinition,
    Constraint,
    TableDefinition,
    collation_of,
    names_in,
    own_constraints,
)
from ormmigrate.dialects.sqlite.reading import UnreadableTable, read_table
from ormmigrate.dialects.sqlite.refusals import Refused
from ormmigrate.dialects.sqlite.tables import Column, Table, nearest
from ormmigrate.dialects.sqlite.tokens import NAME, folded, squeezed, unquoted

#: Words in an expression that are no columns, though they could be.
NO_COLUMNS = ("TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "ROWID", "_ROWID_", "OID")
STRICT_TYPES = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")


@dataclass(frozen=True)
class Demand:
    """What rows that are there must fulfil, because the draft is stricter than the table.

    Attributes:
        kind: NOT NULL, CHECK, UNIQUE or FOREIGN KEY.
        columns: which; of a CHECK none.
        expression: of a CHECK.
        target, target_columns: what a foreign key refers to; no columns stand for the primary key.
    """

    kind: str
    columns: tuple[str, ...] = ()
    expression: str = ""
    target: str = ""
    target_columns: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """The columns that it is about, folded."""
        return {folded(name) for name in self.columns} | {
            folded(unquoted(token.text)) for token in names_in(self.expression)
        }


@dataclass(frozen=True)
class Draft:
    """A table as it shall be.

    Attributes:
        table: the table as it is.
        text: CREATE TABLE as it shall be.
        columns: as SQLite must understand them then.
        kept: by folded name, what each column that is there already is called now.
        filled: by folded name, the expression that gives a new column its value in rows that are there; a new
            column without one is left to its default.
        converted: columns, folded, that have to be stored anew because they have another affinity, and that
            nothing but the rows holds: writing them again in place does it.
        must_rewrite: whether rows as they are stored would be read as something else under the new text, and no
            writing in place would do.
        demands: what the rows must fulfil.
    """

    table: Table
    text: str
    columns: tuple[Column, ...]
    kept: Mapping[str, str]
    filled: Mapping[str, str] = field(default_factory=dict)
    converted: frozenset[str] = frozenset()
    must_rewrite: bool = False
    demands: tuple[Demand, ...] = ()

    @property
    def definition(self) -> TableDefinition:
        return read_table(self.text)

    @property
    def writes_rows(self) -> bool:
        """Whether every row is written, be it in place."""
        return bool(self.must_rewrite or self.filled or self.converted)

    @property
    def is_changed(self) -> bool:
        return self.text != self.table.text or self.writes_rows  # a column may go and come again

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            Refused: there is none; the most similar name is said.
        """
        for column in self.columns:
            if folded(column.name) == folded(name):
                return column
        there = [column.name for column in self.columns]
        similar = nearest(name, there)
        raise Refused(
            f"The table {self.table.name} has no column {name}; it has {', '.join(there)}.",
            f"did you mean {similar}?" if similar else "correct the name.",
        )

    def changing(self, column: Column, **facts: object) -> tuple[Column, ...]:
        changed = replace(column, **facts)  # type: ignore[arg-type]
        return tuple(changed if one is column else one for one in self.columns)


def draft_of(table: Table) -> Draft:
    """A table with nothing changed yet.

    Raises:
        Refused: its CREATE TABLE cannot be read.
    """
    try:
        _ = table.definition
    except UnreadableTable as error:
        raise Refused(
            f"CREATE TABLE of {table.name} is written in a way that cannot be read: {error}.",
            "look at its text: SELECT sql FROM sqlite_master. If SQLite accepts it, that is a fault of this package.",
        ) from error
    kept = {folded(column.name): column.name for column in table.columns}
    return Draft(table, table.text, table.columns, kept)


# -- columns ------------------------------------------------------------------------------------


def add_column(draft: Draft, name: str, words: str, value: str | None) -> Draft:
    """Add a column.

    Args:
        words: its definition.
        value: the expression for rows that are there; None leaves it to its default.
    """
    if any(folded(column.name) == folded(name) for column in draft.columns):
        raise Refused(
            f"The table {draft.table.name} has a column {name} already.",
            "take the operation out, or give the column another name.",
        )
    text = edits.add_column(draft.definition, words)
    definition = read_table(text)
    column = definition.columns[-1]
    _check_type(definition, definition.type_of(column))
    added = column_of(definition, column)
    columns = (*draft.columns, added)
    demands = [Demand("CHECK", (), definition.inner_of(check)) for check in column.of_kind("CHECK")]
    for demand in demands:
        check_names(replace(draft, columns=columns), demand.expression)
    if value is not None or (added.is_generated and added.not_null):
        demands.append(Demand("NOT NULL", (name,)))
    if value is not None or added.default is not None:
        demands += [key_demand(key) for key in column.of_kind("FOREIGN KEY")]
    return replace(
        draft,
        text=text,
        columns=columns,
        filled={**draft.filled, folded(name): value} if value is not None else draft.filled,
        must_rewrite=draft.must_rewrite or not can_be_appended(definition, column, is_filled=value is not None),
        demands=(*draft.demands, *demands),
    )


def check_names(draft: Draft, expression: str) -> None:
    """Every name in the expression of a CHECK, or in an index, has to be a column.

    SQLite takes one in double quotes that is none for a text: the CHECK would always be true.

    Raises:
        Refused: the first that is not there, with the most similar column.
    """
    for token in names_in(expression):
        if token.kind == NAME or not token.is_word(*NO_COLUMNS):
            draft.column(unquoted(token.text))


def key_demand(key: Constraint) -> Demand:
    return Demand("FOREIGN KEY", key.columns, "", key.target or "", key.target_columns)


def column_of(definition: TableDefinition, column: ColumnDefinition) -> Column:
    """What SQLite must say of a column that was written just now; not of one in the primary key."""
    default = column.of_kind("DEFAULT")
    generated = column.of_kind("GENERATED")
    hidden = 0
    if generated:
        is_stored = definition.text[generated[0].start : generated[0].end].upper().endswith("STORED")
        hidden = 3 if is_stored else 2
    type_ = definition.type_of(column)
    return Column(
        column.name,
        unquoted(type_),
        bool(column.of_kind("NOT NULL")),
        definition.inner_of(default[-1]) if default else None,
        0,
        hidden,
    )


def can_be_appended(definition: TableDefinition, column: ColumnDefinition, *, is_filled: bool = False) -> bool:
    """Whether SQLite's ADD COLUMN takes it (sqlite.org/lang_altertable.html#altertabaddcol).

    Args:
        is_filled: whether every row is given a value, so that the default does not matter to those that are there.
    """
    if column.of_kind("UNIQUE") or column_of(definition, column).hidden == 3:
        return False
    if is_filled:
        return True
    default = column.of_kind("DEFAULT")
    words = definition.inner_of(default[-1]).upper() if default else "NULL"
    if words.startswith(("(", "CURRENT_")):
        return False
    return words != "NULL" or not column.of_kind("NOT NULL") or bool(column.of_kind("GENERATED"))


def drop_column(draft: Draft, name: str) -> Draft:
    """Drop a column with what is its own; whether something else uses it was asked before."""
    column = draft.column(name)
    if len(draft.columns) == 1:
        raise Refused(
            f"{column.name} is the only column of {draft.table.name}.", "drop the table instead: migrator.drop_table()."
        )
    text = draft.text
    while own := own_constraints(read_table(text), column.name):
        text = edits.drop_constraint(read_table(text), own[0])
    definition = read_table(text)
    key = folded(column.name)
    return replace(
        draft,
        text=edits.drop_column(definition, definition.column(column.name)),
        columns=tuple(one for one in draft.columns if one is not column),
        kept={new: old for new, old in draft.kept.items() if new != key},
        filled={new: value for new, value in draft.filled.items() if new != key},
        converted=draft.converted - {key},
        demands=tuple(demand for demand in draft.demands if key not in demand.names),
        must_rewrite=True,
    )


def rename_column(draft: Draft, name: str, new_name: str) -> Draft:
    column = draft.column(name)
    if any(folded(one.name) == folded(new_name) for one in draft.columns if one is not column):
        raise Refused(
            f"The table {draft.table.name} has a column {new_name} already.",
            "drop or rename that one first, or choose another name.",
        )
    definition = draft.definition
    old, new = folded(column.name), folded(new_name)

    def moved(values: Mapping[str, str]) -> dict[str, str]:
        return {new if key == old else key: value for key, value in values.items()}

    def is_self(demand: Demand) -> bool:
        return folded(demand.target) == folded(draft.table.name)

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new_name if folded(one) == old else one for one in names)

    return replace(
        draft,
        text=edits.rename_column(definition, definition.column(name), new_name),
        columns=draft.changing(column, name=new_name),
        kept=moved(draft.kept),
        filled=moved(draft.filled),
        converted=frozenset(new if key == old else key for key in draft.converted),
        demands=tuple(
            replace(
                demand,
                columns=renamed(demand.columns),
                expression=edits.rename_in_expression(demand.expression, name, new_name),
                target_columns=renamed(demand.target_columns) if is_self(demand) else demand.target_columns,
            )
            for demand in draft.demands
        ),
    )


def alter_column_type(
    draft: Draft, name: str, type_: str, collation: str | None, stands_alone: Callable[[], bool]
) -> Draft:
    """Change a column's type, and its collation if one is named.

    Args:
        stands_alone: says whether no index, constraint or generated column uses the column.
    """
    column = draft.column(name)
    definition = draft.definition
    _check_type(definition, type_)
    text = edits.set_type(definition, definition.column(name), type_)
    collates = collation is not None and folded(collation) != folded(collation_of(definition, name))
    if collates:
        text = edits.set_collation(read_table(text), read_table(text).column(name), collation or "")
    converts = affinity(column.type) != affinity(type_)
    is_bound = definition.is_strict or column.key > 0 or column.is_generated
    # Whole numbers in a REAL column are stored as integers, and read as such under another type.
    may_stay = converts and affinity(column.type) != "REAL" and not (is_bound or collates)
    in_place = may_stay and stands_alone()
    is_key = definition.is_strict and column.key > 0
    is_same = text == draft.text or (squeezed(column.type).upper() == squeezed(type_).upper() and not collates)
    rewrites = not is_same and not in_place and (converts or is_bound or collates)
    return replace(
        draft,
        text=text,
        columns=draft.changing(column, type=type_, not_null=_forbids(text, name, type_) if is_key else column.not_null),
        converted=draft.converted | {folded(column.name)} if in_place else draft.converted,
        must_rewrite=draft.must_rewrite or rewrites,
    )


def _forbids(text: str, key: str, type_: str) -> bool:
    """Whether a column of the primary key of a STRICT table forbids NULL: all do but the rowid."""
    definition = read_table(text)
    is_alone = all(len(one.columns) == 1 for one in definition.all_constraints if one.kind == "PRIMARY KEY")
    is_rowid = definition.has_rowid and is_alone and folded(type_) == "integer"
    return not is_rowid or bool(definition.column(key).of_kind("NOT NULL"))


def _check_type(definition: TableDefinition, type_: str) -> None:
    if definition.is_strict and folded(type_).upper() not in STRICT_TYPES:
        raise Refused(
            f"{definition.name} is STRICT and knows the types {', '.join(STRICT_TYPES)}; {type_ or 'none'} is not "
            "among them.",
            "use a field of one of these types: IntegerField, FloatField (on SQLite REAL), TextField, BlobField.",
        )


def affinity(type_: str) -> str:
    """What SQLite makes of values for a column of that type (sqlite.org/datatype3.html, 3.1)."""
    type_ = type_.upper()
    if "INT" in type_:
        return "INTEGER"
    if any(part in type_ for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in type_ or not type_:
        return "BLOB"
    if any(part in type_ for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def add_not_null(draft: Draft, name: str) -> Draft:
    column = draft.column(name)
    if column.not_null:
        return draft
    definition = draft.definition
    return replace(
        draft,
        text=edits.add_not_null(definition, definition.column(name)),
        columns=draft.changing(column, not_null=True),
        demands=(*draft.demands, Demand("NOT NULL", (column.name,))),
    )


def drop_not_null(draft: Draft, name: str) -> Draft:
    column = draft.column(name)
    definition = draft.definition
    if not column.not_null:
        return draft
    if column.key and not definition.has_rowid:
        raise Refused(
            f"{column.name} is in the primary key of a table WITHOUT ROWID, where it forbids NULL by itself.",
            "leave it, or give the table another primary key by creating it anew.",
        )
    return replace(
        draft,
        text=edits.drop_not_null(definition, definition.column(name)),
        columns=draft.changing(column, not_null=False),
        demands=tuple(one for one in draft.demands if one != Demand("NOT NULL", (column.name,))),
    )


def set_default(draft: Draft, name: str, words: str) -> Draft:
    column = draft.column(name)
    if column.is_generated:
        raise Refused(
            f"{column.name} is generated, so a default would never be used.", "take the operation out."
        )  # fmt: skip
    definition = draft.definition
    return _with_default(draft, column, edits.set_default(definition, definition.column(name), words), words)


def drop_default(draft: Draft, name: str) -> Draft:
    column = draft.column(name)
    if column.default is None:
        return draft
    definition = draft.definition
    return _with_default(draft, column, edits.drop_default(definition, definition.column(name)), None)


def _with_default(draft: Draft, column: Column, text: str, default: str | None) -> Draft:
    """A default that changes after its column was added is not that of the rows that were there before."""
    key = folded(column.name)
    filled = draft.filled
    if key not in draft.kept and key not in filled:
        filled = {**filled, key: column.default or "NULL"}
    return replace(
        draft,
        text=text,
        columns=draft.changing(column, default=default),
        filled=filled,
        must_rewrite=draft.must_rewrite or not is_stored_in_every_row(draft, column),
    )


def is_stored_in_every_row(draft: Draft, column: Column) -> bool:
    """Whether no row takes the column's value from the schema, as rows older than an ADD COLUMN do.

    A row holds its columns up to the last one that there was when it was written. One further on that forbids
    NULL and has no default can only have been there from the start, so all before it are held too
    (sqlite.org/fileformat2.html#record_format).
    """
    if folded(column.name) not in draft.kept:
        return True  # it is filled
    if not draft.definition.has_rowid:
        return False  # there the columns of the key come first
    place = draft.columns.index(column)
    return any(
        other.not_null and other.default is None and not other.is_generated and not other.key
        for other in draft.columns[place:]
        if folded(other.name) in draft.kept
    )
