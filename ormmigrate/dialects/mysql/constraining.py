"""Operations on indexes and constraints as changes of a draft."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ormmigrate.dialects.mysql import drafts, keeping
from ormmigrate.dialects.mysql.constraint_words import (
    FOREIGN_KEY,
    UNIQUE,
    Constraint,
    constraint_of,
    index_part,
    name_by_content,
)
from ormmigrate.dialects.mysql.definition import ForeignKey, folded, quoted
from ormmigrate.dialects.mysql.drafts import Draft
from ormmigrate.dialects.mysql.indexed import Indexed, IndexPart
from ormmigrate.dialects.mysql.reading import Reader
from ormmigrate.dialects.mysql.referring import foreign_key_name, foreign_key_words
from ormmigrate.dialects.mysql.refusals import Later, Refused, not_there
from ormmigrate.dialects.mysql.server import Server
from ormmigrate.dialects.mysql.words import Writer, is_long
from ormmigrate.operations import (
    AddConstraint,
    AddForeignKeyConstraint,
    AddIndex,
    AddUnique,
    DropConstraint,
    DropForeignKeyConstraint,
    DropIndex,
    constraint_name,
)

INDEX_MAX_BYTES = 3072  # of one column, in InnoDB's default row format
KINDS_OF_INDEX = ("FULLTEXT", "SPATIAL")
LONG_COLUMNS = """
SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = %s
    AND character_octet_length > %s
