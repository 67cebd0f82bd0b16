"""A walking, turning, nodding person, cut out of the public-domain photo in scikit-image.

The cut-out is a puppet of two parts, body and head, so that the head can tilt on its own. Both are
moved by homographies, which makes the place of the face in every frame exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""

FACE: Corners = (180.0, 70.0, 271.0, 179.0)
"""Hairline to chin and cheek to cheek, in pixels of the photo."""
FACE_CENTER = ((FACE[0] + FACE[2]) / 2, (FACE[1] + FACE[3]) / 2)
NECK = (221.0, 181.0)
PHOTO_SIDE = 512
CAMERA_DISTANCE = 1600.0
"""How far away the camera stands, in pixels of the photo: makes turning look like turning."""

_HEAD = [
    (231, 15), (250, 19), (272, 28), (286, 39), (294, 54), (298, 70), (301, 85), (299, 98),
    (296, 108), (288, 118), (280, 125), (276, 133), (271, 137), (267, 137), (265, 146), (260, 157),
    (257, 168), (254, 184), (247, 189), (236, 191), (222, 188), (205, 185), (193, 182), (188, 176),
    (186, 165), (185, 152), (183, 143), (182, 132), (177, 131), (172, 124), (172, 118), (166, 113),
    (158, 104), (154, 92), (153, 70), (157, 58), (166, 50), (178, 42), (188, 37), (194, 28),
    (205, 22), (218, 18),
]  # fmt: skip
_BODY = [
    (125, 175), (135, 160), (150, 151), (170, 148), (186, 148), (222, 155), (256, 175), (275, 188),
    (290, 203), (299, 217), (304, 234), (317, 243), (333, 258), (344, 277), (350, 292), (356, 322),
    (361, 346), (380, 345), (410, 345), (440, 353), (465, 370), (485, 395), (495, 425), (500, 455),
    (503, 480), (506, 520), (28, 520), (28, 470), (24, 440), (19, 400), (22, 380), (28, 350),
    (35, 315), (45, 285), (60, 255), (80, 235), (108, 212), (118, 208), (113, 198), (116, 186),
    (122, 184),
]  # fmt: skip
_BEHIND_THE_NECK = [
    (178, 154), (204, 155), (222, 159), (262, 182), (256, 194), (240, 196), (222, 193), (200, 190),
    (183, 184),
]  # fmt: skip
_RIM = [(180, 151), (204, 153), (222, 158), (240, 168), (260, 180)]


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a person is and how they hold themselves; a picture is 720 units high."""

    x: float
    """Centre of the face, units from the left."""
    y: float
    """Centre of the face, units from the top."""
    size: float
    """Units for each pixel of the photo."""
    turn: float = 0.0
    """Degrees about the vertical axis."""
    tilt: float = 0.0
    """Degrees that the head leans towards its left shoulder."""


class Puppet(NamedTuple):
    """The person's two parts: BGRA, uint8, colours already multiplied by alpha."""

    body: Picture
    head: Picture
    detail: float
    """Pixels for each pixel of the photo."""
    mirrored: bool

    def draw(self, canvas: Picture, pose: Pose, unit: float) -> None:
        """Paint the person into `canvas` (height, width, 3), BGR uint8, `unit` pixels per unit."""
        for part, matrix in zip((self.body, self.head), self._matrices(pose, unit), strict=True):
            _paint(canvas, part, matrix @ np.diag([1 / self.detail, 1 / self.detail, 1.0]))

    def face(self, pose: Pose, unit: float) -> Corners:
        """The box around the face's oval as `draw` paints it, in pixels of the canvas."""
        x1, y1, x2, y2 = FACE
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        oval = np.stack(
            [
                FACE_CENTER[0] + (x2 - x1) / 2 * np.cos(angles),
                FACE_CENTER[1] + (y2 - y1) / 2 * np.sin(angles),
            ],
            axis=1,
        )
        seen = _moved(oval, self._matrices(pose, unit)[1])
        left, top = seen.min(axis=0)
        right, bottom = seen.max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    def _matrices(self, pose: Pose, unit: float) -> tuple[Matrix, Matrix]:
        """Photo pixels to canvas pixels, for the body and for the head."""
        placed = _shift(pose.x * unit, pose.y * unit) @ _scale(pose.size * unit)
        side = -1.0 if self.mirrored else 1.0
        body = placed @ _turned(pose.turn) @ np.diag([side, 1.0, 1.0])
        body = body @ _shift(-FACE_CENTER[0], -FACE_CENTER[1])
        leaning = _shift(*NECK) @ _rotated(pose.tilt) @ _shift(-NECK[0], -NECK[1])
        return body, body @ leaning


