"""Plain sqlite3: what SQLite itself takes to say what the tables, indexes and foreign keys of one file are."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from autogenerate_peers.schema import Found

QUERIES = (
    "SELECT m.name, x.* FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS x WHERE m.type = 'table'",
    "SELECT m.name, l.*, x.* FROM sqlite_master AS m JOIN pragma_index_list(m.name) AS l "
    "JOIN pragma_index_xinfo(l.name) AS x WHERE m.type = 'table'",
    "SELECT m.name, f.* FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'",
)


class ByHand:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "before.db"

    def compare(self) -> None:
        connection = sqlite3.connect(self.path)
        for query in QUERIES:
            connection.execute(query).fetchall()
        connection.close()

    def found(self) -> set[Found]:
        return set()
