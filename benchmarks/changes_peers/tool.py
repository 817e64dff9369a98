"""What every tool is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from changes_peers.states import State


class Tool(ABC):
    """A tool, a database and a folder for its migrations, used as its documentation says."""

    #: Tables of its own, which are no part of the schema.
    tables: ClassVar[tuple[str, ...]] = ()
    #: Whether it compares databases too, and so finds what models do not say.
    reads_all: ClassVar[bool] = False

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        #: Whether it asked about what it found, and somebody answered.
        self.has_asked = False

    @property
    def path(self) -> Path:
        """The file, where the database is SQLite's."""
        return Path(self.url.removeprefix("sqlite:///"))

    @abstractmethod
    def create(self, state: State) -> None:
        """Make the tables in the empty database as its models make them.

        Raises:
            CannotBeSaid: its models cannot say that schema.
        """

    @abstractmethod
    def differences(self, state: State, renamed: str | None = None) -> Sequence[str]:
        """What it finds between what is there and models that say `state`; asked about a rename, `renamed` is."""

    @abstractmethod
    def apply(self) -> None:
        """Write what it found last as it writes migrations, and run that."""
