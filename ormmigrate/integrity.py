"""What is broken before a batch, so that after it only what is new counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from peewee import Database

from ormmigrate.dialects.base import Dialect
from ormmigrate.dialects.violations import Violation, new_violations
from ormmigrate.environments import Environment
from ormmigrate.errors import IntegrityCheckFailed


class Integrity:
    """The checks of one batch: `look` before anything is changed, `check` before it is committed."""

    def __init__(self, database: Database, dialect: Dialect, environment: Environment) -> None:
        self._database, self._dialect, self._environment = database, dialect, environment
        self._violations: Sequence[Violation] = ()
        self._findings: Sequence[str] = ()
        self._broken: Mapping[str, str] = {}

    def look(self) -> None:
        """Note what is broken.

        Raises:
            IntegrityCheckFailed: the database is damaged.
        """
        self._findings = self._quick_check()
        damage = [finding for finding in self._findings if self._dialect.is_damage(finding)]
        if damage:
            raise IntegrityCheckFailed(
                problem="The database is damaged, so nothing was changed.",
                findings=damage,
                advice="restore it from a backup first.",
            )
        self._broken = self._dialect.broken_definitions(self._database)
        self._violations = list(self._dialect.foreign_key_violations(self._database))

    def check(self) -> list[str]:
        """Look for what is broken, and was not before.

        Returns:
            What a person should look at, where nothing rolls it back and the database lets it be.

        Raises:
            IntegrityCheckFailed
        """
        broken = new_violations(self._violations, self._dialect.foreign_key_violations(self._database))
        if broken:
            raise IntegrityCheckFailed(
                problem="The batch would leave rows that refer to nothing. Everything was rolled back.",
                findings=[str(violation) for violation in broken],
                advice="delete or correct these rows in the migration that orphans them. Foreign keys are off "
                "during a batch, so a DELETE there does not cascade: delete the children first.",
            )
        definitions = self._dialect.broken_definitions(self._database)
        lost = [f"{name}: {error}" for name, error in definitions.items() if name not in self._broken]
        if lost and not self._dialect.transactional_ddl:
            return [f"The batch leaves views or triggers that do not work any more: {'; '.join(lost)}"]
        if lost:
            raise IntegrityCheckFailed(
                problem="The batch would leave views or triggers that do not compile. Everything was rolled back.",
                findings=lost,
                advice="drop them in the migration, before what breaks them, and make them anew afterwards.",
            )
        found = self._quick_check()
        findings = [finding for finding in found if finding not in self._findings]
        # A table that was renamed has the same rows under another name.
        if len(found) > len(self._findings) or any(map(self._dialect.is_damage, findings)):
            raise IntegrityCheckFailed(
                problem="The batch would leave the database damaged. Everything was rolled back.",
                findings=findings,
                advice="this should not happen: keep the file and report it; check the disk.",
            )
        return []

    def _quick_check(self) -> Sequence[str]:
        return self._dialect.quick_check(self._database) if self._environment.quick_check else ()
