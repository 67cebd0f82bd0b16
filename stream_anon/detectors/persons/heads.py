"""Where the head of a person is whose face may not be seen: at the top of the silhouette."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.parts import INSIDE, Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

THIN = 0.3
"""Share of the silhouette's usual width below which a row shows no head yet: a raised hand."""
TALL = 1.3
"""A head's height over its width, from behind, hair included."""
GENEROUS = 1.3
"""Times that a head is made taller and wider."""
LEAST = 0.2
"""Share of somebody's height that counts as their head at least: 1/7 of whoever stands upright."""
UPRIGHT = 0.75
"""Share of a box's width that its head is high, where only the box is known."""


def head_of(mask: NDArray[np.uint8], region: Box, pixel_aspect: float = 1.0) -> Box:
    """The box of a head, generously.

    A head is as far down as the silhouette is not much wider than high, seen from its top: on
    whoever stands that is the head alone, on whoever is near it is the larger share of the picture.

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
    rows = np.arange(1, len(width) - begins + 1)
    widest = np.maximum.accumulate(width[begins:])
    enough = np.flatnonzero(rows * row >= TALL * widest)
    head = begins + (int(enough[0]) + 1 if enough.size else len(rows))
    head = max(head, round(LEAST * (bottom - top)))
    x, y = float(left[:head].min()) * column, top * row
    wide, high = float(right[:head].max()) * column - x, head * row
    return _generous(Box(region.x + x, region.y + y, wide, high))


def head_in(box: Box, pixel_aspect: float = 1.0) -> Box:
    """The same where nothing but somebody's box is known: its upper end."""
    high = max(LEAST * box.height, min(box.height, UPRIGHT * box.width * pixel_aspect))
    return _generous(box._replace(height=high))


def _generous(head: Box) -> Box:
    return head.grown((GENEROUS - 1) / 2 * head.width, (GENEROUS - 1) / 2 * head.height)
