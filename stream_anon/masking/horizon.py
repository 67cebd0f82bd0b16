"""How far a run sees: ahead, back, and from one detection pass to the next.

A recording can wait for whatever comes next. A live stream cannot, and hides what it doubts
instead. The run builds the horizon; the masker obeys it, whatever kind of run it is in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo

MAX_HELD = 240
"""Frames held for the lookahead, whatever their rate."""
DOUBTFUL = 0.2
"""Score from which on a single detection is believed where no second one can be waited for."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far a masker sees and may wait. Times in seconds."""

    lookahead: float
    """A frame is held for this long before it is decided."""
    linger: float
    """A track stays hidden for this long before its first and after its last detection."""
    deep_interval: float
    """Longest time between two deep detection passes while anything moves."""
    confirm_score: float
    """A track is hidden once the scores of its detections add up to this."""
    max_held: int
    """Frames held at most: the lookahead may not eat all memory."""
    waits: bool
    """Frames wait for the slow detector. If not, it runs in the background, and whoever it has not
    answered for is hidden meanwhile."""

    @property
    def longest_gap(self) -> int:
        """Frames between two passes that the held frames can bridge."""
        return self.max_held - 1

    @classmethod
    def of_recording(cls, settings: Settings, info: StreamInfo) -> Horizon:
        """For a file, which waits."""
        masking, deep = settings.masking, settings.keyframes.deep_interval
        if masking.lookahead:  # nobody can be traced back further than that
            deep = min(deep, masking.lookahead)
        return cls(
            masking.lookahead,
            masking.linger,
            deep,
            DOUBTFUL if info.still else masking.confirm_score,  # a photo has no second detection
            _room(settings, info),
            waits=True,
        )

    @classmethod
    def of_live(cls, settings: Settings, info: StreamInfo) -> Horizon:
        """For a camera, which does not: doubt is hidden at once."""
        live, deep = settings.live, settings.keyframes.deep_interval
        room = _room(settings, info)
        return cls(live.lookahead, live.linger, deep, DOUBTFUL, room, waits=False)


def _room(settings: Settings, info: StreamInfo) -> int:
    """Frames that `masking.memory` has room for."""
    room = int(settings.masking.memory * 2**20 / (info.width * info.height * 1.5))
    return max(2, min(MAX_HELD, room))
