"""Whole live runs with real cameras, targets and a window: what comes out, whatever happens."""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from time import sleep
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from tests.live.clips import ServingClip, number_of, serving_clip
from tests.live.command import LiveCommand
from tests.live.leaks import exposure
from tests.live.needs import require_rtmp, require_rtsp
from tests.live.servers import RtmpTarget, RtspServer, RtspTarget
from tests.requirements import require_live
from tests.screen import PROGRAMS, open_screen
from tests.variants import variants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = """
[live]
watchdog = 1.0
backoff = 0.4
longest_backoff = 0.5
sink_timeout = 2.0
log_interval = 2.0
"""
AWAY = 'hidden_whole_frames_total{reason="away"}'
LONGEST_BACKOFF = 0.5
BACK = 2.0
"""Seconds, on top of the wait, in which everything is well again."""


@pytest.fixture
def camera(serving: ServingClip) -> Iterator[RtspServer]:
    require_rtsp()
    with RtspServer(serving.path) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "live.toml"
    path.write_text(SETTINGS)
    return path


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(picture.time or 0) for picture in container.decode(video=0)]


def numbers_of(path: Path) -> list[int | None]:
    with av.open(str(path)) as container:
        return [number_of(picture) for picture in container.decode(video=0)]


@pytest.mark.parametrize(
    "name",
    variants(
        ["walk", "eat", "face-demographics-walking-and-pause", "head-pose-face-detection-female"], 1
    ),
)
def test_a_steady_camera_is_recorded_whole_and_nobody_can_be_known(
    clip_folder: Path, tmp_path: Path, name: str
) -> None:
    require_rtsp()
    clip = serving_clip(clip_folder, name)
    if not clip.real and name != "walk":
        pytest.skip("no real footage: one run with the demo's is enough")
    target = tmp_path / "cam.mkv"
    with RtspServer(clip.path) as server, LiveCommand(server.url, "--to", target) as run:
        run.wait_for_pictures(150)
        assert run.health() == (200, {"healthy": True, "detail": "frames come in"})
        assert run.figure("source_connected") == 1
        assert run.figure('latency_seconds{quantile="0.5"}') < 0.2
        took = run.stop()
    assert took < 2
    found = exposure(clip, target)
    assert found.frames >= 150
    assert found.faces > 100
    assert found.leaked == 0
    assert found.slates == 0
    assert found.missing <= 0.02 * found.frames, "a busy machine may drop a few"
    steps = np.diff(times_of(target))
    assert np.median(steps) == pytest.approx(0.04, abs=0.002)
    assert steps.min() > 0


FAULTS: dict[str, tuple[str, str]] = {
    "killed": ("kill", "restart"),
    "frozen": ("freeze", "thaw"),
    "video stops and sound goes on": ("stop_video", "resume_video"),
}


@pytest.mark.parametrize("fault", variants(FAULTS, 1))
def test_while_a_camera_is_away_a_slate_says_so(
    fault: str, serving: ServingClip, tmp_path: Path, config: Path
) -> None:
    require_rtsp()
    hurt, heal = FAULTS[fault]
    target = tmp_path / "cam.mkv"
    arguments = ("--to", target, "--config", config)
    with (
        RtspServer(serving.path, audio=True) as camera,
        LiveCommand(camera.url, *arguments) as run,
    ):
        run.wait_for_pictures()
        getattr(camera, hurt)()
        run.wait_until(lambda: run.figure("source_connected") == 0, 5)
        run.wait_until(lambda: run.figure(AWAY) > 0, 5)
        before = run.figure(AWAY)
        sleep(2.0)
        assert 25 < run.figure(AWAY) - before < 65, "about at the stream's rate"
        getattr(camera, heal)()
        back = run.wait_until(lambda: run.figure("source_connected") == 1, 10)
        assert back < LONGEST_BACKOFF + BACK
        run.wait_for_pictures()
        assert run.figure("reconnects_total") >= 1
        run.stop()
    assert "lost rtsp" in run.said
    found = exposure(serving, target)
    assert (found.leaked, found.faces > 25) == (0, True)
    assert found.slates > 50
    _assert_time_goes_on(target)


