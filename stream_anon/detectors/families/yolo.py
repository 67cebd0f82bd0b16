"""YOLOv5, YOLOv8 (and what is built like it: YOLOv9 to 12) and YOLOX, as their exporters write them
with their own defaults: one output, no suppression inside.

YOLOX: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021 (arXiv:2107.08430).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.detectors.families.found import (
    LARGEST_LOG,
    Found,
    best_of,
    by_class,
    cells,
    centred,
    grid,
    only,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.detectors.families.found import Named

    Floats = NDArray[np.float32]

STRIDES = (8, 16, 32)
ANCHORS = 3
"""Of YOLOv5, at each cell."""


def count(shape: tuple[int, int], strides: Sequence[int] = STRIDES) -> int:
    """Cells of all strides together, for an input of `shape` (rows, columns)."""
    return sum(int(np.prod(cells(shape, stride))) for stride in strides)


class YoloV5:
    """(1, N, 5 + C): middle and size in pixels, objectness, a score for each class."""

    expects = "(1, N, 5 + classes), N three boxes for each cell"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        fits = {ANCHORS * count(shape), ANCHORS * count(shape, (*STRIDES, 64))}
        first = only(shapes)
        return first[2] - 5 if len(first) == 3 and first[1] in fits and first[2] > 5 else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        scores: Floats = outputs[0][0][:, 4:]
        return scores

    @staticmethod
    def decode(
        outputs: Sequence[Floats], _shape: tuple[int, int], min_score: float, named: Named = None
    ) -> Found:
        rows = outputs[0][0]
        likely, scores, classes = by_class(rows[:, 5:] * rows[:, 4:5], min_score, named)
        rows = rows[likely]
        return best_of(centred(rows[:, :2], rows[:, 2:4]), scores, classes, min_score)


class YoloV8:
    """(1, 4 + C, N): middle and size in pixels, a score for each class."""

    expects = "(1, 4 + classes, N), N one box for each cell"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        first = only(shapes)
        fits = len(first) == 3 and first[2] == count(shape) and first[1] > 4
        return first[1] - 4 if fits else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        scores: Floats = outputs[0][0][4:]
        return scores

    @staticmethod
    def decode(
        outputs: Sequence[Floats], _shape: tuple[int, int], min_score: float, named: Named = None
    ) -> Found:
        rows = outputs[0][0].T
        likely, scores, classes = by_class(rows[:, 4:], min_score, named)
        rows = rows[likely]
        return best_of(centred(rows[:, :2], rows[:, 2:4]), scores, classes, min_score)


class YoloX:
    """(1, N, 5 + C): offset from the cell and log size, in cells; objectness, class scores."""

    expects = "(1, N, 5 + classes), N one box for each cell"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        first = only(shapes)
        fits = len(first) == 3 and first[1] == count(shape) and first[2] > 5
        return first[2] - 5 if fits else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        scores: Floats = outputs[0][0][:, 4:]
        return scores

    @staticmethod
    def decode(
        outputs: Sequence[Floats], shape: tuple[int, int], min_score: float, named: Named = None
    ) -> Found:
        rows = outputs[0][0]
        corner = np.concatenate([grid(*cells(shape, stride)) for stride in STRIDES])
        each = [np.full(int(np.prod(cells(shape, s))), s, np.float32) for s in STRIDES]
        stride = np.concatenate(each)[:, None]
        middle = (rows[:, :2] + corner) * stride
        size = np.exp(np.minimum(rows[:, 2:4], LARGEST_LOG)) * stride
        likely, scores, classes = by_class(rows[:, 5:] * rows[:, 4:5], min_score, named)
        return best_of(centred(middle, size)[likely], scores, classes, min_score)
