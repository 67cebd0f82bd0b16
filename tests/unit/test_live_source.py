"""Opening a live source and ending it, with real servers, and keeping its credentials."""

from __future__ import annotations

import base64
import logging
import threading
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from stream_anon.core.channel import Cancelled
from stream_anon.errors import SourceError
from stream_anon.sources.live.source import LiveSource
from tests.feeds import HOLD, Feed, clip, noise, paced, pieces, steady
from tests.live_sources import AT_ONCE, child_of, connected, live, opening_error, wait_for
from tests.media import Tone, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.feeds import Step

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

SECRET = "s3cret"
VIDEO_PID = 0x100
"""That FFmpeg gives to the first stream of MPEG-TS."""


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


# -- what cannot be opened ------------------------------------------------------------------------


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with Feed(lambda: [HOLD]) as feed:
        begun = monotonic()
        said = opening_error(feed.url, attempts=2)
        assert monotonic() - begun < 2 * 3.0 + 3
        assert feed.clients == 2
    assert said.startswith(f"{feed.url} cannot be opened: ")
    assert said.endswith(("it did not answer within 3 s", "no answer", "timed out"))


def test_garbage_alone_is_an_error() -> None:
    with Feed(noise) as feed:
        said = opening_error(feed.url, attempts=1)
    assert said.startswith(f"{feed.url} cannot be opened: ")
    assert "\n" not in said


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
def test_a_wrong_protocol_is_an_error_that_may_heal(scheme: str, video: Path) -> None:
    with Feed(steady(video)) as feed:
        said = opening_error(feed.url.replace("tcp", scheme), attempts=2)
        assert feed.clients >= 2
    assert "cannot be opened: " in said


def test_what_ffmpeg_does_not_know_is_an_error_at_once() -> None:
    said = opening_error(f"srt://127.0.0.1:9?passphrase={SECRET}", attempts=0)
    assert said.startswith("srt://127.0.0.1:9 cannot be opened: this build of FFmpeg does not")


def test_a_webcam_that_is_missing_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    said = opening_error("/dev/video-none", attempts=2)
    assert said.endswith("no such device: see `stream-anon devices`")
    assert "cannot open /dev/video-none: no such device" in caplog.text


def test_a_stream_without_video_is_an_error(folder: Path) -> None:
    data = write(folder / "sound.ts", tones=[Tone(codec="mp2", seconds=8)]).read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    sound = [p for p in packets if (p[1] & 0x1F) << 8 | p[2] != VIDEO_PID]
    with Feed(lambda: [(0, b"".join(sound)), HOLD]) as feed:
        assert "cannot be opened: " in opening_error(feed.url, attempts=1)


def test_frames_end_with_an_error_when_tries_are_used_up(video: Path) -> None:
    def short() -> Iterator[Step]:
        yield from paced(pieces(video)[:20])

    with Feed(short) as feed, connected(feed.url, attempts=2) as source:
        feed.down()
        with pytest.raises(SourceError, match="cannot be opened: connection refused"):
            list(source.frames())
        assert not source.state.connected


# -- credentials ----------------------------------------------------------------------------------


def refuse() -> Iterator[Step]:
    yield 0, b"HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=cam\r\n\r\n"


def test_credentials_show_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Feed(refuse, waits_for_request=True) as feed:
        url = f"http://user:{SECRET}@127.0.0.1:{feed.port}/{SECRET}=1?key={SECRET}"
        source = live(url, attempts=2)
        with closing(source), pytest.raises(SourceError, match="set STREAM_ANON_USER") as caught:
            source.connect()
    assert any(SECRET in request for request in feed.requests), "it was used"
    told = [str(caught.value), repr(caught.value), source.state, source._address, caplog.text]
    assert not any(SECRET in str(thing) for thing in told)


def test_credentials_are_no_arguments_of_the_capture_process() -> None:
    with Feed(lambda: [HOLD]) as feed:
        source = live(f"http://user:{SECRET}@127.0.0.1:{feed.port}/x")
        opening = threading.Thread(target=pytest.raises, args=(Cancelled, source.connect))
        opening.start()
        wait_for(lambda: feed.clients, 5)
        arguments = Path(f"/proc/{child_of(source)}/cmdline").read_bytes()
        source.close()
        opening.join()
    assert b"stream_anon.sources.live.capture" in arguments
    assert SECRET.encode() not in arguments


def test_a_login_from_the_environment_is_sent_as_it_is(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, password = "us er", "p@s/s:#%41?é"
    monkeypatch.setenv("STREAM_ANON_USER", user)
    monkeypatch.setenv("STREAM_ANON_PASSWORD", password)

    def act() -> Iterator[Step]:
        yield 0, b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"
        yield from paced(pieces(long))

    url = "http://127.0.0.1:{}/live.ts"
    with (
        Feed(refuse, act, waits_for_request=True) as feed,
        connected(url.format(feed.port)) as source,
    ):
        next(source.frames())
    sent = f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    assert sent in feed.requests[-1]


# -- ending ---------------------------------------------------------------------------------------


def cancel_later(source: LiveSource, after: float) -> list[float]:
    moment: list[float] = []

    def cancel() -> None:
        sleep(after)
        moment.append(monotonic())
        source.cancel()

    threading.Thread(target=cancel).start()
    return moment


@pytest.mark.parametrize("after", [0.0, 0.05, 1.0])
def test_connecting_can_be_cancelled(after: float) -> None:
    with Feed(lambda: [HOLD]) as feed, closing(live(feed.url)) as source:
        moment = cancel_later(source, after)
        with pytest.raises(Cancelled):
            source.connect()
        assert monotonic() - moment[0] < AT_ONCE


def test_waiting_for_the_next_try_can_be_cancelled() -> None:
    with closing(live("tcp://127.0.0.1:9", backoff=60, longest_backoff=60)) as source:
        moment = cancel_later(source, 1.5)
        with pytest.raises(Cancelled):
            source.connect()
        assert monotonic() - moment[0] < AT_ONCE


def test_reading_can_be_cancelled_and_frees_the_process(video: Path) -> None:
    with Feed(steady(video)) as feed, connected(feed.url, watchdog=60) as source:
        child = child_of(source)
        moment = cancel_later(source, 3.0)
        frames = list(source.frames())
        assert monotonic() - moment[0] < AT_ONCE
    assert frames
    assert not Path(f"/proc/{child}").exists()


def test_closing_twice_or_before_anything_is_fine() -> None:
    source = live("tcp://127.0.0.1:9")
    source.close()
    source.close()
    with pytest.raises(RuntimeError, match="connect"):
        source.info  # noqa: B018
