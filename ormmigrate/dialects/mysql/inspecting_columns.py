"""Columns and CHECKs as values, from what information_schema tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ormmigrate.dialects.mysql.catalogue import CheckRow, ColumnRow
from ormmigrate.dialects.mysql.definition import folded, named_in, quoted, tokens, words
from ormmigrate.dialects.mysql.inspecting_shown import ROW_TIMES
from ormmigrate.dialects.mysql.inspecting_text import Told, literal
from ormmigrate.schema import Check, Column

JSON = "json"


class ColumnReader:
    """Reads the columns of one table, and its CHECKs.

    On MariaDB JSON is another word for LONGTEXT with a binary collation and `CHECK (json_valid(...))`: where these
    three stand together, the type is `json` and that CHECK is no other.

    Args:
        collation: the table's own.
    """

    def __init__(self, told: Told, rows: Sequence[ColumnRow], checks: Sequence[CheckRow], collation: str | None):
        self.told = told
        self.rows = [row for row in rows if (row.generated or "").upper() not in ROW_TIMES]
        self.times = [row for row in rows if row not in self.rows]
        self.collation = collation
        self.enforced = [check for check in checks if check.enforced != "NO"]
        self.ignored = [check for check in checks if check.enforced == "NO"]
        by_name = {folded(check.name): check for check in self.enforced}
        #: Of the columns that are JSON, the CHECK that makes them so.
        self.of_json = {row.name: by_name[folded(row.name)] for row in self.rows if _is_json(row, by_name)}

    def columns(self) -> tuple[Column, ...]:
        return tuple(map(self._column, self.rows))

    def _column(self, row: ColumnRow) -> Column:
        is_json = row.name in self.of_json
        extra = row.extra.upper()
        is_own_collation = row.collation != self.collation and not is_json
        generated = self.told.expression(row.generated) if row.generated else None
        default = self.told.default(row.default, row.data_type, is_expression="DEFAULT_GENERATED" in extra)
        updated = re.search(r"on update ([^ ,]+)", row.extra, re.IGNORECASE)
        return Column(
            row.name,
            JSON if is_json else row.type,
            row.nullable == "YES",
            default if generated is None else None,
            row.collation if is_own_collation else None,
            generated,
            stored="STORED GENERATED" in extra,
            identity="AUTO_INCREMENT" if "AUTO_INCREMENT" in extra else None,
            on_update=updated[1] if updated else None,
            comment=row.comment or None,
        )

    def checks(self) -> tuple[Check, ...]:
        """The CHECKs that are heeded, by what they say."""
        of_json = {folded(check.name) for check in self.of_json.values()}
        found = [self._check(row) for row in self.enforced if folded(row.name) not in of_json]
        return tuple(sorted(found, key=lambda check: check.key))

    def _check(self, row: CheckRow) -> Check:
        expression = self.told.expression(row.clause)
        named = named_in(expression)
        columns = tuple(column.name for column in self.rows if folded(column.name) in named)
        return Check(expression, columns, row.name)

    def remarks(self) -> list[str]:
        """What has no place in a column, in words."""
        found = [f"COLUMN {quoted(row.name)} GENERATED ALWAYS AS {row.generated}" for row in self.times]
        for row in self.rows:
            said = [word for word in ("INVISIBLE", "WITHOUT SYSTEM VERSIONING") if word in row.extra.upper()]
            said += [f"SRID {row.srs_id}"] if row.srs_id is not None else []
            found += [f"COLUMN {quoted(row.name)} {word}" for word in said]
        found += [f"CHECK ({self.told.expression(check.clause)}) NOT ENFORCED" for check in self.ignored]
        return found


def _is_json(row: ColumnRow, checks: Mapping[str, CheckRow]) -> bool:
    check = checks.get(folded(row.name)) if (row.type, row.collation) == ("longtext", "utf8mb4_bin") else None
    return check is not None and words(tokens(check.clause)) == words(tokens(f"json_valid({quoted(row.name)})"))


def comment_words(what: str, comment: str) -> str:
    return f"{what} COMMENT {literal(comment)}"


def with_shown_generation(rows: Sequence[ColumnRow], shown: Mapping[str, str | None]) -> list[ColumnRow]:
    """Columns with the expressions that SHOW CREATE TABLE has for them."""
    return [row._replace(generated=shown.get(row.name) or row.generated) if row.generated else row for row in rows]
