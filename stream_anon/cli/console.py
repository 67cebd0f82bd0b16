"""Console output of the command line. Text only: no pixels, no addresses."""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from stream_anon.core.channel import Cancelled, Channel, Overflow
from stream_anon.core.credentials import printable
from stream_anon.errors import DEBUG_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.pipeline.report import Summary

REDRAW = 0.1
"""Seconds between two updates of the progress line."""
WAITING_LINES = 1000
"""Log lines buffered for a slow terminal."""
FLUSH_TIMEOUT = 0.5
"""Seconds that they have at the end."""
LONGEST_NAME = 24
"""Characters of a file name in the progress line."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """The reader is gone: continue silently, because the video is what counts."""
        self.quiet = True
        _silence(sys.stderr if self.stderr else sys.stdout)


out = _Console(highlight=False, soft_wrap=True)
err = _Console(stderr=True, highlight=False, soft_wrap=True)


def count(number: int, what: str) -> str:
    """A number and its noun: "1 frame", "2 frames"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def say(console: Console, text: str) -> None:
    """Print one line: file names may contain line breaks and bytes that are not text."""
    line = printable(text)
    with suppress(OSError):  # a full disk behind a redirection takes nothing from the video
        console.print(
            line.encode(console.encoding, "backslashreplace").decode(console.encoding),
            markup=False,
            emoji=False,
        )


def unexpected(error: Exception) -> str:
    """What to say of an error that nobody expects."""
    what = type(error).__name__
    return f"unexpected {what}: this is a bug in stream-anon; {DEBUG_VARIABLE}=1 shows where"


def flush() -> None:
    """Write out what is buffered, so that nothing can fail after the exit code is known."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # closed before we were started
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            _silence(stream)


def _silence(stream: object) -> None:
    """Discard what is still buffered."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[attr-defined]
        os.close(nowhere)


class _LogLines(logging.Handler):
    """Log records above the progress line."""

    def emit(self, record: logging.LogRecord) -> None:
        say(err, f"{record.levelname.lower()}: {record.getMessage()}")


def log_to_console(level: str) -> None:
    """Show what this package logs at `level` or above."""
    logger = logging.getLogger("stream_anon")
    for handler in [h for h in logger.handlers if isinstance(h, _LogLines)]:
        logger.removeHandler(handler)
    logger.addHandler(_LogLines())
    logger.setLevel(level.upper())


class _BackgroundHandler(logging.Handler):
    """Prints records in a background thread; drops the oldest under backpressure."""

    def __init__(self, printer: logging.Handler) -> None:
        super().__init__(printer.level)
        self._records: Channel[logging.LogRecord] = Channel(WAITING_LINES, Overflow.DROP_OLDEST)
        self._printer = printer
        self._thread = threading.Thread(target=self._print, name="stream_anon log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Cancelled, ValueError):
            self._records.put(record)

    def close(self) -> None:
        self._records.close()
        self._thread.join(FLUSH_TIMEOUT)
        super().close()

    def _print(self) -> None:
        for record in self._records:
            self._printer.handle(record)


@contextmanager
def log_in_background() -> Iterator[None]:
    """Logging inside never blocks on a stopped terminal or a full pipe."""
    logger = logging.getLogger("stream_anon")
    printers = [handler for handler in logger.handlers if isinstance(handler, _LogLines)]
    threaded = [_BackgroundHandler(printer) for printer in printers]
    for before, after in zip(printers, threaded, strict=True):
        logger.removeHandler(before)
        logger.addHandler(after)
    try:
        yield
    finally:
        for before, after in zip(printers, threaded, strict=True):
            logger.removeHandler(after)
            after.close()
            logger.addHandler(before)


class ProgressLine:
    """The progress of a run in one line; silent unless on a terminal."""

    def __init__(self, name: str, *, shown: bool) -> None:
        """Args: shown: False keeps it silent on a terminal too."""
        name = printable(name)
        if len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME - 1]}…"
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=24)),
            TextColumn("{task.fields[counts]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=err,
            transient=True,
            expand=True,
            disable=not (shown and err.is_terminal),
        )
        self._task = self._progress.add_task(name, total=None, counts="starting")
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, what: str, done: int, total: int | None) -> None:
        """Show what is being done, and how far it is."""
        if self._is_due():
            of = f"/{total}" if total else ""
            counts = f"{what}: {done}{of} frames,"
            self._progress.update(self._task, completed=done, total=total, counts=counts)

    def _is_due(self) -> bool:
        now = monotonic()
        if self._progress.disable or now - self._drawn < REDRAW:
            return False
        self._drawn = now
        return True

    def update(self, summary: Summary) -> None:
        """Show the counts so far."""
        if not self._is_due():
            return
        total = summary.expected_frames and max(summary.expected_frames, summary.frames)
        of = f"/{total}" if total else ""
        counts = (
            f"{summary.frames}{of} frames, {summary.fps:.0f} fps, hidden now: {summary.hidden_now},"
        )
        self._progress.update(self._task, completed=summary.frames, total=total, counts=counts)
