"""Parsing of packets without decoding them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE_PICTURE_EACH = frozenset(
    {
        "av1", "dnxhd", "ffv1", "h264", "hevc", "libdav1d", "mjpeg", "mpeg1video", "mpeg2video",
        "png", "prores", "rawvideo", "vp8", "vp9",
    }
)  # fmt: skip
"""Decoders that show one picture for each packet which shows any, and that begin afresh at what
they themselves call a keyframe."""
NAL_CODECS = ("h264", "hevc")
_START_CODE = b"\0\0\1"
_ESCAPE, _ESCAPED = b"\0\0\3", b"\0\0"
_H264_IDR, _H264_SEI, _H264_SPS = 5, 6, 7
_HEVC_RANDOM_ACCESS, _HEVC_SPS = range(16, 22), 33
_RECOVERY_POINT = 6
_AT_ONCE_AND_EXACT = 0xC0
"""First bits of a recovery point: after no frame at all, and to the last bit."""


class NalReader:
    """Reads the units that a packet of H.264 or HEVC is made of."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        """Args:
        codec: FFmpeg's name.
        extradata: of the stream; says how the units are separated.
        """
        self._is_hevc = codec == "hevc"
        at = 21 if self._is_hevc else 4
        boxed = extradata is not None and len(extradata) > at and extradata[0] == 1
        self._length_size = (extradata[at] & 3) + 1 if extradata and boxed else 0

    def is_entry(self, packet: bytes) -> bool:
        """Everything shown after this keyframe can be decoded from here on.

        Keyframes of an open GOP count: only what is shown before them needs the GOP before. Those
        of a gradual refresh do not.
        """
        if self._is_hevc:
            return any(_hevc_type(unit) in _HEVC_RANDOM_ACCESS for unit in self.units(packet))
        return any(
            h264_type(unit) == _H264_IDR
            or (h264_type(unit) == _H264_SEI and _recovers_at_once(unit))
            for unit in self.units(packet)
        )

    def parameters(self, packet: bytes) -> bytes:
        """The sequence parameters in it, such as the size of the picture; may be empty."""
        kind_of, wanted = (_hevc_type, _HEVC_SPS) if self._is_hevc else (h264_type, _H264_SPS)
        return b"".join(unit for unit in self.units(packet) if kind_of(unit) == wanted)

    def parameter_sets(self, extradata: bytes | None) -> Iterator[bytes]:
        """The units in the extradata of a stream of H.264."""
        if not self._length_size:
            yield from _between_start_codes(extradata or b"")
            return
        data, at = extradata or b"", 5
        for mask in (31, 255):  # of sequences, of pictures
            count, at = data[at] & mask if at < len(data) else 0, at + 1
            for _ in range(count):
                length = int.from_bytes(data[at : at + 2], "big")
                yield data[at + 2 : at + 2 + length]
                at += 2 + length

    def units(self, packet: bytes) -> Iterator[bytes]:
        """The units in a packet, without start codes or lengths."""
        if not self._length_size:
            yield from _between_start_codes(packet)
            return
        at, width = 0, self._length_size
        while at + width < len(packet):
            length = int.from_bytes(packet[at : at + width], "big")
            yield packet[at + width : at + width + length]
            at += width + length


def _between_start_codes(packet: bytes) -> Iterator[bytes]:
    at = packet.find(_START_CODE)
    while at >= 0:
        end = packet.find(_START_CODE, at + 3)
        yield packet[at + 3 : end if end >= 0 else len(packet)].rstrip(b"\0")
        at = end


def h264_type(unit: bytes) -> int:
    """What a unit holds; -1 for an empty one."""
    return unit[0] & 31 if unit else -1


def _hevc_type(unit: bytes) -> int:
    return unit[0] >> 1 & 63 if unit else -1


def _recovers_at_once(sei: bytes) -> bool:
    """The unit of extra information holds a recovery point without any delay."""
    data = sei[1:].replace(_ESCAPE, _ESCAPED)
    at = 0
    while at + 2 < len(data):
        kind, at = _number(data, at)
        size, at = _number(data, at)
        if kind == _RECOVERY_POINT and at < len(data):
            return data[at] & _AT_ONCE_AND_EXACT == _AT_ONCE_AND_EXACT
        at += size
    return False


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of any size, and where it ends."""
    value = 0
    while at < len(data) and data[at] == 255:
        value, at = value + 255, at + 1
    return value + (data[at] if at < len(data) else 0), at + 1


def shows_nothing(codec: str, packet: bytes) -> bool:
    """The packet holds a picture that only others refer to, as VP8 and VP9 have them."""
    if codec == "vp8":
        return not packet[0] >> 4 & 1
    if codec != "vp9" or packet[-1] & 0xE0 == 0xC0:  # several pictures, the last one shown
        return False
    profile = (packet[0] >> 5 & 1) | (packet[0] >> 4 & 1) << 1
    bits = packet[0] << 8 | (packet[1] if len(packet) > 1 else 0)
    at = 11 if profile < 3 else 10  # below the marker and the profile
    if bits >> at & 1:  # shows a picture that is there already
        return False
    return not bits >> (at - 2) & 1
