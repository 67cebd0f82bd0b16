"""A detector that finds bright plates."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.detectors.registry import Row
from stream_anon.detectors.shapes import full_box

if TYPE_CHECKING:
    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import DetectionPass, Loading

BRIGHT = 225
LEAST_SIDE = 8
FILLED = 0.9
"""Share of its box that a plate fills."""


class Plates:
    """Bright rectangles, sure of each."""

    name = "plates"
    labels = frozenset({"plate"})
    model_hash = hashlib.sha256(b"no weights").hexdigest()

    def parse(self, frame: Frame, look: DetectionPass) -> list[Part]:
        whole = Box(0, 0, frame.width, frame.height)
        region = look.region or whole
        left, top = max(0, round(region.x)), max(0, round(region.y))
        right = min(frame.width, round(region.x + region.width))
        bottom = min(frame.height, round(region.y + region.height))
        if right <= left or bottom <= top:
            return []
        bright = (frame.planes[0][top:bottom, left:right] >= BRIGHT).astype(np.uint8)
        _, _, found, _ = cv2.connectedComponentsWithStats(bright)
        parts: list[Part] = []
        for x, y, width, height, area in found[1:].tolist():
            if min(width, height) >= LEAST_SIDE and area >= FILLED * width * height:
                box = Box(left + x, top + y, width, height)
                parts.append(Part("plate", box, full_box(), 0.9, len(parts)))
        return parts

    def close(self) -> None:
        """Nothing to free."""


def load(_loading: Loading) -> Plates:
    return Plates()


ROW = Row("plates", Plates.labels, load)
