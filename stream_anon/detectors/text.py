"""Text, printed or written: the detector of PP-OCRv4, a map of where letters are.

Network: Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2019
(arXiv:1911.08947). Its weights are fetched at the user's wish: see `weights.catalogue`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from stream_anon.core.parts import Part
from stream_anon.detectors.boxes import Preparation
from stream_anon.detectors.picture import working_picture
from stream_anon.detectors.weights import store
from stream_anon.detectors.weights.catalogue import CATALOGUE
from stream_anon.errors import ParserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import DetectionPass, Loading

    Floats = NDArray[np.float32]

SET, FILE = "text", "ch_PP-OCRv4_det_infer.onnx"
LABEL = "text"
LABELS = frozenset({LABEL})
HOW_TO_GET = CATALOGUE[SET].how_to_get
PREPARATION = Preparation(
    bgr=True,
    mean=(0.485 * 255, 0.456 * 255, 0.406 * 255),
    scale=(1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)),
)
"""Mean and deviation of ImageNet; the network was trained with blue in the place of red."""
LARGER = 5 / 3
"""Times as large as for faces: letters are small."""
INSIDE = 0.25
"""Probability from which on a pixel belongs to a line of text."""
UNCLIPPED = 1.8
"""The map shows the core of each line; a line reaches farther by its area over its perimeter, times
this (the paper has 1.5)."""
SMALLEST = 3.0
"""Pixels of the core's shorter side at working size; less is noise."""
MASK_SIDE = 48
"""Pixels of the longer side of a mask."""


class Line(NamedTuple):
    """A line of text in working pixels."""

    corners: Floats
    """(4, 2): those of the upright or leaning rectangle around it."""
    score: float


class TextDetector:
    """Finds lines of text; each is a leaning rectangle."""

    name = "text"
    labels = LABELS
    model_hash = CATALOGUE[SET].files[FILE]

    def __init__(self, loading: Loading) -> None:
        """Load the network.

        Raises:
            ModelError: weights are missing or damaged.
        """
        settings, info = loading.settings, loading.info
        self._color, self._pixel_aspect = info.color, float(info.pixel_aspect)
        self._min_score = settings.masking.track_score
        weights, parsing = store.read(SET, FILE), settings.parsing
        self._network = loading.networks(
            weights, threads=parsing.threads, precision=parsing.precision
        )

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        if detection_pass.region is None:
            side = round(LARGER * detection_pass.long_side)
            detection_pass = replace(detection_pass, long_side=side)
        picture = working_picture(
            frame, detection_pass, self._color, self._pixel_aspect, PREPARATION.fill
        )
        (answer,) = self._network.run(PREPARATION.applied(picture.rgb))
        if not np.isfinite(answer).all():
            raise ParserError("text answered with values that are not numbers")
        shown = answer[0, 0, : picture.rows, : picture.columns]
        parts = []
        for number, line in enumerate(lines(shown, self._min_score)):
            left, top = line.corners.min(0)
            width, height = np.maximum(line.corners.max(0) - (left, top), 1.0)
            box = picture.placed(float(left), float(top), float(width), float(height))
            turned = np.rot90(_mask(line.corners), -picture.turn)
            parts.append(Part(LABEL, box, np.ascontiguousarray(turned), line.score, number))
        return parts

    def close(self) -> None:
        self._network.close()


def load(loading: Loading) -> TextDetector:
    """The detector of one run.

    Raises:
        ModelError: weights are missing or damaged.
    """
    return TextDetector(loading)


def lines(probability: Floats, min_score: float) -> Iterator[Line]:
    """The lines of text in a map.

    Args:
        probability: (rows, columns), 0..1, how likely each pixel is within the core of a line.
        min_score: lines whose core is less likely on average are left out.
    """
    inside = (probability > INSIDE).astype(np.uint8)
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for outline in outlines:
        middle, (wide, high), angle = cv2.minAreaRect(outline)
        wide, high = wide + 1, high + 1  # from the middles of pixels to their edges
        if min(wide, high) < SMALLEST:
            continue
        score = _mean_inside(probability, np.asarray(outline, np.int32))
        if score < min_score:
            continue
        reach = UNCLIPPED * wide * high / (2 * (wide + high))
        middle = middle[0] + 0.5, middle[1] + 0.5
        corners = cv2.boxPoints((middle, (wide + 2 * reach, high + 2 * reach), angle))
        yield Line(np.asarray(corners, np.float32), score)


def _mean_inside(probability: Floats, outline: NDArray[np.int32]) -> float:
    left, top, width, height = cv2.boundingRect(outline)
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, [outline], -1, 1, cv2.FILLED, offset=(-left, -top))
    return float(probability[top : top + height, left : left + width][filled > 0].mean())


def _mask(corners: Floats) -> NDArray[np.uint8]:
    """The rectangle within its upright box, every pixel that it touches."""
    low = corners.min(0)
    scale = MASK_SIDE / max(float(np.ptp(corners, 0).max()), 1.0)
    width, height = np.maximum(np.ceil(np.ptp(corners, 0) * scale), 4).astype(int)
    mask = np.zeros((height, width), np.uint8)
    points = np.round((corners - low) * scale).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 255)
    cv2.polylines(mask, [points], isClosed=True, color=255, thickness=2)
    return mask
