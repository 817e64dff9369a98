"""Every difference between databases: lock and transaction, reading, running an operation.

`dialect_of(database)` is the only place that looks at the class of a database; everybody else asks the
dialect.
"""

from __future__ import annotations

from peewee import Database, MySQLDatabase, PostgresqlDatabase, SqliteDatabase

from ormmigrate.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ormmigrate.dialects.base import Dialect


def dialect_of(database: Database) -> Dialect:
    """The dialect of a peewee database (not of a proxy).

    Raises:
        ConfigurationError: a kind of database that is not supported.
    """
    # Each module is imported when it is needed: an application has one kind of database.
    if any(cls.__name__ == "SqliteQueueDatabase" for cls in type(database).__mro__):
        raise ConfigurationError(
            "A SqliteQueueDatabase writes from a thread of its own, so a batch cannot hold its transaction.",
            "migrate through a plain database on the same file first: Runner(SqliteDatabase(path), registry).up().",
        )
    if isinstance(database, SqliteDatabase):
        from ormmigrate.dialects.sqlite.dialect import SqliteDialect

        return SqliteDialect()
    if type(database).__name__.endswith("CockroachDatabase"):
        raise ConfigurationError(
            "CockroachDB is not supported: its advisory locks do nothing.", "use PostgreSQL."
        )  # fmt: skip
    if isinstance(database, PostgresqlDatabase):
        from ormmigrate.dialects.postgresql.dialect import PostgresqlDialect

        return PostgresqlDialect()
    if isinstance(database, MySQLDatabase):
        from ormmigrate.dialects.mysql.dialect import MySQLDialect

        return MySQLDialect()
    raise ConfigurationError(
        f"{type(database).__name__} is not supported.",
        "use a SqliteDatabase, PostgresqlDatabase or MySQLDatabase of peewee, or a subclass.",
    )
