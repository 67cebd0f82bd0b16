"""Pictures on their way through stream_anon: one type for each stage they have reached.

`Frame` (raw) → `MaskedFrame` (raw, with what to hide) → `RedactedFrame` (safe to show). Sinks take
the last one only, and only the redactor can make it. Reprs show shapes, never pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.parts import Part

    Plane = NDArray[np.uint8]
    Planes = tuple[Plane, Plane, Plane]


INSIDE = 64
"""Mask values from here on, of 0..255, are hidden fully: half-sure edges belong to the person."""


class Box(NamedTuple):
    """An upright rectangle in frame pixels; `x, y` is the top left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def size(self) -> float:
        """Geometric mean of the sides, in pixels."""
        return math.sqrt(self.area)

    def moved(self, dx: float, dy: float) -> Box:
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    def grown(self, dx: float, dy: float) -> Box:
        """The box with `dx` pixels more on the left and right and `dy` more above and below."""
        return Box(self.x - dx, self.y - dy, self.width + 2 * dx, self.height + 2 * dy)

    def union(self, other: Box) -> Box:
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Box(x, y, right - x, bottom - y)

    def overlap(self, other: Box) -> float:
        """Area shared by the two boxes, in square pixels."""
        w = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        h = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, w) * max(0.0, h)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        shared = self.overlap(other)
        return shared / (self.area + other.area - shared) if shared else 0.0


@dataclass(frozen=True, slots=True)
class ColorTags:
    """How a decoder's numbers become colours; ITU-T H.273 code points, 2 where unspecified."""

    full_range: bool = False
    """True for 0..255 luma (JPEG), False for 16..235 (MPEG)."""
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source knows of its video before the first frame. Pictures are 8-bit planar 4:2:0."""

    label: str
    """Name for people: a file name, or an address without its credentials."""
    width: int
    """Pixels across, rotation applied."""
    height: int
    """Pixels down, rotation applied."""
    time_base: Fraction
    """Seconds per unit of `pts`."""
    rate: Fraction | None = None
    """Nominal frames per second; None where the container does not tell."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of one pixel over its height, as shown."""
    color: ColorTags = ColorTags()
    frames: int | None = None
    """Expected number of frames, an estimate for progress; None where unknown."""
    live: bool = False
    still: bool = False
    """True for a picture file."""
    converted_from: str | None = None
    """Native pixel format where it was not 8-bit planar 4:2:0 and had to be converted."""


