"""Making planes smaller, fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane


def shrunk(plane: Plane, columns: int, rows: int) -> Plane:
    """The plane scaled down to a size, each pixel the mean of what it covers.

    Halving is many times faster than any other factor, so it goes first; an odd last row or column
    is left out by it. What is smaller than asked for is enlarged.
    """
    while plane.shape[0] >= 2 * rows and plane.shape[1] >= 2 * columns:
        even = plane[: plane.shape[0] & ~1, : plane.shape[1] & ~1]
        half = (even.shape[1] // 2, even.shape[0] // 2)
        plane = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), np.uint8)
    if plane.shape == (rows, columns):
        return np.ascontiguousarray(plane)  # optical flow wants no gaps between rows
    smaller = plane.shape[0] >= rows and plane.shape[1] >= columns
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (columns, rows), interpolation=how), np.uint8)
