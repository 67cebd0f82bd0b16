"""Picture files that hold more than one picture, or that are stored in pieces."""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from stream_anon.core.demuxers import open_bytes
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.assembly import assembled
from stream_anon.sources.decoding.heif import Heif, is_animated, is_heif
from stream_anon.sources.decoding.jpeg import pictures_in_jpeg
from stream_anon.sources.decoding.opening import open_input

if TYPE_CHECKING:
    from pathlib import Path

    import av
    from av.container import InputContainer

MOST_PAGES = 10_000
_SUBFILE, _REDUCED = 254, 1
"""The tag of TIFF that says what a page is, and its bit for a small copy of another."""
_COMPRESSION, _JPEG = 259, (6, 7)
_COLORS, _SENSOR = 262, 32803
"""Raw pictures of cameras are the one kind of JPEG in TIFF that FFmpeg decodes."""


class Still(NamedTuple):
    """What is special about a picture file."""

    picture: av.VideoFrame | None = None
    """The whole picture, upright, where FFmpeg gives pieces of it only."""
    pictures: int = 1

    @property
    def notes(self) -> list[str]:
        """A note on the pictures that are not redacted, where there are any."""
        if self.pictures < 2:
            return []
        return [f"the file has {self.pictures} pictures: only one of them is in the output"]


def still_of(container: InputContainer, path: Path) -> Still:
    """Look at a picture file; nothing is read of others.

    Raises:
        SourceError: it is damaged, animated or made in a way that is not supported.
    """
    format_ = container.format.name
    if is_heif(container):
        with path.open("rb") as file, closing(open_input(path)) as again:
            picture = assembled(again, file, path.name)
            return Still(picture, 1 if is_animated(container) else pictures_in_heif(file))
    if format_ in ("image2", "jpeg_pipe") and container.streams.video[0].codec.name == "mjpeg":
        with path.open("rb") as file:
            return Still(pictures=pictures_in_jpeg(file))
    if format_ in ("tiff_pipe", "webp_pipe"):
        with path.open("rb") as file:
            if format_ == "tiff_pipe":
                return Still(pictures=pages_in_tiff(file, path.name))
            check_webp(file.read(32), path.name)
    return Still()


def pictures_in_heif(file: BinaryIO) -> int:
    """How many pictures a HEIF file shows."""
    heif = Heif.read(file)
    return heif.pictures if heif else 1


def check_webp(head: bytes, name: str) -> None:
    """Refuse animated WebP, given the first bytes of the file.

    Raises:
        SourceError: it is.
    """
    if head[12:16] == b"VP8X" and len(head) > 20 and head[20] & 2:
        raise SourceError(
            f"{name} is an animated WebP, which this FFmpeg cannot decode: convert it to APNG, GIF "
            "or a video first"
        )


def pages_in_tiff(file: BinaryIO, name: str) -> int:
    """How many pages a TIFF file has, small copies of others not counted.

    Raises:
        SourceError: FFmpeg would show something else.
    """
    file.seek(0)
    head = file.read(8)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    at, seen, pages = int.from_bytes(head[4:8], order), set[int](), 0
    while at and at not in seen and len(seen) < MOST_PAGES:
        seen.add(at)
        file.seek(at)
        entries = file.read(12 * int.from_bytes(file.read(2), order))
        # A short number stands in the first two of its four bytes.
        values = {
            int.from_bytes(entries[n : n + 2], order): int.from_bytes(
                entries[n + 8 : n + (10 if entries[n + 2 : n + 4].strip(b"\0") == b"\3" else 12)],
                order,
            )
            for n in range(0, len(entries) - 11, 12)
        }
        if values.get(_COMPRESSION) in _JPEG and values.get(_COLORS) != _SENSOR:
            raise SourceError(
                f"{name} is a TIFF with JPEG inside, which this FFmpeg cannot decode: convert it "
                "to another format first"
            )
        pages += bool(values) and not values.get(_SUBFILE, 0) & _REDUCED
        at = int.from_bytes(file.read(4), order)
    return max(pages, 1)


def check_single(data: bytes, most_pixels: int | None = None) -> av.VideoFrame | None:
    """The whole picture in `data` where it is stored in pieces; None where FFmpeg gives it.

    Args:
        data: a whole file.
        most_pixels: that opening it may allocate for; None for any number.

    Raises:
        SourceError: there are several pictures, or one that FFmpeg does not read right.
    """
    name, file, pictures = "the picture", io.BytesIO(data), 1
    if data[4:8] == b"ftyp":
        with open_bytes(data, "mov", most_pixels) as container:
            if is_animated(container):
                pictures = 2
            else:
                whole = assembled(container, file, name)
                pictures = pictures_in_heif(file)
                if pictures == 1:
                    return whole
    if data[:2] == b"\xff\xd8":
        pictures = pictures_in_jpeg(file, of_one_scene=True)
    if data[:2] in (b"II", b"MM"):
        pictures = pages_in_tiff(file, name)
    check_webp(data[:32], name)
    is_apng = data[:4] == b"\x89PNG" and b"acTL" in data[: max(data.find(b"IDAT"), 0)]
    if pictures > 1 or is_apng:
        raise SourceError("the file holds several pictures: give them one by one")
    return None
