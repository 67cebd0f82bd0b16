"""The bounded channel between two threads: nothing lost, nothing stuck."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.channel import Cancelled, Channel, Closed, Overflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

SHORT = 0.02
LONG = 5.0


class Worker(threading.Thread):
    """Runs one call and keeps what came of it."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.result: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def ends(self) -> bool:
        self.join(LONG)
        return not self.is_alive()

    def is_blocked(self) -> bool:
        self.join(SHORT)
        return self.is_alive()


@contextmanager
def working(work: Callable[[], object]) -> Iterator[Worker]:
    worker = Worker(work)
    worker.start()
    yield worker
    assert worker.ends(), "the thread hangs"


def filled(size: int, overflow: Overflow = Overflow.BLOCK) -> Channel[int]:
    channel: Channel[int] = Channel(size, overflow)
    for item in range(size):
        channel.put(item)
    return channel


def test_items_come_out_in_the_order_they_went_in() -> None:
    channel = filled(5)
    assert len(channel) == 5
    assert [channel.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(channel) == 0


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 4), count=st.integers(0, 40))
def test_two_threads_lose_and_reorder_nothing(size: int, count: int) -> None:
    channel: Channel[int] = Channel(size)

    def write() -> None:
        for item in range(count):
            channel.put(item)
        channel.close()

    with working(write):
        assert list(channel) == list(range(count))
    assert channel.dropped == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_channel_without_room_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Channel(size)


def test_block_waits_for_room_and_drops_nothing() -> None:
    channel = filled(2)
    with working(lambda: channel.put(2)) as writer:
        assert writer.is_blocked()
        assert len(channel) == 2
        assert channel.get() == 0
    assert writer.error is None
    assert [channel.get(), channel.get()] == [1, 2]
    assert channel.dropped == 0


def test_drop_oldest_keeps_the_newest_and_counts() -> None:
    channel: Channel[int] = Channel(2, Overflow.DROP_OLDEST)
    for item in range(7):
        channel.put(item)
    assert channel.dropped == 5
    assert [channel.get(), channel.get()] == [5, 6]


def test_get_waits_for_an_item() -> None:
    channel: Channel[int] = Channel(1)
    with working(channel.get) as reader:
        assert reader.is_blocked()
        channel.put(7)
    assert reader.result == 7


def test_get_gives_up_after_its_timeout_and_works_again_later() -> None:
    channel: Channel[int] = Channel(1)
    with pytest.raises(TimeoutError):
        channel.get(timeout=SHORT)
    with pytest.raises(TimeoutError):
        channel.get(timeout=0)
    channel.put(1)
    assert channel.get(timeout=0) == 1


def test_close_lets_waiting_items_out_first() -> None:
    channel = filled(2)
    channel.close()
    assert list(channel) == [0, 1]
    with pytest.raises(Closed):
        channel.get()


def test_an_error_comes_after_the_items_before_it_and_every_time() -> None:
    channel = filled(2)
    failure = RuntimeError("the camera burnt")
    channel.close(failure)
    assert [channel.get(), channel.get()] == [0, 1]
    for _ in range(2):
        with pytest.raises(RuntimeError, match="camera burnt") as caught:
            channel.get()
        assert caught.value is failure


def test_iterating_meets_the_error_too() -> None:
    channel = filled(1)
    channel.close(RuntimeError("broken"))
    items = iter(channel)
    assert next(items) == 0
    with pytest.raises(RuntimeError, match="broken"):
        next(items)


def test_close_frees_a_waiting_reader() -> None:
    channel: Channel[int] = Channel(1)
    with working(channel.get) as reader:
        assert reader.is_blocked()
        channel.close()
    assert isinstance(reader.error, Closed)


def test_close_frees_a_blocked_writer() -> None:
    channel = filled(1)
    with working(lambda: channel.put(1)) as writer:
        assert writer.is_blocked()
        channel.close()
    assert isinstance(writer.error, ValueError)
    assert list(channel) == [0]


def test_put_on_a_closed_channel_is_a_mistake() -> None:
    channel: Channel[int] = Channel(1)
    channel.close()
    with pytest.raises(ValueError, match="closed"):
        channel.put(1)


def test_the_first_close_counts() -> None:
    channel: Channel[int] = Channel(1)
    channel.close(RuntimeError("first"))
    channel.close()
    channel.close(RuntimeError("second"))
    with pytest.raises(RuntimeError, match="first"):
        channel.get()


def test_cancel_frees_a_blocked_writer() -> None:
    channel = filled(1)
    with working(lambda: channel.put(1)) as writer:
        assert writer.is_blocked()
        channel.cancel()
    assert isinstance(writer.error, Cancelled)


def test_cancel_frees_a_waiting_reader() -> None:
    channel: Channel[int] = Channel(1)
    with working(channel.get) as reader:
        assert reader.is_blocked()
        channel.cancel()
    assert isinstance(reader.error, Cancelled)


def test_cancel_throws_waiting_items_away_and_may_be_repeated() -> None:
    channel = filled(3)
    channel.cancel()
    channel.cancel()
    assert len(channel) == 0
    with pytest.raises(Cancelled):
        channel.get()
    with pytest.raises(Cancelled):
        channel.put(1)


@pytest.mark.parametrize("overflow", Overflow)
def test_close_after_cancel_changes_nothing(overflow: Overflow) -> None:
    channel = filled(1, overflow)
    channel.cancel()
    channel.close(RuntimeError("too late"))
    with pytest.raises(Cancelled):
        channel.get()
    with pytest.raises(Cancelled):
        channel.put(2)
