"""How much a request may send, and how slowly: counted while it comes in."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from stream_anon.web.errors import answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL = 1 << 20
"""Bytes of a body for which there is no other limit."""
OVERHEAD = 64 << 10
"""Bytes of the fields around a file in a form."""
SILENCE = 20.0
"""Seconds without a byte after which the request is given up."""
PATIENCE, LEAST_RATE = 30.0, 16 << 10
"""Seconds that any body may take, and bytes a second that it has to come with after that."""


class Excessive(Exception):
    """The rest of a body is not read: it is too large, or does not come."""


class BodyLimits:
    """Ends a request whose body is too large (413) or too slow (408)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        by_path: Mapping[str, int],
        by_ending: Mapping[str, int] | None = None,
    ) -> None:
        """Args: bytes that a body may have where it is not `SMALL`, by path or its last step."""
        self._app = app
        self._by_path = by_path
        self._by_ending = by_ending or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/")
        last = path.rpartition("/")[2]
        most = self._by_path.get(path, self._by_ending.get(last, SMALL))
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            await _too_large(most)(scope, receive, send)
            return
        body = _Counted(receive, most)
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            # Whatever the application makes of a body that was cut off is not what is wrong.
            if started or body.problem is None:
                started = True
                await send(message)

        with suppress(Excessive):
            await self._app(scope, body.receive, noted)
        if body.problem is not None and not started:
            await body.problem(scope, receive, send)


def _too_large(most: int) -> ASGIApp:
    told = f"{most / (1 << 20):g} MiB"
    return answer(413, f"the body is too large: at most {told} here", {"connection": "close"})


def _too_slow() -> ASGIApp:
    return answer(408, "the body did not come in time", {"connection": "close"})


class _Counted:
    """A body that is counted while it comes in; once all of it is there, waiting has no limit."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._size, self._began, self._whole = 0, monotonic(), False
        self.problem: ASGIApp | None = None
        """The answer, where the rest is not read."""

    async def receive(self) -> Message:
        if self.problem is not None:
            raise Excessive
        if self._whole:
            return await self._receive()
        patience = PATIENCE + self._size / LEAST_RATE - (monotonic() - self._began)
        try:
            async with asyncio.timeout(min(SILENCE, max(0.0, patience))):
                message = await self._receive()
        except TimeoutError as error:
            self.problem = _too_slow()
            raise Excessive from error
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._size > self._most:
                self.problem = _too_large(self._most)
                raise Excessive
        return message
