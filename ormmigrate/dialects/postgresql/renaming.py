"""A table's new name, and those of what is called after it: indexes and sequences share one list of names with tables.

Otherwise a table that is made later under the old name would not get its indexes, or get them under other names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ormmigrate.dialects.postgresql.names import clipped, following, free
from ormmigrate.operations import RenameTable

if TYPE_CHECKING:
    from ormmigrate.dialects.postgresql.engine import PostgresqlEngine


def statements(engine: PostgresqlEngine, operation: RenameTable) -> list[str]:
    """ALTER TABLE ... RENAME, for the table and for what bears its name."""
    was, now = clipped(operation.table), clipped(operation.new_name)
    catalogue, quoted = engine.catalogue, engine.quoted
    if catalogue.kind(was) is None:
        raise engine.not_there(operation, "table", was)
    taken = catalogue.names_beside(was)
    if now in taken:
        raise engine.unsupported(
            operation, f"There is a {now} already.", "drop or rename that first, or choose another name."
        )
    lines = [f"ALTER TABLE {quoted(was)} RENAME TO {quoted(now)}"]
    taken.add(now)
    constraints = catalogue.constraints(was)
    own = {one.name for one in constraints}
    indexes = catalogue.indexes(was)
    backing = {index.constraint for index in indexes}
    for one in constraints:
        # A name that was inherited is the parent's; PostgreSQL refuses to change it here.
        name = None if one.is_inherited and one.kind == "CHECK" else following(one.name, one.columns, was, now)
        if name is not None and name != one.name:
            name = free(name, taken | own if one.name in backing else own)
            (taken if one.name in backing else own).add(name)
            lines.append(f"ALTER TABLE {quoted(now)} RENAME CONSTRAINT {quoted(one.name)} TO {quoted(name)}")
    for index in indexes:
        name = None if index.constraint else following(index.name, index.columns, was, now)
        if name is not None and name != index.name:
            name = free(name, taken)
            taken.add(name)
            lines.append(f"ALTER INDEX {index.path} RENAME TO {quoted(name)}")
    for sequence in catalogue.sequences(was):
        name = following(sequence.name, (sequence.column,), was, now)
        if name is not None and name != sequence.name:
            name = free(name, taken)
            taken.add(name)
            lines.append(f"ALTER SEQUENCE {sequence.path} RENAME TO {quoted(name)}")
    return lines
