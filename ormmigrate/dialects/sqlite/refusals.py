"""Why an operation is not done."""

from __future__ import annotations


class Refused(Exception):
    """An operation that must not be done; nothing was touched."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice
