"""Values as people read them, without Python having to decode what may be no text at all."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from peewee import Database

SHOWN = 60


def rows_shown(database: Database, names: Sequence[str], rest: str, params: Sequence[Any] = ()) -> list[list[str]]:
    """The rows of `SELECT names rest`, each value as text: `5`, `'it''s'`, `x'00ff'`, `NULL`.

    A text may hold bytes that are none in its encoding: sqlite3 raises on these, and they are shown all the same.
    """
    parts = ", ".join(f"typeof({name}), CAST({name} AS BLOB)" for name in names)
    encoding = str(database.execute_sql("PRAGMA encoding").fetchone()[0])
    rows = database.execute_sql(f"SELECT {parts} {rest}", params).fetchall()
    return [[_shown(kind, raw, encoding) for kind, raw in zip(row[::2], row[1::2])] for row in rows]


def _shown(kind: str, raw: bytes | None, encoding: str) -> str:
    if raw is None:
        return "NULL"
    if kind == "blob":
        text = f"x'{raw.hex()}'"
    else:
        text = raw.decode(encoding, errors="replace")
        text = repr(text) if kind == "text" else text
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
