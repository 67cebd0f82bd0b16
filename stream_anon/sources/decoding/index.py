"""Where in a file decoding may begin, and which frame comes out there."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stream_anon.sources.ranges import Bounds


class Packet(NamedTuple):
    """The fields that identify a packet."""

    pts: int
    size: int
    duration: int
    is_discard: bool
    """It is decoded, and its picture not shown."""


class Packets:
    """Every packet of a stream, in the order of decoding. Takes 25 bytes for each."""

    def __init__(self) -> None:
        """None yet."""
        self._pts, self._size, self._duration = array("q"), array("q"), array("q")
        self._discard = bytearray()

    def append(self, packet: Packet) -> None:
        self._pts.append(packet.pts)
        self._size.append(packet.size)
        self._duration.append(packet.duration)
        self._discard.append(packet.is_discard)

    def __len__(self) -> int:
        return len(self._pts)

    def __getitem__(self, number: int) -> Packet:
        return Packet(
            self._pts[number],
            self._size[number],
            self._duration[number],
            bool(self._discard[number]),
        )


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A place where decoding may begin."""

    frame: int
    """Index of its picture among all frames."""
    pts: int
    dts: int | None
    packet: int
    """Its number, 0 first, in the order of decoding."""
    position: int | None
    """Byte of the file; None where the container does not say."""


@dataclass(frozen=True, slots=True)
class KeyframeIndex:
    """The keyframes of one file.

    What decoding from the beginning would give can be predicted from it, without decoding: which
    frame comes out at a keyframe, and the pts of every frame. Where that is not certain, there is
    no keyframe in it, and `unusable` says why. Damage that only a decoder finds is not seen.
    """

    keyframes: tuple[Keyframe, ...] = ()
    unusable: str | None = None
    """Why decoding has to begin at the beginning."""
    shown: array[int] = field(default_factory=lambda: array("q"))
    """Pts of every frame."""
    packets: Packets = field(default_factory=Packets)
    one_size: bool = False
    """No picture can have another size than the first."""

    def entry(self, bounds: Bounds) -> Keyframe | None:
        """The last keyframe from which the first frame of a range can be decoded.

        None where it is to be decoded from the beginning.
        """
        if not self.keyframes:
            return None
        first = self.first_frame(bounds)
        # Whether the size changes at a keyframe is seen in the picture before it.
        latest = first if self.one_size else first - 1
        number = bisect_left(self.keyframes, latest + 1, key=lambda keyframe: keyframe.frame)
        found = self.keyframes[number - 1] if number else None
        return found if found and found.frame > 0 else None

    def first_frame(self, bounds: Bounds) -> int:
        """Index of the first frame of a range; the number of all where it is behind the end."""
        by_index = bounds.first_index or 0
        by_pts = 0 if bounds.first_pts is None else bisect_left(self.shown, bounds.first_pts)
        return min(max(by_index, by_pts), len(self.shown))

    def earlier(self, keyframe: Keyframe, count: int) -> Keyframe | None:
        """The one that is `count` keyframes earlier."""
        number = self.keyframes.index(keyframe) - count
        return self.keyframes[number] if number >= 0 else None
