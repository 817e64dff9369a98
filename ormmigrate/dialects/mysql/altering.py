"""Changes of one table, folded into as few ALTER TABLEs as they allow, in the order given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ormmigrate.dialects import ddl
from ormmigrate.dialects.mysql.algorithms import Alterer
from ormmigrate.dialects.mysql.clauses import clauses_of
from ormmigrate.dialects.mysql.definition import Column, Table, folded
from ormmigrate.dialects.mysql.drafting import Drafter, is_filled_by_function
from ormmigrate.dialects.mysql.drafts import Draft, Placed, draft_of, redefine
from ormmigrate.dialects.mysql.filling import fill, row_keys
from ormmigrate.dialects.mysql.keeping import left_by, supplied
from ormmigrate.dialects.mysql.reading import Reader
from ormmigrate.dialects.mysql.refusals import Later, Refused, explained
from ormmigrate.dialects.mysql.retyping import OF_CHARACTERS
from ormmigrate.dialects.mysql.server import COPY, IN_PLACE, INSTANT, Server
from ormmigrate.operations import AddColumn, DropColumn, Operation, RenameColumn

SLOWEST_LAST = (None, INSTANT, IN_PLACE, COPY)
#: What a type brings along, so that it may differ after a change of type.
OF_TYPES = (*OF_CHARACTERS, "CHECK", "OTHER", "DEFAULT", "ON UPDATE")


class Altering:
    """One table on its way through changes.

    Attributes:
        strategies: those of the statements that ran.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        drafter: Drafter,
        alterer: Alterer,
        server: Server,
        allow_copy: bool = False,
    ) -> None:
        self.reader, self.drafter, self.alterer, self.server = reader, drafter, alterer, server
        self.allow_copy = allow_copy
        self.strategies: list[str | None] = []
        self.whole: Operation | None = None
        self.drafted: list[Operation] = []

    @property
    def slowest(self) -> str | None:
        return max(self.strategies, key=SLOWEST_LAST.index, default=None)

    def run(self, whole: Operation, table: str, changes: Sequence[Operation]) -> None:
        """Make the changes.

        Args:
            whole: the operation that they are.

        Raises:
            Refused: one of them cannot be made; what came before it in a statement of its own was made.
        """
        needs_keys = any(isinstance(change, (DropColumn, RenameColumn)) for change in changes)
        draft = self._read(table, needs_keys)
        self.whole = whole
        for change in changes:
            try:
                draft = self._taken(draft, change, needs_keys)
            except Refused as error:
                error.operation = error.operation or change
                raise
            self.drafted.append(change)
        self._put_in_force(draft)

    def _read(self, table: str, needs_keys: bool) -> Draft:
        found = self.reader.table(table)
        return draft_of(found, self.reader.referred(found.name) if needs_keys else {})

    def _taken(self, draft: Draft, change: Operation, needs_keys: bool) -> Draft:
        if isinstance(change, AddColumn) and is_filled_by_function(change):
            return self._filled(draft, change)
        if isinstance(change, DropColumn) and change.cascade and folded(change.column) in draft.referred:
            draft = self._released(draft, change.column)
        try:
            return self.drafter.take(draft, change)
        except Later:
            self._put_in_force(draft)
            return self.drafter.take(self._read(draft.name, needs_keys), change)

    def _filled(self, draft: Draft, change: AddColumn) -> Draft:
        """Add a column that forbids NULL: empty, filled row by row, and only then with all that it says."""
        field = ddl.prepared(change.field, change.table, change.column)
        try:
            draft = self.drafter.add_empty_column(draft, change)
        except Later:
            self._put_in_force(draft)
            draft = self.drafter.add_empty_column(self._read(draft.name, False), change)
        row_keys(draft.table)  # or refuse, before the column is there
        self._put_in_force(draft)
        after = self._read(draft.name, True)
        fill(self.reader, after.table, change.column, field)
        return self.drafter.finish_filled(after, change)

    def _released(self, draft: Draft, column: str) -> Draft:
        """Drop the foreign keys that refer to a column."""
        self._put_in_force(draft)
        self.release(draft.name, column)
        return self._read(draft.name, True)

    def release(self, table: str, column: str | None = None) -> None:
        """Drop the foreign keys that refer to a table, or to one of its columns."""
        for referred, name, owner in self.reader.referring(table):
            if column is not None and folded(referred) != folded(column):
                continue
            draft = draft_of(self.reader.table(owner))
            key = next((key for key in draft.foreign_keys if folded(key.name) == folded(name)), None)
            if key is not None:
                self._put_in_force(left_by(draft, key))

    def _put_in_force(self, draft: Draft) -> None:
        draft, keys = supplied(draft)
        self.drafter.made |= {(folded(draft.name), folded(key)) for key in keys}
        clauses = clauses_of(draft, self.server)
        if not clauses:
            return
        try:
            self._alter(draft.table, clauses)
        except Refused as error:
            error.operation = self.drafted[0] if len(self.drafted) == 1 else self.whole
            raise
        self.drafted.clear()
        redefined = [one for one in draft.columns if one.origin and one.is_redefined]
        if redefined:
            self._verify(draft, redefined)
        if draft.without_default:
            after = self._read(draft.name, False)
            for name in draft.without_default:
                after = redefine(after, name, lambda column: column.saying("DEFAULT", None))
            self._put_in_force(after)

    def _alter(self, table: Table, clauses: Sequence[str]) -> None:
        with explained():
            self.strategies.append(self.alterer.alter(table, clauses, allow_copy=self.allow_copy))

    def _verify(self, draft: Draft, redefined: Iterable[Placed]) -> None:
        """See that columns came out as they were meant: a server may give a TIMESTAMP a default of its own, say.

        Raises:
            Refused: one did not, and was put back.
        """
        after = {folded(column.name): column for column in self.reader.table(draft.new_name or draft.name).columns}
        for one in redefined:
            assert one.origin is not None
            found = after[folded(one.name)]
            if _is_as_meant(one.column, found, one.origin):
                continue
            if one.column.type == one.origin.type and one.name == one.origin.name:
                self._alter(draft.table, [f"MODIFY COLUMN {one.origin.text}"])
            raise Refused(
                f"{one.name} came out as {found.text}, in place of {one.column.text}.",
                "write the statement that this server needs with migrator.sql('ALTER TABLE ... MODIFY ...').",
            )


def _is_as_meant(meant: Column, found: Column, origin: Column) -> bool:
    """Whether a column says what it was to say; of what was changed in words, the server has its own."""
    if meant.forbids_null != found.forbids_null:
        return False
    kinds = {kind for kind, _ in (*meant.clauses, *found.clauses, *origin.clauses)} - {"NULL"}
    if meant.type != origin.type:
        kinds -= set(OF_TYPES)
    unchanged = [kind for kind in kinds if _text(meant, kind) == _text(origin, kind)]
    return all(_text(found, kind) == _text(meant, kind) for kind in unchanged)


def _text(column: Column, kind: str) -> str:
    text = column.says(kind) or ""
    # A column that may be NULL has that for default whether it is said or not.
    return "" if kind == "DEFAULT" and text.upper() == "DEFAULT NULL" else text
