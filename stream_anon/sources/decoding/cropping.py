"""What a container crops away: players do not show it, so it must not come out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from stream_anon.core.boxes import (
    box,
    boxes,
    elements,
    movie_box,
    top_element,
    video_tracks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream_anon.core.frame import Planes

_SEGMENT, _TRACKS = 0x18538067, 0x1654AE6B
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

    def scaled(self, size: tuple[int, int], to: tuple[int, int]) -> Crop:
        """The same share of a picture of another size, at least.

        Args:
            size: columns and rows that this one is for.
            to: those of the other picture.
        """
        if size == to:
            return self
        across, down = to[0] / size[0], to[1] / size[1]
        return Crop(
            ceil(self.left * across),
            ceil(self.top * down),
            ceil(self.right * across),
            ceil(self.bottom * down),
        )

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


def read_crop(path: Path, container: str, track: int, number: int) -> Crop:
    """What the container crops away of a video track.

    Matroska and WebM (`PixelCrop`), MOV and MP4 (`clap`).

    Args:
        path: of the file.
        container: FFmpeg's name of its format.
        track: number of the track in MOV and MP4.
        number: of the track among those with video, from 0, for Matroska.
    """
    if "matroska" in container:
        crops = _matroska_crops(path)
        return crops[number] if number < len(crops) else Crop()
    if "mov" in container.split(","):
        for found, table in video_tracks(movie_box(path)):
            if found == track:
                return _sample_crop(box(table, b"stsd")[8:])
    return Crop()


def _matroska_crops(path: Path) -> list[Crop]:
    """RFC 9559, 5.1.4: of each video track, in order."""
    with path.open("rb") as file:
        tracks = top_element(file, _SEGMENT, _TRACKS)
    return [_track_crop(video) for video in _videos(tracks)]


def _videos(tracks: bytes) -> Iterator[bytes]:
    for name, track in elements(tracks):
        if name == _TRACK:
            fields = dict(elements(track))
            if int.from_bytes(fields.get(_KIND, b""), "big") == 1:
                yield fields.get(_VIDEO, b"")


def _track_crop(video: bytes) -> Crop:
    sides = {
        _CROPS[name]: int.from_bytes(body, "big")
        for name, body in elements(video)
        if name in _CROPS
    }
    return Crop(**sides)


def _sample_crop(entries: bytes) -> Crop:
    """ISO/IEC 14496-12, 12.1.4: the most that any of the descriptions of the samples crops."""
    sides = [(0, 0, 0, 0)]
    for _, entry in boxes(entries):
        width, height = (int.from_bytes(entry[at : at + 2], "big") for at in (24, 26))
        crop = _aperture_crop(box(entry[_SAMPLE_ENTRY:], b"clap"), width, height)
        sides.append((crop.left, crop.top, crop.right, crop.bottom))
    return Crop(*map(max, zip(*sides, strict=True)))


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
