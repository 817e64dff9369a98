"""Primary keys, indexes and foreign keys as values, from what information_schema tells. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from ormmigrate.dialects.mysql.catalogue import IndexRow, KeyRow, RuleRow
from ormmigrate.dialects.mysql.definition import folded, quoted
from ormmigrate.dialects.mysql.inspecting_columns import comment_words
from ormmigrate.dialects.mysql.inspecting_text import Told
from ormmigrate.dialects.mysql.key_indexes import is_made_for, usual_name
from ormmigrate.schema import NO_ACTION, ForeignKey, Index, Part

PRIMARY = "PRIMARY"
#: What an index is where nobody says what; MEMORY makes HASH then, and MariaDB for a unique one over a long text.
USUAL = ("BTREE", "HASH")


class IndexReader:
    """Reads the indexes of one table.

    An index that a foreign key made for itself is an index like any other, by the name that peewee would give it; see
    `key_indexes`. Where there is another one over the very same columns, it is left out.

    Args:
        left_out: names of indexes that are told elsewhere.
    """

    def __init__(
        self,
        told: Told,
        table: str,
        engine: str,
        rows: Sequence[IndexRow],
        foreign_keys: Sequence[ForeignKey],
        left_out: Collection[str] = (),
    ) -> None:
        self.told, self.table, self.engine, self.foreign_keys = told, table, engine, foreign_keys
        grouped = {name: list(group) for name, group in groupby(rows, key=lambda row: row.name)}
        self.primary = grouped.pop(PRIMARY, [])
        self.rows = {name: group for name, group in grouped.items() if name not in left_out}

    @property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(row.column or "" for row in self.primary)

    def indexes(self) -> tuple[Index, ...]:
        found = [self._index(name, rows) for name, rows in self.rows.items()]
        others = [index for index in found if not self._is_made_for_key(index)]
        for index in found:
            if self._is_made_for_key(index) and index not in others:
                name = usual_name(self.table, index.columns or ())
                is_free = all(folded(str(one.name)) != folded(name) for one in found)
                others.append(replace(index, name=name) if is_free else index)
        return tuple(sorted(others, key=lambda index: repr(replace(index, name=None))))

    def _is_made_for_key(self, index: Index) -> bool:
        columns = index.columns
        if not index.is_plain or index.unique or columns is None:
            return False
        return any(
            tuple(map(folded, key.columns)) == tuple(map(folded, columns))
            and is_made_for(self.table, str(key.name), key.columns, str(index.name))
            for key in self.foreign_keys
        )

    def _index(self, name: str, rows: Sequence[IndexRow]) -> Index:
        kind = rows[0].type
        is_usual = kind in USUAL and not (self.engine == "MEMORY" and kind == "BTREE")
        return Index(
            tuple(self._part(row) for row in rows),
            not rows[0].non_unique,
            None if is_usual else kind,
            name=name,
        )

    def _part(self, row: IndexRow) -> Part:
        behind = [f"({row.sub_part})"] if row.sub_part and row.type in USUAL else []
        behind += ["DESC"] if row.order == "D" else []
        if row.column is None:
            return Part(self.told.expression(row.expression or ""), True, " ".join(behind))
        return Part(row.column, suffix=" ".join(behind))

    def remarks(self) -> list[str]:
        """What has no place in an index, in words."""
        found = []
        if any(self._part(row).suffix for row in self.primary):
            found.append(f"PRIMARY KEY ({self._words(self.primary)})")
        for rows in self.rows.values():
            what = f"INDEX ({self._words(rows)})"
            hidden = "IGNORED" if self.told.server.is_mariadb else "INVISIBLE"
            found += [f"{what} {hidden}"] if rows[0].is_hidden else []
            found += [comment_words(what, rows[0].comment)] if rows[0].comment else []
        return sorted(found)

    def _words(self, rows: Sequence[IndexRow]) -> str:
        parts = map(self._part, rows)
        return ", ".join(
            f"({part.text})" if part.is_expression else f"{quoted(part.text)} {part.suffix}".strip() for part in parts
        )


def foreign_keys(home: str, keys: Sequence[KeyRow], rules: Sequence[RuleRow]) -> tuple[ForeignKey, ...]:
    """The foreign keys of one table. RESTRICT and NO ACTION are the same on both servers."""
    actions: Mapping[str, RuleRow] = {rule.name: rule for rule in rules}
    found = list(_foreign_keys(home, keys, actions))
    return tuple(sorted(found, key=lambda key: repr(replace(key, name=None))))


def _foreign_keys(home: str, keys: Sequence[KeyRow], actions: Mapping[str, RuleRow]) -> Iterator[ForeignKey]:
    for name, group in groupby(keys, key=lambda row: row.name):
        rows = list(group)
        target = rows[0].target if rows[0].target_schema == home else f"{rows[0].target_schema}.{rows[0].target}"
        rule = actions[name]
        yield ForeignKey(
            tuple(row.column for row in rows),
            target,
            tuple(row.target_column for row in rows),
            _action(rule.on_delete),
            _action(rule.on_update),
            name=name,
        )


def _action(rule: str) -> str:
    return NO_ACTION if rule == "RESTRICT" else rule
