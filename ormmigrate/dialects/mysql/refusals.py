"""Why an operation is not done, and what the server's own refusals mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from peewee import PeeweeException

from ormmigrate.dialects.mysql.codes import number_of
from ormmigrate.operations import Operation

DROP_KEY_FIRST = (
    "drop that foreign key first (migrator.drop_foreign_key_constraint), change both columns, and add it again "
    "(migrator.add_foreign_key_constraint)."
)
SAME_TYPES = (
    "give both columns the same type, sign, character set and collation: reference(table, column, field=...) says "
    "what the referenced column is, migrator.alter_column_type changes one; and the referenced column needs an index."
)
#: Numbers of errors with which a server refuses an ALTER TABLE before it does anything, and what to do about it.
ADVICE = {
    **dict.fromkeys((1005, 1215, 1822, 3780), SAME_TYPES),
    **dict.fromkeys((1832, 1833), DROP_KEY_FIRST),
    **dict.fromkeys(
        (1553, 1828, 1829),
        "drop the foreign key that needs it first: migrator.drop_foreign_key_constraint, or "
        "migrator.drop_constraint(table, name).",
    ),
    1830: "drop that key first, and add it again with another rule than SET NULL.",
    **dict.fromkeys(
        (1067, 1101),
        "drop the default first (migrator.drop_column_default; in a group, before the change of type), and set one "
        "that fits afterwards.",
    ),
    1063: "take away what does not go with the new type first: AUTO_INCREMENT goes with numbers only.",
    1090: "drop the table: migrator.drop_table(...).",
    4119: "SET SESSION system_versioning_alter_history = KEEP with migrator.sql(...) first, if the history may be "
    "changed along.",
    **dict.fromkeys((3108, 3837, 3959), "drop what uses the column first, and make it again afterwards."),
}


class Refused(Exception):
    """An operation that must not be done; nothing was touched by it.

    Attributes:
        operation: the one meant, where it is one of several; set where it is known.
    """

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice
        self.operation: Operation | None = None


class Later(Exception):
    """A change that needs what the changes before it lead to, and so begins an ALTER TABLE of its own."""


def not_there(what: str, name: str, there: Sequence[str], where: str) -> Refused:
    """Refused since something is not there, naming what is."""
    listed = ", ".join(there) or f"no {what} at all"
    return Refused(f"There is no {what} {name} {where}; there is {listed}.", "correct the name.")


@contextmanager
def explained() -> Iterator[None]:
    """Turn a refusal of the server's, which came before it did anything, into one that says what to do."""
    try:
        yield
    except PeeweeException as error:
        advice = ADVICE.get(number_of(error) or 0)
        if advice is None:
            raise
        raise Refused(f"The server refuses it: {said(error)}.", advice) from error


def said(error: BaseException) -> str:
    """What the server said, without its number."""
    original = getattr(error, "orig", None) or error
    return str(original.args[-1] if original.args else original).rstrip(".")
