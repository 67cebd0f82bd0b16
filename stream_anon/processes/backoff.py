"""How long to wait before the next try."""

from __future__ import annotations

import random

LEAST = 0.5
"""Share of what is due that is waited at least; chance decides about the rest."""


class Backoff:
    """Twice as long after each try that failed, never the same for two programs at once."""

    def __init__(self, first: float, longest: float) -> None:
        """Args: seconds before the first new try, and at most."""
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
