"""Boxes, and parts of people with their masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Part:
    """One body part of one person, as seen in one frame."""

    label: str
    """Stable name, one of `stream_anon.detectors.labels.LABELS`, or that of a zone."""
    box: Box
    """Where the part is, in frame pixels; it may reach over the frame's edge."""
    mask: NDArray[np.uint8]
    """How much each spot of `box` belongs to the part, 0..255; any size, stretched over the box."""
    score: float
    """The parser's confidence, 0..1."""
    person: int
    """Parts with the same number belong together; numbers hold within one answer, or one track."""
    spread: float = 0.0
    """Frame pixels around the mask that belong to it too: doubt about where the part is by now."""
    roll: float = 0.0
    """Degrees by which a face leans to its left in the picture, clockwise; 0 where not known."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (*self.box, self.score, self.spread, self.roll)):
            raise ValueError(f"part {self.label!r} has a box or a score that is not a number")
        if self.box.width <= 0 or self.box.height <= 0:
            raise ValueError(f"part {self.label!r} has an empty box")
        if self.mask.ndim != 2 or self.mask.dtype != np.uint8 or self.mask.size == 0:
            raise ValueError(f"part {self.label!r} needs a two-dimensional mask of uint8")

    def __repr__(self) -> str:
        box = ", ".join(f"{v:.0f}" for v in self.box)
        return f"<Part {self.label} person={self.person} box=({box}) score={self.score:.2f}>"
