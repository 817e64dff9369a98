from __future__ import annotations

from peewee import AutoField, CharField, DateTimeField, DoubleField, IntegerField, TextField

from ormmigrate.migration import BaseMigration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ormmigrate.migrator import Migrator


class CreateHistory(BaseMigration):
    """One row per applied migration."""

    id = "20261120_000000_create_history"
    name = "Create the history table"

    def up(self, migrator: Migrator) -> None:
        if migrator.has_table("ormmigrate_history"):
            return
        migrator.create_table(
            "ormmigrate_history",
            {
                "seq": AutoField(),
                "registry": CharField(max_length=50),
                "migration": CharField(max_length=200),
                "name": CharField(max_length=255),
                "description": TextField(),
                "checksum": CharField(max_length=80, null=True),
                "source": TextField(null=True),
                "batch": IntegerField(),
                "applied_at": DateTimeField(),
                "duration_ms": DoubleField(),
                "state": CharField(max_length=16),
                "application_version": CharField(max_length=100, null=True),
                "package_version": CharField(max_length=50, null=True),
                "details": TextField(),
            },
            indexes=[(("registry", "migration"), True)],
        )
        migrator.dialect.let_hold_any_text(migrator.database, "ormmigrate_history")
