"""Cameras by HTTP, with made-up processes: roles, the audit log, and what is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.web import services
from stream_anon.web.cameras import stream
from stream_anon.web.cameras.events import CameraEvents
from stream_anon.web.cameras.slot import NewestPicture
from stream_anon.web.cameras.stream import MotionJpeg
from stream_anon.web.security.who import Role, Who
from tests.web.odd_room import SECRETS, SOURCE, NoDetectors, odd_cameras, wait_until

if TYPE_CHECKING:
    from stream_anon.web.cameras.room import CameraRoom
    from tests.web.room import Room

CAMERAS = "/api/v1/cameras"


@pytest.fixture(autouse=True)
def _odd(monkeypatch: pytest.MonkeyPatch) -> None:
    def cameras(*args: Any, **more: Any) -> CameraRoom:
        return odd_cameras(*args, **more, detectors=NoDetectors())

    monkeypatch.setattr(services, "CameraRoom", cameras)


def added(room: Room, **more: Any) -> str:
    answer = room.operator.post(CAMERAS, json={"name": "door", "source": SOURCE, **more})
    assert answer.status_code == 201, answer.text
    camera_id: str = answer.json()["id"]
    wait_until(lambda: room.services.cameras.get(camera_id)["state"] == "live")
    return camera_id


@pytest.mark.slow
def test_all_that_is_done_to_a_camera_is_in_the_audit_log(room: Room) -> None:
    camera_id = added(room)
    path = f"{CAMERAS}/{camera_id}"
    zone = {"name": "desk", "points": [[0, 0], [1, 0], [1, 1]]}
    for method, where, body in (
        ("PATCH", path, {"name": "gate", "source": SOURCE.replace("s3cret", "n3w")}),
        ("PATCH", path, {"settings": {"method": "fill"}}),
        ("PUT", f"{path}/zones", [zone]),
        ("POST", f"{path}/restart", None),
        ("POST", f"{path}/stop", None),
        ("POST", f"{path}/start", None),
    ):
        answer = room.operator.request(method, where, json=body)
        assert answer.status_code == 200, answer.text
    shown = room.operator.get(path).json()
    assert (shown["name"], shown["settings"]["method"]) == ("gate", "fill")
    assert shown["settings"]["zones"][0]["name"] == "desk"
    assert room.operator.request("DELETE", path).status_code == 204
    assert room.audit()[::-1] == [
        "add camera", *["change camera"] * 3, "restart camera", "stop camera", "start camera",
        "remove camera",
    ]  # fmt: skip
    log = room.operator.get("/api/v1/audit-log").text
    assert not any(secret in log for secret in (*SECRETS, "n3w"))


@pytest.mark.slow
def test_viewers_see_pictures_and_no_addresses(room: Room) -> None:
    camera_id = added(room)
    (mine,), (theirs,) = (c.get(CAMERAS).json() for c in (room.operator, room.viewer))
    assert mine["source"] == "rtsp://camera.example/stream"
    assert set(mine) - set(theirs) == {"source"}
    still = room.viewer.get(f"{CAMERAS}/{camera_id}/still")
    assert (still.status_code, still.headers["content-type"]) == (200, "image/jpeg")
    assert still.headers["cache-control"] == "no-store"
    assert room.viewer.get(f"{CAMERAS}/{camera_id}/history").json()
    figures = room.viewer.get("/metrics").text
    assert f'camera_live{{camera="door",id="{camera_id}"}} 1' in figures
    room.operator.post(f"{CAMERAS}/{camera_id}/stop")
    for kind in ("still", "stream"):
        assert room.viewer.get(f"{CAMERAS}/{camera_id}/{kind}").status_code == 409


@pytest.mark.parametrize("camera_id", ["x", "0" * 12, "..%2f..", "%00", "a" * 5000, "0' OR 1"])
def test_odd_ids_are_not_found(room: Room, camera_id: str) -> None:
    path = f"{CAMERAS}/{camera_id}"
    found = {
        room.viewer.get(path).status_code,
        room.viewer.get(f"{path}/stream").status_code,
        room.viewer.get(f"{path}/still").status_code,
        room.operator.request("DELETE", path).status_code,
        room.operator.patch(path, json={"name": "gate"}).status_code,
        room.operator.post(f"{path}/start").status_code,
        room.operator.request("PUT", f"{path}/zones", json=[]).status_code,
        room.operator.post(f"{path}/anonymization", json={"on": True}).status_code,
    }
    assert found <= {404, 405, 422}
    assert room.audit() == []


def test_what_makes_no_sense_is_refused_without_a_trace(room: Room) -> None:
    for body in (
        {"name": "door", "source": "/etc/passwd"},
        {"name": "", "source": SOURCE},
        {"name": "a\nb", "source": SOURCE},
        {"name": "door", "source": SOURCE, "settings": {"scope": "nothing-of-that-kind"}},
        {"name": "door", "source": SOURCE, "settings": {"replace_with": "/etc/passwd"}},
        {"name": "door", "source": SOURCE, "id": "0" * 12},
    ):
        answer = room.operator.post(CAMERAS, json=body)
        assert answer.status_code == 422, body
        assert not any(secret in answer.text for secret in SECRETS)
    assert room.operator.get(CAMERAS).json() == []
    assert room.audit() == []


def served(
    slot: NewestPicture,
    sent: list[dict[str, Any]],
    *,
    gone: bool = False,
    stuck: bool = False,
    logged_out: bool = False,
) -> Any:
    """Serves a viewer who takes everything, goes away, or takes nothing at all."""

    async def receive() -> dict[str, str]:
        if not gone:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if stuck and message["type"] == "http.response.body":
            await asyncio.sleep(60)

    async def serve() -> None:
        showing = asyncio.ensure_future(
            MotionJpeg(slot, lambda: not logged_out)({"type": "http"}, receive, send)
        )
        await asyncio.sleep(0.05)
        slot.put(b"first")
        await asyncio.sleep(0.05)
        slot.put(b"second")
        await asyncio.sleep(0.05)
        if not (gone or stuck or logged_out):
            slot.end()
        await asyncio.wait_for(showing, 10)

    asyncio.run(serve())


def test_a_stream_is_parts_until_the_camera_ends() -> None:
    sent: list[dict[str, Any]] = []
    served(NewestPicture(), sent)
    head, first, second, last = sent
    assert dict(head["headers"])[b"content-type"].startswith(b"multipart/x-mixed-replace")
    assert first["body"].endswith(b"\r\n\r\nfirst\r\n")
    assert second["body"].endswith(b"\r\n\r\nsecond\r\n")
    assert last == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_viewer_who_is_gone_or_stuck_or_logged_out_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "STUCK", 0.1)
    monkeypatch.setattr(stream, "CHECK", 0.1)
    for way in ("gone", "stuck", "logged_out"):
        slot, sent = NewestPicture(), list[dict[str, Any]]()
        served(slot, sent, **{way: True})
        assert slot.viewers == 0
        assert len(sent) <= 4


@pytest.mark.slow
def test_events_come_at_once_at_each_change_and_without_addresses_for_viewers(room: Room) -> None:
    added(room)
    cameras = room.services.cameras
    made: list[int] = []
    events = CameraEvents(cameras, lambda camera, operator: made.append(1) or camera["state"])  # type: ignore[func-returns-value]

    async def watch(seen: list[bytes]) -> None:
        async for event in events.lists(operator=False):
            seen.append(event)
            if b"stopped" in event:
                return

    async def all_of_them() -> list[list[bytes]]:
        seen: list[list[bytes]] = [[] for _ in range(20)]
        watching = [asyncio.ensure_future(watch(one)) for one in seen]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cameras.stop, cameras.list()[0]["id"])
        await asyncio.wait_for(asyncio.gather(*watching), 10)
        return seen

    for seen in asyncio.run(all_of_them()):
        assert seen[0] == b'event: cameras\ndata: ["live"]\n\n'
        assert seen[-1] == b'event: cameras\ndata: ["stopped"]\n\n'
    assert len(made) <= 20, "a list is made once for all"


def test_whoever_logs_out_or_loses_a_token_is_not_known(room: Room) -> None:
    auth = room.services.auth

    def asked(client: Any) -> Any:
        seen, known = list[Any](), auth.who

        def note(request: Any) -> Any:
            seen.append(known(request))
            return seen[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(auth, "who", note)
            client.get("/api/v1/session")
        return seen[-1]

    browser = room.browser(Role.viewer)
    by_cookie, by_token = asked(browser), asked(room.operator)
    assert auth.still_knows(by_cookie)
    assert auth.still_knows(by_token)
    assert not auth.still_knows(Who(by_cookie.name, Role.operator, by_cookie.session_id))
    assert not auth.still_knows(Who("anonymous", Role.viewer, "anonymous"))
    assert not auth.still_knows(Who("x", Role.viewer, "token 1 OR 1"))
    browser.post("/logout", headers={"origin": "http://127.0.0.1"})
    assert not auth.still_knows(by_cookie)
    auth.tokens.remove(by_token.name)
    assert not auth.still_knows(by_token)
