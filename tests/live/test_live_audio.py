"""Sound of a real camera: recorded and published in step with the picture, silent while away."""

from __future__ import annotations

from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from tests.live.clips import ServingClip, number_of
from tests.live.command import LiveCommand
from tests.live.leaks import exposure
from tests.live.needs import require_rtmp, require_rtsp
from tests.live.servers import RtmpTarget, RtspServer, RtspTarget
from tests.media import sound
from tests.variants import variants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APART = 0.04
"""Seconds that a tick may be from the picture that the camera shows with it."""
SETTINGS = """
[live]
watchdog = 1.0
backoff = 0.4
longest_backoff = 0.5
log_interval = 2.0
"""


@pytest.fixture
def camera(serving: ServingClip) -> Iterator[RtspServer]:
    """Ticks with every 25th picture, from the first one on."""
    require_rtsp()
    with RtspServer(serving.path, audio=True) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "live.toml"
    path.write_text(SETTINGS)
    return path


def lags(path: Path) -> list[float]:
    """How late each tick is, in seconds, against the picture that came with it."""
    pictures: list[tuple[int | None, float]] = []
    # What a server keeps may end in the middle of a picture.
    with suppress(av.InvalidDataError), av.open(str(path)) as file:
        pictures += ((number_of(p), float(p.time or 0)) for p in file.decode(video=0))
    due = np.array([time for number, time in pictures if number is not None and number % 25 == 0])
    assert len(due) > 2
    ticks = [tick for tick in ticks_in(path) if np.abs(due - tick).min() < 0.5]
    return [float(tick - due[np.abs(due - tick).argmin()]) for tick in ticks]


def ticks_in(path: Path) -> list[float]:
    start, rate, samples = sound(path)
    loud = np.flatnonzero(np.abs(samples).max(axis=0) > 0.3) / rate + start
    return [float(at) for k, at in enumerate(loud) if k == 0 or at - loud[k - 1] > 0.5]


@pytest.mark.parametrize(
    ("name", "audio"),
    variants(
        [("cam.mkv", "disguise"), ("cam.mp4", "copy"), ("cam.ts", "copy"), ("cam.mkv", "copy")], 2
    ),
)
def test_sound_is_recorded_in_step_with_the_picture(
    name: str, audio: str, camera: RtspServer, serving: ServingClip, tmp_path: Path, config: Path
) -> None:
    target = tmp_path / name
    arguments = ("--to", target, "--config", config, "--audio", audio)
    with LiveCommand(camera.url, *arguments) as run:
        run.wait_for_pictures(150)
        run.stop()
    found = lags(target)
    assert len(found) > 3
    assert np.abs(found).max() < APART, found
    assert exposure(serving, target).leaked == 0


@pytest.mark.parametrize("kind", variants(["rtsp", "rtmp"], 1))
def test_sound_is_published_in_step_with_the_picture(
    kind: str, camera: RtspServer, tmp_path: Path, config: Path
) -> None:
    folder = tmp_path / "kept"
    if kind == "rtmp":
        require_rtmp()
    with RtspTarget(folder, audio=True) if kind == "rtsp" else RtmpTarget(folder) as target:
        arguments = ("--to", target.url, "--config", config, "--audio", "copy")
        with LiveCommand(camera.url, *arguments) as run:
            run.wait_until(lambda: bool(target.files()))
            run.wait_for_pictures(150)
            run.stop()
        found = lags(target.files()[0])
    assert len(found) > 2
    assert np.abs(found).max() < 2 * APART, found  # the server writes times of its own


def test_while_the_camera_is_away_it_is_silent_and_then_in_step_again(
    camera: RtspServer, serving: ServingClip, tmp_path: Path, config: Path
) -> None:
    target = tmp_path / "cam.mkv"
    arguments = ("--to", target, "--config", config, "--audio", "copy")
    with LiveCommand(camera.url, *arguments) as run:
        run.wait_for_pictures(75)
        camera.kill()
        run.wait_until(lambda: run.figure("source_connected") == 0, 5)
        sleep(2)
        camera.restart()
        run.wait_until(lambda: run.figure("source_connected") == 1, 10)
        run.wait_for_pictures(100)
        run.stop()
    with av.open(str(target)) as file:
        slates = [float(p.time or 0) for p in file.decode(video=0) if number_of(p) is None]
    start, rate, samples = sound(target)
    first, last = (round((time - start) * rate) for time in (slates[0], slates[-1]))
    assert last - first > 1.5 * rate
    assert np.abs(samples[:, first + rate // 10 : last]).max() < 0.01
    found = lags(target)
    assert len(found) > 4
    assert np.abs(found).max() < APART, found
    assert exposure(serving, target).leaked == 0


def test_a_camera_without_sound_is_told_and_recorded(
    serving: ServingClip, tmp_path: Path, config: Path
) -> None:
    require_rtsp()
    target = tmp_path / "cam.mkv"
    arguments = ("--to", target, "--config", config, "--audio", "copy")
    with RtspServer(serving.path) as camera, LiveCommand(camera.url, *arguments) as run:
        run.wait_for_pictures(10)
        run.stop()
    assert "has no sound that can be read" in run.said
    with av.open(str(target)) as file:
        assert [stream.type for stream in file.streams] == ["video"]


def test_sound_is_dropped_unless_asked_for(
    camera: RtspServer, tmp_path: Path, config: Path
) -> None:
    target = tmp_path / "cam.mkv"
    with LiveCommand(camera.url, "--to", target, "--config", config) as run:
        run.wait_for_pictures(10)
        run.stop()
    with av.open(str(target)) as file:
        assert [stream.type for stream in file.streams] == ["video"]
