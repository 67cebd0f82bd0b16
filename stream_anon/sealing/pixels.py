"""Hidden pixels as bytes, compressed without loss, and back."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_anon.core.frame import plane_shapes
from stream_anon.errors import SealError
from stream_anon.sealing.owners import Owned, Patch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane, Planes

STRATEGY = zlib.Z_RLE
"""Of zlib: differences of neighbours repeat nothing, and looking for it would take longer."""
_HEAD = struct.Struct("<IIII")
"""Frame; bytes of the compressed rest; number of luma pixels, and of chroma samples."""
_PLACE = struct.Struct("<IIII")
"""Top, left, rows and columns of a patch."""


class Restored(NamedTuple):
    """What a seal has of one frame."""

    frame: int
    """Of the output, from 0."""
    patches: tuple[Patch, Patch]
    """Of luma, and of chroma."""
    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]
    """Y, U and V, row by row."""


_NOTHING = Patch(slice(0, 0), slice(0, 0), np.zeros((0, 0), bool))


def packed(frame: int, planes: Planes, owned: Owned) -> bytes:
    """The pixels of a frame that belong to the same owners."""
    luma, chroma = owned.luma or _NOTHING, owned.chroma or _NOTHING
    y = planes[0][luma.rows, luma.columns][luma.mask]
    u, v = (plane[chroma.rows, chroma.columns][chroma.mask] for plane in planes[1:])
    parts = [_place(luma), _place(chroma), *(_differences(pixels) for pixels in (y, u, v))]
    packer = zlib.compressobj(1, strategy=STRATEGY)
    data = packer.compress(b"".join(parts)) + packer.flush()
    return _HEAD.pack(frame, len(data), len(y), len(u)) + data


def _place(patch: Patch) -> bytes:
    rows, columns = patch.mask.shape
    place = _PLACE.pack(patch.rows.start, patch.columns.start, rows, columns)
    return place + np.packbits(patch.mask).tobytes()


def _differences(pixels: NDArray[np.uint8]) -> bytes:
    """Each as the distance from the one before: neighbours are alike, so it compresses better."""
    return np.diff(pixels, prepend=np.uint8(0)).tobytes()


def unpacked(data: bytes, width: int, height: int) -> Iterator[Restored]:
    """The frames in a chunk, in order.

    Args:
        data: what `packed` made, one after the other.
        width: of the picture.
        height: of the picture.

    Raises:
        SealError: it is not that.
    """
    view = memoryview(data)
    while view:
        try:
            frame, length, luma, chroma = _HEAD.unpack_from(view)
            rest = _unzipped(bytes(view[_HEAD.size : _HEAD.size + length]), width, height)
            yield _parsed(frame, rest, (luma, chroma), (width, height))
        except (struct.error, zlib.error, ValueError) as error:
            raise SealError("a part of it is invalid") from error
        view = view[_HEAD.size + length :]


def _unzipped(data: bytes, width: int, height: int) -> bytes:
    unzip = zlib.decompressobj()
    rest = unzip.decompress(data, 2 * (width + 8) * (height + 1) + 1024)
    if not unzip.eof or unzip.unused_data:
        raise ValueError("more than a picture")
    return rest


def _parsed(frame: int, rest: bytes, counts: tuple[int, int], size: tuple[int, int]) -> Restored:
    shapes = plane_shapes(*size)
    luma, at = _patch(rest, 0, shapes[0])
    chroma, at = _patch(rest, at, shapes[1])
    if (int(luma.mask.sum()), int(chroma.mask.sum())) != counts:
        raise ValueError("masks and pixels do not match")
    pixels: list[NDArray[np.uint8]] = []
    for count in (counts[0], counts[1], counts[1]):
        differences = np.frombuffer(rest, np.uint8, count, at)
        pixels.append(np.cumsum(differences, dtype=np.uint8))
        at += count
    if at != len(rest):
        raise ValueError("something else follows")
    return Restored(frame, (luma, chroma), (pixels[0], pixels[1], pixels[2]))


def _patch(rest: bytes, at: int, shape: tuple[int, int]) -> tuple[Patch, int]:
    """A patch, and where it ends."""
    top, left, rows, columns = _PLACE.unpack_from(rest, at)
    if top + rows > shape[0] or left + columns > shape[1]:
        raise ValueError("outside of the picture")
    at += _PLACE.size
    count = (rows * columns + 7) // 8
    bits = np.frombuffer(rest, np.uint8, count, at)
    mask = np.unpackbits(bits, count=rows * columns).astype(bool).reshape(rows, columns)
    return Patch(slice(top, top + rows), slice(left, left + columns), mask), at + count


def put_back(planes: tuple[Plane, Plane, Plane], restored: Restored) -> None:
    """Set the pixels in planes that may be written to, and that are not smaller."""
    luma, chroma = restored.patches
    patches = (luma, chroma, chroma)
    for plane, patch, pixels in zip(planes, patches, restored.pixels, strict=True):
        plane[patch.rows, patch.columns][patch.mask] = pixels