def plane_shapes(
    width: int, height: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Shapes (rows, columns) of the Y, U and V planes of a 4:2:0 picture; odd sizes round up."""
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return (height, width), chroma, chroma


def _check_planes(planes: Planes) -> None:
    if len(planes) != 3 or any(p.ndim != 2 or p.dtype != np.uint8 for p in planes):
        raise ValueError("a picture has three two-dimensional planes of uint8")
    height, width = planes[0].shape
    if tuple(p.shape for p in planes) != plane_shapes(width, height):
        raise ValueError(f"planes of shapes {[p.shape for p in planes]} are not 4:2:0")


def _check_apart(planes: Planes, raw: Planes | None) -> None:
    """Refuse any of `planes` that may lie in the memory of any of `raw`."""
    # Bounds are enough, and cheap: an array that only lies between the rows of a raw one is
    # refused too, and no redactor makes one.
    if raw and any(np.may_share_memory(new, old) for new in planes for old in raw):
        raise ValueError("a picture to show must not share memory with the raw one")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Frame:
    """One raw picture. It never leaves the process except through the redactor."""

    planes: Planes
    """Y (height, width), U and V (half of that, rounded up), uint8; read-only for everybody."""
    index: int
    """Position in the stream as decoded, 0 first."""
    pts: int
    """Presentation time in units of `time_base`."""
    time_base: Fraction
    duration: int | None = None
    """How long the frame is shown, in units of `time_base`; None where unknown."""
    captured_at: float = 0.0
    """`time.monotonic()` when the frame was read, in seconds."""
    corrupt: bool = False
    """The decoder reported damage here or since the last intact keyframe."""
    discontinuity: bool = False
    """Nothing known of earlier frames holds for this one."""

    def __post_init__(self) -> None:
        _check_planes(self.planes)

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.index, self.pts, self.time_base, self.duration)

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    def __repr__(self) -> str:
        flags = " corrupt" * self.corrupt + " discontinuity" * self.discontinuity
        return f"<Frame {self.index} pts={self.pts} {self.width}x{self.height}{flags}>"


class Unknown(Enum):
    """Why there is no mask for a frame. "Nobody here" is not among them: that is a mask."""

    CORRUPT = "damaged input"
    NOT_IN_TRACKS = "not covered by the tracks file"
    NOT_PARSED = "the parser has not answered yet"
    PARSER_FAILED = "the parser failed"
    LATE = "no mask in time"
    FAILED = "redaction failed"
    AWAY = "no picture from the source"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MaskedFrame:
    """A raw picture with the parts to hide, or with the reason why they are not known."""

    frame: Frame
    parts: tuple[Part, ...] | Unknown
    """Parts to hide, in frame pixels, motion and growth applied; `Unknown` hides it whole."""
    looked: bool = False
    """The parser looked at this very frame (a keyframe)."""
    age: int = 0
    """Frames between this one and the oldest sighting that its masks rest on."""

    def __repr__(self) -> str:
        what = self.parts.name if isinstance(self.parts, Unknown) else f"{len(self.parts)} parts"
        return f"<MaskedFrame {self.frame.index} {what}>"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a picture stands in its stream; see `Frame`."""

    index: int
    pts: int
    time_base: Fraction
    duration: int | None = None


class _RedactorKey:
    """Held by the redactor alone; see `RedactedFrame`."""


_REDACTOR_KEY = _RedactorKey()


@final
class RedactedFrame:
    """A picture that is safe to show. The redactor makes it, and nothing else can."""

    planes: Planes
    """Y, U and V after redaction, in memory of their own; read-only."""
    index: int
    pts: int
    time_base: Fraction
    duration: int | None
    parts_hidden: int
    """Regions hidden in this picture; 0 where it is hidden whole."""
    hidden_whole: Unknown | None
    """Why the picture is hidden whole; None where it is not."""

    __slots__ = ("duration", "hidden_whole", "index", "parts_hidden", "planes", "pts", "time_base")

    def __init__(
        self,
        key: _RedactorKey,
        *,
        planes: Planes,
        stamp: Stamp,
        raw: Planes | None,
        parts_hidden: int = 0,
        hidden_whole: Unknown | None = None,
    ) -> None:
        """Args: raw: what it was made of; None where no raw picture went into it."""
        if key is not _REDACTOR_KEY:
            raise TypeError("only the redactor can make a RedactedFrame")
        _check_planes(planes)
        _check_apart(planes, raw)
        for plane in planes:
            plane.setflags(write=False)
        set_once = super().__setattr__
        set_once("planes", planes)
        for name in ("index", "pts", "time_base", "duration"):
            set_once(name, getattr(stamp, name))
        set_once("parts_hidden", parts_hidden)
        set_once("hidden_whole", hidden_whole)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a RedactedFrame does not change: {name} cannot be set")

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    def __repr__(self) -> str:
        what = self.hidden_whole.value if self.hidden_whole else f"{self.parts_hidden} hidden"
        return f"<RedactedFrame {self.index} pts={self.pts} {self.width}x{self.height} {what}>"


@final
class DebugFrame:
    """What the preview of a debug run may show: outlines, or the raw picture under a banner.

    The redactor makes it, in debug mode only. No sink takes it; the preview's window does.
    """

    planes: Planes
    """Y, U and V in memory of their own; read-only."""

    __slots__ = ("planes",)

    def __init__(self, key: _RedactorKey, planes: Planes, *, raw: Planes | None) -> None:
        """Args: raw: what it was made of; None where no raw picture is in this process."""
        if key is not _REDACTOR_KEY:
            raise TypeError("only the redactor can make a DebugFrame")
        _check_planes(planes)
        _check_apart(planes, raw)
        for plane in planes:
            plane.setflags(write=False)
        super().__setattr__("planes", planes)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a DebugFrame does not change: {name} cannot be set")

    def __repr__(self) -> str:
        return f"<DebugFrame {self.planes[0].shape[1]}x{self.planes[0].shape[0]}>"
