"""Where text is inserted into a registry's module, so that it stands there as its author would have put it."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ormmigrate.listing import CannotEdit, Import, Listing, parse

# -- the text -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Insertion:
    offset: int
    text: str


@dataclass(frozen=True)
class Edit:
    """Other text in place of what stands from `start` up to `end`."""

    start: int
    end: int
    text: str


class Text:
    """A module's text and its tree. Offsets count bytes of UTF-8, as those of `ast` do.

    Lines end where Python says: `str.splitlines` would also split at form feeds and other separators.
    """

    def __init__(self, source: str) -> None:
        self.tree = parse(source)
        self.data = source.encode()
        self._starts = [0]
        for offset, byte in enumerate(self.data, 1):
            if byte == 0x0A or (byte == 0x0D and self.data[offset : offset + 1] != b"\n"):
                self._starts.append(offset)

    def start(self, node: ast.stmt | ast.expr | ast.alias) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.stmt | ast.expr | ast.alias) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def line_number(self, offset: int) -> int:
        """Counted from 0."""
        return bisect_right(self._starts, offset) - 1

    def line(self, number: int) -> str:
        """A line with its line end; nothing after the last one."""
        if number >= len(self._starts):
            return ""
        return self.data[self._starts[number] : self.line_start(number + 1)].decode()

    def line_start(self, number: int) -> int:
        return self._starts[number] if number < len(self._starts) else len(self.data)

    def before(self, offset: int) -> str:
        """What stands on the line before the offset."""
        return self.data[self.line_start(self.line_number(offset)) : offset].decode()

    def indentation(self, offset: int) -> str:
        return _leading_space(self.line(self.line_number(offset)))

    def has_tabs(self) -> bool:
        """Whether any line is indented by a tab."""
        return any(self.data[start : start + 1] == b"\t" for start in self._starts)

    def newline(self, offset: int) -> str:
        """The line end in use at the offset."""
        for number in (self.line_number(offset), 0):
            line = self.line(number)
            for end in ("\r\n", "\n", "\r"):
                if line.endswith(end):
                    return end
        return "\n"

    def marks(self, start: int, end: int) -> Iterator[tuple[int, str]]:
        """The commas and brackets between two elements, where nothing else but space and comments can stand."""
        offset = start
        while offset < end:
            char = chr(self.data[offset])
            if char == "#":
                offset = self.line_start(self.line_number(offset) + 1)
                continue
            if char in "(),":
                yield offset, char
            offset += 1

    def between(self, start: int, end: int) -> str:
        return self.data[start:end].decode()

    def with_insertions(self, insertions: Sequence[Insertion]) -> str:
        return self.with_edits([Edit(one.offset, one.offset, one.text) for one in insertions])

    def with_edits(self, edits: Sequence[Edit]) -> str:
        """The text with these edits, none of which reaches into another."""
        pieces, done = [], 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            pieces += [self.data[done : edit.start], edit.text.encode()]
            done = edit.end
        return b"".join([*pieces, self.data[done:]]).decode()


def _leading_space(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t\f"))]


# -- the import ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImportPlace:
    """Where the import goes, in the text and in the module's body."""

    insertion: Insertion
    index: int


def import_place(text: Text, wanted: Import, listing: Listing) -> ImportPlace:
    """Behind the import that is followed; else behind the last import; else where the first would stand."""
    model = wanted.model
    body = text.tree.body
    if model is None:
        above = range(listing.index)
        imports = [index for index in above if isinstance(body[index], (ast.Import, ast.ImportFrom))]
        has_docstring = listing.index > 0 and ast.get_docstring(text.tree, clean=False) is not None
        model = imports[-1] if imports else 0 if has_docstring else None
    place = _place_on_top(text, wanted) if model is None else _place_behind(text, wanted, model)
    if place.index > listing.index:
        raise CannotEdit("the imports and the list stand on one line")
    for statement in body[place.index :]:
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            raise CannotEdit(f"line {statement.lineno} imports *, which could replace the new import")
    return place


def _place_behind(text: Text, wanted: Import, model: int) -> ImportPlace:
    body = text.tree.body
    last = model
    while last + 1 < len(body) and body[last + 1].lineno == body[last].end_lineno:  # a = 1; b = 2
        last += 1
    number = text.line_number(text.end(body[last]))
    newline = text.newline(text.end(body[last]))
    line = wanted.text + newline
    if wanted.model is None and getattr(body[model], "level", 0) == 0:
        # A group of its own, as import sorters have it; the line behind it may be blank already.
        line = newline + line + newline * bool(text.line(number + 1).strip())
    return ImportPlace(Insertion(text.line_start(number + 1), line), last + 1)


