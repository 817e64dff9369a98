"""Giving migrations that ran nowhere a new time and the last place: how two branches are merged."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from ormmigrate.errors import ConfigurationError
from ormmigrate.files import decoded, written_together
from ormmigrate.listing import CannotEdit
from ormmigrate.location import UNREADABLE, Location, home_of
from ormmigrate.migration import BaseMigration
from ormmigrate.moving import change_id, move_last, names_module
from ormmigrate.naming import next_stamp
from ormmigrate.project import known_ids
from ormmigrate.registry import Registries, Registry


@dataclass(frozen=True)
class Moved:
    """A migration that has another id and the last place, or is to get them.

    Attributes:
        cls: its class.
        path: the file that it was in.
        target: the file that it is in afterwards; the same where that is not named after the id.
    """

    old: str
    new: str
    cls: str
    path: Path
    target: Path

    @property
    def steps(self) -> list[str]:
        """What there is to do, for a person."""
        renamed = [f"rename {self.path.name} to {self.target.name}"] if self.path != self.target else []
        imported = [f"import {self.cls} from {self.target.stem}"] if renamed else []
        return [*renamed, f'in it, write id = "{self.new}"', *imported, f"put {self.cls} last in the list"]


@dataclass(frozen=True)
class Rebased:
    """What came of it.

    Attributes:
        moved: the migrations in their new order; none where they were the last ones already.
        reason: why nothing was written, where it was not.
    """

    moved: tuple[Moved, ...]
    reason: str | None = None


def rebase(
    location: Location, registries: Registries, registry: Registry, chosen: Sequence[BaseMigration], now: datetime
) -> Rebased:
    """Give migrations new ids, later than every other, and the last places of their registry.

    Their files are named after the new ids, and the registry's module imports and lists them last: all of it or
    nothing. Where one of the files cannot be edited, nothing is written.

    Args:
        location: where the registry stands.
        registries: all of the database's, whose migrations may depend on these.
        registry: the one that they are in.
        chosen: the migrations, none of which may have run anywhere.
        now: the time; without a zone it is taken as local time.

    Raises:
        ConfigurationError: another migration depends on one of them, or a file cannot be written.
    """
    chosen = sorted(chosen, key=lambda migration: migration.id)
    _refuse_depended_upon(registries, chosen)
    _refuse_baseline(registry, chosen)
    if _are_last(registry, chosen):
        return Rebased(())
    moved = _moved(location, registry, chosen, now)
    texts = _Texts()
    try:
        _edit(texts, location, registry, chosen, moved)
    except CannotEdit as error:
        return Rebased(moved, f"{texts.last} cannot be edited: {error.reason}")
    except UNREADABLE as error:
        return Rebased(moved, f"{texts.last} cannot be edited: {error}")
    if (reason := _used_elsewhere(location, moved)) is not None:
        return Rebased(moved, reason)
    with written_together() as files:
        for path, data in texts.changed():
            files.write(path, data)
        for one in moved:
            if one.path != one.target:
                files.rename(one.path, one.target)
    return Rebased(moved)


# -- what is refused ----------------------------------------------------------------------------


def _refuse_depended_upon(registries: Registries, chosen: Sequence[BaseMigration]) -> None:
    keys = {migration.key: migration for migration in chosen}
    for migration in registries.migrations:
        for dependency in migration.depends_on:
            name, _, id = dependency.rpartition(":")
            needed = keys.get((name or migration.registry, id))
            if needed is None or migration.key in keys:
                continue
            labels = " ".join(one.label for one in (*chosen, migration))
            raise ConfigurationError(
                f"{migration.label} depends on {needed.label}, which would come after it.",
                f"rebase them together: python -m ormmigrate rebase {labels}"
                if migration.registry == needed.registry
                else "take the dependency out, or leave the migration where it is.",
            )


def _refuse_baseline(registry: Registry, chosen: Sequence[BaseMigration]) -> None:
    if registry.baseline in {migration.id for migration in chosen}:
        raise ConfigurationError(
            f"{registry.baseline} is the baseline of the registry {registry.name!r}: the others follow it.",
            "rebase those that came with the other branch, or name another baseline.",
        )


def _are_last(registry: Registry, chosen: Sequence[BaseMigration]) -> bool:
    ids = [migration.id for migration in registry.migrations]
    return ids[-len(chosen) :] == [migration.id for migration in chosen] and all(
        earlier < later for earlier, later in pairwise(ids)
    )


def _used_elsewhere(location: Location, moved: Sequence[Moved]) -> str | None:
    """Why the files cannot get other names, where another file beside them imports one."""
    ours = {location.path, *(one.path for one in moved)}
    for path in sorted({path for folder in {path.parent for path in ours} for path in folder.glob("*.py")} - ours):
        for one in moved:
            if one.path != one.target and _uses(path, one.path.stem):
                return f"{path} uses {one.path.stem}"
    return None


def _uses(path: Path, module: str) -> bool:
    try:
        return names_module(decoded(path.read_bytes())[0], module)
    except (CannotEdit, *UNREADABLE):
        return module.encode() in path.read_bytes()


# -- what is done -------------------------------------------------------------------------------


def _moved(location: Location, registry: Registry, chosen: Sequence[BaseMigration], now: datetime) -> tuple[Moved, ...]:
    known = known_ids(location, home_of(location, registry).folder, registry)
    found = []
    for migration in chosen:
        path = _file_of(location, migration)
        id = f"{next_stamp(now, known)}{migration.id[15:]}"
        known.add(id)
        target = path.with_name(f"m{id}.py") if path.stem == f"m{migration.id}" else path
        found.append(Moved(migration.id, id, type(migration).__name__, path, target))
    return tuple(found)


def _file_of(location: Location, migration: BaseMigration) -> Path:
    file = getattr(sys.modules.get(type(migration).__module__), "__file__", None)
    top = location.path.parent
    for _ in location.package.split(".")[1:] if location.package else ():
        top = top.parent
    path = Path(file) if file else None
    if path is None or not path.resolve().is_relative_to(top.resolve()):
        raise ConfigurationError(
            f"{migration.label} comes from {file or 'no file'}, which is no part of {top}.",
            "give it the new time where it was written.",
        )
    return path


@dataclass
class _Texts:
    """The files' texts while they are edited.

    Attributes:
        last: the file that was looked at last.
    """

    last: Path = field(default_factory=Path)
    _before: dict[Path, tuple[str, str]] = field(default_factory=dict)
    _now: dict[Path, str] = field(default_factory=dict)

    def __getitem__(self, path: Path) -> str:
        self.last = path
        if path not in self._now:
            self._before[path] = decoded(path.read_bytes())
            self._now[path] = self._before[path][0]
        return self._now[path]

    def __setitem__(self, path: Path, text: str) -> None:
        self._now[path] = text

    def changed(self) -> Iterator[tuple[Path, bytes]]:
        for path, text in self._now.items():
            before, encoding = self._before[path]
            if text != before:
                yield path, text.encode(encoding)


def _edit(
    texts: _Texts,
    location: Location,
    registry: Registry,
    chosen: Sequence[BaseMigration],
    moved: Sequence[Moved],
) -> None:
    order = [migration.id for migration in registry.migrations]
    for one in moved:
        texts[one.path] = change_id(texts[one.path], cls=one.cls, old=one.old, new=one.new)
        for other, migration in zip(moved, chosen):
            if any(dependency.rpartition(":")[2] == one.old for dependency in migration.depends_on):
                texts[other.path] = change_id(
                    texts[other.path], cls=other.cls, old=one.old, new=one.new, attribute="depends_on"
                )
        texts[location.path] = move_last(
            texts[location.path],
            index=order.index(one.old),
            old=one.path.stem,
            new=one.target.stem,
            registry=location.name,
        )
        order.remove(one.old)
        order.append(one.old)
