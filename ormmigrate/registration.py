"""Adding a migration to a list that a person wrote: text in, text out.

The list is found in the syntax tree, and text is only ever inserted, so that every comment, blank line and
line end stays as it is. The result is parsed again: it must be the old tree with the two new nodes in it
and nothing else, or the source counts as one that cannot be edited.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from keyword import iskeyword

BYTE_ORDER_MARK = "\ufeff"
REGISTRY = "Registry"

# What a plain list may be handed to: anything else could change it on its way into the registry.
LIST_TAKERS = (REGISTRY, "Database", "len")


class CannotEdit(Exception):
    """The source is written in a way that is left to its author.

    Attributes:
        reason: what stands in the way, as the second half of a sentence: "registry is assigned twice".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def register(source: str, *, module: str, cls: str, registry: str | None = None, prefix: str = ".") -> str:
    """Import a migration into a registry's module and put it last in the list.

    Args:
        source: the text of the module that the list stands in.
        module: the new migration's module, `"m20240602_130000_add_user_preferences"`.
        cls: its class, `"AddUserPreferences"`.
        registry: the variable that the registry, or its list, is assigned to; None for the only one there is.
        prefix: what stands before `module` in `from .m2024... import ...`. It counts only where no other
            migration is imported whose style could be followed.

    Returns:
        The source with one import and one element more.

    Raises:
        CannotEdit: the list is computed, assigned twice, changed elsewhere, not there, or the result would
            not be the same program plus the two additions.

    Example:
        register("registry = Registry([A])", module="m2024", cls="B")
    """
    for name in (module, cls):
        if not name.isidentifier() or iskeyword(name):
            raise CannotEdit(f"{name!r} is not a Python name")
    mark = BYTE_ORDER_MARK if source.startswith(BYTE_ORDER_MARK) else ""
    try:
        return mark + _edited(_Text(source[len(mark) :]), module, cls, registry, prefix)
    except RecursionError as error:
        raise CannotEdit("it is nested too deeply") from error


def _edited(text: _Text, module: str, cls: str, registry: str | None, prefix: str) -> str:
    listing = _find_list(text.tree, registry)
    wanted = _import_in_style(text.tree, listing, module, cls, prefix)
    item = wanted.item + "()" * isinstance(_last(listing.display), ast.Call)
    _require_free(text.tree, wanted, item, listing)
    place = _import_place(text, wanted, listing)
    edited = text.with_insertions([place.insertion, *_item_insertions(text, listing.display, item)])
    _require_only_additions(text.tree, edited, wanted, place.index, listing, item)
    return edited


def identifiers(source: str) -> set[str]:
    """Every name that a module binds or uses, anywhere in it.

    Raises:
        CannotEdit: the source is not valid Python.
    """
    tree = _parse(source.removeprefix(BYTE_ORDER_MARK))
    return set(_bindings(tree)) | _names_used(tree)


# -- the text -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Insertion:
    offset: int
    text: str


class _Text:
    """A module's text and its tree. Offsets count bytes of UTF-8, as those of `ast` do.

    Lines end where Python says: `str.splitlines` would also split at form feeds and other separators.
    """

    def __init__(self, source: str) -> None:
        self.tree = _parse(source)
        self.data = source.encode()
        self._starts = [0]
        for offset, byte in enumerate(self.data, 1):
            if byte == 0x0A or (byte == 0x0D and self.data[offset : offset + 1] != b"\n"):
                self._starts.append(offset)

    def start(self, node: ast.stmt | ast.expr) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.stmt | ast.expr) -> int:
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

    def with_insertions(self, insertions: Sequence[_Insertion]) -> str:
        data = self.data
        for insertion in sorted(insertions, key=lambda insertion: insertion.offset, reverse=True):
            data = data[: insertion.offset] + insertion.text.encode() + data[insertion.offset :]
        return data.decode()


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "it"
        raise CannotEdit(f"{where} is not valid Python ({error.msg})") from error
    except (ValueError, RecursionError, MemoryError) as error:  # NUL, lone surrogates; nested too deeply
        raise CannotEdit(f"it cannot be parsed ({error})") from error


