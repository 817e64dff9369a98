"""Which constraint is meant by one without a name: by kind and columns and, where several are left, by all it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peewee import PeeweeException

from ormmigrate.dialects.engine import SCRATCH_TABLE
from ormmigrate.dialects.postgresql.catalogue import Constraint
from ormmigrate.dialects.postgresql.expressions import closing, tokens_of, unquoted
from ormmigrate.dialects.postgresql.literals import rendered
from ormmigrate.dialects.postgresql.names import clipped
from ormmigrate.dialects.postgresql.statements import names_in
from ormmigrate.operations import DropConstraint

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine

SAVEPOINT = "ormmigrate_look"
SCRATCH_NAME = f"{SCRATCH_TABLE}_constraint"
FOREIGN_KEY = "FOREIGN KEY"


def resembling(engine: PostgresqlEngine, operation: DropConstraint, there: list[Constraint]) -> list[Constraint]:
    """Those that an operation can mean which names columns, or says what the constraint was, or both."""
    found = [one for one in there if one.kind != "PRIMARY KEY"]
    if operation.columns:
        columns = set(map(clipped, operation.columns))
        found = [one for one in found if set(one.columns) == columns]
    if operation.constraint is None:
        return found
    text = rendered(engine.database, operation.constraint)
    name, kind, body = _said(text)
    if name is not None:
        return [one for one in found if one.name == clipped(name)]
    found = [one for one in found if one.kind == kind]
    if operation.columns and len(found) == 1:
        return found
    named = names_in(body).intersection(engine.catalogue.columns(operation.table))
    found = [one for one in found if set(one.columns) == named]
    definition = _definition(engine, operation.table, kind, text) if found else None
    return [one for one in found if one.definition.removesuffix(" NOT VALID") == definition]


def _said(text: str) -> tuple[str | None, str, str]:
    """The name, the kind and the words of a constraint that name its own columns."""
    tokens = tokens_of(text)
    name = None
    if len(tokens) > 2 and tokens[0].text.upper() == "CONSTRAINT":
        name, tokens = tokens[1].text, tokens[2:]
        name = unquoted(name) if name.startswith('"') else name.lower()
    words = [one.text.upper() for one in tokens]
    kind = FOREIGN_KEY if words[:2] == ["FOREIGN", "KEY"] else words[0] if words else ""
    opening = next((number for number, word in enumerate(words) if word == "("), None)
    if opening is None:
        return name, kind, ""
    end = closing(tokens, opening)
    return name, kind, text[tokens[opening].start : tokens[min(end, len(tokens) - 1)].end]


def _definition(engine: PostgresqlEngine, table: str, kind: str, text: str) -> str | None:
    """A constraint in the server's words, as it would be on that table; None where it cannot be."""
    scratch, name = engine.quoted(SCRATCH_TABLE), engine.quoted(SCRATCH_NAME)
    engine.execute(f"SAVEPOINT {SAVEPOINT}")
    try:
        place = engine.quoted(table)
        if kind == FOREIGN_KEY:
            # No temporary table may refer to one that stays. Rows are not looked at.
            engine.execute(f"ALTER TABLE {place} ADD CONSTRAINT {name} {text} NOT VALID")
        else:
            engine.execute(f"CREATE TEMPORARY TABLE {scratch} (LIKE {place}, CONSTRAINT {name} {text})")
        made = engine.catalogue.constraints(table if kind == FOREIGN_KEY else SCRATCH_TABLE)
        return next((one.definition.removesuffix(" NOT VALID") for one in made if one.name == SCRATCH_NAME), None)
    except PeeweeException:
        return None
    finally:
        engine.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")
        engine.execute(f"RELEASE SAVEPOINT {SAVEPOINT}")
