"""Scenes that people ask about, each with the place of every face, drawn from one photo in public
domain and, for a view from the side, another one of scikit-image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from footage_person import Pose, make_puppet
from footage_room import living_room, reception
from skimage import data

if TYPE_CHECKING:
    from collections.abc import Callable

    from footage_person import Corners, Picture
    from numpy.typing import NDArray

    Seen: TypeAlias = tuple[Picture, list[Corners]]
    """One picture, BGR, and the boxes of its faces."""

WIDTH, HEIGHT, FRAMES, RATE = 960, 540, 16, 25
UNIT = HEIGHT / 720
FACE_WIDE = 91
"""Pixels of the photo that a face is wide."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A short video with a name."""

    name: str
    draw: Callable[[int], Seen]
    """The picture of that number."""


def _sway(number: int) -> float:
    return 14 * math.sin(2 * math.pi * number / FRAMES)


def _room() -> Picture:
    return living_room(WIDTH, HEIGHT).wall.copy()


def _with(*poses: Pose, room: Picture | None = None) -> Seen:
    """People in a room, every second one with other colours and mirrored."""
    canvas, boxes = (_room() if room is None else room), []
    for place, pose in enumerate(poses):
        other = bool(place % 2)
        puppet = make_puppet(1.0, mirrored=other, other_colors=other)
        puppet.draw(canvas, pose, UNIT)
        boxes.append(puppet.face(pose, UNIT))
    return canvas, boxes


def _one(number: int, **how: float) -> Seen:
    pose = {"x": 640.0 + _sway(number), "y": 300.0, "size": 1.3}
    return _with(Pose(**(pose | how)))


def _on(box: Corners, left: float, top: float, right: float, bottom: float) -> tuple[int, ...]:
    """A rectangle in shares of a face's box, as its middle and half its sides in pixels."""
    x, y, wide, tall = box[0], box[1], box[2] - box[0], box[3] - box[1]
    return (
        round(x + (left + right) / 2 * wide),
        round(y + (top + bottom) / 2 * tall),
        round((right - left) / 2 * wide),
        round((bottom - top) / 2 * tall),
    )


def _oval(
    seen: Seen, color: tuple[int, int, int], *place: float, line: int = -1
) -> NDArray[np.uint8]:
    x, y, wide, tall = _on(seen[1][0], *place)
    cv2.ellipse(seen[0], (x, y), (wide, tall), 0, 0, 360, color, line, cv2.LINE_AA)
    return seen[0]


def _glasses(number: int) -> Seen:
    seen = _one(number)
    for left in (0.08, 0.54):
        _oval(seen, (20, 20, 20), left, 0.3, left + 0.38, 0.56)
    _oval(seen, (20, 20, 20), 0.44, 0.36, 0.56, 0.44)
    return seen


def _mask(number: int) -> Seen:
    seen = _one(number)
    _oval(seen, (214, 200, 160), 0.04, 0.52, 0.96, 1.02)
    return seen


def _helmet(number: int) -> Seen:
    seen = _one(number)
    _oval(seen, (40, 200, 235), -0.3, -0.45, 1.3, 0.3)
    return seen


def _hand(number: int) -> Seen:
    seen = _one(number)
    _oval(seen, (120, 150, 200), 0.1, 0.62, 1.2, 0.92)
    return seen


def _noisy(number: int) -> Seen:
    canvas, boxes = _one(number)
    noise = np.random.default_rng(number).normal(0, 22, canvas.shape)
    return np.clip(canvas + noise, 0, 255).astype(np.uint8), boxes


def _blurred(number: int) -> Seen:
    canvas, boxes = _one(number)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 3.5), np.uint8), boxes


def _turned_over(number: int) -> Seen:
    canvas, boxes = _one(number)
    turned = [(WIDTH - x2, HEIGHT - y2, WIDTH - x1, HEIGHT - y1) for x1, y1, x2, y2 in boxes]
    return np.ascontiguousarray(canvas[::-1, ::-1]), turned


def _mirrored(number: int) -> Seen:
    canvas, boxes = _one(number)
    turned = [(WIDTH - x2, y1, WIDTH - x1, y2) for x1, y1, x2, y2 in boxes]
    return np.ascontiguousarray(canvas[:, ::-1]), turned


def _dark(number: int) -> Seen:
    canvas, boxes = _one(number)
    noise = np.random.default_rng(number).normal(0, 2, canvas.shape)
    return np.clip(canvas * 0.1 + 4 + noise, 0, 255).astype(np.uint8), boxes


