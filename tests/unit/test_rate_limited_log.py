"""The same message is logged seldom, and every suppressed one is counted."""

from __future__ import annotations

import logging

import pytest

from stream_anon.core.rate_limited_log import LONGEST, RateLimitedLog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(clock: Clock) -> RateLimitedLog:
    return RateLimitedLog(logging.getLogger("test.limited"), logging.ERROR, clock=clock)


def test_a_month_of_failures_is_a_few_thousand_lines(
    limited: RateLimitedLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30 * 24 * 3600):
        clock.now += 1
        limited.write("down")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "down"
    assert lines[1] == "down (9 more times since the last message)"
    assert 4000 < len(lines) < 5000


def test_after_a_quiet_time_it_is_said_at_once_and_often_again(
    limited: RateLimitedLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5000):
        clock.now += 1
        limited.write("down")
    clock.now += 2 * LONGEST
    caplog.clear()
    for _ in range(15):
        clock.now += 1
        limited.write("down")
    assert len(caplog.records) == 2
