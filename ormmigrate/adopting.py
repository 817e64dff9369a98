"""Starting a project from a database that is there (`adopt`): models, an initial migration, and its stamp."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from peewee import Database, Model

from ormmigrate import sources
from ormmigrate.application import CONFIGURATION, SECTION
from ormmigrate.comparison import against_models, lines_of
from ormmigrate.connection import connected
from ormmigrate.dialects import dialect_of
from ormmigrate.dialects.base import Dialect
from ormmigrate.diff import Difference, diff
from ormmigrate.errors import ConfigurationError, MigrationError
from ormmigrate.files import written_together
from ormmigrate.history import OWN_TABLES
from ormmigrate.initial import initial
from ormmigrate.migration import BaseMigration
from ormmigrate.modelling.source import Source, source_of
from ormmigrate.naming import next_stamp
from ormmigrate.registry import Registries, Registry
from ormmigrate.render import render
from ormmigrate.runner import Runner
from ormmigrate.schema import Schema
from ormmigrate.starting import File, Layout, layout_of
from ormmigrate.urls import bare, database_from_url

NAME, CLASS = "initial", "Initial"


@dataclass(frozen=True)
class Adopted:
    """What came of it.

    Attributes:
        id: the migration that counts as applied now.
        database: for people.
        tables: how many there are.
        left_out: tables that belong to others.
        beside: views and triggers, which the migration makes and models do not know.
        unsaid: what neither says, in words.
        lacking: how what they make differs from the database, in words.
    """

    files: tuple[File, ...]
    id: str
    database: str
    tables: int
    left_out: tuple[str, ...]
    beside: tuple[str, ...]
    unsaid: tuple[str, ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """What a database has."""

    schema: Schema
    migration: Difference
    left_out: tuple[str, ...]


def adopt(root: Path, package: str | None, app: str | None, url: str, now: datetime) -> Adopted:
    """Write the models of a database and a migration that makes its schema, which counts as applied there.

    The database gets the history and nothing else. What is there in the project stays; everything is looked at
    before the first file is written, and where anything fails nothing stays.

    Args:
        root: the project's folder.
        package: the application's package, which is made if it is not there; None for the only one that is, or one
            that is called as the database.
        app: where its Database is or will be; None for what pyproject.toml says, or `package.db:db`.
        url: the database.

    Raises:
        ConfigurationError: the database cannot be used, has no tables or has a history; the package is not clear,
            or has migrations already; a file cannot be written.
    """
    database = database_from_url(url)
    dialect = dialect_of(database)
    layout = layout_of(root, package, app, str(database.database))
    found = _read(database, dialect, layout.unmanaged)
    models = source_of(found.schema, layout.imported)
    id = f"{next_stamp(now, ())}_{NAME}"
    migration = render(found.migration.operations, id, CLASS, "Initial")
    lacking = _lacking(database, dialect, found.schema, None if layout.has_models else models, migration, layout)
    files = layout.files(models.text, id, migration, bare(url), is_secret=bare(url) != url)
    with written_together() as writing:
        for file in files:
            if file.content is not None:
                writing.make_folder(file.path.parent)
                writing.write(file.path, file.content)
        _stamp(database, _compiled(layout.migration_module(id), layout.migration_path(id)), id)
    return Adopted(
        tuple(files),
        id,
        dialect.label(database),
        len(found.schema.tables),
        found.left_out,
        tuple(_beside(found.schema)),
        tuple(dict.fromkeys([*(() if layout.has_models else models.unsaid), *found.migration.unexpressed])),
        lacking,
    )


def _beside(schema: Schema) -> Iterator[str]:
    yield from (f"the view {view.name}" for view in schema.views)
    yield from (f"the trigger {trigger.name} on {trigger.table}" for trigger in schema.triggers)


# -- the database -------------------------------------------------------------------------------


def _read(database: Database, dialect: Dialect, unmanaged: Sequence[str]) -> _Found:
    label = dialect.label(database)
    if not dialect.exists(database):
        raise ConfigurationError(f"There is no database {label}.", "check the URL: --database sqlite:///shop.db")
    with connected(database, dialect):
        if Runner(database, Registry()).history():
            raise ConfigurationError(
                f"{label} has a history of migrations already.",
                "init without --from-database prepares a project for it; the migrations that it names belong there.",
            )
        schema = sources.of_database(database, dialect, unmanaged)
        if not schema.tables:
            raise ConfigurationError(
                f"{label} has no tables.",
                "init without --from-database prepares a project without a database; or check the URL.",
            )
        there = [*(table.name for table in schema.tables), *(view.name for view in schema.views)]
        ours = {dialect.folded(name) for name in (*there, *OWN_TABLES)}
        left_out = sorted(dialect.table_names(database, dialect.schema) - ours)
        return _Found(schema, initial(schema, dialect, *dialect.beside(database, schema)), tuple(left_out))


def _stamp(database: Database, migration: type[BaseMigration], id: str) -> None:
    try:
        Runner(database, Registry([migration])).stamp(id)
    finally:
        sys.modules.pop(migration.__module__, None)


def _compiled(name: str, path: Path) -> type[BaseMigration]:
    """The class in a migration's file; the packages around it are not imported."""
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # in which its source is looked for
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    made: type[BaseMigration] = vars(module)[CLASS]
    return made