def test_a_camera_that_changes_its_size_is_fitted_into_the_first_one(
    camera: RtspServer, serving: ServingClip, clip_folder: Path, tmp_path: Path, config: Path
) -> None:
    target = tmp_path / "cam.mkv"
    other = serving_clip(clip_folder, size=(480, 480), seconds=6)
    with LiveCommand(camera.url, "--to", target, "--config", config) as run:
        run.wait_for_pictures()
        camera.switch(other.path)
        run.wait_for_pictures(50)
        run.stop()
    with av.open(str(target)) as container:
        pictures = [p.to_ndarray(format="gray") for p in container.decode(video=0)]
    assert {picture.shape for picture in pictures} == {(720, 1280)}
    assert pictures[-1][:, :200].max() < 40, "black beside it"
    assert pictures[0][:, :200].max() > 100
    assert exposure(serving, target).leaked == 0
    _assert_time_goes_on(target)


def _assert_time_goes_on(path: Path) -> None:
    steps = [b - a for a, b in pairwise(times_of(path))]
    assert min(steps) > 0
    assert max(steps) < 1.0


@pytest.mark.parametrize("kind", variants(["rtsp", "rtmp"], 1))
def test_a_target_that_fails_is_published_to_again_and_the_file_has_everything(
    kind: str, camera: RtspServer, serving: ServingClip, tmp_path: Path, config: Path
) -> None:
    if kind == "rtmp":
        require_rtmp()
    wanted: Any = RtspTarget if kind == "rtsp" else RtmpTarget
    with wanted(tmp_path / "published") as target:
        file = tmp_path / "cam.mkv"
        to = ("--to", file, "--to", target.url)
        with LiveCommand(camera.url, *to, "--config", config) as run:
            run.wait_until(lambda: bool(target.files()))
            run.wait_for_pictures(50)
            target.kill()
            run.wait_said("failed", 10)
            before = len(target.files())
            target.restart()
            run.wait_said("is back", 10)
            run.wait_until(lambda: len(target.files()) > before, 10)
            run.wait_for_pictures(50)
            target.freeze()
            run.wait_for_pictures(50)
            target.thaw()
            run.wait_until(lambda: run.is_up(kind), 10)
            run.wait_for_pictures(50)
            # A slow machine drops frames before anything is hidden in them, for all outputs.
            counts = run.figures().items()
            late = sum(n for name, n in counts if "dropped" in name and "sink=" not in name)
            run.stop()
        published = [numbers_of(path) for path in target.files()]
    found = exposure(serving, file)
    assert found.leaked == 0
    assert found.missing <= late + 0.02 * found.frames
    assert len(published) >= 2
    assert all(numbers for numbers in published[:2])


def test_what_to_hide_can_be_changed_while_it_runs(
    camera: RtspServer, serving: ServingClip, tmp_path: Path, config: Path
) -> None:
    target = tmp_path / "cam.mkv"
    with LiveCommand(camera.url, "--to", target, "--config", config) as run:
        run.wait_for_pictures(50)
        config.write_text(SETTINGS + '[redaction]\nscope = "head"\nmethod = "fill"\n')
        run.send_signal(signal.SIGHUP)
        run.wait_said("from now on: hiding head with fill")
        run.wait_for_pictures()
        config.write_text("nonsense")
        run.send_signal(signal.SIGHUP)
        run.wait_said("settings were not reloaded")
        run.wait_for_pictures(50)
        run.stop()
    found = how_hidden(serving, target)
    before = found.count(("blurred", "face"))
    after = len(found) - before
    expected = [("blurred", "face")] * before + [("filled", "head")] * after
    assert found == expected, "changed once, both at the same frame, and never back"
    assert min(before, after) > 20
    assert exposure(serving, target).leaked == 0


