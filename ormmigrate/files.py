"""Writing a project's files: each at once, and several together or not at all (`written_together`)."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import tokenize
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

from ormmigrate.errors import ConfigurationError


def decoded(data: bytes) -> tuple[str, str]:
    """A Python file's text, line ends as they are, and its encoding; a byte order mark belongs to the encoding.

    Raises:
        SyntaxError, UnicodeDecodeError: as Python itself would.
    """
    encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
    return data.decode(encoding), encoding


def unwritable(path: Path, error: OSError) -> ConfigurationError:
    problem = f"{error.filename or path} cannot be written: {error.strerror}."
    return ConfigurationError(problem, "make room or give the right to write there, and start again.")


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet.

    Raises:
        ConfigurationError: it is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigurationError(f"{path} is there already.", "start the command again.") from error
    except OSError as error:
        raise unwritable(path, error) from error


def replace(path: Path, data: bytes) -> None:
    """Put new content in place of a file's at once: whoever reads it meets the old or the new, never a part."""
    target = path.resolve()  # a symbolic link stays one
    mode = stat.S_IMODE(target.stat().st_mode)
    if not mode & 0o222 or not os.access(target, os.W_OK):  # renaming over it would not ask
        raise PermissionError(errno.EACCES, "the file is read-only", str(path))
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


# -- several at once ----------------------------------------------------------------------------


class Files:
    """Files that are written together; made by `written_together`."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def make_folder(self, path: Path) -> None:
        """Make a folder and those that it is in, where they are missing."""
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._undo.append(folder.rmdir)

    def write(self, path: Path, data: bytes) -> None:
        """Put content into a file, whether it is there or not."""
        if path.exists():
            before = path.read_bytes()
            replace(path, data)
            self._undo.append(lambda: replace(path, before))
            return
        with path.open("xb") as file:
            self._undo.append(path.unlink)
            file.write(data)

    def rename(self, path: Path, target: Path) -> None:
        """Give a file another name, which must be free."""
        if target.exists():
            raise FileExistsError(errno.EEXIST, "it is there already", str(target))
        path.rename(target)
        self._undo.append(lambda: target.rename(path))

    def undo(self) -> None:
        """Take everything back, newest first, as far as that can be done."""
        while self._undo:
            with suppress(OSError):
                self._undo.pop()()


@contextmanager
def written_together() -> Iterator[Files]:
    """What writes several files: an error in the block takes back what was written, and comes out.

    Raises:
        ConfigurationError: in place of an OSError.
    """
    files = Files()
    try:
        yield files
    except OSError as error:
        files.undo()
        raise unwritable(Path(), error) from error
    except BaseException:
        files.undo()
        raise
