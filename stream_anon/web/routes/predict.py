"""Photos: one in, one out."""

from __future__ import annotations

import base64
import io
from enum import StrEnum
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from stream_anon.pipeline.picture_views import View
from stream_anon.web.configuration import with_changes
from stream_anon.web.errors import Refused
from stream_anon.web.forms import read_form
from stream_anon.web.security.roles import Viewer

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.web.photos.room import Answer
    from stream_anon.web.security.who import Who
    from stream_anon.web.services import Services

IMAGE = "image"
QUICK_SIDE = 768
"""Pixels at which a quick search looks, at most."""
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [IMAGE],
                    "properties": {IMAGE: {"type": "string", "format": "binary"}},
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The picture, or JSON if `Accept` asks for it.",
            "content": {
                "image/*": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    },
}
Name = Annotated[str | None, Query(max_length=500)]


class Effort(StrEnum):
    """How much is searched."""

    quick = "quick"
    fast = "fast"
    normal = "normal"
    thorough = "thorough"


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["photos"])

    @routes.post("/predict", openapi_extra=BODY, response_class=Response)
    @routes.post("/api/v1/predict", openapi_extra=BODY, response_class=Response)
    async def predict(
        request: Request,
        who: Viewer,
        scope: Name = None,
        method: Name = None,
        effort: Effort | None = None,
        anonymize: bool | None = None,
        visualize: bool = False,
    ) -> Response:
        """A photo with the faces hidden; nothing of it is kept.

        `effort` says how much is searched: `quick` looks at 768 pixels, for near faces; without it,
        the server's own setting holds.
        """
        view = await run_in_threadpool(_view, services, who, anonymize, visualize)
        settings = _settings(services.configuration.settings, scope, method, effort)
        with services.photos.place():
            data = io.BytesIO()
            form = await read_form(request, {IMAGE: data})
            if IMAGE not in form.names or not data.tell():
                raise Refused(422, "the form has no image: send the photo in the field image")
            began = perf_counter()
            answer = await run_in_threadpool(
                services.photos.redact, settings, data.getvalue(), view.value
            )
        _count(services, perf_counter() - began)
        return _response(request, answer, view)

    return routes


def _view(services: Services, who: Who, anonymize: bool | None, visualize: bool) -> View:
    """What is to be made of it; a raw picture is for operators in debug mode, and noted.

    Raises:
        Refused: a raw picture was asked for by somebody else.
    """
    if visualize:
        return View.MAP
    configuration = services.configuration
    may = configuration.is_debug and who.is_operator
    if anonymize is False and not may:
        raise Refused(403, "pictures are always anonymized, but for operators in debug mode")
    if may and anonymize is not True and (anonymize is False or not configuration.anonymizes):
        services.audit_log.add(who, "predict without anonymization")
        return View.RAW
    return View.REDACTED


def _settings(
    now: Settings, scope: str | None, method: str | None, effort: Effort | None
) -> Settings:
    changes: dict[str, Any] = {"redaction.scope": scope, "redaction.method": method}
    if effort is Effort.quick:
        changes["parsing.effort"] = "fast"
        changes["parsing.deep_side"] = min(QUICK_SIDE, now.parsing.deep_side)
    elif effort is not None:
        changes["parsing.effort"] = effort.value
    changes = {name: value for name, value in changes.items() if value is not None}
    return with_changes(now, changes) if changes else now


def _response(request: Request, answer: Answer, view: View) -> Response:
    told = {"x-anonymized": "false" if view is View.RAW else "true"}
    if "application/json" not in request.headers.get("accept", ""):
        return Response(answer.data, media_type=answer.media_type, headers=told)
    return JSONResponse(
        {
            "image": base64.b64encode(answer.data).decode("ascii"),
            "type": answer.media_type,
            "parts": answer.parts,
            "hidden_whole": answer.hidden_whole,
            "anonymized": view is not View.RAW,
        },
        headers=told,
    )


def _count(services: Services, seconds: float) -> None:
    services.figures.count("photos_total", "Photos that were redacted.")
    services.figures.count("photo_seconds_total", "Seconds that photos took.", seconds)
