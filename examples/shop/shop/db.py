"""The shop's database."""

from pathlib import Path

from peewee import SqliteDatabase

from ormmigrate import Database
from shop.migrations import registry

DEFAULT_PATH = Path(__file__).parent.parent / "shop.db"


def sqlite(path: Path) -> SqliteDatabase:
    # SQLite checks foreign keys, and lets deletes cascade, only where a connection asks for it.
    return SqliteDatabase(path, pragmas={"foreign_keys": 1})


# Importing this opens nothing. The version is kept in the history, beside each migration that it applied.
db = Database(sqlite(DEFAULT_PATH), migrations=registry, version="2.0")
