"""How often a run affords extra passes."""

from __future__ import annotations

IN_A_ROW = 2.0
"""Times without a pause between them."""


class Allowance:
    """Once in a while, and twice in a row.

    Where shots follow each other faster than that, the next one that it affords is searched.
    """

    def __init__(self, interval: float) -> None:
        """Args: interval: seconds for each time."""
        self._interval = interval
        self._left, self._clock = IN_A_ROW, 0.0

    def take(self, clock: float) -> bool:
        """Spend one, if there is one.

        Args:
            clock: seconds, from any moment on; it never goes back.

        Returns:
            Whether there was.
        """
        earned = (clock - self._clock) / self._interval if self._interval else IN_A_ROW
        self._left, self._clock = min(IN_A_ROW, self._left + earned), clock
        if self._left < 1 - 1e-6:
            return False
        self._left -= 1
        return True
