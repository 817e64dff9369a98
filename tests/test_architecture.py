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
    ("environments", "events"),
    ("operations",),
    ("migration",),
    ("syntax",),
    ("definitions",),
    ("checksum", "registry"),
    ("plan",),
    ("report",),
    # Above: pure. Below: input and output.
    ("urls", "connection"),
    ("dialects.violations", "dialects.script", "dialects.base", "dialects.ddl"),
    ("dialects.sqlite", "dialects.postgresql", "dialects.mysql"),
    ("dialects.engine",),
    ("dialects.sqlite_engine", "dialects.postgresql_engine", "dialects.mysql_engine"),
    ("dialects",),
    ("history",),
    ("migrations",),
    ("tables",),
    ("migrator",),
    ("live", "recording"),
    ("failures", "sync", "replay"),
    ("batch",),
    ("stamping", "status"),
    ("runner",),
    ("comparison",),
    ("database",),
    ("listing", "naming"),
    ("layout",),
    ("registration",),
    ("application", "location"),
    ("project",),
    ("cli",),
)
#: Everything up to the report decides, and touches nothing.
PURE = [name for layer in LAYERS[: LAYERS.index(("report",)) + 1] for name in layer]
PURE += ["listing", "naming", "layout", "registration"]
#: Imported when they are first needed, and so allowed to stand later than who imports them.
LAZY = {
    ("dialects.sqlite", "dialects.sqlite_engine"),
    ("dialects.postgresql", "dialects.postgresql_engine"),
    ("dialects.mysql", "dialects.mysql_engine"),
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


def test_only_dialects_tell_databases_apart():
    for name, path in modules().items():
        if name.partition(".")[0] in ("dialects", "urls"):
            continue
        text = path.read_text(encoding="utf-8")
        for word in ("SqliteDatabase)", "PostgresqlDatabase)", "MySQLDatabase)", "dialect.name =="):
            assert f", {word}" not in text, f"{name} asks what kind of database it is"
