"""Planes as pictures in blue, green and red, whole or in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box
from stream_anon.core.scaling import shrunk
from stream_anon.sinks.window.preview import matrix_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame, Planes, StreamInfo


class Pictures:
    """Converts frames of one stream."""

    def __init__(self, info: StreamInfo) -> None:
        self._matrix = matrix_for(info.color)
        self._picture = Box(0, 0, info.width, info.height)

    def whole(self, planes: Planes, most: tuple[int, int]) -> NDArray[np.uint8]:
        """The picture, (height, width, 3), no larger than a width and a height."""
        height, width = planes[0].shape
        scale = min(1.0, most[0] / width, most[1] / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        merged = cv2.merge([shrunk(plane, *size) for plane in planes])
        return np.asarray(cv2.transform(merged, self._matrix), np.uint8)

    def seen(self, box: Box) -> float:
        """How much of a box is in the picture, in square pixels; less counts twice."""
        return self._picture.overlap(box) ** 2 / max(1.0, box.area)

    def cut(self, frame: Frame, box: Box, tallest: int) -> NDArray[np.uint8] | None:
        """What is in a box, no higher than so many pixels; None where that is nothing."""
        left, top = max(0, int(box.x)) & ~1, max(0, int(box.y)) & ~1
        right = min(frame.width, int(box.x + box.width))
        bottom = min(frame.height, int(box.y + box.height))
        if right - left < 2 or bottom - top < 2:
            return None
        y, u, v = frame.planes
        half = slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2)
        return self.whole((y[top:bottom, left:right], u[half], v[half]), (4 * tallest, tallest))
