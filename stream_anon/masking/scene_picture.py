"""The small pictures on which a scene is learned: colours, noise, and where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

    Colors = NDArray[np.float32]
    """(rows, columns, 3): Y, U and V of each cell."""
    Mask = NDArray[np.uint8]
    """(rows, columns), 1 inside."""

LUMA_STEP = 10.0
"""Grey levels by which a cell differs from another surface, in a picture of ordinary brightness."""
CHROMA_STEP = 7.0
BRIGHT = 160.0
"""Luma from which on colours are cut off one after the other when the light changes ..."""
PALE = 0.25
"""... and how many more levels each level above may change their chroma by."""
NOISE_STEPS = 5.0
"""Standard deviations of the noise that a cell may differ by."""
EDGE = 0.25
"""Share of the contrast with its neighbours that a cell may differ by: the camera trembles."""
WEAK = 0.6
"""Share of a step from which on a cell belongs to a region that differs by a whole one."""
DARKEST = 0.4
"""Share of an ordinary picture's contrast that is left in a dark one, at least."""
ORDINARY_LUMA = 64.0
"""Mean level from which a picture does not count as dark."""
SPECK = 4
"""Cells that make a region; fewer are noise, if they do not differ by two steps."""
SPARSE = 3
"""Every third cell of every third row is enough to know the noise by."""
LEAST_STRONG = 2
"""Cells of a region that differ by a whole step."""
CLOSED = (7, 11)
"""Cells across and down that gaps in a region are closed over: heads belong to bodies."""
_CLOSING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, CLOSED)
_CROSS = np.ones((3, 3), np.uint8)


def colors_of(frame: Frame, luma: NDArray[np.uint8]) -> Colors:
    """The colours of a frame at the size of its small luma picture."""
    rows, columns = luma.shape
    # Codecs keep colours coarsely, and send the rest of them a second later.
    chroma = [cv2.blur(shrunk(plane, columns, rows), (3, 3)) for plane in frame.planes[1:]]
    return np.asarray(cv2.merge([luma, *chroma]), np.float32)


def noise_of(before: Colors, now: Colors) -> float:
    """Standard deviation of the luma noise, in grey levels, from two pictures in a row.

    Most of a scene rests, so that the median difference is noise alone.
    """
    some = np.s_[::SPARSE, ::SPARSE, 0]
    return float(np.median(np.abs(before[some] - now[some]))) * 1.4826 / 2**0.5


def contrast(scene: Colors) -> NDArray[np.float32]:
    """How much each cell's luma differs from its neighbours' at most, in grey levels."""
    luma = np.ascontiguousarray(scene[..., 0])
    return np.asarray(cv2.dilate(luma, _CROSS) - cv2.erode(luma, _CROSS), np.float32)


def steps(scene: Colors, now: Colors, noise: float, sensitivity: float) -> NDArray[np.float32]:
    """(rows, columns): by how many steps each cell differs from the scene; from 1 on, it is other.

    Args:
        scene: what is there usually.
        now: what is there.
        noise: standard deviation of the luma noise, in grey levels.
        sensitivity: divides the steps.
    """
    dark = float(np.clip(scene[..., 0].mean() / ORDINARY_LUMA, DARKEST, 1.0))
    luma = max(LUMA_STEP * dark / sensitivity, NOISE_STEPS * noise) + EDGE * contrast(scene)
    white = np.minimum(scene[..., 0], now[..., 0]) - np.float32(BRIGHT)
    chroma = max(CHROMA_STEP * dark / sensitivity, NOISE_STEPS * noise) + np.maximum(
        white * np.float32(PALE), np.float32(0)
    )
    differs = cv2.absdiff(scene, now)
    colored = np.maximum(differs[..., 1], differs[..., 2]) / chroma
    return np.asarray(np.maximum(differs[..., 0] / luma, colored), np.float32)


def regions(differs: NDArray[np.float32]) -> Mask:
    """Connected regions that differ, without the specks that noise makes.

    Args:
        differs: from `steps`.
    """
    weak = (differs >= WEAK).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8)
    strong = np.bincount(labels[differs >= 1], minlength=count)
    surely = np.bincount(labels[differs >= 2], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    kept = ((area >= SPECK) & (strong >= LEAST_STRONG)) | (surely >= LEAST_STRONG)
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def solid(mask: Mask) -> Mask:
    """Regions without gaps: what lies between two cells of one, in its row or column, is of it too.

    A shirt of the wall's colour differs along its folds and its rim only.
    """
    if not mask.any():
        return mask
    closed = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _CLOSING), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    filled = closed.copy()
    for number in range(1, count):
        x, y, width, height = (int(v) for v in stats[number, :4])
        inside = labels[y : y + height, x : x + width] == number
        filled[y : y + height, x : x + width] |= _between(inside)
    return filled


def _between(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells that have some of the region on both sides."""
    between = inside.copy()
    for axis in (0, 1):
        before = np.logical_or.accumulate(inside, axis)
        after = np.flip(np.logical_or.accumulate(np.flip(inside, axis), axis), axis)
        between |= before & after
    return between


def grown(mask: Mask, cells: int) -> Mask:
    """With that many cells more all around."""
    if not cells or not mask.any():
        return mask
    side = 2 * cells + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)


def touched(mask: Mask, marks: Mask) -> NDArray[np.bool_]:
    """The regions of a mask in which there is any mark."""
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    marked = np.zeros(count, bool)
    marked[np.unique(labels[marks > 0])] = True
    marked[0] = False
    return np.asarray(marked[labels])
