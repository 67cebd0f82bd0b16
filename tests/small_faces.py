"""Pictures of small and turned faces: photographs of many people (LFW, in scikit-image)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from footage_room import living_room
from skimage import data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.acceptance import Seen

WIDTH, HEIGHT = 640, 360
FACE = 0.72
"""Share of a photograph's side that the face takes."""
PEOPLE = 12


@lru_cache(maxsize=1)
def photographs() -> NDArray[np.float32]:
    """(100, 25, 25), 0..255, a person each."""
    found: NDArray[Any] = data.lfw_subset()  # type: ignore[no-untyped-call]
    return np.asarray(255 * found[:100], np.float32)


def crowd(pixels: float, turn: int, *, shift: float = 0.0) -> Seen:
    """A room with some people in it.

    Args:
        pixels: width of a face.
        turn: quarter turns counter-clockwise of each.
        shift: how far they have moved to the right.

    Returns:
        BGR, and the box of each face.
    """
    canvas = living_room(WIDTH, HEIGHT).wall.astype(np.float32)
    boxes = []
    for number in range(PEOPLE):
        x = 60 + 104 * (number % 6) + shift
        y = 70 + 120 * (number // 6) + 40 * (number % 2)
        boxes.append(_put(canvas, photographs()[8 * number], pixels, turn, (x, y)))
    noise = np.random.default_rng(7).normal(0, 1.5, canvas.shape)
    return np.clip(canvas + noise, 0, 255).astype(np.uint8), boxes


def _put(
    canvas: NDArray[np.float32],
    photo: NDArray[np.float32],
    pixels: float,
    turn: int,
    at: tuple[float, float],
) -> tuple[float, float, float, float]:
    """Set an oval cut-out on a place, to a fraction of a pixel."""
    side = pixels / FACE
    scale = side / photo.shape[0]
    left, top = at[0] - side / 2, at[1] - side / 2
    place = np.array([[scale, 0, left], [0, scale, top]])
    oval = np.zeros(photo.shape, np.float32)
    middle = photo.shape[0] // 2
    cv2.ellipse(oval, (middle, middle), (middle - 2, middle), 0, 0, 360, 1, -1)
    size, how = (canvas.shape[1], canvas.shape[0]), cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    face, opacity = (
        cv2.warpAffine(np.ascontiguousarray(np.rot90(one, turn)), place, size, flags=how)
        for one in (photo, cv2.GaussianBlur(oval, (0, 0), 1))
    )
    tint = np.array([0.72, 0.85, 1.0], np.float32)
    canvas += opacity[:, :, None] * (face[:, :, None] * tint - canvas)
    across, down = (pixels, 1.2 * pixels) if turn % 2 == 0 else (1.2 * pixels, pixels)
    return (at[0] - across / 2, at[1] - down / 2, at[0] + across / 2, at[1] + down / 2)
