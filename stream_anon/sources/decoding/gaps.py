"""Frames that are missing between two others, where neither container nor decoder tells."""

from __future__ import annotations

from contextlib import closing, suppress
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.demuxers import demux
from stream_anon.sources.decoding.opening import open_input

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stream_anon.sources.decoding.witness import Witness

EVEN = 10
"""Times as many even steps as uneven ones make a stream evenly spaced."""
SEVERAL = 3
"""Gaps in a file that are the way in which it was recorded, where there are no fewer than one in
`EVEN` squared steps."""
PAUSE = 1
"""Seconds from which on nothing was recorded, rather than lost."""
FIRST = 64
"""Packets that show how far apart frames are."""
TELLING = ("hevc", "av1", "libdav1d")
"""Decoders of streams that tell themselves which pictures are missing."""


class Rhythm:
    """How far apart the frames of a file are. Containers say too often what is not so."""

    def __init__(self, path: Path, stream: int) -> None:
        """Nothing is read yet.

        Args:
            path: of the file.
            stream: index of the video in it.
        """
        self._path, self._stream = path, stream
        self.time_base = Fraction(1)
        """Of pts, in seconds."""

    @cached_property
    def usual(self) -> int:
        """Units of pts between two frames; 0 where there is one frame only."""
        steps = _steps(self._times(FIRST))
        return max(1, round(median(steps))) if steps else 0

    @cached_property
    def is_even(self) -> bool:
        """Frames follow each other evenly, nearly always. Reads the whole file, once."""
        steps = _steps(self._times(None))
        uneven = sum(not self.follows(step) for step in steps)
        gaps = sum(step > self.usual and not self.follows(step) for step in steps)
        is_usual = gaps >= SEVERAL and gaps * EVEN * EVEN >= len(steps)
        return uneven * EVEN <= len(steps) and not is_usual

    def follows(self, step: int) -> bool:
        """Whether a frame comes so long after another that none is missing between them."""
        return self.usual < 2 * step < 3 * self.usual

    def _times(self, most: int | None) -> list[int]:
        times: list[int] = []
        with suppress(av.error.FFmpegError), closing(open_input(self._path)) as container:
            stream = next((s for s in container.streams.video if s.index == self._stream), None)
            if stream is None:
                return []
            self.time_base = stream.time_base or Fraction(1)
            for packet in demux(container, stream):
                if packet.pts is not None and packet.size:
                    times.append(packet.pts)
                if len(times) == most:
                    break
        return sorted(times)


def _steps(times: Iterable[int]) -> list[int]:
    return [b - a for a, b in pairwise(times)]


class Gaps:
    """Tells gaps where something was lost from those where nothing was recorded.

    In a file that is evenly spaced otherwise, a gap below a second is a loss. Webcams that drop
    frames, and recordings of screens, leave gaps all over; there, and after a pause, only a second
    decoder that reads something else proves a loss.
    """

    def __init__(self, rhythm: Rhythm, witness: Witness | None = None) -> None:
        """Args: rhythm: of the file. witness: the second decoder."""
        self._rhythm, self._witness = rhythm, witness
        self._last: int | None = None
        self._doubtful = 0
        """Frames that may be missing since the last keyframe."""

    def before(self, picture: av.VideoFrame) -> int:
        """How many frames are missing before this one. Called for each, in order."""
        missing = self._missing_before(picture.pts)
        if picture.key_frame:
            self.close()
            return 0
        if missing and self._is_loss(missing):
            self._doubtful = 0
            return missing
        self._doubtful += missing
        if not self._doubtful or self._witness is None or self._witness.confirms(picture):
            return 0
        missing = self._doubtful
        self.close()
        return missing

    def _missing_before(self, pts: int | None) -> int:
        last, self._last = self._last, pts
        usual = self._rhythm.usual
        if last is None or pts is None or not usual:
            return 0
        step = pts - last
        return round(step / usual) - 1 if step > usual and not self._rhythm.follows(step) else 0

    def _is_loss(self, missing: int) -> bool:
        seconds = missing * self._rhythm.usual * self._rhythm.time_base
        return seconds < PAUSE and self._rhythm.is_even

    def close(self) -> None:
        """A keyframe has come, or nothing more will: what was before does not matter."""
        self._doubtful = 0
        if self._witness is not None:
            self._witness.dismiss()
