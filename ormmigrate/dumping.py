"""A schema as the SQL statements that make it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peewee import Database

from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.script import split
from ormmigrate.diff import diff
from ormmigrate.replay import perform
from ormmigrate.schema import Schema, View
from ormmigrate.sources import in_scratch

#: What PostgreSQL's reader puts in front of a materialized view's text.
MATERIALIZED = "MATERIALIZED "


def statements_of(schema: Schema, database: Database, dialect: Dialect) -> tuple[list[str], list[str]]:
    """The statements that make a schema, and what they leave out, in words.

    Args:
        database: where there is a scratch place to run them in, for their SQL is that of the operations.

    Raises:
        ConfigurationError: it cannot be made of nothing, or the account may not make a scratch place.
    """
    wanted = diff(Schema(kind=dialect), schema)
    with in_scratch(database, dialect) as inside:
        made = perform(database, inside, wanted.operations)
    statements = [statement.strip().rstrip(";") for _, sql in made for statement in sql]
    statements += [_view(dialect, view) for view in schema.views]
    statements += [_whole(f"CREATE TRIGGER {dialect.quoted(one.name)} ", one.text) for one in schema.triggers]
    beside = {f"the view {view.name} comes" for view in schema.views}
    beside |= {f"the trigger {trigger.name} comes" for trigger in schema.triggers}
    return statements, [line for line in wanted.unexpressed if line not in beside]


def script_of(statements: Iterable[str], dialect: Dialect) -> Iterator[str]:
    """The lines of a script of these statements, which is split into them again."""
    for statement in statements:
        parts = split(f"{statement};", dialect.name)
        if len(parts) == 1:
            yield f"{statement};"
        else:
            # A body of several statements, as mysql's client takes it.
            end = "//" if "//" not in statement else "$$"
            yield f"DELIMITER {end}\n{statement}\n{end}\nDELIMITER ;"


def _view(dialect: Dialect, view: View) -> str:
    """Its text is the SELECT, what stands behind the name, or everything, as the database tells it."""
    text = view.text.strip()
    kind = "MATERIALIZED VIEW" if text.startswith(MATERIALIZED) else "VIEW"
    text = text.removeprefix(MATERIALIZED)
    opening = f"CREATE {kind} {dialect.quoted(view.name)} "
    stands_behind_name = text.startswith(("(", "WITH (")) or text.split()[:1] in (["as"], ["AS"])
    return _whole(opening if stands_behind_name else f"{opening}AS ", text)


def _whole(opening: str, text: str) -> str:
    text = text.strip().rstrip(";")
    return text if text.upper().startswith("CREATE") else opening + text
