"""What the server tells of defaults and expressions, in the form that is the same for all that means the same. Pure.

The server keeps an expression as it understood it, and tells it with every cast that it put in: `s IN ('a')` over a
`character varying` becomes `(s)::text = ANY ((ARRAY['a'::character varying])::text[])`, and that, run again, becomes
something else. What is cut here comes back by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import NamedTuple

from ormmigrate.dialects.postgresql.expressions import (
    CACHED,
    Edit,
    bare,
    casts_in,
    closing,
    edited,
    tokens_of,
    unquoted,
)
from ormmigrate.dialects.postgresql.literals import without_cast

Types = Mapping[str, str]

TEXTS = frozenset({"text", "character varying", "bpchar"})
WHOLE = frozenset({"smallint", "integer", "bigint"})
FRACTIONS = frozenset({"numeric", "double precision", "real"})
#: What constants may be cast to without a change of what they mean beside the value that they are compared with.
OF_CONSTANTS = {"TEXT": TEXTS, "WHOLE": WHOLE | FRACTIONS, "FRACTION": FRACTIONS}
#: The same for columns, by their types.
WIDER = {
    "smallint": frozenset({"integer", "bigint", "numeric"}),
    "integer": frozenset({"bigint", "numeric"}),
    "bigint": frozenset({"numeric"}),
    "character varying": frozenset({"text"}),
}
#: For indexes: a query that says `n > 0` does not find one over `(n)::numeric`.
WIDER_IN_INDEXES = {"character varying": frozenset({"text"})}
#: What is compared with its like.
FAMILIES = dict.fromkeys(("TEXT", "character", *TEXTS), "text")
FAMILIES |= dict.fromkeys(("WHOLE", "FRACTION", *WHOLE, *FRACTIONS), "number")
COMPARING = frozenset({"=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*"})
#: How the server keeps IN, which it makes `=` where there is one value.
LISTED = {("=", "ANY"): ("=", "IN"), ("<>", "ALL"): ("<>", "NOT IN")}
#: What may stand on both sides of a comparison.
AROUND = frozenset({"(", ")", "AND", "OR", "NOT"})
NOW = frozenset({"CURRENT_TIMESTAMP", "transaction_timestamp()"})


@lru_cache(maxsize=CACHED)
def default_text(text: str, type_: str, category: str) -> str | None:
    """A default; None for NULL, which is none.

    Args:
        type_: the column's.
        category: that of the type in pg_type: `N` for numbers, `B` for booleans.
    """
    found = without_cast(text)
    if found == "NULL":
        return None
    if not found.startswith("'") or found == text:
        return "now()" if bare(found) in NOW else bare(found)
    value = found[1:-1]
    if category == "B":
        return value
    return (_number(value, keeps_zeros=type_ == "numeric") if category == "N" else None) or found


def _number(value: str, *, keeps_zeros: bool) -> str | None:
    """A number without zeros at the end; those of a `numeric` without a scale are told with it."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return format(number if keeps_zeros else number.normalize(), "f")


def generated_text(text: str, types: Types) -> str:
    """The expression of a generated column; a constant has the type that the column has."""
    found = without_cast(text)
    return found if found.startswith("'") else index_text(text, types)


def check_text(text: str, types: Types) -> str:
    """The expression of a CHECK, without the casts of plain values that are compared.

    A change of type leaves casts to the type that the column had: `(n)::numeric > (0)::numeric`.

    Args:
        types: the columns' types, without their lengths.
    """
    return _Comparisons(text, types, WIDER).simplified()


def index_text(text: str, types: Types) -> str:
    """An expression or predicate of an index, likewise."""
    return _Comparisons(text, types, WIDER_IN_INDEXES).simplified()


class _Value(NamedTuple):
    """A column or a constant, with its casts and parentheses.

    Attributes:
        behind: the number of the token behind it.
        kind: of a constant, what it is in OF_CONSTANTS; of a column, its type; empty where a cast stays.
        type: what it is in the end.
        edits: how it is said shorter.
    """

    behind: int
    kind: str
    type: str
    edits: tuple[Edit, ...] = ()


