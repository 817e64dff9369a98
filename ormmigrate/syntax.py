"""The text that a piece of syntax is compared by, and the names in it.

A form of our own: `ast.dump` differs between Python versions. Formatting, comments, docstrings and imports are
no part of it.
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Function = ast.FunctionDef | ast.AsyncFunctionDef

IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: The fields of statements that hold statements, or clauses which hold statements.
BLOCK_FIELDS = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})
IGNORED_FIELDS = frozenset({"kind", "ctx", "type_comment", "type_ignores"})


class Walk:
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

    def visit(self, nodes: Iterable[object]) -> Walk:
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
        self.uses |= Walk(self.lines).visit([node.target]).uses
        self._node(node, pending)

    def _declaration(self, node: ast.Global | ast.Nonlocal, pending: list[object]) -> None:
        self.declared.update(node.names)
        self.uses.update(node.names)
        self._node(node, pending)

    def _scope(self, node: Function | ast.ClassDef | ast.Lambda, pending: list[object]) -> None:
        body = [node.body] if isinstance(node, ast.Lambda) else self._statements(_undocumented(node.body))
        self.lines.append(f"body*{len(body)}")
        inside = Walk(self.lines).visit(body)
        self.uses |= inside.uses if isinstance(node, ast.ClassDef) else inside.uses - own_names(node, inside)
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
HANDLERS: dict[type, Any] = {
    **dict.fromkeys(KINDS, Walk._node),
    **dict.fromkeys([str, type(None)], Walk._leaf),
    **dict.fromkeys([ast.Constant, ast.MatchSingleton], Walk._constant),
    **dict.fromkeys([ast.Attribute, ast.Subscript], Walk._target),
    **dict.fromkeys([ast.Global, ast.Nonlocal], Walk._declaration),
    **dict.fromkeys([*DEFINITIONS, ast.Lambda], Walk._scope),
    ast.Name: Walk._name,
    ast.JoinedStr: Walk._format,
    ast.Expr: Walk._expression,
    ast.comprehension: Walk._comprehension,
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


def own_names(node: Function | ast.Lambda, inside: Walk) -> set[str]:
    """The local variables of a function, given a walk over its body."""
    parameters = {child.arg for child in ast.iter_child_nodes(node.args) if isinstance(child, ast.arg)}
    return (inside.binds | parameters) - inside.declared


def children(node: ast.AST) -> list[tuple[Function | ast.ClassDef, str]]:
    """The functions and classes right inside a node, or inside the statements in it, and where they stand."""
    found: list[tuple[Function | ast.ClassDef, str]] = []
    pending: list[tuple[Any, str]] = [(node, "")]
    while pending:
        node, place = pending.pop()
        for field in node._fields:
            for child in getattr(node, field) if field in BLOCK_FIELDS else ():
                if isinstance(child, DEFINITIONS):
                    found.append((child, place + field))
                else:
                    pending.append((child, f"{place}{field}."))
    return found


def first_line(node: ast.stmt) -> int:
    """The line that a statement starts in, with its decorators: `co_firstlineno` of a function."""
    decorators = getattr(node, "decorator_list", ())
    return decorators[0].lineno if decorators else node.lineno
