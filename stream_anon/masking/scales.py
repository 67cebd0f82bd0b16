"""One picture seen at several scales: who is found at any of them is hidden, each person once.

A network finds faces up to a size of its own. Of a larger one it finds parts (an eye and half a
nose, say), each as a face; the whole face is found where the picture is smaller.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from stream_anon.core.parts import INSIDE
from stream_anon.masking.association import SAME
from stream_anon.masking.horizon import DOUBTFUL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stream_anon.core.parts import Box, Part
    from stream_anon.masking.detection import Detection
    from stream_anon.masking.tracks import Track

WITHIN = 0.7
"""A detection is part of a face if this share of it lies on that face."""
ALIKE = 0.85
"""Two boxes of one face that overlap by this much (IoU) hide the same."""
SHRUNK = 0.67
"""A face that is found at less than this share of its size may be a part of itself."""


class Look(NamedTuple):
    """What a pass over the whole picture found."""

    detections: Sequence[Detection]
    sure: float
    """Frame pixels from which on a face is not missed by such a pass."""


def union_of_scales(looks: Sequence[Look]) -> list[Detection]:
    """The people of all looks, of which the closest comes first; nothing that one hides is lost.

    A detection on a face that a smaller scale shows is part of that face if that scale, which
    would show it too, does not.
    """
    kept = list(looks[0].detections)
    for look in looks[1:]:
        closer, seen = len(kept), set[int]()
        for detection in look.detections:
            same = _same(kept[:closer], detection)
            if same is None:
                kept.append(detection)
                seen.add(len(kept) - 1)
            else:
                kept[same] = _as_one(kept[same], detection)
                seen.add(same)
        kept = _with_their_parts(kept, seen, look.sure)
    return kept


def at_least_as_large(track: Track, detection: Detection, index: int) -> Detection:
    """A detection of a track; with all that was hidden of it, if it may be a part of that face.

    Whoever has really become that small is seen so by the next pass too.
    """
    anchor = track.forward.get(index)
    if track.kind or anchor is None or not _lies_on(detection.anchor, anchor):
        return detection
    if detection.anchor.size >= SHRUNK * anchor.size:
        return detection
    before = track.detections[track.last_seen]
    carried = (_moved(part, before.anchor, anchor) for part in before.parts)
    return replace(detection, parts=_parts(detection.parts, carried))


def _same(kept: Sequence[Detection], found: Detection) -> int | None:
    """Number of the detection that is one with another scale's."""
    labels = found.labels
    shared = [
        (most, n)
        for n, other in enumerate(kept)
        if (most := other.anchor.iou(found.anchor)) >= SAME and other.may_be(labels)
    ]
    return max(shared)[1] if shared else None


def _with_their_parts(kept: Sequence[Detection], seen: set[int], sure: float) -> list[Detection]:
    """Those who were seen, with what is part of them, and all others."""
    whole = {n: kept[n] for n in range(len(kept))}
    for n in (n for n in whole.copy() if n not in seen and kept[n].anchor.size >= sure):
        labels = kept[n].labels
        on = [
            m for m in seen if kept[m].may_be(labels) and _lies_on(kept[n].anchor, kept[m].anchor)
        ]
        believed = [m for m in on if whole[m].score >= DOUBTFUL]
        if believed:
            face = max(believed, key=lambda m: whole[m].anchor.overlap(kept[n].anchor))
            whole[face] = _as_one(whole[face], whole.pop(n))
    return list(whole.values())


def _lies_on(part: Box, face: Box) -> bool:
    return part.area < face.area and part.overlap(face) >= WITHIN * part.area


def _as_one(one: Detection, other: Detection) -> Detection:
    """Both as one person: of the larger one's size and shape, hidden wherever either is."""
    larger = max(one, other, key=lambda detection: detection.anchor.area)
    score = max(one.score, other.score)
    parts = _parts(one.parts, other.parts)
    return replace(one, anchor=larger.anchor, shape=larger.shape, score=score, parts=parts)


def _parts(parts: tuple[Part, ...], more: Iterable[Part]) -> tuple[Part, ...]:
    """Parts of one person, and those of another look at them: all but what others hide."""
    new = [
        part
        for part in more
        if not any(_is_like(other, part) or _covers(other, part) for other in parts)
    ]
    return (*(part for part in parts if not any(_covers(other, part) for other in new)), *new)


def _is_like(part: Part, other: Part) -> bool:
    return part.label == other.label and part.box.iou(other.box) >= ALIKE


def _covers(part: Part, other: Part) -> bool:
    """Whether a part hides the whole box of another one with its label."""
    if part.label != other.label or part.box.area < other.box.area:
        return False
    rows, columns = part.mask.shape
    scale_x, scale_y = columns / part.box.width, rows / part.box.height
    left, top = (other.box.x - part.box.x) * scale_x, (other.box.y - part.box.y) * scale_y
    right, bottom = left + other.box.width * scale_x, top + other.box.height * scale_y
    if left < 0 or top < 0 or right > columns or bottom > rows:
        return False
    under = part.mask[math.floor(top) : math.ceil(bottom), math.floor(left) : math.ceil(right)]
    return bool(under.min() >= INSIDE)


def _moved(part: Part, then: Box, now: Box) -> Part:
    """A part of somebody who was at one place and is at another."""
    scale_x, scale_y = now.width / then.width, now.height / then.height
    box = part.box._replace(
        x=now.x + (part.box.x - then.x) * scale_x,
        y=now.y + (part.box.y - then.y) * scale_y,
        width=part.box.width * scale_x,
        height=part.box.height * scale_y,
    )
    return replace(part, box=box)
