"""Polygons as masks, and zones' masks as polygons again: to keep them in tracks files."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import INSIDE
from stream_anon.masking.zones import MOST_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Point = tuple[float, float]

DIGITS = 5
"""Of a share: far less than a sample."""
FINE = 8
"""Bits of fraction in OpenCV's coordinates."""
CACHED = 64
"""Masks that are kept; a zone has one for all frames."""


def grid_of(width: float, height: float) -> tuple[int, int]:
    """Rows and columns of a polygon's mask in a box of that size, in pixels; as zones have them."""
    step = max(1.0, max(width, height) / MOST_SAMPLES)
    return max(1, round(height / step)), max(1, round(width / step))


@lru_cache(maxsize=CACHED)
def polygon_mask(points: tuple[Point, ...], rows: int, columns: int) -> NDArray[np.uint8]:
    """The mask, 255 inside and 0 outside; what the outline touches is inside. Read-only.

    Args:
        points: corners in order, as shares of the mask's width and height.
        rows: of the mask.
        columns: of the mask.
    """
    mask = np.zeros((rows, columns), np.uint8)
    # OpenCV's samples have their middles at whole numbers.
    corners = np.array([(x * columns - 0.5, y * rows - 0.5) for x, y in points])
    cv2.fillPoly(mask, [np.rint(corners * (1 << FINE)).astype(np.int32)], [255], shift=FINE)
    mask.setflags(write=False)
    return mask


def polygon_of(mask: NDArray[np.uint8]) -> tuple[Point, ...] | None:
    """The polygon that makes this very mask; None where none does, as with two pieces or holes."""
    inside = (mask >= INSIDE).astype(np.uint8)
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if len(outlines) != 1 or len(outlines[0]) < 3:
        return None
    rows, columns = mask.shape
    points = tuple(
        (round((x + 0.5) / columns, DIGITS), round((y + 0.5) / rows, DIGITS))
        for x, y in outlines[0][:, 0].tolist()
    )
    same = np.array_equal(polygon_mask(points, rows, columns) >= INSIDE, inside)
    return points if same else None


def check_polygon(shape: str, points: Sequence[Point] | None) -> None:
    """Check that a polygon has corners, and nothing else has.

    Raises:
        ValueError: it is not so.
    """
    if shape == "polygon" and (points is None or len(points) < 3):
        raise ValueError("a polygon needs 3 corners or more: list them in points, or write box")
    if shape != "polygon" and points is not None:
        raise ValueError('points are for a polygon: write "shape": "polygon", or remove them')
