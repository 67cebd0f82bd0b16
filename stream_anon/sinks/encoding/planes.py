"""Redacted planes as pictures that an encoder takes, with their times, and the encoder itself."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter

from stream_anon.core.process_state import no_realtime
from stream_anon.errors import SinkError
from stream_anon.sinks.encoding.encoders import ODD_SIZES, pixel_format_for, tag_for

if TYPE_CHECKING:
    from av.codec.codec import Codec
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from stream_anon.config import Output
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.core.unsealed import UnsealedFrame


class Pictures:
    """Converts the frames of one stream to pictures for one encoder."""

    size: tuple[int, int]
    """Width and height with the padding that the encoder needs."""

    def __init__(self, info: StreamInfo, codec: Codec) -> None:
        """Args: info: of the frames to come.

        Raises:
            SinkError: the encoder takes no pixel format that we can make.
        """
        self._info = info
        self._format = pixel_format_for(codec)
        even = codec.name not in ODD_SIZES
        self.size = (info.width + even * (info.width % 2), info.height + even * (info.height % 2))
        self._reformatter = VideoReformatter()

    def add_stream(
        self, container: OutputContainer, codec: Codec, options: dict[str, str], unit: Fraction
    ) -> VideoStream:
        """A video stream for these pictures, its encoder not opened yet.

        Args:
            container: where to.
            codec: the encoder.
            options: FFmpeg's, for the encoder.
            unit: seconds per unit of the pictures' times.
        """
        rate = self._info.nominal_rate
        stream = cast("VideoStream", container.add_stream(codec.name, rate=rate))
        stream.codec_context.options = options
        stream.width, stream.height = self.size
        stream.pix_fmt = self._format
        stream.time_base = stream.codec_context.time_base = unit
        if tag := tag_for(codec, container.format.name):
            stream.codec_context.codec_tag = tag
        self._tag(stream)
        return stream

    def _tag(self, stream: VideoStream) -> None:
        context, color = stream.codec_context, self._info.color
        context.sample_aspect_ratio = self._info.pixel_aspect
        context.color_range = 2 if self._is_full_range() else 1
        context.colorspace = 0 if self._is_rgb() else color.matrix
        context.color_primaries = color.primaries
        context.color_trc = color.transfer

    def _is_rgb(self) -> bool:
        return self._format.startswith(("rgb", "bgr"))

    def _is_full_range(self) -> bool:
        return self._info.color.full_range or self._is_rgb() or "yuvj" in self._format

    def make(self, frame: RedactedFrame | UnsealedFrame) -> av.VideoFrame:
        """A new picture with nothing of the decoder's in it: no side data, no tags, no time.

        Raises:
            SinkError: the frame is not of the stream's size.
        """
        if (frame.width, frame.height) != (self._info.width, self._info.height):
            raise SinkError(f"{frame!r} is not {self._info.width}x{self._info.height}")
        picture = av.VideoFrame(*self.size, "yuv420p")
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
        if self._format != "yuv420p":
            picture = self._converted(picture)
        picture.color_primaries = color.primaries
        picture.color_trc = color.transfer
        return picture

    def _converted(self, picture: av.VideoFrame) -> av.VideoFrame:
        matrix = {1: 1, 4: 4, 7: 7, 9: 9, 10: 9}.get(self._info.color.matrix, 5)
        return self._reformatter.reformat(
            picture,
            format=self._format,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=2 if self._info.color.full_range else 1,
            dst_color_range=2 if self._is_full_range() else 1,
        )


class Times:
    """Exactly the frames' own times, unless the container has coarser ones."""

    def __init__(self, unit: Fraction, *, zero: Fraction | None = Fraction(0)) -> None:
        """Args:
        unit: seconds per unit of the output.
        zero: what becomes 0, in seconds; None takes the time of the first frame.
        """
        self._unit = unit
        self._zero = zero
        self._last: int | None = None
        self._durations: dict[int, int] = {}

    def put(self, picture: av.VideoFrame, frame: RedactedFrame | UnsealedFrame) -> None:
        """Give a picture the time of its frame."""
        time = frame.pts * frame.time_base
        if self._zero is None:
            self._zero = time
        pts = round((time - self._zero) / self._unit)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = picture.pts = pts
        picture.time_base = self._unit
        if frame.duration:
            picture.duration = self._durations[pts] = max(
                1, round(frame.duration * frame.time_base / self._unit)
            )

    def restore(self, packet: av.Packet[Any]) -> None:
        """Give a packet the duration of its picture, which most encoders forget."""
        if packet.pts is not None and packet.pts in self._durations:
            packet.duration = self._durations.pop(packet.pts)


def open_encoder(stream: VideoStream, settings: Output) -> None:
    """Open the encoder of a stream.

    Raises:
        SinkError: it does not work on this machine with these settings.
    """
    try:
        with no_realtime():
            stream.codec_context.open()
    except av.error.FFmpegError as error:
        raise SinkError(
            f"the encoder {stream.codec_context.name} does not work with preset "
            f"{settings.preset!r}, quality {settings.quality} and "
            f"{stream.width}x{stream.height} pixels on this machine"
        ) from error
