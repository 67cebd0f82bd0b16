"""A method of hiding that draws stripes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.redaction.registry import Method

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane
    from stream_anon.redaction.spot import Spot

DARK, LIGHT = 40, 120
WIDTH = 8
"""Rows of a stripe, in the luma plane."""


def stripes(spot: Spot) -> Plane:
    rows, columns = spot.opacity.shape
    if spot.which:
        return np.full((rows, columns), 128, np.uint8)
    numbers = (np.arange(spot.rows.start, spot.rows.stop) // WIDTH) % 2
    levels = np.where(numbers, LIGHT, DARK).astype(np.uint8)
    return np.repeat(levels[:, None], columns, axis=1)


METHOD = Method("stripes", "flat stripes", False, stripes)
