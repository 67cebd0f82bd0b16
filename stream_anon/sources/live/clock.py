"""One clock for the output of a live source, whatever the source's own clock does."""

from __future__ import annotations

import threading
from fractions import Fraction

TICKS = 90_000
"""Units of the output clock in a second."""
TIME_BASE = Fraction(1, TICKS)
TIME_SLIP = 0.2
"""Seconds that time may run back by without counting as a restart."""
JUMP = 1.0
"""Seconds between the source's time and the time of arrival that are too many."""
WINDOW = 10.0
"""Seconds over which lateness is watched."""
LATE_BY = 0.02
"""Seconds that every frame of a window may be late."""


class LiveClock:
    """Strictly increasing pts that begin at 0 and follow the source's times.

    Times are tied to the clock of this machine by the frames that come fastest: none is shown
    before it came. Where the source's time jumps, runs off or is missing, the time of arrival
    counts. Any thread may call anything.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start: float | None = None
        self._last = -1
        self._shift: float | None = None
        """Seconds from the source's time to this machine's."""
        self._time = 0.0
        """The source's, of the last frame."""
        self._arrived = self._due = 0.0
        """When the last frame came, and when it should have come."""
        self._window = self._least_late = 0.0

    def restart(self) -> None:
        """The source is reopened: forget the previous time offset."""
        with self._lock:
            self._shift = None

    def stamp(self, arrived: float, time: Fraction | None) -> tuple[int, bool]:
        """The next frame's pts, and whether the source's time has jumped.

        Args:
            arrived: `time.monotonic()` when it came.
            time: the source's own, in seconds.
        """
        with self._lock:
            jumped = False
            self._due = arrived
            if time is not None:
                jumped = self._follow(arrived, float(time))
            self._arrived = arrived
            return self._issue(self._due), jumped

    def now(self, at: float) -> int:
        """The pts of a frame that comes at this moment; no frame that comes later gets it.

        Args:
            at: `time.monotonic()`.
        """
        with self._lock:
            late = 0.0 if self._shift is None else self._arrived - self._due
            return self._issue(at - late)

    def _issue(self, due: float) -> int:
        if self._start is None:
            self._start = due
        self._last = max(self._last + 1, round((due - self._start) * TICKS))
        return self._last

    def _follow(self, arrived: float, time: float) -> bool:
        """Set when the frame was due, and say whether time has jumped."""
        if self._shift is None:
            self._tie(arrived, time)
            return False
        early = time + self._shift - arrived
        if time < self._time - TIME_SLIP or abs(early) > JUMP:
            self._tie(arrived, time)
            return True
        if early > 0:
            self._shift -= early
        self._time, self._due = time, time + self._shift
        self._watch(arrived, -min(early, 0.0))
        return False

    def _tie(self, arrived: float, time: float) -> None:
        self._shift, self._time, self._due = arrived - time, time, arrived
        self._window, self._least_late = arrived, JUMP

    def _watch(self, arrived: float, late: float) -> None:
        """Catch up where the source's clock is slow, and all frames are late."""
        self._least_late = min(self._least_late, late)
        if arrived - self._window < WINDOW:
            return
        if self._least_late > LATE_BY:
            assert self._shift is not None
            self._shift += self._least_late
        self._window, self._least_late = arrived, JUMP
