"""The triggers of one table: which to drop and which to create. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ormmigrate.dialects.mysql.restoring_text import quoted, tokens, unquoted, words

EVENTS = ("INSERT", "UPDATE", "DELETE")


def trigger_form(statement: str) -> list[str]:
    """What of a trigger counts.

    A server writes the table's name anew when the table is renamed, with quotes. Behind ROW may stand which other
    trigger it precedes or follows: that other one may be gone.
    """
    head, _, body = _cut(statement)
    return [*(unquoted(word).upper() for word in words(head)), body.strip()]


def _cut(statement: str) -> tuple[str, str, str]:
    """A trigger's statement up to ROW, what it says of its order (FOLLOWS or PRECEDES a name), and its body."""
    found = tokens(statement)
    said = [
        index for index, token in enumerate(found) if not token.isspace() and not token.startswith(("/*", "--", "#"))
    ]
    upper = [found[index].upper() for index in said]
    row = next(place for place in range(len(said)) if upper[place - 2 : place + 1] == ["FOR", "EACH", "ROW"])
    start = end = said[row] + 1
    if upper[row + 1] in ("FOLLOWS", "PRECEDES"):
        end = said[row + 2] + 1
    return "".join(found[:start]), "".join(found[start:end]), "".join(found[end:])


def same_trigger(one: str, other: str) -> bool:
    return trigger_form(one) == trigger_form(other)


def trigger_step(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The next statement that brings a table's triggers back, or None."""
    for name, statement in now.items():
        if name not in before or not same_trigger(before[name], statement):
            return f"DROP TRIGGER {quoted(name)}"
    for name in before:
        if name not in now:
            return _placed(name, before, now)
    return None


def _placed(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """A trigger's statement such that it acts before those that it acted before."""
    head, _, body = _cut(before[name])
    alike = [other for other, text in before.items() if _moment(text) == _moment(before[name])]
    behind = [other for other in alike[alike.index(name) + 1 :] if other in now]
    if behind:
        return f"{head} PRECEDES {quoted(behind[0])} {body.lstrip()}"
    # Without a word it comes last.
    return f"{head} {body.lstrip()}"


def _moment(statement: str) -> Sequence[str]:
    """BEFORE or AFTER, and of what."""
    found = [word.upper() for word in words(_cut(statement)[0])]
    event = next(
        index for index, word in enumerate(found) if word in EVENTS and found[index - 1] in ("BEFORE", "AFTER")
    )
    return found[event - 1 : event + 1]
