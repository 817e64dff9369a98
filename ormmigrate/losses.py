"""What operations lose, in words, for the file and the screen. Pure."""

from __future__ import annotations

from typing import Any

from peewee import Field, ForeignKeyField, NodeList

from ormmigrate.operations import AlterColumnType, AlterTable, DropColumn, DropTable, Operation

#: The types of one family, each with room for all values of those in front of it.
WIDENING = (
    ("SMALLINT", "INT", "BIGINT"),
    ("FLOAT", "DOUBLE"),
    ("CHAR", "VARCHAR", "TEXT"),
    ("BOOL", "SMALLINT", "INT", "BIGINT"),
    ("DATE", "DATETIME"),
)
#: As many characters as their values need.
DIGITS = {"SMALLINT": 6, "INT": 11, "BIGINT": 20, "DATE": 10}
#: Other spellings of them, as databases have them and peewee's fields.
SPELLED = {
    "INTEGER": "INT",
    "AUTO": "INT",
    "BIGAUTO": "BIGINT",
    "CHARACTER": "CHAR",
    "CHARACTER VARYING": "VARCHAR",
    "NVARCHAR": "VARCHAR",
    "NCHAR": "CHAR",
    "NUMERIC": "DECIMAL",
    "REAL": "FLOAT",
    "DOUBLE PRECISION": "DOUBLE",
    "BOOLEAN": "BOOL",
    "TIMESTAMP": "DATETIME",
}


def losses(operation: Operation) -> str | None:
    """What an operation loses, in words; None where it loses nothing.

    A type counts as narrower where not every value of the old one fits the new one, whatever rows there are.
    """
    if isinstance(operation, AlterTable):
        return "; ".join(filter(None, map(losses, operation.changes))) or None
    if isinstance(operation, DropTable):
        return f"the table {operation.table} with its rows"
    if isinstance(operation, DropColumn):
        return None if _is_generated(operation.field) else f"{operation.table}.{operation.column} with its values"
    if isinstance(operation, AlterColumnType) and operation.replaces is not None:
        old, new = type_words(operation.replaces), type_words(operation.field)
        place = f"{operation.table}.{operation.column}"
        return None if fits(old, new) else f"values of {place} that do not fit {new} (it was {old})"
    return None


def _is_generated(field: Field | None) -> bool:
    constraints = (field.constraints or ()) if field is not None else ()
    return any(str(getattr(one, "sql", one)).startswith("GENERATED ALWAYS AS (") for one in constraints)


def type_words(field: Field) -> str:
    """A field's type as far as it can be said without a database."""
    if isinstance(field, ForeignKeyField):
        target: Any = getattr(field.rel_model, "field", field.rel_field)
        return type_words(target)
    said = field.ddl_datatype(None)
    nodes = said.nodes if isinstance(said, NodeList) else [said]
    return "".join(str(getattr(node, "sql", node)) for node in nodes) or "any type"


def fits(old: str, new: str) -> bool:
    """Whether every value of one type fits another."""
    (was, old_sizes), (is_, new_sizes) = _split(old), _split(new)
    if was == is_:
        return _fits_sizes(was, old_sizes, new_sizes)
    if is_ == "TEXT":
        return was not in ("BLOB", "BYTEA")
    if is_ == "VARCHAR" and was in DIGITS:
        return not new_sizes or new_sizes[0] >= DIGITS[was]
    for family in WIDENING:
        if was in family and is_ in family:
            fits_family = family.index(was) < family.index(is_)
            return fits_family and (not old_sizes or not new_sizes or old_sizes[0] <= new_sizes[0])
    return False


def _split(text: str) -> tuple[str, list[int]]:
    """`DECIMAL(10, 2)` as its word and its numbers."""
    word, _, rest = text.upper().partition("(")
    word = " ".join(word.split())
    numbers = [int(part) for part in rest.partition(")")[0].split(",") if part.strip().isdecimal()]
    return SPELLED.get(word, word), numbers


def _fits_sizes(word: str, old: list[int], new: list[int]) -> bool:
    if not new or old == new:
        return True
    if not old:
        return word == "INT"  # int(11) says nothing of what it holds
    if word == "DECIMAL":
        (digits, scale), (new_digits, new_scale) = [*old, 0][:2], [*new, 0][:2]
        return new_scale >= scale and new_digits - new_scale >= digits - scale
    return word in ("INT", "BIGINT", "SMALLINT", "TINYINT") or old[0] <= new[0]
