"""Where an application's list of migrations stands (`locate_registry`), and where its files go (`home_of`)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ormmigrate.errors import ConfigurationError
from ormmigrate.registry import Registry

# What a Python file may raise on its way into a tree.
UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)


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
    wanted = [value for value in (registry.source, registry) if value != ()]  # which is one object in all of Python
    names = [found for value in wanted for found in _names_of(value)]
    found = [(rank, *name) for name in names if (rank := _assignment_rank(*name)) is not None]
    if not found:
        raise ConfigurationError(
            f"No module assigns the registry {registry.name!r} to a variable, so there is no list to add to.",
            "write it as registry = Registry([...]) in a module of its own, and give that to Database(migrations=...).",
        )
    # The first of the likeliest. A module that runs as __main__ may be imported under its own name as well.
    _, module, name = min(found, key=lambda each: (each[0], each[1].__name__ == "__main__"))
    return Location(Path(str(module.__file__)), name, _package_of(module))


def _names_of(value: object) -> Iterator[tuple[ModuleType, str]]:
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            for name, held in list(vars(module).items()):
                if held is value:
                    yield module, name


def _assignment_rank(module: ModuleType, name: str) -> int | None:
    """How likely a module is the one that makes what `name` holds: lowest first; None where it does not assign it."""
    tree = read_tree(Path(module.__file__ or ""))
    if tree is None:
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


def read_tree(path: Path) -> ast.Module | None:
    """A Python file's tree; None where it is none, or cannot be read."""
    try:
        return ast.parse(path.read_bytes())
    except UNREADABLE:
        return None


# -- where a new one goes -----------------------------------------------------------------------


@dataclass(frozen=True)
class Home:
    """The folder that new migrations go to, and its package."""

    folder: Path
    package: str

    def prefix(self, location: Location) -> str:
        """What stands before the module's name when the registry's module imports from here."""
        if not self.package:
            return ""
        return "." if self.package == location.package else f"{self.package}."


def home_of(location: Location, registry: Registry) -> Home:
    """The folder of the last migration where that is in another package of the same project, else the registry's."""
    folder = location.path.parent
    for migration in registry.migrations[-1:]:
        module = sys.modules.get(type(migration).__module__)
        package = _package_of(module) if module else location.package
        # Both packages must hang from one folder: a migration that a library brings is no model for where to write.
        top = folder.joinpath(*[".." for _ in _parts(location.package)]).resolve()
        its_folder = top.joinpath(*_parts(package))
        file = Path(getattr(module, "__file__", None) or "")
        if package != location.package and file.resolve().parent == its_folder:
            return Home(its_folder, package)
    return Home(folder, location.package)


def _parts(package: str) -> list[str]:
    return package.split(".") if package else []
