"""Whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from stream_anon.web.services import Services


def router(_services: Services) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """That it answers; for anybody, without details."""
        return {"status": "ok"}

    return routes
