"""JPEG files that hold several pictures: MPO of stereo cameras, gain maps of phones.

CIPA DC-007 "Multi-Picture Format": a small TIFF in an APP2 segment lists the pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

_APP2, _SCAN, _END = 0xE2, 0xDA, 0xD9
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_ENTRIES = 0xB002
"""The tag of the list: 16 bytes for each picture, the first four say what it is."""
_TYPE, _THUMBNAIL, _VIEW = 0xFF0000, 0x010000, 0x020000
MOST_ENTRIES = 10_000


def pictures_in_jpeg(file: BinaryIO, *, of_one_scene: bool = False) -> int:
    """How many pictures a JPEG file has, thumbnails not counted.

    Args:
        file: the file; it is read from its beginning.
        of_one_scene: count the views of panoramas and stereo cameras only, no gain maps and the
            like.
    """
    file.seek(0)
    for segment in _segments(file):
        if segment[:4] == b"MPF\0":
            kinds = _kinds(segment[4:])
            others = [kind for kind in kinds[1:] if kind != _THUMBNAIL]
            return 1 + sum(kind == _VIEW or not of_one_scene for kind in others)
    return 1


def _segments(file: BinaryIO) -> Iterator[bytes]:
    """The contents of the APP2 segments before the picture itself."""
    file.read(2)
    while (mark := file.read(2)) and len(mark) == 2 and mark[0] == 0xFF:
        if mark[1] == 0xFF:  # a byte of filling
            file.seek(-1, 1)
            continue
        if mark[1] in (_SCAN, _END):
            return
        if mark[1] in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(file.read(2), "big") - 2
        if length < 0:
            return
        if mark[1] == _APP2:
            yield file.read(length)
        else:
            file.seek(length, 1)


def _kinds(tiff: bytes) -> list[int]:
    """What each picture in the list is."""
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], order)

    first = number(4, 4)
    for n in range(number(first, 2)):
        at = first + 2 + 12 * n
        if number(at, 2) == _ENTRIES:
            count, where = number(at + 4, 4) // 16, number(at + 8, 4)
            held = max(0, min(count, MOST_ENTRIES, (len(tiff) - where) // 16))
            return [number(where + 16 * k, 4) & _TYPE for k in range(held)]
    return []
