"""What the items of a HEIF picture (HEIC, AVIF) are to each other; ISO/IEC 23008-12."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from stream_anon.sources.decoding.orientation import Orientation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer

BRANDS = ("avif", "avis", "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "miaf")
LARGEST_META = 16 << 20
"""Bytes of what describes a picture; that of a real one has a few thousand."""
CODED = (b"hvc1", b"av01", b"hev1", b"avc1", b"jpeg")
"""Kinds of items that a decoder reads."""
DERIVED = (b"grid", b"iovl", b"iden")
"""Kinds of items that are made of others."""
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


def is_heif(container: InputContainer) -> bool:
    """Whether the brand of a file is that of a picture, or of pictures."""
    return container.metadata.get("major_brand", "").strip() in BRANDS


def is_animated(container: InputContainer) -> bool:
    """Whether such a file holds a sequence of pictures."""
    return is_heif(container) and any(s.duration is not None for s in container.streams.video)


class Grid(NamedTuple):
    """A picture made of tiles, row by row."""

    rows: int
    columns: int
    width: int
    """Of the whole picture: tiles may reach beyond it."""
    height: int


@dataclass
class Heif:
    """The items of a file by their numbers."""

    primary: int = 0
    """The one to show."""
    kinds: dict[int, bytes] = field(default_factory=dict)
    grids: dict[int, Grid] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    """What a derived item is made of."""
    properties: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    auxiliary: list[tuple[int, int]] = field(default_factory=list)
    """An item, and the one that it belongs to."""
    thumbnails: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, file: BinaryIO) -> Heif | None:
        """Read what describes the picture; None where there is nothing.

        Raises:
            ValueError, IndexError: it is damaged.
        """
        meta = _meta_of(file)
        if meta is None:
            return None
        inner = dict(_boxes(meta, 4))
        heif, idat = cls(), inner.get(b"idat", b"")
        heif.primary = _number(inner[b"pitm"], 4, _wide(inner[b"pitm"])) if b"pitm" in inner else 0
        heif._read_kinds(inner.get(b"iinf", b""))
        heif._read_references(inner.get(b"iref", b""))
        heif._read_properties(inner.get(b"iprp", b""))
        for item, data in _located(inner.get(b"iloc", b""), idat, file, heif.kinds):
            heif.grids[item] = _grid(data)
        return heif

    def alpha_of(self, item: int) -> int | None:
        """The item with the transparency of another one."""
        for one, other in self.auxiliary:
            kinds = [data[4:].split(b"\0")[0] for name, data in self._of(one) if name == b"auxC"]
            if other == item and any(kind in _ALPHA for kind in kinds):
                return one
        return None

    @property
    def pictures(self) -> int:
        """How many pictures there are to look at, pieces and small copies not counted."""
        pieces = {part for parts in self.parts.values() for part in parts}
        pieces |= {one for one, _ in self.auxiliary} | self.thumbnails
        shown = [n for n, kind in self.kinds.items() if kind in CODED or kind in DERIVED]
        return len(set(shown) - pieces)

    def orientation_of(self, item: int) -> Orientation:
        """How an item is to be turned, and then mirrored."""
        turned = Orientation()
        for name, data in self._of(item):
            if name == b"irot":
                quarters = data[0] & 3
                turned = Orientation(quarters % 2 == 1, quarters in (2, 3), quarters in (1, 2))
            if name == b"imir":
                across = data[0] & 1 == 1
                turned = Orientation(
                    turned.transposed,
                    turned.mirrored_across ^ across,
                    turned.mirrored_down ^ (not across),
                )
        return turned

    def _of(self, item: int) -> list[tuple[bytes, bytes]]:
        return self.properties.get(item, [])

    def _read_kinds(self, iinf: bytes) -> None:
        for name, entry in _boxes(iinf, 4 + (4 if _wide(iinf) > 2 else 2)):
            if name == b"infe" and entry[0] >= 2:
                width = 2 if entry[0] == 2 else 4
                self.kinds[_number(entry, 4, width)] = entry[6 + width : 10 + width]

    def _read_references(self, iref: bytes) -> None:
        width = _wide(iref)
        for name, data in _boxes(iref, 4):
            item, count = _number(data, 0, width), _number(data, width, 2)
            others = [_number(data, width + 2 + width * n, width) for n in range(count)]
            if name == b"dimg":
                self.parts[item] = others
            if name == b"thmb":
                self.thumbnails.add(item)
            if name == b"auxl":
                self.auxiliary += [(item, other) for other in others]

    def _read_properties(self, iprp: bytes) -> None:
        inner = list(_boxes(iprp, 0))
        known = [box for name, data in inner if name == b"ipco" for box in _boxes(data, 0)]
        for name, data in inner:
            if name != b"ipma":
                continue
            at, width, size = 8, 2 if data[0] < 1 else 4, 2 if data[3] & 1 else 1
            for _ in range(_number(data, 4, 4)):
                item, count = _number(data, at, width), data[at + width]
                at += width + 1
                for _ in range(count):
                    index = _number(data, at, size) & (0x7FFF if size == 2 else 0x7F)
                    at += size
                    if index:
                        self.properties.setdefault(item, []).append(known[index - 1])


def _number(data: bytes, at: int, width: int) -> int:
    if at + width > len(data):
        raise ValueError("a box ends too early")
    return int.from_bytes(data[at : at + width], "big")


def _wide(box: bytes) -> int:
    """Bytes of an item's number in most boxes: two in version 0, four in later ones."""
    return 4 if box[:1] not in (b"", b"\0") else 2


def _boxes(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        size, start = _number(data, at, 4), at + 8
        if size == 1:
            size, start = _number(data, at + 8, 8), at + 16
        end = at + size if size else len(data)
        if end < start or end > len(data):
            raise ValueError("a box ends too late")
        yield data[at + 4 : at + 8], data[start:end]
        at = end


def _meta_of(file: BinaryIO) -> bytes | None:
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return None
        size, start = _number(head, 0, 4), 8
        if size == 1:
            size, start = _number(head, 8, 8), 16
        if head[4:8] == b"meta":
            if size > LARGEST_META:
                raise ValueError("the description is too long")
            file.seek(at + start)
            return file.read(max(size - start, 0))
        if size < start:
            return None
        at += size


def _located(
    iloc: bytes, idat: bytes, file: BinaryIO, kinds: dict[int, bytes]
) -> Iterator[tuple[int, bytes]]:
    """The data of grids: where their tiles go."""
    if not iloc:
        return
    version, sizes = iloc[0], _number(iloc, 4, 2)
    offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    width = 4 if version == 2 else 2
    count, at = _number(iloc, 6, width), 6 + width
    for _ in range(count):
        item, at = _number(iloc, at, width), at + width
        method = _number(iloc, at, 2) & 15 if version else 0
        at += (2 if version else 0) + 2
        start, at = _number(iloc, at, base), at + base
        extents, at = _number(iloc, at, 2), at + 2
        data = b""
        for _ in range(extents):
            at += index if version else 0
            place = start + _number(iloc, at, offset)
            size, at = _number(iloc, at + offset, length), at + offset + length
            if kinds.get(item) == b"grid" and len(data) < 64:
                if method == 0:
                    file.seek(place)
                data += idat[place : place + size] if method else file.read(min(size, 64))
        if kinds.get(item) == b"grid":
            yield item, data


def _grid(data: bytes) -> Grid:
    width = 4 if data[1] & 1 else 2
    return Grid(data[2] + 1, data[3] + 1, _number(data, 4, width), _number(data, 4 + width, width))
