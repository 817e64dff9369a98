"""The databases and the project of one size, made before the clock starts.

Called with: the folder, the number of tables, what their names begin with, and what is installed.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from changes_peers.peewee_models import models
from changes_peers.states import State
from peewee import SqliteDatabase

from autogenerate_peers.schema import after, before, describe


def main() -> None:
    folder, count, prefix, installed = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4].split(",")
    folder.mkdir()
    describe(folder, count, prefix)
    create(folder / "before.db", before(folder))
    create(folder / "after.db", after(folder))
    copy_in_another_hand(folder / "after.db", folder / "without_quotes.db", without_quotes)
    for name in ("before", "after"):
        copy_in_another_hand(folder / f"{name}.db", folder / f"{name}_by_a_person.db", by_a_person)
    if "alembic" in installed:
        import sqlalchemy as sa
        from changes_peers.sqlalchemy_metadata import metadata

        metadata(before(folder)).create_all(sa.create_engine(f"sqlite:///{folder / 'alembic.db'}"))
    if "django" in installed:
        from autogenerate_peers import django_project

        django_project.write(folder)


def create(path: Path, state: State) -> None:
    database = SqliteDatabase(path, pragmas={"synchronous": 0})
    made = models(state)
    database.bind(made)
    with database.atomic():
        database.create_tables(made)
    database.close()


def copy_in_another_hand(source: Path, target: Path, written: Callable[[str], str]) -> None:
    """The same schema, with each of its statements written in another way."""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target, isolation_level=None)) as here:
        here.execute("BEGIN")
        for (text,) in there.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY rowid"):
            here.execute(written(text))
        here.execute("COMMIT")


def without_quotes(text: str) -> str:
    """Names without quotes, each column on a line."""
    return text.replace('"', "").replace(", ", ",\n  ")


def by_a_person(text: str) -> str:
    """Names in brackets, keywords in lower case, a comment."""
    pieces = text.split('"')
    for place, piece in enumerate(pieces):
        pieces[place] = f"[{piece}]" if place % 2 else _lower(piece)
    return "".join(pieces).replace("(", "( -- as agreed\n", 1).replace(", ", ",\n\t")


def _lower(text: str) -> str:
    """In lower case, but for what stands in quotes."""
    pieces = text.split("'")
    return "'".join(piece if place % 2 else piece.lower() for place, piece in enumerate(pieces))


if __name__ == "__main__":
    main()
