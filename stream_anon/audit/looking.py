"""Looking for faces in one picture: at several sizes, in quarter turns, or near a place."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_anon.core.parts import Box
from stream_anon.detectors.base import DetectionPass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import Detector

CLOSE = 192
"""Working size of a look near a place."""
AROUND = 1.0
"""What it takes in on each side, as a share of the face's size."""
SAME = 0.4
"""Two answers that overlap by this much (IoU) are one face."""
WITHIN = 0.7
"""So are two of which this share of the smaller one lies in the other."""


class Sighting(NamedTuple):
    """A face that a detector saw in one frame."""

    box: Box
    score: float
    turn: int
    """Quarter turns counter-clockwise after which it was upright."""


class Looker:
    """Asks a detector about pictures as they are, and turned."""

    def __init__(self, upright: Detector, sideways: Detector) -> None:
        """Args: upright: for pictures as they are. sideways: for those turned by a quarter."""
        self._upright, self._sideways = upright, sideways

    def look(self, frame: Frame, sides: Iterable[int], turn: int = 0) -> list[Sighting]:
        """All faces in the picture, best first, each one once.

        Args:
            frame: raw or redacted.
            sides: working sizes; the picture is never enlarged.
            turn: quarter turns counter-clockwise that it gets first.
        """
        longest = max(frame.width, frame.height)
        sizes = sorted({min(side, longest) for side in sides})
        return merged(
            seen for side in sizes for seen in self._pass(frame, DetectionPass(side), turn)
        )

    def near(self, frame: Frame, box: Box, turn: int) -> list[Sighting]:
        """Faces around a place, best first."""
        region = box.grown(AROUND * box.size, AROUND * box.size)
        left, top = (max(0, int(value)) & ~1 for value in region[:2])
        right = min(frame.width, math.ceil(region.x + region.width))
        bottom = min(frame.height, math.ceil(region.y + region.height))
        if right - left < 2 or bottom - top < 2:
            return []
        luma, blue, red = frame.planes
        half = np.s_[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
        part = replace(frame, planes=(luma[top:bottom, left:right], blue[half], red[half]))
        found = self._pass(part, DetectionPass(CLOSE, Box(0, 0, 1e6, 1e6)), turn)
        return merged(seen._replace(box=seen.box.moved(left, top)) for seen in found)

    def _pass(self, frame: Frame, detection_pass: DetectionPass, turn: int) -> list[Sighting]:
        detector = self._sideways if turn % 2 else self._upright
        parts = detector.parse(turned(frame, turn), detection_pass)
        return [
            Sighting(unturned(part.box, turn, frame.width, frame.height), part.score, turn)
            for part in parts
            if part.label == "face"
        ]


def turned(frame: Frame, turn: int) -> Frame:
    """The picture after quarter turns counter-clockwise."""
    if not turn:
        return frame
    luma, blue, red = (np.ascontiguousarray(np.rot90(plane, turn)) for plane in frame.planes)
    return replace(frame, planes=(luma, blue, red))


def unturned(box: Box, turn: int, width: int, height: int) -> Box:
    """A box of the turned picture in the picture as it was.

    Args:
        box: in pixels of the turned picture.
        turn: quarter turns counter-clockwise.
        width: of the picture as it was.
        height: of that.
    """
    for step in range(turn, 0, -1):
        across = width if step % 2 else height
        box = Box(across - box.y - box.height, box.x, box.height, box.width)
    return box


def merged(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Each face once, best first."""
    kept: list[Sighting] = []
    for seen in sorted(sightings, key=lambda seen: -seen.score):
        if not any(_same(seen.box, other.box) for other in kept):
            kept.append(seen)
    return kept


def _same(a: Box, b: Box) -> bool:
    smaller = min(a.area, b.area)
    return a.iou(b) > SAME or (smaller > 0 and a.overlap(b) > WITHIN * smaller)


def best_at(sightings: Sequence[Sighting], box: Box, least: float) -> Sighting | None:
    """The one that overlaps a place most, by at least so much (IoU)."""
    rated = [(seen.box.iou(box), seen) for seen in sightings]
    overlap, seen = max(rated, key=lambda pair: pair[0], default=(0.0, None))
    return seen if overlap >= least else None
