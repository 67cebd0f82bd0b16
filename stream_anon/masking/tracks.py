"""One person through time: where they were seen, and where they must have been in between."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stream_anon.core.parts import Box, Part
from stream_anon.masking.outlines import ABSORBED

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from stream_anon.masking.detection import Detection

MAX_GROWTH = 0.5
"""A mask never grows by more than this share of the face's size for its age alone."""
MAX_PART_GROWTH = 0.2
"""The same for a shape: it may be as large as a person, and its motion is known better."""
SPEED_GROWTH = 0.3
"""Share of the last step that a carried mask grows by, in that step's direction."""
MAX_VELOCITY_GAP = 6
"""Frames between two detections beyond which no velocity is computed."""
STRETCH = 1.3
"""A shape is not stretched by more than this between two detections: both are hidden."""
MAX_DOUBT = 0.4
"""A shape that turns or bends never grows by more than this share of its size for that alone."""
AGREE = 0.3
"""Two guesses of a place that lie this close, as a share of the face's size, are one."""


class Place(NamedTuple):
    """Where a person is in one frame, as far as is known."""

    detection: Detection
    """The detection in this frame, or the nearest one."""
    anchor: Box
    """Where its anchor is now."""
    age: int
    """Frames between the two."""
    slack_x: float = 0.0
    """Pixels of doubt on each side, besides what age brings."""
    slack_y: float = 0.0
    doubt: float = 0.0
    """Pixels by which a shape may have changed since it was seen."""


