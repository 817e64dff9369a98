"""Giving a migration a new time and the last place: the text of registries, the files, and the command."""

from __future__ import annotations

import ast
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from freezegun import freeze_time
from test_cli import Project, standing_in

from ormmigrate.listing import CannotEdit
from ormmigrate.moving import change_id, move_last

OLD, NEW = "m2_b", "m9_b"

# The list's second element, B of the module m2_b, is moved: the text before and afterwards.
MOVED = {
    "one line": (
        "from .m1 import A\nfrom .m2_b import B\nfrom .m3 import C\nregistry = Registry([A, B, C])\n",
        "from .m1 import A\nfrom .m3 import C\nfrom .m9_b import B\nregistry = Registry([A, C, B])\n",
    ),
    "one line, trailing comma": (
        "from .m2_b import B\nregistry = Registry([A, B, C,], name='shop')\n",
        "from .m9_b import B\nregistry = Registry([A, C, B,], name='shop')\n",
    ),
    "many lines, with comments and headings": (
        """
from ormmigrate import Registry

from .m1 import A
from .m2_b import B  # of the other branch
from .m3 import C, D

# In the order in which they run.
registry = Registry([
    # 2023
    A,  # first, [and last]
    B,  # of the other, (really)

    # 2024
    C,
    D,
    # new ones: python -m ormmigrate new
])
""",
        """
from ormmigrate import Registry

from .m1 import A
from .m3 import C, D
from .m9_b import B  # of the other branch

# In the order in which they run.
registry = Registry([
    # 2023
    A,  # first, [and last]

    # 2024
    C,
    D,
    B,  # of the other, (really)
    # new ones: python -m ormmigrate new
])
""",
    ),
    "no trailing comma": (
        "registry = Registry([\n    A,\n    B, # b\n    C\n])\nfrom .m2_b import B\n",
        "registry = Registry([\n    A,\n    C,\n    B # b\n])\nfrom .m9_b import B\n",
    ),
    "no trailing comma, a comment behind the last": (
        "registry = Registry([\n    A,\n    B,\n    C  # last\n])\n",
        "registry = Registry([\n    A,\n    C,  # last\n    B\n])\n",
    ),
    "the comma first on each line": (
        "registry = Registry([\n      A\n    , B  # b\n    , C\n])\n",
        "registry = Registry([\n      A\n    , C\n    , B  # b\n])\n",
    ),
    "several elements a line": (
        "registry = Registry([\n    A, B,  # of the line\n    C, D,\n])\n",
        "registry = Registry([\n    A,  # of the line\n    C, D,\n    B,\n])\n",
    ),
    "several elements a line, no comment": (
        "registry = Registry([\n    A, B,\n    C, D,\n])\n",
        "registry = Registry([\n    A,\n    C, D,\n    B,\n])\n",
    ),
    "several elements a line, the first of them": (
        "registry = Registry([\n    A,\n    B, C,\n    D,\n])\n",
        "registry = Registry([\n    A,\n    C,\n    D,\n    B,\n])\n",
    ),
    "hanging under the bracket": (
        "registry = Registry([A,\n                     B,\n                     C])\n",
        "registry = Registry([A,\n                     C,\n                     B])\n",
    ),
    "the bracket behind the last element": (
        "registry = Registry([\n    A,\n    B,\n    C,])\n",
        "registry = Registry([\n    A,\n    C,\n    B,])\n",
    ),
    "a comment that finds no place": (
        "registry = Registry([\n    A,\n    B,  # b\n    C])\n",
        None,
    ),
    "instances": (
        "from .m2_b import B\nregistry = Registry([\n    A(),\n    B(\n        1,\n    ),\n    C(),\n])\n",
        "from .m9_b import B\nregistry = Registry([\n    A(),\n    C(),\n    B(\n        1,\n    ),\n])\n",
    ),
    "a tuple": ("MIGRATIONS = (A, B, C)\n", "MIGRATIONS = (A, C, B)\n"),
    "a tuple without brackets": ("MIGRATIONS = A, B, C\n", "MIGRATIONS = A, C, B\n"),
    "a list with a name of its own": (
        "MIGRATIONS = [A, B, C]\nregistry = Registry(MIGRATIONS)\n",
        "MIGRATIONS = [A, C, B]\nregistry = Registry(MIGRATIONS)\n",
    ),
    "the modules are imported": (
        "from . import m1\nfrom . import m2_b\nfrom . import m3\nregistry = Registry([m1.A, m2_b.B, m3.C])\n",
        "from . import m1\nfrom . import m3\nfrom . import m9_b\nregistry = Registry([m1.A, m3.C, m9_b.B])\n",
    ),
    "the modules are imported in one statement": (
        "from . import (\n    m1,\n    m2_b,\n    m3,\n)\nregistry = Registry([m1.A, m2_b.B, m3.C])\n",
        "from . import (\n    m1,\n    m3,\n    m9_b,\n)\nregistry = Registry([m1.A, m3.C, m9_b.B])\n",
    ),
    "dotted modules": (
        "import s.m1, s.m2_b, s.m3\nregistry = Registry([s.m1.A, s.m2_b.B, s.m3.C])\n",
        "import s.m1, s.m3, s.m9_b\nregistry = Registry([s.m1.A, s.m3.C, s.m9_b.B])\n",
    ),
    "modules under other names": (
        "import s.m1 as m1\nimport s.m2_b as m2_b\nimport s.m3 as m3\nregistry = Registry([m1.A, m2_b.B, m3.C])\n",
        "import s.m1 as m1\nimport s.m3 as m3\nimport s.m9_b as m9_b\nregistry = Registry([m1.A, m3.C, m9_b.B])\n",
    ),
    "more than the class is imported": (
        "from .m2_b import (\n    LIMIT,\n    B,\n)\nfrom .m3 import C\nregistry = Registry([A, B, C])\n",
        "from .m3 import C\nfrom .m9_b import (\n    LIMIT,\n    B,\n)\nregistry = Registry([A, C, B])\n",
    ),
    "absolute imports": (
        "from s.m1 import A\nfrom s.m2_b import B as Late\nfrom s.m3 import C\nregistry = Registry([A, Late, C])\n",
        "from s.m1 import A\nfrom s.m3 import C\nfrom s.m9_b import B as Late\nregistry = Registry([A, C, Late])\n",
    ),
    "an import in a branch stays there": (
        "if True:\n    from .m2_b import B\nfrom .m3 import C\nregistry = Registry([A, B, C])\n",
        "if True:\n    from .m9_b import B\nfrom .m3 import C\nregistry = Registry([A, C, B])\n",
    ),
    "an import of * keeps the import before it": (
        "from .m2_b import B\nfrom .m0 import *\nfrom .m3 import C\nregistry = Registry([A, B, C])\n",
        "from .m9_b import B\nfrom .m0 import *\nfrom .m3 import C\nregistry = Registry([A, C, B])\n",
    ),
    "imports on one line stay there": (
        "from .m2_b import B; from .m3 import C\nregistry = Registry([A, B, C])\n",
        "from .m9_b import B; from .m3 import C\nregistry = Registry([A, C, B])\n",
    ),
    "code between the imports": (
        "from .m2_b import B\nB.hint = 1\nfrom .m3 import C\nregistry = Registry([A, B, C])\n",
        "from .m9_b import B\nB.hint = 1\nfrom .m3 import C\nregistry = Registry([A, C, B])\n",
    ),
    "characters of several bytes": (
        "from .m2_b import B\nfrom .m3 import Ö  # ünïcödé\nR = Registry(name='größe', migrations=[Ä, B, Ö])\n",
        "from .m3 import Ö  # ünïcödé\nfrom .m9_b import B\nR = Registry(name='größe', migrations=[Ä, Ö, B])\n",
    ),
    "tabs": (
        "registry = Registry([\n\tA,\n\tB,\t# b\n\tC,\n])\n",
        "registry = Registry([\n\tA,\n\tC,\n\tB,\t# b\n])\n",
    ),
    "the name of the module is in a comment": (
        "from .m2_b import B  # m2_b\nregistry = Registry([A, B, C])\n",
        "from .m9_b import B  # m2_b\nregistry = Registry([A, C, B])\n",
    ),
    "the name of the module is in a text": ("__all__ = ['m2_b']\nregistry = Registry([A, B, C])\n", None),
    "brackets of its own": ("registry = Registry([A, (B), C])\n", None),
    "computed": ("registry = Registry([A, B] + [C])\n", None),
    "changed elsewhere": ("MIGRATIONS = [A, B, C]\nMIGRATIONS.append(D)\n", None),
    "a syntax error": ("registry = Registry([A, B, C]\nx = 1", None),
}
EDITED = {name: texts for name, texts in MOVED.items() if texts[1] is not None}
REFUSED = {name: texts[0] for name, texts in MOVED.items() if texts[1] is None}