def _leading_space(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t\f"))]


# -- finding the list ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listing:
    """The list, and the place of its statement in the module's body."""

    index: int
    display: ast.List | ast.Tuple


def _find_list(tree: ast.Module, registry: str | None) -> _Listing:
    name = registry or _only_registry(tree)
    index, value = _assigned_once(tree, name)
    if isinstance(value, ast.Call):
        _require_registry_unchanged(tree, name)
        value = _migrations_argument(tree, value, name)
        if isinstance(value, ast.Name):  # registry = Registry(MIGRATIONS)
            name = value.id
            index, value = _assigned_once(tree, name)
            _require_list_unchanged(tree, name)
    else:
        _require_list_unchanged(tree, name)
    if not isinstance(value, (ast.List, ast.Tuple)):
        raise CannotEdit(f"{name} is computed, not written out as a list")
    for element in value.elts:
        if _dotted(_class_of(element)) is None:
            raise CannotEdit(f"{name} holds `{ast.unparse(element)}`, which is not a class's name")
    return _Listing(index, value)


def _assignments(tree: ast.Module) -> Iterator[tuple[int, str, ast.expr]]:
    """Statements of the form `name = value` and `name: Type = value`, at the top level."""
    for index, statement in enumerate(tree.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield index, name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield index, name, value


def _only_registry(tree: ast.Module) -> str:
    made, listed = [], []
    for _, name, value in _assignments(tree):
        if _is_registry_call(tree, value):
            made.append(name)
        elif _may_be_migrations(value) and not name.startswith("__"):
            listed.append(name)
    names = made or listed
    if not names:
        raise CannotEdit("it assigns no registry")
    if len(names) > 1:
        raise CannotEdit(f"it has several registries: {', '.join(names)}")
    return names[0]


def _may_be_migrations(value: ast.expr) -> bool:
    return isinstance(value, (ast.List, ast.Tuple)) and all(_dotted(_class_of(element)) for element in value.elts)


def _assigned_once(tree: ast.Module, name: str) -> tuple[int, ast.expr]:
    times = _bindings(tree)[name]
    if not times:
        raise CannotEdit(f"{name} is not assigned in it")
    if times > 1:
        raise CannotEdit(f"{name} is assigned or changed in more than one place")
    for index, assigned, value in _assignments(tree):
        if assigned == name:
            return index, value
    raise CannotEdit(f"{name} is not assigned by a simple statement at the top level")


def _bindings(tree: ast.Module) -> Counter[str]:
    """How often each name is bound, changed in place (`+=`) or deleted, in any scope."""
    bound: Counter[str] = Counter()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                bound[name] += 1
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound[name] += 1
            case ast.alias(name=name, asname=asname):
                bound[asname or name.partition(".")[0]] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                bound[name] += 1
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                bound[name] += 1
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                bound.update(names)
    return bound


def _names_used(tree: ast.Module) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _require_registry_unchanged(tree: ast.Module, name: str) -> None:
    for line, user in _uses(tree, name):
        if isinstance(user, (ast.Attribute, ast.Subscript)):
            raise CannotEdit(f"{name} is also used in line {line}, where its list could be changed")


def _require_list_unchanged(tree: ast.Module, name: str) -> None:
    for line, user in _uses(tree, name):
        taker = _dotted(user.func) or "" if isinstance(user, ast.Call) else ""
        if not _is_registry_call(tree, user) and taker.rpartition(".")[2] not in LIST_TAKERS:
            raise CannotEdit(f"{name} is also used in line {line}, where it could be changed")


def _uses(tree: ast.Module, name: str) -> Iterator[tuple[int, ast.AST]]:
    """The lines where a name is read, and the node that it is given to: the call, the attribute, the sum."""
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node, parent in parents.items():
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            yield node.lineno, parents[parent] if isinstance(parent, ast.keyword) else parent


def _is_registry_call(tree: ast.Module, node: ast.AST) -> bool:
    """Whether it is `Registry(...)`, under the name that the module gives it."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr == REGISTRY
    aliases = {
        alias.asname or alias.name
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.name == REGISTRY
    }
    return isinstance(node.func, ast.Name) and node.func.id in {REGISTRY, *aliases}


def _migrations_argument(tree: ast.Module, call: ast.Call, name: str) -> ast.expr:
    if not _is_registry_call(tree, call):
        raise CannotEdit(f"{name} is made by calling `{ast.unparse(call.func)}`")
    for argument in call.args:
        return argument
    for keyword in call.keywords:
        if keyword.arg == "migrations":
            return keyword.value
    raise CannotEdit(f"{name} is made without a list")


def _class_of(element: ast.expr) -> ast.expr:
    return element.func if isinstance(element, ast.Call) else element


def _dotted(node: ast.expr) -> str | None:
    """`a.b.c` for the tree of just that, nothing for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)) is not None:
        return f"{base}.{node.attr}"
    return None


