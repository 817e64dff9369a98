"""An application's configuration, and the files that are written into it.

Where the application is (`load_settings`, `load_application`), where its list of migrations stands
(`locate_registry`), and what is written there: a new migration (`new_migration`), a first start (`init_project`).
"""

from __future__ import annotations

import ast
import builtins
import errno
import importlib
import os
import re
import stat
import sys
import sysconfig
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from difflib import get_close_matches
from importlib.util import resolve_name
from io import BytesIO
from itertools import chain, count
from keyword import iskeyword
from pathlib import Path
from traceback import walk_tb
from types import ModuleType

import peewee

from ormmigrate.errors import ConfigurationError, InvalidMigrationId, MigrationError, listed
from ormmigrate.migration import check_id
from ormmigrate.registration import CannotEdit, identifiers, register
from ormmigrate.registry import Registry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # checked on a newer Python

NAME_MAX_LENGTH = 100
STAMP_FORM = "%Y%m%d_%H%M%S"
CONFIGURATION = "pyproject.toml"
SECTION = "tool.ormmigrate"
NAME_EXAMPLE = "name what it does, for example: python -m ormmigrate new add_user_preferences"
APP_EXAMPLE = 'write it as package.module:variable, for example app = "shop.db:db" or --app shop.db:db.'

# What a Python file may raise on its way into a tree.
UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)

# Folders of a project that hold packages, but not the application.
NOT_THE_APPLICATION = ("tests", "test", "docs", "doc", "examples", "benchmarks", "migrations", "build", "dist")


