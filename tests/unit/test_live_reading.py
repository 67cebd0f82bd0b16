"""What comes from a live source: whole pictures, in time, in one size."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.errors import SourceError
from stream_anon.sources.file import MediaSource
from stream_anon.sources.live.clock import TICKS
from tests.feeds import GOP, RATE, Feed, clip, paced, pieces, steady
from tests.live_sources import WATCHDOG, child_of, connected, live, number_of, opening_error

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


# -- steady ---------------------------------------------------------------------------------------


def test_frames_come_as_they_are_sent(long: Path) -> None:
    originals = list(MediaSource(long).frames())
    whole = {b"".join(plane.tobytes() for plane in frame.planes) for frame in originals}
    with Feed(steady(long)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 40))
        state = source.state
    info = source.info
    assert (info.width, info.height, info.live) == (320, 180, True)
    assert info.rate == RATE
    assert [frame.index for frame in frames] == list(range(40))
    assert all(b"".join(plane.tobytes() for plane in frame.planes) in whole for frame in frames)
    assert [frame.index for frame in frames if frame.discontinuity] == [0]
    assert not any(frame.corrupt for frame in frames)
    steps = [(b.pts - a.pts) / TICKS for a, b in pairwise(frames[-20:])]
    assert all(0 < step < 0.1 for step in steps)
    assert sum(steps) == pytest.approx(19 / RATE, abs=0.05)
    assert (frames[-1].captured_at, True) == (state.last_good, state.connected)
    assert (state.reconnects, state.damaged, bool(source.losses)) == (0, 0, False)


def test_frames_come_soon_after_they_were_sent(folder: Path) -> None:
    """In MPEG-TS a frame is known to be whole when the next but one begins, and not later."""
    sent: dict[int, float] = {}

    def act() -> Iterator[Step]:
        for number, (pause, chunk) in enumerate(paced(pieces(path), rate=10)):
            yield pause, b""
            sent[number] = monotonic()
            yield 0.0, chunk

    path = clip(folder / "slow.ts", frames=60, rate=10)
    with Feed(act) as feed, connected(feed.url) as source:
        late = [monotonic() - sent[number_of(f)] for f in islice(source.frames(), 20)]
    assert float(np.median(late)) < 0.25


def test_a_picture_that_is_not_420_is_converted(folder: Path) -> None:
    path = clip(folder / "deep.ts", frames=60, pix_fmt="yuv422p")
    with Feed(steady(path)) as feed, connected(feed.url) as source:
        frame = next(source.frames())
    assert source.info.converted_from == "yuv422p"
    assert frame.planes[1].shape == (90, 160)


def test_a_rate_that_is_not_told_is_measured(folder: Path) -> None:
    path = clip(folder / "untold.ts", frames=100, codec="mpeg4", options={"qmin": "2"})
    with Feed(steady(path)) as feed, connected(feed.url) as source:
        assert source.info.rate == RATE


def test_udp_is_read_too(long: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ending = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            for chunk in pieces(long):
                for at in range(0, len(chunk), 1316):
                    line.sendto(chunk[at : at + 1316], ("127.0.0.1", port))
                if ending.wait(1 / RATE):
                    return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with connected(f"udp://127.0.0.1:{port}") as source:
            frames = list(islice(source.frames(), 20))
    finally:
        ending.set()
        sender.join()
    assert sum(not frame.corrupt for frame in frames) > 10


# -- before the first keyframe, and after damage --------------------------------------------------


def test_nothing_is_shown_before_the_first_keyframe(long: Path) -> None:
    def act() -> Iterator[Step]:
        yield from paced(pieces(long)[GOP + 3 :])

    with Feed(act) as feed, closing(live(feed.url)) as source:
        source.connect()
        first = number_of(next(source.frames()))
    assert first >= 2 * GOP


def test_a_stream_that_is_refreshed_bit_by_bit_is_shown_once_it_is_whole(folder: Path) -> None:
    options = {"x264-params": "intra-refresh=1:keyint=20:bframes=0"}
    path = clip(folder / "refreshed.ts", frames=200, gop=None, options=options)
    originals = {frame.planes[0].tobytes() for frame in MediaSource(path).frames()}

    def act() -> Iterator[Step]:
        yield from paced(pieces(path)[7:])

    with Feed(act) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 20))
    assert not any(frame.corrupt for frame in frames)
    assert all(frame.planes[0].tobytes() in originals for frame in frames)


def test_damage_is_marked_until_the_next_keyframe(long: Path) -> None:
    chunks = pieces(long)
    hurt = 4 * GOP + 3
    chunks[hurt] = marked_as_damaged(chunks[hurt])
    with Feed(lambda: paced(chunks)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 5 * GOP))
    bad = {number_of(frame) for frame in frames if frame.corrupt}
    numbers = set(range(hurt, 5 * GOP))
    assert numbers - {hurt} <= bad <= numbers | {hurt - 1, hurt - 2}
    assert source.state.damaged == sum(frame.corrupt for frame in frames) > 0
    assert source.losses.reason == "a packet is marked as damaged"


def marked_as_damaged(chunk: bytes) -> bytes:
    """MPEG-TS packets with the bit that says so."""
    data = bytearray(chunk)
    for at in range(0, len(data), 188):
        if data[at + 1] & 0x1F or data[at + 2]:  # not the tables, which tell what there is
            data[at + 1] |= 0x80
    return bytes(data)


def test_damaged_frames_alone_do_not_keep_a_source_alive(long: Path) -> None:
    def act() -> Iterator[Step]:
        chunks = pieces(long)
        yield from paced(chunks[: 2 * GOP])
        yield from paced([marked_as_damaged(chunk) for chunk in chunks[2 * GOP :]])

    with Feed(act, steady(long)) as feed, connected(feed.url) as source:
        frames = source.frames()
        last_good = monotonic()
        for frame in frames:
            if source.state.reconnects:
                break
            last_good = last_good if frame.corrupt else frame.captured_at
        waited = frame.captured_at - last_good
        assert source.state.damaged > 0
    assert frame.discontinuity
    assert not frame.corrupt
    assert waited < WATCHDOG + 2


# -- time and size --------------------------------------------------------------------------------


def test_time_that_starts_again_goes_on(folder: Path) -> None:
    paths = [clip(folder / f"part{n}.ts", frames=40, first=n) for n in range(2)]
    with Feed(steady(*paths)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 55))
    assert all(a.pts < b.pts for a, b in pairwise(frames))
    assert 1 <= sum(frame.discontinuity for frame in frames[1:]) <= 2
    spans = (frames[-1].pts - frames[0].pts) / TICKS
    assert spans == pytest.approx(frames[-1].captured_at - frames[0].captured_at, abs=0.2)


def test_a_new_size_in_the_stream_is_fitted(folder: Path, video: Path) -> None:
    other = clip(folder / "other.ts", frames=60, size=(240, 180), pts=range(50, 110))
    with Feed(steady(video, other)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 70))
    assert {(frame.width, frame.height) for frame in frames} == {(320, 180)}
    fitted = [frame for frame in frames if frame.planes[0][:, :30].max() == 16]
    assert fitted
    assert fitted[0].discontinuity
    assert all((a.index + 1) == b.index for a, b in pairwise(fitted))


def test_a_new_size_after_reconnecting_is_fitted(folder: Path, video: Path) -> None:
    other = clip(folder / "tall.ts", frames=500, size=(240, 180), full_range=True)

    def short() -> Iterator[Step]:
        yield from paced(pieces(video)[:20])

    with Feed(short, steady(other)) as feed, connected(feed.url) as source:
        info = source.info
        frame = next(frame for frame in source.frames() if source.state.reconnects)
        assert source.info is info
    assert (frame.width, frame.height) == (320, 180)
    assert frame.planes[0][:, :30].max() == 16
    assert frame.planes[0].max() <= 235, "its range is that of the first connection"


# -- a slow reader --------------------------------------------------------------------------------


def test_who_reads_late_gets_what_is_new(long: Path) -> None:
    with Feed(steady(long)) as feed, connected(feed.url) as source:
        sleep(1.5)
        frames = source.frames()
        assert monotonic() - next(frames).captured_at < 0.3
        sleep(1.5)
        back = monotonic()
        fresh = next(frame for frame in frames if frame.captured_at > back)
        assert monotonic() - back < 0.2
        assert not fresh.corrupt
        assert source.state.dropped > 10
        assert source.state.reconnects == 0, "a slow reader is no silence"


# -- files at their own pace ----------------------------------------------------------------------


def test_a_file_takes_its_time_and_ends(video: Path) -> None:
    with connected(str(video), pace=True) as source:
        begun = monotonic()
        frames = list(source.frames())
        took = monotonic() - begun
    assert len(frames) == 50
    assert [number_of(frame) for frame in frames] == list(range(50))
    assert took == pytest.approx(49 / RATE, abs=0.3)
    assert {b.pts - a.pts for a, b in pairwise(frames[25:])} <= {1799, 1800, 1801}
    late = [frame.captured_at - frames[0].captured_at - n / RATE for n, frame in enumerate(frames)]
    assert max(late) < 0.1
    assert source.info.live
    assert not source.state.connected
    assert source.state.reason == "the file has ended"
    assert not source.losses


def test_a_file_whose_capture_dies_is_not_begun_again(video: Path) -> None:
    with connected(str(video), pace=True) as source:
        frames = source.frames()
        next(frames)
        os.kill(child_of(source), signal.SIGKILL)
        with pytest.raises(SourceError, match=r"video\.ts cannot be played any further"):
            list(frames)


def test_a_damaged_file_tells_its_losses(folder: Path, video: Path) -> None:
    path = folder / "cut.ts"
    data = video.read_bytes()
    path.write_bytes(data[: len(data) // 2] + data[len(data) // 2 + 188 * 30 :])
    with connected(str(path), pace=True) as source:
        frames = list(source.frames())
    assert source.losses
    assert any(frame.corrupt for frame in frames)


@pytest.mark.parametrize("name", ["missing.mp4", "."])
def test_a_file_that_is_missing_is_an_error_at_once(tmp_path: Path, name: str) -> None:
    assert "cannot be opened: " in opening_error(str(tmp_path / name), pace=True, attempts=0)
