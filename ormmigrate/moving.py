"""Moving a migration to the last place of a list that a person wrote, under another id: text in, text out.

As in `registration`, the places come from the syntax tree, everything else stays byte for byte, and the result is
parsed again: it must be the old tree with exactly that change, or the source counts as one that cannot be edited.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ormmigrate.layout import Edit, Text, item_insertions
from ormmigrate.listing import BYTE_ORDER_MARK, CannotEdit, Listing, find_list, import_in_style, parse

Imported = ast.Import | ast.ImportFrom


# -- the registry's module ----------------------------------------------------------------------


def move_last(source: str, *, index: int, old: str, new: str, registry: str | None = None) -> str:
    """Put an element of a registry's list last, and its import behind those of the others.

    What stands behind it on its line, a comment say, moves along.

    Args:
        source: the text of the module that the list stands in.
        index: the element's place in the list.
        old: the migration's module, `"m20240602_130000_add_bio"`.
        new: what the module is called from now on; the same where its file keeps its name.
        registry: the variable that the registry, or its list, is assigned to; None for the only one there is.

    Raises:
        CannotEdit: the list is not written out, or the result would not be the same program with that change.
    """
    mark = BYTE_ORDER_MARK if source.startswith(BYTE_ORDER_MARK) else ""
    try:
        text = Text(source[len(mark) :])
        find_list(text.tree, registry)
        expected = _Renamed(old, new).visit(parse(source[len(mark) :]))
        text = _renamed(text, old, new)
        if old != new:
            text = _with_import_moved(text, expected, new, registry)
        text = _with_element_moved(text, expected, index, registry)
        _require_same(expected, text)
    except RecursionError as error:
        raise CannotEdit("it is nested too deeply") from error
    return mark + text.data.decode()


def _require_same(expected: ast.Module, text: Text) -> None:
    if ast.dump(expected) != ast.dump(text.tree):
        raise CannotEdit("the change would reach something else in it")


# -- the module's name --------------------------------------------------------------------------


class _Renamed(ast.NodeTransformer):
    """What a tree is when a module that it imports has another name."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def _name(self, name: str) -> str:
        return ".".join(self._new if part == self._old else part for part in name.split("."))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._name(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._name(node.attr)
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        node.name = self._name(node.name)
        node.asname = node.asname and self._name(node.asname)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        node.module = node.module and self._name(node.module)
        return self.generic_visit(node)


def _renamed(text: Text, old: str, new: str) -> Text:
    if old == new:
        return text
    edits: dict[int, Edit] = {}
    word = re.compile(rb"(?<!\w)%b(?!\w)" % old.encode())
    for start, end in _spans(text, old):
        for found in word.finditer(text.data, start, end):
            edits[found.start()] = Edit(found.start(), found.end(), new)
    return Text(text.with_edits(list(edits.values())))


def _spans(text: Text, old: str) -> Iterator[tuple[int, int]]:
    """Where a module is named; in no text, which would not be sure to mean it."""
    for node in ast.walk(text.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and old in node.value.split("."):
            raise CannotEdit(f"line {node.lineno} names {old} in a text")
        if isinstance(node, (ast.Name, ast.alias)):
            yield text.start(node), text.end(node)
        elif isinstance(node, ast.Attribute):
            yield text.end(node.value), text.end(node)
        elif isinstance(node, ast.ImportFrom):
            yield text.start(node), text.start(node.names[0])


def names_module(source: str, module: str) -> bool:
    """Whether a source imports a module, or uses it.

    Raises:
        CannotEdit: it is not valid Python, or names the module in a text.
    """
    text = Text(source.removeprefix(BYTE_ORDER_MARK))
    return any(module in re.findall(r"\w+", text.between(*span)) for span in _spans(text, module))


# -- its import ---------------------------------------------------------------------------------


def _with_import_moved(text: Text, expected: ast.Module, module: str, registry: str | None) -> Text:
    """The import behind the last of the others, where that makes no difference to the program; else as it was."""
    found = [
        (index, statement)
        for index, statement in enumerate(text.tree.body)
        if isinstance(statement, (ast.Import, ast.ImportFrom)) and _names(statement, module)
    ]
    if len(found) != 1:
        return text
    index, statement = found[0]
    if len(statement.names) > 1 and not _is_from(statement, module):
        return _with_name_moved(text, expected, index, statement, module)
    model = import_in_style(text.tree, find_list(text.tree, registry), module, "_", "").model
    if model is None or model <= index or not all(map(_is_plain_import, text.tree.body[index : model + 1])):
        return text
    lines = _own_lines(text, statement)
    behind = _own_lines(text, text.tree.body[model])
    if lines is None or behind is None:
        return text
    expected.body.insert(model, expected.body.pop(index))
    return Text(text.with_edits([Edit(lines[0], lines[1], ""), Edit(behind[1], behind[1], text.between(*lines))]))


def _names(statement: Imported, module: str) -> bool:
    return _is_from(statement, module) or any(module in alias.name.split(".") for alias in statement.names)


def _is_from(statement: Imported, module: str) -> bool:
    return isinstance(statement, ast.ImportFrom) and module in (statement.module or "").split(".")


def _is_plain_import(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Import, ast.ImportFrom)) and statement.names[0].name != "*"


def _own_lines(text: Text, node: ast.stmt) -> tuple[int, int] | None:
    """A statement's lines, from their start to their end, where nothing but a comment stands there besides."""
    start, end = text.start(node), text.end(node)
    after = text.line_start(text.line_number(end) + 1)
    behind = text.between(end, after).strip()
    if text.before(start).strip() or (behind and not behind.startswith("#")):
        return None
    return text.line_start(text.line_number(start)), after


def _with_name_moved(text: Text, expected: ast.Module, index: int, statement: Imported, module: str) -> Text:
    """`from . import m1, m9, m3`: the names change places, and what stands between them stays."""
    place = next(place for place, alias in enumerate(statement.names) if module in alias.name.split("."))
    spans = [(text.start(alias), text.end(alias)) for alias in statement.names[place:]]
    if "#" in text.between(text.start(statement), text.end(statement)):
        return text
    names = [text.between(*span) for span in spans]
    edits = [Edit(*span, name) for span, name in zip(spans, [*names[1:], names[0]])]
    aliases = expected.body[index].names  # type: ignore[attr-defined]
    aliases.append(aliases.pop(place))
    return Text(text.with_edits(edits))


# -- its place in the list ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Taken:
    """An element that was taken out: what is left, the element's text, and the comment that was behind it."""

    rest: str
    item: str
    comment: str


def _with_element_moved(text: Text, expected: ast.Module, index: int, registry: str | None) -> Text:
    listing = find_list(text.tree, registry)
    elements = listing.display.elts
    if index == len(elements) - 1:
        return text
    taken = _take(text, listing, index)
    left = Text(taken.rest)
    display = find_list(left.tree, registry).display
    moved = Text(left.with_insertions(item_insertions(left, display, taken.item)))
    wanted = find_list(expected, registry).display.elts
    wanted.append(wanted.pop(index))
    return _with_comment(moved, find_list(moved.tree, registry), taken.comment) if taken.comment else moved


def _take(text: Text, listing: Listing, index: int) -> _Taken:
    node, behind = listing.display.elts[index], listing.display.elts[index + 1]
    start, end, following = text.start(node), text.end(node), text.start(behind)
    item = text.between(start, end)
    marks = list(text.marks(end, following))
    if [mark for _, mark in marks] != [","]:
        raise CannotEdit(f"`{item}` stands in brackets of its own")
    comma = marks[0][0] + 1
    line_end = text.line_start(text.line_number(end) + 1)
    lead = text.before(start)
    if following < line_end or (index == 0 and (lead.strip() or comma > line_end)):
        return _Taken(_without(text, start, following, end), item, "")
    if not lead.strip() or (lead.strip() == "," and index):
        # Alone on its lines: they go as they are.
        tail = text.between(end, line_end).strip().removeprefix(",")
        return _Taken(text.with_edits([Edit(text.line_start(text.line_number(start)), line_end, "")]), item, tail)
    before = text.end(listing.display.elts[index - 1])
    separator = [offset for offset, mark in text.marks(before, start) if mark == ","]
    if not separator:
        raise CannotEdit(f"`{item}` stands in brackets of its own")
    return _Taken(_without(text, separator[0] + 1, comma, end), item, "")


def _without(text: Text, start: int, end: int, item_end: int) -> str:
    if "#" in text.between(item_end, end):
        raise CannotEdit(f"line {text.line_number(item_end) + 1} has a comment that could not move along")
    return text.with_edits([Edit(start, end, "")])


def _with_comment(text: Text, listing: Listing, comment: str) -> Text:
    last = listing.display.elts[-1]
    end = text.end(last)
    place = max((offset + 1 for offset, mark in text.marks(end, text.end(listing.display)) if mark == ","), default=end)
    line_end = text.line_start(text.line_number(place) + 1)
    if text.line_number(place) != text.line_number(end) or text.between(place, line_end).strip():
        raise CannotEdit(f"the comment {comment.strip()!r} would find no place behind the last element")
    spaced = comment if comment[:1].isspace() else f"  {comment}"
    return Text(text.with_edits([Edit(place, place, spaced)]))


# -- the migration's own file -------------------------------------------------------------------


def change_id(source: str, *, cls: str, old: str, new: str, attribute: str = "id") -> str:
    """Change an id where a class says it: `id = "2024..."`, or an element of its `depends_on`.

    Raises:
        CannotEdit: the class is not there exactly once, or its id is not written out.
    """
    mark = BYTE_ORDER_MARK if source.startswith(BYTE_ORDER_MARK) else ""
    text = Text(source[len(mark) :])
    edits = []
    for literal, value in _literals(text.tree, cls, attribute):
        span = text.start(literal), text.end(literal)
        written = text.between(*span)
        if value.rpartition(":")[2] == old:
            if written.count(old) != 1:
                raise CannotEdit(f"line {literal.lineno} writes {old} in another way")
            edits.append(Edit(*span, written.replace(old, new)))
            literal.value = value.replace(old, new)
    if not edits:
        raise CannotEdit(f"the class {cls} does not say {attribute} = {old!r} as a text")
    edited = Text(text.with_edits(edits))
    _require_same(text.tree, edited)
    return mark + edited.data.decode()


def _literals(tree: ast.Module, cls: str, attribute: str) -> list[tuple[ast.Constant, str]]:
    """The texts in what a class assigns to an attribute, and where they stand."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == cls]
    if len(classes) != 1:
        raise CannotEdit(f"it has {len(classes) or 'no'} class{'es' * (len(classes) > 1)} {cls}")
    values = [
        statement.value
        for statement in classes[0].body
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _assigns(statement, attribute)
    ]
    return [
        (node, node.value)
        for value in values
        if value is not None
        for node in ast.walk(value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _assigns(statement: ast.Assign | ast.AnnAssign, attribute: str) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return any(isinstance(target, ast.Name) and target.id == attribute for target in targets)
