"""How long a statement may keep others waiting on a server, and what it may copy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a batch may do to those who use the database meanwhile: PostgreSQL, MariaDB and MySQL.

    Attributes:
        ddl_lock_timeout_s: how long a statement that takes a strong lock waits for it, in seconds; everybody who
            comes behind it waits as well.
        ddl_tries: how often it is tried, with growing pauses in which the others go on.
        copy_limit_bytes: up to which size of a table, its indexes included, MariaDB and MySQL may copy it for a
            change without `allow_copy=True`; nobody can write to it meanwhile.
    """

    ddl_lock_timeout_s: float = 2.0
    ddl_tries: int = 5
    copy_limit_bytes: int = 16 * 2**20
