"""The detection effort of a live stream follows from how late its frames are."""

from __future__ import annotations

from stream_anon.masking.keyframes import Effort
from stream_anon.pipeline.live.governor import FIRST_PATIENCE, REMEMBERED, Governor

BUDGET = 0.2
EFFORTS = [Effort(1280), Effort(960), Effort(640)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def governor() -> tuple[Governor, Clock]:
    clock = Clock()
    return Governor(EFFORTS, BUDGET, clock=clock), clock


def note(what: Governor, clock: Clock, latency: float, count: int) -> int:
    changes = 0
    for _ in range(count):
        clock.now += 0.04
        changes += what.note(latency)
    return changes


def test_within_the_budget_nothing_changes() -> None:
    what, clock = governor()
    assert note(what, clock, 0.15, 10_000) == 0
    assert what.effort is EFFORTS[0]


def test_one_slow_frame_in_fifty_is_no_reason() -> None:
    what, clock = governor()
    for _ in range(20):
        note(what, clock, 0.1, REMEMBERED - 1)
        note(what, clock, 0.5, 1)
    assert what.level == 0


def test_late_frames_make_it_look_less_closely_step_by_step() -> None:
    what, clock = governor()
    assert note(what, clock, 0.25, REMEMBERED) == 1
    assert what.effort is EFFORTS[1]
    assert note(what, clock, 0.25, REMEMBERED) == 1
    assert what.effort is EFFORTS[2]
    assert note(what, clock, 0.25, 1000) == 0, "there is nothing less"


def test_ease_is_trusted_after_a_while_and_longer_each_time_it_was_wrong() -> None:
    what, clock = governor()
    waits = []
    for _ in range(3):
        note(what, clock, 0.25, REMEMBERED)
        assert what.level == 1
        began = clock.now
        while what.level:
            note(what, clock, 0.05, 1)
        waits.append(clock.now - began)
    assert waits[0] >= FIRST_PATIENCE
    assert waits[1] > 1.5 * waits[0]
    assert waits[2] > 1.5 * waits[1]
