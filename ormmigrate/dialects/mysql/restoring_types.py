"""Which conversions of a column keep every value, so that it comes back as it was. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ormmigrate.dialects.mysql.restoring_text import Part, Table, outside, words

INTEGERS = ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT")
# Characters of the longest value, with its sign and without one.
INTEGER_LENGTHS = {
    False: dict(zip(INTEGERS, (4, 6, 8, 11, 20))),
    True: dict(zip(INTEGERS, (3, 5, 8, 10, 20))),
}
TEXTS = {"TINYTEXT": 2**8 - 1, "TEXT": 2**16 - 1, "MEDIUMTEXT": 2**24 - 1, "LONGTEXT": 2**32 - 1}
BLOBS = {name.replace("TEXT", "BLOB"): size for name, size in TEXTS.items()}
STRINGS = ("CHAR", "VARCHAR", *TEXTS, "ENUM", "SET")
FRACTIONAL = ("DATETIME", "TIMESTAMP", "TIME")
INTO_UTF8MB4 = ("utf8mb3", "ascii", "latin1", "utf8mb4")
BYTES_PER_CHARACTER = {"utf8mb3": 3, "ascii": 1, "latin1": 1}


@dataclass(frozen=True)
class ColumnType:
    """A column's type.

    Attributes:
        base: its first word, in upper case.
        arguments: what stands in parentheses behind it.
        charset: of a string, that of its table where it has none of its own.
    """

    base: str
    arguments: tuple[str, ...]
    unsigned: bool
    zerofill: bool
    charset: str
    not_null: bool
    auto_increment: bool

    def __str__(self) -> str:
        arguments = f"({','.join(self.arguments)})" if self.arguments and self.base not in INTEGERS else ""
        return f"{self.base}{arguments}{' UNSIGNED' * self.unsigned}"

    @property
    def length(self) -> int:
        return int(self.arguments[0]) if self.arguments else 1

    @property
    def fraction(self) -> int:
        return int(self.arguments[0]) if self.arguments else 0


def type_of(column: Part, table: Table) -> ColumnType:
    said = words(column.text)
    arguments = tuple(token for token in said[3 : said.index(")")] if token != ",") if said[2:3] == ["("] else ()
    rest = outside(said)[2:]
    upper = [token.upper() for token in rest]
    base = said[1].upper()
    return ColumnType(
        base,
        arguments,
        "UNSIGNED" in upper,
        "ZEROFILL" in upper,
        _charset(rest, upper, table) if base in STRINGS else "",
        "NOT" in upper and upper[upper.index("NOT") + 1 :][:1] == ["NULL"],
        "AUTO_INCREMENT" in upper,
    )


def _charset(rest: list[str], upper: list[str], table: Table) -> str:
    if "SET" in upper:
        charset = rest[upper.index("SET") + 1]
    elif "COLLATE" in upper:
        charset = rest[upper.index("COLLATE") + 1].partition("_")[0]
    else:
        charset = table.options.get("DEFAULT CHARSET", "")
    return "utf8mb3" if charset == "utf8" else charset


def loss(before: ColumnType, now: ColumnType) -> str | None:
    """What values may have lost on the way, in words that follow `what x held`; None where they come back.

    Assumed is a session in strict mode, where a value that does not fit is refused.
    """
    if not _is_kept(before, now):
        return f"beyond {now}"
    if not _charset_is_kept(before, now):
        return f"beyond {now} of the character set {now.charset}"
    if now.auto_increment and not before.auto_increment:
        # The server counts on for a row that has 0 or NULL there.
        return "as 0 or NULL, where AUTO_INCREMENT has put numbers"
    if before.base == "TIMESTAMP" and now.not_null and not before.not_null:
        # Without explicit_defaults_for_timestamp, NULL becomes the time of the change.
        return "as NULL"
    return None


def _charset_is_kept(before: ColumnType, now: ColumnType) -> bool:
    if not before.charset or not now.charset or before.charset == now.charset:
        return True
    return now.charset == "utf8mb4" and before.charset in INTO_UTF8MB4


def _is_kept(before: ColumnType, now: ColumnType) -> bool:
    if before.base in INTEGERS:
        return _integer_is_kept(before, now)
    if before.base in ("DECIMAL", "FLOAT", "DOUBLE"):
        return _number_is_kept(before, now)
    if before.base in ("CHAR", "VARCHAR", *TEXTS):
        return _text_is_kept(before, now)
    if before.base in ("BINARY", "VARBINARY", *BLOBS):
        return _bytes_are_kept(before, now)
    if before.base in ("ENUM", "SET"):
        return now.base == before.base and now.arguments[: len(before.arguments)] == before.arguments
    if before.base in FRACTIONAL:
        return now.base == before.base and now.fraction >= before.fraction
    return (now.base, now.arguments) == (before.base, before.arguments) or (before.base, now.base) == (
        "DATE",
        "DATETIME",
    )


def _integer_is_kept(before: ColumnType, now: ColumnType) -> bool:
    if now.base in INTEGERS:
        wider = INTEGERS.index(now.base) - INTEGERS.index(before.base)
        return wider >= 0 if before.unsigned == now.unsigned else wider > 0 and before.unsigned
    needed = INTEGER_LENGTHS[before.unsigned][before.base]
    if before.zerofill and before.arguments:
        needed = max(needed, before.length)
    if now.base in TEXTS:
        return TEXTS[now.base] >= needed
    return now.base in ("CHAR", "VARCHAR") and now.length >= needed


def _number_is_kept(before: ColumnType, now: ColumnType) -> bool:
    if now.unsigned and not before.unsigned:
        return False
    if before.base == "DECIMAL" == now.base:
        (digits, places), (now_digits, now_places) = map(_precision, (before, now))
        return now_places >= places and now_digits - now_places >= digits - places
    if (now.base, now.arguments) == (before.base, before.arguments):
        return True
    return before.base == "FLOAT" and now.base == "DOUBLE" and not before.arguments and not now.arguments


def _precision(decimal: ColumnType) -> tuple[int, int]:
    digits, places = (*map(int, decimal.arguments), 0, 0)[:2]
    return digits or 10, places


def _text_is_kept(before: ColumnType, now: ColumnType) -> bool:
    if before.base in TEXTS:
        return TEXTS.get(now.base, -1) >= TEXTS[before.base]
    if now.base in TEXTS:
        return TEXTS[now.base] >= before.length * BYTES_PER_CHARACTER.get(now.charset, 4)
    # CHAR drops the spaces that a VARCHAR ends with.
    return now.base in (before.base, "VARCHAR") and now.length >= before.length


def _bytes_are_kept(before: ColumnType, now: ColumnType) -> bool:
    if before.base in BLOBS:
        return BLOBS.get(now.base, -1) >= BLOBS[before.base]
    if now.base in BLOBS:
        return BLOBS[now.base] >= before.length
    # A longer BINARY adds zero bytes, which a shorter one refuses.
    return (now.base == "VARBINARY" and now.length >= before.length) or (now.base, now.length) == (
        before.base,
        before.length,
    )
