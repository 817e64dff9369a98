"""Fingerprints of migrations: a checksum that only a real change alters, and the text that it stands for.

What is hashed is the syntax of the class and of what it uses of its module: `definitions` finds it, `syntax` is
its form.
"""

from __future__ import annotations

import sys
import tokenize
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from types import FunctionType, ModuleType

from ormmigrate.definitions import Module, used_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ormmigrate.definitions import ClassKey
    from ormmigrate.migration import BaseMigration

#: What stands before a checksum. Any change of `definitions` or `syntax` that changes one needs another.
ALGORITHM = "1"
CACHED_MODULES = 8

#: The modules parsed last, and what each was loaded by.
_cache: dict[str, tuple[object, Module | None]] = {}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the history keeps of a migration's code.

    Attributes:
        checksum: `1:` and a SHA-256 in hexadecimal.
        source: the class and what it uses of its module, as written, in the order of the module.
    """

    checksum: str
    source: str


def fingerprint(cls: type) -> Fingerprint | None:
    """The fingerprint of a class, by the source that its module was loaded from. Read-only.

    It takes in the functions, classes and assignments of the module (and of the functions around the class)
    that the class names, and those that they name in turn. What lies in other modules, or is reached by text
    (`getattr`, `globals()`), is not seen.

    Returns:
        None where the source is not available (only compiled files, `exec`, an interactive session), or where
        the class is no longer found in it.
    """
    module = _parsed(cls.__module__)
    found = None if module is None else module.find(_key(cls))
    if module is None or found is None:
        return None
    used = sorted(used_by(found, cls.__name__), key=lambda definition: definition.position)
    # The class comes first, so that it may stand before or behind what it uses.
    texts = [found.text, *(definition.text for definition in used if definition is not found)]
    digest = sha256("\n\n".join(texts).encode()).hexdigest()
    return Fingerprint(f"{ALGORITHM}:{digest}", module.excerpt(used))


def fingerprint_of(migration: BaseMigration) -> Fingerprint | None:
    """The fingerprint of a migration's class, read once in the life of a process."""
    return _remembered(type(migration))


def checksums_of(migrations: Iterable[BaseMigration]) -> dict[tuple[str, str], str | None]:
    """The present checksum of each migration by (registry, id), None where its source is not available."""
    found = {migration.key: fingerprint_of(migration) for migration in migrations}
    return {key: None if known is None else known.checksum for key, known in found.items()}


_remembered: Callable[[type], Fingerprint | None] = cache(fingerprint)


# -- the source ---------------------------------------------------------------------------------


def _key(cls: type) -> ClassKey:
    """What a class is looked for by: the line of its own `up` where that was written as a method there.

    This tells classes of one name apart, and a file that was changed since from what was loaded.
    """
    up: Any = vars(cls).get("up")
    while hasattr(up, "__wrapped__"):
        up = up.__wrapped__
    if not isinstance(up, FunctionType) or up.__qualname__ != f"{cls.__qualname__}.up" or up.__code__.co_name != "up":
        return cls.__qualname__
    # Code from exec() or a prompt, whatever module it says it belongs to: a line that is in no file.
    return cls.__name__, -1 if up.__code__.co_filename.startswith("<") else up.__code__.co_firstlineno


def _parsed(name: str) -> Module | None:
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    # An import and a reload each make a new spec. A script has none.
    origin = spec or module
    cached = _cache.get(name)
    if cached is None or cached[0] is not origin:
        if len(_cache) >= CACHED_MODULES:
            _cache.clear()
        # `python -m shop` runs shop.__main__ under the name __main__, which its loader does not know.
        cached = _cache[name] = origin, _parse(module, spec.name if spec else name)
    return cached[1]


def _parse(module: ModuleType | None, name: str) -> Module | None:
    try:
        source = _source(module, name)
        return None if source is None else Module(source)
    except (ImportError, OSError, SyntaxError, ValueError, RecursionError):
        return None


def _source(module: ModuleType | None, name: str) -> str | None:
    get_source = getattr(getattr(module, "__loader__", None), "get_source", None)
    source: str | None = get_source(name) if get_source else None
    path = getattr(module, "__file__", None) or ""
    if source is None and path.endswith(".py"):
        # The loader that pytest puts in the place of Python's has no get_source.
        with tokenize.open(path) as file:
            source = file.read()
    # A loader for zips gives the text as it lies there.
    return source and source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
