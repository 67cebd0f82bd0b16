"""Exponential backoff with jitter."""

from __future__ import annotations

import random

LEAST = 0.5
"""Share of the delay that is always waited; the rest is jitter."""


class Backoff:
    """Delays that double after each failed attempt; jitter keeps clients from retrying in step."""

    def __init__(self, first: float, longest: float) -> None:
        """Args: seconds before the first retry, and at most."""
        self._first, self._longest = first, longest
        self._next = first

    @property
    def least(self) -> float:
        """Seconds that the next `wait` is at least."""
        return min(self._next, self._longest) * LEAST

    def wait(self) -> float:
        """Seconds to wait now: between half of what is due and all of it."""
        due = min(self._next, self._longest)
        self._next = min(2 * due, self._longest)
        return due * random.uniform(LEAST, 1.0)  # noqa: S311 - no secret

    def reset(self) -> None:
        """It worked: start over next time."""
        self._next = self._first
