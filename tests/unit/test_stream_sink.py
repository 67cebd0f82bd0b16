"""What is published arrives, at once and whole, and no error shows a password."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream_anon.config import Settings
from stream_anon.errors import SinkError
from stream_anon.sinks.live.stream import StreamSink
from stream_anon.sinks.registry import parse_sink
from tests.numbered import INFO, RATE, expected, numbered, numbers, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
PASSWORD = "hunter2"


ENOUGH_TO_TELL = 5
"""Frames after which FFmpeg can tell what a stream is."""


def publish(address: str) -> StreamSink:
    return StreamSink(parse_sink(address), INFO, Settings())


def publish_all(address: str, frames: int, first: int = 0) -> None:
    sink = publish(address)
    for index in range(first, first + frames):
        sink.send(numbered(index))
    sink.finish()
    sink.close()


# -- MPEG-TS over UDP -------------------------------------------------------------------------


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        opened.bind((LOOPBACK, 0))
        opened.settimeout(1)
        yield opened


def waiting(receiver: socket.socket) -> list[bytes]:
    """The datagrams that have arrived, in order."""
    receiver.setblocking(False)
    arrived = []
    try:
        while True:
            arrived.append(receiver.recv(1 << 16))
    except BlockingIOError:
        return arrived


def udp_address(receiver: socket.socket) -> str:
    return f"udp://{LOOPBACK}:{receiver.getsockname()[1]}"


def test_every_frame_arrives_over_udp(receiver: socket.socket) -> None:
    publish_all(udp_address(receiver), 60)
    datagrams = waiting(receiver)
    assert {len(datagram) for datagram in datagrams} <= {188 * n for n in range(1, 8)}
    frames = seen(io.BytesIO(b"".join(datagrams)))
    assert numbers(frames) == expected(60)
    assert [frame.time for frame in frames] == pytest.approx([k / RATE for k in range(60)])


def test_a_frame_is_sent_before_the_next_one_comes(receiver: socket.socket) -> None:
    sink = publish(udp_address(receiver))
    arrived = b""
    for index in range(30):
        sink.send(numbered(index))
        arrived += b"".join(waiting(receiver))
        if index >= ENOUGH_TO_TELL:
            assert numbers(seen(io.BytesIO(arrived))) == expected(index + 1)
    sink.close()


def test_somebody_who_tunes_in_late_sees_pictures_within_two_seconds(
    receiver: socket.socket,
) -> None:
    sink = publish(udp_address(receiver))
    for index in range(30):
        sink.send(numbered(index))
    waiting(receiver)
    for index in range(30, 30 + 2 * RATE):
        sink.send(numbered(index))
    sink.finish()
    sink.close()
    assert numbers(seen(io.BytesIO(b"".join(waiting(receiver))))) == expected(30, first=50)


# -- RTSP and RTMP ----------------------------------------------------------------------------

SERVER = """
import sys
import av
sys.path.insert(0, ".")
from tests.numbered import number
address, *options = sys.argv[1:]
shown = []
try:
    with av.open(address, options=dict(option.split("=") for option in options)) as opened:
        for picture in opened.decode(video=0):
            shown.append(number(picture))
except OSError:
    pass  # how FFmpeg says that the publisher has gone
