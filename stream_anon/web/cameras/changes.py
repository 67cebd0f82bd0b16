"""Tells event loops that something has changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Changes:
    """Those who wait for a change. Any thread may tell them."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def tell(self) -> None:
        """Something has changed."""
        for event, loop in list(self._waiting.items()):
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(event.set)

    async def wait(self, timeout: float) -> None:
        """Until something changes, or for `timeout` seconds."""
        event = asyncio.Event()
        self._waiting[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            return
        finally:
            del self._waiting[event]
