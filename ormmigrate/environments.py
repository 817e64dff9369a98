"""How strict a batch is: development, test or production."""

from __future__ import annotations

import os

from ormmigrate.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Verdict = Literal["error", "warning", "allowed"]

VARIABLE = "ORMMIGRATE_ENV"


class Environment:
    """One column of the matrix in the documentation.

    Attributes:
        checksum_changed, out_of_order: what an applied migration that was changed, and a pending one that
            is older than an applied one, come to.
        compare_models: what a model that differs from its table comes to, after sync.
        backs_up: whether a backup is made before a batch.
        quick_check: whether the database's own check runs before and after, beside foreign keys.
    """

    __slots__ = ("backs_up", "checksum_changed", "compare_models", "name", "out_of_order", "quick_check")

    def __init__(
        self,
        name: str,
        *,
        checksum_changed: Verdict,
        out_of_order: Verdict,
        compare_models: Verdict,
        backs_up: bool,
        quick_check: bool,
    ) -> None:
        self.name = name
        self.checksum_changed: Verdict = checksum_changed
        self.out_of_order: Verdict = out_of_order
        self.compare_models: Verdict = compare_models
        self.backs_up = backs_up
        self.quick_check = quick_check


ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        Environment(
            "development",
            checksum_changed="warning",
            out_of_order="allowed",
            compare_models="warning",
            backs_up=False,
            quick_check=False,
        ),
        Environment(
            "test",
            checksum_changed="warning",
            out_of_order="allowed",
            compare_models="error",
            backs_up=False,
            quick_check=False,
        ),
        Environment(
            "production",
            checksum_changed="error",
            out_of_order="error",
            compare_models="allowed",
            backs_up=True,
            quick_check=True,
        ),
    )
}


def environment_named(name: str | None) -> Environment:
    """The environment of that name; without one, that of ORMMIGRATE_ENV; without that, production.

    Raises:
        ConfigurationError: there is no such environment.
    """
    chosen = name or os.environ.get(VARIABLE) or "production"
    try:
        return ENVIRONMENTS[chosen]
    except (KeyError, TypeError):
        source = "environment=" if name else VARIABLE
        raise ConfigurationError(
            f"{source} says {chosen!r}, which is no environment.", "use development, test or production."
        ) from None
