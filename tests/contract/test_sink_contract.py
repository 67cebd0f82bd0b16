"""What every sink of redacted frames promises."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.config import Output, Redaction, Settings
from stream_anon.core.frame import ColorTags, Frame, StreamInfo
from stream_anon.core.redacted import MaskedFrame, RedactedFrame
from stream_anon.errors import OutputExistsError, SinkError
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.file import MediaSink
from stream_anon.sinks.live.recording import RecordingSink
from stream_anon.sinks.live.stream import StreamSink
from stream_anon.sinks.live.virtual_camera import VirtualCameraSink
from stream_anon.sinks.null import NullSink
from stream_anon.sinks.tap import TapSink
from stream_anon.sinks.window.preview import PreviewSink
from tests.camera import BACKEND, memory_cameras
from tests.media import pictures
from tests.screen import StubWindow
from tests.toys.array_sink import ArraySink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.sinks.base import Sink

INFO = StreamInfo("test", 64, 48, Fraction(1, 25), rate=Fraction(25))
FILES = ("out.mp4", "out.mov", "out.mkv", "out.webm", "out.avi", "out.ts", "out.gif", "out.png")
VIDEOS = FILES[:-1]
SINKS: dict[str, Callable[[Path], Sink]] = {
    "null": lambda _: NullSink(),
    "tap": lambda _: TapSink(),
    "array": lambda folder: ArraySink(folder / "out.npy"),
    "preview": lambda _: _preview(),
    "camera": lambda _: VirtualCameraSink(INFO, backend=BACKEND),
    **{name: lambda folder, name=name: _media(folder / name) for name in FILES},  # type: ignore[misc]
    **{
        f"live {name}": lambda folder, name=name: RecordingSink(folder / name, INFO, Settings())  # type: ignore[misc]
        for name in ("out.mkv", "out.mp4", "out.ts", "out-%H%M%S.mkv")
    },
    "hls": lambda folder: StreamSink(f"hls:{folder}", INFO, Settings()),
    "udp": lambda _: StreamSink("udp://127.0.0.1:9", INFO, Settings()),
}


def _preview() -> PreviewSink:
    def hear(_: str) -> None:
        return None

    return PreviewSink(INFO, title="test", on_key=hear, on_close=print, window=StubWindow)


def _media(path: Path, info: StreamInfo = INFO, **settings: Any) -> MediaSink:
    return MediaSink(path, info, Output(**settings))


def _frame(index: int, width: int = 64, height: int = 48) -> Frame:
    level = 40 + 12 * index % 200
    planes = (
        np.full((height, width), level, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
        np.full((height // 2, width // 2), 128, np.uint8),
    )
    return Frame(planes=planes, index=index, pts=index, time_base=Fraction(1, 25))


def _redacted(index: int, width: int = 64, height: int = 48) -> RedactedFrame:
    masked = MaskedFrame(_frame(index, width, height), ())
    return Redactor(Redaction(), ColorTags()).redact(masked)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(params=list(SINKS))
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sink]:
    with memory_cameras() if request.param == "camera" else nullcontext():
        opened = SINKS[request.param](tmp_path)
        yield opened
        opened.close()


@pytest.mark.parametrize(
    "thing",
    [_frame(0), MaskedFrame(_frame(0), ()), None, _frame(0).planes, np.zeros((48, 64), np.uint8)],
    ids=["Frame", "MaskedFrame", "None", "planes", "array"],
)
def test_nothing_but_redacted_frames_is_taken(sink: Sink, thing: Any) -> None:
    with pytest.raises(TypeError, match="RedactedFrame"):
        sink.send(thing)


def test_something_that_pretends_to_be_redacted_is_not_taken(sink: Sink) -> None:
    class Pretender:
        def __init__(self, frame: Frame) -> None:
            self.planes, self.pts, self.index = frame.planes, frame.pts, frame.index
            self.time_base, self.width, self.height = frame.time_base, 64, 48
            self.duration = None

        __class__ = RedactedFrame  # type: ignore[assignment]

    with pytest.raises(TypeError, match="RedactedFrame"):
        sink.send(Pretender(_frame(0)))  # type: ignore[arg-type]


@pytest.mark.parametrize("finished", [False, True])
def test_it_can_be_closed_at_any_time_and_leaves_nothing_half_done(
    sink: Sink, tmp_path: Path, finished: bool
) -> None:
    sink.send(_redacted(0))
    if finished:
        sink.finish()
    sink.close()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("sink", [name for name in SINKS if name != "null"], indirect=True)
def test_a_frame_of_another_size_is_refused(sink: Sink) -> None:
    sink.send(_redacted(0))
    with pytest.raises(SinkError, match="is not 64x48"):
        sink.send(_redacted(1, 66, 48))


# -- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_its_name_only_when_it_is_finished(name: str, tmp_path: Path) -> None:
    sink = _media(tmp_path / name)
    assert _names(tmp_path) <= {f"{name}.part"}
    sink.send(_redacted(0))
    assert _names(tmp_path) <= {f"{name}.part"}
    sink.finish()
    assert _names(tmp_path) == {name}
    sink.close()
    assert _names(tmp_path) == {name}
    assert len(pictures(tmp_path / name)) == 1


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_left_when_it_is_not_finished(name: str, tmp_path: Path) -> None:
    sink = _media(tmp_path / name)
    sink.send(_redacted(0))
    sink.close()
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("name", VIDEOS)
def test_all_frames_are_in_the_file(name: str, tmp_path: Path) -> None:
    sink = _media(tmp_path / name)
    for index in range(30):
        sink.send(_redacted(index))
    sink.finish()
    sink.close()
    assert len(pictures(tmp_path / name)) == 30


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("counted", [0, 2])
def test_a_wrong_count_discards_the_file(
    name: str, counted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = _media(tmp_path / name)
    sink.send(_redacted(0))
    monkeypatch.setattr(sink, "_count", lambda: counted)
    with pytest.raises(SinkError, match=f"{counted} frames but 1"):
        sink.finish()
    sink.close()
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("name", VIDEOS)
def test_a_packet_lost_on_the_way_to_the_file_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = _media(tmp_path / name)
    encode, calls = sink._stream.encode, []

    class Forgetful:
        codec_context = sink._stream.codec_context

        def encode(self, picture: object) -> list[Any]:
            packets = encode(picture)  # type: ignore[arg-type]
            calls.extend(packets)
            return packets if len(calls) < 4 else packets[1:]

    monkeypatch.setattr(sink, "_stream", Forgetful())
    for index in range(10):
        sink.send(_redacted(index))
    with pytest.raises(SinkError, match="frames but 10 were sent"):
        sink.finish()
    sink.close()
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_frames_is_an_error(name: str, tmp_path: Path) -> None:
    sink = _media(tmp_path / name)
    with pytest.raises(SinkError, match="no frame"):
        sink.finish()
    sink.close()
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [(66, 48), (64, 50), (32, 24)])
def test_another_size_is_refused(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    sink = _media(tmp_path / name)
    with pytest.raises(SinkError, match="is not 64x48"):
        sink.send(_redacted(0, *size))
    sink.close()
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("name", FILES)
def test_an_existing_file_is_replaced_only_if_asked(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="--overwrite"):
        _media(path)
    assert path.read_bytes() == b"precious"
    sink = _media(path, overwrite=True)
    sink.send(_redacted(0))
    assert path.read_bytes() == b"precious"
    sink.finish()
    sink.close()
    assert len(pictures(path)) == 1


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    sink = _media(path)
    sink.send(_redacted(0))
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError):
        sink.finish()
    sink.close()
    assert path.read_bytes() == b"precious"
    assert _names(tmp_path) == {"out.mp4"}
