"""A connection that tells of each statement ahead of it, and waits patiently for the locks that DDL takes."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from peewee import Database

from ormmigrate.connection import internals
from ormmigrate.dialects import script
from ormmigrate.dialects.mysql.codes import number_of
from ormmigrate.errors import TableInUse
from ormmigrate.limits import Limits

logger = logging.getLogger("ormmigrate")

LOCK_WAIT_TIMEOUT, DEADLOCK = 1205, 1213
FIRST_PAUSE_S = 0.2
#: DDL: commits by itself, whatever comes of it.
DEFINES = frozenset(("ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE"))
CHANGES_ROWS = frozenset(("INSERT", "UPDATE", "DELETE", "REPLACE"))
LOOKS = frozenset(("SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "HELP", "SAVEPOINT", "RELEASE"))
#: What ends a transaction, and what commits it on the way without changing a row.
ENDS = frozenset(("BEGIN", "START", "COMMIT", "ROLLBACK"))
COMMITS = frozenset(("OPTIMIZE", "CHECK", "REPAIR", "FLUSH", "UNLOCK"))
#: What may do anything. A word that begins no statement is left to the server, which refuses it.
DOES_ANYTHING = frozenset(
    (
        "ANALYZE",
        "BEGIN",
        "BINLOG",
        "CALL",
        "CASE",
        "CHANGE",
        "CLONE",
        "DEALLOCATE",
        "DO",
        "EXECUTE",
        "FOR",
        "GET",
        "GRANT",
        "HANDLER",
        "IF",
        "IMPORT",
        "INSTALL",
        "KILL",
        "LOAD",
        "LOCK",
        "LOOP",
        "PREPARE",
        "PURGE",
        "REPEAT",
        "RESET",
        "REVOKE",
        "SELECT",
        "SHUTDOWN",
        "SIGNAL",
        "STOP",
        "TABLE",
        "UNINSTALL",
        "USE",
        "VALUES",
        "WHILE",
        "WITH",
        "XA",
        "(",
    )
)
# Who is in the way of a table's lock is told by a plugin of MariaDB, and by MySQL's performance_schema, if they are on.
HOLDERS = (
    """
SELECT DISTINCT CONCAT('connection ', p.id, ', user ', p.user, ', from ', p.host)
FROM information_schema.metadata_lock_info AS l JOIN information_schema.processlist AS p ON p.id = l.thread_id
WHERE l.table_schema = DATABASE() AND INSTR(%s, l.table_name) > 0 AND p.id <> CONNECTION_ID()
""",
    """
SELECT DISTINCT CONCAT('connection ', t.processlist_id, ', user ', t.processlist_user, ', from ', t.processlist_host)
FROM performance_schema.metadata_locks AS l JOIN performance_schema.threads AS t ON t.thread_id = l.owner_thread_id
WHERE l.object_schema = DATABASE() AND l.lock_status = 'GRANTED' AND INSTR(%s, l.object_name) > 0
    AND t.processlist_id <> CONNECTION_ID()
""",
)
SUSPECTS = """
SELECT CONCAT('connection ', p.id, ', user ', p.user, ', from ', p.host, ', since ', t.trx_started,
    COALESCE(CONCAT(': ', LEFT(p.info, 80)), ''))
FROM information_schema.innodb_trx AS t JOIN information_schema.processlist AS p ON p.id = t.trx_mysql_thread_id
WHERE p.id <> CONNECTION_ID() AND p.db = DATABASE() ORDER BY t.trx_started
"""

if TYPE_CHECKING:
    from ormmigrate.dialects.base import Listener


@contextmanager
def watched(database: Database, listener: Listener, limits: Limits) -> Iterator[None]:
    """Until the block ends, `listener` is told of every statement of this thread's connection."""
    state = internals(database)._state
    real = state.conn
    stand_in = state.conn = Watched(real, database, listener, limits)
    try:
        yield
    finally:
        # A migration may have closed it.
        if state.conn is stand_in:
            state.conn = real


