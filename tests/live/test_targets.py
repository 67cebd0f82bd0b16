"""The targets that other live tests publish to: they keep what comes, and fail when told to."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from time import sleep
from typing import TYPE_CHECKING

import av
import pytest

from tests.live.clips import ServingClip, number_of
from tests.live.needs import require_rtmp, require_rtsp
from tests.live.process import wait_until
from tests.live.servers import RtmpTarget, RtspTarget
from tests.live.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["rtsp", "rtmp"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RtspTarget | RtmpTarget]:
    kinds: dict[str, type[RtspTarget | RtmpTarget]] = {"rtsp": RtspTarget, "rtmp": RtmpTarget}
    {"rtsp": require_rtsp, "rtmp": require_rtmp}[request.param]()
    with kinds[request.param](tmp_path / "kept") as server:
        yield server


def test_a_target_keeps_what_is_published(
    target: RtspTarget | RtmpTarget, serving: ServingClip
) -> None:
    with _publishing(serving.path, target.url):
        wait_until(lambda: bool(target.files()), 5)
        assert _kept(target.files()[0], 40)[:20] == list(range(20))


def test_a_target_can_be_killed_and_come_back(
    target: RtspTarget | RtmpTarget, serving: ServingClip
) -> None:
    target.kill()
    with _publishing(serving.path, target.url) as publisher:
        assert publisher.wait(5) != 0
    target.restart()
    with _publishing(serving.path, target.url) as publisher:
        wait_until(lambda: bool(target.files()), 5)
        target.kill()
        assert publisher.wait(5) != 0


def test_a_frozen_target_does_not_answer(
    target: RtspTarget | RtmpTarget, serving: ServingClip
) -> None:
    target.freeze()
    with _publishing(serving.path, target.url) as publisher:
        sleep(1.5)
        assert publisher.poll() is None, "the kernel still takes connections"
        assert not target.files()
        target.thaw()
        wait_until(lambda: bool(target.files()), 5)


def test_what_is_published_by_rtmp_can_be_watched(tmp_path: Path, serving: ServingClip) -> None:
    require_rtmp()
    with RtmpTarget(tmp_path / "kept") as target, _publishing(serving.path, target.url):
        wait_until(lambda: bool(target.files()), 5)
        with Watcher(target.url) as watcher:
            watcher.frames(10)


@contextmanager
def _publishing(clip: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Send a clip as it is and at its own pace, until the block ends."""
    command = [sys.executable, "-c", PUBLISH, str(clip), url, _format(url)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


PUBLISH = """
import sys, time
import av

clip, url, form = sys.argv[1:]
with av.open(clip) as source, av.open(url, "w", format=form) as output:
    stream = output.add_stream_from_template(source.streams.video[0])
    start = time.monotonic()
    for number, packet in enumerate(source.demux(video=0)):
        time.sleep(max(0, start + number / 25 - time.monotonic()))
        packet.stream = stream
        output.mux(packet)
"""


def _format(url: str) -> str:
    return "rtsp" if url.startswith("rtsp") else "flv"


def _kept(path: Path, count: int) -> list[int | None]:
    """Numbers of the frames in a file that grows, once there are enough."""
    found: list[int | None] = []

    def enough() -> bool:
        with suppress(av.InvalidDataError), av.open(str(path)) as container:
            found[:] = [number_of(frame) for frame in container.decode(video=0)]
        return len(found) >= count

    wait_until(enough, 5)
    return found