# -- settings -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """What pyproject.toml, the environment and the command line say about the application.

    Attributes:
        app: where its Database is, `"package.module:variable"`.
        models: modules to import besides, so that every model is known.
        root: the folder that imports start from: that of pyproject.toml, else the one that was started in.
        unmanaged: tables that belong to others.
    """

    app: str | None
    models: tuple[str, ...]
    root: Path
    unmanaged: tuple[str, ...] = ()


def load_settings(start: Path, environ: Mapping[str, str], app: str | None) -> Settings:
    """Read the nearest pyproject.toml at or above a folder; `app` beats ORMMIGRATE_APP, which beats the file.

    Args:
        start: the folder to start from, usually the current one.
        environ: the environment's variables.
        app: the command line's `--app`, if it was given.

    Raises:
        ConfigurationError: the file is not valid TOML, holds what it should not, or nothing names the application.
    """
    start = start.absolute()
    path = next((path for folder in (start, *start.parents) if (path := folder / CONFIGURATION).is_file()), None)
    section = {} if path is None else _section(path, _read_toml(path))
    found = app or environ.get("ORMMIGRATE_APP") or section.get("app")
    if not found:
        raise _no_application(path)
    return Settings(
        app=str(found),
        models=_texts(section.get("models", ())),
        root=start if path is None else path.parent,
        unmanaged=_texts(section.get("unmanaged", ())),
    )


def _no_application(path: Path | None = None) -> ConfigurationError:
    where = f"{path} has no [{SECTION}] app" if path else f"there is no {CONFIGURATION} here or above"
    return ConfigurationError(
        f"Nothing says where the application's Database is: {where}, and neither --app nor ORMMIGRATE_APP is given.",
        "python -m ormmigrate init writes it, or give --app package.module:db",
    )


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return dict(tomllib.loads(path.read_bytes().decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.", "correct that place; https://toml.io shows the form."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "make the file readable.") from error


def _section(path: Path, document: Mapping[str, object]) -> dict[str, object]:
    """The checked `[tool.ormmigrate]`; empty where there is none."""
    tool = document.get("tool", {})
    section = tool.get("ormmigrate", {}) if isinstance(tool, dict) else {}
    if not isinstance(section, dict):
        raise ConfigurationError(f"{path}: {SECTION} is {section!r}, not a table.", f"write [{SECTION}] as a heading.")
    for key, value in section.items():
        _check_setting(path, key, value)
    return section


def _check_setting(path: Path, key: str, value: object) -> None:
    forms = {"app": 'a text: app = "shop.db:db"', "models": "a text or a list of texts", "unmanaged": "a list of texts"}
    if key not in forms:
        near = get_close_matches(key, forms, n=1, cutoff=0.5)
        advice = f"did you mean {near[0]}?" if near else f"take it out; there are {listed(forms)}."
        raise ConfigurationError(f"{path}: [{SECTION}] has no setting {key!r}.", advice)
    is_right = isinstance(value, str) or (
        key != "app" and isinstance(value, list) and all(isinstance(item, str) for item in value)
    )
    if not is_right:
        raise ConfigurationError(f"{path}: [{SECTION}] {key} is {value!r}.", f"make it {forms[key]}.")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, Iterable) else ()


# -- the application ----------------------------------------------------------------------------


def load_application(settings: Settings) -> object:
    """Import the application and return its Database; the modules of `settings.models` are imported after it.

    The project's folder is put first on `sys.path`, and its `src` folder where the package is in there.

    Raises:
        ConfigurationError: it cannot be imported (with the file and line), or is not an `ormmigrate.Database`.
        MigrationError: whatever of this package the application's own modules raise, as it is.
    """
    if settings.app is None:
        raise _no_application()
    module_name, attribute = _split_app(settings.app)
    _extend_path(settings.root, module_name)
    importlib.invalidate_caches()
    module = _import(module_name, settings, f"correct {settings.app!r} (--app, ORMMIGRATE_APP or [{SECTION}] app)")
    database = _attribute(module, attribute)
    if not _is_database(database):
        raise _not_a_database(settings.app, database)
    for name in settings.models:
        _import(name, settings, f"correct [{SECTION}] models")
    return database


def _split_app(app: str) -> tuple[str, str]:
    module, colon, attribute = app.partition(":")
    if not colon or not attribute.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ConfigurationError(f"{app!r} does not name a variable in a module.", APP_EXAMPLE)
    return module, attribute


def _extend_path(root: Path, module: str) -> None:
    top = module.partition(".")[0]
    source = root / "src"
    if (source / top).is_dir() or (source / f"{top}.py").is_file():
        _put_first(source)
    _put_first(root)


def _put_first(folder: Path) -> None:
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def _import(name: str, settings: Settings, correction: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except MigrationError:
        raise
    except (Exception, SystemExit) as error:
        raise _import_failure(name, settings, correction, error) from error


def _import_failure(name: str, settings: Settings, correction: str, error: BaseException) -> ConfigurationError:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        text = f"\n    {error.text.strip()}" if error.text else ""
        return ConfigurationError(
            f"{name} cannot be imported: {error.filename}, line {error.lineno}: {type(error).__name__}: "
            f"{error.msg}{text}",
            "correct that line and start again.",
        )
    place = _innermost_user_line(error)
    if place is not None:
        advice = f"mend it there; python -c 'import {name}' in {settings.root} shows all of it."
        if isinstance(error, ModuleNotFoundError):
            advice = "install that module into this Python's environment, or correct the import."
        return ConfigurationError(f"{name} cannot be imported: {place}: {said}", advice)
    problem = f"{name} cannot be imported from {settings.root}: {said}"
    return ConfigurationError(problem, f"{correction}, or start in the project's folder.")


def _innermost_user_line(error: BaseException) -> str | None:
    """`file, line n` of the deepest frame that is neither Python's, a library's nor this package's."""
    place = None
    for frame, line in walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if _is_users(file):
            place = f"{file}, line {line}"
    return place


def _is_users(file: str) -> bool:
    path = Path(file)
    if file.startswith("<") or {"site-packages", "dist-packages"} & set(path.parts):
        return False
    library = sysconfig.get_paths()
    others = (Path(library["stdlib"]), Path(library["platstdlib"]), Path(__file__).parent)
    return not any(other in path.parents for other in others)


