"""Where the head of a person is whose face may not be seen: at the top of the silhouette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.core.parts import INSIDE, Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

THIN = 0.3
"""Share of the silhouette's usual width below which a row shows no head yet: a raised hand."""
SQUAT = 0.35
"""Height over width below which it is the top of a head only, however wide."""
STEADY = 0.5
"""A head is as wide as it gets where it widens by less than this, as a share of the way down."""
AHEAD = 0.25
"""Share of the width over which that is measured, further down."""
TALL = 1.4
"""A head's height over its width, hair and chin included."""
NARROW = 0.9
"""Height over width above which a row is still above the shoulders."""
GENEROUS = 1.25
"""Times that a head is made taller and wider in the end."""
LEAST = 0.2
"""Share of somebody's height that counts as their head at least: 1/7 of whoever stands upright."""
UPRIGHT = 0.7
"""Share of a box's width that its head is high, where only the box is known."""


def head_of(mask: NDArray[np.uint8], region: Box, pixel_aspect: float = 1.0) -> Box:
    """The box of a head, generously.

    From its top on, a silhouette gets wider up to the ears, and then from the shoulders on.

    Args:
        mask: of a person, stretched over `region`.
        region: in frame pixels.
        pixel_aspect: width of a pixel over its height.
    """
    inside = mask >= INSIDE
    filled = np.flatnonzero(inside.any(1))
    if not filled.size:
        return region
    row, column = region.height / mask.shape[0], region.width / mask.shape[1]
    top, bottom = int(filled[0]), int(filled[-1]) + 1
    left = np.array([inside[n].argmax() for n in range(top, bottom)])
    right = np.array([mask.shape[1] - inside[n, ::-1].argmax() for n in range(top, bottom)])
    empty = ~inside[top:bottom].any(1)
    left[empty], right[empty] = mask.shape[1], 0
    width = np.maximum(right - left, 0) * column * pixel_aspect
    usual = float(np.median(width[width > 0]))
    begins = int(np.argmax(width >= THIN * usual))
    widest = _width_of_head(width[begins:], row)
    head = len(width) if widest is None else begins + round(TALL * widest / row)
    head = min(len(width), max(head, round(LEAST * len(width))))
    above = head if widest is None else min(head, begins + round(NARROW * widest / row) + 1)
    x, y = float(left[:above].min()) * column, top * row
    wide, high = float(right[:above].max()) * column - x, head * row
    return _generous(Box(region.x + x, region.y + y, wide, high))


def _width_of_head(width: NDArray[np.floating[Any]], row: float) -> float | None:
    """How wide a head is; None where nothing looks like the top of one.

    Args:
        width: of each row, from the head's first one on.
        row: height of a row.
    """
    widest = np.maximum.accumulate(width)
    for n, wide in enumerate(widest):
        further = round(AHEAD * wide / row)
        if (n + 1) * row < SQUAT * wide or n + further >= len(widest):
            continue
        if widest[n + further] - wide <= STEADY * further * row:
            return float(widest[n + further])
    return None


def head_in(box: Box, pixel_aspect: float = 1.0) -> Box:
    """The same where nothing but somebody's box is known: its upper end."""
    high = max(LEAST * box.height, min(box.height, UPRIGHT * box.width * pixel_aspect))
    return _generous(box._replace(height=high))


def _generous(head: Box) -> Box:
    return head.grown((GENEROUS - 1) / 2 * head.width, (GENEROUS - 1) / 2 * head.height)
