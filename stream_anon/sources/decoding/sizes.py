"""Sizes of the pictures in the beginning of a file: recordings of calls begin small, and grow."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.demuxers import demux
from stream_anon.sources.decoding.bitstream import NAL_CODECS, NalReader
from stream_anon.sources.decoding.opening import open_input

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.video.stream import VideoStream

SECONDS = 30
"""Of the file that are looked at."""
MOST_PACKETS = 4000
_HEADS = {"vp8": slice(6, 10), "vp9": slice(0, 10), "libvpx": slice(6, 10)}
"""Bytes of a keyframe that hold its size."""
_MPEG2_SEQUENCE = b"\0\0\1\xb3"


def largest_size(path: Path, stream: VideoStream, first: av.VideoFrame) -> tuple[int, int]:
    """Columns and rows of the largest picture in the beginning of a file, as coded.

    Only keyframes whose head differs from those before are decoded.

    Args:
        path: of the file.
        stream: the video, opened already.
        first: its first picture, which counts where none is larger.
    """
    size = first.width, first.height
    head_of = _head_of(stream)
    if head_of is None:
        return size
    seen: set[bytes] = set()
    with suppress(av.error.FFmpegError), closing(open_input(path)) as container:
        same = next((s for s in container.streams.video if s.index == stream.index), None)
        if same is None:
            return size
        same.codec_context.skip_frame = "NONKEY"
        for count, packet in enumerate(demux(container, same)):
            if count > MOST_PACKETS or _is_beyond(packet, first):
                break
            if not packet.is_keyframe or not packet.size:
                continue
            head = head_of(bytes(packet))
            if not head or head in seen:
                continue
            seen.add(head)
            with suppress(av.error.FFmpegError, ValueError):
                for picture in [*packet.decode(), *same.codec_context.decode(None)]:
                    size = max(size, (picture.width, picture.height), key=_area)
            same.codec_context.flush_buffers()
    return size


def _is_beyond(packet: av.Packet[VideoStream], first: av.VideoFrame) -> bool:
    if packet.pts is None or first.pts is None:
        return False
    return (packet.pts - first.pts) * packet.time_base > SECONDS


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _head_of(stream: VideoStream) -> Callable[[bytes], bytes] | None:
    """What gives the part of a keyframe that says how large it is; None for other codecs."""
    context = stream.codec_context
    if context.name in NAL_CODECS:
        return NalReader(context.name, context.extradata).parameters
    if context.name in _HEADS:
        return lambda data: data[_HEADS[context.name]]
    if context.name == "mpeg2video":
        return _mpeg2_sequence
    return None


def _mpeg2_sequence(data: bytes) -> bytes:
    at = data.find(_MPEG2_SEQUENCE)
    return data[at + 4 : at + 7] if at >= 0 else b""