@dataclass(slots=True, eq=False)
class Track:
    """All detections of one person within one shot, and the places carried between them."""

    number: int
    detections: dict[int, Detection] = field(default_factory=dict)
    """By frame index."""
    evidence: float = 0.0
    """Sum of the scores of all detections."""
    forward: dict[int, Box] = field(default_factory=dict)
    """Anchor carried on from the detection before, by frame index."""
    backward: dict[int, Box] = field(default_factory=dict)
    """Anchor traced back from the detection after, by frame index."""
    forward_doubt: dict[int, float] = field(default_factory=dict)
    """Pixels by which a shape may have changed since the detection before, by frame index."""
    backward_doubt: dict[int, float] = field(default_factory=dict)
    """Pixels by which it may change until the detection after."""
    times: dict[int, float] = field(default_factory=dict)
    """Seconds since the first frame, for each frame index above."""
    last_seen: int = -1
    velocity: tuple[float, float] = (0.0, 0.0)
    """Pixels per frame between the last two detections."""
    missed: int = 0
    """Passes since the last detection that should have found them."""

    @property
    def turn(self) -> int:
        """Quarter turns counter-clockwise after which they were seen last."""
        return self.detections[self.last_seen].turn if self.detections else 0

    @property
    def kind(self) -> str:
        return self.detections[self.last_seen].kind if self.detections else ""

    @property
    def labels(self) -> frozenset[str]:
        """Of what was seen last."""
        return self.detections[self.last_seen].labels if self.detections else frozenset()

    @property
    def shape(self) -> NDArray[np.uint8] | None:
        """Mask of the anchor's box; None where only the box is known."""
        return self.detections[self.last_seen].shape

    def see(self, index: int, time: float, detection: Detection) -> None:
        before = self.detections.get(self.last_seen)
        if before is not None and self.last_seen < index:
            self.velocity = velocity(self.last_seen, before.anchor, index, detection.anchor)
        self.detections[index] = detection
        self.forward[index] = detection.anchor
        self.forward_doubt[index] = self.backward_doubt[index] = 0.0
        self.times[index] = time
        self.evidence += detection.score
        self.last_seen = max(
            index, self.last_seen
        )  # a slow parser may answer about an earlier frame
        self.missed = 0

    @property
    def pace(self) -> float:
        """Pixels moved in each frame between the last two detections; 0 with one only."""
        if len(self.detections) < 2:
            return 0.0
        before, last = sorted(self.detections)[-2:]
        here, there = (self.detections[index].anchor.center for index in (last, before))
        return math.dist(here, there) / (last - before)

    def miss(self) -> bool:
        """Count a pass that missed them; True for the 1st, 2nd, 4th, 8th: try a close pass."""
        self.missed += 1
        return self.missed & (self.missed - 1) == 0

    def repeat(self, index: int, time: float) -> None:
        """The picture is that of the last detection: what was seen there is here too.

        What is seen on and on counts as much as what is seen again.
        """
        self.see(index, time, self.detections[self.last_seen])
        self.velocity = (0.0, 0.0)

    def carry(self, index: int, time: float, anchor: Box, unrest: float = 0.0) -> None:
        """Carried from frame `index` - 1; `unrest` is how much the shape changed, in pixels."""
        self.forward[index] = anchor
        self.forward_doubt[index] = self.forward_doubt.get(index - 1, 0.0) + unrest
        self.times[index] = time

    def guesses(self, index: int) -> list[Box]:
        """Where the person may be in the newest frame: by what moves there, and by momentum.

        Optical flow loses what moves by about its own size; momentum does not see a turn.
        """
        carried, since = self.forward[index], index - self.last_seen
        if self.kind:
            return [carried]  # parts are detected too rarely to have a momentum
        coasted = self.detections[self.last_seen].anchor.moved(
            self.velocity[0] * since, self.velocity[1] * since
        )
        return [carried, coasted] if _disagree(carried, coasted) else [carried]

    def trace(self, index: int, time: float, anchor: Box, unrest: float = 0.0) -> None:
        """Traced back from frame `index` + 1."""
        self.backward[index] = anchor
        self.backward_doubt[index] = self.backward_doubt.get(index + 1, 0.0) + unrest
        self.times[index] = time

    def forget(self, index: int) -> None:
        """Frames before `index` have been written; the last detection before it stays known."""
        doubts = (self.forward_doubt, self.backward_doubt)
        for known in (self.forward, self.backward, self.times, *doubts):
            for old in [k for k in known if k < index]:
                if old != self.last_seen:
                    del known[old]
        older = sorted(k for k in self.detections if k < index)
        for old in older[:-1]:
            if old != self.last_seen:
                del self.detections[old]

    def places(self, index: int, linger: float) -> list[Place]:
        """Where this person may be in frame `index`; empty where they are not.

        Args:
            index: the frame.
            linger: seconds that a track lives on after its last detection; one frame at least,
                unless it is 0.
        """
        if seen := self.detections.get(index):
            return [Place(seen, seen.anchor, 0)]
        if index not in self.times:
            return []
        before = max((k for k in self.detections if k < index), default=None)
        after = min((k for k in self.detections if k > index), default=None)
        if before is not None and after is not None:
            return self._between(before, index, after)
        if before is not None:
            late = self.times[index] - self.times[before] > linger + 1e-6
            if late and (index - before > 1 or not linger):
                return []
            return self._after_last(before, index)
        return self._before_first(index, after) if after is not None else []

    def _after_last(self, before: int, index: int) -> list[Place]:
        carried = self._carried(before, index)
        return [carried, *(carried._replace(anchor=g) for g in self.guesses(index)[1:])]

    def _before_first(self, index: int, after: int) -> list[Place]:
        traced = self._traced(index, after)
        later = min((k for k in self.detections if k > after), default=None)
        if later is None or self.kind:
            return [traced]
        first = self.detections[after].anchor
        vx, vy = velocity(after, first, later, self.detections[later].anchor)
        coasted = first.moved(-vx * traced.age, -vy * traced.age)
        if _disagree(traced.anchor, coasted):
            return [traced, traced._replace(anchor=coasted)]
        return [traced]

    def _carried(self, before: int, index: int) -> Place:
        anchor = self.forward[index]
        step = _step(self.forward.get(index - 1, anchor), anchor)
        doubt = self.forward_doubt.get(index, 0.0)
        return Place(self.detections[before], anchor, index - before, *step, doubt)

    def _traced(self, index: int, after: int) -> Place:
        anchor = self.backward[index]
        step = _step(anchor, self.backward.get(index + 1, self.detections[after].anchor))
        doubt = self.backward_doubt.get(index, 0.0)
        return Place(self.detections[after], anchor, after - index, *step, doubt)

    def _between(self, before: int, index: int, after: int) -> list[Place]:
        """The gap is bridged from both sides; where the sides disagree, both are hidden."""
        carried = self._carried(before, index)
        if index not in self.backward:
            return [carried]
        traced = self._traced(index, after)
        a, b = carried.anchor, traced.anchor
        gap_x, gap_y = b.center[0] - a.center[0], b.center[1] - a.center[1]
        grown = max(a.size, b.size) > STRETCH * min(a.size, b.size)
        if _disagree(a, b) or (self.kind and grown):
            return [carried, traced]
        share = (index - before) / (after - before)
        width, height = max(a.width, b.width), max(a.height, b.height)
        x = a.center[0] + share * gap_x - width / 2
        y = a.center[1] + share * gap_y - height / 2
        nearest = carried if share <= 0.5 else traced
        # The longer a gap, the more one side has drifted; close to a detection the other is right.
        doubt = min(0.5, 3 * share, 3 - 3 * share) if self.kind else 0.5
        return [
            Place(
                nearest.detection,
                Box(x, y, width, height),
                nearest.age,
                min(carried.slack_x, traced.slack_x) / 2 + abs(gap_x) * doubt,
                min(carried.slack_y, traced.slack_y) / 2 + abs(gap_y) * doubt,
                nearest.doubt,
            )
        ]


