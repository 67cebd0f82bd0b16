"""Detectors that answer with boxes, whatever network they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.detectors.picture import WorkingPicture, working_picture
from stream_anon.detectors.shapes import full_box
from stream_anon.errors import ParserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import DetectionPass, Loading
    from stream_anon.detectors.families.found import Found

    Floats = NDArray[np.float32]
    Decode = Callable[[Sequence[Floats], tuple[int, int], float], Found]

SAME_THING = 0.3
"""Two boxes of one label that overlap by this much (IoU) show one thing, or are hidden as one."""
AS_SURE = 0.75
"""Share of the best look's score from which on another look's box counts too."""
LEAST_SIDE = 1.0
"""Working pixels: narrower boxes are as wide as this."""


class Thing(NamedTuple):
    """One thing that a look has seen."""

    label: str
    box: Box
    """In frame pixels."""
    score: float


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a network wants done with the colours, which come as 0..255."""

    bgr: bool = False
    """Blue first."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Taken off, in the network's order."""
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """What is left is multiplied by this, in the network's order."""

    @property
    def fill(self) -> tuple[float, float, float]:
        """The RGB colour that becomes 0."""
        first, second, third = self.mean
        return (third, second, first) if self.bgr else self.mean

    def applied(self, rgb: Floats) -> Floats:
        """(1, 3, rows, columns), as the network wants it."""
        picture = rgb[:, ::-1] if self.bgr else rgb
        mean, scale = (np.reshape(v, (1, 3, 1, 1)) for v in (self.mean, self.scale))
        return np.ascontiguousarray((picture - mean) * scale, np.float32)


@dataclass(frozen=True, slots=True)
class Made:
    """A detector of boxes: everything but the run."""

    name: str
    labels: Mapping[int, str]
    """By class; boxes of other classes are left out."""
    model_hash: str
    """SHA-256 of the weights, hexadecimal."""
    decode: Decode
    """From the outputs, the rows and columns of the input, and the least score, to boxes."""
    preparation: Preparation
    looks: Callable[[DetectionPass], list[DetectionPass]] = lambda detection_pass: [detection_pass]
    """The looks that one pass takes: things are found at one scale or another."""
    least_width: float = 0.0
    """Pixels of a look; what is narrower is left to the first look of a pass, the largest one."""
    most_width: float = math.inf
    """Share of the frame's width; what is wider is none of it."""
    reach: Callable[[Box], Box] = lambda box: box
    """From what the network calls the thing to what is hidden, in frame pixels."""
    min_score: float | None = None
    """Less likely boxes are left out; None for `masking.track_score`."""
    canvas: tuple[int, int] | None = None
    """Rows and columns of the input, where it has only this one."""


class BoxDetector:
    """Finds things by their boxes, and hides the whole box."""

    def __init__(self, made: Made, weights: bytes, loading: Loading) -> None:
        """Load the network.

        Raises:
            ModelError: OpenVINO cannot read it.
        """
        settings, info = loading.settings, loading.info
        self._made, self._color = made, info.color
        self._pixel_aspect = float(info.pixel_aspect)
        self._min_score = made.min_score or settings.masking.track_score
        self._network = loading.networks(
            weights, threads=settings.parsing.threads, precision=settings.parsing.precision
        )

    @property
    def name(self) -> str:
        return self._made.name

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(self._made.labels.values())

    @property
    def model_hash(self) -> str:
        return self._made.model_hash

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        looks = distinct(self._made.looks(detection_pass), frame, self._pixel_aspect)
        least = (0.0, *[self._made.least_width] * (len(looks) - 1))
        seen = [
            thing
            for look, width in zip(looks, least, strict=True)
            for thing in self._look(frame, look, width)
            if thing.box.width <= self._made.most_width * frame.width
        ]
        return [
            Part(thing.label, self._made.reach(thing.box), full_box(), thing.score, number)
            for number, thing in enumerate(united(seen))
        ]

    def _look(self, frame: Frame, look: DetectionPass, least_width: float) -> Iterator[Thing]:
        made = self._made
        fill = made.preparation.fill
        if made.canvas is not None:
            look = fitting(look, frame, self._pixel_aspect, made.canvas)
        picture = working_picture(frame, look, self._color, self._pixel_aspect, fill)
        if made.canvas is not None:
            picture = on_canvas(picture, made.canvas, fill)
        outputs = self._network.run(made.preparation.applied(picture.rgb))
        if not all(np.isfinite(output).all() for output in outputs):
            raise ParserError(f"{made.name} answered with values that are not numbers")
        rows, columns = picture.rgb.shape[2:]
        for box, score, kind in zip(
            *made.decode(outputs, (rows, columns), self._min_score), strict=True
        ):
            label = made.labels.get(int(kind))
            x, y, width, height = map(float, box)
            inside = x < picture.columns and y < picture.rows and x + width > 0 and y + height > 0
            if label is not None and inside and width >= least_width:  # what fills up is nothing
                placed = picture.placed(x, y, max(width, LEAST_SIDE), max(height, LEAST_SIDE))
                yield Thing(label, placed, float(min(score, 1.0)))

    def close(self) -> None:
        self._network.close()


def united(seen: Sequence[Thing]) -> list[Thing]:
    """What several looks have seen, each thing once, best first.

    Of looks that are about as sure, everything is hidden that one of them hides.
    """
    kept: list[Thing] = []
    for thing in sorted(seen, key=lambda thing: -thing.score):
        for n, other in enumerate(kept):
            if other.label == thing.label and other.box.iou(thing.box) > SAME_THING:
                if thing.score >= AS_SURE * other.score:
                    kept[n] = other._replace(box=other.box.union(thing.box))
                break
        else:
            kept.append(thing)
    return kept


def fitting(
    look: DetectionPass, frame: Frame, pixel_aspect: float, canvas: tuple[int, int]
) -> DetectionPass:
    """The same look, as large as fits on a canvas of these rows and columns."""
    region = look.region or Box(0, 0, frame.width, frame.height)
    across, down = max(region.width * pixel_aspect, 1.0), max(region.height, 1.0)
    scale = min(canvas[1] / across, canvas[0] / down)
    return replace(look, long_side=max(1, int(scale * max(across, down))))


def on_canvas(
    picture: WorkingPicture, canvas: tuple[int, int], fill: tuple[float, float, float]
) -> WorkingPicture:
    """The picture in the corner of a canvas of these rows and columns."""
    rgb = np.empty((1, 3, *canvas), np.float32)
    rgb[0] = np.reshape(fill, (3, 1, 1))
    rows, columns = min(picture.rows, canvas[0]), min(picture.columns, canvas[1])
    rgb[0, :, :rows, :columns] = picture.rgb[0, :, :rows, :columns]
    return replace(picture, rgb=rgb)


def distinct(
    looks: Sequence[DetectionPass], frame: Frame, pixel_aspect: float
) -> list[DetectionPass]:
    """The looks without those that show the same, because the picture has no more pixels."""
    kept: dict[int, DetectionPass] = {}
    for look in looks:
        region = look.region or Box(0, 0, frame.width, frame.height)
        longest = max(region.width * pixel_aspect, region.height) * look.enlarge
        kept.setdefault(min(look.long_side, round(longest)), look)
    return list(kept.values())
