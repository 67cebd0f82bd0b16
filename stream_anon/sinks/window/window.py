"""One window on the screen, through OpenCV. A process that opens one uses it in its main thread."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import cv2

from stream_anon.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cv2.typing import MatLike

FLAGS = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
KEYS = {
    "q": "q",
    " ": "space",
    "m": "m",
    "s": "s",
    "+": "+",
    "=": "+",
    "-": "-",
    "_": "-",
    "d": "d",
    "r": "r",
}
"""Characters that mean something, and what; + and - stand on two keys with other characters."""
KEYS_AT_ONCE = 32
"""A key that is held down must not keep the picture waiting."""


def check_display() -> None:
    """Make sure that a window can be opened: OpenCV ends the whole process where it cannot.

    Raises:
        SinkError: there is no display, or something that windows need is missing.
    """
    with _display():
        pass


@contextmanager
def _display() -> Iterator[None]:
    """A display that works, held for as long as the block lasts.

    A display without a desktop restarts when its last program leaves, and refuses the next one
    meanwhile; so what checks it must not leave before a window is open.
    """
    framework = cv2.currentUIFramework()
    if not framework:
        raise SinkError(
            "the installed OpenCV has no window support, which the preview needs: "
            "pip uninstall opencv-python-headless, then pip install opencv-python"
        )
    if not (framework.startswith("QT") and sys.platform.startswith("linux")):
        yield
        return
    xcb, connection = _connect()
    try:
        yield
    finally:
        xcb.xcb_disconnect(connection)


def _connect() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    name = os.environ.get("DISPLAY")
    advice = "start it in a desktop session or through ssh -X, or leave the preview out"
    if not name:
        raise SinkError(f"there is no display for the preview (DISPLAY is not set): {advice}")
    try:
        _load_plugin()
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        missing = str(error).partition(":")[0]
        raise SinkError(
            f"the preview needs {missing}, which this system lacks: install its package"
        ) from error
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    if xcb.xcb_connection_has_error(connection):
        xcb.xcb_disconnect(connection)
        raise SinkError(f"the display {name} does not respond or refuses the connection: {advice}")
    return xcb, connection


def _load_plugin() -> None:
    """Qt loads it later, and aborts if a library under it is missing."""
    folder = os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH")  # set by OpenCV's wheel
    plugin = Path(folder or "") / "platforms" / "libqxcb.so"
    if folder and plugin.is_file():
        ctypes.CDLL(str(plugin))


def _prepare_qt() -> None:
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # fonts, which we do not use
    if sys.platform.startswith("linux"):
        os.environ["QT_QPA_PLATFORM"] = "xcb"  # desktops ask for others, which the wheel lacks


class PreviewWindow:
    """Shows pictures and hears keys, until somebody closes it."""

    keys: ClassVar[Mapping[str, str]] = KEYS
    """Characters that mean something, and what."""

    def __init__(self, title: str, width: int, height: int) -> None:
        """Open it.

        Args:
            title: what its frame says.
            width: of the picture at first, in pixels of the screen; people may change it.
            height: likewise.

        Raises:
            SinkError: there is nowhere to open it.
        """
        self._title = title
        self._open = True
        _prepare_qt()
        with _display():
            try:
                cv2.namedWindow(title, FLAGS)
                cv2.resizeWindow(title, width, height)
            except cv2.error as error:
                raise SinkError("the preview's window cannot be opened on this display") from error

    @property
    def is_open(self) -> bool:
        """False from the time that somebody has closed it."""
        return self._open

    @property
    def width(self) -> int:
        """Pixels across that the picture has on the screen; 0 where it is not known."""
        with suppress(cv2.error):
            return max(0, cv2.getWindowImageRect(self._title)[2])
        return 0

    def show(self, picture: MatLike) -> None:
        """Put a picture (BGR) there, if the window is open."""
        if not self._open:  # showing it would open another one
            return
        try:
            cv2.imshow(self._title, picture)
        except cv2.error as error:
            raise SinkError("the preview's window cannot show the picture") from error

    def pressed(self) -> list[str]:
        """Handle what has happened to the window; the keys pressed meanwhile, in order."""
        keys = []
        for _ in range(KEYS_AT_ONCE):
            code = cv2.pollKey() if self._open else -1
            if code == -1:
                break
            # Above 16 bits stand modifiers; from 256 on, keys that are no characters.
            character = chr(code & 0xFFFF).lower() if code & 0xFFFF < 256 else ""
            if character in self.keys:
                keys.append(self.keys[character])
        self._open = self._open and self._is_visible()
        return keys

    def _is_visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # it was the process's last window
            return False

    def close(self) -> None:
        """Take it off the screen; may be called again."""
        if self._open:
            self._open = False
            with suppress(cv2.error):
                cv2.destroyWindow(self._title)
                cv2.pollKey()  # it goes only when its events are handled
