"""A live source, with servers and processes that do what cameras do on bad days."""

from __future__ import annotations

import logging
import os
import signal
import threading
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from stream_anon.core.frame import Frame
from stream_anon.sources.file import MediaSource
from stream_anon.sources.live.clock import TICKS
from tests.feeds import GOP, HOLD, Feed, clip, noise, paced, pieces, steady
from tests.live_sources import AT_ONCE, WATCHDOG, child_of, connected, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.feeds import Step

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feeds")


@pytest.fixture(scope="module")
def video(folder: Path) -> Path:
    """A second with numbered pictures."""
    return clip(folder / "video.ts")


@pytest.fixture(scope="module")
def long(folder: Path) -> Path:
    return clip(folder / "long.ts", frames=500)


# -- lost and back --------------------------------------------------------------------------------


def test_a_server_that_goes_and_comes_back(
    video: Path, long: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def short() -> Iterator[Step]:
        yield from paced(pieces(video)[:20])

    with Feed(short, steady(long)) as feed, connected(feed.url) as source:
        feed.down()
        threading.Timer(2.0, feed.up).start()
        before: list[Frame] = []
        for frame in source.frames():
            if source.state.reconnects:
                break
            before.append(frame)
    assert len(before) <= 20
    assert frame.index == len(before)
    assert frame.discontinuity
    gap = (frame.pts - before[-1].pts) / TICKS
    assert gap == pytest.approx(frame.captured_at - before[-1].captured_at, abs=0.2)
    assert 1 < gap < 2 + 2
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == f"connected to {feed.url}, 320x180 at 50 frames/s"
    assert said[1].startswith(f"lost {feed.url}: the stream ended; retrying in 0.")
    assert any(f"cannot open {feed.url}: connection refused; retrying" in line for line in said[2:])
    assert said[-1] == said[0]


def test_state_says_that_it_is_away_and_why(video: Path) -> None:
    with Feed(steady(video)) as feed, connected(feed.url) as source:
        frames = source.frames()
        next(frames)
        assert source.state.connected
        assert source.state.reason == ""
        assert source.clock_now() > 0
        feed.down()
        reader = threading.Thread(target=lambda: list(frames))
        reader.start()
        wait_for(lambda: not source.state.connected, 6)
        state, before = source.state, source.clock_now()
        assert state.reason == "no intact picture for 1 s"
        assert state.last_good is not None
        assert state.last_good < state.since <= monotonic()
        sleep(0.2)
        assert source.clock_now() - before == pytest.approx(0.2 * TICKS, abs=0.1 * TICKS)
        source.cancel()
        reader.join(AT_ONCE)
        assert not reader.is_alive()


def test_silence_is_noticed_by_the_watchdog(video: Path, long: Path) -> None:
    def short() -> Iterator[Step]:
        yield from paced(pieces(video)[:20])
        yield HOLD

    with Feed(short, steady(long)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 60))
    back = next(frame for frame in frames[1:] if frame.discontinuity)
    away = back.captured_at - frames[back.index - 1].captured_at
    assert WATCHDOG - 0.1 < away < WATCHDOG + 2
    assert source.state.reconnects == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_capture_process_that_dies_or_hangs_is_replaced(long: Path, how: signal.Signals) -> None:
    with Feed(steady(long)) as feed, connected(feed.url) as source:
        frames = source.frames()
        list(islice(frames, 10))
        first = child_of(source)
        os.kill(first, how)
        begun = monotonic()
        while not source.state.reconnects:
            frame = next(frames)
        assert monotonic() - begun < WATCHDOG + 2
        assert frame.discontinuity
        assert child_of(source) != first
        assert not Path(f"/proc/{first}").exists()


def test_garbage_is_never_shown(long: Path) -> None:
    def act() -> Iterator[Step]:
        yield from paced(pieces(long)[: 3 * GOP])
        yield from noise()

    with Feed(act, steady(long)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 6 * GOP))
        assert source.state.reconnects >= 1
    originals = {frame.planes[0].tobytes() for frame in MediaSource(long).frames()}
    assert all(frame.planes[0].tobytes() in originals for frame in frames if not frame.corrupt)
