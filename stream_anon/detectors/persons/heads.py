"""Where the head of a person is whose face may not be seen: at the top of the silhouette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.core.parts import INSIDE, Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

THIN = 0.3
"""Share of the silhouette's usual width below which a row shows no head yet: a raised hand."""
TALL = 1.1
"""A head's height over its width, from which on nothing more of it is expected."""
SQUAT = 0.5
"""The same of half a head, below which nothing ends it."""
SHOULDERS = 0.85
"""What is left of that ratio where the shoulders begin, at most."""
DOWN = 1.4
"""Times that a head reaches down further than its shoulders: the chin, and longer hair."""
GENEROUS = 1.25
"""Times that a head is made taller and wider in the end."""
LEAST = 0.2
"""Share of somebody's height that counts as their head at least: 1/7 of whoever stands upright."""
UPRIGHT = 0.7
"""Share of a box's width that its head is high, where only the box is known."""


def head_of(mask: NDArray[np.uint8], region: Box, pixel_aspect: float = 1.0) -> Box:
    """The box of a head, generously.

    Seen from its top, a silhouette gets higher faster than wider until the shoulders begin.

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
    head = begins + _above_shoulders(width[begins:], row)
    head = max(head, round(LEAST * (bottom - top)))
    x, y = float(left[:head].min()) * column, top * row
    wide, high = float(right[:head].max()) * column - x, min(DOWN * head, len(width)) * row
    return _generous(Box(region.x + x, region.y + y, wide, high))


def _above_shoulders(width: NDArray[np.floating[Any]], row: float) -> int:
    """Rows of the head; all of them where nothing looks like shoulders below a head.

    Args:
        width: of each row, from the head's first one on.
        row: height of a row.
    """
    high = np.arange(1, len(width) + 1) * row
    ratio = high / np.maximum(np.maximum.accumulate(width), row)
    best = np.maximum.accumulate(ratio)
    ends = (ratio >= TALL) | ((best >= SQUAT) & (ratio <= SHOULDERS * best))
    if not ends.any():
        return len(width)
    return int(ratio[: int(ends.argmax()) + 1].argmax()) + 1


def head_in(box: Box, pixel_aspect: float = 1.0) -> Box:
    """The same where nothing but somebody's box is known: its upper end."""
    high = max(LEAST * box.height, min(box.height, UPRIGHT * box.width * pixel_aspect))
    return _generous(box._replace(height=high))


def _generous(head: Box) -> Box:
    return head.grown((GENEROUS - 1) / 2 * head.width, (GENEROUS - 1) / 2 * head.height)
