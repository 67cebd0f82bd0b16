"""A recording to redact, with progress, cancellation and a result."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from stream_anon.errors import CancelledError
from stream_anon.pipeline.report import Summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


class Job(AbstractContextManager["Job"]):
    """A recording that is being redacted in the background. `start` makes one.

    It is done once: by `run` in the caller's thread, or after `begin` in one of its own. As a
    context manager, it cancels what still runs and waits for its end.
    """

    def __init__(self, work: Callable[[Callable[[Summary], None]], Summary]) -> None:
        """Do nothing yet.

        Args:
            work: the run; what it is given must be called after each frame.
        """
        self._work = work
        self._cancelled = threading.Event()
        self._live = Summary()
        self._summary: Summary | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="stream_anon job", daemon=True)

    def run(self) -> Summary:
        """Do it in this thread, so that Ctrl-C ends whatever it is at.

        Raises:
            StreamAnonError: it failed.
        """
        self._check()
        return self._work(self._count)

    def begin(self) -> Self:
        """Do it in a thread, and come back at once."""
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            self._check()
            self._summary = self._work(self._count)
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self._error = error

    def _count(self, summary: Summary) -> None:
        self._live = summary
        self._check()

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise CancelledError("the job was cancelled: there is no output")

    @property
    def done(self) -> bool:
        """It has ended, in whatever way."""
        return not self._thread.is_alive()

    @property
    def progress(self) -> Summary:
        """The counts so far, a copy."""
        live = self._live
        return replace(
            live,
            people=list(live.people),
            hidden_whole=Counter(live.hidden_whole),
            notes=list(live.notes),
        )

    def cancel(self) -> None:
        """End it after the frame that is being written. Too late once all frames are."""
        self._cancelled.set()

    def result(self, timeout: float | None = None) -> Summary:
        """Wait for the end.

        Args:
            timeout: seconds to wait; None waits indefinitely.

        Returns:
            Counts of the run.

        Raises:
            TimeoutError: it still runs.
            CancelledError: it was cancelled.
            StreamAnonError: it failed.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError("the job still runs")
        if self._error is not None:
            raise self._error
        assert self._summary is not None
        return self._summary

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.cancel()
        self._thread.join()
