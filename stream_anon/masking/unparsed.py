"""Regions that a live stream hides, because they may show somebody not parsed yet.

A face without a parsed body stands for a body below it. Change outside of everybody whom the parser
has seen stands for somebody who came in with their back to the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.masking.motion import changed_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.masking.motion import Thumbnail
    from stream_anon.masking.tracks import Track

LABEL = "human"
SIDEWAYS, ABOVE = 2.5, 1.0
"""Faces' widths on each side, and heights above, that a body and its hair may reach."""
MOST = 0.5
"""Share of the picture that may change before all of it is hidden."""
RIM = 2
"""Blocks around what has changed that are hidden with it."""


ROOM = 0.15
"""Share of a person's size that limbs reach beyond the place where the detector saw them."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownPerson:
    """A person whom the slow detector has seen."""

    place: Box
    """Where they were then, all parts together."""
    tracks: Sequence[Track]
    """Of their parts."""

    def since(self, then: int, now: int) -> list[Box]:
        """Everywhere that they may have been from frame `then`, which was parsed, to `now`."""
        reach = ROOM * self.place.size
        start = self.place.grown(reach, reach)
        regions = [start]
        for track in self.tracks:
            before, after = track.forward.get(then), track.forward.get(now)
            if before is not None and after is not None:
                dx, dy = (b - a for a, b in zip(before.center, after.center, strict=True))
                regions.append(start.union(start.moved(dx, dy)))
        return regions


def whole_people(parts: Sequence[Part]) -> dict[int, Box]:
    """Where each person of an answer is, all their parts together."""
    people: dict[int, Box] = {}
    for part in parts:
        before = people.get(part.person)
        people[part.person] = part.box if before is None else before.union(part.box)
    return people


def body_below(face: Box, frame: Frame) -> Box:
    """Where the body of somebody may be of whom only the face is known, down to the ground."""
    top = face.y - ABOVE * face.height
    width = (1 + 2 * SIDEWAYS) * face.width
    bottom = max(float(frame.height), top + 1)
    return Box(face.x - SIDEWAYS * face.width, top, width, bottom - top)


def as_part(box: Box, person: int) -> Part:
    """A region that is hidden to its corners."""
    return Part(LABEL, box, np.full((1, 1), 255, np.uint8), 1.0, person)


def changed_outside(
    before: Thumbnail, now: Thumbnail, known: Iterable[Box], threshold: float
) -> list[Part] | None:
    """Regions that differ between two pictures, outside of what is known.

    Args:
        before: the picture that the parser saw.
        now: the picture to hide in.
        known: where the people are that it reported, in frame pixels.
        threshold: grey levels by which a block must differ, or a pixel by eight times as many.

    Returns:
        At most one part, of the blocks that changed and those around them; None where they are
        more than `MOST` of the picture.
    """
    differs = changed_blocks(before, now, threshold)
    rows, columns = differs.shape
    height, width = now.luma.shape[0] * now.scale, now.luma.shape[1] * now.scale
    for box in known:
        left, top = int(box.x * columns / width), int(box.y * rows / height)
        right = int(np.ceil((box.x + box.width) * columns / width))
        bottom = int(np.ceil((box.y + box.height) * rows / height))
        differs[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 0
    if not differs.any():
        return []
    if differs.mean() > MOST:
        return None
    side = 2 * RIM + 1
    grown = np.asarray(cv2.dilate(255 * differs, np.ones((side, side), np.uint8)), np.uint8)
    return [Part(LABEL, Box(0, 0, width, height), grown, 1.0, -1)]
