"""Outputs in child processes: one that fails or hangs is reopened, and nobody waits for it."""

from __future__ import annotations

import os
import signal
import socket
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.config import Settings, load_settings
from stream_anon.errors import ConfigError, SinkError
from stream_anon.processes import backoff
from stream_anon.processes.child import Child
from stream_anon.sinks.process import supervised
from stream_anon.sinks.process.supervised import Opening, SupervisedSink
from stream_anon.sinks.process.transport import pack
from stream_anon.sinks.registry import parse_sink, row_of
from tests.numbered import INFO, expected, numbered, numbers, seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

WAIT = 15.0
SLOW = {"live.backoff": 60.0, "live.longest_backoff": 60.0}
"""Settings for what is not opened again while a test goes on."""


def settings(**more: Any) -> Settings:
    values = {"live.backoff": 0.1, "live.sink_timeout": 1.0} | more
    return load_settings(None, values)


def opening(target: Path | str, room: int = 500, **more: Any) -> Opening:
    address = parse_sink(str(target))
    fields = {
        "kind": address.kind,
        "label": address.label,
        "target": address.target,
        "container": address.container,
        "opens": row_of(address).opens,
        "info": INFO.to_fields(),
        "settings": settings().model_dump(mode="json"),
        "segment": None,
        "keep": None,
    }
    return Opening(address.label, fields, room, **more)


@pytest.fixture
def sinks() -> Iterator[list[SupervisedSink]]:
    opened: list[SupervisedSink] = []
    yield opened
    for sink in opened:
        sink.close()


def start(sinks: list[SupervisedSink], what: Opening, **more: Any) -> SupervisedSink:
    sink = SupervisedSink(what, settings(**more).live, lambda *_: None)
    sinks.append(sink)
    sink.start()
    sink.wait_open()
    return sink


def feed(sink: SupervisedSink, first: int, count: int, pause: float = 0.0) -> float:
    """Offer numbered frames; returns the longest time that one took."""
    longest = 0.0
    for index in range(first, first + count):
        began = monotonic()
        sink.offer(pack(numbered(index)))
        longest = max(longest, monotonic() - began)
        sleep(pause)
    return longest


def numbers_in(path: Path) -> list[int]:
    return numbers(seen(path, cut_short=True))


def wait_until(condition: Any, seconds: float = WAIT) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline
        sleep(0.02)


def pid_of(sink: SupervisedSink) -> int:
    assert sink._child is not None
    return sink._child.pid


def test_frames_arrive_in_the_file(sinks: list[SupervisedSink], tmp_path: Path) -> None:
    sink = start(sinks, opening(tmp_path / "a.mkv"))
    feed(sink, 0, 40)
    sink.finish(WAIT)
    assert numbers_in(tmp_path / "a.mkv") == expected(40)
    assert (sink.status.state, sink.status.frames, sink.status.dropped) == ("finished", 40, 0)


def test_what_cannot_be_opened_at_the_start_is_an_error(
    sinks: list[SupervisedSink], tmp_path: Path
) -> None:
    with pytest.raises(SinkError, match="nowhere does not exist"):
        start(sinks, opening(tmp_path / "nowhere" / "a.mkv"))


def test_a_stream_that_nobody_takes_is_tried_again(sinks: list[SupervisedSink]) -> None:
    sink = start(sinks, opening("rtsp://127.0.0.1:9/none", must_open=False))
    wait_until(lambda: sink.status.restarts >= 2)
    assert sink.status.state == "down"
    assert sink.status.why


def test_a_child_that_is_killed_is_replaced_and_nothing_is_overwritten(
    sinks: list[SupervisedSink], tmp_path: Path
) -> None:
    sink = start(sinks, opening(tmp_path / "a.mkv"))
    feed(sink, 0, 30, pause=0.02)
    wait_until(lambda: sink.status.frames == 30)
    sleep(0.5)
    os.kill(pid_of(sink), signal.SIGKILL)
    feed(sink, 30, 30, pause=0.02)
    wait_until(lambda: sink.status.state == "running" and sink.status.restarts == 1)
    feed(sink, 60, 4)
    sink.finish(WAIT)
    before, after = numbers_in(tmp_path / "a.mkv"), numbers_in(tmp_path / "a-2.mkv")
    assert before == list(range(len(before)))
    assert len(before) >= 5  # up to a second before
    assert after[-1] == 63
    assert len(after) >= 30


