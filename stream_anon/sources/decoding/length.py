"""How much video a container says that it holds."""

from __future__ import annotations

from contextlib import closing, suppress
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.boxes import listed_bytes, media_bytes, movie_box
from stream_anon.core.demuxers import demux
from stream_anon.core.frame import NOMINAL_RATE
from stream_anon.sources.decoding.heif import is_animated, is_heif
from stream_anon.sources.decoding.opening import is_cut_short, open_input
from stream_anon.sources.decoding.spacing import PLAUSIBLE, measured_rate

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

STILL_FORMATS = ("image2",)
STILL_ENDING = "_pipe"
"""Of FFmpeg's names of the formats of one picture."""
INDEXED_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2",)
"""Containers whose index lists every packet, also those that are missing."""
GAPPY_FORMATS = ("matroska,webm",)
"""Containers that silently skip what they cannot read: only gaps in time show it."""

TIMED = ("audio", "video", "subtitle")
MOST_UNLISTED = 3, 1 << 14
"""One part in so many of the data, and so many bytes, may be missing from an index."""


class Length:
    """Length of a video, according to the header of its file."""

    def __init__(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        self._container, self._stream, self._path = container, stream, path

    @property
    def is_still(self) -> bool:
        """It is a picture file."""
        name = self._container.format.name
        if is_heif(self._container):
            return not is_animated(self._container)
        return name in STILL_FORMATS or name.endswith(STILL_ENDING)

    @cached_property
    def rate(self) -> Fraction | None:
        """Frames per second: as the header says or, where that is implausible, as measured."""
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate
        if rate and (rate <= PLAUSIBLE or self.is_still):
            return Fraction(rate)
        return measured_rate(self._path, stream.index)

    @property
    def frames(self) -> int | None:
        """The container's own count, or an estimate from its duration."""
        if self.is_still:
            return 1
        if self.is_indexed:
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
        if self.is_still:
            return 0
        if self.is_indexed:
            return self._unlisted(packets) or self._without_index(frames)
        is_cut = is_cut_short(self._path)
        if is_cut is False:
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
        slack = max(Fraction(2), rate / 2)
        if missing <= slack or (start + seconds - self._end_of_others()) * rate <= slack:
            return 0
        return missing

    def _end_of_others(self) -> Fraction:
        """When the last packet of any other stream ends, in seconds; reads the file once more.

        A container often knows one length only, and sound may outlast the picture by far.
        """
        end, chosen = Fraction(0), self._stream.index
        with suppress(av.error.FFmpegError), closing(open_input(self._path)) as container:
            others = [s for s in container.streams if s.index != chosen and s.type in TIMED]
            if self._has_length_of_its_own() or not others:
                return end
            for packet in demux(container, *others):
                if packet.pts is not None and packet.size:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        return end

    def _has_length_of_its_own(self) -> bool:
        return _tagged_seconds(self._stream.metadata.get("DURATION", "")) is not None

    @property
    def is_indexed(self) -> bool:
        """Its index lists every packet."""
        return self._container.format.name in INDEXED_FORMATS and self._stream.frames > 0

    def _unlisted(self, packets: int) -> int:
        """Packets that a complete index lists and that did not come."""
        return len(self._stream.index_entries) - packets if self.is_indexed else 0

    def _without_index(self, frames: int) -> int:
        """About how many frames are in the file without being listed in its index.

        A camera that loses power has written its pictures, but not the end of the index.
        """
        listed, data = listed_bytes(movie_box(self._path)), media_bytes(self._path)
        part, least = MOST_UNLISTED
        unlisted = data - listed
        if not listed or unlisted < least or unlisted * part < data:
            return 0
        return max(1, frames * unlisted // listed)

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
