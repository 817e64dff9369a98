"""What can be wrong with a registry that could be built."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from peewee import Database

from ormmigrate.dialects.base import Dialect
from ormmigrate.errors import IrreversibleMigration
from ormmigrate.migration import BaseMigration
from ormmigrate.naming import is_id
from ormmigrate.recording import record
from ormmigrate.registry import Registries


def findings(registries: Registries, database: Database, dialect: Dialect) -> list[str]:
    """What is wrong with files and registries, in words, with what to do about each. Runs nothing."""
    return [*_misnamed(registries), *_unlisted(registries), *_unwritten(registries, database, dialect)]


def _misnamed(registries: Registries) -> Iterator[str]:
    for migration in registries.migrations:
        named = _id_of_module(migration)
        if named is not None and named != migration.id:
            yield (
                f"{_file_of(migration)} holds the migration {migration.id}: give file and migration the same id "
                "(the migration's stays as it is once it has run anywhere)"
            )


def _unlisted(registries: Registries) -> Iterator[str]:
    """Files of migrations that lie beside those of the registries."""
    files = [_file_of(migration) for migration in registries.migrations if _id_of_module(migration) is not None]
    for folder in sorted({file.parent for file in files}):
        for path in sorted(folder.glob("m*.py")):
            if is_id(path.stem[1:]) and path not in files:
                yield f"{path} is in no registry, so it never runs: add it to the list, or delete the file"


def _unwritten(registries: Registries, database: Database, dialect: Dialect) -> Iterator[str]:
    for migration in registries.migrations:
        try:
            record(database, dialect, migration)
        except IrreversibleMigration as error:
            if isinstance(error.__cause__, NotImplementedError):
                yield f"{migration.label} refuses to run ({error.__cause__}): write what is left open in it"


def _id_of_module(migration: BaseMigration) -> str | None:
    """The id that a migration's file is named after, where it is named after one."""
    name = type(migration).__module__.rpartition(".")[2]
    return name[1:] if name.startswith("m") and is_id(name[1:]) else None


def _file_of(migration: BaseMigration) -> Path:
    return Path(getattr(sys.modules[type(migration).__module__], "__file__", None) or "")
