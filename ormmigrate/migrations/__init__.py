"""The history table's own migrations: a registry like any other, run first in every batch.

Layouts only ever gain columns, and each migration here can run again without harm.
"""

from ormmigrate.migrations.m20261120_000000_create_history import CreateHistory
from ormmigrate.registry import Registry

registry = Registry([CreateHistory], name="ormmigrate")
