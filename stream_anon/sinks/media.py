"""Video files and picture files, through PyAV. Nothing appears under its name until complete."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.codec.codec
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter

from stream_anon.errors import SinkError
from stream_anon.part import check_target, claim_part, part_of
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.encoders import (
    ODD_SIZES,
    STILL,
    container_for,
    container_options,
    encoder_for,
    options_for,
    pixel_format_for,
    time_base_for,
)
from stream_anon.sinks.failures import as_sink_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from stream_anon.audio.tracks import SideTracks
    from stream_anon.config import Output
    from stream_anon.frame import RedactedFrame, StreamInfo

RATE_WHERE_UNKNOWN = Fraction(25)


class MediaSink:
    """Writes one file: same frames, same pts, same colour tags, and no metadata.

    Frames go to `NAME.part`, which gets its own name in `finish()` once the file has been read back
    and holds as many frames as were sent. `close()` before that removes it.
    """

    def __init__(
        self,
        path: Path,
        info: StreamInfo,
        settings: Output,
        side_tracks: Callable[[OutputContainer], SideTracks] | None = None,
    ) -> None:
        """Open `NAME.part` and the encoder.

        Args:
            path: final name; its ending chooses the container.
            info: of the frames to come.
            settings: encoder, preset, quality and whether a file may be replaced.
            side_tracks: makes the sound and subtitles that go along, given the container.

        Raises:
            SinkError: the folder, the container or the encoder does not work.
            OutputExistsError: the file is there and may not be replaced.
        """
        self._path = path
        self._part = part_of(path)
        self._info = info
        self._overwrite = settings.overwrite
        self._sent = 0
        self._last_pts: int | None = None
        self._durations: dict[int, int] = {}
        self._side: SideTracks | None = None
        self._finished = False
        codec = encoder_for(path, settings.encoder)
        container = container_for(path)
        self._check_place()
        self._container = self._open(container)
        try:
            self._stream = self._add_stream(codec, settings)
            with self._errors():
                if side_tracks:
                    self._side = side_tracks(self._container)
                self._container.start_encoding()
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> list[str]:
        """What differs from what was asked for, for people."""
        notes = list(self._side.notes) if self._side else []
        if self._padded != (self._info.width, self._info.height):
            was = f"{self._info.width}x{self._info.height}"
            notes.append(f"{was} has an odd side: padded to {self._padded[0]}x{self._padded[1]}")
        return notes

    # -- opening ------------------------------------------------------------------------------

    def _check_place(self) -> None:
        folder = self._path.parent
        if not folder.is_dir():
            raise SinkError(f"the folder {folder} does not exist: create it first")
        check_target(self._path, overwrite=self._overwrite)

    def _open(self, container: str) -> OutputContainer:
        name, options = f"file:{self._part}", container_options(container)
        with self._errors():
            claim_part(self._path)
            try:
                return av.open(name, "w", format=container, container_options=options)
            except BaseException:
                self._part.unlink(missing_ok=True)
                raise

    def _add_stream(self, codec: av.codec.codec.Codec, settings: Output) -> VideoStream:
        info, name = self._info, codec.name
        self._pixel_format = pixel_format_for(codec)
        odd = name in ODD_SIZES
        self._padded = (
            info.width if odd else info.width + info.width % 2,
            info.height if odd else info.height + info.height % 2,
        )
        rate = info.rate or RATE_WHERE_UNKNOWN
        self._time_base = time_base_for(self._container.format.name, name, info.time_base, rate)
        options = options_for(name, self._container.format.name, settings)
        with self._errors():
            stream = cast("VideoStream", self._container.add_stream(name, rate=rate))
            stream.codec_context.options = options
            stream.width, stream.height = self._padded
            stream.pix_fmt = self._pixel_format
            # PyAV's default, threads inside one picture, costs x264 a fifth of its speed.
            stream.thread_type = "AUTO"
            stream.time_base = stream.codec_context.time_base = self._time_base
            self._tag(stream)
            self._open_encoder(stream, settings)
        self._reformatter = VideoReformatter()
        return stream

    def _tag(self, stream: VideoStream) -> None:
        context, color = stream.codec_context, self._info.color
        context.sample_aspect_ratio = self._info.pixel_aspect
        context.color_range = 2 if self._is_full_range() else 1
        context.colorspace = 0 if self._is_rgb() else color.matrix
        context.color_primaries = color.primaries
        context.color_trc = color.transfer

    def _open_encoder(self, stream: VideoStream, settings: Output) -> None:
        try:
            stream.codec_context.open()
        except av.error.FFmpegError as error:
            raise SinkError(
                f"the encoder {stream.codec_context.name} does not work with preset "
                f"{settings.preset!r}, quality {settings.quality} and "
                f"{self._padded[0]}x{self._padded[1]} pixels on this machine"
            ) from error

    def _is_rgb(self) -> bool:
        return self._pixel_format.startswith(("rgb", "bgr"))

    def _is_full_range(self) -> bool:
        return self._info.color.full_range or self._is_rgb() or "yuvj" in self._pixel_format

    # -- writing ------------------------------------------------------------------------------

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        if (frame.width, frame.height) != (self._info.width, self._info.height):
            raise SinkError(f"{frame!r} is not {self._info.width}x{self._info.height}")
        if self._sent and self._container.format.name == STILL:
            raise SinkError(
                f"{self._path.name} holds one picture only: name a video for the output"
            )
        picture = self._picture(frame)
        self._sent += 1
        self._encode(picture)
        if self._side:
            with self._errors():
                self._side.feed(float(frame.pts * frame.time_base))

    def _picture(self, frame: RedactedFrame) -> av.VideoFrame:
        """A new picture with nothing of the decoder's in it: no side data and no tags."""
        picture = av.VideoFrame(*self._padded, "yuv420p")
        for target, plane in zip(picture.planes, frame.planes, strict=True):
            buffer = np.frombuffer(cast("Any", target), np.uint8)
            room = buffer.reshape(-1, target.line_size)[: target.height, : target.width]
            if room.shape == plane.shape:
                room[:] = plane
            else:
                more = [(0, have - had) for have, had in zip(room.shape, plane.shape, strict=True)]
                room[:] = np.pad(plane, more, mode="edge")
        color = self._info.color
        picture.color_range = 2 if color.full_range else 1
        picture.colorspace = color.matrix
        if self._pixel_format != "yuv420p":
            picture = self._converted(picture)
        picture.color_primaries = color.primaries
        picture.color_trc = color.transfer
        self._time(picture, frame)
        return picture

    def _time(self, picture: av.VideoFrame, frame: RedactedFrame) -> None:
        """Exactly the frame's own times, unless the container has coarser ones."""
        scale = frame.time_base / self._time_base
        pts = round(frame.pts * scale)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        self._last_pts = picture.pts = pts
        picture.time_base = self._time_base
        if frame.duration:
            picture.duration = self._durations[pts] = max(1, round(frame.duration * scale))

    def _converted(self, picture: av.VideoFrame) -> av.VideoFrame:
        matrix = {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}.get(self._info.color.matrix, 5)
        return self._reformatter.reformat(
            picture,
            format=self._pixel_format,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=2 if self._info.color.full_range else 1,
            dst_color_range=2 if self._is_full_range() else 1,
        )

    def _encode(self, picture: av.VideoFrame | None) -> None:
        with self._errors():
            for packet in self._stream.encode(picture):
                if packet.pts is not None and packet.pts in self._durations:
                    packet.duration = self._durations.pop(packet.pts)
                self._container.mux(packet)

    # -- completing ---------------------------------------------------------------------------

    def finish(self) -> None:
        if not self._sent:
            raise SinkError(f"no frame was written to {self._path.name}")
        self._encode(None)
        with self._errors():
            if self._side:
                self._side.finish()
            self._container.close()
        written = self._count()
        if written != self._sent:
            raise SinkError(
                f"{self._path.name} holds {written} frames but {self._sent} were sent: "
                "the output was discarded"
            )
        check_target(self._path, overwrite=self._overwrite)
        with self._errors():
            self._part.replace(self._path)
        self._finished = True

    def _count(self) -> int:
        name = f"file:{self._part}"
        if self._container.format.name == STILL:
            return int(self._part.stat().st_size > 0)
        with self._errors(), av.open(name, format=_reader(self._container)) as written:
            stream = written.streams.video[0]
            return sum(1 for packet in written.demux(stream) if packet.size)

    def close(self) -> None:
        with suppress(av.error.FFmpegError, OSError, ValueError):
            if self._side is not None:
                self._side.close()
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()
        if not self._finished:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _errors(self) -> AbstractContextManager[None]:
        return as_sink_errors(self._path)


def _reader(container: OutputContainer) -> str | None:
    """The demuxer for what a muxer wrote; the name's ending is `.part`, so it must be told."""
    return {"matroska": "matroska", "webm": "matroska"}.get(container.format.name)
