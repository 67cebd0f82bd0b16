"""A live source and servers that take a call and never answer it: it is back in time."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from stream_anon.processes import backoff
from stream_anon.processes.backoff import Backoff
from stream_anon.sources.live.patience import RARELY, SHORTEST, SLOWER, Patience
from tests.feeds import GOP, HOLD, RATE, Feed, clip, paced, pieces, steady
from tests.live_sources import connected
from tests.unit.test_live_reading import marked_as_damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.feeds import Act, Step

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

WAIT = 3.0
"""Seconds of backoff, exactly."""
BACK = 2.0
"""Seconds, on top of it, until pictures flow."""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("feeds") / "long.ts", frames=500)


class Acts:
    """What the server plays to each client, and when each of them came."""

    def __init__(self, *acts: Act) -> None:
        self.came: list[float] = []
        self.all = [self._noted(act) for act in acts]

    def _noted(self, act: Act) -> Act:
        def play() -> Iterator[Step]:
            self.came.append(monotonic())
            yield from act()

        return play


def short(path: Path) -> Act:
    return lambda: paced(pieces(path)[:20])


def silence() -> Iterator[Step]:
    yield HOLD


def test_a_call_that_is_not_answered_is_over_when_the_next_one_is_due(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "LEAST", 1.0)
    acts = Acts(short(long), silence, silence, steady(long))
    settings = {"backoff": WAIT, "longest_backoff": WAIT, "open_timeout": 30.0}
    with Feed(*acts.all) as feed, connected(feed.url, **settings) as source:
        frame = next(frame for frame in source.frames() if source.state.reconnects)
    assert not frame.corrupt
    first, second, third = acts.came[1:]
    # The camera can answer again from just after the second call on.
    assert third - second == pytest.approx(second - first, abs=1.0)
    assert third - second >= WAIT - 0.1
    assert frame.captured_at - second < WAIT + BACK


def test_a_server_that_falls_silent_before_its_first_picture_is_called_again(long: Path) -> None:
    sends = 3.0

    def stuck() -> Iterator[Step]:
        yield from paced(
            [marked_as_damaged(chunk) for chunk in pieces(long)[: round(sends * RATE)]]
        )
        yield HOLD

    acts = Acts(short(long), stuck, steady(long))
    settings = {"open_timeout": 30.0, "watchdog": 10.0}
    with Feed(*acts.all) as feed, connected(feed.url, **settings) as source:
        frame = next(frame for frame in source.frames() if source.state.reconnects)
    assert sends < frame.captured_at - acts.came[1] < sends + SHORTEST + 0.4 + BACK


def test_a_keyframe_is_waited_for_as_long_as_anything_comes(long: Path) -> None:
    chunks = pieces(long)
    waiting = SHORTEST + 1.5

    def seldom() -> Iterator[Step]:
        damaged = [marked_as_damaged(chunk) for chunk in chunks[: round(waiting * RATE)]]
        yield from paced(damaged)
        yield from paced(chunks[len(damaged) // GOP * GOP :])

    acts = Acts(short(long), seldom)
    with Feed(*acts.all) as feed, connected(feed.url, open_timeout=SHORTEST) as source:
        frame = next(frame for frame in source.frames() if source.state.reconnects)
        assert feed.clients == 2
    assert frame.captured_at - acts.came[1] > waiting
    assert not frame.corrupt


class TestPatience:
    def test_before_the_first_answer_only_the_settings_limit_it(self) -> None:
        assert Patience().seconds(0, 1.0) == math.inf

    def test_a_quick_source_gets_little_and_a_slow_one_gets_more(self) -> None:
        quick, slow = Patience(), Patience()
        for _ in range(10):
            quick.answered(0.1)
            slow.answered(1.5)
        assert quick.seconds(0, 0.5) == SHORTEST
        assert slow.seconds(0, 0.5) == SLOWER * 1.5

    def test_answers_that_waited_for_the_end_of_a_fault_teach_nothing(self) -> None:
        patience = Patience()
        for seconds in [0.3, 3.0, 9.0, 0.3, 5.0, 8.0, 0.3, 9.0]:
            patience.answered(seconds)
        assert patience.seconds(0, 0.5) == SHORTEST

    def test_it_lasts_until_the_next_try_is_due_which_costs_nothing(self) -> None:
        patience = Patience()
        patience.answered(0.1)
        assert patience.seconds(3, 7.5) == 7.5

    def test_one_try_in_many_is_for_a_source_that_became_slower(self) -> None:
        patience = Patience()
        patience.answered(0.1)
        given = [patience.seconds(failures, 0.5) for failures in range(2 * RARELY)]
        assert given.count(math.inf) == 2
        assert given[:3] == [SHORTEST] * 3


def test_a_wait_is_never_shorter_than_what_was_told_before() -> None:
    waits = Backoff(1.0, 8.0)
    for due in (1.0, 2.0, 4.0, 8.0, 8.0):
        least = waits.least
        assert least == due / 2
        assert waits.wait() >= least
