"""A bounded queue between two threads that can be closed with an error or cancelled."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from enum import Enum
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Overflow(Enum):
    """Policy of `Channel.put` when the channel is full."""

    BLOCK = "block"
    """Backpressure: wait for room, nothing is lost. For recorded video."""
    DROP_OLDEST = "drop oldest"
    """Discard the oldest item and count it: the newest is never late. For live video."""


class Cancelled(Exception):
    """The reader has gone; the writer should stop. Not an error of the run."""


class Closed(Exception):
    """The writer is done and everything has been taken."""


class Channel(Generic[T]):
    """First in, first out, at most `size` items.

    The writing side ends with `close()`, or with `close(error)`, which the reader meets after the
    items before it. The reading side ends with `cancel()`: waiting items are thrown away and every
    further `put` raises `Cancelled`. All methods may be called from any thread, more than once.
    """

    def __init__(self, size: int, overflow: Overflow = Overflow.BLOCK) -> None:
        if size < 1:
            raise ValueError("a channel holds at least one item")
        self._items: deque[T] = deque()
        self._size = size
        self._overflow = overflow
        self._lock = threading.Condition()
        self._closed = False
        self._cancelled = False
        self._error: BaseException | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Items discarded by DROP_OLDEST so far."""
        return self._dropped

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append `item`; waits for room under BLOCK.

        Raises:
            Cancelled: the reader has gone.
            ValueError: the channel has been closed.
        """
        with self._lock:
            while not self._cancelled and not self._closed and len(self._items) >= self._size:
                if self._overflow is Overflow.DROP_OLDEST:
                    self._items.popleft()
                    self._dropped += 1
                else:
                    self._lock.wait()
            if self._cancelled:
                raise Cancelled
            if self._closed:
                raise ValueError("put on a closed channel")
            self._items.append(item)
            self._lock.notify_all()

    def get(self, timeout: float | None = None) -> T:
        """Take the oldest item; waits for one.

        Args:
            timeout: seconds to wait; None waits indefinitely.

        Raises:
            Closed: the writer is done, and everything has been taken.
            Cancelled: the channel was cancelled.
            TimeoutError: nothing came in time.
            Whatever `close(error)` was given, after the items before it.
        """
        deadline = None if timeout is None else monotonic() + timeout
        with self._lock:
            while not self._items:
                if self._cancelled:
                    raise Cancelled
                if self._error is not None:
                    raise self._error
                if self._closed:
                    raise Closed
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError
                self._lock.wait(left)
            item = self._items.popleft()
            self._lock.notify_all()
            return item

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                item = self.get()
            except Closed:
                return
            yield item

    def close(self, error: BaseException | None = None) -> None:
        """No more items will come; the first call counts."""
        with self._lock:
            if not self._closed:
                self._closed, self._error = True, error
                self._lock.notify_all()

    def cancel(self) -> None:
        """Nobody will read any more: drop what waits and free a blocked writer."""
        with self._lock:
            self._cancelled = True
            self._items.clear()
            self._lock.notify_all()
