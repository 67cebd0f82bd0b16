"""The servers that other live tests lean on: they serve, and fail in the way they are told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.live.camera_network import NamespacedServer
from tests.live.clips import ServingClip, number_of, read_number, serving_clip
from tests.live.needs import require_network, require_rtsp
from tests.live.process import is_open, wait_until
from tests.live.servers import FaultProxy, RtspServer
from tests.live.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator


ROOT = Path(__file__).parents[2]
SHORTEST = "head-pose-face-detection-female"
STILL = 0.8
"""Seconds without a frame that count as silence."""


@pytest.fixture
def camera(serving: ServingClip) -> Iterator[RtspServer]:
    require_rtsp()
    with RtspServer(serving.path) as server:
        yield server


# -- the video --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["walk", "demo"])
def test_a_serving_clip_is_what_a_camera_sends(clip_folder: Path, name: str) -> None:
    clip = serving_clip(clip_folder, name, seconds=4, size=(640, 360))
    with av.open(str(clip.path)) as container:
        frames = list(container.decode(video=0))
    assert [number_of(frame) for frame in frames] == list(range(clip.frames))
    assert [k for k, f in enumerate(frames) if f.key_frame] == list(range(0, clip.frames, 25))
    assert {frame.pict_type for frame in frames} <= {1, 2}, "no B-frames"
    assert (frames[0].width, frames[0].height) == (clip.width, clip.height) == (640, 360)
    assert len(clip.faces) == clip.frames
    assert any(clip.faces)
    boxes = np.array([box for faces in clip.faces for box in faces.values()])
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= 640
    assert boxes[:, 3].max() <= 360


def test_a_number_that_cannot_be_read_is_none() -> None:
    assert read_number(np.full((720, 1280), 128, np.uint8)) is None
    assert read_number(np.full((720, 1280), 20, np.uint8)) is None


# -- a camera ---------------------------------------------------------------------------------


def test_a_camera_sends_every_frame_in_real_time_and_starts_over(clip_folder: Path) -> None:
    require_rtsp()
    clip = serving_clip(clip_folder, SHORTEST, seconds=1, size=(640, 360))
    with RtspServer(clip.path) as server, Watcher(server.url) as watcher:
        seen = watcher.frames(2 * clip.frames + 5)
    first = seen[0].number
    assert first is not None
    expected = [(first + k) % clip.frames for k in range(len(seen))]
    assert [frame.number for frame in seen] == expected
    times = [frame.time for frame in seen[1:] if frame.time is not None]
    assert np.diff(times) == pytest.approx(1 / 25, abs=1e-4), "times go on where it starts over"
    late = seen[clip.frames :]
    assert late[-1].at - late[0].at == pytest.approx((len(late) - 1) / 25, abs=0.2)


def test_a_killed_camera_ends_the_stream_and_comes_back(camera: RtspServer) -> None:
    with Watcher(camera.url) as watcher:
        watcher.frames(5)
        camera.kill()
        assert not is_open(camera.host, camera.port)
        with pytest.raises(RuntimeError, match="Watcher ended"):
            watcher.frames(100, STILL)
    camera.restart()
    with Watcher(camera.url) as watcher:
        assert watcher.frames(1)[0].number == 0


def test_a_frozen_camera_is_silent_and_goes_on_with_now(camera: RtspServer) -> None:
    with Watcher(camera.url) as watcher:
        watcher.frames(5)
        camera.freeze()
        watcher.drain(0.2)
        assert watcher.frame(1.2) is None
        assert is_open(camera.host, camera.port), "the kernel still takes connections"
        camera.thaw()
        seen = watcher.frames(30, 2.0)
    times = [frame.time for frame in seen if frame.time is not None]
    assert max(np.diff(times)) > 1, "what it missed is gone"
    assert [f.number for f in seen[-10:]] == list(
        range(seen[-10].number or 0, (seen[-10].number or 0) + 10)
    )


def test_video_stops_while_sound_goes_on(serving: ServingClip) -> None:
    require_rtsp()
    with (
        RtspServer(serving.path, audio=True) as camera,
        Watcher(camera.url) as watcher,
    ):
        watcher.frames(5)
        camera.stop_video()
        watcher.drain(0.3)
        before = watcher.sounds
        assert watcher.frame(STILL) is None
        assert watcher.sounds - before > 20
        camera.resume_video()
        watcher.frames(5, 1.0)


def test_a_camera_changes_its_size_within_the_stream(camera: RtspServer, clip_folder: Path) -> None:
    small = serving_clip(clip_folder, "eat", seconds=1, size=(640, 360))
    with Watcher(camera.url) as watcher:
        watcher.frames(5)
        camera.switch(small.path)
        seen = watcher.frames(30)
    sizes = [(frame.width, frame.height) for frame in seen]
    assert sizes[0] == (1280, 720)
    assert sizes[-1] == (640, 360)
    assert seen[sizes.index((640, 360))].number == 0


@pytest.mark.parametrize("audio", [False, True], ids=["silent", "with sound"])
def test_a_client_that_comes_later_joins_where_the_video_is(
    serving: ServingClip, audio: bool
) -> None:
    require_rtsp()
    with RtspServer(serving.path, audio=audio) as camera, Watcher(camera.url) as first:
        first.frames(5)
        with Watcher(camera.url) as later:
            assert (later.frames(1)[0].number or 0) > 0
        first.frames(30)


@pytest.mark.parametrize("digest", [False, True], ids=["basic", "digest"])
def test_a_camera_asks_for_user_and_password(serving: ServingClip, digest: bool) -> None:
    require_rtsp()
    with RtspServer(serving.path, login=("ann", "s3cret"), digest=digest) as camera:
        assert "s3cret" not in camera.url
        with Watcher(camera.full_url) as watcher:
            watcher.frames(1)
        with Watcher(camera.url) as watcher, pytest.raises(RuntimeError, match="401"):
            watcher.frames(1)


@pytest.mark.parametrize("way", ["tcp", "udp"])
def test_a_camera_speaks_the_transports_it_is_told(serving: ServingClip, way: str) -> None:
    require_rtsp()
    other = {"tcp": "udp", "udp": "tcp"}[way]
    with RtspServer(serving.path, transports=[way]) as camera:  # type: ignore[list-item]
        with Watcher(camera.url, rtsp_transport=way) as watcher:
            watcher.frames(3)
        with Watcher(camera.url, rtsp_transport=other) as watcher, pytest.raises(RuntimeError):
            watcher.frames(1)


def test_the_first_frame_need_not_be_a_keyframe(serving: ServingClip) -> None:
    require_rtsp()
    with RtspServer(serving.path, first=7) as camera, Watcher(camera.url) as watcher:
        assert watcher.frames(1)[0].number == 25, "nothing can be shown before the next keyframe"


def test_nothing_outlives_a_killed_test_run(serving: ServingClip) -> None:
    require_rtsp()
    program = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'scripts')]}\n"
        "from pathlib import Path\n"
        "from tests.live.servers import RtspServer\n"
        f"server = RtspServer(Path({str(serving.path)!r})).start()\n"
        "server.freeze()\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        run.send_signal(signal.SIGKILL)
    wait_until(lambda: not _alive(pid), 2)


# -- a bad line -------------------------------------------------------------------------------


@pytest.fixture
def line(camera: RtspServer) -> Iterator[FaultProxy]:
    with FaultProxy(camera.port) as proxy:
        yield proxy


def test_a_stalled_line_is_silent_and_delivers_later(camera: RtspServer, line: FaultProxy) -> None:
    with Watcher(line.url(camera.url)) as watcher:
        watcher.frames(5)
        line.stall()
        watcher.drain(0.2)
        assert watcher.frame(STILL) is None
        line.heal()
        numbers = [frame.number for frame in watcher.frames(30, 2.0)]
    assert None not in numbers
    assert list(np.diff(np.array(numbers, int))) == [1] * 29, "TCP loses nothing"


def test_a_cut_line_ends_the_stream_and_takes_a_new_one(
    camera: RtspServer, line: FaultProxy
) -> None:
    with Watcher(line.url(camera.url)) as watcher:
        watcher.frames(5)
        line.cut()
        with pytest.raises(RuntimeError, match="Watcher ended"):
            watcher.frames(100, STILL)
    with Watcher(line.url(camera.url)) as watcher:
        watcher.frames(1)
    line.refuse()
    with Watcher(line.url(camera.url)) as watcher, pytest.raises(RuntimeError):
        watcher.frames(1)


def test_garbage_breaks_the_connection(camera: RtspServer, line: FaultProxy) -> None:
    with Watcher(line.url(camera.url)) as watcher:
        watcher.frames(5)
        line.garbage(5000)
        with pytest.raises(RuntimeError, match="Watcher ended"):
            watcher.frames(100)


def test_thin_garbage_damages_pictures_and_leaves_the_connection(
    camera: RtspServer, line: FaultProxy
) -> None:
    with Watcher(line.url(camera.url)) as watcher:
        watcher.frames(5)
        line.garbage(60_000, 3001)
        with pytest.raises(AssertionError):
            _assert_flawless(watcher, 50)
        watcher.frames(5)


# -- a pulled cable ---------------------------------------------------------------------------


def test_a_pulled_cable_is_silence_without_a_word(serving: ServingClip) -> None:
    require_network()
    with NamespacedServer(serving.path) as camera:
        assert camera.reachable
        with Watcher(camera.url) as watcher:
            watcher.frames(5)
            camera.drop()
            watcher.drain(0.2)
            assert watcher.frame(STILL) is None
            assert not camera.reachable
            camera.heal()
            assert camera.reachable
            watcher.frames(10, 5.0)
        camera.restart()
        assert camera.reachable


def _assert_flawless(watcher: Watcher, count: int) -> None:
    numbers = [frame.number for frame in watcher.frames(count, 2.0)]
    assert None not in numbers
    assert set(np.diff(np.array(numbers, int))) == {1}


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
