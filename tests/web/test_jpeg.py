"""Redacted frames become JPEGs of the same colours, and nothing else becomes one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags
from stream_anon.core.redacted import MaskedFrame
from stream_anon.redaction.redactor import Redactor
from stream_anon.web.cameras.jpeg import JpegWriter
from tests.stubs import make_frame

COLORS = [(200, 30, 40), (20, 180, 60), (40, 60, 220), (128, 128, 128), (240, 240, 240)]
"""Red, green and blue."""


def redacted(color: ColorTags, rgb: tuple[int, int, int], width: int = 64) -> Any:
    """A plain frame of one colour, as H.273 makes it."""
    red, blue = (0.2126, 0.0722) if color.matrix == 1 else (0.299, 0.114)
    r, g, b = (value / 255 for value in rgb)
    y = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    black, luma, chroma = (0, 255, 255) if color.full_range else (16, 219, 224)
    values = black + luma * y, 128 + chroma * u, 128 + chroma * v
    luma_plane = np.full((48, width), round(values[0]), np.uint8)
    chroma_values = round(values[1]), round(values[2])
    frame = make_frame(width, 48, 0, luma=luma_plane, chroma=chroma_values)
    return Redactor(Redaction(), color).redact(MaskedFrame(frame, ()))


@pytest.mark.parametrize("rgb", COLORS, ids=str)
@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_of_the_frame(rgb: tuple[int, int, int], matrix: int, full: bool) -> None:
    color = ColorTags(full, matrix=matrix)
    data = JpegWriter(color).write(redacted(color, rgb))
    shown: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (48, 64, 3)
    assert np.abs(shown[10, 20, ::-1].astype(int) - rgb).max() <= 5


def test_odd_sizes_lose_a_column_at_most() -> None:
    data = JpegWriter(ColorTags()).write(redacted(ColorTags(), (9, 9, 9), width=63))
    shown: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (48, 62, 3)


def test_a_debug_view_is_encoded_under_a_banner() -> None:
    color = ColorTags()
    masked = MaskedFrame(make_frame(320, 240, value=110), ())
    made = Redactor(Redaction(), color, debug=True)
    view = made.debug_view(masked, raw=True)
    data = JpegWriter(color).write_debug(view, "NOT ANONYMIZED  operator")
    shown: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown[2, 318].argmax() == 2, "a red bar"
    assert (shown[:15].min(axis=2) > 200).sum() > 20, "white words"
    with pytest.raises(TypeError, match="is a DebugFrame"):
        JpegWriter(color).write_debug(made.redact(masked), "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="only a RedactedFrame"):
        JpegWriter(color).write(view)  # type: ignore[arg-type]


def test_nothing_but_a_redacted_frame_is_encoded() -> None:
    with pytest.raises(TypeError, match="only a RedactedFrame"):
        JpegWriter(ColorTags()).write(make_frame(64, 48, 0))  # type: ignore[arg-type]
