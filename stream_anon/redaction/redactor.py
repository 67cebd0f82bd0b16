"""The one place where raw pictures become pictures that may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.redacted import _REDACTOR_KEY, DebugFrame, RedactedFrame, Unknown
from stream_anon.errors import ConfigError
from stream_anon.redaction.captions import draw_banner, draw_caption, draw_outline, empty_picture
from stream_anon.redaction.methods import CHROMA_STEP, LUMA_STEP, blurred, color_levels, pixelated
from stream_anon.redaction.regions import Region, on_plane, soft_region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.config import Redaction
    from stream_anon.core.frame import ColorTags, Frame, Plane, Stamp
    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import MaskedFrame

WHOLE_CELLS = 4
"""Cells across the longer side of a frame that is hidden whole: a face may fill all of it."""


BANNER = "DEBUG RUN: its preview can show what is hidden here"


class Redactor:
    """Hides the parts of a masked frame in its own planes; the rest is copied bit by bit."""

    def __init__(
        self, settings: Redaction, color: ColorTags, *, captions: bool = False, debug: bool = False
    ) -> None:
        """Be ready.

        Args:
            settings: how to hide.
            color: how the frames' numbers become colours.
            captions: tell in the picture why a frame is hidden whole.
            debug: mark every picture, and make views for the preview.
        """
        self._method = settings.method
        self._cells = settings.cells
        self._edge = settings.edge
        self._fill = color_levels(settings.color, color)
        self._color = color
        self._captions = captions
        self._debug = debug

    def redact(self, masked: MaskedFrame) -> RedactedFrame:
        """Make the frame safe to show; a frame without a mask is hidden whole."""
        if isinstance(masked.parts, Unknown):
            return self.hide_whole(masked.frame, masked.parts)
        y, u, v = masked.frame.planes
        planes = (y.copy(), u.copy(), v.copy())
        for part in masked.parts:
            self._hide(planes, part)
        self._mark(planes)
        return RedactedFrame(
            _REDACTOR_KEY,
            planes=planes,
            stamp=masked.frame.stamp,
            raw=masked.frame.planes,
            parts_hidden=len(masked.parts),
        )

    def hide_whole(self, frame: Frame, reason: Unknown) -> RedactedFrame:
        """A frame of which nothing may be seen."""
        y, u, v = frame.planes
        cell = max(y.shape) / WHOLE_CELLS
        planes = (
            blurred(y, cell, cell, LUMA_STEP),
            blurred(u, cell / 2, cell / 2, CHROMA_STEP),
            blurred(v, cell / 2, cell / 2, CHROMA_STEP),
        )
        if self._captions:
            draw_caption(planes, [f"Hidden: {reason.value}"], self._color)
        self._mark(planes)
        return RedactedFrame(
            _REDACTOR_KEY, planes=planes, stamp=frame.stamp, raw=frame.planes, hidden_whole=reason
        )

    def slate(
        self, width: int, height: int, stamp: Stamp, reason: Unknown, lines: Sequence[str]
    ) -> RedactedFrame:
        """A picture with nothing but words, where there is no frame to show."""
        planes = empty_picture(width, height, self._color)
        draw_caption(planes, lines, self._color)
        self._mark(planes)
        return RedactedFrame(
            _REDACTOR_KEY, planes=planes, stamp=stamp, raw=None, hidden_whole=reason
        )

    def debug_view(self, masked: MaskedFrame, *, raw: bool) -> DebugFrame:
        """The picture with its masks outlined, for the preview of a debug run.

        Args:
            masked: the frame.
            raw: show it without redaction.

        Raises:
            ConfigError: this is no debug run.
        """
        if not self._debug:
            raise ConfigError(
                "outlines and raw pictures are for debug runs: start with --mode debug"
            )
        shown = masked.frame.planes if raw else self.redact(masked).planes
        planes = (shown[0].copy(), shown[1].copy(), shown[2].copy())
        for part in () if isinstance(masked.parts, Unknown) else masked.parts:
            draw_outline(planes, part.box.grown(part.spread, part.spread), self._color)
        self._mark(planes)
        return DebugFrame(_REDACTOR_KEY, planes, raw=masked.frame.planes)

    def _mark(self, planes: tuple[Plane, Plane, Plane]) -> None:
        if self._debug:
            draw_banner(planes, BANNER, self._color)

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