@pytest.mark.parametrize(("source", "wanted"), EDITED.values(), ids=EDITED)
def test_the_element_is_last_and_everything_else_stays(source: str, wanted: str):
    assert move_last(source, index=1, old=OLD, new=NEW) == wanted


@pytest.mark.parametrize(("source", "wanted"), EDITED.values(), ids=EDITED)
@pytest.mark.parametrize("newline", ["\r\n", "\r"], ids=["CRLF", "CR"])
def test_the_line_ends_and_a_byte_order_mark_stay(source: str, wanted: str, newline: str):
    moved = move_last("\ufeff" + source.replace("\n", newline), index=1, old=OLD, new=NEW)
    assert moved == "\ufeff" + wanted.replace("\n", newline)


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_moved_safely_is_refused(source: str):
    with pytest.raises(CannotEdit):
        move_last(source, index=1, old=OLD, new=NEW)


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("layout", ["[{}]", "[{},]", "[\n    {},\n]", "[\n    {}\n]", "[{}\n]", "(\n    {})"])
@pytest.mark.parametrize("joint", [", ", ",\n    ", ", # c\n    ", "\n    , "])
def test_every_place_of_every_layout_is_moved_or_refused(index: int, layout: str, joint: str):
    source = "MIGRATIONS = " + layout.format(joint.join("ABCD"))
    try:
        moved = move_last(source, index=index, old=OLD, new=OLD)
    except CannotEdit:
        assert "#" in joint  # a comment that would find no place
        return
    order = [name for place, name in enumerate("ABCD") if place != index] + ["ABCD"[index]]
    assert [element.id for element in ast.parse(moved).body[0].value.elts] == order
    assert moved.count("#") == source.count("#")


