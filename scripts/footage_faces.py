"""Photographs of many people (LFW, in scikit-image), small, turned, dark, blurred, half covered."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from footage_room import living_room, reception
from skimage import data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Corners = tuple[float, float, float, float]

WIDTH, HEIGHT = 640, 360
FACE = 0.72
"""Share of a photograph's side that the face takes."""
TINT = np.array([0.72, 0.85, 1.0], np.float32)
"""BGR of the photographs, which are grey."""
PLACES = 12


@lru_cache(maxsize=1)
def photographs() -> NDArray[np.float32]:
    """(100, 25, 25), 0..255, a person each."""
    found: NDArray[Any] = data.lfw_subset()  # type: ignore[no-untyped-call]
    return np.asarray(255 * found[:100], np.float32)


def crowd(
    pixels: float,
    turn: int,
    people: list[int],
    *,
    shift: float = 0.0,
    blur: float = 0.0,
    covered: bool = False,
    light: float = 1.0,
) -> tuple[Picture, list[Corners]]:
    """A room with some people in it.

    Args:
        pixels: width of a face.
        turn: quarter turns counter-clockwise of each.
        people: numbers of their photographs, `PLACES` at most.
        shift: how far they have moved to the right.
        blur: motion, in widths of a face.
        covered: the lower half of each face is.
        light: share of the light; what is lost is made up for by noise.

    Returns:
        BGR, and the box of each face.
    """
    number = people[0]
    room = living_room(WIDTH, HEIGHT) if number % 2 else reception(WIDTH, HEIGHT, number)
    canvas = room.wall.astype(np.float32)
    boxes = []
    for place, person in enumerate(people):
        x = 60 + 104 * (place % 6) + shift
        y = 70 + 120 * (place // 6) + 40 * (place % 2)
        photo = photographs()[person].copy()
        if covered:
            photo[14:] = 215
        boxes.append(_put(canvas, photo, pixels, turn, (x, y), blur))
    noise = np.random.default_rng(number).normal(0, 1.5 if light == 1 else 3.5, canvas.shape)
    return np.clip(canvas * light + noise, 0, 255).astype(np.uint8), boxes


def _put(
    canvas: NDArray[np.float32],
    photo: NDArray[np.float32],
    pixels: float,
    turn: int,
    at: tuple[float, float],
    blur: float,
) -> Corners:
    """Set an oval cut-out on a place, to a fraction of a pixel."""
    side = pixels / FACE
    scale = side / photo.shape[0]
    place = np.array([[scale, 0, at[0] - side / 2], [0, scale, at[1] - side / 2]])
    oval = np.zeros(photo.shape, np.float32)
    middle = photo.shape[0] // 2
    cv2.ellipse(oval, (middle, middle), (middle - 2, middle), 0, 0, 360, 1, -1)
    size, how = (canvas.shape[1], canvas.shape[0]), cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    face, opacity = (
        cv2.warpAffine(np.ascontiguousarray(np.rot90(one, turn)), place, size, flags=how)
        for one in (photo, cv2.GaussianBlur(oval, (0, 0), 1))
    )
    if blur:
        path = max(1, round(blur * pixels))
        face, opacity = (cv2.blur(one, (path, 1)) for one in (face * opacity, opacity))
        face = face / np.maximum(opacity, 1e-3)
    canvas += opacity[:, :, None] * (face[:, :, None] * TINT - canvas)
    across, down = (pixels, 1.2 * pixels) if turn % 2 == 0 else (1.2 * pixels, pixels)
    return (at[0] - across / 2, at[1] - down / 2, at[0] + across / 2, at[1] + down / 2)