class Watched:
    """A driver's connection whose cursors tell."""

    def __init__(self, connection: Any, database: Database, listener: Listener, limits: Limits) -> None:
        self.watched_connection = connection
        self._tell = (database, listener, limits)
        self._listener = listener

    def cursor(self, *arguments: Any) -> WatchedCursor:
        return WatchedCursor(self.watched_connection.cursor(*arguments), *self._tell)

    def query(self, statement: Any, *arguments: Any) -> Any:
        with self._listener.around_unknown(str(statement)):
            return self.watched_connection.query(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        if name in ("commit", "rollback", "begin", "autocommit"):
            self._listener.before_end()
        return getattr(self.watched_connection, name)


class WatchedCursor:
    def __init__(self, cursor: Any, database: Database, listener: Listener, limits: Limits) -> None:
        self._cursor, self._database, self._listener, self._limits = cursor, database, listener, limits

    def execute(self, statement: str, params: Any = None) -> Any:
        kind = kind_of(statement)
        if kind == "defines":
            text = str(self._cursor.mogrify(statement, params)) if hasattr(self._cursor, "mogrify") else statement
            with self._listener.around_definition(text):
                return self._patiently(statement, params)
        if kind == "unknown":
            with self._listener.around_unknown(statement):
                return self._cursor.execute(statement, params)
        if kind == "changes rows":
            self._listener.before_rows(statement)
        elif kind == "ends":
            self._listener.before_end()
        try:
            return self._cursor.execute(statement, params)
        except Exception as error:
            if number_of(error) == DEADLOCK:
                self._listener.after_rollback()
            raise

    def executemany(self, statement: str, params: Any) -> Any:
        self._listener.before_rows(statement)
        return self._cursor.executemany(statement, params)

    def callproc(self, name: str, *arguments: Any) -> Any:
        with self._listener.around_unknown(f"CALL {name}"):
            return self._cursor.callproc(name, *arguments)

    def _patiently(self, statement: str, params: Any) -> Any:
        """Wait for a lock only so long, for everybody who comes behind waits as well; and try again."""
        wait_s = max(1, round(self._limits.ddl_lock_timeout_s))
        self._cursor.execute("SELECT @@SESSION.lock_wait_timeout")
        (before,) = self._cursor.fetchone()
        self._cursor.execute(f"SET SESSION lock_wait_timeout = {wait_s}")
        try:
            for number in range(self._limits.ddl_tries):
                try:
                    return self._cursor.execute(statement, params)
                except Exception as error:
                    if number_of(error) != LOCK_WAIT_TIMEOUT:
                        raise
                    holder, suspects = self._in_the_way(statement)
                    if number + 1 == self._limits.ddl_tries:
                        raise TableInUse(
                            timeout_s=wait_s, tries=number + 1, holder=holder, suspects=suspects
                        ) from error
                time.sleep(FIRST_PAUSE_S * 2**number * random.uniform(0.5, 1.5))
        finally:
            if self._database.is_connection_usable():
                self._cursor.execute(f"SET SESSION lock_wait_timeout = {int(before)}")

    def _in_the_way(self, statement: str) -> tuple[str | None, list[str]]:
        """Who uses the tables of a statement, where the server tells; otherwise who has a transaction open here."""
        for query in HOLDERS:
            try:
                self._cursor.execute(query, (statement,))
            except Exception as error:  # noqa: BLE001 - drivers raise their own
                logger.debug("Who is in the way is not told here: %s", error)
                continue
            found = [row[0] for row in self._cursor.fetchall()]
            if found:
                return "; and by ".join(found), []
        self._cursor.execute(SUSPECTS)
        return None, [row[0] for row in self._cursor.fetchall()]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


def kind_of(statement: str) -> str:
    """What a statement may do: `looks`, `changes rows`, `defines`, `ends` a transaction, or `unknown`.

    What is not known to be harmless is unknown: CALL, EXECUTE IMMEDIATE, SET STATEMENT ... FOR, IF ... END IF.
    """
    words = words_of(statement)
    first, second, _, fourth = [*words, "", "", "", ""][:4]
    # MariaDB and MySQL read different ones of these comments, each by its own number.
    if statement.lstrip().startswith(("/*!", "/*M!")) or not first:
        return "unknown" if first else "looks"
    if first in ("CREATE", "DROP") and "TEMPORARY" in (second, fourth if second == "OR" else ""):
        return "looks"
    if first in DEFINES:
        return "defines"
    if first in CHANGES_ROWS:
        return "changes rows"
    if first in COMMITS or (first, second) == ("ANALYZE", "TABLE"):
        return "ends"
    if first in ENDS and (first, second) != ("BEGIN", "NOT"):
        return "ends"
    if first == "SET":
        return "ends" if "AUTOCOMMIT" in words else "unknown" if "STATEMENT" in words or "SELECT" in words else "looks"
    is_query = first in LOOKS or (first == "WITH" and not CHANGES_ROWS & set(words)) or first == "("
    if (is_query and "INTO" not in words) or first not in DOES_ANYTHING:
        return "looks"
    return "unknown"


def words_of(statement: str, most: int | None = None) -> list[str]:
    """The words, texts and signs of a statement, the first `most` of them, in capitals."""
    words: list[str] = []
    for _, token in script.tokens(statement, "MySQL"):
        if token.startswith(("/*!", "/*M!")):
            # What stands in such a comment is run: /*!50003 CREATE TRIGGER ... */
            words += token.strip("/*M!").lstrip("0123456789").upper().split()
        elif not token.isspace() and not token.startswith(("/*", "#", "--")):
            words.append(token.upper())
        if most is not None and len(words) >= most:
            return words[:most]
    return words