print(*shown)
"""
LISTENING = {"rtsp": ["rtsp_flags=listen", "listen_timeout=30"], "rtmp": ["listen=1"]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", LISTENING)
def test_every_frame_arrives_at_a_server(scheme: str) -> None:
    address = f"{scheme}://{LOOPBACK}:{free_port()}/live/key"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, address, *LISTENING[scheme]],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        sink = _as_soon_as_it_listens(address)
        for index in range(60):
            sink.send(numbered(index))
        sink.finish()
        sink.close()
        said, _ = server.communicate(timeout=20)
    finally:
        server.kill()
        server.wait()
    assert [int(word) for word in said.split()] == expected(60)


@pytest.mark.parametrize("scheme", LISTENING)
def test_a_server_that_goes_away_is_noticed(scheme: str) -> None:
    address = f"{scheme}://me:{PASSWORD}@{LOOPBACK}:{free_port()}/live/key"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, address.replace(f"me:{PASSWORD}@", ""), *LISTENING[scheme]],
        cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    sink = _as_soon_as_it_listens(address)
    sink.send(numbered(0))
    server.kill()
    server.wait()
    with pytest.raises(SinkError, match=f"cannot send to {scheme}") as caught:
        _send_all(sink, 1000)
    sink.close()
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def _send_all(sink: StreamSink, frames: int) -> None:
    for index in range(frames):
        sink.send(numbered(index))


def _as_soon_as_it_listens(address: str) -> StreamSink:
    deadline = time.monotonic() + 10
    while True:
        try:
            return publish(address)
        except SinkError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp"])
def test_a_server_that_is_not_there_is_named_without_the_password(scheme: str) -> None:
    place = f"{LOOPBACK}:{free_port()}"
    with pytest.raises(SinkError) as caught:
        publish(f"{scheme}://me:{PASSWORD}@{place}/live/key?token={PASSWORD}")
    assert f"cannot send to {scheme}://{place}/live" in str(caught.value)
    assert "connection refused" in str(caught.value)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_protocol_that_this_ffmpeg_has_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    address = parse_sink("udp://host:1")
    object.__setattr__(address, "target", "nonsense://host:1")
    with pytest.raises(SinkError, match="no such protocol"):
        StreamSink(address, INFO, Settings())


def test_a_stream_without_a_frame_is_not_complete(receiver: socket.socket) -> None:
    sink = publish(udp_address(receiver))
    with pytest.raises(SinkError, match="no frame"):
        sink.finish()
    sink.close()


# -- HLS --------------------------------------------------------------------------------------


def segments_named(playlist: Path) -> list[str]:
    return [line for line in playlist.read_text().splitlines() if line[:1] not in {"#", ""}]


@pytest.fixture
def playlist(tmp_path: Path) -> Path:
    return tmp_path / "100% live" / "live.m3u8"


def test_a_playlist_names_the_last_segments_and_the_others_go(playlist: Path) -> None:
    publish_all(f"hls:{playlist.parent}", 500)
    named = segments_named(playlist)
    assert named == [f"live-{k:06}.ts" for k in range(4, 10)]
    kept = {path.name for path in playlist.parent.iterdir()} - {playlist.name}
    assert set(named) <= kept <= {"live-000003.ts", *named}
    assert numbers(seen(playlist)) == expected(300, first=200)
    for name in named:
        frames = seen(playlist.with_name(name))
        assert len(frames) == 2 * RATE
        assert frames[0].key
    assert "ENDLIST" in playlist.read_text()


def test_a_playlist_is_there_while_the_stream_goes_on(playlist: Path) -> None:
    sink = publish(str(playlist.parent / "live.m3u8"))
    for index in range(101):
        sink.send(numbered(index))
    assert segments_named(playlist) == ["live-000000.ts", "live-000001.ts"]
    assert "ENDLIST" not in playlist.read_text()
    assert numbers(seen(playlist.with_name("live-000001.ts"))) == expected(50, first=50)
    sink.close()


def test_a_new_run_goes_on_where_the_last_one_ended(playlist: Path) -> None:
    publish_all(str(playlist.parent / "live.m3u8"), 400)
    foreign = playlist.with_name("other-000001.ts")
    foreign.write_bytes(b"precious")
    (playlist.parent / "live-000007.ts.tmp").write_bytes(b"left by a run that was killed")
    publish_all(str(playlist), 100, first=400)
    assert segments_named(playlist) == [f"live-{k:06}.ts" for k in range(4, 10)]
    assert "#EXT-X-DISCONTINUITY" in playlist.read_text()
    publish_all(str(playlist), 1000, first=500)
    left = {path.name for path in playlist.parent.glob("live-*")}
    assert left - set(segments_named(playlist)) <= {"live-000023.ts"}
    assert foreign.read_bytes() == b"precious"


@pytest.mark.parametrize("content", [b"", b"nonsense\xff\n", b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x"])
def test_a_playlist_that_is_damaged_is_begun_anew(content: bytes, playlist: Path) -> None:
    playlist.parent.mkdir()
    playlist.write_bytes(content)
    publish_all(str(playlist), 60)
    assert len(segments_named(playlist)) == 2
    assert numbers(seen(playlist)) == expected(60)


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    publish_all(f"hls:{tmp_path / 'web' / 'live'}", 60)
    assert numbers(seen(tmp_path / "web" / "live" / "live.m3u8")) == expected(60)


FULL = """
import resource, signal, sys
from stream_anon.config import Settings
from stream_anon.errors import DiskFullError
from stream_anon.sinks.live.stream import StreamSink
from tests.numbered import INFO, numbered

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    sink = StreamSink(sys.argv[1], INFO, Settings())
    for sent in range(200):
        sink.send(numbered(sent))
    sink.finish()
except DiskFullError as error:
    print(error)
"""


@pytest.mark.parametrize("size", [100, 5_000])
def test_a_full_disk_is_said(size: int, playlist: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(playlist), str(size)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.startswith(f"no space left while writing {playlist}"), done.stderr
