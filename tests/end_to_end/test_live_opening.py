"""A live run that never gets to run leaves no engine loaded and nobody waiting."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon import ConfigError, SinkError, StreamAnonError
from stream_anon.detectors import registry as detectors
from stream_anon.sources import registry as sources
from tests.live_sources import wait_for
from tests.stubs import StubParser, make_plane, nobody
from tests.toys import array_source, plates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream_anon import LiveRun
    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part
    from stream_anon.detectors.base import DetectionPass

pytestmark = pytest.mark.realtime

WAIT = 20.0
SETTINGS = {"live.latency": 1.0, "live.backoff": 0.1}


class Case:
    """A film, and a detector for it that can be watched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = StubParser(self._answer)
        self.begun, self.may_load = threading.Event(), threading.Event()
        self.may_load.set()
        self.answer: Callable[[Frame, DetectionPass], list[Part]] = nobody
        film = np.repeat(make_plane(96, 160, pattern="texture")[None], 50, axis=0)
        np.save(folder / "film.npy", film)

    def _answer(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        return self.answer(frame, detection_pass)

    def load(self, _loading: object) -> StubParser:
        self.begun.set()
        assert self.may_load.wait(WAIT)
        return self.engine

    def prepared(self, to: str = "out.mkv") -> LiveRun:
        where = to if ":" in to else str(self.folder / to)
        film = self.folder / "film.npy"
        return stream_anon.prepare_live(
            film, pace=True, to=[where], scope="plate", method="fill", settings=SETTINGS
        )


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    case = Case(tmp_path)
    monkeypatch.setitem(detectors.BUILT_IN, "plates", replace(plates.ROW, load=case.load))
    monkeypatch.setattr(sources, "ROWS", (array_source.ROW, *sources.ROWS))
    return case


# -- engines --------------------------------------------------------------------------------------


def test_engines_are_freed_where_an_output_cannot_be_opened(case: Case) -> None:
    with pytest.raises(SinkError, match="virtual camera"):
        case.prepared("camera:/dev/no-such-camera").run()
    assert case.engine.closed == 1


def test_engines_are_freed_where_the_run_is_stopped_while_they_load(case: Case) -> None:
    case.may_load.clear()
    with case.prepared().start() as run:
        assert case.begun.wait(WAIT)
        run.stop()
        assert run.wait(WAIT).frames_out == 0
        assert case.engine.closed == 0
        case.may_load.set()
        wait_for(lambda: case.engine.closed, WAIT)
    assert case.engine.closed == 1


def test_engines_are_freed_where_they_fail_in_their_first_pass(case: Case) -> None:
    def fail(_frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
        raise RuntimeError("cannot be compiled")

    case.answer = fail
    with pytest.raises(RuntimeError, match="cannot be compiled"):
        case.prepared().run()
    assert case.engine.closed == 1


def test_engines_are_freed_once_at_the_end_of_a_run(case: Case) -> None:
    assert case.prepared().run().frames_out > 10
    assert case.engine.closed == 1


# -- nobody waits for ever ------------------------------------------------------------------------


def test_a_run_that_cannot_start_its_thread_keeps_nobody_waiting(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    run = case.prepared()
    tap = run.tap()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StreamAnonError, match="more threads"):
            run.start()
    with pytest.raises(StreamAnonError, match="more threads"):
        run.wait(WAIT)
    assert tap.latest(WAIT) is None
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run.__exit__, None, None, None).result(WAIT)


@pytest.mark.parametrize("end", ["stopped", "left"])
def test_a_run_that_ends_before_it_began_keeps_nobody_waiting(case: Case, end: str) -> None:
    run = case.prepared()
    tap = run.tap()
    with ThreadPoolExecutor(2) as pool:
        waiting, consuming = pool.submit(run.wait, WAIT), pool.submit(tap.latest, WAIT)
        if end == "stopped":
            run.stop()
        else:
            with run:
                pass
        assert waiting.result().frames_out == 0
        assert consuming.result() is None


def test_the_consumer_of_a_run_that_never_begins_is_woken_though_nobody_waits_for_it(
    case: Case,
) -> None:
    run = case.prepared()
    tap = run.tap()
    with ThreadPoolExecutor(1) as pool:
        consuming = pool.submit(lambda: list(tap.frames(WAIT)))
        run.stop()
        assert consuming.result() == []
    assert run.wait(0).frames_out == 0
    with pytest.raises(ConfigError, match="runs once"):
        run.run()
