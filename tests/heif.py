"""HEIF pictures of known content, put together box by box: tiles, transparency, turns."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av

from tests.media import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.patterns import Rgb

ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


def box(kind: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return struct.pack(">I", len(payload) + 8) + kind + payload


def full(kind: bytes, version: int, *parts: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@dataclass
class Item:
    """One item of the file."""

    kind: bytes
    data: bytes
    properties: list[bytes]
    references: dict[bytes, list[int]] = field(default_factory=dict)


def coded(rgb: Rgb, folder: Path, *more: bytes) -> Item:
    """A picture in HEVC."""
    height, width, _ = rgb.shape
    made = write(
        folder / "piece.mp4", codec="libx265", frames=1, size=(width, height), pictures=[rgb],
        full_range=True, options={"x265-params": "log-level=error:bframes=0"},
        container_options={"movflags": "+faststart"},
    )  # fmt: skip
    data = made.read_bytes()
    at = data.index(b"hvcC") - 4
    config = data[at : at + int.from_bytes(data[at : at + 4], "big")]
    with av.open(str(made)) as file:
        sample = b"".join(bytes(packet) for packet in file.demux(video=0))
    return Item(b"hvc1", sample, [config, size(width, height), *more])


def size(width: int, height: int) -> bytes:
    return full(b"ispe", 0, struct.pack(">II", width, height))


def turn(quarters: int) -> bytes:
    """By so many quarters, counter-clockwise."""
    return box(b"irot", bytes([quarters]))


def grid(rows: int, columns: int, width: int, height: int, tiles: list[int], *more: bytes) -> Item:
    """A picture of tiles, which are items by their numbers."""
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return Item(b"grid", data, [size(width, height), *more], {b"dimg": tiles})


def heif(path: Path, items: list[Item], primary: int, brand: bytes = b"heic") -> Path:
    """Write the items, which are numbered from 1 on; data of grids stands in the description."""
    known: list[bytes] = []
    described = idat = b""
    for number, item in enumerate(items, 1):
        indices = b""
        for one in item.properties:
            known.append(one)
            indices += bytes([len(known)])
        described += struct.pack(">HB", number, len(item.properties)) + indices
    head = box(b"ftyp", brand, bytes(4), brand, b"mif1")

    def meta(first: int) -> bytes:
        nonlocal idat
        places, at, idat = b"", first, b""
        for number, item in enumerate(items, 1):
            inside = item.kind == b"grid"
            place = len(idat) if inside else at
            places += struct.pack(">HHHHII", number, inside, 0, 1, place, len(item.data))
            if inside:
                idat += item.data
            else:
                at += len(item.data)
        entries = b"".join(
            full(b"infe", 2, struct.pack(">HH", number, 0), item.kind, b"\0")
            for number, item in enumerate(items, 1)
        )
        references = b"".join(
            box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
            for number, item in enumerate(items, 1)
            for kind, to in item.references.items()
        )
        return full(
            b"meta", 0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", primary)),
            full(b"iloc", 1, struct.pack(">HH", 0x4400, len(items)), places),
            full(b"iinf", 0, struct.pack(">H", len(items)), entries),
            full(b"iref", 0, references) if references else b"",
            box(
                b"iprp", box(b"ipco", *known),
                full(b"ipma", 0, struct.pack(">I", len(items)), described),
            ),
            box(b"idat", idat),
        )  # fmt: skip

    first = len(head) + len(meta(0)) + 8
    data = b"".join(item.data for item in items if item.kind != b"grid")
    path.write_bytes(head + meta(first) + box(b"mdat", data))
    return path
