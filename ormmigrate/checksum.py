"""Fingerprints of migrations: a checksum that only a real change alters, and the text that it stands for.

What is hashed is the syntax tree of the class and of what it uses of its module, in a form of our own:
`ast.dump` differs between Python versions. Formatting, comments, docstrings and imports are no part of it.
"""

from __future__ import annotations

import ast
import sys
import tokenize
import warnings
from dataclasses import dataclass
from hashlib import sha256
from types import FunctionType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ormmigrate.migration import BaseMigration

    _Function = ast.FunctionDef | ast.AsyncFunctionDef
    #: A class and the functions around it, outermost first.
    _Place = tuple[ast.ClassDef, tuple[_Function, ...]]

#: What stands before a checksum. Any change of the form below needs another one.
ALGORITHM = "1"
CACHED_MODULES = 8

IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BLOCK_FIELDS = frozenset({"body", "orelse", "finalbody"})
CLAUSE_FIELDS = frozenset({"handlers", "cases"})
IGNORED_FIELDS = frozenset({"kind", "ctx", "type_comment", "type_ignores"})

_fingerprints: dict[type, Fingerprint | None] = {}
#: The modules parsed last, and what each was loaded by.
_cache: dict[str, tuple[object, _Module | None]] = {}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the history keeps of a migration's code.

    Attributes:
        checksum: `1:` and a SHA-256 in hexadecimal.
        source: the class and what it uses of its module, as written, in the order of the module.
    """

    checksum: str
    source: str


def fingerprint(cls: type) -> Fingerprint | None:
    """The fingerprint of a class, by the source that its module was loaded from. Read-only.

    It takes in the functions, classes and assignments of the module (and of the functions around the class)
    that the class names, and those that they name in turn. What lies in other modules, or is reached by text
    (`getattr`, `globals()`), is not seen.

    Returns:
        None where the source is not available (only compiled files, `exec`, an interactive session), or where
        the class is no longer found in it.
    """
    module = _parsed(cls.__module__)
    found = None if module is None else module.find(cls)
    if module is None or found is None:
        return None
    used = sorted(_used(found, cls.__name__), key=lambda definition: definition.position)
    # The class comes first, so that it may stand before or behind what it uses.
    texts = [found.text, *(definition.text for definition in used if definition is not found)]
    digest = sha256("\n\n".join(texts).encode()).hexdigest()
    return Fingerprint(f"{ALGORITHM}:{digest}", module.excerpt(used))


def fingerprint_of(migration: BaseMigration) -> Fingerprint | None:
    """The fingerprint of a migration's class, read once in the life of a process."""
    cls = type(migration)
    if cls not in _fingerprints:
        _fingerprints[cls] = fingerprint(cls)
    return _fingerprints[cls]


def checksums_of(migrations: Iterable[BaseMigration]) -> dict[tuple[str, str], str | None]:
    """The present checksum of each migration by (registry, id), None where its source is not available."""
    found = {migration.key: fingerprint_of(migration) for migration in migrations}
    return {key: None if known is None else known.checksum for key, known in found.items()}


# -- the syntax ---------------------------------------------------------------------------------


