"""The tap hands out the newest frame and wakes whoever waits for one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from stream_anon.core.channel import Cancelled
from stream_anon.sinks.tap import TapSink
from tests.numbered import numbered

pytestmark = pytest.mark.realtime


def test_the_newest_frame_is_handed_out_once_and_older_ones_are_counted() -> None:
    tap = TapSink()
    frames = [numbered(index) for index in range(5)]
    for frame in frames:
        tap.send(frame)
    assert tap.latest(0) is frames[-1]
    assert tap.dropped == 4
    with pytest.raises(TimeoutError):
        tap.latest(0.01)
    tap.close()


def test_what_waits_when_the_run_is_finished_can_still_be_taken() -> None:
    tap = TapSink()
    tap.send(numbered(0))
    tap.finish()
    assert [frame.index for frame in tap] == [0]
    assert tap.latest() is None


@pytest.mark.parametrize("end", [TapSink.finish, TapSink.close])
def test_the_end_wakes_the_consumer(end: object) -> None:
    tap = TapSink()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: list(tap))
        sleep(0.05)
        assert not waiting.done()
        assert callable(end)
        end(tap)
        assert waiting.result(5) == []


def test_after_closing_no_frame_is_held() -> None:
    tap = TapSink()
    tap.send(numbered(0))
    tap.close()
    assert tap.latest() is None


def test_a_loop_that_is_left_closes_the_tap() -> None:
    tap = TapSink()
    tap.send(numbered(0))
    for _ in tap:
        break
    assert tap.is_closed
    with pytest.raises(Cancelled):
        tap.send(numbered(1))
    assert tap.latest(0) is None


def test_a_timeout_in_a_loop_closes_the_tap() -> None:
    tap = TapSink()
    with pytest.raises(TimeoutError):
        list(tap.frames(0.01))
    assert tap.is_closed


def test_it_is_closed_as_a_context_manager() -> None:
    with TapSink() as tap:
        tap.send(numbered(0))
        assert not tap.is_closed
    assert tap.is_closed
    assert tap.latest(0) is None
