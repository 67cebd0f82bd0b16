"""How much video a container says that it holds."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from stream_anon.core.frame import NOMINAL_RATE
from stream_anon.sources.decoding.opening import is_cut_short

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

STILL_FORMATS = ("image2", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe")
INDEXED_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2",)
"""Containers whose index lists every packet, also those that are missing."""
GAPPY_FORMATS = ("matroska,webm",)
"""Containers that silently skip what they cannot read: only gaps in time show it."""


class Length:
    """Length of a video, according to the header of its file."""

    def __init__(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        self._container, self._stream, self._path = container, stream, path

    @property
    def is_still(self) -> bool:
        """It is a picture file."""
        return self._container.format.name in STILL_FORMATS

    @property
    def rate(self) -> Fraction | None:
        """Frames per second."""
        rate = self._stream.average_rate or self._stream.guessed_rate
        return Fraction(rate) if rate else None

    @property
    def frames(self) -> int | None:
        """The container's own count, or an estimate from its duration."""
        if self.is_still:
            return 1
        if self._is_indexed():
            shown = sum(not entry.is_discard for entry in self._stream.index_entries)
            return shown or None
        if self._stream.frames:
            return self._stream.frames
        seconds = self._seconds()
        if seconds is None:
            return None
        return round(seconds * (self.rate or NOMINAL_RATE)) or None

    def lacks(self, packets: int) -> bool:
        """Whether the file ends before its header says, after that many packets."""
        return self._unlisted(packets) > 0 or bool(is_cut_short(self._path))

    def missing(self, packets: int, frames: int, end: Fraction) -> int:
        """Frames that were promised and are not in the file; below 0 where there are more.

        Args:
            packets: that were read.
            frames: that were decoded.
            end: when the last of them ends, in seconds.
        """
        if self._is_indexed():
            return self._unlisted(packets)
        is_cut = is_cut_short(self._path)
        if self.is_still or is_cut is False:
            return 0
        if self._stream.frames:
            return self._stream.frames - frames
        seconds, rate = self._seconds(), self.rate
        if seconds is None or rate is None:
            return 0
        start = Fraction(self._container.start_time or 0, av.time_base)
        missing = round((start + seconds - end) * rate)
        if is_cut:
            return max(1, missing)
        # Durations are rounded, and sound may outlast the picture a little.
        return missing if missing > max(Fraction(2), rate / 2) else 0

    def _is_indexed(self) -> bool:
        return self._container.format.name in INDEXED_FORMATS and self._stream.frames > 0

    def _unlisted(self, packets: int) -> int:
        """Packets that a complete index lists and that did not come."""
        return len(self._stream.index_entries) - packets if self._is_indexed() else 0

    def _seconds(self) -> Fraction | None:
        """How long the container says that the video is."""
        stream = self._stream
        if stream.duration and stream.time_base:
            return stream.duration * stream.time_base
        if tag := _tagged_seconds(stream.metadata.get("DURATION", "")):
            return tag
        if self._container.duration:
            return Fraction(self._container.duration, av.time_base)
        return None


def _tagged_seconds(tag: str) -> Fraction | None:
    """Seconds that Matroska's `DURATION` tag gives, as in 00:01:02.250000000."""
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None
