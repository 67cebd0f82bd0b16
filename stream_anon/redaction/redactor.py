"""The one place where raw pictures become pictures that may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.frame import _REDACTOR_KEY, RedactedFrame, Unknown
from stream_anon.redaction.methods import CHROMA_STEP, LUMA_STEP, blurred, color_levels, pixelated
from stream_anon.redaction.regions import Region, on_plane, soft_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.config import Redaction
    from stream_anon.frame import ColorTags, MaskedFrame, Plane
    from stream_anon.parsing.base import Part

WHOLE_CELLS = 4
"""Cells across the longer side of a frame that is hidden whole: a face may fill all of it."""


class Redactor:
    """Hides the parts of a masked frame in its own planes; the rest is copied bit by bit."""

    def __init__(self, settings: Redaction, color: ColorTags) -> None:
        self._method = settings.method
        self._cells = settings.cells
        self._edge = settings.edge
        self._fill = color_levels(settings.color, color)

    def redact(self, masked: MaskedFrame) -> RedactedFrame:
        """Make the frame safe to show; a frame without a mask is hidden whole."""
        y, u, v = masked.frame.planes
        if isinstance(masked.parts, Unknown):
            cell = max(y.shape) / WHOLE_CELLS
            planes = (
                blurred(y, cell, cell, LUMA_STEP),
                blurred(u, cell / 2, cell / 2, CHROMA_STEP),
                blurred(v, cell / 2, cell / 2, CHROMA_STEP),
            )
            return RedactedFrame(_REDACTOR_KEY, planes=planes, masked=masked, parts_hidden=0)
        planes = (y.copy(), u.copy(), v.copy())
        for part in masked.parts:
            self._hide(planes, part)
        return RedactedFrame(
            _REDACTOR_KEY, planes=planes, masked=masked, parts_hidden=len(masked.parts)
        )

    def _hide(self, planes: tuple[Plane, Plane, Plane], part: Part) -> None:
        region = soft_region(part, self._edge)
        cell = (max(part.box.width, part.box.height) + 2 * part.spread) / self._cells
        luma, *chroma = planes
        self._hide_on([luma], region, 1.0, cell, self._fill[:1])
        self._hide_on(chroma, region, 0.5, cell / 2, self._fill[1:])

    def _hide_on(
        self,
        planes: Sequence[Plane],
        region: Region,
        scale: float,
        cell: float,
        fill: Sequence[int],
    ) -> None:
        """Hide the region on planes of one size; `scale` is plane pixels per frame pixel."""
        placed = on_plane(region, (planes[0].shape[0], planes[0].shape[1]), scale)
        if placed is None:
            return
        rows, columns, opacity = placed
        rest = 1 - opacity
        step = LUMA_STEP if scale == 1 else CHROMA_STEP
        for plane, level in zip(planes, fill, strict=True):
            shown = plane[rows, columns]
            plane[rows, columns] = cv2.blendLinear(
                self._cover(shown, cell, step, level), shown, opacity, rest
            )

    def _cover(self, plane: Plane, cell: float, step: int, level: int) -> Plane:
        if self._method == "fill":
            return np.full_like(plane, level)
        draw = blurred if self._method == "blur" else pixelated
        return draw(plane, cell, cell, step)
