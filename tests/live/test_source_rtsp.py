"""A live source and a real RTSP camera on good and bad days."""

from __future__ import annotations

import logging
import threading
from itertools import islice, pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from stream_anon.sources.live.clock import TICKS
from tests.live.camera_network import NamespacedServer
from tests.live.clips import GOP, ServingClip, read_number, serving_clip
from tests.live.needs import require_network, require_rtsp
from tests.live.servers import FaultProxy, RtspServer
from tests.live_sources import WATCHDOG, connected, opening_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.core.frame import Frame
    from stream_anon.sources.live.source import LiveSource

BACK = 2.0
"""Seconds, on top of the wait, within which a camera that is back is seen again."""
LONGEST_WAIT = 0.4


@pytest.fixture
def camera(serving: ServingClip) -> Iterator[RtspServer]:
    require_rtsp()
    with RtspServer(serving.path) as server:
        yield server


def numbers(frames: list[Frame]) -> list[int]:
    found = [read_number(frame.planes[0]) for frame in frames]
    assert None not in found, "a picture is not what the camera showed"
    return [number for number in found if number is not None]


def is_without_gap(seen: list[int], count: int) -> bool:
    return all((b - a) % count == 1 for a, b in pairwise(seen))


def read_until_back(source: LiveSource, frames: Iterator[Frame]) -> tuple[list[Frame], Frame]:
    """Frames before the source was lost, and the first one after it."""
    before: list[Frame] = []
    reconnects = source.state.reconnects
    for frame in frames:
        if source.state.reconnects > reconnects:
            return before, frame
        before.append(frame)
    raise AssertionError("the source ended")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_all_frames_come_in_time(camera: RtspServer, serving: ServingClip, transport: str) -> None:
    begun = monotonic()
    with connected(camera.url, rtsp_transport=transport) as source:
        frames = list(islice(source.frames(), 75))
    assert frames[0].captured_at - begun < 2.5
    assert (source.info.width, source.info.height) == (1280, 720)
    assert source.info.rate == 25
    assert is_without_gap(numbers(frames[25:]), serving.frames)
    assert not any(frame.corrupt for frame in frames)
    assert [frame.index for frame in frames if frame.discontinuity] == [0]
    steps = np.diff([frame.pts for frame in frames[25:]]) / TICKS
    assert np.allclose(steps, 0.04, atol=0.001)
    assert source.state.dropped == 0


def test_nothing_is_shown_before_the_first_keyframe(serving: ServingClip) -> None:
    require_rtsp()
    with RtspServer(serving.path, first=13) as camera, connected(camera.url) as source:
        frames = list(islice(source.frames(), 5))
    assert numbers(frames)[0] >= GOP
    assert not any(frame.corrupt for frame in frames)


