"""Motion JPEG over HTTP: each viewer gets the newest picture when it has taken the one before."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from starlette.responses import Response

from stream_anon.web.cameras.slot import BOUNDARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from stream_anon.web.cameras.slot import NewestPicture

STUCK = 30.0
"""Seconds in which a viewer takes nothing at all, after which it is let go."""
CHECK = 3.0
"""Seconds between two looks whether a viewer is still logged in."""


class MotionJpeg(Response):
    """The pictures of a camera, until it is gone or the viewer is."""

    media_type = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

    def __init__(self, slot: NewestPicture, is_known: Callable[[], bool] = lambda: True) -> None:
        """Be ready.

        Args:
            slot: where the pictures come in.
            is_known: whether the viewer is still logged in, which may block.
        """
        super().__init__()
        del self.headers["content-length"]
        self._slot, self._is_known = slot, is_known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        showing = asyncio.ensure_future(self._show(send))
        gone = asyncio.ensure_future(_gone(receive))
        unknown = asyncio.ensure_future(until_unknown(self._is_known))
        tasks = (showing, gone, unknown)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            is_whole = showing.done() and not showing.cancelled() and showing.exception() is None
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, OSError, TimeoutError):
                    await task
        if is_whole:
            with suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _show(self, send: Send) -> None:
        async with aclosing(self._slot.pictures()) as pictures:  # type: ignore[type-var]
            async for picture in pictures:
                async with asyncio.timeout(STUCK):
                    await send(
                        {"type": "http.response.body", "body": picture.part, "more_body": True}
                    )


async def until_unknown(is_known: Callable[[], bool]) -> None:
    """Until somebody is not logged in any more, as `is_known` tells, in a thread."""
    while True:
        await asyncio.sleep(CHECK)
        if not await asyncio.to_thread(is_known):
            return


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
