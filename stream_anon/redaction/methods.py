"""The built-in ways to hide a spot, and what they are made of. Pure functions of their input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.color import black_and_spans, luma_weights

if TYPE_CHECKING:
    from stream_anon.core.frame import ColorTags, Plane
    from stream_anon.redaction.spot import Spot

LUMA_STEP = 16
"""Distance of the levels that a cell can have. Coarse on purpose: fine steps add up over time."""
CHROMA_STEP = 4
"""Finer than luma, which carries the face: coarser steps would tint skin green and purple."""

SAMPLES = 8
"""Pixels along each side of a cell that are averaged; more would look the same and cost more."""


def blur(spot: Spot) -> Plane:
    """Cells of what is there, drawn smooth."""
    return blurred(spot.shown, spot.cell, spot.cell, _step(spot))


def pixelate(spot: Spot) -> Plane:
    """Cells of what is there, drawn flat."""
    return pixelated(spot.shown, spot.cell, spot.cell, _step(spot))


def fill(spot: Spot) -> Plane:
    """The colour asked for."""
    return np.full(spot.opacity.shape, spot.level, np.uint8)


def _step(spot: Spot) -> int:
    return CHROMA_STEP if spot.which else LUMA_STEP


def cell_means(plane: Plane, cell_width: float, cell_height: float, step: int) -> Plane:
    """Average `plane` to cells of about the given size in pixels and quantise them by `step`.

    Returns:
        uint8 of height // cell_height rows and width // cell_width columns, at least one of each:
        cells come out larger than asked for, never smaller.
    """
    height, width = plane.shape
    columns = max(1, min(width, int(width / cell_width)))
    rows = max(1, min(height, int(height / cell_height)))
    stride_x = max(1, width // columns // SAMPLES)
    stride_y = max(1, height // rows // SAMPLES)
    sampled = np.ascontiguousarray(plane[::stride_y, ::stride_x])
    means = cv2.resize(sampled, (columns, rows), interpolation=cv2.INTER_AREA)
    levels = (means.astype(np.int16) + step // 2) // step * step  # 128, no colour, stays 128
    return np.minimum(levels, 255).astype(np.uint8)


def blurred(plane: Plane, cell_width: float, cell_height: float, step: int) -> Plane:
    """Cells drawn smooth: looks like a blur, carries no more than the cells do."""
    return _enlarged(plane, cell_means(plane, cell_width, cell_height, step), cv2.INTER_CUBIC)


def pixelated(plane: Plane, cell_width: float, cell_height: float, step: int) -> Plane:
    """Cells drawn as flat rectangles."""
    return _enlarged(plane, cell_means(plane, cell_width, cell_height, step), cv2.INTER_NEAREST)


def _enlarged(plane: Plane, cells: Plane, how: int) -> Plane:
    size = (plane.shape[1], plane.shape[0])
    return np.asarray(cv2.resize(cells, size, interpolation=how), np.uint8)


def color_levels(color: str, tags: ColorTags) -> tuple[int, int, int]:
    """Y, U and V of a colour written #RRGGBB (ITU-T H.273, section 8.3)."""
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    kr, kb = luma_weights(tags.matrix)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    black, span_y, span_c = black_and_spans(tags.full_range)
    u, v = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    levels = (black + span_y * luma, 128 + span_c * u, 128 + span_c * v)
    y, cb, cr = (min(255, round(level)) for level in levels)
    return y, cb, cr
