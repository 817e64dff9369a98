"""An application: where it is, by pyproject.toml and the environment (`load_settings`), and its import
(`load_application`).
"""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING

import peewee

from ormmigrate.errors import ConfigurationError, MigrationError, listed

if TYPE_CHECKING:
    from typing import Any, TypeGuard

    from ormmigrate.database import Database

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # checked on a newer Python

CONFIGURATION = "pyproject.toml"
SECTION = "tool.ormmigrate"
APP_EXAMPLE = 'write it as package.module:variable, for example app = "shop.db:db" or --app shop.db:db.'


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
        app=found,
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


def _section(path: Path, document: Mapping[str, object]) -> dict[str, Any]:
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


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def with_section(path: Path, app: str, models: str | None = None) -> bytes | None:
    """What pyproject.toml becomes with the section appended; None where it has one.

    Args:
        models: the module of the models, where it is to be named.

    Raises:
        ConfigurationError: it cannot be read, or nothing can be appended to the way that it is written.
    """
    lines = [f"[{SECTION}]", f'app = "{app}"', *([f'models = "{models}"'] if models else [])]
    if not path.exists():
        return "".join(f"{line}\n" for line in lines).encode()
    tool = _read_toml(path).get("tool")
    if isinstance(tool, dict) and "ormmigrate" in tool:
        return None
    old = path.read_bytes()
    newline = "\r\n" if b"\r\n" in old else "\n"
    gap = newline * (2 - old.endswith(b"\n") if old else 0)
    text = old + (gap + "".join(line + newline for line in lines)).encode()
    try:
        tomllib.loads(text.decode())
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} is written in a way that [{SECTION}] cannot be appended to ({error}).",
            f'add it by hand: app = "{app}" in the table {SECTION}.',
        ) from error
    return text


# -- the application ----------------------------------------------------------------------------


def load_application(settings: Settings) -> Database:
    """Import the application and return its Database; the modules of `settings.models` are imported after it.

    The project's folder is put first on `sys.path`, and its `src` folder where the package is in there.

    Raises:
        ConfigurationError: it cannot be imported (with the file and line), or is not an `ormmigrate.Database`.
        MigrationError: whatever of this package the application's own modules raise, as it is.
    """
    if settings.app is None:
        raise _no_application()
    module_name, attribute = split_app(settings.app)
    _extend_path(settings.root, module_name)
    importlib.invalidate_caches()
    module = _import(module_name, settings, f"correct {settings.app!r} (--app, ORMMIGRATE_APP or [{SECTION}] app)")
    database = _attribute(module, attribute)
    if not _is_database(database):
        raise _not_a_database(settings.app, database)
    for name in settings.models:
        _import(name, settings, f"correct [{SECTION}] models")
    return database


def split_app(app: str) -> tuple[str, str]:
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


def _is_database(value: object) -> TypeGuard[Database]:
    return not isinstance(value, type) and hasattr(value, "register_models") and hasattr(value, "migrations")


def _not_a_database(app: str, value: object) -> ConfigurationError:
    of = value if isinstance(value, type) else type(value)
    named = "None" if value is None else f"{'the class' if of is value else 'a'} {of.__module__}.{of.__qualname__}"
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