def _attribute(module: ModuleType, name: str) -> object:
    try:
        return getattr(module, name)
    except AttributeError as error:
        names = [
            key for key, value in vars(module).items() if hasattr(type(value), "register_models") and key[0] != "_"
        ]
        there = f"it has these: {listed(names)}" if names else "it has no ormmigrate.Database at all"
        raise ConfigurationError(
            f"{module.__name__} ({getattr(module, '__file__', None)}) has no {name!r}; {there}.",
            f"correct --app or [{SECTION}] app: {module.__name__}:{names[0] if names else 'db'}.",
        ) from error


def _is_database(value: object) -> bool:
    return not isinstance(value, type) and hasattr(value, "register_models") and hasattr(value, "migrations")


def _not_a_database(app: str, value: object) -> ConfigurationError:
    kind = "the class" if isinstance(value, type) else "None" if value is None else "a"
    of = value if isinstance(value, type) else type(value)
    named = kind if value is None else f"{kind} {of.__module__}.{of.__qualname__}"
    if isinstance(value, (peewee.Database, peewee.Proxy)):
        return ConfigurationError(
            f"{app} is {named}, which is peewee's own: it has no migrations. "
            "`from peewee import *` after `from ormmigrate import Database` replaces it.",
            "import Database last, or write ormmigrate.Database(...).",
        )
    return ConfigurationError(
        f"{app} is {named}, not an ormmigrate.Database.",
        "name the variable that holds Database(..., migrations=registry), set when the module is imported.",
    )


# -- where the registry stands ------------------------------------------------------------------


@dataclass(frozen=True)
class Location:
    """Where a registry is assigned.

    Attributes:
        path: the module's file.
        name: the variable: the registry's, or its list's where that has a name of its own.
        package: the dotted package that the module is, or is in; empty where it is in none.
    """

    path: Path
    name: str
    package: str


def locate_registry(registry: Registry) -> Location:
    """Find the module and variable that a registry stands in, among the modules that are imported.

    The very objects are looked for: the list that the registry was made from, then the registry. Modules that
    only import them are passed over: the assignment must be in the module's own source.

    Raises:
        ConfigurationError: no module assigns it.
    """
    found: list[tuple[int, bool, int, ModuleType, str]] = []
    for wanted in (registry.source, registry):
        if wanted == ():  # one object in all of Python: it tells nothing
            continue
        for module, name in _names_of(wanted):
            rank = _assignment_rank(module, name)
            if rank is not None:
                # Modules that run as __main__ may be imported under their own name as well.
                found.append((rank, module.__name__ == "__main__", len(found), module, name))
    if not found:
        raise ConfigurationError(
            f"No module assigns the registry {registry.name!r} to a variable, so there is no list to add to.",
            "write it as registry = Registry([...]) in a module of its own, and give that to Database(migrations=...).",
        )
    *_, module, name = min(found, key=lambda candidate: candidate[:3])
    return Location(Path(str(module.__file__)), name, _package_of(module))


def _names_of(value: object) -> Iterator[tuple[ModuleType, str]]:
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            for name, held in list(vars(module).items()):
                if held is value:
                    yield module, name


