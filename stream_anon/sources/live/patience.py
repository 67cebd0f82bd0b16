"""Adaptive connect timeout of a known source."""

from __future__ import annotations

import math
from collections import deque

SHORTEST, SLOWER = 2.0, 4.0
"""Seconds that a source has to answer at least, and times as long as it usually takes."""
ANSWERS = 8
"""Latest answers that define what is usual."""
RARELY = 8
"""Every `RARELY`th retry in a row waits for as long as the settings allow."""


class Patience:
    """Learns from the answers of one source.

    A server may accept a connection and never answer: while it starts, after it was frozen, or for
    good on that connection, while it answers a new one at once.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._answers: deque[float] = deque(maxlen=ANSWERS)

    def answered(self, seconds: float) -> None:
        """It took so long to answer."""
        self._answers.append(seconds)

    def seconds(self, failures: int, backoff: float) -> float:
        """How long to wait for an answer; infinite where nothing but the settings is to limit it.

        Args:
            failures: failed attempts in a row.
            backoff: seconds from the start of this attempt to the next one at least. It costs
                nothing to wait as long.
        """
        if not self._answers or failures % RARELY == RARELY - 1:  # it may have become slower
            return math.inf
        return max(SHORTEST, SLOWER * self._usual(), backoff)

    def _usual(self) -> float:
        """A quarter of the answers were as quick: those that waited out a fault do not count."""
        return sorted(self._answers)[len(self._answers) // 4]
