"""A process that dies at a chosen statement: from then on its connection does nothing, as after SIGKILL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymysql
import pytest


class Died(BaseException):
    """Not an Exception: nothing that a killed process would not do either may handle it."""


@dataclass
class Life:
    """How many statements a process has sent, and at which it dies.

    Attributes:
        dies_at: the number of the statement, from 1; None lives on.
        is_sent: whether that statement still reaches the server.
    """

    dies_at: int | None = None
    is_sent: bool = False
    sent: int = 0


@contextmanager
def life(monkeypatch: pytest.MonkeyPatch, dies_at: int | None = None, *, is_sent: bool = False) -> Iterator[Life]:
    """Count the statements of every connection inside, and let the process die at one of them."""
    found = Life(dies_at, is_sent)
    query = pymysql.connections.Connection.query

    def counted(connection, sql, unbuffered=False):
        found.sent += 1
        if found.dies_at is not None and found.sent >= found.dies_at:
            if found.sent == found.dies_at and found.is_sent:
                query(connection, sql, unbuffered)
            # The server sees the end of the connection, as it does when a process is killed.
            connection._force_close()
            raise Died
        return query(connection, sql, unbuffered)

    with monkeypatch.context() as patched:
        patched.setattr(pymysql.connections.Connection, "query", counted)
        yield found
