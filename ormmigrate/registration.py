"""Adding a migration to a list that a person wrote: text in, text out.

The list is found in the syntax tree, and text is only ever inserted, so that every comment, blank line and
line end stays as it is. The result is parsed again: it must be the old tree with the two new nodes in it
and nothing else, or the source counts as one that cannot be edited.
"""

from __future__ import annotations

import ast
from keyword import iskeyword

from ormmigrate.layout import Text, import_place, item_insertions
from ormmigrate.listing import (
    BYTE_ORDER_MARK,
    CannotEdit,
    Import,
    Listing,
    find_list,
    import_in_style,
    parse,
    require_free,
)


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
        return mark + _edited(Text(source[len(mark) :]), module, cls, registry, prefix)
    except RecursionError as error:
        raise CannotEdit("it is nested too deeply") from error


def _edited(text: Text, module: str, cls: str, registry: str | None, prefix: str) -> str:
    listing = find_list(text.tree, registry)
    wanted = import_in_style(text.tree, listing, module, cls, prefix)
    item = wanted.item + "()" * any(isinstance(element, ast.Call) for element in listing.display.elts[-1:])
    require_free(text.tree, wanted, item, listing)
    place = import_place(text, wanted, listing)
    edited = text.with_insertions([place.insertion, *item_insertions(text, listing.display, item)])
    _require_only_additions(text.tree, edited, wanted, place.index, listing, item)
    return edited


def _require_only_additions(
    tree: ast.Module, edited: str, wanted: Import, import_index: int, listing: Listing, item: str
) -> None:
    """Refuse unless the edited source is the old tree, the import and the element, and nothing else.

    The old tree itself is given the two nodes, so it must not be used afterwards.
    """
    tree.body.insert(import_index, ast.parse(wanted.text).body[0])
    listing.display.elts.append(ast.parse(item, mode="eval").body)
    if ast.dump(tree) != ast.dump(parse(edited)):
        raise CannotEdit("the additions would change something else in it")
