"""How tables are brought back to what SHOW CREATE TABLE said before: one statement at a time. Pure.

Every DDL statement commits, so what a batch has done is undone by other DDL statements. Each step is worked out
anew from what there is, so whoever is killed between two of them is followed by somebody who goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ormmigrate.dialects.mysql.restoring_columns import column_losses
from ormmigrate.dialects.mysql.restoring_statement import Said, mentioned, said
from ormmigrate.dialects.mysql.restoring_table import alteration, inexpressible, normal_form
from ormmigrate.dialects.mysql.restoring_text import Table, quoted, referenced, shown
from ormmigrate.dialects.mysql.restoring_triggers import trigger_form, trigger_step

__all__ = [
    "NoWayBack",
    "Relation",
    "State",
    "created",
    "fingerprint",
    "is_same",
    "losses",
    "mentioned",
    "way_back",
]


@dataclass(frozen=True)
class Relation:
    """A table or view, as the server shows it.

    Attributes:
        text: the second column of SHOW CREATE TABLE.
        triggers: of their names, what SHOW CREATE TRIGGER says, in the order in which they act.
    """

    text: str
    is_view: bool
    triggers: Mapping[str, str]


#: By name; None: there is none of that name.
State = Mapping[str, "Relation | None"]


class NoWayBack(Exception):
    """What differs cannot be brought back by statements; the message says what it is."""


def is_same(before: State, now: State) -> bool:
    """Whether two states are the same but for where counters stand and in which order keys and constraints do."""
    return _normal_form(before) == _normal_form(now)


def fingerprint(state: State) -> str:
    """The SHA-256 of what `is_same` compares."""
    return hashlib.sha256(json.dumps(_normal_form(state)).encode()).hexdigest()


def _normal_form(state: State) -> list[object]:
    return [[name, *_relation_form(relation)] for name, relation in sorted(_existing(state).items())]


def _existing(state: State) -> dict[str, Relation]:
    return {name: relation for name, relation in state.items() if relation is not None}


def _relation_form(relation: Relation) -> list[object]:
    if relation.is_view:
        return [relation.text]
    triggers = sorted(trigger_form(text) for text in relation.triggers.values())
    return [*normal_form(shown(relation.text)), triggers]


def created(before: State, now: State, statement: str = "") -> list[str]:
    """The tables that `way_back` drops because they were not there before.

    Args:
        statement: as in `way_back`; without it, a table that was renamed counts as created.
    """
    standing = _standing(before, now, _said(statement, before, now))
    return [name for name in _superfluous(before, now, standing) if not _existing(now)[name].is_view]


def losses(before: State, now: State, statement: str) -> list[str]:
    """In words, what the way back does not bring back; nothing where all of it comes back.

    Ask before the first step back: afterwards a column that was dropped is there again, without its values.
    """
    words = _said(statement, before, now)
    found = []
    for name, table, place in _tables(before, _standing(before, now, words)):
        there = now.get(place)
        if there is None or there.is_view or words.emptied == name:
            found.append(f"the rows of the table {name}")
        else:
            own = words if name == words.altered else Said()
            found += column_losses(name, shown(table.text), shown(there.text), own)
    if len(words.tables) > 1 and is_same(before, now):
        found.append(f"which of the tables {', '.join(sorted({old for old, _ in words.tables}))} was which")
    return found


def way_back(before: State, now: State, statement: str) -> str | None:
    """The next statement that brings `now` nearer to `before`, or None when they are the same.

    Run it, read what there is, and ask again. Who runs it stops where a statement changed nothing.

    Args:
        statement: what was run at `before`; `now` may be a state that earlier steps back have left.

    Raises:
        NoWayBack: something differs that no statement brings back. Nothing needs to be run to learn that.
    """
    if is_same(before, now):
        return None
    words = _said(statement, before, now)
    standing = _standing(before, now, words)
    _refuse_inexpressible(before, now, standing, words)
    steps = (_renaming, _dropping, _creating, _altering, _viewing, _triggering)
    for step in steps:
        found = step(before, now, words)
        if found is not None:
            return found
    raise NoWayBack("What differs is nothing that a statement could change.")


def _refuse_inexpressible(before: State, now: State, standing: Mapping[str, str], words: Said) -> None:
    if words.moves_away:
        raise NoWayBack("A table was renamed into another database, or out of one.")
    for name, table, place in _tables(before, standing):
        there = now.get(place)
        if there is not None and not there.is_view:
            found = inexpressible(shown(table.text), shown(there.text))
            if found:
                raise NoWayBack(f"Of the table {name}, no statement brings back {'; '.join(found)}.")


def _tables(before: State, standing: Mapping[str, str]) -> Iterator[tuple[str, Relation, str]]:
    """Each table that there was: its name, itself, and by what name it is to be found now."""
    for name, relation in _existing(before).items():
        if not relation.is_view:
            yield name, relation, standing.get(name, name)


def _said(statement: str, before: State, now: State) -> Said:
    """What a statement says, with the names of tables as the server writes them: it may fold their case."""
    words = said(statement)
    there = _existing(before).keys() | _existing(now).keys()
    folded = {name.lower(): name for name in there}

    def written(name: str) -> str:
        return name if name in there else folded.get(name.lower(), name)

    return replace(
        words,
        tables=tuple((written(old), written(new)) for old, new in words.tables),
        altered=written(words.altered),
        emptied=written(words.emptied),
    )


# -- names --------------------------------------------------------------------------------------


def _positions(before: State, renames: Sequence[tuple[str, str]]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Where each table stands after some renames, and which of these had something to rename."""
    positions = {name: name for name in _existing(before)}
    effective = []
    for old, new in renames:
        moved = [name for name, place in positions.items() if place == old]
        for name in moved:
            positions[name] = new
            effective.append((old, new))
    return positions, effective


