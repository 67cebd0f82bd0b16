"""RetinaFace and what is built like it: boxes as offsets from priors, coded with variances.

Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", 2019
(arXiv:1905.00641); the coding is that of SSD (arXiv:1512.02325).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.detectors.families.found import Named

    Floats = NDArray[np.float32]

Priors = Mapping[int, tuple[int, ...]]
PRIORS: Priors = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
"""Sides of the priors at each stride, in input pixels, as RetinaFace has them for faces."""
PLATE_PRIORS: Priors = {8: (24, 48), 16: (96, 192), 32: (384, 768)}
VARIANCES = (0.1, 0.2)
"""Of the middle and of the size."""


def decode(
    outputs: Sequence[Floats],
    shape: tuple[int, int],
    min_score: float,
    named: Named = None,
    priors: Priors = PRIORS,
) -> Found:
    """Boxes of one input.

    Args:
        outputs: boxes (1, N, 4) and scores (1, N, classes), the first class being nothing; what
            follows (landmarks) is left out.
        shape: rows and columns of the input.
        min_score: less likely boxes are left out.
        named: classes that count, without the first; None for all.
        priors: sides of the priors by stride.
    """
    offsets, confidences = outputs[0][0], outputs[1][0]
    likely, scores, classes = by_class(confidences[:, 1:], min_score, named)
    anchors = _anchors(shape, tuple(priors.items()))[likely]
    offsets, side = offsets[likely], anchors[:, 2:]
    middle = anchors[:, :2] + offsets[:, :2] * VARIANCES[0] * side
    size = side * np.exp(np.minimum(offsets[:, 2:] * VARIANCES[1], LARGEST_LOG))
    return best_of(centred(middle, size), scores, classes, min_score)


class RetinaFace:
    """(1, N, 4) and (1, N, 1 + classes): offsets from the priors, and scores after a softmax."""

    expects = "(1, N, 4) and (1, N, 1 + classes), N two boxes for each cell"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> int | None:
        boxes, scores = (*shapes, (), ())[:2] if len(shapes) <= 3 else ((), ())  # and landmarks
        count = len(_anchors(shape, tuple(PRIORS.items())))
        fits = boxes == (1, count, 4) and scores[:2] == (1, count) and len(scores) == 3
        return scores[2] - 1 if fits else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        scores: Floats = outputs[1][0]
        return scores

    decode = staticmethod(decode)


@lru_cache(maxsize=16)
def _anchors(
    shape: tuple[int, int], priors: tuple[tuple[int, tuple[int, ...]], ...]
) -> NDArray[np.float32]:
    """(N, 4): middle and sides of each prior, in input pixels."""
    found = []
    for stride, sides in priors:
        rows, columns = cells(shape, stride)
        middle = (grid(rows, columns, len(sides)) + 0.5) * stride
        side = np.tile(np.repeat(np.array(sides, np.float32)[:, None], 2, 1), (rows * columns, 1))
        found.append(np.concatenate([middle, side], 1))
    return np.concatenate(found).astype(np.float32)
