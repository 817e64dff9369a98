"""The layouts in which people write a list of migrations: edited without touching their text, or refused."""

from __future__ import annotations

import ast

import pytest

from ormmigrate.listing import CannotEdit, identifiers
from ormmigrate.registration import register

MODULE, CLASS = "m3_new", "New"

# The text afterwards; what is added stands between « and ».
EDITED = {
    "one line": """
from .m1 import A
«from .m3_new import New
»
registry = Registry([A«, New»])
""",
    "one line, trailing comma": """
from .m1 import A
«from .m3_new import New
»registry = Registry([A,« New,»])
""",
    "one line with spaces inside": """
from .m1 import A
«from .m3_new import New
»registry = Registry([ A, B,« New,» ])
""",
    "one line, no trailing comma, several": """
from .m1 import A
from .m2 import B
«from .m3_new import New
»registry = Registry([A, B«, New»], name="shop")
""",
    "many lines": """
from .m1 import A
from .m2 import B
«from .m3_new import New
»
registry = Registry([
    A,
    B,
«    New,
»])
""",
    "many lines, no trailing comma": """
from .m1 import A
«from .m3_new import New
»
registry = Registry([
    A«,»
«    New
»])
""",
    "many lines, no trailing comma, a comment behind": """
from .m1 import A
«from .m3_new import New
»
registry = Registry([
    A«,»  # first, [and last]
«    New
»])
""",
    "comments behind the last element and before the bracket": """
from .m1 import A
«from .m3_new import New
»
registry = Registry(
    [
        # 2023
        A,  # the first, (really)
«        New,
»        # new ones: python -m ormmigrate new
    ],
    name="shop",  # of all
)
""",
    "a comment between the last element and its comma": """
from .m1 import A
«from .m3_new import New
»registry = Registry([
    A  # the, first
    ,
«    New,
»])
""",
    "the comma first on each line": """
from .m1 import A
«from .m3_new import New
»registry = Registry([
      A
    , B
«    , New
»])
""",
    "the comma first on each line, the bracket behind": """
from .m1 import A
«from .m3_new import New
»registry = Registry([
      A
    , B«
    , New»])
""",
    "several elements a line": """
from .m1 import A, B, C
«from .m3_new import New
»registry = Registry([
    A, B,
    C,
«    New,
»])
""",
    "hanging under the bracket": """
from .m1 import A, B
«from .m3_new import New
»registry = Registry([A,
                     B«,
                     New»])
""",
    "hanging under the bracket, one element": """
from .m1 import A
«from .m3_new import New
»registry = Registry([A,
«                     New,
»                     ])
""",
    "the bracket behind the last element": """
from .m1 import A
«from .m3_new import New
»registry = Registry([
    A,«
    New,»])
""",
    "a blank line before the bracket": """
from .m1 import A
«from .m3_new import New
»registry = Registry([

    A,
«    New,
»
])
""",
    "an empty list": """
from ormmigrate import Registry
«
from .m3_new import New
»
registry = Registry([«
    New,
»])
""",
    "an empty list, further in": """
from ormmigrate import Registry
«
from .m3_new import New
»
registry = Registry(
    [«
        New,
    »],
    name="shop",
)
""",
    "an empty list on two lines": """
from ormmigrate import Registry
«
from .m3_new import New
»
registry = Registry([
«    New,
»])
""",
    "an empty list with a comment": """
from ormmigrate import Registry
«
from .m3_new import New
»
registry = Registry([
  # new ones go here

«  New,
»])
""",
    "an empty tuple": """
from ormmigrate import Registry
«
from .m3_new import New
»
MIGRATIONS = («
    New,
»)
""",
    "a tuple": """
from .m1 import A, B
«from .m3_new import New
»registry = Registry((A, B«, New»))
""",
    "a tuple of one": """
from .m1 import A
«from .m3_new import New
»registry = Registry((A,« New»))
""",
    "a tuple of one on many lines": """
from .m1 import A
«from .m3_new import New
»registry = Registry((
    A,
«    New,
»))
""",
    "a tuple without brackets": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = A, B«, New»  # all
""",
    "a tuple of one without brackets": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = A,« New»
""",
    "elements in brackets": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = [(A), (B)«, New»]
""",
    "a tuple of elements in brackets": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = ((A), (B)«, New»)
""",
    "a tuple without brackets of elements in brackets": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = (A), (B)«, New»
""",
    "the list given by name": """
from .m1 import A
«from .m3_new import New
»registry = Registry(name="shop", migrations=[A«, New»])
""",
    "an annotation": """
from ormmigrate import Registry
from .m1 import A
«from .m3_new import New
»registry: Registry = Registry([A«, New»])
""",
    "an attribute of the package": """
import ormmigrate
from .m1 import A
«from .m3_new import New
»registry: ormmigrate.Registry = ormmigrate.Registry([A«, New»])
""",
    "Registry under another name": """
from ormmigrate import Registry as Migrations
from .m1 import A
«from .m3_new import New
»registry = Migrations([A«, New»])
""",
    "a plain list": """
from .m1 import A
«from .m3_new import New
»__all__ = ["MIGRATIONS"]
MIGRATIONS = [A«, New»]
""",
    "a plain list with an annotation": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS: list[type[BaseMigration]] = [A«, New»]
""",
    "a list that Registry is given by name": """
from .m1 import A
«from .m3_new import New
»
MIGRATIONS = [
    A,
«    New,
»]
registry = Registry(MIGRATIONS)
db = Database("sqlite://", migrations=registry)
""",
    "a tuple that Registry is given by keyword": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = (A,« New»)
registry = Registry(name="shop", migrations=MIGRATIONS)
""",
    "a list that Database is given": """
from .m1 import A
«from .m3_new import New
»MIGRATIONS = [A«, New»]
db = ormmigrate.Database("sqlite://", migrations=MIGRATIONS)
assert len(MIGRATIONS)
""",
    "instances": """
from .m1 import A
«from .m3_new import New
»registry = Registry([
    A(),
«    New(),
»])
""",
    "instances of module attributes": """
from . import m1
«from . import m3_new
»registry = Registry([m1.A()«, m3_new.New()»])
""",
    "modules of this package": """
from . import m1
from . import m2
«from . import m3_new
»registry = Registry([
    m1.A,
    m2.B,
«    m3_new.New,
»])
""",
    "modules of a package by its name": """
from shop.migrations import m1, m2
«from shop.migrations import m3_new
»registry = Registry([m1.A, m2.B«, m3_new.New»])
""",
    "modules under other names": """
from . import m1 as first
«from . import m3_new
»registry = Registry([first.A«, m3_new.New»])
""",
    "modules in grouped imports": """
from . import (
    m1,
    m2,
)
«from . import m3_new
»registry = Registry([m1.A, m2.B«, m3_new.New»])
""",
    "import as": """
import shop.migrations.m1 as m1
«import shop.migrations.m3_new as m3_new
»registry = Registry([m1.A«, m3_new.New»])
""",
    "import of a dotted name": """
import shop.migrations.m1
«import shop.migrations.m3_new
»registry = Registry([shop.migrations.m1.A«, shop.migrations.m3_new.New»])
""",
    "import of a module without a package": """
import m1
«import m3_new
»registry = Registry([m1.A«, m3_new.New»])
""",
    "classes from a package by its name": """
from shop.migrations.m1 import A
«from shop.migrations.m3_new import New
»registry = Registry([A«, New»])
""",
    "classes from a module without a package": """
from m1 import A
«from m3_new import New
»registry = Registry([A«, New»])
""",
    "classes under other names": """
from .m1 import Migration as A
«from .m3_new import New
»registry = Registry([A«, New»])
""",
    "classes from the package above": """
from ..migrations.m1 import A
«from ..migrations.m3_new import New
»registry = Registry([A«, New»])
""",
    "classes from this package itself": """
from . import A
«from .m3_new import New
»registry = Registry([A«, New»])
""",
    "classes in a grouped import": """
from .m1 import (
    A,
    B,  # two
)
«from .m3_new import New
»from ormmigrate import Registry
registry = Registry([A, B«, New»])
""",
    "an import over a continued line": """
from .m1 \\
    import A
«from .m3_new import New
»registry = Registry([A«, New»])
""",
    "a comment behind the import": """
from .m1 import A  # noqa
«from .m3_new import New
»registry = Registry([A«, New»])
""",
    "two imports on a line": """
from .m1 import A; from ormmigrate import Registry
«from .m3_new import New
»registry = Registry([A«, New»])
""",
    "styles mixed: the last one counts": """
from .m1 import A
from . import m2
«from . import m3_new
»from ormmigrate import Registry
registry = Registry([A, m2.B«, m3_new.New»])
""",
    "classes written in the module itself": '''
"""The shop."""

from ormmigrate import BaseMigration, Registry
«
from .m3_new import New
»

class A(BaseMigration):
    """Write-ups."""

registry = Registry([A«, New»])
''',
    "classes found through a package": """
from shop import migrations
from ormmigrate import Registry
«
from .m3_new import New
»
registry = Registry([migrations.m1.A«, New»])
""",
    "classes imported conditionally": """
from ormmigrate import Registry
«
from .m3_new import New

»try:
    from .m1 import A
except ImportError:
    A = None
registry = Registry([A«, New»])
""",
    "no import of a migration, relative imports": """
from ormmigrate import Registry
from .base import first
«from .m3_new import New
»registry = Registry([«
    New,
»])
""",
    "an import of * before": """
from peewee import *
from .m1 import *
«from .m3_new import New
»registry = Registry([A«, New»])
""",
    "a later import is not the place": """
from ormmigrate import Registry
«
from .m3_new import New
»
registry = Registry([«
    New,
»])
from .models import User
""",
    "only a docstring": '''
"""The migrations."""
«
from .m3_new import New

»MIGRATIONS = [«
    New,
»]
''',
    "only __future__": """
# -*- coding: utf-8 -*-
from __future__ import annotations
«
from .m3_new import New
»
MIGRATIONS = [«
    New,
»]
""",
    "nothing but the list": """
«from .m3_new import New

»MIGRATIONS = [«
    New,
»]
""",
    "a comment that heads the list": """
# A comment that heads the file.

«from .m3_new import New

»# In the order in which they run.
MIGRATIONS = [«
    New,
»]
""",
    "a decorated class first": """
«from .m3_new import New

»@final
class A: ...
MIGRATIONS = [A«, New»]
""",
    "tabs": """
from .m1 import A
«from .m3_new import New
»registry = Registry([
\tA,
«\tNew,
»])
""",
    "tabs, empty": """
from ormmigrate import Registry
«
from .m3_new import New
»
def first():
\tpass

registry = Registry([«
\tNew,
»])
""",
    "tabs, hanging": """
from .m1 import A
«from .m3_new import New
»registry\t= Registry([A,
«        \t            New,
»])
""",
    "characters of several bytes before the place": """
from .m1 import Ä  # ünïcödé 🐦
«from .m3_new import New
»registry = Registry(name="größe🐦", migrations=[Ä«, New»])  # schön
""",
    "characters of several bytes, hanging": """
from .m1 import Ä
«from .m3_new import New
»größe = Registry([Ä,
                  Ä«,
                  New»])
""",
    "characters that look like line ends": """
from .m1 import A  # \x0c \x1c \u2028 not
«from .m3_new import New
»\x0c
registry = Registry([A«, New»])
""",
    "names that are used in functions, too": """
from .m1 import A
«from .m3_new import New
»registry = Registry([A«, New»])

def database():
    return Database("sqlite://", migrations=[registry])
""",
    "two statements on the line of the list": """
from .m1 import A
«from .m3_new import New
»x = 1; registry = Registry([A«, New»]); y = 2
""",
}

REFUSED = {
    "a syntax error": ("registry = Registry([A, B\nx = 1", "valid Python"),
    "a NUL": ("registry = Registry([A])\0", "null bytes|valid Python"),
    "no registry": ("import os\nx = 1", "assigns no registry"),
    "two registries": ("a = Registry([A])\nb = Registry([B])", "several registries: a, b"),
    "two lists": ("A_LIST = [A]\nB_LIST = [B]", "several registries"),
    "only texts": ('__all__ = []\nNAMES = ["a"]', "assigns no registry"),
    "assigned twice": ("registry = Registry([A])\nregistry = Registry([B])", "more than one place|several"),
    "assigned in two branches": (
        "if x:\n    registry = Registry([A])\nelse:\n    registry = Registry([B])",
        "registry",
    ),
    "assigned in a branch": ("if x:\n    registry = Registry([A])", "registry"),
    "rebound by an import": ("registry = Registry([A])\nfrom .b import registry", "more than one"),
    "rebound by a function": ("MIGRATIONS = [A]\ndef MIGRATIONS(): ...", "more than one"),
    "deleted": ("MIGRATIONS = [A]\ndel MIGRATIONS", "more than one"),
    "rebound from a function": ("MIGRATIONS = [A]\ndef f():\n    global MIGRATIONS", "more than one"),
    "two targets": ("registry = migrations = Registry([A])", "registry"),
    "added to in place": ("MIGRATIONS = [A]\nMIGRATIONS += [B]\nregistry = Registry(MIGRATIONS)", "more than one"),
    "the registry added to": ("registry = Registry([A])\nregistry += [B]", "more than one"),
    "appended to": ("MIGRATIONS = [A]\nMIGRATIONS.append(B)\nregistry = Registry(MIGRATIONS)", "line 2"),
    "the registry's list appended to": ("registry = Registry([A])\nregistry.source.append(B)", "line 2"),
    "an element replaced": ("MIGRATIONS = [A]\nMIGRATIONS[0] = B", "line 2"),
    "handed to a function": ("MIGRATIONS = [A]\nshuffle(MIGRATIONS)", "line 2"),
    "aliased": ("MIGRATIONS = [A]\nALL = MIGRATIONS", "line 2"),
    "joined elsewhere": ("MIGRATIONS = [A]\nregistry = Registry(MIGRATIONS + [B])", "computed"),
    "a comprehension": ("registry = Registry([m for m in found])", "computed"),
    "stars": ("registry = Registry([*a, *b])", "holds `\\*a`"),
    "a star among elements": ("registry = Registry([A, *b])", "holds `\\*b`"),
    "stars as arguments": ("registry = Registry(*a)", "computed"),
    "joined": ("registry = Registry([A] + [B])", "computed"),
    "joined names": ("registry = Registry(A + B)", "computed"),
    "a call": ("registry = Registry(find_migrations())", "computed"),
    "a call of another function": ("registry = make_registry([A])", "assigns no registry"),
    "a list made by list()": ("MIGRATIONS = list((A, B))\nregistry = Registry(MIGRATIONS)", "computed"),
    "an imported list": ("from .all import MIGRATIONS\nregistry = Registry(MIGRATIONS)", "simple statement"),
    "a name that is nowhere": ("registry = Registry(MIGRATIONS)", "not assigned"),
    "itself": ("registry = Registry(registry)", "computed"),
    "no list": ("registry = Registry()", "without a list"),
    "a condition": ("registry = Registry([A if x else B])", "holds"),
    "a text": ('registry = Registry(["shop.m1.A"])', "holds"),
    "the class name is bound": ("from .old import New\nregistry = Registry([New])", "New"),
    "the class name is bound in a function": ("def f(New): ...\nregistry = Registry([A])", "New"),
    "the class name is used": ("x = New\nregistry = Registry([A])", "New"),
    "the module's name is bound": ("from . import m1\nm3_new = 1\nregistry = Registry([m1.A])", "m3_new"),
    "the element is there": ("import s.m1, s.m3_new\nregistry = Registry([s.m1.A, s.m3_new.New])", "already"),
    "import and list on one line": ("from .m1 import A; registry = Registry([A])", "one line"),
    "an import of * behind the place": ("from .m1 import A\nfrom .x import *\nregistry = Registry([A])", "imports \\*"),
    "a tuple over a continued line": ("MIGRATIONS = A, \\\n    B", "valid Python"),
}


def before(layout: str) -> str:
    """The layout without what is added."""
    return "".join(part.rpartition("»")[2] for part in layout.removeprefix("\n").split("«"))


def after(layout: str) -> str:
    return layout.removeprefix("\n").replace("«", "").replace("»", "")


def without_additions(tree: ast.Module) -> str:
    """A tree without the new import and the new element, wherever they stand."""

    class Remover(ast.NodeTransformer):
        def visit_Import(self, node: ast.Import) -> ast.Import | None:
            return None if MODULE in ast.unparse(node) else node

        def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
            return None if MODULE in ast.unparse(node) else node

        def visit_elements(self, node: ast.List | ast.Tuple) -> ast.List | ast.Tuple:
            self.generic_visit(node)
            node.elts = [element for element in node.elts if CLASS not in ast.unparse(element)]
            return node

        visit_List = visit_Tuple = visit_elements

    return ast.dump(Remover().visit(tree))


@pytest.mark.parametrize("layout", EDITED.values(), ids=EDITED)
def test_the_import_and_the_element_are_added_and_nothing_else_changes(layout: str):
    assert register(before(layout), module=MODULE, cls=CLASS) == after(layout)


@pytest.mark.parametrize("layout", EDITED.values(), ids=EDITED)
def test_without_the_added_nodes_the_tree_is_the_old_one(layout: str):
    edited = ast.parse(register(before(layout), module=MODULE, cls=CLASS))
    new_elements = [
        element
        for node in ast.walk(edited)
        if isinstance(node, (ast.List, ast.Tuple)) and node.elts and CLASS in ast.unparse(node.elts[-1])
        for element in node.elts[-1:]
    ]
    assert len(new_elements) == 1
    assert without_additions(edited) == ast.dump(ast.parse(before(layout)))


@pytest.mark.parametrize("layout", EDITED.values(), ids=EDITED)
def test_taking_the_inserted_pieces_out_gives_the_old_bytes_back(layout: str):
    rest = register(before(layout), module=MODULE, cls=CLASS).encode()
    kept = b""
    for part in layout.removeprefix("\n").split("«"):
        piece, _, old = part.rpartition("»")
        assert rest.startswith((piece + old).encode())
        rest = rest[len((piece + old).encode()) :]
        kept += old.encode()
    assert kept == before(layout).encode()
    assert rest == b""


@pytest.mark.parametrize("layout", EDITED.values(), ids=EDITED)
@pytest.mark.parametrize("newline", ["\r\n", "\r"], ids=["CRLF", "CR"])
def test_the_line_ends_of_the_file_are_used(layout: str, newline: str):
    source = before(layout).replace("\n", newline)
    assert register(source, module=MODULE, cls=CLASS) == after(layout).replace("\n", newline)


@pytest.mark.parametrize("layout", EDITED.values(), ids=EDITED)
def test_a_byte_order_mark_stays_in_front(layout: str):
    assert register("\ufeff" + before(layout), module=MODULE, cls=CLASS) == "\ufeff" + after(layout)


@pytest.mark.parametrize("layout", EDITED.values(), ids=EDITED)
def test_a_second_migration_follows_the_first(layout: str):
    once = register(before(layout), module=MODULE, cls=CLASS)
    twice = register(once, module="m4_newer", cls="Newer")
    lists = [node.elts for node in ast.walk(ast.parse(twice)) if isinstance(node, (ast.List, ast.Tuple)) and node.elts]
    [elements] = [elements for elements in lists if "Newer" in ast.unparse(elements[-1])]
    assert ast.unparse(elements[-2]).replace(MODULE, "m4_newer").replace(CLASS, "Newer") == ast.unparse(elements[-1])
    assert twice.index(MODULE) < twice.index("m4_newer")


@pytest.mark.parametrize(("source", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_edited_safely_is_refused_with_the_reason(source: str, reason: str):
    with pytest.raises(CannotEdit, match=reason) as refusal:
        register(source, module=MODULE, cls=CLASS)
    assert refusal.value.reason == str(refusal.value)


@pytest.mark.parametrize("last_line", ["MIGRATIONS = [A]", "MIGRATIONS = [\n    A\n]", "MIGRATIONS = []"])
def test_a_file_without_a_line_end_at_its_end_stays_one(last_line: str):
    assert register(f"from .m1 import A\n{last_line}", module=MODULE, cls=CLASS).endswith("]")


def test_one_line_without_any_line_end_gets_one():
    assert register("R = Registry([])", module=MODULE, cls=CLASS) == (
        "from .m3_new import New\n\nR = Registry([\n    New,\n])"
    )


def test_the_registry_is_chosen_by_its_name():
    source = "from .m1 import A, B\nshop = Registry([A])\nbilling = Registry([B])\n"
    edited = register(source, module=MODULE, cls=CLASS, registry="billing")
    assert edited.endswith("shop = Registry([A])\nbilling = Registry([B, New])\n")


def test_a_list_is_found_by_its_own_name_and_by_its_registrys():
    source = "MIGRATIONS = [A]\nregistry = Registry(MIGRATIONS)\n"
    by_list = register(source, module=MODULE, cls=CLASS, registry="MIGRATIONS")
    assert by_list == register(source, module=MODULE, cls=CLASS, registry="registry")
    assert "MIGRATIONS = [A, New]\n" in by_list


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(CannotEdit, match="registry is not assigned"):
        register("shop = Registry([A])", module=MODULE, cls=CLASS, registry="registry")


def test_a_registry_made_by_another_function_is_refused_by_name():
    with pytest.raises(CannotEdit, match="calling `make_registry`"):
        register("registry = make_registry([A])", module=MODULE, cls=CLASS, registry="registry")


@pytest.mark.parametrize(("prefix", "line"), [("", "from m3_new import New"), ("s.", "from s.m3_new import New")])
def test_the_prefix_counts_where_there_is_no_import_to_follow(prefix: str, line: str):
    assert register("MIGRATIONS = [A]", module=MODULE, cls=CLASS, prefix=prefix).startswith(line + "\n")
    followed = register("from .m1 import A\nMIGRATIONS = [A]", module=MODULE, cls=CLASS, prefix=prefix)
    assert followed.startswith("from .m1 import A\nfrom .m3_new import New\n")


@pytest.mark.parametrize("name", ["", "a b", "1a", "class", "A; import os"])
def test_what_is_no_python_name_is_refused(name: str):
    with pytest.raises(CannotEdit, match="not a Python name"):
        register("MIGRATIONS = [A]", module=MODULE, cls=name)


def test_a_class_name_may_be_in_use_where_the_list_names_modules():
    source = "from . import m1\nregistry = Registry([m1.A])\ndef New(): ...\n"
    edited = register(source, module=MODULE, cls=CLASS)
    assert edited == (
        "from . import m1\nfrom . import m3_new\nregistry = Registry([m1.A, m3_new.New])\ndef New(): ...\n"
    )


@pytest.mark.parametrize("value", ["-" * 100_000 + "1", "+".join(["a"] * 3000)])
def test_a_module_that_is_nested_too_deeply_is_refused_not_a_crash(value: str):
    with pytest.raises(CannotEdit):
        register(f"MIGRATIONS = [A]\nx = {value}", module=MODULE, cls=CLASS)


def test_identifiers_are_all_names_bound_or_used():
    source = "import a.b\nfrom c import d as e\ndef f(g): h = i\nexcept_ = 1\nmatch j:\n    case [k, *l]: pass\n"
    assert identifiers("\ufeff" + source) == {"a", "e", "f", "g", "h", "i", "except_", "j", "k", "l"}
