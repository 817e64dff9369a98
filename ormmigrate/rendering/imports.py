"""The imports at the top of a file, sorted as ruff sorts them."""

from __future__ import annotations

from collections.abc import Iterable

from ormmigrate.rendering.expressions import STEP, Import
from ormmigrate.rendering.strings import LINE_LENGTH

#: What is installed, and stands behind what comes with Python.
INSTALLED = ("ormmigrate", "peewee", "playhouse")


def import_lines(imports: Iterable[Import]) -> list[str]:
    """The lines that import these, each once, with an empty line between Python's own and the others."""
    wanted = set(imports)
    own = _section({one for one in wanted if not _is_installed(one)})
    others = _section({one for one in wanted if _is_installed(one)})
    return [*own, *([""] if own and others else []), *others]


def _is_installed(one: Import) -> bool:
    return one.module.partition(".")[0] in INSTALLED


def _section(imports: set[Import]) -> list[str]:
    lines = [f"import {module}" for module in sorted(one.module for one in imports if one.name is None)]
    for module in sorted({one.module for one in imports if one.name is not None}):
        lines += _from(module, sorted((one.name for one in imports if one.name and one.module == module), key=_rank))
    return lines


def _from(module: str, names: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        return [line]
    return [f"from {module} import (", *(f"{' ' * STEP}{name}," for name in names), ")"]


def _rank(name: str) -> tuple[int, str, str]:
    """Constants, then classes, then functions."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    return kind, name.lower(), name
