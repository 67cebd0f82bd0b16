"""Whether it works, in figures, and what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse

from stream_anon.web.security.roles import Viewer

if TYPE_CHECKING:
    from stream_anon.web.services import Services

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """That it answers; for anybody, without details."""
        return {"status": "ok"}

    @routes.get("/metrics", response_class=PlainTextResponse)
    def metrics(_who: Viewer) -> PlainTextResponse:
        """Figures for Prometheus."""
        return PlainTextResponse(services.figures.text(), media_type=PROMETHEUS)

    @routes.get("/api/v1/openapi.json", include_in_schema=False)
    def openapi(request: Request, _who: Viewer) -> JSONResponse:
        """This API as an OpenAPI document."""
        document: dict[str, Any] = request.app.openapi()
        return JSONResponse(document)

    return routes
