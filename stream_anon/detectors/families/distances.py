"""NanoDet-Plus and SCRFD: boxes by the distances of their sides from a cell's corner.

NanoDet, with the distributions of Li et al., "Generalized Focal Loss", 2020 (arXiv:2006.04388).
Guo et al., "Sample and Computation Redistribution for Efficient Face Detection", 2021
(arXiv:2105.04714).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.detectors.families.found import Found, best_of, by_class, cells, grid, only
from stream_anon.detectors.families.yolo import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.detectors.families.found import Named

    Floats = NDArray[np.float32]

NANODET_STRIDES = (8, 16, 32, 64)
BINS = 8
"""Of NanoDet's distribution of each distance: 0 to 7 cells."""
SCRFD_STRIDES = (8, 16, 32)
SCRFD_ANCHORS = 2
"""At each cell, one above the other."""


class NanoDet:
    """(1, N, C + 32): a score for each class, and how likely each distance is, side by side."""

    expects = "(1, N, classes + 32), N one box for each cell"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        first = only(shapes)
        known = len(first) == 3 and first[1] == count(shape, NANODET_STRIDES)
        return first[2] - 4 * BINS if known and first[2] > 4 * BINS else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        scores: Floats = outputs[0][0][:, : -4 * BINS]
        return scores

    @staticmethod
    def decode(
        outputs: Sequence[Floats], shape: tuple[int, int], min_score: float, named: Named = None
    ) -> Found:
        rows = outputs[0][0]
        likely, scores, classes = by_class(rows[:, : -4 * BINS], min_score, named)
        corner, stride = (values[likely] for values in _corners(shape, NANODET_STRIDES))
        bins = rows[likely, -4 * BINS :].reshape(-1, 4, BINS)
        weights = np.exp(bins - bins.max(2, keepdims=True))
        mean = (weights * np.arange(BINS)).sum(2) / weights.sum(2)
        boxes = _boxes(corner, (mean * stride).astype(np.float32))
        return best_of(boxes, scores, classes, min_score)


class Scrfd:
    """Nine outputs (six without landmarks): scores of each stride, then distances in cells."""

    expects = "(N, 1) for three strides, then (N, 4) for them, N two boxes for each cell"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        wanted = [
            (SCRFD_ANCHORS * count(shape, [stride]), width)
            for width in (1, 4)
            for stride in SCRFD_STRIDES
        ]
        fits = len(shapes) in (6, 9) and [given[-2:] for given in shapes[:6]] == wanted
        return 1 if fits else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        return np.concatenate([output.reshape(-1) for output in outputs[: len(SCRFD_STRIDES)]])

    @staticmethod
    def decode(
        outputs: Sequence[Floats], shape: tuple[int, int], min_score: float, _named: Named = None
    ) -> Found:
        n = len(SCRFD_STRIDES)
        scores = Scrfd.scores(outputs)
        distances = np.concatenate([output.reshape(-1, 4) for output in outputs[n : 2 * n]])
        corner, stride = _corners(shape, SCRFD_STRIDES, SCRFD_ANCHORS)
        boxes = _boxes(corner, distances * stride)
        return best_of(boxes, scores, np.zeros(len(scores), np.intp), min_score)


def _corners(
    shape: tuple[int, int], strides: Sequence[int], each: int = 1
) -> tuple[Floats, Floats]:
    """Pixel of each cell's corner (N, 2), and the cell's side (N, 1)."""
    corners = [grid(*cells(shape, stride), each) * stride for stride in strides]
    sides = [np.full((len(c), 1), s, np.float32) for c, s in zip(corners, strides, strict=True)]
    return np.concatenate(corners), np.concatenate(sides)


def _boxes(corner: Floats, distances: Floats) -> Floats:
    """x, y, width, height of boxes by the pixels to their left, top, right and bottom."""
    one, other = corner - distances[:, :2], corner + distances[:, 2:]
    low, high = np.minimum(one, other), np.maximum(one, other)  # hidden whichever way round
    return np.concatenate([low, high - low], 1).astype(np.float32)
