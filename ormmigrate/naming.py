"""What a new migration is called: `add_user_preferences` in its id and file, `AddUserPreferences` its class."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Set
from datetime import datetime, timedelta, timezone
from itertools import chain, count
from keyword import iskeyword

import peewee

from ormmigrate.errors import ConfigurationError, InvalidMigrationId
from ormmigrate.migration import check_id

NAME_MAX_LENGTH = 100
STAMP_FORM = "%Y%m%d_%H%M%S"
NAME_EXAMPLE = "name what it does, for example: python -m ormmigrate new add_user_preferences"


def snake_case(name: str) -> str:
    """`add_user_preferences` for that, `AddUserPreferences`, `add-user-preferences` and `add user preferences`.

    Raises:
        ConfigurationError: nothing is left, something else is in it, or it is too long.
    """
    if not re.fullmatch(r"[A-Za-z0-9_\- ]*", name):
        problem = "may hold English letters, digits and underscores"
        raise ConfigurationError(f"The name {name!r} cannot be used: it {problem}.", NAME_EXAMPLE)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    snake = "_".join(re.split(r"[_\- ]+", spaced.lower())).strip("_")
    if not snake:
        raise ConfigurationError("A migration needs a name.", NAME_EXAMPLE)
    if iskeyword(snake) or iskeyword(snake.capitalize()):
        raise ConfigurationError(f"The name {name!r} is a word of Python's own.", NAME_EXAMPLE)
    if len(snake) > NAME_MAX_LENGTH:
        problem = f"has {len(snake)} characters; {NAME_MAX_LENGTH} are allowed"
        raise ConfigurationError(f"The name {name!r} {problem}.", NAME_EXAMPLE)
    return snake


def next_stamp(now: datetime, ids: Iterable[str]) -> str:
    """The time in UTC, or the second after the newest id where that is later: a new migration is always the last."""
    second = now.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
    newest = max((id[:15] for id in ids), default="")
    if newest >= second.strftime(STAMP_FORM):
        second = datetime.strptime(newest, STAMP_FORM) + timedelta(seconds=1)
    return second.strftime(STAMP_FORM)


def is_id(text: str) -> bool:
    try:
        check_id(text, "")
    except InvalidMigrationId:
        return False
    return True


def free_class_name(snake: str, taken: Set[str]) -> str:
    """`AddUserPreferences`, with a number behind it where that is taken, or the migration may need it itself."""
    wanted = "".join(word.capitalize() for word in snake.split("_"))
    if wanted[0].isdigit():
        wanted = f"Migration{wanted}"
    taken = {"BaseMigration", *dir(peewee), *dir(builtins), *taken}
    numbered = (f"{wanted}{number}" for number in count(2))
    return next(name for name in chain([wanted], numbered) if name not in taken)
