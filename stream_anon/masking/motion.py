"""Motion: thumbnails, what changed between them, and optical flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box
from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

    Mask = NDArray[np.uint8]

THUMBNAIL_SIDE = 320
"""Longer side of the small picture on which motion is measured, in pixels."""
SMALLEST_SIDE = 32
"""Pixels that the optical flow needs; OpenCV's crashes on less."""
MOST_MOVES = 400
"""Spots of a shape whose motion is looked at: more would cost more and say the same."""
UNREST = 0.9
"""Share of a shape's spots whose motion counts for how much the shape changes."""
BLOCK = 4
"""Thumbnail pixels on each side of a block in which change is measured."""
PIXELS_PER_BLOCK_LEVEL = 8.0
"""How much more a single thumbnail pixel must change than a block to mean the same."""
ORDINARY_LUMA = 64.0
"""Mean level from which a picture does not count as dark."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Thumbnail:
    """A small luma picture and its block means."""

    luma: NDArray[np.uint8]
    blocks: NDArray[np.float32]
    scale: float
    """Frame pixels per thumbnail pixel."""


def thumbnail(frame: Frame) -> Thumbnail:
    """Scale the luma plane down to `THUMBNAIL_SIDE`."""
    luma = frame.planes[0]
    scale = max(1.0, max(luma.shape) / THUMBNAIL_SIDE)
    columns, rows = max(1, round(luma.shape[1] / scale)), max(1, round(luma.shape[0] / scale))
    small = shrunk(luma, columns, rows)
    missing = max(0, SMALLEST_SIDE - rows), max(0, SMALLEST_SIDE - columns)
    if any(missing):
        small = np.asarray(
            cv2.copyMakeBorder(small, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
        )
        rows, columns = small.shape
    block_size = (max(1, columns // BLOCK), max(1, rows // BLOCK))
    blocks = cv2.resize(small.astype(np.float32), block_size, interpolation=cv2.INTER_AREA)
    return Thumbnail(small, np.asarray(blocks, np.float32), scale)


def brightness(picture: Thumbnail) -> float:
    """Share of an ordinary picture's brightness, 0.2..1."""
    return float(np.clip(picture.blocks.mean() / ORDINARY_LUMA, 0.2, 1.0))


def largest_change(before: Thumbnail, after: Thumbnail) -> float:
    """Change of the block that changed most, in grey levels.

    A single thumbnail pixel counts for an eighth: a far face is smaller than a block, and noise is
    stronger in a pixel than in a block's mean.
    """
    block = float(np.abs(after.blocks - before.blocks).max())
    pixel = float(cv2.absdiff(after.luma, before.luma).max())
    return max(block, pixel / PIXELS_PER_BLOCK_LEVEL)


