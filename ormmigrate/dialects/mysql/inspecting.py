"""A whole database of MariaDB or MySQL as a Schema, from a handful of queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from peewee import Database

from ormmigrate.dialects.mysql.catalogue import Catalogue, TableRow, ViewRow, catalogue
from ormmigrate.dialects.mysql.definition import quoted, tokens
from ormmigrate.dialects.mysql.inspecting_columns import ColumnReader, with_shown_generation
from ormmigrate.dialects.mysql.inspecting_indexes import IndexReader, foreign_keys
from ormmigrate.dialects.mysql.inspecting_shown import BASE_TABLE, SEQUENCE, VERSIONED, Shown, is_worth_showing
from ormmigrate.dialects.mysql.inspecting_text import Told
from ormmigrate.dialects.mysql.reading import plain_session
from ormmigrate.dialects.mysql.server import server_of
from ormmigrate.errors import ConfigurationError
from ormmigrate.schema import Kind, Schema, Table, Trigger, View

#: What options may begin with that CREATE TABLE does not take behind its parentheses.
UNSAID = ("COLUMN ", "INDEX ", "PRIMARY KEY ", "CHECK ", "PERIOD ", "UNIQUE ", "FULLTEXT ")


def inspect(database: Database, kind: Kind) -> tuple[Schema, tuple[str, ...]]:
    """The schema, and the options of a table of which nothing is said.

    Sequences are among the views: found, and changed by no operation.

    Raises:
        ConfigurationError: the account may not see what a view says.
    """
    with plain_session(database):
        server = server_of(database)
        found = catalogue(database, server)
        told = Told(server, found.home)
        schema = Schema(
            tuple(_tables(database, told, found)),
            (*(_view(told, view) for view in found.views), *_sequences(database, told, found)),
            tuple(_triggers(told, found)),
            kind=kind,
        )
    return schema, (f"ENGINE={found.engine}", f"COLLATE={found.collation}")


def _show(database: Database, what: str, name: str) -> str:
    statement = f"SHOW CREATE {what} {quoted(name)}".replace("%", "%%")
    return str(database.execute_sql(statement).fetchone()[1])


# -- tables ---------------------------------------------------------------------------------------


def _tables(database: Database, told: Told, found: Catalogue) -> Iterator[Table]:
    for table in found.tables:
        if table.kind in (BASE_TABLE, VERSIONED):
            columns, indexes = found.columns.get(table.name, []), found.indexes.get(table.name, [])
            is_worth = is_worth_showing(table, columns, indexes, found.checks.get(table.name, []))
            yield _table(told, found, table, Shown(_show(database, "TABLE", table.name)) if is_worth else None)


def _table(told: Told, found: Catalogue, table: TableRow, shown: Shown | None) -> Table:
    rows, checks = found.columns.get(table.name, []), found.checks.get(table.name, [])
    if shown is not None:
        rows = with_shown_generation(rows, {row.name: shown.generation(row.name) for row in rows})
        checks = [check for check in shown.checks if check.name != shown.period]
    columns = ColumnReader(told, rows, checks, table.collation)
    keys = foreign_keys(found.home, found.keys.get(table.name, []), found.rules.get(table.name, []))
    overlaps = shown.overlaps if shown else []
    indexes = IndexReader(told, table.name, str(table.engine), found.indexes.get(table.name, []), keys, overlaps)
    remarks = [*columns.remarks(), *indexes.remarks(), *(shown.remarks() if shown else [])]
    return Table(
        table.name,
        columns.columns(),
        indexes.primary_key,
        indexes.indexes(),
        keys,
        columns.checks(),
        (*_options(table, shown), *remarks),
        table.comment or None,
    )


def _options(table: TableRow, shown: Shown | None) -> Iterator[str]:
    """What stands behind a table's parentheses, in the order in which CREATE TABLE takes it."""
    yield f"ENGINE={table.engine}"
    yield f"COLLATE={table.collation}"
    yield from sorted(_said_options(table.options))
    if table.kind == VERSIONED:
        yield "WITH SYSTEM VERSIONING"
    if shown is not None and shown.partitions:
        yield shown.partitions


def _said_options(text: str) -> Iterator[str]:
    """`row_format=DYNAMIC` and whatever else was said when the table was made."""
    for option in "".join("\n" if token.isspace() else token for token in tokens(text)).split("\n"):
        name, equals, value = option.partition("=")
        if equals:
            yield f"{name if name.startswith('`') else name.upper()}={value}"


def options_text(options: Sequence[str], usual: Sequence[str]) -> str:
    """What CREATE TABLE has to say behind its parentheses.

    Args:
        usual: what a table gets that says nothing.
    """
    return " ".join(option for option in options if option not in usual and not option.startswith(UNSAID))


def unsaid_options(options: Sequence[str]) -> list[str]:
    """What CREATE TABLE does not take behind its parentheses."""
    return [option for option in options if option.startswith(UNSAID)]


# -- what stands beside tables --------------------------------------------------------------------


def _view(told: Told, view: ViewRow) -> View:
    """A view by all of its definition but who defined it: that is another account in another place."""
    if not view.text:
        raise ConfigurationError(
            f"This account may not see what the view {view.name} says, so it cannot be compared.",
            "let an administrator run: GRANT SHOW VIEW ON the database.* TO this account.",
        )
    words = ["CREATE"]
    words += [f"ALGORITHM={view.algorithm}"] if view.algorithm != "UNDEFINED" else []
    words += [f"SQL SECURITY {view.security}"] if view.security != "DEFINER" else []
    words += ["VIEW", quoted(view.name), "AS", told.statement(view.text)]
    words += [f"WITH {view.check_option} CHECK OPTION"] if view.check_option != "NONE" else []
    return View(view.name, " ".join(words))


def _sequences(database: Database, told: Told, found: Catalogue) -> Iterator[View]:
    for table in found.tables:
        if table.kind == SEQUENCE:
            yield View(table.name, told.statement(_show(database, "SEQUENCE", table.name)))


def _triggers(told: Told, found: Catalogue) -> Iterator[Trigger]:
    """Triggers without who defined them; several of one moment act in an order, which each but the first says."""
    before: Mapping[tuple[str, ...], str] = {}
    for row in found.triggers:
        moment = (row.table, row.timing, row.event)
        behind = [f"FOLLOWS {quoted(before[moment])}"] if moment in before else []
        words = [
            *("CREATE TRIGGER", quoted(row.name), row.timing, row.event, "ON", quoted(row.table), "FOR EACH ROW"),
            *(*behind, told.statement(row.statement)),
        ]
        before = {**before, moment: row.name}
        yield Trigger(row.name, row.table, " ".join(words))
