"""What stands beside tables, on every kind of database."""

from __future__ import annotations

from collections.abc import Sequence

from ormmigrate.schema import View


def views_in_order(views: Sequence[View]) -> list[View]:
    """Views, each behind those whose names its text has."""
    waiting = {view.name: view for view in views}
    found: list[View] = []

    def place(view: View) -> None:
        if waiting.pop(view.name, None) is not None:
            for other in views:
                if other is not view and other.name in view.text:
                    place(other)
            found.append(view)

    for view in views:
        place(view)
    return found
