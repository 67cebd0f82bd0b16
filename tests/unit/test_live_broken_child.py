"""A capture process that is broken or taken over: it is replaced, and costs no memory."""

from __future__ import annotations

import io
import math
import resource
import signal
from contextlib import closing
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.core.frame import plane_shapes
from stream_anon.processes import wire
from stream_anon.processes.child import Child, ChildGone
from stream_anon.processes.wire import Message, WireError
from stream_anon.sources.live import connection
from tests import odd_capture
from tests.feeds import Feed, clip, steady
from tests.live_sources import connected, live

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

START = 20.0
ROOM = 1 << 30
"""Bytes that a broken process may not make this one take."""


class Bytes(io.BytesIO):
    """A file in memory, with the types of one without a buffer."""

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(buffer)

    def write(self, data: Any, /) -> int:
        return super().write(data)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("feeds") / "long.ts", frames=500)


def breaks(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(odd_capture.FAULT, fault)
    monkeypatch.setenv(odd_capture.MARK, str(folder / "broke"))
    monkeypatch.setattr(connection, "MODULE", "tests.odd_capture")


def most_memory() -> int:
    """Bytes that this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("fault", odd_capture.NONSENSE)
def test_nonsense_is_no_message_and_nothing_is_allocated_for_it(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 3 * 720 * 1280 // 2
    made: list[int] = []
    empty = np.empty

    def counted(shape: tuple[int, int], dtype: type[np.uint8]) -> object:
        made.append(math.prod(shape))
        return empty(shape, dtype)

    monkeypatch.setattr(np, "empty", counted)
    with pytest.raises(WireError):
        wire.read_message(Bytes(odd_capture.NONSENSE[fault]), room)
    assert sum(made) <= room


def test_a_picture_as_large_as_announced_is_taken_and_one_more_row_is_not() -> None:
    file = Bytes()
    wire.write_message(file, Message("frame", {}, (np.ones((4, 6), np.uint8),)))
    for most, taken in ((24, True), (23, False)):
        file.seek(0)
        if taken:
            message = wire.read_message(file, most)
            assert message is not None
            assert message.planes[0].shape == (4, 6)
        else:
            with pytest.raises(WireError, match="larger than was announced"):
                wire.read_message(file, most)


@pytest.mark.parametrize(
    "fault",
    ["planes without end", *odd_capture.FIELDS, *odd_capture.PLANES],
)
def test_a_process_that_sends_nonsense_is_replaced_and_nothing_of_it_is_shown(
    fault: str, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(fault, tmp_path, monkeypatch)
    before = most_memory()
    with Feed(steady(long)) as feed, connected(feed.url) as source:
        frames = list(islice(source.frames(), 30))
        assert source.state.reconnects == 1
    assert {tuple(plane.shape for plane in frame.planes) for frame in frames} == {
        plane_shapes(320, 180)
    }
    assert [frame.index for frame in frames if frame.discontinuity] == [0, odd_capture.BEGIN]
    assert most_memory() - before < ROOM


@pytest.mark.parametrize("fault", odd_capture.OPENED)
def test_what_is_announced_has_to_make_sense(
    fault: str, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(fault, tmp_path, monkeypatch)
    with Feed(steady(long)) as feed, connected(feed.url) as source:
        assert (source.info.width, source.info.height) == (320, 180)
        assert feed.clients == 2
        assert next(source.frames()).width == 320


def test_a_picture_that_there_is_no_memory_for_costs_the_process_and_not_the_run(
    long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = wire._read_plane
    failed: list[object] = []

    def scarce(*args: object) -> object:
        if len(failed) < 1:
            failed.append(args)
            raise MemoryError
        return read(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(wire, "_read_plane", scarce)
    with Feed(steady(long)) as feed, connected(feed.url) as source:
        assert next(source.frames()).width == 320
        assert source.state.reconnects == 1
    assert failed


def test_no_planes_are_taken_from_a_process_that_has_none_to_send() -> None:
    child = Child("tests.odd_child")
    with closing(child):
        child.send(Message("picture", {}, (np.zeros((2, 2), np.uint8),)), START)
        with pytest.raises(ChildGone):
            child.receive(START)


def test_a_decoder_that_hangs_at_the_first_picture_ends_without_its_parent(
    long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(odd_capture.HANGS, tmp_path, monkeypatch)
    address = live("tcp://127.0.0.1:9")._address
    with Feed(steady(long)) as feed, closing(Child("tests.odd_capture")) as child:
        assert child.receive(START).kind == "ready"
        order = {
            "opens": "",
            "ends": False,
            "label": "cam",
            "url": feed.url,
            "format": None,
            "options": address.options,
            "audio": "drop",
            "open_timeout": 1.0,
            "keyframe_timeout": 1.0,
            "watchdog": 60.0,
            "size": None,
            "color": None,
        }
        child.send(Message("open", order), START)
        assert child.receive(START).kind == "found"
        begun = monotonic()
        with pytest.raises(ChildGone, match=f"signal {signal.SIGALRM:d}"):
            child.receive(START)
        assert monotonic() - begun < 3.0
