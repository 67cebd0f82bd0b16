"""The inference stage of a live run: whatever the parser does, frames are masked or hidden."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import count
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.labels import CIHP_LABELS
from stream_anon.detectors.shapes import ellipse
from stream_anon.errors import ParserError, StalledError
from stream_anon.pipeline.live.worker import Worker
from tests.inference_context import (
    StubEngines,
    context_with,
    context_with_bodies,
    drain,
    feed,
    live_settings,
    running,
)
from tests.live_sources import wait_for
from tests.stubs import StubParser, covers, face, moving, truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.pipeline.live.context import InferenceContext

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

FRAMES = 40


def good(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
    return [face(truth_of(frame))]


def truth_of(frame: Frame) -> Box:
    """The footage moves with its own times, whatever number a frame has."""
    return truth(replace(frame, index=frame.pts))


def failing(
    how: Callable[[], Any], when: Callable[[int], bool]
) -> Callable[[Frame, DetectionPass], Any]:
    calls = count()

    def answer(frame: Frame, detection_pass: DetectionPass) -> Any:
        return how() if when(next(calls)) else good(frame, detection_pass)

    return answer


def boom() -> Any:
    raise RuntimeError("pixels 1 2 3")


def no_memory() -> Any:
    raise MemoryError


BAD: dict[str, Callable[[], Any]] = {
    "raises": boom,
    "no memory": no_memory,
    "None": lambda: None,
    "NaN": lambda: [Part("face", Box(0, 0, float("nan"), 5), ellipse(), 0.5, 0)],
    "NaN score": lambda: [Part("face", Box(0, 0, 5, 5), ellipse(), float("nan"), 0)],
    "another label": lambda: [Part("cat", Box(0, 0, 5, 5), ellipse(), 0.5, 0)],
    "an empty mask": lambda: [Part("face", Box(0, 0, 5, 5), np.zeros((4, 4), np.uint8), 0.5, 0)],
    "far outside": lambda: [Part("face", Box(1e9, 0, 5, 5), ellipse(), 0.5, 0)],
    "a dictionary": lambda: [{"label": "face"}],
}


def assert_safe(masks: list[MaskedFrame]) -> None:
    for masked in masks:
        assert covers(masked, truth_of(masked.frame)), masked


def run(context: InferenceContext, frames: list[Frame]) -> list[MaskedFrame]:
    with running(context) as inference:
        feed(context, frames, inference.check)
        context.frames.close()
        return drain(context, len(frames))


@pytest.mark.parametrize("how", list(BAD))
def test_a_bad_answer_hides_frames_and_the_next_one_is_used(how: str) -> None:
    context = context_with(
        lambda: StubParser(failing(BAD[how], lambda n: n == 10)), live_settings()
    )
    masks = run(context, moving(FRAMES))
    assert [m.frame.pts for m in masks] == list(range(FRAMES)), "each frame comes out, once"
    assert_safe(masks)
    hidden = [m.frame.pts for m in masks if m.parts is Unknown.PARSER_FAILED]
    assert 10 in hidden
    assert len(hidden) < 4


def test_frames_held_for_the_lookahead_are_hidden_too() -> None:
    settings = live_settings(masking__lookahead=0.2, live__lookahead=0.2)
    context = context_with(lambda: StubParser(failing(boom, lambda n: n == 20)), settings)
    masks = run(context, moving(FRAMES))
    assert [m.frame.pts for m in masks] == list(range(FRAMES))
    assert_safe(masks)
    hidden = [m.frame.pts for m in masks if m.parts is Unknown.PARSER_FAILED]
    assert {16, 17, 18, 19, 20} <= set(hidden)


def test_a_parser_that_always_fails_is_loaded_anew_and_everything_is_hidden() -> None:
    loaded: list[StubParser] = []

    def load() -> StubParser:
        loaded.append(StubParser(failing(boom, lambda _: True)))
        return loaded[-1]

    masks = run(context_with(load, live_settings()), moving(FRAMES))
    assert len(masks) == FRAMES
    assert all(m.parts is Unknown.PARSER_FAILED for m in masks)
    assert len(loaded) > 1
    asked = sum(len(parser.asked) for parser in loaded)
    assert asked < FRAMES, "a broken parser is not asked at every frame"


def test_a_new_parser_takes_over_after_one_that_always_fails() -> None:
    broken = iter([StubParser(failing(boom, lambda _: True))])
    context = context_with(lambda: next(broken, None) or StubParser(good), live_settings())
    masks = run(context, moving(80))
    assert_safe(masks)
    assert isinstance(masks[-1].parts, tuple)


def test_a_parser_that_hangs_is_left_behind_for_a_new_one() -> None:
    released = threading.Event()
    stuck = StubParser(failing(lambda: released.wait(20) and [], lambda n: n == 5))
    parsers = iter([stuck])
    context = context_with(lambda: next(parsers, None) or StubParser(good), live_settings(), room=5)
    try:
        with running(context) as inference:
            feed(context, moving(80), inference.check)
            released.set()  # its answer comes at last, and is not used
            context.frames.close()
            masks = drain(context, 80, seconds=3)
    finally:
        released.set()
    assert_safe(masks)
    assert masks[-1].frame.pts > 60
    assert isinstance(masks[-1].parts, tuple)
    times = [m.frame.pts for m in masks]
    assert times == sorted(set(times))


class Meanwhile(float):
    """A pause; adding it up takes so long that the worker gets on with something else."""

    def __new__(cls, seconds: float, _step: Callable[[], object]) -> Self:
        return super().__new__(cls, seconds)

    def __init__(self, _seconds: float, step: Callable[[], object]) -> None:
        self._step = step

    def __radd__(self, other: float) -> float:
        self._step()
        return other + float(self)


def idle_worker() -> Worker:
    context = context_with(lambda: StubParser(good), live_settings())
    return Worker(context, context.load(), lambda: None)


def test_a_pause_of_the_program_is_no_fault_of_the_parser() -> None:
    worker = idle_worker()
    worker._mark_busy(0.05)
    sleep(0.1)
    assert worker.hangs()
    worker.forgive(5.0)
    assert not worker.hangs()


def test_the_watcher_never_takes_back_the_limit_that_the_worker_has_set_meanwhile() -> None:
    worker = idle_worker()
    worker._mark_busy(0.05)
    worker.forgive(Meanwhile(0.01, lambda: worker._mark_busy(60.0)))
    sleep(0.1)
    assert not worker.hangs(), "loading has its own, longer limit"


def test_the_watcher_never_marks_a_worker_as_busy_that_is_done_meanwhile() -> None:
    worker = idle_worker()

    def finish() -> None:
        worker._guarded(lambda: None)

    worker._mark_busy(0.05)
    worker.forgive(Meanwhile(0.01, finish))
    sleep(0.1)
    assert not worker.hangs()


def test_parsers_that_hang_again_and_again_end_the_run() -> None:
    released = threading.Event()

    def hang(*_: object) -> list[Part]:
        released.wait(20)
        return []

    context = context_with(lambda: StubParser(hang), live_settings(live__stall=0.1), room=5)
    began = monotonic()
    try:
        with running(context) as inference:
            with pytest.raises(StalledError, match=r"live\.stall"):
                feed(context, moving(60) * 5, inference.check)
            assert monotonic() - began < 4
            released.set()
    finally:
        released.set()
    assert drain(context, 1, 0.1) == []


def test_what_fails_to_load_at_the_start_is_the_users_to_know() -> None:
    def load() -> StubParser:
        raise ParserError("no weights")

    with (
        pytest.raises(ParserError, match="no weights"),
        running(context_with(load, live_settings())),
    ):
        pass


def test_what_fails_to_load_later_is_tried_again() -> None:
    loads = count()

    def load() -> StubParser:
        number = next(loads)
        if number in (1, 2):
            raise ParserError("busy")
        return StubParser(good if number else failing(boom, lambda _: True))

    masks = run(context_with(load, live_settings(live__backoff=0.05)), moving(80))
    assert_safe(masks)
    assert isinstance(masks[-1].parts, tuple)
    assert next(loads) >= 4


class Broken:
    """A parser of bodies that always fails, or hangs."""

    name = "broken"
    labels = frozenset(CIHP_LABELS.values())
    model_hash = "0" * 64

    def __init__(self, answer: Callable[[], list[Part]]) -> None:
        self.parse = lambda *_: answer()

    def close(self) -> None:
        pass


class Slow(Broken):
    """A parser of bodies that works, and takes its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(list)
        self.started = threading.Event()
        self.at_once = self.most_at_once = 0
        self._seconds = seconds
        self._lock = threading.Lock()
        self.parse = self._parse

    def _parse(self, *_: object) -> list[Part]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.started.set()
        sleep(self._seconds)
        with self._lock:
            self.at_once -= 1
        return []