def changed_blocks(before: Thumbnail, after: Thumbnail, threshold: float) -> Mask:
    """1 for each block whose change, as in `largest_change`, is more than `threshold` levels."""
    changed: Mask = (np.abs(after.blocks - before.blocks) > threshold).astype(np.uint8)
    pixels = cv2.absdiff(after.luma, before.luma) > PIXELS_PER_BLOCK_LEVEL * threshold
    (rows, columns), (height, width) = changed.shape, pixels.shape
    y, x = np.nonzero(pixels)
    changed[y * rows // height, x * columns // width] = 1
    return changed


class Flow:
    """Where each spot of one thumbnail went in the next one; computed on first use.

    Dense inverse search (Kroeger et al., ECCV 2016) as OpenCV has it.
    """

    def __init__(self, before: Thumbnail, after: Thumbnail, *, fine: bool = False) -> None:
        """Args: fine: four times the work, for shapes as thin as an arm."""
        self._before = before
        self._after = after
        self._preset = (
            cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if fine else cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
        )
        self._field: NDArray[np.float32] | None = None

    @property
    def field(self) -> NDArray[np.float32]:
        """(rows, columns, 2): x and y steps from `before` to `after`, in thumbnail pixels."""
        if self._field is None:
            search = cv2.DISOpticalFlow.create(self._preset)
            empty = np.zeros((*self._before.luma.shape, 2), np.float32)
            self._field = np.asarray(
                search.calc(self._before.luma, self._after.luma, empty), np.float32
            )
        return self._field

    def forward(self, box: Box, shape: Mask | None = None) -> tuple[Box, float]:
        """Where the content of `box` in the earlier frame lies in the later one.

        Args:
            box: in frame pixels.
            shape: uint8, any size, stretched over the box: what moves where it is not 0; without
                it, the middle of the box does.

        Returns:
            The box, and how far the shape's spots differ in their motion, in frame pixels: a turn,
            a bend, a swinging arm. Nine tenths of them differ by less. 0 without a shape.
        """
        step_x, step_y, unrest = self._step(box, shape)
        return box.moved(step_x, step_y), unrest

    def backward(self, box: Box, shape: Mask | None = None) -> tuple[Box, float]:
        """Where the content of `box` in the later frame lay in the earlier one."""
        earlier, unrest = box, 0.0
        for _ in range(3):  # the step is known at its start only, which is what we look for
            step_x, step_y, unrest = self._step(earlier, shape)
            earlier = box.moved(-step_x, -step_y)
        return earlier, unrest

    def _step(self, box: Box, shape: Mask | None) -> tuple[float, float, float]:
        """Median motion of what is in the box, and its unrest, in frame pixels."""
        scale = self._before.scale
        if shape is not None and (moves := self._moves_of(box, shape)).size:
            middle = np.median(moves, axis=0)
            apart = np.hypot(moves[:, 0] - middle[0], moves[:, 1] - middle[1])
            unrest = float(np.partition(apart, last := int(UNREST * (len(apart) - 1)))[last])
            return float(middle[0]) * scale, float(middle[1]) * scale, unrest * scale
        rows, columns = self.field.shape[:2]
        left = int(np.clip((box.x + 0.2 * box.width) / scale, 0, columns - 1))
        top = int(np.clip((box.y + 0.2 * box.height) / scale, 0, rows - 1))
        right = int(np.clip((box.x + 0.8 * box.width) / scale + 1, left + 1, columns))
        bottom = int(np.clip((box.y + 0.8 * box.height) / scale + 1, top + 1, rows))
        step = np.median(self.field[top:bottom, left:right].reshape(-1, 2), axis=0) * scale
        return float(step[0]), float(step[1]), 0.0

    def _moves_of(self, box: Box, shape: Mask) -> NDArray[np.float32]:
        """(n, 2): motion of each thumbnail pixel that belongs to the shape and is in view."""
        rows, columns = self.field.shape[:2]
        scale = self._before.scale
        left, top = round(box.x / scale), round(box.y / scale)
        size = max(1, round(box.width / scale)), max(1, round(box.height / scale))
        inside = cv2.resize(shape, size, interpolation=cv2.INTER_NEAREST) > 0
        x0, y0 = max(0, -left), max(0, -top)
        x1, y1 = min(size[0], columns - left), min(size[1], rows - top)
        if x1 <= x0 or y1 <= y0:
            return np.empty((0, 2), np.float32)
        field = self.field[top + y0 : top + y1, left + x0 : left + x1]
        moves = field[inside[y0:y1, x0:x1]]
        return np.asarray(moves[:: max(1, len(moves) // MOST_MOVES)])

    def unexplained(self) -> float:
        """Mean change that motion does not account for, in grey levels."""
        field = self.field
        rows, columns = field.shape[:2]
        grid_x, grid_y = np.meshgrid(
            np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
        )
        found = cv2.remap(
            self._after.luma,
            grid_x + field[..., 0],
            grid_y + field[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return float(cv2.absdiff(found, self._before.luma).mean())

    def brightness(self) -> float:
        """Share of an ordinary picture's brightness, 0.2..1; changes shrink with it."""
        return brightness(self._after)

    def change(self) -> float:
        """Mean change, motion included, in grey levels."""
        return float(cv2.absdiff(self._after.luma, self._before.luma).mean())


def is_cut(flow: Flow, threshold: float) -> bool:
    """Another shot begins: motion does not explain how much has changed.

    Args:
        flow: between the two pictures.
        threshold: grey levels, for a picture of ordinary brightness; dark ones change by less.
    """
    threshold *= flow.brightness()
    return flow.change() >= threshold and flow.unexplained() >= threshold
