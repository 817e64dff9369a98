"""Schema migrations for applications that use the peewee ORM.

```python
from ormmigrate import Database, Registry

db = Database("sqlite:///shop.db", migrations=Registry([Initial, AddUserPreferences]))
db.register_models([User, Order])   # what is pending, one transaction, then missing tables
```
"""

from __future__ import annotations

from ormmigrate.version import VERSION as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ormmigrate.database import Database
    from ormmigrate.dialects.sqlite.migrator import SqliteMigrator
    from ormmigrate.errors import (
        BackupError,
        ChecksumMismatch,
        ConfigurationError,
        DatabaseAhead,
        DuplicateMigration,
        HistoryError,
        IntegrityCheckFailed,
        InvalidMigrationId,
        IrreversibleMigration,
        LockTimeout,
        MigrationError,
        MigrationFailed,
        OutOfOrder,
        RegistryError,
        TableInUse,
        UnfinishedMigration,
        UnknownDependency,
        UnknownMigration,
        UnorderedMigrations,
        UnsupportedOperation,
    )
    from ormmigrate.fields import RawField
    from ormmigrate.limits import Limits
    from ormmigrate.migration import BaseMigration, reference
    from ormmigrate.migrator import Migrator
    from ormmigrate.registry import Registry
    from ormmigrate.report import Report
    from ormmigrate.runner import Runner
    from ormmigrate.status import Status

__all__ = [
    "BackupError",
    "BaseMigration",
    "ChecksumMismatch",
    "ConfigurationError",
    "Database",
    "DatabaseAhead",
    "DuplicateMigration",
    "HistoryError",
    "IntegrityCheckFailed",
    "InvalidMigrationId",
    "IrreversibleMigration",
    "Limits",
    "LockTimeout",
    "MigrationError",
    "MigrationFailed",
    "Migrator",
    "OutOfOrder",
    "RawField",
    "Registry",
    "RegistryError",
    "Report",
    "Runner",
    "SqliteMigrator",
    "Status",
    "TableInUse",
    "UnfinishedMigration",
    "UnknownDependency",
    "UnknownMigration",
    "UnorderedMigrations",
    "UnsupportedOperation",
    "__version__",
    "reference",
]

# Names load when they are first used: `import ormmigrate` reads no other file of the package.
_HOMES = {
    "BaseMigration": "migration",
    "Database": "database",
    "Limits": "limits",
    "Migrator": "migrator",
    "RawField": "fields",
    "Registry": "registry",
    "Report": "report",
    "Runner": "runner",
    "SqliteMigrator": "dialects.sqlite.migrator",
    "Status": "status",
    "reference": "migration",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
