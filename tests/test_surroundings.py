"""Where applications live: zip files, wheels, pools, other settings, several registries, other databases in tests."""

from __future__ import annotations

import compileall
import subprocess
import sys
import textwrap
import threading
import venv
import zipapp
import zipfile
from pathlib import Path

import peewee
import pytest
from peewee import AutoField, IntegerField, TextField
from places import FILE, PG, Place
from playhouse.pool import PooledMySQLDatabase, PooledPostgresqlDatabase, PooledSqliteDatabase

from ormmigrate import BaseMigration, Database, Registry, Runner
from ormmigrate.connection import inner

ROOT = Path(__file__).resolve().parents[1]


class Create(BaseMigration):
    id = "20240101_000000_create"

    def up(self, migrator):
        migrator.create_table("note", {"id": AutoField(), "text": TextField()})
        migrator.sql("INSERT INTO note (text) VALUES ('a'), ('b')")


class Rank(BaseMigration):
    id = "20240102_000000_rank"

    def up(self, migrator):
        migrator.add_column("note", "rank", IntegerField(default=1))
        migrator.run(promote, reverse=lambda migrator: None)


def promote(migrator):
    note = migrator.table("note")
    note.update(rank=note.rank + 1).execute()


APPLICATION = {
    "myapp/__init__.py": "",
    "myapp/db.py": """
        import os
        from ormmigrate import Database
        from myapp.migrations import registry
        db = Database(os.environ["DATABASE"], migrations=registry)
        """,
    "myapp/__main__.py": """
        from peewee import IntegerField, TextField
        from myapp.db import db
        class Note(db.Model):
            text = TextField()
            rank = IntegerField()
        def main():
            report = db.register_models([Note])
            states = [(m.state, m.verified) for m in db.migrations.status().migrations]
            print(list(report.applied), [row.rank for row in Note.select()], states)
        main()
        """,
    "myapp/migrations/__init__.py": """
        from ormmigrate import Registry
        from .m20240101_000000_create import Create
        from .m20240102_000000_rank import Rank
        registry = Registry([Create, Rank])
        """,
    "myapp/migrations/m20240101_000000_create.py": """
        from peewee import AutoField, TextField
        from ormmigrate import BaseMigration
        class Create(BaseMigration):
            id = "20240101_000000_create"
            def up(self, migrator):
                migrator.create_table("note", {"id": AutoField(), "text": TextField()})
                migrator.sql("INSERT INTO note (text) VALUES ('a'), ('b')")
        """,
    "myapp/migrations/m20240102_000000_rank.py": """
        from peewee import IntegerField
        from ormmigrate import BaseMigration
        class Rank(BaseMigration):
            id = "20240102_000000_rank"
            def up(self, migrator):
                migrator.add_column("note", "rank", IntegerField(default=1))
        """,
}
FIRST = "['20240101_000000_create', '20240102_000000_rank'] [1, 1] [('applied', {0}), ('applied', {0})]"
SECOND = "[] [1, 1] [('applied', {0}), ('applied', {0})]"


def write_application(folder: Path) -> Path:
    for name, text in APPLICATION.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
    return folder


def run(arguments: list[str], url: str, cwd: Path) -> str:
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=False, cwd=cwd, env={"DATABASE": url, "PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_from_a_zip_application(tmp_path: Path, file_place: Place):
    source = write_application(tmp_path / "source")
    (source / "__main__.py").write_text("import myapp.__main__\n")
    archive = tmp_path / "app.pyz"
    zipapp.create_archive(source, archive)
    for expected in (FIRST, SECOND):
        assert run([sys.executable, str(archive)], file_place.url, tmp_path) == expected.format(True)


def test_without_sources_migrations_are_unverified_and_run(tmp_path: Path, file_place: Place):
    source = write_application(tmp_path / "source")
    (source / "__main__.py").write_text("import myapp.__main__\n")
    compileall.compile_dir(source, legacy=True, quiet=1)
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as compiled:
        for path in source.rglob("*.pyc"):
            compiled.write(path, path.relative_to(source))
    for expected in (FIRST, SECOND):
        assert run([sys.executable, str(archive)], file_place.url, tmp_path) == expected.format(False)


def test_from_an_installed_wheel(tmp_path: Path, file_place: Place):
    source = write_application(tmp_path / "source")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "myapp"\nversion = "1"\n[tool.setuptools.packages.find]\ninclude = ["myapp*"]\n'
    )
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for project in (source, ROOT):
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(project)], check=True)
    venv.create(tmp_path / "venv", system_site_packages=False, with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "peewee>=4.5,<5"], check=True)
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", *map(str, wheels.glob("*.whl"))], check=True)
    for expected in (FIRST, SECOND):
        assert run([str(python), "-m", "myapp"], file_place.url, tmp_path) == expected.format(True)


