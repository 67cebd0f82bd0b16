"""Outputs and taps that come and go while a live run goes on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon import ConfigError, RedactedFrame, SinkError, SourceError
from stream_anon.detectors import registry as detectors
from stream_anon.sources import registry as sources
from tests.live_sources import wait_for
from tests.runs import lumas
from tests.stubs import make_plane
from tests.toys import array_source, plates

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon import LiveRun

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

WIDTH, HEIGHT = 320, 192
COUNT = 100
TENS, ONES = (
    (slice(HEIGHT - 32, HEIGHT), slice(left, left + 32)) for left in (WIDTH - 64, WIDTH - 32)
)
"""Squares as bright as the digits of the frame's number."""
FIRST, STEP = 20, 18
SENTINEL = 240
"""Brightness of what is to be hidden; nothing else is nearly as bright."""
SETTINGS = {"live.latency": 1.0, "live.backoff": 0.1, "redaction.color": "#202020"}
WAIT = 20.0


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four seconds of a bright plate that moves, every frame numbered."""
    monkeypatch.setitem(detectors.BUILT_IN, "plates", plates.ROW)
    monkeypatch.setattr(sources, "ROWS", (array_source.ROW, *sources.ROWS))
    frames = np.repeat(make_plane(HEIGHT, WIDTH, pattern="texture")[None] // 2, COUNT, axis=0)
    for index, frame in enumerate(frames):
        frame[50:100, 20 + 2 * index : 80 + 2 * index] = SENTINEL
        frame[TENS], frame[ONES] = (FIRST + STEP * digit for digit in divmod(index, 10))
    np.save(tmp_path / "film.npy", frames)
    return tmp_path / "film.npy"


def prepared(film: Path, *to: Path) -> LiveRun:
    return stream_anon.prepare_live(
        film, pace=True, to=to, scope="plate", method="fill", settings=SETTINGS
    )


def number_in(luma: NDArray[np.uint8]) -> int:
    tens, ones = (round((float(np.median(luma[at])) - FIRST) / STEP) for at in (TENS, ONES))
    return 10 * tens + ones


def numbers(path: Path) -> list[int]:
    """Of the frames in a file that can be played, none of which shows the plate."""
    found = lumas(path)
    for index, luma in found.items():
        assert luma.max() < SENTINEL - 30, (path.name, index)
    return [number_in(luma) for luma in found.values()]


def shown_by(run: LiveRun) -> int:
    """Pictures that went out so far."""
    return run.stats.snapshot().frames_out


def test_the_plate_would_be_seen(film: Path) -> None:
    assert np.load(film).max(axis=(1, 2)).min() == SENTINEL


def test_an_output_that_is_added_begins_there_and_one_that_is_dropped_ends(
    film: Path, tmp_path: Path
) -> None:
    always, added = tmp_path / "always.mkv", tmp_path / "added.mkv"
    with prepared(film, always).start() as run:
        wait_for(lambda: shown_by(run) >= 20, WAIT)
        before = shown_by(run)
        assert run.add_output(added) == str(added)
        wait_for(lambda: shown_by(run) >= 60, WAIT)
        run.drop_output(added)
        after = shown_by(run)
        there = numbers(added)
        assert str(added) not in run.stats.snapshot().sinks
        figures = run.wait(WAIT)
    assert run.incomplete == {}
    everything = numbers(always)
    assert len(everything) == figures.frames_out
    begin = before + 3
    assert everything[before - 2] <= there[0] <= everything[begin]
    assert everything[60 - 3] <= there[-1] <= everything[min(after, len(everything) - 1)]
    assert there == everything[everything.index(there[0]) :][: len(there)], "without gaps"
    assert numbers(added) == there, "nothing came after it was dropped"


def test_one_that_cannot_be_opened_disturbs_nobody(film: Path, tmp_path: Path) -> None:
    always, camera = tmp_path / "always.mkv", "camera:/dev/no-such-camera"
    with prepared(film, always).start() as run:
        wait_for(lambda: shown_by(run) >= 10, WAIT)
        assert run.add_output(camera) == camera
        wait_for(lambda: camera in run.incomplete, WAIT)
        wait_for(lambda: shown_by(run) >= 60, WAIT)
        figures = run.wait(WAIT)
    assert len(numbers(always)) == figures.frames_out >= 60
    assert list(run.incomplete) == [camera]
    assert "virtual camera" in run.incomplete[camera]


def test_taps_get_what_goes_out_and_wake_at_the_end(film: Path) -> None:
    run = stream_anon.prepare_live(
        film, pace=True, to=["udp://127.0.0.1:9"], scope="plate", method="fill", settings=SETTINGS
    )
    early = run.tap()
    seen: dict[str, list[RedactedFrame]] = {"early": [], "late": []}

    def collect(name: str, tap: stream_anon.TapSink) -> None:
        seen[name] += list(tap)

    with ThreadPoolExecutor(2) as pool, run.start():
        consumers = [pool.submit(collect, "early", early)]
        wait_for(lambda: len(seen["early"]) or shown_by(run) >= 40, WAIT)
        closed, late = run.tap(), run.tap()
        closed.close()
        consumers.append(pool.submit(collect, "late", late))
        run.wait(WAIT)
        for consumer in consumers:
            consumer.result(WAIT)
    assert run.tap().latest() is None, "there will be no more"
    for frames in seen.values():
        assert all(type(frame) is RedactedFrame for frame in frames)
        assert max(int(frame.planes[0].max()) for frame in frames) < SENTINEL - 30
        found = [number_in(frame.planes[0]) for frame in frames]
        assert found == sorted(found)
        assert found[-1] >= COUNT - 2
    assert len(seen["early"]) > COUNT / 4
    assert number_in(seen["early"][0].planes[0]) < 10
    assert number_in(seen["late"][0].planes[0]) > 30


def test_a_consumer_that_does_nothing_delays_nobody(film: Path, tmp_path: Path) -> None:
    run = prepared(film, tmp_path / "out.mkv")
    idle = run.tap()
    figures = run.run()
    assert idle.dropped == figures.frames_out - 1 > COUNT / 2
    last = idle.latest()
    assert last is not None
    assert last.planes[0].max() < SENTINEL - 30
    assert idle.latest() is None


def test_what_comes_and_goes_before_the_run_counts(film: Path, tmp_path: Path) -> None:
    run = prepared(film, tmp_path / "one.mkv")
    run.add_output(tmp_path / "two.mkv")
    run.drop_output(tmp_path / "one.mkv")
    figures = run.run()
    assert not (tmp_path / "one.mkv").exists()
    assert len(numbers(tmp_path / "two.mkv")) == figures.frames_out > COUNT / 2
    with pytest.raises(SinkError, match="the run has ended"):
        run.add_output(tmp_path / "three.mkv")


def test_what_makes_no_sense_is_refused_and_shows_no_password(film: Path, tmp_path: Path) -> None:
    run = prepared(film, tmp_path / "one.mkv")
    with pytest.raises(ConfigError, match="named twice"):
        run.add_output(tmp_path / "one.mkv")
    with pytest.raises(SinkError, match="nowhere does not exist"):
        run.add_output(tmp_path / "nowhere" / "out.mkv")
    with pytest.raises(ConfigError, match="is not a valid output"):
        run.add_output("out.xyz")
    with pytest.raises(ConfigError, match="there is no output rtsp://host/cam to drop") as caught:
        run.drop_output("rtsp://me:s3cret@host/cam")
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in run.add_output("rtsp://me:s3cret@host/cam")
    run.drop_output("rtsp://me:s3cret@host/cam")
    with run:
        pass
    assert run.tap().latest() is None, "it will never run"


def test_many_threads_may_do_it_at_once(film: Path, tmp_path: Path) -> None:
    with prepared(film, tmp_path / "always.mkv").start() as run:
        wait_for(lambda: shown_by(run) >= 5, WAIT)

        def come_and_go(number: int) -> int:
            path = tmp_path / f"{number}.mkv"
            before = shown_by(run)
            run.add_output(path)
            tap = run.tap()
            wait_for(lambda: shown_by(run) >= before + 40, WAIT)
            tap.close()
            run.drop_output(str(path))
            return len(numbers(path))

        with ThreadPoolExecutor(3) as pool:
            assert min(pool.map(come_and_go, range(3))) > 20
        run.wait(WAIT)
    assert run.incomplete == {}
    assert len(numbers(tmp_path / "always.mkv")) == shown_by(run)


# -- running --------------------------------------------------------------------------------------


def test_a_run_runs_once(film: Path, tmp_path: Path) -> None:
    run = prepared(film, tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists(), "prepared is not begun"
    with run.start():
        with pytest.raises(ConfigError, match="runs once"):
            run.run()
        with pytest.raises(TimeoutError):
            run.wait(0)
        wait_for(lambda: shown_by(run) >= 5, WAIT)
        assert "stream_anon run" in {thread.name for thread in threading.enumerate()}
    assert 5 <= len(numbers(tmp_path / "out.mkv")) < COUNT, "leaving it has stopped it"
    assert run.wait(0).frames_out == shown_by(run)


def test_waiting_raises_what_ended_the_run(tmp_path: Path) -> None:
    run = stream_anon.prepare_live(tmp_path / "none.mp4", pace=True, to=[tmp_path / "out.mkv"])
    tap = run.tap()
    with run.start():
        with pytest.raises(SourceError, match=r"none\.mp4"):
            run.wait(WAIT)
        assert tap.latest() is None, "whoever waits is woken"
