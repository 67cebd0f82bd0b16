"""The newest picture of a camera, for any number of viewers in threads and in event loops."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOUNDARY = "picture"
"""Between the parts of a stream."""


class Picture(NamedTuple):
    """One redacted picture."""

    number: int
    """Counts the pictures of the camera."""
    jpeg: bytes
    part: bytes
    """The same as a part of `multipart/x-mixed-replace`, made once for all viewers."""


class NewestPicture:
    """Holds one picture. A viewer who is slow gets the newest one next, and never an older one.

    Any thread may call anything.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._picture: Picture | None = None
        self._count = 0
        self._is_over = False
        self._viewers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @property
    def viewers(self) -> int:
        """How many are watching."""
        return len(self._viewers)

    def put(self, jpeg: bytes) -> None:
        """A new picture."""
        head = (
            f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        ).encode()
        with self._changed:
            self._count += 1
            self._picture = Picture(self._count, jpeg, head + jpeg + b"\r\n")
            self._wake()

    def clear(self) -> None:
        """There is no picture any more that would be of now."""
        with self._changed:
            self._picture = None

    def end(self) -> None:
        """No picture comes any more: viewers are let go."""
        with self._changed:
            self._is_over = True
            self._picture = None
            self._wake()

    def newest(self) -> Picture | None:
        """The newest one; None where there is none yet, or none any more."""
        return self._picture

    def wait_for(self, after: int, timeout: float) -> Picture | None:
        """Wait for a picture with a number above `after`; None where none comes in time."""
        until = monotonic() + timeout
        with self._changed:
            while not self._is_over and (self._picture is None or self._picture.number <= after):
                left = until - monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            return self._picture

    async def pictures(self) -> AsyncIterator[Picture]:
        """The newest picture, again and again, until the camera has gone."""
        arrived = asyncio.Event()
        self._join(arrived)
        try:
            last = 0
            while not self._is_over:
                picture = self._picture
                if picture is not None and picture.number != last:
                    last = picture.number
                    yield picture
                else:
                    await arrived.wait()
                arrived.clear()
        finally:
            self._leave(arrived)

    def _join(self, arrived: asyncio.Event) -> None:
        with self._changed:
            self._viewers[arrived] = asyncio.get_running_loop()

    def _leave(self, arrived: asyncio.Event) -> None:
        with self._changed:
            del self._viewers[arrived]

    def _wake(self) -> None:
        """Tell everybody; one call for each event loop, however many viewers it has."""
        self._changed.notify_all()
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}
        for arrived, loop in self._viewers.items():
            by_loop.setdefault(loop, []).append(arrived)
        for loop, events in by_loop.items():
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_set_all, events)


def _set_all(events: list[asyncio.Event]) -> None:
    for event in events:
        event.set()
