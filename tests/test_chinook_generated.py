"""A real database from its first start on: models and migrations of it, ten edits, one migration there and back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from test_chinook import CHINOOK

pytestmark = pytest.mark.skipif(not CHINOOK.exists(), reason="chinook.sqlite is not on this machine")
ROWS = 15_607
#: Each in the class of that name.
EDITS = (
    # A column and a table renamed.
    ("Customer", '"Fax"', '"FaxNumber"'),
    ("Genre", 'table_name = "Genre"', 'table_name = "Style"'),
    # A column that comes, and one that goes.
    ("Track", "    bytes =", '    explicit = BooleanField(column_name="Explicit", default=False)\n    bytes ='),
    ("Employee", '    hire_date = DateTimeField(column_name="HireDate", null=True)\n', ""),
    # NULL, a type, a unique index, an index, what a foreign key does.
    ("Artist", "max_length=120, null=True", 'max_length=120, default="unknown"'),
    ("Invoice", 'column_name="Total"', 'column_name="Total", max_digits=14'),
    ("Customer", 'column_name="Email"', 'column_name="Email", unique=True'),
    ("Invoice", 'column_name="CustomerId"', 'column_name="CustomerId", index=False'),
    ("Album", 'column_name="ArtistId"', 'column_name="ArtistId", on_delete="CASCADE"'),
    # A check and a default of the database.
    (
        "InvoiceLine",
        'column_name="Quantity"',
        'column_name="Quantity", constraints=[SQL("DEFAULT 1"), Check("Quantity > 0")]',
    ),
)
IMPORTS = "from peewee import SQL, BooleanField, Check, TextField\n"
NEW_TABLE = """

class Review(db.Model):
    track = ForeignKeyField(Track, on_delete="CASCADE")
    text = TextField()
"""


def ormmigrate(folder: Path, *arguments: str, code: int = 0) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORMMIGRATE_")}
    found = subprocess.run(
        [sys.executable, "-m", "ormmigrate", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert found.returncode == code, found.stdout + found.stderr
    return found.stdout


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows, of the tables that belong to the application."""
    with sqlite3.connect(path) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr)
            for name in names
            if not name.startswith(("ormmigrate_", "sqlite_"))
        }


def column(path: Path, table: str, name: str) -> list[object]:
    with sqlite3.connect(path) as connection:
        return sorted((value for (value,) in connection.execute(f'SELECT "{name}" FROM "{table}"')), key=repr)


def count(found: dict[str, list[tuple[object, ...]]]) -> int:
    return sum(map(len, found.values()))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(CHINOOK, tmp_path / "chinook.sqlite")
    (tmp_path / "chinook.sqlite").chmod(0o600)
    ormmigrate(tmp_path, "init", "--from-database", "--database", "sqlite:///chinook.sqlite", "--package", "music")
    return tmp_path


def test_ten_edits_of_the_models_are_one_migration_there_and_back_with_every_row(project: Path):
    database, models = project / "chinook.sqlite", project / "music" / "models.py"
    assert "Nothing missing" in ormmigrate(project, "check")
    assert "No drift" in ormmigrate(project, "drift")
    before = contents(database)
    assert count(before) == ROWS
    text = models.read_text()
    for name, old, new in EDITS:
        front, start, body = text.partition(f"class {name}(")
        assert old in body, old
        text = front + start + body.replace(old, new, 1)
    models.write_text(text.replace("from .db import db", f"{IMPORTS}\nfrom .db import db", 1) + NEW_TABLE)

    assert "create the table review" in ormmigrate(project, "check", code=1)
    refused = ("--rename", "Customer.Fax=Customer.FaxNumber", "--rename", "Genre=Style")
    out = ormmigrate(project, "new", "ten_edits", "--auto", *refused)
    assert "Destroys" in out or "HireDate" in out
    assert "Nothing missing" in ormmigrate(project, "check")

    fax, emails = column(database, "Customer", "Fax"), column(database, "Customer", "Email")
    ormmigrate(project, "up")
    assert "No drift" in ormmigrate(project, "drift")
    assert count(contents(database)) == ROWS
    assert (column(database, "Customer", "FaxNumber"), column(database, "Customer", "Email")) == (fax, emails)
    assert set(column(database, "Track", "Explicit")) == {0}
    assert len(column(database, "Style", "GenreId")) == len(before["Genre"])

    ormmigrate(project, "down", "--yes")
    assert "No drift" in ormmigrate(project, "drift")
    after = contents(database)
    assert {name: rows for name, rows in after.items() if name != "Employee"} == {
        name: rows for name, rows in before.items() if name != "Employee"
    }
    assert len(after["Employee"]) == len(before["Employee"])
    assert set(column(database, "Employee", "HireDate")) == {None}
