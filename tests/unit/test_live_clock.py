"""The output clock of a live source: strictly increasing, true to the source, tied to arrival."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from stream_anon.sources.live.clock import JUMP, TICKS, LiveClock

pytestmark = pytest.mark.slow

STEP = Fraction(1, 25)
BEGUN = 1000.0


def play(
    clock: LiveClock, times: list[Fraction | None], arrivals: list[float]
) -> tuple[list[int], list[int]]:
    """Pts of all frames, and which of them jumped."""
    stamps = [clock.stamp(BEGUN + at, time) for at, time in zip(arrivals, times, strict=True)]
    pts = [stamp for stamp, _ in stamps]
    assert all(a < b for a, b in pairwise(pts))
    return pts, [number for number, (_, jumped) in enumerate(stamps) if jumped]


def steps(count: int, start: Fraction = Fraction(0)) -> list[Fraction | None]:
    return [start + number * STEP for number in range(count)]


def evenly(count: int, start: float = 0.0) -> list[float]:
    return [start + number * float(STEP) for number in range(count)]


def test_it_follows_the_source_and_not_the_jitter_of_arrival() -> None:
    random = np.random.default_rng(3)
    arrivals = [at + float(random.uniform(0, 0.03)) for at in evenly(200)]
    arrivals[20] = evenly(200)[20]
    pts, jumps = play(LiveClock(), steps(200, Fraction(77)), arrivals)
    assert jumps == []
    assert {b - a for a, b in pairwise(pts[21:])} == {3600}


def test_it_begins_at_zero_whatever_the_source_says() -> None:
    for start in (0, -5, 95443, 1_700_000_000):
        pts, jumps = play(LiveClock(), steps(5, Fraction(start)), evenly(5))
        assert pts == [0, 3600, 7200, 10800, 14400]
        assert jumps == []


def test_no_frame_is_shown_before_it_came() -> None:
    arrivals = [1.0, *[1.0 + n / 1000 for n in range(1, 50)], *evenly(50, 1.08)]
    pts, jumps = play(LiveClock(), steps(100), arrivals)
    assert jumps == [], "what was stored comes at once, and that is no jump"
    assert all(stamp <= (at - 1.0) * TICKS + 50 for stamp, at in zip(pts, arrivals, strict=True))


@pytest.mark.parametrize("by", [-5, -90000, 7, 95443])
def test_a_jump_of_time_is_told_and_output_goes_on_with_arrival(by: int) -> None:
    times = [*steps(10), *steps(10, 10 * STEP + by)]
    pts, jumps = play(LiveClock(), times, evenly(20))
    assert jumps == [10]
    assert pts == [number * 3600 for number in range(20)]


def test_a_slip_back_is_no_jump() -> None:
    times = steps(20)
    times[10] = times[8]
    pts, jumps = play(LiveClock(), times, evenly(20))
    assert jumps == []
    assert pts[-1] == 19 * 3600


def test_a_pause_is_caught_up_with_the_time_of_arrival() -> None:
    arrivals = [*evenly(10), *evenly(10, 10 * 0.04 + JUMP + 0.5)]
    pts, jumps = play(LiveClock(), steps(20), arrivals)
    assert jumps == [10]
    assert pts[10] == round(arrivals[10] * TICKS)


def test_frames_without_times_take_that_of_arrival() -> None:
    times: list[Fraction | None] = [None, None, *steps(8, Fraction(500))]
    pts, jumps = play(LiveClock(), times, evenly(10))
    assert jumps == []
    assert pts == [number * 3600 for number in range(10)]


@pytest.mark.parametrize("drift", [1.0005, 0.9995])
def test_a_clock_that_runs_wrong_is_followed_without_a_jump(drift: float) -> None:
    count = 25 * 3600
    arrivals = [at * drift for at in evenly(count)]
    pts, jumps = play(LiveClock(), steps(count), arrivals)
    assert jumps == []
    assert abs(pts[-1] / TICKS - arrivals[-1]) < 0.05


def test_after_a_restart_time_goes_on_where_it_is() -> None:
    clock = LiveClock()
    play(clock, steps(10), evenly(10))
    clock.restart()
    pts, jumped = clock.stamp(BEGUN + 60.0, Fraction(3))
    assert pts == 60 * TICKS
    assert not jumped
    assert clock.stamp(BEGUN + 60.04, 3 + STEP)[0] == 60 * TICKS + 3600


def test_now_is_between_the_frames_before_and_after() -> None:
    clock = LiveClock()
    arrivals = [at + 0.01 * (at > 0) for at in evenly(10)]
    pts, _ = play(clock, steps(10), arrivals)
    slate = clock.now(BEGUN + arrivals[-1] + 0.5)
    assert abs(slate - (pts[-1] + TICKS // 2)) <= 1
    late, _ = clock.stamp(BEGUN + arrivals[-1] + 0.501, 10 * STEP)
    assert late > slate


def test_now_is_never_the_same_twice() -> None:
    clock = LiveClock()
    issued = [clock.now(BEGUN), clock.now(BEGUN), clock.stamp(BEGUN, Fraction(0))[0]]
    assert issued == [0, 1, 2]
