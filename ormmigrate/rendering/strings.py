"""Texts as Python source: quoted, escaped, and cut into lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise

LINE_LENGTH = 88

#: Letters that ruff takes for those of ASCII (RUF001), of Latin and Japanese, Greek, Cyrillic, Hebrew and Arabic.
_ALIKE_LETTERS = frozenset(
    "\u0131\u017f\u30ce"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b3"
    "\u03b9\u03bd\u03bf\u03c1\u03c3\u03c5"
    "\u0405\u0406\u0408\u0410\u0412\u0415\u0417\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u042c\u0430\u0431\u0433\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458"
    "\u05d5\u05d8\u05d9\u05df\u05e1\u0627\u0647\u06d5\u0660\u0661\u0665\u0667\u06f0\u06f1\u06f5\u06f7"
)
#: Scripts with hardly any, by the first words of their letters' names.
_PLAIN_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
#: Signs that it takes for others, besides punctuation and what is used in mathematics.
_ALIKE_SIGNS = frozenset("\u0903\u0a83\u0b03\u0c02\u0c82\u0d02\u0d82\u212e\u2571\u2573\u2795\u2796\uff04")
_SHORT_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def width(text: str) -> int:
    """The columns that a text takes on a line."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1


def literal(value: str | bytes) -> str:
    """A text or bytes as a literal: in double quotes, unless single ones need fewer escapes."""
    return _quoted(value, _units(value))


def shown(text: str) -> str:
    """A text as it stands between quotes: what cannot be seen, or looks like something else, is escaped."""
    return "".join(_units(text))


def _quoted(value: str | bytes, units: Sequence[str]) -> str:
    text = "".join(units)
    quote = "'" if text.count('"') > text.count("'") else '"'
    prefix = "b" if isinstance(value, bytes) else ""
    return f"{prefix}{quote}{text.replace(quote, chr(92) + quote)}{quote}"


def _units(value: str | bytes) -> list[str]:
    """Each character as it stands between quotes, apart from these."""
    if isinstance(value, bytes):
        return [
            _SHORT_ESCAPES.get(one) or (one if " " <= one <= "~" else _escaped(one)) for one in value.decode("latin-1")
        ]
    units = [_SHORT_ESCAPES.get(one) or (_escaped(one) if _is_hidden(one) else one) for one in value]
    if value.isascii():
        return units
    # Of letters that is said word by word, as they stand in the file: the n of an escape is part of one.
    placed = ((character, place) for place, unit in enumerate(units) for character in unit)
    for is_word, group in groupby(placed, key=lambda one: one[0].isalnum()):
        word = list(group)
        if is_word and _is_deceptive("".join(character for character, _ in word)):
            for character, place in word:
                units[place] = _escaped(character) if _is_alike(character) else units[place]
    return units


def _is_hidden(character: str) -> bool:
    is_sign = not character.isascii() and not character.isalnum() and _is_sign(character)
    return is_sign or not character.isprintable()


def _is_deceptive(word: str) -> bool:
    """Whether what looks like ASCII stands among that, or all of a word does."""
    return not word.isascii() and (any(map(str.isascii, word)) or _ALIKE_LETTERS.issuperset(word))


def _is_alike(letter: str) -> bool:
    """Whether it may be taken for one of ASCII; of most scripts that is said of all letters."""
    if letter.isascii():
        return False
    name = unicodedata.name(letter, "")
    is_accented = name.startswith("LATIN") and (letter < "\u0180" or bool(unicodedata.decomposition(letter)))
    return letter in _ALIKE_LETTERS or not (is_accented or name.startswith(_PLAIN_SCRIPTS))


def _is_sign(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith("P") or category in ("Sm", "Sk") or character in _ALIKE_SIGNS


def _escaped(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


# -- in lines -----------------------------------------------------------------------------------


def pieces(value: str | bytes, room: int) -> list[str]:
    """The literals that make up a text, each at most `room` wide: cut behind line ends and between words."""
    units = _units(value)
    found: list[str] = []
    line: list[str] = []
    for word in _words(units, lambda part: width(_quoted(value, part)) <= room):
        if line and (line[-1] == "\\n" or width(_quoted(value, line + word)) > room):
            found.append(_quoted(value, line))
            line = []
        line += word
    return [*found, _quoted(value, line)]


def _words(units: list[str], fits: Callable[[list[str]], bool]) -> Iterator[list[str]]:
    """The words, each with the space behind it, those that do not fit in parts."""
    ends = [place + 1 for place, unit in enumerate(units) if unit in (" ", "\\n", "\\t")]
    for start, end in pairwise(dict.fromkeys((0, *ends, len(units)))):
        word = units[start:end]
        while len(word) > 1 and not fits(word):
            length = next((size for size in range(min(LINE_LENGTH, len(word) - 1), 1, -1) if fits(word[:size])), 1)
            yield word[:length]
            word = word[length:]
        yield word


def comment(text: str, indent: int, hanging: str = "") -> list[str]:
    """A comment in lines.

    Args:
        hanging: what every line but the first starts with.
    """
    margin = f"{' ' * indent}# "
    lines: list[str] = []
    for word in shown(" ".join(text.split())).replace("\\\\", "\\").split(" "):
        if lines and width(f"{lines[-1]} {word}") <= LINE_LENGTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{margin}{hanging if lines else ''}{word}")
    return lines
