"""What changes the checksum of a migration, what does not, and where its source is found."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import py_compile
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

import ormmigrate
from ormmigrate.checksum import Fingerprint, fingerprint

PROJECT = Path(ormmigrate.__file__).parent.parent

MIGRATION = '''
"""The shop's preferences."""

import os
from peewee import CharField, IntegerField

DEFAULT = "light"
LIMITS = {"theme": 20}
LIMITS["font"] = 30
UNUSED = 1


def length_of(name):
    """How long a column is."""
    return LIMITS.get(name, 10)


def unused():
    return UNUSED


class Audited:
    audited = True


def logged(function):
    return function


class AddPreferences(Audited):
    """Adds the preferences."""

    id = "20240602_130000_add_preferences"
    name = "Add preferences"

    @logged
    def up(self, migrator, dry=False):
        """Add them."""
        migrator.add_column("user", "theme", CharField(length_of("theme"), default=DEFAULT))
        migrator.add_column("user", "size", IntegerField(default=1))
        migrator.sql(f"UPDATE user SET theme = '{DEFAULT}' WHERE {'theme'} IS NULL")
'''


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Import a text as a module of its own and give back its class."""
    monkeypatch.syspath_prepend(tmp_path)
    numbers = itertools.count()
    loaded = []

    def load(source, name="AddPreferences"):
        module = f"loaded_by_{tmp_path.name}_{next(numbers)}"
        loaded.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8", newline="")
        importlib.invalidate_caches()
        return getattr(importlib.import_module(module), name)

    yield load
    for module in loaded:
        sys.modules.pop(module, None)


@pytest.fixture
def checksum_of(load):
    def checksum_of(source, name="AddPreferences"):
        found = fingerprint(load(source, name))
        assert found is not None
        return found.checksum

    return checksum_of


def edited(old, new, source=MIGRATION):
    assert source.count(old) == 1, f"{old!r} is in the text {source.count(old)} times"
    return source.replace(old, new)


# -- what does not count ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "Add preferences"', "name = 'Add preferences'"),
        ('name = "Add preferences"', 'name = "Add " "preferences"'),
        ('name = "Add preferences"', 'name = (\n        "Add preferences"\n    )'),
        ('name = "Add preferences"', r'name = "\x41dd preferences"'),
        ("IntegerField(default=1)", "IntegerField(default=(1),)"),
        ("IntegerField(default=1)", "IntegerField(\n            default=0x1,\n        )"),
        ("def up(self, migrator, dry=False):", "def up(\n        self,\n        migrator,\n        dry=False,\n    ):"),
        (
            """f"UPDATE user SET theme = '{DEFAULT}' WHERE""",
            """f"UPDATE user SET " f"theme = '{ DEFAULT }'" f" WHERE""",
        ),
        ('LIMITS = {"theme": 20}', 'LIMITS = {\n    "theme": 20,\n}'),
        ("\n\n\nclass AddPreferences", "\n\n\n\n\n\nclass AddPreferences"),
    ],
)
def test_reformatting_does_not_change_the_checksum(checksum_of, old, new):
    assert checksum_of(edited(old, new)) == checksum_of(MIGRATION)


def test_line_ends_and_a_byte_order_mark_do_not_change_the_checksum(checksum_of):
    windows = "\ufeff" + MIGRATION.replace("\n", "\r\n")
    assert checksum_of(windows) == checksum_of(MIGRATION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    @logged", "    # Who did it.\n    @logged"),
        ("default=1))", "default=1))  # the smallest"),
        ("DEFAULT = ", "# The theme of new users.\nDEFAULT = "),
        ("def length_of(name):", "def length_of(name):  # type: ignore[no-untyped-def]"),
    ],
)
def test_comments_do_not_change_the_checksum(checksum_of, old, new):
    assert checksum_of(edited(old, new)) == checksum_of(MIGRATION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""The shop\'s preferences."""', ""),
        ('    """Adds the preferences."""\n', ""),
        ('"""Adds the preferences."""', '"""Adds the preferences.\n\n    All of them.\n    """'),
        ('        """Add them."""\n', ""),
        ('    """How long a column is."""\n', '    "How long." " In characters."\n'),
        ("    audited = True", '    """Keeps a log."""\n\n    audited = True'),
    ],
)
def test_docstrings_do_not_change_the_checksum(checksum_of, old, new):
    assert checksum_of(edited(old, new)) == checksum_of(MIGRATION)


@pytest.mark.parametrize("body", ['"""Nothing."""', '"""Nothing."""; pass', "import os", '"""Nothing."""; import os'])
def test_a_body_of_nothing_but_docstring_and_imports_is_a_body_of_pass(checksum_of, body):
    source = "class AddPreferences:\n    def up(self, migrator): {}\n    class Meta: {}\n"
    assert checksum_of(source.format(body, body)) == checksum_of(source.format("pass", "pass"))


def test_a_text_that_is_no_docstring_counts(checksum_of):
    source = 'class AddPreferences:\n    def up(self, migrator):\n        pass\n        "{}"\n'
    assert checksum_of(source.format("a")) != checksum_of(source.format("b"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import os\n", ""),
        ("import os\n", "from __future__ import annotations\nimport os\nimport sys as system\n"),
        (
            "from peewee import CharField, IntegerField",
            "import peewee as orm\nfrom peewee import IntegerField, CharField, TextField",
        ),
        ("from peewee import CharField, IntegerField", "from peewee import *"),
        ("    @logged", "    from json import dumps\n\n    @logged"),
        ("    return LIMITS", "    import json\n\n    return LIMITS"),
    ],
)
def test_imports_do_not_change_the_checksum(checksum_of, old, new):
    assert checksum_of(edited(old, new)) == checksum_of(MIGRATION)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("UNUSED = 1", "UNUSED = 2"),
        ("UNUSED = 1\n", "UNUSED = 1\nanother = UNUSED\nprint(end='')\n"),
        ("    return UNUSED", "    return UNUSED + 1"),
        ("UNUSED = 1", "UNUSED = 1\nfor migrator in (1, 2):\n    self = name = dry = migrator"),
        ("UNUSED = 1", "UNUSED = [LIMITS for LIMITS in [1]]"),
    ],
)
def test_what_the_class_does_not_use_does_not_change_the_checksum(checksum_of, old, new):
    assert checksum_of(edited(old, new)) == checksum_of(MIGRATION)


def test_moving_unrelated_code_does_not_change_the_checksum(checksum_of):
    helper = "def unused():\n    return UNUSED\n"
    assert checksum_of(edited(helper, "") + helper) == checksum_of(MIGRATION)


def test_moving_the_class_behind_what_it_uses_does_not_change_the_checksum(checksum_of):
    helper = "def length_of(name):\n    return 10\n\n"
    migration = "class AddPreferences:\n    def up(self, migrator):\n        length_of('a')\n\n"
    assert checksum_of(helper + migration) == checksum_of(migration + helper)


def test_another_migration_in_the_module_does_not_change_the_checksum(checksum_of):
    more = "class Later(Audited):\n    def up(self, migrator):\n        length_of('a')\n"
    assert checksum_of(f"{MIGRATION}\n{more}\nregistry = [AddPreferences, Later]\n") == checksum_of(MIGRATION)


def test_another_migration_in_the_list_does_not_change_one_that_uses_a_model_of_the_module(checksum_of):
    source = """
        class Later: pass
        class Database:
            def __init__(self, migrations): self.migrations = migrations
        class AddPreferences:
            def up(self, migrator):
                User.update()
        class User:
            def update(self): return db
        registry = list([AddPreferences])
        db = Database(registry)
    """
    listed = edited("[AddPreferences]", "[AddPreferences, Later]", source)
    assert checksum_of(listed) == checksum_of(source)
    assert checksum_of(edited("return db", "return 1", source)) != checksum_of(source)


# -- what counts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"user", "theme"', '"users", "theme"', id="a table's name"),
        pytest.param("default=1", "default=2", id="an argument"),
        pytest.param("default=1", "default=True", id="the type of an argument, to a truth value"),
        pytest.param("default=1", "default=1.0", id="the type of an argument, to a float"),
        pytest.param("default=1", 'default="1"', id="the type of an argument, to a text"),
        pytest.param("default=1", "default=-1", id="a sign"),
        pytest.param("default=1", "default=None", id="a value, to None"),
        pytest.param("default=1", "default=...", id="a value, to an ellipsis"),
        pytest.param("IntegerField(default=1)", "IntegerField(1)", id="a keyword"),
        pytest.param("IntegerField(default=1)", "IntegerField(default=1, null=True)", id="another argument"),
        pytest.param("dry=False", "dry=True", id="a parameter's default"),
        pytest.param("dry=False", "*, dry=False", id="a parameter's kind"),
        pytest.param("    @logged\n", "", id="a decorator"),
        pytest.param("class AddPreferences(Audited)", "class AddPreferences", id="a base"),
        pytest.param('name = "Add preferences"', 'name = "Add settings"', id="a class attribute"),
        pytest.param('name = "Add preferences"', 'title = "Add preferences"', id="a class attribute's name"),
        pytest.param("IS NULL", "IS NOT NULL", id="the text of an f-string"),
        pytest.param("{'theme'}", "{'theme'!r}", id="the conversion of an f-string"),
        pytest.param("{'theme'}", "{'theme':>9}", id="the format of an f-string"),
        pytest.param("{'theme'}", "theme", id="a part of an f-string, to text"),
        pytest.param("{'theme'}", "{{'theme'}}", id="a part of an f-string, to braces"),
        pytest.param('DEFAULT = "light"', 'DEFAULT = "dark"', id="a constant"),
        pytest.param('DEFAULT = "light"', 'DEFAULT = b"light"', id="a constant, to bytes"),
        pytest.param('DEFAULT = "light"', 'DEFAULT: str = "light"', id="an annotation"),
        pytest.param('DEFAULT = "light"', 'DEFAULT = "light"\nDEFAULT += "er"', id="a constant that is added to"),
        pytest.param("LIMITS.get(name, 10)", "LIMITS.get(name, 11)", id="a function"),
        pytest.param('"theme": 20', '"theme": 21', id="a constant of a function"),
        pytest.param('LIMITS["font"] = 30', 'LIMITS["font"] = 31', id="a change of a constant in place"),
        pytest.param('LIMITS["font"] = 30', "LIMITS.update(font=30)", id="a call that changes a constant"),
        pytest.param('LIMITS["font"] = 30', 'del LIMITS["theme"]', id="a deletion from a constant"),
        pytest.param("audited = True", "audited = False", id="a base class"),
        pytest.param("    return function", "    return lambda *args: function(*args)", id="a decorator's function"),
    ],
)
def test_any_other_change_of_the_class_or_of_what_it_uses_changes_the_checksum(checksum_of, old, new):
    assert checksum_of(edited(old, new)) != checksum_of(MIGRATION)


def test_the_order_of_operations_changes_the_checksum(checksum_of):
    lines = MIGRATION.splitlines(keepends=True)
    lines[-2], lines[-3] = lines[-3], lines[-2]
    assert checksum_of("".join(lines)) != checksum_of(MIGRATION)


def test_a_statement_that_changes_the_class_afterwards_changes_the_checksum(checksum_of):
    first, second = (MIGRATION + f"\nAddPreferences.depends_on = ('{id}',)\n" for id in "ab")
    assert len({checksum_of(MIGRATION), checksum_of(first), checksum_of(second)}) == 3


def test_constants_of_different_types_have_different_checksums(checksum_of):
    values = [
        "1",
        "True",
        "1.0",
        "1j",
        "'1'",
        "b'1'",
        "None",
        "'None'",
        "...",
        "'...'",
        "()",
        "0",
        "0.0",
        "-0.0",
        "False",
    ]
    values += [
        "''",
        "b''",
        "'a\\nName=b'",
        "'\\ud800'",
        "'\U0001fae0'",
        str(10**40),
        "1e400",
        "['']",
        "[]",
        "[[]]",
        "{}",
    ]
    values += [
        "{**{}}",
        "{None: {}}",
        "a.b",
        "'a.b'",
        "f'a'",
        "f'{1}'",
        "f'{1}{2}'",
        "f'{12}'",
        "f'{1:{2}}'",
        "a - (b - c)",
    ]
    values += ["a - b - c", "lambda a: b", "lambda b: a", "lambda *a: b", "lambda a, /: b", "lambda a, *, b: 1"]
    values += ["lambda *, a=1, b: 1", "lambda *, a, b=1: 1"]
    source = "class AddPreferences:\n    def up(self, migrator):\n        return {}\n"
    assert len({checksum_of(source.format(value)) for value in values}) == len(values)


def test_an_integer_with_more_digits_than_python_prints_has_a_checksum(checksum_of):
    source = f"class AddPreferences:\n    size = 0x{'f' * 5000}\n"
    assert checksum_of(source) != checksum_of(source + "    other = 1\n")


def test_a_sum_of_many_terms_has_a_checksum(checksum_of):
    source = "class AddPreferences:\n    def up(self, migrator): return {}\n"
    assert checksum_of(source.format("+".join("a" * 500))) != checksum_of(source.format("+".join("a" * 501)))


# -- what a class uses --------------------------------------------------------------------------

USES = """
class AddPreferences:
    def up(self, migrator):
        migrator.sql(QUERY, size_of(1))
"""


@pytest.mark.parametrize(
    "definitions",
    [
        "if {} > 1:\n    QUERY = 1\nelse:\n    QUERY = 2",
        "if True:\n    QUERY = {}",
        "if False:\n    pass\nelif True:\n    QUERY = {}",
        "try:\n    QUERY = {}\nexcept ValueError:\n    QUERY = 0",
        "try:\n    int('x')\nexcept ValueError:\n    QUERY = {}",
        "try:\n    pass\nfinally:\n    QUERY = {}",
        "for QUERY in range({}):\n    pass",
        "while True:\n    QUERY = {}\n    break",
        "from contextlib import nullcontext\nwith nullcontext({}) as QUERY:\n    pass",
        "with open(__file__) as file:\n    if True:\n        QUERY = {}",
        "OTHER, (QUERY, *REST) = 1, (2, {})",
        "OTHER = QUERY = {}",
        "QUERY: int = {}",
        "QUERY = 1\nQUERY += {}",
        "QUERY = []\nQUERY.append({})",
        "QUERY = []\nfor number in [1]:\n    QUERY.append({})",
        "QUERY = {{}}\nQUERY['a'] = {}",
        "QUERY = {{'a': []}}\nQUERY['a'][:] = [{}]",
        "class QUERY:\n    pass\nQUERY.value = {}",
        "if (QUERY := {}):\n    pass",
        "PART = {}\nQUERY = PART",
        "def part():\n    return {}\nQUERY = part()",
        "def part(value={}):\n    return value\nQUERY = [part]",
        "def part() -> {}:\n    return 1\nQUERY = part()",
        "PART = {}\ndef QUERY():\n    global PART\n    PART += 1",
        "PART = {}\ndef QUERY(part=PART):\n    PART = 1",
        "PART = {}\nQUERY = lambda PART=PART: PART",
        "PART = {}\nasync def QUERY():\n    def inner():\n        return PART",
        "PART = {}\nclass QUERY:\n    PART = PART",
        "PART = {}\nclass Base:\n    part = PART\nclass QUERY(Base):\n    pass",
        "PART = {}\nclass QUERY:\n    def PART(self):\n        return PART",
        "PART = [1, {}]\nQUERY = [PART for PART in PART]",
        "def keep(function): return function\n@(keep if {} else keep)\ndef QUERY():\n    pass",
        "if True:\n    def QUERY():\n        return {}",
        "if True:\n    class QUERY:\n        value = {}",
        "if {}:\n    def QUERY():\n        return 1",
        "try:\n    from nowhere_at_all import QUERY\nexcept ImportError:\n    def QUERY():\n        return {}",
    ],
)
def test_what_the_class_uses_counts_wherever_it_is_defined(checksum_of, definitions):
    first, second = (f"def size_of(value): pass\n{definitions.format(value)}\n{USES}" for value in (3, 4))
    assert checksum_of(first) != checksum_of(second)
    assert checksum_of(first) == checksum_of(f"unrelated = 1\n{first}")


@pytest.mark.parametrize(
    "definitions",
    [
        "OTHER = {}",
        "if True:\n    def other():\n        return {}\n    def QUERY():\n        return 1",
        "OTHER = {}\ndef QUERY(OTHER):\n    return OTHER",
        "OTHER = {}\ndef QUERY():\n    OTHER = 1\n    return OTHER",
        "OTHER = {}\nQUERY = lambda OTHER: OTHER",
        "OTHER = {}\nclass QUERY:\n    OTHER = 1",
        "OTHER = [{}]\nQUERY = 1\nOTHER.append(QUERY)",
        "if {}:\n    import os",
        "print({}, end='')\nQUERY = 1",
    ],
)
def test_what_is_only_near_or_of_the_same_name_does_not_count(checksum_of, definitions):
    first, second = (f"def size_of(value): pass\n{definitions.format(value)}\n{USES}" for value in (3, 4))
    assert checksum_of(first) == checksum_of(second)


def test_moving_a_function_to_the_other_branch_changes_the_checksum(checksum_of):
    source = "def size_of(value): pass\nimport sys\nif sys:\n    {}\nelse:\n    {}\n" + USES
    helper = "def QUERY(): pass"
    assert checksum_of(source.format(helper, "pass")) != checksum_of(source.format("pass", helper))


def test_only_the_module_of_the_class_counts(load, checksum_of):
    base = load("class Base:\n    audited = True\n", "Base").__module__
    other = load("class Base:\n    audited = False\n", "Base").__module__
    source = "from {} import Base\nclass AddPreferences(Base):\n    pass\n"
    assert checksum_of(source.format(base)) == checksum_of(source.format(other))


# -- which class it is --------------------------------------------------------------------------


def test_classes_of_one_name_in_a_module_are_told_apart(load):
    module = """
        class M:
            def up(self, migrator):
                migrator.drop_table("a")
        first = M
        class M:
            @staticmethod
            def up(migrator):
                migrator.drop_table("b")
    """
    first = load(module, "first")
    second = sys.modules[first.__module__].M
    assert 'drop_table("a")' in fingerprint(first).source
    assert 'drop_table("b")' in fingerprint(second).source
    assert fingerprint(first).checksum != fingerprint(second).checksum


def test_a_class_that_extends_one_of_its_own_name_takes_that_in(load, checksum_of):
    source = """
        class M:
            def up(self, migrator):
                migrator.drop_table("{}")
        class M(M):
            def up(self, migrator):
                super().up(migrator)
    """
    assert checksum_of(source.format("a"), "M") != checksum_of(source.format("b"), "M")


def test_a_class_without_an_up_of_its_own_is_found_by_its_name(load):
    found = fingerprint(load("class Base:\n    def up(self, migrator): pass\nclass M(Base):\n    a = 1\n", "M"))
    assert found.source == "class Base:\n    def up(self, migrator): pass\n\nclass M(Base):\n    a = 1"


def test_a_class_that_may_be_either_of_two_has_no_fingerprint(load):
    source = "class Base:\n    def up(self, migrator): pass\nclass M(Base):\n    a = 1\nclass M(Base):\n    a = 2\n"
    assert fingerprint(load(source, "M")) is None


def test_an_up_in_a_wrapper_is_found(load):
    source = """
        from functools import wraps
        def twice(function):
            @wraps(function)
            def wrapper(*args):
                function(*args)
            return wrapper
        class M:
            @twice
            def up(self, migrator): return "a"
        first = M
        class M:
            @twice
            def up(self, migrator): return "b"
    """
    assert 'return "a"' in fingerprint(load(source, "first")).source
    assert 'return "b"' in fingerprint(load(source, "M")).source


def test_an_up_that_is_no_function_of_the_class_is_no_obstacle(checksum_of):
    source = "def drop(self, migrator):\n    migrator.drop_table('{}')\nclass M:\n    up = drop\n"
    assert checksum_of(source.format("a"), "M") != checksum_of(source.format("b"), "M")


def test_nested_classes_are_found(load):
    source = (
        "class Outer:\n    class M:\n        def up(self, migrator):\n            pass\n\n    class N:\n        pass\n"
    )
    outer = load(source, "Outer")
    assert fingerprint(outer.M).source == "class M:\n    def up(self, migrator):\n        pass"
    assert fingerprint(outer.N).source == "class N:\n    pass"


FACTORY = """
TABLE = "of the module"

def make(column):
    table = "user"
    def fill(migrator):
        migrator.sql(table)

    class M:
        def up(self, migrator):
            migrator.drop_column(table, column)
            fill(migrator)
            migrator.drop_table(TABLE)

    return M

made = make("a")
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"user"', '"users"'),
        ("migrator.sql(table)", "migrator.sql(2)"),
        ('"of the module"', '"of the table"'),
        ("drop_column(", "add_column("),
    ],
)
def test_a_class_in_a_function_uses_the_names_around_it(checksum_of, old, new):
    assert checksum_of(edited(old, new, FACTORY), "made") != checksum_of(FACTORY, "made")


def test_a_name_of_the_function_hides_that_of_the_module(checksum_of):
    for hidden in ("table", "fill", "column"):
        assert checksum_of(f"{hidden} = 1\n{FACTORY}", "made") == checksum_of(FACTORY, "made")


def test_a_change_in_the_function_of_a_name_of_the_module_counts_and_hides_nothing(checksum_of):
    source = """
        TABLES = ["a"]
        def make():
            TABLES.append("b")
            class M:
                def up(self, migrator):
                    migrator.sql(TABLES)
            return M
        M = make()
    """
    changed = [edited('"a"', '"c"', source), edited('"b"', '"c"', source)]
    assert len({checksum_of(text, "M") for text in [source, *changed]}) == 3


def test_classes_in_test_functions_are_found():
    class M:
        def up(self, migrator):
            migrator.drop_table("a")

    first = M

    class M:
        def up(self, migrator):
            migrator.drop_table("b")

    assert fingerprint(first).source == 'class M:\n    def up(self, migrator):\n        migrator.drop_table("a")'
    assert 'drop_table("b")' in fingerprint(M).source


def test_a_thousand_classes_in_one_module_are_each_found(load):
    classes = "".join(
        f"class M{n}:\n    def up(self, migrator):\n        migrator.drop_table('t{n}')\n" for n in range(1000)
    )
    module = sys.modules[load(classes + f"registry = [{', '.join(f'M{n}' for n in range(1000))}]\n", "M1").__module__]
    found = [fingerprint(cls) for cls in module.registry]
    assert len({each.checksum for each in found}) == 1000
    assert found[567].source == "class M567:\n    def up(self, migrator):\n        migrator.drop_table('t567')"


# -- the text -----------------------------------------------------------------------------------


def test_the_source_is_the_text_of_the_class_and_of_what_it_uses_in_the_order_of_the_module(load):
    assert fingerprint(load(MIGRATION)).source == "\n\n".join(
        [
            'DEFAULT = "light"',
            'LIMITS = {"theme": 20}',
            'LIMITS["font"] = 30',
            'def length_of(name):\n    """How long a column is."""\n    return LIMITS.get(name, 10)',
            "class Audited:\n    audited = True",
            "def logged(function):\n    return function",
            MIGRATION[MIGRATION.index("class AddPreferences") :].rstrip(),
        ]
    )


def test_the_source_of_a_branch_leaves_out_the_classes_that_are_not_used(load):
    source = """
        if True:
            QUERY = 1
            class Other: pass
            class M:
                def up(self, migrator):
                    migrator.sql(QUERY, '''a
          b''')
        else:
            QUERY = 2; rest = 3
    """
    assert fingerprint(load(source, "M")).source == (
        "if True:\n    QUERY = 1\nelse:\n    QUERY = 2; rest = 3\n\n"
        "class M:\n    def up(self, migrator):\n        migrator.sql(QUERY, '''a\n  b''')"
    )


def test_statements_on_one_line_are_shown_once(load):
    found = fingerprint(load("A = 1; B = 2\nclass M:\n    def up(self, migrator): return A, B\n", "M"))
    assert found.source == "A = 1; B = 2\n\nclass M:\n    def up(self, migrator): return A, B"


def test_a_fingerprint_is_a_value(load):
    cls = load(MIGRATION)
    assert fingerprint(cls) == fingerprint(cls) == Fingerprint(fingerprint(cls).checksum, fingerprint(cls).source)


# -- where the source is ------------------------------------------------------------------------


def test_a_compiled_module_without_its_source_has_no_fingerprint(tmp_path, monkeypatch):
    source = tmp_path / "compiled_only.py"
    source.write_text(MIGRATION, encoding="utf-8")
    py_compile.compile(source, cfile=source.with_suffix(".pyc"))
    source.unlink()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "compiled_only", raising=False)
    assert fingerprint(importlib.import_module("compiled_only").AddPreferences) is None


@pytest.mark.parametrize("suffix", [".py", ".pyc"])
def test_a_zip_has_fingerprints_where_it_has_sources(tmp_path, monkeypatch, checksum_of, suffix):
    source = tmp_path / "zipped.py"
    source.write_bytes(MIGRATION.replace("\n", "\r\n").encode())
    py_compile.compile(source, cfile=source.with_suffix(".pyc"))
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        archive.write(source.with_suffix(suffix), f"zipped{suffix}")
    monkeypatch.syspath_prepend(tmp_path / "shop.zip")
    monkeypatch.delitem(sys.modules, "zipped", raising=False)
    module = importlib.import_module("zipped")
    assert "shop.zip" in module.__file__
    found = fingerprint(module.AddPreferences)
    if suffix == ".pyc":
        assert found is None
    else:
        assert found.checksum == checksum_of(MIGRATION)
        assert "\r" not in found.source


def test_a_class_made_by_exec_has_no_fingerprint(load):
    module = sys.modules[load(MIGRATION).__module__]
    source = MIGRATION[MIGRATION.index("class AddPreferences") :]
    for names in ({}, {"__name__": "nowhere_at_all"}, dict(vars(module))):
        namespace = {"Audited": object, "logged": lambda function: function} | names
        exec("\n" * MIGRATION[: MIGRATION.index("class AddPreferences")].count("\n") + source, namespace)
        assert fingerprint(namespace["AddPreferences"]) is None


def test_a_class_made_by_type_has_no_fingerprint():
    assert fingerprint(type("M", (), {"up": lambda self, migrator: None})) is None


@pytest.mark.parametrize("change", ["\n\n" + MIGRATION, "", "class AddPreferences(:\n", None])
def test_a_class_that_its_file_no_longer_has_there_has_no_fingerprint(load, change):
    cls = load(MIGRATION)
    file = Path(sys.modules[cls.__module__].__file__)
    if change is None:
        file.unlink()
    else:
        file.write_text(change, encoding="utf-8")
    assert fingerprint(cls) is None


def test_a_module_loaded_again_is_read_again(load):
    cls = load(MIGRATION)
    module = sys.modules[cls.__module__]
    before = fingerprint(cls)
    Path(module.__file__).write_text("\n\n" + edited('"light"', '"darker"'), encoding="utf-8")
    importlib.invalidate_caches()
    after = fingerprint(importlib.reload(module).AddPreferences)
    assert after.checksum != before.checksum
    assert 'DEFAULT = "darker"' in after.source


def test_a_module_that_is_not_in_utf_8_is_read(tmp_path, monkeypatch, checksum_of):
    text = "class M:\n    name = 'Größe'\n    def up(self, migrator): pass\n"
    (tmp_path / "latin.py").write_bytes(("# coding: latin-1\n" + text).encode("latin-1"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "latin", raising=False)
    assert fingerprint(importlib.import_module("latin").M).checksum == checksum_of(text, "M")


@pytest.mark.filterwarnings("error")
def test_an_invalid_escape_does_not_warn_again(tmp_path, load):
    source = "class AddPreferences:\n    def up(self, migrator): migrator.sql('\\d')\n"
    with pytest.warns((DeprecationWarning, SyntaxWarning)):
        cls = load(source)
    assert fingerprint(cls) is not None


MAIN = """
if __name__ == "__main__":
    from ormmigrate.checksum import fingerprint
    print(fingerprint(AddPreferences).checksum)
"""


def run(*arguments, interpreter=sys.executable):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [interpreter, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_class_of_a_program_is_found_however_that_is_started(tmp_path, checksum_of):
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    program = package / "__main__.py"
    program.write_text(MIGRATION + MAIN, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "shop.pyz", "w") as archive:
        archive.write(program, "__main__.py")
    with zipfile.ZipFile(tmp_path / "package.pyz", "w") as archive:
        archive.write(program, "shop/__main__.py")
        archive.write(package / "__init__.py", "shop/__init__.py")
        archive.writestr("__main__.py", "import runpy; runpy.run_module('shop', run_name='__main__', alter_sys=True)")
    started = [[program], [package], [tmp_path / "shop.pyz"], [tmp_path / "package.pyz"]]
    started.append(
        ["-c", f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r}); runpy._run_module_as_main('shop')"]
    )
    assert {run(*arguments).strip() for arguments in started} == {checksum_of(MIGRATION)}


def test_a_class_typed_at_a_prompt_has_no_fingerprint():
    migration = "class M:\n    def up(self, migrator): pass\n"
    assert (
        run("-c", f"{migration}\nfrom ormmigrate.checksum import fingerprint\nprint(fingerprint(M))").strip() == "None"
    )


# -- every Python -------------------------------------------------------------------------------

GOLDEN = {
    "plain": """
class AddBio:
    id = "20240602_130000_add_bio"

    def up(self, migrator):
        migrator.add_column("user", "bio", TextField(null=True))
""",
    "helped": """
SIZES = {"bio": 2_000, "ratio": -1.5e-7, "raw": b"\\x00\\xff", "none": None, "many": ..., "imaginary": 2j}
SIZES["größe"] = 0xFFFFFFFFFFFFFFFFFFFF
if True:
    first, (second, *rest) = 1, (True, 1.0, "\\ud800", "\U0001fae8", u"kind")

def sizes(*names, default: int = 10, **others) -> "list":
    global rest
    return [SIZES.get(name, default) for name in names if name not in others and (short := name[:3])]

class Base:
    depends_on = ()

class AddBio(Base):
    @staticmethod
    def up(migrator):
        try:
            a, *b = sizes("bio", **{"x": 1, **SIZES})
        except (KeyError, ValueError) as error:
            raise RuntimeError from error
        else:
            del a, b[1:2, ...]
        finally:
            first, second, rest
        migrator.run(lambda x, /, y=1, *, z: x if y else z and not x <= y < z @ x // y)
        async def rows():
            async with migrator as table, other:
                async for row in table: yield await row
        match migrator:
            case {"a": [1, *_], "b": None, **more} | Base(depends_on=more) if more is not None: pass
            case -1 | "a" "b": return
""",
    "formatted": """
def make(table, width=9):
    column = "bio"

    class AddBio:
        name = f"{table!r:>{width}}" f"" "and" f"{column}{table:{width}.{width}}{{}}{width:%}" rf"\\d{table}"

        def up(self, migrator):
            migrator.sql(f"{table = }" f'{table:}' f"{'a' 'b'}" f"ü{f'{column}'}", f"", "" f"{(lambda: 1)}")
            migrator.sql(f"{now:%H:%M}{now:{{}}}{table!s}" "{column}")

    return AddBio

AddBio = make("user")
""",
}
#: What a checksum is, once and for all: another one here would say that every migration of every user changed.
CHECKSUMS = {
    "plain": "1:5e1b9d45dc647a80b05850afdbfcffb2b64ee8a1f3eaa860371f958d0d483b95",
    "helped": "1:4f092edc50cc81fd18eef03a0fc296b63cc144f0429a3c0a029f25f53282cd25",
    "formatted": "1:ef741bb1c9404b98bb949e8ecc3aac221da41d237e0fa25d75f5dd6baf317802",
}

IN_ANOTHER_PYTHON = """
import importlib, json, sys
from ormmigrate.checksum import fingerprint  # of the standard library only: peewee may not be installed there

folder, *names = sys.argv[1:]
sys.path.insert(0, folder)
print(json.dumps([fingerprint(importlib.import_module(name).AddBio).checksum for name in names]))
"""


def interpreters():
    """The Pythons on this machine that the package supports: one program for each minor version."""
    on_path = filter(None, [shutil.which(f"python3.{minor}") for minor in range(10, 20)])
    of_pyenv = map(str, Path.home().glob(".pyenv/versions/3.1?.*/bin/python"))
    found = {}
    for path in [sys.executable, *on_path, *of_pyenv]:
        # Fails for a shim of pyenv whose version is not switched on.
        asked = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            found.setdefault(asked.stdout.split(".")[1], path)
    return found


def test_the_checksums_of_fixed_sources_are_the_same_on_every_python(tmp_path):
    for name, source in GOLDEN.items():
        (tmp_path / f"golden_{name}.py").write_text(source, encoding="utf-8")
    modules = [f"golden_{name}" for name in GOLDEN]
    found = {
        minor: json.loads(run("-c", IN_ANOTHER_PYTHON, tmp_path, *modules, interpreter=interpreter))
        for minor, interpreter in interpreters().items()
    }
    assert found == {minor: list(CHECKSUMS.values()) for minor in found}
    if len(found) == 1:
        pytest.skip("the checksums are right on this Python; no other one from 3.10 on is installed")
