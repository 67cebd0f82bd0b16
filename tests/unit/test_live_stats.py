"""Figures of a live run: right, cheap to ask for, and no larger after a month."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, cast

import pytest

from stream_anon.config import Redaction
from stream_anon.core.credentials import without_credentials
from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.pipeline.figures.stats import MOST_NAMES, OTHER, LiveStats, Snapshot
from stream_anon.redaction.redactor import Redactor
from tests.stubs import face, make_frame

if TYPE_CHECKING:
    from stream_anon.core.redacted import RedactedFrame

REDACTOR = Redactor(Redaction(), ColorTags())


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def picture(people: int = 0, unknown: Unknown | None = None) -> RedactedFrame:
    parts = tuple(face(Box(10 + 40 * n, 10, 20, 20), person=n) for n in range(people))
    return REDACTOR.redact(MaskedFrame(make_frame(), unknown or parts))


def stream(stats: LiveStats, clock: Clock, seconds: float, *, rate: float = 25.0) -> None:
    """Frames in and out at `rate`, 80 ms late."""
    frame, redacted = make_frame(), picture()
    for _ in range(round(seconds * rate)):
        clock.now += 1 / rate
        stats.count_in(frame)
        stats.count_out(redacted, 0.08, 2)


class TestRates:
    @pytest.mark.parametrize("rate", [2.0, 12.5, 25.0, 29.97, 60.0, 1000.0])
    def test_a_steady_stream_shows_its_rate(self, rate: float) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        stream(stats, clock, 8, rate=rate)
        figures = stats.snapshot()
        assert figures.fps_in == pytest.approx(rate, rel=0.01)
        assert figures.fps_out == pytest.approx(rate, rel=0.01)
        assert figures.frames_in == figures.frames_out == round(8 * rate)

    def test_in_and_out_are_told_apart(self) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        for index in range(200):
            clock.now += 0.04
            stats.count_in(make_frame(16, 16))
            if index % 2:
                stats.count_out(picture(), 0.1, 0)
        figures = stats.snapshot()
        assert figures.fps_in == pytest.approx(25, rel=0.01)
        assert figures.fps_out == pytest.approx(12.5, rel=0.02)

    def test_a_stream_that_stopped_falls_to_nothing(self) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        stream(stats, clock, 10)
        shown = []
        for _ in range(6):
            clock.now += 1
            shown.append(stats.snapshot().fps_in)
        assert shown == sorted(shown, reverse=True)
        assert shown[0] < 22
        assert shown[-1] == 0

    def test_after_a_gap_the_rate_is_right_at_once(self) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        stream(stats, clock, 10)
        clock.now += 30
        stream(stats, clock, 1)
        assert stats.snapshot().fps_in == pytest.approx(25, rel=0.01)

    def test_frames_at_one_moment_are_no_error(self) -> None:
        stats = LiveStats(Clock())
        for _ in range(20):
            stats.count_in(make_frame(16, 16))
        assert stats.snapshot().fps_in == pytest.approx(4.0)


class TestLatency:
    def test_percentiles_of_the_last_minute(self) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        stats.count_out(picture(), 50.0, 99)
        clock.now += 61
        for number in range(1, 101):
            stats.count_out(picture(), number / 1000, number % 7)
        figures = stats.snapshot()
        assert figures.latency == pytest.approx((0.0505, 0.09505, 0.09901))
        assert figures.oldest_mask == 6
        assert figures.mask_age == 100 % 7
        assert figures.latency_count == 101
        assert figures.latency_sum == pytest.approx(50 + 5.05)

    def test_slates_have_none(self) -> None:
        stats = LiveStats(Clock())
        stats.count_out(picture(unknown=Unknown.AWAY), None, 0)
        figures = stats.snapshot()
        assert figures.latency is None
        assert figures.latency_count == 0
        assert figures.frames_out == 1


class TestPictures:
    def test_whole_hiding_is_counted_by_reason(self) -> None:
        stats = LiveStats(Clock())
        for why in (Unknown.LATE, Unknown.AWAY, Unknown.LATE):
            stats.count_out(picture(unknown=why), 0.1, 0)
        figures = stats.snapshot()
        assert figures.hidden_whole == {Unknown.LATE: 2, Unknown.AWAY: 1}
        assert figures.hidden_total == 3
        assert figures.hidden_now is Unknown.LATE
        stats.count_out(picture(2), 0.1, 0)
        assert stats.snapshot().hidden_now is None

    def test_people_are_those_told_or_else_the_regions(self) -> None:
        stats = LiveStats(Clock())
        stats.count_out(picture(2), 0.1, 0)
        assert stats.snapshot().people == 2
        stats.count_out(picture(2), 0.1, 0, people=1)
        assert stats.snapshot().people == 1

    def test_a_damaged_frame_is_no_good_frame(self) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        assert stats.snapshot().since_good is None
        stats.count_in(make_frame())
        clock.now += 7
        stats.count_in(make_frame(corrupt=True))
        figures = stats.snapshot()
        assert figures.since_good == 7
        assert (figures.frames_in, figures.damaged) == (2, 1)


class TestStates:
    def test_drops_are_counted_by_reason(self) -> None:
        stats = LiveStats(Clock())
        stats.drop("too old")
        stats.drop("too old", 4)
        stats.drop("no memory")
        figures = stats.snapshot()
        assert figures.dropped == {"too old": 5, "no memory": 1}
        assert figures.dropped_total == 6

    def test_the_source_says_why_it_is_away(self) -> None:
        stats = LiveStats(Clock())
        assert not stats.snapshot().connected
        stats.set_source(connected=False, reconnects=3, reason="no route to host")
        figures = stats.snapshot()
        assert (figures.connected, figures.reason, figures.reconnects) == (
            False,
            "no route to host",
            3,
        )
        stats.set_source(connected=True, reconnects=4, reason="stale")
        assert stats.snapshot().reason == ""

    def test_the_last_word_on_a_sink_counts(self) -> None:
        stats = LiveStats(Clock())
        stats.set_sink("a.mkv", "writing", frames=10)
        stats.set_sink("preview", "showing", frames=9, dropped=1)
        stats.set_sink("a.mkv", "opening again", up=False, frames=12, restarts=1)
        stats.set_effort(2)
        figures = stats.snapshot()
        assert list(figures.sinks) == ["a.mkv", "preview"]
        sink = figures.sinks["a.mkv"]
        assert (sink.state, sink.up, sink.frames, sink.restarts) == ("opening again", False, 12, 1)
        assert figures.effort == 2

    def test_a_snapshot_stays_as_it_was(self) -> None:
        stats = LiveStats(Clock())
        stats.drop("late")
        stats.set_sink("a", "writing", frames=1)
        before = stats.snapshot()
        stats.drop("late")
        stats.set_sink("a", "writing", frames=2)
        assert before.dropped == {"late": 1}
        assert before.sinks["a"].frames == 1
        with pytest.raises(FrozenInstanceError):
            cast("Any", before).frames_in = 5


SECRETS = [
    ("rtsp://admin:hunter2@cam.example/1", "rtsp://cam.example/1"),
    ("rtsp://admin:hun/ter@2@cam.example/1: refused", "rtsp://cam.example/1: refused"),
    ("srt://host:9000?passphrase=hunter2&mode=caller gone", "srt://host:9000 gone"),
    ("http://u:hunter2@a/x?token=hunter2 and rtmp://u:hunter2@b/y", "http://a/… and rtmp://b/…"),
    ("two\nlines\x1b[31m\ud800", "two lines [31m"),
    ("cam-%Y.mkv", "cam-%Y.mkv"),
    ("was it?", "was it?"),
]


class TestWords:
    @pytest.mark.parametrize(("text", "left"), SECRETS)
    def test_credentials_do_not_get_in(self, text: str, left: str) -> None:
        assert without_credentials(text) == left
        stats = LiveStats(Clock())
        stats.set_sink(text, text)
        stats.set_source(connected=False, reconnects=0, reason=text)
        stats.drop(text)
        figures = stats.snapshot()
        assert list(figures.sinks) == list(figures.dropped) == [left]
        assert figures.sinks[left].state == figures.reason == left
        assert "hunter2" not in repr(figures)

    def test_many_names_become_one(self) -> None:
        stats = LiveStats(Clock())
        for number in range(MOST_NAMES + 10):
            stats.drop(f"reason {number}")
            stats.set_sink(f"sink {number}", "writing")
        stats.drop("reason 1")
        figures = stats.snapshot()
        assert len(figures.dropped) == len(figures.sinks) == MOST_NAMES + 1
        assert figures.dropped[OTHER] == 10
        assert figures.dropped["reason 1"] == 2


class TestMonths:
    def test_memory_does_not_grow(self) -> None:
        clock = Clock()
        stats = LiveStats(clock)
        stream(stats, clock, 600)  # more frames than are remembered
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            stream(stats, clock, 1200)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert grown < 2000
        assert stats.snapshot().latency_count == 25 * 1800

    def test_threads_lose_nothing(self) -> None:
        stats = LiveStats()
        frame, redacted = make_frame(16, 16), picture(unknown=Unknown.LATE)
        seen: list[Snapshot] = []

        def work() -> None:
            for _ in range(2000):
                stats.count_in(frame)
                stats.count_out(redacted, 0.01, 0)
                stats.drop("late")
            seen.append(stats.snapshot())

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        figures = stats.snapshot()
        assert figures.frames_in == figures.frames_out == figures.latency_count == 8000
        assert figures.dropped == {"late": 8000}
        assert figures.hidden_whole == {Unknown.LATE: 8000}
        assert len(seen) == 4
