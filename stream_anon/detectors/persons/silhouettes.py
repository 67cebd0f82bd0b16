"""The outline of one person inside their box, and where it must not be trusted.

The network (MediaPipe's selfie segmentation) was made for people in front of a camera. On the
cut-out of somebody who stands far away it sees them well or hardly at all, and its own doubt tells
which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from stream_anon.core.parts import INSIDE, Box
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.picture import working_picture
from stream_anon.errors import ParserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags, Frame
    from stream_anon.detectors.runtime import Runnable

    Mask = NDArray[np.uint8]
    Likely = NDArray[np.float32]

SIDE = 256
"""Rows and columns of the network's input."""
MASK_SIDE = 96
"""Rows and columns of a mask: finer ones show nothing more after what is added around them."""
AROUND = 0.12
"""Share of a box that is looked at beyond each side: hands and hair reach over it."""
HIDDEN_FROM = 0.15
"""Likelihood from which on a spot is hidden."""
RIM = 0.03
"""Share of the cut-out that a silhouette is widened by."""
SMALLEST = 64.0
"""Frame pixels of a person's longer side below which an outline means nothing."""
LEAST_COVERED = 0.25
"""Share of the box that a person fills; less was not seen."""
MOST_UNSURE = 0.2
"""Share of the silhouette that may be neither likely nor unlikely."""
LEAST_REACHED = 0.8
"""Share of a box's width and height that a silhouette reaches over: a box ends with its person."""
EDGE = 0.01
"""Share of the frame's width that counts as its edge."""


class Silhouette(NamedTuple):
    """What has to be hidden of somebody."""

    region: Box
    """In frame pixels; larger than the person."""
    mask: Mask
    """Stretched over it."""
    outline: Mask | None
    """The silhouette itself, also where the whole box is hidden; None where it is in doubt."""


class Silhouettes:
    """Gives people their masks. Used by one thread."""

    def __init__(self, network: Runnable, color: ColorTags, pixel_aspect: float) -> None:
        self._network = network
        self._color, self._pixel_aspect = color, pixel_aspect

    def around(self, frame: Frame, box: Box, *, trusted: bool = True) -> Silhouette:
        """What has to be hidden of somebody.

        Args:
            frame: the frame.
            box: around the person, in frame pixels.
            trusted: whether an outline will do; the whole box otherwise.

        Raises:
            ParserError: the engine failed.
        """
        region = looked_at(box, frame)
        if not trusted or max(box.width, box.height) < SMALLEST:
            return Silhouette(region, whole(box, region), None)
        likely = self._segmented(frame, region)
        if is_doubtful(likely, box, region):
            return Silhouette(region, whole(box, region), None)
        seen = outline(likely)
        return Silhouette(region, whole(box, region) if is_cut_off(box, frame) else seen, seen)

    def _segmented(self, frame: Frame, region: Box) -> Likely:
        """(rows, columns): how likely each spot of the region belongs to somebody, 0..1."""
        cut_out = DetectionPass(SIDE, region)
        picture = working_picture(frame, cut_out, self._color, self._pixel_aspect)
        shown = picture.rgb[0, :, : picture.rows, : picture.columns].transpose(1, 2, 0)
        square = cv2.resize(np.ascontiguousarray(shown), (SIDE, SIDE)) / np.float32(255)
        (answer,) = self._network.run(square[None].astype(np.float32))
        if answer.size != SIDE * SIDE or not np.isfinite(answer).all():
            raise ParserError("the outlines of people are not what they should be")
        return answer.reshape(SIDE, SIDE)


def looked_at(box: Box, frame: Frame) -> Box:
    """The box and what is around it, in whole pixels of the frame, with an even corner."""
    around = box.grown(AROUND * box.width, AROUND * box.height)
    left = min(max(0, int(around.x)), frame.width - 1) & ~1
    top = min(max(0, int(around.y)), frame.height - 1) & ~1
    right = max(left + 1, min(frame.width, round(around.x + around.width)))
    bottom = max(top + 1, min(frame.height, round(around.y + around.height)))
    return Box(left, top, right - left, bottom - top)


def is_cut_off(box: Box, frame: Frame) -> bool:
    """Whether somebody reaches over the left or right side of the picture.

    Whoever reaches over the lower or upper edge is seen as the network knows people.
    """
    x = EDGE * frame.width
    return box.x <= x or box.x + box.width >= frame.width - x


def outline(likely: Likely) -> Mask:
    """The mask of somebody, generously."""
    rim = 2 * round(RIM * len(likely)) + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim))
    wide = np.asarray(cv2.dilate(likely, around), np.float32)
    small = np.asarray(cv2.resize(wide, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA))
    mask: Mask = np.clip(small * (INSIDE / HIDDEN_FROM), 0, 255).astype(np.uint8)
    return mask


def is_doubtful(likely: Likely, box: Box, region: Box) -> bool:
    """Whether a silhouette may leave out some of the person.

    Args:
        likely: (rows, columns), 0..1, over `region`.
        box: the person's.
        region: around it.
    """
    inside = _part_of(likely, box, region)
    hidden = inside >= HIDDEN_FROM
    if not inside.size or hidden.mean() < LEAST_COVERED:
        return True
    unsure = hidden & (inside < 1 - HIDDEN_FROM)
    if unsure.sum() > MOST_UNSURE * hidden.sum():
        return True
    reached = [np.flatnonzero(hidden.any(axis)) for axis in (0, 1)]
    return any(
        (along[-1] - along[0] + 1) < LEAST_REACHED * length
        for along, length in zip(reached, hidden.shape[::-1], strict=True)
    )


def whole(box: Box, region: Box) -> Mask:
    """All of the box, and half of what is around it."""
    mask = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    grown = box.grown(AROUND / 2 * box.width, AROUND / 2 * box.height)
    _part_of(mask, grown, region)[...] = 255
    return mask


def _part_of(array: NDArray[Any], box: Box, region: Box) -> NDArray[Any]:
    """The part of an array over `region` that lies over `box`, every cell that it touches."""
    rows, columns = array.shape
    x, y = columns / region.width, rows / region.height
    left = int(np.clip(np.floor((box.x - region.x) * x), 0, columns - 1))
    top = int(np.clip(np.floor((box.y - region.y) * y), 0, rows - 1))
    right = int(np.clip(np.ceil((box.x + box.width - region.x) * x), left + 1, columns))
    bottom = int(np.clip(np.ceil((box.y + box.height - region.y) * y), top + 1, rows))
    return array[top:bottom, left:right]
