"""SSD with its own suppression inside, as OpenVINO's and Caffe's `DetectionOutput` answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.detectors.families.found import Found, best_of, only

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.detectors.families.found import Named

    Floats = NDArray[np.float32]


ANY = 1 << 16
"""How many classes there are does not show in the output."""


class Ssd:
    """(1, 1, N, 7): picture, class, score, and two corners as shares of the input's sides."""

    expects = "(1, 1, N, 7)"

    @staticmethod
    def classes(shapes: Sequence[tuple[int, ...]], _shape: tuple[int, int]) -> int | None:
        first = only(shapes)
        return ANY if len(first) == 4 and first[-1] == 7 else None

    @staticmethod
    def scores(outputs: Sequence[Floats]) -> Floats:
        return _rows(outputs)[:, 2]

    @staticmethod
    def decode(
        outputs: Sequence[Floats], shape: tuple[int, int], min_score: float, named: Named = None
    ) -> Found:
        rows = _rows(outputs)
        rows = rows if named is None else rows[np.isin(rows[:, 1], named)]
        corners = rows[:, 3:] * np.array([shape[1], shape[0]] * 2, np.float32)
        low = np.minimum(corners[:, :2], corners[:, 2:])  # hidden whichever way round
        high = np.maximum(corners[:, :2], corners[:, 2:])
        boxes = np.concatenate([low, high - low], 1)
        return best_of(boxes, rows[:, 2], rows[:, 1].astype(np.intp), min_score)


def _rows(outputs: Sequence[Floats]) -> Floats:
    """(M, 7): those of a picture."""
    rows = outputs[0].reshape(-1, 7)
    ended = np.flatnonzero(rows[:, 0] < 0)  # what follows is of no picture
    return rows[: ended[0]] if len(ended) else rows
