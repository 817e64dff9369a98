"""The pages of docs/: their code runs, their error messages are the real ones, their commands and links exist."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import peewee
import pytest
from click.testing import CliRunner
from peewee import SQL, AutoField, CharField, ForeignKeyField, IntegerField, TextField
from places import MARIA, MYSQL, PG, POSTGRESQL, REQUIRED, Place, place_of
from playhouse.pool import PooledSqliteDatabase

from ormmigrate import (
    BaseMigration,
    Database,
    Limits,
    MigrationError,
    MigrationFailed,
    Migrator,
    UnsupportedOperation,
    reference,
)
from ormmigrate.cli import cli

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: What each page must hold at least: blocks that are executed, files that are written, messages that are produced.
PAGES = {
    "generating": (0, 1, 0),
    "writing": (2, 3, 1),
    "running": (4, 2, 3),
    "testing": (0, 7, 0),
    "trouble": (1, 0, 13),
    "servers": (0, 3, 1),
}
BLOCK = re.compile(r"^<!-- (run|file|message)(?:: (\S+))? -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"`python -m ormmigrate ([^`]*)`|^python -m ormmigrate (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block with a marking comment: `run` executes it, `file` writes it, `message` is an error's text."""

    kind: str
    argument: str
    text: str
    line: int


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, *kinds: str) -> list[Block]:
    text = page(name)
    found = [
        Block(match[1], match[2] or "", match[3], text.count("\n", 0, match.start(3)))
        for match in BLOCK.finditer(text)
    ]  # fmt: skip
    return [block for block in found if block.kind in kinds]


# -- code ---------------------------------------------------------------------------------------


@contextmanager
def importing_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand in a folder and import from it; what was imported from there is forgotten afterwards."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


def write(block: Block, folder: Path) -> None:
    path = folder / block.argument
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_code_of_a_page_runs_in_the_order_in_which_it_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace: dict[str, object] = {"__name__": f"docs_{name}"}
    with importing_from(tmp_path, monkeypatch):
        for block in blocks(name, "run", "file"):
            if block.kind == "file":
                write(block, tmp_path)
                compile(block.text, f"{name}.md: {block.argument}", "exec")
            else:
                code = compile("\n" * block.line + block.text, f"{name}.md", "exec")
                exec(code, namespace)


@pytest.mark.parametrize(("name", "least"), PAGES.items())
def test_no_block_has_lost_its_mark(name: str, least: tuple[int, int, int]) -> None:
    found = tuple(len(blocks(name, kind)) for kind in ("run", "file", "message"))
    assert all(number >= minimum for number, minimum in zip(found, least)), found
    marks = re.findall(r"^<!-- (?:run|file|message)", page(name), re.MULTILINE)
    assert len(marks) == sum(found), "a mark stands before something that is no fenced block"
    python = re.findall(r"^```python$", page(name), re.MULTILINE)
    marked = [block for block in blocks(name, "run", "file") if not block.argument.endswith(".toml")]
    assert len(python) == len(marked), "a Python block is neither run nor written"


def test_the_migrations_of_the_writing_page_leave_the_default_rows_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for block in blocks("writing", "file"):
        write(block, tmp_path)
    with importing_from(tmp_path, monkeypatch):
        from shop.migrations import registry  # type: ignore[import-not-found]  # written above

        database = Database("sqlite:///:memory:", migrations=registry, environment="test")
        create_user, create_roles = registry
        database.migrations.up(to=create_user.id)
        database.execute_sql("INSERT INTO user (email, is_active) VALUES ('ann@example.org', 1)")
        database.execute_sql("CREATE TABLE role (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL)")
        database.execute_sql("INSERT INTO role (name) VALUES ('member')")
        database.migrations.up()
        assert database.execute_sql("SELECT name FROM role ORDER BY id").fetchall() == [("member",), ("admin",)]
        assert database.execute_sql("SELECT bio, role_id FROM user").fetchall() == [(None, 1)]
        assert database.migrations.down(only=create_roles.id)
        assert [column.name for column in database.get_columns("user")] == ["id", "email", "is_active"]
        database.close()


def test_the_repair_of_the_trouble_page_brings_a_table_back_and_leaves_one_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, type[BaseMigration]] = {"__name__": "docs_trouble"}  # type: ignore[dict-item]
    exec(blocks("trouble", "run")[0].text, namespace)
    database = start(CreateUser, AddBio)
    repair = namespace["RepairUser"]
    database.execute_sql("INSERT INTO user (email) VALUES ('ann@example.org')")
    assert start(CreateUser, AddBio, repair).migrations.down().reverted == (repair.id,)
    assert database.execute_sql("SELECT email FROM user").fetchall() == [("ann@example.org",)]
    database.execute_sql("DROP TABLE user")
    start(CreateUser, AddBio, repair)
    assert [column.name for column in database.get_columns("user")] == ["id", "email", "bio"]
    database.close()


