"""The files that are written into a project: a new migration (`new_migration`), a first start (`init_project`)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.util import resolve_name
from pathlib import Path

from ormmigrate.application import CONFIGURATION, SECTION, split_app, with_section
from ormmigrate.errors import ConfigurationError, listed
from ormmigrate.files import decoded, replace, unwritable, write_new
from ormmigrate.listing import CannotEdit, identifiers
from ormmigrate.location import UNREADABLE, Home, Location, home_of, read_tree
from ormmigrate.naming import free_class_name, is_id, next_stamp, snake_case
from ormmigrate.registration import register
from ormmigrate.registry import Registry

# Folders of a project that hold packages, but not the application.
NOT_THE_APPLICATION = ("tests", "test", "docs", "doc", "examples", "benchmarks", "migrations", "build", "dist")


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
    """The source of a migration that is still to be written, and refuses to run until it is.

    An application that restarts by itself while it is edited would otherwise apply it empty, for good.
    """
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
        raise NotImplementedError("write what this migration does")
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
    home = home_of(location, registry)
    id = f"{next_stamp(now, known_ids(location, home.folder, registry))}_{snake}"
    class_name = free_class_name(snake, _names_in(location.path))
    module = f"m{id}"
    path = home.folder / f"{module}.py"
    write_new(path, render(id, class_name, snake.replace("_", " ").capitalize()))
    reason = _add_to_registry(location, home, module, class_name)
    lines = (f"from {home.prefix(location)}{module} import {class_name}", f"{class_name},")
    return NewMigration(path, id, class_name, reason is None, lines, reason)


def known_ids(location: Location, folder: Path, registry: Registry) -> set[str]:
    """The ids of the registry, and those in files that it does not list (yet)."""
    found = {migration.id for migration in registry.migrations}
    for path in {location.path, *folder.glob("*.py"), *location.path.parent.glob("*.py")}:
        found.add(path.stem[1:])
        if tree := read_tree(path):
            found |= {str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {id for id in found if is_id(id)}


def _names_in(path: Path) -> set[str]:
    with suppress(CannotEdit, *UNREADABLE):
        return identifiers(decoded(path.read_bytes())[0])
    return set()


def _add_to_registry(location: Location, home: Home, module: str, class_name: str) -> str | None:
    """Edit the registry's file. Returns why it was not edited, if it was not."""
    try:
        source, encoding = decoded(location.path.read_bytes())
        edited = register(source, module=module, cls=class_name, registry=location.name, prefix=home.prefix(location))
        if f"{home.package}.{module}".lstrip(".") not in _imported(edited, location.package):
            return f"{location.path} was left as it is: its imports lead to another package than {home.folder}"
        replace(location.path, edited.encode(encoding))
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
    split_app(app)
    registry = folder / "migrations" / "__init__.py"
    require_unwritten(registry)
    require_unwritten(folder / "migrations.py")
    configuration, text = root / CONFIGURATION, with_section(root / CONFIGURATION, app)
    try:
        registry.parent.mkdir(exist_ok=True)
        registry.write_bytes(EMPTY_REGISTRY.encode())
        done = [(registry, "an empty registry")]
        if text is None:
            return [*done, (configuration, f"left as it is: it has [{SECTION}] already")]
        if configuration.exists():
            replace(configuration, text)
        else:
            configuration.write_bytes(text)
    except OSError as error:
        raise unwritable(root, error) from error
    return [*done, (configuration, f'[{SECTION}] app = "{app}"')]


EMPTY_REGISTRY = '''\
"""The migrations, in the order in which they run: python -m ormmigrate new NAME adds one."""

from ormmigrate import Registry

registry = Registry([])
'''


def _package_folder(root: Path, package: str | None) -> Path:
    advice = "say which package the migrations belong to: python -m ormmigrate init --package shop"
    if package is not None:
        names = package.split(".")
        for top in (root, root / "src"):
            if all(name.isidentifier() for name in names) and top.joinpath(*names).is_dir():
                return top.joinpath(*names)
        raise ConfigurationError(f"There is no folder for the package {package!r} in {root}.", advice)
    found = packages_in(root) or packages_in(root / "src")
    if len(found) == 1:
        return found[0]
    there = f"several packages: {listed(folder.name for folder in found)}" if found else "no package"
    raise ConfigurationError(f"{root} has {there}.", advice)


def packages_in(top: Path) -> list[Path]:
    """The folders of packages in a folder that may be an application's."""
    return sorted(
        path.parent
        for path in top.glob("*/__init__.py")
        if path.parent.name.isidentifier() and path.parent.name not in NOT_THE_APPLICATION
    )


def require_unwritten(registry: Path) -> None:
    """Refuse where a file holds something already, the registry perhaps.

    Raises:
        ConfigurationError
    """
    if registry.is_file() and registry.read_bytes().strip():
        raise ConfigurationError(
            f"{registry} is there already, and not empty.",
            "nothing is needed if it holds the registry: python -m ormmigrate new NAME adds to it. Otherwise add "
            "registry = Registry([]) to it, or move it.",
        )
