"""Expressions of Python, and how they are laid out: on one line where they fit, else as ruff breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ormmigrate.rendering import strings
from ormmigrate.rendering.strings import LINE_LENGTH, literal, width

STEP = 4


@dataclass(frozen=True)
class Import:
    """`from module import name`, or `import module` where there is no name."""

    module: str
    name: str | None = None


@dataclass(frozen=True)
class Expression:
    """The base of all expressions."""

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The expressions that it is made of."""
        return ()

    def flat(self) -> str | None:
        """It on one line; None where it stands on several, however short."""
        raise NotImplementedError

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        """It on several lines, with what stands before and behind it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Word(Expression):
    """What stands on one line however long: a name, a number.

    Attributes:
        home: what has to be imported for it.
    """

    text: str
    home: Import | None = None

    def flat(self) -> str:
        return self.text

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        return [f"{' ' * indent}{before}{self.text}{after}"]


#: What a person has yet to decide.
ELLIPSIS = Word("...")
NONE = Word("None")


@dataclass(frozen=True)
class Text(Expression):
    """A text or bytes; one that is too long is made up of several."""

    value: str | bytes

    def flat(self) -> str:
        return literal(self.value)

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        margin = " " * indent
        if before:
            inner = lines(self, indent + STEP)
            return [f"{margin}{before}(", *inner, f"{margin}){after}"]
        # Only the last one has something behind it, but which that is, is not known yet.
        found = strings.pieces(self.value, LINE_LENGTH - indent - len(after))
        return [f"{margin}{piece}" for piece in found[:-1]] + [f"{margin}{found[-1]}{after}"]


@dataclass(frozen=True)
class Keyword(Expression):
    """`name=value`."""

    name: str
    value: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.value,)

    def flat(self) -> str | None:
        value = self.value.flat()
        return None if value is None else f"{self.name}={value}"

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        return lines(self.value, indent, f"{before}{self.name}=", after)


@dataclass(frozen=True)
class Entry(Expression):
    """`key: value`, of a dictionary."""

    key: Expression
    value: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.key, self.value)

    def flat(self) -> str | None:
        value = self.value.flat()
        return None if value is None else f"{self.key.flat()}: {value}"

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        return lines(self.value, indent, f"{before}{self.key.flat()}: ", after)


@dataclass(frozen=True)
class Brackets(Expression):
    """A list, set, tuple or dictionary.

    Attributes:
        always_broken: whether it stands on several lines however short it is.
    """

    opening: str
    items: tuple[Expression, ...]
    closing: str
    always_broken: bool = False

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.items

    @property
    def _is_single(self) -> bool:
        return len(self.items) == 1 and self.opening == "("

    def flat(self) -> str | None:
        inner = None if self.always_broken else _flat_items(self.items)
        return None if inner is None else f"{self.opening}{inner}{',' if self._is_single else ''}{self.closing}"

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        has_comma = len(self.items) > 1 or self._is_single or self.always_broken
        return _enclosed(f"{before}{self.opening}", self.items, f"{self.closing}{after}", indent, "," * has_comma)


@dataclass(frozen=True)
class Call(Expression):
    """`function(arguments)`."""

    function: Word
    arguments: tuple[Expression, ...] = ()

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.function, *self.arguments)

    def flat(self) -> str | None:
        inner = _flat_items(self.arguments)
        return None if inner is None else f"{self.function.text}({inner})"

    def broken(self, indent: int, before: str, after: str) -> list[str]:
        inner = _flat_items(self.arguments)
        if not inner and inner is not None:
            return [f"{' ' * indent}{before}{self.function.text}(){after}"]
        opening, closing = f"{before}{self.function.text}(", f"){after}"
        if inner is not None and indent + STEP + width(inner) <= LINE_LENGTH:
            margin = " " * indent
            return [f"{margin}{opening}", f"{margin}{' ' * STEP}{inner}", f"{margin}{closing}"]
        return _enclosed(opening, self.arguments, closing, indent, "," * (len(self.arguments) > 1))


def _flat_items(items: tuple[Expression, ...]) -> str | None:
    flat = [item.flat() for item in items]
    return None if None in flat else ", ".join(filter(None, flat))


def _enclosed(opening: str, items: tuple[Expression, ...], closing: str, indent: int, comma: str) -> list[str]:
    margin = " " * indent
    inner = [line for item in items for line in lines(item, indent + STEP, "", comma)]
    return [f"{margin}{opening}", *inner, f"{margin}{closing}"]


def lines(expression: Expression, indent: int, before: str = "", after: str = "") -> list[str]:
    """An expression in lines, with what stands before it on the first and behind it on the last."""
    flat = expression.flat()
    if flat is not None and indent + width(f"{before}{flat}{after}") <= LINE_LENGTH:
        return [f"{' ' * indent}{before}{flat}{after}"]
    return expression.broken(indent, before, after)


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and all that it is made of."""
    yield expression
    for part in expression.parts:
        yield from walk(part)


def listing(*items: Expression) -> Brackets:
    return Brackets("[", items, "]")


def row(*items: Expression) -> Brackets:
    """A tuple."""
    return Brackets("(", items, ")")
