"""Saying the same thing seldom: a run of a month must not fill its log."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, LONGEST = 10.0, 600.0
"""Seconds until a thing may be said again: doubled each time, up to the longest."""


class RateLimitedLog:
    """Says something at once, and then seldom, with a count of what was left unsaid."""

    def __init__(
        self, log: logging.Logger, level: int, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._log, self._level, self._clock = log, level, clock
        self._due = -1.0
        self._wait = FIRST
        self._unsaid = 0

    def say(self, text: str) -> None:
        """Log a line, unless it is too soon for one."""
        now = self._clock()
        if now < self._due:
            self._unsaid += 1
            return
        if now > self._due + LONGEST:  # it has been quiet for long
            self._wait = FIRST
        more = f" ({self._unsaid} times more since it was said last)" if self._unsaid else ""
        self._log.log(self._level, "%s%s", text, more)
        self._due, self._unsaid = now + self._wait, 0
        self._wait = min(2 * self._wait, LONGEST)
