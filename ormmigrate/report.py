"""What a batch did."""

from __future__ import annotations

from dataclasses import dataclass

from ormmigrate.errors import MigrationError


@dataclass(frozen=True)
class Report:
    """What `register_models`, `up` and `down` return; true if anything ran.

    Attributes:
        applied: labels of the migrations that ran, in that order.
        reverted: labels of those that were taken back, newest first.
        stamped: labels of those that count as applied without having run (a baseline, or `stamp`).
        created_tables: tables that sync made from models.
        warnings: what a person should look at.
        duration_ms: of the whole call.
        error: with `on_failure="continue"`, why the batch was rolled back.
    """

    applied: tuple[str, ...] = ()
    reverted: tuple[str, ...] = ()
    stamped: tuple[str, ...] = ()
    created_tables: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    duration_ms: float = 0.0
    error: MigrationError | None = None

    def __bool__(self) -> bool:
        return bool(self.applied or self.reverted or self.stamped or self.created_tables)

    def __str__(self) -> str:
        if self.error is not None:
            return f"The batch failed: {self.error}"
        parts = [
            f"{verb} {len(items)} ({', '.join(items)})"
            for verb, items in (
                ("applied", self.applied),
                ("took back", self.reverted),
                ("stamped", self.stamped),
                ("created tables", self.created_tables),
            )
            if items
        ]
        done = "; ".join(parts) or "nothing to do"
        return f"{done[0].upper()}{done[1:]}, in {self.duration_ms:.1f} ms."

    def to_dict(self) -> dict[str, object]:
        """The same, ready for JSON."""
        return {
            "applied": list(self.applied),
            "reverted": list(self.reverted),
            "stamped": list(self.stamped),
            "created_tables": list(self.created_tables),
            "warnings": list(self.warnings),
            "duration_ms": round(self.duration_ms, 3),
            "error": None if self.error is None else str(self.error),
        }
