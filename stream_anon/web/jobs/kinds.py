"""What an uploaded file is, by how it begins; its name says nothing."""

from __future__ import annotations

from typing import NamedTuple

HEAD = 512
"""Bytes to look at."""
PHOTO, VIDEO = "photo", "video"


class Kind(NamedTuple):
    """What it is, and what becomes of it."""

    kind: str
    """`photo` or `video`."""
    output: str
    """Ending of the result, which selects its format."""


_MP4 = Kind(VIDEO, ".mp4")
_BEGINNINGS: tuple[tuple[int, bytes, Kind], ...] = (
    (0, b"\xff\xd8\xff", Kind(PHOTO, ".jpg")),
    (0, b"\x89PNG\r\n\x1a\n", Kind(PHOTO, ".png")),
    (0, b"II*\0", Kind(PHOTO, ".png")),
    (0, b"MM\0*", Kind(PHOTO, ".png")),
    (0, b"BM", Kind(PHOTO, ".png")),
    (0, b"\xff\x0a", Kind(PHOTO, ".png")),  # JPEG XL
    (4, b"JXL \r\n\x87\n", Kind(PHOTO, ".png")),
    (4, b"jP  \r\n\x87\n", Kind(PHOTO, ".png")),  # JPEG 2000
    (0, b"GIF8", Kind(VIDEO, ".gif")),
    (0, b"\x1a\x45\xdf\xa3", _MP4),  # Matroska and WebM
    (0, b"FLV\1", _MP4),
    (0, b"0&\xb2u\x8ef\xcf\x11", _MP4),  # ASF
    (0, b"\0\0\1\xba", _MP4),  # MPEG program stream
    (0, b"\0\0\1\xb3", _MP4),
    (0, b"\0\0\0\1", _MP4),  # H.264 and H.265 without a container
    (0, b"\0\0\1", _MP4),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01", _MP4),  # MXF
    (0, b"YUV4MPEG2 ", _MP4),
    (0, b"DKIF", _MP4),
    (0, b"OggS", _MP4),
    (0, b"nut/multimedia container\0", _MP4),
)
_STILL_BRANDS = {b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1"}
_MOVIE_BOXES = {b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
TS_PACKETS = (188, 192, 204)


def kind_of(head: bytes) -> Kind | None:
    """What a file is that begins like this; None for what is neither a photo nor a video.

    Args:
        head: its first `HEAD` bytes, or all of it.
    """
    if head[4:8] == b"ftyp":
        return Kind(PHOTO, ".png") if head[8:12] in _STILL_BRANDS else _MP4
    if head[:4] == b"RIFF":
        return {b"AVI ": _MP4, b"WEBP": Kind(PHOTO, ".webp")}.get(head[8:12])
    for at, beginning, kind in _BEGINNINGS:
        if head[at : at + len(beginning)] == beginning:
            return kind
    if head[4:8] in _MOVIE_BOXES or _is_transport_stream(head):
        return _MP4
    return None


def _is_transport_stream(head: bytes) -> bool:
    return any(
        head[offset : offset + 1] == head[offset + size : offset + size + 1] == b"\x47"
        for size, offset in zip(TS_PACKETS, (0, 4, 0), strict=True)
    )
