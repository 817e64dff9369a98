"""Operations on indexes and constraints as changes of a draft."""

from __future__ import annotations

from collections.abc import Iterable

from ormmigrate.dialects.mysql import drafts
from ormmigrate.dialects.mysql.definition import ForeignKey, folded, quoted
from ormmigrate.dialects.mysql.drafts import Draft
from ormmigrate.dialects.mysql.reading import Reader
from ormmigrate.dialects.mysql.referring import foreign_key_words
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
    """Drafts what is said of indexes and constraints; a method for each kind of operation."""

    def __init__(self, reader: Reader, writer: Writer, server: Server) -> None:
        self.reader = reader
        self.writer = writer
        self.server = server

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
        after = drafts.add_index(draft, operation.index, operation.columns, _index_words(operation))
        self.refuse_long([operation], self._long_columns(draft))
        return after

    def index_words(self, operation: AddIndex) -> str:
        """An index as CREATE TABLE has it."""
        kind, behind = _index_words(operation)
        columns = ", ".join(map(quoted, operation.columns))
        return " ".join(filter(None, (kind, quoted(operation.index), behind, f"({columns})")))

    def _long_columns(self, draft: Draft) -> set[str]:
        """The columns that no index can hold whole."""
        found = {one.name for one in draft.columns if is_long(one.column)}
        rows = self.writer.database.execute_sql(LONG_COLUMNS, (draft.name, INDEX_MAX_BYTES)).fetchall()
        long = {folded(name) for (name,) in rows}
        kept = [one for one in draft.columns if one.origin and one.column.type == one.origin.type]
        return found | {one.name for one in kept if one.origin and folded(one.origin.name) in long}

    def refuse_long(self, indexes: Iterable[AddIndex], columns: Iterable[str]) -> None:
        """MariaDB puts only the start of a long column into an index, without a word; MySQL fails.

        A unique one is whole on MariaDB: it is made of hashes.
        """
        names = set(map(folded, columns))
        for index in indexes:
            long = [column for column in index.columns if folded(column) in names]
            is_whole = (index.unique and self.server.indexes_long_uniques) or _using(index) in KINDS_OF_INDEX
            if long and not is_whole:
                raise Refused(
                    f"{', '.join(long)} is too long for an index, which would hold only the start of each value.",
                    "make it a CharField that fits, or say how much of it the index holds: "
                    f"migrator.sql('CREATE INDEX ... ON {index.table} ({long[0]}(100))').",
                )

    def drop_index(self, draft: Draft, operation: DropIndex) -> Draft:
        return drafts.drop_index(draft, operation.index)

    def add_unique(self, draft: Draft, operation: AddUnique) -> Draft:
        index = AddIndex(operation.table, operation.columns, True, name=constraint_name(operation.name))
        return self.add_index(draft, index)

    def add_constraint(self, draft: Draft, operation: AddConstraint) -> Draft:
        words = self.writer.rendered(operation.constraint).strip()
        if operation.name is not None and not words.upper().startswith("CONSTRAINT"):
            words = f"CONSTRAINT {quoted(constraint_name(operation.name))} {words}"
        _refuse_taken(draft, operation.name)
        return drafts.add_text(draft, words)

    def drop_constraint(self, draft: Draft, operation: DropConstraint) -> Draft:
        name = operation.name
        if name is None:
            raise Refused(f"On {self.server.name} every constraint has a name.", "say it.")
        if draft.texts:
            raise Later  # it may be one of those
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
            return drafts.drop_foreign_key(draft, keys[0])
        if checks:
            return drafts.drop_check(draft, checks[0])
        if uniques:
            return drafts.drop_index(draft, uniques[0].name)
        return drafts.redefine(draft, inline[0].name, lambda column: column.saying("CHECK", None))

    def add_foreign_key_constraint(self, draft: Draft, operation: AddForeignKeyConstraint) -> Draft:
        words = foreign_key_words(self.reader, draft, operation)
        after = drafts.add_text(draft, words)
        _refuse_taken(draft, operation.constraint_name)
        return after

    def drop_foreign_key_constraint(self, draft: Draft, operation: DropForeignKeyConstraint) -> Draft:
        if draft.texts:
            raise Later
        key = _key_of(draft, operation)
        after = drafts.drop_foreign_key(draft, key)
        index = after.index(key.name)
        if operation.replaces is None or index is None or index.columns != key.columns:
            return after
        # ADD CONSTRAINT made an index of the constraint's name where there was none; DROP leaves it behind.
        return drafts.drop_index(after, index.name)


def _using(operation: AddIndex) -> str:
    return (operation.using or "").upper()


def _index_words(operation: AddIndex) -> tuple[str, str]:
    """What stands before an index's name, and behind it."""
    using = _using(operation)
    if using in KINDS_OF_INDEX:
        return f"{using} INDEX", ""
    return "UNIQUE INDEX" if operation.unique else "INDEX", f"USING {using}" if using else ""


def _is_unique(index: drafts.Indexed) -> bool:
    return index.name != "PRIMARY" and (index.origin.is_unique if index.origin else index.words[0].startswith("UNIQUE"))


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
