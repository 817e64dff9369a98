"""Django: `makemigrations --check` of a project whose migration is the schema before, and its models the one after.

It reads its migrations and its models; of the database only which migrations have run.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

from autogenerate_peers.schema import Found

MODELS = """\
from pathlib import Path

from autogenerate_peers.schema import {before_or_after}
from changes_peers import django_models
from django.db import models

for table in {before_or_after}(Path(__file__).parents[1]).tables:
    meta = type("Meta", (), django_models.options(table))
    body = {{**dict(django_models.fields(table)), "Meta": meta, "__module__": __name__}}
    globals()[table.name.title()] = type(table.name.title(), (models.Model,), body)
"""


def write(folder: Path) -> None:
    """Make the project: first with the models before, for which it writes its migration."""
    package = folder / "shop"
    (package / "migrations").mkdir(parents=True)
    for module in (package / "__init__.py", package / "migrations" / "__init__.py"):
        module.touch()
    (package / "models.py").write_text(MODELS.format(before_or_after="before"))
    _set_up(folder)
    call_command("makemigrations", "shop", stdout=StringIO())
    (package / "models.py").write_text(MODELS.format(before_or_after="after"))


def _set_up(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "django.db")}}
    settings.configure(DATABASES=databases, INSTALLED_APPS=["shop"])
    django.setup()


class Django:
    def __init__(self, folder: Path) -> None:
        _set_up(folder)
        # What the command imports is no part of what is measured.
        import_module("django.core.management.commands.makemigrations")
        import_module("shop.migrations.0001_initial")

    def compare(self) -> None:
        with suppress(SystemExit):  # its way to say that something is missing
            call_command("makemigrations", "--check", "--dry-run", "--no-input", stdout=StringIO())

    def found(self) -> set[Found]:
        from django.apps import apps
        from django.db.migrations.autodetector import MigrationAutodetector
        from django.db.migrations.loader import MigrationLoader
        from django.db.migrations.state import ProjectState

        loader = MigrationLoader(None)
        detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
        (migration,) = detector.changes(loader.graph)["shop"]
        return {_words(operation) for operation in migration.operations}


def _words(operation: Any) -> Found:
    kind = type(operation).__name__
    if kind in ("CreateModel", "DeleteModel"):
        return "table added" if kind == "CreateModel" else "table dropped", operation.name_lower, ""
    table = operation.model_name.lower()
    if kind == "AddIndex":
        return "index added", table, ", ".join(operation.index.fields)
    if kind == "AddConstraint":
        return "check added", table, operation.constraint.name.rpartition("__")[2]
    words = {"AddField": "column added", "RemoveField": "column dropped", "AlterField": "column changed"}
    return words.get(kind, kind), table, operation.name