def test_the_tests_of_the_testing_page_pass(tmp_path: Path) -> None:
    files = blocks("testing", "file")
    for block in files:
        write(block, tmp_path)
    written = sum(block.text.count("\ndef test_") for block in files)
    for url in ("", POSTGRESQL, MYSQL) if REQUIRED else ("",):
        environment = {**os.environ, "ORMMIGRATE_TEST_DATABASE": url}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
            capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        passed = re.search(r"(\d+) passed", done.stdout)
        assert passed is not None
        # The ready-made ones: the registry's; in memory and on the server two, and two for each of two migrations.
        ready_made = 1 + (2 + 2 * 2) * (2 if url else 1)
        assert int(passed[1]) == written + ready_made


# -- messages -----------------------------------------------------------------------------------


class CreateUser(BaseMigration):
    id = "20240601_120000_create_user"

    def up(self, migrator):
        migrator.create_table("user", {"id": AutoField(), "email": CharField()})


class AddBio(BaseMigration):
    id = "20240602_120000_add_bio"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))


class AddBioEdited(BaseMigration):
    id = "20240602_120000_add_bio"

    def up(self, migrator):
        migrator.add_column("user", "bio", CharField(null=True))


class AddBioFailing(BaseMigration):
    id = "20240602_120000_add_bio"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))
        migrator.sql("UPDATE users SET bio = ''")


class AddBioKept(BaseMigration):
    id = "20240602_120000_add_bio"

    def up(self, migrator):
        migrator.sql("UPDATE user SET email = LOWER(email)")
        migrator.add_column("user", "bio", TextField(null=True))
        migrator.sql("UPDATE users SET bio = ''")


class AddBioWrong(BaseMigration):
    id = "20240602_120000_add_bio"

    def up(self, migrator):
        migrator.sql("ALTER TABLE users ADD COLUMN bio TEXT")


class FillBio(BaseMigration):
    id = "20240602_120000_fill_bio"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))
        migrator.sql("UPDATE user SET bio = email")


class IndexEmail(BaseMigration):
    id = "20240602_120000_index_email"

    def up(self, migrator):
        migrator.add_index("user", ("email",))


class DropEmail(BaseMigration):
    id = "20240603_120000_drop_email"

    def up(self, migrator):
        migrator.drop_column("user", "email")


class AddCity(BaseMigration):
    id = "20240602_180000_add_city"

    def up(self, migrator):
        migrator.add_column("user", "city", TextField(null=True))


class DropBio(BaseMigration):
    id = "20240603_120000_drop_bio"

    def up(self, migrator):
        migrator.drop_column("user", "bio")


class CreatePets(BaseMigration):
    id = "20240602_120000_create_pets"

    def up(self, migrator):
        migrator.create_table("pet", {"id": AutoField(), "owner_id": ForeignKeyField(reference("user"))})
        migrator.sql("INSERT INTO user (id, email) VALUES (1, 'ann@example.org')")
        migrator.sql("INSERT INTO pet (owner_id) VALUES (1)")


class DropUser(BaseMigration):
    id = "20240603_120000_drop_user"

    def up(self, migrator):
        migrator.sql("DELETE FROM user")


def start(*migrations: type[BaseMigration], url: str = "sqlite:///shop.db", **options: object) -> Database:
    """A start of the application with those migrations."""
    database = Database(url, migrations=migrations, **options)  # type: ignore[arg-type]
    database.register_models([])
    return database


def failed(folder: Path) -> None:
    start(CreateUser)
    start(CreateUser, AddBioFailing)


def orphans(folder: Path) -> None:
    start(CreateUser, CreatePets)
    start(CreateUser, CreatePets, DropUser)


def differs(folder: Path) -> None:
    sqlite3.connect("shop.db").execute("CREATE TABLE user (id INTEGER NOT NULL PRIMARY KEY, name TEXT)")
    start(CreateUser)


def inside(folder: Path) -> None:
    database = Database("sqlite:///shop.db", migrations=[CreateUser])
    with database.atomic():
        database.register_models([])


def lock_postgresql(folder: Path) -> None:
    with place_of(PG, folder) as place:
        held, done = threading.Event(), threading.Event()

        class Waits(BaseMigration):
            id = "20240601_120000_waits"

            def up(self, migrator):
                held.set()
                done.wait(30)

        thread = threading.Thread(target=start, args=(Waits,), kwargs={"url": place.url})
        thread.start()
        held.wait(30)
        try:
            start(Waits, url=place.url, lock_timeout_s=0.1)
        finally:
            done.set()
            thread.join()


def irreversible(folder: Path) -> None:
    start(CreateUser, AddBio, DropBio).migrations.down()


