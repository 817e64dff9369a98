"""What a registry's module says: where its list stands, and how its elements are imported. Trees only."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

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


def parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        where = f"line {error.lineno}" if error.lineno else "it"
        raise CannotEdit(f"{where} is not valid Python ({error.msg})") from error
    except (ValueError, RecursionError, MemoryError) as error:  # NUL, lone surrogates; nested too deeply
        raise CannotEdit(f"it cannot be parsed ({error})") from error


def identifiers(source: str) -> set[str]:
    """Every name that a module binds or uses, anywhere in it.

    Raises:
        CannotEdit: the source is not valid Python.
    """
    return _identifiers(parse(source.removeprefix(BYTE_ORDER_MARK)))


def _identifiers(tree: ast.Module) -> set[str]:
    return set(_bindings(tree)) | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


# -- finding the list ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Listing:
    """The list, and the place of its statement in the module's body."""

    index: int
    display: ast.List | ast.Tuple


def find_list(tree: ast.Module, registry: str | None) -> Listing:
    """The list that a registry is made of: what the variable holds, what its call is given, or what that names.

    Raises:
        CannotEdit: it is not written out as a list of classes in one place, or something else may change it.
    """
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
    return Listing(index, value)


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


# -- the import ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
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


def import_in_style(tree: ast.Module, listing: Listing, module: str, cls: str, prefix: str) -> Import:
    """The new import, written like the last one that the list's elements come from."""
    elements = {_dotted(_class_of(element)) or "" for element in listing.display.elts}
    modules = {name.rpartition(".")[0] for name in elements}
    for index in reversed(range(listing.index)):
        statement = tree.body[index]
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            continue
        for alias in reversed(statement.names):
            bound = alias.asname or alias.name
            if isinstance(statement, ast.Import):
                if bound in modules:
                    return _like_import(alias, index, module, cls)
                continue
            origin = "." * statement.level + (statement.module or "")
            if bound in modules:
                return Import(f"from {origin} import {module}", module, f"{module}.{cls}", index)
            if bound in elements:
                return Import(f"from {_parent(origin)}{module} import {cls}", cls, cls, index)
    return Import(f"from {prefix}{module} import {cls}", cls, cls, None)


def _like_import(alias: ast.alias, index: int, module: str, cls: str) -> Import:
    path = _parent(alias.name) + module
    if alias.asname:
        return Import(f"import {path} as {module}", module, f"{module}.{cls}", index)
    return Import(f"import {path}", None if "." in path else module, f"{path}.{cls}", index)


def _parent(module: str) -> str:
    """`"a.b."` of `"a.b.c"`, `".."` of `"..c"`."""
    package, dot, _ = module.rpartition(".")
    return package + dot


def require_free(tree: ast.Module, wanted: Import, item: str, listing: Listing) -> None:
    """Refuse an import of a name that has another meaning, and a second element like one that is there."""
    if wanted.binds in _identifiers(tree):
        raise CannotEdit(f"the name {wanted.binds} is in use in it already")
    if any(ast.unparse(element) == item for element in listing.display.elts):
        raise CannotEdit(f"{item} is in the list already")