class TestBesideTheStream:
    def test_a_parser_that_always_fails_is_not_asked_again_and_again(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        loads: list[int] = []

        def load() -> Broken:
            loads.append(0)
            return Broken(boom)

        context = context_with_bodies(load, live_settings(live__backoff=0.3))
        with running(context) as inference:
            feed(context, moving(100), inference.check)
            context.frames.close()
            masks = drain(context, 100)
        assert len(masks) == 100
        assert 2 <= len(loads) < 8, "engines are reloaded, with exponential backoff"
        assert len([r for r in caplog.records if "the parser failed" in r.message]) == 1

    def test_a_parser_that_hangs_is_left_behind(self) -> None:
        released = threading.Event()
        loads: list[int] = []

        def hang() -> list[Part]:
            released.wait(20)
            return []

        def load() -> Broken:
            loads.append(0)
            return Broken(hang)

        context = context_with_bodies(load, live_settings(live__stall=0.3, pipeline__stall=0.3))
        try:
            with running(context) as inference, pytest.raises(StalledError, match="hung 4 times"):
                feed(context, moving(100) * 8, inference.check)
        finally:
            released.set()
        assert 4 <= len(loads) <= 6

    @pytest.mark.parametrize("ends", ["later", "during the parse"])
    def test_a_slow_parse_is_no_hang_where_a_fast_detector_fails_meanwhile(
        self, ends: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        slow = Slow(2.0)
        broken = threading.Event()

        def fast(frame: Frame, detection_pass: DetectionPass) -> Any:
            if slow.started.is_set() and not broken.is_set():
                broken.set()
                boom()
            return good(frame, detection_pass)

        settings = live_settings(live__stall=8.0, pipeline__stall=8.0)
        context = context_with(lambda: StubParser(fast), settings)
        loaded: list[StubEngines] = []

        def load() -> StubEngines:
            loaded.append(StubEngines(StubParser(fast), settings, slow))
            return loaded[-1]

        context.load = load
        frames = moving(40) * (4 if ends == "later" else 1)
        with running(context) as inference:
            feed(context, frames, inference.check)
            context.frames.close()
            masks = drain(context, len(frames))
        wait_for(lambda: loaded[0].closed, 5)
        assert slow.most_at_once == 1, "the parse was over when the next one began"
        assert slow.at_once == 0, "and when its engines were closed"
        assert [engines.closed for engines in loaded] == [1], "engines are kept, and closed once"
        assert len(masks) == len(frames)
        hidden = [m.frame.index for m in masks if m.parts is Unknown.PARSER_FAILED]
        assert broken.is_set()
        assert hidden
        assert ends == "during the parse" or hidden[-1] < len(frames) - 10, "a new masker took over"
        assert not [r for r in caplog.records if "hangs" in r.message]


class TestDropping:
    def test_frames_that_nobody_has_time_for_are_dropped_before_they_are_looked_at(self) -> None:
        slow = threading.Event()
        parser = StubParser(
            lambda f, detection_pass: [] if slow.wait(0.1) else good(f, detection_pass)
        )
        context = context_with(lambda: parser, live_settings(live__latency=0.2), room=4)
        masks = run(context, moving(60))
        assert_safe(masks)
        dropped = context.stats.snapshot().dropped_total
        assert dropped > 10
        assert dropped + len(masks) == 60
        assert all(isinstance(m.parts, tuple) for m in masks), "and none is hidden for it"

    def test_a_break_that_was_dropped_breaks_at_the_next_frame(self) -> None:
        context = context_with(lambda: StubParser(good), live_settings(), room=2)
        frames = moving(6)
        for frame in frames:
            context.put(replace(frame, discontinuity=frame.index == 2))
        taken = [context.renumber(context.frames.get()) for _ in range(2)]
        assert [f.pts for f in taken] == [4, 5]
        assert [f.index for f in taken] == [0, 1]
        assert [f.discontinuity for f in taken] == [True, False]

    def test_frames_are_not_held_for_others_that_do_not_come(self) -> None:
        settings = live_settings(masking__lookahead=1.0, live__lookahead=0.1, live__latency=0.2)
        context = context_with(lambda: StubParser(good), settings)
        with running(context):
            feed(context, moving(3))
            masks = drain(context, 3, seconds=1)
        assert [m.frame.pts for m in masks] == [0, 1, 2]
        assert_safe(masks)