def changed(folder: Path) -> None:
    start(CreateUser, AddBio)
    start(CreateUser, AddBioEdited, DropBio)


def ahead(folder: Path) -> None:
    start(CreateUser, AddBio, DropBio)
    start(CreateUser, AddBio)


def out_of_order(folder: Path) -> None:
    start(CreateUser, AddBio, DropBio)
    start(CreateUser, AddBio, AddCity, DropBio)


def read_only(folder: Path) -> None:
    start(CreateUser)
    # Who runs the tests may be allowed to write everything.
    database = peewee.SqliteDatabase("file:shop.db?mode=ro", uri=True)
    Database(database, migrations=[CreateUser, AddBio]).register_models([])


def not_a_database(folder: Path) -> None:
    Path("shop.db").write_text("Dear diary, today I was taken for a database.\n" * 100)
    start(CreateUser)


def full(folder: Path) -> None:
    start(CreateUser).execute_sql("INSERT INTO user (email) VALUES (?)", ("a" * 100_000,))
    # The file has all the pages that it may have.
    database = peewee.SqliteDatabase("shop.db", pragmas={"max_page_count": 1})
    Database(database, migrations=[CreateUser, FillBio]).register_models([])


def pool(folder: Path) -> None:
    connections = PooledSqliteDatabase("shop.db", max_connections=1)
    # A thread that ends without giving its connection back.
    thread = threading.Thread(target=connections.connect)
    thread.start()
    thread.join()
    Database(connections, migrations=[CreateUser]).register_models([])


def indexed(folder: Path) -> None:
    start(CreateUser, IndexEmail, DropEmail)


def nulls(folder: Path) -> None:
    class ForbidNull(BaseMigration):
        id = "20240603_120000_forbid_null"

        def up(self, migrator):
            migrator.add_column("user", "note", TextField(null=True))
            migrator.add_not_null("user", "note")

    database = start(CreateUser)
    database.execute_sql("INSERT INTO user (email) VALUES ('a'), ('b')")
    start(CreateUser, ForbidNull)


def made_from_model(folder: Path) -> str:
    database = start()
    model = type("User", (database.Model,), {"email": CharField()})
    (warning,) = database.register_models([model]).warnings
    return warning


def kept(folder: Path) -> None:
    with place_of(MARIA, folder) as place:
        start(CreateUser, url=place.url)
        start(CreateUser, AddBioKept, url=place.url)


def table_in_use(folder: Path) -> None:
    with place_of(PG, folder) as place:
        reader = start(CreateUser, url=place.url)
        reader.connect(reuse_if_open=True)
        reader.begin()
        reader.execute_sql('SELECT * FROM "user"').fetchall()
        try:
            start(CreateUser, AddBio, url=place.url, limits=Limits(ddl_lock_timeout_s=1, ddl_tries=2))
        finally:
            reader.rollback()
            reader.close()


def unfinished(folder: Path) -> None:
    with place_of(MARIA, folder) as place:
        start(CreateUser, url=place.url)
        with pytest.raises(MigrationError):
            start(CreateUser, AddBioKept, url=place.url)
        start(CreateUser, AddBioKept, url=place.url)


#: Each raises the error that is quoted, or returns the warning.
PRODUCERS: dict[str, Callable[[Path], str | None]] = {
    producer.__name__: producer
    for producer in (
        failed, orphans, differs, inside, lock_postgresql, irreversible, changed, ahead, out_of_order, read_only,
        not_a_database, full, pool, indexed, nulls, made_from_model, kept, unfinished,
        table_in_use,
    )
}  # fmt: skip
MESSAGES = {block.argument: block for name in PAGES for block in blocks(name, "message")}


def comparable(text: str) -> str:
    """Without line ends, which the pages put where they like, and with every number alike."""
    words = " ".join(text.replace("file:shop.db?mode=ro", "shop.db").split())
    words = re.sub(r"\bt_[0-9a-f]{12}\b", "shop", words)  # a database of the test's own
    return re.sub(r"\d+(\.\d+)?", "0", words)


def test_every_quoted_message_has_somebody_who_produces_it() -> None:
    assert MESSAGES.keys() == PRODUCERS.keys()