class _Walk:
    """One pass over some syntax: its text, and the names in it.

    The text is one line for each node, with the fields that it has and the lengths of its lists, so that two
    different trees never have the same text.

    Attributes:
        uses: names that are read and not bound by a function inside.
        binds: names that are assigned, defined or deleted.
        changes: names whose values are changed in place: `NAME.append(...)`, `NAME[key] = ...`.
        declared: names in `global` and `nonlocal` statements.
    """

    __slots__ = ("binds", "changes", "declared", "left_out", "lines", "uses")

    def __init__(self, lines: list[str], left_out: tuple[type, ...] = IMPORTS) -> None:
        self.lines, self.left_out = lines, left_out
        self.uses: set[str] = set()
        self.binds: set[str] = set()
        self.changes: set[str] = set()
        self.declared: set[str] = set()

    def visit(self, nodes: Iterable[object]) -> _Walk:
        # A list of our own instead of recursion: the terms of a long sum lie a thousand nodes deep.
        pending = list(nodes)
        while pending:
            node = pending.pop()
            HANDLERS[node.__class__](self, node, pending)
        return self

    def _node(self, node: ast.AST, pending: list[object]) -> None:
        kind = node.__class__
        lines = self.lines
        lines.append(kind.__name__)
        for field in FIELDS[kind]:
            value = getattr(node, field)
            if not value:
                continue
            if value.__class__ is list:
                if field in BLOCK_FIELDS:
                    value = self._statements(value)
                lines.append(f".{field}*{len(value)}")
                pending += value
            elif value.__class__ in FIELDS:
                lines.append(f".{field}")
                pending.append(value)
            else:
                lines.append(f".{field}={value}")

    def _statements(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        return [statement for statement in body if not isinstance(statement, self.left_out)] or [ast.Pass()]

    def _leaf(self, value: object, pending: list[object]) -> None:
        """A name in a list of names, or the None of `{**other}`."""
        self.lines.append(f"={value}")

    def _name(self, node: ast.Name, pending: list[object]) -> None:
        (self.uses if node.ctx.__class__ is ast.Load else self.binds).add(node.id)
        self.lines.append(f"Name={node.id}")

    def _constant(self, node: ast.Constant | ast.MatchSingleton, pending: list[object]) -> None:
        value: Any = node.value
        kind = value.__class__.__name__
        # ascii(), because repr() goes by the Unicode version of the interpreter; base 16, because decimal
        # digits are limited (sys.set_int_max_str_digits).
        self.lines.append(f"{kind}={value:x}" if kind == "int" else f"{kind}={value!a}")

    def _format(self, node: ast.JoinedStr, pending: list[object]) -> None:
        """An f-string. Since 3.12 its constants are cut in other places, and some are empty: join them."""
        self.lines.append("JoinedStr")
        text = ""
        for value in node.values:
            if isinstance(value, ast.Constant):
                text += str(value.value)
            else:
                self.lines.append(f"{text!a}+")
                text = ""
                pending.append(value)
        self.lines.append(f"{text!a}")

    def _target(self, node: ast.Attribute | ast.Subscript, pending: list[object]) -> None:
        if node.ctx.__class__ is not ast.Load:
            self.changes |= _root(node)
        self._node(node, pending)

    def _expression(self, node: ast.Expr, pending: list[object]) -> None:
        if isinstance(node.value, ast.Call) and not isinstance(node.value.func, ast.Name):
            self.changes |= _root(node.value.func)
        self._node(node, pending)

    def _comprehension(self, node: ast.comprehension, pending: list[object]) -> None:
        # Its variables are nobody else's.
        self.uses |= _Walk(self.lines).visit([node.target]).uses
        self._node(node, pending)

    def _declaration(self, node: ast.Global | ast.Nonlocal, pending: list[object]) -> None:
        self.declared.update(node.names)
        self.uses.update(node.names)
        self._node(node, pending)

    def _scope(self, node: _Function | ast.ClassDef | ast.Lambda, pending: list[object]) -> None:
        body = [node.body] if isinstance(node, ast.Lambda) else self._statements(_undocumented(node.body))
        self.lines.append(f"body*{len(body)}")
        inside = _Walk(self.lines).visit(body)
        self.uses |= inside.uses if isinstance(node, ast.ClassDef) else inside.uses - _own_names(node, inside)
        if not isinstance(node, ast.Lambda):
            self.binds.add(node.name)
        # The rest belongs to the scope around: decorators, bases, defaults, annotations.
        self._node(node, pending)


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    ignored = IGNORED_FIELDS | ({"body"} if kind in DEFINITIONS or kind is ast.Lambda else set())
    return tuple(sorted(field for field in kind._fields if field not in ignored))


KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]
#: The fields that count, of each kind of node; without those that a handler below has seen to.
FIELDS = {kind: _fields(kind) for kind in KINDS} | {ast.comprehension: ("ifs", "is_async", "iter")}
#: The fields that hold statements, or clauses which hold statements.
BLOCKS = {
    kind: fields for kind in KINDS if (fields := tuple(f for f in kind._fields if f in BLOCK_FIELDS | CLAUSE_FIELDS))
}
HANDLERS: dict[type, Any] = {
    **dict.fromkeys(KINDS, _Walk._node),
    **dict.fromkeys([str, type(None)], _Walk._leaf),
    **dict.fromkeys([ast.Constant, ast.MatchSingleton], _Walk._constant),
    **dict.fromkeys([ast.Attribute, ast.Subscript], _Walk._target),
    **dict.fromkeys([ast.Global, ast.Nonlocal], _Walk._declaration),
    **dict.fromkeys([*DEFINITIONS, ast.Lambda], _Walk._scope),
    ast.Name: _Walk._name,
    ast.JoinedStr: _Walk._format,
    ast.Expr: _Walk._expression,
    ast.comprehension: _Walk._comprehension,
}


