"""Indexes that foreign keys live on: none goes without being meant, and no key is left without one. Pure.

See `key_indexes` for what the server does by itself with the index that it made for a key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ormmigrate.dialects.mysql.definition import ForeignKey, Key, folded
from ormmigrate.dialects.mysql.drafts import Draft, drop_foreign_key, drop_index
from ormmigrate.dialects.mysql.indexed import Indexed
from ormmigrate.dialects.mysql.key_indexes import is_made_for, is_unnamed, usual_name

#: A table that was made; or a table, and the foreign key that got an index of its own there. Folded.
Made = tuple[str, "str | None"]


def named_index(draft: Draft, name: str) -> Indexed | None:
    """An index by its name; that which a foreign key made for itself by the usual name as well."""
    return draft.index(name) or next(
        (one for one, _ in _own_indexes(draft) if folded(usual_name(draft.name, _columns(one))) == folded(name)), None
    )


def dropped(draft: Draft, name: str) -> Draft:
    """The draft without an index.

    Raises:
        Refused: there is none of that name.
    """
    found = named_index(draft, name)
    if found is None and folded(name) in _gone_along(draft):
        return draft
    return drop_index(draft, found.name if found else name)


def _gone_along(draft: Draft) -> set[str]:
    """The usual names of indexes that keys made for themselves, and that the draft drops with these."""
    kept = {one.origin.name for one in draft.indexes if one.origin}
    return {
        folded(usual_name(draft.name, key.columns))
        for key in draft.table.foreign_keys
        for index in draft.table.keys
        if index.name not in kept and _is_own(draft, key, index)
    }


def kept(draft: Draft, index: Indexed, made: Collection[Made]) -> Draft:
    """The draft in which a new index takes the place of none: what it would make vanish is made again.

    An index over exactly the same columns is another matter: it is what the key's own one is.

    Args:
        made: what the same migration made. An index of a key's own that came with it goes for the new one, as it
            would if both had been said at once.
    """
    for own, key in _own_indexes(draft):
        is_same = index.columns == own.columns and not any(index.behind) and index.words[0] == "INDEX"
        if is_same or not _serves(index, key) or (folded(draft.name), None) in made:
            continue
        came_with_it = (folded(draft.name), folded(key.name)) in made
        draft = drop_index(draft, own.name) if came_with_it else _made_again(draft, own)
    return draft


def left_by(draft: Draft, key: ForeignKey) -> Draft:
    """The draft without a foreign key, the index that it made for itself being nobody's now: it is made again."""
    own = [index for index, owner in _own_indexes(draft) if owner is key]
    after = drop_foreign_key(draft, key)
    for index in own:
        after = _made_again(after, index)
    return after


def taken_along(draft: Draft, key: ForeignKey) -> Draft:
    """The draft without a foreign key and the index that it made for itself."""
    own = [index.name for index, owner in _own_indexes(draft) if owner is key]
    after = drop_foreign_key(draft, key)
    for name in own:
        after = drop_index(after, name)
    return after


def supplied(draft: Draft) -> tuple[Draft, list[str]]:
    """The draft in which a foreign key that loses the index it lived on gets one of its own; and whose keys did."""
    gone = [index for index in draft.table.keys if all(one.origin is not index for one in draft.indexes)]
    found = []
    for key in draft.foreign_keys:
        lost = [index for index in gone if _serves(Indexed(index.name, index.columns, index), key)]
        is_its_own = any(_is_own(draft, key, index) for index in lost)
        if lost and not is_its_own and not any(_serves(one, key) for one in draft.indexes):
            draft = replace(draft, indexes=(*draft.indexes, Indexed(_own_name(draft, key), key.columns, None)))
            found.append(key.name)
    return draft, found


def _own_name(draft: Draft, key: ForeignKey) -> str:
    """What the server calls the index that it makes for a key."""
    first = key.columns[0]
    return first if is_unnamed(draft.name, key.name) and draft.index(first) is None else key.name


def _own_indexes(draft: Draft) -> list[tuple[Indexed, ForeignKey]]:
    """Each index that a foreign key made for itself, with the key."""
    return [
        (one, key)
        for one in draft.indexes
        for key in draft.foreign_keys
        if one.origin is not None and _is_own(draft, key, one.origin)
    ]


def _is_own(draft: Draft, key: ForeignKey, index: Key) -> bool:
    columns = [column for column in index.columns if column is not None]
    is_over_it = list(map(folded, columns)) == list(map(folded, key.columns))
    return index.is_plain and is_over_it and is_made_for(draft.name, key.name, key.columns, index.name)


def _serves(index: Indexed, key: ForeignKey) -> bool:
    """Whether a foreign key can live on an index: it begins with whole columns of the key's."""
    # A key is told by the names that its columns have before the statement.
    former = index.origin.columns if index.origin is not None else index.columns
    first = [was for was, now in zip(former, index.columns) if was and now in index.whole][: len(key.columns)]
    return first == list(former[: len(first)]) and list(map(folded, first)) == list(map(folded, key.columns))


def _made_again(draft: Draft, own: Indexed) -> Draft:
    """The draft with the same index under the usual name, as one that somebody has made."""
    others = tuple(one for one in draft.indexes if one is not own)
    name = usual_name(draft.new_name or draft.name, _columns(own))
    taken = [one.name for one in others] + [key.name for key in draft.table.keys if key is not own.origin]
    if folded(name) in map(folded, taken):
        return draft
    return replace(draft, indexes=(*others, Indexed(name, own.columns, None, is_again=True)))


def _columns(index: Indexed) -> Sequence[str]:
    return [column for column in index.columns if column is not None]
