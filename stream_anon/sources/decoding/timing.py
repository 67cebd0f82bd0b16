"""When each frame is shown, whatever the file says."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

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
