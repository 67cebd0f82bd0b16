"""Real-time pacing of what comes too fast, and measuring its rate."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from statistics import median
from time import monotonic, sleep

LONGEST_PAUSE = 1.0
"""Seconds between two pictures; longer gaps are left out."""
ENOUGH = 10
"""Pictures that are enough to measure the rate by their own times."""
ENOUGH_ARRIVALS = 4
"""The same by their arrival, while the user waits."""
BURST = 0.008
"""Seconds from one picture to the next that only what was waiting comes within."""
MEASURES_FOR = 1.0
"""Seconds to wait for them."""


class Pacer:
    """Waits until a picture is due."""

    def __init__(self) -> None:
        self._shift: float | None = None

    def wait(self, time: Fraction | None) -> None:
        """Args: time: the picture's own, in seconds; None is due at once."""
        if time is None:
            return
        now = monotonic()
        if self._shift is None:
            self._shift = now - float(time)
        left = float(time) + self._shift - now
        if abs(left) > LONGEST_PAUSE:  # time jumped, or we cannot keep up
            self._shift = now - float(time)
        elif left > 0:
            sleep(left)


class RateMeter:
    """Measures the rate of a stream that does not say it."""

    def __init__(self) -> None:
        self._times: list[Fraction] = []
        self._until = monotonic() + MEASURES_FOR

    def see(self, time: Fraction | None) -> bool:
        """Note a picture's time, or that it has come now; say whether that is enough."""
        now, enough = monotonic(), ENOUGH
        if time is None:
            time, enough = Fraction(now), ENOUGH_ARRIVALS
            if self._times and time - self._times[-1] < BURST:  # it has waited to be read
                self._times.pop()
        self._times.append(time)
        return len(self._times) >= enough or now > self._until

    @property
    def rate(self) -> Fraction | None:
        """Frames per second, to the nearest half."""
        steps = [after - before for before, after in pairwise(self._times) if after > before]
        if not steps:
            return None
        return Fraction(round(2 / median(steps)), 2) or None
