"""The explicit, ordered, validated list of an application's migrations."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from heapq import merge
from itertools import pairwise

from ormmigrate.errors import (
    DuplicateMigration,
    RegistryError,
    UnknownDependency,
    UnknownMigration,
    UnorderedMigrations,
)
from ormmigrate.migration import DEFAULT_REGISTRY, DONE, BaseMigration, check_id, label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

NAME_MAX_LENGTH = 50
#: CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of the inspect module.
NOT_RUN_BY_A_CALL = 0x20 | 0x80 | 0x200
RESERVED_NAME = "ormmigrate"
_takes_any_order = False


class Registry:
    """Migrations in the order in which they run.

    Args:
        migrations: classes or instances of BaseMigration, ascending by id.
        name: what the history calls this list; several registries may share a database.
        baseline: the id that a database which has tables but no history is taken to be at: everything up
            to it counts as applied.

    Raises:
        RegistryError: or one of its subclasses, saying which line is wrong and how to mend it.

    Example:
        registry = Registry([Initial, AddUserPreferences])
    """

    def __init__(
        self,
        migrations: Iterable[type[BaseMigration] | BaseMigration] = (),
        name: str = DEFAULT_REGISTRY,
        baseline: str | None = None,
    ) -> None:
        #: The very list that was passed, by which `new` finds the file that it stands in.
        self.source = migrations
        self.name = _checked_name(name)
        self.baseline = baseline
        self.migrations = tuple(_instance(item, name) for item in _items(migrations, name))
        _check_unique(self.migrations, name)
        if not _takes_any_order:
            _check_order(self.migrations, name)
        self._by_id = {migration.id: migration for migration in self.migrations}
        #: The rows of a history in which all of them are finished.
        self.finished = frozenset((name, migration.id, DONE) for migration in self.migrations)
        if baseline is not None and baseline not in self._by_id:
            raise UnknownMigration(id=baseline, nearest=nearest(baseline, self._by_id))

    def __iter__(self) -> Iterator[BaseMigration]:
        return iter(self.migrations)

    def __len__(self) -> int:
        return len(self.migrations)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __getitem__(self, id: str) -> BaseMigration:
        """The migration of that id.

        Raises:
            UnknownMigration: with the nearest ids that there are.
        """
        try:
            return self._by_id[id]
        except KeyError:
            raise UnknownMigration(id=label_of(self.name, id), nearest=nearest(id, self._by_id)) from None

    def __repr__(self) -> str:
        return f"<Registry {self.name!r}: {len(self)} migrations>"


class Registries:
    """All registries of one database, and their migrations in the one order in which they run: by id.

    Raises:
        RegistryError: two registries of one name, or one with the package's own.
        UnknownDependency: a `depends_on` that is nowhere, or that comes later.
    """

    def __init__(self, registries: Iterable[Registry]) -> None:
        self.registries = tuple(registries)
        names = [registry.name for registry in self.registries]
        if RESERVED_NAME in names:
            raise RegistryError(
                f"A registry of an application cannot be called {RESERVED_NAME!r}: the package keeps its own under it.",
                'give it another name: Registry([...], name="billing").',
            )
        for name in names:
            if names.count(name) > 1:
                raise RegistryError(
                    f"Two registries are called {name!r}, and the history could not tell them apart.",
                    'give one of them its own name: Registry([...], name="billing").',
                )
        if len(self.registries) == 1:
            self.migrations = self.registries[0].migrations
        else:
            self.migrations = tuple(merge(*self.registries, key=lambda migration: migration.id))
        if any(migration.depends_on for migration in self.migrations):
            _check_dependencies(self.migrations)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """(registry, id) of each migration."""
        return tuple(migration.key for migration in self.migrations)

    def __iter__(self) -> Iterator[Registry]:
        return iter(self.registries)

    def find(self, id: str) -> BaseMigration:
        """The migration of an id: `"2024..."`, or `"registry:2024..."`.

        Raises:
            UnknownMigration: with the nearest ids that there are.
        """
        name, _, bare = id.rpartition(":")
        for registry in self.registries:
            if (not name or name == registry.name) and bare in registry:
                return registry[bare]
        raise UnknownMigration(id=id, nearest=nearest(id, [migration.label for migration in self.migrations]))


def is_complete(registries: Registries, builtin: Registry, rows: Iterable[tuple[str, str, str]]) -> bool:
    """Whether (registry, id, state) rows hold every migration of the program, finished, and no other of its registries.

    This is asked at every start, so it compares ids and nothing else. Registries that the program does not
    have are somebody else's; built-in migrations that it does not have are a newer package's.
    """
    present = set(rows)
    for registry in registries:
        if not registry.finished <= present:
            return False
        present -= registry.finished
    names = {registry.name for registry in registries}
    return builtin.finished <= present and not any(name in names for name, _, _ in present)


def as_registries(migrations: object) -> Registries:
    """What `Database(migrations=...)` takes: a Registry, a list of migrations, or a list of registries."""
    if isinstance(migrations, Registries):
        return migrations
    if isinstance(migrations, Registry):
        return Registries([migrations])
    if not isinstance(migrations, (list, tuple)):
        raise RegistryError(
            f"migrations= was given {migrations!r}.",
            "give it a Registry, a list of migration classes, or a list of registries.",
        )
    if any(isinstance(item, Registry) for item in migrations):
        if not all(isinstance(item, Registry) for item in migrations):
            raise RegistryError(
                "migrations= mixes registries and migrations in one list.",
                "put the migrations into a Registry of their own: Registry([...], name=...).",
            )
        return Registries(migrations)
    return Registries([Registry(migrations)])


def nearest(id: str, known: Iterable[str]) -> list[str]:
    """The ids most like a mistyped one."""
    from difflib import get_close_matches

    names = list(known)
    return get_close_matches(id, names, n=3, cutoff=0.5) or [name for name in names if id in name][:3]


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or len(name) > NAME_MAX_LENGTH or not name.replace("_", "").isalnum():
        raise RegistryError(
            f"A registry cannot be called {name!r}.",
            f"use letters, digits and underscores, {NAME_MAX_LENGTH} characters at most.",
        )
    return name


def _items(migrations: object, registry: str) -> Iterable[object]:
    if isinstance(migrations, str) or not hasattr(migrations, "__iter__"):
        raise RegistryError(
            f"The registry {registry!r} was given {migrations!r}, which is no list.",
            "give it a list of classes: Registry([Initial, AddUserPreferences]).",
        )
    return migrations


def _instance(item: object, registry: str) -> BaseMigration:
    if isinstance(item, type) and issubclass(item, BaseMigration):
        migration = _made(item)
    elif isinstance(item, BaseMigration):
        # A copy: the same instance may stand in another registry.
        migration = copy(item)
    else:
        raise RegistryError(
            f"The registry {registry!r} lists {item!r}, which is no migration.",
            "list classes that derive from ormmigrate.BaseMigration.",
        )
    cls = type(migration)
    check_id(migration.id, f"{cls.__module__}.{cls.__qualname__}")
    if cls.up is BaseMigration.up:
        raise RegistryError(
            f"{cls.__module__}.{cls.__qualname__} ({migration.id}) has no up().",
            "write def up(self, migrator): with what the migration does.",
        )
    if getattr(getattr(cls.up, "__code__", None), "co_flags", 0) & NOT_RUN_BY_A_CALL:
        raise RegistryError(
            f"{cls.__module__}.{cls.__qualname__}.up ({migration.id}) is async or has a yield: a call runs nothing.",
            "make it a plain function: def up(self, migrator): ...",
        )
    _check_depends_on(cls.__qualname__, migration.depends_on)
    migration.registry = registry
    return migration


def _made(cls: type[BaseMigration]) -> BaseMigration:
    try:
        return cls()
    except TypeError as error:
        raise RegistryError(
            f"{cls.__module__}.{cls.__qualname__} cannot be made without arguments: {error}.",
            "list an instance in place of the class, or give the arguments defaults.",
        ) from error


def _check_depends_on(name: str, depends_on: object) -> None:
    if isinstance(depends_on, str):
        raise RegistryError(
            f"{name}.depends_on is the text {depends_on!r}.", f"make it a tuple: depends_on = ({depends_on!r},)"
        )
    if not isinstance(depends_on, (tuple, list)) or not all(isinstance(id, str) for id in depends_on):
        raise RegistryError(
            f"{name}.depends_on is {depends_on!r}, which is no tuple of ids.",
            'write the ids as texts: depends_on = ("20240601_120000_initial",)',
        )


@contextmanager
def any_order() -> Iterator[None]:
    """Inside, a registry may list its migrations in any order: `rebase` mends what a merge of branches made of it."""
    global _takes_any_order
    before, _takes_any_order = _takes_any_order, True
    try:
        yield
    finally:
        _takes_any_order = before


def _check_unique(migrations: Sequence[BaseMigration], registry: str) -> None:
    seen = set()
    for migration in migrations:
        if migration.id in seen:
            raise DuplicateMigration(id=migration.id, registry=registry)
        seen.add(migration.id)


def _check_order(migrations: Sequence[BaseMigration], registry: str) -> None:
    for earlier, later in pairwise(migrations):
        if later.id < earlier.id:
            raise UnorderedMigrations(id=later.id, after=earlier.id, registry=registry)


def _check_dependencies(migrations: Sequence[BaseMigration]) -> None:
    known = {migration.key for migration in migrations}
    earlier: set[tuple[str, str]] = set()
    for migration in migrations:
        for dependency in migration.depends_on:
            name, _, id = dependency.rpartition(":")
            key = (name or migration.registry, id)
            if key not in earlier:
                raise UnknownDependency(migration=migration.label, dependency=dependency, is_later=key in known)
        earlier.add(migration.key)