# -- trying it ----------------------------------------------------------------------------------


def _lacking(
    database: Database, dialect: Dialect, schema: Schema, models: Source | None, migration: str, layout: Layout
) -> tuple[str, ...]:
    """How what models and migration make in a scratch place differs from the database, in words.

    Raises:
        ConfigurationError: the migration does not run.
    """
    module = ModuleType(CLASS)
    exec(compile(migration, f"<{CLASS}>", "exec"), vars(module))
    registries = Registries([Registry([vars(module)[CLASS]])])
    try:
        made = sources.of_migrations(database, dialect, registries, layout.unmanaged)
        lines = [f"migration: {line}" for line in lines_of(diff(made, schema))]
    except sources.NoScratchPlace as error:
        lines = [f"not tried: {error.problem}"]
    except MigrationError as error:
        raise ConfigurationError(
            f"The schema of {dialect.label(database)} could not be made anew, so nothing was written: {error.problem}",
            f'leave out what is named there: [{SECTION}] unmanaged = ["..."] in {CONFIGURATION}, and start again.',
        ) from error
    else:
        lines += [] if models is None else _lacking_in_models(database, dialect, schema, models, layout)
    return tuple(lines)


def _lacking_in_models(
    database: Database, dialect: Dialect, schema: Schema, models: Source, layout: Layout
) -> list[str]:  # fmt: skip
    try:
        wanted = sources.of_models(database, dialect, _defined(models, database, layout), layout.unmanaged)
    except MigrationError as error:
        return [f"models: {error.problem}"]
    return [f"models: {line}" for line in lines_of(against_models(schema, wanted))]


def _defined(models: Source, database: Database, layout: Layout) -> list[type[Model]]:
    """The classes of a file of models, in a module that is gone afterwards."""
    from ormmigrate.database import Database as OurDatabase

    package, module = ModuleType("ormmigrate_draft"), ModuleType("ormmigrate_draft.models")
    home = ModuleType(f"{package.__name__}{layout.imported.module}" if layout.is_relative else layout.imported.module)
    package.__path__ = []
    module.__package__ = package.__name__
    setattr(home, str(layout.imported.name), OurDatabase(database))
    names = {one.__name__: one for one in (package, module, home)}
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        exec(compile(models.text, "models.py", "exec"), vars(module))
        return [vars(module)[name] for name in models.classes.values()]
    except Exception as error:
        raise MigrationError(f"{type(error).__name__}: {error}", "correct them.") from error
    finally:
        for name, there in before.items():
            if there is None:
                del sys.modules[name]
            else:
                sys.modules[name] = there
