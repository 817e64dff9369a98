"""A real database, whose tables are written with names in brackets: stamp it, migrate it, and count its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from peewee import AutoField, BooleanField, CharField, DateTimeField, ForeignKeyField, IntegerField
from snapshot import HISTORY, rows

from ormmigrate import BaseMigration, Database, Registry, reference

CHINOOK = Path(__file__).resolve().parents[2] / "shared" / "data" / "chinook.sqlite"


class Baseline(BaseMigration):
    """What version 1 made by hand."""

    id = "20200101_000000_baseline"

    def up(self, migrator):
        raise AssertionError("a stamped migration does not run")


class Improve(BaseMigration):
    id = "20240101_000000_improve"

    def up(self, migrator):
        migrator.add_column("Track", "Explicit", BooleanField(default=False))
        migrator.add_column("Customer", "Note", CharField(null=True))
        migrator.add_index("Track", ("Explicit", "Name"))
        migrator.rename_table("Genre", "Style")
        artist = reference("Artist", "ArtistId")
        migrator.create_table(
            "Label",
            {
                "id": AutoField(),
                "artist": ForeignKeyField(artist, on_delete="CASCADE"),
                "name": CharField(),
                "since": DateTimeField(null=True),
                "albums": IntegerField(),
            },
        )
        migrator.sql(
            "INSERT INTO Label (artist, name, albums) SELECT ArtistId, 'Label of ' || Name, "
            "(SELECT count(*) FROM Album WHERE Album.ArtistId = Artist.ArtistId) FROM Artist",
            reverse="DELETE FROM Label",
        )


@pytest.fixture
def chinook(tmp_path: Path) -> str:
    if not CHINOOK.exists():
        pytest.skip(f"the sample database is not at {CHINOOK}")
    shutil.copy(CHINOOK, tmp_path / "chinook.db")
    (tmp_path / "chinook.db").chmod(0o600)
    return f"sqlite:///{tmp_path / 'chinook.db'}"


@pytest.mark.parametrize("way", ["stamp", "baseline"])
def test_every_old_row_is_still_there(chinook: str, way: str):
    registry = Registry([Baseline, Improve], baseline=Baseline.id if way == "baseline" else None)
    db = Database(chinook, migrations=registry)
    db.obj.init(db.obj.database, pragmas={"foreign_keys": 1})
    with db.connection_context():
        before = rows(db)
        assert sum(map(len, before.values())) == 15607
        if way == "stamp":
            assert db.migrations.stamp(Baseline.id).stamped == (Baseline.id,)
        report = db.register_models([])
        assert report.applied == (Improve.id,)
        assert report.stamped == ((Baseline.id,) if way == "baseline" else ())
        after = rows(db, without=(HISTORY,))

        labels = after.pop("Label")
        assert len(labels) == len(before["Artist"])
        assert after.pop("Style") == before.pop("Genre")
        assert db.execute_sql("SELECT count(*) FROM Track WHERE Explicit = 0").fetchone() == (len(before["Track"]),)
        for table in ("Track", "Customer"):
            old = [row[:-1] for row in before.pop(table)]
            assert sorted(row.rpartition(",")[0] for row in after.pop(table)) == sorted(old)
        assert after == before
        assert db.execute_sql("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute_sql("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not db.register_models([])


def test_it_goes_back_as_well(chinook: str):
    db = Database(chinook, migrations=Registry([Baseline, Improve], baseline=Baseline.id))
    with db.connection_context():
        before = rows(db)
        db.register_models([])
        assert db.migrations.down().reverted == (Improve.id,)
        assert rows(db, without=(HISTORY,)) == before
