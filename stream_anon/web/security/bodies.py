"""How much a request may send, and how slowly: counted while it comes in."""

from __future__ import annotations

import asyncio
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


class TooLarge(Exception):
    """More came than is allowed."""


class TooSlow(Exception):
    """The rest does not come."""


class BodyLimits:
    """Ends a request whose body is too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp, *, by_path: Mapping[str, int]) -> None:
        """Args: by_path: bytes that a body may have, for paths where it is not `SMALL`."""
        self._app = app
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._by_path.get(scope["path"].rstrip("/"), SMALL)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            await _too_large(most)(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, _limited(receive, most), noted)
        except TooLarge:
            if not started:
                await _too_large(most)(scope, receive, send)
        except TooSlow:
            if not started:
                slow = answer(408, "the body did not come in time", {"connection": "close"})
                await slow(scope, receive, send)


def _too_large(most: int) -> ASGIApp:
    told = f"{most / (1 << 20):g} MiB"
    return answer(413, f"the body is too large: at most {told} here", {"connection": "close"})


def _limited(receive: Receive, most: int) -> Receive:
    """Count what comes in; once all of the body is there, waiting has no limit."""
    size, began, whole = 0, monotonic(), False

    async def counted() -> Message:
        nonlocal size, whole
        if whole:
            return await receive()
        allowed = max(0.0, PATIENCE + size / LEAST_RATE - (monotonic() - began))
        try:
            async with asyncio.timeout(min(SILENCE, allowed)):
                message = await receive()
        except TimeoutError as error:
            raise TooSlow from error
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > most:
                raise TooLarge
        return message

    return counted
