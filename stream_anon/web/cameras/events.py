"""The list of cameras as server-sent events, made once for all who watch."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.web.cameras.stream import until_unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from stream_anon.web.cameras.room import CameraRoom

EVERY = 1.0
"""Seconds between two lists while nothing changes."""
FRESH = 0.2
"""Seconds for which a list is good enough for whoever asks next."""


class CameraEvents:
    """Events for any number of viewers in one event loop."""

    def __init__(self, room: CameraRoom, shown: Callable[[dict[str, Any], bool], Any]) -> None:
        """Nothing is made yet.

        Args:
            room: the cameras.
            shown: a camera as somebody may see it, who is an operator or not.
        """
        self._room, self._shown = room, shown
        self._made: dict[bool, bytes] = {}
        self._made_at = 0.0
        self._making: asyncio.Future[None] | None = None

    async def lists(
        self, *, operator: bool, is_known: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[bytes]:
        """One at once, then one a second, and at each change.

        Args:
            operator: whose lists.
            is_known: whether whoever watches is still logged in, which may block; the end if not.
        """
        unknown = asyncio.ensure_future(until_unknown(is_known))
        try:
            while not unknown.done():
                await self._refresh()
                yield self._made[operator]
                await self._room.changes.wait(EVERY)
                await asyncio.sleep(FRESH / 2)  # changes come in groups
        finally:
            unknown.cancel()

    async def _refresh(self) -> None:
        """A new list where there is none that is fresh; one thread makes it, all wait for it."""
        if monotonic() - self._made_at < FRESH and self._made:
            return
        if self._making is None or self._making.done():
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        await asyncio.shield(self._making)

    def _make(self) -> None:
        now = monotonic()
        found = self._room.list()
        self._made = {
            operator: _event([self._shown(camera, operator) for camera in found])
            for operator in (False, True)
        }
        self._made_at = now


def _event(cameras: list[Any]) -> bytes:
    return b"event: cameras\ndata: " + json.dumps(cameras).encode() + b"\n\n"
