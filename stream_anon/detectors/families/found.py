"""What all families answer with, and what their decoders share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Named = Sequence[int] | None

OVERLAP = 0.45
"""Boxes of one class that overlap by more than this (IoU) are one thing; the best one is kept."""
LARGEST_LOG = 8.0
"""Exponents are cut off here: a box is never e^8 times as large as its anchor."""


class Likely(NamedTuple):
    """What is likely to be something, before each thing is kept once."""

    rows: NDArray[np.intp]
    """(M,): numbers of the boxes."""
    scores: Floats
    """(M,)."""
    classes: NDArray[np.intp]
    """(M,)."""


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
    kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), classes.tolist(), 0.0, OVERLAP)
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


def only(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of the one output; empty where there are more, which mean something else."""
    return shapes[0] if len(shapes) == 1 else ()


def cells(shape: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns of the output at a stride, for an input of `shape` (rows, columns)."""
    return -(-shape[0] // stride), -(-shape[1] // stride)


def by_class(scores: Floats, min_score: float, named: Named = None) -> Likely:
    """(N, C) to each box and class that is likely: a box may be of several.

    The best class alone would drop one that is to be hidden where another one scores higher.

    Args:
        scores: of each box for each class.
        min_score: less likely ones are left out.
        named: the classes that count; None for all.
    """
    counted = np.arange(scores.shape[1]) if named is None else np.asarray(named, np.intp)
    rows, columns = np.nonzero(scores[:, counted] >= min_score)
    classes = counted[columns]
    return Likely(rows, scores[rows, classes], classes)
