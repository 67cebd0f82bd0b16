"""Rate-limited logging, so that a month-long run does not fill its log."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, LONGEST = 10.0, 600.0
"""Seconds until the same message may be logged again: doubled each time, up to the longest."""


class RateLimitedLog:
    """Logs at once, then at a limited rate, with a count of the messages suppressed."""

    def __init__(
        self, log: logging.Logger, level: int, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._log, self._level, self._clock = log, level, clock
        self._due = -1.0
        self._wait = FIRST
        self._suppressed = 0

    def write(self, text: str) -> None:
        """Log a line, or suppress it where the rate limit says so."""
        now = self._clock()
        if now < self._due:
            self._suppressed += 1
            return
        if now > self._due + LONGEST:  # it has been quiet for a long time
            self._wait = FIRST
        more = (
            f" ({self._suppressed} more times since the last message)" if self._suppressed else ""
        )
        self._log.log(self._level, "%s%s", text, more)
        self._due, self._suppressed = now + self._wait, 0
        self._wait = min(2 * self._wait, LONGEST)
