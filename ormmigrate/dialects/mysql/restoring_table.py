"""One table: the ALTER TABLE that brings it back, what its columns have lost, what cannot be expressed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ormmigrate.dialects.mysql.restoring_columns import Pairing, column_clauses, computing, paired, renaming
from ormmigrate.dialects.mysql.restoring_statement import Said
from ormmigrate.dialects.mysql.restoring_text import (
    CHECK,
    KEY,
    PRIMARY,
    Part,
    Table,
    has_expression,
    mentions,
    quoted,
    referenced,
    texts,
    tokens,
    translated,
    words,
)

# The counter goes on; where it stood is nobody's.
UNCOUNTED = "AUTO_INCREMENT"
COMMENT = "COMMENT"


def inexpressible(before: Table, now: Table) -> list[str]:
    """What differs and no step brings back."""
    names = [name for name in {**before.options, **now.options} if name not in (UNCOUNTED, COMMENT)]
    found = [
        f"the option {name} ({before.options.get(name, 'none')} before, {now.options.get(name, 'none')} now)"
        for name in names
        if before.options.get(name) != now.options.get(name)
    ]
    if before.partitions != now.partitions:
        found.append("the partitions")
    if before.others != now.others:
        found.append(", ".join(sorted({*before.others} ^ {*now.others})))
    return found


def alteration(name: str, before: Table, now: Table, said: Said) -> str | None:
    """The next ALTER TABLE on the way back, or None where nothing that it could change differs."""
    changes = Changes(name, paired(before, now, said), said)
    clauses = _freeing_names(changes) or _renaming(changes) or _everything(changes)
    return f"ALTER TABLE {quoted(name)} {', '.join(clauses)}" if clauses else None


@dataclass(frozen=True)
class Changes:
    """What is to be done to a table, of that name."""

    table: str
    pairing: Pairing
    said: Said

    @property
    def foreign_keys(self) -> tuple[list[Part], list[Part]]:
        return self._of(self.pairing.before.foreign_keys, self.pairing.now.foreign_keys)

    @property
    def checks(self) -> tuple[list[Part], list[Part]]:
        return self._of(self.pairing.before.checks, self.pairing.now.checks)

    @property
    def keys(self) -> tuple[list[Part], list[Part]]:
        return self._of(self.pairing.before.keys, self.pairing.now.keys)

    def translated(self, part: Part) -> str:
        """A part's text with the names that its columns had."""
        return translated(part, self.pairing.former_names, self.table)

    def is_held(self, part: Part) -> bool:
        """Whether a part must go while columns change: it would hinder that, or be cut short by it."""
        computes = part.kind == CHECK or has_expression(part)
        return self.pairing.hinders(part, computes and part.folded in self.said.dropped)

    def _of(self, before: Mapping[str, Part], now: Mapping[str, Part]) -> tuple[list[Part], list[Part]]:
        """Which of some keys or constraints to drop, and which to add."""
        kept = {
            name
            for name, part in now.items()
            if name in before and self.translated(part) == before[name].text and not self.is_held(part)
        }
        return [now[name] for name in now if name not in kept], [before[name] for name in before if name not in kept]


def _freeing_names(changes: Changes) -> list[str]:
    # The server still knows the name of a foreign key while it drops it, and refuses another of that name.
    dropped, added = changes.foreign_keys
    return [_drop(part) for part in dropped if part.folded in {one.folded for one in added}]


def _renaming(changes: Changes) -> list[str]:
    """The clauses of a step that renames columns of keys, apart from everything that would copy the table.

    A column of a foreign key cannot be renamed while the table is copied, and which tables refer to a column is not
    known here: a column that they may refer to is in a key.
    """
    pairing = changes.pairing
    former = pairing.former_names
    if not any(mentions(part, former) for part in (*pairing.now.keys.values(), *pairing.now.foreign_keys.values())):
        return []
    clauses = renaming(pairing, changes.said)
    if not clauses:
        return []
    gone = computing(pairing)
    drops = [part for part in changes.checks[0] if mentions(part, {*former, *gone})]
    for part in (*changes.foreign_keys[0], *changes.keys[0]):
        if mentions(part, {*former, *gone} if has_expression(part) else gone):
            drops.append(part)
    return [_drop(part) for part in drops] + clauses


