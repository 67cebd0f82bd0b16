"""Recorded video and pictures: anything that FFmpeg reads, through PyAV."""

from __future__ import annotations

from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING

import av
import av.error
from av.stream import Disposition

from stream_anon.errors import SourceError
from stream_anon.frame import Frame, StreamInfo
from stream_anon.sources.base import Losses
from stream_anon.sources.pictures import NATIVE, PictureReader, output_color

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

FALLBACK_RATE = Fraction(25)
FRAME_THREADS = 8
"""More frames than decoder threads can have in flight: damage may show that many frames early."""
STILL_FORMATS = ("image2", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe")
MIN_SIDE = 16


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
        self._container = _open(path)
        try:
            self._stream = _video_stream(self._container, path)
            self._stream.thread_type = "AUTO"
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise SourceError(
                    f"no frame of {path.name} can be decoded: "
                    f"{self.losses.reason or 'the file holds no video data'}"
                )
            if min(first.width, first.height) < MIN_SIDE:
                raise SourceError(
                    f"the picture of {path.name} is {first.width}x{first.height} pixels: "
                    f"at least {MIN_SIDE}x{MIN_SIDE} are needed"
                )
            self._first = first
            self.info = self._describe(first)
        except BaseException:
            self._container.close()
            raise

    def _describe(self, first: av.VideoFrame) -> StreamInfo:
        stream, name = self._stream, first.format.name
        rate = stream.average_rate or stream.guessed_rate
        aspect = stream.sample_aspect_ratio or first_aspect(stream)
        sideways = first.rotation % 180 == 90
        width, height = first.width, first.height
        still = self._container.format.name in STILL_FORMATS
        return StreamInfo(
            label=self._path.name,
            width=height if sideways else width,
            height=width if sideways else height,
            time_base=stream.time_base or 1 / FALLBACK_RATE,
            rate=Fraction(rate) if rate else None,
            pixel_aspect=1 / aspect if sideways else aspect,
            color=output_color(first),
            frames=1 if still else self._expected_frames(),
            still=still,
            converted_from=None if name in NATIVE else name,
        )

    def _expected_frames(self) -> int | None:
        """The container's own count, or an estimate from its duration."""
        stream = self._stream
        if stream.frames:
            return stream.frames
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        elif self._container.duration:
            seconds = self._container.duration / av.time_base
        else:
            return None
        return round(seconds * float(stream.average_rate or FALLBACK_RATE)) or None

    def frames(self) -> Iterator[Frame]:
        reader = PictureReader(self._first.rotation)
        clock = _Clock(self.info.time_base, self.info.rate or FALLBACK_RATE)
        damage = _Damage(self.losses)
        was_fitted = False
        index = 0
        for picture in self._all_pictures():
            planes, fitted = reader.read(picture)
            pts, duration = clock.stamp(picture)
            frame = Frame(
                planes=planes,
                index=index,
                pts=pts,
                time_base=self.info.time_base,
                duration=duration,
                captured_at=monotonic(),
                corrupt=damage.concerns(picture),
                discontinuity=fitted != was_fitted,
            )
            was_fitted = fitted
            index += 1
            yield frame
        self._count_missing(index, clock.end)

    def _all_pictures(self) -> Iterator[av.VideoFrame]:
        yield self._first
        yield from self._decoded

    def _decode(self) -> Iterator[av.VideoFrame]:
        """All pictures; what the decoder refuses is counted, not raised."""
        for packet in self._packets():
            if packet.is_corrupt:
                self._lose("the container marks a packet as damaged")
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, ValueError) as error:
                self._lose(_reason(error))

    def _packets(self) -> Iterator[av.Packet]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.FFmpegError as error:
            self._lose(_reason(error))

    def _lose(self, reason: str) -> None:
        self.losses.packets += 1
        self.losses.reason = reason

    def _count_missing(self, decoded: int, end: Fraction) -> None:
        stream = self._stream
        if stream.frames:
            missing = stream.frames - decoded
        elif self._container.duration and self.info.rate and not self.info.still:
            start = Fraction(self._container.start_time or 0, av.time_base)
            expected_end = start + Fraction(self._container.duration, av.time_base)
            missing = int((expected_end - end) * self.info.rate)
            # Durations are rounded, and sound may outlast the picture a little.
            missing = missing if missing > max(2, self.info.rate / 2) else 0
        else:
            missing = 0
        if missing > 0:
            self.losses.frames = missing
            self.losses.reason = self.losses.reason or "the file ends early"

    def close(self) -> None:
        self._container.close()


def first_aspect(stream: VideoStream) -> Fraction:
    """Width of a pixel over its height; square where the file does not tell."""
    aspect = stream.codec_context.sample_aspect_ratio
    return Fraction(aspect) if aspect else Fraction(1)


class _Damage:
    """Decides which pictures are suspect: from any sign of damage to the next intact keyframe."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._seen = 0
        self._wait = 0
        self._suspect = False

    def concerns(self, picture: av.VideoFrame) -> bool:
        refused = self._losses.packets > self._seen
        self._seen = self._losses.packets
        if picture.is_corrupt or refused:
            # Refused packets are noticed up to FRAME_THREADS pictures before they matter.
            self._suspect, self._wait = True, FRAME_THREADS if refused else 0
        elif self._suspect and picture.key_frame and self._wait <= 0:
            self._suspect = False
        self._wait -= 1
        return self._suspect


class _Clock:
    """Strictly increasing pts, whatever the file says; intact ones are kept as they are."""

    def __init__(self, time_base: Fraction, rate: Fraction) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (rate * time_base)))
        self._last: int | None = None
        self._duration = 0

    def stamp(self, picture: av.VideoFrame) -> tuple[int, int | None]:
        """Pts and duration of the next picture, in units of the time base."""
        pts = picture.pts if picture.pts is not None else picture.dts
        if pts is None:
            pts = 0 if self._last is None else self._last + (self._duration or self._step)
        elif self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last, self._duration = pts, picture.duration or 0
        return pts, picture.duration or None

    @property
    def end(self) -> Fraction:
        """When the last picture ends, in seconds."""
        return ((self._last or 0) + (self._duration or self._step)) * self._time_base


def _open(path: Path) -> InputContainer:
    if not path.exists():
        raise SourceError(f"{path} does not exist: check the name of the input")
    if path.is_dir():
        raise SourceError(f"{path} is a folder: name one video file")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty")
    try:
        return av.open(str(path), metadata_errors="replace")
    except PermissionError as error:
        raise SourceError(f"{path} may not be read: check its permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path} is not a video that can be read: {_reason(error)}") from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise SourceError(f"{path} holds no video (only sound, or a cover picture)")
    best = max(
        streams, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height)
    )
    if best.codec_context is None:
        raise SourceError(f"{path} uses a video codec that this FFmpeg cannot decode")
    return best


def _reason(error: Exception) -> str:
    """What FFmpeg says, without the address that PyAV adds to it."""
    said = getattr(error, "strerror", None) or type(error).__name__
    return str(said).lower()