def _root(node: ast.AST) -> set[str]:
    """The name at the start of `NAME.a[0].b()`, where there is one."""
    while not isinstance(node, ast.Name):
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return set()
    return {node.id}


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    match body[0]:
        case ast.Expr(value=ast.Constant(value=str())):
            return body[1:]
    return body


def _own_names(node: _Function | ast.Lambda, inside: _Walk) -> set[str]:
    """The local variables of a function, given a walk over its body."""
    parameters = {child.arg for child in ast.iter_child_nodes(node.args) if isinstance(child, ast.arg)}
    return (inside.binds | parameters) - inside.declared


# -- the names ----------------------------------------------------------------------------------


class _Definition:
    """A piece of syntax that gives names their values: a class, a function, or another statement.

    A statement that holds others (`if`, `try`) is one definition, apart from the functions and classes in it:
    each of those is one of its own, so that it stays the same when another is added.

    Attributes:
        place: where in such a statement it stands, such as `orelse.body`.
    """

    __slots__ = ("_walk", "node", "place", "scope")

    def __init__(self, node: ast.stmt, scope: _Scope, place: str = "") -> None:
        self.node, self.scope, self.place = node, scope, place
        self._walk: _Walk | None = None

    @property
    def holds_code(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.node, DEFINITIONS)

    @property
    def walk(self) -> _Walk:
        if self._walk is None:
            left_out = IMPORTS if self.holds_code else IMPORTS + DEFINITIONS
            self._walk = _Walk([self.place], left_out).visit([self.node])
        return self._walk

    @property
    def assigned(self) -> set[str]:
        return set() if self.holds_code else self.walk.binds | self.walk.changes

    def takes(self, name: str) -> bool:
        """Whether it is a statement that is made with a class, and no part of it: a list of migrations, say.

        A migration may come to it by way of a model and the database, and must not change when it grows.
        """
        return not self.holds_code and name in self.walk.uses and name not in self.assigned

    @property
    def text(self) -> str:
        return "\n".join(self.walk.lines)

    @property
    def position(self) -> tuple[int, int]:
        return self.node.lineno, self.node.col_offset


class _Scope:
    """The definitions of a module, or of a function around a class, by the names that they give values."""

    def __init__(self, node: ast.Module | _Function, around: _Scope | None) -> None:
        self.around = around
        self._own = set() if isinstance(node, ast.Module) else _own_names(node, _Walk([]).visit(node.body))
        self._by_name: dict[str, list[_Definition]] = {}
        for statement in node.body:
            definition = _Definition(statement, self)
            if isinstance(statement, DEFINITIONS):
                self._add(statement.name, definition)
            elif not isinstance(statement, IMPORTS):
                self._add_statement(definition)

    def _add_statement(self, definition: _Definition) -> None:
        for name in definition.assigned:
            self._add(name, definition)
        for child, place in _children(definition.node):
            self._add(child.name, definition, _Definition(child, self, place))

    def _add(self, name: str, *definitions: _Definition) -> None:
        self._by_name.setdefault(name, []).extend(definitions)

    def find(self, name: str) -> list[_Definition]:
        """All that gives `name` its value, seen from here."""
        found = list(self._by_name.get(name, ()))
        if self.around is not None and name not in self._own:
            found += self.around.find(name)
        return found


class _Module:
    """A parsed module, in which finding a class costs the same however many there are."""

    def __init__(self, source: str) -> None:
        with warnings.catch_warnings():
            # The import has warned of invalid escapes and the like; turned into errors they would stop us.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        self._lines = source.split("\n")
        self._scopes: dict[tuple[_Function, ...], _Scope] = {(): _Scope(tree, None)}
        self._places: dict[str | tuple[str, int], list[_Place]] = {}
        self._index(tree)

    def _index(self, tree: ast.Module) -> None:
        """Note each class by its qualified name, and by its name with the line of its `up`."""
        pending: list[tuple[ast.AST, str, tuple[_Function, ...]]] = [(tree, "", ())]
        while pending:
            node, prefix, functions = pending.pop()
            for child, _ in _children(node):
                if isinstance(child, ast.ClassDef):
                    self._places.setdefault(prefix + child.name, []).append((child, functions))
                    pending.append((child, f"{prefix}{child.name}.", functions))
                    continue
                if isinstance(node, ast.ClassDef) and child.name == "up":
                    self._places.setdefault((node.name, _first_line(child)), []).append((node, functions))
                pending.append((child, f"{prefix}{child.name}.<locals>.", (*functions, child)))

    def find(self, cls: type) -> _Definition | None:
        """The definition of a class; None where there is not exactly one that it can be."""
        line = _line_of_up(cls)
        places = self._places.get(cls.__qualname__ if line is None else (cls.__name__, line), ())
        if len(places) != 1:
            return None
        node, functions = places[0]
        return _Definition(node, self._scope_in(functions))

    def _scope_in(self, functions: tuple[_Function, ...]) -> _Scope:
        if functions not in self._scopes:
            self._scopes[functions] = _Scope(functions[-1], self._scope_in(functions[:-1]))
        return self._scopes[functions]

    def excerpt(self, definitions: Iterable[_Definition]) -> str:
        """The lines of some definitions, as written, without indentation that all lines of one have."""
        texts = {}
        for definition in definitions:
            node = definition.node
            numbers = set(_line_numbers(node))
            if not definition.holds_code:
                numbers.difference_update(*(_line_numbers(child) for child, _ in _children(node)))
            lines = [self._lines[number - 1] for number in sorted(numbers)]
            indentation = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
            texts[_first_line(node)] = "\n".join(line.removeprefix(indentation) for line in lines)
        return "\n\n".join(texts.values())


