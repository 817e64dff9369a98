from __future__ import annotations

from peewee import AutoField, BooleanField, CharField, IntegerField, TextField

from ormmigrate.migration import BaseMigration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ormmigrate.migrator import Migrator


class CreateJournal(BaseMigration):
    """What a batch that cannot be rolled back has done so far; empty while none is running."""

    id = "20261120_170000_create_journal"
    name = "Create the journal table"

    def up(self, migrator: Migrator) -> None:
        if migrator.has_table("ormmigrate_journal"):
            return
        migrator.create_table(
            "ormmigrate_journal",
            {
                "seq": AutoField(),
                "registry": CharField(max_length=50),
                "migration": CharField(max_length=200),
                "direction": CharField(max_length=8),
                "position": IntegerField(),
                "kind": CharField(max_length=16),
                "state": CharField(max_length=16),
                "description": TextField(),
                "statement": TextField(),
                "found": TextField(null=True),
                "made": TextField(null=True),
                "changes_rows": BooleanField(),
                "reversal": TextField(null=True),
                "progress": TextField(null=True),
            },
        )
        long = ("statement", "found", "made", "reversal")
        migrator.dialect.let_hold_any_text(migrator.database, "ormmigrate_journal", long)
