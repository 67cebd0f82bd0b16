"""Transparency: what lies under it was hidden by whoever made the file, and stays hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import av

    from stream_anon.core.frame import Plane, Planes

WITH_ALPHA = "yuva420p"
"""What pictures with transparency are converted to first."""
BACKGROUND = "white"
WHITE, WHITE_FULL_RANGE, NEUTRAL = 235, 255, 128
_PALETTE = "pal8"
_OPAQUE = 255


def has_alpha(picture: av.VideoFrame) -> bool:
    """Whether pictures of this format can be transparent."""
    kind = picture.format
    return kind.name == _PALETTE or any(component.is_alpha for component in kind.components)


def is_opaque(alpha: Plane) -> bool:
    """Whether nothing is transparent."""
    return bool(alpha.min(initial=_OPAQUE) == _OPAQUE)


def composited(planes: Planes, alpha: Plane, *, full_range: bool) -> Planes:
    """The picture on white.

    Where alpha is 0, nothing of the picture is left, and nothing of its colour beside that.

    Args:
        planes: 4:2:0.
        alpha: of luma's size, 0 (transparent) to 255.
        full_range: of the planes.
    """
    y, u, v = planes
    rows, columns = u.shape
    padded = cv2.copyMakeBorder(
        alpha, 0, 2 * rows - y.shape[0], 0, 2 * columns - y.shape[1], cv2.BORDER_REPLICATE
    )
    least = padded.reshape(rows, 2, columns, 2).min(axis=(1, 3))
    white = WHITE_FULL_RANGE if full_range else WHITE
    return _over(y, alpha, white), _over(u, least, NEUTRAL), _over(v, least, NEUTRAL)


def _over(plane: Plane, alpha: Plane, background: int) -> Plane:
    share = alpha.astype(np.uint16)
    mixed = plane * share + background * (_OPAQUE - share) + _OPAQUE // 2
    made = (mixed // _OPAQUE).astype(np.uint8)
    made.setflags(write=False)
    return made
