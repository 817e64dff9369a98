"""What a class uses of its module: the definitions of names, found from any scope."""

from __future__ import annotations

import ast
import warnings
from functools import cached_property

from ormmigrate.syntax import DEFINITIONS, IMPORTS, Walk, children, first_line, own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ormmigrate.syntax import Function

    #: A class and the functions around it, outermost first.
    Place = tuple[ast.ClassDef, tuple[Function, ...]]
    #: A class by its qualified name, or by its name and the line of its own `up`.
    ClassKey = str | tuple[str, int]


class Definition:
    """A piece of syntax that gives names their values: a class, a function, or another statement.

    A statement that holds others (`if`, `try`) is one definition, apart from the functions and classes in it:
    each of those is one of its own, so that it stays the same when another is added.

    Attributes:
        place: where in such a statement it stands, such as `orelse.body`.
    """

    def __init__(self, node: ast.stmt, scope: Scope, place: str = "") -> None:
        self.node, self.scope, self.place = node, scope, place

    @property
    def holds_code(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.node, DEFINITIONS)

    @cached_property
    def walk(self) -> Walk:
        left_out = IMPORTS if self.holds_code else IMPORTS + DEFINITIONS
        return Walk([self.place], left_out).visit([self.node])

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


class Scope:
    """The definitions of a module, or of a function around a class, by the names that they give values."""

    def __init__(self, node: ast.Module | Function, around: Scope | None) -> None:
        self.around = around
        self._own = set() if isinstance(node, ast.Module) else own_names(node, Walk([]).visit(node.body))
        self._by_name: dict[str, list[Definition]] = {}
        for statement in node.body:
            definition = Definition(statement, self)
            if isinstance(statement, DEFINITIONS):
                self._add(statement.name, definition)
            elif not isinstance(statement, IMPORTS):
                self._add_statement(definition)

    def _add_statement(self, definition: Definition) -> None:
        for name in definition.assigned:
            self._add(name, definition)
        for child, place in children(definition.node):
            self._add(child.name, definition, Definition(child, self, place))

    def _add(self, name: str, *definitions: Definition) -> None:
        self._by_name.setdefault(name, []).extend(definitions)

    def find(self, name: str) -> list[Definition]:
        """All that gives `name` its value, seen from here."""
        found = list(self._by_name.get(name, ()))
        if self.around is not None and name not in self._own:
            found += self.around.find(name)
        return found


class Module:
    """A parsed module, in which finding a class costs the same however many there are."""

    def __init__(self, source: str) -> None:
        with warnings.catch_warnings():
            # The import has warned of invalid escapes and the like; turned into errors they would stop us.
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        self._lines = source.split("\n")
        self._scopes: dict[tuple[Function, ...], Scope] = {(): Scope(tree, None)}
        self._places: dict[ClassKey, list[Place]] = {}
        self._index(tree)

    def _index(self, tree: ast.Module) -> None:
        """Note each class by both of its keys."""
        pending: list[tuple[ast.AST, str, tuple[Function, ...]]] = [(tree, "", ())]
        while pending:
            node, prefix, functions = pending.pop()
            for child, _ in children(node):
                if isinstance(child, ast.ClassDef):
                    self._places.setdefault(prefix + child.name, []).append((child, functions))
                    pending.append((child, f"{prefix}{child.name}.", functions))
                    continue
                if isinstance(node, ast.ClassDef) and child.name == "up":
                    self._places.setdefault((node.name, first_line(child)), []).append((node, functions))
                pending.append((child, f"{prefix}{child.name}.<locals>.", (*functions, child)))

    def find(self, key: ClassKey) -> Definition | None:
        """The definition of a class; None where there is not exactly one that it can be."""
        places = self._places.get(key, ())
        if len(places) != 1:
            return None
        node, functions = places[0]
        return Definition(node, self._scope_in(functions))

    def _scope_in(self, functions: tuple[Function, ...]) -> Scope:
        if functions not in self._scopes:
            self._scopes[functions] = Scope(functions[-1], self._scope_in(functions[:-1]))
        return self._scopes[functions]

    def excerpt(self, definitions: Iterable[Definition]) -> str:
        """The lines of some definitions, as written, without indentation that all lines of one have."""
        texts = {}
        for definition in definitions:
            node = definition.node
            numbers = set(_line_numbers(node))
            if not definition.holds_code:
                numbers.difference_update(*(_line_numbers(child) for child, _ in children(node)))
            lines = [self._lines[number - 1] for number in sorted(numbers)]
            indentation = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
            texts[first_line(node)] = "\n".join(line.removeprefix(indentation) for line in lines)
        return "\n\n".join(texts.values())


def used_by(found: Definition, name: str) -> Iterable[Definition]:
    """A class, the statements that assign to it or change it afterwards, and all that these use."""
    same = found.scope.find(name)
    is_named = any(definition.node is found.node for definition in same)  # rather than nested in a class
    pending = [definition for definition in same if is_named and name in definition.assigned]
    pending.append(found)
    used: dict[ast.stmt, Definition] = {}
    while pending:
        definition = pending.pop()
        if definition.node not in used and not (is_named and definition.takes(name)):
            used[definition.node] = definition
            for used_name in definition.walk.uses:
                pending += definition.scope.find(used_name)
    return used.values()


def _line_numbers(node: ast.stmt) -> range:
    return range(first_line(node), (node.end_lineno or node.lineno) + 1)
