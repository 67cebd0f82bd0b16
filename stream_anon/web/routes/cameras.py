"""Cameras: what there is, their pictures, and what operators do to them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from starlette.responses import Response, StreamingResponse

from stream_anon.config import Zone
from stream_anon.web.cameras.events import CameraEvents
from stream_anon.web.cameras.model import LONGEST_NAME, LONGEST_SOURCE
from stream_anon.web.cameras.raw_view import MINUTES
from stream_anon.web.cameras.stream import MotionJpeg
from stream_anon.web.errors import Refused
from stream_anon.web.security.roles import Operator, Viewer

if TYPE_CHECKING:
    from stream_anon.web.cameras.slot import NewestPicture
    from stream_anon.web.security.who import Who
    from stream_anon.web.services import Services

MOST_ZONES = 50
OPERATORS = ("source",)
"""Fields that viewers do not get."""

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Source = Annotated[str, Field(min_length=1, max_length=LONGEST_SOURCE)]
Own = Annotated[dict[str, Any], Field(max_length=32)]


class New(BaseModel):
    """A camera to add."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    source: Source
    settings: Own = {}
    """Of redaction, where they differ from those of the control room."""


class Change(BaseModel):
    """What to change of a camera; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    source: Source | None = None
    settings: Own | None = None
    """Those that are null are the control room's again."""


class Switch(BaseModel):
    """Whether a camera's picture is anonymized."""

    model_config = ConfigDict(extra="forbid")
    on: StrictBool


def router(services: Services) -> APIRouter:
    routes = APIRouter(tags=["cameras"], prefix="/api/v1/cameras")
    _look(routes, services)
    _change(routes, services)
    return routes


def _look(routes: APIRouter, services: Services) -> None:
    room = services.cameras
    feed = CameraEvents(room, _shown)
    is_known = services.auth.still_knows

    @routes.get("")
    def cameras(who: Viewer) -> list[dict[str, Any]]:
        """All cameras and how they are doing."""
        return [_shown(camera, who.is_operator) for camera in room.list()]

    @routes.get("/events", response_class=StreamingResponse)
    async def events(who: Viewer) -> StreamingResponse:
        """The list of cameras as server-sent events: once a second, and when something changes."""
        lists = feed.lists(operator=who.is_operator, is_known=partial(is_known, who))
        return StreamingResponse(services.closing.until(lists), media_type="text/event-stream")

    @routes.get("/{camera_id}")
    def camera(who: Viewer, camera_id: str) -> dict[str, Any]:
        """One camera and how it is doing."""
        return _shown(room.get(camera_id), who.is_operator)

    @routes.get("/{camera_id}/stream", response_class=Response)
    def stream(who: Viewer, camera_id: str) -> Response:
        """Its redacted pictures as Motion JPEG; a slow viewer skips some."""
        # Raw ones lie in a slot of their own, which only the login that asked for them gets.
        slot = room.raw_slot(camera_id, who) or _slot(services, camera_id)
        return MotionJpeg(slot, partial(is_known, who))

    @routes.get("/{camera_id}/still", response_class=Response)
    def still(_who: Viewer, camera_id: str) -> Response:
        """Its newest redacted picture, a second old at most."""
        picture = _slot(services, camera_id).newest()
        if picture is None:
            raise Refused(503, "the camera has no picture now: try again", {"retry-after": "1"})
        return Response(picture.jpeg, media_type="image/jpeg")

    @routes.get("/{camera_id}/history")
    def history(_who: Viewer, camera_id: str) -> list[dict[str, Any]]:
        """Its figures of the last five minutes, a point every two seconds."""
        found: list[dict[str, Any]] = room.history(camera_id)
        return found


def _change(routes: APIRouter, services: Services) -> None:
    room, audit_log = services.cameras, services.audit_log

    @routes.post("", status_code=201)
    def add(who: Operator, wanted: New) -> dict[str, Any]:
        """Add a camera; it starts at once."""

        def note(camera_id: str) -> None:
            details = {"name": wanted.name, "settings": wanted.settings}
            audit_log.add(who, "add camera", camera_id, details)

        added: dict[str, Any] = room.add(wanted.name, wanted.source, wanted.settings, note)
        return added

    @routes.patch("/{camera_id}")
    def change(who: Operator, camera_id: str, wanted: Change) -> dict[str, Any]:
        """Change a camera; settings hold from its next frame on."""
        changes = wanted.model_dump(exclude_none=True, exclude={"settings"})
        if wanted.settings is not None:
            changes["settings"] = wanted.settings
        return _updated(who, camera_id, changes)

    @routes.put("/{camera_id}/zones")
    def zones(
        who: Operator, camera_id: str, wanted: Annotated[list[Zone], Body(max_length=MOST_ZONES)]
    ) -> dict[str, Any]:
        """Replace the zones of a camera."""
        given = [zone.model_dump(mode="json", exclude_none=True) for zone in wanted]
        return _updated(who, camera_id, {"settings": {"zones": given}})

    def _updated(who: Who, camera_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        shown = {name: "changed" if name == "source" else v for name, v in changes.items()}
        after: dict[str, Any] = room.update(
            camera_id, changes, lambda: audit_log.add(who, "change camera", camera_id, shown)
        )
        return after

    @routes.delete("/{camera_id}", status_code=204)
    def remove(who: Operator, camera_id: str) -> None:
        """Remove a camera; its viewers are let go."""
        room.remove(camera_id, lambda: audit_log.add(who, "remove camera", camera_id))

    @routes.post("/{camera_id}/anonymization")
    def anonymization(who: Operator, camera_id: str, wanted: Switch) -> dict[str, Any]:
        """Turn anonymization of its picture off for this login, in debug mode and for five minutes,
        or on again. Viewers and other operators go on to see it anonymized.
        """

        def note(why_ended: str) -> None:
            if why_ended:
                audit_log.add(who, "anonymization is on again", camera_id, {"why": why_ended})
            else:
                audit_log.add(who, "turn anonymization off", camera_id, {"minutes": MINUTES})

        room.anonymize(camera_id, who, on=wanted.on, note=note)
        if wanted.on:
            audit_log.add(who, "turn anonymization on", camera_id)
        found: dict[str, Any] = room.get(camera_id)
        return found

    @routes.post("/{camera_id}/{action}")
    def act(
        who: Operator, camera_id: str, action: Literal["start", "stop", "restart"]
    ) -> dict[str, Any]:
        """Start, stop or restart a camera."""
        do = {"start": room.start, "stop": room.stop, "restart": room.restart}[action]
        do(camera_id, lambda: audit_log.add(who, f"{action} camera", camera_id))
        found: dict[str, Any] = room.get(camera_id)
        return found


def _slot(services: Services, camera_id: str) -> NewestPicture:
    slot: NewestPicture | None = services.cameras.slot(camera_id)
    if slot is None:
        raise Refused(409, "the camera is off: start it first")
    return slot


def _shown(camera: dict[str, Any], is_operator: bool) -> dict[str, Any]:
    """What somebody may know of a camera."""
    if is_operator:
        return camera
    return {name: value for name, value in camera.items() if name not in OPERATORS}
