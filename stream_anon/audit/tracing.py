"""Following a face from picture to picture by its looks alone: no detector, no optical flow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box
from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Luma = NDArray[np.uint8]

SMALL = 480
"""Longest side of the pictures that faces are followed in, in pixels."""
LEAST = 10
"""Side of the smallest patch that is looked for; around smaller faces it takes in more."""
REACH = 0.6
"""How far a face may move from one picture to the next, as a share of its size."""
LIKE = 0.75
"""Correlation from which a patch counts as found again."""
FLAT = 2.0
"""Patches with a smaller standard deviation, in grey levels, cannot be told from others."""
ASTRAY = 0.5
"""Share of a face's size by which a trace may miss the next detection and still be believed."""

Traced = dict[int, tuple[float, float]]
"""By frame: the centre of the face."""


def small_picture(luma: Luma) -> Luma:
    """A picture of at most `SMALL` pixels a side."""
    rows, columns = luma.shape
    scale = min(1.0, SMALL / max(rows, columns))
    return shrunk(luma, max(1, round(columns * scale)), max(1, round(rows * scale)))


def follow(before: Luma, after: Luma, box: Box) -> tuple[Box, float] | None:
    """Where the face in `box` is one picture later, and how much it looks the same, -1..1.

    Args:
        before: the picture that the face is known in.
        after: the next one, or the one before it.
        box: around the face, in pixels of these pictures.

    Returns:
        None where there is nothing in the box to go by.
    """
    rows, columns = before.shape
    wide, tall = max(box.width, LEAST), max(box.height, LEAST)
    middle_x, middle_y = box.center
    left, top = round(middle_x - wide / 2), round(middle_y - tall / 2)
    x1, y1 = max(0, left), max(0, top)
    x2, y2 = min(columns, left + round(wide)), min(rows, top + round(tall))
    reach = math.ceil(max(4.0, REACH * box.size))
    found = _found(before, after, (x1, y1, x2, y2), reach)
    if found is None or found[2] < LIKE:
        # Whoever walks out of the picture, or into it, shows a part of the face only.
        inner = _inner_half((x1, y1, x2, y2), (columns, rows), reach)
        found = (_found(before, after, inner, reach) if inner else None) or found
    if found is None:
        return None
    dx, dy, like = found
    return box.moved(dx, dy), like


_Corners = tuple[int, int, int, int]


def _found(
    before: Luma, after: Luma, corners: _Corners, reach: int
) -> tuple[int, int, float] | None:
    """By how much a patch has moved, and how much it looks the same."""
    x1, y1, x2, y2 = corners
    patch = before[y1:y2, x1:x2]
    if min(patch.shape) < LEAST // 2 or float(patch.std()) < FLAT:
        return None
    from_x, from_y = max(0, x1 - reach), max(0, y1 - reach)
    around = after[from_y : y2 + reach, from_x : x2 + reach]
    likeness = cv2.matchTemplate(around, patch, cv2.TM_CCOEFF_NORMED)
    _, like, _, (column, row) = cv2.minMaxLoc(likeness)
    return from_x + column - x1, from_y + row - y1, float(like)


def _inner_half(corners: _Corners, size: tuple[int, int], reach: int) -> _Corners | None:
    """The half of a patch that is away from the picture's edge; None where none is near."""
    x1, y1, x2, y2 = corners
    columns, rows = size
    middle_x, middle_y = (x1 + x2) // 2, (y1 + y2) // 2
    if x1 < reach:
        return middle_x, y1, x2, y2
    if x2 > columns - reach:
        return x1, y1, middle_x, y2
    if y1 < reach:
        return x1, middle_y, x2, y2
    if y2 > rows - reach:
        return x1, y1, x2, middle_y
    return None


def trace(grays: Mapping[int, Luma], start: int, box: Box, frames: range, scale: float) -> Traced:
    """Follow a face through `frames`, one after the other, for as long as it looks the same.

    Args:
        grays: small pictures by frame.
        start: the frame in which `box` is known, next to the first of `frames`.
        box: in frame pixels.
        frames: forwards or backwards.
        scale: small pixels per frame pixel.
    """
    found: Traced = {}
    at, now = start, Box(*(value * scale for value in box))
    for index in frames:
        if at not in grays or index not in grays:
            break
        step = follow(grays[at], grays[index], now)
        if step is None or step[1] < LIKE:
            break
        at, now = index, step[0]
        found[index] = (now.center[0] / scale, now.center[1] / scale)
    return found


def between(
    grays: Mapping[int, Luma],
    first: tuple[int, Box],
    last: tuple[int, Box],
    scale: float,
    *,
    bridged: int,
) -> dict[int, Box]:
    """Boxes of a face in the frames between two detections of it, traced from both sides.

    Args:
        grays: small pictures by frame.
        first: frame and box of the earlier detection.
        last: of the later one.
        scale: small pixels per frame pixel.
        bridged: gaps of at most so many frames are filled even where nothing could be traced.
    """
    (i, a), (j, b) = first, last
    if j - i < 2:
        return {}
    forth = trace(grays, i, a, range(i + 1, j + 1), scale)
    back = trace(grays, j, b, range(j - 1, i - 1, -1), scale)
    if j in forth and _apart(forth[j], b.center) > ASTRAY * b.size:
        forth = {}
    if i in back and _apart(back[i], a.center) > ASTRAY * a.size:
        back = {}
    found: dict[int, Box] = {}
    for k in range(i + 1, j):
        done = (k - i) / (j - i)
        guesses = [(forth.get(k), 1 - done), (back.get(k), done)]
        known = [(place, weight) for place, weight in guesses if place is not None]
        if not known:
            if j - i - 1 > bridged:
                continue
            known = [(a.center, 1 - done), (b.center, done)]
        total = sum(weight for _, weight in known)
        x = sum(place[0] * weight for place, weight in known) / total
        y = sum(place[1] * weight for place, weight in known) / total
        width, height = (p * (1 - done) + q * done for p, q in zip(a[2:], b[2:], strict=True))
        found[k] = Box(x - width / 2, y - height / 2, width, height)
    return found


def beyond(
    grays: Mapping[int, Luma], start: int, box: Box, frames: range, scale: float
) -> dict[int, Box]:
    """Boxes of a face before its first detection or after its last one."""
    traced = trace(grays, start, box, frames, scale)
    return {
        index: Box(x - box.width / 2, y - box.height / 2, box.width, box.height)
        for index, (x, y) in traced.items()
    }


def _apart(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def is_cut(before: Luma, after: Luma) -> bool:
    """Whether another shot begins: nearly everything differs, and by much."""
    if before.shape != after.shape:
        return True
    a, b = (cv2.resize(gray, (32, 18), interpolation=cv2.INTER_AREA) for gray in (before, after))
    difference = np.asarray(cv2.absdiff(a, b))
    return float(np.median(difference)) > CUT


CUT = 12.0
"""Median difference of two pictures, in grey levels, from which they are of two shots."""
