"""Where the lines go: styled on a terminal, plain elsewhere, one JSON object with --json.

Lines are never wrapped or cut here: a terminal folds long ones itself, and what is copied from it stays whole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

#: A text, or a text with its style.
Part = str | tuple[str, str]

BAD, DOUBTFUL, GOOD, QUIET, STRONG = "red", "yellow", "green", "dim", "bold"

#: By a migration's state: the mark, the same in ASCII, and its style.
MARKS = {
    "applied": ("✓", "+", GOOD),
    "pending": ("·", ".", DOUBTFUL),
    "changed": ("!", "!", BAD),
    "unknown": ("?", "?", BAD),
    "running": ("✗", "x", BAD),
}


class Output:
    """The two streams of one call.

    Attributes:
        as_json: standard output is one JSON object; what is for people goes to standard error.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Kept, because sys.stdout is somebody else's while a progress bar is shown.
        self._stdout, self._stderr = sys.stdout, sys.stderr

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Inside, nothing that is printed breaks: neither the JSON, nor on a stream that lacks a character."""
        for stream in (self._stdout, self._stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        if not self.as_json:
            yield
            return
        with redirect_stdout(self._stderr):
            yield

    @property
    def stream(self) -> IO[str]:
        """Where lines for people go."""
        return self._stderr if self.as_json else self._stdout

    def say(self, *parts: Part) -> None:
        """A line of what was asked for."""
        _write(self.stream, *parts)

    def begin(self, text: str) -> None:
        """The first part of a line; only where no terminal is."""
        click.echo(text, nl=False, file=self.stream)

    def warn(self, text: str) -> None:
        """Something that a person should look at."""
        _write(self._stderr, ("Warning: ", DOUBTFUL), text)

    def leave_line(self) -> None:
        """Leave the line in which a terminal shows ^C."""
        if self._stderr.isatty():
            click.echo(file=self._stderr)

    def error(self, kind: str, problem: str, advice: str, title: str = "Error: ") -> None:
        """Why it was not done, and what to do next."""
        if self.as_json:
            self.write_json({"error": {"kind": kind, "problem": problem, "advice": advice}})
            return
        _write(self._stderr, (title, BAD), problem.rstrip())
        _write(self._stderr, ("  Next: ", STRONG), advice)

    def write_json(self, value: Mapping[str, object]) -> None:
        """The one object of `--json`."""
        click.echo(json.dumps(value, indent=2), file=self._stdout)

    def mark(self, state: str) -> tuple[str, str]:
        """A migration's mark and its style, in what the stream can say."""
        mark, plain, style = MARKS[state]
        return (mark if can_say(self.stream, mark) else plain), style


def _write(stream: IO[str], *parts: Part) -> None:
    """One line on a stream."""
    if stream.isatty():
        from rich.text import Text

        console_of(stream).print(Text.assemble(*parts), soft_wrap=True)
    else:
        click.echo("".join(part if isinstance(part, str) else part[0] for part in parts), file=stream)


@cache
def console_of(stream: IO[str]) -> Console:
    """The console of a terminal; there is one, so that lines and the progress bar know of each other."""
    from rich.console import Console

    return Console(file=stream, highlight=False)


def can_say(stream: IO[str], text: str) -> bool:
    """Whether the stream's encoding has these characters."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def duration(ms: float) -> str:
    """`12.3 ms`, `4.5 s`, `2 min 05 s`."""
    if ms < 999.95:
        return f"{ms:.1f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    return f"{int(ms / 60_000)} min {int(ms / 1000) % 60:02} s"


def counted(number: int, noun: str) -> str:
    """`1 migration`, `2 migrations`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown(path: Path) -> str:
    """A path as it would be typed here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
