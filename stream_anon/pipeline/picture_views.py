"""Other views of a photo: what the detectors see, in colours; and in debug mode the raw picture."""

from __future__ import annotations

import colorsys
import zlib
from enum import Enum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.errors import ConfigError, SinkError
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.window.preview import matrix_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, Planes, StreamInfo
    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import RedactedFrame

    Picture = NDArray[np.uint8]

OPACITY = 0.6
"""Of the colours, over the redacted picture."""
RIM = 2
"""Pixels of the line around each part."""


class View(Enum):
    """What is made of a photo."""

    REDACTED = "redacted"
    MAP = "map"
    """The redacted picture with each part that the detectors see in a colour of its label."""
    RAW = "raw"
    """Nothing hidden, under a banner; in debug mode only."""


def color_of(label: str) -> tuple[int, int, int]:
    """Red, green and blue of a label, the same in each picture."""
    hue = zlib.crc32(label.encode()) % 360 / 360
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def segmentation_map(info: StreamInfo, redacted: RedactedFrame, parts: Iterable[Part]) -> bytes:
    """A PNG of the redacted picture with parts in colours over it; larger ones lie below.

    Args:
        info: of the picture.
        redacted: of which it is made, and nothing else.
        parts: in pixels of it.
    """
    picture = _bgr(info, redacted.planes)
    for part in sorted(parts, key=lambda part: -part.box.area):
        _paint(picture, part)
    return _png(picture)


def raw_view(settings: Settings, info: StreamInfo, frame: Frame) -> bytes:
    """A PNG of the raw picture, under the banner of debug mode.

    Raises:
        ConfigError: this is not debug mode.
    """
    if settings.live.mode != "debug":
        raise ConfigError("raw pictures are for debug mode: start with --mode debug")
    redactor = Redactor(settings.redaction, info.color, debug=True)
    # Nothing was detected: whoever does not ask for the raw picture would see nothing of it.
    view = redactor.debug_view(MaskedFrame(frame, Unknown.NOT_PARSED), raw=True)
    return _png(_bgr(info, view.planes))


def _paint(picture: Picture, part: Part) -> None:
    rows, columns = picture.shape[:2]
    left, top = round(part.box.x), round(part.box.y)
    width, height = max(1, round(part.box.width)), max(1, round(part.box.height))
    x0, y0, x1, y1 = max(0, left), max(0, top), min(columns, left + width), min(rows, top + height)
    if x0 >= x1 or y0 >= y1:
        return
    mask = np.asarray(cv2.resize(part.mask, (width, height), interpolation=cv2.INTER_LINEAR))
    shape = (mask[y0 - top : y1 - top, x0 - left : x1 - left] >= 128).astype(np.uint8)
    color = np.array(color_of(part.label)[::-1], np.float32)
    place = picture[y0:y1, x0:x1]
    inside = shape.astype(bool)
    place[inside] = (place[inside] * (1 - OPACITY) + color * OPACITY).astype(np.uint8)
    outlines, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(place, outlines, -1, color.tolist(), RIM)


def _bgr(info: StreamInfo, planes: Planes) -> Picture:
    luma, *chroma = planes
    size = (luma.shape[1], luma.shape[0])
    large = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in chroma]
    merged = cv2.merge([luma, *large])
    return np.ascontiguousarray(cv2.transform(merged, matrix_for(info.color)), np.uint8)


def _png(picture: Picture) -> bytes:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise SinkError("the picture cannot be written as PNG")
    return data.tobytes()