def test_a_child_that_hangs_is_replaced_while_another_output_goes_on(
    sinks: list[SupervisedSink], tmp_path: Path
) -> None:
    stuck = start(sinks, opening(tmp_path / "stuck.mkv", room=10))
    other = start(sinks, opening(tmp_path / "other.mkv"))
    os.kill(pid_of(stuck), signal.SIGSTOP)
    longest = 0.0
    began = monotonic()
    count = 0
    while stuck.status.restarts < 1:
        assert monotonic() - began < WAIT
        longest = max(longest, feed(stuck, count, 50), feed(other, count, 50))
        count += 50
        wait_until(lambda due=count: other.status.frames >= due)
        sleep(0.1)
    other.finish(WAIT)
    assert longest < 0.2, "nobody waits for an output that hangs"
    assert other.status.dropped == 0
    assert len(numbers_in(tmp_path / "other.mkv")) == count
    assert stuck.status.dropped > 0


def test_an_output_that_hangs_does_not_hold_up_the_end(
    sinks: list[SupervisedSink], tmp_path: Path
) -> None:
    sink = start(sinks, opening(tmp_path / "a.mkv"), **{"live.sink_timeout": 60.0})
    os.kill(pid_of(sink), signal.SIGSTOP)
    feed(sink, 0, 500)
    began = monotonic()
    sink.finish(0.5)
    sink.close()
    sinks.clear()
    assert monotonic() - began < 3


def test_what_makes_no_sense_is_an_error_for_streams_too(sinks: list[SupervisedSink]) -> None:
    nonsense = settings(**{"live.preset": "warp"}).model_dump(mode="json")
    what = opening("udp://127.0.0.1:9", must_open=False)
    what.fields["settings"] = nonsense
    sink = start(sinks, what)
    wait_until(lambda: sink.error is not None)
    with pytest.raises(ConfigError, match="no preset 'warp'"):
        sink.wait_open()


