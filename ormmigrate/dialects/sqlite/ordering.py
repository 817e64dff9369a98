"""The parts of a table in an order that does not depend on when they were made, or where they are written. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ormmigrate.schema import Check, ForeignKey, Index


def indexes_in_order(indexes: Sequence[Index]) -> tuple[Index, ...]:
    return tuple(indexes) if len(indexes) < 2 else tuple(sorted(indexes, key=_index))


def keys_in_order(keys: Sequence[ForeignKey]) -> tuple[ForeignKey, ...]:
    return tuple(keys) if len(keys) < 2 else tuple(sorted(keys, key=_key))


def checks_in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    return tuple(checks) if len(checks) < 2 else tuple(sorted(checks, key=_check))


def _index(index: Index) -> tuple[object, ...]:
    return [part.text for part in index.parts], index.unique, index.where or "", [part.suffix for part in index.parts]


def _key(key: ForeignKey) -> tuple[object, ...]:
    return key.columns, key.table, key.target_columns, key.on_delete, key.on_update, key.deferrable or ""


def _check(check: Check) -> str:
    return check.key
