"""Real cameras in the real server: what viewers get, and what is left when something is killed."""

from __future__ import annotations

import os
import signal
import socket
import threading
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from tests.live.clips import read_number, serving_clip
from tests.live.needs import require_rtsp
from tests.live.servers import RtspServer
from tests.web.serving_cameras import (
    VIEWER,
    ControlRoom,
    Truth,
    is_alive,
    jpegs,
    luma_of,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live.clips import ServingClip

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

LOGIN = ("user", "s3cret")
CAMERA, DETECTORS, CAPTURE = "web.cameras.child", "web.cameras.detector_child", "live.capture"
BEARER = f"Authorization: Bearer {VIEWER}"
END = 3.0
"""Seconds after SIGTERM in which the server has to end."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> ServingClip:
    require_rtsp()
    return serving_clip(tmp_path_factory.mktemp("serving"), seconds=8, size=(640, 360))


@pytest.fixture(scope="module")
def truth(clip: ServingClip) -> Truth:
    return Truth(clip)


@pytest.fixture(scope="module")
def rtsp(clip: ServingClip) -> Iterator[RtspServer]:
    with RtspServer(clip.path, login=LOGIN) as server:
        yield server


def source_of(rtsp: RtspServer) -> str:
    return rtsp.url.replace("rtsp://", f"rtsp://{':'.join(LOGIN)}@")


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlRoom]:
    with ControlRoom(tmp_path_factory.mktemp("state")) as room:
        yield room


@pytest.fixture(scope="module")
def camera(control: ControlRoom, rtsp: RtspServer) -> str:
    camera_id = control.add(source_of(rtsp))
    wait_until(lambda: control.is_showing(camera_id))
    return camera_id


def test_pictures_move_and_no_face_can_be_seen(
    control: ControlRoom, camera: str, truth: Truth
) -> None:
    seen = list(islice(control.pictures(camera), 80))
    numbers = {read_number(luma_of(jpeg)) for jpeg in seen} - {None}
    assert len(numbers) > 15, "it moves"
    found = [leaks for jpeg in seen if (leaks := truth.leaks(jpeg)) is not None]
    assert sum(faces for faces, _ in found) > 5
    assert sum(leaked for _, leaked in found) == 0
    still = control.viewer.get(f"/api/v1/cameras/{camera}/still")
    assert still.headers["content-type"] == "image/jpeg"
    assert luma_of(still.content).shape == (360, 640)
    points = control.viewer.get(f"/api/v1/cameras/{camera}/history").json()
    assert points[-1]["fps"] > 0


def test_settings_are_seen_in_the_picture_at_once(control: ControlRoom, camera: str) -> None:
    corner = [[0.0, 0.0], [0.4, 0.0], [0.4, 0.3], [0.0, 0.3]]
    pid = control.child(CAMERA)
    zone = {"name": "window", "points": corner, "mode": "hide", "method": "fill"}

    def is_plain(jpeg: bytes) -> bool:
        return read_number(luma_of(jpeg)) is not None and luma_of(jpeg)[20:80, 20:180].std() < 3

    stream = control.pictures(camera)
    assert not any(is_plain(jpeg) for jpeg in islice(stream, 5))
    answer = control.operator.put(f"/api/v1/cameras/{camera}/zones", json=[zone])
    assert answer.status_code == 200, answer.text
    began = monotonic()
    next(jpeg for jpeg in stream if is_plain(jpeg))
    assert monotonic() - began < 20
    assert control.operator.put(f"/api/v1/cameras/{camera}/zones", json=[]).status_code == 200
    next(jpeg for jpeg in stream if read_number(luma_of(jpeg)) and not is_plain(jpeg))
    stream.close()  # type: ignore[attr-defined]
    assert control.child(CAMERA) == pid, "nothing was started anew"


def slow_viewer(control: ControlRoom, camera: str) -> socket.socket:
    """One with next to no memory, as on a slow line."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.settimeout(20)
    viewer.connect(("127.0.0.1", int(control.url.rpartition(":")[2])))
    path = f"/api/v1/cameras/{camera}/stream"
    viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{BEARER}\r\n\r\n".encode())
    return viewer


def test_a_slow_viewer_skips_and_gets_what_is_new(control: ControlRoom, camera: str) -> None:
    stopped: list[bytes] = []
    with slow_viewer(control, camera) as slow:
        chunks = iter(lambda: slow.recv(1 << 16), b"")
        assert next(jpegs(chunks))
        began, quick = monotonic(), 0
        for _ in control.pictures(camera):
            quick += 1
            if monotonic() - began > 4:
                break
        late = jpegs(chunks)
        began = monotonic()
        while monotonic() - began < 0.5:
            stopped.append(next(late))
    assert quick > 40
    assert len(stopped) < 0.6 * quick, "what waited for it is little"


def test_viewers_learn_no_addresses_and_nobody_learns_passwords(
    control: ControlRoom, camera: str
) -> None:
    for client, knows in ((control.operator, True), (control.viewer, False)):
        (shown,) = client.get("/api/v1/cameras").json()
        assert ("source" in shown) is knows
        assert LOGIN[1] not in str(shown)
        with client.stream("GET", "/api/v1/cameras/events") as events:
            lines = list(islice(events.iter_lines(), 2))
        assert lines[0] == "event: cameras"
        assert camera in lines[1]
        assert ("source" in lines[1]) is knows
    assert LOGIN[1] not in control.operator.get("/api/v1/audit-log").text
    assert LOGIN[1] not in control.said()
    assert not [line for line in control.children().values() if LOGIN[1] in line]


def test_a_killed_camera_comes_back(control: ControlRoom, camera: str) -> None:
    pid, detectors = control.child(CAMERA), control.child(DETECTORS)
    stream = control.pictures(camera)
    next(stream)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: control.camera(camera)["state"] == "failed")
    wait_until(lambda: control.is_showing(camera))
    assert luma_of(next(stream)).shape == (360, 640), "the viewer's stream goes on"
    stream.close()  # type: ignore[attr-defined]
    assert control.child(DETECTORS) == detectors
    assert sum(CAPTURE in line for line in control.children().values()) == 1


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGSTOP])
def test_without_detectors_everything_is_hidden_until_they_are_back(
    control: ControlRoom, camera: str, truth: Truth, way: signal.Signals
) -> None:
    wait_until(lambda: control.is_showing(camera))
    pid, process = control.child(DETECTORS), control.child(CAMERA)
    seen: list[bytes] = []
    over = threading.Event()

    def watch() -> None:
        stream = control.pictures(camera)
        for jpeg in stream:
            seen.append(jpeg)
            if over.is_set():
                break
        stream.close()  # type: ignore[attr-defined]

    watching = threading.Thread(target=watch)
    watching.start()
    os.kill(pid, way)
    try:
        wait_until(lambda: control.camera(camera)["hidden_now"])
        wait_until(lambda: control.is_showing(camera))
        sleep(1)
    finally:
        over.set()
        watching.join()
    assert control.child(CAMERA) == process
    assert not is_alive(pid)
    found = [truth.leaks(jpeg) for jpeg in seen]
    assert None in found
    assert sum(leaks[1] for leaks in found if leaks is not None) == 0


