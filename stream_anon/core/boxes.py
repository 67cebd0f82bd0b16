"""Boxes of MOV and MP4, and elements of Matroska: what FFmpeg reads of them and does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST = 1 << 26
"""Bytes of a description that are read."""
MOST_BOXES = 100_000
"""Boxes or elements at the top of a file that are looked at."""


def top_boxes(file: BinaryIO, length: int) -> Iterator[tuple[bytes, int, int]]:
    """Names of the boxes at the top of a file, where their bodies begin, and their sizes."""
    at = 0
    for _ in range(MOST_BOXES):
        head = read_at(file, at, 16)
        size, header = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        size = size or length - at
        if len(head) < header or size < header:
            return
        yield head[4:8], at + header, min(size, length - at) - header
        at += size


def movie_box(path: Path) -> bytes:
    """The description of a MOV or MP4 file; empty without one."""
    with path.open("rb") as file:
        for name, at, size in top_boxes(file, path.stat().st_size):
            if name == b"moov":
                return read_at(file, at, min(size, MOST))
    return b""


def media_bytes(path: Path) -> int:
    """Bytes of sound and picture in a MOV or MP4 file; 0 in others."""
    with path.open("rb") as file:
        boxes = top_boxes(file, path.stat().st_size)
        return sum(size for name, _, size in boxes if name == b"mdat")


def read_at(file: BinaryIO, at: int, count: int) -> bytes:
    """Bytes from a place in a file, as many as there are."""
    file.seek(at)
    return file.read(max(0, count))


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and bodies of the boxes in a body, up to the first that is damaged."""
    at = 0
    while at + 8 <= len(data):
        size, header = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < header:
            return
        yield data[at + 4 : at + 8], data[at + header : at + size]
        at += size


def box(data: bytes, *path: bytes) -> bytes:
    """The body that a path of names leads to; empty where there is none."""
    for wanted in path:
        data = next((body for name, body in boxes(data) if name == wanted), b"")
    return data


def video_tracks(movie: bytes) -> Iterator[tuple[int, bytes]]:
    """The number and the sample table of each video track (ISO/IEC 14496-12)."""
    for name, track in boxes(movie):
        if name == b"trak" and box(track, b"mdia", b"hdlr")[8:12] == b"vide":
            header = box(track, b"tkhd")
            at = 20 if header[:1] == b"\1" else 12
            number = int.from_bytes(header[at : at + 4], "big")
            yield number, box(track, b"mdia", b"minf", b"stbl")


def listed_bytes(movie: bytes) -> int:
    """Bytes of all samples that a description lists, of every track."""
    total = 0
    for name, track in boxes(movie):
        sizes = box(track, b"mdia", b"minf", b"stbl", b"stsz") if name == b"trak" else b""
        each, count = (int.from_bytes(sizes[at : at + 4], "big") for at in (4, 8))
        if each:
            total += each * count
        else:
            entries = sizes[12 : 12 + 4 * count]
            total += int(np.frombuffer(entries[: len(entries) // 4 * 4], ">u4").sum(dtype=np.int64))
    return total


# -- Matroska ---------------------------------------------------------------------------------


def element_head(data: bytes, at: int) -> tuple[int, int, int | None] | None:
    """Name, length of the head and size of an element of EBML (RFC 8794); None where damaged.

    The size is None where the element does not say it.
    """
    first = data[at] if at < len(data) else 0
    name_width = 9 - first.bit_length()
    after = at + name_width
    if name_width > 4 or after >= len(data) or not data[after]:
        return None
    width = 9 - data[after].bit_length()
    size = int.from_bytes(data[after : after + width], "big") & ((1 << 7 * width) - 1)
    name = int.from_bytes(data[at:after], "big")
    return name, name_width + width, None if size == (1 << 7 * width) - 1 else size


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Names and bodies of the elements in a body, up to the first that is damaged."""
    at = 0
    while (head := element_head(data, at)) is not None:
        name, width, size = head
        end = len(data) if size is None else at + width + size
        yield name, data[at + width : end]
        at = end


def top_element(file: BinaryIO, outer: int, wanted: int) -> bytes:
    """The body of an element directly below a top one; empty where it cannot be found."""
    at, inside = 0, False
    for _ in range(MOST_BOXES):
        head = element_head(read_at(file, at, 16), 0)
        if head is None:
            return b""
        name, width, size = head
        if name == wanted and inside:
            return read_at(file, at + width, MOST if size is None else min(size, MOST))
        if name == outer and not inside:
            inside, at = True, at + width
        elif size is None:
            return b""
        else:
            at += width + size
    return b""