def _last(display: ast.List | ast.Tuple) -> ast.expr | None:
    return display.elts[-1] if display.elts else None


# -- the import ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Import:
    """The import to add.

    Attributes:
        text: the statement.
        binds: the name that it adds to the module; nothing where that name is a package's, there already.
        item: how the list then calls the class.
        model: the place in the module's body of the import that it follows in style and stands behind.
    """

    text: str
    binds: str | None
    item: str
    model: int | None


@dataclass(frozen=True)
class _Place:
    """Where the import goes, in the text and in the module's body."""

    insertion: _Insertion
    index: int


def _import_in_style(tree: ast.Module, listing: _Listing, module: str, cls: str, prefix: str) -> _Import:
    """The new import, written like the last one that the list's elements come from."""
    elements = [_dotted(_class_of(element)) or "" for element in listing.display.elts]
    for index in reversed(range(listing.index)):
        statement = tree.body[index]
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        for alias in reversed(statement.names):
            bound = alias.asname or alias.name
            if isinstance(statement, ast.Import) and any(_is_attribute_of(bound, name) for name in elements):
                return _like_import(alias, index, module, cls)
            if isinstance(statement, ast.ImportFrom) and any(_is_attribute_of(bound, name) for name in elements):
                origin = "." * statement.level + (statement.module or "")
                return _Import(f"from {origin} import {module}", module, f"{module}.{cls}", index)
            if isinstance(statement, ast.ImportFrom) and bound in elements:
                package = "." * statement.level + _parent(statement.module or "")
                return _Import(f"from {package}{module} import {cls}", cls, cls, index)
    return _Import(f"from {prefix}{module} import {cls}", cls, cls, None)


def _is_attribute_of(module: str, name: str) -> bool:
    return name.rpartition(".")[0] == module


def _like_import(alias: ast.alias, index: int, module: str, cls: str) -> _Import:
    path = _parent(alias.name) + module
    if alias.asname:
        return _Import(f"import {path} as {module}", module, f"{module}.{cls}", index)
    return _Import(f"import {path}", None if "." in path else module, f"{path}.{cls}", index)


def _parent(module: str) -> str:
    """`"a.b."` of `"a.b.c"`."""
    package, dot, _ = module.rpartition(".")
    return package + dot


def _require_free(tree: ast.Module, wanted: _Import, item: str, listing: _Listing) -> None:
    if wanted.binds in _bindings(tree) or wanted.binds in _names_used(tree):
        raise CannotEdit(f"the name {wanted.binds} is in use in it already")
    if any(ast.unparse(element) == item for element in listing.display.elts):
        raise CannotEdit(f"{item} is in the list already")


def _import_place(text: _Text, wanted: _Import, listing: _Listing) -> _Place:
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


def _place_behind(text: _Text, wanted: _Import, model: int) -> _Place:
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
    return _Place(_Insertion(text.line_start(number + 1), line), last + 1)


def _place_on_top(text: _Text, wanted: _Import) -> _Place:
    """Before the first statement and the comment right above it, but behind a comment that heads the file."""
    first = text.tree.body[0]
    decorators = getattr(first, "decorator_list", [])
    top = number = min(node.lineno for node in (first, *decorators)) - 1
    while top and text.line(top - 1).lstrip().startswith("#"):
        top -= 1
    offset = text.line_start(top or number)
    newline = text.newline(offset)
    return _Place(_Insertion(offset, wanted.text + newline * 2), 0)


# -- the element --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Brackets:
    """Offsets of the brackets; those of a tuple without any are its first and last byte's."""

    opening: int
    closing: int