def _renames_done(before: State, now: State, words: Said) -> list[tuple[str, str]]:
    """Those of the statement's renames that stand, in order: of several, a server that was killed has done some.

    They are told by which names there are; where tables changed places, by their columns.
    """
    involved = {name for pair in words.tables for name in pair}
    there = involved & set(_existing(now))
    best: tuple[tuple[bool, int], list[tuple[str, str]]] | None = None
    for count in range(len(words.tables) + 1):
        positions, effective = _positions(before, words.tables[:count])
        expected = involved & set(positions.values())
        alike = sum(_is_alike(before.get(name), now.get(positions[name])) for name in involved & set(positions))
        if best is None or (expected == there, alike) > best[0]:
            best = (expected == there, alike), effective
    return best[1] if best and best[0][0] else []


def _is_alike(before: Relation | None, now: Relation | None) -> bool:
    if before is None or now is None or before.is_view != now.is_view:
        return False
    if before.is_view:
        return before.text == now.text
    # A foreign key names tables, which may have been renamed.
    return _without_foreign_keys(before) == _without_foreign_keys(now)


def _without_foreign_keys(relation: Relation) -> list[object]:
    form = list(normal_form(shown(relation.text)))
    del form[2]
    return form


def _standing(before: State, now: State, words: Said) -> dict[str, str]:
    return _positions(before, _renames_done(before, now, words))[0]


def _renaming(before: State, now: State, words: Said) -> str | None:
    done = _renames_done(before, now, words)
    if not done:
        return None
    return "RENAME TABLE " + ", ".join(f"{quoted(new)} TO {quoted(old)}" for old, new in reversed(done))


# -- what is there, and what is not -------------------------------------------------------------


def _superfluous(before: State, now: State, standing: Mapping[str, str]) -> list[str]:
    """The names of what was not there before, or was a view where there is a table now, or the other way round."""
    former = {place: before[name] for name, place in standing.items()}
    found = []
    for name, relation in _existing(now).items():
        was = former.get(name)
        if was is None or was.is_view != relation.is_view:
            found.append(name)
    return found


def _dropping(before: State, now: State, words: Said) -> str | None:
    for name in _superfluous(before, now, {name: name for name in _existing(before)}):
        return f"DROP {'VIEW' if _existing(now)[name].is_view else 'TABLE'} {quoted(name)}"
    return None


def _creating(before: State, now: State, words: Said) -> str | None:
    missing = {
        name: relation for name, relation in _existing(before).items() if now.get(name) is None and not relation.is_view
    }
    for name, relation in missing.items():
        # What a foreign key refers to must be there first, unless two tables refer to each other.
        foreign_keys = shown(relation.text).foreign_keys.values()
        if not {referenced(key) for key in foreign_keys} & (missing.keys() - {name}):
            return relation.text
    return next((relation.text for relation in missing.values()), None)


def _altering(before: State, now: State, words: Said) -> str | None:
    # First the table that was altered: the foreign keys of others follow what it names.
    tables = sorted(_tables(before, {}), key=lambda found: found[0] != words.altered)
    for name, relation, _ in tables:
        was, there = _table(relation), _table(now[name])
        own = words if name == words.altered else Said()
        found = alteration(name, was, there, own) if normal_form(was) != normal_form(there) else None
        if found is not None:
            return found
    return None


def _table(relation: Relation | None) -> Table:
    assert relation is not None, "what is missing has been created by then"
    return shown(relation.text)


def _viewing(before: State, now: State, words: Said) -> str | None:
    views = {name: relation for name, relation in _existing(before).items() if relation.is_view}
    missing = {name: view for name, view in views.items() if now.get(name) is None}
    for name, view in missing.items():
        if not mentioned(view.text) & (missing.keys() - {name}):
            return view.text
    for name, view in views.items():
        there = now.get(name)
        if there is not None and there.text != view.text:
            return f"CREATE OR REPLACE{view.text.removeprefix('CREATE')}"
    return None


def _triggering(before: State, now: State, words: Said) -> str | None:
    for name, relation in _existing(before).items():
        there = now[name]
        found = trigger_step(relation.triggers, there.triggers) if there is not None else None
        if found is not None:
            return found
    return None
