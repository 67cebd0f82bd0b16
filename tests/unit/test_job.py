"""A job shows its progress, can be cancelled without a trace, and raises what went wrong."""

from __future__ import annotations

import inspect
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

import stream_anon
from stream_anon import CancelledError, Job, SourceError, Summary
from tests.faults import FACE, FRAMES, stages, use_parser
from tests.runs import leftovers
from tests.stubs import face

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _slow_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*_: object) -> object:
        sleep(0.05)
        return [face(FACE)]

    use_parser(monkeypatch, slowly)


EVERY_FRAME = {"keyframes.interval": 1, "keyframes.still": 0.0, "masking.lookahead": 0.1}


def test_progress_grows_up_to_the_result(clip: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    with stream_anon.start(clip, tmp_path / "out.mp4", settings=EVERY_FRAME) as job:
        while not job.done:
            seen.append(job.progress.frames)
            sleep(0.02)
        assert job.result(0).frames == FRAMES
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert (tmp_path / "out.mp4").exists()


def test_cancelling_leaves_no_output_and_no_thread(clip: Path, tmp_path: Path) -> None:
    job = stream_anon.start(clip, tmp_path / "out.mp4", settings=EVERY_FRAME)
    deadline = monotonic() + 20
    while not job.progress.frames and monotonic() < deadline:
        sleep(0.005)
    with pytest.raises(TimeoutError):
        job.result(0)
    job.cancel()
    with pytest.raises(CancelledError):
        job.result(10)
    assert stages() == []
    assert leftovers(tmp_path) == []


def test_leaving_the_context_cancels(clip: Path, tmp_path: Path) -> None:
    with stream_anon.start(clip, tmp_path / "out.mp4", settings=EVERY_FRAME) as job:
        pass
    assert job.done
    assert leftovers(tmp_path) == []


def test_the_result_raises_what_went_wrong(tmp_path: Path) -> None:
    with stream_anon.start(tmp_path / "none.mp4", tmp_path / "out.mp4") as job:
        for _ in range(2):
            with pytest.raises(SourceError, match="does not exist"):
                job.result(10)


def test_a_job_can_be_done_in_the_callers_thread() -> None:
    """As `redact` does it: Ctrl-C reaches the thread that works."""
    threads: list[threading.Thread] = []

    def work(count: Callable[[Summary], None]) -> Summary:
        threads.append(threading.current_thread())
        count(Summary(frames=1))
        return Summary(frames=2)

    job = Job(work)
    assert job.run().frames == 2
    assert job.progress.frames == 1
    assert threads == [threading.current_thread()]
    job.cancel()
    with pytest.raises(CancelledError):
        job.run()


def test_start_takes_what_redact_takes(clip: Path, tmp_path: Path) -> None:
    taken = inspect.signature(stream_anon.start).parameters
    assert taken == inspect.signature(stream_anon.redact).parameters
    seen: list[int] = []
    with stream_anon.start(
        clip,
        None,
        export_masks=tmp_path / "masks.jsonl",
        on_progress=lambda summary: seen.append(summary.frames),
        settings=EVERY_FRAME,
    ) as job:
        assert job.result(60).frames == FRAMES
    assert seen == list(range(1, FRAMES + 1))
    assert (tmp_path / "masks.jsonl").stat().st_size
