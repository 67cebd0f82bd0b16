"""Polygons in the picture: some are hidden always, in others nobody is.

Somebody is left clear in an `ignore` zone only while at least two thirds of them lie inside, and
only if they were not seen outside of it: a person who passes a poster stays hidden.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import cv2
import numpy as np

from stream_anon.config import Rule
from stream_anon.core.parts import Box, Part
from stream_anon.core.polygons import polygon_area
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.core.zones import zone_label

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from stream_anon.config import Redaction, Zone
    from stream_anon.core.frame import Frame

INSIDE = 2 / 3
"""Share of a face that lies in a zone where it is ignored."""
OUTSIDE_OFTEN = 2
"""Detections outside of a zone after which somebody is a person passing by: one may be a slip."""
EDGE = 0.03
"""Width of a zone's soft edge at most, as a share of its size: zones are larger than faces."""
MOST_SAMPLES = 256
"""Of a zone's mask, along its longer side."""
NOBODY = -1
"""In place of the person whose part it is."""


class InPicture(NamedTuple):
    """Where somebody is in a frame."""

    person: int
    track: Hashable
    """What is followed there: a person may get another number, a track does not."""
    box: Box
    detected: bool
    """Whether it was seen there, and not carried there."""


class Zones:
    """The zones of one stream, in its own pixels. Used by one thread."""

    def __init__(
        self, zones: Sequence[Zone], width: int, height: int, before: Zones | None = None
    ) -> None:
        """Place them.

        Args:
            zones: from the settings.
            width: of the picture.
            height: of the picture.
            before: zones in whose place these come; who was seen outside of them stays known.
        """
        self._picture = Box(0, 0, width, height)
        placed = [(zone, [(x * width, y * height) for x, y in zone.points]) for zone in zones]
        self.hidden = tuple(
            polygon_part(zone_label(zone.name), points)
            for zone, points in placed
            if zone.mode == "hide"
        )
        """What is hidden in every frame."""
        self._ignored = [points for zone, points in placed if zone.mode == "ignore"]
        self.outside: dict[Hashable, int] = {} if before is None else before.outside.copy()
        """Detections outside of all ignored zones, by what was followed."""

    def __bool__(self) -> bool:
        return bool(self.hidden or self._ignored)

    @property
    def ignores(self) -> bool:
        """Whether there is any zone in which nobody is hidden."""
        return bool(self._ignored)

    def covers(self, box: Box) -> bool:
        """Whether what lies in `box` is in one of the ignored zones, as far as it can be seen."""
        left, top = max(box.x, 0.0), max(box.y, 0.0)
        right = min(box.x + box.width, self._picture.width)
        bottom = min(box.y + box.height, self._picture.height)
        seen = Box(left, top, right - left, bottom - top)
        return seen.area > 0 and any(
            overlap(points, seen) >= INSIDE * seen.area for points in self._ignored
        )

    def ignored(self, places: Iterable[InPicture]) -> frozenset[int]:
        """The people who are left clear in a frame.

        Args:
            places: everybody in the frame, with all of their places.
        """
        inside: dict[int, bool] = {}
        for person, track, box, detected in places:
            is_in = self.covers(box)
            if detected and not is_in:
                self.outside[track] = self.outside.get(track, 0) + 1
            passes_by = self.outside.get(track, 0) >= OUTSIDE_OFTEN
            inside[person] = inside.get(person, True) and is_in and not passes_by
        return frozenset(person for person, is_clear in inside.items() if is_clear)

    def forget(self, known: Iterable[Hashable]) -> None:
        """Keep what was seen of these tracks only."""
        if self.outside:
            tracks = set(known)
            self.outside = {n: often for n, often in self.outside.items() if n in tracks}

    def applied(self, masked: MaskedFrame) -> MaskedFrame:
        """A frame with the zones that are always hidden; one that is hidden whole has them."""
        if not self.hidden or isinstance(masked.parts, Unknown):
            return masked
        # A record of masks has those already that were in force when it was made.
        others = (p for p in masked.parts if not any(_are_same(p, mine) for mine in self.hidden))
        return replace(masked, parts=(*others, *self.hidden))


def _are_same(part: Part, other: Part) -> bool:
    alike = (part.label, part.box) == (other.label, other.box)
    return alike and np.array_equal(part.mask, other.mask)


class Masks(Protocol):
    """Masks of a stream that exist already."""

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order."""


class ZonedMasks:
    """Masks that exist already, with the zones that are always hidden."""

    def __init__(self, inner: Masks, zones: Zones) -> None:
        self._inner, self._zones = inner, zones

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order."""
        return map(self._zones.applied, self._inner.masks(frames))


def zone_rules(redaction: Redaction) -> dict[str, Redaction]:
    """How each hidden zone is hidden, by its label."""
    return {
        zone_label(zone.name): zone_rule(redaction, zone.method)
        for zone in redaction.zones
        if zone.mode == "hide"
    }


def zone_rule(redaction: Redaction, method: str | None = None) -> Redaction:
    """How one is hidden; by the method of everything else where it has none of its own."""
    return redaction.by(Rule(method=method, edge=min(redaction.edge, EDGE)))


def overlap(points: Sequence[tuple[float, float]], box: Box) -> float:
    """Area that a polygon shares with a box (Sutherland and Hodgman's clipping)."""
    left, top = box.x, box.y
    right, bottom = box.x + box.width, box.y + box.height
    clipped = list(points)
    for axis, sign, limit in ((0, 1, left), (0, -1, right), (1, 1, top), (1, -1, bottom)):
        before, clipped = clipped, []
        for n, here in enumerate(before):
            last = before[n - 1]
            ahead, behind = sign * (here[axis] - limit), sign * (last[axis] - limit)
            if (ahead < 0) != (behind < 0):
                share = behind / (behind - ahead)
                clipped.append(
                    (last[0] + share * (here[0] - last[0]), last[1] + share * (here[1] - last[1]))
                )
            if ahead >= 0:
                clipped.append(here)
    return polygon_area(clipped)


def polygon_part(label: str, points: Sequence[tuple[float, float]]) -> Part:
    """A polygon as what is hidden; its mask is coarse, and reaches a little beyond it.

    Args:
        label: of a zone.
        points: its corners in pixels, in order.
    """
    left, top = (min(values) for values in zip(*points, strict=True))
    width, height = (max(v) - min(v) for v in zip(*points, strict=True))
    step = max(1.0, max(width, height) / MOST_SAMPLES)
    columns, rows = (max(1, math.ceil(side / step)) for side in (width, height))
    mask = np.zeros((rows, columns), np.uint8)
    # OpenCV's samples have their middles at whole numbers; eight bits of fraction.
    corners = [((x - left) / step - 0.5, (y - top) / step - 0.5) for x, y in points]
    cv2.fillPoly(mask, [np.rint(np.array(corners) * 256).astype(np.int32)], [255], shift=8)
    mask = np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)), np.uint8)
    mask.setflags(write=False)
    box = Box(left, top, columns * step, rows * step)
    return Part(label, box, mask, 1.0, NOBODY)
