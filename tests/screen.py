"""A screen that nobody sees (Xvfb), the hands of somebody before it, and a stand-in for both."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

from stream_anon.processes.child import Child, ChildGone
from stream_anon.processes.wire import Message
from stream_anon.sinks.process.transport import pack, pack_debug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import DebugFrame, RedactedFrame

    Picture = NDArray[np.uint8]

SIZE = (1400, 900)
PROGRAMS = ("Xvfb", "xdotool", "import")
"""What `Screen` runs."""
PATIENCE = 20.0


@dataclass
class Screen:
    """An X display of its own."""

    name: str
    """What `DISPLAY` is set to."""

    def find(self, title: str) -> int:
        """Wait for the window with that title; its number."""
        deadline = monotonic() + PATIENCE
        while not (found := self._search(title)):
            assert monotonic() < deadline, f"there is no window {title!r}"
            sleep(0.05)
        return found[-1]

    def has(self, title: str) -> bool:
        return bool(self._search(title))

    def press(self, window: int, *keys: str) -> None:
        self._run("xdotool", "windowfocus", "--sync", str(window))
        self._run("xdotool", "key", "--delay", "30", *keys)

    def click(self, window: int, x: int, y: int) -> None:
        """Args: x, y: in pixels of the window."""
        place = [str(window), str(x), str(y)]
        self._run("xdotool", "mousemove", "--sync", "--window", *place, "click", "1")

    def resize(self, window: int, width: int, height: int) -> None:
        self._run("xdotool", "windowsize", "--sync", str(window), str(width), str(height))

    def shot(self, window: int) -> Picture:
        """What the window shows: blue, green and red."""
        png = self._run("import", "-window", str(window), "png:-")
        picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(picture, np.uint8)

    def close(self, window: int) -> None:
        """Ask the window to close, as the button in its frame does."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        protocols, delete = (
            x11.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
        )
        event = _ClientMessage(33, 0, 1, display, window, protocols, 32)
        event.data[0] = delete
        x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
        x11.XCloseDisplay(display)

    def _search(self, title: str) -> list[int]:
        command = ["xdotool", "search", "--name", title]
        found = subprocess.run(command, env=self._env(), capture_output=True, check=False)
        return [int(word) for word in found.stdout.split()]

    def _run(self, *command: str) -> bytes:
        return subprocess.run(
            command, env=self._env(), capture_output=True, check=True, timeout=PATIENCE
        ).stdout

    def _env(self) -> dict[str, str]:
        return os.environ | {"DISPLAY": self.name}


class _ClientMessage(ctypes.Structure):
    """`XClientMessageEvent` of Xlib, as long as an `XEvent`."""

    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 24),
    ]


@contextmanager
def open_screen() -> Iterator[Screen]:
    """A screen for as long as the block lasts."""
    width, height = SIZE
    reads, writes = os.pipe()
    shape = f"{width}x{height}x24"
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writes), "-screen", "0", shape, "-nolisten", "tcp", "-noreset"],
        pass_fds=[writes],
        stderr=subprocess.DEVNULL,
    )
    os.close(writes)
    try:
        with os.fdopen(reads) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb does not start"
        yield Screen(f":{number}")
    finally:
        server.terminate()
        server.wait()


class Preview:
    """The child process that shows a window, and what it tells."""

    def __init__(self, screen: Screen, title: str, info: StreamInfo) -> None:
        self.screen = screen
        self.child = Child("stream_anon.sinks.process.hosted")
        self.told: SimpleQueue[Message] = SimpleQueue()
        self._listener = Thread(target=self._listen)
        opening = {"kind": "preview", "title": title, "info": info.to_fields(), "limit": 20.0}
        self._listener.start()
        try:
            self.child.send(Message("open", opening), 30)
            assert self.next()[0] == "ready"
            self.window = screen.find(title)
        except BaseException:
            self.close()
            raise

    def _listen(self) -> None:
        try:
            while True:
                self.told.put(self.child.receive(None))
        except ChildGone:
            return

    def show(self, frame: RedactedFrame, **fields: object) -> None:
        self.child.send(pack(frame, overlay=fields), 10)

    def show_debug(self, view: DebugFrame) -> None:
        self.child.send(pack_debug(view), 10)

    def shows(self, condition: Callable[[Picture], bool]) -> Picture:
        """Wait until the picture on the screen is such; the picture."""
        deadline = monotonic() + PATIENCE
        while not condition(picture := self.screen.shot(self.window)):
            assert monotonic() < deadline, "the window never showed it"
            sleep(0.05)
        return picture

    def next(self) -> tuple[str, str]:
        message = self.told.get(timeout=PATIENCE)
        return message.kind, str(message.fields.get("key", ""))

    def close(self) -> None:
        self.child.close()
        self._listener.join()


@dataclass
class StubWindow:
    """In place of a window: keeps what is shown, and has the keys pressed that it is told."""

    title: str = ""
    width: int = 640
    height: int = 360
    shown: list[Picture] = field(default_factory=list)
    to_press: list[str] = field(default_factory=list)
    is_open: bool = True

    def show(self, picture: Picture) -> None:
        self.shown.append(picture)

    def pressed(self) -> list[str]:
        keys, self.to_press = self.to_press, []
        return keys

    def close(self) -> None:
        self.is_open = False