def _used(found: _Definition, name: str) -> Iterable[_Definition]:
    """A class, the statements that assign to it or change it afterwards, and all that these use."""
    same = found.scope.find(name)
    is_named = any(definition.node is found.node for definition in same)  # rather than nested in a class
    pending = [definition for definition in same if is_named and name in definition.assigned]
    pending.append(found)
    used: dict[ast.stmt, _Definition] = {}
    while pending:
        definition = pending.pop()
        if definition.node not in used and not (is_named and definition.takes(name)):
            used[definition.node] = definition
            for used_name in definition.walk.uses:
                pending += definition.scope.find(used_name)
    return used.values()


def _children(node: ast.AST) -> list[tuple[_Function | ast.ClassDef, str]]:
    """The functions and classes right inside a node, or inside the statements in it, and where they stand."""
    found: list[tuple[_Function | ast.ClassDef, str]] = []
    pending: list[tuple[Any, str]] = [(node, "")]
    while pending:
        node, place = pending.pop()
        for field in BLOCKS.get(node.__class__, ()):
            for child in getattr(node, field):
                if isinstance(child, DEFINITIONS):
                    found.append((child, place + field))
                elif child.__class__ in BLOCKS:
                    pending.append((child, f"{place}{field}."))
    return found


def _first_line(node: ast.stmt) -> int:
    """The line that a statement starts in, with its decorators: `co_firstlineno` of a function."""
    decorators = getattr(node, "decorator_list", ())
    return decorators[0].lineno if decorators else node.lineno


def _line_numbers(node: ast.stmt) -> range:
    return range(_first_line(node), (node.end_lineno or node.lineno) + 1)


# -- the source ---------------------------------------------------------------------------------


def _line_of_up(cls: type) -> int | None:
    """The line of the class's own `up`; None where it has none that was written as a method there.

    This tells classes of one name apart, and a file that was changed since from what was loaded.
    """
    up: Any = vars(cls).get("up")
    while hasattr(up, "__wrapped__"):
        up = up.__wrapped__
    if not isinstance(up, FunctionType) or up.__qualname__ != f"{cls.__qualname__}.up" or up.__code__.co_name != "up":
        return None
    # Code from exec() or a prompt, whatever module it says it belongs to: a line that is in no file.
    return -1 if up.__code__.co_filename.startswith("<") else up.__code__.co_firstlineno


def _parsed(name: str) -> _Module | None:
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    # An import and a reload each make a new spec. A script has none.
    origin = spec or module
    cached = _cache.get(name)
    if cached is None or cached[0] is not origin:
        if len(_cache) >= CACHED_MODULES:
            _cache.clear()
        # `python -m shop` runs shop.__main__ under the name __main__, which its loader does not know.
        cached = _cache[name] = origin, _parse(module, spec.name if spec else name)
    return cached[1]


def _parse(module: ModuleType | None, name: str) -> _Module | None:
    try:
        source = _source(module, name)
        return None if source is None else _Module(source)
    except (ImportError, OSError, SyntaxError, ValueError, RecursionError):
        return None


def _source(module: ModuleType | None, name: str) -> str | None:
    get_source = getattr(getattr(module, "__loader__", None), "get_source", None)
    source: str | None = get_source(name) if get_source else None
    path = getattr(module, "__file__", None) or ""
    if source is None and path.endswith(".py"):
        # The loader that pytest puts in the place of Python's has no get_source.
        with tokenize.open(path) as file:
            source = file.read()
    # A loader for zips gives the text as it lies there.
    return source and source.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
