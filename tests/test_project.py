"""Settings, importing the application, finding its registry, writing its files."""

from __future__ import annotations

import ast
import errno
import importlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from freezegun import freeze_time

from ormmigrate.application import Settings, load_application, load_settings
from ormmigrate.errors import ConfigurationError, UnorderedMigrations
from ormmigrate.location import Location, locate_registry
from ormmigrate.naming import snake_case
from ormmigrate.project import NewMigration, init_project, new_migration
from ormmigrate.registry import Registry

NOON = datetime(2024, 6, 2, 12, 0, 0, tzinfo=timezone.utc)
NUMBERS = count(1)

DATABASE = """
class Database:
    migrations = ()
    def register_models(self, models): ...
db = Database()
"""


def migration(id: str, class_name: str) -> str:
    return (
        f"from ormmigrate import BaseMigration\nclass {class_name}(BaseMigration):\n"
        f'    id = "{id}"\n    def up(self, migrator): ...\n'
    )


FIRST = "20240101_000000_first"
FIRST_FILE = {f"m{FIRST}.py": migration(FIRST, "First")}
REGISTRY = f"from ormmigrate import Registry\nfrom .m{FIRST} import First\n\nregistry = Registry([\n    First,\n])\n"


@pytest.fixture(autouse=True)
def _same_imports_afterwards() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("ormmigrate"):
            del sys.modules[name]


@pytest.fixture
def package() -> str:
    """A name that no other test imports."""
    return f"shop{next(NUMBERS)}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Files below a folder: `write("shop", {"db.py": "..."})`."""

    def write(folder: str, files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return tmp_path / folder

    return write


@pytest.fixture
def imported(tmp_path: Path) -> Callable[[str], ModuleType]:
    def load(name: str) -> ModuleType:
        sys.path.insert(0, str(tmp_path))
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return load


def advice(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return error.value.advice


# -- settings -----------------------------------------------------------------------------------


def test_the_command_line_beats_the_environment_which_beats_the_file(write, tmp_path):
    write(".", {"pyproject.toml": '[tool.ormmigrate]\napp = "file:db"\n'})
    assert load_settings(tmp_path, {"ORMMIGRATE_APP": "env:db"}, "line:db").app == "line:db"
    assert load_settings(tmp_path, {"ORMMIGRATE_APP": "env:db"}, None).app == "env:db"
    assert load_settings(tmp_path, {"ORMMIGRATE_APP": ""}, None).app == "file:db"
    assert load_settings(tmp_path, {}, None).app == "file:db"


def test_the_nearest_pyproject_above_is_read_and_its_folder_is_the_root(write, tmp_path):
    write(".", {"pyproject.toml": '[tool.ormmigrate]\napp = "outer:db"\n'})
    write("inner", {"pyproject.toml": '[tool.ormmigrate]\napp = "inner:db"\n'})
    deep = tmp_path / "inner" / "a" / "b"
    deep.mkdir(parents=True)
    settings = load_settings(deep, {}, None)
    assert (settings.app, settings.root) == ("inner:db", tmp_path / "inner")


def test_without_pyproject_the_root_is_where_it_was_started(tmp_path):
    assert load_settings(tmp_path, {}, "shop.db:db") == Settings("shop.db:db", (), tmp_path)


@pytest.mark.parametrize(
    ("text", "models"), [("", ()), ('models = "a.b"', ("a.b",)), ('models = ["a", "b.c"]', ("a", "b.c"))]
)
def test_models_are_a_text_or_a_list(write, tmp_path, text, models):
    write(".", {"pyproject.toml": f'[tool.ormmigrate]\napp = "a:db"\n{text}\n'})
    assert load_settings(tmp_path, {}, None).models == models


def test_tables_of_others_are_read(write, tmp_path):
    write(".", {"pyproject.toml": '[tool.ormmigrate]\napp = "a:db"\nunmanaged = ["spatial_ref_sys"]\n'})
    assert load_settings(tmp_path, {}, None).unmanaged == ("spatial_ref_sys",)


def test_invalid_toml_names_the_file_and_the_line(write, tmp_path):
    write(".", {"pyproject.toml": "[tool.ormmigrate]\napp = \n"})
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml is not valid TOML: .*line 2"):
        load_settings(tmp_path, {}, "a:db")


def test_text_that_is_not_utf8_names_the_file(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b'[tool.x]\na = "\xe9"\n')
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml is not valid TOML"):
        load_settings(tmp_path, {}, "a:db")


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("app = 3", "a text"),
        ('app = ["a:db"]', "a text"),
        ("models = 3", "a text or a list of texts"),
        ('models = ["a", 3]', "a text or a list of texts"),
        ("unmanaged = true", "a list of texts"),
    ],
)
def test_a_setting_of_the_wrong_kind_says_which_kind_is_right(write, tmp_path, line, form):
    write(".", {"pyproject.toml": f"[tool.ormmigrate]\n{line}\n"})
    with pytest.raises(ConfigurationError) as error:
        load_settings(tmp_path, {}, "a:db")
    assert line.partition(" ")[0] in error.value.problem
    assert form in advice(error)