def test_a_viewer_is_let_go_when_the_camera_is_removed(
    control: ControlRoom, rtsp: RtspServer
) -> None:
    second = control.add(source_of(rtsp), method="fill")
    stream = control.pictures(second)
    next(stream)
    assert control.operator.delete(f"/api/v1/cameras/{second}").status_code == 204
    assert len(list(stream)) < 100
    assert control.viewer.get(f"/api/v1/cameras/{second}").status_code == 404
    assert sum(CAMERA in line for line in control.children().values()) == 1


def test_the_end_with_viewers_is_quick_and_leaves_nothing(
    control: ControlRoom, camera: str
) -> None:
    stream = control.pictures(camera)
    next(stream)
    pids = list(control.children())
    assert len(pids) >= 3
    assert control.end() < END
    assert len(list(stream)) < 100
    assert not [pid for pid in pids if is_alive(pid)]


def raw_faces(pictures: Iterator[bytes], truth: Truth) -> int:
    """Faces that can be seen in some pictures of a stream."""
    found = [leaks for jpeg in islice(pictures, 25) if (leaks := truth.leaks(jpeg)) is not None]
    return sum(leaked for _, leaked in found)


def test_raw_pictures_are_for_one_operator_and_nothing_is_left_after_a_kill(
    tmp_path: Path, rtsp: RtspServer, truth: Truth
) -> None:
    with ControlRoom(tmp_path, "--mode", "debug") as room:
        camera_id = room.add(source_of(rtsp))
        wait_until(lambda: room.is_showing(camera_id))
        path = f"/api/v1/cameras/{camera_id}"
        assert raw_faces(room.pictures(camera_id, room.operator), truth) == 0
        room.operator.post(f"{path}/anonymization", json={"on": False}).raise_for_status()
        assert room.viewer.post(f"{path}/anonymization", json={"on": False}).status_code == 403
        raw = room.pictures(camera_id, room.operator)
        wait_until(lambda: raw_faces(raw, truth) > 0)
        assert raw_faces(room.pictures(camera_id), truth) == 0, "what a viewer sees meanwhile"
        still = truth.leaks(room.operator.get(f"{path}/still").content)
        assert still is None or still[1] == 0
        room.operator.post(f"{path}/anonymization", json={"on": True}).raise_for_status()
        assert len(list(raw)) < 100, "the raw stream ends"
        assert raw_faces(room.pictures(camera_id, room.operator), truth) == 0
        pids = list(room.children())
        assert len(pids) >= 3
        maps = [Path(f"/proc/{pid}/maps").read_text() for pid in [room.process.pid, *pids]]
        assert sum("memfd:stream_anon" in one for one in maps) == 2, "what cameras share"
        assert not any("/dev/shm" in one for one in maps), "nothing that has a name"
        room.process.kill()
        wait_until(lambda: not [pid for pid in pids if is_alive(pid)], 10)
    with ControlRoom(tmp_path) as room:  # and the camera is there again
        wait_until(lambda: room.camera(camera_id)["state"] == "live")
        refused = room.operator.post(f"{path}/anonymization", json={"on": False})
        assert refused.status_code == 403, "in production"
        assert room.end() < END
