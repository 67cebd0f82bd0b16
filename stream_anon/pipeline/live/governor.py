"""Adaptive detection effort, so that the latency of a live stream stays within the budget."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_anon.masking.keyframes import Effort

log = stream_logger(__name__)

REMEMBERED = 50
"""Frames that a decision is based on."""
TOO_LATE = 0.9
"""Share of the budget from which on a frame counts as late."""
LATE_SHARE = 0.05
"""Share of late frames that is one too many: the 95th percentile is promised."""
EASY = 0.6
"""Share of the budget under which everything must lie for more effort to be tried."""
FIRST_PATIENCE, LONGEST_PATIENCE = 20.0, 600.0
"""Backoff: seconds of ease before more effort is tried; doubled whenever it was too much."""


class Governor:
    """Chooses among levels of effort, the highest first. Used by one thread."""

    def __init__(
        self,
        efforts: Sequence[Effort],
        latency: float,
        *,
        level: int = 0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Nothing is known yet.

        Args:
            efforts: levels, one at least.
            latency: the budget, in seconds.
            level: to begin with.
            clock: seconds.
        """
        self._efforts, self._latency, self._clock = efforts, latency, clock
        self._recent: deque[float] = deque(maxlen=REMEMBERED)
        self._patience = FIRST_PATIENCE
        self._changed_at = self._uneasy_at = clock()
        self.level = level

    @property
    def effort(self) -> Effort:
        return self._efforts[self.level]

    def note(self, latency: float) -> bool:
        """Take a frame's latency in seconds into account; True where the effort changes."""
        self._recent.append(latency / self._latency)
        if self._recent[-1] > EASY:
            self._uneasy_at = self._clock()
        if len(self._recent) < REMEMBERED:
            return False
        late = sum(share > TOO_LATE for share in self._recent)
        if late > LATE_SHARE * REMEMBERED and self.level + 1 < len(self._efforts):
            if self._clock() - self._changed_at < self._patience:  # the last change was too much
                self._patience = min(2 * self._patience, LONGEST_PATIENCE)
            return self._change(self.level + 1)
        calm = self._clock() - max(self._changed_at, self._uneasy_at)
        if self.level and calm > self._patience:
            return self._change(self.level - 1)
        return False

    def _change(self, level: int) -> bool:
        if level > self.level:
            log.warning(
                "this machine is too slow for the latency budget right now: detection effort is "
                "reduced, so far faces may be found later (level %d)",
                level,
            )
        else:
            log.info("detection effort is raised again (level %d)", level)
        self.level = level
        self._changed_at = self._clock()
        self._recent.clear()
        return True
