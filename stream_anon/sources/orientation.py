"""How a picture has to be turned and mirrored to be seen as a player shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
from av.sidedata.sidedata import Type

if TYPE_CHECKING:
    import av

    from stream_anon.frame import Plane


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a rectangle: first transposed, then mirrored."""

    transposed: bool = False
    """Rows become columns."""
    mirrored_across: bool = False
    """Left and right change places."""
    mirrored_down: bool = False
    """Top and bottom change places."""

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Orientation:
        """What the picture's display matrix asks for, to the nearest quarter turn.

        FFmpeg's matrix takes the point (p, q) of the coded picture, q downwards, to
        (a p + c q, b p + d q) on the screen; it is stored as a, b, u, c, d, v, x, y, w.
        """
        try:
            data = picture.side_data[Type.DISPLAYMATRIX]
        except KeyError:
            return cls()
        a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(bytes(data), np.int32))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(mirrored_across=a < 0, mirrored_down=d < 0)
        return cls(transposed=True, mirrored_across=c < 0, mirrored_down=b < 0)

    def upright(self, plane: Plane) -> Plane:
        """The plane as a player shows it; the same memory where nothing is to be done."""
        if self.transposed:
            plane = cast("Plane", cv2.transpose(plane))
        if self.mirrored_across or self.mirrored_down:
            both = self.mirrored_across and self.mirrored_down
            plane = cast("Plane", cv2.flip(plane, -1 if both else int(self.mirrored_across)))
        plane.setflags(write=False)
        return plane