@pytest.mark.parametrize("name", PRODUCERS)
def test_a_quoted_message_is_the_one_that_users_see(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        text = PRODUCERS[name](tmp_path)
    except MigrationError as error:
        text = str(error)
    assert text is not None, "neither an error nor a warning"
    quoted, said = comparable(MESSAGES[name].text), comparable(text)
    beginning, cut, _ = quoted.rpartition("...")
    if cut and quoted.endswith(cut):
        assert said.startswith(beginning.strip()), text
    else:
        assert said == quoted, text


# -- behaviour that the pages promise -----------------------------------------------------------


@pytest.fixture
def interrupted(mysql_place: Place) -> Place:
    """A database on which the migration of the trouble page failed half-way."""
    with pytest.raises(MigrationFailed):
        start(CreateUser, AddBioKept, url=mysql_place.url)
    return mysql_place


def test_the_repair_of_the_trouble_page_settles_a_migration_that_failed_half_way(interrupted: Place) -> None:
    _, _, section = page("trouble").partition("## Interrupted on MariaDB")
    repair = re.search(r'mariadb shop -e "(.*)"\npython -m ormmigrate settle (\S+) --(\w+)\n', section)
    assert repair is not None
    statement, id, outcome = repair.groups()
    database = Database(interrupted.url, migrations=[CreateUser, AddBio])
    database.execute_sql(statement)
    database.migrations.settle(id, outcome)  # type: ignore[arg-type]  # as it is typed
    assert database.migrations.up().applied == (id,)
    assert [column.name for column in database.get_columns("user")] == ["id", "email", "bio"]
    database.close()


def test_a_migration_of_which_nothing_took_effect_runs_at_the_next_start(mysql_place: Place) -> None:
    with pytest.raises(MigrationFailed, match="the database is as it was"):
        start(CreateUser, AddBioWrong, url=mysql_place.url)
    database = start(CreateUser, AddBio, url=mysql_place.url)
    assert database.migrations.status()
    database.close()


#: What the table of operations calls refused on SQLite, on a table with the columns a, b and c.
REFUSED: dict[str, Callable[[Migrator], None]] = {
    "drop_table": lambda m: m.drop_table("t", cascade=True),
    "add_column": lambda m: m.add_column("t", "d", IntegerField()),
    "drop_column": lambda m: m.drop_column("t", "a"),
    "alter_column_type": lambda m: m.alter_column_type("t", "b", TextField(), cast="b::text"),
    "add_index, a column that is not there": lambda m: m.add_index("t", ("d",)),
    "add_index, using": lambda m: m.add_index("t", ("b",), using="HASH"),
    "add_index, nulls_distinct": lambda m: m.add_index("t", ("b",), unique=True, nulls_distinct=False),
    "drop_constraint": lambda m: m.drop_constraint("t", "positive"),
    "drop_foreign_key_constraint": lambda m: m.drop_foreign_key_constraint("t", "b"),
    "dropping a column, in a constraint": lambda m: m.drop_column("t", "c", cascade=True),
}


@pytest.mark.parametrize("words", REFUSED)
def test_sqlite_refuses_what_the_writing_page_says(words: str) -> None:
    operation = words.partition(",")[0]
    assert f"`{operation}(" in page("writing") or f"### {operation.capitalize()}" in page("writing")

    class Change(BaseMigration):
        id = "20240602_120000_change"

        def up(self, migrator):
            columns = {"id": AutoField(), "a": IntegerField(), "b": IntegerField(), "c": IntegerField()}
            migrator.create_table("t", columns, indexes=[(("a", "b"), False)], constraints=[SQL("CHECK (c > b)")])
            REFUSED[words](migrator)

    with pytest.raises(MigrationFailed) as caught:
        start(Change, url="sqlite:///:memory:")
    assert isinstance(caught.value.__cause__, UnsupportedOperation)


def test_schemas_of_one_database_are_migrated_at_the_same_time(tmp_path: Path) -> None:
    with place_of(PG, tmp_path) as one, place_of(PG, tmp_path) as another:

        class Outer(BaseMigration):
            id = "20240601_120000_outer"

            def up(self, migrator):
                assert start(CreateUser, url=another.url, lock_timeout_s=5).migrations.status()

        assert start(Outer, url=one.url).migrations.status()


def test_looking_at_a_file_that_does_not_exist_does_not_make_it(tmp_path: Path) -> None:
    runner = Database(f"sqlite:///{tmp_path}/shop.db", migrations=[CreateUser]).migrations
    assert len(runner.status().pending) == len(runner.plan().migrations) == 1
    assert not list(tmp_path.iterdir())


# -- commands and links -------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_exists_with_its_options(name: str) -> None:
    found = [inline or line for inline, line in COMMAND.findall(page(name))]
    assert found
    for command in found:
        # Parsed, and not done.
        result = CliRunner().invoke(cli, [*shlex.split(command, comments=True), "--help"])
        assert result.exit_code == 0, f"{command}: {result.output}"
    known = {option for command in (cli, *cli.commands.values()) for option in _options(command)}
    assert set(re.findall(r"`(--[a-z-]+)", page(name))) <= known


def _options(command: click.Command) -> list[str]:
    return [option for parameter in command.params for option in parameter.opts]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    for target, anchor in LINK.findall(page(name)):
        if "://" in target:
            continue
        path = DOCS / (target or f"{name}.md")
        assert path.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings]
