"""Reading a whole file without decoding it, to find its keyframes."""

from __future__ import annotations

from array import array
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.demuxers import demux
from stream_anon.sources.decoding.bitstream import (
    NAL_CODECS,
    ONE_PICTURE_EACH,
    NalReader,
    shows_nothing,
)
from stream_anon.sources.decoding.damage import has_hole
from stream_anon.sources.decoding.gaps import TELLING, Rhythm
from stream_anon.sources.decoding.index import Keyframe, KeyframeIndex, Packet, Packets
from stream_anon.sources.decoding.length import GAPPY_FORMATS, Length
from stream_anon.sources.decoding.opening import choose_video, open_input, reason
from stream_anon.sources.decoding.references import FrameNumbers

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream


class Uncertain(Exception):
    """The result of decoding cannot be predicted. Internal: everything is decoded instead."""


def index_of(path: Path, track: int | None = None) -> KeyframeIndex:
    """The keyframes of a file that can be opened.

    Args:
        path: of the file.
        track: number of the video track, as for `choose_video`.

    Raises:
        SourceError: it cannot be opened any more.
    """
    with closing(open_input(path)) as container:
        stream = choose_video(container, path, track)
        try:
            return _Indexer(container, stream, path).index(Length(container, stream, path))
        except Uncertain as uncertain:
            return KeyframeIndex(unusable=str(uncertain))
        except av.error.FFmpegError as error:
            return KeyframeIndex(unusable=f"the file cannot be read to its end: {reason(error)}")


class _Indexer:
    def __init__(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        self._container, self._stream, self._path = container, stream, path
        context = stream.codec_context
        self._codec = context.name
        self._nal = NalReader(self._codec, context.extradata) if self._codec in NAL_CODECS else None
        self._numbers = FrameNumbers(context.extradata) if self._codec == "h264" else None
        self._packets = Packets()
        self._shown = array("q")
        self._keyframes: list[Keyframe] = []
        self._parameters: set[bytes] = set()
        self._earliest = self._latest = 0
        """Pts so far."""

    def index(self, length: Length) -> KeyframeIndex:
        if self._codec not in ONE_PICTURE_EACH:
            raise Uncertain(f"{self._codec} may show more or fewer pictures than it has packets")
        for packet in demux(self._container, self._stream):
            if packet.size:
                self._add(packet)
            elif packet.pts is not None:
                raise Uncertain("the file has empty packets")
        if length.lacks(len(self._packets)):
            raise Uncertain("the file is shorter than it says")
        shown = array("q", sorted(self._shown))
        self._check_times(shown)
        return KeyframeIndex(
            tuple(self._numbered(shown)),
            shown=shown,
            packets=self._packets,
            one_size=self._nal is not None and len(self._parameters - {b""}) < 2,
        )

    def _add(self, packet: av.Packet[VideoStream]) -> None:
        data = bytes(packet)
        if packet.is_corrupt or has_hole(data, self._codec, self._container.format.name):
            raise Uncertain("part of the file is damaged")
        if self._numbers is not None and self._numbers.missing_before(data):
            raise Uncertain("frames that others refer to are missing")
        pts = packet.pts
        if pts is None:
            raise Uncertain("the container does not say when frames are shown")
        if not len(self._packets):
            self._earliest = self._latest = pts
            if not packet.is_keyframe or not self._is_entry(data):
                raise Uncertain("the file does not begin with a keyframe")
        elif pts < self._earliest:
            raise Uncertain("the first frames need others that are missing, or time starts again")
        is_shown = not packet.is_discard and not shows_nothing(self._codec, data)
        if packet.is_keyframe and is_shown:
            self._add_keyframe(packet, pts, data)
        if is_shown:
            self._shown.append(pts)
        self._latest = max(self._latest, pts)
        self._packets.append(identity(packet, pts))

    def _add_keyframe(self, packet: av.Packet[VideoStream], pts: int, data: bytes) -> None:
        if len(self._packets) and pts <= self._latest:
            raise Uncertain("frames from before a keyframe are shown after it")
        if self._nal is not None:
            self._parameters.add(self._nal.parameters(data))
        if self._is_entry(data):
            self._keyframes.append(Keyframe(-1, pts, packet.dts, len(self._packets), packet.pos))

    def _is_entry(self, data: bytes) -> bool:
        return self._nal is None or self._nal.is_entry(data)

    def _check_times(self, shown: array[int]) -> None:
        if any(a == b for a, b in pairwise(shown)):
            raise Uncertain("several frames are shown at the same time")
        tells = self._numbers is not None and not self._numbers.cannot_tell
        is_gappy = self._container.format.name in GAPPY_FORMATS and self._codec not in TELLING
        if is_gappy and not tells:
            rhythm = Rhythm(self._path, self._stream.index)
            if any(b - a > rhythm.usual and not rhythm.follows(b - a) for a, b in pairwise(shown)):
                raise Uncertain("frames are missing from the file")

    def _numbered(self, shown: array[int]) -> list[Keyframe]:
        ranks = {pts: number for number, pts in enumerate(shown)}
        return [Keyframe(ranks[k.pts], k.pts, k.dts, k.packet, k.position) for k in self._keyframes]


def identity(packet: av.Packet[VideoStream], pts: int) -> Packet:
    """The fields that identify a packet."""
    return Packet(pts, packet.size, packet.duration or 0, packet.is_discard)