def test_a_section_that_is_no_table_is_refused(write, tmp_path):
    write(".", {"pyproject.toml": "[tool]\normmigrate = 3\n"})
    with pytest.raises(ConfigurationError, match="not a table"):
        load_settings(tmp_path, {}, "a:db")


@pytest.mark.parametrize(("key", "near"), [("ap", "did you mean app?"), ("model", "did you mean models?")])
def test_an_unknown_setting_names_the_nearest(write, tmp_path, key, near):
    write(".", {"pyproject.toml": f'[tool.ormmigrate]\n{key} = "x"\n'})
    with pytest.raises(ConfigurationError, match=f"no setting '{key}'") as error:
        load_settings(tmp_path, {}, "a:db")
    assert advice(error) == near


def test_an_unknown_setting_that_is_near_to_none_lists_them_all(write, tmp_path):
    write(".", {"pyproject.toml": "[tool.ormmigrate]\nzzzzzz = 1\n"})
    with pytest.raises(ConfigurationError) as error:
        load_settings(tmp_path, {}, "a:db")
    assert "app, models, unmanaged" in advice(error)


@pytest.mark.parametrize("text", [None, "", '[project]\nname = "x"\n', "[tool.ormmigrate]\n", "tool = 3\n"])
def test_no_application_at_all_says_the_two_ways_to_name_it(write, tmp_path, text):
    if text is not None:
        write(".", {"pyproject.toml": text})
    with pytest.raises(ConfigurationError) as error:
        load_settings(tmp_path, {}, None)
    assert advice(error) == "python -m ormmigrate init writes it, or give --app package.module:db"


# -- the application ----------------------------------------------------------------------------


def settings(root: Path, app: str, *models: str) -> Settings:
    return Settings(app, models, root)


def test_the_database_is_imported_from_the_root_and_the_models_after_it(write, tmp_path, package):
    write(
        package,
        {"__init__.py": "", "db.py": DATABASE, "models.py": f"import {package}.db as first\nseen = first.db\n"},
    )
    database = load_application(settings(tmp_path, f"{package}.db:db", f"{package}.models"))
    assert database is sys.modules[f"{package}.db"].db
    assert sys.modules[f"{package}.models"].seen is database
    assert sys.path[0] == str(tmp_path)


def test_a_package_in_src_is_found(write, tmp_path, package):
    write(f"src/{package}", {"__init__.py": DATABASE})
    assert load_application(settings(tmp_path, f"{package}:db"))
    assert sys.path[:2] == [str(tmp_path), str(tmp_path / "src")]


def test_a_real_database_is_taken(write, tmp_path, package):
    write(package, {"__init__.py": 'from ormmigrate import Database\ndb = Database("sqlite:///:memory:")\n'})
    assert hasattr(load_application(settings(tmp_path, f"{package}:db")), "register_models")


@pytest.mark.parametrize("app", ["shop.db", "shop.db:", ":db", "shop/db.py:db", "shop.db:db.x", "shop..db:db", "a b:c"])
def test_a_malformed_name_shows_the_right_form(tmp_path, app):
    with pytest.raises(ConfigurationError, match="does not name a variable") as error:
        load_application(settings(tmp_path, app))
    assert "shop.db:db" in advice(error)


def test_no_application_in_the_settings_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="Nothing says"):
        load_application(Settings(None, (), tmp_path))


