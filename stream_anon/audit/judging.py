"""Judges one face in one frame: how much of it does the redacted picture still show?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.audit.measure import FLAT, LEAK, SAME_CONTRAST, SAME_SHAPE, readable_share
from stream_anon.core.parts import Box
from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Luma = NDArray[np.uint8]

ENOUGH = 64
"""Pixels across a face that are enough to compare it; larger ones are made smaller first."""
TOO_SMALL = 8
"""Faces with a shorter side, in pixels, are not judged."""
LEAST_SEEN = 0.3
"""Share of a face that must lie in the picture: what was followed out of it is mostly no face."""
AROUND = 0.5
"""What is cut out around a face, as a share of its longer side, so that filters see no edge."""
REACH = 0.15
"""How far beside its place a face is looked for, as a share of its shorter side."""


def shown_share(original: Luma, redacted: Luma, box: Box) -> float | None:
    """How much of a face the redacted picture still shows, 0..1.

    Small faces, which `readable_share` leaves out, are compared as one whole: 0 or 1.

    Returns:
        None where it cannot be judged.
    """
    side = min(box.width, box.height)
    height, width = original.shape
    if side < TOO_SMALL or box.overlap(Box(0, 0, width, height)) < LEAST_SEEN * box.area:
        return None
    around = AROUND * max(box.width, box.height)
    left, top = max(0, int(box.x - around)), max(0, int(box.y - around))
    right, bottom = (int(box[n] + box[n + 2] + around) + 1 for n in (0, 1))
    near = np.s_[top : max(0, bottom), left : max(0, right)]
    before, after = original[near], redacted[near]
    if min(before.shape) < TOO_SMALL:
        return None
    box = box.moved(-left, -top)
    if side > ENOUGH:
        rows, columns = (max(1, round(length * ENOUGH / side)) for length in before.shape)
        x, y = columns / before.shape[1], rows / before.shape[0]
        before, after = shrunk(before, columns, rows), shrunk(after, columns, rows)
        box = Box(box.x * x, box.y * y, box.width * x, box.height * y)
    corners = (box.x, box.y, box.x + box.width, box.y + box.height)
    share = readable_share(before, after, corners)
    if share is None:
        return _whole_share(before, after, box)
    if share <= LEAK and (moved := _moved(before, after, box)) is not None:
        share = max(share, readable_share(before, moved, corners) or 0.0)
    return share


def _moved(original: Luma, redacted: Luma, box: Box) -> Luma | None:
    """The redacted picture moved so that a face lies where it was; None where none is found.

    Frames that were cut, stabilised or shifted in time show it a little beside its place.
    """
    reach = max(1, round(REACH * min(box.width, box.height)))
    x1, y1 = max(reach, round(box.x)), max(reach, round(box.y))
    x2 = min(original.shape[1] - reach, round(box.x + box.width))
    y2 = min(original.shape[0] - reach, round(box.y + box.height))
    if min(x2 - x1, y2 - y1) < TOO_SMALL:
        return None
    before, after = (_detail(luma, box.width / 10) for luma in (original, redacted))
    patch = before[y1:y2, x1:x2]
    around = after[y1 - reach : y2 + reach, x1 - reach : x2 + reach]
    if float(patch.std()) < FLAT or float(around.std()) < FLAT:
        return None
    likeness = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    _, like, _, (column, row) = cv2.minMaxLoc(likeness)
    if like < SAME_SHAPE or (column, row) == (reach, reach):
        return None
    return np.roll(redacted, (reach - row, reach - column), (0, 1))


def _whole_share(original: Luma, redacted: Luma, box: Box) -> float | None:
    """1 where a small face shows the same detail as before, 0 where it does not."""
    x1, y1 = max(0, round(box.x)), max(0, round(box.y))
    inside = np.s_[y1 : max(0, round(box.y + box.height)), x1 : max(0, round(box.x + box.width))]
    before, after = (_detail(luma, 2.4)[inside] for luma in (original, redacted))
    if before.size < TOO_SMALL**2 / 2:
        return None
    spread, spread_after = float(before.std()), float(after.std())
    if spread < FLAT:
        return None
    like = float(((before - before.mean()) * (after - after.mean())).mean())
    same = like > SAME_SHAPE * spread * spread_after and spread_after > SAME_CONTRAST * spread
    return float(same)


def _detail(luma: Luma, scale: float) -> NDArray[np.float32]:
    """What is larger than a quarter of `scale` and smaller than it, in pixels."""
    picture = luma.astype(np.float32)
    scale = max(1.2, scale)
    sigmas = max(0.6, scale / 4), scale
    fine, coarse = (cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in sigmas)
    return np.asarray(fine - coarse, np.float32)
