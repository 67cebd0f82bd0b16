"""Input of a method: one part on one plane of a frame, and everything around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_anon.redaction.colors import color_levels
from stream_anon.redaction.regions import on_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from stream_anon.config import Redaction
    from stream_anon.core.frame import ColorTags, Plane, Planes
    from stream_anon.core.parts import Part
    from stream_anon.redaction.regions import Region

LUMA, CHROMA = 1.0, 0.5
"""Plane pixels per frame pixel."""


class Placed(NamedTuple):
    """Where a region lies on a plane."""

    rows: slice
    columns: slice
    opacity: NDArray[np.float32]
    """Over those rows and columns: 1 inside the part, falling to 0 across its soft edge."""
    clear: NDArray[np.float32]
    """1 less the opacity."""

    @classmethod
    def of(cls, region: Region, shape: tuple[int, int], scale: float) -> Placed | None:
        """On a plane of that shape; None where the region lies outside of it."""
        place = on_plane(region, shape, scale)
        return cls(*place, 1 - place[2]) if place else None


class Coverage:
    """Where one frame is hidden, by all of its parts together."""

    def __init__(self, regions: Sequence[Region], planes: Planes) -> None:
        self._shapes: dict[float, tuple[int, int]] = {}
        self._placed: dict[float, list[Placed | None]] = {}
        for scale, plane in ((LUMA, planes[0]), (CHROMA, planes[1])):
            self._shapes[scale] = shape = plane.shape[0], plane.shape[1]
            self._placed[scale] = [Placed.of(region, shape, scale) for region in regions]
        self._masks: dict[float, NDArray[np.bool_]] = {}

    def placed(self, part: int, scale: float) -> Placed | None:
        """Where the part of that number lies on a plane; None where it does not."""
        return self._placed[scale][part]

    def on(self, scale: float) -> NDArray[np.bool_]:
        """True on each pixel of a plane that a part or its soft edge touches; read-only."""
        if scale not in self._masks:
            self._masks[scale] = self._touched(scale)
            self._masks[scale].setflags(write=False)
        return self._masks[scale]

    def _touched(self, scale: float) -> NDArray[np.bool_]:
        mask = np.zeros(self._shapes[scale], bool)
        for place in filter(None, self._placed[scale]):
            mask[place.rows, place.columns] |= place.opacity > 0
        return mask

    @cached_property
    def on_pairs(self) -> NDArray[np.bool_]:
        """As on the chroma planes, and where the luma pixel on even rows and columns is touched."""
        mask = self._touched(CHROMA)
        for rows, columns, opacity, _ in filter(None, self._placed[LUMA]):
            y, x = rows.start & 1, columns.start & 1
            touched = opacity[y::2, x::2] > 0
            top, left = (rows.start + y) // 2, (columns.start + x) // 2
            mask[top : top + touched.shape[0], left : left + touched.shape[1]] |= touched
        mask.setflags(write=False)
        return mask

    def place(self, part: int) -> tuple[int, int, int, int]:
        """Top, bottom, left and right of a part on both kinds of planes, in pixels of chroma."""
        y, c = self._placed[LUMA][part], self._placed[CHROMA][part]
        found = [
            (p.rows.start // n, -(-p.rows.stop // n), p.columns.start // n, -(-p.columns.stop // n))
            for p, n in ((y, 2), (c, 1))
            if p is not None
        ]
        tops, bottoms, lefts, rights = zip(*found, strict=True)
        return min(tops), max(bottoms), min(lefts), max(rights)


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """One part on one plane. A method answers with pixels for `rows` and `columns`."""

    planes: Planes
    """Y, U and V of the whole frame, read-only. Parts drawn before this one are hidden in them
    already, those still to come are not: see `covered`."""
    which: int
    """The plane to draw on: 0 for Y, 1 for U, 2 for V."""
    rows: slice
    columns: slice
    opacity: NDArray[np.float32]
    """Over those rows and columns: 1 inside the part, falling to 0 across its soft edge."""
    part: Part
    number: int
    """Of the part within its frame, from 0."""
    seed: int
    """Belongs to the track, from 0: the same for all of its frames and parts."""
    cell: float
    """Side of a cell, in pixels of this plane."""
    settings: Redaction
    """How the part is to be hidden."""
    color: ColorTags
    """How the frame's numbers become colours."""
    coverage: Coverage
    shared: dict[str, Any]
    """What a method keeps from one plane of a part to its next; empty at the first."""
    track: Callable[[], dict[Any, Any]]
    """What a method keeps of this track from frame to frame."""
    secret: int
    """Noise is drawn from it; nobody else knows it."""

    @property
    def scale(self) -> float:
        """Pixels of this plane per frame pixel."""
        return CHROMA if self.which else LUMA

    @property
    def plane(self) -> Plane:
        return self.planes[self.which]

    def paint(self, color: str) -> int:
        """The level on this plane of a colour written #RRGGBB."""
        return color_levels(color, self.color)[self.which]

    @property
    def level(self) -> int:
        """The colour asked for, on this plane."""
        return self.paint(self.settings.color)

    @property
    def shown(self) -> Plane:
        """What lies there now. Reading it is reading what is to be hidden."""
        return self.plane[self.rows, self.columns]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """True on each pixel of the whole plane that any part of the frame hides."""
        return self.coverage.on(self.scale)
