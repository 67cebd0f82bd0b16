"""Whatever fails, wherever and whenever: the run ends with that error and leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core.files import JsonFile
from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.errors import ParserError, SinkError
from stream_anon.masking.masker import Masker
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.file import MediaSink
from stream_anon.sources.file import MediaSource
from tests.faults import (
    FACE,
    FRAMES,
    POSITIONS,
    Boom,
    expect_clean_end,
    failing_call,
    failing_iterator,
    note_closing,
    use_parser,
)
from tests.stubs import StubParser, face

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream_anon.pipeline.report import Summary

pytestmark = pytest.mark.realtime


@pytest.fixture(autouse=True)
def _stub_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    use_parser(monkeypatch, lambda frame, detection_pass: [face(FACE)])


ERRORS = [Boom("the fault"), RuntimeError("the fault"), MemoryError("the fault")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("at", POSITIONS)
@pytest.mark.parametrize("stage", ["source", "masker"])
def test_a_failing_thread_ends_the_run_with_its_own_error(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    at: int,
    error: BaseException,
) -> None:
    owner, name = {"source": (MediaSource, "frames"), "masker": (Masker, "masks")}[stage]
    failing_iterator(monkeypatch, owner, name, at, error)
    expect_clean_end(clip, tmp_path, type(error), "the fault")


@pytest.mark.parametrize(
    "error", [*ERRORS, KeyboardInterrupt("the fault")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("at", POSITIONS)
@pytest.mark.parametrize("stage", ["redactor", "sink"])
def test_a_failing_writer_ends_the_run_with_its_own_error(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    at: int,
    error: BaseException,
) -> None:
    owner, name = {"redactor": (Redactor, "redact"), "sink": (MediaSink, "send")}[stage]
    failing_call(monkeypatch, owner, name, at, error)
    expect_clean_end(clip, tmp_path, type(error), "the fault")


@pytest.mark.parametrize("at", POSITIONS)
def test_a_failing_parser_ends_the_run(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        if frame.index >= at:
            raise Boom(f"the fault at {frame.index}")
        return [face(FACE)]

    use_parser(monkeypatch, answers)
    expect_clean_end(clip, tmp_path, Boom, f"the fault at {at}$")


@pytest.mark.parametrize("at", POSITIONS)
def test_a_failing_callback_ends_the_run(clip: Path, tmp_path: Path, at: int) -> None:
    def on_progress(summary: Summary) -> None:
        if summary.frames == at + 1:
            raise Boom("the fault")

    expect_clean_end(clip, tmp_path, Boom, "the fault", on_progress=on_progress)


@pytest.mark.parametrize("name", ["finish", "_count"])
def test_an_output_that_cannot_be_completed_does_not_appear(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failing_call(monkeypatch, MediaSink, name, 0, Boom("the fault"))
    expect_clean_end(clip, tmp_path, Boom, "the fault")


def test_an_output_that_lacks_a_frame_does_not_appear(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MediaSink, "_count", lambda _: FRAMES - 1)
    expect_clean_end(clip, tmp_path, SinkError, f"{FRAMES - 1} frames but {FRAMES} were sent")


def test_a_report_that_cannot_be_written_leaves_no_output(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise SinkError("the fault")

    monkeypatch.setattr(JsonFile, "prepare", full)
    expect_clean_end(clip, tmp_path, SinkError, "the fault")


def test_everything_is_closed_once_after_the_threads_have_ended(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[tuple[str, list[str]]] = []
    for owner in (MediaSource, StubParser, MediaSink):
        note_closing(monkeypatch, owner, closed)
    failing_call(monkeypatch, Redactor, "redact", 5, Boom("the fault"))
    expect_clean_end(clip, tmp_path, Boom, "the fault")
    assert closed == [("MediaSink", []), ("StubParser", []), ("MediaSource", [])]


# -- a parser that answers with nonsense ------------------------------------------------------


def _nan_box(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
    return [face(Box(float("nan"), 0, 10, 10))]


def _empty_mask(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
    return [Part("face", FACE, np.zeros((0, 0), np.uint8), 0.9, 0)]


def _wrong_mask(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
    return [Part("face", FACE, np.zeros((4, 4)), 0.9, 0)]  # type: ignore[arg-type]


NONSENSE: dict[str, Callable[[Frame, DetectionPass], Any]] = {
    "nothing": lambda frame, detection_pass: None,
    "text": lambda frame, detection_pass: "a face",
    "a number": lambda frame, detection_pass: 7,
    "no parts": lambda frame, detection_pass: [FACE],
    "a part outside a list": lambda frame, detection_pass: face(FACE),
    "not a number": _nan_box,
    "an empty mask": _empty_mask,
    "a mask of floats": _wrong_mask,
    "an endless box": lambda frame, detection_pass: [face(Box(0, 0, float("inf"), 10))],
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_from_the_parser_is_an_error_and_never_nobody(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Frame, DetectionPass], Any],
) -> None:
    use_parser(monkeypatch, answer)
    expect_clean_end(clip, tmp_path, ParserError, "stub")
