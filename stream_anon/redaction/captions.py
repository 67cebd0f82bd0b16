"""Captions, banners and outlines drawn on pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from stream_anon.core.color import black_and_spans
from stream_anon.redaction.colors import color_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.frame import ColorTags, Plane
    from stream_anon.core.parts import Box

    Canvas = tuple[Plane, Plane, Plane]

FONT = cv2.FONT_HERSHEY_DUPLEX
FONT_HEIGHT = 30.0
"""Pixels that a line takes at scale 1, with the space around it."""
LINES_DOWN = 22
"""Lines of text that would fill a picture from top to bottom."""
SMALLEST = 11.0
"""Pixels: smaller text cannot be read."""
NIGHT = "#16191d"
"""The background of a picture with nothing but words."""
WARNING = "#b3261e"
"""The colour of the banner of a debug run."""


class _Line(NamedTuple):
    text: str
    scale: float
    width: int


def empty_picture(width: int, height: int, color: ColorTags) -> Canvas:
    """A dark picture with nothing in it."""
    y, u, v = color_levels(NIGHT, color)
    half = ((height + 1) // 2, (width + 1) // 2)
    return (
        np.full((height, width), y, np.uint8),
        np.full(half, u, np.uint8),
        np.full(half, v, np.uint8),
    )


def draw_caption(planes: Canvas, lines: Sequence[str], color: ColorTags) -> None:
    """Lines of text in the middle of the picture, on a dark band."""
    height, width = planes[0].shape
    fitted = [_fit(text, width, height) for text in lines]
    step = round(max(FONT_HEIGHT * line.scale * 1.25 for line in fitted))
    top = (height - step * len(fitted)) // 2
    _band(planes, top - step // 2, top + step * len(fitted) + step // 2, NIGHT, color)
    for number, line in enumerate(fitted):
        _write(planes[0], line, (width - line.width) // 2, top + number * step, step, color)


def draw_banner(planes: Canvas, text: str, color: ColorTags) -> None:
    """One line on a red band across the top."""
    height, width = planes[0].shape
    line = _fit(text, width, height)
    step = round(FONT_HEIGHT * line.scale * 1.25)
    _band(planes, 0, step, WARNING, color)
    _write(planes[0], line, (width - line.width) // 2, 0, step, color)


def draw_outline(planes: Canvas, box: Box, color: ColorTags) -> None:
    """A bright rectangle."""
    height, width = planes[0].shape
    black, span, _ = black_and_spans(color.full_range)
    corner = (max(0, int(box.x)), max(0, int(box.y)))
    other = (min(width - 1, int(box.x + box.width)), min(height - 1, int(box.y + box.height)))
    cv2.rectangle(planes[0], corner, other, (black + span,), max(1, height // 360))


def _fit(text: str, width: int, height: int) -> _Line:
    """As large as a line should be, and no wider than the picture."""
    scale = max(SMALLEST, height / LINES_DOWN) / FONT_HEIGHT
    (wide, _), _ = cv2.getTextSize(text, FONT, scale, 1)
    if wide > 0.92 * width:
        scale *= 0.92 * width / wide
        (wide, _), _ = cv2.getTextSize(text, FONT, scale, 1)
    return _Line(text, scale, wide)


def _band(planes: Canvas, top: int, bottom: int, paint: str, color: ColorTags) -> None:
    top, bottom = max(0, top) & ~1, max(0, bottom) & ~1
    levels = color_levels(paint, color)
    for plane, level, part in zip(planes, levels, (1, 2, 2), strict=True):
        plane[top // part : bottom // part] = level


def _write(luma: Plane, line: _Line, x: int, top: int, step: int, color: ColorTags) -> None:
    black, span, _ = black_and_spans(color.full_range)
    baseline = top + round(step * 0.7)
    level = black + round(0.92 * span)
    cv2.putText(luma, line.text, (x, baseline), FONT, line.scale, (level,), 1, cv2.LINE_AA)