def _place_on_top(text: Text, wanted: Import) -> ImportPlace:
    """Before the first statement and the comment right above it, but behind a comment that heads the file."""
    first = text.tree.body[0]
    decorators = getattr(first, "decorator_list", [])
    top = number = min(node.lineno for node in (first, *decorators)) - 1
    while top and text.line(top - 1).lstrip().startswith("#"):
        top -= 1
    offset = text.line_start(top or number)
    newline = text.newline(offset)
    return ImportPlace(Insertion(offset, wanted.text + newline * 2), 0)


# -- the element --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Brackets:
    """Offsets of the brackets; those of a tuple without any are its first and last byte's."""

    opening: int
    closing: int


def item_insertions(text: Text, display: ast.List | ast.Tuple, item: str) -> list[Insertion]:
    """What puts an element last in the list, set out like those before it."""
    brackets = _brackets(text, display)
    is_one_line = text.line_number(brackets.opening) == text.line_number(brackets.closing)
    if not display.elts:
        return [_into_empty_line(text, brackets, item) if is_one_line else _into_empty_lines(text, brackets, item)]
    after, comma = _end_of_last(text, display, brackets)
    if is_one_line:
        is_lone_in_tuple = isinstance(display, ast.Tuple) and len(display.elts) == 1
        if comma is None:
            return [Insertion(after, f", {item}")]
        return [Insertion(comma, f" {item}" if is_lone_in_tuple else f" {item},")]
    return _onto_own_line(text, display, brackets, after, comma, item)


def _brackets(text: Text, display: ast.List | ast.Tuple) -> _Brackets:
    opening, closing = text.start(display), text.end(display) - 1
    if isinstance(display, ast.List) or not display.elts:
        return _Brackets(opening, closing)
    # `(A), B` starts with a bracket that is not the tuple's: the first element closes it.
    first = display.elts[0]
    depth = 0
    for _, mark in text.marks(opening, text.start(first)):
        depth += mark == "("
    for _, mark in text.marks(text.end(first), closing + 1):
        if mark == ",":
            break
        depth -= 1
    return _Brackets(opening, closing if depth else closing + 1)


def _end_of_last(text: Text, display: ast.List | ast.Tuple, brackets: _Brackets) -> tuple[int, int | None]:
    """Where the last element ends, with brackets of its own, and where the comma behind it does, if there is one."""
    after, comma = text.end(display.elts[-1]), None
    for offset, mark in text.marks(after, brackets.closing):
        if mark == ",":
            comma = offset + 1
        else:
            after = offset + 1
    return after, comma


def _onto_own_line(
    text: Text, display: ast.List | ast.Tuple, brackets: _Brackets, after: int, comma: int | None, item: str
) -> list[Insertion]:
    last = text.start(display.elts[-1])
    end = after if comma is None else comma
    lead = text.before(last)
    is_comma_first = comma is None and lead.strip() == ","
    if is_comma_first:
        start = lead
    elif text.line_number(last) == text.line_number(brackets.opening):
        start = "".join(char if char == "\t" else " " for char in lead)
    else:
        start = _leading_space(lead)
    line = start + item + "," * (comma is not None)
    newline = text.newline(brackets.opening)
    if text.line_number(end) == text.line_number(brackets.closing):
        added = Insertion(end, newline + line)
    else:
        added = Insertion(text.line_start(text.line_number(end) + 1), line + newline)
    needs_comma = comma is None and not is_comma_first
    return [Insertion(after, ","), added] if needs_comma else [added]


def _into_empty_line(text: Text, brackets: _Brackets, item: str) -> Insertion:
    """`[]` is opened to one element a line, so that the next ones are lines of their own."""
    newline, indentation = text.newline(brackets.opening), text.indentation(brackets.opening)
    inner = indentation + _indentation_unit(text)
    return Insertion(brackets.opening + 1, f"{newline}{inner}{item},{newline}{indentation}")


def _into_empty_lines(text: Text, brackets: _Brackets, item: str) -> Insertion:
    first, last = text.line_number(brackets.opening) + 1, text.line_number(brackets.closing)
    indentation = text.indentation(brackets.closing) + _indentation_unit(text)
    for number in range(first, last):
        if text.line(number).strip():  # a comment, which shows how far in the elements stand
            indentation = _leading_space(text.line(number))
    return Insertion(text.line_start(last), f"{indentation}{item},{text.newline(brackets.opening)}")


def _indentation_unit(text: Text) -> str:
    return "\t" if text.has_tabs() else "    "
