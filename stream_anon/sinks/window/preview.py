"""The redacted picture in a window, with a small bar that shows how the run is doing."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from stream_anon.core.color import black_and_spans, luma_weights
from stream_anon.core.redacted import DebugFrame
from stream_anon.core.scaling import shrunk
from stream_anon.errors import SinkError
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.window.overlay import Overlay, draw
from stream_anon.sinks.window.window import PreviewWindow, check_display

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_anon.core.frame import ColorTags, Planes, StreamInfo
    from stream_anon.core.redacted import RedactedFrame, Unknown

__all__ = ["PreviewSink", "check_display"]

FIRST_SIDES = (1280, 720)
"""Pixels that the window takes at most when it opens."""
NARROWEST, WIDEST = 320, 2560
"""Pixels across that the picture is drawn with; beyond it, the window scales it."""
HELP_SECONDS = 12.0
"""How long the keys are shown after the window has opened."""


class Screen(Protocol):
    """The interface of the preview's window; see `PreviewWindow`."""

    @property
    def is_open(self) -> bool: ...
    @property
    def width(self) -> int: ...
    def show(self, picture: NDArray[np.uint8], /) -> None: ...
    def pressed(self) -> list[str]: ...
    def close(self) -> None: ...


class PreviewSink:
    """Shows the newest frame. One thread uses it: the main thread of its process.

    Call `idle` often while no frames come, so that the window goes on to answer.
    """

    def __init__(
        self,
        info: StreamInfo,
        *,
        title: str,
        on_key: Callable[[str], None],
        on_close: Callable[[], None],
        window: Callable[[str, int, int], Screen] = PreviewWindow,
    ) -> None:
        """Open the window.

        Args:
            info: of the frames to come.
            title: what the window's frame says.
            on_key: gets each key that means something: `q`, `space`, `m`, `s`, `+`, `-`, `d`, `r`.
            on_close: called once, when somebody closes the window; frames go nowhere from then on.
            window: opens it.

        Raises:
            SinkError: there is no display.
        """
        self._info = info
        self._on_key = on_key
        self._on_close = on_close
        self._aspect = info.width * float(info.pixel_aspect) / info.height
        self._to_bgr = matrix_for(info.color)
        self._overlay = Overlay()
        self._planes: Planes | None = None
        self._hidden: tuple[int, Unknown | None] = (0, None)
        self._number = 0
        self._drawn: object = None
        self._is_close_reported = False
        self._help_until = monotonic() + HELP_SECONDS
        self._screen = window(title, *self._first_size())

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        if (frame.width, frame.height) != (self._info.width, self._info.height):
            raise SinkError(f"{frame!r} is not {self._info.width}x{self._info.height}")
        self._take(frame.planes, frame.parts_hidden, frame.hidden_whole)

    def show_debug(self, frame: DebugFrame) -> None:
        """Show what only the preview of a debug run may show.

        Raises:
            TypeError: `frame` is not a `DebugFrame`.
        """
        if type(frame) is not DebugFrame:
            raise TypeError(f"the preview shows DebugFrame, not {type(frame).__name__}")
        self._overlay.mode = "debug"
        self._take(frame.planes, 0, None)

    def overlay(self, fields: dict[str, Any]) -> None:
        """Change what the bar says; see `Overlay` for the names. Shown with the next picture."""
        self._overlay.update(fields)

    def idle(self) -> None:
        """Let the window answer; nothing new is there to be shown."""
        self._draw()
        self._answer()

    def finish(self) -> None:
        """Nothing to complete."""

    def close(self) -> None:
        self._screen.close()

    # -- drawing ------------------------------------------------------------------------------

    def _take(self, planes: Planes, parts: int, whole: Unknown | None) -> None:
        if not self._overlay.frozen:
            self._planes, self._hidden = planes, (parts, whole)
            self._number += 1
        self._draw()
        self._answer()

    def _draw(self) -> None:
        """Draw what has changed since the last time."""
        if self._planes is None or not self._screen.is_open:
            return
        width, height = self._size()
        helped = monotonic() < self._help_until or self._overlay.frozen
        state = (self._number, width, helped, repr(self._overlay))
        if state == self._drawn:
            return
        self._drawn = state
        picture = self._picture(self._planes, width, height)
        parts, whole = self._hidden
        draw(picture, self._overlay, parts=parts, whole=whole, help_shown=helped)
        self._screen.show(picture)

    def _picture(self, planes: Planes, width: int, height: int) -> NDArray[np.uint8]:
        """Blue, green and red of the size on the screen, so that the text in it is sharp."""
        fitted = [shrunk(plane, width, height) for plane in planes]
        return np.asarray(cv2.transform(cv2.merge(fitted), self._to_bgr), np.uint8)

    def _first_size(self) -> tuple[int, int]:
        across, down = FIRST_SIDES
        width = min(across, down * self._aspect, max(self._info.width, across / 2))
        return max(1, round(width)), max(1, round(width / self._aspect))

    def _size(self) -> tuple[int, int]:
        """Of the picture on the screen; always of the stream's own aspect."""
        known = self._screen.width or self._first_size()[0]
        width = min(max(known, NARROWEST), WIDEST)
        return width, max(1, round(width / self._aspect))

    # -- answering ----------------------------------------------------------------------------

    def _answer(self) -> None:
        for key in self._screen.pressed():
            if key == "space":
                self._overlay.frozen = not self._overlay.frozen
            self._on_key(key)
        if not self._screen.is_open and not self._is_close_reported:
            self._is_close_reported = True
            self._on_close()


def matrix_for(color: ColorTags) -> NDArray[np.float32]:
    """From Y, U, V and 1 to blue, green and red (ITU-T H.273, section 8.3)."""
    kr, kb = luma_weights(color.matrix)
    black, luma, chroma = black_and_spans(color.full_range)
    kg = 1 - kr - kb
    y, u, v = 255 / luma, 2 * (1 - kb) * 255 / chroma, 2 * (1 - kr) * 255 / chroma
    rows = [(y, u, 0.0), (y, -u * kb / kg, -v * kr / kg), (y, 0.0, v)]
    shifted = [(*row, -row[0] * black - (row[1] + row[2]) * 128) for row in rows]
    return np.array(shifted, np.float32)
