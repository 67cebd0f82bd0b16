"""Reviewing a redacted recording: its lanes, pictures, edits, and rendering it again.

Raw pictures leave by `_raw` alone, which takes a `ReviewFrame`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi import Path as InPath
from starlette.responses import JSONResponse, Response

from stream_anon.core.review_frame import CACHE_CONTROL, MEDIA_TYPE, ReviewFrame
from stream_anon.web.errors import Refused
from stream_anon.web.jobs.shown import shown
from stream_anon.web.routes.etags import wanted_etag
from stream_anon.web.security.roles import Operator

if TYPE_CHECKING:
    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.review.history import Step
    from stream_anon.web.security.who import Who
    from stream_anon.web.services import Services

JobId = Annotated[str, InPath(max_length=64)]
Number = Annotated[int, InPath(ge=0, le=1 << 40)]


def _raw(frame: ReviewFrame) -> Response:
    """The one way out for raw pictures."""
    if type(frame) is not ReviewFrame:
        raise TypeError("a raw picture is sent as a ReviewFrame")
    return Response(
        frame.jpeg, media_type=MEDIA_TYPE, headers={"cache-control": CACHE_CONTROL}
    )  # fmt: skip


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["review"], prefix="/api/v1/reviews")
    jobs, reviews, log = services.jobs, services.reviews, services.audit_log

    def mine(job: str, who: Who) -> JobRow:
        return jobs.get(job, who)

    @routes.get("/{job}")
    def lanes(job: JobId, who: Operator) -> dict[str, Any]:
        """Everybody in the recording, weak and short tracks first."""
        return reviews.lanes(mine(job, who))

    @routes.get("/{job}/frames/{n}", response_model=None)
    def frame(job: JobId, n: Number, who: Operator, redacted: bool = False) -> Response:
        """A frame: raw, with your name and the time in it, or as it will be."""
        found = mine(job, who)
        desk = reviews.desk(found)
        if redacted:
            picture = desk.redacted(n, reviews.history.now(job).edits)
            return Response(picture, media_type=MEDIA_TYPE)
        raw = desk.raw(n, who.name)
        log.add(who, "see raw frame", job, {"frame": n})
        return _raw(raw)

    @routes.get("/{job}/thumbs/{track}", response_model=None)
    def thumb(job: JobId, track: Number, who: Operator) -> Response:
        """Somebody as they are seen best: raw, with your name and the time in it."""
        raw = reviews.desk(mine(job, who)).thumb(track, who.name)
        log.add(who, "see raw frame", job, {"track": track})
        return _raw(raw)

    @routes.get("/{job}/boxes")
    def boxes(
        job: JobId,
        who: Operator,
        first: Annotated[int, Query(alias="from", ge=0, le=1 << 40)],
        last: Annotated[int, Query(alias="to", ge=0, le=1 << 40)],
    ) -> dict[str, Any]:
        """What is hidden and what is not, by frame, with the edits."""
        found = mine(job, who)
        return reviews.desk(found).boxes(first, last, reviews.history.now(job).edits)

    _add_edits(routes, services)

    @routes.post("/{job}/render")
    def render(job: JobId, who: Operator) -> dict[str, Any]:
        """Render again from the masks with the edits; nothing is detected."""
        found = reviews.render(mine(job, who))
        log.add(who, "render review", job, {"edits": len(reviews.history.now(job).edits)})
        return shown(jobs, found, who)

    return routes


def _add_edits(routes: APIRouter, services: Services) -> None:
    jobs, reviews, log = services.jobs, services.reviews, services.audit_log

    def revision(request: Request, *, needed: bool) -> int | None:
        text = wanted_etag(request, needed=needed).strip('"')
        if text and not text.isdecimal():
            raise Refused(412, "somebody has changed this meanwhile: load it again")
        return int(text[:18]) if text else None

    @routes.get("/{job}/edits", response_model=None)
    def edits(job: JobId, who: Operator) -> JSONResponse:
        """The edits, in order; the ETag stands for them."""
        return _step(reviews.history.now(jobs.get(job, who).id))

    @routes.put("/{job}/edits", response_model=None)
    def put_edits(
        job: JobId, request: Request, who: Operator, content: Annotated[Any, Body()]
    ) -> JSONResponse:
        """Keep other edits, all of them; send If-Match with the ETag of those before."""
        found = jobs.get(job, who)
        expected = revision(request, needed=True)
        if isinstance(content, dict):
            content = content.get("edits")
        checked = reviews.desk(found).checked(content)
        with services.store.changing():
            step = reviews.history.add(found.id, checked, expected)
            log.add(who, "edit review", job, {"edits": len(checked), "last": checked[-1:]})
        return _step(step)

    @routes.post("/{job}/undo", response_model=None)
    def undo(job: JobId, request: Request, who: Operator) -> JSONResponse:
        """The edits before the last change."""
        found = jobs.get(job, who)
        step = reviews.history.undo(found.id, revision(request, needed=False))
        log.add(who, "undo edit", job)
        return _step(step)

    @routes.post("/{job}/redo", response_model=None)
    def redo(job: JobId, request: Request, who: Operator) -> JSONResponse:
        """The edits that were undone last."""
        found = jobs.get(job, who)
        step = reviews.history.redo(found.id, revision(request, needed=False))
        log.add(who, "redo edit", job)
        return _step(step)


def _step(step: Step) -> JSONResponse:
    content = {"edits": step.edits, "can_undo": step.can_undo, "can_redo": step.can_redo}
    return JSONResponse(content, headers={"etag": f'"{step.revision}"'})
