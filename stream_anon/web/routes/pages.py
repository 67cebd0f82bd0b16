"""The pages. They hold no data: their scripts fetch it from the API, with its checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from starlette.responses import RedirectResponse, Response

from stream_anon.pipeline.choices import methods, scopes
from stream_anon.web.pages.files import PageFiles
from stream_anon.web.pages.route import PageRoute
from stream_anon.web.security.roles import Operator, Viewer
from stream_anon.web.templating import page

if TYPE_CHECKING:
    from stream_anon.web.security.who import Who
    from stream_anon.web.services import Services

JobId = Annotated[str, InPath(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


def router(services: Services) -> APIRouter:
    routes = APIRouter(route_class=PageRoute, include_in_schema=False)

    def shown(request: Request, who: Who, name: str, **more: Any) -> Response:
        configuration = services.configuration
        return page(
            request,
            f"{name}.html",
            place=name,
            who=who,
            mode=configuration.settings.live.mode,
            anonymizes=configuration.anonymizes,
            **more,
        )

    def choices() -> dict[str, Any]:
        """What forms offer: what is in force, and what can be had instead."""
        redaction = services.configuration.settings.redaction
        scope = redaction.scope if isinstance(redaction.scope, str) else ",".join(redaction.scope)
        found = scopes()
        return {
            "scopes": found if scope in found else (scope, *found),
            "methods": methods(),
            "scope": scope,
            "method": redaction.method,
        }

    @routes.get("/")
    def live(request: Request, who: Viewer) -> Response:
        """Cameras, as they are now."""
        return shown(request, who, "live", **choices())

    @routes.get("/files")
    def files(request: Request, who: Viewer) -> Response:
        """Photos and videos to redact."""
        return shown(request, who, "files", **choices())

    @routes.get("/review/{job}")
    def review(request: Request, job: JobId, who: Operator) -> Response:
        """A redacted video, to correct."""
        return shown(request, who, "review", job=job)

    @routes.get("/log")
    def log(request: Request, who: Operator) -> Response:
        """Who changed what when."""
        return shown(request, who, "log")

    @routes.get("/help")
    def explain(request: Request, who: Viewer) -> Response:
        """What there is, and the keys."""
        return shown(request, who, "help")

    @routes.get("/favicon.ico")
    def icon() -> Response:
        """Where browsers look that read no `<link>`."""
        return RedirectResponse("/static/icon.svg", 301)

    routes.mount("/static", PageFiles())
    return routes