def test_a_module_that_is_not_there_says_where_it_was_looked_for(tmp_path, package):
    with pytest.raises(ConfigurationError, match=f"No module named '{package}'") as error:
        load_application(settings(tmp_path, f"{package}.db:db"))
    assert str(tmp_path) in error.value.problem
    assert f"{package}.db:db" in advice(error)
    assert isinstance(error.value.__cause__, ModuleNotFoundError)


def test_a_missing_library_names_the_line_that_imports_it(write, tmp_path, package):
    write(package, {"__init__.py": "", "db.py": "x = 1\nimport no_such_library\n"})
    with pytest.raises(ConfigurationError, match="No module named 'no_such_library'") as error:
        load_application(settings(tmp_path, f"{package}.db:db"))
    assert f"{tmp_path / package / 'db.py'}, line 2" in error.value.problem
    assert advice(error).startswith("install that module")


def test_an_exception_names_the_innermost_line_of_the_users_own_code(write, tmp_path, package):
    write(
        package,
        {
            "__init__.py": "",
            "db.py": f"\nfrom {package} import settings\n",
            "settings.py": "import json\n\n\ndef read():\n    return json.loads('{')\n\nread()\n",
        },
    )
    with pytest.raises(ConfigurationError, match="JSONDecodeError") as error:
        load_application(settings(tmp_path, f"{package}.db:db"))
    assert f"{tmp_path / package / 'settings.py'}, line 5" in error.value.problem
    assert f"{package}.db cannot be imported" in error.value.problem


def test_an_exception_in_an_installed_library_names_the_users_line(write, tmp_path, package):
    library = write(".venv/lib/site-packages", {f"lib_{package}.py": "1 / 0\n"})
    sys.path.insert(0, str(library))
    write(package, {"__init__.py": f"# the shop\nimport lib_{package}\n"})
    with pytest.raises(ConfigurationError, match="ZeroDivisionError") as error:
        load_application(settings(tmp_path, f"{package}:db"))
    assert f"{tmp_path / package / '__init__.py'}, line 2" in error.value.problem


def test_an_exception_from_this_package_used_wrongly_names_the_users_line(write, tmp_path, package):
    write(package, {"__init__.py": "from ormmigrate import reference\n\nreference('user', field=3)\n"})
    with pytest.raises(ConfigurationError, match="AttributeError") as error:
        load_application(settings(tmp_path, f"{package}:db"))
    assert f"{tmp_path / package / '__init__.py'}, line 3" in error.value.problem


def test_a_syntax_error_names_its_file_its_line_and_its_text(write, tmp_path, package):
    write(package, {"__init__.py": f"import {package}.db\n", "db.py": "x = 1\n\n  if x = 2:\n    pass\n"})
    with pytest.raises(ConfigurationError, match="IndentationError") as error:
        load_application(settings(tmp_path, f"{package}:db"))
    assert f"{tmp_path / package / 'db.py'}, line 3" in error.value.problem
    assert "if x = 2:" in error.value.problem
    assert isinstance(error.value.__cause__, SyntaxError)


def test_a_syntax_error_in_evaluated_text_names_the_line_that_evaluates_it(write, tmp_path, package):
    write(package, {"__init__.py": "\nx = eval('1 +')\n"})
    with pytest.raises(ConfigurationError, match="SyntaxError") as error:
        load_application(settings(tmp_path, f"{package}:db"))
    assert f"{tmp_path / package / '__init__.py'}, line 2" in error.value.problem


def test_a_module_that_ends_the_process_is_reported(write, tmp_path, package):
    write(package, {"__init__.py": "import sys\nsys.exit(3)\n"})
    with pytest.raises(ConfigurationError, match="SystemExit: 3") as error:
        load_application(settings(tmp_path, f"{package}:db"))
    assert "line 2" in error.value.problem


def test_an_error_of_this_package_passes_as_it_is(write, tmp_path, package):
    late, early = "20240202_000000_late", "20240101_000000_early"
    text = migration(late, "Late") + migration(early, "Early")
    write(package, {"__init__.py": f"from ormmigrate import Registry\n{text}registry = Registry([Late, Early])\n"})
    with pytest.raises(UnorderedMigrations):
        load_application(settings(tmp_path, f"{package}:db"))


def test_a_failure_in_the_models_says_so(write, tmp_path, package):
    write(package, {"__init__.py": DATABASE, "models.py": "1 / 0\n"})
    with pytest.raises(ConfigurationError, match=rf"{package}\.models cannot be imported") as error:
        load_application(settings(tmp_path, f"{package}:db", f"{package}.models"))
    assert f"{tmp_path / package / 'models.py'}, line 1" in error.value.problem


