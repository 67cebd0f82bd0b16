"""Cameras of the control room: kept, started, changed, broken and started again."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.config import Redaction, load_settings
from stream_anon.errors import ConfigError
from stream_anon.web.cameras import detectors as detecting
from stream_anon.web.cameras import running
from stream_anon.web.cameras.detectors import DetectorService
from stream_anon.web.errors import NotThere
from tests.web.odd_room import (
    DETECTORS,
    SECRETS,
    SOURCE,
    odd_room,
    text_of,
    wait_until,
)

if TYPE_CHECKING:
    from stream_anon.web.cameras.room import CameraRoom
    from stream_anon.web.cameras.slot import NewestPicture

pytestmark = pytest.mark.slow


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def live(room: CameraRoom, name: str = "door", source: str = SOURCE, **own: Any) -> str:
    camera_id: str = room.add(name, source, own)["id"]
    wait_until(lambda: room.get(camera_id)["state"] == "live" and room.newest(camera_id))
    return camera_id


def test_a_camera_shows_pictures_and_figures_and_no_credentials(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with odd_room(tmp_path) as room:
        camera_id = live(room)
        first = room.newest(camera_id)
        assert first is not None
        assert room.wait_for(camera_id, first.number, 5) is not None
        shown = room.get(camera_id)
        assert shown["source"] == "rtsp://camera.example/stream"
        assert (shown["fps"], shown["latency_ms"], shown["people"]) == (50.0, 80, 1)
        (point,) = room.history(camera_id)[:1]
        assert set(point) == {"t", "fps", "latency_ms", "people", "hidden_whole"}
        pid = room.pids()[camera_id]
        said = [str(room.list()), repr(list(room._book)), caplog.text]
        said.append(Path(f"/proc/{pid}/cmdline").read_text())
    assert not [text for text in said if any(secret in text for secret in SECRETS)]
    assert pid is not None
    assert not is_alive(pid)


def test_settings_change_while_it_runs(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        plain, own = live(room), live(room, "gate", method="fill")
        pids = room.pids()
        wait_until(lambda: "fill" in text_of(room, own))
        room.configure(Redaction(method="pixelate"))
        wait_until(lambda: "pixelate" in text_of(room, plain))
        assert "fill" in text_of(room, own)
        room.update(plain, {"settings": {"method": "fill"}, "name": "back door"})
        wait_until(lambda: "fill" in text_of(room, plain))
        room.update(plain, {"settings": {"method": None}})
        wait_until(lambda: "pixelate" in text_of(room, plain))
        assert room.pids() == pids, "nothing was started anew"
        assert room.get(plain)["name"] == "back door"
        room.update(plain, {"source": "rtsp://other.example/"})
        wait_until(lambda: room.pids()[plain] not in (None, pids[plain]))


@pytest.mark.parametrize("way", ["crash", "hang"])
def test_a_camera_that_breaks_leaves_others_alone(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SILENCE", 0.5)
    monkeypatch.setattr(running, "FIRST_WAIT", 0.2)
    with odd_room(tmp_path) as room:
        good = live(room)
        pid = room.pids()[good]
        bad = room.add("bad", f"rtsp://{way}.example/")["id"]
        wait_until(lambda: room.get(bad)["state"] == "failed")
        failed = room.get(bad)
        assert "process has ended" in failed["reason"]
        assert room.newest(bad) is None, "an old picture is not one of now"
        wait_until(lambda: room.get(bad)["restarts"] >= 2)
        assert room.pids()[good] == pid
        assert room.get(good)["state"] == "live"
        assert room.get(good)["restarts"] == 0


def test_why_it_fails_is_told_without_credentials(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        refused = room.add("bad", SOURCE.replace("camera", "refuse"))["id"]
        away = room.add("far", SOURCE.replace("camera", "away"))["id"]
        wait_until(lambda: room.get(refused)["state"] == "failed")
        wait_until(lambda: room.get(away)["state"] == "reconnecting")
        for camera in room.list():
            assert camera["reason"]
            assert not any(secret in camera["reason"] for secret in SECRETS)


def test_cameras_are_kept(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        on, off = live(room, method="fill"), live(room, "gate")
        room.stop(off)
        assert room.get(off)["state"] == "stopped"
        assert room.slot(off) is None
        gone = live(room, "gone")
        room.remove(gone)
    with odd_room(tmp_path) as room:
        assert [camera["id"] for camera in room.list()] == [on, off]
        wait_until(lambda: "fill" in text_of(room, on))
        assert room.get(off)["state"] == "stopped"
        room.start(off)
        wait_until(lambda: room.get(off)["state"] == "live")
        before = room.pids()[off]
        room.restart(off)
        wait_until(lambda: room.pids()[off] not in (None, before))
        wait_until(lambda: room.get(off)["state"] == "live")


def test_a_camera_never_hides_less_because_of_the_rooms_settings(tmp_path: Path) -> None:
    """A rule of the room's for what a camera's scope leaves out is refused: they contradict."""
    with odd_room(tmp_path) as room:
        camera_id = live(room, scope="head")
        assert room.get(camera_id)["settings"]["scope"] == "head"
        rules: Any = {"eyes": {"method": "fill"}}
        room.configure(Redaction(scope=["face", "eyes"], rules=rules))
        assert room.get(camera_id)["settings"]["scope"] == "head"
        pid = room.pids()[camera_id]
        assert text_of(room, camera_id)
        assert room.pids()[camera_id] == pid
    settings: dict[str, Any] = {"redaction.scope": ["face", "eyes"], "redaction.rules": rules}
    with odd_room(tmp_path, **settings) as room:
        assert room.get(camera_id)["settings"]["scope"] == "everything"


def test_a_scope_for_other_detectors_begins_a_camera_anew(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        camera_id = live(room)
        pid = room.pids()[camera_id]
        room.update(camera_id, {"settings": {"scope": "head"}})
        wait_until(lambda: room.get(camera_id)["settings"]["scope"] == "head")
        assert room.pids()[camera_id] == pid, "centerface sees heads too"
        room.update(camera_id, {"settings": {"scope": "moving"}})
        wait_until(lambda: room.pids()[camera_id] not in (None, pid))


def test_viewers_are_let_go_when_a_camera_is_removed(tmp_path: Path) -> None:
    async def watch(slot: NewestPicture, seen: list[str]) -> None:
        async for picture in slot.pictures():
            seen.append(picture.jpeg.decode())  # noqa: PERF401 - the test looks at it meanwhile

    with odd_room(tmp_path) as room:
        camera_id = live(room)
        slot, seen = room.slot(camera_id), list[str]()
        assert slot is not None
        assert text_of(room, camera_id).endswith("watched=False")
        watching = threading.Thread(target=lambda: asyncio.run(watch(slot, seen)))
        watching.start()
        wait_until(lambda: seen and seen[-1].endswith("watched=True"))
        room.remove(camera_id)
        watching.join(5)
        assert not watching.is_alive()
        with pytest.raises(NotThere):
            room.get(camera_id)


@pytest.mark.parametrize(
    "source",
    [
        "", "/etc/passwd", "file:///etc/passwd", "concat:a|b", "/dev/../etc/passwd", "/dev/sda",
        "/dev/video0/../sda", "a.mp4", "rtsp://", "rtsp://a\nb", "ftp://host/a", "-1", "video=x",
        "rtsp://" + "x" * 3000, "pipe:0", "subfile,,start,0,end,0,,:/etc/passwd", "9999",
    ],
)  # fmt: skip
def test_sources_that_are_none_are_refused(tmp_path: Path, source: str) -> None:
    with odd_room(tmp_path) as room:
        with pytest.raises(ConfigError):
            room.add("door", source)
        assert room.list() == []


ODD_SETTINGS: tuple[dict[str, Any], ...] = (
    {"method": "nothing"}, {"scope": "plate-of-soup"}, {"replace_with": "/etc/passwd"},
    {"rules": {"face": {"method": "fill", "replace_with": "/etc/passwd"}}}, {"mode": "debug"},
    {"zones": [{"name": "door", "points": [[0, 0], [1, 1]]}]}, {"": 1}, {"cells": 2**70},
)  # fmt: skip


def test_settings_that_make_no_sense_change_nothing(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        camera_id = live(room)
        before = room.get(camera_id)["settings"]
        for own in ODD_SETTINGS:
            with pytest.raises(ConfigError):
                room.add("gate", SOURCE, own)
            with pytest.raises(ConfigError):
                room.update(camera_id, {"settings": own})
        assert len(room.list()) == 1
        assert room.get(camera_id)["settings"] == before


def test_what_is_not_noted_does_not_happen(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with odd_room(tmp_path) as room:
        with pytest.raises(OSError, match="full"):
            room.add("door", SOURCE, None, fail)
        assert room.list() == []
        camera_id = live(room)
        for call in (room.remove, room.stop, room.restart):
            with pytest.raises(OSError, match="full"):
                call(camera_id, fail)
        with pytest.raises(OSError, match="full"):
            room.update(camera_id, {"name": "gate"}, fail)
        assert (room.get(camera_id)["name"], room.get(camera_id)["state"]) == ("door", "live")
    with odd_room(tmp_path) as room:
        assert [camera["name"] for camera in room.list()] == ["door"]


class TestDetectors:
    """The detector service from the outside."""

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(detecting, "PING", 0.05)
        monkeypatch.setattr(detecting, "FIRST_WAIT", 0.1)

    def test_it_is_started_again_and_hands_out_new_links(self) -> None:
        service, links = DetectorService(DETECTORS), list[Any]()
        try:
            service.follow(links.append)
            wait_until(lambda: links)
            first = service.pid
            assert first is not None
            os.kill(first, 9)
            wait_until(lambda: len(links) == 2)
            assert service.pid not in (None, first)
            assert service.starts == 2
        finally:
            service.close()
            for link in links:
                link.close()
        assert service.pid is None

    def test_one_that_hangs_is_ended(self) -> None:
        """The made-up one says that it is overdue once it has two links."""
        service, links = DetectorService(DETECTORS), list[Any]()
        try:
            service.follow(links.append)
            wait_until(lambda: links)
            service.follow(lambda link: link.close())
            wait_until(lambda: service.starts == 2)
        finally:
            service.close()
            for link in links:
                link.close()

    def test_nothing_runs_before_it_is_needed(self) -> None:
        service = DetectorService(DETECTORS)
        service.close()
        assert service.starts == 0


def test_a_room_without_cameras_starts_no_process(tmp_path: Path) -> None:
    with odd_room(tmp_path) as room:
        assert room.pids() == {"detectors": None}
        assert load_settings(None, {}).live.mode == "production"
