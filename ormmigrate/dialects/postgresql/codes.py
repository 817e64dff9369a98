"""The codes of the server's errors (postgresql.org/docs/current/errcodes-appendix.html)."""

from __future__ import annotations


def sqlstate(error: BaseException) -> str | None:
    """The code of an error, as both drivers tell it."""
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return None if state is None else str(state)