def test_a_file_that_cannot_be_completed_is_told(
    sinks: list[SupervisedSink], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = start(sinks, opening(tmp_path / "a.mkv"))
    sink.finish(WAIT)  # not one frame was sent
    assert sink.status.state == "finished"
    assert "was not completed: no frame" in caplog.text


def test_an_output_that_is_down_at_the_end_is_incomplete(
    sinks: list[SupervisedSink], caplog: pytest.LogCaptureFixture
) -> None:
    sink = start(sinks, opening("rtsp://127.0.0.1:9/none", must_open=False))
    wait_until(lambda: sink.status.state == "down")
    sink.finish(WAIT)
    assert sink.status.state == "finished"
    assert sink.incomplete == "cannot send to rtsp://127.0.0.1:9/none: connection refused"
    assert f"output rtsp://127.0.0.1:9/none was not completed: {sink.incomplete}" in caplog.text


def test_an_output_that_cannot_be_opened_again_before_the_end_is_incomplete(
    sinks: list[SupervisedSink], tmp_path: Path
) -> None:
    sink = start(sinks, opening(tmp_path / "a.mkv"), **SLOW)
    feed(sink, 0, 30)
    wait_until(lambda: sink.status.frames == 30)
    os.kill(pid_of(sink), signal.SIGKILL)
    wait_until(lambda: feed(sink, 30, 1, pause=0.05) >= 0 and sink.status.state == "down")
    sink.finish(WAIT)
    assert sink.incomplete is not None
    assert "signal 9" in sink.incomplete


def test_an_output_that_was_down_and_is_back_is_complete(
    sinks: list[SupervisedSink], tmp_path: Path
) -> None:
    sink = start(sinks, opening(tmp_path / "a.mkv"))
    feed(sink, 0, 30)
    os.kill(pid_of(sink), signal.SIGKILL)
    wait_until(lambda: feed(sink, 30, 1, pause=0.05) >= 0 and sink.status.restarts == 1)
    wait_until(lambda: sink.status.state == "running")
    feed(sink, 60, 10)
    sink.finish(WAIT)
    assert sink.incomplete is None


@pytest.mark.parametrize(("fault", "incomplete"), [("closes", False), ("dies", True)])
def test_a_window_that_somebody_closes_is_no_failure_and_one_that_dies_is(
    fault: str,
    incomplete: bool,
    sinks: list[SupervisedSink],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervised, "HOSTED", "tests.odd_child")
    told: list[str] = []
    window = Opening("preview", {"kind": f"window {fault}"}, 2, newest_only=True)
    sink = SupervisedSink(window, settings(**SLOW).live, lambda kind, _: told.append(kind))
    sinks.append(sink)
    sink.start()
    sink.wait_open()
    wait_until(lambda: feed(sink, 0, 1, pause=0.05) >= 0 and sink.status.state == "down")
    sink.finish(WAIT)
    assert told == ["closed"] * (not incomplete)
    assert (sink.incomplete is not None) == incomplete


def test_a_system_that_starts_no_more_processes_is_waited_for(
    sinks: list[SupervisedSink], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = iter([False, False, True])

    def child(module: str) -> Child:
        if not next(tries, True):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return Child(module)

    monkeypatch.setattr(supervised, "Child", child)
    sink = start(sinks, opening(tmp_path / "a.mkv", must_open=False))
    wait_until(lambda: sink.status.state == "running")
    assert sink.status.restarts == 2
    tries = iter([False])
    with pytest.raises(SinkError, match="cannot start more processes"):
        start(sinks, opening(tmp_path / "b.mkv"))


def test_a_child_that_talks_nonsense_is_replaced(
    sinks: list[SupervisedSink], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "HOSTED", "tests.live.odd_sink")
    monkeypatch.setenv("ODD_SINK", "sink talks nonsense")
    sink = start(sinks, opening(tmp_path / "a.mkv"))
    feed(sink, 0, 60, pause=0.02)
    wait_until(lambda: sink.status.restarts == 1 and sink.status.state == "running")
    feed(sink, 60, 4)
    sink.finish(WAIT)
    assert numbers_in(tmp_path / "a-2.mkv")[-1] == 63


def test_what_a_sink_has_to_say_is_logged_here(
    sinks: list[SupervisedSink],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervised, "HOSTED", "tests.live.odd_sink")
    monkeypatch.setenv("ODD_SINK", "sink warns")
    sink = start(sinks, opening(tmp_path / "a.mkv"))
    feed(sink, 0, 60)
    sink.finish(WAIT)
    assert f"output {tmp_path / 'a.mkv'}: old recordings cannot be deleted" in caplog.text


def test_nothing_but_redacted_frames_is_packed() -> None:
    with pytest.raises(TypeError, match="RedactedFrame"):
        pack(object())  # type: ignore[arg-type]


def test_a_target_that_takes_calls_and_never_answers_is_called_again_when_it_is_due(
    sinks: list[SupervisedSink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "LEAST", 1.0)
    waits = {"live.backoff": 2.5, "live.longest_backoff": 2.5}
    came = []
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(WAIT)
        target = f"rtsp://127.0.0.1:{deaf.getsockname()[1]}/cam"
        sink = start(sinks, opening(target, must_open=False), **waits)
        calls = []
        for _ in range(3):
            calls.append(deaf.accept()[0])
            came.append(monotonic())
        sink.close()
        for call in calls:
            call.close()
    steps = [came[1] - came[0], came[2] - came[1]]
    assert steps == pytest.approx([2.5, 2.5], abs=0.7), "the second that it hangs is part of it"
