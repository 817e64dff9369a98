"""Observers that say what runs: a line for each migration and, on a terminal, a bar when it takes long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ormmigrate.cli.output import QUIET, STRONG, Output, console_of, counted, duration
from ormmigrate.events import (
    BatchFailed,
    BatchPlanned,
    Event,
    MigrationApplied,
    MigrationStarted,
    OperationRun,
    RowsFilled,
    Warned,
)

if TYPE_CHECKING:
    from ormmigrate.cli.invocation import Invocation

#: How long a batch runs before the bar is worth looking at, in seconds.
BAR_DELAY_S = 1.0
#: What the bar, the numbers and the time take of a terminal's width; the id has the rest.
BAR_WIDTH, BAR_ROOM = 20, 45


@contextmanager
def progress(invocation: Invocation) -> Iterator[None]:
    """Inside, the runner's batches are told as they run."""
    output = invocation.output
    if output.as_json and not invocation.verbose:
        yield  # the report holds everything, warnings included
        return
    observer = _observer(invocation)
    invocation.runner.observers.append(observer)
    try:
        yield
    finally:
        invocation.runner.observers.remove(observer)
        observer.close()


def _observer(invocation: Invocation) -> Lines:
    if invocation.verbose:
        return Operations(invocation.output, invocation.place)
    if invocation.output.stream.isatty():
        return Bar(invocation.output, invocation.place)
    return Lines(invocation.output, invocation.place)


class Lines:
    """Begins a line when a migration starts and ends it when it is done, so that a log shows what it waits for."""

    def __init__(self, output: Output, place: str) -> None:
        self.output = output
        self._place = place
        self._line_is_open = False

    def __call__(self, event: Event) -> None:
        match event:
            case BatchPlanned() if event.migrations:
                verb, preposition = ("Applying", "to") if event.direction == "up" else ("Taking back", "on")
                self.output.say(f"{verb} {counted(len(event.migrations), 'migration')} {preposition} {self._place}")
            case MigrationStarted():
                self.started(event)
            case OperationRun():
                self.operation(event)
            case RowsFilled():
                self.filled(event)
            case MigrationApplied():
                self.applied(event)
            case Warned():
                self.close()
                self.output.warn(event.text)
            case BatchFailed():
                self.close()

    def started(self, event: MigrationStarted) -> None:
        self.output.begin(numbered(event))
        self._line_is_open = True

    def operation(self, event: OperationRun) -> None:
        """Only where it was asked for."""

    def filled(self, event: RowsFilled) -> None:
        """Only where there is a line that changes, or where it was asked for."""

    def applied(self, event: MigrationApplied) -> None:
        self.output.say(f"  {duration(event.duration_ms)}")
        self._line_is_open = False

    def close(self) -> None:
        """End what is still open."""
        if self._line_is_open:
            self._line_is_open = False
            self.output.say()


class Operations(Lines):
    """Says each operation in words with the SQL that it came to."""

    def started(self, event: MigrationStarted) -> None:
        self.output.say((numbered(event), STRONG))

    def operation(self, event: OperationRun) -> None:
        rows = f", {counted(event.rows_rewritten, 'row')} rewritten" if event.rows_rewritten else ""
        way = f"  {event.strategy}{rows}" if event.strategy else ""
        self.output.say(f"      {event.operation}", (f"  {duration(event.duration_ms)}{way}", QUIET))
        for statement in event.sql:
            self.output.say((f"        {statement}", QUIET))

    def filled(self, event: RowsFilled) -> None:
        self.output.say((f"      {filled_words(event)}", QUIET))

    def applied(self, event: MigrationApplied) -> None:
        self.output.say((f"      {duration(event.duration_ms)} in all", QUIET))


class Bar(Lines):
    """A line for each migration that is done and, after a second, a bar under them with the one that runs."""

    def __init__(self, output: Output, place: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        super().__init__(output, place)
        self._console = console_of(output.stream)
        self._progress = Progress(
            BarColumn(bar_width=BAR_WIDTH),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None)
        self._number = ""
        # The bar may have to come while one statement runs, so another thread brings it.
        self._timer = threading.Timer(BAR_DELAY_S, self._show)
        self._timer.daemon = True
        self._guard = threading.Lock()
        self._is_closed = False

    def _show(self) -> None:
        with self._guard:
            if not self._is_closed:
                self._progress.start()

    def started(self, event: MigrationStarted) -> None:
        if event.number == 1:
            self._timer.start()
        self._number = numbered(event)
        done, words = event.number - 1, self._fitted(event)
        self._progress.update(self._task, total=event.total, completed=done, description=words)

    def _fitted(self, event: MigrationStarted) -> str:
        room = max(10, self._console.width - BAR_ROOM)
        return event.migration if len(event.migration) <= room else f"{event.migration[: room - 3]}..."

    def filled(self, event: RowsFilled) -> None:
        self._progress.update(self._task, description=filled_words(event))

    def applied(self, event: MigrationApplied) -> None:
        self.output.say(self._number, (f"  {duration(event.duration_ms)}", QUIET))
        self._progress.advance(self._task)

    def close(self) -> None:
        """Take the bar away; the terminal is as it was."""
        self._timer.cancel()
        with self._guard:
            if not self._is_closed:
                self._is_closed = True
                self._progress.stop()


def filled_words(event: RowsFilled) -> str:
    """`filling order: 1,200,000 of about 5,000,000 rows, 31 s left`."""
    left = duration(event.remaining_s * 1000)
    return f"filling {event.table}: {event.rows:,} of about {event.estimated_rows:,} rows, {left} left"


def numbered(event: MigrationStarted) -> str:
    """` 3/12 20240602_130000_add_user_preferences`, for any number of migrations in one column."""
    return f"  {event.number:>{len(str(event.total))}}/{event.total}  {event.migration}"
