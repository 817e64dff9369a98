"""Django: the autodetector of `makemigrations`, models' state against models' state, its file, and `migrate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection, models
from django.db.migrations import Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter

from changes_peers.django_models import APP, project_state
from changes_peers.states import State
from changes_peers.tool import Tool


class Answers(MigrationQuestioner):
    """A user who says what was renamed, which value rows get, and that none holds NULL."""

    def __init__(self, renamed: str | None) -> None:
        super().__init__()
        self.renamed = renamed
        self.is_used = False

    def ask_initial(self, app_label: str) -> bool:
        return True  # the application has no migrations yet, and shall have this one

    def ask_rename(self, model_name: str, old_name: str, new_name: str, field_instance: Any) -> bool:
        return self._answer(f"{model_name}.{old_name}={model_name}.{new_name}")

    def ask_rename_model(self, old_model_state: Any, new_model_state: Any) -> bool:
        return self._answer(f"{old_model_state.name_lower}={new_model_state.name_lower}")

    def ask_not_null_addition(self, field_name: str, model_name: str) -> Any:
        self.is_used = True
        return 1

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
        self.is_used = True
        return models.NOT_PROVIDED

    def _answer(self, question: str) -> bool:
        self.is_used = self.is_used or self.renamed == question
        return self.renamed == question


class Django(Tool):
    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        if not settings.configured:
            databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(self.path)}}
            settings.configure(DATABASES=databases, INSTALLED_APPS=[], USE_TZ=True)
            django.setup()
        self.state = ProjectState()
        self.found: list[Migration] = []

    def create(self, state: State) -> None:
        self._use()
        self.state = project_state(state)
        with connection.schema_editor() as editor:
            for table in state.tables:
                editor.create_model(self.state.apps.get_model(APP, table.name.title()))

    def differences(self, state: State, renamed: str | None = None) -> Sequence[str]:
        answers = Answers(renamed)
        detector = MigrationAutodetector(self.state, project_state(state), answers)
        self.found = detector.changes(MigrationGraph()).get(APP, [])
        self.has_asked = answers.is_used
        return [operation.describe() for migration in self.found for operation in migration.operations]

    def apply(self) -> None:
        self._use()
        for number, migration in enumerate(self.found):
            written: dict[str, Any] = {}
            exec(MigrationWriter(migration).as_string(), written)
            with connection.schema_editor(atomic=migration.atomic) as editor:
                written["Migration"](f"{number:04}_change", APP).apply(self.state, editor)

    def _use(self) -> None:
        connection.close()
        connection.settings_dict["NAME"] = str(self.path)
