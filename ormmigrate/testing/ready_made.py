"""The ready-made tests. Each failure says which migration it is about, and what to do."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from ormmigrate.comparison import lines_of, missing_from_migrations
from ormmigrate.errors import MigrationError, bulleted
from ormmigrate.testing.application import MEMORY, Application
from ormmigrate.testing.findings import findings

if TYPE_CHECKING:
    from peewee import Model

    from ormmigrate.database import Database
    from ormmigrate.testing.trial import Trial

CHANGES_ROWS, ALLOW_IRREVERSIBLE = "ormmigrate_changes_rows", "ormmigrate_allow_irreversible"
OWN_ROWS = "the fixture ormmigrate_rows can put others there, such as your application makes."


class TestMigrations:
    """All migrations of the application: as a list, on an empty database, and each of them on rows."""

    def test_the_registry_is_valid(self, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        """Ids ascend, files are named after them, no file is forgotten, and nothing is left to be written."""
        # Asked for here: a registry that cannot even be built is this test's failure.
        application: Application = request.getfixturevalue("ormmigrate_app")
        with application.at(MEMORY, tmp_path) as database:
            runner = database.migrations
            found = findings(runner.registries, *runner._target())
        labels = {migration.label for migration in runner.registries.migrations}
        found += [
            f"{CHANGES_ROWS} in pytest's settings names {label}, and there is no such migration"
            for label in request.config.getini(CHANGES_ROWS)
            if label not in labels
        ]
        if found:
            _fail(f"The list of migrations is not as it should be:\n{bulleted(found)}", "mend each of these.")

    def test_the_migrations_run_on_an_empty_database(
        self, request: pytest.FixtureRequest, ormmigrate_place: Database
    ) -> None:
        """A new installation gets its tables from the first migration to the last."""
        try:
            ormmigrate_place.migrations.up()
        except MigrationError as error:
            _fail_with(request, error)

    def test_the_migrations_make_what_the_models_describe(
        self,
        request: pytest.FixtureRequest,
        ormmigrate_app: Application,
        ormmigrate_place: Database,
        ormmigrate_models: Sequence[type[Model]],
    ) -> None:
        """No migration is missing."""
        runner = ormmigrate_place.migrations
        try:
            missing = missing_from_migrations(runner, ormmigrate_models, ormmigrate_app.unmanaged)
        except MigrationError as error:
            _fail_with(request, error)
        if missing:
            _fail(
                f"The models describe what no migration makes:\n{bulleted(lines_of(missing))}",
                "python -m ormmigrate new NAME --auto writes the migration; or correct the models.",
            )

    def test_a_migration_keeps_the_rows(self, request: pytest.FixtureRequest, ormmigrate_trial: Trial) -> None:
        """It runs on tables that hold rows, and they are all there afterwards."""
        trial = _tried(request, ormmigrate_trial)
        if trial.failure is not None:
            _tell_cause(request, trial.failure)
            _fail(
                f"{trial.migration} does not run on tables that hold rows.\n{trial.failure.problem}",
                f"{trial.failure.advice} It was tried on made-up rows: {OWN_ROWS}",
            )
        if trial.lost and not _changes_rows(request, trial):
            _fail(
                f"{trial.migration} does not keep the rows that were there before it:\n{bulleted(trial.lost)}",
                f"correct the migration; or, if it is meant to: {_changing(trial)}",
            )

    def test_down_takes_back_what_up_did(self, request: pytest.FixtureRequest, ormmigrate_trial: Trial) -> None:
        """After up and down, schema and rows are what they were before."""
        trial = _tried(request, ormmigrate_trial)
        if trial.failure is not None:
            pytest.skip(f"{trial.migration} does not run on tables that hold rows")
        if trial.irreversible is not None and request.config.getini(ALLOW_IRREVERSIBLE):
            pytest.skip(f"{trial.migration} has no way back: {trial.irreversible}")
        if trial.down_failure is not None:
            _fail_with(request, trial.down_failure)
        if trial.left:
            _fail(
                f"up() and down() of {trial.migration} leave something behind, as if this had been run:\n"
                f"{bulleted(lines_of(trial.left))}",
                "let down() take back all that up() does. Where down() is not written, the operations of up() say "
                "what they replace, and sql() and run() have a reverse=.",
            )
        if trial.left_rows and not _changes_rows(request, trial):
            _fail(
                f"After up() and down() of {trial.migration} the rows are others:\n{bulleted(trial.left_rows)}",
                f"let down() bring back what up() changes; or, if it cannot: {_changing(trial)}",
            )


def _tried(request: pytest.FixtureRequest, trial: Trial) -> Trial:
    """The trial, where there was one; which tables stood empty in it is told beside a failure."""
    if trial.unreached is not None:
        pytest.skip(f"{trial.unreached.migration} does not run, so there is nothing to try {trial.migration} on")
    if trial.refused:
        lines = [f"{table}: {reason}" for table, reason in trial.refused.items()]
        text = f"No rows could be made up for these tables, which stood empty:\n{bulleted(lines)}\n  Next: {OWN_ROWS}"
        request.node.add_report_section("call", "rows", text)
    return trial


def _changes_rows(request: pytest.FixtureRequest, trial: Trial) -> bool:
    return trial.migration in request.config.getini(CHANGES_ROWS)


def _changing(trial: Trial) -> str:
    return f'add "{trial.migration}" to {CHANGES_ROWS} in pytest\'s settings.'


def _fail(problem: str, advice: str) -> NoReturn:
    pytest.fail(f"{problem}\n  Next: {advice}", pytrace=False)


def _fail_with(request: pytest.FixtureRequest, error: MigrationError) -> NoReturn:
    _tell_cause(request, error)
    _fail(error.problem, error.advice)


def _tell_cause(request: pytest.FixtureRequest, error: MigrationError) -> None:
    """Show beside a failure where in the migration it came from."""
    if error.__cause__ is not None:
        text = "".join(traceback.format_exception(error.__cause__))
        request.node.add_report_section("call", "traceback of the migration", text)
