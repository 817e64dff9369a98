"""The package's own tables: a registry like any other, run first in every batch.

Layouts only ever gain columns, and each migration here can run again without harm.
"""

from ormmigrate.migrations.m20261120_000000_create_history import CreateHistory
from ormmigrate.migrations.m20261120_170000_create_journal import CreateJournal
from ormmigrate.registry import Registry

registry = Registry([CreateHistory, CreateJournal], name="ormmigrate")
