"""What only SHOW CREATE TABLE tells, or tells exactly, of a few tables. Pure.

Asked where information_schema gives reason to: partitions, system versioning, periods, parsers of full-text indexes,
a CHECK that still bears the name which its column once had, characters that information_schema turns into `?`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ormmigrate.dialects.mysql.catalogue import CheckRow, ColumnRow, IndexRow, TableRow
from ormmigrate.dialects.mysql.definition import Table, enclosed, folded, named_in, read_table, tokens, unquoted, words
from ormmigrate.dialects.mysql.restoring_text import Table as ShownTable
from ormmigrate.dialects.mysql.restoring_text import shown
from ormmigrate.dialects.mysql.restoring_text import words as executed_words

BASE_TABLE, VERSIONED, SEQUENCE = "BASE TABLE", "SYSTEM VERSIONED", "SEQUENCE"
#: Columns of a period of the system's own, which no field makes.
ROW_TIMES = ("ROW START", "ROW END")


def is_worth_showing(
    table: TableRow, columns: Iterable[ColumnRow], indexes: Iterable[IndexRow], checks: Iterable[CheckRow]
) -> bool:
    """Whether information_schema may not have told everything of a table."""
    names = {folded(column.name) for column in columns}
    return (
        table.kind == VERSIONED
        or "partitioned" in table.options
        or any(index.type == "FULLTEXT" for index in indexes)
        or any("?" in f"{column.generated}{column.default}" for column in columns)
        or any("?" in check.clause or _may_be_period(check) or _has_lost_its_name(check, names) for check in checks)
    )


def _may_be_period(check: CheckRow) -> bool:
    """Whether it is what a period is told as: `from` < `to`."""
    parts = words(tokens(check.clause))
    return len(parts) == 3 and parts[1] == "<" and all(part.startswith("`") for part in (parts[0], parts[2]))


def _has_lost_its_name(check: CheckRow, names: set[str]) -> bool:
    """Whether a CHECK behind a column bears another name: that which the column had when it was made."""
    name = folded(check.name)
    return check.level == "Column" and (name not in names or name not in named_in(check.clause))


@dataclass(frozen=True)
class Shown:
    """A table's text of SHOW CREATE TABLE, asked for what else nobody tells."""

    text: str

    @cached_property
    def _definition(self) -> Table:
        return read_table(self.text)

    @cached_property
    def _parts(self) -> ShownTable:
        return shown(self.text)

    @property
    def checks(self) -> list[CheckRow]:
        """All of them, those behind columns by the columns' names."""
        table = self._definition
        said = [(column.name, column.says("CHECK")) for column in table.columns]
        found = [CheckRow(table.name, name, "Column", _inside(text), "YES") for name, text in said if text]
        for check in table.checks:
            enforced = "NO" if executed_words(check.text)[-2:] == ["NOT", "ENFORCED"] else "YES"
            found.append(CheckRow(table.name, check.name, "Table", _inside(check.text), enforced))
        return found

    def generation(self, column: str) -> str | None:
        """The expression that a column is generated from."""
        said = next((one.says("GENERATED") for one in self._definition.columns if one.name == column), None)
        return _inside(said) if said and "(" in said else None

    @property
    def period(self) -> str | None:
        """The name of a period of the application's, which is told as a CHECK as well."""
        names = [words(tokens(text))[2] for text in self._parts.others if text.upper().startswith("PERIOD FOR")]
        return next((unquoted(name) for name in names if name.startswith("`")), None)

    @property
    def overlaps(self) -> list[str]:
        """The names of unique indexes that forbid overlapping periods."""
        return [key.name for key in self._parts.keys.values() if "OVERLAPS" in words(tokens(key.text))]

    def remarks(self) -> list[str]:
        """What has no place elsewhere, in words."""
        found = [" ".join(words(tokens(text))) for text in self._parts.others]
        for key in self._parts.keys.values():
            said = executed_words(key.text)
            if "OVERLAPS" in said or "PARSER" in said:
                place = said.index("KEY")
                found.append(" ".join([*said[: place + 1], *said[place + 2 :]]))
        return sorted(found)

    @property
    def partitions(self) -> str:
        """PARTITION BY ..., without the moment from which its intervals are counted: that of when it was made."""
        return " ".join(_without_start(executed_words(self._parts.partitions)))


def _inside(text: str) -> str:
    return "".join(enclosed(tokens(text))).strip()


def _without_start(found: Sequence[str]) -> list[str]:
    if "STARTS" not in found:
        return list(found)
    place = found.index("STARTS")
    return [*found[:place], *found[place + 3 :]]
