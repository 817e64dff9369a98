"""The house of DESIGN.md: which file may import which. Imports run downwards only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ormmigrate"

#: From the ground up: a module imports modules of earlier lines only, and those of its own line never.
LAYERS = (
    ("version",),
    ("errors",),
    ("environments", "events", "limits"),
    ("fields",),
    ("operations", "schema"),
    ("migration",),
    # From two schemas to operations, and on to a file.
    ("literals", "likeness", "losses"),
    ("building",),
    ("facts",),
    ("filling",),
    ("altering",),
    ("diff",),
    # From operations to source, from texts to whole calls.
    ("rendering",),
    ("rendering.strings",),
    ("rendering.expressions",),
    ("rendering.values", "rendering.imports"),
    ("rendering.likening", "rendering.defaults"),
    ("rendering.fields",),
    ("rendering.calls",),
    ("render",),
    ("syntax",),
    ("definitions",),
    ("checksum", "registry"),
    ("plan",),
    ("report",),
    # Above: pure. Below: input and output.
    ("urls", "connection"),
    (
        "dialects.violations",
        "dialects.script",
        "dialects.base",
        "dialects.ddl",
        "dialects.backfilling",
    ),
    ("dialects.sqlite.tokens", "dialects.sqlite.values", "dialects.sqlite.refusals"),
    ("dialects.mysql.codes", "dialects.postgresql.codes"),
    ("dialects.mysql.definition",),
    ("dialects.mysql.confined", "dialects.mysql.key_indexes", "dialects.mysql.indexed"),
    # MariaDB and MySQL: how a table is brought back to what it was.
    ("dialects.mysql.restoring_text",),
    ("dialects.mysql.restoring_statement", "dialects.mysql.restoring_types", "dialects.mysql.restoring_triggers"),
    ("dialects.mysql.restoring_columns",),
    ("dialects.mysql.restoring_table",),
    ("dialects.mysql.restoring",),
    ("dialects.mysql.relations", "dialects.mysql.watched", "dialects.postgresql.locking"),
    ("dialects.sqlite.dialect", "dialects.postgresql.dialect", "dialects.mysql.dialect"),
    ("dialects.engine", "dialects.beside"),
    # PostgreSQL, from the words of a statement to the steps of an operation.
    ("dialects.postgresql.statements", "dialects.postgresql.names", "dialects.postgresql.waiting"),
    ("dialects.postgresql.expressions", "dialects.postgresql.reading"),
    ("dialects.postgresql.fields", "dialects.postgresql.own_types"),
    ("dialects.postgresql.scratching",),
    ("dialects.postgresql.catalogue", "dialects.postgresql.literals", "dialects.postgresql.explaining"),
    ("dialects.postgresql.canonical",),
    ("dialects.postgresql.inspecting",),
    ("dialects.postgresql.resembling",),
    ("dialects.postgresql.constraining", "dialects.postgresql.renaming", "dialects.postgresql.concerned"),
    ("dialects.postgresql.drafts", "dialects.postgresql.remaking"),
    ("dialects.postgresql.retyping",),
    ("dialects.postgresql.drafting",),
    ("dialects.postgresql.grouping", "dialects.postgresql.alikeness"),
    ("dialects.postgresql.online",),
    # MariaDB and MySQL, from what they refuse to what changes a table.
    ("dialects.mysql.refusals", "dialects.mysql.server"),
    # How a database is read, and where one is built to be read.
    ("dialects.mysql.catalogue", "dialects.mysql.inspecting_text", "dialects.mysql.fields"),
    ("dialects.mysql.inspecting_shown",),
    ("dialects.mysql.inspecting_columns",),
    ("dialects.mysql.inspecting_indexes", "dialects.mysql.scratching"),
    ("dialects.mysql.words", "dialects.mysql.broken"),
    ("dialects.mysql.drafts", "dialects.mysql.reading", "dialects.mysql.retyping"),
    ("dialects.mysql.inspecting",),
    ("dialects.mysql.clauses", "dialects.mysql.algorithms", "dialects.mysql.filling", "dialects.mysql.undoing"),
    (
        "dialects.mysql.dropping",
        "dialects.mysql.referring",
        "dialects.mysql.keeping",
        "dialects.mysql.constraint_words",
    ),
    ("dialects.mysql.constraining",),
    ("dialects.mysql.drafting",),
    ("dialects.mysql.altering",),
    ("dialects.postgresql.engine", "dialects.mysql.engine"),
    # SQLite, from what reads a table to what changes it.
    ("dialects.sqlite.definition",),
    ("dialects.sqlite.reading",),
    ("dialects.sqlite.canonical",),
    ("dialects.sqlite.meaning", "dialects.sqlite.glances", "dialects.sqlite.ordering"),
    ("dialects.sqlite.edits", "dialects.sqlite.tables", "dialects.sqlite.sought"),
    # From what SQLite says of its tables to a schema.
    ("dialects.sqlite.pragmas", "dialects.sqlite.virtual", "dialects.sqlite.stored", "dialects.sqlite.said"),
    ("dialects.sqlite.interpreting", "dialects.sqlite.plain", "dialects.sqlite.fields"),
    ("dialects.sqlite.inspecting",),
    ("dialects.sqlite.drafts", "dialects.sqlite.dependents"),
    ("dialects.sqlite.words", "dialects.sqlite.constraining", "dialects.sqlite.findings"),
    ("dialects.sqlite.using", "dialects.sqlite.altering"),
    ("dialects.sqlite.drafting",),
    ("dialects.sqlite.rebuilding", "dialects.sqlite.index_names"),
    ("dialects.sqlite.strategies",),
    ("dialects.sqlite.grouping",),
    ("dialects.sqlite.engine",),
    ("dialects.sqlite.migrator",),
    ("dialects.sqlite",),
    ("dialects.postgresql", "dialects.mysql"),
    ("dialects",),
    ("dialects.places",),
    ("history", "journal"),
    ("migrations",),
    ("tables",),
    ("migrator",),
    ("journaling", "backfills"),
    ("live", "recording"),
    ("failures", "sync", "replay", "integrity", "stepping", "interrupted"),
    # Where schemas come from.
    ("models",),
    ("sources",),
    ("dumping",),
    ("recovery",),
    ("continuing", "bookkeeping"),
    ("batch",),
    ("stamping", "status"),
    ("runner",),
    ("comparison",),
    ("renaming",),
    ("database",),
    ("listing", "naming"),
    ("layout",),
    ("registration", "moving"),
    ("application", "location", "files"),
    ("project",),
    ("rebasing", "generating"),
    ("starting",),
    # A schema as models and as a first migration.
    ("initial",),
    ("modelling.names", "modelling.types"),
    ("modelling.drafts",),
    ("modelling.index_names",),
    ("modelling.columns",),
    ("modelling.classes",),
    ("modelling.source",),
    ("modelling",),
    ("adopting",),
    ("cli",),
    # The tests of an application.
    ("testing.values", "testing.survival"),
    ("testing.rows", "testing.findings", "testing.application"),
    ("testing.trial", "testing.walk"),
    ("testing.ready_made",),
    ("testing",),
    ("pytest_plugin",),
)
#: Everything up to the report decides, and touches nothing.
PURE = [name for layer in LAYERS[: LAYERS.index(("report",)) + 1] for name in layer]
PURE += ["listing", "naming", "layout", "registration"]
#: Imported when they are first needed, and so allowed to stand later than who imports them.
LAZY = {
    ("runner", "comparison"),
    ("dialects.mysql.dialect", "dialects.mysql.inspecting_text"),
    ("dialects.sqlite.dialect", "dialects.sqlite.engine"),
    ("dialects.sqlite.dialect", "dialects.sqlite.dependents"),
    ("dialects.sqlite.dialect", "dialects.sqlite.inspecting"),
    ("dialects.sqlite.dialect", "dialects.sqlite.fields"),
    ("dialects.postgresql.dialect", "dialects.postgresql.engine"),
    ("dialects.postgresql.dialect", "dialects.postgresql.scratching"),
    ("dialects.postgresql.dialect", "dialects.postgresql.inspecting"),
    ("dialects.postgresql.dialect", "dialects.postgresql.fields"),
    ("dialects.mysql.dialect", "dialects.mysql.engine"),
    ("dialects.sqlite.dialect", "dialects.sqlite.beside"),
    ("dialects.postgresql.dialect", "dialects.postgresql.beside"),
    ("dialects.mysql.dialect", "dialects.mysql.beside"),
    ("dialects.mysql.dialect", "dialects.mysql.watched"),
    ("dialects.mysql.dialect", "dialects.mysql.undoing"),
    ("dialects.mysql.dialect", "dialects.mysql.broken"),
    ("dialects.mysql.dialect", "dialects.mysql.inspecting"),
    ("dialects.mysql.dialect", "dialects.mysql.fields"),
    ("dialects.mysql.dialect", "dialects.mysql.scratching"),
}
COMMAND_LINE = {"click", "rich"}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = path
    return found


def layer_of(name: str) -> int | None:
    """The line that a module stands in: its own, or that of its folder."""
    for number, layer in enumerate(LAYERS):
        if name in layer:
            return number
    folder, _, _ = name.rpartition(".")
    return layer_of(folder) if folder else None


def imports_of(path: Path) -> set[str]:
    """What a file imports when it runs, `if TYPE_CHECKING:` left out."""
    found = set()
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        pending += ast.iter_child_nodes(node)
    return found


def own(name: str, known: dict[str, Path]) -> str | None:
    """The module of ours that an imported name means, or None."""
    if not name.startswith("ormmigrate."):
        return None
    name = name.removeprefix("ormmigrate.")
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None


@pytest.mark.parametrize("name", [name for name in modules() if name not in ("", "__main__")])
def test_imports_run_downwards_only(name: str):
    known = modules()
    place = layer_of(name)
    assert place is not None, f"{name} has no line in LAYERS"
    for imported in imports_of(known[name]):
        target = own(imported, known)
        if target is None or target == name or (name, target) in LAZY:
            continue
        there = layer_of(target)
        same_room = name.partition(".")[0] == target.partition(".")[0]
        assert there is not None
        assert there < place or (same_room and there == place), f"{name} imports {target}, which stands above it"


@pytest.mark.parametrize("name", PURE)
def test_what_decides_touches_neither_database_nor_disk(name: str):
    imported = {found.partition(".")[0] for found in imports_of(modules()[name])}
    allowed = {"os"} if name == "environments" else {"sys", "tokenize"} if name == "checksum" else set()
    assert not imported & (
        {"os", "sys", "pathlib", "shutil", "sqlite3", "subprocess", "playhouse", "tokenize"} - allowed
    )


def test_only_the_command_line_imports_click_and_rich():
    for name, path in modules().items():
        if name.partition(".")[0] != "cli":
            imported = {found.partition(".")[0] for found in imports_of(path)}
            assert not imported & COMMAND_LINE, name


KINDS_OF_DATABASE = {"SqliteDatabase", "PostgresqlDatabase", "MySQLDatabase"}


def last_names(node: ast.AST) -> set[str]:
    """Every name in an expression, without what it is an attribute of: `peewee.X` and `(X, Y)` give X and Y."""
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)} | {
        found.attr for found in ast.walk(node) if isinstance(found, ast.Attribute)
    }


def is_name_of_a_dialect(node: ast.AST) -> bool:
    """`dialect.name`, `self._dialect.name`, `dialect_of(database).name`."""
    if not (isinstance(node, ast.Attribute) and node.attr == "name"):
        return False
    owner = node.value.func if isinstance(node.value, ast.Call) else node.value
    called = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return called.strip("_") in ("dialect", "dialect_of")


def asks_which_database(tree: ast.AST) -> list[int]:
    """The lines that ask what kind of database one is."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            kinds = [node.func.id in ("isinstance", "issubclass") and last_names(one) for one in node.args[1:]]
            asks = any(names and names & KINDS_OF_DATABASE for names in kinds)
        elif isinstance(node, ast.Compare):
            sides = [found for side in (node.left, *node.comparators) for found in ast.walk(side)]
            asks = any(is_name_of_a_dialect(side) or last_names(side) & KINDS_OF_DATABASE for side in sides)
        elif isinstance(node, ast.Match):
            classes = {name for case in node.cases for name in last_names(case.pattern)}
            asks = is_name_of_a_dialect(node.subject) or bool(classes & KINDS_OF_DATABASE)
        else:
            continue
        if asks:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "source",
    [
        "isinstance(db, SqliteDatabase)",
        "isinstance(db, peewee.MySQLDatabase)",
        "isinstance(db, (int, peewee.PostgresqlDatabase))",
        "isinstance(db, int | PostgresqlDatabase)",
        "issubclass(type(db), (SqliteDatabase,))",
        "type(db) is SqliteDatabase",
        "dialect.name == 'SQLite'",
        "'SQLite' != self._dialect.name",
        "self.dialect.name.lower() in ('sqlite', 'mysql')",
        "dialect_of(db).name == 'MySQL'",
        "match db:\n    case peewee.SqliteDatabase(): pass",
        "match dialect.name:\n    case 'SQLite': pass",
    ],
)
def test_every_way_to_ask_which_database_it_is_is_seen(source: str):
    assert asks_which_database(ast.parse(source)) == [1]


@pytest.mark.parametrize(
    "source",
    ["isinstance(db, peewee.Database)", "SqliteDatabase(path)", "registry.name == wanted", "print(dialect.name)"],
)
def test_what_asks_something_else_is_not_taken_for_it(source: str):
    assert asks_which_database(ast.parse(source)) == []


def test_only_dialects_tell_databases_apart():
    for name, path in modules().items():
        if name.partition(".")[0] != "dialects" and name != "urls":
            lines = asks_which_database(ast.parse(path.read_text(encoding="utf-8")))
            assert not lines, f"{name} asks what kind of database it is, in the lines {lines}"