"""


class ConstraintDrafter:
    """Drafts what is said of indexes and constraints; a method for each kind of operation.

    Args:
        made: what the same migration made; see `keeping.kept`.
    """

    def __init__(self, reader: Reader, writer: Writer, server: Server, made: set[keeping.Made] | None = None) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server
        self.made = set() if made is None else made

    def add_index(self, draft: Draft, operation: AddIndex) -> Draft:
        if operation.where is not None:
            raise Refused(
                f"{self.server.name} has no partial indexes (where=).",
                "leave where= out; or add a generated column that is NULL in the other rows, and index that.",
            )
        if operation.nulls_distinct is not None:
            raise Refused(
                f"{self.server.name} has no NULLS [NOT] DISTINCT: NULLs are always distinct.",
                "leave nulls_distinct= out.",
            )
        if operation.include:
            raise Refused(
                f"{self.server.name} has no INCLUDE.", "add these columns to the index, or leave include= out."
            )
        columns = {folded(one.name) for one in draft.columns}
        parts = [
            (part, "") if isinstance(part, str) else index_part(self.writer.rendered(part), columns)
            for part in operation.columns
        ]
        return self._with_index(draft, operation.index, parts, _index_words(operation))

    def _with_index(self, draft: Draft, name: str, parts: Sequence[IndexPart], words: tuple[str, str]) -> Draft:
        self._refuse_expressions(parts)
        after = drafts.add_index(draft, name, parts, words)
        whole = [column for column, behind in parts if column is not None and not behind.startswith("(")]
        self._refuse_cut(draft.name, whole, words[0], set(map(folded, self._long_columns(draft))))
        return keeping.kept(after, after.indexes[-1], self.made)

    def _refuse_expressions(self, parts: Iterable[IndexPart]) -> None:
        listed = ", ".join(behind for column, behind in parts if column is None)
        if listed and not self.server.indexes_expressions:
            raise Refused(
                f"{self.server.name} has no indexes over expressions: {listed}.",
                "add a generated column with that expression, and index it: migrator.add_column(table, name, "
                'RawField("...", null=True, constraints=[SQL("GENERATED ALWAYS AS (...)")])).',
            )

    def index_words(self, operation: AddIndex) -> str:
        """An index as CREATE TABLE has it."""
        kind, behind = _index_words(operation)
        columns = ", ".join(map(quoted, operation.names))
        return " ".join(filter(None, (kind, quoted(operation.index), behind, f"({columns})")))

    def _long_columns(self, draft: Draft) -> set[str]:
        """The columns that no index can hold whole."""
        found = {one.name for one in draft.columns if is_long(one.column)}
        rows = self.writer.database.execute_sql(LONG_COLUMNS, (draft.name, INDEX_MAX_BYTES)).fetchall()
        long = {folded(name) for (name,) in rows}
        kept = [one for one in draft.columns if one.origin and one.column.type == one.origin.type]
        return found | {one.name for one in kept if one.origin and folded(one.origin.name) in long}

    def refuse_long(self, indexes: Iterable[AddIndex], columns: Iterable[str]) -> None:
        """Refuse indexes that are to be made with their table, if one of them is over a long column."""
        names = set(map(folded, columns))
        for index in indexes:
            self._refuse_cut(index.table, index.names, _index_words(index)[0], names)

    def _refuse_cut(self, table: str, columns: Iterable[str], kind: str, long_columns: Collection[str]) -> None:
        """MariaDB puts only the start of a long column into an index, without a word; MySQL fails.

        A unique one is whole on MariaDB: it is made of hashes.
        """
        long = [column for column in columns if folded(column) in long_columns]
        is_whole = (kind.startswith("UNIQUE") and self.server.indexes_long_uniques) or kind.startswith(KINDS_OF_INDEX)
        if long and not is_whole:
            raise Refused(
                f"{', '.join(long)} is too long for an index, which would hold only the start of each value.",
                "make it a CharField that fits, or say how much of it the index holds: "
                f"migrator.add_index({table!r}, (SQL('{quoted(long[0])}(100)'),)).",
            )

    def drop_index(self, draft: Draft, operation: DropIndex) -> Draft:
        return keeping.dropped(draft, operation.index)

    def add_unique(self, draft: Draft, operation: AddUnique) -> Draft:
        index = AddIndex(operation.table, operation.columns, True, name=constraint_name(operation.name))
        return self.add_index(draft, index)

    def add_constraint(self, draft: Draft, operation: AddConstraint) -> Draft:
        said = constraint_of(self.writer.rendered(operation.constraint))
        name = said.name or constraint_name(operation.name or said.usual_name(draft.name))
        _refuse_taken(draft, name)
        if said.kind == UNIQUE and said.is_plain:
            columns = {folded(one.name) for one in draft.columns}
            parts = [index_part(part, columns) for part in said.parts]
            return self._with_index(draft, name, parts, ("UNIQUE INDEX", ""))
        return drafts.add_text(draft, f"CONSTRAINT {quoted(name)} {said.text}")

    def drop_constraint(self, draft: Draft, operation: DropConstraint) -> Draft:
        if draft.texts:
            raise Later  # it may be one of those
        name = operation.name or self._name_of(draft, operation)
        keys = [key for key in draft.foreign_keys if folded(key.name) == folded(name)]
        checks = [check for check in draft.checks if folded(check.name) == folded(name)]
        uniques = [one for one in draft.indexes if folded(one.name) == folded(name) and _is_unique(one)]
        inline = [one for one in draft.columns if folded(one.name) == folded(name) and one.column.says("CHECK")]
        found = [*keys, *checks, *uniques, *inline]
        if len(found) > 1:
            raise Refused(
                f"There are several constraints {name} on {draft.name}: a foreign key, a CHECK or a unique index.",
                "say which with migrator.drop_foreign_key_constraint, migrator.drop_index or migrator.sql(...).",
            )
        if not found:
            raise not_there("constraint", name, _constraints(draft), f"on {draft.name}")
        if keys:
            # Only what takes an operation back says what that was.
            return (keeping.left_by if operation.replaces is None else keeping.taken_along)(draft, keys[0])
        if checks:
            return drafts.drop_check(draft, checks[0])
        if uniques:
            return drafts.drop_index(draft, uniques[0].name)
        return drafts.redefine(draft, inline[0].name, lambda column: column.saying("CHECK", None))

    def _name_of(self, draft: Draft, operation: DropConstraint) -> str:
        """The name of a constraint that is said by what it covers."""
        if operation.constraint is not None:
            said = [constraint_of(self.writer.rendered(operation.constraint))]
        else:
            said = [Constraint(kind, None, "", operation.columns) for kind in (UNIQUE, FOREIGN_KEY)]
        names = {name for one in said if (name := name_by_content(draft, one)) is not None}
        if len(names) != 1:
            listed = ", ".join(_constraints(draft)) or "none at all"
            raise Refused(
                f"Which constraint of {draft.name} is meant cannot be told; there are {listed}.",
                f"say its name: on {self.server.name} every constraint has one.",
            )
        return names.pop()

    def add_foreign_key_constraint(self, draft: Draft, operation: AddForeignKeyConstraint) -> Draft:
        words = foreign_key_words(self.reader, draft, operation)
        after = drafts.add_text(draft, words)
        _refuse_taken(draft, operation.constraint_name)
        return after

    def drop_foreign_key_constraint(self, draft: Draft, operation: DropForeignKeyConstraint) -> Draft:
        if draft.texts:
            raise Later
        key = _key_of(draft, operation)
        made = operation.replaces and foreign_key_name(operation.replaces)
        # Its own index came with it only where that operation made the key.
        return keeping.taken_along(draft, key) if made == key.name else keeping.left_by(draft, key)


def _using(operation: AddIndex) -> str:
    return (operation.using or "").upper()


def _index_words(operation: AddIndex) -> tuple[str, str]:
    """What stands before an index's name, and behind it."""
    using = _using(operation)
    if using in KINDS_OF_INDEX:
        return f"{using} INDEX", ""
    return "UNIQUE INDEX" if operation.unique else "INDEX", f"USING {using}" if using else ""


def _is_unique(index: Indexed) -> bool:
    return index.name != "PRIMARY" and index.is_unique


def _constraints(draft: Draft) -> list[str]:
    names = [key.name for key in draft.foreign_keys] + [check.name for check in draft.checks]
    names += [index.name for index in draft.indexes if _is_unique(index)]
    return names + [one.name for one in draft.columns if one.column.says("CHECK")]


def _refuse_taken(draft: Draft, name: str | None) -> None:
    if name is not None and folded(name) in map(folded, _constraints(draft)):
        raise Refused(f"There is a constraint {name} on {draft.name} already.", "drop that one first.")


def _key_of(draft: Draft, operation: DropForeignKeyConstraint) -> ForeignKey:
    column = draft.placed(operation.column).name
    keys = [key for key in draft.foreign_keys if folded(column) in map(folded, key.columns)]
    alone = [key for key in keys if len(key.columns) == 1]
    if len(alone) == 1:
        return alone[0]
    names = ", ".join(key.name for key in keys)
    if not keys:
        there = [f"{key.name} ({', '.join(key.columns)})" for key in draft.foreign_keys]
        raise not_there("foreign key of", column, there, f"on {draft.name}")
    raise Refused(
        f"{column} is in more than one foreign key, or in one over several columns: {names}.",
        "name the one that is meant: migrator.drop_constraint(table, name).",
    )