def velocity(then: int, a: Box, now: int, b: Box) -> tuple[float, float]:
    """Pixels per frame between two places; none where they are too far apart in time to tell."""
    if now - then > MAX_VELOCITY_GAP:
        return 0.0, 0.0
    (ax, ay), (bx, by) = a.center, b.center
    return (bx - ax) / (now - then), (by - ay) / (now - then)


def _disagree(a: Box, b: Box) -> bool:
    (ax, ay), (bx, by) = a.center, b.center
    return max(abs(bx - ax), abs(by - ay)) > AGREE * max(a.size, b.size)


def _step(a: Box, b: Box) -> tuple[float, float]:
    (ax, ay), (bx, by) = a.center, b.center
    return SPEED_GROWTH * abs(bx - ax), SPEED_GROWTH * abs(by - ay)


def parts_at(
    place: Place,
    person: int,
    margin: float,
    growth: float,
    outline: Callable[[Part, Box], Box] = lambda _, box: box,
) -> list[Part]:
    """The parts of a detection, moved to where they are now and grown for margin, age and doubt.

    Args:
        place: from `Track.places`.
        person: number for the parts.
        margin: share of the anchor's size added on each side.
        growth: share of it added for each frame of age.
        outline: what is to be covered, for a part and where it is; margin, age and doubt about its
            motion come on top.
    """
    then, now = place.detection.anchor, place.anchor
    scale_x, scale_y = now.width / then.width, now.height / then.height
    age = max(1, place.age)  # as between detections, so that masks do not pulse with the passes
    most = MAX_GROWTH if place.detection.shape is None else MAX_PART_GROWTH
    share = margin + min(most, growth * age)
    pad = now.size * share
    parts: list[Part] = []
    for part in place.detection.parts:
        moved = Box(
            now.x + (part.box.x - then.x) * scale_x,
            now.y + (part.box.y - then.y) * scale_y,
            part.box.width * scale_x,
            part.box.height * scale_y,
        )
        if place.detection.shape is None:
            covered = outline(part, moved)
            # An outline is the same for many faces: so must be what is added to it. It may have
            # taken some of the margin, and is that much smaller than the face.
            whole = covered.size / max(0.5, 1 - 2 * ABSORBED * margin)
            more = pad if covered == moved else share * whole
            grown = covered.grown(more + place.slack_x, more + place.slack_y)
            parts.append(Part(part.label, grown, part.mask, part.score, person, 0.0, part.roll))
        else:  # a mask of any form grows along its rim; stretching it would leave gaps
            doubt = min(place.doubt, MAX_DOUBT * now.size)
            spread = pad + doubt + max(place.slack_x, place.slack_y)
            parts.append(Part(part.label, moved, part.mask, part.score, person, spread, part.roll))
    return parts
