"""Everything that MariaDB and MySQL answer differently, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from peewee import Database

INSTANT, IN_PLACE, COPY = "instant", "in place", "copy"


@dataclass(frozen=True)
class Server:
    """Which of the two it is.

    Attributes:
        version: as a tuple of numbers.
    """

    is_mariadb: bool
    version: tuple[int, ...]

    @property
    def name(self) -> str:
        return "MariaDB" if self.is_mariadb else "MySQL"

    @property
    def algorithms(self) -> tuple[tuple[str, str], ...]:
        """What to ask for in turn, least first, and which strategy it is; none keeps writers out."""
        no_copy = (("ALGORITHM=NOCOPY, LOCK=NONE", IN_PLACE),) if self.is_mariadb else ()
        # MySQL takes no LOCK beside INSTANT (1221).
        return (("ALGORITHM=INSTANT", INSTANT), *no_copy, ("ALGORITHM=INPLACE, LOCK=NONE", IN_PLACE))

    @property
    def refuses_algorithms_with(self) -> frozenset[int]:
        """The numbers of errors that mean: not in this way. Nothing was done.

        1845 and 1846: not supported for this operation, for a reason; 1800: no such algorithm in this version.
        MySQL has others for a table that was changed instantly too often (64 times, 255 since 9.1), or whose
        rows would become too long; its manual has had two numbers for the first.
        """
        return frozenset({1800, 1845, 1846} | (set() if self.is_mariadb else {4080, 4092, 4093}))

    @property
    def renames_columns(self) -> bool:
        """Whether there are RENAME COLUMN and, on MariaDB from the same version on, RENAME INDEX."""
        return self.version >= ((10, 5, 2) if self.is_mariadb else (8, 0, 0))

    @property
    def follows_renames(self) -> bool:
        """Whether generated columns and CHECKs follow a renamed column; MySQL refuses it instead (3108, 3959)."""
        return self.is_mariadb

    @property
    def indexes_long_uniques(self) -> bool:
        """Whether a unique index holds all of a long column: MariaDB makes it of hashes."""
        return self.is_mariadb

    @property
    def encloses_long_defaults(self) -> bool:
        """Whether TEXT, BLOB and JSON take a constant for default in parentheses only (1101)."""
        return not self.is_mariadb

    @property
    def indexes_expressions(self) -> bool:
        """Whether an index may be over an expression."""
        return not self.is_mariadb and self.version >= (8, 0, 13)

    @property
    def has_checks(self) -> bool:
        """Whether a CHECK is kept: older versions read over it."""
        return self.version >= ((10, 2, 1) if self.is_mariadb else (8, 0, 16))

    @property
    def check_level(self) -> str:
        """The SQL that tells in information_schema whether a CHECK stands behind a column: `Column` or `Table`."""
        return "level" if self.is_mariadb and self.version >= (10, 5, 10) else "'Table'"

    @property
    def hidden_indexes(self) -> str:
        """The SQL that tells in information_schema whether queries do without an index."""
        if self.is_mariadb:
            return "ignored = 'YES'" if self.version >= (10, 6) else "0"
        return "is_visible = 'NO'" if self.version >= (8, 0) else "0"

    @property
    def tells_spatial_references(self) -> bool:
        """Whether a column may be bound to a spatial reference system (SRID)."""
        return not self.is_mariadb and self.version >= (8, 0, 3)

    @property
    def generated_may_forbid_null(self) -> bool:
        return not self.is_mariadb

    @property
    def drop_constraint(self) -> str:
        """DROP CONSTRAINT for a CHECK; MySQL 8.0.16 to 18 have DROP CHECK alone, and it is there ever since."""
        return "DROP CONSTRAINT" if self.is_mariadb else "DROP CHECK"

    @property
    def fresh_statistics(self) -> str | None:
        """The statement after which information_schema tells the size of a table as it is now.

        MySQL keeps what it once told for a day (information_schema_stats_expiry).
        """
        return None if self.is_mariadb else "SET SESSION information_schema_stats_expiry = 0"


def server_of(database: Database) -> Server:
    version = database.execute_sql("SELECT VERSION()").fetchone()[0]
    return Server("mariadb" in str(version).lower(), tuple(database.server_version))
