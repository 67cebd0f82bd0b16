"""Masks for parts that a detector knows by their box only."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


EXPONENT = 2.6
"""Of the ellipse; 2 is an ordinary one."""


@lru_cache(maxsize=1)
def ellipse() -> NDArray[np.uint8]:
    """An ellipse that touches the sides of its box, bulging a little towards the corners."""
    side = 48
    grid = np.abs((np.arange(side) + 0.5) / side * 2 - 1)
    inside = grid[:, None] ** EXPONENT + grid[None, :] ** EXPONENT <= 1.0
    mask = (inside * 255).astype(np.uint8)
    mask.setflags(write=False)
    return mask


@lru_cache(maxsize=1)
def full_box() -> NDArray[np.uint8]:
    """The whole box."""
    mask = np.full((8, 8), 255, np.uint8)
    mask.setflags(write=False)
    return mask
