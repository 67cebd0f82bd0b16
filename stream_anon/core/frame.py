"""Pictures on their way through stream_anon: one type for each stage they have reached.

`Frame` (raw) → `MaskedFrame` (raw, with what to hide) → `RedactedFrame` (safe to show). Sinks take
the last one only, and only the redactor can make it. Reprs show shapes, never pixels.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from fractions import Fraction
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]
    Planes = tuple[Plane, Plane, Plane]


NOMINAL_RATE = Fraction(25)
"""Frames per second where nobody knows."""


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
    """Metadata of a stream, known before its first frame. Pictures are 8-bit planar 4:2:0."""

    label: str
    """Display name: a file name, or an address without its credentials."""
    width: int
    """Pixels across, rotation applied."""
    height: int
    """Pixels down, rotation applied."""
    time_base: Fraction
    """Seconds per unit of `pts`."""
    rate: Fraction | None = None
    """Nominal frames per second; None where the container does not say."""
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
    zero: Fraction = Fraction(0)
    """The time at which the recording begins, in seconds: outputs count from there."""
    sound: bool = False
    """Sound comes along; of live streams only, where it was asked for."""

    @property
    def nominal_rate(self) -> Fraction:
        """Frames per second, `NOMINAL_RATE` where the container does not say."""
        return self.rate or NOMINAL_RATE

    @property
    def summary(self) -> str:
        """For the log, without credentials."""
        rate = f"{float(self.rate):.3g} frames/s" if self.rate else "unknown rate"
        size = f"{self.width}x{self.height}"
        return f"{self.label}: {size}, {rate}, about {self.frames} frames"

    def to_fields(self) -> dict[str, Any]:
        """As JSON can hold it, for a message to another process."""
        return {
            "label": self.label,
            "width": self.width,
            "height": self.height,
            "time_base": str(self.time_base),
            "rate": str(self.rate) if self.rate else None,
            "pixel_aspect": str(self.pixel_aspect),
            "color": astuple(self.color),
            "frames": self.frames,
            "live": self.live,
            "still": self.still,
            "converted_from": self.converted_from,
            "zero": str(self.zero),
            "sound": self.sound,
        }

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> StreamInfo:
        """The inverse of `to_fields`.

        Raises:
            KeyError, TypeError, ValueError, ArithmeticError: a field is missing or invalid.
        """
        full_range, *points = fields["color"]
        frames = fields["frames"]
        return cls(
            label=str(fields["label"]),
            width=index(fields["width"]),
            height=index(fields["height"]),
            time_base=Fraction(fields["time_base"]),
            rate=Fraction(fields["rate"]) if fields["rate"] else None,
            pixel_aspect=Fraction(fields["pixel_aspect"]),
            color=ColorTags(bool(full_range), *map(index, points)),
            frames=None if frames is None else index(frames),
            live=bool(fields["live"]),
            still=bool(fields["still"]),
            converted_from=fields["converted_from"],
            zero=Fraction(fields["zero"]),
            sound=bool(fields["sound"]),
        )


def plane_shapes(
    width: int, height: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Shapes (rows, columns) of the Y, U and V planes of a 4:2:0 picture; odd sizes round up."""
    chroma = ((height + 1) // 2, (width + 1) // 2)
    return (height, width), chroma, chroma


def check_planes(planes: Planes) -> None:
    if len(planes) != 3 or any(p.ndim != 2 or p.dtype != np.uint8 for p in planes):
        raise ValueError("a picture has three two-dimensional planes of uint8")
    height, width = planes[0].shape
    if tuple(p.shape for p in planes) != plane_shapes(width, height):
        raise ValueError(f"planes of shapes {[p.shape for p in planes]} are not 4:2:0")


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
        check_planes(self.planes)

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


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a picture stands in its stream; see `Frame`."""

    index: int
    pts: int
    time_base: Fraction
    duration: int | None = None
