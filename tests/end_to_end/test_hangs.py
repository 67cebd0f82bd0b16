"""A stage that hangs is noticed, told in one line, and never closed under its thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.errors import StalledError
from stream_anon.pipeline import threads as pipeline
from stream_anon.pipeline.recording import redact_file
from stream_anon.sinks.file import MediaSink
from stream_anon.sources.file import MediaSource
from tests.faults import (
    FACE,
    FRAMES,
    POSITIONS,
    Boom,
    note_closing,
    settings_with,
    stages,
    use_parser,
)
from tests.runs import leftovers
from tests.stubs import StubParser, face

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.pipeline.report import Summary

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


@pytest.fixture(autouse=True)
def _stub_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    use_parser(monkeypatch, lambda frame, detection_pass: [face(FACE)])


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Frees what hangs when the test is over, and waits for it."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name.startswith("stream_anon "):
            thread.join(5)


@pytest.mark.parametrize("at", POSITIONS)
def test_a_hanging_parser_is_noticed_and_not_closed_under_its_thread(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    released: threading.Event,
    at: int,
) -> None:
    closed: list[Any] = []
    for owner in (MediaSource, StubParser, MediaSink):
        note_closing(monkeypatch, owner, closed)
    monkeypatch.setattr(pipeline, "JOIN_INTERRUPTED", 0.2)
    use_parser(monkeypatch, _hanging(released, at))
    with pytest.raises(StalledError, match=r"0\.4 seconds.*pipeline\.stall"):
        redact_file(clip, tmp_path / "out.mp4", settings_with(**{"pipeline.stall": 0.4}))
    assert [name for name, _ in closed] == ["MediaSink"]  # which no thread uses
    assert stages()
    assert leftovers(tmp_path) == []


def _hanging(released: threading.Event, at: int) -> Callable[[Frame, DetectionPass], list[Part]]:
    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        if frame.index >= at:
            released.wait(30)
        return [face(FACE)]

    return answers


def test_a_hanging_source_is_noticed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, released: threading.Event
) -> None:
    real = MediaSource.frames

    def frames(self: MediaSource) -> Iterator[Frame]:
        for frame in real(self):
            if frame.index == 5:
                released.wait(30)
            yield frame

    monkeypatch.setattr(pipeline, "JOIN_INTERRUPTED", 0.2)
    monkeypatch.setattr(MediaSource, "frames", frames)
    with pytest.raises(StalledError, match="no heartbeat"):
        redact_file(clip, tmp_path / "out.mp4", settings_with(**{"pipeline.stall": 0.4}))
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("error", [Boom("first"), KeyboardInterrupt("first")], ids=["fault", "^C"])
def test_the_first_cause_is_told_when_a_parser_hangs_after_it(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    released: threading.Event,
    error: BaseException,
) -> None:
    for name in ("JOIN", "JOIN_INTERRUPTED"):
        monkeypatch.setattr(pipeline, name, 0.2)
    hangs = threading.Event()

    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        if frame.index >= 3:
            hangs.set()
            released.wait(30)
        return [face(FACE)]

    def send(self: MediaSink, frame: object) -> None:
        hangs.wait(10)
        raise error

    use_parser(monkeypatch, answers)
    monkeypatch.setattr(MediaSink, "send", send)
    with pytest.raises(type(error), match="first"):
        redact_file(
            clip,
            tmp_path / "out.mp4",
            settings_with(**{"masking.lookahead": 0.04, "pipeline.queue": 64}),
        )
    assert stages()
    assert leftovers(tmp_path) == []


def test_a_slow_parser_that_gives_signs_of_life_is_left_alone(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        threading.Event().wait(0.03)
        return [face(FACE)]

    use_parser(monkeypatch, answers)
    summary = redact_file(clip, tmp_path / "out.mp4", settings_with(**{"pipeline.stall": 0.3}))
    assert summary.frames == FRAMES
    assert summary.seconds > 0.3


def test_a_slow_writer_is_no_stall(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_progress(summary: Summary) -> None:
        if summary.frames == 3:
            threading.Event().wait(0.8)

    settings = settings_with(**{"pipeline.stall": 0.3})
    summary = redact_file(clip, tmp_path / "out.mp4", settings, on_progress=on_progress)
    assert summary.frames == FRAMES
