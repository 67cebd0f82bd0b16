"""Measures what a redacted picture still shows of a face whose place is known.

It looks at pixels only and knows nothing of how they were hidden, so it can judge any tool. A face
counts as leaked where its features (eyes, nose, mouth) stand in the same places as before with much
of their contrast, over more than a quarter of the face.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

Luma = NDArray[np.uint8]
Detail = NDArray[np.float32]
Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

GRID = 6
"""Cells along each side of a face's box."""
MIN_FACE = 18
"""Faces with a shorter side, in pixels, have too few pixels in a cell to compare anything."""
MIN_CELL = 0.25
"""Cells with less than this share inside the face's oval are left out."""
SAME_SHAPE = 0.6
"""Correlation above which a cell shows what it showed before."""
SAME_CONTRAST = 0.35
"""Share of the original contrast above which that can be seen."""
FLAT = 0.8
"""Cells whose detail has a smaller standard deviation, in grey levels, showed nothing before."""
LEAK = 0.25
"""Share of readable cells above which a face leaks."""
ROOM = 0.6
"""Share of a face's box on each side, for hair and ears, whose change is not collateral damage."""
CHANGED = 14
"""Mean difference in grey levels, over 9x9 pixels, above which a place counts as changed."""


def readable_share(original: Luma, redacted: Luma, box: Corners) -> float | None:
    """How much of one face can still be made out.

    Args:
        original: luma, uint8 (height, width).
        redacted: luma of the same shape.
        box: x1, y1, x2, y2 around the face in pixels; may reach beyond the picture.

    Returns:
        The share of cells, 0..1, that show the same features as before; above `LEAK` the face
        leaks. None where the face is outside the picture or smaller than `MIN_FACE`.
    """
    x1, y1, x2, y2 = box
    if min(x2 - x1, y2 - y1) < MIN_FACE:
        return None
    coarse = max(1.2, (x2 - x1) / 10)
    fine = max(0.6, coarse / 4)
    margin = math.ceil(3 * coarse)
    left, top = max(0, math.floor(x1) - margin), max(0, math.floor(y1) - margin)
    near = np.s_[top : max(0, math.ceil(y2) + margin), left : max(0, math.ceil(x2) + margin)]
    if original[near].size == 0:
        return None
    cells = _cells(original[near].shape, (x1 - left, y1 - top, x2 - left, y2 - top))
    readable = _readable(
        _detail(original[near], fine, coarse), _detail(redacted[near], fine, coarse), cells
    )
    full = (x2 - x1) * (y2 - y1) / GRID**2
    large_enough = np.bincount(cells.ravel(), minlength=GRID**2 + 1)[:-1] >= MIN_CELL * full
    return float(readable[large_enough].mean()) if large_enough.any() else None


def collateral_share(original: Luma, redacted: Luma, boxes: Iterable[Corners]) -> float:
    """Share of the pixels away from all faces, 0..1, that changed noticeably.

    Args:
        original: luma, uint8 (height, width).
        redacted: luma of the same shape.
        boxes: x1, y1, x2, y2 around each face in pixels.

    Returns:
        0 where faces leave nothing of the picture.
    """
    away = np.ones(original.shape, np.bool_)
    for x1, y1, x2, y2 in boxes:
        dx, dy = ROOM * (x2 - x1), ROOM * (y2 - y1)
        rows = slice(max(0, math.floor(y1 - dy)), max(0, math.ceil(y2 + dy)))
        columns = slice(max(0, math.floor(x1 - dx)), max(0, math.ceil(x2 + dx)))
        away[rows, columns] = False
    changed = np.asarray(cv2.blur(cv2.absdiff(original, redacted), (9, 9))) > CHANGED
    return float(changed[away].mean()) if away.any() else 0.0


def _cells(shape: tuple[int, ...], box: Corners) -> NDArray[np.intp]:
    """The number of the cell that each pixel belongs to; GRID² outside the face's oval."""
    x1, y1, x2, y2 = box
    across = ((np.arange(shape[1]) + 0.5 - x1) / (x2 - x1))[None, :]
    down = ((np.arange(shape[0]) + 0.5 - y1) / (y2 - y1))[:, None]
    inside = (2 * across - 1) ** 2 + (2 * down - 1) ** 2 < 1
    number = np.floor(down * GRID) * GRID + np.floor(across * GRID)
    return np.where(inside, number, GRID**2).astype(np.intp)


def _detail(luma: Luma, fine: float, coarse: float) -> Detail:
    """What is larger than `fine` and smaller than `coarse` (standard deviations in pixels)."""
    picture = luma.astype(np.float32)
    edge = cv2.BORDER_REPLICATE
    sharp = cv2.GaussianBlur(picture, (0, 0), fine, borderType=edge)
    return np.asarray(sharp - cv2.GaussianBlur(picture, (0, 0), coarse, borderType=edge))


def _readable(before: Detail, after: Detail, cells: NDArray[np.intp]) -> NDArray[np.bool_]:
    """For each cell: does it show the same, with enough contrast?"""
    pixels = np.maximum(np.bincount(cells.ravel(), minlength=GRID**2 + 1), 1)

    def mean(values: Detail) -> NDArray[np.float64]:
        sums = np.bincount(cells.ravel(), weights=values.ravel(), minlength=GRID**2 + 1)
        return (sums / pixels)[:-1]

    std_before = np.sqrt(np.maximum(mean(before * before) - mean(before) ** 2, 0))
    std_after = np.sqrt(np.maximum(mean(after * after) - mean(after) ** 2, 0))
    covariance = mean(before * after) - mean(before) * mean(after)
    same_shape = covariance > SAME_SHAPE * std_before * std_after
    return (std_before >= FLAT) & same_shape & (std_after > SAME_CONTRAST * std_before)
