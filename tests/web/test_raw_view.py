"""Raw pictures of a camera: to one login of one operator, in debug mode, for minutes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.web import services
from stream_anon.web.cameras import raw_view, running
from stream_anon.web.errors import Refused
from stream_anon.web.security.who import Role, Who
from tests.web.odd_room import (
    SOURCE,
    NoDetectors,
    odd_cameras,
    odd_room,
    text_of,
    wait_until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.web.cameras.room import CameraRoom
    from tests.web.room import Room

pytestmark = pytest.mark.slow

OWNER = Who("ann", Role.operator, "session of ann")
SAME_NAME = Who("ann", Role.operator, "another session of ann")
OTHERS = (
    SAME_NAME,
    Who("bob", Role.operator, "session of bob"),
    Who("ann", Role.viewer, "session of ann"),
    Who("anonymous", Role.viewer, "anonymous"),
)
DEBUG: dict[str, Any] = {"live.mode": "debug"}


def live(room: CameraRoom) -> str:
    camera_id: str = room.add("door", SOURCE)["id"]
    wait_until(lambda: room.get(camera_id)["state"] == "live" and room.newest(camera_id))
    return camera_id


def off(room: CameraRoom, camera_id: str, who: Who = OWNER) -> list[str]:
    """Turn it off; what was noted about that, as it comes."""
    noted: list[str] = []
    room.anonymize(camera_id, who, on=False, note=noted.append)
    return noted


def raw_text(room: CameraRoom, camera_id: str) -> str:
    slot = room.raw_slot(camera_id, OWNER)
    assert slot is not None
    picture = slot.wait_for(0, 10)
    assert picture is not None
    return picture.jpeg.decode()


def test_the_operator_who_asked_gets_raw_pictures_and_nobody_else(tmp_path: Path) -> None:
    with odd_room(tmp_path, **DEBUG) as room:
        camera_id = live(room)
        assert room.raw_slot(camera_id, OWNER) is None, "before anybody asked"
        noted = off(room, camera_id)
        wait_until(lambda: "NOT ANONYMIZED  ann" in raw_text(room, camera_id))
        assert all(room.raw_slot(camera_id, who) is None for who in OTHERS)
        assert room.get(camera_id)["anonymization"] is False
        for number in range(20):
            assert "RAW" not in text_of(room, camera_id, number), "what all others get"
        slot = room.raw_slot(camera_id, OWNER)
        room.anonymize(camera_id, SAME_NAME, on=True, note=noted.append)
        assert room.raw_slot(camera_id, OWNER) is None
        assert slot is not None
        assert slot.newest() is None
        assert slot.wait_for(0, 0.3) is None, "what was on its way is dropped"
        assert noted == ["", "it was turned on again"]
        assert room.get(camera_id)["anonymization"] is True


def test_production_refuses(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        camera_id = live(room)
        with pytest.raises(Refused, match="production"):
            off(room, camera_id)
        assert room.raw_slot(camera_id, OWNER) is None
        room.anonymize(camera_id, OWNER, on=True, note=lambda _: None)


def test_viewers_and_unknown_logins_are_refused(tmp_path: Path) -> None:
    with odd_room(tmp_path, lambda who: who == OWNER, **DEBUG) as room:
        camera_id = live(room)
        for who in OTHERS:
            with pytest.raises(Refused, match="for operators"):
                off(room, camera_id, who)
        room.stop(camera_id)
        with pytest.raises(Refused, match="off"):
            off(room, camera_id)


def test_it_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_view, "MINUTES", 0.01)
    with odd_room(tmp_path, **DEBUG) as room:
        camera_id = live(room)
        noted = off(room, camera_id)
        wait_until(lambda: room.get(camera_id)["anonymization"])
        assert noted == ["", "after 0.01 minutes"]


def test_it_ends_with_the_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_view, "CHECK", 0.05)
    known = [OWNER]
    with odd_room(tmp_path, lambda who: who in known, **DEBUG) as room:
        camera_id = live(room)
        noted = off(room, camera_id)
        known.clear()
        wait_until(lambda: room.get(camera_id)["anonymization"])
        assert noted == ["", "the operator is not logged in any more"]


def test_it_ends_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "FIRST_WAIT", 0.1)
    with odd_room(tmp_path, **DEBUG) as room:
        camera_id = live(room)
        noted = off(room, camera_id)
        pid = room.pids()[camera_id]
        assert pid is not None
        os.kill(pid, 9)
        wait_until(lambda: room.get(camera_id)["anonymization"])
        assert noted == ["", "the camera's process has ended"]
        wait_until(lambda: room.get(camera_id)["state"] == "live")
        assert room.raw_slot(camera_id, OWNER) is None


class TestRoute:
    """The same by HTTP."""

    @pytest.fixture(autouse=True)
    def _odd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def cameras(*args: Any, **more: Any) -> CameraRoom:
            return odd_cameras(*args, **more, detectors=NoDetectors())

        monkeypatch.setattr(services, "CameraRoom", cameras)
        monkeypatch.setattr(raw_view, "CHECK", 0.05)

    def test_only_operators_and_only_in_debug_mode(self, request: Any) -> None:
        room: Room = request.getfixturevalue("room")
        camera_id = live(room.services.cameras)
        path = f"/api/v1/cameras/{camera_id}/anonymization"
        assert room.viewer.post(path, json={"on": False}).status_code == 403
        refused = room.operator.post(path, json={"on": False})
        assert refused.status_code == 403
        assert "production" in refused.json()["error"]
        assert "turn anonymization off" not in room.audit()

    def test_it_is_in_the_audit_log_and_ends_with_logging_out(self, request: Any) -> None:
        room: Room = request.getfixturevalue("debug_room")
        cameras = room.services.cameras
        camera_id = live(cameras)
        path = f"/api/v1/cameras/{camera_id}"
        browser = room.browser(Role.operator)
        headers = {"origin": "http://127.0.0.1"}
        answer = browser.post(f"{path}/anonymization", json={"on": False}, headers=headers)
        assert answer.status_code == 200, answer.text
        assert room.audit()[0] == "turn anonymization off"
        for client in (room.viewer, room.operator, browser):
            assert "RAW" not in client.get(f"{path}/still").text
        assert browser.post("/logout", headers=headers).status_code < 400
        wait_until(lambda: cameras.get(camera_id)["anonymization"])
        assert room.audit()[0] == "anonymization is on again"