def test_the_last_one_stays_and_its_module_is_renamed():
    source = "from .m2_b import B\nregistry = Registry([A, B])\n"
    assert move_last(source, index=1, old=OLD, new=NEW) == source.replace(OLD, NEW)


# -- the id -------------------------------------------------------------------------------------

ID, LATER = "20240102_000000_b", "20240301_000000_b"


@pytest.mark.parametrize("written", ['"{}"', "'{}'", 'r"{}"', '"""{}"""', '("{}")'])
def test_only_the_literal_of_the_id_changes(written: str):
    source = (
        f'"""{ID}"""\n# {ID}\nOTHER = "{ID}"\n\n\nclass B(BaseMigration):\n    """{ID}"""\n\n'
        f'    id: str = {written.format(ID)}  # {ID}\n    name = "{ID}"\n'
    )
    changed = change_id(source, cls="B", old=ID, new=LATER)
    assert changed == source.replace(f"id: str = {written.format(ID)}", f"id: str = {written.format(LATER)}")


@pytest.mark.parametrize(
    "source",
    [
        f'ID = "{ID}"\nclass B:\n    id = ID\n',
        'class B:\n    id = "20240102_" "000000_b"\n',
        'class B:\n    id = "\\x32\\x30240102_000000_b"\n',
        f'class A:\n    id = "{ID}"\n',
        f'class B:\n    id = "{ID}"\nclass B:\n    id = "{ID}"\n',
        f'class B:\n    id = "{ID}"\n  x',
    ],
)
def test_an_id_that_is_not_written_out_is_refused(source: str):
    with pytest.raises(CannotEdit):
        change_id(source, cls="B", old=ID, new=LATER)


def test_an_id_in_depends_on_changes_with_or_without_its_registry():
    source = f'class B:\n    id = "{ID}"\n    depends_on = ("x", "{ID}", "shop:{ID}")\n'
    assert change_id(source, cls="B", old=ID, new=LATER, attribute="depends_on") == (
        f'class B:\n    id = "{ID}"\n    depends_on = ("x", "{LATER}", "shop:{LATER}")\n'
    )


# -- the command --------------------------------------------------------------------------------

