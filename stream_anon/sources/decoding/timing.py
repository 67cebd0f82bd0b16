"""When each frame is shown, whatever the file says."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

EVEN = 10
"""Times as many even steps as uneven ones make a stream evenly spaced."""
RESTART = 1
"""Seconds that time has to jump back to count as a new start and not as a slip."""


class Clock:
    """Strictly increasing pts. Those that are intact are kept as they are."""

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        """Args: rate: frames per second, for frames without times of their own."""
        self._time_base = time_base
        self._step = 1 / (rate * time_base)
        self._last: int | None = None
        self._duration = 0
        self._due = Fraction(0)
        self._offset = 0

    def stamp(self, picture: av.VideoFrame) -> tuple[int, int | None]:
        """Pts and duration of the next picture, in units of the time base."""
        pts = self._guessed() if picture.pts is None else picture.pts + self._offset
        if self._last is not None and pts <= self._last:
            if (self._last - pts) * self._time_base > RESTART:
                self._offset += self._guessed() - pts
                pts = self._guessed()
            else:
                pts = self._last + 1
        self._last, self._duration = pts, max(0, picture.duration or 0)
        # Exact, so that rounded steps do not add up.
        self._due = (self._due if pts == round(self._due) else pts) + (
            Fraction(self._duration) or self._step
        )
        return pts, self._duration or None

    def _guessed(self) -> int:
        """One frame after the last one."""
        if self._last is None:
            return 0
        return max(round(self._due), self._last + 1)

    @property
    def end(self) -> Fraction:
        """When the last picture ends, in seconds."""
        return ((self._last or 0) + (self._duration or self._step)) * self._time_base


class Gaps:
    """Finds frames that are missing from a stream whose frames are otherwise evenly spaced."""

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        """Args: rate: frames per second; None finds nothing."""
        self._per_unit = rate * time_base if rate else None
        self._last: int | None = None
        self._even = self._uneven = 0

    def before(self, pts: int | None) -> int:
        """How many frames are missing directly before the one that is shown then.

        Called for each, in order.
        """
        last, self._last = self._last, pts
        if self._per_unit is None or last is None or pts is None:
            return 0
        steps = (pts - last) * self._per_unit
        if Fraction(1, 2) < steps < Fraction(3, 2):
            self._even += 1
            return 0
        self._uneven += 1
        return round(steps) - 1 if steps > 1 and self._even >= EVEN * self._uneven else 0