def test_models_that_are_not_there_name_the_setting(write, tmp_path, package):
    write(package, {"__init__.py": DATABASE})
    with pytest.raises(ConfigurationError) as error:
        load_application(settings(tmp_path, f"{package}:db", f"{package}.models"))
    assert "models" in advice(error)


def test_a_missing_variable_lists_the_databases_of_the_module(write, tmp_path, package):
    write(package, {"__init__.py": DATABASE + "billing = Database()\nother = 3\n"})
    with pytest.raises(ConfigurationError, match=r"has no 'database'; it has these: db, billing\."):
        load_application(settings(tmp_path, f"{package}:database"))


def test_a_missing_variable_in_a_module_without_databases_says_that(write, tmp_path, package):
    write(package, {"__init__.py": "x = 1\n"})
    with pytest.raises(ConfigurationError, match=r"it has no ormmigrate\.Database at all"):
        load_application(settings(tmp_path, f"{package}:db"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("db = None", "is None"),
        ("def db(): ...", "is a builtins.function"),
        ("import json as db", "is a builtins.module"),
        (DATABASE + "db = Database", r"is the class shop\d+\.Database"),
        ("db = 3", "is a builtins.int"),
    ],
)
def test_what_is_no_database_is_called_what_it_is(write, tmp_path, package, text, what):
    write(package, {"__init__.py": text})
    with pytest.raises(ConfigurationError, match=what):
        load_application(settings(tmp_path, f"{package}:db"))


@pytest.mark.parametrize("made", ["SqliteDatabase(':memory:')", "DatabaseProxy()"])
def test_peewees_own_database_explains_the_import_that_replaced_ours(write, tmp_path, package, made):
    write(package, {"__init__.py": f"from ormmigrate import Database\nfrom peewee import *\ndb = {made}\n"})
    with pytest.raises(ConfigurationError, match=r"`from peewee import \*` after") as error:
        load_application(settings(tmp_path, f"{package}:db"))
    assert advice(error) == "import Database last, or write ormmigrate.Database(...)."


# -- where the registry stands ------------------------------------------------------------------


def test_the_registry_is_found_in_the_module_that_assigns_it_not_in_those_that_import_it(write, imported, package):
    folder = write(
        package,
        {
            "__init__.py": f"from .migrations import registry\nother = {package!r}\n",
            "db.py": "from .migrations import registry\nalias = registry\n",
            "migrations/__init__.py": REGISTRY,
            **{f"migrations/{name}": text for name, text in FIRST_FILE.items()},
        },
    )
    registry = imported(f"{package}.db").registry
    assert locate_registry(registry) == Location(
        folder / "migrations" / "__init__.py", "registry", f"{package}.migrations"
    )


def test_a_local_variable_of_the_same_name_is_no_assignment(write, imported, package):
    write(
        package,
        {
            "__init__.py": "def f():\n    registry = Registry([])\n",
            "a.py": "from .z import registry\ndef f():\n    registry = Registry([])\nclass C:\n    registry = []\n",
            "z.py": "from ormmigrate import Registry\nif True:\n    registry: Registry = Registry([])\n",
        },
    )
    location = locate_registry(imported(f"{package}.a").registry)
    assert (location.path.name, location.package) == ("z.py", package)


def test_the_list_is_found_where_it_has_a_name_of_its_own(write, imported, package):
    folder = write(
        package,
        {
            "__init__.py": "",
            "all.py": f"from .m{FIRST} import First\nMIGRATIONS = [First]\n",
            "db.py": "from ormmigrate import Registry\nfrom .all import MIGRATIONS\nregistry = Registry(MIGRATIONS)\n",
            **FIRST_FILE,
        },
    )
    registry = imported(f"{package}.db").registry
    assert locate_registry(registry) == Location(folder / "all.py", "MIGRATIONS", package)


def test_a_registry_made_of_a_plain_list_is_found_by_the_list(write, imported, package):
    write(package, {"__init__.py": f"from .m{FIRST} import First\nMIGRATIONS = [First]\n", **FIRST_FILE})
    registry = Registry(imported(package).MIGRATIONS)
    assert locate_registry(registry).name == "MIGRATIONS"