def pooled(place: Place, **options: object) -> peewee.Database:
    plain = inner(place.database())
    kinds = {FILE: PooledSqliteDatabase, PG: PooledPostgresqlDatabase}
    kind = kinds.get(place.kind, PooledMySQLDatabase)
    return kind(plain.database, max_connections=1, **{**plain.connect_params, **options})


def test_a_pool_with_one_connection(shared_place: Place):
    pool = pooled(shared_place)
    database = Database(pool, migrations=[Create, Rank])
    assert database.register_models([]).applied == (Create.id, Rank.id)
    assert database.is_closed()
    assert not database.register_models([])
    with database.connection_context():
        assert sorted(database.execute_sql("SELECT text, rank FROM note").fetchall()) == [("a", 2), ("b", 2)]
        assert not database.register_models([])
    pool.close_all()


def test_autoconnect_switched_off(shared_place: Place):
    plain = inner(shared_place.database())
    strict = type(plain)(plain.database, autoconnect=False, **plain.connect_params)
    database = Database(strict, migrations=[Create, Rank])
    assert database.register_models([])
    assert database.is_closed()
    assert not database.register_models([])


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg3"])
def test_isolation_level_repeatable_read(postgresql_place: Place, driver: str):
    """Under it the statement that takes the lock would take the snapshot as well, and all would migrate."""
    pytest.importorskip("psycopg2" if driver == "psycopg2" else "psycopg", reason=f"{driver} is not installed")
    plain = inner(postgresql_place.database())
    barrier = threading.Barrier(6)
    troubles, reports = [], []

    def start() -> None:
        own = peewee.PostgresqlDatabase(
            plain.database,
            isolation_level="REPEATABLE READ",
            prefer_psycopg3=driver == "psycopg3",
            **plain.connect_params,
        )
        barrier.wait()
        try:
            reports.append(Database(own, migrations=[Create, Rank]).register_models([]))
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert [report.applied for report in reports if report] == [(Create.id, Rank.id)]
    plain.connect()
    assert set(plain.execute_sql("SELECT rank FROM note").fetchall()) == {(2,)}
    plain.close()


class Invoice(BaseMigration):
    id = "20240101_120000_invoice"

    def up(self, migrator):
        migrator.create_table("invoice", {"id": AutoField(), "note_id": IntegerField()})
        migrator.sql("INSERT INTO invoice (note_id) SELECT id FROM note", reverse="DELETE FROM invoice")


class Total(BaseMigration):
    id = "20240103_000000_total"
    depends_on = ("app:20240102_000000_rank",)

    def up(self, migrator):
        migrator.add_column("invoice", "total", IntegerField(default=0))


def test_several_registries_share_one_database(place: Place):
    app, billing = Registry([Create, Rank]), Registry([Invoice, Total], name="billing")
    database = place.database([billing, app])
    report = database.register_models([])
    assert report.applied == (Create.id, f"billing:{Invoice.id}", Rank.id, f"billing:{Total.id}")
    database.connect(reuse_if_open=True)
    rows = database.execute_sql("SELECT registry, migration FROM ormmigrate_history ORDER BY seq").fetchall()
    assert [registry for registry, _ in rows] == ["ormmigrate"] * 2 + ["app", "billing", "app", "billing"]
    assert not database.register_models([])

    alone = Runner(database, app)
    assert not alone.up()
    assert [status.label for status in alone.status().migrations] == [Create.id, Rank.id]
    assert database.migrations.down(to=Create.id).reverted == (
        f"billing:{Total.id}",
        Rank.id,
        f"billing:{Invoice.id}",
    )


def test_initialize_points_at_another_database_in_tests(file_place: Place):
    db = file_place.database([Create, Rank])

    class Note(db.Model):
        text = TextField()
        rank = IntegerField()

    db.register_models([Note])
    db.initialize("sqlite:///:memory:")
    assert db.register_models([Note])
    Note.create(text="c", rank=5)
    assert Note.select().count() == 3

    memory = peewee.SqliteDatabase(":memory:")
    db.initialize(memory)
    assert db.register_models([Note]).applied == (Create.id, Rank.id)
    assert Note.select().count() == 2
    db.initialize(peewee.SqliteDatabase(file_place.url.removeprefix("sqlite:///")))
    assert not db.register_models([Note])
    assert Note.select().count() == 2


def test_the_runner_works_on_any_peewee_database(place: Place):
    plain = inner(place.database())
    runner = Runner(plain, [Create, Rank])
    assert runner.plan().labels == (Create.id, Rank.id)
    assert runner.up(to=Create.id).applied == (Create.id,)
    assert [status.state for status in runner.status().migrations] == ["applied", "pending"]
    assert runner.plan(to=Rank.id).direction == "up"
    assert runner.up().applied == (Rank.id,)
    plan = runner.plan(to=Create.id)
    assert (plan.direction, plan.labels) == ("down", (Rank.id,))
    assert runner.status()
    proxy = peewee.DatabaseProxy()
    proxy.initialize(plain)
    assert not Runner(proxy, [Create, Rank]).up()
