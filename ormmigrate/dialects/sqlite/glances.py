"""Texts of the schema seen at a glance, without being cut into tokens, which takes ten times as long. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from ormmigrate.dialects.sqlite.canonical import KEYWORDS
from ormmigrate.dialects.sqlite.tokens import IN_NAMES

CACHED = 1 << 14
Answer = TypeVar("Answer")
#: Behind these a name in quotes is no type, of which SQLite would take what stands in the quotes alone.
BEFORE_NAMES = ("TABLE", "REFERENCES", "CONSTRAINT", "ON")


class Seen(dict[str, Answer], Generic[Answer]):
    """The answers to a question about pieces of text, most of which come again and again."""

    def __init__(self, question: Callable[[str], Answer]) -> None:
        self.question = question

    def __missing__(self, text: str) -> Answer:
        if len(self) >= CACHED:
            self.clear()
        answer = self[text] = self.question(text)
        return answer


def is_plain(name: str) -> bool:
    """Whether this is a name that needs no quotes anywhere."""
    return name.isidentifier() and name.upper() not in KEYWORDS


def are_plain(names: Sequence[str]) -> bool:
    """The same of several; faster than one by one."""
    return all(map(str.isidentifier, names)) and KEYWORDS.isdisjoint(map(str.upper, names))


def _opens(text: str) -> bool:
    """Whether a name in quotes that follows is one that a bare word would be as well."""
    words = text.split()
    return bool(words) and (words[-1][-1] in "(," or words[-1].upper() in BEFORE_NAMES)


def _closes(text: str) -> bool:
    """Whether it is no part of a name in quotes ahead of it, without the quotes."""
    return text[:1] not in IN_NAMES


_stands_between = Seen(lambda text: _opens(text) and _closes(text))


def clear(text: str) -> str | None:
    """A text without what may differ where nothing does: spaces, comments, and quotes around names that need none.

    What is the same then means the same. None where that cannot be told at a glance: a name in quotes that could be a
    type or a text, a quote in a comment.
    """
    if not text.isascii() or '""' in text:  # two quotes are one in a name
        return None
    pieces = text.split("'")
    for place in range(0, len(pieces), 2):  # those between are strings
        piece = pieces[place]
        if "--" in piece or "/*" in piece:
            found = _without_comments(piece, is_last=place == len(pieces) - 1)
            if found is None:
                return None
            piece = found
        if "[" in piece or "`" in piece:
            piece = piece.replace("[", '"').replace("]", '"').replace("`", '"')
        if '"' in piece:
            parts = piece.split('"')
            is_seen = len(parts) % 2 and _opens(parts[0]) and _closes(parts[-1]) and are_plain(parts[1::2])
            if not (is_seen and all(map(_stands_between.__getitem__, parts[2:-1:2]))):
                return None
            piece = "".join(parts)
        # Two quotes that stand together are one in a string.
        pieces[place] = _with_single_spaces(piece) or (piece and " ")
    return "'".join(pieces)


def _with_single_spaces(text: str) -> str:
    is_so = not ("  " in text or "\n" in text or "\t" in text or "\r" in text or "\f" in text or "\v" in text)
    return text.strip() if is_so else " ".join(text.split())


def _without_comments(text: str, *, is_last: bool) -> str | None:
    """A text with a space for each comment; None where one goes on behind a quote, in which it is no string."""
    kept = []
    while text:
        line, block = text.find("--"), text.find("/*")
        starts = [place for place in (line, block) if place >= 0]
        if not starts:
            break
        start = min(starts)
        mark = "\n" if start == line else "*/"
        end = text.find(mark, start + 2)
        if end < 0 and not is_last:
            return None
        kept.append(text[:start])
        text = text[end + len(mark) :] if end >= 0 else ""
    return " ".join((*kept, text))


def listed(text: str) -> Iterator[str]:
    """The parts of a clear list, cut at the commas that stand in no parentheses."""
    held = ""
    for part in text.split(","):
        if held or "(" in part:
            held = f"{held},{part}" if held else part
            if held.count("(") > held.count(")"):
                continue
            part, held = held, ""
        yield part.strip()
