"""How each operation is done on MariaDB and MySQL.

playhouse.migrate rebuilds a column's definition from DESCRIBE, and so loses DEFAULT, COMMENT, character set,
collation and more. Here a table is read as SHOW CREATE TABLE has it, operations change pieces of that, and what
differs afterwards is one ALTER TABLE, in the least blocking way that the server accepts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from peewee import Field, ForeignKeyField

from ormmigrate.dialects import ddl
from ormmigrate.dialects.engine import SCRATCH_TABLE, Engine, Outcome, table_indexes
from ormmigrate.dialects.mysql.algorithms import Alterer
from ormmigrate.dialects.mysql.altering import Altering
from ormmigrate.dialects.mysql.definition import folded, quoted
from ormmigrate.dialects.mysql.drafting import Drafter
from ormmigrate.dialects.mysql.keeping import Made
from ormmigrate.dialects.mysql.reading import Reader, plain_session
from ormmigrate.dialects.mysql.refusals import Refused, explained
from ormmigrate.dialects.mysql.server import Server, server_of
from ormmigrate.dialects.mysql.words import Spelling, Writer
from ormmigrate.operations import (
    AlterTable,
    Change,
    CreateTable,
    DropTable,
    Operation,
    RenameTable,
)


class MySQLEngine(Engine):
    """Runs operations on MariaDB and MySQL."""

    @cached_property
    def made(self) -> set[Made]:
        """The tables that were made here, and the foreign keys that got an index of their own."""
        return set()

    @cached_property
    def server(self) -> Server:
        return server_of(self.database)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.database)

    def run(self, operation: Operation) -> Outcome:
        try:
            return super().run(operation)
        except Refused as error:
            raise self.unsupported(error.operation or operation, error.reason, error.advice) from error

    # -- tables -----------------------------------------------------------------------------

    def create_table(self, operation: CreateTable) -> Outcome:
        fields = {
            column: ddl.prepared(field, operation.table, column, operation.columns)
            for column, field in operation.columns.items()
        }
        indexes = table_indexes(operation)
        with plain_session(self.database) as spelling:
            drafter = self._drafter(spelling)
            drafter.refuse_long(indexes, drafter.long_columns(fields))
            if self.dialect.has_table(self.database, operation.table):
                return self._adopt(operation)
            # Indexes and foreign keys in the one statement: all of it is there, or nothing.
            parts = [*_table_parts(drafter.writer, operation, fields), *map(drafter.index_words, indexes)]
            behind = drafter.writer.rendered(operation.options)
            statement = f"CREATE TABLE {quoted(operation.table)} ({', '.join(parts)}) {behind}".strip()
            with explained():
                self.database.execute_sql(self.dialect.as_sent(statement, None))
        self.made.add((folded(operation.table), None))
        return Outcome()

    def _drop_scratch(self) -> str:
        return f"DROP TEMPORARY TABLE `{SCRATCH_TABLE}`"

    def drop_table(self, operation: DropTable) -> Outcome:
        if operation.safe and not self.dialect.has_table(self.database, operation.table):
            return Outcome()
        with plain_session(self.database) as spelling:
            table = self.reader.table(operation.table).name
            others = [(name, owner) for _, name, owner in self.reader.referring(table) if owner != table]
            if others and not operation.cascade:
                listed = ", ".join(f"{name} of {owner}" for name, owner in others)
                raise Refused(
                    f"Foreign keys of other tables refer to it: {listed}.",
                    "drop them first (migrator.drop_foreign_key_constraint), or say cascade=True.",
                )
            if others:
                self._altering(spelling, allow_copy=False).release(table)
            self.database.execute_sql(self.dialect.as_sent(f"DROP TABLE {quoted(table)}", None))
        return Outcome()

    def rename_table(self, operation: RenameTable) -> Outcome:
        names = (self.dialect.folded(operation.table), self.dialect.folded(operation.new_name))
        if names[0] != names[1] and self.dialect.has_table(self.database, operation.new_name):
            raise Refused(f"There is a table or view {operation.new_name} already.", "drop or rename that one first.")
        return self._alter(operation)

    # -- changes of a table -------------------------------------------------------------------

    def alter_table(self, operation: AlterTable) -> Outcome:
        return self._alter(operation, operation.changes)

    def _alter(self, operation: Any, changes: Sequence[Operation] | None = None) -> Outcome:
        changes = changes or (operation,)
        asked = [one for one in (operation, *changes) if isinstance(one, Change)]
        with plain_session(self.database) as spelling:
            altering = self._altering(spelling, allow_copy=any(one.allow_copy for one in asked))
            altering.run(operation, operation.table, changes)
        return Outcome(altering.slowest)

    def _drafter(self, spelling: Spelling) -> Drafter:
        return Drafter(self.reader, Writer(self.database, spelling), self.server, self.made)

    def _altering(self, spelling: Spelling, *, allow_copy: bool) -> Altering:
        return Altering(
            reader=self.reader,
            drafter=self._drafter(spelling),
            alterer=Alterer(self.database, self.server, self.dialect.limits.copy_limit_bytes),
            server=self.server,
            allow_copy=allow_copy,
        )

    def change(self, operation: Change) -> Outcome:
        return self._alter(operation)


def _table_parts(writer: Writer, operation: CreateTable, fields: Mapping[str, Field]) -> Iterator[str]:
    """What stands in the parentheses of CREATE TABLE, indexes left out.

    A column's words are put in order: peewee says COLLATE last, and nothing may follow a CHECK.
    """
    yield from (writer.column(field).text for field in fields.values())
    if operation.primary_key:
        yield f"PRIMARY KEY ({', '.join(map(quoted, operation.primary_key))})"
    for field in fields.values():
        if isinstance(field, ForeignKeyField):
            yield writer.rendered(ddl.foreign_key(field))
    yield from map(writer.rendered, operation.constraints)
