"""What a container crops away: players do not show it, so it must not come out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream_anon.core.frame import Planes

MOST = 1 << 26
"""Bytes of the description of a MOV or MP4 file that are read."""
MOST_OF_MATROSKA = 1 << 20
"""Bytes at the beginning of a Matroska file, in which its tracks are described."""
_EBML, _SEGMENT, _TRACKS, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0x1F43B675
_TRACK, _KIND, _VIDEO = 0xAE, 0x83, 0xE0
_CROPS = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}
_SAMPLE_ENTRY = 78
"""Bytes of a video's sample entry in MOV and MP4 before its boxes."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Columns and rows to leave out at each side of the coded picture."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """Columns and rows that are left of a picture."""
        across = _kept(width, self.left, self.right)
        down = _kept(height, self.top, self.bottom)
        return across.stop - across.start, down.stop - down.start

    def fits(self, width: int, height: int) -> bool:
        """Whether something is left of a picture of that size."""
        return self.left + self.right < width and self.top + self.bottom < height

    def applied(self, planes: Planes) -> Planes:
        """The rest of 4:2:0 planes; odd sides are rounded so that nothing cropped is left."""
        rows, columns = planes[0].shape
        across, down = _kept(columns, self.left, self.right), _kept(rows, self.top, self.bottom)
        half = tuple(slice(kept.start // 2, (kept.stop + 1) // 2) for kept in (down, across))
        y, u, v = planes
        return y[down, across], u[half], v[half]


def _kept(count: int, before: int, after: int) -> slice:
    """Whole chroma samples: each covers two columns or rows."""
    end = count - after
    return slice(before + before % 2, end - end % 2 if after else end)


def read_crop(path: Path, number: int) -> Crop:
    """What the container crops away of a video track.

    Matroska and WebM (`PixelCrop`), MOV and MP4 (`clap`).

    Args:
        path: of the file.
        number: of the track among those with video, from 0.
    """
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if int.from_bytes(head[:4], "big") == _EBML:
            crops = list(_matroska_crops(file.read(MOST_OF_MATROSKA)))
        elif head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat", b"free", b"skip"):
            crops = list(_mov_crops(file))
        else:
            return Crop()
    return crops[number] if number < len(crops) else Crop()


# -- Matroska ---------------------------------------------------------------------------------


def _matroska_crops(data: bytes) -> Iterator[Crop]:
    """RFC 9559, 5.1.4: of each video track, in order."""
    for name, body in _elements(data):
        if name == _SEGMENT:
            for inner, tracks in _elements(body):
                if inner == _CLUSTER:
                    return
                if inner == _TRACKS:
                    yield from map(_track_crop, _videos(tracks))
                    return


def _videos(tracks: bytes) -> Iterator[bytes]:
    for name, track in _elements(tracks):
        if name == _TRACK:
            fields = dict(_elements(track))
            if int.from_bytes(fields.get(_KIND, b""), "big") == 1:
                yield fields.get(_VIDEO, b"")


def _track_crop(video: bytes) -> Crop:
    sides = {
        _CROPS[name]: int.from_bytes(body, "big")
        for name, body in _elements(video)
        if name in _CROPS
    }
    return Crop(**sides)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Names and contents of the elements of EBML (RFC 8794), up to the first that is damaged."""
    at = 0
    while at < len(data):
        width = 9 - data[at].bit_length()
        name = int.from_bytes(data[at : at + width], "big")
        at += width
        if width > 4 or at >= len(data) or not data[at]:
            return
        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
        at += width
        end = len(data) if size == (1 << 7 * width) - 1 else at + size
        yield name, data[at:end]
        at = end


# -- MOV and MP4 ------------------------------------------------------------------------------


def _mov_crops(file: BinaryIO) -> Iterator[Crop]:
    """ISO/IEC 14496-12, 12.1.4: of each video track, in order."""
    movie = _top_box(file, b"moov")
    for name, track in _boxes(movie):
        media = _box(track, b"mdia") if name == b"trak" else b""
        if _box(media, b"hdlr")[8:12] != b"vide":
            continue
        described = _box(_box(_box(media, b"minf"), b"stbl"), b"stsd")[8:]
        entry = next((body for _, body in _boxes(described)), b"")
        width, height = (int.from_bytes(entry[at : at + 2], "big") for at in (24, 26))
        yield _aperture_crop(_box(entry[_SAMPLE_ENTRY:], b"clap"), width, height)


def _top_box(file: BinaryIO, wanted: bytes) -> bytes:
    at = 0
    while len(head := _read_at(file, at, 16)) >= 8:
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if name == wanted:
            return _read_at(file, at + 8, min(size - 8, MOST) if size else MOST)
        if size < 8:
            break
        at += size
    return b""


def _read_at(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(max(0, count))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _box(data: bytes, wanted: bytes) -> bytes:
    return next((body for name, body in _boxes(data) if name == wanted), b"")


def _aperture_crop(clap: bytes, width: int, height: int) -> Crop:
    """The clean aperture: size, and how far its centre is off the picture's, as fractions."""
    numbers = [int.from_bytes(clap[at : at + 4], "big", signed=True) for at in range(0, 32, 4)]
    if len(clap) < 32 or not all(numbers[1::2]):
        return Crop()
    columns, rows, right, down = (Fraction(numbers[at], numbers[at + 1]) for at in range(0, 8, 2))
    if not (0 < columns <= width and 0 < rows <= height):
        return Crop()
    left = max(Fraction(0), (width - columns) / 2 + right)
    top = max(Fraction(0), (height - rows) / 2 + down)
    return Crop(
        ceil(left),
        ceil(top),
        max(0, ceil(width - left - columns)),
        max(0, ceil(height - top - rows)),
    )
