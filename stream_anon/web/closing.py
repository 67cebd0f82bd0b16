"""That the server is about to end: whatever streams to a browser watches it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")


class Closing:
    """Set once, from any thread or signal handler; waited for in event loops."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def is_set(self) -> bool:
        """Whether the server is about to end."""
        return self._set.is_set()

    def set(self) -> None:
        """Say so."""
        self._set.set()
        for event, loop in list(self._waiting.items()):
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        """Until it is said."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        try:
            if not self._set.is_set():
                await event.wait()
        finally:
            del self._waiting[event]

    async def until(self, items: AsyncIterator[T]) -> AsyncIterator[T]:
        """The items of a stream, until it ends or the server is about to.

        A stream of a route goes through it: `StreamingResponse(closing.until(parts()), …)`.
        """
        over = asyncio.ensure_future(self.wait())
        coming: asyncio.Future[T] | None = None
        try:
            while not self._set.is_set():
                coming = asyncio.ensure_future(anext(items))
                await asyncio.wait({over, coming}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                try:
                    item = coming.result()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            for task in (over, coming):
                if task is not None and not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()
