"""Two painted rooms for the demo video: soft light and a few things on calm walls."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Color = tuple[int, int, int]
"""Blue, green, red."""

ROWS = 720
"""Rooms are painted this high, in units, and then scaled to the size of the video."""
FLOOR_AT = 590
COUNTER_AT = 400
"""Upper edge of the reception counter; nobody behind it shows below."""

_WHITE: Color = (240, 243, 245)
_OAK: Color = (98, 142, 178)
_BOOKS: tuple[Color, ...] = (
    (70, 72, 150), (120, 86, 52), (86, 120, 74), (60, 120, 178), (150, 150, 160), (92, 66, 96)
)  # fmt: skip


class Room(NamedTuple):
    """A room, BGR uint8 (height, width, 3), and what stands in it in front of distant people."""

    wall: Picture
    counter_top: int
    """First row, in pixels, that a counter hides from view; the height where there is none."""

    def hide_behind_counter(self, canvas: Picture) -> None:
        """Paint the counter over whoever stands behind it."""
        canvas[self.counter_top :] = self.wall[self.counter_top :]


def living_room(width: int, height: int) -> Room:
    """A room with a window on the left and pictures on the right."""
    columns = round(ROWS * width / height)
    canvas = _wall(columns, (196, 208, 214), (168, 184, 194), light_at=0.3)
    _floor(canvas)
    _window(canvas, round(columns * 0.1), 90, 230, 300)
    _picture(canvas, round(columns * 0.66), 130, 150, 190, (150, 128, 92))
    _picture(canvas, round(columns * 0.82), 160, 110, 140, (88, 128, 166))
    return Room(_fitted(canvas, width, height), height)


def reception(width: int, height: int, seed: int) -> Room:
    """A room with a bookshelf and a counter; `seed` sorts the books."""
    columns = round(ROWS * width / height)
    canvas = _wall(columns, (178, 182, 158), (146, 150, 124), light_at=0.7)
    _floor(canvas)
    _bookshelf(canvas, round(columns * 0.68), 120, round(columns * 0.27), 190, seed)
    _picture(canvas, round(columns * 0.42), 120, 170, 120, (128, 110, 150))
    _counter(canvas)
    return Room(_fitted(canvas, width, height), round(COUNTER_AT * height / ROWS))


def _wall(columns: int, bright: Color, dark: Color, light_at: float) -> Picture:
    """A plain wall that a lamp lights softly from above."""
    y, x = np.mgrid[0:ROWS, 0:columns].astype(np.float32)
    distance = np.hypot((x - light_at * columns) / columns, (y - 0.25 * ROWS) / ROWS)
    share = np.exp(-2.5 * distance**2)[..., None]
    return np.asarray(share * np.array(bright) + (1 - share) * np.array(dark), np.uint8)


def _floor(canvas: Picture) -> None:
    """Planks that run towards the far wall and get lighter towards us."""
    columns = canvas.shape[1]
    floor = canvas[FLOOR_AT:]
    floor[:] = _OAK
    for x in range(-2 * columns, 3 * columns, 110):
        cv2.line(floor, (columns // 2, -260), (x, len(floor)), (76, 112, 144), 2, cv2.LINE_AA)
    floor[:] = np.asarray(floor * np.linspace(0.72, 1.0, len(floor))[:, None, None], np.uint8)
    _box(canvas, 0, FLOOR_AT - 22, columns, 22, _WHITE)
    _box(canvas, 0, FLOOR_AT - 3, columns, 3, (120, 130, 138))


def _window(canvas: Picture, x: int, y: int, width: int, height: int) -> None:
    _box(canvas, x - 14, y - 14, width + 28, height + 28, _WHITE)
    sky = np.linspace(0, 1, height)[:, None, None]
    glass = sky * np.array((238, 226, 206)) + (1 - sky) * np.array((226, 190, 146))
    canvas[y : y + height, x : x + width] = np.asarray(glass, np.uint8)
    _hills(canvas, x, y, width, height, (128, 156, 122))
    _box(canvas, x + width // 2 - 4, y, 8, height, _WHITE)
    _box(canvas, x, y + height // 2 - 4, width, 8, _WHITE)
    _box(canvas, x - 26, y + height + 14, width + 52, 14, (214, 220, 224))


def _picture(canvas: Picture, x: int, y: int, width: int, height: int, color: Color) -> None:
    _shadow(canvas, x, y, width, height)
    _box(canvas, x, y, width, height, (62, 78, 92))
    _box(canvas, x + 8, y + 8, width - 16, height - 16, _WHITE)
    _box(canvas, x + 24, y + 24, width - 48, height - 48, color)
    paler: Color = (color[0] // 2 + 110, color[1] // 2 + 110, color[2] // 2 + 110)
    _hills(canvas, x + 24, y + 24, width - 48, height - 48, paler)


def _hills(canvas: Picture, x: int, y: int, width: int, height: int, color: Color) -> None:
    ridge = [(0, 0.8), (0.25, 0.7), (0.5, 0.78), (0.8, 0.66), (1, 0.74), (1, 1), (0, 1)]
    outline = [(round(x + a * (width - 1)), round(y + b * (height - 1))) for a, b in ridge]
    cv2.fillPoly(canvas, [np.array(outline)], color, cv2.LINE_AA)


def _bookshelf(canvas: Picture, x: int, y: int, width: int, height: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    _shadow(canvas, x, y, width, height)
    _box(canvas, x, y, width, height, (60, 88, 112))
    for top in (y + 10, y + height // 2 + 5):
        room = height // 2 - 15
        _box(canvas, x + 10, top, width - 20, room, (44, 64, 82))
        left = x + 14
        while left < x + width - 40:
            thick, tall = int(random.integers(14, 28)), int(random.integers(room // 2, room - 6))
            _box(canvas, left, top + room - tall, thick, tall, _BOOKS[random.integers(len(_BOOKS))])
            left += thick + 2


def _counter(canvas: Picture) -> None:
    columns = canvas.shape[1]
    _box(canvas, 0, COUNTER_AT, columns, 210, (118, 150, 172))
    for x in range(60, columns, 160):
        _box(canvas, x, COUNTER_AT + 40, 120, 150, (108, 138, 160))
    _box(canvas, 0, COUNTER_AT, columns, 18, (86, 112, 136))
    _box(canvas, 0, COUNTER_AT, columns, 3, (150, 178, 196))
    _box(canvas, 0, COUNTER_AT + 206, columns, 10, (70, 92, 112))


def _shadow(canvas: Picture, x: int, y: int, width: int, height: int) -> None:
    """Darken the wall a little to the lower right of a thing that hangs on it."""
    mask = np.zeros(canvas.shape[:2], np.float32)
    mask[y + 8 : y + height + 10, x + 6 : x + width + 8] = 0.28
    shade = 1 - cv2.GaussianBlur(mask, (0, 0), 7)[..., None]
    canvas[:] = np.asarray(canvas * shade, np.uint8)


def _box(canvas: Picture, x: int, y: int, width: int, height: int, color: Color) -> None:
    canvas[max(0, y) : y + height, max(0, x) : x + width] = color


def _fitted(canvas: Picture, width: int, height: int) -> Picture:
    how = cv2.INTER_AREA if height < ROWS else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=how), np.uint8)