def _drop(part: Part) -> str:
    if part.kind == KEY:
        return "DROP PRIMARY KEY" if part.name == PRIMARY else f"DROP KEY {quoted(part.name)}"
    return f"DROP {'CONSTRAINT' if part.kind == CHECK else 'FOREIGN KEY'} {quoted(part.name)}"


def _everything(changes: Changes) -> list[str]:
    before, now = changes.pairing.before, changes.pairing.now
    dropped, added = changes.foreign_keys
    dropped_checks, added_checks = changes.checks
    key_drops, key_adds = _key_clauses(changes)
    clauses = [_drop(part) for part in (*dropped, *dropped_checks)]
    clauses += key_drops
    clauses += column_clauses(changes.pairing, changes.said)
    clauses += key_adds
    clauses += [f"ADD {part.text}" for part in added_checks]
    # A foreign key to the same table is checked against the columns that this has before the statement.
    at_once = [part for part in added if not clauses or referenced(part) != changes.table]
    clauses += [f"ADD {part.text}" for part in at_once]
    if before.options.get(COMMENT) != now.options.get(COMMENT):
        clauses.append("COMMENT=" + before.options.get(COMMENT, "''"))
    return clauses


def _key_clauses(changes: Changes) -> tuple[list[str], list[str]]:
    """The clauses that drop, rename and hide keys, and those that add them."""
    before, now = changes.pairing.before.keys, changes.pairing.now.keys
    dropped, added = changes.keys
    clauses = []
    pairs = [(now.get(new), before.get(old)) for old, new in changes.said.indexes.items()]
    pairs += [(part, before.get(part.folded)) for part in dropped]
    for source, target in pairs:
        if source not in dropped or target not in added or source is None or target is None or changes.is_held(source):
            continue
        text = changes.translated(source)
        if source.folded == target.folded:
            clause = _use(text, target)
        else:
            is_same = _named(text, target.name) == target.text
            clause = f"RENAME INDEX {quoted(source.name)} TO {quoted(target.name)}" if is_same else None
        if clause is not None:
            clauses.append(clause)
            dropped.remove(source)
            added.remove(target)
    return [_drop(part) for part in dropped] + clauses, [f"ADD {part.text}" for part in added]


def _use(now: str, before: Part) -> str | None:
    """The clause that lets the server use a key again, or no longer, where nothing else of it differs.

    To drop and add it would not: MariaDB takes the two for one, and leaves it as it is.
    """
    said, said_before = words(now), words(before.text)
    for word, back in (("IGNORED", "NOT IGNORED"), ("INVISIBLE", "VISIBLE")):
        if said == [*said_before, word]:
            return f"ALTER INDEX {quoted(before.name)} {back}"
        if said_before == [*said, word]:
            return f"ALTER INDEX {quoted(before.name)} {word}"
    return None


def _named(key: str, name: str) -> str:
    """A key's text with another name."""
    found = tokens(key)
    place = next(index for index, token in enumerate(found) if token[0] in '`"')
    return "".join([*found[:place], quoted(name), *found[place + 1 :]])


def normal_form(create_table: Table) -> Sequence[object]:
    """What of a table counts: its columns in order, the rest in any order, and not where a counter stands."""
    return [
        texts(create_table.columns),
        sorted(texts(create_table.keys)),
        sorted(texts(create_table.foreign_keys)),
        sorted(texts(create_table.checks)),
        list(create_table.others),
        sorted((name, value) for name, value in create_table.options.items() if name != UNCOUNTED),
        create_table.partitions,
    ]