def test_the_empty_tuple_tells_nothing(write, imported, package):
    write(package, {"__init__.py": "from ormmigrate import Registry\nEMPTY = ()\nregistry = Registry(())\n"})
    assert locate_registry(imported(package).registry).name == "registry"


def test_a_module_outside_of_packages_has_none(write, imported, package):
    write(".", {f"{package}.py": "from ormmigrate import Registry\nregistry = Registry([])\n"})
    assert locate_registry(imported(package).registry).package == ""


def test_a_registry_that_no_module_holds_is_an_error():
    with pytest.raises(ConfigurationError, match="No module assigns the registry 'app'") as error:
        locate_registry(Registry([]))
    assert "registry = Registry([...])" in advice(error)


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("add_user_preferences", "add_user_preferences"),
        ("AddUserPreferences", "add_user_preferences"),
        ("addUserPreferences", "add_user_preferences"),
        ("add-user-preferences", "add_user_preferences"),
        (" add  user preferences ", "add_user_preferences"),
        ("Add user-preferences", "add_user_preferences"),
        ("AddHTTPLog2", "add_http_log2"),
        ("__x__", "x"),
        ("2fa", "2fa"),
        ("a" * 100, "a" * 100),
    ],
)
def test_names_become_snake_case(name, snake):
    assert snake_case(name) == snake


@pytest.mark.parametrize(
    "name", ["", "  ", "_", "--", "größe", "a.b", "a/b", "../a", "a\nb", "class", "none", "True", "a" * 101, "\uff41"]
)
def test_other_names_are_refused_with_an_example(name):
    with pytest.raises(ConfigurationError) as error:
        snake_case(name)
    assert "python -m ormmigrate new add_user_preferences" in advice(error)


# -- a new migration ----------------------------------------------------------------------------


@pytest.fixture
def shop(write, imported, package):
    """An application with one migration; a function that adds another."""
    folder = write(f"{package}/migrations", {"__init__.py": REGISTRY, **FIRST_FILE})
    (folder.parent / "__init__.py").touch()

    class Shop:
        path = folder / "__init__.py"
        name = package

        def registry(self) -> Registry:
            for name in [name for name in sys.modules if name.startswith(package)]:
                del sys.modules[name]
            return imported(f"{package}.migrations").registry

        def add(self, name: str = "add_bio", now: datetime = NOON) -> NewMigration:
            registry = self.registry()
            return new_migration(locate_registry(registry), registry, name, now)

    return Shop()


def test_a_migration_is_written_and_registered(shop):
    new = shop.add()
    id = "20240602_120000_add_bio"
    lines = (f"from .m{id} import AddBio", "AddBio,")
    assert new == NewMigration(shop.path.parent / f"m{id}.py", id, "AddBio", True, lines, None)
    assert shop.path.read_text() == (
        f"from ormmigrate import Registry\nfrom .m{FIRST} import First\nfrom .m{id} import AddBio\n\n"
        "registry = Registry([\n    First,\n    AddBio,\n])\n"
    )
    assert [migration.id for migration in shop.registry()] == [FIRST, id]
    assert shop.registry()[id].title == "Add bio"