def test_a_camera_with_sound_and_a_login_is_read(
    serving: ServingClip, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    require_rtsp()
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("STREAM_ANON_USER", "viewer")
    monkeypatch.setenv("STREAM_ANON_PASSWORD", "s3cret/@:")
    for digest in (False, True):
        login = ("viewer", "s3cret/@:")
        with (
            RtspServer(serving.path, audio=True, login=login, digest=digest) as camera,
            connected(camera.url) as source,
        ):
            assert next(source.frames()).width == 1280
    monkeypatch.setenv("STREAM_ANON_PASSWORD", "s3cret-but-wrong")
    with RtspServer(serving.path, login=("viewer", "other")) as camera:
        said = opening_error(camera.url, attempts=1)
    assert "login required or rejected: set STREAM_ANON_USER and STREAM_ANON_PASSWORD" in said
    assert "s3cret" not in said + caplog.text


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_killed_camera_that_comes_back(camera: RtspServer, transport: str) -> None:
    with connected(camera.url, rtsp_transport=transport) as source:
        frames = source.frames()
        list(islice(frames, 30))
        camera.kill()
        threading.Timer(WATCHDOG + 1, camera.restart).run()
        healed = monotonic()
        _, back = read_until_back(source, frames)
        assert back.captured_at - healed < LONGEST_WAIT + BACK
        assert back.discontinuity
        assert not back.corrupt


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_frozen_camera_is_left_after_the_watchdog(camera: RtspServer, transport: str) -> None:
    with connected(camera.url, rtsp_transport=transport) as source:
        frames = source.frames()
        list(islice(frames, 30))
        camera.freeze()
        frozen = monotonic()
        thaw = threading.Timer(WATCHDOG + 1.5, camera.thaw)
        thaw.start()
        before, back = read_until_back(source, frames)
        thaw.join()
    assert len(before) < 10
    assert source.state.last_good is not None
    assert back.captured_at - frozen < WATCHDOG + 1.5 + LONGEST_WAIT + BACK
    assert back.discontinuity


def test_sound_that_goes_on_does_not_keep_a_source_alive(serving: ServingClip) -> None:
    require_rtsp()
    with RtspServer(serving.path, audio=True) as camera, connected(camera.url) as source:
        frames = source.frames()
        list(islice(frames, 30))
        camera.stop_video()
        stopped = monotonic()
        reading = threading.Thread(target=read_until_back, args=(source, frames))
        reading.start()
        while source.state.connected:
            assert monotonic() - stopped < WATCHDOG + 1
        assert source.state.reason == "no intact picture for 1 s"
        camera.resume_video()
        reading.join(10)
        assert source.state.reconnects == 1


def test_a_cable_that_is_pulled_and_plugged_in_again(serving: ServingClip) -> None:
    require_network()
    with NamespacedServer(serving.path) as camera, connected(camera.url) as source:
        frames = source.frames()
        list(islice(frames, 30))
        camera.drop()
        dropped = monotonic()
        heal = threading.Timer(WATCHDOG + 1, camera.heal)
        heal.start()
        _, back = read_until_back(source, frames)
        heal.join()
        assert back.captured_at - dropped < 2 * WATCHDOG + 3.0 + LONGEST_WAIT + BACK
        assert back.discontinuity


def test_no_picture_that_lost_packets_hurt_passes_for_whole(serving: ServingClip) -> None:
    require_network()
    with av.open(str(serving.path)) as video:
        sent = [frame.to_ndarray()[: serving.height] for frame in video.decode(video=0)]
    with (
        NamespacedServer(serving.path) as camera,
        connected(camera.url, rtsp_transport="udp", watchdog=10) as source,
    ):
        frames = source.frames()
        next(frames)
        camera.lose(0.02)
        seen = list(islice(frames, 200))
    whole = [frame for frame in seen if not frame.corrupt]
    assert 0 < len(whole) < len(seen)
    for frame, number in zip(whole, numbers(whole), strict=True):
        assert np.array_equal(frame.planes[0], sent[number])
    assert source.losses.reason == "packets were lost in transit"


@pytest.mark.parametrize(
    "hurt",
    [lambda proxy: proxy.garbage(200_000, 50), lambda proxy: proxy.stall()],
    ids=["garbage", "stall"],
)
def test_a_bad_line_shows_nothing_that_was_not_sent(
    camera: RtspServer, serving: ServingClip, hurt: Callable[[Any], None]
) -> None:
    with FaultProxy(camera.port) as proxy, connected(proxy.url(camera.url)) as source:
        frames = source.frames()
        list(islice(frames, 30))
        hurt(proxy)
        threading.Timer(WATCHDOG + 1, proxy.heal).start()
        seen = list(islice(frames, 50))
    whole = [frame for frame in seen if not frame.corrupt]
    assert len(whole) > 20
    assert all(0 <= number < serving.frames for number in numbers(whole))


def test_a_camera_that_changes_its_size(camera: RtspServer, clip_folder: Path) -> None:
    small = serving_clip(clip_folder, "eat", seconds=1, size=(640, 480))
    with connected(camera.url) as source:
        frames = source.frames()
        list(islice(frames, 30))
        camera.switch(small.path)
        seen = list(islice(frames, 40))
    assert {(frame.width, frame.height) for frame in seen} == {(1280, 720)}
    fitted = [bool(frame.planes[0][:, :100].max() < 20) for frame in seen]
    at = fitted.index(True)
    assert seen[at].discontinuity
    assert all(fitted[at:])