def how_hidden(clip: ServingClip, recording: Path) -> list[tuple[str, str]]:
    """For each picture of one person: hidden with what, and how much of them."""
    with av.open(str(clip.path)) as container:
        originals = [picture.to_ndarray(format="gray") for picture in container.decode(video=0)]
    found: list[tuple[str, str]] = []
    with av.open(str(recording)) as container:
        for picture in container.decode(video=0):
            number, shown = number_of(picture), picture.to_ndarray(format="gray")
            if number is None or len(clip.faces[number]) != 1:
                continue
            x1, y1, x2, y2 = next(iter(clip.faces[number].values()))
            width, height = x2 - x1, y2 - y1
            columns = slice(round(x1 + width / 3), round(x2 - width / 3))
            face = shown[round(y1 + height / 4) : round(y2 - height / 4), columns]
            above = slice(max(0, round(y1 - 0.45 * height)), max(0, round(y1 - 0.25 * height)))
            if not shown[above, columns].size or not face.size:
                continue
            hair = shown[above, columns].astype(int)
            # Dark hair is nearly as dark as the fill: that it is changed says little then.
            filled = face.std() < 1
            was = originals[number][above, columns]
            over = np.abs(hair - face.mean()) < 3 if filled else np.abs(hair - was) > 24
            found.append(
                ("filled" if filled else "blurred", "head" if over.mean() > 0.5 else "face")
            )
    return found


@pytest.mark.parametrize("after", variants([0.0, 1.0, 2.0], 1))
def test_a_run_can_be_stopped_before_there_is_a_picture(tmp_path: Path, after: float) -> None:
    nobody = "rtsp://viewer:s3cret@127.0.0.1:9/cam"
    with LiveCommand(nobody, "--to", tmp_path / "cam.mkv") as run:
        run.wait_said("cannot open")
        code, health = run.health()
        assert (code, health["healthy"]) == (200, True), "it has not been away for long yet"
        sleep(after)
        assert run.stop() < 2
    assert "s3cret" not in run.said
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_killed_leaves_what_it_wrote(camera: RtspServer, tmp_path: Path) -> None:
    target = tmp_path / "cam.mp4"
    with LiveCommand(camera.url, "--to", target) as run:
        run.wait_for_pictures(75)
        sent = run.figure("frames_out_total")
        os.kill(run.pid, signal.SIGKILL)
        run.wait_end()
    sleep(1)
    assert len(numbers_of(target)) >= sent - 25


class TestPreview:
    def test_a_window_shows_the_stream_and_closing_it_ends_the_run(
        self, camera: RtspServer, tmp_path: Path
    ) -> None:
        require_live(*PROGRAMS)
        target = tmp_path / "cam.mkv"
        with (
            open_screen() as screen,
            LiveCommand(camera.url, "--preview", "--to", target, DISPLAY=screen.name) as run,
        ):
            window = screen.find("stream_anon")
            run.wait_for_pictures(50)
            picture = screen.shot(window)
            assert picture.shape[0] > 300
            assert picture.std() > 20
            screen.press(window, "s")
            run.wait_said("hiding head")
            screen.close(window)
            assert run.wait_end(10) == 0, run.said
        assert len(numbers_of(target)) > 50

    def test_raw_pictures_stay_in_the_window_of_a_debug_run(
        self, camera: RtspServer, serving: ServingClip, tmp_path: Path
    ) -> None:
        require_live(*PROGRAMS)
        target = tmp_path / "cam.mkv"
        arguments = ("--preview", "--mode", "debug", "--to", target)
        with (
            open_screen() as screen,
            LiveCommand(camera.url, *arguments, DISPLAY=screen.name) as run,
        ):
            window = screen.find("stream_anon")
            run.wait_for_pictures(25)
            screen.press(window, "r")
            run.wait_said("raw in the preview on")
            run.wait_for_pictures(50)
            screen.press(window, "q")
            assert run.wait_end(10) == 0, run.said
        assert exposure(serving, target).leaked == 0
        with av.open(str(target)) as container:
            for picture in container.decode(video=0):
                red = np.asarray(picture.to_ndarray(format="rgb24"))[4, 4]
                assert int(red[0]) - int(red[1]) > 60, "the banner is in every picture"

    def test_without_a_display_it_says_so_at_once(self, camera: RtspServer) -> None:
        with LiveCommand(camera.url, "--preview", DISPLAY="", WAYLAND_DISPLAY="") as run:
            assert run.wait_end(10) == 4
        assert "display" in run.said
