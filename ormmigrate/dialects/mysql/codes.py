"""The numbers of the server's errors."""

from __future__ import annotations


def number_of(error: BaseException) -> int | None:
    """The server's number of an error, of the driver or of peewee."""
    original = getattr(error, "orig", None) or error
    number = original.args[0] if original.args else None
    return number if isinstance(number, int) else None
