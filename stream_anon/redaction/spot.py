"""Input of a method: one part on one plane of a frame, and everything around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.redaction.regions import on_plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane, Planes
    from stream_anon.core.parts import Part
    from stream_anon.redaction.regions import Region


class Coverage:
    """Where one frame is hidden, by all of its parts together; computed on first use only."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = regions
        self._masks: dict[float, NDArray[np.bool_]] = {}

    def on(self, shape: tuple[int, int], scale: float) -> NDArray[np.bool_]:
        """True on each pixel of a plane that a part or its soft edge touches; read-only.

        Args:
            shape: rows and columns of the plane.
            scale: plane pixels per frame pixel.
        """
        if scale not in self._masks:
            mask = np.zeros(shape, bool)
            for region in self._regions:
                if placed := on_plane(region, shape, scale):
                    rows, columns, opacity = placed
                    mask[rows, columns] |= opacity > 0
            mask.setflags(write=False)
            self._masks[scale] = mask
        return self._masks[scale]


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
    seed: int
    """Belongs to the track, from 0: the same for all of its frames and parts."""
    cell: float
    """Side of a cell, in pixels of this plane."""
    level: int
    """The colour asked for, on this plane."""
    coverage: Coverage

    @property
    def scale(self) -> float:
        """Pixels of this plane per frame pixel."""
        return 0.5 if self.which else 1.0

    @property
    def plane(self) -> Plane:
        return self.planes[self.which]

    @property
    def shown(self) -> Plane:
        """What lies there now. Reading it is reading what is to be hidden."""
        return self.plane[self.rows, self.columns]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """True on each pixel of the whole plane that any part of the frame hides."""
        height, width = self.plane.shape
        return self.coverage.on((height, width), self.scale)