USERS, BIOS, NOTES = "20240101_000000_users", "20240102_000000_bios", "20240103_000000_notes"
FILE = '''\
"""{title}."""

from ormmigrate import BaseMigration


class {title}(BaseMigration):
    id = "{id}"  # the id
    depends_on = ({needs})

    def up(self, migrator):
        migrator.sql("CREATE TABLE {table} (a)", reverse="DROP TABLE {table}")
'''
REGISTRY = f"""\
from ormmigrate import Registry

from .m{USERS} import Users
from .m{BIOS} import Bios
from .m{NOTES} import Notes

registry = Registry([
    Users,
    Bios,  # of the branch
    Notes,
])
"""
MOVED_REGISTRY = f"""\
from ormmigrate import Registry

from .m{USERS} import Users
from .m{NOTES} import Notes
from .m20240601_120000_bios import Bios

registry = Registry([
    Users,
    Notes,
    Bios,  # of the branch
])
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with a file for each of three migrations."""
    with standing_in(tmp_path, monkeypatch) as project, freeze_time("2024-06-01 12:00:00"):
        (tmp_path / project.package / "migrations.py").unlink()
        (tmp_path / project.package / "migrations").mkdir()
        for id in (USERS, BIOS, NOTES):
            write(project, id)
        project.write("migrations/__init__", REGISTRY)
        yield project


def write(project: Project, id: str, needs: str = "") -> None:
    table = id[16:]
    project.write(f"migrations/m{id}", FILE.format(title=table.capitalize(), id=id, table=table, needs=needs))


def files(project: Project) -> dict[str, str]:
    folder = project.root / project.package / "migrations"
    return {path.name: path.read_text() for path in sorted(folder.glob("*.py"))}


def test_file_id_import_and_line_follow_together(shop: Project):
    before = files(shop)
    assert f"{BIOS} is 20240601_120000_bios" in shop.done("rebase", BIOS)
    after = files(shop)
    assert after.pop("__init__.py") == MOVED_REGISTRY
    assert after.pop("m20240601_120000_bios.py") == before.pop(f"m{BIOS}.py").replace(BIOS, "20240601_120000_bios")
    del before["__init__.py"]
    assert after == before
    shop.done("up")
    assert shop.tables() == {"users", "notes", "bios"}


def test_a_branch_that_came_late_runs_after_the_rebase(shop: Project):
    shop.write("migrations/__init__", REGISTRY.replace("    Bios,  # of the branch\n", ""))
    shop.done("up")
    shop.write("migrations/__init__", REGISTRY)
    assert "older than" in shop.run("up").output
    shop.done("rebase", BIOS)
    shop.done("up")
    assert shop.tables() == {"users", "notes", "bios"}


def test_a_list_that_a_merge_left_in_the_wrong_order_is_mended(shop: Project):
    shop.write(
        "migrations/__init__", REGISTRY.replace("    Bios,  # of the branch\n    Notes,", "    Notes,\n    Bios,")
    )
    assert shop.run("status").exit_code == 2
    shop.done("rebase", BIOS)
    shop.done("up")
    assert files(shop)["__init__.py"] == MOVED_REGISTRY.replace("  # of the branch", "")


def test_an_applied_migration_keeps_its_id(shop: Project):
    shop.done("up", "--to", BIOS)
    before = files(shop)
    result = shop.run("rebase", BIOS, "--yes")
    assert result.exit_code == 2
    assert "Applied to SQLite app.db (production) already" in result.output
    assert files(shop) == before


def test_the_last_one_has_nothing_to_do(shop: Project):
    before = files(shop)
    assert "Nothing to do" in shop.done("rebase", NOTES)
    assert shop.json("rebase", BIOS, NOTES) == {"moved": [], "reason": None}
    assert files(shop) == before


def test_an_unknown_id_names_the_nearest(shop: Project):
    result = shop.run("rebase", BIOS.replace("bios", "bio"))
    assert result.exit_code == 2
    assert f"did you mean {BIOS}" in result.output


def test_the_new_time_is_behind_every_other(shop: Project):
    write(shop, "20990101_000000_future")
    shop.done("rebase", BIOS)
    assert "m20990101_000001_bios.py" in files(shop)


def test_what_others_depend_on_moves_with_them_only(shop: Project):
    write(shop, NOTES, needs=f'"{BIOS}",')
    before = files(shop)
    result = shop.run("rebase", BIOS)
    assert result.exit_code == 2
    assert f"rebase {BIOS} {NOTES}" in result.output
    assert files(shop) == before
    write(shop, "20240104_000000_tags")
    shop.replace("migrations/__init__", "\nregistry", "from .m20240104_000000_tags import Tags\n\nregistry")
    shop.replace("migrations/__init__", "    Notes,\n", "    Notes,\n    Tags,\n")
    shop.done("rebase", NOTES, BIOS)
    after = files(shop)
    assert 'depends_on = ("20240601_120000_bios",)' in after["m20240601_120001_notes.py"]
    assert after["__init__.py"].endswith("    Users,\n    Tags,\n    Bios,  # of the branch\n    Notes,\n])\n")
    shop.done("up")


