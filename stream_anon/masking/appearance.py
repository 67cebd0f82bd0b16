"""What somebody looks like, coarsely: the colours of their face and of the clothes below it.

Enough to doubt that two tracks show one person, or that a track still shows the same one; never
enough to identify anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame, Plane
    from stream_anon.core.parts import Part

    Histogram = NDArray[np.float32]

LABELS = ("face", "head")
"""Parts that have clothes below them, the better one first."""
LEAST = 64
"""Pixels of colour without which nothing can be said."""
LEAST_SHARE = 0.4
"""Of a region must be in the picture."""
COLORS, GRAYS = 32, 8
"""Steps of each colour plane, and of brightness."""
MARGIN = 1.4
"""A mask is about this much larger than the face in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Colours of a person, or the mean of several times; None where they cannot be seen."""

    face: Histogram
    clothes: Histogram | None

    def likeness(self, other: Appearance) -> float:
        """0 for nothing in common, 1 for the same. Clothes count where both have some."""
        found = _shared(self.face, other.face)
        if self.clothes is None or other.clothes is None:
            return found
        return (found + 2 * _shared(self.clothes, other.clothes)) / 3

    def blended(self, other: Appearance, share: float) -> Appearance:
        """With a share of what was seen another time."""
        clothes = self.clothes if other.clothes is None else other.clothes
        if self.clothes is not None and other.clothes is not None:
            clothes = (1 - share) * self.clothes + share * other.clothes
        return Appearance((1 - share) * self.face + share * other.face, clothes)


def place_of(parts: Iterable[Part]) -> Part | None:
    """The part of a person that their appearance is looked up by; None without any."""
    best: Part | None = None
    for part in parts:
        if best is None or _rank(part) < _rank(best):
            best = part
    return best


def appearance_of(frame: Frame, part: Part) -> Appearance | None:
    """What the person of a part looks like in a frame; None where too little is seen."""
    box = part.box
    if part.label not in LABELS:  # a body, or a part of it
        seen = _colors(frame, box)
        return None if seen is None else Appearance(seen, seen)
    face = box.grown(-box.width * (1 - 1 / MARGIN) / 2, -box.height * (1 - 1 / MARGIN) / 2)
    seen = _colors(frame, face)
    if seen is None:
        return None
    # As wide as the face: beside it there may be the background.
    below = Box(face.x, box.y + box.height, face.width, box.height)
    return Appearance(seen, _colors(frame, below))


def _rank(part: Part) -> tuple[int, float]:
    known = LABELS.index(part.label) if part.label in LABELS else len(LABELS)
    return known, -part.box.area


def _colors(frame: Frame, box: Box) -> Histogram | None:
    """Colour and brightness of a region, each of them summing up to 1."""
    u = _cut(frame.planes[1], box, 0.5)
    v = _cut(frame.planes[2], box, 0.5)
    y = _cut(frame.planes[0], box, 1.0)
    if u is None or v is None or y is None or u.shape != v.shape:
        return None
    if u.size < LEAST or 4 * u.size < LEAST_SHARE * box.area:
        return None
    colors = cv2.calcHist([u, v], [0, 1], None, [COLORS, COLORS], [0, 256, 0, 256])
    grays = cv2.calcHist([y], [0], None, [GRAYS], [0, 256])
    # Smooth, so that a slightly other light is not another colour.
    smooth = cv2.GaussianBlur(colors, (3, 3), 0), cv2.GaussianBlur(grays, (1, 3), 0)
    both = [each.ravel() / max(1.0, float(each.sum())) for each in smooth]
    return np.concatenate(both).astype(np.float32)


def _cut(plane: Plane, box: Box, scale: float) -> Plane | None:
    rows, columns = plane.shape
    left, top = max(0, round(box.x * scale)), max(0, round(box.y * scale))
    right = min(columns, round((box.x + box.width) * scale))
    bottom = min(rows, round((box.y + box.height) * scale))
    if right - left < 2 or bottom - top < 2:
        return None
    return np.ascontiguousarray(plane[top:bottom, left:right])


def _shared(a: Histogram, b: Histogram) -> float:
    """What two histograms have in common, of colour or of brightness, whichever is less."""
    shared = np.minimum(a, b)
    return min(float(shared[: COLORS**2].sum()), float(shared[COLORS**2 :].sum()))
