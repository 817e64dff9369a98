"""SQL of defaults and expressions, as far as it can be understood without a database. Pure."""

from __future__ import annotations

from typing import Any

#: Functions that stand for themselves behind DEFAULT, with parentheses or without.
NOW = ("current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "now")


def default_clause(text: str) -> str:
    """`DEFAULT 5`, `DEFAULT (lower('A'))`."""
    return f"DEFAULT {text}" if stands_alone(text) else f"DEFAULT ({text})"


def stands_alone(text: str) -> bool:
    """Whether a default needs no parentheses: a constant, or what stands for the present moment."""
    word = text.partition("(")[0].strip().lower()
    return literal_of(text) is not None or word in (*NOW, "null", "true", "false") or is_blob(text)


def is_blob(text: str) -> bool:
    return text[:2] in ("x'", "X'") and _is_one_string(text[1:])


def literal_of(text: str) -> Any:
    """The number or the text that a literal of SQL means; None for everything else."""
    if _is_one_string(text):
        return text[1:-1].replace("''", "'")
    digits = text[1:] if text[:1] in "+-" else text
    if digits.isascii() and digits.isdecimal():
        return int(text)
    whole, point, part = digits.partition(".")
    return float(text) if point and (whole + part).isascii() and (whole + part).isdecimal() else None


def _is_one_string(text: str) -> bool:
    """Whether it is one text in single quotes; one with a backslash means different things to different servers."""
    is_quoted = len(text) > 1 and text[0] == text[-1] == "'"
    return is_quoted and "'" not in text[1:-1].replace("''", "") and "\\" not in text


def is_call(text: str) -> bool:
    """`lower(name)`: a name, and one pair of parentheses behind it."""
    name, _, rest = text.partition("(")
    depth = 1
    for place, character in enumerate(rest):
        depth += (character == "(") - (character == ")")
        if not depth:
            return name.isidentifier() and place == len(rest) - 1
    return False


def words_of(text: str) -> set[str]:
    """Every word of an expression that could be a name."""
    return set("".join(character if character.isalnum() or character in "_$" else " " for character in text).split())
