"""Frames that are missing between two others, where neither container nor decoder tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    import av

    from stream_anon.sources.decoding.witness import Witness

EVEN = 10
"""Times as many even steps as uneven ones make a stream evenly spaced."""
PAUSE = 1
"""Seconds from which on nothing was recorded, rather than lost."""
TELLING = ("h264", "hevc", "av1", "libdav1d")
"""Decoders of streams that tell themselves which pictures are missing."""


class Steps:
    """Finds uneven steps in time in a stream that is evenly spaced otherwise."""

    def __init__(self) -> None:
        self.usual: int | None = None
        """Units of pts between two frames; None until enough have come. Containers say too often
        what is not so."""
        self._first: list[int] = []
        self._last: int | None = None
        self._even = self._uneven = 0

    def missing_before(self, pts: int | None) -> int:
        """How many frames may be missing directly before the one that is shown then.

        Called for each, in order.
        """
        last, self._last = self._last, pts
        if last is None or pts is None:
            return 0
        step = pts - last
        if self.usual is None:
            self._first.append(step)
            if len(self._first) == EVEN:
                self.usual = max(1, sorted(self._first)[EVEN // 2])
                for known in self._first:
                    self._judge(known)
            return 0
        return self._judge(step)

    def _judge(self, step: int) -> int:
        usual = self.usual or 1
        if usual < 2 * step < 3 * usual:
            self._even += 1
            return 0
        self._uneven += 1
        is_gap = step > usual and self._even >= EVEN * self._uneven
        return round(step / usual) - 1 if is_gap else 0


class Gaps:
    """Tells gaps where something was lost from those where nothing was recorded.

    A webcam that drops a frame, or a screen recording that is paused, leaves a gap too. Where there
    is a second decoder to be asked, it decides; where there is none, a gap below a second counts.
    """

    def __init__(self, time_base: Fraction, witness: Witness | None = None) -> None:
        """Args: time_base: of pts, in seconds. witness: decides."""
        self._steps, self._time_base = Steps(), time_base
        self._witness = witness
        self._doubtful = 0
        """Frames that may be missing since the last keyframe."""

    def before(self, picture: av.VideoFrame) -> int:
        """How many frames are missing before this one. Called for each, in order."""
        missing = self._steps.missing_before(picture.pts)
        if self._witness is None:
            is_pause = missing * (self._steps.usual or 0) * self._time_base >= PAUSE
            return 0 if is_pause or picture.key_frame else missing
        if picture.key_frame:
            self._witness.dismiss()
            self._doubtful = 0
            return 0
        self._doubtful += missing
        if not self._doubtful or self._witness.confirms(picture):
            return 0
        missing, self._doubtful = self._doubtful, 0
        self._witness.dismiss()
        return missing
