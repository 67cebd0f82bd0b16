"""Uploading files, watching how far they are, and fetching what became of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from stream_anon.web.errors import Refused
from stream_anon.web.forms import read_form
from stream_anon.web.jobs import files as names
from stream_anon.web.jobs.job import Options, State
from stream_anon.web.jobs.shown import download_name, media_type, shown
from stream_anon.web.jobs.tracks import etag_of, replace_tracks
from stream_anon.web.routes.etags import wanted_etag
from stream_anon.web.security.roles import Operator, Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from stream_anon.web.jobs.upload import Upload
    from stream_anon.web.security.who import Who
    from stream_anon.web.services import Services

JobId = Annotated[str, InPath(max_length=64)]
OFTEN, ALIVE = 0.25, 10.0
"""Seconds between two looks at a job, and after which a stream says that it is there."""
FILE = "file"
TRUE, FALSE = ("1", "true", "on", "yes"), ("", "0", "false", "off", "no")
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "scope": {"type": "string"},
                        "method": {"type": "string"},
                        "audio": {"type": "string"},
                        "audit": {"type": "boolean"},
                        "review": {"type": "boolean"},
                    },
                }
            }
        },
    }
}


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["jobs"], prefix="/api/v1/jobs")
    room, log = services.jobs, services.audit_log

    def find(job: str, who: Who) -> dict[str, Any]:
        return shown(room, room.get(job, who), who)

    @routes.post("", status_code=201, response_model=None, openapi_extra=BODY)
    async def upload(request: Request, who: Viewer) -> JSONResponse:
        """Upload a photo or a video; it is redacted as soon as it is its turn."""
        found = await _Receiving(services, who).received(request)
        return JSONResponse(found, 201, headers={"location": f"/api/v1/jobs/{found['id']}"})

    @routes.get("")
    def jobs(who: Viewer) -> list[dict[str, Any]]:
        """Your own jobs, the newest first."""
        return [shown(room, job, who) for job in room.of(who)]

    @routes.get("/{job}")
    def one(job: JobId, who: Viewer) -> dict[str, Any]:
        """How far a job is, and what came of it."""
        return find(job, who)

    @routes.get("/{job}/events", response_model=None)
    async def events(job: JobId, who: Viewer) -> StreamingResponse:
        """The same as server-sent events, whenever it changes, until it is over."""
        await run_in_threadpool(find, job, who)
        told = _told(lambda: find(job, who))
        return StreamingResponse(services.closing.until(told), media_type="text/event-stream")

    @routes.post("/{job}/cancel")
    def cancel(job: JobId, who: Viewer) -> dict[str, Any]:
        """End a job; nothing of it stays."""
        found = room.get(job, who)
        if room.cancel(found):
            log.add(who, "cancel job", job)
        return find(job, who)

    @routes.delete("/{job}", status_code=204, response_model=None)
    def delete(job: JobId, who: Viewer) -> Response:
        """Forget a job and all of its files."""
        room.remove(room.get(job, who))
        log.add(who, "delete job", job)
        return Response(status_code=204)

    _add_downloads(routes, services)
    _add_tracks(routes, services)
    return routes


def _add_downloads(routes: APIRouter, services: Services) -> None:
    room, log = services.jobs, services.audit_log

    def sent(job: str, who: Who, name: str | None, *, inline: bool = False) -> FileResponse:
        found = room.get(job, who)
        files = room.files(found.id)
        path = files.result() if name is None else files / name
        if path is None or not path.is_file() or found.state is State.running:
            raise Refused(404, "there is no such file: the job is not done, or it was deleted")
        kind = media_type(path)
        shape = "inline" if inline and kind.startswith(("image/", "video/")) else "attachment"
        return FileResponse(
            path,
            media_type=kind,
            filename=download_name(found, path),
            content_disposition_type=shape,
        )

    @routes.get("/{job}/result", response_model=None)
    def result(job: JobId, who: Viewer, download: bool = False) -> FileResponse:
        """The redacted photo or video."""
        return sent(job, who, None, inline=not download)

    @routes.get("/{job}/report", response_model=None)
    def report(job: JobId, who: Viewer) -> FileResponse:
        """The record of the run."""
        return sent(job, who, names.REPORT)

    @routes.get("/{job}/audit", response_model=None)
    def audit(
        job: JobId,
        who: Viewer,
        format: Literal["json", "html"] = "json",  # noqa: A002 - its name in the address
    ) -> FileResponse:
        """What an audit of the result found."""
        return sent(job, who, names.AUDIT if format == "json" else names.AUDIT_PAGE)

    @routes.get("/{job}/original", response_model=None)
    def original(job: JobId, request: Request, who: Operator) -> FileResponse:
        """Your own upload, in the login that sent it, to compare before and after."""
        if not room.table.has_session(who.session_id):
            raise Refused(403, "only the login that sent a file gets it back")
        answer = sent(job, who, names.ORIGINAL, inline=True)
        if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            log.add(who, "see original", job)
        return answer


def _add_tracks(routes: APIRouter, services: Services) -> None:
    room, log = services.jobs, services.audit_log

    @routes.get("/{job}/tracks", response_model=None)
    def tracks(job: JobId, who: Viewer) -> Response:
        """What was hidden, to edit."""
        path = room.files(room.get(job, who).id) / names.TRACKS
        if not path.is_file():
            raise Refused(404, "there are no tracks: the job is not done, or they were deleted")
        return FileResponse(
            path, media_type="application/json", headers={"etag": etag_of(path)}
        )  # fmt: skip

    @routes.put("/{job}/tracks")
    async def put_tracks(job: JobId, request: Request, who: Operator) -> dict[str, Any]:
        """Hide exactly what these tracks say, and render again."""
        etag = wanted_etag(request)
        content = await request.body()

        def put() -> dict[str, Any]:
            found = replace_tracks(room, room.get(job, who), content, etag)
            log.add(who, "change tracks", job)
            return shown(room, found, who)

        return await run_in_threadpool(put)


class _Receiving:
    """One upload as it comes in: where its bytes go."""

    def __init__(self, services: Services, who: Who) -> None:
        self._services, self._who = services, who
        self._upload: Upload | None = None

    def write(self, data: bytes) -> None:
        """Take the next bytes of the file."""
        if self._upload is None:
            self._upload = self._services.jobs.begin(self._who, "")
        self._upload.write(data)

    async def received(self, request: Request) -> dict[str, Any]:
        """The job, once all of it has come; nothing is left of one that has not."""
        try:
            form = await read_form(request, {FILE: self})
            name = form.names.get(FILE, "")
            return await run_in_threadpool(self._finished, form.fields, name)
        except ClientDisconnect as gone:
            raise Refused(400, "the upload broke off") from gone
        finally:
            if self._upload is not None:
                self._services.jobs.abort(self._upload)

    def _finished(self, fields: dict[str, str], name: str) -> dict[str, Any]:
        if self._upload is None:
            raise Refused(422, "there is no file, or it is empty: send it in the field file")
        options = _options(fields, self._who)
        asked = {key: value for key, value in options.to_json().items() if value}

        def note(job: str, kind: str) -> None:
            self._services.audit_log.add(self._who, "add job", job, {"kind": kind, **asked})

        job = self._services.jobs.finish(self._upload, options, name, note)
        self._upload = None
        return shown(self._services.jobs, job, self._who)


def _options(fields: dict[str, str], who: Who) -> Options:
    known = {"scope", "method", "audio", "audit", "review"}
    if others := sorted(fields.keys() - known):
        raise Refused(422, f"there is no field {others[0][:40]}: {', '.join(sorted(known))} are")
    scope, method, audio = (fields.get(name) or None for name in ("scope", "method", "audio"))
    audit, review = (_flag(name, fields.get(name, "")) for name in ("audit", "review"))
    if review and not who.is_operator:
        raise Refused(403, "reviews show raw pictures: log in with an operator's token")
    return Options(scope, method, audio, audit=audit, review=review)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in (*TRUE, *FALSE):
        raise Refused(422, f"{name} is true or false")
    return text.lower() in TRUE


async def _told(look: Callable[[], dict[str, Any]]) -> AsyncIterator[str]:
    """A job whenever it changes."""
    before, quiet = "", 0.0
    while True:
        try:
            now = await run_in_threadpool(look)
        except Refused:
            yield "event: gone\ndata: {}\n\n"
            return
        text = json.dumps(now)
        if text != before:
            yield f"data: {text}\n\n"
            before, quiet = text, 0.0
        elif quiet >= ALIVE:
            yield ": here\n\n"
            quiet = 0.0
        if State(now["state"]).is_over:
            return
        await asyncio.sleep(OFTEN)
        quiet += OFTEN
