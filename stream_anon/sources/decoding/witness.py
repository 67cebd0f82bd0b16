"""A second decoder, asked where pictures may be missing and the first one would not notice."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np
from av.codec.codec import Codec, UnknownCodecError

from stream_anon.core.demuxers import demux
from stream_anon.sources.decoding.opening import open_input

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.codeccontext import VideoCodecContext
    from av.video.plane import VideoPlane
    from numpy.typing import NDArray

WITNESSES = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The second decoder, by FFmpeg's name of the first.

VP8 and VP9 number nothing. But how a picture is coded depends on those before it, so a decoder that
has missed one often reads nonsense: FFmpeg's and libvpx's make different nonsense of it, or libvpx
refuses. Often, not always: both can read the same wrong picture.
"""


def witness_for(path: Path, stream: int, decoder: str) -> Witness | None:
    """The witness of a video stream; None where this FFmpeg has none.

    Args:
        path: of the file.
        stream: index of the video in it.
        decoder: FFmpeg's name of the one that decodes it.
    """
    name = WITNESSES.get(decoder)
    with suppress(UnknownCodecError, ValueError):
        if name and Codec(name, "r").type == "video":
            return Witness(path, stream, name)
    return None


class Witness:
    """Tells whether all pictures that a stream of VP8 or VP9 refers to have come."""

    def __init__(self, path: Path, stream: int, decoder: str) -> None:
        """Nothing is opened yet.

        Args:
            path: of the file.
            stream: index of the video in it.
            decoder: FFmpeg's name of the one to ask.
        """
        self._path, self._stream, self._name = path, stream, decoder
        self._pictures: Iterator[av.VideoFrame] | None = None

    def confirms(self, picture: av.VideoFrame) -> bool:
        """Whether it decodes the same picture. Asked for each one after a gap, in order."""
        if self._pictures is None:
            self._pictures = self._decode(picture.pts or 0)
        for other in self._pictures:
            if other.pts == picture.pts:
                return _are_equal(picture, other)
        return False

    def dismiss(self) -> None:
        """A keyframe has come: what was before does not matter any more."""
        if self._pictures is not None:
            self._pictures.close()  # type: ignore[attr-defined]
        self._pictures = None

    def _decode(self, before: int) -> Iterator[av.VideoFrame]:
        """Pictures from the last keyframe before a time on, until it fails."""
        with closing(open_input(self._path)) as container, suppress(av.error.FFmpegError):
            stream = container.streams.video[0]
            for candidate in container.streams.video:
                if candidate.index == self._stream:
                    stream = candidate
            context = cast("VideoCodecContext", av.CodecContext.create(self._name, "r"))
            container.seek(before, stream=stream, backward=True)
            for packet in demux(container, stream):
                yield from context.decode(packet)


def _are_equal(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    if (one.width, one.height, one.format.name) != (other.width, other.height, other.format.name):
        return False
    return all(
        np.array_equal(_rows(a), _rows(b)) for a, b in zip(one.planes, other.planes, strict=True)
    )


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(cast("Any", plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
