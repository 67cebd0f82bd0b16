"""Somebody comes in: no frame is released before a pass that could have seen them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.channel import Channel, Overflow
from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame
from stream_anon.masking.keyframes import Effort
from stream_anon.pipeline.live.controls import ChosenFrame
from tests.inference_context import context_with, drain, live_settings, running
from tests.stubs import (
    StubParser,
    covers,
    face,
    flickering_frames,
    make_info,
    masker_of,
    masks_of,
    moving,
    sees,
    truth,
)

if TYPE_CHECKING:
    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part
    from stream_anon.detectors.base import DetectionPass

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

WAIT = 0.13
"""Seconds that a live run holds a frame at most where no other comes."""
EFFORTS = (Effort(320), Effort(320, (320,), 2.0), Effort(160, (160,), 4.0))


class Release:
    """A live run's inference stage without threads or clock; what it released, and in time?"""

    def __init__(self, parser: StubParser, effort: Effort, lookahead: float) -> None:
        self._parser = parser
        values = {"live.lookahead": lookahead, "live.linger": 1.0}
        self._masker = masker_of(parser, make_info(320, 192), values, live=True)
        self._masker.set_effort(effort)
        self.masks: list[MaskedFrame] = []
        self.unseen: list[int] = []

    def feed(self, frames: list[Frame]) -> None:
        for frame, after in zip(frames, [*frames[1:], None], strict=True):
            self._masker.take(frame)
            while self._masker.is_decided:
                self._release()
            while self._masker.held and (
                after is None or after.time - self._masker.held[0].time > WAIT
            ):
                self._release()

    def _release(self) -> None:
        masked = self._masker.release()
        self.masks.append(masked)
        if max(index for index, _ in self._parser.asked) < masked.frame.index:
            self.unseen.append(masked.frame.index)


def timed(frames: list[Frame], rate: float, jitter: list[float]) -> list[Frame]:
    """The frames as they come from a camera, late by so many seconds each."""
    base = Fraction(1, 90_000)
    times = [n / rate + jitter[n % len(jitter)] for n in range(len(frames))]
    steady = np.maximum.accumulate(np.array(times) * 90_000).astype(int)
    return [
        replace(f, pts=int(pts) + n, time_base=base)
        for n, (f, pts) in enumerate(zip(frames, steady, strict=True))
    ]


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([5, 8, 10, 12, 12.5, 15, 20, 24, 25, 30, 50, 60]) | st.floats(5, 60),
    jitter=st.lists(st.floats(0, 0.05), min_size=1, max_size=24),
    effort=st.sampled_from(EFFORTS),
    lookahead=st.sampled_from([0.0, 0.05, 0.08, 0.2]),
    comes=st.integers(1, 22),
    score=st.sampled_from([0.25, 0.9]),
)
def test_no_live_frame_is_released_before_a_look_at_it_or_after(
    rate: float, jitter: list[float], effort: Effort, lookahead: float, comes: int, score: float
) -> None:
    run = Release(sees(lambda n: n >= comes, score=score), effort, lookahead)
    run.feed(timed(moving(24), rate, jitter))
    assert [m.frame.index for m in run.masks] == list(range(24))
    assert run.unseen == []
    assert all(covers(m, truth(m.frame)) for m in run.masks if m.frame.index >= comes)


def test_a_still_picture_is_not_looked_at_again_and_again() -> None:
    parser = sees()
    run = Release(parser, EFFORTS[0], 0.08)
    run.feed([replace(moving(1)[0], index=n, pts=n) for n in range(24)])
    assert len(parser.frames_asked) <= 2


@pytest.mark.parametrize("comes", [1, 37, 38, 39])
@pytest.mark.parametrize("lookahead", [0.0, 1.0])
def test_a_recording_hides_whoever_comes_in_with_its_last_frames(
    comes: int, lookahead: float
) -> None:
    masks = masks_of(sees(lambda n: n >= comes), moving(40), masking__lookahead=lookahead)
    assert all(covers(m, truth(m.frame)) for m in masks[comes:])


def test_whoever_is_in_the_last_frames_of_a_shot_only_is_hidden() -> None:
    frames = moving(24)
    frames[12] = replace(frames[12], discontinuity=True)
    masks = masks_of(sees(lambda n: n in (10, 11)), frames, keyframes__interval=9)
    assert all(covers(m, truth(m.frame)) for m in masks[10:12])


class Witness(Channel[ChosenFrame]):
    """Notes, when a frame is released, up to which one the parser had looked."""

    def __init__(self, asked: list[int]) -> None:
        super().__init__(1000, Overflow.DROP_OLDEST)
        self._asked = asked
        self.unseen: list[int] = []

    def put(self, item: ChosenFrame) -> None:
        pts = item.masked.frame.pts
        if max(self._asked) < pts:
            self.unseen.append(pts)
        super().put(item)


@pytest.mark.parametrize("rate", [5, 12.5, 25])
def test_the_worker_releases_nothing_unseen_with_its_real_clock(rate: float) -> None:
    asked: list[int] = []
    comes = 7

    def answer(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
        asked.append(frame.pts)
        return [face(place(frame))] if frame.pts >= comes else []

    def place(frame: Frame) -> Box:
        return truth(replace(frame, index=frame.pts))

    made = live_settings(
        keyframes__interval=6, masking__linger=1, masking__lookahead=0.08, live__lookahead=0.08,
        live__latency=0.2,
    )  # fmt: skip
    context = context_with(lambda: StubParser(answer), made)
    context.masked = witness = Witness(asked)
    rng = np.random.default_rng(int(rate))
    with running(context) as inference:
        for frame in moving(18):
            context.put(replace(frame, captured_at=monotonic()))
            inference.check(0.0)
            sleep(1 / rate + rng.uniform(0, 0.05))
        context.frames.close()
        masks = drain(context, 18, seconds=3)
    assert [m.frame.pts for m in masks] == list(range(18))
    assert witness.unseen == []
    assert all(covers(m, place(m.frame)) for m in masks[comes:])


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("comes", [9, 10, 11, 12])
def test_whoever_runs_into_the_picture_is_hidden_where_motion_does_not_tell(
    comes: int, others: int
) -> None:
    """They move by more than their size from frame to frame, and no motion shows it."""

    def place(index: int) -> Box:
        return Box(20.0 + 75 * (index - comes), 60, 40, 48)

    def answer(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
        known = [face(Box(250, 10, 40, 48).moved(0, 40 * n), person=1 + n) for n in range(others)]
        here = comes <= frame.index < comes + 4
        return known + ([face(place(frame.index))] if here else [])

    for lookahead in (0.08, 1.0):
        run = Release(StubParser(answer), EFFORTS[0], lookahead)
        run.feed(flickering_frames(24))
        for masked in run.masks[comes : comes + 4]:
            assert covers(masked, place(masked.frame.index))


@pytest.mark.parametrize("last", [8, 9, 10, 11])
def test_the_last_frame_of_whoever_runs_out_of_the_picture_is_searched(last: int) -> None:
    def runner(index: int) -> Box:
        return Box(60 + 14 * index, 20, 40, 48)

    parser = StubParser(
        lambda f, _detection_pass: [face(runner(f.index))] if f.index <= last else []
    )
    run = Release(parser, EFFORTS[0], 0.08)
    run.feed(timed(moving(16), 25, [0.0]))
    assert last in {index for index, _ in parser.asked}
    assert covers(run.masks[last], runner(last))
