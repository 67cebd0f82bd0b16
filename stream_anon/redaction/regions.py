"""From a part's mask to opacity on the pixels of one plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import INSIDE

FINE = 160
"""Samples across a part with a crisp edge, at least."""

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.parts import Box, Part


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Opacity over a rectangle that reaches a soft edge's width beyond the part."""

    box: Box
    """In frame pixels."""
    opacity: NDArray[np.float32]
    """1 inside the part, falling to 0 outside of it; any size, stretched over the box."""


def soft_region(part: Part, edge: float) -> Region:
    """Opaque wherever the part is, feathered outward only.

    Args:
        part: what to hide.
        edge: width of the soft edge as a share of the part's box.
    """
    rows, columns = part.mask.shape
    step_x, step_y = part.box.width / columns, part.box.height / rows
    spread = part.spread / min(step_x, step_y)  # in samples; those may not be square
    pad_y = 2 + math.ceil(rows * edge + spread)
    pad_x = 2 + math.ceil(columns * edge + spread)
    inside = np.zeros((rows + 2 * pad_y, columns + 2 * pad_x), np.uint8)
    inside[pad_y:-pad_y, pad_x:-pad_x] = part.mask >= INSIDE
    # One sample more all around, so that stretching the mask never thins it.
    inside = np.asarray(cv2.dilate(inside, np.ones((3, 3), np.uint8)))
    far = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3) - spread
    around = part.box.grown(pad_x * step_x, pad_y * step_y)
    reach = edge * min(rows, columns)
    if reach < 1:
        return Region(around, _crisp(far))
    return Region(around, np.clip(1 - far / reach, 0, 1).astype(np.float32))


def _crisp(far: NDArray[np.float32]) -> NDArray[np.float32]:
    """An edge of about half a sample, as smooth as the distance is between samples.

    Args:
        far: samples to what is hidden, 0 in it and 1 right beside.
    """
    by = math.ceil(FINE / max(far.shape))
    near = np.minimum(far, 9).astype(np.float32)
    finer = cv2.resize(near, None, fx=by, fy=by, interpolation=cv2.INTER_LINEAR)
    # 0.85 is the distance half way to the sample beyond a corner: all of each sample is hidden.
    return np.asarray(np.clip((1.4 - finer) / 0.5, 0, 1), np.float32)


def on_plane(
    region: Region, shape: tuple[int, int], scale: float
) -> tuple[slice, slice, NDArray[np.float32]] | None:
    """Where the region lies on a plane, and its opacity there.

    Args:
        region: from `soft_region`.
        shape: rows and columns of the plane.
        scale: plane pixels per frame pixel: 1 for luma, 0.5 for chroma of 4:2:0.

    Returns:
        Rows, columns and opacity (that many rows and columns, 0..1); None if it lies outside.
    """
    box, (rows, columns) = region.box, shape
    left, top = max(0, math.floor(box.x * scale)), max(0, math.floor(box.y * scale))
    right = min(columns, math.ceil((box.x + box.width) * scale))
    bottom = min(rows, math.ceil((box.y + box.height) * scale))
    if right <= left or bottom <= top:
        return None
    mask_rows, mask_columns = region.opacity.shape
    step_x, step_y = mask_columns / (box.width * scale), mask_rows / (box.height * scale)
    # Maps the middle of a plane pixel to mask samples, whose middles lie at half steps too.
    back = np.array(
        [
            [step_x, 0, (left + 0.5 - box.x * scale) * step_x - 0.5],
            [0, step_y, (top + 0.5 - box.y * scale) * step_y - 0.5],
        ]
    )
    opacity = cv2.warpAffine(
        region.opacity,
        back,
        (right - left, bottom - top),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return slice(top, bottom), slice(left, right), np.asarray(opacity, np.float32)
