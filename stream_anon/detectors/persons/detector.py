"""The detector `persons`: people from all sides, and their heads where no face is seen.

Weights (NanoDet and MediaPipe's selfie segmentation, both Apache-2.0) lie in a package of the npm
registry, of which nothing else is used; `weights.catalogue` says which.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.detectors.labels import PERSON_LABELS
from stream_anon.detectors.persons import nanodet
from stream_anon.detectors.persons.heads import head_in, head_of
from stream_anon.detectors.persons.silhouettes import SIDE, Silhouettes
from stream_anon.detectors.picture import working_picture
from stream_anon.detectors.runtime import Built, Network, Networks, Precision
from stream_anon.detectors.shapes import ellipse
from stream_anon.detectors.tfjs.convert import convert
from stream_anon.detectors.tfjs.graph import read_graph
from stream_anon.detectors.weights import store
from stream_anon.detectors.weights.catalogue import CATALOGUE

if TYPE_CHECKING:
    from stream_anon.core.frame import ColorTags, Frame
    from stream_anon.detectors.base import DetectionPass, Loading

SET = "persons"
"""Of the catalogue."""
HOW_TO_GET = CATALOGUE[SET].how_to_get
LEAST_SIDE, MOST_SIDE = 416, 832
"""Working sizes of the whole picture, in pixels: as the network was trained, to twice as large."""
LEAST_REGION = 320
"""The same of a region."""
SCORES = (0.1, 0.2, 0.3, 0.45, 1.0), (0.05, 0.12, 0.2, 0.35, 1.0)
"""What the network answers, and what it is worth where faces of 0.2 are doubtful: on real pictures
without people it answers up to 0.25."""
OUTLINED_FROM = 0.2
"""Score from which on an outline will do."""
MOST_OUTLINED = 12
"""People of one pass who get outlines; all others are hidden by their boxes."""


@dataclass(slots=True)
class _Answer:
    parts: list[Part]
    asked: set[DetectionPass] = field(default_factory=set)
    """Passes that it was given for."""


class Persons:
    """Finds people. `human` is all of somebody, `head` the upper end of that."""

    name = "persons"
    labels = PERSON_LABELS

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
        """Load both networks.

        Args:
            color: how the frames' numbers become colours.
            pixel_aspect: width of a pixel over its height.
            min_score: answers below this are left out, 0..1.
            threads: processor threads; 0 takes half of the cores: the encoder wants the rest.
            precision: `auto` computes in bfloat16 where the processor does so natively.
            networks: loads both.

        Raises:
            DependencyError: OpenVINO is missing, or does not start.
            ModelError: weights are missing or damaged.
        """
        self._color, self._pixel_aspect = color, pixel_aspect
        self._min_score = min_score
        boxes, outlines = built("nanodet"), built("selfie")
        self.model_hash = hashlib.sha256((boxes.identity + outlines.identity).encode()).hexdigest()
        self._boxes = networks(boxes, threads=threads, precision=precision)
        self._outlines = networks(outlines, threads=threads, precision=precision)
        self._silhouettes = Silhouettes(self._outlines, color, pixel_aspect)
        self._frame: Frame | None = None
        self._known: dict[DetectionPass, _Answer] = {}
        """Of that frame, by the pass that was made."""

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        if self._frame is not frame:
            self._frame, self._known = frame, {}
        made = self._affordable(frame, detection_pass)
        known = self._known.get(made)
        # Deep passes of several sizes become one; who asks the very same again wants it done again.
        if known is None or detection_pass in known.asked:
            known = self._known[made] = _Answer(self._parts(frame, made))
        known.asked.add(detection_pass)
        return list(known.parts)

    def warm_up(self) -> None:
        """Compile the network for outlines now, and not when the first person comes."""
        self._outlines.run(np.zeros((1, SIDE, SIDE, 3), np.float32))

    def close(self) -> None:
        self._frame, self._known = None, {}
        self._boxes.close()
        self._outlines.close()

    def _affordable(self, frame: Frame, detection_pass: DetectionPass) -> DetectionPass:
        """A pass at a size that makes sense for people."""
        shown = max(frame.width * self._pixel_aspect, frame.height)
        if detection_pass.region is not None:
            least, most = LEAST_REGION, MOST_SIDE
        else:
            most = max(32, min(MOST_SIDE, round(shown)))
            least = min(LEAST_SIDE, most)
        return replace(detection_pass, long_side=max(least, min(detection_pass.long_side, most)))

    def _parts(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        picture = working_picture(
            frame, detection_pass, self._color, self._pixel_aspect, nanodet.MEAN
        )
        outputs = self._boxes.run(nanodet.prepared(picture.rgb))
        rows, columns = picture.rgb.shape[2:]
        least = float(np.interp(self._min_score, SCORES[1], SCORES[0]))
        parts: list[Part] = []
        for person, found in enumerate(nanodet.decode(outputs, rows, columns, least)):
            box = _within(picture.placed(*found.box), frame)
            if box is None:
                continue
            score = float(np.interp(found.score, *SCORES))
            trusted = score >= OUTLINED_FROM and person < MOST_OUTLINED
            parts += self._person(frame, box, score, person, trusted=trusted)
        return parts

    def _person(
        self, frame: Frame, box: Box, score: float, person: int, *, trusted: bool
    ) -> list[Part]:
        seen = self._silhouettes.around(frame, box, trusted=trusted)
        if seen.outline is not None:
            head = head_of(seen.outline, seen.region, self._pixel_aspect)
        else:
            head = head_in(box, self._pixel_aspect)
        return [
            Part("human", seen.region, seen.mask, score, person),
            Part("head", head, ellipse(), score, person),
        ]


def _within(box: Box, frame: Frame) -> Box | None:
    """The part of a box that is in the picture; None where next to nothing is."""
    left, top = max(0.0, box.x), max(0.0, box.y)
    right = min(float(frame.width), box.x + box.width)
    bottom = min(float(frame.height), box.y + box.height)
    if right - left < 1 or bottom - top < 1:
        return None
    return Box(left, top, right - left, bottom - top)


def built(network: str) -> Built:
    """One of the two networks, `nanodet` or `selfie`.

    Raises:
        DependencyError: OpenVINO is missing, or does not start.
        ModelError: its weights are missing or damaged.
    """
    weights = store.read(SET, f"{network}.bin")
    topology = store.read(SET, f"{network}.json")
    identity = hashlib.sha256(topology + weights).hexdigest()
    return Built(identity, partial(_build, network, topology, weights), f"{SET}/{network}")


def _build(network: str, topology: bytes, weights: bytes) -> Any:
    return convert(read_graph(f"{network}.json", topology, weights))


def load(loading: Loading) -> Persons:
    """The detector of one run.

    Raises:
        DependencyError: OpenVINO is missing, or does not start.
        ModelError: weights are missing or damaged.
    """
    settings, info = loading.settings, loading.info
    loading.notes.append(
        "people are found by persons, from all sides; outlines are generous, and whoever is small, "
        "cut off or unclear is hidden by a whole box"
    )
    detector = Persons(
        info.color,
        pixel_aspect=float(info.pixel_aspect),
        min_score=settings.masking.track_score,
        threads=settings.parsing.threads,
        precision=settings.parsing.precision,
        networks=loading.networks,
    )
    if info.live:
        detector.warm_up()
    return detector
