"""From NanoDet's answer to the boxes of people.

The network is anchor-free: each cell of three grids, 8, 16 and 32 input pixels wide, says how
likely it lies in an object of each class, and how far each side of its box is away, as a
distribution over 0..n cells (Li et al., "Generalized Focal Loss", 2020, arXiv:2006.04388).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from stream_anon.core.parts import Box
from stream_anon.errors import ParserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STRIDES = (8, 16, 32)
CLASSES = 80
PERSON = 0
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
"""Of the pictures that it was trained on, R, G, B; it takes them as B, G, R."""
SAME_PERSON = 0.6
"""Boxes that overlap by this much (IoU) are one person."""
NEARLY = 0.8
"""A box that scores this share of the best one of a person may be the right one as well."""


class Found(NamedTuple):
    """One person."""

    box: Box
    """In input pixels."""
    score: float
    """As the network has it, 0..1."""


def prepared(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture (1, 3, rows, columns), RGB 0..255, as the network takes it."""
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    even = (rgb - mean[:, None, None]) / std[:, None, None]
    return np.ascontiguousarray(even[:, ::-1])


def decode(
    outputs: Sequence[NDArray[np.float32]], rows: int, columns: int, min_score: float
) -> list[Found]:
    """People, best first.

    Args:
        outputs: in any order, for each grid: scores (1, cells, classes), and distances
            (1, cells, 4 (n + 1)) of the left, upper, right and lower side.
        rows: of the input, a multiple of 32 like its columns.
        columns: of the input.
        min_score: cells below it are left out.

    Raises:
        ParserError: the outputs are not those of such a network, or no numbers.
    """
    if not all(np.isfinite(output).all() for output in outputs):
        raise ParserError("nanodet answered with values that are not numbers")
    boxes: list[NDArray[np.float32]] = []
    scores: list[NDArray[np.float32]] = []
    for stride in STRIDES:
        cells = (rows // stride, columns // stride)
        heat, sides = _of_grid(outputs, cells[0] * cells[1])
        likely = np.flatnonzero(heat[:, PERSON] >= min_score)
        boxes.append(_boxes(sides[likely], likely, cells[1]) * stride)
        scores.append(heat[likely, PERSON])
    return _one_each(np.concatenate(boxes), np.concatenate(scores))


def _of_grid(
    outputs: Sequence[NDArray[np.float32]], cells: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mine = [o[0] for o in outputs if o.ndim == 3 and o.shape[:2] == (1, cells)]
    heat = [o for o in mine if o.shape[1] == CLASSES]
    sides = [o for o in mine if o.shape[1] != CLASSES and o.shape[1] % 4 == 0]
    if len(heat) != 1 or len(sides) != 1:
        shapes = ", ".join(str(output.shape) for output in outputs)
        raise ParserError(f"nanodet answered with arrays of other shapes: {shapes}")
    return heat[0], sides[0]


def _boxes(
    sides: NDArray[np.float32], cells: NDArray[np.intp], columns: int
) -> NDArray[np.float32]:
    """(n, 4): left, top, right, bottom, in cells."""
    weights = sides.reshape(len(sides), 4, sides.shape[1] // 4)
    weights = np.exp(weights - weights.max(2, keepdims=True))
    far = (weights * np.arange(weights.shape[2])).sum(2) / weights.sum(2)
    x, y = cells % columns + 0.5, cells // columns + 0.5
    corners = [x - far[:, 0], y - far[:, 1], x + far[:, 2], y + far[:, 3]]
    return np.stack(corners, 1).astype(np.float32)


def _one_each(corners: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Found]:
    """Each person once, their box around all that are about as likely."""
    sizes = np.maximum(corners[:, 2:] - corners[:, :2], 1.0)
    boxes = np.concatenate([corners[:, :2], sizes], 1)
    best = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.0, SAME_PERSON)
    found: list[Found] = []
    for n in np.ravel(np.asarray(best, np.intp)):
        box = own = Box(*map(float, boxes[n]))
        for other in np.flatnonzero(scores >= NEARLY * scores[n]):
            if scores[other] <= scores[n] and own.iou(also := Box(*map(float, boxes[other]))) > (
                SAME_PERSON
            ):
                box = box.union(also)
        found.append(Found(box, float(scores[n])))
    return found
