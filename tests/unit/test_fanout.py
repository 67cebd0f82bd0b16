"""Outputs that come and go never end a run; those that it was prepared with must open."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from stream_anon.config import load_settings
from stream_anon.core.stream_log import StreamName
from stream_anon.errors import SinkError, StreamAnonError
from stream_anon.pipeline.figures.stats import LiveStats
from stream_anon.pipeline.live import fanout as fanout_module
from stream_anon.pipeline.live.fanout import Fanout
from stream_anon.pipeline.live.outputs import Outputs
from stream_anon.sinks.process.supervised import SinkStatus
from tests.numbered import numbered
from tests.stubs import make_info

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream_anon.sinks.process.supervised import Opening

pytestmark = pytest.mark.realtime

WAIT = 5.0


class StubSink:
    """An output that opens, or fails to, when it is told."""

    def __init__(self, opening: Opening, *_: object) -> None:
        self.label = opening.label
        self.error: StreamAnonError | None = None
        self.incomplete: str | None = None
        self.waited, self.tried = threading.Event(), threading.Event()
        self.finishing, self.finished = threading.Event(), threading.Event()
        self.finished.set()

    @property
    def status(self) -> SinkStatus:
        return SinkStatus(self.label, "running")

    def start(self) -> None:
        pass

    def wait_open(self) -> None:
        self.waited.set()
        assert self.tried.wait(WAIT)
        if self.error is not None:
            raise self.error

    def fail(self) -> None:
        self.error, self.incomplete = SinkError("the disk is gone"), "the disk is gone"
        self.tried.set()

    def finish(self, _patience: float) -> None:
        self.finishing.set()
        assert self.finished.wait(WAIT)

    def close(self) -> None:
        self.tried.set()


class Case:
    """A fanout that was prepared with `one.mkv`."""

    def __init__(self, folder: Path) -> None:
        self.one, self.two = str(folder / "one.mkv"), str(folder / "two.mkv")
        self.fanout = Fanout(
            Outputs((self.one,)),
            load_settings(None, {}),
            LiveStats(),
            StreamName(None, "cam"),
            lambda _kind, _text: None,
        )

    def begin(self) -> None:
        self.fanout.open(make_info(64, 48))

    def sink(self, label: str) -> StubSink:
        found = self.fanout._sinks[label]
        assert isinstance(found, StubSink)
        return found

    def fail(self, label: str) -> None:
        self.sink(label).fail()

    def opened(self, *labels: str) -> None:
        for label in labels:
            self.sink(label).tried.set()


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setattr(fanout_module, "SupervisedSink", StubSink)
    case = Case(tmp_path)
    yield case
    case.fanout.close()


def test_what_the_run_was_prepared_with_must_open(case: Case) -> None:
    case.begin()
    case.fail(case.one)
    with pytest.raises(SinkError, match="the disk is gone"):
        case.fanout.wait_open()
    with pytest.raises(SinkError, match="the disk is gone"):
        case.fanout.check()


@pytest.mark.parametrize("when", ["before the source is there", "while outputs open"])
def test_one_that_was_added_never_ends_the_run(case: Case, when: str) -> None:
    if when == "while outputs open":
        case.begin()
        case.fanout.add(case.two)
    else:
        case.fanout.add(case.two)
        case.begin()
    case.fail(case.two)
    case.opened(case.one)
    case.fanout.wait_open()
    case.fanout.check()
    assert list(case.fanout.incomplete) == [case.two]


def test_one_that_was_dropped_and_added_again_never_ends_the_run(case: Case) -> None:
    case.begin()
    case.opened(case.one)
    case.fanout.drop(case.one, WAIT)
    assert case.fanout.add(case.one) == case.one
    case.fail(case.one)
    case.fanout.check()
    assert list(case.fanout.incomplete) == [case.one]


def test_one_that_is_dropped_while_it_opens_never_ends_the_run(case: Case) -> None:
    case.begin()
    sink = case.sink(case.one)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            case.fanout.wait_open()
        except StreamAnonError as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert sink.waited.wait(WAIT)
    sink.error = SinkError("it was ended")
    case.fanout.drop(case.one, WAIT)
    waiting.join(WAIT)
    assert not waiting.is_alive()
    assert raised == []


def test_taps_that_were_closed_are_let_go(case: Case) -> None:
    left = case.fanout.tap()
    case.fanout.feed(numbered(0))
    for _ in left:
        break
    open_one = case.fanout.tap()
    assert case.fanout._taps == (open_one,), "without any frame since"
    with case.fanout.tap():
        pass
    case.fanout.feed(numbered(1))
    assert case.fanout._taps == (open_one,)


STREAM = "rtmp://me:s3cret@host/live/key"


def test_one_that_is_still_being_completed_is_not_added_again(case: Case) -> None:
    case.begin()
    label = case.fanout.add(STREAM)
    old = case.sink(label)
    old.finished.clear()
    dropping = threading.Thread(target=case.fanout.drop, args=(STREAM, WAIT))
    dropping.start()
    assert old.finishing.wait(WAIT)
    with pytest.raises(SinkError, match="still being completed") as caught:
        case.fanout.add(STREAM)
    assert "s3cret" not in str(caught.value)
    other = case.fanout.add(STREAM.replace("key", "another"))
    assert other != label, "one label stands for one output"
    old.finished.set()
    dropping.join(WAIT)
    assert case.fanout.add(STREAM) == label


def test_a_failed_one_is_forgotten_when_one_like_it_is_added(case: Case) -> None:
    case.begin()
    case.fanout.add(case.two)
    case.fail(case.two)
    case.fanout.check()
    assert list(case.fanout.incomplete) == [case.two]
    assert case.fanout.add(case.two) == case.two
    case.opened(case.two)
    case.fanout.check()
    assert case.fanout.incomplete == {}
    case.fail(case.two)
    case.fanout.check()
    assert list(case.fanout.incomplete) == [case.two], "unless it fails too"
