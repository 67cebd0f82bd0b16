"""Recorded video and pictures: anything that FFmpeg reads, through PyAV."""

from __future__ import annotations

from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.frame import Frame, StreamInfo
from stream_anon.errors import SourceError
from stream_anon.sources.base import Losses
from stream_anon.sources.decoding.damage import Damage, Swallowed, has_hole
from stream_anon.sources.decoding.opening import choose_video, is_cut_short, open_input, reason
from stream_anon.sources.decoding.orientation import Orientation
from stream_anon.sources.decoding.pictures import NATIVE, PictureReader, output_color
from stream_anon.sources.decoding.timing import Clock, Gaps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.stream import VideoStream

FALLBACK_RATE = Fraction(25)
STILL_FORMATS = ("image2", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe")
INDEXED_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2",)
"""Containers whose index lists every packet, also those that are missing."""
GAPPY_FORMATS = ("matroska,webm",)
"""Containers that skip what they cannot read without a word: gaps in time tell."""
MIN_SIDE = 16
MAX_READ_ERRORS = 100
"""Failed reads in a row after which the rest of the file is given up."""


class MediaSource:
    """A video file or a picture file.

    Frames that the decoder reports as damaged, and all after them up to the next intact keyframe,
    are marked `corrupt`. Packets that it refuses are counted in `losses`.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and decode its first frame.

        Raises:
            SourceError: missing, unreadable, not a video, or without one frame that decodes.
        """
        self.losses = Losses()
        self._path = path
        self._packets_read = 0
        self._packets_to_show = 0
        self._skipped = 0
        self._container = open_input(path)
        try:
            self._stream = choose_video(self._container, path)
            self._damage = Damage(self._stream.codec_context.name)
            self._decoded = self._decode()
            self._first = self._first_picture()
            self._orientation = Orientation.of(self._first[0])
            self.info = self._describe(self._first[0])
        except BaseException:
            self._container.close()
            raise

    def _first_picture(self) -> tuple[av.VideoFrame, bool]:
        first = next(self._decoded, None)
        if first is None:
            raise SourceError(
                f"no frame of {self._path.name} can be decoded: "
                f"{self.losses.reason or 'the file holds no video data'}"
            )
        width, height = first[0].width, first[0].height
        if min(width, height) < MIN_SIDE:
            raise SourceError(
                f"the picture of {self._path.name} is {width}x{height} pixels: "
                f"at least {MIN_SIDE}x{MIN_SIDE} are needed"
            )
        return first

    def _describe(self, first: av.VideoFrame) -> StreamInfo:
        stream, name = self._stream, first.format.name
        aspect = _pixel_aspect(stream)
        sideways = self._orientation.transposed
        width, height = first.width, first.height
        still = self._container.format.name in STILL_FORMATS
        return StreamInfo(
            label=self._path.name,
            width=height if sideways else width,
            height=width if sideways else height,
            time_base=stream.time_base or 1 / FALLBACK_RATE,
            rate=self._rate(),
            pixel_aspect=1 / aspect if sideways else aspect,
            color=output_color(first),
            frames=1 if still else self._expected_frames(),
            still=still,
            converted_from=None if name in NATIVE else name,
        )

    def _expected_frames(self) -> int | None:
        """The container's own count, or an estimate from its duration."""
        if self._is_indexed():
            shown = sum(not entry.is_discard for entry in self._stream.index_entries)
            return shown or None
        if self._stream.frames:
            return self._stream.frames
        seconds = self._seconds()
        if seconds is None:
            return None
        return round(seconds * (self._rate() or FALLBACK_RATE)) or None

    def _rate(self) -> Fraction | None:
        rate = self._stream.average_rate or self._stream.guessed_rate
        return Fraction(rate) if rate else None

    def _is_indexed(self) -> bool:
        return self._container.format.name in INDEXED_FORMATS and self._stream.frames > 0

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

    # -- reading ------------------------------------------------------------------------------

    def frames(self) -> Iterator[Frame]:
        reader = PictureReader(self._orientation)
        clock = Clock(self.info.time_base, self.info.rate or FALLBACK_RATE)
        size = (self._first[0].width, self._first[0].height)
        index = 0
        for picture, suspect in self._all_pictures():
            planes, _ = reader.read(picture)
            before, size = size, (picture.width, picture.height)
            pts, duration = clock.stamp(picture)
            yield Frame(
                planes=planes,
                index=index,
                pts=pts,
                time_base=self.info.time_base,
                duration=duration,
                captured_at=monotonic(),
                corrupt=suspect,
                discontinuity=size != before,
            )
            index += 1
        self._count_missing(index, clock.end)

    def _all_pictures(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        yield self._first
        yield from self._decoded

    def _decode(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        """All pictures and whether they are suspect; what cannot be decoded is counted."""
        decoder = self._stream.codec_context.name
        gaps, swallowed = self._gaps(), Swallowed(decoder)
        for packet in self._packets():
            self._check(packet, decoder)
            swallowed.put(packet)
            try:
                pictures = packet.decode()
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, ValueError) as error:
                self._damage.report(packet)
                self._lose(reason(error))
                continue
            for picture in pictures:
                if missing := gaps.before(picture):
                    self._skipped += missing
                    self._damage.miss()
                if swallowed.before(picture):
                    self._lose("the decoder left pictures out")
                    self._damage.miss()
                yield picture, self._damage.concerns(picture)

    def _check(self, packet: av.Packet[VideoStream], decoder: str) -> None:
        self._damage.pass_on(packet)
        if packet.is_corrupt:
            self._lose("the container marks a packet as damaged")
        elif has_hole(packet, decoder, self._container.format.name):
            self._damage.report(packet)
            self._lose("part of the file is blank")

    def _gaps(self) -> Gaps:
        stream = self._stream
        tells = self._container.format.name in GAPPY_FORMATS and stream.time_base is not None
        return Gaps(stream.time_base or Fraction(1), self._rate() if tells else None)

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Every packet of the video, and one at the end that empties the decoder."""
        failures = 0
        while failures < MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    self._packets_read += packet.size > 0
                    self._packets_to_show += packet.size > 0 and not packet.is_discard
                    yield packet
            except av.error.FFmpegError as error:
                if not failures:
                    self._damage.report(None)
                    self._lose(reason(error))
                failures += 1
            else:
                return
        last: av.Packet[VideoStream] = av.Packet()  # type: ignore[assignment]
        last.stream = self._stream
        yield last

    def _lose(self, why: str) -> None:
        self.losses.packets += 1
        self.losses.reason = why

    def _count_missing(self, decoded: int, end: Fraction) -> None:
        missing = max(self._unread(decoded, end), 0) + self._skipped
        if self.losses.packets:
            missing += max(self._packets_to_show - decoded, 0)
        if missing:
            self.losses.frames = missing
            self.losses.reason = self.losses.reason or "frames are missing from the file"

    def _unread(self, decoded: int, end: Fraction) -> int:
        """Frames that the container promised and that are not in the file."""
        if self._is_indexed():
            return len(self._stream.index_entries) - self._packets_read
        is_cut = is_cut_short(self._path)
        if self.info.still or is_cut is False:
            return 0
        if self._stream.frames:
            return self._stream.frames - decoded
        seconds, rate = self._seconds(), self.info.rate
        if seconds is None or rate is None:
            return 0
        start = Fraction(self._container.start_time or 0, av.time_base)
        missing = round((start + seconds - end) * rate)
        if is_cut:
            return max(1, missing)
        # Durations are rounded, and sound may outlast the picture a little.
        return missing if missing > max(Fraction(2), rate / 2) else 0

    def close(self) -> None:
        self._container.close()


def _pixel_aspect(stream: VideoStream) -> Fraction:
    """Width of a pixel over its height; square where the file does not tell."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return Fraction(aspect) if aspect else Fraction(1)


def _tagged_seconds(tag: str) -> Fraction | None:
    """Seconds that Matroska's `DURATION` tag tells, as in 00:01:02.250000000."""
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None
