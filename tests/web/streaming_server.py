"""The control room with a stream that never ends, and short time limits. Run by `test_serving`."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from stream_anon.cli.main import main
from stream_anon.web import app, server
from stream_anon.web.security import bodies
from stream_anon.web.security.roles import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stream_anon.web.services import Services


def router(services: Services) -> APIRouter:
    routes = APIRouter()

    @routes.get("/endless")
    async def endless(_who: Viewer) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b"part\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(services.closing.until(parts()), media_type="text/plain")

    @routes.get("/silent")
    async def silent(_who: Viewer) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"part\n"
            await asyncio.sleep(3600)

        return StreamingResponse(services.closing.until(parts()), media_type="text/plain")

    @routes.get("/flood")
    async def flood(_who: Viewer) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield bytes(1 << 18)

        return StreamingResponse(services.closing.until(parts()), media_type="text/plain")

    return routes


if __name__ == "__main__":
    app.ROUTES = (*app.ROUTES, SimpleNamespace(router=router))  # type: ignore[assignment]
    server.HEAD_TIMEOUT = server.UNREAD = 1.0
    bodies.SILENCE = 1.0
    bodies.PATIENCE = 2.0
    sys.argv[0] = "stream-anon"
    main()