def test_the_written_file_is_clean_for_ruff(shop):
    new = shop.add("2fa")
    assert new.class_name == "Migration2fa"
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    for command in (["check", "--isolated", "--select", "E,F,W,I,B,UP,PIE,RUF"], ["format", "--isolated", "--check"]):
        done = subprocess.run([ruff, *command, new.path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_id_is_the_time_in_utc(shop):
    zone = timezone(timedelta(hours=2))
    assert shop.add(now=datetime(2024, 6, 3, 1, 0, 0, 999, tzinfo=zone)).id == "20240602_230000_add_bio"


@freeze_time("2024-06-02 12:00:00", tz_offset=0)
def test_two_migrations_in_one_second_have_two_ids(shop):
    ids = [shop.add(name, datetime.now(timezone.utc)).id for name in ("add_bio", "add_bio", "another")]
    assert ids == ["20240602_120000_add_bio", "20240602_120001_add_bio", "20240602_120002_another"]
    assert [migration.id for migration in shop.registry()] == [FIRST, *ids]


def test_two_migrations_of_one_name_have_two_classes(shop):
    assert [shop.add().class_name, shop.add().class_name] == ["AddBio", "AddBio2"]
    assert len(shop.registry()) == 3


@pytest.mark.parametrize("name", ["registry", "base_migration", "model", "text_field"])
def test_a_class_is_not_called_like_what_migrations_import(shop, name):
    new = shop.add(name)
    assert new.registered
    assert new.class_name.endswith("2")


def test_the_last_minute_of_a_year_runs_over(shop, write):
    write(f"{shop.name}/migrations", {"m20241231_235959_x.py": ""})
    assert shop.add().id == "20250101_000000_add_bio"


def test_an_id_in_the_future_is_followed(shop, write):
    future = "20990101_000000_far"
    write(f"{shop.name}/migrations", {"far.py": migration(future, "Far")})  # not registered, and named otherwise
    assert shop.add().id == "20990101_000001_add_bio"


def test_an_id_in_the_registrys_own_file_is_followed(shop):
    shop.path.write_text(REGISTRY + 'NEXT = "20980101_000000_noted"\n')
    assert shop.add().id == "20980101_000001_add_bio"


def test_files_that_hold_no_ids_are_passed_over(shop, write):
    folder = write(
        f"{shop.name}/migrations", {"broken.py": "(", "m20249999_000000_x.py": "", "m2024.py": "x = 1", "d.py/x": ""}
    )
    (folder / "latin.py").write_bytes(b'x = "\xe9"\n')
    assert shop.add().id == "20240602_120000_add_bio"


def test_the_registrys_line_ends_mark_encoding_and_mode_are_kept(shop):
    shop.path.write_bytes(b"\xef\xbb\xbf" + ("# größe\n" + REGISTRY).replace("\n", "\r\n").encode())
    shop.path.chmod(0o640)
    new = shop.add()
    expected = ("# größe\n" + REGISTRY).replace("First\n", f"First\nfrom .m{new.id} import AddBio\n", 1)
    expected = expected.replace("    First,\n", "    First,\n    AddBio,\n").replace("\n", "\r\n")
    assert shop.path.read_bytes() == b"\xef\xbb\xbf" + expected.encode()
    assert stat.S_IMODE(shop.path.stat().st_mode) == 0o640
    assert [path.name for path in shop.path.parent.iterdir() if path.name.startswith(".")] == []


def test_a_registry_in_another_encoding_is_kept_in_it(shop):
    shop.path.write_bytes(("# -*- coding: latin-1 -*-\n# größe\n" + REGISTRY).encode("latin-1"))
    assert shop.add().registered
    assert "größe" in shop.path.read_text("latin-1")


def test_a_registry_behind_a_symbolic_link_stays_behind_it(shop, tmp_path):
    real = tmp_path / "real.py"
    shop.path.rename(real)
    shop.path.symlink_to(real)
    assert shop.add().registered
    assert shop.path.is_symlink()
    assert "AddBio" in real.read_text()


def test_a_registry_that_cannot_be_edited_stays_as_it_is_and_the_lines_are_told(shop):
    text = REGISTRY.replace("([\n    First,\n])", "([m for m in [First]])")
    shop.path.write_text(text)
    new = shop.add()
    assert not new.registered
    assert "computed" in new.reason
    assert new.lines == (f"from .m{new.id} import AddBio", "AddBio,")
    assert shop.path.read_text() == text
    assert ast.parse(new.path.read_text())


def test_a_read_only_registry_stays_as_it_is(shop):
    shop.path.chmod(0o444)
    new = shop.add()
    assert (new.registered, shop.path.read_text()) == (False, REGISTRY)
    assert "read-only" in new.reason
    assert new.path.exists()


def test_a_registry_that_cannot_be_replaced_stays_as_it_is_and_the_file_stays_too(shop, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    new = shop.add()
    assert (new.registered, shop.path.read_text()) == (False, REGISTRY)
    assert "No space left on device" in new.reason
    assert new.path.exists()
    assert [path.name for path in shop.path.parent.iterdir() if path.name.startswith(".")] == []


def test_a_folder_that_cannot_be_written_is_an_error_and_nothing_is_changed(shop, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    registry = shop.registry()
    location = locate_registry(registry)
    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        new_migration(location, registry, "add_bio", NOON)
    monkeypatch.undo()
    assert shop.path.read_text() == REGISTRY


def test_a_bad_name_writes_nothing(shop):
    before = sorted(path.name for path in shop.path.parent.glob("*.py"))
    with pytest.raises(ConfigurationError):
        shop.add("größe")
    assert sorted(path.name for path in shop.path.parent.glob("*.py")) == before


def test_the_source_may_be_rendered_by_somebody_else(shop):
    registry = shop.registry()
    render = "# {} {} {}\n".format
    new = new_migration(locate_registry(registry), registry, "add_bio", NOON, render)
    assert new.path.read_text() == "# 20240602_120000_add_bio AddBio Add bio\n"


def test_a_registry_in_another_module_than_its_migrations_gets_them_beside_the_last(write, imported, package):
    write(
        package,
        {
            "__init__.py": "",
            "db.py": f"from ormmigrate import Registry\nfrom .migrations.m{FIRST} import First\n"
            "registry = Registry([First])\n",
            "migrations/__init__.py": "",
            **{f"migrations/{name}": text for name, text in FIRST_FILE.items()},
        },
    )
    registry = imported(f"{package}.db").registry
    new = new_migration(locate_registry(registry), registry, "add_bio", NOON)
    assert new.path.parent.name == "migrations"
    assert new.registered
    assert new.lines[0] == f"from {package}.migrations.m{new.id} import AddBio"
    assert f"from .migrations.m{new.id} import AddBio\n" in (new.path.parent.parent / "db.py").read_text()


def test_a_migration_that_a_library_brings_is_no_place_to_write_to(write, imported, tmp_path, package):
    library = write("lib/site-packages", {f"lib_{package}.py": migration(FIRST, "First")})
    sys.path.insert(0, str(library))
    write(
        package,
        {
            "__init__.py": f"from ormmigrate import Registry\nfrom lib_{package} import First\n"
            "registry = Registry([First])\n"
        },
    )
    registry = imported(package).registry
    new = new_migration(locate_registry(registry), registry, "add_bio", NOON)
    assert new.path.parent == tmp_path / package
    # In the style of the last import it would be looked for in the library.
    assert not new.registered
    assert "lead to another package" in new.reason
    assert new.lines[0] == f"from .m{new.id} import AddBio"


def test_a_module_outside_of_packages_imports_by_the_plain_name(write, imported, package):
    write(".", {f"{package}.py": "from ormmigrate import Registry\n\nregistry = Registry([])\n"})
    registry = imported(package).registry
    new = new_migration(locate_registry(registry), registry, "add_bio", NOON)
    assert new.registered
    assert new.lines[0] == f"from m{new.id} import AddBio"
    del sys.modules[package]
    assert [migration.id for migration in imported(package).registry] == [new.id]


def test_a_plain_list_is_added_to(write, imported, package):
    write(package, {"__init__.py": f"from . import m{FIRST}\n\nMIGRATIONS = [m{FIRST}.First]\n", **FIRST_FILE})
    registry = Registry(imported(package).MIGRATIONS)
    new = new_migration(locate_registry(registry), registry, "add_bio", NOON)
    assert new.registered
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]
    assert [migration.id for migration in Registry(imported(package).MIGRATIONS)] == [FIRST, new.id]


# -- a first start ------------------------------------------------------------------------------


def test_a_first_start_writes_an_empty_registry_and_the_section(write, imported, tmp_path, package):
    write(package, {"__init__.py": ""})
    write("tests", {"__init__.py": ""})
    done = init_project(tmp_path, None, None)
    assert [path.relative_to(tmp_path).as_posix() for path, _ in done] == [
        f"{package}/migrations/__init__.py",
        "pyproject.toml",
    ]
    assert load_settings(tmp_path, {}, None).app == f"{package}.db:db"
    registry = imported(f"{package}.migrations").registry
    new = new_migration(locate_registry(registry), registry, "initial", NOON)
    assert new.registered
    text = (tmp_path / package / "migrations" / "__init__.py").read_text()
    assert text.endswith(
        f"from ormmigrate import Registry\n\nfrom .m{new.id} import Initial\n\n"
        "registry = Registry([\n    Initial,\n])\n"
    )


def test_the_package_may_be_in_src_and_named(write, tmp_path, package):
    write(f"src/{package}", {"__init__.py": "", "core/x.py": ""})
    [(path, _), _] = init_project(tmp_path, None, "other:database")
    assert path == tmp_path / "src" / package / "migrations" / "__init__.py"
    assert load_settings(tmp_path, {}, None).app == "other:database"
    [(path, _), (_, what)] = init_project(tmp_path, f"{package}.core", None)
    assert path == tmp_path / "src" / package / "core" / "migrations" / "__init__.py"
    assert "left as it is" in what


@pytest.mark.parametrize("packages", [(), ("a", "b"), ("tests", "docs", ".hidden")])
def test_no_package_or_several_ask_which(write, tmp_path, packages):
    for package in packages:
        write(package, {"__init__.py": ""})
    with pytest.raises(ConfigurationError) as error:
        init_project(tmp_path, None, None)
    assert "--package" in advice(error)
    assert not (tmp_path / "pyproject.toml").exists()


@pytest.mark.parametrize("package", ["nowhere", "", "..", "a/b"])
def test_a_package_that_is_not_there_is_an_error(tmp_path, package):
    with pytest.raises(ConfigurationError, match="no folder for the package"):
        init_project(tmp_path, package, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", '[tool.ormmigrate]\napp = "a.db:db"\n'),
        ('[project]\nname = "ä"\n', '[project]\nname = "ä"\n\n[tool.ormmigrate]\napp = "a.db:db"\n'),
        ("[x]\na = 1", '[x]\na = 1\n\n[tool.ormmigrate]\napp = "a.db:db"\n'),
        ("[x]\r\na = 1  # b\r\n", '[x]\r\na = 1  # b\r\n\r\n[tool.ormmigrate]\r\napp = "a.db:db"\r\n'),
    ],
)
def test_the_text_of_pyproject_is_kept_byte_for_byte(write, tmp_path, old, new):
    write("a", {"__init__.py": ""})
    write(".", {"pyproject.toml": old})
    init_project(tmp_path, "a", None)
    assert (tmp_path / "pyproject.toml").read_bytes() == new.encode()


@pytest.mark.parametrize("text", ["[tool.ormmigrate]\n", "[tool]\normmigrate.models = 'x'\n", "tool.ormmigrate = {}"])
def test_an_existing_section_is_never_touched(write, tmp_path, text):
    write("a", {"__init__.py": ""})
    write(".", {"pyproject.toml": text})
    [_, (path, what)] = init_project(tmp_path, "a", None)
    assert path.read_text() == text
    assert "left as it is" in what


@pytest.mark.parametrize(
    ("text", "problem"), [("tool = {x = 1}\n", "cannot be appended"), ("tool = 3\n", "appended"), ("[x", "valid TOML")]
)
def test_a_pyproject_that_cannot_be_appended_to_stops_everything(write, tmp_path, text, problem):
    write("a", {"__init__.py": ""})
    write(".", {"pyproject.toml": text})
    with pytest.raises(ConfigurationError, match=problem):
        init_project(tmp_path, "a", None)
    assert (tmp_path / "pyproject.toml").read_text() == text
    assert not (tmp_path / "a" / "migrations").exists()


@pytest.mark.parametrize("file", ["migrations/__init__.py", "migrations.py"])
def test_migrations_that_are_there_already_are_refused(write, tmp_path, file):
    write("a", {"__init__.py": "", file: "x = 1\n"})
    with pytest.raises(ConfigurationError, match="there already"):
        init_project(tmp_path, "a", None)
    assert (tmp_path / "a" / file).read_text() == "x = 1\n"
    assert not (tmp_path / "pyproject.toml").exists()


def test_an_empty_migrations_package_is_filled(write, tmp_path):
    write("a", {"__init__.py": "", "migrations/__init__.py": "\n"})
    [(path, _), _] = init_project(tmp_path, "a", None)
    assert "registry = Registry([])" in path.read_text()


def test_a_malformed_app_writes_nothing(write, tmp_path):
    write("a", {"__init__.py": ""})
    with pytest.raises(ConfigurationError, match="does not name a variable"):
        init_project(tmp_path, "a", "a.db")
    assert not (tmp_path / "a" / "migrations").exists()


def test_a_read_only_pyproject_is_an_error(write, tmp_path):
    write("a", {"__init__.py": ""})
    path = write(".", {"pyproject.toml": "[x]\n"}) / "pyproject.toml"
    path.chmod(0o444)
    with pytest.raises(ConfigurationError, match="read-only"):
        init_project(tmp_path, "a", None)
    assert path.read_text() == "[x]\n"