def _backlight(number: int) -> Seen:
    """A dark person in front of a window."""
    bright = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    pose = Pose(640 + _sway(number), 300, 1.3)
    canvas, boxes = _with(pose, room=np.zeros_like(bright))
    alone = canvas.max(axis=2, keepdims=True) > 0
    alone = cv2.erode(alone.astype(np.uint8), np.ones((5, 5)))[..., None]
    return np.where(alone, canvas * 0.3, bright).astype(np.uint8), boxes


def _picture_of_a_person(rows: int, columns: int) -> Seen:
    small = living_room(WIDTH, HEIGHT).wall.copy()
    canvas, boxes = _with(Pose(640, 330, 1.9), room=small)
    by = rows / HEIGHT
    seen = cv2.resize(canvas, (round(WIDTH * by), rows), interpolation=cv2.INTER_AREA)
    left = (seen.shape[1] - columns) // 2
    placed = [(x1 * by - left, y1 * by, x2 * by - left, y2 * by) for x1, y1, x2, y2 in boxes]
    return np.asarray(seen[:, left : left + columns], np.uint8), placed


def _hung(number: int, rows: int, columns: int, frame: int, color: int) -> Seen:
    """A picture with a frame, on the wall of a room."""
    canvas = _room()
    picture, boxes = _picture_of_a_person(rows, columns)
    x, y = round(420 + _sway(number) / 2), 110
    canvas[y - frame : y + rows + frame, x - frame : x + columns + frame] = color
    canvas[y : y + rows, x : x + columns] = picture
    return canvas, [(x1 + x, y1 + y, x2 + x, y2 + y) for x1, y1, x2, y2 in boxes]


def _from_the_side(number: int) -> Seen:
    photo = np.repeat(data.camera()[:, :, None], 3, axis=2)  # type: ignore[no-untyped-call]
    by = HEIGHT / photo.shape[0]
    canvas = np.full((HEIGHT, WIDTH, 3), 170, np.uint8)
    seen = cv2.resize(photo, (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    x = round(200 + _sway(number) / 3)
    canvas[:, x : x + HEIGHT] = seen
    left, top, right, bottom = 194, 124, 254, 192
    return canvas, [(left * by + x, top * by, right * by + x, bottom * by)]


def _crossing(number: int) -> Seen:
    """Two walk past each other; who is behind counts while the other covers nothing of the face."""
    share = number / (FRAMES - 1)
    behind, before = Pose(340 + 600 * share, 300, 1.1), Pose(940 - 600 * share, 300, 1.3)
    alone, faces = _with(behind)
    puppet = make_puppet(1.0, mirrored=True, other_colors=True)
    both = alone.copy()
    puppet.draw(both, before, UNIT)
    left, top, right, bottom = (round(edge) for edge in faces[0])
    covered = (both != alone)[top:bottom, left:right].any()
    return both, [*([] if covered else faces), puppet.face(before, UNIT)]


def _twins(number: int) -> Seen:
    canvas, boxes = _room(), []
    puppet = make_puppet(1.0)
    for x in (420, 860):
        pose = Pose(x + _sway(number), 300, 1.2)
        puppet.draw(canvas, pose, UNIT)
        boxes.append(puppet.face(pose, UNIT))
    return canvas, boxes


def _group(number: int) -> Seen:
    sway = _sway(number)
    room = reception(WIDTH, HEIGHT, 1).wall.copy()
    return _with(
        Pose(220 + sway, 210, 0.5),
        Pose(1060 - sway, 215, 0.55),
        Pose(480 + sway, 260, 0.8, tilt=10),
        Pose(820 - sway, 290, 1.0, tilt=-8),
        room=room,
    )


SCENES = [
    Scene("frontal face", _one),
    Scene("group of four", _group),
    Scene("turned by 45 degrees", lambda n: _one(n, turn=45)),
    Scene("from the side", _from_the_side),
    Scene("leaning by 40 degrees", lambda n: _one(n, tilt=40)),
    Scene("noise", _noisy),
    Scene("out of focus", _blurred),
    Scene("13 pixels", lambda n: _one(n, y=260, size=13 / FACE_WIDE / UNIT)),
    Scene("cut by the frame", lambda n: _one(n, x=2.0 + abs(_sway(n)))),
    Scene("upside down", _turned_over),
    Scene("mirrored", _mirrored),
    Scene("bad light", _dark),
    Scene("backlight", _backlight),
    Scene("phone's screen", lambda n: _hung(n, 260, 130, 12, 10)),
    Scene("poster", lambda n: _hung(n, 330, 220, 10, 245)),
    Scene("sunglasses", _glasses),
    Scene("surgical mask", _mask),
    Scene("helmet", _helmet),
    Scene("hand over the mouth", _hand),
    Scene("two who cross", _crossing),
    Scene("twins", _twins),
]
EMPTY = Scene("empty", lambda _: (_room(), []))