class _Comparisons:
    """The comparisons of plain values in an expression. Elsewhere a cast may choose the function: `1::numeric / 2`."""

    def __init__(self, text: str, types: Types, wider: Mapping[str, frozenset[str]]) -> None:
        self.text, self.types, self.wider = text, types, wider
        self.tokens = tokens_of(text)
        self.casts = {cast.first: cast for cast in casts_in(self.tokens)}

    def simplified(self) -> str:
        edits: set[Edit] = set()
        if self.casts or any(one.text == "ARRAY" for one in self.tokens):
            for number in range(len(self.tokens)):
                edits.update(self._comparison(number))
        return bare(edited(self.text, edits))

    def _comparison(self, number: int) -> tuple[Edit, ...]:
        """How a comparison that begins at a token is said shorter."""
        if number and not self._is(number - 1, *AROUND):
            return ()
        left = self._value(number)
        if left is None:
            return ()
        operator, behind = self._operator(left.behind)
        right = (self._value(behind) or self._any(operator, behind)) if operator in COMPARING else None
        if right is None or (right.behind < len(self.tokens) and not self._is(right.behind, *AROUND)):
            return ()
        # Beside another type (`name = text`) the server would take a constant without its cast for something else.
        families = FAMILIES.get(left.type), FAMILIES.get(right.type)
        return left.edits + right.edits if families[0] == families[1] is not None else ()

    def _operator(self, number: int) -> tuple[str, int]:
        operator = ""
        while number < len(self.tokens) and self.tokens[number].text in "=<>!~*":
            operator += self.tokens[number].text
            number += 1
        return operator, number

    # -- values -----------------------------------------------------------------------------

    def _value(self, number: int) -> _Value | None:
        if self._is(number, "("):
            inner = self._value(number + 1)
            return None if inner is None else self._enclosed(number, inner)
        return self._constant(number) or self._column(number)

    def _constant(self, number: int) -> _Value | None:
        if number >= len(self.tokens):
            return None
        token = self.tokens[number]
        if token.text.isdigit():
            kind = "FRACTION" if self._is(number + 1, ".") else "WHOLE"
            return self._cast(number + (3 if kind == "FRACTION" else 1), kind, kind)
        if not token.text.startswith("'"):
            return None
        first = self.casts.get(number + 1)
        value = token.text[1:-1]
        if first is not None and first.type in OF_CONSTANTS["WHOLE"] and _is_number(value):
            # As the server writes what is below zero, or large.
            kind = "FRACTION" if "." in value else "WHOLE"
            return self._cast(first.behind, kind, kind, (self._edit(number, first.behind, value),))
        return self._cast(number + 1, "TEXT", "TEXT")

    def _column(self, number: int) -> _Value | None:
        if number >= len(self.tokens) or not self.tokens[number].is_name or self._is(number, *AROUND, "ARRAY"):
            return None
        if self._is(number + 1, "(", ".", "["):
            return None
        type_ = self.types.get(unquoted(self.tokens[number].text), "")
        return self._cast(number + 1, type_, type_)

    def _any(self, operator: str, number: int) -> _Value | None:
        """`= ANY (ARRAY[...])`, as the server keeps IN; and the like."""
        if not self._is(number, "ANY", "ALL") or not self._is(number + 1, "("):
            return None
        inner = self._array(number + 2)
        if inner is None or not self._is(inner.behind, ")"):
            return None
        words = LISTED.get((operator, self.tokens[number].text))
        if words is None or not inner.kind:
            return inner._replace(behind=inner.behind + 1)
        return self._listed(words, number - len(operator), inner)

    def _listed(self, words: tuple[str, str], number: int, array: _Value) -> _Value:
        """`IN (...)` in place of an operator at that token and the array behind it; `=` for one value."""
        opening = next(place for place in range(number, array.behind) if self._is(place, "["))
        end = closing(self.tokens, opening)
        elements = tuple(one for one in array.edits if self.tokens[opening].end <= one.start < self.tokens[end].start)
        has_one = not any(self._is(place, ",") for place in range(opening, end))
        before, after = (f"{words[0]} ", "") if has_one else (f"{words[1]} (", ")")
        edits = self._edit(number, opening + 1, before), self._edit(end, array.behind + 1, after)
        return array._replace(behind=array.behind + 1, edits=(*elements, *edits))

    def _array(self, number: int) -> _Value | None:
        if self._is(number, "("):
            inner = self._array(number + 1)
            return None if inner is None else self._enclosed(number, inner)
        if not self._is(number, "ARRAY") or not self._is(number + 1, "["):
            return None
        end, elements = closing(self.tokens, number + 1), []
        number += 2
        while number < end:
            element = self._value(number)
            if element is None or element.kind not in OF_CONSTANTS or not self._is(element.behind, ",", "]"):
                return None
            elements.append(element)
            number = element.behind + 1
        kinds = {one.kind for one in elements}
        kind = kinds.pop() if len(kinds) == 1 else "FRACTION" if kinds == {"WHOLE", "FRACTION"} else ""
        return self._cast(end + 1, kind, kind, tuple(edit for one in elements for edit in one.edits))

    def _enclosed(self, opening: int, inner: _Value) -> _Value | None:
        """A value in parentheses; those are left out where no cast behind them stays."""
        if not self._is(inner.behind, ")"):
            return None
        behind = inner.behind + 1
        value = self._cast(behind, inner.kind, inner.type, inner.edits)
        around = (self._edit(opening, opening + 1), self._edit(inner.behind, behind))
        return value._replace(edits=value.edits + around) if value.kind or value.behind == behind else value

    def _cast(self, number: int, kind: str, type_: str, edits: tuple[Edit, ...] = ()) -> _Value:
        """A value with the casts behind it, which begin at a token."""
        allowed = OF_CONSTANTS.get(kind, self.wider.get(kind, frozenset()))
        casts: list[Edit] = []
        goes = True
        while number in self.casts:
            cast = self.casts[number]
            goes = goes and cast.type.removesuffix("[]") in allowed
            type_ = type_ if goes else cast.type
            casts.append(self._edit(number, cast.behind))
            number = cast.behind
        return _Value(number, kind, type_, (*edits, *casts)) if goes else _Value(number, "", type_, edits)

    def _is(self, number: int, *texts: str) -> bool:
        return number < len(self.tokens) and self.tokens[number].text in texts

    def _edit(self, first: int, behind: int, text: str = "") -> Edit:
        return Edit(self.tokens[first].start, self.tokens[behind - 1].end, text)


def _is_number(text: str) -> bool:
    whole, _, part = text.removeprefix("-").partition(".")
    return whole.isdigit() and (part.isdigit() or "." not in text)