def photo() -> Picture:
    """Eileen Collins by NASA: BGR, uint8 (512, 512, 3)."""
    rgb: Picture = data.astronaut()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(rgb[:, :, ::-1])


@lru_cache(maxsize=8)
def make_puppet(detail: float, *, mirrored: bool = False, other_colors: bool = False) -> Puppet:
    """Cut the person out of the photo.

    Args:
        detail: resolution of the parts, pixels per pixel of the photo, at most 1.
        mirrored: swap left and right.
        other_colors: give the person a blue suit and darker hair.
    """
    face = photo()
    torso = face.copy()
    cv2.fillPoly(torso, [np.array(_BEHIND_THE_NECK)], (5, 6, 7), cv2.LINE_AA)
    cv2.polylines(torso, [np.array(_RIM)], False, (112, 98, 104), 8, cv2.LINE_AA)
    if other_colors:
        torso = np.ascontiguousarray(torso[:, :, ::-1])
        face = np.asarray(face * np.array([0.72, 0.8, 0.9]), np.uint8)
    side = min(PHOTO_SIDE, math.ceil(PHOTO_SIDE * min(1.0, detail)))
    parts = [_cut_out(torso, _BODY), _cut_out(face, _HEAD)]
    body, head = (
        np.asarray(cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
        for p in parts
    )
    return Puppet(body, head, side / PHOTO_SIDE, mirrored)


def _cut_out(picture: Picture, outline: list[tuple[int, int]]) -> Picture:
    """What lies inside the outline, its edge softened inwards."""
    fine = 8
    mask = np.zeros((PHOTO_SIDE * 2, PHOTO_SIDE * 2), np.uint8)
    points = np.array(outline) * 2 * fine
    cv2.fillPoly(mask, [points], (255,), cv2.LINE_AA, shift=3)
    mask = np.asarray(cv2.resize(mask, (PHOTO_SIDE, PHOTO_SIDE), interpolation=cv2.INTER_AREA))
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.6)
    alpha = np.clip(soft * 2 - 1, 0, 1)[..., None]
    cut: NDArray[np.float64] = np.concatenate([picture * alpha, 255 * alpha], axis=2)
    return cut.round().astype(np.uint8)


def _paint(canvas: Picture, part: Picture, matrix: Matrix) -> None:
    height, width = canvas.shape[:2]
    rows, columns = part.shape[:2]
    corners = np.array([(0, 0), (columns, 0), (columns, rows), (0, rows)], np.float64)
    seen = _moved(corners, matrix)
    left, top = np.maximum(np.floor(seen.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(seen.max(axis=0)).astype(int), (width, height))
    if left >= right or top >= bottom:
        return
    part = np.asarray(
        cv2.warpPerspective(
            part, _shift(-left, -top) @ matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR
        ),
        np.uint8,
    )
    room = canvas[top:bottom, left:right]
    uncovered = cv2.cvtColor(255 - part[:, :, 3], cv2.COLOR_GRAY2BGR)
    room[:] = cv2.add(cv2.multiply(room, uncovered, scale=1 / 255), part[:, :, :3])


def _moved(points: Matrix, matrix: Matrix) -> Matrix:
    """Points (n, 2) through a homography."""
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _scale(factor: float) -> Matrix:
    return np.diag([factor, factor, 1.0])


def _rotated(degrees: float) -> Matrix:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _turned(degrees: float) -> Matrix:
    """A flat picture turned about the vertical line x = 0 and seen by a camera at hip height.

    The horizon lies at the photo's lower edge, so that this edge stays level and out of view.
    """
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    hip = PHOTO_SIDE - FACE_CENTER[1]
    seen = np.array([[c, 0.0, 0.0], [0.0, 1.0, 0.0], [s / CAMERA_DISTANCE, 0.0, 1.0]])
    turned: Matrix = _shift(0.0, hip) @ seen @ _shift(0.0, -hip)
    return turned
