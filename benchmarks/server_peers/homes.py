"""A database that is put back before each trial, and a picture of everything that is in it."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import peewee

from server_peers import hosts
from server_peers.eleven import populate

State = dict[str, Any]
OURS = "ormmigrate_"  # what the package's own tables are called
HISTORY = "SELECT registry, migration, state FROM ormmigrate_history ORDER BY registry, migration"
PATIENCE_S = 60.0


class Home:
    """One database on one server, and another one that has what it is to begin with."""

    def __init__(self, server_url: str, rows: int) -> None:
        unique = uuid.uuid4().hex[:10]
        self.server_url = server_url
        self.name, self.template = f"killed_{unique}", f"prepared_{unique}"
        self.url = hosts.with_database(server_url, self.name)
        self.rows = rows

    def prepare(self) -> None:
        hosts.create(self.server_url, self.template)
        populate(hosts.with_database(self.server_url, self.template), self.rows)

    def reset(self) -> None:
        """Put everything back as it was before the batch."""
        raise NotImplementedError

    def remove(self) -> None:
        self.end_connections()
        for name in (self.name, self.template):
            hosts.drop(self.server_url, name)

    def end_connections(self) -> None:
        """End what a killed client has left on the server."""

    def state(self) -> State:
        """The schema, the rows and the history, each under a name of its own."""
        database = hosts.connected(self.url)
        try:
            tables = [name for name in self._tables(database) if not name.startswith(OURS)]
            return {
                "the history": database.execute_sql(HISTORY).fetchall(),
                **{f"schema of {table}": self._schema(database, table) for table in tables},
                **{f"rows of {table}": rows_of(database, table) for table in tables},
            }
        finally:
            database.close()

    def ran_twice(self) -> list[str]:
        """What of the batch has an effect more than once."""
        database = hosts.connected(self.url)
        try:
            found = [
                f"counter.{column} is {value}"
                for column in ("n", "m")
                for (value,) in database.execute_sql(f"SELECT DISTINCT {column} FROM counter").fetchall()
                if value not in (0, 1)
            ]
            if "voucher" in self._tables(database):
                query = "SELECT code, COUNT(*) FROM voucher GROUP BY code HAVING COUNT(*) > 1"
                found += [f"{count} vouchers {code}" for code, count in database.execute_sql(query).fetchall()[:3]]
            return found
        finally:
            database.close()

    def wait_until_alone(self) -> None:
        """Wait until the server has noticed that nobody is connected to the database any more."""
        deadline = time.monotonic() + PATIENCE_S
        server = hosts.connected(self.server_url)
        while self.connections(server):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still connected to {self.name}: {self.connections(server)}")
            time.sleep(0.02)
        server.close()

    def connections(self, server: peewee.Database) -> set[int]:
        """The server's numbers of the connections to the database."""
        raise NotImplementedError

    def _tables(self, database: peewee.Database) -> list[str]:
        raise NotImplementedError

    def _schema(self, database: peewee.Database, table: str) -> list[str]:
        raise NotImplementedError


def rows_of(database: peewee.Database, table: str) -> tuple[int, str]:
    # An INSERT that was rolled back leaves a gap in the numbers that the server gives.
    columns, order = ("customer_id, code", "code, customer_id") if table == "voucher" else ("*", "id")
    rows = database.execute_sql(f"SELECT {columns} FROM {table} ORDER BY {order}").fetchall()
    return len(rows), hashlib.sha256(repr(rows).encode()).hexdigest()


class MariaHome(Home):
    def reset(self) -> None:
        self.wait_until_alone()
        hosts.drop(self.server_url, self.name)
        hosts.create(self.server_url, self.name)
        database = hosts.connected(self.url)
        for table in self._tables(database, self.template):
            # LIKE leaves foreign keys out; nothing has one before the batch.
            database.execute_sql(f"CREATE TABLE {table} LIKE {self.template}.{table}")
            database.execute_sql(f"INSERT INTO {table} SELECT * FROM {self.template}.{table}")
        database.close()

    def end_connections(self) -> None:
        # DROP DATABASE would wait for them.
        server = hosts.connected(self.server_url)
        for id in self.connections(server):
            with suppress(peewee.PeeweeException):  # it has ended by itself
                server.execute_sql(f"KILL {id}")
        server.close()

    def connections(self, server: peewee.Database) -> set[int]:
        query = "SELECT id FROM information_schema.processlist WHERE db = %s"
        return {id for (id,) in server.execute_sql(query, (self.name,)).fetchall()}

    def _tables(self, database: peewee.Database, name: str | None = None) -> list[str]:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY table_name"
        return [table for (table,) in database.execute_sql(query, (name or self.name,)).fetchall()]

    def _schema(self, database: peewee.Database, table: str) -> list[str]:
        """The lines of SHOW CREATE TABLE: columns in their order, keys sorted, for theirs means nothing."""
        text = database.execute_sql(f"SHOW CREATE TABLE {table}").fetchone()[1]
        lines = [line.strip().rstrip(",") for line in re.sub(r" AUTO_INCREMENT=\d+", "", text).splitlines()]
        keys = [line for line in lines if re.match(r"((UNIQUE |PRIMARY )?KEY|CONSTRAINT)\b", line)]
        return [line for line in lines if line not in keys] + sorted(keys)


COLUMNS = """
SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' '
    || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' || a.attidentity::text || a.attgenerated::text
FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
KEYS = """
SELECT pg_get_indexdef(indexrelid) || ' ' || indisvalid FROM pg_index WHERE indrelid = to_regclass(%s)
UNION ALL
SELECT conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
FROM pg_constraint WHERE conrelid = to_regclass(%s)
ORDER BY 1
"""


class PostgresqlHome(Home):
    def reset(self) -> None:
        hosts.drop(self.server_url, self.name)
        hosts.create(self.server_url, self.name, template=self.template)

    def connections(self, server: peewee.Database) -> set[int]:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        return {pid for (pid,) in server.execute_sql(query, (self.name,)).fetchall()}

    def _tables(self, database: peewee.Database) -> list[str]:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        return [str(table) for (table,) in database.execute_sql(query).fetchall()]

    def _schema(self, database: peewee.Database, table: str) -> list[str]:
        columns = database.execute_sql(COLUMNS, (table,)).fetchall()
        return [text for (text,) in [*columns, *database.execute_sql(KEYS, (table, table)).fetchall()]]


@contextmanager
def home_at(server_url: str, rows: int) -> Iterator[Home]:
    """A home that is gone afterwards, also on Ctrl-C."""
    home = (PostgresqlHome if hosts.kind_of(server_url) == hosts.PG else MariaHome)(server_url, rows)
    try:
        home.prepare()
        yield home
    finally:
        home.remove()