def test_what_another_registry_depends_on_stays(shop: Project):
    shop.write(
        "db",
        "from ormmigrate import BaseMigration, Database, Registry\nfrom .migrations import registry\n"
        "class Bill(BaseMigration):\n    id = '20240105_000000_bill'\n"
        f"    depends_on = ('app:{BIOS}',)\n    def up(self, migrator): ...\n"
        "db = Database('sqlite:///app.db', [registry, Registry([Bill], name='billing')])\n",
    )
    before = files(shop)
    result = shop.run("rebase", BIOS)
    assert result.exit_code == 2
    assert "billing:20240105_000000_bill depends on" in result.output
    assert "take the dependency out" in result.output
    assert files(shop) == before


def test_a_baseline_stays(shop: Project):
    shop.replace("migrations/__init__", "\n])", f'\n], baseline="{BIOS}")')
    result = shop.run("rebase", BIOS)
    assert result.exit_code == 2
    assert "is the baseline" in result.output


def test_a_database_that_cannot_be_asked_needs_a_yes(shop: Project):
    (shop.root / "app.db").write_bytes(b"no database" * 100)
    before = files(shop)
    result = shop.run("rebase", BIOS)
    assert result.exit_code == 2
    assert f"rebase {BIOS} --yes" in result.output
    assert files(shop) == before
    shop.done("rebase", BIOS, "--yes")
    assert files(shop)["__init__.py"] == MOVED_REGISTRY


def test_what_cannot_be_edited_is_left_and_the_steps_are_told(shop: Project):
    shop.replace("migrations/__init__", "registry = Registry([", "registry = Registry([] + [")
    before = files(shop)
    result = shop.run("rebase", BIOS)
    assert result.exit_code == 1
    assert "Nothing was written" in result.stdout
    assert f"rename m{BIOS}.py to m20240601_120000_bios.py" in result.stdout
    assert 'write id = "20240601_120000_bios"' in result.stdout
    assert files(shop) == before
    found = shop.json("rebase", BIOS, exit_code=1)
    assert "computed" in str(found["reason"])


def test_a_module_that_another_file_uses_keeps_its_name(shop: Project):
    shop.write("migrations/helpers", f"from .m{BIOS} import Bios\n")
    before = files(shop)
    result = shop.run("rebase", BIOS)
    assert result.exit_code == 1
    assert f"helpers.py uses m{BIOS}" in result.stdout
    assert files(shop) == before


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_write_that_fails_takes_the_others_back(shop: Project, monkeypatch: pytest.MonkeyPatch, failing: int):
    write(shop, NOTES, needs=f'"{BIOS}",')
    write(shop, "20240104_000000_tags")
    shop.replace("migrations/__init__", "\nregistry", "from .m20240104_000000_tags import Tags\n\nregistry")
    shop.replace("migrations/__init__", "    Notes,\n", "    Notes,\n    Tags,\n")
    before = files(shop)
    replaced, calls = os.replace, []

    def fail(source: str, target: Path) -> None:
        calls.append(target)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        replaced(source, target)

    monkeypatch.setattr(os, "replace", fail)
    result = shop.run("rebase", BIOS, NOTES)
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert files(shop) == before


def test_migrations_in_one_module_keep_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with standing_in(tmp_path, monkeypatch) as project, freeze_time("2024-06-01 12:00:00"):
        path = tmp_path / project.package / "migrations.py"
        before = path.read_text()
        project.done("rebase", "20240101_000000_users", "20240102_000000_bios")
        changed = before.replace("20240101_000000_users", "20240601_120000_users")
        changed = changed.replace("20240102_000000_bios", "20240601_120001_bios")
        assert path.read_text() == changed.replace("[Users, Bios, People]", "[People, Users, Bios]")


def test_a_migration_of_a_library_is_left_to_it(shop: Project, tmp_path_factory: pytest.TempPathFactory):
    library = tmp_path_factory.mktemp("lib")
    name = f"lib_{shop.package}"
    (library / f"{name}.py").write_text(FILE.format(title="Extra", id="20240101_120000_extra", table="x", needs=""))
    sys.path.append(str(library))
    shop.replace("migrations/__init__", "\nregistry", f"from {name} import Extra\n\nregistry")
    shop.replace("migrations/__init__", "    Bios,", "    Extra,\n    Bios,")
    result = shop.run("rebase", "20240101_120000_extra")
    assert result.exit_code == 2
    assert f"{name}.py, which is no part of" in result.output
    sys.modules.pop(name)
