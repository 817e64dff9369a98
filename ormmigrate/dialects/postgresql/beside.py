"""What stands beside the tables of a PostgreSQL schema, as statements: what they need, and what needs them."""

from __future__ import annotations

from collections.abc import Iterable

from peewee import Database

from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.beside import views_in_order
from ormmigrate.dialects.postgresql import own_types, reading
from ormmigrate.operations import Operation, Script, Sql
from ormmigrate.schema import Schema, Table, View

EXTENSIONS = "SELECT quote_ident(extname) FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY oid"


def statements(dialect: Dialect, database: Database, schema: Schema) -> tuple[list[Operation], list[Operation]]:
    """What has to be made ahead of the tables of a schema, and what behind them."""
    home, name = database.execute_sql(reading.HOME, (dialect.schema,)).fetchone()
    names = [name, *reading.extension_schemas(database)]
    with reading.seen_from(database, names, in_transaction=dialect.in_transaction(database)):
        extensions = database.execute_sql(EXTENSIONS).fetchall()
        needed, functions = own_types.needed(database, home)
    # Others may use an extension, so it stays.
    before: list[Operation] = [Script(f"CREATE EXTENSION IF NOT EXISTS {name}", "") for (name,) in extensions]
    before += [Sql(text, reverse_text=dropped) for text, dropped in needed]
    behind: list[Operation] = [Sql(text, reverse_text=dropped) for text, dropped in functions]
    behind += [_view(dialect, view) for view in views_in_order(schema.views)]
    for trigger in schema.triggers:
        dropped = f"DROP TRIGGER {dialect.quoted(trigger.name)} ON {dialect.quoted(trigger.table)}"
        behind.append(Sql(trigger.text, reverse_text=dropped))
    return before, [*behind, *(one for table in schema.tables for one in _comments(dialect, table))]


# -- views ----------------------------------------------------------------------------------------


def _view(dialect: Dialect, view: View) -> Operation:
    """A view, and the indexes of a materialized one; the text is as `inspecting` has it."""
    text, *indexes = view.text.split("\n-- ")
    kind = "VIEW"
    if text.startswith("MATERIALIZED "):
        kind, text = "MATERIALIZED VIEW", text.removeprefix("MATERIALIZED ")
    name = dialect.quoted(view.name)
    words = text if text.startswith("WITH (") else f"AS {text}"
    made, dropped = f"CREATE {kind} {name} {words}", f"DROP {kind} {name}"
    if not indexes:
        return Sql(made, reverse_text=dropped)
    lines = [line.partition("INDEX ") for line in indexes]
    made += "".join(f";\nCREATE {unique}INDEX ON {name} USING {body}" for unique, _, body in lines)
    return Script(made, dropped)


# -- comments -------------------------------------------------------------------------------------


def _comments(dialect: Dialect, table: Table) -> Iterable[Sql]:
    name = dialect.quoted(table.name)
    if table.comment:
        yield _comment(f"TABLE {name}", table.comment)
    for column in table.columns:
        if column.comment:
            yield _comment(f"COLUMN {name}.{dialect.quoted(column.name)}", column.comment)


def _comment(what: str, text: str) -> Sql:
    literal = "'" + text.replace("'", "''") + "'"
    literal = f"E{literal}".replace("\\", "\\\\") if "\\" in text else literal
    return Sql(f"COMMENT ON {what} IS {literal}", reverse_text=f"COMMENT ON {what} IS NULL")
