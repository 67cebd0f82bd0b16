"""Redacted frames as JPEG; of a debug run, its debug views too, under a banner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stream_anon.core.color import black_and_spans, luma_weights
from stream_anon.core.redacted import DebugFrame, RedactedFrame
from stream_anon.errors import SinkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags, Planes

QUALITY = 80
BT601 = 6
"""The matrix that OpenCV has in mind, with 16 to 235 for luma (H.273, table 4)."""
MIDDLE = 128
RED, WHITE = (0, 0, 200), (255, 255, 255)
"""Blue, green and red."""


class JpegWriter:
    """Makes JPEGs of the frames of one stream. Used by one thread."""

    def __init__(self, color: ColorTags) -> None:
        """Args: color: how the frames' numbers become colours."""
        self._change = _to_bt601(color)
        self._is_plain = np.allclose(self._change, np.eye(3))
        self._black = black_and_spans(color.full_range)[0]

    def write(self, frame: RedactedFrame) -> bytes:
        """The picture as JPEG.

        Raises:
            TypeError: `frame` is not a `RedactedFrame`.
            SinkError: it cannot be encoded.
        """
        if type(frame) is not RedactedFrame:
            raise TypeError(f"only a RedactedFrame is shown, not {type(frame).__name__}")
        return self._encoded(frame.planes)

    def write_debug(self, frame: DebugFrame, banner: str) -> bytes:
        """What only the operator who asked for it may see, with a banner across it.

        Raises:
            TypeError: `frame` is not a `DebugFrame`.
            SinkError: it cannot be encoded.
        """
        if type(frame) is not DebugFrame:
            raise TypeError(f"a debug view is a DebugFrame, not {type(frame).__name__}")
        return self._encoded(frame.planes, banner)

    def _encoded(self, planes: Planes, banner: str = "") -> bytes:
        y, u, v = planes
        if not self._is_plain:
            y, u, v = self._as_bt601(y, u, v)
        rows, columns = y.shape[0] & ~1, y.shape[1] & ~1
        quarter = rows // 2, columns // 2
        packed = np.empty((rows * 3 // 2, columns), np.uint8)
        packed[:rows] = y[:rows, :columns]
        chroma = packed[rows:].reshape(2, *quarter)
        chroma[0], chroma[1] = (plane[: quarter[0], : quarter[1]] for plane in (u, v))
        bgr = cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420)
        if banner:
            _draw_banner(bgr, banner)
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        if not done:
            raise SinkError("a picture could not be made a JPEG")
        return data.tobytes()

    def _as_bt601(self, y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> Planes:
        """The same colours in BT.601; luma gets its share of chroma enlarged."""
        m = self._change
        shares = [float(value) for value in m[0, 1:]]
        offset = 16 - float(m[0, 0]) * self._black - MIDDLE * sum(shares)
        share = cv2.addWeighted(u, shares[0], v, shares[1], offset, dtype=cv2.CV_16S)
        share = cv2.resize(share, y.shape[::-1], interpolation=cv2.INTER_LINEAR)
        luma = cv2.addWeighted(y, float(m[0, 0]), share, 1.0, 0.0, dtype=cv2.CV_8U)
        chroma = [
            cv2.addWeighted(
                u, float(a), v, float(b), MIDDLE * (1 - float(a) - float(b)), dtype=cv2.CV_8U
            )
            for a, b in m[1:, 1:]
        ]
        y8, u8, v8 = (np.asarray(plane, np.uint8) for plane in (luma, *chroma))
        return y8, u8, v8


def _draw_banner(bgr: NDArray[Any], text: str) -> None:
    """A red bar over the top, as large as the picture lets it be."""
    rows, columns = bgr.shape[:2]
    high = max(12, rows // 16)
    bgr[:high] = RED
    plain = text.encode("ascii", "replace").decode()
    (wide, _), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    scale = min(high / 40, columns / (1.1 * wide))
    at = high // 4, round(0.72 * high)
    cv2.putText(bgr, plain, at, cv2.FONT_HERSHEY_SIMPLEX, scale, WHITE, 2, cv2.LINE_AA)


def _to_bt601(color: ColorTags) -> NDArray[np.float64]:
    """From luma above black and chroma above the middle to the same of BT.601, 16 to 235."""
    there = _to_rgb(color.matrix, full_range=color.full_range)
    change: NDArray[np.float64] = np.linalg.inv(_to_rgb(BT601, full_range=False)) @ there
    change[np.abs(change) < 1e-9] = 0.0
    return change


def _to_rgb(matrix: int, *, full_range: bool) -> NDArray[np.float64]:
    """Red, green and blue, 0..1, of luma above black and chroma above the middle (H.273, 8.3)."""
    red, blue = luma_weights(matrix)
    green = 1 - red - blue
    _, luma, chroma = black_and_spans(full_range)
    v, u = 2 * (1 - red) / chroma, 2 * (1 - blue) / chroma
    return np.array(
        [
            [1 / luma, 0.0, v],
            [1 / luma, -u * blue / green, -v * red / green],
            [1 / luma, u, 0.0],
        ]
    )