def _assignment_rank(module: ModuleType, name: str) -> int | None:
    """How likely a module is the one that makes what `name` holds: lowest first; None where it does not assign it."""
    try:
        tree = ast.parse(_decoded(Path(module.__file__ or "").read_bytes())[0])
    except UNREADABLE:
        return None
    values = []
    for node in _at_module_level(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            values.append(getattr(node, "value", None))
    return min((_rank(value) for value in values), default=None)


def _at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """The statements of a module and of its branches, but not those of functions and classes."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


def _rank(value: ast.expr | None) -> int:
    """A list or registry that is made here comes first, then what a call returns, then `registry = other.registry`."""
    if isinstance(value, (ast.List, ast.Tuple)):
        return 0
    if isinstance(value, ast.Call):
        return 0 if ast.unparse(value.func).endswith("Registry") else 1
    return 2


def _package_of(module: ModuleType) -> str:
    if module.__name__ == "__main__":
        return module.__package__ or ""
    return module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]


# -- a new migration ----------------------------------------------------------------------------


@dataclass(frozen=True)
class NewMigration:
    """A migration that was written.

    Attributes:
        path: its file.
        id: its id.
        class_name: its class.
        registered: whether its import and its line were added to the registry's module.
        lines: that import and that line, for a person to add where it was not.
        reason: why it was not.
    """

    path: Path
    id: str
    class_name: str
    registered: bool
    lines: tuple[str, str]
    reason: str | None


def blank_migration(id: str, class_name: str, title: str) -> str:
    """The source of a migration that does nothing yet."""
    return f'''\
from ormmigrate import BaseMigration


class {class_name}(BaseMigration):
    id = "{id}"
    name = "{title}"

    def up(self, migrator):
        # For example, with `from peewee import TextField` above:
        #     migrator.add_column("user", "bio", TextField(null=True))
        #     migrator.add_index("user", ("bio",))
        #     migrator.drop_column("user", "note", field=TextField(null=True))
        pass
'''


def new_migration(
    location: Location,
    registry: Registry,
    name: str,
    now: datetime,
    render: Callable[[str, str, str], str] = blank_migration,
) -> NewMigration:
    """Write a migration's file and add it to the registry's module.

    The file goes beside the registry's own, or beside the last migration where that is in another package of
    the same project. Where the registry's module cannot be edited, it stays as it is.

    Args:
        location: where the registry stands.
        registry: the registry, whose ids the new one must follow.
        name: what it does: `add_user_preferences`, `AddUserPreferences`, `add-user-preferences`.
        now: the time; without a zone it is taken as local time.
        render: makes the source from the id, the class's name and the title.

    Raises:
        ConfigurationError: the name cannot be used, or the file cannot be written.
    """
    snake = snake_case(name)
    home = _home(location, registry)
    id = f"{_next_stamp(now, _known_ids(location, home.folder, registry))}_{snake}"
    class_name = _free_class_name(snake, location.path)
    module = f"m{id}"
    path = home.folder / f"{module}.py"
    _write_new(path, render(id, class_name, snake.replace("_", " ").capitalize()))
    reason = _add_to_registry(location, home, module, class_name)
    lines = (f"from {home.prefix(location)}{module} import {class_name}", f"{class_name},")
    return NewMigration(path, id, class_name, reason is None, lines, reason)


def snake_case(name: str) -> str:
    """`add_user_preferences` for that, `AddUserPreferences`, `add-user-preferences` and `add user preferences`.

    Raises:
        ConfigurationError: nothing is left, something else is in it, or it is too long.
    """
    if not re.fullmatch(r"[A-Za-z0-9_\- ]*", name):
        problem = "may hold English letters, digits and underscores"
        raise ConfigurationError(f"The name {name!r} cannot be used: it {problem}.", NAME_EXAMPLE)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    snake = "_".join(re.split(r"[_\- ]+", spaced.lower())).strip("_")
    if not snake:
        raise ConfigurationError("A migration needs a name.", NAME_EXAMPLE)
    if iskeyword(snake) or iskeyword(snake.capitalize()):
        raise ConfigurationError(f"The name {name!r} is a word of Python's own.", NAME_EXAMPLE)
    if len(snake) > NAME_MAX_LENGTH:
        problem = f"has {len(snake)} characters; {NAME_MAX_LENGTH} are allowed"
        raise ConfigurationError(f"The name {name!r} {problem}.", NAME_EXAMPLE)
    return snake


@dataclass(frozen=True)
class _Home:
    """The folder that new migrations go to, and its package."""

    folder: Path
    package: str

    def prefix(self, location: Location) -> str:
        """What stands before the module's name when the registry's module imports from here."""
        if self.package != location.package:
            return f"{self.package}." if self.package else ""
        return "." if self.package else ""


def _home(location: Location, registry: Registry) -> _Home:
    folder = location.path.parent
    if registry.migrations:
        module = sys.modules.get(type(registry.migrations[-1]).__module__)
        package = _package_of(module) if module else location.package
        # Both packages must hang from one folder: a migration that a library brings is no model for where to write.
        top = folder.joinpath(*[".." for _ in _parts(location.package)]).resolve()
        its_folder = top.joinpath(*_parts(package))
        if Path(getattr(module, "__file__", None) or "").resolve().parent == its_folder:
            return _Home(its_folder if package != location.package else folder, package)
    return _Home(folder, location.package)


def _parts(package: str) -> list[str]:
    return package.split(".") if package else []


def _next_stamp(now: datetime, ids: Iterable[str]) -> str:
    """The time in UTC, or the second after the newest id where that is later: a new migration is always the last."""
    second = now.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
    newest = max((id[:15] for id in ids), default="")
    if newest >= second.strftime(STAMP_FORM):
        second = datetime.strptime(newest, STAMP_FORM) + timedelta(seconds=1)
    return second.strftime(STAMP_FORM)


def _known_ids(location: Location, folder: Path, registry: Registry) -> set[str]:
    """The ids of the registry, and those in files that it does not list (yet)."""
    found = {migration.id for migration in registry.migrations}
    for path in {location.path, *folder.glob("*.py"), *location.path.parent.glob("*.py")}:
        found.add(path.stem[1:])
        with suppress(*UNREADABLE):
            tree = ast.parse(_decoded(path.read_bytes())[0])
            found |= {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {id for id in found if _is_id(id)}


def _is_id(text: str) -> bool:
    try:
        check_id(text, "")
    except InvalidMigrationId:
        return False
    return True


def _free_class_name(snake: str, registry_file: Path) -> str:
    """`AddUserPreferences`, with a number behind it where the registry's module uses that name already."""
    wanted = "".join(word.capitalize() for word in snake.split("_"))
    if wanted[0].isdigit():
        wanted = f"Migration{wanted}"
    taken = {"BaseMigration", *dir(peewee), *dir(builtins)}  # what the migration itself may need by that name
    with suppress(CannotEdit, *UNREADABLE):
        taken |= identifiers(_decoded(registry_file.read_bytes())[0])
    numbered = (f"{wanted}{number}" for number in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError(f"{path} is there already.", "start the command again.") from error
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.",
            "make room or give the right to write there, and start again.",
        ) from error


def _add_to_registry(location: Location, home: _Home, module: str, class_name: str) -> str | None:
    """Edit the registry's file. Returns why it was not edited, if it was not."""
    try:
        source, encoding = _decoded(location.path.read_bytes())
        edited = register(source, module=module, cls=class_name, registry=location.name, prefix=home.prefix(location))
        wanted = ".".join([*_parts(home.package), module])
        if wanted not in _imported(edited, location.package):
            return f"{location.path} was left as it is: its imports lead to another package than {home.folder}"
        _replace(location.path, edited.encode(encoding))
    except CannotEdit as error:
        return f"{location.path} was left as it is: {error.reason}"
    except UNREADABLE as error:  # or not writable
        return f"{location.path} was left as it is: {error}"
    return None


def _imported(source: str, package: str) -> set[str]:
    """The absolute names of the modules that a module of `package` imports, and of what it imports from them."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # a relative import that leads out of the package
                origin = resolve_name("." * node.level + (node.module or ""), package)
                names |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return names


# -- a first start ------------------------------------------------------------------------------


def init_project(root: Path, package: str | None, app: str | None) -> list[tuple[Path, str]]:
    """Write an empty registry into a package, and `[tool.ormmigrate]` into pyproject.toml.

    Args:
        root: the project's folder.
        package: the application's package; None for the only one that is there, in the folder or in `src`.
        app: where its Database is or will be; None for `package.db:db`.

    Returns:
        Each file, with what was done.

    Raises:
        ConfigurationError: the package is not there or not clear, it has migrations already, or a file cannot
            be written. Everything is looked at before the first file is written.
    """
    folder = _package_folder(root, package)
    package = package or folder.name
    app = app or f"{package}.db:db"
    _split_app(app)
    registry = folder / "migrations" / "__init__.py"
    _require_unwritten(registry)
    _require_unwritten(folder / "migrations.py")
    configuration, text = root / CONFIGURATION, _with_section(root / CONFIGURATION, app)
    try:
        registry.parent.mkdir(exist_ok=True)
        registry.write_bytes(EMPTY_REGISTRY.encode())
        done = [(registry, "an empty registry")]
        if text is None:
            return [*done, (configuration, f"left as it is: it has [{SECTION}] already")]
        if configuration.exists():
            _replace(configuration, text)
        else:
            configuration.write_bytes(text)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or root} cannot be written: {error.strerror}.", "give the right to write there."
        ) from error
    return [*done, (configuration, f'[{SECTION}] app = "{app}"')]


EMPTY_REGISTRY = '''\
"""The migrations, in the order in which they run: python -m ormmigrate new NAME adds one."""

from ormmigrate import Registry

registry = Registry([])
'''


def _package_folder(root: Path, package: str | None) -> Path:
    advice = "say which package the migrations belong to: python -m ormmigrate init --package shop"
    if package is not None:
        parts = package.split(".")
        for top in (root, root / "src"):
            if all(part.isidentifier() for part in parts) and top.joinpath(*parts).is_dir():
                return top.joinpath(*parts)
        raise ConfigurationError(f"There is no folder for the package {package!r} in {root}.", advice)
    found = _packages(root) or _packages(root / "src")
    if len(found) == 1:
        return found[0]
    there = f"several packages: {listed(folder.name for folder in found)}" if found else "no package"
    raise ConfigurationError(f"{root} has {there}.", advice)


def _packages(top: Path) -> list[Path]:
    return sorted(
        path.parent
        for path in top.glob("*/__init__.py")
        if path.parent.name.isidentifier() and path.parent.name not in NOT_THE_APPLICATION
    )


def _require_unwritten(registry: Path) -> None:
    if registry.is_file() and registry.read_bytes().strip():
        raise ConfigurationError(
            f"{registry} is there already, and not empty.",
            "nothing is needed if it holds the registry: python -m ormmigrate new NAME adds to it. Otherwise add "
            "registry = Registry([]) to it, or move it.",
        )


def _with_section(path: Path, app: str) -> bytes | None:
    """pyproject.toml with the section appended; None where it has one."""
    if not path.exists():
        return f'[{SECTION}]\napp = "{app}"\n'.encode()
    tool = _read_toml(path).get("tool")
    if isinstance(tool, dict) and "ormmigrate" in tool:
        return None
    old = path.read_bytes()
    newline = "\r\n" if b"\r\n" in old else "\n"
    gap = newline * (2 - old.endswith(b"\n") if old else 0)
    text = old + f'{gap}[{SECTION}]{newline}app = "{app}"{newline}'.encode()
    try:
        tomllib.loads(text.decode())
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} is written in a way that [{SECTION}] cannot be appended to ({error}).",
            f'add it by hand: app = "{app}" in the table {SECTION}.',
        ) from error
    return text


# -- files --------------------------------------------------------------------------------------


def _decoded(data: bytes) -> tuple[str, str]:
    """A Python file's text, line ends as they are, and its encoding; a byte order mark belongs to the encoding.

    Raises:
        SyntaxError, UnicodeDecodeError: as Python itself would.
    """
    encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
    return data.decode(encoding), encoding


def _replace(path: Path, data: bytes) -> None:
    """Put new content in place of a file's at once: whoever reads it meets the old or the new, never a part."""
    target = path.resolve()  # a symbolic link stays one
    mode = stat.S_IMODE(target.stat().st_mode)
    if not mode & 0o222 or not os.access(target, os.W_OK):  # renaming over it would not ask
        raise PermissionError(errno.EACCES, "the file is read-only", str(path))
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
