"""What all families answer with, and what their decoders share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

OVERLAP = 0.45
"""Boxes of one class that overlap by more than this (IoU) are one thing; the best one is kept."""
LARGEST_LOG = 8.0
"""Exponents are cut off here: a box is never e^8 times as large as its anchor."""


class Found(NamedTuple):
    """Boxes in input pixels, best first."""

    boxes: Floats
    """(N, 4): x, y, width, height."""
    scores: Floats
    """(N,), 0..1."""
    classes: NDArray[np.intp]
    """(N,): the class numbers that the network was trained with."""


def best_of(boxes: Floats, scores: Floats, classes: NDArray[np.intp], min_score: float) -> Found:
    """Likely boxes, each thing once (non-maximum suppression within each class).

    Args:
        boxes: (N, 4), x, y, width, height.
        scores: (N,).
        classes: (N,).
        min_score: less likely boxes are left out.
    """
    likely = np.flatnonzero(scores >= min_score)
    boxes, scores, classes = boxes[likely], scores[likely], classes[likely]
    if not len(likely):
        return Found(boxes.reshape(0, 4), scores, classes)
    kept = cv2.dnn.NMSBoxesBatched(
        boxes.tolist(), scores.tolist(), classes.tolist(), min_score, OVERLAP
    )
    order = np.ravel(np.asarray(kept, np.intp))
    order = order[np.argsort(-scores[order], kind="stable")]
    return Found(boxes[order], scores[order], classes[order])


def centred(middle: Floats, size: Floats) -> Floats:
    """Boxes by their middle and size, both (N, 2) as x, y."""
    return np.concatenate([middle - size / 2, size], 1).astype(np.float32)


def grid(rows: int, columns: int, each: int = 1) -> Floats:
    """(rows * columns * each, 2): column and row of each cell, row by row, `each` times in turn."""
    y, x = np.mgrid[:rows, :columns]
    return np.repeat(np.stack([x.ravel(), y.ravel()], 1), each, 0).astype(np.float32)


def cells(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns of the output at a stride, for an input of `shape` (rows, columns)."""
    return -(-shape[0] // stride), -(-shape[1] // stride)


def by_class(scores: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """(N, C) to the best score of each box and its class."""
    classes = scores.argmax(1)
    return scores[np.arange(len(scores)), classes], classes
