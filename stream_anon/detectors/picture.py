"""From native planes to the small RGB picture that a network gets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.color import black_and_spans, luma_weights
from stream_anon.core.parts import Box
from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags, Frame
    from stream_anon.detectors.base import DetectionPass

STRIDE = 32
"""Networks want sides that are multiples of this."""

BRIGHT = 170.0
"""Level that the brightest hundredth of a dark picture is lifted to."""
MAX_GAIN = 6.0
STARVED = 4.0
"""Gain from which on noise is lifted to what looks like faces, and hides small ones. A median of
3x3 pixels takes it out; where there is light, it would cost small faces."""
AVERAGED = 1 / 3
"""Scale down to which a picture is shrunk by so much that its noise averages out by itself."""


@dataclass(frozen=True, slots=True)
class WorkingPicture:
    """A picture at working size and the way back to frame pixels."""

    rgb: NDArray[np.float32]
    """(1, 3, rows, columns), 0..255; `fill` at the right and bottom fills up to the stride."""
    left: float
    top: float
    scale_x: float
    """Frame pixels per working pixel."""
    scale_y: float
    rows: int
    """Rows of `rgb` that show something; the others fill up."""
    columns: int
    turn: int = 0
    """Quarter turns counter-clockwise that `rgb` has had."""

    def placed(self, x: float, y: float, width: float, height: float) -> Box:
        """A box of working pixels, in frame pixels."""
        across, down = self.columns, self.rows
        for _ in range(self.turn):
            x, y, width, height = down - y - height, x, height, width
            across, down = down, across
        return Box(
            self.left + x * self.scale_x,
            self.top + y * self.scale_y,
            width * self.scale_x,
            height * self.scale_y,
        )

    def direction(self, across: float, down: float) -> tuple[float, float]:
        """A way in working pixels, in frame pixels."""
        for _ in range(self.turn):
            across, down = -down, across
        return across * self.scale_x, down * self.scale_y


def padded(length: int) -> int:
    return max(STRIDE, math.ceil(length / STRIDE) * STRIDE)


def working_picture(
    frame: Frame,
    detection_pass: DetectionPass,
    color: ColorTags,
    pixel_aspect: float,
    fill: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> WorkingPicture:
    """Cut out, scale down and convert what `detection_pass` asks for.

    Pixels come out square whatever `pixel_aspect` is, dark pictures come out bright, and nothing
    is enlarged beyond what the picture has when shown, but as much as the pass asks for.
    """
    left, top, right, bottom = _region(frame, detection_pass.region)
    width, height = right - left, bottom - top
    shown_width = width * pixel_aspect
    scale = min(detection_pass.enlarge, detection_pass.long_side / max(shown_width, height))
    columns, rows = max(1, round(shown_width * scale)), max(1, round(height * scale))
    luma, blue, red = frame.planes
    half = np.s_[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
    small_luma = shrunk(luma[top:bottom, left:right], columns, rows)
    gain = _gain(small_luma)
    if gain > STARVED and scale > AVERAGED:
        calm = cv2.medianBlur(np.ascontiguousarray(luma[top:bottom, left:right]), 3)
        small_luma = shrunk(calm.astype(np.uint8, copy=False), columns, rows)
    yuv = cv2.merge(
        [small_luma, shrunk(blue[half], columns, rows), shrunk(red[half], columns, rows)]
    )
    small = cv2.transform(yuv.astype(np.float32), _to_rgb(color, gain))
    np.clip(small, 0, 255, out=small)
    scale_x, scale_y = width / columns, height / rows
    if detection_pass.turn:
        small = np.rot90(small, detection_pass.turn)
        rows, columns = small.shape[:2]
    # Close passes come in every shape; one square for all of them means one compiled network.
    canvas = (
        (detection_pass.long_side, detection_pass.long_side)
        if detection_pass.region
        else (rows, columns)
    )
    rgb = np.empty((1, 3, padded(canvas[0]), padded(canvas[1])), np.float32)
    rgb[0] = np.reshape(fill, (3, 1, 1))
    rgb[0, :, :rows, :columns] = small.transpose(2, 0, 1)
    return WorkingPicture(rgb, left, top, scale_x, scale_y, rows, columns, detection_pass.turn)


def _region(frame: Frame, region: Box | None) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in pixels; the corner is even so that chroma lines up."""
    if region is None:
        return 0, 0, frame.width, frame.height
    left = min(max(0, int(region.x)), frame.width - 1) & ~1
    top = min(max(0, int(region.y)), frame.height - 1) & ~1
    right = max(left + 1, min(frame.width, math.ceil(region.x + region.width)))
    bottom = max(top + 1, min(frame.height, math.ceil(region.y + region.height)))
    return left, top, right, bottom


def _gain(luma: NDArray[np.uint8]) -> float:
    """How much to brighten: faces at night are found once they are as bright as by day."""
    counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel()
    bright = float(np.searchsorted(np.cumsum(counts), 0.99 * luma.size))
    return float(np.clip(BRIGHT / max(bright, 1.0), 1.0, MAX_GAIN))


def _to_rgb(color: ColorTags, gain: float) -> NDArray[np.float32]:
    """The 3x4 matrix from 8-bit YCbCr to RGB 0..255 (ITU-T H.273, section 8.3)."""
    kr, kb = luma_weights(color.matrix)
    kg = 1 - kr - kb
    black, span_y, span_c = black_and_spans(color.full_range)
    y, c = gain * 255 / span_y, gain * 255 / span_c
    red, blue = 2 * (1 - kr) * c, 2 * (1 - kb) * c
    green_b, green_r = -2 * (1 - kb) * kb / kg * c, -2 * (1 - kr) * kr / kg * c
    rows = [[y, 0, red], [y, green_b, green_r], [y, blue, 0]]
    return np.array([[*row, -row[0] * black - (row[1] + row[2]) * 128] for row in rows], np.float32)
