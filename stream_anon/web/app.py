"""The application: middleware, routes, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware import Middleware

from stream_anon import __version__
from stream_anon.web import document, errors
from stream_anon.web.routes import (
    audit_log,
    cameras,
    config,
    health,
    jobs,
    pages,
    predict,
    review,
    session,
)
from stream_anon.web.security.bodies import OVERHEAD, BodyLimits
from stream_anon.web.security.gate import Gate
from stream_anon.web.security.headers import SafeHeaders

if TYPE_CHECKING:
    from stream_anon.web.services import Services

ROUTES = (session, predict, config, audit_log, health, cameras, jobs, review, pages)
"""Modules with `router(services)`."""
MIB = 1 << 20
BY_ENDING = {"tracks": 64 * MIB, "edits": 8 * MIB}
"""Bytes of bodies whose paths have a job's id in them."""


def create_app(services: Services) -> FastAPI:
    """The application over services that are open, and stay so until it is done."""
    app = FastAPI(
        title="stream-anon",
        version=__version__,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        middleware=[
            Middleware(SafeHeaders, secure=services.is_secure),
            Middleware(errors.Unexpected),
            Middleware(
                Gate,
                hosts=services.hosts,
                cookie=services.auth.cookie,
                secure=services.is_secure,
            ),
            Middleware(BodyLimits, by_path=_limits(services), by_ending=BY_ENDING),
        ],
    )
    app.state.services = services
    errors.install(app)
    document.install(app)
    for module in ROUTES:
        app.router.routes.extend(module.router(services).routes)
    return app


def _limits(services: Services) -> dict[str, int]:
    """Bytes that a body may have, by path; all others are small."""
    photo = services.web.photo_max_mb * MIB + OVERHEAD
    upload = services.web.upload_max_mb * MIB + OVERHEAD
    return {"/predict": photo, "/api/v1/predict": photo, "/api/v1/jobs": upload}