def _item_insertions(text: _Text, display: ast.List | ast.Tuple, item: str) -> list[_Insertion]:
    brackets = _brackets(text, display)
    is_one_line = text.line_number(brackets.opening) == text.line_number(brackets.closing)
    if not display.elts:
        return [_into_empty_line(text, brackets, item) if is_one_line else _into_empty_lines(text, brackets, item)]
    after, comma = _end_of_last(text, display, brackets)
    if is_one_line:
        is_lone_in_tuple = isinstance(display, ast.Tuple) and len(display.elts) == 1
        if comma is None:
            return [_Insertion(after, f", {item}")]
        return [_Insertion(comma, f" {item}" if is_lone_in_tuple else f" {item},")]
    return _onto_own_line(text, display, brackets, after, comma, item)


def _brackets(text: _Text, display: ast.List | ast.Tuple) -> _Brackets:
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


def _end_of_last(text: _Text, display: ast.List | ast.Tuple, brackets: _Brackets) -> tuple[int, int | None]:
    """Where the last element ends, with brackets of its own, and where the comma behind it does, if there is one."""
    after, comma = text.end(display.elts[-1]), None
    for offset, mark in text.marks(after, brackets.closing):
        if mark == ",":
            comma = offset + 1
        else:
            after = offset + 1
    return after, comma


def _onto_own_line(
    text: _Text, display: ast.List | ast.Tuple, brackets: _Brackets, after: int, comma: int | None, item: str
) -> list[_Insertion]:
    last = text.start(display.elts[-1])
    newline = text.newline(brackets.opening)
    end = after if comma is None else comma
    is_last_line = text.line_number(end) == text.line_number(brackets.closing)
    next_line = text.line_start(text.line_number(end) + 1)
    lead = text.before(last)
    if comma is None and lead.strip() == ",":  # the comma stands first on the line
        added = lead + item
        return [_Insertion(after, newline + added) if is_last_line else _Insertion(next_line, added + newline)]
    indentation = _leading_space(lead)
    if text.line_number(last) == text.line_number(brackets.opening):
        indentation = "".join(char if char == "\t" else " " for char in lead)
    if is_last_line:
        return [
            _Insertion(end, f",{newline}{indentation}{item}" if comma is None else f"{newline}{indentation}{item},")
        ]
    if comma is None:
        return [_Insertion(after, ","), _Insertion(next_line, f"{indentation}{item}{newline}")]
    return [_Insertion(next_line, f"{indentation}{item},{newline}")]


def _into_empty_line(text: _Text, brackets: _Brackets, item: str) -> _Insertion:
    """`[]` is opened to one element a line, so that the next ones are lines of their own."""
    newline, indentation = text.newline(brackets.opening), text.indentation(brackets.opening)
    inner = indentation + _indentation_unit(text)
    return _Insertion(brackets.opening + 1, f"{newline}{inner}{item},{newline}{indentation}")


def _into_empty_lines(text: _Text, brackets: _Brackets, item: str) -> _Insertion:
    first, last = text.line_number(brackets.opening) + 1, text.line_number(brackets.closing)
    indentation = text.indentation(brackets.closing) + _indentation_unit(text)
    for number in range(first, last):
        if text.line(number).strip():  # a comment, which shows how far in the elements stand
            indentation = _leading_space(text.line(number))
    return _Insertion(text.line_start(last), f"{indentation}{item},{text.newline(brackets.opening)}")


def _indentation_unit(text: _Text) -> str:
    return "\t" if text.has_tabs() else "    "


# -- the proof ----------------------------------------------------------------------------------


def _require_only_additions(
    tree: ast.Module, edited: str, wanted: _Import, import_index: int, listing: _Listing, item: str
) -> None:
    """Refuse unless the edited source is the old tree, the import and the element, and nothing else.

    The old tree itself is given the two nodes, so it must not be used afterwards.
    """
    tree.body.insert(import_index, ast.parse(wanted.text).body[0])
    listing.display.elts.append(ast.parse(item, mode="eval").body)
    if ast.dump(tree) != ast.dump(_parse(edited)):
        raise CannotEdit("the additions would change something else in it")
