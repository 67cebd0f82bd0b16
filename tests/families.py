"""What networks of each family would answer to a picture that shows one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.detectors.families.distances import BINS, NANODET_STRIDES
from stream_anon.detectors.families.found import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIDES = (192, 320)
"""Rows and columns of the input."""
BOX = (104.0, 40.0, 80.0, 48.0)
"""x, y, width, height of the thing; a multiple of the stride, so that every family can say it."""
SCORE = 0.8
CLASS = 1
"""Of the two that those have that know classes."""
STRIDE = 16


def _number(x: int, y: int, strides: Sequence[int], each: int = 1) -> int:
    """Number of the cell (x, y) at `STRIDE` among all cells."""
    before = strides[: list(strides).index(STRIDE)]
    count = sum(int(np.prod(cells(SIDES, stride))) for stride in before)
    return (count + y * cells(SIDES, STRIDE)[1] + x) * each


def _rows(strides: Sequence[int], width: int, each: int = 1) -> Floats:
    count = sum(int(np.prod(cells(SIDES, stride))) for stride in strides)
    return np.zeros((1, count * each, width), np.float32)


def _middle() -> tuple[float, float]:
    return BOX[0] + BOX[2] / 2, BOX[1] + BOX[3] / 2


def yolov5() -> list[Floats]:
    rows = _rows((8, 16, 32), 7, 3)
    rows[0, 17] = (*_middle(), *BOX[2:], 1.0, 0.1, SCORE)
    return [rows]


def yolov8() -> list[Floats]:
    rows = _rows((8, 16, 32), 6)
    rows[0, 17] = (*_middle(), *BOX[2:], 0.1, SCORE)
    return [np.ascontiguousarray(rows.transpose(0, 2, 1))]


def yolox() -> list[Floats]:
    rows = _rows((8, 16, 32), 7)
    x, y = (int(value // STRIDE) for value in _middle())
    offset = [value / STRIDE - cell for value, cell in zip(_middle(), (x, y), strict=True)]
    size = np.log(np.array(BOX[2:]) / STRIDE)
    rows[0, _number(x, y, (8, 16, 32))] = (*offset, *size, 1.0, 0.1, SCORE)
    return [rows]


def nanodet() -> list[Floats]:
    rows = _rows(NANODET_STRIDES, 2 + 4 * BINS)
    x, y = (int(value // STRIDE) for value in _middle())
    row = np.zeros((4, BINS), np.float32)
    for n, distance in enumerate(_distances(x, y)):  # between two bins, as it would be trained
        low, part = int(distance), distance - int(distance)
        row[n] = -30
        row[n, low] = np.log(max(1 - part, 1e-9))
        if part:
            row[n, low + 1] = np.log(part)
    rows[0, _number(x, y, NANODET_STRIDES)] = (0.1, SCORE, *row.ravel())
    return [rows]


def _distances(x: int, y: int) -> list[float]:
    """Cells from the corner of the cell (x, y) to the four sides of the box."""
    left, top = BOX[0] / STRIDE, BOX[1] / STRIDE
    return [x - left, y - top, left + BOX[2] / STRIDE - x, top + BOX[3] / STRIDE - y]


def scrfd() -> list[Floats]:
    x, y = (int(value // STRIDE) for value in _middle())
    scores, distances, points = [], [], []
    for stride in (8, 16, 32):
        count = 2 * int(np.prod(cells(SIDES, stride)))
        scores.append(np.zeros((1, count, 1), np.float32))
        distances.append(np.zeros((1, count, 4), np.float32))
        points.append(np.zeros((1, count, 10), np.float32))
    at = 2 * (y * cells(SIDES, STRIDE)[1] + x) + 1
    scores[1][0, at], distances[1][0, at] = SCORE, _distances(x, y)
    return [*scores, *distances, *points]


def ssd() -> list[Floats]:
    rows = np.zeros((1, 1, 10, 7), np.float32)
    rows[0, 0, 1:, 0] = -1  # nothing more; what follows must not count
    rows[0, 0, 2:, 2] = 0.9
    x, y, width, height = BOX
    corners = np.array([x, y, x + width, y + height]) / (SIDES[1], SIDES[0], SIDES[1], SIDES[0])
    rows[0, 0, 0] = (0, CLASS, SCORE, *corners)
    return [rows]


def retinaface() -> list[Floats]:
    offsets = _rows((8, 16, 32), 4, 2)
    scores = _rows((8, 16, 32), 3, 2)
    scores[..., 0] = 1.0
    x, y = (int(value // STRIDE) for value in _middle())
    prior, at = 64, _number(x, y, (8, 16, 32), 2)
    middle = (np.array(_middle()) - (np.array([x, y]) + 0.5) * STRIDE) / prior / 0.1
    offsets[0, at] = (*middle, *(np.log(np.array(BOX[2:]) / prior) / 0.2))
    scores[0, at] = (1 - SCORE, 0.0, SCORE)
    return [offsets, scores]


def centerface() -> list[Floats]:
    rows, columns = SIDES[0] // 4, SIDES[1] // 4
    heat = np.zeros((1, 1, rows, columns), np.float32)
    size, offset = (np.zeros((1, 2, rows, columns), np.float32) for _ in range(2))
    x, y = (int(value // 4) for value in _middle())
    heat[0, 0, y, x] = SCORE
    size[0, :, y, x] = np.log(np.array([BOX[3], BOX[2]]) / 4)
    offset[0, :, y, x] = _middle()[1] / 4 - y - 0.5, _middle()[0] / 4 - x - 0.5
    return [heat, size, offset, np.zeros((1, 10, rows, columns), np.float32)]


ANSWERS = {
    "yolov5": yolov5,
    "yolov8": yolov8,
    "yolox": yolox,
    "nanodet": nanodet,
    "ssd": ssd,
    "retinaface": retinaface,
    "scrfd": scrfd,
    "centerface": centerface,
}
FACES_ONLY = ("scrfd", "centerface")
"""These know one class."""
