"""Whether the pictures that a packet of H.264 refers to have come, by their numbers."""

from __future__ import annotations

from dataclasses import dataclass

from stream_anon.sources.decoding.bitstream import NalReader, h264_type

_SLICES, _IDR, _SPS, _PPS = (1, 5), 5, 7, 8
_HIGH_PROFILES = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""Their sequence parameters say more about colour."""
_HEAD = 64
"""Bytes at the beginning of a slice that hold its number."""
_PARAMETERS = 512
"""Bytes at the beginning of parameters that hold everything that counts here."""
_LONGEST_CODE = 32
"""Bits of a number that are sane."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What the sequence parameters say about numbers."""

    bits: int
    has_planes: bool
    """Slices name the colour plane that they belong to."""
    may_skip: bool
    """Gaps between numbers are meant to be there."""


class FrameNumbers:
    """Counts reference pictures that are missing from a stream of H.264.

    Rec. ITU-T H.264, 7.4.3: `frame_num` grows by one after each reference picture, and begins again
    at each IDR picture. FFmpeg's decoder fills a gap with the picture before it and says nothing.
    """

    def __init__(self, extradata: bytes | None) -> None:
        """Args: extradata: of the stream."""
        self._reader = NalReader("h264", extradata)
        self._sequences: dict[int, _Sequence] = {}
        self._sequence_of: dict[int, int] = {}
        """Sequence parameters, by the picture parameters that name them."""
        self._last: int | None = None
        """Number of the last reference picture."""
        self.cannot_tell = False
        """Gaps between numbers are meant to be there: the stream has layers to leave out."""
        for unit in self._reader.parameter_sets(extradata):
            self._learn(unit)

    def missing_before(self, packet: bytes) -> int:
        """How many reference pictures should have come since the last one. For each, in order."""
        for unit in self._reader.units(packet):
            if h264_type(unit) in _SLICES:
                try:
                    return self._missing_before(unit)
                except (IndexError, KeyError):
                    self._last = None  # damaged, which others notice
                    return 0
            self._learn(unit)
        return 0

    def _missing_before(self, unit: bytes) -> int:
        bits = _Bits(unit[1:_HEAD])
        bits.number()  # of its first block
        bits.number()  # kind of slice
        sequence = self._sequences[self._sequence_of[bits.number()]]
        bits.read(2 * sequence.has_planes)
        number, last = bits.read(sequence.bits), self._last
        is_reference, most = unit[0] >> 5 & 3, 1 << sequence.bits
        if is_reference:
            self._last = number
        self.cannot_tell = sequence.may_skip
        if h264_type(unit) == _IDR or last is None or self.cannot_tell:
            return 0
        missing = (number - last) % most - 1
        if missing <= 0:
            return 0
        if not is_reference:
            self._last = (number - 1) % most
        return missing

    def _learn(self, unit: bytes) -> None:
        kind = h264_type(unit)
        if kind not in (_SPS, _PPS):
            return
        try:
            bits = _Bits(unit[1:_PARAMETERS])
            if kind == _PPS:
                picture = bits.number()
                self._sequence_of[picture] = bits.number()
            else:
                name, sequence = _read_sequence(bits)
                self._sequences[name] = sequence
        except IndexError:
            pass  # damaged, which others notice


def _read_sequence(bits: _Bits) -> tuple[int, _Sequence]:
    """The sequence parameters' own number, and what they say (7.3.2.1.1)."""
    profile = bits.read(8)
    bits.read(16)
    name, has_planes = bits.number(), False
    if profile in _HIGH_PROFILES:
        chroma = bits.number()
        has_planes = chroma == 3 and bool(bits.read(1))
        bits.number()
        bits.number()
        bits.read(1)
        if bits.read(1):
            _pass_over_scaling_lists(bits, 12 if chroma == 3 else 8)
    width = bits.number() + 4
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.read(1)
        bits.number()
        bits.number()
        for _ in range(min(bits.number(), 255)):
            bits.number()
    bits.number()
    return name, _Sequence(width, has_planes, may_skip=bool(bits.read(1)))


def _pass_over_scaling_lists(bits: _Bits, count: int) -> None:
    for which in range(count):
        if not bits.read(1):
            continue
        last = following = 8
        for _ in range(16 if which < 6 else 64):
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


class _Bits:
    """Reads the bits of a unit, one after the other.

    Every method raises IndexError behind the end.
    """

    def __init__(self, data: bytes) -> None:
        """Args: data: of the unit, with its escapes."""
        data = data.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, count: int) -> int:
        """The next `count` bits as a number."""
        if count > self._left:
            raise IndexError("no more bits")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """A number in Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > _LONGEST_CODE:
                raise IndexError("no number is so large")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """The same with a sign (9.1.1)."""
        number = self.number()
        return (number + 1) // 2 if number % 2 else -(number // 2)
