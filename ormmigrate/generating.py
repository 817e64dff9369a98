"""A migration made from the models: what it is to do, what it is called, and whether its file brings it about."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType

from peewee import Model

from ormmigrate import sources
from ormmigrate.comparison import against_models, lines_of
from ormmigrate.errors import ConfigurationError, MigrationError
from ormmigrate.migration import BaseMigration
from ormmigrate.naming import NAME_MAX_LENGTH
from ormmigrate.operations import (
    AddColumn,
    AddIndex,
    CreateTable,
    DropColumn,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    flat,
)
from ormmigrate.registry import Registries, Registry
from ormmigrate.renaming import Decide, settle
from ormmigrate.runner import Runner
from ormmigrate.schema import Schema

NAMED_TABLES = 3


@dataclass(frozen=True)
class Draft:
    """What a migration is to do.

    Attributes:
        operations: the renames, and what is missing behind them.
        unexpressed: what is missing and no operation does, in words.
        wanted: the schema that the models describe.
    """

    operations: tuple[Operation, ...]
    unexpressed: tuple[str, ...]
    wanted: Schema


def draft(
    runner: Runner, models: Iterable[type[Model]], unmanaged: Sequence[str], answers: Sequence[str], decide: Decide
) -> Draft:
    """What migrations lack to make what models describe.

    Args:
        answers, decide: which renames there are; see `renaming.settle`.

    Raises:
        ConfigurationError: an answer names what there is not.
        MigrationError: as `comparison.missing_from_migrations`.
    """
    database, dialect = runner._target()
    wanted = sources.of_models(database, dialect, models, unmanaged, runner.registries.migrations)

    def read(ahead: Sequence[Operation]) -> Schema:
        return sources.of_migrations(database, dialect, runner.registries, unmanaged, ahead)

    ahead, before = settle(read, wanted, answers, decide)
    left = against_models(before, wanted)
    return Draft((*ahead, *left.operations), left.unexpressed, wanted)


# -- what it is called ----------------------------------------------------------------------------


def name_of(operations: Sequence[Operation], *, is_first: bool) -> str:
    """What a migration does as its name: `add_user_bio`, `create_order`, `change_user`; `changes` where it is much."""
    if is_first:
        return "initial"
    parts = list(flat(operations))
    created = [one for one in parts if isinstance(one, CreateTable)]
    tables = {str(getattr(one, "table", "")) for one in parts}
    if len(parts) == 1:
        name = _words(parts[0])
    elif 0 < len(created) <= NAMED_TABLES and len(tables) == len(created):
        name = "create_" + "_".join(one.table for one in created)
    elif len(tables) == 1:
        name = f"change_{tables.pop()}"
    else:
        name = "changes"
    name = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return name if len(name) <= NAME_MAX_LENGTH else "changes"


def _words(operation: Operation) -> str:
    if isinstance(operation, CreateTable):
        return f"create_{operation.table}"
    if isinstance(operation, DropTable):
        return f"drop_{operation.table}"
    if isinstance(operation, RenameTable):
        return f"rename_{operation.table}_to_{operation.new_name}"
    if isinstance(operation, RenameColumn):
        return f"rename_{operation.table}_{operation.column}_to_{operation.new_name}"
    if isinstance(operation, AddColumn):
        return f"add_{operation.table}_{operation.column}"
    if isinstance(operation, DropColumn):
        return f"drop_{operation.table}_{operation.column}"
    if isinstance(operation, AddIndex) and operation.names:
        return f"index_{operation.table}_{'_'.join(operation.names)}"
    table = getattr(operation, "table", None)
    return f"change_{table}" if table else "changes"


# -- whether it does that -------------------------------------------------------------------------


def shortcomings(
    runner: Runner, registry: Registry, source: str, class_name: str, drafted: Draft, unmanaged: Sequence[str]
) -> list[str]:
    """What a migration's source does not bring about, in words: it is run behind all others in a scratch place.

    Args:
        registry: the one that it is to stand in.

    Raises:
        ConfigurationError: it does not run.
    """
    database, dialect = runner._target()
    try:
        migration = _compiled(source, class_name)
    except Exception as error:  # noqa: BLE001 - whatever a source may raise when it is imported
        return [f"its file cannot be imported: {type(error).__name__}: {error}"]
    try:
        made = sources.of_migrations(database, dialect, _with(runner.registries, registry, migration), unmanaged)
    except MigrationError as error:
        raise ConfigurationError(
            f"Nothing was written: the migration that would be written does not run.\n  {error.problem}",
            "write it by hand: python -m ormmigrate new NAME; and please report what the models were and are.",
        ) from error
    left = lines_of(against_models(made, drafted.wanted))
    return [line for line in left if line not in drafted.unexpressed]


def _compiled(source: str, class_name: str) -> type[BaseMigration]:
    module = ModuleType(class_name)
    exec(compile(source, f"<{class_name}>", "exec"), vars(module))
    made: type[BaseMigration] = getattr(module, class_name)
    return made


def _with(registries: Registries, registry: Registry, migration: type[BaseMigration]) -> Registries:
    """The registries, with one more migration in one of them."""
    more = Registry([*registry.migrations, migration], registry.name, registry.baseline)
    return Registries([more if one is registry else one for one in registries])


def has_todo(source: str) -> bool:
    """Whether a migration refuses to run until a person has decided something."""
    raised = [node.exc for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)]
    return any(exc is not None and ast.unparse(exc).startswith("NotImplementedError") for exc in raised)
